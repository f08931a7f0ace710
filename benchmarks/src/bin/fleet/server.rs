//! A server with its sessions and its register in one of two places.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use handclasp::config::ServerConfigBuilder;
use handclasp::credential::CertificateList;
use handclasp::pki_types::UnixTime;
use handclasp::session::{MemorySessions, StrikeRegister, TicketKeys};
use handclasp::transport::tokio::Acceptor;
use handclasp::{CryptoProvider, ServerConfig};
use handclasp_redis::fred::prelude::{Builder, ClientLike, Config};
use handclasp_redis::{FleetAnswers, RedisSessions, RedisStore, RedisStrikeRegister, SealingKeys};
use handclasp_testing::measure::thread_time;
use handclasp_testing::redis_server::RedisServer;
use handclasp_testing::{Identity, pre_shared_secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

/// What a server sends when a handshake is complete.
pub const READY: [u8; 1] = *b"r";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sessions in memory, beside sessions in the tickets under keys that servers share. Such a handshake asks no
    /// store.
    Tickets,
    /// Sessions in memory, beside sessions in a Redis. Each is for one use.
    Sessions,
    /// Sessions in the tickets. The register of 0-RTT data is in memory, and in a Redis.
    EarlyData,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Tickets, Self::Sessions, Self::EarlyData];

    pub fn name(self) -> &'static str {
        match self {
            Self::Tickets => "resumption, shared ticket keys",
            Self::Sessions => "resumption, sessions in Redis",
            Self::EarlyData => "0-RTT, register in Redis",
        }
    }

    pub fn is_early(self) -> bool {
        self == Self::EarlyData
    }
}

/// Whether several servers could share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// No: it is in the memory of the process.
    Memory,
    Shared,
}

impl Place {
    pub const BOTH: [Self; 2] = [Self::Memory, Self::Shared];
}

/// A thread with a runtime of its own, until the program ends.
pub struct Server {
    pub address: SocketAddr,
    runtime: Handle,
}

impl Server {
    pub fn start(identity: &Identity, kind: Kind, place: Place, redis: &RedisServer) -> Self {
        let (identity, url) = (identity.copy(), redis.url());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let acceptor = acceptor(&identity, kind, place, &url).await;
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                sender.send(Self { address, runtime: Handle::current() }).unwrap();
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(acceptor.clone(), socket));
                }
            });
        });
        receiver.recv().unwrap()
    }

    /// The time that the thread has spent on a processor.
    pub fn cpu_time(&self) -> Duration {
        let (sender, receiver) = mpsc::channel();
        // The runtime has one thread.
        self.runtime.spawn(async move { sender.send(thread_time()) });
        receiver.recv().unwrap()
    }
}

async fn serve(acceptor: Acceptor, socket: TcpStream) {
    socket.set_nodelay(true).unwrap();
    let mut stream = acceptor.accept(socket).await.unwrap();
    stream.write_all(&READY).await.unwrap();
    // The client may have reset the connection.
    let _ = stream.flush().await;
    let _ = stream.read_u8().await;
}

async fn acceptor(identity: &Identity, kind: Kind, place: Place, url: &str) -> Acceptor {
    let random = CryptoProvider::default().random;
    let builder = ServerConfig::builder(CryptoProvider::default());
    let keys = TicketKeys::from_bytes(&pre_shared_secret(), random.clone()).unwrap();
    let keys = Arc::new(keys);
    let (builder, answers) = match (kind, place) {
        (Kind::Tickets, Place::Shared) => (builder.sessions(keys), FleetAnswers::new()),
        (Kind::Tickets | Kind::Sessions, Place::Memory) => {
            (builder.sessions(Arc::new(MemorySessions::new(100_000, random))), FleetAnswers::new())
        }
        (Kind::Sessions, Place::Shared) => {
            let sessions = RedisSessions::new(&store(url).await).unwrap();
            let answers = FleetAnswers::new().sessions(&sessions);
            (builder.sessions(Arc::new(sessions)), answers)
        }
        (Kind::EarlyData, Place::Memory) => {
            let before = UnixTime::since_unix_epoch(Duration::from_secs(1));
            let register = Arc::new(StrikeRegister::with_capacity(before, 1 << 22));
            (builder.sessions(keys).early_data(1024, register), FleetAnswers::new())
        }
        (Kind::EarlyData, Place::Shared) => {
            let register = RedisStrikeRegister::new(&store(url).await).unwrap();
            register.refresh().await.unwrap();
            let answers = FleetAnswers::new().register(&register);
            (builder.sessions(keys).early_data(1024, Arc::new(register)), answers)
        }
    };
    Acceptor::new(config(builder, identity)).answers(answers)
}

fn config(builder: ServerConfigBuilder, identity: &Identity) -> Arc<ServerConfig> {
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    Arc::new(builder.build(Arc::new(list)).unwrap())
}

async fn store(url: &str) -> RedisStore {
    let client = Builder::from_config(Config::from_url(url).unwrap())
        .with_connection_config(|connection| connection.tcp.nodelay = Some(true))
        .build()
        .unwrap();
    client.init().await.unwrap();
    let keys = SealingKeys::from_bytes(&pre_shared_secret()).unwrap();
    RedisStore::new(client, "benchmark", keys).unwrap()
}
