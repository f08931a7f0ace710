//! The alerts of both sides where a certificate is asked for after the handshake (section 4.7.2).

use std::sync::Arc;

use handclasp::alert::AlertDescription as A;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Handshake, Step};
use handclasp::pki_types::UnixTime;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::HandshakeType;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::wire::HandshakeMessage;
use handclasp::{ClientConfig, Level, ServerConfig};

use handclasp_testing::written::handshake_message;
use handclasp_testing::{Identity, server_name};

/// The handshake messages that this side has to send, each with its level.
fn take(from: &mut Handshake) -> Vec<(Level, Vec<u8>)> {
    let mut messages = Vec::new();
    while let Some(step) = from.next_step() {
        let Step::Send { level, bytes } = step else { continue };
        let mut rest = &bytes[..];
        while let Some((message, after)) = HandshakeMessage::split(rest) {
            messages.push((level, message.bytes.to_vec()));
            rest = after;
        }
    }
    messages
}

fn give(to: &mut Handshake, messages: &[(Level, Vec<u8>)]) -> Option<A> {
    for (level, bytes) in messages {
        if let Err(error) = to.receive(*level, bytes) {
            assert_eq!(to.check().unwrap_err(), error, "it stays");
            return Some(error.alert_sent().expect("every such error has an alert"));
        }
    }
    None
}

struct Ends {
    client: Handshake,
    server: Handshake,
}

impl Ends {
    /// Both connected.
    fn new(allow: bool) -> Self {
        let (own, identity) = (Identity::p256(), Identity::p256());
        let list = |identity: &Identity| {
            Arc::new(CertificateList::new(vec![Arc::new(identity.certified_key())]))
        };
        let client = ClientConfig::builder(CryptoProvider::default())
            .trust(identity.anchors())
            .unwrap()
            .post_handshake_authentication(allow)
            .client_certificates(list(&own));
        let signatures = CryptoProvider::default().signatures;
        let verifier = Arc::new(TrustAnchorVerifier::for_clients(own.anchors(), signatures));
        let policy = ClientAuthentication::post_handshake(verifier);
        let server = ServerConfig::builder(CryptoProvider::default()).client_authentication(policy);
        let now = UnixTime::now();
        let client = Handshake::client(Arc::new(client.build().unwrap()), server_name(), now);
        let server = Handshake::server(Arc::new(server.build(list(&identity)).unwrap()), now);
        let mut ends = Self { client, server };
        ends.client.start().unwrap();
        ends.exchange();
        assert!(ends.client.is_complete() && ends.server.is_complete());
        ends
    }

    fn exchange(&mut self) {
        loop {
            let (left, right) = (take(&mut self.client), take(&mut self.server));
            if left.is_empty() && right.is_empty() {
                return;
            }
            assert_eq!(give(&mut self.server, &left), None);
            assert_eq!(give(&mut self.client, &right), None);
        }
    }

    /// The server asks, and this is what the client answers.
    fn answer(&mut self) -> Vec<(Level, Vec<u8>)> {
        self.server.request_client_certificate().unwrap();
        assert_eq!(give(&mut self.client, &take(&mut self.server)), None);
        take(&mut self.client)
    }
}

fn at_application(kind: HandshakeType, body: &[u8]) -> (Level, Vec<u8>) {
    (Level::Application, handshake_message(kind, body))
}

const EMPTY_REQUEST: &[u8] = &[1, 7, 0, 0];
const REQUEST: &[u8] = &[1, 7, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3];

#[test]
fn requests() {
    let request = |body: &[u8]| at_application(HandshakeType::CERTIFICATE_REQUEST, body);
    let mut ends = Ends::new(false);
    assert_eq!(give(&mut ends.client, &[request(REQUEST)]), Some(A::UNEXPECTED_MESSAGE));
    let mut ends = Ends::new(true);
    assert_eq!(give(&mut ends.client, &[request(REQUEST)]), None);
    assert_eq!(give(&mut ends.client, &[request(EMPTY_REQUEST)]), Some(A::MISSING_EXTENSION));
    assert_eq!(give(&mut ends.server, &[request(REQUEST)]), Some(A::UNEXPECTED_MESSAGE));
}

#[test]
fn answers_without_a_request() {
    let mut ends = Ends::new(true);
    let certificate = [at_application(HandshakeType::CERTIFICATE, &[0, 0, 0, 0])];
    assert_eq!(give(&mut ends.server, &certificate), Some(A::UNEXPECTED_MESSAGE));
    // With a request open, but of another context.
    let mut ends = Ends::new(true);
    ends.server.request_client_certificate().unwrap();
    assert_eq!(give(&mut ends.server, &certificate), Some(A::ILLEGAL_PARAMETER));
    // The header alone of what is no answer.
    let mut ends = Ends::new(true);
    ends.server.request_client_certificate().unwrap();
    let header = [(Level::Application, vec![4, 0, 0x80, 0])];
    assert_eq!(give(&mut ends.server, &header), Some(A::UNEXPECTED_MESSAGE));
}

#[test]
fn an_answer_counts_once() {
    let mut ends = Ends::new(true);
    let answer = ends.answer();
    assert_eq!(give(&mut ends.server, &answer), None);
    assert!(ends.server.parameters().certificates.is_some());
    ends.server.request_client_certificate().unwrap();
    assert_eq!(give(&mut ends.server, &answer), Some(A::ILLEGAL_PARAMETER));
}

#[test]
fn answers_in_which_something_is_changed_or_left_out() {
    let kinds =
        [HandshakeType::CERTIFICATE, HandshakeType::CERTIFICATE_VERIFY, HandshakeType::FINISHED];
    for (left_out, kind) in kinds.into_iter().enumerate() {
        let mut ends = Ends::new(true);
        let mut answer = ends.answer();
        assert_eq!(answer[left_out].1[0], kind.0);
        answer.remove(left_out);
        answer.push(at_application(HandshakeType::KEY_UPDATE, &[0]));
        assert_eq!(give(&mut ends.server, &answer), Some(A::UNEXPECTED_MESSAGE), "{kind}");
        assert!(ends.server.parameters().certificates.is_none());
    }
    for changed in [1, 2] {
        let mut ends = Ends::new(true);
        let mut answer = ends.answer();
        *answer[changed].1.last_mut().unwrap() ^= 1;
        assert_eq!(give(&mut ends.server, &answer), Some(A::DECRYPT_ERROR));
        assert!(ends.server.parameters().certificates.is_none());
    }
}

#[test]
fn nothing_comes_between_the_messages_of_an_answer() {
    for messages in [1, 2] {
        for intruder in [HandshakeType::KEY_UPDATE, HandshakeType::CERTIFICATE] {
            let mut ends = Ends::new(true);
            let answer = ends.answer();
            assert_eq!(give(&mut ends.server, &answer[..messages]), None);
            assert!(ends.server.has_partial_message(), "so that no data are taken either");
            assert!(ends.server.parameters().certificates.is_none(), "nothing is proved yet");
            let intruder = at_application(intruder, &[0]);
            assert_eq!(give(&mut ends.server, &[intruder]), Some(A::UNEXPECTED_MESSAGE));
        }
    }
}

#[test]
fn a_signature_for_one_request_is_none_for_another() {
    let mut ends = Ends::new(true);
    let (mut one, other) = (ends.answer(), ends.answer());
    one[1] = other[1].clone();
    assert_eq!(give(&mut ends.server, &one), Some(A::DECRYPT_ERROR));
}

#[test]
fn answers_may_come_in_any_order_and_in_one_piece() {
    let mut ends = Ends::new(true);
    let (one, other) = (ends.answer(), ends.answer());
    let all: Vec<u8> = other.into_iter().chain(one).flat_map(|(_, bytes)| bytes).collect();
    assert_eq!(ends.server.open_certificate_requests(), 2);
    assert_eq!(give(&mut ends.server, &[(Level::Application, all)]), None);
    assert_eq!(ends.server.open_certificate_requests(), 0);
    assert!(!ends.server.has_partial_message());
}

#[test]
fn an_answer_may_come_in_pieces_and_nothing_else_may_wait_for_its_rest() {
    let mut ends = Ends::new(true);
    let answer: Vec<u8> = ends.answer().into_iter().flat_map(|(_, bytes)| bytes).collect();
    for byte in answer {
        assert_eq!(give(&mut ends.server, &[(Level::Application, vec![byte])]), None);
    }
    assert!(ends.server.parameters().certificates.is_some());

    for kind in [HandshakeType::CERTIFICATE_VERIFY, HandshakeType::FINISHED] {
        let mut ends = Ends::new(true);
        ends.answer();
        let header = (Level::Application, vec![kind.0, 0, 0, 32]);
        assert_eq!(give(&mut ends.server, &[header]), Some(A::UNEXPECTED_MESSAGE), "{kind}");
    }
}

#[test]
fn a_request_beside_a_pre_shared_key_is_refused() {
    // Section 4.4.2: neither in place of the server's Finished, nor where its certificate would be.
    let identity = Identity::p256();
    let secret = handclasp_testing::pre_shared_secret();
    let key = PreSharedKey::external(b"name", &secret).unwrap();
    let client = ClientConfig::builder(CryptoProvider::default())
        .trust(identity.anchors())
        .unwrap()
        .pre_shared_keys(vec![key.clone()]);
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = ServerConfig::builder(CryptoProvider::default())
        .pre_shared_keys(Arc::new(PskList::new(vec![key])))
        .build(Arc::new(list));
    let now = UnixTime::now();
    let mut client = Handshake::client(Arc::new(client.build().unwrap()), server_name(), now);
    let mut server = Handshake::server(Arc::new(server.unwrap()), now);
    client.start().unwrap();
    assert_eq!(give(&mut server, &take(&mut client)), None);
    let flight = take(&mut server);
    assert_eq!(flight.len(), 3, "ServerHello, EncryptedExtensions, Finished");
    assert_eq!(give(&mut client, &flight[..2]), None);
    let body = &[0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    let request = handshake_message(HandshakeType::CERTIFICATE_REQUEST, body);
    let answer = give(&mut client, &[(Level::Handshake, request)]);
    assert_eq!(answer, Some(A::UNEXPECTED_MESSAGE));
}
