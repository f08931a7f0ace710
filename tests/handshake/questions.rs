//! Questions have numbers: an answer that comes twice, or too late, changes nothing.

use std::sync::Arc;

use handclasp::config::ConfigChoice;
use handclasp::connection::Received;
use handclasp::credential::KeySource;
use handclasp::crypto::{CryptoProvider, signing_key};
use handclasp::handshake::{Answer, Question, QuestionNumber};
use handclasp::transport::memory::exchange;
use handclasp::verify::ClientAuthentication;
use handclasp::{
    AnswerLater, CertifiedKey, ClientConfig, ClientConnection, Connection, Error, ErrorKind,
    ServerConfig, ServerConnection,
};
use handclasp_testing::asked_later::{self, InTurn};
use handclasp_testing::{Identity, deliver_outgoing, server_name};

fn key_elsewhere(identity: &Identity) -> Arc<CertifiedKey> {
    let schemes = signing_key(&identity.key).unwrap().schemes().to_vec();
    let key = KeySource::Remote { schemes };
    Arc::new(CertifiedKey::new(identity.chain.clone(), key).unwrap())
}

/// A client and a server that decide nothing at once.
fn asking_ends() -> (ClientConnection, ServerConnection) {
    let client = ClientConfig::builder(CryptoProvider::default())
        .verifier(Arc::new(AnswerLater))
        .client_certificates(Arc::new(AnswerLater))
        .build()
        .unwrap();
    let server = ServerConfig::builder(CryptoProvider::default())
        .client_authentication(ClientAuthentication::required(Arc::new(AnswerLater)))
        .config_resolver(Arc::new(AnswerLater))
        .build(Arc::new(AnswerLater))
        .unwrap();
    let client = ClientConnection::new(Arc::new(client), server_name());
    (client, ServerConnection::new(Arc::new(server)))
}

fn honest_answer(question: &Question, identity: &Identity) -> Answer {
    match question {
        Question::ChooseConfig(_) => Answer::Config(ConfigChoice::Keep),
        Question::ChooseCertificate(_) => Answer::Certificate(Ok(key_elsewhere(identity))),
        Question::ChooseClientCertificate(_) => {
            Answer::ClientCertificate(Some(key_elsewhere(identity)))
        }
        Question::Sign(sign) => {
            let key = signing_key(&identity.key).unwrap();
            Answer::Signature(key.sign(sign.scheme, &sign.message))
        }
        Question::VerifyPeer(_) => Answer::Peer(Ok(())),
        other => panic!("{other:?}"),
    }
}

fn assert_misuse(result: Result<(), Error>) {
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
    assert_eq!(error.alert_sent(), None);
}

/// Answers the open question, after each answer to another number was refused. Returns its name.
fn answer_one(end: &mut Connection, identity: &Identity) -> Option<&'static str> {
    let (number, question) = (end.question_number()?, end.question()?);
    let (name, answer) = (question.name(), honest_answer(question, identity));
    for other in [0, number.0 - 1, number.0 + 1, u64::MAX] {
        for wrong in [answer.clone(), Answer::Unavailable("a reason".into())] {
            assert_misuse(end.answer(QuestionNumber(other), wrong));
        }
    }
    assert_eq!(end.check(), Ok(()));
    assert_eq!(end.question_number(), Some(number));
    assert_eq!(end.question().unwrap().name(), name);
    end.answer(number, answer.clone()).unwrap();
    assert_misuse(end.answer(number, answer));
    assert!(end.question_number().is_none_or(|next| next > number), "a number is used once");
    Some(name)
}

#[test]
fn an_answer_to_another_number_changes_nothing_at_any_question() {
    let identity = Identity::p256();
    let (mut client, mut server) = asking_ends();
    assert_misuse(server.answer(QuestionNumber(0), Answer::Peer(Ok(()))));
    assert_misuse(server.answer(QuestionNumber(1), Answer::Peer(Ok(()))));
    let (mut by_client, mut by_server) = (Vec::new(), Vec::new());
    loop {
        exchange(&mut client, &mut server).unwrap();
        let (one, two) = (answer_one(&mut client, &identity), answer_one(&mut server, &identity));
        if one.is_none() && two.is_none() {
            break;
        }
        by_client.extend(one);
        by_server.extend(two);
    }
    assert_eq!(by_client, ["verify peer", "choose client certificate", "sign"]);
    assert_eq!(by_server, ["choose configuration", "choose certificate", "sign", "verify peer"]);
    assert!(!client.is_handshaking() && !server.is_handshaking());
}

#[test]
fn after_a_failure_every_answer_gets_the_first_error() {
    let (mut client, mut server) = asking_ends();
    exchange(&mut client, &mut server).unwrap();
    let number = server.question_number().unwrap();
    let reason = || Answer::Unavailable("the device is unplugged".into());
    let error = server.answer(number, reason()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unanswered { .. }));
    assert_eq!(server.question_number(), None);
    for other in [number, QuestionNumber(number.0 + 1)] {
        assert_eq!(server.answer(other, reason()).as_ref(), Err(&error));
    }
}

/// Gives the server what the client has sent, up to the next question.
fn receive_all(server: &mut ServerConnection, bytes: &mut Vec<u8>) {
    while !bytes.is_empty() {
        let (consumed, received) = server.receive(bytes).unwrap();
        if received == Received::Waiting {
            return;
        }
        bytes.drain(..consumed);
    }
}

#[test]
fn a_verdict_that_comes_twice_is_not_taken_for_the_next_certificate() {
    let (identity, guest, stranger) = (Identity::p256(), Identity::p256(), Identity::p256());
    let server = asked_later::server(&identity, Arc::new(AnswerLater));
    let client = asked_later::client(&identity, InTurn::new(&[&guest, &stranger]));
    let mut client = ClientConnection::new(client, server_name());
    let mut server = ServerConnection::new(server);
    exchange(&mut client, &mut server).unwrap();
    server.request_client_certificate().unwrap();
    server.request_client_certificate().unwrap();
    // The client answers both requests, one after the other.
    let mut requests = server.outgoing().to_vec();
    server.sent(requests.len());
    while !requests.is_empty() {
        let (consumed, _) = client.receive(&mut requests).unwrap();
        requests.drain(..consumed);
    }
    let mut bytes = client.outgoing().to_vec();
    client.sent(bytes.len());

    receive_all(&mut server, &mut bytes);
    let first = server.question_number().unwrap();
    server.answer(first, Answer::Peer(Ok(()))).unwrap();
    receive_all(&mut server, &mut bytes);
    // A queue delivers the answer again.
    let second = server.question_number().unwrap();
    assert_ne!(first, second);
    assert_misuse(server.answer(first, Answer::Peer(Ok(()))));
    assert_eq!(server.question_number(), Some(second));
    let Some(Question::VerifyPeer(peer)) = server.question() else { panic!() };
    assert_eq!(*peer.chain, *stranger.chain);
    assert_eq!(server.parameters().certificates.as_deref(), Some(&guest.chain[..]));
    server.answer(second, Answer::Peer(Ok(()))).unwrap();
    receive_all(&mut server, &mut bytes);
    assert_eq!(server.parameters().certificates.as_deref(), Some(&stranger.chain[..]));
}

#[test]
fn a_client_that_has_closed_reads_on_though_it_is_asked_for_a_certificate() {
    let identity = Identity::p256();
    let client = asked_later::client(&identity, Arc::new(AnswerLater));
    let server = asked_later::server(&identity, Arc::new(AnswerLater));
    for answered in [0, 1] {
        let mut client = ClientConnection::new(client.clone(), server_name());
        let mut server = ServerConnection::new(server.clone());
        exchange(&mut client, &mut server).unwrap();
        server.request_client_certificate().unwrap();
        deliver_outgoing(&mut server, &mut client).unwrap();
        for _ in 0..answered {
            let number = client.question_number().unwrap();
            let answer = honest_answer(client.question().unwrap(), &identity);
            client.answer(number, answer).unwrap();
        }
        let open = client.question_number().unwrap();
        client.close();
        assert_misuse(client.answer(open, Answer::Unavailable("too late".into())));
        // One more request, and a KeyUpdate, come before the data.
        server.request_client_certificate().unwrap();
        server.update_keys(false).unwrap();
        server.write(b"the last data").unwrap();
        server.close();
        assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"the last data");
        assert!(client.peer_has_closed() && client.check().is_ok());
    }
}

#[test]
fn what_waits_behind_a_question_stays_with_its_sender_in_an_exchange() {
    let identity = Identity::p256();
    let server = asked_later::server(&identity, Arc::new(AnswerLater));
    let client = asked_later::client(&identity, InTurn::new(&[&identity]));
    let mut client = ClientConnection::new(client, server_name());
    let mut server = ServerConnection::new(server);
    exchange(&mut client, &mut server).unwrap();
    server.request_client_certificate().unwrap();
    exchange(&mut client, &mut server).unwrap();
    client.write(b"data").unwrap();
    exchange(&mut client, &mut server).unwrap();
    assert!(!client.outgoing().is_empty(), "the data wait");
    handclasp_testing::answer(&mut server, Answer::Peer(Ok(()))).unwrap();
    exchange(&mut client, &mut server).unwrap();
    assert!(client.outgoing().is_empty());
    client.close();
    exchange(&mut client, &mut server).unwrap();
    assert!(server.peer_has_closed());
}
