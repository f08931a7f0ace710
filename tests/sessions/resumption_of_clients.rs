//! Resumption where the server knows its clients: by what they were asked for, and no longer than
//! they are welcome.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use handclasp::certificate::{CertificateError, EndEntity};
use handclasp::config::{ClientConfigBuilder, ExtensionLayout, LayoutItem};
use handclasp::connection::Options;
use handclasp::credential::{CertificateList, CertifiedKey, ClientCertificateResolver, KeySource};
use handclasp::crypto::{CryptoError, CryptoProvider, HashAlgorithm, signing_key};
use handclasp::handshake::EarlyData;
use handclasp::key_schedule::PskKind;
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::{CertificateDer, UnixTime};
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::{CertificateType, HandshakeType};
use handclasp::session::SessionStore;
use handclasp::verify::{
    ClientAuthentication, PeerIdentity, PeerVerifier, SpkiPin, SpkiPins, TrustAnchorVerifier,
};
use handclasp::wire::{CertificateRequest, EncryptedExtensions, ExtensionType};
use handclasp::{ClientConnection, Reply, ServerConfig};
use handclasp_testing::sessions::{Pair, client, server_at, shared_key, talk, time};
use handclasp_testing::{Identity, pre_shared_secret, server_name};
use rcgen::CustomExtension;
use zeroize::Zeroizing;

fn verifier(clients: &Identity) -> Arc<dyn PeerVerifier> {
    let signatures = CryptoProvider::default().signatures;
    Arc::new(TrustAnchorVerifier::for_clients(clients.anchors(), signatures))
}

/// A client with the certificate of `own`.
fn builder(pair: &Pair, own: &Identity) -> ClientConfigBuilder {
    let list = CertificateList::new(vec![Arc::new(own.certified_key())]);
    pair.client_builder().client_certificates(Arc::new(list))
}

fn server(pair: &Pair, policy: ClientAuthentication) -> Arc<ServerConfig> {
    pair.finish(pair.early_server(1000).client_authentication(policy))
}

/// Connects once more. Was it resumed, and does the server know the client?
fn again(pair: &Pair, own: &Identity, config: &Arc<ServerConfig>, at: u64) -> (bool, bool) {
    let (mut client, mut server) = (client(builder(pair, own), at), server_at(config, at));
    talk(&mut client, &mut server).checked();
    let parameters = server.parameters();
    let resumed = parameters.pre_shared_key == Some(PskKind::Resumption);
    let known = parameters.certificates.as_deref() == Some(&own.chain[..]);
    assert_eq!(parameters.early_data == EarlyData::Accepted, resumed);
    (resumed, known)
}

#[test]
fn a_resumed_client_is_known_by_the_certificates_of_then() {
    let (pair, own) = (Pair::new(), Identity::p256());
    let config = server(&pair, ClientAuthentication::required(verifier(&own)));
    assert_eq!(again(&pair, &own, &config, 0), (false, true));
    for at in 1..4 {
        assert_eq!(again(&pair, &own, &config, at), (true, true));
    }
}

#[test]
fn a_ticket_does_not_outlive_a_changed_rule_for_clients() {
    // nginx CVE-2025-23419, botan #5818: a ticket from before the rule passed for a certificate.
    let (pair, own) = (Pair::new(), Identity::p256());
    let open = pair.finish(pair.early_server(1000));
    let optional = || ClientAuthentication::optional(verifier(&own));
    let rules = [
        server(&pair, ClientAuthentication::required(verifier(&own))),
        server(&pair, optional()),
        server(&pair, optional().authorities(own.anchors().subjects())),
        server(&pair, ClientAuthentication::post_handshake(verifier(&own))),
        open,
    ];
    let asks = |index: usize| index < 3;
    for (before, old) in rules.iter().enumerate() {
        for (after, new) in rules.iter().enumerate().filter(|(after, _)| *after != before) {
            assert_eq!(again(&pair, &own, old, 0), (false, asks(before)));
            assert_eq!(again(&pair, &own, new, 1), (false, asks(after)), "{before}, {after}");
            handclasp::session::ClientSessionStore::forget(&*pair.store, &server_name());
        }
    }
}

#[test]
fn a_client_whose_certificate_is_good_no_more_is_not_resumed() {
    // The authority is trusted no more; the rule is the same in all that the client sees.
    let (pair, own, other) = (Pair::new(), Identity::p256(), Identity::p256());
    let config = server(&pair, ClientAuthentication::optional(verifier(&own)));
    assert_eq!(again(&pair, &own, &config, 0), (false, true));
    let stricter = server(&pair, ClientAuthentication::optional(verifier(&other)));
    let (mut client, mut server) = (client(builder(&pair, &own), 1), server_at(&stricter, 1));
    let error = talk(&mut client, &mut server).error.unwrap();
    assert_eq!(error.alert_sent(), Some(handclasp::alert::AlertDescription::UNKNOWN_CA));
}

#[test]
fn what_the_client_shows_after_the_handshake_goes_into_later_tickets() {
    let (pair, own) = (Pair::new(), Identity::p256());
    let config = server(&pair, ClientAuthentication::post_handshake(verifier(&own)));
    let builder = || builder(&pair, &own).post_handshake_authentication(true);
    let (mut first, mut server) = (client(builder(), 0), server_at(&config, 0));
    talk(&mut first, &mut server).checked();
    handclasp::session::ClientSessionStore::forget(&*pair.store, &server_name());
    server.request_client_certificate().unwrap();
    talk(&mut first, &mut server).checked();
    assert!(server.parameters().certificates.is_some());
    server.set_time(time(1));
    server.send_tickets(1).unwrap();
    talk(&mut first, &mut server).checked();
    let (mut second, mut server) = (client(builder(), 2), server_at(&config, 2));
    talk(&mut second, &mut server).checked();
    let parameters = server.parameters();
    assert_eq!(parameters.pre_shared_key, Some(PskKind::Resumption));
    assert_eq!(parameters.certificates.as_deref(), Some(&own.chain[..]));
}

/// Accepts each client.
#[derive(Debug)]
struct AcceptsAll;

impl PeerVerifier for AcceptsAll {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Ok(()))
    }
}

/// Shows the last of these certificates, and then the one before it.
#[derive(Debug)]
struct FromTheEnd(Mutex<Vec<Arc<CertifiedKey>>>);

impl ClientCertificateResolver for FromTheEnd {
    fn choose(
        &self,
        _: &CertificateRequest<'_>,
        _: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        Reply::Now(self.0.lock().unwrap().pop())
    }
}

/// A session keeps one credential: what was shown before it would not be checked again.
#[test]
fn a_client_that_shows_something_else_after_the_handshake_gets_no_more_tickets() {
    let (secret, kind) = (pre_shared_secret(), PskKind::Resumption);
    let key = PreSharedKey::new(b"ours", &secret, HashAlgorithm::Sha256, kind).unwrap();
    let (own, other) = (Identity::p256(), Identity::p256());
    for (keys, before, has_ticket) in [
        (vec![], None, true),
        (vec![], Some(&own), true),
        (vec![], Some(&other), false),
        // A key of the application's own, which authenticates the client.
        (vec![key], None, false),
    ] {
        let pair = Pair::new();
        let policy = match before {
            Some(_) => ClientAuthentication::required(Arc::new(AcceptsAll)),
            None => ClientAuthentication::post_handshake(Arc::new(AcceptsAll)),
        };
        let builder = pair.server_builder().pre_shared_keys(Arc::new(PskList::new(keys.clone())));
        let config = pair.finish(builder.client_authentication(policy));
        let shown = [Some(&own), before].into_iter().flatten();
        let shown = shown.map(|identity| Arc::new(identity.certified_key())).collect();
        let builder = pair
            .client_builder()
            .pre_shared_keys(keys)
            .client_certificates(Arc::new(FromTheEnd(Mutex::new(shown))))
            .post_handshake_authentication(true);
        let (mut client, mut server) = (client(builder, 0), server_at(&config, 0));
        talk(&mut client, &mut server).checked();
        handclasp::session::ClientSessionStore::forget(&*pair.store, &server_name());
        server.request_client_certificate().unwrap();
        talk(&mut client, &mut server).checked();
        assert_eq!(server.parameters().certificates.as_deref(), Some(&own.chain[..]));
        server.send_tickets(1).unwrap();
        talk(&mut client, &mut server).checked();
        assert_eq!(pair.store.sessions().len(), usize::from(has_ticket));
    }
}

/// Remembers the types of client certificate that a server named.
#[derive(Clone, Default)]
struct Named(Arc<Mutex<Vec<Option<CertificateType>>>>);

impl Observer for Named {
    fn event(&mut self, event: &Event<'_>) {
        let Event::MessageReceived(_, message) = event else { return };
        if message.kind == HandshakeType::ENCRYPTED_EXTENSIONS {
            let answers = EncryptedExtensions::parse(message.body).unwrap();
            self.0.lock().unwrap().push(answers.client_certificate_type);
        }
    }
}

fn spki(identity: &Identity) -> Vec<u8> {
    EndEntity::parse(&identity.chain[0]).unwrap().subject_public_key_info().to_vec()
}

fn raw(identity: &Identity) -> Arc<CertificateList> {
    let key = KeySource::Local(signing_key(&identity.key).unwrap());
    let key = CertifiedKey::raw_public_key(spki(identity), key).unwrap();
    Arc::new(CertificateList::new(vec![Arc::new(key)]))
}

fn pinned(identity: &Identity) -> Arc<dyn PeerVerifier> {
    Arc::new(SpkiPins::raw_public_keys([SpkiPin::of_public_key(&spki(identity))]).unwrap())
}

#[test]
fn a_server_with_a_raw_public_key_is_resumed_while_the_key_is_pinned() {
    let pair = Pair::new();
    let config = pair.server_builder().sessions(pair.keys.clone()).build(raw(&pair.identity));
    let config = Arc::new(config.unwrap());
    for at in 0..3 {
        let mut by_key = client(pair.client_builder().verifier(pinned(&pair.identity)), at);
        talk(&mut by_key, &mut server_at(&config, at)).checked();
        let parameters = by_key.parameters();
        assert_eq!(parameters.pre_shared_key, (at > 0).then_some(PskKind::Resumption));
        assert_eq!(parameters.raw_public_key.as_deref(), Some(&*spki(&pair.identity)));
        assert_eq!(parameters.certificates, None);
    }
    // Another key is pinned: the session is not offered, and the server refused.
    let other = pinned(&Identity::p256());
    let mut strict = client(pair.client_builder().verifier(other), 3);
    assert!(talk(&mut strict, &mut server_at(&config, 3)).error.is_some());
    assert_eq!(strict.parameters().pre_shared_key, None);
}

#[test]
fn a_client_with_a_raw_public_key_is_resumed_while_the_key_is_pinned() {
    let (pair, own) = (Pair::new(), Identity::p256());
    let server = |keys| server(&pair, ClientAuthentication::required(keys));
    let (config, stricter) = (server(pinned(&own)), server(pinned(&Identity::p256())));
    let client = |at| client(pair.client_builder().client_certificates(raw(&own)), at);
    let named = Named::default();
    for at in 0..3 {
        let builder = pair.client_builder().client_certificates(raw(&own));
        let observer = Some(Box::new(named.clone()) as Box<dyn Observer>);
        let mut options = Options::new(time(at));
        options.observer = observer;
        let built = Arc::new(builder.build().unwrap());
        let mut client = ClientConnection::with_options(built, server_name(), options);
        let mut server = server_at(&config, at);
        talk(&mut client, &mut server).checked();
        let parameters = server.parameters();
        assert_eq!(parameters.pre_shared_key, (at > 0).then_some(PskKind::Resumption));
        assert_eq!(parameters.raw_public_key.as_deref(), Some(&*spki(&own)));
    }
    // RFC 7250, section 4.2: no type is named where no certificate is asked for.
    let raw_key = Some(CertificateType::RAW_PUBLIC_KEY);
    assert_eq!(*named.0.lock().unwrap(), [raw_key, None, None]);
    let (mut client, mut server) = (client(3), server_at(&stricter, 3));
    assert!(talk(&mut client, &mut server).error.is_some());
    assert_eq!(server.parameters().pre_shared_key, None);
}

#[test]
fn a_ticket_of_a_client_with_a_shared_key_is_no_certificate_once_keys_are_not_taken() {
    let (pair, own) = (Pair::new(), Identity::p256());
    let rule = || ClientAuthentication::required(verifier(&own));
    let keys = Arc::new(PskList::new(vec![shared_key()]));
    let builder = || pair.server_builder().client_authentication(rule());
    let with_keys = pair.finish(builder().pre_shared_keys(keys));
    let with_key = |at| client(pair.client_builder().pre_shared_keys(vec![shared_key()]), at);
    talk(&mut with_key(0), &mut server_at(&with_keys, 0)).checked();
    let (mut client, mut server) = (with_key(1), server_at(&with_keys, 1));
    talk(&mut client, &mut server).checked();
    assert_eq!(server.parameters().pre_shared_key, Some(PskKind::Resumption));
    let mut server = server_at(&pair.finish(builder()), 2);
    let error = talk(&mut with_key(2), &mut server).error.unwrap();
    assert_eq!(error.kind(), &handclasp::ErrorKind::CertificateRequired);
}

/// Takes raw public keys only, and did not expect to be asked about anything else.
#[derive(Debug)]
struct RawOnly;

impl PeerVerifier for RawOnly {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Ok(()))
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::RAW_PUBLIC_KEY]
    }
}

#[test]
fn who_takes_raw_public_keys_only_resumes_no_session_with_certificates() {
    let (pair, own) = (Pair::new(), Identity::p256());
    let config = server(&pair, ClientAuthentication::optional(verifier(&own)));
    assert_eq!(again(&pair, &own, &config, 0), (false, true));
    let stricter = server(&pair, ClientAuthentication::optional(Arc::new(RawOnly)));
    assert_eq!(again(&pair, &own, &stricter, 1), (false, false), "of a client");
    handclasp::session::ClientSessionStore::forget(&*pair.store, &server_name());
    assert_eq!(again(&pair, &own, &config, 2), (false, true));
    let mut strict = client(builder(&pair, &own).verifier(Arc::new(RawOnly)), 3);
    let error = talk(&mut strict, &mut server_at(&config, 3)).error.unwrap();
    let alert = Some(handclasp::alert::AlertDescription::UNSUPPORTED_CERTIFICATE);
    assert_eq!(error.alert_sent(), alert, "of a server: {error}");
}

/// Says how long the sessions are that it is given.
#[derive(Debug, Default)]
struct Lengths(Mutex<Vec<usize>>);

impl SessionStore for Lengths {
    fn put(&self, session: &[u8], _: UnixTime, _: Duration) -> Result<Vec<u8>, CryptoError> {
        self.0.lock().unwrap().push(session.len());
        Ok(b"a ticket".to_vec())
    }

    fn take(&self, _: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        Reply::Now(None)
    }
}

/// A certificate that is a little longer than this, by an unknown extension.
fn certificate_of_length(length: usize) -> CertificateDer<'static> {
    let mut params = rcgen::CertificateParams::default();
    let extension =
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 99], vec![0; length]);
    params.custom_extensions.push(extension);
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
}

#[test]
fn a_server_keeps_no_session_of_a_client_that_shows_a_very_long_chain() {
    const LONGEST: usize = 0x8000;
    for (length, kept) in [(0, true), (20_000, true), (40_000, false), (200_000, false)] {
        let (pair, mut own) = (Pair::new(), Identity::p256());
        let trusted = verifier(&own);
        // Part of no path: the verifier does not look at it.
        own.chain.push(certificate_of_length(length));
        let store = Arc::new(Lengths::default());
        let policy = ClientAuthentication::required(trusted);
        let config = pair.server_builder().sessions(store.clone()).client_authentication(policy);
        let mut server = server_at(&pair.finish(config), 0);
        talk(&mut client(builder(&pair, &own), 0), &mut server).checked();
        assert!(server.parameters().certificates.is_some());
        let lengths = store.0.lock().unwrap();
        assert_eq!(lengths.len(), if kept { 2 } else { 0 }, "{length}");
        assert!(lengths.iter().all(|written| (length..=LONGEST).contains(written)), "{lengths:?}");
    }
}

/// Keeps whether a stapled response was requested, and whether it came.
#[derive(Debug, Default)]
struct Staples(Mutex<Vec<(bool, bool)>>);

impl PeerVerifier for Staples {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        self.0.lock().unwrap().push((peer.ocsp_requested(), peer.ocsp_response.is_some()));
        Reply::Now(Ok(()))
    }
}

#[test]
fn a_verifier_is_asked_again_with_the_same_request_for_a_stapled_response() {
    let raw = LayoutItem::Raw(ExtensionType::STATUS_REQUEST, vec![1, 0, 0, 0, 0]);
    let in_layout = ExtensionLayout::new(vec![raw]);
    let named = ExtensionLayout::new(vec![LayoutItem::Standard(ExtensionType::STATUS_REQUEST)]);
    for (option, layout, requested) in [
        (false, None, false),
        (true, None, true),
        (false, Some(in_layout.clone()), true),
        (true, Some(in_layout), true),
        (false, Some(named.clone()), false),
        (true, Some(named), true),
    ] {
        let pair = Pair::new();
        let key = pair.identity.certified_key().with_ocsp(b"a response".to_vec()).unwrap();
        let list = CertificateList::new(vec![Arc::new(key)]);
        let config = Arc::new(pair.server_builder().build(Arc::new(list)).unwrap());
        let verifier = Arc::new(Staples::default());
        for at in 0..2 {
            let mut builder = pair.client_builder().verifier(verifier.clone());
            builder = builder.request_ocsp(option);
            if let Some(layout) = &layout {
                builder = builder.client_hello_layout(layout.clone());
            }
            let (mut client, mut server) = (client(builder, at), server_at(&config, at));
            talk(&mut client, &mut server).checked();
            assert_eq!(client.parameters().pre_shared_key.is_some(), at == 1);
        }
        assert_eq!(*verifier.0.lock().unwrap(), [(requested, requested); 2]);
    }
}
