//! Makes the connections of a check, within limits.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use handclasp::Reply;
use handclasp::certificate::CertificateError;
use handclasp::config::ClientConfigBuilder;
use handclasp::credential::{CertificateList, CertifiedKey, ClientCertificateResolver};
use handclasp::crypto::CryptoProvider;
use handclasp::registry::CertificateType;
use handclasp::session::MemoryClientSessions;
use handclasp::verify::{PeerIdentity, PeerVerifier, TrustAnchorVerifier};
use handclasp::wire::CertificateRequest;
use handclasp_explain::{Connection, Options, Recorder, Side};

use super::Arguments;
use crate::client::{ClientOptions, ReceiveEnd, Target, TlsClient, set_addresses};
use crate::failure::Failure;
use crate::files;

/// The most connections of a check.
pub const MAX_CONNECTIONS: u32 = 64;
/// The most time of a check.
pub const MAX_TIME: Duration = Duration::from_secs(120);
/// How long one handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The most sessions that are kept from one connection for the next.
const MAX_SESSIONS: usize = 8;
/// The protocols that are offered if no option says which.
const USUAL_PROTOCOLS: [&str; 2] = ["h2", "http/1.1"];

/// Makes connections to one server.
pub struct Prober {
    target: Target,
    options: ClientOptions,
    verifier: Arc<RecordingVerifier>,
    own_certificate: Option<Arc<CertifiedKey>>,
    pub sessions: Arc<MemoryClientSessions>,
    started: Instant,
    pub connections: u32,
    /// A connection was not made because of a limit.
    pub is_cut_short: bool,
}

/// A connection whose handshake was tried. It is closed when this is dropped.
pub struct Probe {
    pub client: TlsClient,
    recorder: Recorder,
    /// How the handshake ended.
    pub result: Result<(), Failure>,
    /// How long the handshake has taken.
    pub took: Duration,
}

impl Prober {
    pub fn new(arguments: &Arguments, target: Target) -> Result<Self, Failure> {
        let mut own_certificate = None;
        if let (Some(cert), Some(key)) = (&arguments.client_cert, &arguments.client_key) {
            own_certificate = Some(Arc::new(files::certified_key(cert, key, "--client-")?));
        }
        let inner = arguments.client.verifier(files::warn)?;
        Ok(Self {
            target,
            options: arguments.client.clone(),
            verifier: Arc::new(RecordingVerifier { inner, last: Mutex::default() }),
            own_certificate,
            sessions: Arc::new(MemoryClientSessions::new(MAX_SESSIONS)),
            started: Instant::now(),
            connections: 0,
            is_cut_short: false,
        })
    }

    /// The provider, as far as the options leave it.
    pub fn provider(&self) -> CryptoProvider {
        self.options.provider()
    }

    /// The application protocols that are offered.
    pub fn application_protocols(&self) -> Vec<String> {
        match self.options.alpn.is_empty() {
            true => USUAL_PROTOCOLS.map(str::to_owned).to_vec(),
            false => self.options.alpn.clone(),
        }
    }

    /// The configuration of a usual client with this provider. A question changes what it is about.
    pub fn config_builder(&self, provider: CryptoProvider) -> ClientConfigBuilder {
        let mut builder = self
            .options
            .config_builder(provider, self.verifier.clone())
            .application_protocols(self.application_protocols());
        if let Some(own) = &self.own_certificate {
            let list = CertificateList::new(vec![Arc::clone(own)]);
            let verifier = Arc::clone(&self.verifier);
            builder = builder
                .client_certificates(Arc::new(CertificateForAcceptedServer { list, verifier }));
        }
        builder
    }

    /// Connects and performs the handshake, whose result is in the probe.
    ///
    /// # Errors
    /// When there is no connection, or a limit is reached.
    pub fn probe(&mut self, builder: ClientConfigBuilder) -> Result<Probe, Failure> {
        let left = MAX_TIME.saturating_sub(self.started.elapsed());
        if self.connections >= MAX_CONNECTIONS || left.is_zero() {
            self.is_cut_short = true;
            return Err(Failure::failed("a limit of the check is reached"));
        }
        self.connections += 1;
        let config = builder.build()?;
        let socket = self.target.connect(&self.options)?;
        let recorder = Recorder::new(Side::Client, Options::new(CryptoProvider::default()));
        set_addresses(&socket, &recorder);
        let (name, observer) = (self.target.name.clone(), Box::new(recorder.clone()));
        let start = Instant::now();
        let mut client = TlsClient::new(Arc::new(config), name, socket, observer)?;
        let result = client.handshake(HANDSHAKE_TIMEOUT.min(left));
        Ok(Probe { client, recorder, result, took: start.elapsed() })
    }

    /// Connects, and completes the handshake.
    ///
    /// # Errors
    /// When there is no connection, the handshake fails, or a limit is reached.
    pub fn connect(&mut self, builder: ClientConfigBuilder) -> Result<Probe, Failure> {
        let mut probe = self.probe(builder)?;
        std::mem::replace(&mut probe.result, Ok(()))?;
        Ok(probe)
    }

    /// What the trust anchors of the options say about the certificates that a server has shown last.
    pub fn last_verification(&self) -> Option<Result<(), CertificateError>> {
        self.verifier.last()
    }

    /// Whether a server that requests a certificate does not get that of the options: its own was refused.
    pub fn withholds_certificate(&self) -> bool {
        self.own_certificate.is_some() && !self.verifier.has_accepted()
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Probe {
    /// A server that keeps a log should see no connection that ends without close_notify. After a handshake
    /// that has failed, the server has the alert already.
    fn drop(&mut self) {
        if self.result.is_ok() {
            self.client.close();
        }
    }
}

impl Probe {
    /// The account of the connection so far.
    pub fn account(&self) -> Connection {
        self.recorder.connection()
    }

    /// Receives until the server has sent a message with this name.
    pub fn receive_message(&mut self, name: &str, total: Duration) -> ReceiveEnd {
        let recorder = &self.recorder;
        let seen = Cell::new(0);
        let has_it = || {
            recorder.inspect(|connection| {
                let new = connection.messages.iter().skip(seen.get());
                let found = new.clone().any(|it| it.name == name && it.sender == Side::Server);
                seen.set(connection.messages.len());
                found
            })
        };
        self.client.receive_until(total, total, has_it)
    }
}

/// Accepts every certificate, and records what the real verifier says: a server with a bad certificate is
/// checked, too. It may be another one than the user means, so it gets no certificate of the client:
/// see [`CertificateForAcceptedServer`].
#[derive(Debug)]
struct RecordingVerifier {
    inner: Arc<TrustAnchorVerifier>,
    /// Of the certificates that a server has shown last.
    last: Mutex<Option<Result<(), CertificateError>>>,
}

impl RecordingVerifier {
    fn last(&self) -> Option<Result<(), CertificateError>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn has_accepted(&self) -> bool {
        matches!(self.last(), Some(Ok(())))
    }
}

impl PeerVerifier for RecordingVerifier {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        if let Reply::Now(result) = self.inner.verify(peer) {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
        Reply::Now(Ok(()))
    }
}

/// Has the client's certificate for servers whose own was accepted. It is chosen after the server's was
/// verified, on the same connection.
#[derive(Debug)]
struct CertificateForAcceptedServer {
    list: CertificateList,
    verifier: Arc<RecordingVerifier>,
}

impl ClientCertificateResolver for CertificateForAcceptedServer {
    fn choose(
        &self,
        request: &CertificateRequest<'_>,
        certificate_type: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        if !self.verifier.has_accepted() {
            return Reply::Now(None);
        }
        self.list.choose(request, certificate_type)
    }
}

#[cfg(test)]
mod tests {
    use handclasp::TrustAnchors;

    use super::*;

    /// A prober that has made so many connections, since that long ago. Its server does not exist.
    fn prober(connections: u32, since: Duration) -> Prober {
        let options = ClientOptions::default();
        let signatures = CryptoProvider::default().signatures;
        let inner = Arc::new(TrustAnchorVerifier::new(TrustAnchors::new(), signatures));
        Prober {
            target: Target::read("localhost:1", &options).unwrap(),
            options,
            verifier: Arc::new(RecordingVerifier { inner, last: Mutex::default() }),
            own_certificate: None,
            sessions: Arc::new(MemoryClientSessions::new(MAX_SESSIONS)),
            started: Instant::now().checked_sub(since).unwrap(),
            connections,
            is_cut_short: false,
        }
    }

    #[test]
    fn the_number_of_connections_and_their_time_are_limited() {
        for (connections, since) in [(MAX_CONNECTIONS, Duration::ZERO), (0, MAX_TIME)] {
            let mut prober = prober(connections, since);
            let builder = prober.config_builder(prober.provider());
            let failure = prober.probe(builder).err().unwrap();
            assert!(failure.message.contains("a limit"), "{}", failure.message);
            assert!(prober.is_cut_short);
            assert_eq!(prober.connections, connections);
        }
        let mut prober = prober(MAX_CONNECTIONS - 1, Duration::ZERO);
        let builder = prober.config_builder(prober.provider());
        assert!(prober.probe(builder).is_err(), "nothing listens there");
        assert!(!prober.is_cut_short);
        assert_eq!(prober.connections, MAX_CONNECTIONS);
    }
}
