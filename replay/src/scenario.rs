//! Configurations that make a connection like that of a trace: what it looks like is read from the
//! trace's messages, and what is secret in it comes from the trace's keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use handclasp::Reply;
use handclasp::certificate::CertificateError;
use handclasp::config::{ClientConfig, ExtensionLayout, LayoutItem, ServerConfig};
use handclasp::cookie::CookieProtector;
use handclasp::credential::{CertificateList, CertifiedKey, KeySource};
use handclasp::crypto::{
    CryptoError, CryptoProvider, HashAlgorithm, KeyExchangeGroup, SchemeAlgorithms, Secret,
    SignatureAlgorithms, SigningKey, StaticOrArc,
};
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::{CertificateDer, ServerName, UnixTime};
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::{HandshakeType, NamedGroup, SignatureScheme};
use handclasp::session::{ClientSession, EarlyDataTerms, StrikeRegister, TicketOrigin};
use handclasp::verify::{ClientAuthentication, PeerIdentity, PeerVerifier};
use handclasp::wire::{
    Certificate, CertificateRequest, ClientHello, DecodeError, EncryptedExtensions, ExtensionType,
    Extensions, HandshakeMessage, NewSessionTicket, ServerHello,
};

use crate::Role;
use crate::primitives::{RecordedGroup, RecordedRandom, RecordedSignature, Shares};
use crate::rsa::{PssSha256With1024Bits, RecordedSigningKey};
use crate::vectors::{Record, Steps, Trace, Vectors};
use crate::watch::Watcher;

const P256: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;

/// Why a trace cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetUpError {
    #[error("the trace has no {0}")]
    Missing(&'static str),
    #[error("a message of the trace cannot be parsed: {0}")]
    Message(#[from] DecodeError),
    #[error("the configuration cannot be made: {0}")]
    Config(#[from] handclasp::config::ConfigError),
    #[error("the server's name in the trace is none")]
    ServerName,
}

/// What both sides of a trace are set up from.
pub(crate) struct Scenario<'a> {
    steps: &'a Steps,
    /// The last: it has a cookie and padding where the first has none.
    client_hello: ClientHello<'a>,
    server_hello: ServerHello<'a>,
    trace: &'a Trace,
    section: u8,
    vectors: &'a Vectors,
}

impl<'a> Scenario<'a> {
    pub(crate) fn new(
        section: u8,
        trace: &'a Trace,
        vectors: &'a Vectors,
    ) -> Result<Self, SetUpError> {
        let steps = &trace.steps;
        // If a message has binders, the steps show only the bytes before them.
        let is_hello = |record: &&Record| record.side == Role::Client && record.key.is_none();
        let mut client_hello = trace.derived.records.iter().filter(is_hello).filter_map(|record| {
            let (message, _) = HandshakeMessage::split(&record.payload.0)?;
            (message.kind == HandshakeType::CLIENT_HELLO).then_some(message.body)
        });
        let client_hello = client_hello.next_back();
        let server_hello = steps.messages(Role::Server, "ServerHello").last();
        Ok(Self {
            steps,
            client_hello: ClientHello::parse(client_hello.ok_or(missing("ClientHello"))?)?,
            server_hello: ServerHello::parse(server_hello.ok_or(missing("ServerHello"))?)?,
            trace,
            section,
            vectors,
        })
    }

    /// The client of the trace.
    pub(crate) fn client(
        &self,
        shares: Shares,
        watcher: &Watcher,
    ) -> Result<Arc<ClientConfig>, SetUpError> {
        let hello = &self.client_hello;
        let mut random = vec![hello.random.to_vec()];
        if !hello.session_id.is_empty() {
            random.push(hello.session_id.to_vec());
        }
        let layout = layout(hello.extensions);
        watcher.seen().resumes = self.resumed()?;
        let mut builder = ClientConfig::builder(self.provider(Role::Client, random, shares))
            .verifier(Arc::new(KnownChain(self.chain(Role::Server)?)))
            .middlebox_compatibility(!hello.session_id.is_empty())
            .client_hello_layout(layout)
            .sessions(Arc::new(watcher.clone()))
            .early_data(self.client_hello.early_data);
        if self.vectors.signature(self.section, Role::Client).is_some() {
            builder = builder.client_certificates(self.certificates(Role::Client)?);
        }
        Ok(Arc::new(builder.build()?))
    }

    /// The name that the client asks for.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, SetUpError> {
        let name = self.client_hello.server_name.ok_or(missing("server_name"))?;
        let name = ServerName::try_from(String::from_utf8_lossy(name).into_owned());
        name.map_err(|_| SetUpError::ServerName)
    }

    /// The server of the trace.
    pub(crate) fn server(&self, shares: Shares) -> Result<Arc<ServerConfig>, SetUpError> {
        let random = vec![self.server_hello.random.to_vec()];
        let extensions = self.steps.messages(Role::Server, "EncryptedExtensions").next();
        let extensions =
            EncryptedExtensions::parse(extensions.ok_or(missing("EncryptedExtensions"))?)?;
        let mut builder = ServerConfig::builder(self.provider(Role::Server, random, shares))
            .encrypted_extensions_layout(layout(extensions.extensions));
        for message in self.steps.messages(Role::Server, "ServerHello") {
            if let Some(cookie) = ServerHello::parse(message)?.cookie {
                builder = builder.cookies(Arc::new(RecordedCookie::new(cookie)));
            }
        }
        if let Some(session) = self.resumed()? {
            let key = PreSharedKey::new(
                session.ticket(),
                session.secret().as_bytes(),
                HashAlgorithm::Sha256,
                PskKind::Resumption,
            )?;
            let suite = self.server_hello.cipher_suite;
            let terms = EarlyDataTerms::new(session.max_early_data_size(), suite);
            let keys = PskList::new(vec![key.early_data(terms)]);
            let builder = builder
                .early_data(
                    session.max_early_data_size(),
                    Arc::new(StrikeRegister::new(self.now())),
                )
                .pre_shared_keys(Arc::new(keys));
            return Ok(Arc::new(builder.build(Arc::new(CertificateList::new(Vec::new())))?));
        }
        if let Some(request) = self.steps.messages(Role::Server, "CertificateRequest").next() {
            let known = Arc::new(KnownChain(self.chain(Role::Client)?));
            let schemes = CertificateRequest::parse(request)?.signature_algorithms;
            let schemes = schemes.ok_or(missing("signature_algorithms"))?.iter().collect();
            let policy = ClientAuthentication::required(known).signature_schemes(schemes);
            builder = builder.client_authentication(policy);
        }
        Ok(Arc::new(builder.build(self.certificates(Role::Server)?)?))
    }

    /// The certificate of this side, with its key or what the key did.
    fn certificates(&self, side: Role) -> Result<Arc<CertificateList>, SetUpError> {
        let recorded = self.vectors.signature(self.section, side);
        let recorded = recorded.ok_or(missing("CertificateVerify"))?;
        let key: Arc<dyn SigningKey> = match recorded.reproduced_with_section2_key {
            true => Arc::new(RecordedSigningKey::new(&self.vectors.rsa, &recorded.pss_salt.0)),
            false => Arc::new(RecordedSignature::new(recorded)),
        };
        let key = CertifiedKey::new(self.chain(side)?, KeySource::Local(key))?;
        Ok(Arc::new(CertificateList::new(vec![Arc::new(key)])))
    }

    /// A time at which the trace's certificates are valid: 1 January 2019.
    pub(crate) fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(core::time::Duration::from_secs(1_546_300_800))
    }

    /// The session that the trace resumes: its ticket came in section 3.
    fn resumed(&self) -> Result<Option<ClientSession>, SetUpError> {
        let Some(psk) = &self.trace.derived.psk else { return Ok(None) };
        let first = self.vectors.trace(3).ok_or(missing("first connection"))?;
        let ticket = first.steps.messages(Role::Server, "NewSessionTicket").next();
        let ticket = NewSessionTicket::parse(ticket.ok_or(missing("NewSessionTicket"))?)?;
        let offered = self.client_hello.pre_shared_keys.and_then(|keys| keys.iter().next());
        let (offered, _) = offered.ok_or(missing("pre_shared_key"))?;
        // The trace's ticket is some milliseconds old.
        let age = offered.obfuscated_ticket_age.wrapping_sub(ticket.age_add);
        let now = Duration::from_secs(self.now().as_secs());
        let (suite, authenticated) = (self.server_hello.cipher_suite, self.now().as_secs());
        let mut origin = TicketOrigin::new(self.server_name()?, suite, authenticated);
        origin.certificates = Some(self.chain(Role::Server)?.into());
        let psk = Secret::new(&psk.0).ok_or(missing("PSK"))?;
        let received = now - Duration::from_millis(age.into());
        Ok(ClientSession::new(origin, &ticket, psk, received))
    }

    /// This side's certificates: of the first connection, where this one resumes it.
    fn chain(&self, side: Role) -> Result<Vec<CertificateDer<'static>>, SetUpError> {
        let first = self.vectors.trace(3).map(|trace| &trace.steps);
        let steps = [Some(self.steps), first].into_iter().flatten();
        let message = steps.flat_map(|steps| steps.messages(side, "Certificate")).next();
        let message = Certificate::parse(message.ok_or(missing("Certificate"))?)?;
        Ok(message.entries().map(|entry| entry.certificate.to_vec().into()).collect())
    }

    fn provider(&self, role: Role, random: Vec<Vec<u8>>, shares: Shares) -> CryptoProvider {
        let default = CryptoProvider::default();
        let suites = self.client_hello.cipher_suites.iter();
        let mut rows = default.signatures.by_scheme.iter();
        let p256 = rows.find(|row| row.scheme == P256).cloned();
        let pss = SchemeAlgorithms {
            scheme: SignatureScheme::RSA_PSS_RSAE_SHA256,
            algorithms: vec![StaticOrArc::Static(&PssSha256With1024Bits)],
        };
        CryptoProvider {
            cipher_suites: suites
                .filter_map(|suite| default.cipher_suite(suite).cloned())
                .collect(),
            groups: self.groups(role, shares),
            signatures: SignatureAlgorithms {
                all: pss.algorithms.clone(),
                by_scheme: [pss].into_iter().chain(p256).collect(),
                digests: default.signatures.digests,
            },
            random: Arc::new(RecordedRandom::new(random)),
            ..default
        }
    }

    /// The groups that this side has keys of, in the order in which it makes them.
    fn groups(&self, role: Role, shares: Shares) -> Vec<Arc<dyn KeyExchangeGroup>> {
        let keys = |action: &str| -> Vec<Vec<u8>> {
            let steps = self.steps.steps.iter();
            let steps = steps.filter(|step| step.side == role && step.action == action);
            steps.filter_map(|step| Some(step.value("private key")?.to_vec())).collect()
        };
        [
            (NamedGroup::X25519, keys("create an ephemeral x25519 key pair")),
            (NamedGroup::SECP256R1, keys("create an ephemeral P-256 key pair")),
        ]
        .into_iter()
        .filter(|(_, keys)| !keys.is_empty())
        .map(|(name, keys)| -> Arc<dyn KeyExchangeGroup> {
            Arc::new(RecordedGroup::new(name, keys, Arc::clone(&shares)))
        })
        .collect()
    }
}

fn missing(what: &'static str) -> SetUpError {
    SetUpError::Missing(what)
}

/// The layout of these extensions. The library writes those that the handshake depends on. The others
/// have the bytes of the trace.
fn layout(extensions: Extensions<'_>) -> ExtensionLayout {
    use ExtensionType as E;
    let item = |extension: handclasp::wire::Extension<'_>| match extension.kind {
        E::SERVER_NAME if !extension.body.is_empty() => LayoutItem::Standard(extension.kind),
        E::SUPPORTED_VERSIONS
        | E::COOKIE
        | E::KEY_SHARE
        | E::EARLY_DATA
        | E::PRE_SHARED_KEY
        | E::RECORD_SIZE_LIMIT => LayoutItem::Standard(extension.kind),
        E::PADDING => LayoutItem::Padding,
        kind => LayoutItem::Raw(kind, extension.body.to_vec()),
    };
    ExtensionLayout::new(extensions.iter().map(item).collect())
}

/// Trusts the trace's certificates, and no others.
#[derive(Debug)]
struct KnownChain(Vec<CertificateDer<'static>>);

impl PeerVerifier for KnownChain {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        if *peer.chain == *self.0 {
            return Reply::Now(Ok(()));
        }
        Reply::Now(Err(CertificateError::rejected("it is not that of the trace")))
    }
}

/// Returns the cookie of the trace, and keeps the state that belongs to it. The RFC does not say how the
/// cookie was made.
#[derive(Debug)]
struct RecordedCookie {
    cookie: Vec<u8>,
    state: Mutex<Option<Vec<u8>>>,
}

impl RecordedCookie {
    fn new(cookie: &[u8]) -> Self {
        Self { cookie: cookie.to_vec(), state: Mutex::new(None) }
    }
}

impl CookieProtector for RecordedCookie {
    fn protect(&self, state: &[u8], _: UnixTime) -> Result<Vec<u8>, CryptoError> {
        let mut kept = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.replace(state.to_vec()) {
            None => Ok(self.cookie.clone()),
            Some(_) => Err(CryptoError),
        }
    }

    fn open(&self, cookie: &[u8], _: UnixTime) -> Option<Vec<u8>> {
        let kept = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone().filter(|_| cookie == self.cookie)
    }
}
