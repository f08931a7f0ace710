//! What goes on after a hand-over: key updates, messages, alerts and limits of a connection whose records are protected
//! elsewhere.

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::connection::{Received, RecordStep};
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Answer;
use handclasp::record::next_record;
use handclasp::registry::ContentType;
use handclasp::verify::ClientAuthentication;
use handclasp::{AnswerLater, ClientConfig, ClientConnection, Error, ErrorKind, ServerConfig};
use handclasp_testing::sessions::Pair;
use handclasp_testing::taken_over::{OwnRecords, TakenOver};
use handclasp_testing::{Identity, deliver_outgoing, take_outgoing};

use crate::into_secrets::{connected, connected_with};

/// A server that was taken over, and the client.
fn server_taken_over() -> (ClientConnection, TakenOver) {
    let (client, server) = connected(&CryptoProvider::default());
    (client, TakenOver::new(server.into_secrets().unwrap(), Vec::new()))
}

#[test]
fn a_key_update_is_sent_under_the_key_before_it() {
    let (_, mut server) = server_taken_over();
    server.post_handshake.update_keys(true).unwrap();
    server.do_steps();
    assert_eq!(server.steps, "sw");
    assert_eq!(server.write.sequence, 0);
}

#[test]
fn the_answer_to_a_key_update_that_came_before_is_the_first_step() {
    let (mut client, mut server) = connected(&CryptoProvider::default());
    client.update_keys(true).unwrap();
    deliver_outgoing(&mut client, &mut server).unwrap();
    assert!(server.outgoing().is_empty(), "it is sent before the next data");
    let mut server = TakenOver::new(server.into_secrets().unwrap(), Vec::new());
    server.write(b"words");
    assert_eq!(server.steps, "sw");
    let mut bytes = server.take_outgoing();
    let (update, received) = client.receive(&mut bytes).unwrap();
    assert_eq!(received, Received::Handled);
    let (_, received) = client.receive(&mut bytes[update..]).unwrap();
    assert_eq!(received, Received::Data(&mut b"words".to_vec()));
}

#[test]
fn many_requests_of_key_updates_get_one_answer() {
    let (mut client, mut server) = server_taken_over();
    for _ in 0..8 {
        client.update_keys(true).unwrap();
        client.update_keys(false).unwrap();
    }
    let mut bytes = take_outgoing(&mut client);
    let mut updates = 0;
    while let Some(length) = next_record(&bytes).unwrap() {
        let record: Vec<u8> = bytes.drain(..length).collect();
        let (content_type, mut content) = server.read.open(&record).unwrap();
        let received = server.post_handshake.receive(content_type, &mut content).unwrap();
        assert_eq!(received, Received::Handled);
        let Some(RecordStep::ReadKeys(keys)) = server.post_handshake.next_step() else { panic!() };
        server.read = OwnRecords::new(&keys);
        updates += 1;
    }
    assert_eq!(updates, 16);
    server.do_steps();
    assert_eq!(server.steps, "sw");
}

#[test]
fn of_requests_with_data_between_them_one_is_answered_for_each_data_of_this_side() {
    let (mut client, mut server) = server_taken_over();
    // An honest peer has one request open at a time.
    let flood = |server: &mut TakenOver| {
        for _ in 0..100 {
            let (request, data) = (&mut [24, 0, 0, 1, 1], &mut [b'x']);
            server.post_handshake.receive(ContentType::HANDSHAKE, request).unwrap();
            server.do_steps();
            server.post_handshake.receive(ContentType::APPLICATION_DATA, data).unwrap();
            server.do_steps();
        }
        server.steps.matches("sw").count()
    };
    assert_eq!(flood(&mut server), 1, "the first is answered at once");
    assert_eq!(flood(&mut server), 1);
    // What is left is answered before the data, and the first one after them at once.
    server.write(b"words");
    assert!(server.steps.ends_with("sw"), "{}", server.steps);
    assert_eq!(flood(&mut server), 3);

    let mut bytes = server.take_outgoing();
    let mut received_data = Vec::new();
    let mut unread = &mut bytes[..];
    while !unread.is_empty() {
        let (taken, received) = client.receive(unread).unwrap();
        if let Received::Data(data) = received {
            received_data.extend_from_slice(data);
        }
        unread = &mut unread[taken..];
    }
    assert_eq!(received_data, b"words");
}

#[test]
fn no_data_are_sent_after_a_close_or_a_failure() {
    let (_, mut server) = server_taken_over();
    server.post_handshake.close();
    let error = server.post_handshake.before_data().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");

    let (_, mut server) = server_taken_over();
    let failure = server.post_handshake.abort(AlertDescription::ACCESS_DENIED, "a reason");
    assert_eq!(server.post_handshake.before_data(), Err(failure));
}

#[test]
fn what_records_may_not_contain_gets_its_alert() {
    const DATA: ContentType = ContentType::APPLICATION_DATA;
    const HANDSHAKE: ContentType = ContentType::HANDSHAKE;
    let long = vec![0; (1 << 14) + 1];
    let half_of_update = &[24, 0][..];
    for (contents, alert) in [
        (&[(HANDSHAKE, &[][..])][..], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(ContentType::ALERT, &[])], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(ContentType::CHANGE_CIPHER_SPEC, &[1])], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(ContentType(99), &[1])], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(HANDSHAKE, &[1, 0, 0, 0])], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(HANDSHAKE, half_of_update), (DATA, b"data")], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(HANDSHAKE, &[24, 0, 0, 1, 2])], AlertDescription::ILLEGAL_PARAMETER),
        (&[(HANDSHAKE, &[24, 0, 0, 1, 0, 24])], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(DATA, &long)], AlertDescription::RECORD_OVERFLOW),
    ] {
        let (mut client, mut server) = server_taken_over();
        let mut result: Result<(), Error> = Ok(());
        for (content_type, content) in contents {
            let mut content = content.to_vec();
            result = server.post_handshake.receive(*content_type, &mut content).map(|_| ());
        }
        let error = result.unwrap_err();
        assert_eq!(error.alert_sent(), Some(alert), "{error}");
        assert_eq!(server.post_handshake.check(), Err(error.clone()));
        let repeated = server.post_handshake.receive(DATA, &mut [1]).unwrap_err();
        assert_eq!(repeated, error);
        // The alert is sealed, and the client understands it.
        let mut bytes = server.take_outgoing();
        assert_eq!(server.steps, "s");
        let received = client.receive(&mut bytes).unwrap_err();
        assert_eq!(received.kind(), &ErrorKind::AlertReceived(alert));
    }
}

#[test]
fn alerts_and_the_end_of_the_transport_end_the_connection() {
    let (_, mut server) = server_taken_over();
    let alert = &mut [2, 49];
    let error = server.post_handshake.receive(ContentType::ALERT, alert).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::AlertReceived(AlertDescription::ACCESS_DENIED));

    let (_, mut server) = server_taken_over();
    let error = server.post_handshake.end_of_input().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Truncated);

    let (mut client, mut server) = server_taken_over();
    client.write(b"words").unwrap();
    let mut damaged = take_outgoing(&mut client);
    *damaged.last_mut().unwrap() ^= 1;
    let error = server.receive(&damaged).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::BAD_RECORD_MAC));
    let mut bytes = server.take_outgoing();
    let error = client.receive(&mut bytes).unwrap_err();
    assert_eq!(error.alert_received(), Some(AlertDescription::BAD_RECORD_MAC));
}

#[test]
fn a_flood_of_messages_ends_at_its_limit() {
    let (_, mut server) = server_taken_over();
    let update = [24, 0, 0, 1, 0];
    for _ in 0..32 {
        server.post_handshake.receive(ContentType::HANDSHAKE, &mut update.clone()).unwrap();
    }
    server.post_handshake.before_data().unwrap();
    for _ in 0..32 {
        server.post_handshake.receive(ContentType::HANDSHAKE, &mut update.clone()).unwrap();
    }
    let one_more = &mut update.clone();
    let error = server.post_handshake.receive(ContentType::HANDSHAKE, one_more);
    let limit = ErrorKind::LimitExceeded { name: "messages_without_data", limit: 32 };
    assert_eq!(error.unwrap_err().kind(), &limit);
}

#[test]
fn record_size_limits_hold_for_messages_and_data() {
    let pair = Pair::new();
    let client = pair.client_builder().record_size_limit(Some(100)).build().unwrap();
    let server = pair.finish(pair.server_builder().record_size_limit(Some(200)));
    let (client, server) = connected_with(client, server);
    let (client, server) = (client.into_secrets().unwrap(), server.into_secrets().unwrap());
    assert_eq!(client.read.max_content_length(), 99);
    assert_eq!(client.write.max_content_length(), 199);
    let (mut client, mut server) =
        (TakenOver::new(client, Vec::new()), TakenOver::new(server, Vec::new()));
    let before = pair.store.sessions().len();
    server.post_handshake.send_tickets(1).unwrap();
    let bytes = server.take_outgoing();
    assert!(server.steps.len() > 1, "a ticket has more than 99 bytes");
    client.receive(&bytes).unwrap();
    assert_eq!(pair.store.sessions().len(), before + 1);
    server.write(&[0; 100]);
    let bytes = server.take_outgoing();
    let error = client.receive(&bytes).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::RECORD_OVERFLOW));
}

#[test]
fn a_client_is_asked_for_its_certificate_after_the_hand_over_and_answers_later() {
    let (identity, of_client) = (Identity::p256(), Identity::p256());
    let key = of_client.certified_key();
    let client = ClientConfig::builder(CryptoProvider::default())
        .post_handshake_authentication(true)
        .client_certificates(Arc::new(AnswerLater));
    let client = client.trust(identity.anchors()).unwrap().build().unwrap();
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = ServerConfig::builder(CryptoProvider::default())
        .client_authentication(ClientAuthentication::post_handshake(Arc::new(AnswerLater)))
        .build(Arc::new(list))
        .unwrap();
    let (client, server) = connected_with(client, Arc::new(server));
    let mut client = TakenOver::new(client.into_secrets().unwrap(), Vec::new());
    let mut server = TakenOver::new(server.into_secrets().unwrap(), Vec::new());
    server.post_handshake.request_client_certificate().unwrap();
    let bytes = server.take_outgoing();
    client.receive(&bytes).unwrap();
    assert!(client.post_handshake.question().is_some());
    let data = &mut [1];
    let waiting = client.post_handshake.receive(ContentType::APPLICATION_DATA, data).unwrap();
    assert_eq!(waiting, Received::Waiting);
    give_answer(&mut client, Answer::ClientCertificate(Some(Arc::new(key))));
    let bytes = client.take_outgoing();
    server.receive(&bytes).unwrap();
    give_answer(&mut server, Answer::Peer(Ok(())));
    assert_eq!(server.post_handshake.open_certificate_requests(), 0);
    let shown = server.post_handshake.parameters().certificates.clone().unwrap();
    assert_eq!(shown[..], of_client.chain[..]);
}

fn give_answer(owner: &mut TakenOver, answer: Answer) {
    let number = owner.post_handshake.question_number().unwrap();
    owner.post_handshake.answer(number, answer).unwrap();
}

#[test]
fn nothing_secret_of_what_is_handed_over_is_shown() {
    let (client, _) = connected(&CryptoProvider::default());
    let secrets = client.into_secrets().unwrap();
    let shown = format!("{secrets:?}");
    for secret in [secrets.read.key(), secrets.read.iv(), secrets.write.key(), secrets.write.iv()] {
        let part: Vec<String> = secret[..4].iter().map(u8::to_string).collect();
        assert!(!shown.contains(&part.join(", ")), "{shown}");
        assert!(!shown.contains(&format!("{:02x}{:02x}{:02x}", secret[0], secret[1], secret[2])));
    }
    assert!(shown.contains("sequence: 2"), "{shown}");
}
