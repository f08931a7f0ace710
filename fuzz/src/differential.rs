//! The same hostile bytes for one of our ends and for the one of rustls: both must take them, or
//! refuse them with the same alert, or a row of [`EXPLAINED`] says why not.
//!
//! Both have the same certificate, randomness and toy key exchange, and so the same randoms,
//! session ids and shares. Everything is below the encryption: a client's first flight with the
//! second after a HelloRetryRequest, and what a server says up to its ServerHello.

use std::sync::{Arc, LazyLock};

use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Side;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use handclasp::record::HEADER_LENGTH;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SecureRandom, SharedSecret};
use rustls::crypto::{SupportedKxGroup, WebPkiSupportedAlgorithms};
use rustls::{DigitallySignedStruct, NamedGroup, SignatureScheme};

use crate::explained::EXPLAINED;
use crate::hello::Script;
use crate::peers::{self, Scenario};
use crate::{Input, RECORDED};

/// What an end made of it all.
#[derive(Debug, PartialEq, Eq, Clone, Default)]
pub struct Verdict {
    /// The hellos that it said: whether a HelloRetryRequest, and the suite, for a server; that it
    /// was one, for a client.
    pub said: Vec<(bool, u16)>,
    /// What it takes as agreed: suite, group, application protocol.
    pub suite: Option<u16>,
    pub group: Option<u16>,
    pub protocol: Option<Vec<u8>>,
    /// The alert that it sent before it had keys.
    pub alert: Option<u8>,
    /// Its error.
    pub error: Option<String>,
}

impl Verdict {
    /// What both must have in common. Where both refuse, what was agreed before does not count,
    /// and the alerts do where only one thing was wrong.
    fn agrees(&self, other: &Self, edits: usize) -> bool {
        match (&self.error, &other.error) {
            (None, None) => {
                (&self.said, self.suite, self.group, &self.protocol)
                    == (&other.said, other.suite, other.group, &other.protocol)
            }
            (Some(_), Some(_)) => self.alert == other.alert || edits > 1,
            _ => false,
        }
    }
}

/// Plays the input to both, and panics where they disagree without an explanation.
pub fn play(side: Side, data: &[u8]) {
    let Some((ours, theirs)) = disagreement(side, data) else { return };
    let explained = EXPLAINED.iter().any(|row| row.explains(side, &ours, &theirs));
    assert!(explained, "ours: {ours:#?}\ntheirs: {theirs:#?}");
}

/// What both say to the input, where that is not the same.
pub fn disagreement(side: Side, data: &[u8]) -> Option<(Verdict, Verdict)> {
    let (ours, theirs, edits) = verdicts(side, data);
    (!ours.agrees(&theirs, edits)).then_some((ours, theirs))
}

fn verdicts(side: Side, data: &[u8]) -> (Verdict, Verdict, usize) {
    let mut input = Input(data);
    let scenario = match input.byte() % 2 {
        0 => Scenario::Plain,
        _ => Scenario::Retry,
    };
    // What the honest peer says in the clear.
    let recorded = RECORDED[scenario as usize].iter();
    let honest = recorded.filter(|message| message.from != side && message.level == crate::INITIAL);
    let script = Script::read(side, honest.map(|message| message.bytes.clone()), &mut input);
    let (ours, theirs) = match side {
        Side::Client => (our_client(&script), their_client(&script)),
        Side::Server => (our_server(scenario, &script), their_server(scenario, &script)),
    };
    (ours.settled(), theirs.settled(), script.edits)
}

fn our_client(script: &Script) -> Verdict {
    ours(peers::connection(Side::Client, Scenario::Plain), script)
}

fn our_server(scenario: Scenario, script: &Script) -> Verdict {
    ours(peers::connection(Side::Server, scenario), script)
}

fn ours(mut end: peers::AnyConnection, script: &Script) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.hear(&peers::take_outgoing(&mut end));
    for flight in &script.flights {
        let result = peers::deliver(&mut end, flight);
        verdict.hear(&peers::take_outgoing(&mut end));
        if let Err(error) = result {
            verdict.error = Some(error.to_string());
            break;
        }
    }
    let parameters = end.parameters();
    verdict.suite = parameters.cipher_suite.map(|suite| suite.0);
    verdict.group = parameters.group.map(|group| group.0);
    verdict.protocol = parameters.application_protocol.clone();
    verdict
}

fn their_client(script: &Script) -> Verdict {
    let name = ServerName::try_from("server.example").expect("it is a name");
    let client = rustls::ClientConnection::new(Arc::clone(&THEIR_CLIENT), name);
    theirs(client.expect("it starts").into(), script)
}

fn their_server(scenario: Scenario, script: &Script) -> Verdict {
    let config = &THEIR_SERVERS[usize::from(scenario == Scenario::Retry)];
    let server = rustls::ServerConnection::new(Arc::clone(config));
    theirs(server.expect("it starts").into(), script)
}

fn theirs(mut end: rustls::Connection, script: &Script) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.hear(&take(&mut end));
    for mut flight in script.flights.iter().map(Vec::as_slice) {
        while !flight.is_empty() && verdict.error.is_none() {
            match end.read_tls(&mut flight) {
                Ok(0) => break,
                Ok(_) => {}
                Err(_) => break,
            }
            if let Err(error) = end.process_new_packets() {
                verdict.error = Some(format!("{error:?}"));
            }
        }
        verdict.hear(&take(&mut end));
        if verdict.error.is_some() {
            break;
        }
    }
    verdict.suite = end.negotiated_cipher_suite().map(|suite| u16::from(suite.suite()));
    verdict.group = end.negotiated_key_exchange_group().map(|group| u16::from(group.name()));
    verdict.protocol = end.alpn_protocol().map(<[u8]>::to_vec);
    verdict
}

fn take(end: &mut rustls::Connection) -> Vec<u8> {
    let mut out = Vec::new();
    while end.wants_write() {
        end.write_tls(&mut out).expect("memory takes all");
    }
    out
}

impl Verdict {
    /// Before a ServerHello nothing is agreed on.
    fn settled(mut self) -> Self {
        if self.group.is_none() || self.said.last().is_some_and(|(retry, _)| *retry) {
            (self.suite, self.group, self.protocol) = (None, None, None);
        }
        self
    }

    /// Reads the records that the end sent, as far as they are in the clear.
    fn hear(&mut self, mut records: &[u8]) {
        while let Some((header, rest)) = records.split_first_chunk::<HEADER_LENGTH>() {
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            let (body, after) = rest.split_at(length);
            match (header[0], body) {
                (21, [_, alert]) => self.alert = Some(*alert),
                (22, [2, _, _, _, _, _, body @ ..]) => {
                    let session_id = usize::from(body[32]);
                    let suite = [body[33 + session_id], body[34 + session_id]];
                    self.said.push((body[..32] == *RETRY, u16::from_be_bytes(suite)));
                }
                (22, [1, ..]) => self.said.push((false, 0)),
                _ => {}
            }
            records = after;
        }
    }
}

/// The random of a HelloRetryRequest.
static RETRY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    CryptoProvider::ring().cipher_suites[0].hash.digest(b"HelloRetryRequest").to_vec()
});

#[derive(Debug)]
struct FixedRandom(u8);

impl SecureRandom for FixedRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        bytes.fill(self.0);
        Ok(())
    }
}

#[derive(Debug)]
struct ToyGroup(NamedGroup, u8);

impl SupportedKxGroup for ToyGroup {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, rustls::Error> {
        Ok(Box::new(ToyExchange(self.0, [self.1; 32])))
    }

    fn name(&self) -> NamedGroup {
        self.0
    }
}

struct ToyExchange(NamedGroup, [u8; 32]);

impl ActiveKeyExchange for ToyExchange {
    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, rustls::Error> {
        if peer_share.len() != self.1.len() || peer_share.iter().all(|byte| *byte == 0) {
            return Err(rustls::PeerMisbehaved::InvalidKeyShare.into());
        }
        let mut shares = [&self.1, peer_share];
        shares.sort_unstable();
        let hash = CryptoProvider::ring().cipher_suites[0].hash.digest(&shares.concat());
        Ok(SharedSecret::from(&hash[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.1
    }

    fn group(&self) -> NamedGroup {
        self.0
    }
}

static CLIENT_GROUPS: [ToyGroup; 2] =
    [ToyGroup(NamedGroup::X25519, 0xc1), ToyGroup(NamedGroup::secp256r1, 0xc1)];
static SERVER_GROUPS: [ToyGroup; 2] =
    [ToyGroup(NamedGroup::X25519, 0x5e), ToyGroup(NamedGroup::secp256r1, 0x5e)];
static RANDOMS: [FixedRandom; 2] = [FixedRandom(0xc1), FixedRandom(0x5e)];

fn provider(random: &'static FixedRandom, groups: &'static [ToyGroup]) -> Provider {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.secure_random = random;
    provider.kx_groups = groups.iter().map(|group| group as &dyn SupportedKxGroup).collect();
    // In the order of ours.
    let ours = CryptoProvider::ring();
    let place = |suite: u16| ours.cipher_suites.iter().position(|one| one.id.0 == suite);
    provider.cipher_suites.retain(|suite| place(suite.suite().into()).is_some());
    provider.cipher_suites.sort_by_key(|suite| place(suite.suite().into()));
    Arc::new(provider)
}

type Provider = Arc<rustls::crypto::CryptoProvider>;

#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("there is no TLS 1.2 here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

static THEIR_CLIENT: LazyLock<Arc<rustls::ClientConfig>> = LazyLock::new(|| {
    let provider = provider(&RANDOMS[0], &CLIENT_GROUPS);
    let verifier = AnyCertificate(provider.signature_verification_algorithms);
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).expect("it has it");
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = peers::PROTOCOLS.map(|protocol| protocol.as_bytes().to_vec()).to_vec();
    Arc::new(config)
});

static THEIR_SERVERS: LazyLock<[Arc<rustls::ServerConfig>; 2]> = LazyLock::new(|| {
    [&SERVER_GROUPS[..1], &SERVER_GROUPS[1..]].map(|groups| {
        let builder = rustls::ServerConfig::builder_with_provider(provider(&RANDOMS[1], groups));
        let builder =
            builder.with_protocol_versions(&[&rustls::version::TLS13]).expect("it has it");
        let chain = vec![CertificateDer::from(peers::CERTIFICATE)];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(peers::KEY));
        let builder = builder.with_no_client_auth();
        let mut config = builder.with_single_cert(chain, key).expect("the key is good");
        config.alpn_protocols =
            peers::PROTOCOLS.map(|protocol| protocol.as_bytes().to_vec()).to_vec();
        config.ignore_client_order = true;
        Arc::new(config)
    })
});
