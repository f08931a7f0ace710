//! The acceptor: configurations that a future chooses by the ClientHello, that are replaced, and the limits
//! that stay. The clock is paused: it jumps ahead when every task waits.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::ends::{self, connect, tls};
use handclasp::alert::AlertDescription;
use handclasp::config::{ConfigChoice, ServerConfigBuilder};
use handclasp::credential::CertificateList;
use handclasp::handshake::{Answer, Question};
use handclasp::transport::tokio::{Acceptor, Connector, TlsStream};
use handclasp::{AnswerLater, CryptoProvider, ServerConfig, ServerConnection};
use handclasp_testing::{Identity, NAME, server_name};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn server(
    identity: &Identity,
    more: impl FnOnce(ServerConfigBuilder) -> ServerConfigBuilder,
) -> Arc<ServerConfig> {
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let builder = more(ServerConfig::builder(CryptoProvider::default()));
    Arc::new(builder.build(Arc::new(list)).unwrap())
}

/// Asks which configuration to use, and gets `tenant` for its name after a second.
fn choosing(identity: &Identity, tenant: Arc<ServerConfig>) -> Acceptor {
    let config = server(identity, |server| server.config_resolver(Arc::new(AnswerLater)));
    Acceptor::new(config).answers(move |question| {
        let tenant = tenant.clone();
        async move {
            sleep(SECOND).await;
            let Question::ChooseConfig(question) = question else { panic!("{question:?}") };
            let hello = question.client_hello().unwrap();
            Answer::Config(match hello.dns_name().as_deref() == Some(NAME) {
                true => ConfigChoice::Use(tenant),
                false => ConfigChoice::Refuse,
            })
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_future_chooses_the_configuration_by_the_name() {
    let (identity, tenant) = (Identity::p256(), Identity::p256());
    let acceptor = choosing(&identity, tenant.server_config());
    let connector = Connector::new(tenant.client_config());
    let start = Instant::now();
    let (client, server) = connect(&connector, &acceptor, 1_000).await;
    assert!((SECOND..2 * SECOND).contains(&start.elapsed()), "{:?}", start.elapsed());
    let client = client.unwrap();
    assert_eq!(client.connection().parameters().certificates.as_deref(), Some(&tenant.chain[..]));
    assert_eq!(server.unwrap().connection().parameters().server_name.as_deref(), Some(NAME));

    let (left, right) = duplex(1_000);
    let other = "localhost".try_into().unwrap();
    let (client, server) = tokio::join!(connector.connect(other, left), acceptor.accept(right));
    let (client, server) = (client.unwrap_err(), server.unwrap_err());
    assert_eq!(tls(&client).alert_received(), Some(AlertDescription::UNRECOGNIZED_NAME));
    assert!(server.to_string().contains("localhost"), "{server}");
}

#[tokio::test(start_paused = true)]
async fn the_choice_of_a_configuration_counts_towards_the_time_and_the_number_of_handshakes() {
    let identity = Identity::p256();
    let connector = Connector::new(identity.client_config());
    let one = choosing(&identity, identity.server_config()).max_handshakes(1);
    let start = Instant::now();
    let (first, second) =
        tokio::join!(connect(&connector, &one, 1_000), connect(&connector, &one, 1_000));
    assert!(first.1.is_ok() && second.1.is_ok(), "{first:?} {second:?}");
    assert!((2 * SECOND..3 * SECOND).contains(&start.elapsed()), "{:?}", start.elapsed());

    let hurried = choosing(&identity, identity.server_config()).handshake_timeout(SECOND / 2);
    let (_, server) = connect(&connector, &hurried, 1_000).await;
    let error = server.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(error.to_string().contains("the question choose configuration"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn acceptors_with_other_configurations_share_the_limit_of_handshakes() {
    let (identity, renewed) = (Identity::p256(), Identity::p256());
    let first = choosing(&identity, identity.server_config()).max_handshakes(1);
    let second = first.with_config(renewed.server_config());
    let connector = Connector::new(identity.client_config());
    let renewed_connector = Connector::new(renewed.client_config());
    let start = Instant::now();
    let after_the_first = async {
        // The first has the only permit by then.
        sleep(SECOND / 10).await;
        let ends = connect(&renewed_connector, &second, 1_000).await;
        (ends, start.elapsed())
    };
    let (one, (two, elapsed)) = tokio::join!(connect(&connector, &first, 1_000), after_the_first);
    assert!(one.1.is_ok() && two.1.is_ok(), "{one:?} {two:?}");
    assert!((SECOND..2 * SECOND).contains(&elapsed), "{elapsed:?}");
}

type Ended = Arc<Mutex<Vec<io::Result<()>>>>;

/// The server of the guide's section on shutting down.
async fn serve(
    acceptor: Acceptor,
    mut listener: mpsc::Receiver<DuplexStream>,
    stop: watch::Receiver<()>,
    ended: Ended,
) {
    let mut clients = JoinSet::new();
    let mut stopping = stop.clone();
    loop {
        let socket = tokio::select! {
            Some(socket) = listener.recv() => socket,
            _ = stopping.changed() => break,
        };
        let (acceptor, stop, ended) = (acceptor.clone(), stop.clone(), ended.clone());
        clients.spawn(async move {
            let result = async { answer(acceptor.accept(socket).await?, stop).await }.await;
            ended.lock().unwrap().push(result);
        });
    }
    while clients.join_next().await.is_some() {}
}

/// Answers each byte after a second, until the client or the server ends.
async fn answer(
    mut stream: TlsStream<ServerConnection, DuplexStream>,
    mut stop: watch::Receiver<()>,
) -> io::Result<()> {
    loop {
        let mut byte = [0];
        let count = tokio::select! {
            count = stream.read(&mut byte) => count?,
            _ = stop.changed() => 0,
        };
        if count == 0 {
            return stream.close().await;
        }
        sleep(SECOND).await;
        stream.write_all(&byte).await?;
        stream.flush().await?;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_answers_what_was_asked_and_sends_close_notify() {
    let (connector, acceptor) = ends::ends();
    let (sockets, listener) = mpsc::channel(8);
    let (stop, stopped) = watch::channel(());
    let ended = Ended::default();
    let server = tokio::spawn(serve(acceptor, listener, stopped, ended.clone()));
    let mut clients = Vec::new();
    for asks in [true, false] {
        let (left, right) = duplex(10_000);
        sockets.send(right).await.unwrap();
        let mut client = connector.connect(server_name(), left).await.unwrap();
        if asks {
            client.write_all(b"x").await.unwrap();
            client.flush().await.unwrap();
        }
        clients.push(client);
    }
    sleep(SECOND / 2).await;
    stop.send(()).unwrap();
    for (mut client, expected) in clients.into_iter().zip(["x", ""]) {
        let mut received = String::new();
        client.read_to_string(&mut received).await.expect("close_notify came");
        assert_eq!(received, expected);
        client.close().await.unwrap();
    }
    server.await.unwrap();
    let ended = ended.lock().unwrap();
    assert!(ended.len() == 2 && ended.iter().all(Result::is_ok), "{ended:?}");
}
