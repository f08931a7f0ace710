//! Handshakes of QUIC between our own ends (RFC 9001).

mod crypto_frames;
pub mod ends;
mod resumption;
mod rules;

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::config::{ConfigChoice, ServerConfig};
use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::crypto::{Aead, AeadKey, CipherSuite, CryptoError, CryptoProvider, StaticOrArc};
use handclasp::handshake::{Answer, Question};
use handclasp::quic::{CheckedClientConfig, CheckedServerConfig, Connection, Version, error_code};
use handclasp::verify::ClientAuthentication;
use handclasp::{AnswerLater, ClientConfig, ErrorKind, Level};
use handclasp_testing::{Identity, narrow_provider, server_name};

use ends::{
    CLIENT_PARAMETERS, End, SERVER_PARAMETERS, assert_all_keys_match, client_builder, configs,
    connected, pass, run, server_builder,
};

#[test]
fn both_ends_have_the_keys_of_each_level_when_the_rfc_says() {
    let (client, server) = configs(&Identity::p256());
    for version in [Version::V1, Version::V2] {
        let mut client = End::client_of_version(&client, version, 0);
        let mut server = End::server_of_version(&server, version, 0);
        run(&mut client, &mut server).unwrap();
        assert_eq!(
            client.events,
            [
                "ReadKeys(Handshake)",
                "WriteKeys(Handshake)",
                "TransportParameters(6 bytes)",
                "DiscardKeys(Initial)",
                "WriteKeys(Application)",
                "ReadKeys(Application)",
                "HandshakeComplete",
            ]
        );
        assert_eq!(
            server.events,
            [
                "TransportParameters(6 bytes)",
                "WriteKeys(Handshake)",
                "ReadKeys(Handshake)",
                "WriteKeys(Application)",
                "ReadKeys(Application)",
                "HandshakeComplete",
                "HandshakeConfirmed",
                "DiscardKeys(Handshake)",
                "DiscardKeys(Initial)",
            ]
        );
        assert_all_keys_match(&client, &server);
        assert_all_keys_match(&server, &client);
        client.events.clear();
        client.connection.handshake_done().unwrap();
        client.connection.handshake_done().unwrap();
        assert!(client.frames().is_empty());
        assert_eq!(client.events, ["HandshakeConfirmed", "DiscardKeys(Handshake)"]);

        let [client, server] = [client, server].map(|end| end.connection);
        let of = |connection: &Connection| connection.parameters().transport_parameters.clone();
        assert_eq!(of(&client).unwrap(), SERVER_PARAMETERS);
        assert_eq!(of(&server).unwrap(), CLIENT_PARAMETERS);
        let mut exported = [[0; 32]; 2];
        client.export_keying_material("EXPORTER-test", b"c", &mut exported[0]).unwrap();
        server.export_keying_material("EXPORTER-test", b"c", &mut exported[1]).unwrap();
        assert_eq!(exported[0], exported[1]);
        assert_eq!(client.parameters().application_protocol.as_deref(), Some(&b"h3"[..]));
    }
}

#[test]
fn a_server_sends_1_rtt_packets_before_the_clients_finished_and_receives_none() {
    let (client, server) = configs(&Identity::p256());
    let (mut client, mut server) = (End::client(&client, 0), End::server(&server, 0));
    pass(&mut client, &mut server).unwrap();
    pass(&mut server, &mut client).unwrap();
    assert!(server.has_write_keys(Level::Application));
    assert!(!server.has_read_keys(Level::Application));
    pass(&mut client, &mut server).unwrap();
    server.frames();
    assert!(server.has_read_keys(Level::Application));
}

#[test]
fn a_client_receives_no_1_rtt_packets_before_the_handshake_is_complete() {
    // RFC 9001, section 5.7.
    let identity = Identity::p256();
    let key = Arc::new(identity.certified_key());
    let server = server_builder()
        .client_authentication(ClientAuthentication::required(Arc::new(AnswerLater)))
        .build(Arc::new(CertificateList::new(vec![key.clone()])));
    let client = client_builder(&identity).client_certificates(Arc::new(AnswerLater));
    let mut client = End::client(&Arc::new(client.build().unwrap()), 0);
    let mut server = End::server(&Arc::new(server.unwrap()), 0);
    pass(&mut client, &mut server).unwrap();
    pass(&mut server, &mut client).unwrap();
    assert!(matches!(client.connection.question(), Some(Question::ChooseClientCertificate(_))));
    client.frames();
    assert!(client.connection.is_handshaking() && !client.has_read_keys(Level::Application));
    assert_eq!(answer_all(&mut client, |_| Answer::ClientCertificate(Some(key.clone()))), 1);
    client.frames();
    assert!(!client.connection.is_handshaking() && client.has_read_keys(Level::Application));
}

#[test]
fn key_phases_of_both_ends_match() {
    let (client, server) = configs(&Identity::p256());
    let [mut client, mut server] = connected(&client, &server, 0);
    let [written, read] = [client.write.last_mut(), server.read.last_mut()];
    let [written, read] = [written, read].map(|keys| keys.unwrap().update.as_mut().unwrap());
    for number in 0..3 {
        let mut packet = b"payload".to_vec();
        let tag = written.next().unwrap().encrypt_in_place(number, b"h", &mut packet).unwrap();
        packet.extend_from_slice(&tag);
        let opened = read.next().unwrap();
        assert_eq!(opened.decrypt_in_place(number, b"h", &mut packet).unwrap(), b"payload");
    }
    assert!(client.write[0].update.is_none(), "of Handshake packets there are none");
}

#[test]
fn a_hello_retry_request_stays_at_the_initial_level() {
    let identity = Identity::p256();
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = ServerConfig::builder(narrow_provider(0, 1)).application_protocols(["h3"]);
    let server = Arc::new(server.build(Arc::new(list)).unwrap());
    let client = Arc::new(client_builder(&identity).build().unwrap());
    let [client, server] = connected(&client, &server, 0);
    assert!(client.connection.parameters().retried);
    assert_all_keys_match(&client, &server);
    assert_all_keys_match(&server, &client);
}

/// Answers each question of an end with `answer`, and counts them.
fn answer_all(end: &mut End, answer: impl Fn(&Question) -> Answer) -> usize {
    let mut count = 0;
    while let (Some(number), Some(question)) =
        (end.connection.question_number(), end.connection.question())
    {
        let answer = answer(question);
        end.connection.answer(number, answer).unwrap();
        count += 1;
    }
    count
}

#[test]
fn what_is_answered_later_loses_no_byte_and_no_key() {
    let identity = Identity::p256();
    let key = Arc::new(identity.certified_key());
    let server = server_builder()
        .client_authentication(ClientAuthentication::required(Arc::new(AnswerLater)))
        .build(Arc::new(AnswerLater));
    let client = ClientConfig::builder(CryptoProvider::default())
        .application_protocols(["h3"])
        .client_certificates(Arc::new(AnswerLater))
        .verifier(Arc::new(AnswerLater))
        .build();
    let (client, server) = (Arc::new(client.unwrap()), Arc::new(server.unwrap()));
    let (mut client, mut server) = (End::client(&client, 0), End::server(&server, 0));
    let answer = |question: &Question| match question {
        Question::ChooseCertificate(_) => Answer::Certificate(Ok(key.clone())),
        Question::ChooseClientCertificate(_) => Answer::ClientCertificate(Some(key.clone())),
        Question::VerifyPeer(_) => Answer::Peer(Ok(())),
        other => panic!("{}", other.name()),
    };
    let mut questions = 0;
    for _ in 0..6 {
        pass(&mut client, &mut server).unwrap();
        questions += answer_all(&mut server, answer);
        pass(&mut server, &mut client).unwrap();
        questions += answer_all(&mut client, answer);
    }
    assert_eq!(questions, 4);
    assert!(!server.connection.is_handshaking());
    assert!(server.connection.parameters().certificates.is_some());
    assert_all_keys_match(&client, &server);
    assert_all_keys_match(&server, &client);
}

#[test]
fn a_configuration_that_is_chosen_must_be_fit_for_quic() {
    let identity = Identity::p256();
    let list = Arc::new(CertificateList::new(vec![Arc::new(identity.certified_key())]));
    let fit = Arc::new(server_builder().build(list.clone()).unwrap());
    for (chosen, is_fit) in [(fit, true), (identity.server_config(), false)] {
        let server = server_builder().config_resolver(Arc::new(AnswerLater));
        let server = Arc::new(server.build(list.clone()).unwrap());
        let client = Arc::new(client_builder(&identity).build().unwrap());
        let (mut client, mut server) = (End::client(&client, 0), End::server(&server, 0));
        pass(&mut client, &mut server).unwrap();
        let number = server.connection.question_number().unwrap();
        let choice = Answer::Config(ConfigChoice::Use(chosen));
        let answered = server.connection.answer(number, choice);
        match answered {
            Ok(()) => run(&mut client, &mut server).unwrap(),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::Internal(_)), "{error}"),
        }
        assert_eq!(server.connection.check().is_ok(), is_fit);
        assert_eq!(!client.connection.is_handshaking(), is_fit);
    }
}

#[test]
fn a_peers_alert_ends_the_connection() {
    let (client, _) = configs(&Identity::p256());
    let mut client = End::client(&client, 0).connection;
    assert_eq!(client.peer_closed(0x0a), None, "it is no alert");
    client.check().unwrap();
    let error = client.peer_closed(0x0128).unwrap();
    assert_eq!(error.alert_received(), Some(AlertDescription::HANDSHAKE_FAILURE));
    assert_eq!(error_code(&error), None);
    assert_eq!(client.check().unwrap_err(), error);
    assert_eq!(client.receive(Level::Initial, 0, &[2]).unwrap_err(), error);
}

#[test]
fn a_configuration_without_a_protocol_is_refused() {
    let identity = Identity::p256();
    let new = |config| {
        let parameters = CLIENT_PARAMETERS.to_vec();
        Connection::client(config, Version::V1, server_name(), parameters, Options::default())
    };
    let error = new(identity.client_config()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
    // Initial packets have a suite of their own.
    let builder = ClientConfig::builder(narrow_provider(1, 0)).application_protocols(["h3"]);
    let config = builder.trust(identity.anchors()).unwrap().build().unwrap();
    new(Arc::new(config)).unwrap();
}

#[test]
fn debug_output_shows_no_secret() {
    let (client, server) = configs(&Identity::p256());
    let connection = End::client(&client, 0).connection;
    let shown = format!("{connection:?}");
    assert!(shown.contains("CryptoData(Initial"), "{shown}");
    // A server's transport parameters have its stateless_reset_token in them.
    let [client, _] = connected(&client, &server, 0);
    let shown = format!("{:?}", client.connection);
    assert!(shown.contains("transport_parameters: Some(6 bytes)"), "{shown}");
}

/// An AEAD for TLS over TCP only.
struct WithoutQuic(StaticOrArc<dyn Aead>);

impl Aead for WithoutQuic {
    fn key_length(&self) -> usize {
        self.0.key_length()
    }

    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        self.0.key(bytes)
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.confidentiality_limit()
    }
}

#[test]
fn a_provider_with_a_suite_without_quic_is_refused() {
    // RFC 9001, section 5.3.
    let identity = Identity::p256();
    let mut provider = CryptoProvider::default();
    let suite = provider.cipher_suites.last_mut().unwrap();
    let aead = StaticOrArc::Arc(Arc::new(WithoutQuic(suite.aead.clone())) as Arc<dyn Aead>);
    *suite = CipherSuite { aead, ..(**suite).clone() }.into();
    let builder = ClientConfig::builder(provider.clone()).application_protocols(["h3"]);
    let config = builder.trust(identity.anchors()).unwrap().build().unwrap();
    let error = CheckedClientConfig::new(Arc::new(config)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let builder = ServerConfig::builder(provider).application_protocols(["h3"]);
    let config = builder.build(Arc::new(list)).unwrap();
    let error = CheckedServerConfig::new(Arc::new(config)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
}
