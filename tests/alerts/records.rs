//! The alerts of either side to records: section 5, and the places of messages in them.

use std::sync::Arc;

use handclasp::alert::AlertDescription as A;
use handclasp::config::{ConfigChoice, Limits};
use handclasp::cookie::HmacCookies;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, Handshake, Question, Side, Step};
use handclasp::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use handclasp::record::{MAX_PLAINTEXT_LENGTH, RecordError};
use handclasp::registry::ContentType;
use handclasp::transport::memory::exchange;
use handclasp::wire::ClientHello;
use handclasp::{
    AnswerLater, CertifiedKey, ClientConnection, Error, ErrorKind, Level, ServerConfig,
    ServerConnection,
};

use handclasp_testing::deterministic::Scenario::{Cookie, Plain, Retry};
use handclasp_testing::deterministic::{
    AnyConnection, CERTIFICATE, KEY, connection, deliver, now, raw, record_flights,
};
use handclasp_testing::forge::Forger;
use handclasp_testing::message::received_by;
use handclasp_testing::written::record;
use handclasp_testing::{Identity, answer, server_name, take_outgoing};

const CHANGE_CIPHER_SPEC: ContentType = ContentType::CHANGE_CIPHER_SPEC;
const ALERT: ContentType = ContentType::ALERT;
const HANDSHAKE: ContentType = ContentType::HANDSHAKE;
const APPLICATION_DATA: ContentType = ContentType::APPLICATION_DATA;

/// The keys that the honest server has at this level.
fn server_at(level: Level) -> Forger {
    let mut server = raw(Side::Server, Plain, None);
    for message in received_by(Side::Server, Plain) {
        server.receive(message.level, &message.bytes).unwrap();
    }
    loop {
        match server.next_step().expect("the handshake gets there") {
            Step::WriteKeys { level: at, secret } if at == level => {
                return Forger::new(secret.suite(), secret.as_bytes());
            }
            _ => {}
        }
    }
}

/// A client that has the ServerHello, and that server.
fn in_handshake() -> (AnyConnection, Forger) {
    let mut client = connection(Side::Client, Plain);
    deliver(&mut client, &record(HANDSHAKE, &received_by(Side::Client, Plain)[0].bytes)).unwrap();
    take_outgoing(&mut client);
    (client, server_at(Level::Handshake))
}

/// A client after the handshake, and its server.
fn connected() -> (AnyConnection, Forger) {
    let (mut client, mut server) = in_handshake();
    for message in &received_by(Side::Client, Plain)[1..] {
        deliver(&mut client, &server.seal(HANDSHAKE, &message.bytes)).unwrap();
    }
    assert!(!client.is_handshaking());
    take_outgoing(&mut client);
    (client, server_at(Level::Application))
}

/// An inner plaintext without padding.
fn content(kind: ContentType, content: &[u8]) -> Vec<u8> {
    [content, &[kind.0]].concat()
}

fn error(connection: &mut AnyConnection, bytes: &[u8]) -> Error {
    let error = deliver(connection, bytes).expect_err("it must be refused");
    let says_so = !connection.outgoing().is_empty();
    assert_eq!(says_so, error.alert_sent().is_some(), "{error}");
    error
}

/// The alert of a new end to these records.
fn first_words(side: Side, records: &[&[u8]]) -> Option<A> {
    let mut end = connection(side, Plain);
    take_outgoing(&mut end);
    error(&mut end, &records.concat()).alert_sent()
}

#[test]
fn unprotected_records() {
    for side in [Side::Client, Side::Server] {
        let data = record(APPLICATION_DATA, &[0; 40]);
        assert_eq!(first_words(side, &[&data]), Some(A::UNEXPECTED_MESSAGE), "no keys yet");
        for kind in [0, 19, 24, 255] {
            let unknown = record(ContentType(kind), &[0; 40]);
            assert_eq!(first_words(side, &[&unknown]), Some(A::UNEXPECTED_MESSAGE), "{kind}");
        }
        // Section 5.1.
        let long = record(HANDSHAKE, &[0; MAX_PLAINTEXT_LENGTH + 1]);
        assert_eq!(first_words(side, &[&long]), Some(A::RECORD_OVERFLOW));
        let empty = record(HANDSHAKE, &[]);
        assert_eq!(first_words(side, &[&empty]), Some(A::UNEXPECTED_MESSAGE));
        // Section 6: alerts are two bytes.
        for (length, alert) in
            [(0, A::UNEXPECTED_MESSAGE), (1, A::DECODE_ERROR), (4, A::DECODE_ERROR)]
        {
            assert_eq!(first_words(side, &[&record(ALERT, &[1; 4][..length])]), Some(alert));
        }
    }
}

/// A peer that has sent a record speaks TLS: what follows is no protocol of its own.
#[test]
fn only_what_comes_first_is_taken_for_another_protocol() {
    let request = b"GET / HTTP/1.1\r\n\r\n";
    let mut server = connection(Side::Server, Plain);
    let first = error(&mut server, request);
    assert!(matches!(first.kind(), ErrorKind::Record(RecordError::NotTls { .. })), "{first}");
    let (mut client, _) = connected();
    let later = error(&mut client, request);
    let found = ErrorKind::Record(RecordError::UnknownContentType(b'G'));
    assert_eq!(later.kind(), &found, "{later}");
}

#[test]
fn change_cipher_spec_records() {
    // Section 5.
    let good = record(CHANGE_CIPHER_SPEC, &[1]);
    assert_eq!(first_words(Side::Server, &[&good]), Some(A::UNEXPECTED_MESSAGE), "too early");
    for body in [&[][..], &[0], &[2], &[1, 1]] {
        let bad = record(CHANGE_CIPHER_SPEC, body);
        assert_eq!(first_words(Side::Client, &[&bad]), Some(A::UNEXPECTED_MESSAGE), "{body:?}");
        let (mut client, _) = in_handshake();
        assert_eq!(error(&mut client, &bad).alert_sent(), Some(A::UNEXPECTED_MESSAGE));
    }
    let (mut client, mut server) = in_handshake();
    let protected = server.seal(CHANGE_CIPHER_SPEC, &[1]);
    assert_eq!(error(&mut client, &protected).alert_sent(), Some(A::UNEXPECTED_MESSAGE));
    let (mut client, _) = connected();
    assert_eq!(error(&mut client, &good).alert_sent(), Some(A::UNEXPECTED_MESSAGE), "too late");
    let (mut client, _) = in_handshake();
    deliver(&mut client, &good).unwrap();
}

/// Section 5: where a server cannot know at once whether a change_cipher_spec comes too early, the ClientHello
/// behind it says so. A second ClientHello, with the cookie, comes after a change_cipher_spec.
#[test]
fn a_change_cipher_spec_before_the_first_client_hello_is_unexpected() {
    let identity = Identity::p256();
    let list = Arc::new(CertificateList::new(vec![Arc::new(identity.certified_key())]));
    let cookies = || Arc::new(HmacCookies::shared(&[1; 32], 30));
    let builder = || ServerConfig::builder(CryptoProvider::default());
    let keep = |_: &ClientHello<'_>| ConfigChoice::Keep;
    let with_cookies = Arc::new(builder().cookies(cookies()).build(list.clone()).unwrap());
    let chosen = move |_: &ClientHello<'_>| ConfigChoice::Use(with_cookies.clone());
    for (server, is_known_at_once) in [
        (builder(), true),
        (builder().cookies(cookies()).always_retry(true), false),
        (builder().config_resolver(Arc::new(keep)), false),
        (builder().config_resolver(Arc::new(AnswerLater)), false),
        (builder().config_resolver(Arc::new(chosen)), false),
        (builder().cookies(cookies()).config_resolver(Arc::new(keep)), false),
    ] {
        let config = Arc::new(server.build(list.clone()).unwrap());
        let mut server = ServerConnection::new(config);
        let early = server.receive(&mut record(CHANGE_CIPHER_SPEC, &[1])).map(drop);
        assert_eq!(early.is_err(), is_known_at_once);
        let mut client = ClientConnection::new(identity.client_config(), server_name());
        let mut refused = early.and_then(|()| exchange(&mut client, &mut server));
        if server.question().is_some() {
            refused = answer(&mut server, Answer::Config(ConfigChoice::Keep));
        }
        let error = refused.unwrap_err();
        let received = CHANGE_CIPHER_SPEC;
        let is_of_record = matches!(error.kind(), ErrorKind::UnexpectedRecord { received: it, .. } if *it == received);
        assert!(is_of_record, "{error}");
        assert_eq!(server.check().unwrap_err().alert_sent(), Some(A::UNEXPECTED_MESSAGE));
    }
}

#[test]
fn protected_records() {
    // Sections 5.2 and 5.4.
    for (inner, alert) in [
        (content(HANDSHAKE, &[]), A::UNEXPECTED_MESSAGE),
        (content(ALERT, &[]), A::UNEXPECTED_MESSAGE),
        (vec![HANDSHAKE.0, 0, 0, 0], A::UNEXPECTED_MESSAGE),
        (vec![0; 20], A::UNEXPECTED_MESSAGE),
        (vec![], A::UNEXPECTED_MESSAGE),
        (content(ContentType(99), &[1]), A::UNEXPECTED_MESSAGE),
        (content(APPLICATION_DATA, b"early"), A::UNEXPECTED_MESSAGE),
        (content(ALERT, &[2]), A::DECODE_ERROR),
        (content(ALERT, &[1, 90, 1, 90]), A::DECODE_ERROR),
        (content(HANDSHAKE, &[8; MAX_PLAINTEXT_LENGTH + 1]), A::RECORD_OVERFLOW),
        ([&[8, HANDSHAKE.0][..], &[0; MAX_PLAINTEXT_LENGTH]].concat(), A::RECORD_OVERFLOW),
    ] {
        let (mut client, mut server) = in_handshake();
        let start = inner.get(..4).unwrap_or(&inner).to_vec();
        let sealed = server.seal_inner(inner);
        assert_eq!(error(&mut client, &sealed).alert_sent(), Some(alert), "{start:?}");
    }
    let (mut client, mut server) = in_handshake();
    let mut forged = server.seal(HANDSHAKE, &[8, 0, 0, 2, 0, 0]);
    forged[7] ^= 1;
    assert_eq!(error(&mut client, &forged).alert_sent(), Some(A::BAD_RECORD_MAC));
    let (mut client, _) = in_handshake();
    let short = record(APPLICATION_DATA, &[0; 15]);
    assert_eq!(error(&mut client, &short).alert_sent(), Some(A::BAD_RECORD_MAC));
    let (mut client, _) = in_handshake();
    let long = record(APPLICATION_DATA, &[0; MAX_PLAINTEXT_LENGTH + 257]);
    assert_eq!(error(&mut client, &long).alert_sent(), Some(A::RECORD_OVERFLOW));
    let (mut client, _) = in_handshake();
    let plain = record(HANDSHAKE, &[8, 0, 0, 2, 0, 0]);
    assert_eq!(error(&mut client, &plain).alert_sent(), Some(A::UNEXPECTED_MESSAGE));
}

#[test]
fn nothing_stands_between_the_pieces_of_a_message() {
    // Section 5.1.
    let start = [8, 0, 0, 9, 0];
    let inner = |kind, bytes: &'static [u8]| move |server: &mut Forger| server.seal(kind, bytes);
    type Interruption = Box<dyn Fn(&mut Forger) -> Vec<u8>>;
    let interruptions: [(&str, Interruption); 3] = [
        ("change_cipher_spec", Box::new(|_| record(CHANGE_CIPHER_SPEC, &[1]))),
        ("user_canceled", Box::new(inner(ALERT, &[1, 90]))),
        ("data", Box::new(inner(APPLICATION_DATA, b"data"))),
    ];
    for (name, interruption) in interruptions {
        let (mut client, mut server) = in_handshake();
        deliver(&mut client, &server.seal(HANDSHAKE, &start)).unwrap();
        let interrupted = error(&mut client, &interruption(&mut server));
        assert_eq!(interrupted.alert_sent(), Some(A::UNEXPECTED_MESSAGE), "{name}");
    }
    let late: [(ContentType, &[u8]); 4] =
        [(APPLICATION_DATA, b"data"), (APPLICATION_DATA, b""), (ALERT, &[1, 90]), (ALERT, &[1, 0])];
    for (kind, bytes) in late {
        let (mut client, mut server) = connected();
        deliver(&mut client, &server.seal(HANDSHAKE, &[4, 0, 0, 9])).unwrap();
        let interrupted = error(&mut client, &server.seal(kind, bytes));
        assert_eq!(interrupted.alert_sent(), Some(A::UNEXPECTED_MESSAGE), "{kind} {bytes:?}");
    }
    // In the clear as well.
    let hello = &received_by(Side::Server, Plain)[0].bytes;
    let piece = record(HANDSHAKE, &hello[..20]);
    let canceled = record(ALERT, &[1, 90]);
    assert_eq!(first_words(Side::Server, &[&piece, &canceled]), Some(A::UNEXPECTED_MESSAGE));
}

#[test]
fn nothing_follows_a_message_after_which_the_keys_may_change() {
    // Section 5.1. What follows is the beginning of a message, or a whole one.
    for rest in [&[8][..], &[8, 0, 0, 2, 0, 0]] {
        let hello = [&received_by(Side::Client, Plain)[0].bytes, rest].concat();
        let answer = first_words(Side::Client, &[&record(HANDSHAKE, &hello)]);
        assert_eq!(answer, Some(A::UNEXPECTED_MESSAGE), "ServerHello");
        let hello = [&received_by(Side::Server, Plain)[0].bytes, rest].concat();
        let answer = first_words(Side::Server, &[&record(HANDSHAKE, &hello)]);
        assert_eq!(answer, Some(A::UNEXPECTED_MESSAGE), "ClientHello");
        for key_message in [&[24, 0, 0, 1, 0][..], &[24, 0, 0, 1, 1]] {
            let (mut client, mut server) = connected();
            let messages = [key_message, rest].concat();
            let refused = error(&mut client, &server.seal(HANDSHAKE, &messages));
            assert_eq!(refused.alert_sent(), Some(A::UNEXPECTED_MESSAGE), "KeyUpdate");
        }
        let (mut client, mut server) = in_handshake();
        let flight = received_by(Side::Client, Plain).split_off(1);
        let flight: Vec<u8> = flight.into_iter().flat_map(|message| message.bytes).collect();
        let refused = error(&mut client, &server.seal(HANDSHAKE, &[&flight, rest].concat()));
        assert_eq!(refused.alert_sent(), Some(A::UNEXPECTED_MESSAGE), "Finished");
    }
}

#[test]
fn nothing_follows_a_hello_that_leads_to_a_retry() {
    // The second ClientHello, or its beginning, cannot be there before it was asked for; nor can
    // the ServerHello before the second ClientHello.
    for (side, scenario) in [
        (Side::Server, Retry),
        (Side::Server, Cookie),
        (Side::Client, Retry),
        (Side::Client, Cookie),
    ] {
        let honest = received_by(side, scenario);
        for length in [1, honest[1].bytes.len()] {
            let both = [&honest[0].bytes, &honest[1].bytes[..length]].concat();
            let mut end = connection(side, scenario);
            let refused = error(&mut end, &record(HANDSHAKE, &both));
            assert_eq!(refused.alert_sent(), Some(A::UNEXPECTED_MESSAGE), "{side:?}");
        }
    }
}

/// A server that has received a ClientHello, and asks for a certificate.
fn asking() -> Handshake {
    let config = ServerConfig::builder(CryptoProvider::default()).build(Arc::new(AnswerLater));
    let handshake = Handshake::server(Arc::new(config.unwrap()), now());
    let mut server = handshake.without_records().unwrap();
    server.receive(Level::Initial, &received_by(Side::Server, Plain)[0].bytes).unwrap();
    assert!(matches!(server.question(), Some(Question::ChooseCertificate(_))));
    server
}

#[test]
fn what_came_before_an_answer_stays_under_the_keys_of_then() {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
    let key = CertifiedKey::from_der(vec![CertificateDer::from(CERTIFICATE)], &key).unwrap();
    let mut server = asking();
    server.receive(Level::Initial, &[20, 0]).unwrap();
    let number = server.question_number().unwrap();
    let refused = server.answer(number, Answer::Certificate(Ok(Arc::new(key)))).unwrap_err();
    assert_eq!(refused.alert_sent(), Some(A::UNEXPECTED_MESSAGE));
}

#[test]
fn what_waits_behind_a_question_is_limited() {
    let mut server = asking();
    let (name, limit) = ("handshake_message", Limits::DEFAULT.handshake_message);
    server.receive(Level::Initial, &vec![20; limit]).unwrap();
    let flooded = server.receive(Level::Initial, &[20]).unwrap_err();
    assert_eq!(flooded.kind(), &ErrorKind::LimitExceeded { name, limit });
}

#[test]
fn alerts_of_the_peer() {
    // Section 6.1: user_canceled means nothing; close_notify in the handshake ends it.
    let (mut client, mut server) = in_handshake();
    deliver(&mut client, &server.seal(ALERT, &[1, 90])).unwrap();
    let closed = error(&mut client, &server.seal(ALERT, &[1, 0]));
    assert_eq!(closed.kind(), &ErrorKind::ClosedInHandshake);
    // Section 6: unknown alerts are errors at any level; none is answered.
    for alert in [[2, 40], [1, 40], [1, 222], [9, 0x2a]] {
        let (mut client, mut server) = connected();
        let ended = error(&mut client, &server.seal(ALERT, &alert));
        assert_eq!(ended.alert_received(), Some(A(alert[1])));
        let mut end = connection(Side::Server, Plain);
        let ended = error(&mut end, &record(ALERT, &alert));
        assert_eq!(ended.alert_received(), Some(A(alert[1])));
    }
}

#[test]
fn data_that_are_none_are_counted_and_data_reset_the_count() {
    let (mut client, mut server) = connected();
    let padding = [&[APPLICATION_DATA.0][..], &[0; 100]].concat();
    for _ in 0..3 {
        for _ in 0..32 {
            deliver(&mut client, &server.seal(APPLICATION_DATA, b"")).unwrap();
            deliver(&mut client, &server.seal_inner(padding.clone())).unwrap();
        }
        deliver(&mut client, &server.seal(APPLICATION_DATA, b"data")).unwrap();
    }
    for _ in 0..64 {
        deliver(&mut client, &server.seal_inner(padding.clone())).unwrap();
    }
    let flooded = error(&mut client, &server.seal_inner(padding.clone()));
    let (name, limit) = ("empty_data_records", 64);
    assert_eq!(flooded.kind(), &ErrorKind::LimitExceeded { name, limit });
}

#[test]
fn messages_after_the_handshake() {
    // Sections 4.7.2 and 4.7.3.
    for (message, alert) in [
        (&[24, 0, 0, 1, 2][..], A::ILLEGAL_PARAMETER),
        (&[24, 0, 0, 0], A::DECODE_ERROR),
        (&[24, 0, 0, 2, 0, 0], A::DECODE_ERROR),
        (&[13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 8, 7], A::UNEXPECTED_MESSAGE),
        (&[20, 0, 0, 1, 0], A::UNEXPECTED_MESSAGE),
        (&[4, 0, 0, 1, 0], A::DECODE_ERROR),
        (&[0, 0, 0, 0], A::UNEXPECTED_MESSAGE),
    ] {
        let (mut client, mut server) = connected();
        let refused = error(&mut client, &server.seal(HANDSHAKE, message));
        assert_eq!(refused.alert_sent(), Some(alert), "{message:?}");
    }
    // A server takes no ticket.
    let mut server = raw(Side::Server, Plain, None);
    for message in received_by(Side::Server, Plain) {
        server.receive(message.level, &message.bytes).unwrap();
    }
    let ticket = [4, 0, 0, 14, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0];
    let refused = server.receive(Level::Application, &ticket).unwrap_err();
    assert_eq!(refused.alert_sent(), Some(A::UNEXPECTED_MESSAGE));
}

#[test]
fn unknown_extensions_of_tickets_are_ignored() {
    // Section 4.7.1; and section 4.3, for one that stands elsewhere.
    let ticket = |extension: u8| {
        let fields = [0, 0, 0, 9, 0, 0, 0, 0, 1, 7, 0, 1, 7, 0, 4, extension, extension, 0, 0];
        [&[4, 0, 0, fields.len() as u8][..], &fields].concat()
    };
    let (mut client, mut server) = connected();
    deliver(&mut client, &server.seal(HANDSHAKE, &ticket(0x77))).unwrap();
    let refused = error(&mut client, &server.seal(HANDSHAKE, &ticket(0)));
    assert_eq!(refused.alert_sent(), Some(A::ILLEGAL_PARAMETER), "server_name");
}

#[test]
fn the_record_version_is_ignored() {
    // Section 5.1.
    let (_, flight) = record_flights(Plain).swap_remove(0);
    for version in [[0, 0], [3, 0], [3, 4], [0xff, 0xff]] {
        let mut hello = flight.clone();
        hello[1..3].copy_from_slice(&version);
        let mut server = connection(Side::Server, Plain);
        assert_eq!(deliver(&mut server, &hello), Ok(hello.len()));
    }
}
