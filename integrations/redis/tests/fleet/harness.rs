//! The fleet: its processes, the address in front of them, and what they report.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;

use handclasp_testing::examples::Files;
use handclasp_testing::{Identity, pre_shared_secret};

use crate::balancer::{Addresses, Balancer};
use crate::client::Client;
use crate::process::{Acceptances, ServerProcess};
use crate::replays::{Attack, FirstFlight};
use crate::setup::{Register, Sessions, Setup};

/// How many processes a fleet has.
pub const SERVERS: usize = 8;

/// The processes end with the fleet.
pub struct Fleet {
    pub identity: Identity,
    setup: Setup,
    servers: Vec<Mutex<ServerProcess>>,
    pub addresses: Addresses,
    balancer: Balancer,
    acceptances: Arc<Mutex<Acceptances>>,
    /// So many seconds the clock of each server is ahead.
    clocks: Mutex<Vec<i64>>,
    _files: Files,
}

impl Fleet {
    /// Eight processes, with the Redis at this address.
    pub fn start(store: &str, sessions: Sessions, register: Register) -> Self {
        Self::start_with(store, sessions, register, |_| {})
    }

    /// The same, where `change` changes the setup.
    pub fn start_with(
        store: &str,
        sessions: Sessions,
        register: Register,
        change: impl FnOnce(&mut Setup),
    ) -> Self {
        let identity = Identity::p256();
        let files = Files::new(&identity);
        files.folder.file("ticket.key", pre_shared_secret());
        files.folder.file("sealing.key", pre_shared_secret());
        let (folder, store) = (files.folder.path("").into(), store.to_owned());
        // Longer than the replays take, so that the register alone refuses a ClientHello.
        let window = 4 * 60 * 60;
        // A slow machine delays answers.
        let timeout = 5_000;
        let mut setup = Setup { folder, store, sessions, register, window, timeout };
        change(&mut setup);
        let acceptances = Arc::default();
        let start = |number| ServerProcess::start(number, &setup, &acceptances);
        // They start at the same time.
        let servers: Vec<_> = thread::scope(|scope| {
            let starts: Vec<_> =
                (0..SERVERS).map(|number| scope.spawn(move || start(number))).collect();
            starts.into_iter().map(|it| Mutex::new(it.join().unwrap())).collect()
        });
        let addresses = servers.iter().map(|server| server.lock().unwrap().address).collect();
        let addresses = Arc::new(Mutex::new(addresses));
        let balancer = Balancer::start(addresses.clone());
        let clocks = Mutex::new(vec![0; SERVERS]);
        Self { identity, setup, servers, addresses, balancer, acceptances, clocks, _files: files }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.balancer.address
    }

    /// Kills a server, and starts it again.
    pub fn restart(&self, number: usize) {
        let mut server = self.servers[number].lock().unwrap();
        server.kill();
        *server = ServerProcess::start(number, &self.setup, &self.acceptances);
        server.ask(&format!("clock {}", self.clocks.lock().unwrap()[number]));
        self.addresses.lock().unwrap()[number] = server.address;
    }

    /// Gives a server a command.
    pub fn ask(&self, number: usize, command: &str) -> String {
        self.servers[number].lock().unwrap().ask(command)
    }

    /// The clock of this server is so many seconds ahead from now on.
    pub fn set_clock(&self, number: usize, ahead: i64) {
        self.clocks.lock().unwrap()[number] = ahead;
        assert_eq!(self.ask(number, &format!("clock {ahead}")), "done");
    }

    /// Which servers have accepted the 0-RTT data of a flight: each time that one did.
    pub fn acceptances(&self, flight: &FirstFlight) -> Vec<usize> {
        let acceptances = self.acceptances.lock().unwrap();
        acceptances.get(&flight.random()).cloned().unwrap_or_default()
    }

    /// Waits until all acceptances are reported, whose answers clients have seen.
    pub fn sync(&self) {
        for number in 0..self.servers.len() {
            assert_eq!(self.ask(number, "sync"), "done");
        }
    }

    /// So many first flights, whose tickets are of all servers by turns.
    pub fn first_flights(&self, count: usize) -> Vec<FirstFlight> {
        let client = Client::new(&self.identity);
        let mut flights = Vec::new();
        while flights.len() < count {
            match client.first_flight() {
                Some(flight) => flights.push(flight),
                None => {
                    client.visit(self.address()).unwrap();
                }
            }
        }
        flights
    }

    /// Replays the flights so often and until `meanwhile` has returned. Returns what the servers did with them.
    pub fn replay(
        &self,
        flights: &[FirstFlight],
        count: usize,
        meanwhile: impl FnOnce(&Attack<'_>),
    ) -> Verdict {
        let attack = Attack::new(flights, &self.addresses);
        attack.run(count, meanwhile);
        self.sync();
        let mut verdict = Verdict { answered: attack.answered(), ..Verdict::default() };
        verdict.unanswered = attack.unanswered();
        for flight in flights {
            match self.acceptances(flight).len() {
                0 => verdict.never += 1,
                1 => verdict.once += 1,
                _ => verdict.more += 1,
            }
        }
        verdict
    }
}

/// What came of replays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    /// So many replays a server has answered.
    pub answered: usize,
    /// So many found no server, or one that ended before it answered.
    pub unanswered: usize,
    /// How many flights the whole fleet has accepted never, once, and more often.
    pub never: usize,
    pub once: usize,
    pub more: usize,
}

/// How many replays each scenario sends, so that all of them send at least `HANDCLASP_REPLAYS`: few by default.
pub fn share_of_replays() -> usize {
    const SCENARIOS: usize = 6;
    let all = std::env::var("HANDCLASP_REPLAYS").map_or(6_000, |count| count.parse().unwrap());
    all / SCENARIOS
}

#[test]
fn replays_show_whether_a_register_is_shared() {
    let fleet = Fleet::start("", Sessions::GivenKeys, Register::OfTheProcess);
    let flights = fleet.first_flights(SERVERS);
    // Eight processes with a register each accept everything eight times.
    let verdict = fleet.replay(&flights, 2 * SERVERS * SERVERS, |_| {});
    assert_eq!((verdict.once, verdict.more), (0, SERVERS), "{verdict:?}");
    for flight in &flights {
        let mut servers = fleet.acceptances(flight);
        servers.sort();
        assert!(servers.iter().copied().eq(0..SERVERS), "{servers:?}");
    }
    // All replays go to one process: it has one register.
    let first = fleet.addresses.lock().unwrap()[0];
    fleet.addresses.lock().unwrap().fill(first);
    let flights = fleet.first_flights(SERVERS);
    let verdict = fleet.replay(&flights, 2 * SERVERS * SERVERS, |_| {});
    assert_eq!((verdict.once, verdict.more), (SERVERS, 0), "{verdict:?}");
}
