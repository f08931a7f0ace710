//! Keys that were agreed on outside of TLS: both sides can see which one was used, and certificates
//! are not combined with one (RFC 9846, appendix F.1), however often the connection was resumed.

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Handshake, Question, Step};
use handclasp::key_schedule::PskKind;
use handclasp::psk::{PreSharedKey, PskImporter, PskList, PskResolver};
use handclasp::session::MemoryClientSessions;
use handclasp::transport::memory::exchange;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::wire::{ClientHello, ExtensionType, HandshakeMessage};
use handclasp::{
    AnswerLater, ClientConfig, ClientConnection, ErrorKind, Level, ServerConfig, ServerConnection,
};
use handclasp_testing::sessions::{pass, ticket_keys, time};
use handclasp_testing::{Identity, narrow_provider, pre_shared_secret, server_name};

/// CertificateRequest with the context 7, for ecdsa_secp256r1_sha256.
const REQUEST: [u8; 16] = [13, 0, 0, 12, 1, 7, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3];

/// An external key, and one imported for the first suite's hash.
fn keys() -> [PreSharedKey; 2] {
    let external = PreSharedKey::external(b"an external key", &pre_shared_secret()).unwrap();
    let importer = PskImporter::new(b"an imported key", &pre_shared_secret()).unwrap();
    let imported = importer.import(&CryptoProvider::default()).unwrap().remove(0);
    [external, imported]
}

/// Two configurations that share a key and keep sessions, and would use certificates, too.
struct Sides {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    /// As `server`, but it asks for the keys.
    server_that_asks: Arc<ServerConfig>,
}

impl Sides {
    fn new(key: &PreSharedKey) -> Self {
        let (own, provider) = (Identity::p256(), CryptoProvider::default);
        let shown = CertificateList::new(vec![Arc::new(own.certified_key())]);
        let client = ClientConfig::builder(provider())
            .pre_shared_keys(vec![key.clone()])
            .sessions(Arc::new(MemoryClientSessions::new(8)))
            .verifier(Arc::new(AnswerLater))
            .client_certificates(Arc::new(shown))
            .post_handshake_authentication(true);
        let clients = TrustAnchorVerifier::for_clients(own.anchors(), provider().signatures);
        let (clients, tickets) = (Arc::new(clients), ticket_keys());
        let server = |keys: Arc<dyn PskResolver>| {
            let server = ServerConfig::builder(provider())
                .pre_shared_keys(keys)
                .sessions(tickets.clone())
                .client_authentication(ClientAuthentication::post_handshake(clients.clone()))
                .build(Arc::new(AnswerLater));
            Arc::new(server.unwrap())
        };
        Self {
            client: Arc::new(client.build().unwrap()),
            server: server(Arc::new(PskList::new(vec![key.clone()]))),
            server_that_asks: server(Arc::new(AnswerLater)),
        }
    }

    /// Connects at this second, to the end of the handshake and the tickets.
    fn connect(&self, at: u64) -> (Handshake, Handshake) {
        let mut client = Handshake::client(self.client.clone(), server_name(), time(at));
        let mut server = Handshake::server(self.server.clone(), time(at));
        client.start().unwrap();
        while pass(&mut client, &mut server) + pass(&mut server, &mut client) > 0 {}
        assert!(client.is_complete() && server.is_complete());
        (client, server)
    }
}

#[test]
fn both_sides_can_see_which_key_was_used_however_often_it_was_resumed() {
    for key in keys() {
        let sides = Sides::new(&key);
        for at in 0..3 {
            let (client, server) = sides.connect(at);
            let kind = if at == 0 { key.kind() } else { PskKind::Resumption };
            for parameters in [client.parameters(), server.parameters()] {
                assert_eq!(parameters.pre_shared_key, Some(kind));
                assert_eq!(parameters.pre_shared_key_identity.as_deref(), Some(key.identity()));
            }
        }
    }
}

#[test]
fn a_client_refuses_a_request_for_its_certificate_however_often_the_key_was_resumed() {
    for key in keys() {
        let sides = Sides::new(&key);
        for at in 0..3 {
            let (mut client, _) = sides.connect(at);
            let error = client.receive(Level::Application, &REQUEST).unwrap_err();
            assert_eq!(error.alert_sent(), Some(AlertDescription::UNEXPECTED_MESSAGE), "at {at}");
            assert!(client.next_step().is_none(), "nothing is shown");
        }
    }
}

#[test]
fn a_server_cannot_ask_for_a_certificate_however_often_the_key_was_resumed() {
    for key in keys() {
        let sides = Sides::new(&key);
        for at in 0..3 {
            let (_, mut server) = sides.connect(at);
            let error = server.request_client_certificate().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "at {at}: {error}");
            assert!(server.next_step().is_none());
            server.check().unwrap();
        }
    }
}

#[test]
fn post_handshake_auth_is_offered_where_there_are_records_only() {
    // RFC 9001, section 4.4: in QUIC no server may ask later.
    let sides = Sides::new(&keys()[0]);
    for records in [true, false] {
        let mut client = Handshake::client(sides.client.clone(), server_name(), time(0));
        match records {
            true => client.start().unwrap(),
            false => client = client.without_records().unwrap(),
        }
        let Some(Step::Send { bytes, .. }) = client.next_step() else { panic!("it speaks first") };
        let (message, _) = HandshakeMessage::split(&bytes).unwrap();
        let hello = ClientHello::parse(message.body).unwrap();
        let offered = hello.extensions.get(ExtensionType::POST_HANDSHAKE_AUTH).is_some();
        assert_eq!(offered, records);
    }
}

#[test]
fn a_name_that_is_not_served_is_refused_to_a_client_with_a_key_as_well() {
    let identity = Identity::p256();
    let provider = CryptoProvider::default;
    // With a HelloRetryRequest, too.
    for groups in [provider().groups, narrow_provider(0, 2).groups] {
        for key in keys() {
            for (name, only_known, offered, is_served) in [
                ("server.example", true, true, true),
                ("unknown.example", false, true, true),
                ("unknown.example", true, true, false),
                ("unknown.example", true, false, false),
            ] {
                let mut list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
                if only_known {
                    list = list.only_known_names();
                }
                let provider_of_server = CryptoProvider { groups: groups.clone(), ..provider() };
                let server = ServerConfig::builder(provider_of_server)
                    .pre_shared_keys(Arc::new(PskList::new(vec![key.clone()])))
                    .build(Arc::new(list))
                    .unwrap();
                let offered = if offered { vec![key.clone()] } else { vec![] };
                let client = ClientConfig::builder(provider())
                    .trust(identity.anchors())
                    .unwrap()
                    .pre_shared_keys(offered)
                    .build()
                    .unwrap();
                let name = name.try_into().unwrap();
                let mut client = ClientConnection::new(Arc::new(client), name);
                let mut server = ServerConnection::new(Arc::new(server));
                let result = exchange(&mut client, &mut server);
                let alert = result.err().and_then(|error| error.alert_sent());
                let expected = AlertDescription::UNRECOGNIZED_NAME;
                assert_eq!(alert, (!is_served).then_some(expected));
                assert_eq!(server.parameters().pre_shared_key.is_some(), is_served);
            }
        }
    }
}

#[test]
fn a_question_about_the_key_of_a_session_does_not_show_its_identity() {
    let key = &keys()[0];
    let sides = Sides::new(key);
    sides.connect(0);
    let mut client = Handshake::client(sides.client.clone(), server_name(), time(1));
    let mut server = Handshake::server(sides.server_that_asks.clone(), time(1));
    client.start().unwrap();
    pass(&mut client, &mut server);
    let question = server.question().unwrap();
    let Question::ResolvePsk(ask) = question else { panic!("{question:?}") };
    let hello = ask.client_hello().unwrap();
    let (offered, binder) = hello.pre_shared_keys.unwrap().iter().next().unwrap();
    assert_eq!((offered.identity, binder.len()), (key.identity(), 32));
    let bytes: Vec<_> = key.identity().iter().take(8).map(u8::to_string).collect();
    for shown in [format!("{question:?}"), format!("{question:#?}").replace(['\n', ' '], "")] {
        for spelling in [bytes.join(", "), bytes.join(","), "external".into()] {
            assert!(!shown.contains(&spelling), "{shown}");
        }
    }
}
