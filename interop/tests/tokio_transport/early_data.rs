//! 0-RTT data under tokio: sent with the ClientHello, taken apart from the rest, and asked about.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use super::ends::{self, Client, Server, connect};
use handclasp::certificate::CertificateError;
use handclasp::config::ServerConfigBuilder;
use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, EarlyData, Question};
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::UnixTime;
use handclasp::session::{MemoryClientSessions, ReplayCheck, StrikeRegister, TicketKeys};
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::{AnswerLater, ClientConfig, ServerConfig};
use handclasp_testing::sessions::RegisterElsewhere;
use handclasp_testing::{Identity, server_name};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{Instant, sleep};

const WORDS: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);

/// A server with tickets that takes early data.
fn server_of(
    identity: &Identity,
    more: impl FnOnce(ServerConfigBuilder) -> ServerConfigBuilder,
) -> Arc<ServerConfig> {
    let provider = CryptoProvider::default();
    let keys = TicketKeys::random(provider.random.clone()).unwrap();
    // What began before cannot have been seen.
    let began = Duration::from_secs(UnixTime::now().as_secs() - 60);
    let register = Arc::new(StrikeRegister::new(UnixTime::since_unix_epoch(began)));
    let server = ServerConfig::builder(provider).sessions(Arc::new(keys));
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    Arc::new(more(server.early_data(1_000, register)).build(Arc::new(list)).unwrap())
}

/// A client with sessions that sends early data.
fn early_client(identity: &Identity) -> Connector {
    let client = ClientConfig::builder(CryptoProvider::default())
        .sessions(Arc::new(MemoryClientSessions::new(8)))
        .early_data(true)
        .trust(identity.anchors())
        .unwrap()
        .build()
        .unwrap();
    Connector::new(Arc::new(client))
}

/// A client with sessions and a server with tickets that asks whether early data are welcome, and
/// gets `welcome` after a second.
fn ends(welcome: bool) -> (Connector, Acceptor) {
    let identity = Identity::p256();
    let server = server_of(&identity, |server| server.early_data_policy(Arc::new(AnswerLater)));
    let acceptor = Acceptor::new(server).answers(move |question| async move {
        sleep(SECOND).await;
        let Question::AcceptEarlyData(question) = question else { panic!("{question:?}") };
        assert_eq!(question.offer.server_name.as_deref(), Some(handclasp_testing::NAME));
        Answer::EarlyData(welcome)
    });
    (early_client(&identity), acceptor)
}

/// Data go both ways; the server's tickets come with them.
async fn talk(client: &mut Client, server: &mut Server) {
    let mut got = [0; 4];
    client.write_all(b"ping").await.unwrap();
    client.flush().await.unwrap();
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"ping");
    server.write_all(b"pong").await.unwrap();
    server.flush().await.unwrap();
    client.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"pong");
}

#[tokio::test(start_paused = true)]
async fn early_data_come_apart_from_the_rest_where_a_future_welcomes_them() {
    for welcome in [true, false] {
        let (connector, acceptor) = ends(welcome);
        let (client, server) = connect(&connector, &acceptor, 64 * 1024).await;
        talk(&mut client.unwrap(), &mut server.unwrap()).await;

        let start = Instant::now();
        let (left, right) = duplex(64 * 1024);
        let (client, server) = tokio::join!(
            connector.connect_with_early_data(server_name(), WORDS, left),
            acceptor.accept(right)
        );
        let ((mut client, sent), mut server) = (client.unwrap(), server.unwrap());
        assert!((SECOND..2 * SECOND).contains(&start.elapsed()), "{:?}", start.elapsed());
        assert_eq!(sent, WORDS.len());
        let outcome = client.connection().parameters().early_data;
        assert_eq!(outcome == EarlyData::Accepted, welcome, "{outcome:?}");
        assert_eq!(server.take_early_data(), if welcome { WORDS } else { b"" });
        assert_eq!(server.take_early_data(), b"");
        talk(&mut client, &mut server).await;
    }
}

/// Each of these answers, and none at all, as there is no handler.
#[tokio::test(start_paused = true)]
async fn a_future_asks_the_register_and_without_an_answer_there_are_no_early_data() {
    let identity = Identity::p256();
    let answers = [
        Some(Answer::ReplayCheck(ReplayCheck::New)),
        Some(Answer::ReplayCheck(ReplayCheck::Unknown)),
        Some(Answer::Unavailable("the database is down".into())),
        None,
    ];
    for answer in answers {
        let accepted = matches!(answer, Some(Answer::ReplayCheck(ReplayCheck::New)));
        let register = RegisterElsewhere::new();
        let server = server_of(&identity, |server| server.early_data(1_000, register));
        let mut acceptor = Acceptor::new(server);
        if let Some(answer) = answer {
            acceptor = acceptor.answers(move |question| {
                let answer = answer.clone();
                async move {
                    sleep(SECOND).await;
                    assert!(matches!(question, Question::CheckReplay(_)), "{question:?}");
                    answer
                }
            });
        }
        let connector = early_client(&identity);
        let (client, server) = connect(&connector, &acceptor, 64 * 1024).await;
        talk(&mut client.unwrap(), &mut server.unwrap()).await;
        let (left, right) = duplex(64 * 1024);
        let (client, server) = tokio::join!(
            connector.connect_with_early_data(server_name(), WORDS, left),
            acceptor.accept(right)
        );
        let ((mut client, _), mut server) = (client.unwrap(), server.unwrap());
        assert_eq!(server.take_early_data(), if accepted { WORDS } else { b"" });
        talk(&mut client, &mut server).await;
    }
}

#[tokio::test(start_paused = true)]
async fn early_data_are_answered_before_the_client_has_finished() {
    let (connector, acceptor) = ends(true);
    let (left, right) = duplex(64 * 1024);
    let (client, server) = tokio::join!(
        connector.connect(server_name(), left),
        acceptor.accept_with_early_data(right)
    );
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    assert!(!server.connection().is_handshaking(), "there were none to answer");
    assert_eq!(server.receive_early_data().await.unwrap(), b"");
    talk(&mut client, &mut server).await;

    let (left, right) = duplex(64 * 1024);
    let mut connecting = pin!(connector.connect_with_early_data(server_name(), WORDS, left));
    // The client sends what it can at once, and gets nothing until the server has answered.
    let waits = poll_fn(|context| Poll::Ready(connecting.as_mut().poll(context).is_pending()));
    assert!(waits.await);
    let mut server = acceptor.accept_with_early_data(right).await.unwrap();
    assert_eq!(server.receive_early_data().await.unwrap(), WORDS);
    server.write_all(b"the answer").await.unwrap();
    server.flush().await.unwrap();
    assert!(server.connection().is_handshaking());

    let (mut client, sent) = connecting.await.unwrap();
    assert_eq!(sent, WORDS.len());
    let mut answer = [0; 10];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"the answer");
    assert_eq!(server.receive_early_data().await.unwrap(), b"");
    assert!(!server.connection().is_handshaking());
    talk(&mut client, &mut server).await;

    // A client that hangs up instead of finishing fails the read.
    let (left, right) = duplex(64 * 1024);
    let mut connecting = Box::pin(connector.connect_with_early_data(server_name(), WORDS, left));
    let waits = poll_fn(|context| Poll::Ready(connecting.as_mut().poll(context).is_pending()));
    assert!(waits.await);
    let mut server = acceptor.accept_with_early_data(right).await.unwrap();
    assert_eq!(server.receive_early_data().await.unwrap(), WORDS);
    drop(connecting);
    let error = server.receive_early_data().await.unwrap_err();
    assert_eq!(ends::tls(&error).kind(), &handclasp::ErrorKind::EndedInHandshake);
}

/// Counts the messages.
struct Messages(Arc<AtomicUsize>);

impl Observer for Messages {
    fn event(&mut self, event: &Event<'_>) {
        if matches!(event, Event::MessageReceived(..) | Event::MessageSent(..)) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn observed() -> (Options, Arc<AtomicUsize>) {
    let (mut options, count) = (Options::default(), Arc::<AtomicUsize>::default());
    options.observer = Some(Box::new(Messages(count.clone())));
    (options, count)
}

#[tokio::test(start_paused = true)]
async fn the_methods_for_early_data_take_options_too() {
    let (connector, acceptor) = ends(true);
    let (client, server) = connect(&connector, &acceptor, 64 * 1024).await;
    talk(&mut client.unwrap(), &mut server.unwrap()).await;

    let (left, right) = duplex(64 * 1024);
    let (of_client, by_client) = observed();
    let (of_server, by_server) = observed();
    let (client, server) = tokio::join!(
        connector.connect_early_data_with(server_name(), of_client, WORDS, left),
        async {
            let mut server = acceptor.accept_early_data_with(of_server, right).await.unwrap();
            assert_eq!(server.receive_early_data().await.unwrap(), WORDS);
            assert_eq!(server.receive_early_data().await.unwrap(), b"");
            server
        }
    );
    let (client, sent) = client.unwrap();
    assert_eq!(sent, WORDS.len());
    for parameters in [client.connection().parameters(), server.connection().parameters()] {
        assert_eq!(parameters.early_data, EarlyData::Accepted);
    }
    // ClientHello, ServerHello, EncryptedExtensions, EndOfEarlyData, and both Finished.
    for count in [by_client, by_server] {
        assert!(count.load(Ordering::Relaxed) >= 6);
    }
}

#[tokio::test]
async fn without_a_ticket_no_early_data_are_sent() {
    let (connector, acceptor) = ends(true);
    let (left, right) = duplex(64 * 1024);
    let (client, server) = tokio::join!(
        connector.connect_with_early_data(server_name(), WORDS, left),
        acceptor.accept(right)
    );
    let ((mut client, sent), mut server) = (client.unwrap(), server.unwrap());
    assert_eq!((sent, client.connection().parameters().early_data), (0, EarlyData::NotOffered));
    talk(&mut client, &mut server).await;
}

#[tokio::test(start_paused = true)]
async fn early_data_wait_until_the_server_of_the_session_is_verified_again() {
    for good in [true, false] {
        let identity = Identity::p256();
        let client = ClientConfig::builder(CryptoProvider::default())
            .sessions(Arc::new(MemoryClientSessions::new(8)))
            .early_data(true)
            .verifier(Arc::new(AnswerLater))
            .build()
            .unwrap();
        let acceptor = Acceptor::new(server_of(&identity, |server| server));
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let connector = Connector::new(Arc::new(client)).answers(move |question| {
            // The second time is the session's.
            let time = count.fetch_add(1, Ordering::Relaxed);
            async move {
                sleep(SECOND).await;
                assert!(matches!(question, Question::VerifyPeer(_)), "{question:?}");
                Answer::Peer(match good || time != 1 {
                    true => Ok(()),
                    false => Err(CertificateError::rejected("not for now")),
                })
            }
        });
        let (client, server) = connect(&connector, &acceptor, 64 * 1024).await;
        talk(&mut client.unwrap(), &mut server.unwrap()).await;
        let (left, right) = duplex(64 * 1024);
        let (client, server) = tokio::join!(
            connector.connect_with_early_data(server_name(), WORDS, left),
            acceptor.accept(right)
        );
        let ((mut client, sent), mut server) = (client.unwrap(), server.unwrap());
        assert_eq!(sent, if good { WORDS.len() } else { 0 });
        assert_eq!(server.take_early_data(), if good { WORDS } else { b"" });
        assert_eq!(client.connection().parameters().pre_shared_key.is_some(), good);
        assert_eq!(asked.load(Ordering::Relaxed), if good { 2 } else { 3 });
        talk(&mut client, &mut server).await;
    }
}
