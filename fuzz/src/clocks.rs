//! A client and servers whose clocks jump, and which are restarted. Tickets are sent and used,
//! flights with 0-RTT data are recorded and come again, to any server at any time. None is accepted
//! twice, no ticket is used outside its lifetime, and servers that were given the same ticket keys
//! open each other's tickets.

use core::time::Duration;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex};

use handclasp::connection::Options;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::EarlyData;
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::{ServerName, UnixTime};
use handclasp::session::{
    ClientSession, ClientSessionStore, MAX_LIFETIME, StrikeRegister, TicketKeys,
};
use handclasp::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection, Time};

use crate::Input;
use handclasp_testing::deterministic::{self, PinnedChain, Scenario};

/// The most that is done with one input.
const ACTS: usize = 24;

const WORDS: &[u8] = b"pay 100";

/// How far ahead of the clock a ticket may be and still resume, in milliseconds.
const TOLERANCE: i64 = 10_000;

/// The steps by which clocks jump, in milliseconds.
const JUMPS: [i64; 16] = [
    1,
    -1,
    999,
    -1_000,
    5_000,
    -5_000,
    10_001,
    -10_001,
    60_000,
    -60_000,
    3_600_000,
    -3_600_000,
    86_400_000,
    -86_400_000,
    604_800_001,
    -604_800_001,
];

fn time(milliseconds: i64) -> Time {
    let milliseconds = u64::try_from(1_800_000_000_000 + milliseconds).unwrap_or_default();
    Time::since_unix_epoch(Duration::from_millis(milliseconds))
}

fn name() -> ServerName<'static> {
    "server.example".try_into().expect("it is a name")
}

/// A ticket and the times of both clocks when it was sent.
#[derive(Clone, Debug)]
struct Kept {
    session: ClientSession,
    client: i64,
    server: i64,
}

/// The client's tickets, the newest last. The store gives out dead ones, too: that they are not used
/// is the library's business.
#[derive(Debug, Default)]
struct Store {
    /// What the clocks show.
    clocks: (i64, i64),
    kept: Vec<Kept>,
    taken: Option<Kept>,
}

#[derive(Debug, Default)]
struct SharedStore(Mutex<Store>);

impl ClientSessionStore for SharedStore {
    fn put(&self, session: ClientSession) {
        let mut store = self.0.lock().expect("no holder panics");
        let (client, server) = store.clocks;
        store.kept.push(Kept { session, client, server });
    }

    fn take(&self, _: &ServerName<'static>, _: UnixTime) -> Option<ClientSession> {
        let mut store = self.0.lock().expect("no holder panics");
        store.taken = store.kept.pop();
        store.taken.as_ref().map(|kept| kept.session.clone())
    }
}

/// What a client sent first, with the ticket that it used.
struct Flight {
    bytes: Vec<u8>,
    ticket: Kept,
}

/// The ends, and what they remember.
struct Scene {
    store: Arc<SharedStore>,
    client: Arc<ClientConfig>,
    keys: Arc<TicketKeys>,
    servers: [Arc<ServerConfig>; 2],
    flights: Vec<Flight>,
    accepted: HashSet<Vec<u8>>,
    /// The client's clock, and those of the servers.
    client_clock: i64,
    clocks: [i64; 2],
}

static CERTIFICATES: LazyLock<Arc<handclasp::credential::CertificateList>> =
    LazyLock::new(deterministic::list);

/// How far the expected arrival of 0-RTT data may be from the clock, in seconds, on each server.
const WINDOWS: [u32; 2] = [10, 60];

fn register(started: i64) -> Arc<StrikeRegister> {
    Arc::new(StrikeRegister::new(time(started).unix()))
}

fn server(keys: &Arc<TicketKeys>, register: Arc<StrikeRegister>, window: u32) -> Arc<ServerConfig> {
    let builder = deterministic::server_builder(Scenario::Plain).sessions(keys.clone()).tickets(1);
    let builder =
        builder.ticket_lifetime(MAX_LIFETIME).early_data(1000, register).early_data_window(window);
    Arc::new(builder.build(CERTIFICATES.clone()).expect("the configuration is good"))
}

impl Scene {
    /// With random ticket keys or given ones, and one register for both servers or one for each.
    fn new(random: bool, shared: bool) -> Self {
        let secret: Vec<u8> = (0..64).collect();
        let source = CryptoProvider::default().random;
        let keys = match random {
            true => TicketKeys::random(source).expect("there is randomness"),
            false => TicketKeys::from_bytes(&secret, source).expect("the keys are good ones"),
        };
        let keys = Arc::new(keys);
        let store = Arc::new(SharedStore::default());
        let builder =
            deterministic::client_builder().verifier(Arc::new(PinnedChain)).early_data(true);
        let client = builder.sessions(store.clone()).build().expect("the configuration is good");
        let first = register(-1_000);
        let second = if shared { first.clone() } else { register(-1_000) };
        let servers = [server(&keys, first, WINDOWS[0]), server(&keys, second, WINDOWS[1])];
        Self {
            store,
            client: Arc::new(client),
            keys,
            servers,
            flights: Vec::new(),
            accepted: HashSet::new(),
            client_clock: 0,
            clocks: [0; 2],
        }
    }

    fn connect(&mut self, which: usize) -> ClientConnection {
        let mut store = self.store.0.lock().expect("no holder panics");
        store.clocks = (self.client_clock, self.clocks[which]);
        store.taken = None;
        drop(store);
        let now = time(self.client_clock);
        let options = Options::new(now.unix());
        let mut client = ClientConnection::with_options(self.client.clone(), name(), options);
        client.set_time(now);
        client
    }

    fn accept(&self, which: usize) -> ServerConnection {
        let now = time(self.clocks[which]);
        let options = Options::new(now.unix());
        let mut server = ServerConnection::with_options(self.servers[which].clone(), options);
        server.set_time(now);
        server
    }

    /// A whole connection. It succeeds with all clocks.
    fn meet(&mut self, which: usize) {
        let (mut client, mut server) = (self.connect(which), self.accept(which));
        for _ in 0..3 {
            let bytes = handclasp_testing::take_outgoing(&mut client);
            deterministic::deliver(&mut server, &bytes).expect("the client is honest");
            let bytes = handclasp_testing::take_outgoing(&mut server);
            deterministic::deliver(&mut client, &bytes).expect("the server is honest");
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        self.check_age(&client, which);
    }

    /// A ticket that resumed was neither too old nor from the future on either clock.
    fn check_age(&self, end: &Connection, which: usize) {
        if end.parameters().pre_shared_key != Some(PskKind::Resumption) {
            return;
        }
        let store = self.store.0.lock().expect("no holder panics");
        let ticket = store.taken.as_ref().expect("a ticket was used");
        // Times of connections begin with a second.
        expect_alive(self.client_clock - ticket.client, "client");
        expect_alive(self.clocks[which] - ticket.server, "server");
    }

    /// A client sends 0-RTT data where it may, which never arrive.
    fn record(&mut self, which: usize) {
        let mut client = self.connect(which);
        if client.write_early_data(WORDS).expect("it is alive") == 0 {
            return;
        }
        let bytes = handclasp_testing::take_outgoing(&mut client);
        let store = self.store.0.lock().expect("no holder panics");
        let ticket = store.taken.clone().expect("a ticket was used");
        drop(store);
        expect_alive(self.client_clock - ticket.client, "client");
        self.flights.push(Flight { bytes, ticket });
    }

    /// A flight comes to a server, for the first time or once more.
    fn replay(&mut self, which: usize, flight: usize) {
        if self.flights.is_empty() {
            return;
        }
        let flight = &self.flights[flight % self.flights.len()];
        let mut server = self.accept(which);
        deterministic::deliver(&mut server, &flight.bytes).expect("the flight is an honest one");
        if server.parameters().pre_shared_key.is_some() {
            expect_alive(self.clocks[which] - flight.ticket.server, "server");
        }
        if server.parameters().early_data == EarlyData::Accepted {
            assert!(self.accepted.insert(flight.bytes.clone()), "0-RTT data were taken twice");
        }
    }
}

/// Is a ticket of this age one that may be used? A second is for the rounding of both times.
fn expect_alive(age: i64, whose: &str) {
    let longest = i64::from(MAX_LIFETIME) * 1000 + 1_000;
    assert!((-TOLERANCE - 1_000..=longest).contains(&age), "{age} ms by the {whose}'s clock");
}

/// Plays what the input says.
pub fn play(data: &[u8]) {
    let mut input = Input(data);
    let choice = input.byte();
    let mut scene = Scene::new(choice & 1 == 1, choice & 2 == 2);
    for _ in 0..ACTS {
        if input.0.is_empty() {
            return;
        }
        let (act, detail) = (input.byte(), input.byte());
        let which = usize::from(act >> 7);
        let jump = JUMPS[usize::from(detail) % JUMPS.len()];
        match act & 7 {
            0 => scene.clocks[which] += jump,
            1 => scene.client_clock += jump,
            // All clocks go on together.
            2 => {
                scene.client_clock += jump.abs();
                scene.clocks = scene.clocks.map(|clock| clock + jump.abs());
            }
            3 => scene.meet(which),
            4 => scene.record(which),
            5 | 6 => scene.replay(which, detail.into()),
            _ => {
                let register = register(scene.clocks[which] + jump.min(0));
                scene.servers[which] = server(&scene.keys, register, WINDOWS[which]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_target_wants_to_see_happens() {
        let mut scene = Scene::new(false, true);
        scene.meet(0);
        scene.record(0);
        scene.replay(0, 0);
        assert_eq!((scene.flights.len(), scene.accepted.len()), (1, 1));
        scene.replay(0, 0);
        scene.replay(1, 0);
        scene.meet(1);
        scene.clocks[1] += 1_000_000_000;
        scene.meet(1);
        assert_eq!(scene.accepted.len(), 1);
    }
}
