//! An end under test whose peer sends what a walk through the table has. Everything in a message is
//! right for the moment, signatures and Finished included: only the order may be wrong.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Handshake, Side, Step};
use handclasp::key_schedule::TrafficSecret;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::{CertificateCompressionAlgorithm, HandshakeType, NamedGroup};
use handclasp::session::{EarlyDataTerms, TicketKeys};
use handclasp::verify::ClientAuthentication;
use handclasp::wire::HandshakeMessage;
use handclasp::{ClientConfig, Error, ServerConfig};

use super::table::{Message, SCENARIOS, Scenario, Walk};
use handclasp_testing::compression::Toy;
use handclasp_testing::deterministic::{PinnedChain, certified_key, now, other, provider};
use handclasp_testing::forge::{certificate_verify, finished};
use handclasp_testing::sessions::{self, Forgetful, KeepsNoSession};
use handclasp_testing::written::handshake_message;

fn shared_key(scenario: Scenario) -> PreSharedKey {
    let key = sessions::shared_key();
    if scenario != Scenario::EarlyData {
        return key;
    }
    let cipher_suite = CryptoProvider::default().cipher_suites[0].id;
    key.early_data(EarlyDataTerms::new(1000, cipher_suite))
}

fn has_key(scenario: Scenario) -> bool {
    matches!(scenario, Scenario::PreSharedKey | Scenario::EarlyData)
}

fn client(scenario: Scenario) -> ClientConfig {
    let provider = provider(Side::Client, &[NamedGroup::X25519, NamedGroup::SECP256R1]);
    let list = Arc::new(CertificateList::new(vec![certified_key()]));
    let mut builder = ClientConfig::builder(provider)
        .client_certificates(list)
        .post_handshake_authentication(scenario == Scenario::PostHandshakeAuthentication)
        .early_data(scenario == Scenario::EarlyData)
        .verifier(Arc::new(PinnedChain));
    if has_key(scenario) {
        builder = builder.pre_shared_keys(vec![shared_key(scenario)]);
    }
    if scenario == Scenario::Compression {
        builder = builder.certificate_compression(vec![Arc::new(Toy::new(
            CertificateCompressionAlgorithm::ZLIB,
        ))]);
    }
    if scenario == Scenario::Tickets {
        builder = builder.sessions(Arc::new(KeepsNoSession));
    }
    builder.build().unwrap()
}

fn server(scenario: Scenario) -> ServerConfig {
    let group = match scenario {
        Scenario::Retry => NamedGroup::SECP256R1,
        _ => NamedGroup::X25519,
    };
    let keys = PskList::new(vec![shared_key(scenario)]);
    let verifier = Arc::new(PinnedChain);
    let builder = ServerConfig::builder(provider(Side::Server, &[group]));
    let builder = match scenario {
        Scenario::Plain | Scenario::Retry => builder,
        Scenario::ClientAuthentication => {
            builder.client_authentication(ClientAuthentication::optional(verifier))
        }
        Scenario::PreSharedKey => builder.pre_shared_keys(Arc::new(keys)),
        Scenario::EarlyData => {
            builder.pre_shared_keys(Arc::new(keys)).early_data(1000, Arc::new(Forgetful))
        }
        Scenario::Compression => builder.certificate_compression(vec![Arc::new(Toy::new(
            CertificateCompressionAlgorithm::ZLIB,
        ))]),
        Scenario::PostHandshakeAuthentication => {
            builder.client_authentication(ClientAuthentication::post_handshake(verifier))
        }
        Scenario::Tickets => {
            let random = CryptoProvider::default().random;
            builder.sessions(Arc::new(TicketKeys::random(random).unwrap()))
        }
    };
    let list = CertificateList::new(vec![certified_key()]);
    builder.build(Arc::new(list)).unwrap()
}

type Configs = [(Arc<ClientConfig>, Arc<ServerConfig>); SCENARIOS.len()];

static CONFIGS: LazyLock<Configs> = LazyLock::new(|| {
    SCENARIOS.map(|scenario| (Arc::new(client(scenario)), Arc::new(server(scenario))))
});

fn start(side: Side, scenario: Scenario) -> Handshake {
    let (client, server) = &CONFIGS[scenario as usize];
    match side {
        Side::Client => {
            let name = "server.example".try_into().unwrap();
            Handshake::client(Arc::clone(client), name, now())
        }
        Side::Server => Handshake::server(Arc::clone(server), now()),
    }
}

/// The messages of an honest handshake: by the client or not, which message, and its bytes each time.
type Recorded = HashMap<(bool, Message), Vec<Vec<u8>>>;

static RECORDED: LazyLock<[Recorded; SCENARIOS.len()]> = LazyLock::new(|| SCENARIOS.map(record));

fn record(scenario: Scenario) -> Recorded {
    let mut recorded = Recorded::new();
    let mut ends = [start(Side::Client, scenario), start(Side::Server, scenario)];
    ends[0].start().unwrap();
    let mut asked = false;
    loop {
        let mut carried = 0;
        for from in [0, 1] {
            while let Some(step) = ends[from].next_step() {
                let Step::Send { level, bytes } = step else { continue };
                for (message, bytes) in split(&bytes) {
                    recorded.entry((from == 0, message)).or_default().push(bytes);
                }
                carried += bytes.len();
                ends[1 - from].receive(level, &bytes).unwrap();
            }
        }
        let may_ask = scenario == Scenario::PostHandshakeAuthentication && !asked;
        if carried == 0 && may_ask {
            ends[1].request_client_certificate().unwrap();
            asked = true;
        } else if carried == 0 {
            assert!(ends.iter().all(Handshake::is_complete));
            return recorded;
        }
    }
}

/// The messages in these bytes.
fn split(mut bytes: &[u8]) -> Vec<(Message, Vec<u8>)> {
    let mut messages = Vec::new();
    while let Some((message, rest)) = HandshakeMessage::split(bytes) {
        messages.push((name(message.bytes), message.bytes.to_vec()));
        bytes = rest;
    }
    messages
}

fn name(bytes: &[u8]) -> Message {
    let retry = CryptoProvider::default().cipher_suites[0].hash.digest(b"HelloRetryRequest");
    match HandshakeType(bytes[0]) {
        HandshakeType::CLIENT_HELLO => Message::ClientHello,
        HandshakeType::SERVER_HELLO if bytes[6..38] == *retry => Message::HelloRetryRequest,
        HandshakeType::SERVER_HELLO => Message::ServerHello,
        HandshakeType::NEW_SESSION_TICKET => Message::NewSessionTicket,
        HandshakeType::END_OF_EARLY_DATA => Message::EndOfEarlyData,
        HandshakeType::ENCRYPTED_EXTENSIONS => Message::EncryptedExtensions,
        HandshakeType::CERTIFICATE => Message::Certificate,
        HandshakeType::CERTIFICATE_REQUEST => Message::CertificateRequest,
        HandshakeType::CERTIFICATE_VERIFY => Message::CertificateVerify,
        HandshakeType::FINISHED => Message::Finished,
        HandshakeType::KEY_UPDATE => Message::KeyUpdate,
        HandshakeType(25) => Message::CompressedCertificate,
        other => panic!("an honest end sent {other}"),
    }
}

/// The end under test.
pub struct End {
    pub handshake: Handshake,
    side: Side,
    transcript: Vec<u8>,
    read_secret: Option<TrafficSecret>,
    sent: Vec<Message>,
}

impl End {
    pub fn new(side: Side, scenario: Scenario) -> Self {
        let handshake = start(side, scenario);
        Self { handshake, side, transcript: Vec::new(), read_secret: None, sent: Vec::new() }
    }

    /// Takes a step of the walk, and returns what the end sent then.
    pub fn take(&mut self, walk: &Walk, message: Message) -> Result<Vec<Message>, Error> {
        match message {
            Message::Start => self.handshake.start()?,
            Message::Request => self.handshake.request_client_certificate()?,
            message => {
                let bytes = self.bytes(walk, message);
                self.add(message, &bytes);
                self.handshake.receive(self.handshake.read_level(), &bytes)?;
            }
        }
        self.take_steps();
        Ok(core::mem::take(&mut self.sent))
    }

    pub fn take_steps(&mut self) {
        while let Some(step) = self.handshake.next_step() {
            match step {
                Step::Send { bytes, .. } => {
                    for (message, bytes) in split(&bytes) {
                        self.add(message, &bytes);
                        // Tickets come several at once.
                        if message != Message::NewSessionTicket || !self.sent.contains(&message) {
                            self.sent.push(message);
                        }
                    }
                }
                Step::ReadKeys { secret, .. } => self.read_secret = Some(secret),
                _ => {}
            }
        }
    }

    /// Adds a message to the transcript (section 4.5.1).
    fn add(&mut self, message: Message, bytes: &[u8]) {
        match message {
            Message::NewSessionTicket | Message::KeyUpdate => return,
            Message::HelloRetryRequest => {
                let hash = self.transcript_hash();
                self.transcript = [&[254, 0, 0, 32], &hash[..]].concat();
            }
            _ => {}
        }
        self.transcript.extend_from_slice(bytes);
    }

    /// All suites here have the same hash.
    fn transcript_hash(&self) -> Vec<u8> {
        CryptoProvider::default().cipher_suites[0].hash.digest(&self.transcript).to_vec()
    }

    /// The message as an honest peer would make it now.
    pub fn bytes(&self, walk: &Walk, message: Message) -> Vec<u8> {
        let is_client = self.side == Side::Client;
        let recorded = |scenario: Scenario| {
            let messages = &RECORDED[scenario as usize];
            let by_peer = messages.get(&(!is_client, message));
            by_peer.or_else(|| messages.get(&(is_client, message)))
        };
        let mut scenario = walk.scenario;
        if message == Message::EncryptedExtensions && walk.count(Message::HelloRetryRequest) > 0 {
            // 0-RTT data are refused by a retry.
            scenario = if has_key(scenario) { Scenario::PreSharedKey } else { scenario };
        }
        if message == Message::ServerHello && scenario == Scenario::Retry {
            // It may come without a retry, too.
            scenario = Scenario::Plain;
        }
        if message == Message::CertificateRequest && walk.count(Message::Finished) == 0 {
            scenario = Scenario::ClientAuthentication;
        }
        match message {
            Message::HelloRequest => return vec![0, 0, 0, 0],
            Message::MessageHash => return [&[254, 0, 0, 32][..], &[7; 32]].concat(),
            Message::Unassigned => return vec![99, 0, 0, 1, 0],
            Message::KeyUpdate => return vec![24, 0, 0, 1, 0],
            Message::EndOfEarlyData => return vec![5, 0, 0, 0],
            Message::NewSessionTicket => {
                let mut body = [0, 0, 1, 0, 1, 2, 3, 4].to_vec();
                body.extend_from_slice(&[1, walk.count(message) as u8, 0, 2, 8, 9, 0, 0]);
                return [&[4, 0, 0, body.len() as u8], &body[..]].concat();
            }
            Message::EmptyCertificate => {
                let context = self.request_context(walk);
                let body = [&[context.len() as u8], &context[..], &[0, 0, 0]].concat();
                return [&[11, 0, 0, body.len() as u8], &body[..]].concat();
            }
            Message::CertificateVerify => {
                return certificate_verify(other(self.side), &self.transcript_hash());
            }
            Message::Finished => return self.finished(),
            _ => {}
        }
        let times = recorded(scenario).or_else(|| SCENARIOS.into_iter().find_map(recorded));
        let times = times.expect("one of the ends sent it");
        let place = walk.count(message).min(times.len() - 1);
        let mut bytes = times[place].clone();
        let retried = walk.count(Message::HelloRetryRequest) > 0;
        if message == Message::ServerHello && retried {
            // The share is for the group that was asked for.
            let (from, to) = ([0, 0x1d, 0, 32, 0x5e], [0, 0x17, 0, 32, 0x5e]);
            if let Some(at) = bytes.windows(5).position(|window| window == from) {
                bytes[at..at + 5].copy_from_slice(&to);
            }
        }
        if message == Message::Certificate && !self.request_context(walk).is_empty() {
            let context = self.request_context(walk);
            bytes[5..5 + context.len()].copy_from_slice(&context);
        }
        bytes
    }

    /// The context of the newest request after the handshake: a number, and fixed randomness.
    fn request_context(&self, walk: &Walk) -> Vec<u8> {
        match walk.count(Message::Request) as u8 {
            0 => Vec::new(),
            count => [&[0, 0, 0, count - 1], &[0x5e; 28][..]].concat(),
        }
    }

    fn finished(&self) -> Vec<u8> {
        match &self.read_secret {
            Some(secret) => {
                finished(&*secret.suite().hash, secret.as_bytes(), &self.transcript_hash())
            }
            None => handshake_message(HandshakeType::FINISHED, &[7; 32]),
        }
    }
}
