//! A session is resumed without a signature of its certificates being verified again. All else that they
//! must fulfil is checked again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use handclasp::TrustAnchors;
use handclasp::certificate::{CertificateRevocationList, PathLimits, Profile};
use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::crypto::{CryptoProvider, SignatureAlgorithms, StaticOrArc};
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::{
    CertificateDer, PrivateKeyDer, ServerName, SignatureVerificationAlgorithm, UnixTime,
};
use handclasp::session::{ClientSession, ClientSessionStore, MemoryClientSessions};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, ErrorKind, ServerConfig, ServerConnection,
};
use handclasp_testing::authority::{self, Authority};
use handclasp_testing::counted::Counted;
use handclasp_testing::sessions::{talk, ticket_keys};
use handclasp_testing::{NAME, server_name};

/// The provider's algorithms for certificates and for handshakes, which count.
fn counting(count: &Arc<AtomicUsize>) -> SignatureAlgorithms {
    let counted = |algorithm: &StaticOrArc<dyn SignatureVerificationAlgorithm>| {
        let counted = Counted { algorithm: algorithm.clone(), count: count.clone() };
        StaticOrArc::Arc(Arc::new(counted) as Arc<_>)
    };
    let mut signatures = CryptoProvider::default().signatures;
    signatures.all = signatures.all.iter().map(counted).collect();
    for of_scheme in &mut signatures.by_scheme {
        of_scheme.algorithms = of_scheme.algorithms.iter().map(counted).collect();
    }
    signatures
}

/// A server with a chain of two certificates below a root, and a client that remembers its sessions.
struct World {
    root: Authority,
    intermediate: Authority,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    store: Arc<MemoryClientSessions>,
    tickets: Arc<handclasp::session::TicketKeys>,
    /// The signatures that were verified: of certificates, and of handshakes.
    count: Arc<AtomicUsize>,
    now: UnixTime,
}

impl World {
    fn new() -> Self {
        let root = authority::root("root");
        let key = rcgen::KeyPair::generate().unwrap();
        let intermediate =
            Authority::signed_by(authority::authority_params("ca"), key, &root).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.serial_number = Some(7.into());
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(2100, 1, 1);
        let leaf = params.signed_by(&key, &intermediate).unwrap();
        Self {
            chain: vec![leaf.der().clone(), intermediate.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            root,
            intermediate,
            store: Arc::new(MemoryClientSessions::new(8)),
            tickets: ticket_keys(),
            count: Arc::default(),
            now: UnixTime::now(),
        }
    }

    fn anchors(&self) -> TrustAnchors {
        TrustAnchors::from_der(self.root.der()).unwrap()
    }

    fn verifier(&self) -> TrustAnchorVerifier {
        TrustAnchorVerifier::new(self.anchors(), counting(&self.count))
    }

    fn provider(&self) -> CryptoProvider {
        CryptoProvider { signatures: counting(&self.count), ..CryptoProvider::default() }
    }

    fn client(&self, verifier: TrustAnchorVerifier) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder(self.provider()).sessions(self.store.clone());
        Arc::new(builder.verifier(Arc::new(verifier)).build().unwrap())
    }

    fn certificates(&self) -> Arc<CertificateList> {
        let key = CertifiedKey::from_der(self.chain.clone(), &self.key).unwrap();
        Arc::new(CertificateList::new(vec![Arc::new(key)]))
    }

    fn server(&self) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder(self.provider()).sessions(self.tickets.clone());
        Arc::new(builder.build(self.certificates()).unwrap())
    }

    /// Connects, and returns what came of it.
    fn connect(&self, client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Met {
        self.connect_as(client, server, server_name())
    }

    fn connect_as(
        &self,
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
        name: ServerName<'static>,
    ) -> Met {
        let before = self.count.load(Ordering::Relaxed);
        let options = || Options::new(self.now);
        let mut client = ClientConnection::with_options(client.clone(), name, options());
        let mut server = ServerConnection::with_options(server.clone(), options());
        let refused = talk(&mut client, &mut server).error.map(|error| match error.kind() {
            ErrorKind::Certificate(error) => error.kind.code(),
            other => other.code(),
        });
        let is_resumed = client.parameters().pre_shared_key == Some(PskKind::Resumption);
        Met { refused, is_resumed, signatures: self.count.load(Ordering::Relaxed) - before }
    }
}

#[derive(Debug, PartialEq)]
struct Met {
    refused: Option<&'static str>,
    is_resumed: bool,
    /// How many signatures were verified.
    signatures: usize,
}

/// The two certificates, and the handshake.
const FULL: Met = Met { refused: None, is_resumed: false, signatures: 3 };
const RESUMED: Met = Met { refused: None, is_resumed: true, signatures: 0 };

#[test]
fn a_client_resumes_without_verifying_a_signature() {
    let world = World::new();
    let (client, server) = (world.client(world.verifier()), world.server());
    assert_eq!(world.connect(&client, &server), FULL);
    for _ in 0..3 {
        assert_eq!(world.connect(&client, &server), RESUMED);
    }
    // In a full handshake with the same chain there is the signature of the handshake.
    world.store.forget(&server_name());
    assert_eq!(world.connect(&client, &server), Met { signatures: 1, ..FULL });
}

#[test]
fn a_server_resumes_the_session_of_a_client_without_verifying_a_signature() {
    let world = World::new();
    let signatures = counting(&world.count);
    let verifier = TrustAnchorVerifier::for_clients(world.anchors(), signatures);
    let policy = ClientAuthentication::required(Arc::new(verifier));
    let builder = ServerConfig::builder(world.provider()).sessions(world.tickets.clone());
    let builder = builder.client_authentication(policy);
    let server = Arc::new(builder.build(world.certificates()).unwrap());
    let builder = ClientConfig::builder(world.provider()).sessions(world.store.clone());
    let builder = builder.client_certificates(world.certificates());
    let client = Arc::new(builder.verifier(Arc::new(world.verifier())).build().unwrap());
    let both = Met { signatures: 6, ..FULL };
    assert_eq!(world.connect(&client, &server), both);
    assert_eq!(world.connect(&client, &server), RESUMED);
}

#[test]
fn without_a_cache_or_with_another_verifier_the_signatures_are_verified() {
    let world = World::new();
    let server = world.server();
    let certificates_only = Met { signatures: 2, ..RESUMED };
    let without = world.client(world.verifier().with_signature_cache(0));
    assert_eq!(world.connect(&without, &server), FULL);
    assert_eq!(world.connect(&without, &server), certificates_only);
    assert_eq!(world.connect(&without, &server), certificates_only);
    let other = world.client(world.verifier());
    assert_eq!(world.connect(&other, &server), certificates_only);
    assert_eq!(world.connect(&other, &server), RESUMED);
}

/// After a first connection, the client is not resumed, and the full handshake is refused.
fn refused_later(change: impl FnOnce(&mut World)) -> &'static str {
    let mut world = World::new();
    let (client, server) = (world.client(world.verifier()), world.server());
    assert_eq!(world.connect(&client, &server), FULL);
    change(&mut world);
    let met = world.connect(&client, &server);
    assert!(!met.is_resumed);
    met.refused.unwrap()
}

#[test]
fn a_chain_that_has_expired_is_not_resumed() {
    let century = core::time::Duration::from_secs(100 * 366 * 86_400);
    let code = refused_later(|world| {
        let later = core::time::Duration::from_secs(world.now.as_secs()) + century;
        world.now = UnixTime::since_unix_epoch(later);
    });
    assert_eq!(code, "expired");
}

/// As [`refused_later`], where the configuration of the client changes.
fn refused_by(verifier: impl FnOnce(&World) -> TrustAnchorVerifier) -> &'static str {
    let world = World::new();
    let server = world.server();
    assert_eq!(world.connect(&world.client(world.verifier()), &server), FULL);
    let met = world.connect(&world.client(verifier(&world)), &server);
    assert!(!met.is_resumed);
    met.refused.unwrap()
}

#[test]
fn a_verifier_that_trusts_or_demands_something_else_does_not_resume() {
    let verifier = |anchors: &TrustAnchors| {
        TrustAnchorVerifier::new(anchors.clone(), CryptoProvider::default().signatures)
    };
    let stranger = TrustAnchors::from_der(authority::root("other").der()).unwrap();
    assert_eq!(refused_by(|_| verifier(&stranger)), "unknown-issuer");
    // Another key under the name of the root.
    let namesake = TrustAnchors::from_der(authority::root("root").der()).unwrap();
    assert_eq!(refused_by(|_| verifier(&namesake)), "bad-signature");
    let revoking = |world: &World| {
        let crl = authority::crl_params([7_u64]).signed_by(&world.intermediate).unwrap();
        let crl = CertificateRevocationList::from_der(crl.der()).unwrap();
        world.verifier().with_crls(vec![crl])
    };
    assert_eq!(refused_by(revoking), "revoked");
    let strict = refused_by(|world| world.verifier().with_profile(Profile::Strict));
    assert_eq!(strict, "authority-key-identifier");
    let mut limits = PathLimits::DEFAULT;
    limits.depth = 0;
    assert_eq!(refused_by(|world| world.verifier().with_limits(limits)), "limit-exceeded");
}

#[test]
fn a_session_is_not_resumed_for_another_name() {
    let world = World::new();
    let (client, server) = (world.client(world.verifier()), world.server());
    assert_eq!(world.connect(&client, &server), FULL);
    // A store that mixes up its servers.
    let session = world.store.take(&server_name(), world.now).unwrap();
    #[derive(Debug)]
    struct Mixed(Mutex<Option<ClientSession>>);
    impl ClientSessionStore for Mixed {
        fn put(&self, _: ClientSession) {}
        fn take(&self, _: &ServerName<'static>, _: UnixTime) -> Option<ClientSession> {
            self.0.lock().unwrap().take()
        }
    }
    let builder = ClientConfig::builder(world.provider());
    let builder = builder.sessions(Arc::new(Mixed(Mutex::new(Some(session)))));
    let client = Arc::new(builder.verifier(Arc::new(world.verifier())).build().unwrap());
    let met = world.connect_as(&client, &server, "other.example".try_into().unwrap());
    assert_eq!((met.refused, met.is_resumed), (Some("name-mismatch"), false));
}

#[test]
fn another_key_in_the_certificate_is_no_key_of_the_session() {
    // The same names and issuer, and another key: a certificate of its own.
    let (world, other) = (World::new(), World::new());
    let (client, server) = (world.client(world.verifier()), world.server());
    assert_eq!(world.connect(&client, &server), FULL);
    world.store.forget(&server_name());
    let met = world.connect(&client, &other.server());
    assert_eq!((met.refused, met.is_resumed), (Some("bad-signature"), false));
}
