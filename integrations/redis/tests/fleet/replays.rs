//! First flights that were recorded, and an attacker who sends them again and again to all servers at once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use handclasp_testing::process::PATIENCE;

use crate::balancer::Addresses;
use crate::threads::run_until_over;

/// What a client sends first: a ClientHello, and records with 0-RTT data.
pub struct FirstFlight {
    bytes: Vec<u8>,
}

impl FirstFlight {
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec() }
    }

    /// The random of the ClientHello in hexadecimal: its name in the reports of the servers.
    pub fn random(&self) -> String {
        // After the headers of the record and of the message, and legacy_version.
        const PLACE: usize = 5 + 4 + 2;
        data_encoding::HEXLOWER.encode(&self.bytes[PLACE..PLACE + 32])
    }
}

/// An attacker with these flights.
pub struct Attack<'a> {
    flights: &'a [FirstFlight],
    servers: &'a Addresses,
    turn: AtomicUsize,
    /// So many replays a server has answered.
    answered: AtomicUsize,
    /// So many found no server, or one that ended before it answered.
    unanswered: AtomicUsize,
}

impl<'a> Attack<'a> {
    /// How many threads send.
    const SENDERS: usize = 4;

    pub fn new(flights: &'a [FirstFlight], servers: &'a Addresses) -> Self {
        let [turn, answered, unanswered] = [(); 3].map(|()| AtomicUsize::new(0));
        Self { flights, servers, turn, answered, unanswered }
    }

    /// Sends the flights by turns, each to all servers at once, until so many replays are answered and `meanwhile`
    /// has returned. A flight that was not sent before goes to all servers at the same moment, too.
    pub fn run(&self, count: usize, meanwhile: impl FnOnce(&Self)) {
        let send = |over: &AtomicBool| {
            while self.answered() < count || !over.load(Ordering::Relaxed) {
                self.send_next();
            }
        };
        run_until_over(Self::SENDERS, send, || meanwhile(self));
    }

    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    pub fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Waits until so many replays are answered.
    pub fn wait_for(&self, count: usize) {
        let (mut last, mut deadline) = (self.answered(), Instant::now() + PATIENCE);
        while last < count {
            thread::sleep(Duration::from_millis(1));
            if self.answered() > last {
                (last, deadline) = (self.answered(), Instant::now() + PATIENCE);
            }
            assert!(Instant::now() < deadline, "no server answers replays any more");
        }
    }

    /// Connects to all servers, then sends, then reads the first byte of each answer.
    fn send_next(&self) {
        let flight = &self.flights[self.turn.fetch_add(1, Ordering::Relaxed) % self.flights.len()];
        let servers = self.servers.lock().unwrap().clone();
        let mut sockets: Vec<TcpStream> =
            servers.iter().filter_map(|server| connect(*server).ok()).collect();
        // One that has ended resets the connection.
        sockets.retain_mut(|socket| socket.write_all(&flight.bytes).is_ok());
        let answered = sockets.iter_mut().filter_map(first_byte).count();
        self.answered.fetch_add(answered, Ordering::Relaxed);
        self.unanswered.fetch_add(servers.len() - answered, Ordering::Relaxed);
    }
}

fn connect(server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpStream::connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    // A connection that is reset leaves no port behind that waits.
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
    Ok(socket)
}

/// The first byte of a handshake record: the ServerHello is there.
fn first_byte(socket: &mut TcpStream) -> Option<u8> {
    const HANDSHAKE: u8 = 22;
    let mut first = [0];
    let count = socket.read(&mut first).ok()?;
    (count == 1 && first == [HANDSHAKE]).then_some(HANDSHAKE)
}
