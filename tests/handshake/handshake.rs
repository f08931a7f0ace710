//! A handshake between two of our own ends, seen from outside.

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::config::{ExtensionLayout, LayoutItem};
use handclasp::cookie::{CookieProtector, HmacCookies};
use handclasp::credential::{CertificateList, CertifiedKey, KeySource};
use handclasp::crypto::{CryptoError, CryptoProvider, SigningKey, signing_key};
use handclasp::handshake::{Answer, Question};
use handclasp::pki_types::UnixTime;
use handclasp::registry::{CipherSuiteId, NamedGroup, SignatureScheme};
use handclasp::transport::memory::exchange;
use handclasp::wire::ExtensionType;
use handclasp::{
    AnswerLater, ClientConfig, ClientConnection, Connection, ErrorKind, ServerConfig,
    ServerConnection,
};
use handclasp_testing::{Identity, NAME, deliver_outgoing, narrow_provider, server_name};

fn connected() -> (ClientConnection, ServerConnection) {
    let (mut client, mut server) = Identity::p256().connections();
    exchange(&mut client, &mut server).unwrap();
    assert!(!client.is_handshaking() && !server.is_handshaking());
    (client, server)
}

#[test]
fn both_sides_agree_on_every_parameter() {
    let (client, server) = connected();
    let (c, s) = (client.parameters(), server.parameters());
    assert_eq!(c.cipher_suite, Some(CipherSuiteId::TLS_AES_128_GCM_SHA256));
    assert_eq!(c.group, Some(NamedGroup::X25519_MLKEM768));
    assert_eq!(c.signature_scheme, Some(SignatureScheme::ECDSA_SECP256R1_SHA256));
    assert_eq!(s.server_name.as_deref(), Some(NAME));
    assert_eq!((c.cipher_suite, c.group), (s.cipher_suite, s.group));
    assert_eq!((c.signature_scheme, &c.server_name), (s.signature_scheme, &s.server_name));
    assert_eq!(c.certificates.as_ref().unwrap().len(), 1);
    assert!(!c.retried && s.certificates.is_none());
}

#[test]
fn exported_keys_agree_and_depend_on_label_and_context() {
    let (client, server) = connected();
    let export = |connection: &Connection, label, context: &[u8]| {
        let mut key = [0; 40];
        connection.export_keying_material(label, context, &mut key).unwrap();
        key
    };
    assert_eq!(export(&client, "label", b"context"), export(&server, "label", b"context"));
    assert_ne!(export(&client, "label", b"context"), export(&server, "label", b"other"));
    assert_ne!(export(&client, "label", b""), export(&client, "lable", b""));
}

#[test]
fn data_flow_both_ways_and_end_with_close_notify() {
    let (mut client, mut server) = connected();
    assert_eq!(client.write(b"question").unwrap(), 8);
    assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), b"question");
    assert_eq!(server.write(b"answer").unwrap(), 6);
    server.close();
    assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"answer");
    assert!(client.peer_has_closed());
    client.end_of_input().unwrap();
    // Half closed: the other direction goes on.
    client.write(b"afterword").unwrap();
    assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), b"afterword");
    assert!(matches!(server.write(b"x").unwrap_err().kind(), ErrorKind::Misuse(_)));
}

#[test]
fn a_transport_that_ends_without_close_notify_is_a_truncation() {
    let (mut client, _) = connected();
    assert_eq!(client.end_of_input().unwrap_err().kind(), &ErrorKind::Truncated);
    assert_eq!(client.write(b"x").unwrap_err().kind(), &ErrorKind::Truncated, "again");
}

#[test]
fn keys_can_be_updated_by_either_side_at_any_time() {
    let (mut client, mut server) = connected();
    for round in 0..5_u8 {
        client.update_keys(round.is_multiple_of(2)).unwrap();
        client.write(b"up").unwrap();
        assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), b"up");
        server.write(b"down").unwrap();
        assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"down");
    }
}

#[test]
fn a_flood_of_key_updates_is_stopped_and_data_reset_the_count() {
    let (mut client, mut server) = connected();
    for _ in 0..3 {
        for _ in 0..30 {
            client.update_keys(false).unwrap();
        }
        client.write(b"data").unwrap();
        assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), b"data");
    }
    for _ in 0..33 {
        client.update_keys(false).unwrap();
    }
    let error = exchange(&mut client, &mut server).unwrap_err();
    let limit = 32;
    assert_eq!(error.kind(), &ErrorKind::LimitExceeded { name: "messages_without_data", limit });
}

#[test]
fn a_peer_that_only_reads_may_update_its_keys_any_number_of_times() {
    let (mut client, mut server) = connected();
    for _ in 0..200 {
        client.update_keys(false).unwrap();
        deliver_outgoing(&mut client, &mut server).unwrap();
        server.write(b"data").unwrap();
        assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"data");
    }
}

fn retrying(cookies: bool) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let identity = Identity::p256();
    let provider = narrow_provider(1, 2);
    let mut server = ServerConfig::builder(provider);
    if cookies {
        let random = CryptoProvider::default().random;
        server = server.cookies(Arc::new(HmacCookies::random(&*random).unwrap()));
    }
    let resolver = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    (identity.client_config(), Arc::new(server.build(Arc::new(resolver)).unwrap()))
}

#[test]
fn a_group_without_a_share_costs_a_hello_retry_request() {
    for cookies in [false, true] {
        let (client, server) = retrying(cookies);
        let mut client = ClientConnection::new(client, server_name());
        let mut server = ServerConnection::new(server);
        exchange(&mut client, &mut server).unwrap();
        for parameters in [client.parameters(), server.parameters()] {
            assert!(parameters.retried);
            assert_eq!(parameters.group, Some(NamedGroup::SECP384R1));
        }
        client.write(b"data").unwrap();
        assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), b"data");
    }
}

/// Makes the same cookie of everything.
#[derive(Debug)]
struct OneCookie(Vec<u8>);

impl CookieProtector for OneCookie {
    fn protect(&self, _: &[u8], _: UnixTime) -> Result<Vec<u8>, CryptoError> {
        Ok(self.0.clone())
    }

    fn open(&self, _: &[u8], _: UnixTime) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn a_cookie_that_fits_no_client_hello_is_not_sent() {
    for (length, fits) in [(0, false), (0x2000, true), (0x2001, false)] {
        let (client, _) = retrying(false);
        let server = ServerConfig::builder(narrow_provider(1, 2));
        let server = server.cookies(Arc::new(OneCookie(vec![1; length])));
        let server = Arc::new(server.build(Arc::new(AnswerLater)).unwrap());
        let mut client = ClientConnection::new(client, server_name());
        let mut server = ServerConnection::new(server);
        let error = exchange(&mut client, &mut server).err();
        let alert = error.and_then(|error| error.alert_sent());
        assert_eq!(alert, (!fits).then_some(AlertDescription::INTERNAL_ERROR), "{length}");
        assert_eq!(server.question().is_some(), fits, "the second ClientHello has it");
    }
}

#[test]
fn a_servers_layout_says_nothing_that_the_client_did_not_ask_for() {
    let identity = Identity::p256();
    let (offered, other) = (ExtensionType(0xff77), ExtensionType(0xff78));
    let raw = |kind| LayoutItem::Raw(kind, vec![1]);
    let layout = ExtensionLayout::new(vec![raw(offered), raw(other)]);
    let server =
        ServerConfig::builder(CryptoProvider::default()).encrypted_extensions_layout(layout);
    let resolver = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = Arc::new(server.build(Arc::new(resolver)).unwrap());
    let client = ClientConfig::builder(CryptoProvider::default())
        .client_hello_layout(ExtensionLayout::new(vec![raw(offered)]));
    let client = Arc::new(client.trust(identity.anchors()).unwrap().build().unwrap());
    let mut client = ClientConnection::new(client, server_name());
    let mut server = ServerConnection::new(server);
    // A client ends the handshake over an answer that it did not ask for.
    exchange(&mut client, &mut server).unwrap();
    assert!(!client.is_handshaking());
}

#[test]
fn with_a_cookie_the_second_hello_can_go_to_a_server_that_never_saw_the_first() {
    let (client, server) = retrying(true);
    let mut client = ClientConnection::new(client, server_name());
    let mut first = ServerConnection::new(server.clone());
    deliver_outgoing(&mut client, &mut first).unwrap();
    deliver_outgoing(&mut first, &mut client).unwrap();
    drop(first);
    let mut second = ServerConnection::new(server);
    exchange(&mut client, &mut second).unwrap();
    assert!(!client.is_handshaking() && !second.is_handshaking());
    assert!(second.parameters().retried);
}

#[test]
fn signature_and_verification_can_be_answered_from_another_thread_while_this_one_serves() {
    let identity = Identity::p256();
    let key: Arc<dyn SigningKey> = signing_key(&identity.key).unwrap();
    let elsewhere = KeySource::Remote { schemes: key.schemes().to_vec() };
    let certified = CertifiedKey::new(identity.chain.clone(), elsewhere).unwrap();
    let server_config = Arc::new(ServerConfig::new(certified).unwrap());
    let client_config =
        ClientConfig::builder(CryptoProvider::default()).verifier(Arc::new(AnswerLater));
    let client_config = Arc::new(client_config.build().unwrap());

    let mut client = ClientConnection::new(client_config, server_name());
    let mut server = ServerConnection::new(server_config);
    let mut questions = 0;
    while client.is_handshaking() || server.is_handshaking() {
        exchange(&mut client, &mut server).unwrap();
        for side in [&mut *client, &mut *server] {
            let (Some(number), Some(question)) = (side.question_number(), side.question().cloned())
            else {
                continue;
            };
            questions += 1;
            assert!(matches!(
                side.answer(
                    number,
                    Answer::Certificate(Err(handclasp::credential::NoCertificate::UnknownName))
                )
                .unwrap_err()
                .kind(),
                ErrorKind::Misuse(_)
            ));
            let (key, asked) = (key.clone(), std::sync::mpsc::channel::<()>());
            let answering = std::thread::spawn(move || {
                // Answers only after the other connection was served.
                asked.1.recv().unwrap();
                match question {
                    Question::Sign(sign) => Answer::Signature(key.sign(sign.scheme, &sign.message)),
                    Question::VerifyPeer(peer) => {
                        assert_eq!(peer.server_name, Some(server_name()));
                        Answer::Peer(Ok(()))
                    }
                    other => panic!("{other:?}"),
                }
            });
            // The caller's thread goes on with another connection meanwhile.
            let (mut other_client, mut other_server) = connected();
            other_client.write(b"served").unwrap();
            assert_eq!(deliver_outgoing(&mut other_client, &mut other_server).unwrap(), b"served");
            asked.0.send(()).unwrap();
            side.answer(number, answering.join().unwrap()).unwrap();
        }
    }
    assert_eq!(questions, 2);
    client.write(b"data").unwrap();
    assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), b"data");
}

#[test]
fn the_certificate_can_be_chosen_later() {
    let identity = Identity::p256();
    let config = ServerConfig::builder(CryptoProvider::default());
    let config = Arc::new(config.build(Arc::new(AnswerLater)).unwrap());
    let mut client = ClientConnection::new(identity.client_config(), server_name());
    let mut server = ServerConnection::new(config);
    exchange(&mut client, &mut server).unwrap();
    let Some(Question::ChooseCertificate(question)) = server.question() else { panic!() };
    assert_eq!(question.client_hello().unwrap().server_name, Some(NAME.as_bytes()));
    handclasp_testing::answer(
        &mut server,
        Answer::Certificate(Ok(Arc::new(identity.certified_key()))),
    )
    .unwrap();
    exchange(&mut client, &mut server).unwrap();
    assert!(!client.is_handshaking() && !server.is_handshaking());
}

#[test]
fn a_server_that_is_not_trusted_is_refused_with_unknown_ca() {
    let (trusted, other) = (Identity::p256(), Identity::p256());
    let mut client = ClientConnection::new(trusted.client_config(), server_name());
    let mut server = ServerConnection::new(other.server_config());
    let error = exchange(&mut client, &mut server).unwrap_err();
    assert_eq!(error.alert_sent(), Some(handclasp::alert::AlertDescription::UNKNOWN_CA), "{error}");
}

#[test]
fn closing_in_the_middle_of_the_handshake_gives_it_up() {
    let identity = Identity::p256();
    let mut client = ClientConnection::new(identity.client_config(), server_name());
    let mut server = ServerConnection::new(identity.server_config());
    client.close();
    assert_eq!(client.check().unwrap_err().kind(), &ErrorKind::Canceled);
    let mut bytes = client.outgoing().to_vec();
    let mut start = 0;
    let error = loop {
        match server.receive(&mut bytes[start..]) {
            Ok((consumed, _)) => start += consumed,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), &ErrorKind::ClosedInHandshake);
    let sent = client.outgoing().len();
    client.sent(sent);
    assert!(client.receive(&mut server.outgoing().to_vec()).is_err());
    assert!(client.outgoing().is_empty(), "nothing follows close_notify");
}

#[test]
fn empty_unprotected_records_are_refused_at_once() {
    let identity = Identity::p256();
    let mut server = ServerConnection::new(identity.server_config());
    assert!(server.receive(&mut [23, 3, 3, 0, 0]).is_err(), "before any hello");
    let (mut client, mut server) = connected();
    assert!(client.receive(&mut [23, 3, 3, 0, 0]).is_err(), "after the handshake");
    assert!(server.receive(&mut [23, 3, 3, 0, 0]).is_err(), "after the handshake");
}
