//! Clients of the fleet, which keep their sessions: of this library, and of rustls.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp::handshake::EarlyData;
use handclasp::session::MemoryClientSessions;
use handclasp::{ClientConfig, ClientConnection, CryptoProvider, Stream};
use handclasp_redis::handclasp;
use handclasp_testing::process::connect;
use handclasp_testing::{Identity, rustls_peer, server_name};

use crate::replays::FirstFlight;

/// What a line of a server says of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The number of the server.
    pub server: usize,
    pub resumed: bool,
    /// The server accepted the 0-RTT data.
    pub early: bool,
    /// From the first byte of the client to the answer.
    pub took: Duration,
}

impl Visit {
    fn parse(line: &str, took: Duration) -> io::Result<Self> {
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let [server, resumed, early] = words.as_slice() else {
            return Err(io::Error::other(format!("an answer that is cut off: {line:?}")));
        };
        let is_true = |word: &str| word == "true";
        Ok(Self {
            server: server.parse().map_err(io::Error::other)?,
            resumed: is_true(resumed),
            early: is_true(early),
            took,
        })
    }
}

/// A client of this library.
pub struct Client {
    config: Arc<ClientConfig>,
    pub sessions: Arc<MemoryClientSessions>,
}

impl Client {
    pub fn new(identity: &Identity) -> Self {
        let sessions = Arc::new(MemoryClientSessions::new(64));
        let builder = ClientConfig::builder(CryptoProvider::default()).sessions(sessions.clone());
        let builder = builder.early_data(true).trust(identity.anchors()).unwrap();
        Self { config: Arc::new(builder.build().unwrap()), sessions }
    }

    /// Connects, sends a line, and reads the answer, after the tickets.
    pub fn visit(&self, address: SocketAddr) -> io::Result<Visit> {
        self.visit_with(address, b"")
    }

    /// The same with a line in 0-RTT data, where the session allows it. `took` is then the time until the answer
    /// to that line.
    pub fn visit_early(&self, address: SocketAddr) -> io::Result<Visit> {
        self.visit_with(address, b"early\n")
    }

    fn visit_with(&self, address: SocketAddr, early: &[u8]) -> io::Result<Visit> {
        let start = Instant::now();
        let mut connection = self.connection();
        if !early.is_empty() {
            connection.write_early_data(early)?;
        }
        let mut stream = Stream::new(connection, connect(address));
        stream.transport().set_nodelay(true)?;
        stream.handshake()?;
        let accepted = stream.connection().parameters().early_data == EarlyData::Accepted;
        let mut visit = None;
        if accepted && !early.is_empty() {
            visit = Some(Visit::parse(&read_line(&mut stream)?, start.elapsed())?);
        }
        // The tickets come before the answer to this line.
        stream.write_all(b"a line\n")?;
        stream.flush()?;
        let answer = read_line(&mut stream)?;
        stream.close()?;
        match visit {
            Some(visit) => Ok(visit),
            None => Visit::parse(&answer, start.elapsed()),
        }
    }

    fn connection(&self) -> ClientConnection {
        ClientConnection::new(self.config.clone(), server_name())
    }

    /// The ClientHello and the 0-RTT data under the newest session, which are not sent. `None` where there is
    /// no session.
    pub fn first_flight(&self) -> Option<FirstFlight> {
        let mut connection = self.connection();
        let sent = connection.write_early_data(b"a line\n").unwrap();
        (sent > 0).then(|| FirstFlight::new(connection.outgoing()))
    }
}

fn read_line(stream: &mut impl io::Read) -> io::Result<String> {
    // A server answers one line at a time, so nothing after it is lost.
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

/// A client of rustls.
pub struct RustlsClient(Arc<rustls::ClientConfig>);

impl RustlsClient {
    pub fn new(identity: &Identity) -> Self {
        let provider = rustls_peer::default_provider();
        let mut config = rustls_peer::client_config(identity, provider);
        config.alpn_protocols.clear();
        config.enable_early_data = true;
        Self(Arc::new(config))
    }

    /// As [`Client::visit`].
    pub fn visit(&self, address: SocketAddr) -> io::Result<Visit> {
        let start = Instant::now();
        let connection = rustls::ClientConnection::new(self.0.clone(), server_name());
        let connection = connection.map_err(io::Error::other)?;
        let mut stream = rustls::StreamOwned::new(connection, connect(address));
        stream.write_all(b"a line\n")?;
        stream.flush()?;
        let visit = Visit::parse(&read_line(&mut stream)?, start.elapsed())?;
        stream.conn.send_close_notify();
        stream.flush()?;
        Ok(visit)
    }
}
