//! Servers of a fleet, and a client of them, without sockets between them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, EarlyData, Question};
use handclasp::session::{
    AntiReplay, ClientHelloRecord, MemoryClientSessions, ReplayCheck, SessionStore, TicketKeys,
};
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::{ClientConfig, ClientConnection, ServerConfig};
use handclasp_redis::fred::clients::Client;
use handclasp_redis::fred::interfaces::ClientLike;
use handclasp_redis::fred::types::Builder;
use handclasp_redis::fred::types::config::{Config, ReconnectPolicy};
use handclasp_redis::{
    FleetAnswers, RedisSessions, RedisStore, RedisStrikeRegister, SealingKeys, handclasp,
};
use handclasp_testing::process::PATIENCE;
use handclasp_testing::redis_server::RedisServer;
use handclasp_testing::{Identity, server_name, take_outgoing};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

pub const PREFIX: &str = "fleet";
pub const SEALING_KEY: [u8; 32] = *b"the sealing key of all the tests";
const WORDS: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// Connections that are lost are made again soon.
pub fn builder(config: Config) -> Builder {
    let mut builder = Builder::from_config(config);
    builder.set_policy(ReconnectPolicy::new_constant(0, 20));
    builder.with_connection_config(|config| {
        config.connection_timeout = Duration::from_secs(2);
        config.internal_command_timeout = Duration::from_secs(2);
    });
    builder
}

pub async fn connected(builder: &Builder) -> Client {
    let client = builder.build().unwrap();
    client.init().await.unwrap();
    client
}

pub async fn client_of(server: &RedisServer) -> Client {
    connected(&builder(Config::from_url(&server.url()).unwrap())).await
}

/// With patience: the machine of the tests may be slow.
pub fn store_with(client: Client) -> RedisStore {
    let keys = SealingKeys::from_bytes(&SEALING_KEY).unwrap();
    RedisStore::new(client, PREFIX, keys).unwrap().timeout(PATIENCE)
}

pub async fn store_on(server: &RedisServer) -> RedisStore {
    store_with(client_of(server).await)
}

/// A register that knows the epochs of the store.
pub async fn register_in(store: &RedisStore) -> RedisStrikeRegister {
    let register = RedisStrikeRegister::new(store).unwrap();
    register.refresh().await.unwrap();
    register
}

/// Waits until this is so.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "it never happens: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What all servers and clients of a test share.
pub struct Fleet {
    identity: Identity,
    ticket_keys: Arc<TicketKeys>,
}

impl Fleet {
    pub fn new() -> Self {
        let ticket_keys = TicketKeys::random(CryptoProvider::default().random).unwrap();
        Self { identity: Identity::p256(), ticket_keys: Arc::new(ticket_keys) }
    }

    pub fn client(&self) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder(CryptoProvider::default());
        let builder = builder.trust(self.identity.anchors()).unwrap();
        let sessions = Arc::new(MemoryClientSessions::new(8));
        Arc::new(builder.sessions(sessions).early_data(true).build().unwrap())
    }

    fn config(
        &self,
        sessions: Arc<dyn SessionStore>,
        register: Option<Arc<dyn AntiReplay>>,
    ) -> Arc<ServerConfig> {
        let mut builder =
            ServerConfig::builder(CryptoProvider::default()).sessions(sessions).tickets(1);
        if let Some(register) = register {
            builder = builder.early_data(1000, register);
        }
        let key = Arc::new(self.identity.certified_key());
        let resolver = handclasp::credential::CertificateList::new(vec![key]);
        Arc::new(builder.build(Arc::new(resolver)).unwrap())
    }

    /// A server whose sessions are in the store, and whose questions have no answer.
    pub fn server_without_answers(&self, sessions: &RedisSessions) -> Acceptor {
        Acceptor::new(self.config(Arc::new(sessions.clone()), None)).answers(FleetAnswers::new())
    }

    /// A server whose sessions are in the store.
    pub fn server_of_sessions(&self, sessions: &RedisSessions) -> Acceptor {
        let config = self.config(Arc::new(sessions.clone()), None);
        Acceptor::new(config).answers(FleetAnswers::new().sessions(sessions))
    }

    /// A server whose register is in the store, and whose sessions are in tickets.
    pub fn server_of_register(&self, register: &RedisStrikeRegister) -> Acceptor {
        let config = self.config(self.ticket_keys.clone(), Some(Arc::new(register.clone())));
        Acceptor::new(config).answers(FleetAnswers::new().register(register))
    }

    /// The record of a new ClientHello with 0-RTT data, under a ticket of this register.
    pub async fn record(&self, register: &RedisStrikeRegister) -> ClientHelloRecord {
        let asked = Arc::new(Mutex::new(None));
        let config = self.config(self.ticket_keys.clone(), Some(Arc::new(register.clone())));
        let seen = Arc::clone(&asked);
        let acceptor = Acceptor::new(config).answers(move |question: Question| {
            if let Question::CheckReplay(asked) = &question {
                *seen.lock().unwrap() = Some(asked.record);
            }
            async { Answer::ReplayCheck(ReplayCheck::Unknown) }
        });
        let client = self.client();
        assert!(!meet(&client, &acceptor).await.resumed);
        let second = meet(&client, &acceptor).await;
        assert!(second.resumed && second.early_data == EarlyData::Rejected);
        let record = asked.lock().unwrap().take();
        record.expect("the ticket allows 0-RTT data")
    }
}

/// How a connection went.
pub struct Met {
    pub resumed: bool,
    pub early_data: EarlyData,
}

/// A client connects to a server with 0-RTT data, if it has a ticket for them. It receives the tickets of the server.
pub async fn meet(client: &Arc<ClientConfig>, acceptor: &Acceptor) -> Met {
    let (near, far) = duplex(64 * 1024);
    let acceptor = acceptor.clone();
    let server = tokio::spawn(async move {
        let mut stream = acceptor.accept(far).await.unwrap();
        stream.write_all(b"!").await.unwrap();
        stream.close().await.unwrap();
    });
    let connector = Connector::new(Arc::clone(client));
    let connected = connector.connect_with_early_data(server_name(), WORDS, near).await;
    let (mut stream, _) = connected.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"!");
    let parameters = stream.connection().parameters();
    let (resumed, early_data) = (parameters.pre_shared_key.is_some(), parameters.early_data);
    stream.shutdown().await.unwrap();
    server.await.unwrap();
    Met { resumed, early_data }
}

/// What a client with 0-RTT data sends first.
pub fn first_flight(client: &Arc<ClientConfig>) -> Vec<u8> {
    let mut connection = ClientConnection::new(Arc::clone(client), server_name());
    assert_eq!(connection.write_early_data(WORDS).unwrap(), WORDS.len(), "there is a ticket");
    take_outgoing(&mut connection)
}

/// Sends a flight to a server, and returns whether it accepts the 0-RTT data.
pub async fn replay(flight: &[u8], acceptor: &Acceptor) -> bool {
    let (mut near, far) = duplex(64 * 1024);
    near.write_all(flight).await.unwrap();
    // A server that does not accept them waits for the client's Finished.
    near.shutdown().await.unwrap();
    match acceptor.accept_with_early_data(far).await {
        Ok(stream) => stream.connection().parameters().early_data == EarlyData::Accepted,
        Err(_) => false,
    }
}
