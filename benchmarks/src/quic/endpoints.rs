//! Two endpoints of quinn-proto in memory, with one connection between them, and the CPU time of each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use handclasp_testing::NAME;
use handclasp_testing::handshakes::{Spent, timed};
use quinn_proto::{
    Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, Event, StreamId, WriteError,
};

use super::Tls;

const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1000);
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4433);

/// What a transfer writes and reads at once.
const PIECE: usize = 64 * 1024;

/// One end, and its connection once it has one.
struct End {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    peer: SocketAddr,
    /// Whether the handshake is complete.
    is_connected: bool,
}

impl End {
    fn new(endpoint: Endpoint, peer: SocketAddr) -> Self {
        Self { endpoint, connection: None, peer, is_connected: false }
    }

    /// The datagrams that this end sends now.
    fn send(&mut self, now: Instant) -> Vec<BytesMut> {
        let mut datagrams = Vec::new();
        let Some((handle, connection)) = &mut self.connection else { return datagrams };
        if connection.poll_timeout().is_some_and(|timeout| timeout <= now) {
            connection.handle_timeout(now);
        }
        let mut datagram = Vec::with_capacity(1200);
        while connection.poll_transmit(now, 1, &mut datagram).is_some() {
            datagrams.push(BytesMut::from(&datagram[..]));
            datagram.clear();
        }
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
        while let Some(event) = connection.poll() {
            match event {
                Event::Connected => self.is_connected = true,
                Event::ConnectionLost { reason } => panic!("{reason}"),
                _ => {}
            }
        }
        datagrams
    }

    fn receive(&mut self, now: Instant, datagrams: Vec<BytesMut>) {
        let mut answer = Vec::new();
        for datagram in datagrams {
            let event = self.endpoint.handle(now, self.peer, None, None, datagram, &mut answer);
            match event {
                Some(DatagramEvent::NewConnection(incoming)) => {
                    let accepted = self.endpoint.accept(incoming, now, &mut answer, None);
                    self.connection = Some(accepted.map_err(|error| error.cause).unwrap());
                }
                Some(DatagramEvent::ConnectionEvent(_, event)) => {
                    self.connection().handle_event(event);
                }
                Some(DatagramEvent::Response(_)) | None => {}
            }
        }
    }

    fn connection(&mut self) -> &mut Connection {
        &mut self.connection.as_mut().unwrap().1
    }
}

/// A client and a server.
pub struct Pair {
    client: End,
    server: End,
    now: Instant,
}

impl Pair {
    /// Before the client connects.
    pub fn new(tls: &Tls) -> Self {
        let client = Endpoint::new(tls.endpoint.clone(), None, false, None);
        let server_config = Some(tls.server_config.clone());
        let server = Endpoint::new(tls.endpoint.clone(), server_config, false, None);
        Self {
            client: End::new(client, SERVER),
            server: End::new(server, CLIENT),
            now: Instant::now(),
        }
    }

    /// Begins the handshake.
    pub fn connect(&mut self, tls: &Tls, spent: &mut Spent) {
        let config = tls.client_config.clone();
        let (client, now) = (&mut self.client, self.now);
        let connected = timed(&mut spent.client, || {
            client.endpoint.connect(now, config, SERVER, NAME).unwrap()
        });
        client.connection = Some(connected);
    }

    /// Carries what both send now, to the server first. Returns how many datagrams that were.
    pub fn carry(&mut self, spent: &mut Spent) -> usize {
        let (client, server, now) = (&mut self.client, &mut self.server, self.now);
        let to_server = timed(&mut spent.client, || client.send(now));
        let mut count = to_server.len();
        let to_client = timed(&mut spent.server, || {
            server.receive(now, to_server);
            server.send(now)
        });
        count += to_client.len();
        timed(&mut spent.client, || client.receive(now, to_client));
        count
    }

    pub fn is_connected(&self) -> bool {
        self.client.is_connected && self.server.is_connected
    }

    /// The client sends so many bytes on one stream, and the server reads them.
    pub fn transfer(&mut self, bytes: usize) -> Spent {
        let mut spent = Spent::default();
        let id = self.client.connection().streams().open(Dir::Uni).unwrap();
        let (mut written, mut read) = (0, 0);
        while read < bytes {
            let client = self.client.connection();
            timed(&mut spent.client, || written += write(client, id, bytes - written));
            self.carry(&mut spent);
            let server = self.server.connection();
            timed(&mut spent.server, || read += read_all(server, id));
            // quinn spreads datagrams over time.
            self.now += Duration::from_millis(1);
        }
        spent
    }
}

/// Writes as much of zeros as is taken now, and at most `left` bytes.
fn write(connection: &mut Connection, id: StreamId, left: usize) -> usize {
    static ZEROS: [u8; PIECE] = [0; PIECE];
    let mut written = 0;
    while written < left {
        let piece = &ZEROS[..PIECE.min(left - written)];
        match connection.send_stream(id).write(piece) {
            Ok(count) => written += count,
            Err(WriteError::Blocked) => break,
            Err(error) => panic!("{error}"),
        }
    }
    written
}

/// Reads what has come, and returns how many bytes that were.
fn read_all(connection: &mut Connection, id: StreamId) -> usize {
    let mut stream = connection.recv_stream(id);
    // The stream is not open yet.
    let Ok(mut chunks) = stream.read(true) else { return 0 };
    let mut count = 0;
    while let Ok(Some(chunk)) = chunks.next(PIECE) {
        count += chunk.bytes.len();
    }
    let _ = chunks.finalize();
    count
}
