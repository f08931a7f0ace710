//! Clients that resume, each with sessions of its own.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use handclasp::handshake::EarlyData;
use handclasp::session::MemoryClientSessions;
use handclasp::{ClientConfig, ClientConnection, CryptoProvider, Stream};
use handclasp_testing::{Identity, server_name};

use crate::server::{Kind, READY};

/// Clients that have sessions.
pub struct Clients {
    kind: Kind,
    server: SocketAddr,
    configs: Vec<Arc<ClientConfig>>,
}

impl Clients {
    pub fn new(identity: &Identity, kind: Kind, server: SocketAddr, count: usize) -> Self {
        let config = || {
            let sessions = Arc::new(MemoryClientSessions::new(8));
            let builder = ClientConfig::builder(CryptoProvider::default()).sessions(sessions);
            let builder = builder.early_data(kind.is_early()).trust(identity.anchors()).unwrap();
            Arc::new(builder.build().unwrap())
        };
        let clients = Self { kind, server, configs: (0..count).map(|_| config()).collect() };
        for config in &clients.configs {
            // The first visit has nothing to resume.
            clients.visit(config);
        }
        // The sessions are in the store when the clients come again.
        thread::sleep(Duration::from_millis(100));
        clients
    }

    /// All come again and again, until `measure` returns. It gets the count of their handshakes, which grows meanwhile.
    /// Each handshake has to resume, and its 0-RTT data are accepted.
    pub fn come_during<T>(&self, measure: impl FnOnce(&AtomicUsize) -> T) -> T {
        let count = AtomicUsize::new(0);
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            for config in &self.configs {
                scope.spawn(|| {
                    while !ended.load(Ordering::Relaxed) {
                        self.visit_again(config);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let measured = measure(&count);
            ended.store(true, Ordering::Relaxed);
            measured
        })
    }

    /// The first client comes again `count` times, and returns how long its handshakes took.
    pub fn come_alone(&self, count: usize) -> Vec<Duration> {
        (0..count).map(|_| self.visit_again(&self.configs[0])).collect()
    }

    fn visit_again(&self, config: &Arc<ClientConfig>) -> Duration {
        let visit = self.visit(config);
        assert!(visit.resumed, "a session was not resumed");
        assert_eq!(visit.early, self.kind.is_early(), "0-RTT data were not accepted");
        visit.took
    }

    fn visit(&self, config: &Arc<ClientConfig>) -> Visit {
        let start = Instant::now();
        let socket = TcpStream::connect(self.server).unwrap();
        socket.set_nodelay(true).unwrap();
        // The end resets the connection, so that no port stays in TIME_WAIT.
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        let mut connection = ClientConnection::new(config.clone(), server_name());
        if self.kind.is_early() {
            connection.write_early_data(b"a request").unwrap();
        }
        let mut stream = Stream::new(connection, socket);
        stream.handshake().unwrap();
        let took = start.elapsed();
        // The server sends it after the tickets: when it is here, the next visit can resume.
        let mut ready = [0];
        stream.read_exact(&mut ready).unwrap();
        assert_eq!(ready, READY);
        let parameters = stream.connection().parameters();
        Visit {
            resumed: parameters.pre_shared_key.is_some(),
            early: parameters.early_data == EarlyData::Accepted,
            took,
        }
    }
}

struct Visit {
    resumed: bool,
    early: bool,
    took: Duration,
}
