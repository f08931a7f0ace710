//! What two ends know of each other before they meet: nothing, a key, or a ticket, and what becomes
//! of 0-RTT data.

use core::time::Duration;
use std::sync::{Arc, LazyLock};

use handclasp::connection::{ClientConnection, Options, ServerConnection};
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Handshake, Side};
use handclasp::pki_types::{ServerName, UnixTime};
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::{CipherSuiteId, NamedGroup};
use handclasp::session::{
    AntiReplay, ClientHelloRecord, ClientSession, ClientSessionStore, EarlyDataOffer,
    EarlyDataPolicy, EarlyDataTerms, MemoryClientSessions, ReplayCheck, StrikeRegister, TicketKeys,
};
use handclasp::{ClientConfig, Reply, ServerConfig};

use handclasp_testing::deterministic::{self, AnyConnection, PinnedChain, SCENARIOS, Scenario};

/// How many bytes of 0-RTT data a key or ticket allows.
const EARLY_DATA: u32 = 1000;

/// What is between two ends that meet not for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// A key that was agreed on, without 0-RTT data and with.
    Key,
    EarlyKey,
    /// The same, and the server has another secret under its name.
    OtherKey,
    /// A ticket, without 0-RTT data and with.
    Ticket,
    EarlyTicket,
    /// The server does not want the 0-RTT data this time.
    Refused,
    /// The server wants another group first.
    Retried,
    /// The server has lost the ticket's key.
    Lost,
}

const KEPT: [Kept; 8] = [
    Kept::Key,
    Kept::EarlyKey,
    Kept::OtherKey,
    Kept::Ticket,
    Kept::EarlyTicket,
    Kept::Refused,
    Kept::Retried,
    Kept::Lost,
];

/// The configurations of two ends. All servers of a meeting share its register.
pub struct Meeting {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    /// The server can take a key that the client offers.
    pub shares_key: bool,
    /// The server can take 0-RTT data.
    pub takes_early_data: bool,
    /// They have met before.
    pub again: bool,
}

impl Meeting {
    /// Two that do not know each other, but for a ticket in one scenario.
    pub fn first(choice: u8) -> Self {
        let scenario = SCENARIOS[usize::from(choice) % SCENARIOS.len()];
        Self {
            client: deterministic::client_config(scenario),
            server: deterministic::server_config(scenario),
            shares_key: scenario == Scenario::Resumed,
            takes_early_data: false,
            again: false,
        }
    }

    /// Two that have a key in common, or should have.
    pub fn again(choice: u8) -> Self {
        let index = usize::from(choice) % KEPT.len();
        let kept = KEPT[index];
        Self {
            client: Arc::clone(&CLIENTS[index]),
            server: server(kept),
            shares_key: !matches!(kept, Kept::OtherKey | Kept::Lost),
            takes_early_data: matches!(kept, Kept::EarlyKey | Kept::EarlyTicket),
            again: true,
        }
    }

    pub fn connection(&self, side: Side) -> AnyConnection {
        self.connection_at(side, deterministic::now())
    }

    fn connection_at(&self, side: Side, now: UnixTime) -> AnyConnection {
        let options = Options::new(now);
        match side {
            Side::Client => {
                Box::new(ClientConnection::with_options(self.client.clone(), name(), options))
            }
            Side::Server => Box::new(ServerConnection::with_options(self.server.clone(), options)),
        }
    }

    pub fn raw(&self, side: Side) -> Handshake {
        let handshake = match side {
            Side::Client => Handshake::client(self.client.clone(), name(), deterministic::now()),
            Side::Server => Handshake::server(self.server.clone(), deterministic::now()),
        };
        handshake.without_records().expect("fixed randomness does not fail")
    }
}

fn name() -> ServerName<'static> {
    "server.example".try_into().expect("it is a name")
}

fn before(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(deterministic::now().as_secs() - seconds))
}

/// The key that was agreed on, or another of the same name.
fn key(kept: Kept, other: bool) -> PreSharedKey {
    let suite = CryptoProvider::default().cipher_suites.swap_remove(0);
    let secret = suite.hash.digest(&[u8::from(other)]);
    let secret = &secret[..suite.hash.output_length().min(32)];
    let key = PreSharedKey::external(b"ours", secret).expect("the key is a good one");
    let terms = EarlyDataTerms::new(EARLY_DATA, CipherSuiteId::TLS_AES_128_GCM_SHA256)
        .application_protocol(deterministic::PROTOCOLS[0]);
    if kept == Kept::Key { key } else { key.early_data(terms) }
}

#[derive(Debug)]
struct Refuse;

impl EarlyDataPolicy for Refuse {
    fn accept(&self, _: &EarlyDataOffer) -> Reply<bool> {
        Reply::Now(false)
    }
}

/// A register that takes tickets of all zones: the server of each input has a new one.
#[derive(Debug)]
struct Lasting(StrikeRegister);

impl AntiReplay for Lasting {
    fn check_and_record(&self, strike: &ClientHelloRecord, now: UnixTime) -> Reply<ReplayCheck> {
        self.0.check_and_record(strike, now)
    }
}

fn server(kept: Kept) -> Arc<ServerConfig> {
    let scenario = if kept == Kept::Retried { Scenario::Retry } else { Scenario::Plain };
    let random = || deterministic::provider(Side::Server, &[NamedGroup::X25519]).random;
    let secret: Vec<u8> =
        (0..32).map(|at| if kept == Kept::Lost { 255 - at } else { at }).collect();
    let keys = TicketKeys::from_bytes(&secret, random()).expect("the key is a good one");
    let mut builder = deterministic::server_builder(scenario).sessions(Arc::new(keys)).tickets(1);
    if !matches!(kept, Kept::Key | Kept::Ticket) {
        let register = Lasting(StrikeRegister::new(before(100)));
        builder = builder.early_data(EARLY_DATA, Arc::new(register));
    }
    match kept {
        Kept::Key | Kept::EarlyKey | Kept::OtherKey => {
            let key = key(kept, kept == Kept::OtherKey);
            builder = builder.pre_shared_keys(Arc::new(PskList::new(vec![key])));
        }
        Kept::Refused => builder = builder.early_data_policy(Arc::new(Refuse)),
        _ => {}
    }
    Arc::new(builder.build(deterministic::list()).expect("the configuration is good"))
}

/// Has one session, again and again: each input begins with it.
#[derive(Debug)]
struct Always(ClientSession);

impl ClientSessionStore for Always {
    fn put(&self, _: ClientSession) {}

    fn take(&self, _: &ServerName<'static>, _: UnixTime) -> Option<ClientSession> {
        Some(self.0.clone())
    }
}

static CLIENTS: LazyLock<[Arc<ClientConfig>; KEPT.len()]> = LazyLock::new(|| {
    KEPT.map(|kept| {
        let builder =
            deterministic::client_builder().verifier(Arc::new(PinnedChain)).early_data(true);
        let builder = match kept {
            Kept::Key | Kept::EarlyKey | Kept::OtherKey => {
                builder.pre_shared_keys(vec![key(kept, false)])
            }
            _ => builder.sessions(Arc::new(Always(ticket(kept)))),
        };
        Arc::new(builder.build().expect("the configuration is good"))
    })
});

/// The ticket of a first meeting, ten seconds before.
fn ticket(kept: Kept) -> ClientSession {
    let store = Arc::new(MemoryClientSessions::new(1));
    let builder =
        deterministic::client_builder().verifier(Arc::new(PinnedChain)).sessions(store.clone());
    // The server that makes the ticket would take it again; the second one may not.
    let first = if kept == Kept::Ticket { kept } else { Kept::EarlyTicket };
    let meeting = Meeting {
        client: Arc::new(builder.build().expect("the configuration is good")),
        server: server(first),
        shares_key: false,
        takes_early_data: false,
        again: false,
    };
    let [mut client, mut server] =
        [Side::Client, Side::Server].map(|side| meeting.connection_at(side, before(10)));
    for _ in 0..4 {
        let bytes = handclasp_testing::take_outgoing(&mut client);
        deterministic::deliver(&mut server, &bytes).expect("both are honest");
        let bytes = handclasp_testing::take_outgoing(&mut server);
        deterministic::deliver(&mut client, &bytes).expect("both are honest");
    }
    store.take(&name(), deterministic::now()).expect("the server gives a ticket")
}
