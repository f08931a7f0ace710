//! Many handshakes over loopback TCP, beside rustls: how many a server under tokio completes in a second
//! of its CPU time.
//!
//! The server is one thread. It accepts a connection, completes the handshake, and reads to the end of
//! the connection. The clients are of this library for both, and their time is not counted. The time in
//! the kernel counts. The libraries take turns, and the ratio is the median of the rounds' ratios.
//!
//! `storm [ROUNDS]`

use std::net::SocketAddr;
use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::key_schedule::PskKind;
use handclasp::registry::NamedGroup;
use handclasp::session::MemoryClientSessions;
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::verify::TrustAnchorVerifier;
use handclasp::{ClientConfig, CryptoProvider, ServerConfig};
use handclasp_benchmarks::sockets::{Asynchronous, Library, listener};
use handclasp_testing::measure::{self, median, thread_time};
use handclasp_testing::{Identity, server_name, sessions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Of one server in one round.
const HANDSHAKES: usize = 2000;
/// How many clients make them, each one after the other.
const CLIENTS: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Full,
    Resumed,
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(15, |rounds| rounds.parse().expect("ROUNDS"));
    println!("| over loopback TCP, tokio | unit | handclasp | rustls | handclasp / rustls |");
    println!("|---|---|---|---|---|");
    for (kind, name) in [(Kind::Full, "full handshakes"), (Kind::Resumed, "resumed handshakes")] {
        let contenders = Library::BOTH.map(|library| Contender::new(library, kind));
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for turn in 0..2 {
                let subject = (round + turn) % 2;
                rates[subject].push(contenders[subject].measure());
            }
        }
        let ratios = rates[0].iter().zip(&rates[1]).map(|(ours, theirs)| ours / theirs).collect();
        let [ours, theirs] = rates.map(median);
        println!(
            "| {name} | handshakes / CPU s | {ours:.0} | {theirs:.0} | {:.3} |",
            median(ratios)
        );
    }
}

/// A server, and its clients. Each client has its own tickets.
struct Contender {
    server: Server,
    clients: Vec<Connector>,
    kind: Kind,
}

#[derive(Clone)]
enum Server {
    Handclasp(Acceptor),
    Rustls(tokio_rustls::TlsAcceptor),
}

impl Server {
    /// A connection that lasts until the client ends it.
    async fn serve(self, socket: TcpStream) {
        socket.set_nodelay(true).unwrap();
        let mut stream: Box<dyn Asynchronous> = match self {
            Self::Handclasp(acceptor) => Box::new(acceptor.accept(socket).await.unwrap()),
            Self::Rustls(acceptor) => Box::new(acceptor.accept(socket).await.unwrap()),
        };
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
        stream.shutdown().await.unwrap();
    }
}

impl Contender {
    fn new(library: Library, kind: Kind) -> Self {
        let identity = Identity::p256();
        let server = match library {
            Library::Handclasp => {
                let server = our_server(&identity, kind);
                Server::Handclasp(Acceptor::new(Arc::new(server)).max_handshakes(2 * CLIENTS))
            }
            Library::Rustls => Server::Rustls(Arc::new(their_server(&identity, kind)).into()),
        };
        let client = || Connector::new(Arc::new(our_client(&identity, kind)));
        let clients = std::iter::repeat_with(client).take(CLIENTS).collect();
        let this = Self { server, clients, kind };
        // The first handshakes are full ones. They give tickets.
        this.run(|_| {});
        this
    }

    fn measure(&self) -> f64 {
        match self.kind {
            Kind::Full => self.run(|psk| assert_eq!(psk, None)),
            Kind::Resumed => self.run(|psk| assert_eq!(psk, Some(PskKind::Resumption))),
        }
    }

    /// Handshakes a second of the server's CPU time. `check` sees each handshake's pre-shared key.
    fn run(&self, check: fn(Option<PskKind>)) -> f64 {
        let listener = listener();
        let address = listener.local_addr().unwrap();
        let connectors = self.clients.clone();
        let clients = std::thread::spawn(move || {
            runtime().block_on(async {
                let mut clients = JoinSet::new();
                for connector in connectors {
                    clients.spawn(connect(connector, address, check));
                }
                clients.join_all().await;
            });
        });
        let runtime = runtime();
        let start = thread_time();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let mut connections = JoinSet::new();
            for _ in 0..HANDSHAKES {
                let (socket, _) = listener.accept().await.unwrap();
                connections.spawn(self.server.clone().serve(socket));
            }
            connections.join_all().await;
        });
        let spent = thread_time() - start;
        clients.join().unwrap();
        HANDSHAKES as f64 / spent.as_secs_f64()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// One client's share of the handshakes.
async fn connect(connector: Connector, server: SocketAddr, check: fn(Option<PskKind>)) {
    for _ in 0..HANDSHAKES / CLIENTS {
        let socket = TcpStream::connect(server).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let mut stream = connector.connect(server_name(), socket).await.unwrap();
        check(stream.connection().parameters().pre_shared_key);
        stream.shutdown().await.unwrap();
        // The ticket comes before the server's close_notify.
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
    }
}

fn provider() -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    provider.cipher_suites.truncate(1);
    provider.groups.retain(|group| group.name() == NamedGroup::X25519);
    provider
}

fn our_client(identity: &Identity, kind: Kind) -> ClientConfig {
    let verifier = TrustAnchorVerifier::new(identity.anchors(), provider().signatures);
    let mut client = ClientConfig::builder(provider()).verifier(Arc::new(verifier));
    if kind == Kind::Resumed {
        client = client.sessions(Arc::new(MemoryClientSessions::new(1)));
    }
    client.build().unwrap()
}

fn our_server(identity: &Identity, kind: Kind) -> ServerConfig {
    let mut server = ServerConfig::builder(provider());
    if kind == Kind::Resumed {
        server = server.sessions(sessions::ticket_keys()).tickets(1);
    }
    let key = Arc::new(identity.certified_key());
    server.build(Arc::new(CertificateList::new(vec![key]))).unwrap()
}

fn their_server(identity: &Identity, kind: Kind) -> rustls::ServerConfig {
    let (_, server) = measure::rustls(identity);
    let mut server = (*server).clone();
    if kind == Kind::Resumed {
        server.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        server.send_tls13_tickets = 1;
    }
    server
}
