//! The parameters of a connection name a peer once it was verified and has proved its key, and not
//! before: neither while the question is open, nor after a refusal.

use std::sync::Arc;

use handclasp::certificate::CertificateError;
use handclasp::credential::CertificateList;
use handclasp::handshake::{Answer, Question};
use handclasp::registry::CertificateType;
use handclasp::transport::memory::exchange;
use handclasp::verify::{ClientAuthentication, PeerIdentity, PeerVerifier, RawPublicKey};
use handclasp::{AnswerLater, ClientConnection, Connection, ErrorKind, Reply, ServerConnection};
use handclasp_testing::sessions::{Pair, append_outgoing, client, server_at, talk};
use handclasp_testing::{Identity, server_name};

/// Takes certificates and raw public keys, and answers later.
#[derive(Debug)]
struct Anything;

impl PeerVerifier for Anything {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Later
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::RAW_PUBLIC_KEY, CertificateType::X509]
    }

    fn verify_raw_public_key(&self, _: &RawPublicKey) -> Reply<Result<(), CertificateError>> {
        Reply::Later
    }
}

/// Does this end say anything about its peer?
fn shows(end: &Connection) -> bool {
    let parameters = end.parameters();
    let staples =
        parameters.ocsp_response.is_some() || !parameters.signed_certificate_timestamps.is_empty();
    parameters.certificates.is_some() || parameters.raw_public_key.is_some() || staples
}

fn answer(end: &mut Connection, result: Result<(), CertificateError>) {
    let question = end.question().expect("it asks");
    assert!(matches!(question, Question::VerifyPeer(_) | Question::VerifyRawPublicKey(_)));
    let number = end.question_number().unwrap();
    let _ = end.answer(number, Answer::Peer(result));
}

#[test]
fn a_server_is_shown_when_it_is_verified_and_proved() {
    for raw in [false, true] {
        for good in [true, false] {
            let pair = Pair::new();
            let own = pair.identity.certified_key().with_ocsp(vec![1]).unwrap();
            let own = if raw { own.to_raw_public_key().unwrap() } else { own };
            let list = Arc::new(CertificateList::new(vec![Arc::new(own)]));
            let config = Arc::new(pair.server_builder().build(list).unwrap());
            let builder = pair.client_builder().verifier(Arc::new(Anything)).request_ocsp(true);
            let (mut client, mut server) = (client(builder, 0), server_at(&config, 0));
            talk(&mut client, &mut server).checked();
            assert!(!shows(&client), "the question is open");
            let refusal = || CertificateError::rejected("not today");
            answer(&mut client, if good { Ok(()) } else { Err(refusal()) });
            talk(&mut client, &mut server);
            assert_eq!(shows(&client), good);
            assert_eq!(client.is_handshaking(), !good);
            if !good {
                let error = client.check().unwrap_err();
                assert_eq!(error.kind(), &ErrorKind::Certificate(refusal()), "it says who");
            }
        }
    }
}

#[test]
fn connections_to_a_server_share_its_certificates() {
    let identity = Identity::p256();
    let (client, server) = (identity.client_config(), identity.server_config());
    let connect = || {
        let mut client = ClientConnection::new(Arc::clone(&client), server_name());
        let mut server = ServerConnection::new(Arc::clone(&server));
        exchange(&mut client, &mut server).unwrap();
        client.parameters().certificates.clone().unwrap()
    };
    let first = connect();
    assert_eq!(*first, identity.chain[..]);
    assert!(Arc::ptr_eq(&first, &connect()));
}

#[test]
fn a_client_is_shown_when_it_is_verified_and_proved() {
    for good in [true, false] {
        let pair = Pair::new();
        let policy = ClientAuthentication::optional(Arc::new(AnswerLater));
        let config = pair.finish(pair.server_builder().client_authentication(policy));
        let own = CertificateList::new(vec![Arc::new(Identity::p256().certified_key())]);
        let builder = pair.client_builder().client_certificates(Arc::new(own));
        let (mut client, mut server) = (client(builder, 0), server_at(&config, 0));
        let mut bytes = Vec::new();
        for _ in 0..2 {
            feed(&mut client, &mut server, &mut bytes);
            feed(&mut server, &mut client, &mut Vec::new());
        }
        assert!(!shows(&server), "the question is open");
        answer(&mut server, if good { Ok(()) } else { Err(CertificateError::rejected("no")) });
        // What waited behind the question is taken with the answer: the proof of its key, too.
        if good {
            feed(&mut client, &mut server, &mut bytes);
        }
        assert_eq!(shows(&server), good);
        assert_eq!(server.is_handshaking(), !good);
    }
}

/// Moves bytes to the other end. What it does not take yet stays in `bytes`.
fn feed(from: &mut Connection, to: &mut Connection, bytes: &mut Vec<u8>) {
    append_outgoing(from, bytes);
    loop {
        let (taken, _) = to.receive(bytes).unwrap();
        bytes.drain(..taken);
        if taken == 0 {
            return;
        }
    }
}

#[test]
fn the_server_of_a_session_is_shown_when_it_has_proved_the_ticket_s_key() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    let mut client = pair.client(1);
    let mut server = server_at(&config, 1);
    let mut bytes = Vec::new();
    append_outgoing(&mut client, &mut bytes);
    server.receive(&mut bytes).unwrap();
    bytes.clear();
    append_outgoing(&mut server, &mut bytes);
    // ServerHello says that the ticket is taken, which anyone could.
    let hello = 5 + usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
    client.receive(&mut bytes[..hello]).unwrap();
    assert!(client.parameters().pre_shared_key.is_some());
    assert!(!shows(&client), "the server has proved nothing");
    let mut rest = bytes.split_off(hello);
    while !rest.is_empty() {
        let (taken, _) = client.receive(&mut rest).unwrap();
        rest.drain(..taken);
    }
    assert!(!client.is_handshaking());
    assert!(shows(&client), "its Finished is right");
}
