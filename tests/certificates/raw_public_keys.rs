//! Public keys in place of certificates (RFC 7250): among ourselves and with rustls.

use std::io::Write;
use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription as A;
use handclasp::certificate::{CertificateError, CertificateErrorKind, EndEntity};
use handclasp::connection::Options;
use handclasp::credential::{CertificateList, CertifiedKey, KeySource};
use handclasp::crypto::{CryptoProvider, signing_key};
use handclasp::handshake::{Answer, Handshake, Question, Step};
use handclasp::observer::{Event, Observer};
use handclasp::psk::{CertWithExternPsk, PreSharedKey, PskList};
use handclasp::registry::{CertificateType, HandshakeType};
use handclasp::session::{ClientSessionStore, MemoryClientSessions, TicketKeys};
use handclasp::transport::memory::exchange;
use handclasp::verify::{
    ClientAuthentication, PeerIdentity, PeerVerifier, SpkiPin, SpkiPins, TrustAnchorVerifier,
};
use handclasp::wire::{Certificate, EncryptedExtensions, ExtensionType, HandshakeMessage};
use handclasp::{
    ClientConfig, ClientConnection, Error, ErrorKind, Reply, ServerConfig, ServerConnection,
};
use handclasp_testing::rustls_pin::Pinned;
use handclasp_testing::{Identity, pre_shared_secret, rustls_peer, server_name};

fn spki(identity: &Identity) -> Vec<u8> {
    EndEntity::parse(&identity.chain[0]).unwrap().subject_public_key_info().to_vec()
}

fn raw_key(identity: &Identity) -> Arc<CertifiedKey> {
    let key = KeySource::Local(signing_key(&identity.key).unwrap());
    Arc::new(CertifiedKey::raw_public_key(spki(identity), key).unwrap())
}

fn pinned(identity: &Identity) -> Arc<SpkiPins> {
    Arc::new(SpkiPins::raw_public_keys([SpkiPin::of_public_key(&spki(identity))]).unwrap())
}

fn client(verifier: Arc<dyn PeerVerifier>, own: Option<Arc<CertifiedKey>>) -> ClientConnection {
    let mut builder = ClientConfig::builder(CryptoProvider::default()).verifier(verifier);
    if let Some(own) = own {
        builder = builder.client_certificates(Arc::new(CertificateList::new(vec![own])));
    }
    ClientConnection::new(Arc::new(builder.build().unwrap()), server_name())
}

fn server(keys: Vec<Arc<CertifiedKey>>, policy: Option<ClientAuthentication>) -> ServerConnection {
    let mut builder = ServerConfig::builder(CryptoProvider::default());
    if let Some(policy) = policy {
        builder = builder.client_authentication(policy);
    }
    let config = builder.build(Arc::new(CertificateList::new(keys))).unwrap();
    ServerConnection::new(Arc::new(config))
}

fn shake(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), Error> {
    exchange(client, server)?;
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

#[test]
fn both_sides_know_each_other_by_their_public_keys() {
    let (own, theirs) = (Identity::p256(), Identity::new(&rcgen::PKCS_ED25519));
    let mut client = client(pinned(&theirs), Some(raw_key(&own)));
    let policy = ClientAuthentication::required(pinned(&own));
    let mut server = server(vec![raw_key(&theirs)], Some(policy));
    shake(&mut client, &mut server).unwrap();
    assert_eq!(client.parameters().raw_public_key.as_deref(), Some(&*spki(&theirs)));
    assert_eq!(server.parameters().raw_public_key.as_deref(), Some(&*spki(&own)));
    assert_eq!(client.parameters().certificates, None);
    assert_eq!(server.parameters().certificates, None);
}

/// RFC 9973, section 5.2: a raw public key takes the place of the certificate.
#[test]
fn both_sides_use_an_external_key_together_with_their_public_keys() {
    let (own, theirs) = (Identity::p256(), Identity::p256());
    let key = PreSharedKey::external(b"ours", &pre_shared_secret()).unwrap();
    let client = ClientConfig::builder(CryptoProvider::default())
        .verifier(pinned(&theirs))
        .client_certificates(Arc::new(CertificateList::new(vec![raw_key(&own)])))
        .pre_shared_keys(vec![key.clone()])
        .cert_with_extern_psk(CertWithExternPsk::Required);
    let server = ServerConfig::builder(CryptoProvider::default())
        .client_authentication(ClientAuthentication::required(pinned(&own)))
        .pre_shared_keys(Arc::new(PskList::new(vec![key])))
        .cert_with_extern_psk(CertWithExternPsk::Required);
    let server = server.build(Arc::new(CertificateList::new(vec![raw_key(&theirs)])));
    let mut client = ClientConnection::new(Arc::new(client.build().unwrap()), server_name());
    let mut server = ServerConnection::new(Arc::new(server.unwrap()));
    shake(&mut client, &mut server).unwrap();
    for (end, peer) in [(client.parameters(), &theirs), (server.parameters(), &own)] {
        assert!(end.cert_with_extern_psk);
        assert_eq!(end.raw_public_key.as_deref(), Some(&*spki(peer)));
    }
}

#[test]
fn a_public_key_that_is_not_pinned_is_refused_on_either_side() {
    let (own, theirs, other) = (Identity::p256(), Identity::p256(), Identity::p256());
    let mut one = client(pinned(&other), None);
    let error = exchange(&mut one, &mut server(vec![raw_key(&theirs)], None)).unwrap_err();
    assert_eq!(error.alert_sent(), Some(A::CERTIFICATE_UNKNOWN), "{error}");

    let mut one = client(pinned(&theirs), Some(raw_key(&own)));
    let policy = ClientAuthentication::optional(pinned(&other));
    let mut connection = server(vec![raw_key(&theirs)], Some(policy));
    let error = exchange(&mut one, &mut connection).unwrap_err();
    assert_eq!(error.alert_sent(), Some(A::CERTIFICATE_UNKNOWN), "{error}");
    assert_eq!(connection.parameters().raw_public_key, None);
}

#[test]
fn the_holder_of_a_pinned_key_must_prove_that_it_has_it() {
    let (theirs, other) = (Identity::p256(), Identity::p256());
    // It shows one key, and signs with another.
    let signer = signing_key(&other.key).unwrap();
    #[derive(Debug)]
    struct Liar(Arc<dyn handclasp::crypto::SigningKey>);
    impl handclasp::crypto::SigningKey for Liar {
        fn schemes(&self) -> &[handclasp::registry::SignatureScheme] {
            self.0.schemes()
        }

        fn sign(
            &self,
            scheme: handclasp::registry::SignatureScheme,
            message: &[u8],
        ) -> Result<Vec<u8>, handclasp::crypto::CryptoError> {
            self.0.sign(scheme, message)
        }
    }
    let key = KeySource::Local(Arc::new(Liar(signer)));
    let key = CertifiedKey::raw_public_key(spki(&theirs), key).unwrap();
    let mut client = client(pinned(&theirs), None);
    let error = exchange(&mut client, &mut server(vec![Arc::new(key)], None)).unwrap_err();
    assert_eq!(error.alert_sent(), Some(A::DECRYPT_ERROR), "{error}");
}

/// The alert of a client that takes raw public keys, to whose server's messages `edit` is done.
fn alert_after(edit: impl Fn(HandshakeType, &Identity, &mut Vec<u8>)) -> Option<A> {
    let theirs = Identity::p256();
    let now = handclasp::pki_types::UnixTime::now();
    let config = ClientConfig::builder(CryptoProvider::default()).verifier(pinned(&theirs));
    let client = Handshake::client(Arc::new(config.build().unwrap()), server_name(), now);
    let list = Arc::new(CertificateList::new(vec![raw_key(&theirs)]));
    let config = ServerConfig::builder(CryptoProvider::default()).build(list).unwrap();
    let server = Handshake::server(Arc::new(config), now);
    let [mut client, mut server] = [client, server].map(|it| it.without_records().unwrap());
    while let Some(step) = client.next_step() {
        if let Step::Send { level, bytes } = step {
            server.receive(level, &bytes).unwrap();
        }
    }
    let mut result = Ok(());
    while let Some(step) = server.next_step() {
        let Step::Send { level, bytes } = step else { continue };
        let mut rest = &bytes[..];
        while let Some((message, after)) = HandshakeMessage::split(rest) {
            let mut bytes = message.bytes.to_vec();
            edit(message.kind, &theirs, &mut bytes);
            result = result.and_then(|()| client.receive(level, &bytes));
            rest = after;
        }
    }
    result.err().map(|error| error.alert_sent().unwrap())
}

/// Takes raw public keys, and decides later.
#[derive(Debug)]
struct Later;

impl PeerVerifier for Later {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Later
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::RAW_PUBLIC_KEY]
    }

    fn verify_raw_public_key(
        &self,
        _: &handclasp::verify::RawPublicKey,
    ) -> Reply<Result<(), CertificateError>> {
        Reply::Later
    }
}

#[test]
fn a_raw_public_key_can_be_verified_later() {
    let theirs = Identity::p256();
    for good in [true, false] {
        let mut one = client(Arc::new(Later), None);
        let mut other = server(vec![raw_key(&theirs)], None);
        exchange(&mut one, &mut other).unwrap();
        let question = one.question().expect("the client asks about the key");
        assert_eq!(question.name(), "verify raw public key");
        let Question::VerifyRawPublicKey(shown) = question else { panic!("{question:?}") };
        assert_eq!(*shown.subject_public_key_info, spki(&theirs));
        let answer = good.then_some(()).ok_or(CertificateError::rejected("unknown"));
        let result = handclasp_testing::answer(&mut one, Answer::Peer(answer))
            .and_then(|()| exchange(&mut one, &mut other));
        assert_eq!(result.is_ok(), good);
        let alert = result.err().and_then(|error| error.alert_sent());
        assert_eq!(alert, (!good).then_some(A::CERTIFICATE_UNKNOWN));
    }
}

#[test]
fn a_list_of_two_public_keys_is_illegal() {
    // RFC 9846, section 4.5.1.
    let alert = alert_after(|kind, theirs, bytes| {
        if kind == HandshakeType::CERTIFICATE {
            bytes.clear();
            Certificate::encode(bytes, &[], &[spki(theirs), spki(theirs)]);
        }
    });
    assert_eq!(alert, Some(A::ILLEGAL_PARAMETER));
}

#[test]
fn the_server_chooses_a_type_of_those_that_were_offered() {
    // RFC 7250, section 4.2. The client takes raw public keys and nothing else.
    let chosen = |kind: ExtensionType, value: u8| {
        alert_after(|message, _, bytes| {
            if message == HandshakeType::ENCRYPTED_EXTENSIONS {
                let [high, low] = ExtensionType::SERVER_CERTIFICATE_TYPE.0.to_be_bytes();
                let at = bytes.windows(5).position(|it| it == [high, low, 0, 1, 2]).unwrap();
                bytes[at..at + 2].copy_from_slice(&kind.0.to_be_bytes());
                bytes[at + 4] = value;
            }
        })
    };
    const SERVER: ExtensionType = ExtensionType::SERVER_CERTIFICATE_TYPE;
    // The Finished is over the honest message, so what is taken ends with its signature.
    for other in [0, 1, 3] {
        assert_eq!(chosen(SERVER, other), Some(A::ILLEGAL_PARAMETER), "{other}");
    }
    assert_eq!(chosen(ExtensionType::CLIENT_CERTIFICATE_TYPE, 2), Some(A::UNSUPPORTED_EXTENSION));
    let without = alert_after(|message, _, bytes| {
        if message == HandshakeType::ENCRYPTED_EXTENSIONS {
            let answers = EncryptedExtensions::parse(&bytes[4..]).unwrap();
            let kept = answers.extensions.iter().filter(|it| it.kind != SERVER);
            let list: Vec<u8> = kept
                .flat_map(|it| {
                    let length = u16::try_from(it.body.len()).unwrap();
                    [&it.kind.0.to_be_bytes()[..], &length.to_be_bytes(), it.body].concat()
                })
                .collect();
            let length = u8::try_from(list.len()).unwrap();
            *bytes = [&[8, 0, 0, length + 2, 0, length][..], &list].concat();
        }
    });
    assert_eq!(without, Some(A::UNSUPPORTED_CERTIFICATE), "without it a certificate is meant");
}

#[test]
fn a_server_has_for_each_client_the_type_that_it_takes() {
    let theirs = Identity::p256();
    let keys = || vec![Arc::new(theirs.certified_key()), raw_key(&theirs)];
    let signatures = CryptoProvider::default().signatures;
    let by_chain = Arc::new(TrustAnchorVerifier::new(theirs.anchors(), signatures));
    let mut one = client(by_chain, None);
    shake(&mut one, &mut server(keys(), None)).unwrap();
    assert!(one.parameters().certificates.is_some() && one.parameters().raw_public_key.is_none());
    let mut one = client(pinned(&theirs), None);
    shake(&mut one, &mut server(keys(), None)).unwrap();
    assert!(one.parameters().certificates.is_none() && one.parameters().raw_public_key.is_some());
}

/// Accepts every peer that shows a certificate, and knows nothing of raw public keys.
#[derive(Debug)]
struct AnyCertificate;

impl PeerVerifier for AnyCertificate {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Ok(()))
    }
}

/// As [`AnyCertificate`], but lists them by mistake.
#[derive(Debug)]
struct Mistaken;

impl PeerVerifier for Mistaken {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Ok(()))
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::RAW_PUBLIC_KEY]
    }
}

#[test]
fn a_verifier_written_for_certificates_never_accepts_a_raw_public_key() {
    let (own, theirs) = (Identity::p256(), Identity::p256());
    let unsupported = |error: Error| {
        assert!(matches!(error.kind(), ErrorKind::CertificateType { .. }), "{error}");
        assert_eq!(error.alert_sent(), Some(A::UNSUPPORTED_CERTIFICATE));
    };
    let mut one = client(Arc::new(AnyCertificate), None);
    unsupported(exchange(&mut one, &mut server(vec![raw_key(&theirs)], None)).unwrap_err());
    // A client's raw key: not agreed on, so that there is nothing to show.
    let certificate = || vec![Arc::new(theirs.certified_key())];
    let mut one = client(Arc::new(AnyCertificate), Some(raw_key(&own)));
    let policy = ClientAuthentication::required(Arc::new(AnyCertificate));
    unsupported(exchange(&mut one, &mut server(certificate(), Some(policy))).unwrap_err());
    // Even where one was agreed on by mistake, it is refused.
    let mut one = client(Arc::new(Mistaken), None);
    let error = exchange(&mut one, &mut server(vec![raw_key(&theirs)], None)).unwrap_err();
    assert!(error.to_string().contains("no raw public keys"), "{error}");
    let mut one = client(Arc::new(AnyCertificate), Some(raw_key(&own)));
    let policy = ClientAuthentication::optional(Arc::new(Mistaken));
    let error = exchange(&mut one, &mut server(certificate(), Some(policy))).unwrap_err();
    assert!(error.to_string().contains("no raw public keys"), "{error}");
}

#[test]
fn a_client_that_takes_raw_public_keys_only_refuses_a_certificate() {
    let theirs = Identity::p256();
    let mut one = client(pinned(&theirs), None);
    let mut other = server(vec![Arc::new(theirs.certified_key())], None);
    let error = exchange(&mut one, &mut other).unwrap_err();
    assert_eq!(error.alert_sent(), Some(A::UNSUPPORTED_CERTIFICATE), "{error}");
}

/// Keeps the client_certificate_type of an EncryptedExtensions, if it is there.
struct Answered(Arc<Mutex<Option<CertificateType>>>);

impl Observer for Answered {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::MessageReceived(_, message) = event {
            if message.kind == HandshakeType::ENCRYPTED_EXTENSIONS {
                let answers = EncryptedExtensions::parse(message.body).unwrap();
                *self.0.lock().unwrap() = answers.client_certificate_type;
            }
        }
    }
}

#[test]
fn a_server_chooses_a_type_for_clients_only_where_it_can_ask_them() {
    // RFC 7250, section 4.2: without a request, the answer must be left out.
    let (own, theirs) = (Identity::p256(), Identity::p256());
    let store = Arc::new(MemoryClientSessions::new(8));
    let keys = Arc::new(TicketKeys::random(CryptoProvider::default().random).unwrap());
    let both = CertificateList::new(vec![Arc::new(own.certified_key()), raw_key(&own)]);
    let both = Arc::new(both);
    let signatures = CryptoProvider::default().signatures;
    let x509 = Arc::new(TrustAnchorVerifier::for_clients(own.anchors(), signatures));
    let always = ClientAuthentication::optional(x509.clone());
    let later = ClientAuthentication::post_handshake(x509);
    for (policy, allow, resumes, chooses) in [
        (&always, false, false, true),
        (&always, false, true, false),
        (&always, true, false, true),
        (&always, true, true, true),
        (&later, false, false, false),
        (&later, false, true, false),
        (&later, true, false, true),
        (&later, true, true, true),
    ] {
        if !resumes {
            store.forget(&server_name());
        }
        let builder = ClientConfig::builder(CryptoProvider::default()).sessions(store.clone());
        let builder = builder.client_certificates(both.clone());
        let builder = builder.post_handshake_authentication(allow).trust(theirs.anchors());
        let config = Arc::new(builder.unwrap().build().unwrap());
        let answered = Arc::new(Mutex::new(None));
        let observer = Some(Box::new(Answered(answered.clone())) as Box<dyn Observer>);
        let mut options = Options::default();
        options.observer = observer;
        let mut client = ClientConnection::with_options(config, server_name(), options);
        let builder = ServerConfig::builder(CryptoProvider::default()).sessions(keys.clone());
        let list = CertificateList::new(vec![Arc::new(theirs.certified_key())]);
        let config = builder.client_authentication(policy.clone()).build(Arc::new(list));
        let mut server = ServerConnection::new(Arc::new(config.unwrap()));
        shake(&mut client, &mut server).unwrap();
        assert_eq!(client.parameters().pre_shared_key.is_some(), resumes);
        let chosen = chooses.then_some(CertificateType::X509);
        assert_eq!(*answered.lock().unwrap(), chosen, "{allow}, {resumes}");
    }
}

#[test]
fn what_is_no_public_key_is_refused_when_it_is_configured() {
    let identity = Identity::p256();
    let key = || KeySource::Local(signing_key(&identity.key).unwrap());
    assert!(CertifiedKey::raw_public_key(b"no DER".to_vec(), key()).is_err());
    assert!(CertifiedKey::raw_public_key(identity.chain[0].to_vec(), key()).is_err());
    let other = spki(&Identity::p256());
    assert!(CertifiedKey::raw_public_key(other, key()).is_err(), "another key's");
}

fn their_key(identity: &Identity) -> Arc<rustls::sign::CertifiedKey> {
    let key = rustls::crypto::ring::sign::any_supported_type(&identity.key).unwrap();
    Arc::new(rustls::sign::CertifiedKey::new(vec![spki(identity).into()], key))
}

/// Data each way.
fn talk(ours: &mut handclasp::Connection, theirs: &mut rustls::Connection) {
    rustls_peer::exchange(ours, theirs).checked();
    assert!(!ours.is_handshaking() && !theirs.is_handshaking());
    ours.write(b"ours").unwrap();
    theirs.writer().write_all(b"theirs").unwrap();
    let result = rustls_peer::exchange(ours, theirs).checked();
    assert_eq!((&result.to_us[..], &result.to_them[..]), (&b"theirs"[..], &b"ours"[..]));
}

#[test]
fn our_client_and_their_server_know_each_other_by_raw_public_keys() {
    let (own, theirs) = (Identity::p256(), Identity::new(&rcgen::PKCS_ECDSA_P384_SHA384));
    let builder =
        rustls::ServerConfig::builder_with_provider(rustls_peer::default_provider().into());
    let config = builder
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(Pinned::raw_public_key(&spki(&own)))
        .with_cert_resolver(Arc::new(rustls::server::AlwaysResolvesServerRawPublicKeys::new(
            their_key(&theirs),
        )));
    let mut server = rustls_peer::server(config);
    let mut client = client(pinned(&theirs), Some(raw_key(&own)));
    talk(&mut client, &mut server);
    assert_eq!(client.parameters().raw_public_key.as_deref(), Some(&*spki(&theirs)));
    assert_eq!(server.peer_certificates().unwrap()[0].as_ref(), spki(&own));
}

#[test]
fn their_client_and_our_server_know_each_other_by_raw_public_keys() {
    let (own, theirs) = (Identity::p256(), Identity::new(&rcgen::PKCS_ED25519));
    let builder =
        rustls::ClientConfig::builder_with_provider(rustls_peer::default_provider().into());
    let config = builder
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Pinned::raw_public_key(&spki(&own)))
        .with_client_cert_resolver(Arc::new(
            rustls::client::AlwaysResolvesClientRawPublicKeys::new(their_key(&theirs)),
        ));
    let mut client = rustls_peer::client(config);
    let policy = ClientAuthentication::required(pinned(&theirs));
    let mut server = server(vec![raw_key(&own)], Some(policy));
    talk(&mut server, &mut client);
    assert_eq!(server.parameters().raw_public_key.as_deref(), Some(&*spki(&theirs)));
    assert_eq!(client.peer_certificates().unwrap()[0].as_ref(), spki(&own));
}

#[derive(Debug)]
struct Either(Vec<CertificateType>);

impl PeerVerifier for Either {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Ok(()))
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &self.0
    }

    fn verify_raw_public_key(
        &self,
        _: &handclasp::verify::RawPublicKey,
    ) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Ok(()))
    }
}

#[test]
fn the_servers_verifier_has_its_preference_among_the_clients_types() {
    let (theirs, own) = (Identity::p256(), Identity::p256());
    let types = [CertificateType::X509, CertificateType::RAW_PUBLIC_KEY];
    for (first, second) in [(types[0], types[1]), (types[1], types[0])] {
        let keys = CertificateList::new(vec![Arc::new(own.certified_key()), raw_key(&own)]);
        let builder = ClientConfig::builder(CryptoProvider::default()).verifier(pinned(&theirs));
        let config = builder.client_certificates(Arc::new(keys)).build().unwrap();
        let mut client = ClientConnection::new(Arc::new(config), server_name());
        let policy = ClientAuthentication::required(Arc::new(Either(vec![first, second])));
        let mut server = server(vec![raw_key(&theirs)], Some(policy));
        shake(&mut client, &mut server).unwrap();
        let raw = server.parameters().raw_public_key.is_some();
        assert_eq!(raw, first == CertificateType::RAW_PUBLIC_KEY);
    }
}

/// Refuses with an alert of its own choice.
#[derive(Debug)]
struct Refusing(u8);

impl PeerVerifier for Refusing {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        let kind = CertificateErrorKind::RejectedWith(self.0, "not today".into());
        Reply::Now(Err(CertificateError { certificate: "of the peer".into(), kind }))
    }
}

#[test]
fn a_verifier_can_choose_the_alert_of_its_refusal_but_none_that_is_no_error() {
    let theirs = Identity::p256();
    for (wanted, sent) in [
        (A::ACCESS_DENIED, A::ACCESS_DENIED),
        (A::HANDSHAKE_FAILURE, A::HANDSHAKE_FAILURE),
        (A::CLOSE_NOTIFY, A::CERTIFICATE_UNKNOWN),
        (A::USER_CANCELED, A::CERTIFICATE_UNKNOWN),
    ] {
        let mut one = client(Arc::new(Refusing(wanted.0)), None);
        let mut server = server(vec![Arc::new(theirs.certified_key())], None);
        let error = shake(&mut one, &mut server).unwrap_err();
        assert_eq!(error.alert_sent(), Some(sent));
        assert!(error.to_string().contains("not today"), "{error}");
    }
}
