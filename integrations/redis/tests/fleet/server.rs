//! A server of the fleet: a process of its own, which [`ServerProcess`](super::process::ServerProcess)
//! starts. It answers each line of a client with a line that says what the connection is like.

use std::io::{self, BufRead};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::handshake::EarlyData;
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::UnixTime;
use handclasp::registry::HandshakeType;
use handclasp::session::{AntiReplay, ClientHelloRecord, ReplayCheck, StrikeRegister, TicketKeys};
use handclasp::transport::tokio::Acceptor;
use handclasp::wire::{ClientHello, EncryptedExtensions};
use handclasp::{CertifiedKey, CryptoProvider, Reply, ServerConfig};
use handclasp_redis::fred::prelude::{Builder, ClientLike, Config, ReconnectPolicy};
use handclasp_redis::{
    FleetAnswers, RedisSessions, RedisStore, RedisStrikeRegister, RedisTicketKeys, SealingKeys,
    TicketKeyOptions, TicketKeyRole, handclasp,
};
#[cfg(feature = "metrics")]
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

use crate::setup::{Register, Sessions, Setup};

/// The variable with the number of the server.
pub const NUMBER: &str = "HANDCLASP_FLEET_NUMBER";

/// How the lines of the process begin: with its address,
pub const LISTENING: &str = "listening on ";
/// with the random of a ClientHello whose 0-RTT data it accepted,
pub const ACCEPTED: &str = "accepted ";
/// and with the answer to a command.
pub const ANSWER: &str = "answer ";

/// The most bytes of 0-RTT data.
const EARLY_DATA: u32 = 1024;

#[test]
#[ignore = "the process of a server, which the other tests start"]
fn a_server_of_the_fleet() {
    let setup = Setup::from_environment().expect("this is started by other tests");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Arc::new(Server::new(&setup).await);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // The test harness of this process has not ended its line.
        println!("\n{LISTENING}{}", listener.local_addr().unwrap());
        let commands = server.clone();
        thread::spawn(move || commands.obey());
        loop {
            // The client may be gone already.
            let Ok((socket, _)) = listener.accept().await else { continue };
            let server = server.clone();
            tokio::spawn(async move { server.serve(socket).await });
        }
    });
}

struct Server {
    number: usize,
    acceptor: Acceptor,
    /// So many seconds its clock is ahead of the system's.
    ahead: AtomicI64,
    /// Of a server whose ticket keys are in the store.
    ticket_keys: Option<RedisTicketKeys>,
    runtime: Handle,
    #[cfg(feature = "metrics")]
    metrics: PrometheusHandle,
}

impl Server {
    async fn new(setup: &Setup) -> Self {
        let read = |name| std::fs::read(setup.path(name)).unwrap();
        let key = CertifiedKey::from_pem(&read("chain.pem"), &read("key.pem")).unwrap();
        let mut builder =
            ServerConfig::builder(CryptoProvider::default()).early_data_window(setup.window);
        let mut answers = FleetAnswers::new();
        let mut ticket_keys = None;
        match setup.sessions {
            Sessions::GivenKeys => {
                let random = CryptoProvider::default().random;
                let keys = TicketKeys::from_bytes(&read("ticket.key"), random).unwrap();
                builder = builder.sessions(Arc::new(keys));
            }
            Sessions::SharedKeys => {
                let mut options = TicketKeyOptions::default();
                // Another key seals after three of them.
                options.refresh_interval = Duration::from_millis(300);
                let store = connect(setup).await;
                let keys = RedisTicketKeys::start(&store, options).await.unwrap();
                ticket_keys = Some(keys.clone());
                builder = builder.sessions(Arc::new(keys));
            }
            Sessions::OfTheStore => {
                let sessions = RedisSessions::new(&connect(setup).await).unwrap();
                answers = answers.sessions(&sessions);
                builder = builder.sessions(Arc::new(sessions));
            }
        }
        match setup.register {
            Register::OfTheProcess => {
                builder = builder.early_data(EARLY_DATA, Arc::new(OfTheProcess::new(setup.window)));
            }
            Register::OfTheStore => {
                let register = RedisStrikeRegister::new(&connect(setup).await).unwrap();
                register.refresh().await.unwrap();
                answers = answers.register(&register);
                builder = builder.early_data(EARLY_DATA, Arc::new(register));
            }
        }
        let config = builder.build(Arc::new(CertificateList::new(vec![Arc::new(key)]))).unwrap();
        Self {
            number: std::env::var(NUMBER).unwrap().parse().unwrap(),
            acceptor: Acceptor::new(Arc::new(config)).answers(answers),
            ahead: AtomicI64::new(0),
            ticket_keys,
            runtime: Handle::current(),
            #[cfg(feature = "metrics")]
            metrics: PrometheusBuilder::new().install_recorder().unwrap(),
        }
    }

    fn now(&self) -> UnixTime {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let seconds = UnixTime::now().as_secs().saturating_add_signed(ahead);
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    async fn serve(&self, socket: TcpStream) {
        // Attackers close their connections early, and clients reset some.
        let _ = self.try_serve(socket).await;
    }

    async fn try_serve(&self, socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let mut options = Options::new(self.now());
        options.observer = Some(Box::new(AcceptanceObserver { random: String::new() }));
        let mut stream = self.acceptor.accept_early_data_with(options, socket).await?;
        let mut received = stream.receive_early_data().await?;
        loop {
            while !received.ends_with(b"\n") {
                if stream.read_buf(&mut received).await? == 0 {
                    return stream.shutdown().await;
                }
            }
            received.clear();
            let parameters = stream.connection().parameters();
            let resumed = parameters.pre_shared_key.is_some();
            let early = parameters.early_data == EarlyData::Accepted;
            let answer = format!("{} {resumed} {early}\n", self.number);
            stream.write_all(answer.as_bytes()).await?;
            stream.flush().await?;
        }
    }

    fn ticket_keys(&self) -> &RedisTicketKeys {
        self.ticket_keys.as_ref().unwrap()
    }

    /// The name of the key that seals now.
    fn sealing_key(&self) -> String {
        let status = self.ticket_keys().status();
        let sealing = status.keys.iter().find(|key| key.role == TicketKeyRole::Sealing);
        sealing.map_or("none".into(), |key| format!("{:?}", key.id))
    }

    /// Does what the harness says, until the harness is gone.
    fn obey(&self) {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
            let answer = match command {
                "clock" => {
                    self.ahead.store(argument.parse().unwrap(), Ordering::Relaxed);
                    "done"
                }
                #[cfg(feature = "metrics")]
                "metrics" => &self.metrics.render().replace('\n', ";"),
                "rotate" => {
                    self.runtime.block_on(self.ticket_keys().rotate()).unwrap();
                    "done"
                }
                "sealing" => &self.sealing_key(),
                // What was printed before is with the harness when this answer is.
                "sync" => "done",
                _ => "unknown",
            };
            println!("{ANSWER}{answer}");
        }
        std::process::exit(0);
    }
}

/// The store of the fleet. It may be down: then the client connects when it is there.
async fn connect(setup: &Setup) -> RedisStore {
    let config = Config::from_url(&setup.store).unwrap();
    let mut builder = Builder::from_config(config);
    builder.set_policy(ReconnectPolicy::new_constant(0, 50));
    let client = builder.build().unwrap();
    client.connect();
    let _ = client.wait_for_connect().await;
    let keys = SealingKeys::from_bytes(&std::fs::read(setup.path("sealing.key")).unwrap()).unwrap();
    let timeout = Duration::from_millis(setup.timeout);
    RedisStore::new(client, "fleet", keys).unwrap().timeout(timeout)
}

/// Prints each acceptance of 0-RTT data before the client can see it: when EncryptedExtensions say it.
struct AcceptanceObserver {
    random: String,
}

impl Observer for AcceptanceObserver {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::MessageReceived(_, message) if message.kind == HandshakeType::CLIENT_HELLO => {
                let hello = ClientHello::parse(message.body).unwrap();
                self.random = data_encoding::HEXLOWER.encode(&hello.random);
            }
            Event::MessageSent(_, message)
                if message.kind == HandshakeType::ENCRYPTED_EXTENSIONS =>
            {
                let extensions = EncryptedExtensions::parse(message.body).unwrap();
                if extensions.known.early_data {
                    println!("{ACCEPTED}{}", self.random);
                }
            }
            _ => {}
        }
    }
}

/// A register in the memory of one process that takes the tickets of all processes: the fault that the replays
/// have to find where there are several processes.
#[derive(Debug)]
struct OfTheProcess(StrikeRegister);

impl OfTheProcess {
    fn new(window: u32) -> Self {
        // Tickets of the second of its start, and of before, are refused.
        let before = UnixTime::now().as_secs() - 2 * u64::from(window);
        let before = UnixTime::since_unix_epoch(Duration::from_secs(before));
        Self(StrikeRegister::with_capacity(before, 1 << 20))
    }
}

impl AntiReplay for OfTheProcess {
    fn check_and_record(
        &self,
        client_hello: &ClientHelloRecord,
        now: UnixTime,
    ) -> Reply<ReplayCheck> {
        self.0.check_and_record(client_hello, now)
    }
}
