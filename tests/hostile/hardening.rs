//! What a hostile peer or a careless caller tries at the edges of a handshake.

use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription;
use handclasp::cookie::HmacCookies;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, Handshake, Side, Step};
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::UnixTime;
use handclasp::session::MemoryClientSessions;
use handclasp::transport::memory::exchange;
use handclasp::verify::ClientAuthentication;
use handclasp::wire::{
    ClientHello, HELLO_RETRY_REQUEST_RANDOM, HandshakeMessage, NewSessionTicket,
};
use handclasp::{
    AnswerLater, ClientConfig, ClientConnection, ErrorKind, Level, ServerConfig, ServerConnection,
};
use handclasp_testing::{Identity, server_name};

fn client_with_sessions(identity: &Identity) -> Arc<ClientConfig> {
    let client =
        ClientConfig::builder(CryptoProvider::default()).trust(identity.anchors()).unwrap();
    Arc::new(client.sessions(Arc::new(MemoryClientSessions::new(1))).build().unwrap())
}

fn client_hello(identity: &Identity) -> (Handshake, Vec<u8>) {
    let client = Handshake::client(identity.client_config(), server_name(), UnixTime::now());
    let mut client = client.without_records().unwrap();
    let Some(Step::Send { level: Level::Initial, bytes: hello }) = client.next_step() else {
        panic!()
    };
    (client, hello)
}

#[test]
fn bytes_of_the_old_keys_do_not_survive_an_answer_that_changes_the_keys() {
    let identity = Identity::p256();
    let config = ServerConfig::builder(CryptoProvider::default());
    let config = Arc::new(config.build(Arc::new(AnswerLater)).unwrap());
    let server = Handshake::server(config.clone(), UnixTime::now());
    let mut server = server.without_records().unwrap();
    let (_, mut hello) = client_hello(&identity);
    hello.push(20);
    let error = server.receive(Level::Initial, &hello).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MisplacedBytes(_)), "in one piece: {error}");

    let server = Handshake::server(config, UnixTime::now());
    let mut server = server.without_records().unwrap();
    hello.pop();
    server.receive(Level::Initial, &hello).unwrap();
    server.receive(Level::Initial, &[20]).unwrap();
    let answer = Answer::Certificate(Ok(Arc::new(identity.certified_key())));
    let number = server.question_number().unwrap();
    let error = server.answer(number, answer).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MisplacedBytes(_)), "in two: {error}");
}

#[test]
fn a_cookie_that_no_client_hello_has_room_for_is_refused() {
    let identity = Identity::p256();
    let (_, hello) = client_hello(&identity);
    let body = HandshakeMessage::split(&hello).unwrap().0.body;
    let length = ClientHello::parse(body).unwrap().session_id.len();
    for (cookie_length, accepted) in [(0x2000, true), (0x2001, false), (65_400, false)] {
        let (mut client, hello) = client_hello(&identity);
        let session_id = &hello[39..39 + length];
        let retry = retry_request(session_id, cookie_length);
        let result = client.receive(Level::Initial, &retry);
        assert_eq!(result.is_ok(), accepted, "{cookie_length}: {result:?}");
    }
}

#[test]
fn a_retry_with_the_start_of_another_message_behind_it_is_not_answered() {
    let identity = Identity::p256();
    let (mut client, _) = client_hello(&identity);
    let mut flight = retry_request(&[], 1);
    flight.push(2);
    let error = client.receive(Level::Initial, &flight).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MisplacedBytes(_)), "{error}");
    assert!(client.next_step().is_none(), "a second ClientHello was sent");
}

/// A HelloRetryRequest with nothing in it but a cookie.
fn retry_request(session_id: &[u8], cookie_length: usize) -> Vec<u8> {
    let two = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
    let mut extensions = vec![0, 43, 0, 2, 3, 4, 0, 44];
    extensions.extend(two(cookie_length + 2));
    extensions.extend(two(cookie_length));
    extensions.resize(extensions.len() + cookie_length, 7);
    let mut body = vec![3, 3];
    body.extend(HELLO_RETRY_REQUEST_RANDOM);
    body.push(u8::try_from(session_id.len()).unwrap());
    body.extend(session_id);
    body.extend([0x13, 0x01, 0]);
    body.extend(two(extensions.len()));
    body.extend(extensions);
    let [.., high, middle, low] = body.len().to_be_bytes();
    [vec![2, high, middle, low], body].concat()
}

#[test]
fn a_ticket_that_cannot_be_sent_is_refused_and_ends_nothing() {
    let identity = Identity::p256();
    let mut client = ClientConnection::new(client_with_sessions(&identity), server_name());
    let mut server = ServerConnection::new(identity.server_config());
    exchange(&mut client, &mut server).unwrap();
    let good = NewSessionTicket {
        lifetime: 604_800,
        age_add: 1,
        nonce: &[1],
        ticket: b"ticket",
        extensions: Default::default(),
        max_early_data_size: None,
    };
    let long = vec![0; 0x1_0000];
    for bad in [
        NewSessionTicket { lifetime: 604_801, ..good },
        NewSessionTicket { nonce: &[0; 256], ..good },
        NewSessionTicket { ticket: &[], ..good },
        NewSessionTicket { ticket: &long, ..good },
    ] {
        let error = server.send_ticket(&bad).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
        assert!(server.check().is_ok());
    }
    server.send_ticket(&good).unwrap();
    exchange(&mut client, &mut server).unwrap();

    // A client without sessions names no mode to use a ticket in.
    let (mut client, mut server) = identity.connections();
    exchange(&mut client, &mut server).unwrap();
    let error = server.send_ticket(&good).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
    server.write(b"data").unwrap();
    exchange(&mut client, &mut server).unwrap();
}

#[test]
fn nothing_comes_between_the_pieces_of_a_handshake_message() {
    let identity = Identity::p256();
    let cookies = HmacCookies::shared(&[1; 32], 30);
    // A server with cookies takes a change_cipher_spec at any time before the ClientHello.
    let config = ServerConfig::builder(CryptoProvider::default()).cookies(Arc::new(cookies));
    let config = Arc::new(config.build(Arc::new(AnswerLater)).unwrap());
    let client = ClientConnection::new(identity.client_config(), server_name());
    let hello = client.outgoing().to_vec();
    for between in [&[20, 3, 3, 0, 1, 1][..], &[21, 3, 3, 0, 2, 1, 90]] {
        let mut server = ServerConnection::new(Arc::clone(&config));
        server.receive(&mut between.to_vec()).unwrap();
        server.receive(&mut [&[22, 3, 1, 0, 10], &hello[5..15]].concat()).unwrap();
        let error = server.receive(&mut between.to_vec()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::MisplacedBytes(_)), "{error}");
    }
}

#[test]
fn an_alert_that_the_carrier_brings_ends_the_handshake() {
    // RFC 9001, section 4.8: in QUIC it comes as an error code.
    struct Seen(Arc<Mutex<Vec<String>>>);
    impl Observer for Seen {
        fn event(&mut self, event: &Event<'_>) {
            if matches!(event, Event::AlertSent(_)) {
                self.0.lock().unwrap().push(format!("{event:?}"));
            }
        }
    }
    let identity = Identity::p256();
    for (kind, received) in [
        (ErrorKind::AlertReceived(AlertDescription::HANDSHAKE_FAILURE), 0),
        (ErrorKind::Refused("the transport"), 1),
    ] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut client =
            Handshake::client(identity.client_config(), server_name(), UnixTime::now());
        client.observe(Box::new(Seen(seen.clone())));
        let mut client = client.without_records().unwrap();
        let error = client.fail(kind.into());
        assert_eq!(
            error.alert_sent().is_some(),
            received == 1,
            "an alert is no answer to an alert"
        );
        assert_eq!(error.alert_received().is_some(), received == 0);
        assert_eq!(client.receive(Level::Initial, &[2, 0, 0, 0]), Err(error.clone()));
        assert_eq!(client.fail(ErrorKind::Canceled.into()), error, "the first stays");
        assert_eq!(seen.lock().unwrap().len(), received);
    }
    assert_eq!(AlertDescription(200).to_string(), "200");
}

#[test]
fn a_client_speaks_first() {
    let identity = Identity::p256();
    let mut client = Handshake::client(identity.client_config(), server_name(), UnixTime::now());
    assert!(!client.has_begun());
    let error = client.receive(Level::Initial, &[2, 0, 0, 0]).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::UNEXPECTED_MESSAGE), "{error}");
    assert_eq!(error.alert_received(), None);
    assert_eq!(client.start(), Err(error), "it is over");
}

/// Two ends without records whose handshake is complete; either could do more after it.
fn without_records() -> [Handshake; 2] {
    let identity = Identity::p256();
    let client =
        ClientConfig::builder(CryptoProvider::default()).trust(identity.anchors()).unwrap();
    let client = Arc::new(client.post_handshake_authentication(true).build().unwrap());
    let policy = ClientAuthentication::post_handshake(Arc::new(AnswerLater));
    let server = ServerConfig::builder(CryptoProvider::default()).client_authentication(policy);
    let keys = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = Arc::new(server.build(Arc::new(keys)).unwrap());
    let client = Handshake::client(client, server_name(), UnixTime::now());
    let server = Handshake::server(server, UnixTime::now());
    let mut ends = [client, server].map(|end| end.without_records().unwrap());
    let mut quiet = 0;
    while quiet < 2 {
        let [from, to] = &mut ends;
        quiet += 1;
        while let Some(step) = from.next_step() {
            match step {
                Step::Send { level, bytes } => to.receive(level, &bytes).unwrap(),
                Step::SendChangeCipherSpec => panic!("there is no record for it"),
                _ => {}
            }
            quiet = 0;
        }
        ends.reverse();
    }
    assert!(ends.iter().all(Handshake::is_complete));
    if ends[0].side() == Side::Server {
        ends.reverse();
    }
    ends
}

#[test]
fn without_records_the_carrier_changes_the_keys() {
    // RFC 9001, section 6.
    for mut end in without_records() {
        let error = end.update_keys(true).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
        assert!(end.next_step().is_none() && end.check().is_ok());
        let error = end.receive(Level::Application, &[24, 0, 0, 1, 0]).unwrap_err();
        assert_eq!(error.alert_sent(), Some(AlertDescription::UNEXPECTED_MESSAGE));
        assert!(end.next_step().is_none(), "the keys stay");
    }
    for mut end in without_records() {
        let error = end.receive(Level::Application, &[24, 0, 0, 1]).unwrap_err();
        assert_eq!(error.alert_sent(), Some(AlertDescription::UNEXPECTED_MESSAGE), "its header");
    }
}

#[test]
fn without_records_no_certificate_is_requested_later() {
    // RFC 9001, section 4.4.
    let [mut client, mut server] = without_records();
    let error = server.request_client_certificate().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
    let request = [13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    let error = client.receive(Level::Application, &request).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::UNEXPECTED_MESSAGE));
}

#[test]
fn without_records_no_middlebox_is_misled() {
    // RFC 9001, section 8.4.
    let (_, hello) = client_hello(&Identity::p256());
    let body = HandshakeMessage::split(&hello).unwrap().0.body;
    assert_eq!(ClientHello::parse(body).unwrap().session_id, b"");
}
