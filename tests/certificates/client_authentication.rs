//! Clients that show certificates: because they must, because they may, or after the handshake.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use handclasp::alert::AlertDescription as A;
use handclasp::certificate::CertificateError;
use handclasp::config::{ClientConfigBuilder, Limits};
use handclasp::connection::Options;
use handclasp::credential::{CertificateList, CertifiedKey, KeySource};
use handclasp::crypto::{CryptoProvider, signing_key};
use handclasp::handshake::{Answer, Question, Side};
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::UnixTime;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::{HandshakeType, SignatureScheme};
use handclasp::transport::memory::{exchange, pipe};
use handclasp::verify::{ClientAuthentication, PeerIdentity, PeerVerifier, TrustAnchorVerifier};
use handclasp::wire::OidFilter;
use handclasp::{
    AnswerLater, ClientConfig, ClientConnection, Connection, Error, ErrorKind, Reply, ServerConfig,
    ServerConnection, Stream,
};
use handclasp_testing::{Identity, deliver_outgoing, server_name};

/// Verifies clients with the authority of `clients`.
fn verifier(clients: &Identity) -> Arc<dyn PeerVerifier> {
    let signatures = CryptoProvider::default().signatures;
    Arc::new(TrustAnchorVerifier::for_clients(clients.anchors(), signatures))
}

fn client_builder(server: &Identity) -> ClientConfigBuilder {
    ClientConfig::builder(CryptoProvider::default()).trust(server.anchors()).unwrap()
}

fn list(keys: &[&Identity]) -> Arc<CertificateList> {
    let keys = keys.iter().map(|identity| Arc::new(identity.certified_key()));
    Arc::new(CertificateList::new(keys.collect()))
}

fn connect(
    builder: ClientConfigBuilder,
    server: &Identity,
    policy: ClientAuthentication,
) -> (ClientConnection, ServerConnection) {
    let config = ServerConfig::builder(CryptoProvider::default()).client_authentication(policy);
    let config = Arc::new(config.build(list(&[server])).unwrap());
    let client = ClientConnection::new(Arc::new(builder.build().unwrap()), server_name());
    (client, ServerConnection::new(config))
}

/// Sends data from one to the other, and returns what came.
fn deliver(from: &mut Connection, to: &mut Connection) -> Result<Vec<u8>, Error> {
    from.write(b"data")?;
    deliver_outgoing(from, to)
}

#[test]
fn a_server_knows_the_client_that_showed_a_certificate_with_every_kind_of_key() {
    let server = Identity::p256();
    for (algorithm, scheme) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, SignatureScheme::ECDSA_SECP256R1_SHA256),
        (&rcgen::PKCS_ECDSA_P384_SHA384, SignatureScheme::ECDSA_SECP384R1_SHA384),
        (&rcgen::PKCS_ED25519, SignatureScheme::ED25519),
    ] {
        let own = Identity::new(algorithm);
        let builder = client_builder(&server).client_certificates(list(&[&own]));
        let policy = ClientAuthentication::required(verifier(&own));
        let (mut client, mut connection) = connect(builder, &server, policy);
        exchange(&mut client, &mut connection).unwrap();
        let known = connection.parameters();
        assert_eq!(known.certificates.as_deref(), Some(&own.chain[..]));
        assert_eq!(known.client_signature_scheme, Some(scheme));
        assert_eq!(deliver(&mut client, &mut connection).unwrap(), b"data");
        assert_eq!(deliver(&mut connection, &mut client).unwrap(), b"data");
    }
}

#[test]
fn a_client_without_a_certificate_is_served_where_it_may_and_refused_where_it_may_not() {
    let (server, own) = (Identity::p256(), Identity::p256());
    let policy = ClientAuthentication::optional(verifier(&own));
    let (mut client, mut connection) = connect(client_builder(&server), &server, policy);
    exchange(&mut client, &mut connection).unwrap();
    assert_eq!(connection.parameters().certificates, None);
    assert_eq!(deliver(&mut client, &mut connection).unwrap(), b"data");

    let policy = ClientAuthentication::required(verifier(&own));
    let (mut client, mut connection) = connect(client_builder(&server), &server, policy);
    let error = exchange(&mut client, &mut connection).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::CertificateRequired);
    assert_eq!(error.alert_sent(), Some(A::CERTIFICATE_REQUIRED));
    assert_eq!(connection.check().unwrap_err(), error);
}

#[test]
fn a_client_of_an_unknown_authority_is_refused_even_where_it_need_not_be_anybody() {
    let (server, own, other) = (Identity::p256(), Identity::p256(), Identity::p256());
    let builder = client_builder(&server).client_certificates(list(&[&other]));
    let policy = ClientAuthentication::optional(verifier(&own));
    let (mut client, mut connection) = connect(builder, &server, policy);
    let error = exchange(&mut client, &mut connection).unwrap_err();
    assert_eq!(error.alert_sent(), Some(A::UNKNOWN_CA), "{error}");
    assert_eq!(connection.parameters().certificates, None, "nothing is known that is not proved");
}

#[test]
fn a_verifier_on_the_wrong_side_accepts_no_peer() {
    let (server, own) = (Identity::p256(), Identity::p256());
    let signatures = CryptoProvider::default().signatures;
    let for_servers = TrustAnchorVerifier::new(own.anchors(), signatures);
    let builder = client_builder(&server).client_certificates(list(&[&own]));
    let policy = ClientAuthentication::required(Arc::new(for_servers));
    let (mut client, mut connection) = connect(builder, &server, policy);
    let error = exchange(&mut client, &mut connection).unwrap_err();
    assert!(error.to_string().contains("server authentication"), "{error}");

    let builder = ClientConfig::builder(CryptoProvider::default()).verifier(verifier(&server));
    let policy = ClientAuthentication::optional(verifier(&own));
    let (mut client, mut connection) = connect(builder, &server, policy);
    let error = exchange(&mut client, &mut connection).unwrap_err();
    assert!(error.to_string().contains("client authentication"), "{error}");
}

#[test]
fn a_list_chooses_the_certificate_of_an_authority_that_the_server_names() {
    let (server, own, other) = (Identity::p256(), Identity::p256(), Identity::p256());
    for keys in [[&own, &other], [&other, &own]] {
        let builder = client_builder(&server).client_certificates(list(&keys));
        let names = own.anchors();
        let policy = ClientAuthentication::required(verifier(&own)).authorities(names.subjects());
        let (mut client, mut connection) = connect(builder, &server, policy);
        exchange(&mut client, &mut connection).unwrap();
        assert_eq!(connection.parameters().certificates.as_deref(), Some(&own.chain[..]));
    }
}

#[test]
fn a_list_has_nothing_for_a_filter_that_its_certificates_do_not_match() {
    // An extended key usage: the certificate has none.
    let filter = OidFilter { identifier: &[6, 3, 0x55, 0x1d, 37], values: &[0x30, 2, 6, 0] };
    let (server, own) = (Identity::p256(), Identity::p256());
    let builder = client_builder(&server).client_certificates(list(&[&own]));
    let policy = ClientAuthentication::optional(verifier(&own));
    let policy = policy.oid_filters([filter]);
    let (mut client, mut connection) = connect(builder, &server, policy);
    exchange(&mut client, &mut connection).unwrap();
    assert_eq!(connection.parameters().certificates, None);
}

/// A certificate whose key is somewhere else.
fn key_elsewhere(identity: &Identity) -> CertifiedKey {
    let schemes = vec![SignatureScheme::ECDSA_SECP256R1_SHA256];
    CertifiedKey::new(identity.chain.clone(), KeySource::Remote { schemes }).unwrap()
}

/// Answers the open question of either side as an honest and trusting user would.
fn answer_one(ends: [&mut Connection; 2], own: &Identity) -> Option<&'static str> {
    for end in ends {
        let (Some(number), Some(question)) = (end.question_number(), end.question()) else {
            continue;
        };
        let name = question.name();
        let answer = match question {
            Question::ChooseClientCertificate(question) => {
                let request = question.request().unwrap();
                assert!(request.signature_algorithms.is_some());
                Answer::ClientCertificate(Some(Arc::new(key_elsewhere(own))))
            }
            Question::Sign(sign) => {
                let key = signing_key(&own.key).unwrap();
                Answer::Signature(key.sign(sign.scheme, &sign.message))
            }
            Question::VerifyPeer(peer) => {
                assert_eq!(peer.server_name, None);
                Answer::Peer(Ok(()))
            }
            other => panic!("{other:?}"),
        };
        end.answer(number, answer).unwrap();
        return Some(name);
    }
    None
}

const QUESTIONS: [&str; 3] = ["choose client certificate", "sign", "verify peer"];

#[test]
fn the_certificate_its_signature_and_the_verdict_can_come_later() {
    let (server, own) = (Identity::p256(), Identity::p256());
    let builder = client_builder(&server).client_certificates(Arc::new(AnswerLater));
    let policy = ClientAuthentication::required(Arc::new(AnswerLater));
    let (mut client, mut connection) = connect(builder, &server, policy);
    let mut asked = Vec::new();
    loop {
        exchange(&mut client, &mut connection).unwrap();
        let Some(name) = answer_one([&mut client, &mut connection], &own) else { break };
        asked.push(name);
    }
    assert_eq!(asked, QUESTIONS);
    assert_eq!(connection.parameters().certificates.as_deref(), Some(&own.chain[..]));
    assert_eq!(deliver(&mut client, &mut connection).unwrap(), b"data");
}

#[test]
fn a_client_whose_answer_is_no_certificate_has_no_identity() {
    let (server, own) = (Identity::p256(), Identity::p256());
    let raw = own.certified_key();
    let raw = {
        let end_entity = handclasp::certificate::EndEntity::parse(&raw.chain()[0]).unwrap();
        let spki = end_entity.subject_public_key_info().to_vec();
        CertifiedKey::raw_public_key(spki, raw.key().clone()).unwrap()
    };
    let foreign = KeySource::Remote { schemes: vec![SignatureScheme(0x0a0a)] };
    let foreign = CertifiedKey::new(own.chain.clone(), foreign).unwrap();
    for choice in [None, Some(raw), Some(foreign)] {
        let builder = client_builder(&server).client_certificates(Arc::new(AnswerLater));
        let policy = ClientAuthentication::optional(verifier(&own));
        let (mut client, mut connection) = connect(builder, &server, policy);
        exchange(&mut client, &mut connection).unwrap();
        handclasp_testing::answer(&mut client, Answer::ClientCertificate(choice.map(Arc::new)))
            .unwrap();
        exchange(&mut client, &mut connection).unwrap();
        assert!(!connection.is_handshaking());
        assert_eq!(connection.parameters().certificates, None);
    }
}

#[test]
fn a_client_with_a_pre_shared_key_is_not_asked_in_the_handshake_or_later() {
    let (server, own) = (Identity::p256(), Identity::p256());
    let secret = handclasp_testing::pre_shared_secret();
    let key = PreSharedKey::external(b"name", &secret).unwrap();
    let builder = client_builder(&server)
        .client_certificates(list(&[&own]))
        .post_handshake_authentication(true)
        .pre_shared_keys(vec![key.clone()]);
    let config = ServerConfig::builder(CryptoProvider::default())
        .client_authentication(ClientAuthentication::required(verifier(&own)))
        .pre_shared_keys(Arc::new(PskList::new(vec![key])));
    let config = Arc::new(config.build(list(&[&server])).unwrap());
    let mut client = ClientConnection::new(Arc::new(builder.build().unwrap()), server_name());
    let mut connection = ServerConnection::new(config);
    exchange(&mut client, &mut connection).unwrap();
    assert!(connection.parameters().pre_shared_key.is_some());
    assert_eq!(connection.parameters().certificates, None);
    let error = connection.request_client_certificate().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
    assert_eq!(deliver(&mut client, &mut connection).unwrap(), b"data");
}

/// A client and a server that asks later; both connected.
fn connected_for_later(
    own: &Identity,
    allow: bool,
    builder: impl FnOnce(ClientConfigBuilder) -> ClientConfigBuilder,
) -> (ClientConnection, ServerConnection) {
    let server = Identity::p256();
    let client = client_builder(&server).post_handshake_authentication(allow);
    let policy = ClientAuthentication::post_handshake(verifier(own));
    let (mut client, mut connection) = connect(builder(client), &server, policy);
    exchange(&mut client, &mut connection).unwrap();
    assert_eq!(connection.parameters().certificates, None);
    (client, connection)
}

#[test]
fn a_client_shows_its_certificate_after_the_handshake_as_often_as_it_is_asked() {
    let own = Identity::p256();
    let with_list = |builder: ClientConfigBuilder| builder.client_certificates(list(&[&own]));
    let (mut client, mut server) = connected_for_later(&own, true, with_list);
    for round in 0..3 {
        server.request_client_certificate().unwrap();
        server.request_client_certificate().unwrap();
        assert_eq!(server.open_certificate_requests(), 2);
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(server.open_certificate_requests(), 0);
        assert_eq!(server.parameters().certificates.as_deref(), Some(&own.chain[..]));
        assert_eq!(deliver(&mut client, &mut server).unwrap(), b"data", "{round}");
        // The answer's Finished is under the key of its time.
        client.update_keys(true).unwrap();
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(deliver(&mut server, &mut client).unwrap(), b"data");
    }
}

#[test]
fn answers_that_were_asked_for_are_no_flood() {
    let own = Identity::p256();
    let with_list = |builder: ClientConfigBuilder| builder.client_certificates(list(&[&own]));
    let (mut client, mut server) = connected_for_later(&own, true, with_list);
    for _ in 0..3 {
        for _ in 0..8 {
            server.request_client_certificate().unwrap();
        }
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(server.open_certificate_requests(), 0);
    }
}

#[test]
fn a_client_without_a_certificate_after_the_handshake_has_no_identity() {
    let own = Identity::p256();
    let (mut client, mut server) = connected_for_later(&own, true, |builder| builder);
    server.request_client_certificate().unwrap();
    exchange(&mut client, &mut server).unwrap();
    assert_eq!(server.open_certificate_requests(), 0);
    assert_eq!(server.parameters().certificates, None);
    assert_eq!(deliver(&mut client, &mut server).unwrap(), b"data");
}

#[test]
fn a_server_cannot_ask_a_client_that_did_not_offer_it_nor_without_end() {
    let own = Identity::p256();
    let (mut client, mut server) = connected_for_later(&own, false, |builder| builder);
    let error = server.request_client_certificate().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
    assert_eq!(deliver(&mut client, &mut server).unwrap(), b"data");

    let (_, mut server) = connected_for_later(&own, true, |builder| builder);
    for _ in 0..8 {
        server.request_client_certificate().unwrap();
    }
    let error = server.request_client_certificate().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
    server.check().unwrap();
}

#[test]
fn answers_that_the_server_does_not_read_do_not_pile_up_without_end() {
    let (server, own) = (Identity::p256(), Identity::p256());
    let builder = client_builder(&server).post_handshake_authentication(true);
    let builder = builder.client_certificates(list(&[&own]));
    let policy = ClientAuthentication::post_handshake(verifier(&own));
    let config = ServerConfig::builder(CryptoProvider::default()).client_authentication(policy);
    let mut limits = Limits::DEFAULT;
    limits.certificate_requests = usize::MAX;
    let config = config.limits(limits).build(list(&[&server])).unwrap();
    let mut client = ClientConnection::new(Arc::new(builder.build().unwrap()), server_name());
    let mut server = ServerConnection::new(Arc::new(config));
    exchange(&mut client, &mut server).unwrap();
    let mut ask = || {
        server.request_client_certificate().unwrap();
        deliver(&mut server, &mut client).map(|_| client.outgoing().len())
    };
    let (count, error) = (0..1000).find_map(|count| Some((count, ask().err()?))).unwrap();
    assert!(count > 50, "{count}");
    let outgoing = ErrorKind::LimitExceeded { name: "outgoing", limit: Limits::DEFAULT.outgoing };
    assert_eq!(error.kind(), &outgoing);
    // And the answer that was one too many.
    let most = Limits::DEFAULT.outgoing + Limits::DEFAULT.certificate_message;
    assert!(client.outgoing().len() < most + 5_000, "{}", client.outgoing().len());
}

/// Keeps the contexts of the requests that came, and the results of answers.
#[derive(Clone, Default)]
struct Watcher(Arc<Mutex<Seen>>);

#[derive(Clone, Default)]
struct Seen {
    contexts: Vec<Vec<u8>>,
    answers: Vec<bool>,
}

impl Observer for Watcher {
    fn event(&mut self, event: &Event<'_>) {
        let mut seen = self.0.lock().unwrap();
        match event {
            Event::MessageSent(_, message)
                if message.kind == HandshakeType::CERTIFICATE_REQUEST =>
            {
                let length = usize::from(message.body[0]);
                seen.contexts.push(message.body[1..1 + length].to_vec());
            }
            Event::PostHandshakeAuthentication(shown) => seen.answers.push(*shown),
            _ => {}
        }
    }
}

#[test]
fn each_request_has_a_context_of_its_own_and_the_observer_hears_of_each_answer() {
    let (server, own) = (Identity::p256(), Identity::p256());
    let client = client_builder(&server)
        .post_handshake_authentication(true)
        .client_certificates(list(&[&own]));
    let config = ServerConfig::builder(CryptoProvider::default())
        .client_authentication(ClientAuthentication::required(verifier(&own)))
        .build(list(&[&server]));
    let watcher = Watcher::default();
    let mut options = Options::default();
    options.observer = Some(Box::new(watcher.clone()));
    let mut client = ClientConnection::new(Arc::new(client.build().unwrap()), server_name());
    let mut server = ServerConnection::with_options(Arc::new(config.unwrap()), options);
    exchange(&mut client, &mut server).unwrap();
    for _ in 0..5 {
        server.request_client_certificate().unwrap();
    }
    exchange(&mut client, &mut server).unwrap();
    let Seen { mut contexts, answers } = watcher.0.lock().unwrap().clone();
    assert_eq!(answers, [true; 5]);
    assert!(contexts[0].is_empty(), "that of the handshake");
    assert!(contexts[1..].iter().all(|context| context.len() == 32));
    contexts.sort();
    contexts.dedup();
    assert_eq!(contexts.len(), 6);
}

#[test]
fn answers_after_the_handshake_can_come_later_and_data_flow_meanwhile() {
    let (server, own) = (Identity::p256(), Identity::p256());
    let builder = client_builder(&server)
        .post_handshake_authentication(true)
        .client_certificates(Arc::new(AnswerLater));
    let policy = ClientAuthentication::post_handshake(Arc::new(AnswerLater));
    let (mut client, mut connection) = connect(builder, &server, policy);
    exchange(&mut client, &mut connection).unwrap();
    connection.request_client_certificate().unwrap();
    let mut asked = Vec::new();
    loop {
        exchange(&mut client, &mut connection).unwrap();
        if connection.question().is_none() {
            // Nothing of the answer was sent: no data can come between its messages.
            assert_eq!(deliver(&mut client, &mut connection).unwrap(), b"data");
        }
        let Some(name) = answer_one([&mut client, &mut connection], &own) else { break };
        asked.push(name);
        let proved = connection.parameters().certificates.is_some();
        assert_eq!(proved, asked.len() == 3, "the proof has come with what was verified");
    }
    assert_eq!(asked, QUESTIONS);
    assert_eq!(connection.parameters().certificates.as_deref(), Some(&own.chain[..]));
    assert_eq!(deliver(&mut connection, &mut client).unwrap(), b"data");
}

#[test]
fn a_client_refused_after_the_handshake_loses_the_connection() {
    let (own, other) = (Identity::p256(), Identity::p256());
    let with_list = |builder: ClientConfigBuilder| builder.client_certificates(list(&[&other]));
    let (mut client, mut server) = connected_for_later(&own, true, with_list);
    server.request_client_certificate().unwrap();
    let error = exchange(&mut client, &mut server).unwrap_err();
    assert_eq!(error.alert_sent(), Some(A::UNKNOWN_CA), "{error}");
    assert_eq!(server.parameters().certificates, None);
    assert_eq!(server.write(b"data").unwrap_err(), error);
}

#[test]
fn a_client_that_has_closed_answers_no_more() {
    let own = Identity::p256();
    let with_list = |builder: ClientConfigBuilder| builder.client_certificates(list(&[&own]));
    let (mut client, mut server) = connected_for_later(&own, true, with_list);
    server.request_client_certificate().unwrap();
    client.close();
    let closed = client.outgoing().len();
    let mut request = server.outgoing().to_vec();
    client.receive(&mut request).unwrap();
    assert_eq!(client.outgoing().len(), closed, "close_notify is the last word");
}

#[test]
fn a_client_cannot_ask_for_certificates() {
    use handclasp::handshake::Handshake;
    use handclasp::pki_types::UnixTime;
    let identity = Identity::p256();
    let mut handshake = Handshake::client(identity.client_config(), server_name(), UnixTime::now());
    let error = handshake.request_client_certificate().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
    assert_eq!(handshake.side(), Side::Client);
}

/// Keeps the time that it was given.
#[derive(Debug, Default)]
struct VerifiedAt(Mutex<Option<UnixTime>>);

impl PeerVerifier for VerifiedAt {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        *self.0.lock().unwrap() = Some(peer.now);
        Reply::Now(Ok(()))
    }
}

#[test]
fn a_certificate_that_comes_later_is_verified_at_that_time() {
    let (own, identity, verifier) =
        (Identity::p256(), Identity::p256(), Arc::<VerifiedAt>::default());
    let builder = client_builder(&identity).post_handshake_authentication(true);
    let policy = ClientAuthentication::post_handshake(verifier.clone());
    let made = UnixTime::now();
    let (client, server) = connect(builder.client_certificates(list(&[&own])), &identity, policy);
    let (left, right) = pipe();
    let answering = thread::spawn(move || {
        let mut client = Stream::new(client, left);
        client.read_exact(&mut [0; 3]).unwrap();
        client.write_all(b"done").unwrap();
    });
    let mut server = Stream::new(server, right);
    server.handshake().unwrap();
    thread::sleep(Duration::from_millis(1100));
    server.connection_mut().request_client_certificate().unwrap();
    server.write_all(b"ask").unwrap();
    server.read_exact(&mut [0; 4]).unwrap();
    answering.join().unwrap();
    let at = verifier.0.lock().unwrap().unwrap();
    assert!(at > made, "{at:?}");
}
