//! Handshakes with rustls, another implementation, in both roles.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp::alert::AlertDescription;
use handclasp::certificate::CertificateError;
use handclasp::config::{ExtensionLayout, LayoutItem};
use handclasp::connection::Options;
use handclasp::credential::{CertificateList, CertifiedKey, KeySource};
use handclasp::crypto::{CryptoError, CryptoProvider, SigningKey, signing_key};
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::{PrivateKeyDer, ServerName, UnixTime};
use handclasp::registry::{HandshakeType, NamedGroup, SignatureScheme};
use handclasp::session::{ClientSessionStore, MemoryClientSessions};
use handclasp::verify::{ClientAuthentication, PeerIdentity, PeerVerifier, TrustAnchorVerifier};
use handclasp::wire::ExtensionType;
use handclasp::{
    ClientConfig, ClientConnection, Connection, ErrorKind, Reply, ServerConfig, ServerConnection,
};
use handclasp_testing::rustls_peer::{self, Exchange, exchange};
use handclasp_testing::{Identity, narrow_provider, server_name};

const SUITES: usize = 3;
const GROUPS: [NamedGroup; 3] = [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1];

/// Every scheme that both implementations sign with, and an identity whose key can.
fn schemes() -> Vec<(SignatureScheme, Identity)> {
    vec![
        (SignatureScheme::ECDSA_SECP256R1_SHA256, Identity::p256()),
        (SignatureScheme::ECDSA_SECP384R1_SHA384, Identity::new(&rcgen::PKCS_ECDSA_P384_SHA384)),
        (SignatureScheme::ED25519, Identity::new(&rcgen::PKCS_ED25519)),
        (SignatureScheme::RSA_PSS_RSAE_SHA256, rustls_peer::rsa_identity()),
        (SignatureScheme::RSA_PSS_RSAE_SHA384, rustls_peer::rsa_identity()),
        (SignatureScheme::RSA_PSS_RSAE_SHA512, rustls_peer::rsa_identity()),
    ]
}

/// Our client's configuration with this provider.
fn client_config(identity: &Identity, provider: CryptoProvider) -> ClientConfig {
    let builder = ClientConfig::builder(provider).application_protocols(["test/1"]);
    builder.trust(identity.anchors()).unwrap().build().unwrap()
}

fn client(config: impl Into<Arc<ClientConfig>>) -> ClientConnection {
    ClientConnection::new(config.into(), server_name())
}

/// Our server with this provider and key.
fn server(provider: CryptoProvider, key: CertifiedKey) -> ServerConnection {
    let builder = ServerConfig::builder(provider).application_protocols(["test/1"]);
    let list = CertificateList::new(vec![Arc::new(key)]);
    ServerConnection::new(builder.build(Arc::new(list)).unwrap().into())
}

/// A key that signs with one of its schemes only.
#[derive(Debug)]
struct OneScheme(Arc<dyn SigningKey>, [SignatureScheme; 1]);

impl SigningKey for OneScheme {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.1
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.sign(scheme, message)
    }
}

fn one_scheme(identity: &Identity, scheme: SignatureScheme) -> CertifiedKey {
    let key = OneScheme(signing_key(&identity.key).unwrap(), [scheme]);
    CertifiedKey::new(identity.chain.clone(), KeySource::Local(Arc::new(key))).unwrap()
}

/// Both sides have settled the same, export the same, and their data and ends arrive.
fn check(ours: &mut Connection, theirs: &mut rustls::Connection) {
    assert!(!ours.is_handshaking() && !theirs.is_handshaking());
    let parameters = ours.parameters();
    let suite = theirs.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(parameters.cipher_suite.unwrap().0, u16::from(suite));
    let group = theirs.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(parameters.group.unwrap().0, u16::from(group));
    let retried = rustls::HandshakeKind::FullWithHelloRetryRequest;
    assert_eq!(parameters.retried, theirs.handshake_kind() == Some(retried));
    assert_eq!(parameters.application_protocol.as_deref(), theirs.alpn_protocol());
    assert_eq!(parameters.application_protocol.as_deref(), Some(&b"test/1"[..]));

    for context in [&b""[..], b"a context"] {
        let mut exported = [0; 48];
        ours.export_keying_material("EXPORTER-test", context, &mut exported).unwrap();
        let context = (!context.is_empty()).then_some(context);
        let same = theirs.export_keying_material([0; 48], b"EXPORTER-test", context).unwrap();
        assert_eq!(exported, same);
    }

    check_data(ours, theirs);
    ours.close();
    assert!(exchange(ours, theirs).checked().they_saw_close);
    theirs.send_close_notify();
    exchange(ours, theirs).checked();
    assert!(ours.peer_has_closed());
    ours.end_of_input().unwrap();
}

fn check_data(ours: &mut Connection, theirs: &mut rustls::Connection) {
    assert_eq!(ours.write(b"from us").unwrap(), 7);
    theirs.writer().write_all(b"from them").unwrap();
    let Exchange { to_us, to_them, .. } = exchange(ours, theirs).checked();
    assert_eq!((&to_us[..], &to_them[..]), (&b"from them"[..], &b"from us"[..]));
}

#[test]
fn our_client_and_their_server_agree_with_every_suite_group_and_scheme() {
    for (scheme, identity) in schemes() {
        for (suite, group) in (0..SUITES).flat_map(|suite| (0..3).map(move |group| (suite, group)))
        {
            let mut provider = narrow_provider(suite, group);
            provider.signatures.by_scheme.retain(|row| row.scheme == scheme);
            let expected = provider.cipher_suites[0].id;
            let mut ours = client(client_config(&identity, provider));
            let config =
                rustls_peer::server_config(&identity, rustls_peer::default_provider(), None);
            let mut theirs = rustls_peer::server(config);
            exchange(&mut ours, &mut theirs).checked();
            let parameters = ours.parameters();
            assert_eq!(parameters.signature_scheme, Some(scheme));
            assert_eq!(parameters.cipher_suite, Some(expected));
            assert_eq!((parameters.group, parameters.retried), (Some(GROUPS[group]), false));
            check(&mut ours, &mut theirs);
        }
    }
}

#[test]
fn their_client_and_our_server_agree_with_every_suite_group_and_scheme() {
    for (scheme, identity) in schemes() {
        for (suite, group) in (0..SUITES).flat_map(|suite| (0..3).map(move |group| (suite, group)))
        {
            let provider = narrow_provider(suite, group);
            let expected = provider.cipher_suites[0].id;
            let mut ours = server(provider, one_scheme(&identity, scheme));
            let provider = rustls_peer::provider(GROUPS[group].0.into(), false);
            let mut theirs = rustls_peer::client(rustls_peer::client_config(&identity, provider));
            exchange(&mut ours, &mut theirs).checked();
            let parameters = ours.parameters();
            assert_eq!(parameters.signature_scheme, Some(scheme));
            assert_eq!(parameters.cipher_suite, Some(expected));
            assert_eq!((parameters.group, parameters.retried), (Some(GROUPS[group]), false));
            assert_eq!(parameters.server_name.as_deref(), Some(handclasp_testing::NAME));
            check(&mut ours, &mut theirs);
        }
    }
}

#[test]
fn our_client_follows_their_hello_retry_request() {
    let identity = Identity::p256();
    for suite in 0..SUITES {
        for group in [NamedGroup::SECP256R1, NamedGroup::SECP384R1] {
            let mut provider = CryptoProvider::default();
            provider.cipher_suites = vec![provider.cipher_suites.swap_remove(suite)];
            let mut ours = client(client_config(&identity, provider));
            let provider = rustls_peer::provider(group.0.into(), true);
            let mut theirs =
                rustls_peer::server(rustls_peer::server_config(&identity, provider, None));
            exchange(&mut ours, &mut theirs).checked();
            assert!(ours.parameters().retried);
            assert_eq!(ours.parameters().group, Some(group));
            check(&mut ours, &mut theirs);
        }
    }
}

#[test]
fn their_client_follows_our_hello_retry_request() {
    let identity = Identity::p256();
    for suite in 0..SUITES {
        for group in [1, 2] {
            let mut ours = server(narrow_provider(suite, group), identity.certified_key());
            let provider = rustls_peer::provider(rustls::NamedGroup::X25519, false);
            let mut theirs = rustls_peer::client(rustls_peer::client_config(&identity, provider));
            exchange(&mut ours, &mut theirs).checked();
            assert!(ours.parameters().retried);
            assert_eq!(ours.parameters().group, Some(GROUPS[group]));
            check(&mut ours, &mut theirs);
        }
    }
}

/// Our client with their server, and their client with our server, connected.
fn connected() -> [(Box<dyn std::ops::DerefMut<Target = Connection>>, rustls::Connection); 2] {
    let identity = Identity::p256();
    let mut ours = client(client_config(&identity, CryptoProvider::default()));
    let config = rustls_peer::server_config(&identity, rustls_peer::default_provider(), None);
    let mut theirs = rustls_peer::server(config);
    exchange(&mut ours, &mut theirs).checked();
    let mut our_server = server(CryptoProvider::default(), identity.certified_key());
    let mut their_client =
        rustls_peer::client(rustls_peer::client_config(&identity, rustls_peer::default_provider()));
    exchange(&mut our_server, &mut their_client).checked();
    [(Box::new(ours), theirs), (Box::new(our_server), their_client)]
}

#[test]
fn key_updates_of_either_side_are_followed_and_answered() {
    for (mut ours, mut theirs) in connected() {
        for round in 0..6 {
            match round % 3 {
                0 => theirs.refresh_traffic_keys().unwrap(),
                1 => ours.update_keys(true).unwrap(),
                _ => ours.update_keys(false).unwrap(),
            }
            exchange(&mut ours, &mut theirs).checked();
            check_data(&mut ours, &mut theirs);
        }
        // Both at once, while data are under way.
        theirs.refresh_traffic_keys().unwrap();
        ours.update_keys(true).unwrap();
        check_data(&mut ours, &mut theirs);
        check_data(&mut ours, &mut theirs);
        check(&mut ours, &mut theirs);
    }
}

struct CountTickets(Arc<AtomicUsize>);

impl Observer for CountTickets {
    fn event(&mut self, event: &Event<'_>) {
        let Event::MessageReceived(_, message) = event else { return };
        if message.kind == HandshakeType::NEW_SESSION_TICKET {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn their_tickets_reach_the_store_and_are_ignored_without_one() {
    let identity = Identity::p256();
    for receives in [true, false] {
        let tickets = Arc::new(MemoryClientSessions::new(8));
        let builder =
            ClientConfig::builder(CryptoProvider::default()).application_protocols(["test/1"]);
        let builder = match receives {
            true => builder.sessions(tickets.clone()),
            // Tickets come to a client that names a mode for their use, and this one then has no
            // use for them.
            false => builder.client_hello_layout(ExtensionLayout::new(vec![LayoutItem::Raw(
                ExtensionType::PSK_KEY_EXCHANGE_MODES,
                vec![1, 1],
            )])),
        };
        let config = builder.trust(identity.anchors()).unwrap().build().unwrap();
        let seen = Arc::new(AtomicUsize::new(0));
        let observer = Some(Box::new(CountTickets(seen.clone())) as Box<dyn Observer>);
        let mut options = Options::default();
        options.observer = observer;
        let mut ours = ClientConnection::with_options(config.into(), server_name(), options);
        let mut config =
            rustls_peer::server_config(&identity, rustls_peer::default_provider(), None);
        config.send_tls13_tickets = 3;
        let mut theirs = rustls_peer::server(config);
        exchange(&mut ours, &mut theirs).checked();
        check(&mut ours, &mut theirs);
        assert_eq!(seen.load(Ordering::Relaxed), 3);
        assert_eq!(tickets.sessions().len(), if receives { 3 } else { 0 });
        if let Some(session) = tickets.take(&server_name(), UnixTime::now()) {
            assert!(!session.ticket().is_empty() && session.secret().as_bytes().len() == 32);
        }
    }
}

#[test]
fn our_client_refuses_their_server_with_the_wrong_name_or_an_unknown_issuer() {
    let (identity, other) = (Identity::p256(), Identity::p256());
    let wrong_name = ServerName::try_from("other.example").unwrap();
    for (trusted, name, alert, theirs_hear) in [
        (&identity, wrong_name, AlertDescription::BAD_CERTIFICATE, "BadCertificate"),
        (&other, server_name(), AlertDescription::UNKNOWN_CA, "UnknownCA"),
    ] {
        let config = client_config(trusted, CryptoProvider::default());
        let mut ours = ClientConnection::new(config.into(), name);
        let config = rustls_peer::server_config(&identity, rustls_peer::default_provider(), None);
        let mut theirs = rustls_peer::server(config);
        let Exchange { our_error, their_error, .. } = exchange(&mut ours, &mut theirs);
        let error = our_error.unwrap();
        assert!(matches!(error.kind(), ErrorKind::Certificate(_)), "{error}");
        assert_eq!(error.alert_sent(), Some(alert), "{error}");
        let received = format!("{:?}", their_error.unwrap());
        assert_eq!(received, format!("AlertReceived({theirs_hear})"));
    }
}

#[test]
fn our_server_hears_why_their_client_refuses_it() {
    let (identity, other) = (Identity::p256(), Identity::p256());
    let wrong_name = ServerName::try_from("other.example").unwrap();
    for (trusted, name, alert) in [
        (&identity, wrong_name, AlertDescription::BAD_CERTIFICATE),
        (&other, server_name(), AlertDescription::UNKNOWN_CA),
    ] {
        let mut ours = server(CryptoProvider::default(), identity.certified_key());
        let config = rustls_peer::client_config(trusted, rustls_peer::default_provider());
        let mut theirs = rustls_peer::client_for(config, name);
        let Exchange { our_error, their_error, .. } = exchange(&mut ours, &mut theirs);
        assert!(matches!(their_error, Some(rustls::Error::InvalidCertificate(_))));
        let error = our_error.unwrap();
        assert_eq!(error.kind(), &ErrorKind::AlertReceived(alert), "{error}");
        assert_eq!(error.alert_sent(), None);
    }
}

#[test]
fn our_client_answers_a_certificate_request_with_none() {
    let identity = Identity::p256();
    for required in [false, true] {
        let provider = Arc::new(rustls_peer::default_provider());
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
            rustls_peer::roots(&identity).into(),
            provider,
        );
        let verifier = match required {
            true => verifier.build().unwrap(),
            false => verifier.allow_unauthenticated().build().unwrap(),
        };
        let provider = rustls_peer::default_provider();
        let mut theirs =
            rustls_peer::server(rustls_peer::server_config(&identity, provider, Some(verifier)));
        let mut ours = client(client_config(&identity, CryptoProvider::default()));
        let result = exchange(&mut ours, &mut theirs);
        if required {
            assert_eq!(result.their_error, Some(rustls::Error::NoCertificatesPresented));
            let error = result.our_error.unwrap();
            let alert = AlertDescription::CERTIFICATE_REQUIRED;
            assert_eq!(error.kind(), &ErrorKind::AlertReceived(alert));
        } else {
            result.checked();
            assert!(theirs.peer_certificates().is_none());
            check(&mut ours, &mut theirs);
        }
    }
}

#[test]
fn no_common_application_protocol_is_refused_by_either_side_in_words() {
    let identity = Identity::p256();
    let mut ours = server(CryptoProvider::default(), identity.certified_key());
    let mut config = rustls_peer::client_config(&identity, rustls_peer::default_provider());
    config.alpn_protocols = vec![b"unknown/1".to_vec()];
    let mut theirs = rustls_peer::client(config.clone());
    let error = exchange(&mut ours, &mut theirs).our_error.unwrap();
    assert!(error.to_string().contains("unknown/1"), "{error}");
    assert!(error.to_string().contains("test/1"), "{error}");

    let mut ours = client(client_config(&identity, CryptoProvider::default()));
    let mut config = rustls_peer::server_config(&identity, rustls_peer::default_provider(), None);
    config.alpn_protocols = vec![b"unknown/1".to_vec()];
    let error = exchange(&mut ours, &mut rustls_peer::server(config)).our_error.unwrap();
    let alert = AlertDescription::NO_APPLICATION_PROTOCOL;
    assert_eq!(error.kind(), &ErrorKind::AlertReceived(alert));
}

/// A verifier that looks at nothing, as a careless one of a user's own might.
#[derive(Debug)]
struct Careless;

impl PeerVerifier for Careless {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Ok(()))
    }
}

#[test]
fn a_key_that_may_not_sign_is_refused_by_any_verifier() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![handclasp_testing::NAME.into()]).unwrap();
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyAgreement];
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let identity = Identity { anchor: certificate.clone(), chain: vec![certificate], key };
    let config = ClientConfig::builder(CryptoProvider::default()).verifier(Arc::new(Careless));
    let mut ours = client(config.build().unwrap());
    let config = rustls_peer::server_config(&identity, rustls_peer::default_provider(), None);
    let error = exchange(&mut ours, &mut rustls_peer::server(config)).our_error.unwrap();
    assert!(error.to_string().contains("digitalSignature"), "{error}");
    // And none can be configured.
    let error = CertifiedKey::from_der(identity.chain, &identity.key).unwrap_err();
    assert!(error.to_string().contains("digitalSignature"), "{error}");
}

/// Our list with the certificate of this identity alone.
fn list(identity: &Identity) -> Arc<CertificateList> {
    Arc::new(CertificateList::new(vec![Arc::new(identity.certified_key())]))
}

#[test]
fn their_server_takes_our_clients_certificate_with_every_scheme() {
    let identity = Identity::p256();
    for (scheme, own) in schemes() {
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(
            rustls_peer::roots(&own).into(),
            rustls_peer::default_provider().into(),
        );
        let clients = clients.build().unwrap();
        let provider = rustls_peer::default_provider();
        let mut theirs =
            rustls_peer::server(rustls_peer::server_config(&identity, provider, Some(clients)));
        let key = Arc::new(one_scheme(&own, scheme));
        let config = ClientConfig::builder(CryptoProvider::default())
            .application_protocols(["test/1"])
            .trust(identity.anchors())
            .unwrap()
            .client_certificates(Arc::new(CertificateList::new(vec![key])))
            .build();
        let mut ours = client(config.unwrap());
        exchange(&mut ours, &mut theirs).checked();
        check_data(&mut ours, &mut theirs);
        assert_eq!(ours.parameters().client_signature_scheme, Some(scheme));
        assert_eq!(theirs.peer_certificates().unwrap(), &own.chain[..]);
    }
}

#[test]
fn our_server_takes_their_clients_certificate_and_refuses_a_strangers() {
    let identity = Identity::p256();
    for (_, own) in schemes() {
        let signatures = CryptoProvider::default().signatures;
        let verifier = TrustAnchorVerifier::for_clients(own.anchors(), signatures);
        let policy = ClientAuthentication::required(Arc::new(verifier));
        let names = own.anchors();
        let policy = policy.authorities(names.subjects());
        let config = ServerConfig::builder(CryptoProvider::default()).client_authentication(policy);
        let config = Arc::new(config.build(list(&identity)).unwrap());
        for stranger in [false, true] {
            let shown = if stranger { Identity::p256() } else { own.copy() };
            let provider = rustls_peer::default_provider();
            let builder = rustls::ClientConfig::builder_with_provider(provider.into());
            let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
            let builder = builder.with_root_certificates(rustls_peer::roots(&identity));
            let theirs = builder.with_client_auth_cert(shown.chain.clone(), shown.key.clone_key());
            let mut theirs = rustls_peer::client(theirs.unwrap());
            let mut ours = ServerConnection::new(Arc::clone(&config));
            let result = exchange(&mut ours, &mut theirs);
            if stranger {
                let alert = result.our_error.unwrap().alert_sent();
                assert_eq!(alert, Some(AlertDescription::UNKNOWN_CA));
                continue;
            }
            result.checked();
            check_data(&mut ours, &mut theirs);
            assert_eq!(ours.parameters().certificates.as_deref(), Some(&own.chain[..]));
        }
    }
}
