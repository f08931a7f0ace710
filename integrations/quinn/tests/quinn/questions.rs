//! Questions of a handshake, and handshakes that cannot begin.

use std::sync::Arc;

use handclasp::crypto::{CryptoError, CryptoProvider, SecureRandom};
use handclasp::handshake::{Answer, PeerParameters, Question};
use handclasp::key_schedule::PskKind;
use handclasp::psk::CertWithExternPsk;
use handclasp::session::MemoryClientSessions;
use handclasp::{AnswerLater, ClientConfig};
use handclasp_quinn::{QuestionHandler, QuicClientConfig};
use quinn::{ConnectError, ConnectionError};

use crate::peers::{NAME, People, Server, Tls, Wanted, client_endpoint, echo, our_server, server};

const INTERNAL_ERROR_ALERT: u64 = 0x0150;

/// Accepts the server.
struct Accepts;

impl QuestionHandler for Accepts {
    fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::VerifyPeer(_) => Answer::Peer(Ok(())),
            other => Answer::Unavailable(other.name().into()),
        }
    }
}

/// A client whose verifier answers later.
fn asking_client() -> Arc<ClientConfig> {
    let builder = ClientConfig::builder(CryptoProvider::default())
        .application_protocols(["test/1"])
        .sessions(Arc::new(MemoryClientSessions::new(16)));
    Arc::new(builder.verifier(Arc::new(AnswerLater)).build().unwrap())
}

fn with_handler(config: &Arc<ClientConfig>) -> quinn::ClientConfig {
    let config = QuicClientConfig::new(config.clone()).unwrap().question_handler(Arc::new(Accepts));
    quinn::ClientConfig::new(Arc::new(config))
}

fn without_handler(config: &Arc<ClientConfig>) -> quinn::ClientConfig {
    handclasp_quinn::client_config(config.clone()).unwrap()
}

/// The text of the error with which quinn refuses to start a connection.
#[track_caller]
fn refused(config: quinn::ClientConfig) -> String {
    let endpoint = client_endpoint(config);
    match endpoint.connect("127.0.0.1:9".parse().unwrap(), NAME) {
        Err(ConnectError::InvalidServerName(text)) => text,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a connection that sends nothing was started"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_before_and_in_a_handshake_are_answered() {
    let (people, wanted) = (People::new(), Wanted::default());
    let peer = Server::start(server(Tls::Handclasp, &people, &wanted), false);
    let config = asking_client();
    let endpoint = client_endpoint(with_handler(&config));
    // The second client asks about its session before its ClientHello.
    for expected in [None, Some(PskKind::Resumption)] {
        let connection = endpoint.connect(peer.address, NAME).unwrap().await.unwrap();
        assert_eq!(echo(&connection, b"hello").await, b"hello");
        let parameters = connection.handshake_data().unwrap();
        let parameters = parameters.downcast::<PeerParameters>().unwrap();
        assert_eq!(parameters.pre_shared_key, expected);
    }
    let text = refused(without_handler(&config));
    assert!(text.contains("verify peer") && text.contains("QuestionHandler"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_without_a_handler_ends_the_handshake_at_once() {
    let people = People::new();
    let mut transport = quinn::TransportConfig::default();
    transport.max_idle_timeout(None);
    let mut config = without_handler(&asking_client());
    config.transport_config(Arc::new(transport));
    let server = handclasp_quinn::server_config(our_server(&people, &Wanted::default())).unwrap();
    let peer = Server::start(server, false);
    let ended = client_endpoint(config).connect(peer.address, NAME).unwrap().await;
    let Err(ConnectionError::TransportError(error)) = ended else { panic!("{ended:?}") };
    assert_eq!(u64::from(error.code), INTERNAL_ERROR_ALERT, "{error}");
}

/// Cannot answer, for a reason that is not the peer's business.
struct Unavailable;

impl QuestionHandler for Unavailable {
    fn answer(&self, _: &Question) -> Answer {
        Answer::Unavailable("the verifier at 10.0.0.7 is down".into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_peer_does_not_read_what_has_failed_within_this_side() {
    let people = People::new();
    let config = handclasp_quinn::server_config(our_server(&people, &Wanted::default())).unwrap();
    let endpoint = quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
    let address = endpoint.local_addr().unwrap();
    let accepted = tokio::spawn(async move { endpoint.accept().await.unwrap().await });
    let builder =
        ClientConfig::builder(CryptoProvider::default()).application_protocols(["test/1"]);
    let config = Arc::new(builder.verifier(Arc::new(AnswerLater)).build().unwrap());
    let config = QuicClientConfig::new(config).unwrap().question_handler(Arc::new(Unavailable));
    let client = client_endpoint(quinn::ClientConfig::new(Arc::new(config)));
    let ended = client.connect(address, NAME).unwrap().await;
    let Err(ConnectionError::TransportError(error)) = ended else { panic!("{ended:?}") };
    assert_eq!(u64::from(error.code), INTERNAL_ERROR_ALERT, "{error}");
    let ended = accepted.await.unwrap();
    let Err(ConnectionError::ConnectionClosed(close)) = ended else { panic!("{ended:?}") };
    assert_eq!(close.reason, b"unanswered".as_slice(), "{close}");
}

#[derive(Debug)]
struct NoRandom;

impl SecureRandom for NoRandom {
    fn fill(&self, _: &mut [u8]) -> Result<(), CryptoError> {
        Err(CryptoError)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_cannot_begin_is_an_error_of_connect() {
    let people = People::new();
    let builder = |provider: CryptoProvider| {
        let builder = ClientConfig::builder(provider).application_protocols(["test/1"]);
        builder.trust(people.server.anchors()).unwrap()
    };
    let needs_a_key =
        builder(CryptoProvider::default()).cert_with_extern_psk(CertWithExternPsk::Required);
    let text = refused(without_handler(&Arc::new(needs_a_key.build().unwrap())));
    assert!(text.contains("key"), "{text}");

    let mut provider = CryptoProvider::default();
    provider.random = Arc::new(NoRandom);
    let text = refused(without_handler(&Arc::new(builder(provider).build().unwrap())));
    assert!(text.contains("cannot begin: "), "{text}");
}
