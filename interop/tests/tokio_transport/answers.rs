//! Questions answered by futures: each answer takes a second, and the other connections go on.
//! The clock is paused: it jumps ahead when every task waits.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::ends::{self, connect, tls};
use handclasp::alert::AlertDescription;
use handclasp::certificate::{CertificateError, CertificateErrorKind};
use handclasp::credential::{CertificateList, KeySource, NoCertificate};
use handclasp::crypto::{CryptoProvider, signing_key};
use handclasp::handshake::{Answer, Question};
use handclasp::pki_types::UnixTime;
use handclasp::psk::{ChosenPsk, PreSharedKey};
use handclasp::session::ClientSessionStore;
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::verify::TrustAnchorVerifier;
use handclasp::wire::{ClientHello, HandshakeMessage};
use handclasp::{AnswerLater, CertifiedKey, ClientConfig, ErrorKind, ServerConfig};
use handclasp_testing::asked_later::{self, InTurn};
use handclasp_testing::numbers::varied_bytes;
use handclasp_testing::sessions::{Elsewhere, Pair};
use handclasp_testing::{Identity, server_name};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const CAPACITY: usize = 1_000;

/// A key that is known by what it can do only.
fn key_elsewhere(identity: &Identity) -> CertifiedKey {
    let schemes = signing_key(&identity.key).unwrap().schemes().to_vec();
    CertifiedKey::new(identity.chain.clone(), KeySource::Remote { schemes }).unwrap()
}

/// Signs after a second, as a device would.
fn signer(identity: &Identity) -> impl Fn(Question) -> SlowAnswer + Send + Sync + 'static {
    let key = signing_key(&identity.key).unwrap();
    move |question| {
        let key = Arc::clone(&key);
        Box::pin(async move {
            sleep(SECOND).await;
            let Question::Sign(sign) = question else { panic!("{question:?}") };
            Answer::Signature(key.sign(sign.scheme, &sign.message))
        })
    }
}

type SlowAnswer = handclasp::transport::tokio::AnswerFuture;

/// One handshake of these two takes a second, and ten that ask nothing take no time meanwhile.
async fn takes_a_second_while_others_go_on(
    connector: &Connector,
    acceptor: &Acceptor,
) -> (ends::Client, ends::Server) {
    let start = Instant::now();
    let others = async {
        let (connector, acceptor) = ends::ends();
        for _ in 0..10 {
            let (client, server) = connect(&connector, &acceptor, CAPACITY).await;
            let (mut client, mut server) = (client.unwrap(), server.unwrap());
            client.write_all(b"ping").await.unwrap();
            client.flush().await.unwrap();
            let mut ping = [0; 4];
            server.read_exact(&mut ping).await.unwrap();
        }
        start.elapsed()
    };
    let slow = async {
        let (client, server) = connect(connector, acceptor, CAPACITY).await;
        (client.unwrap(), server.unwrap(), start.elapsed())
    };
    let ((client, server, slow), others) = tokio::join!(slow, others);
    assert!((SECOND..SECOND + SECOND / 2).contains(&slow), "{slow:?}");
    assert!(others < SECOND / 10, "{others:?}");
    (client, server)
}

#[tokio::test(start_paused = true)]
async fn a_signature_may_take_a_second() {
    let identity = Identity::p256();
    let config = Arc::new(ServerConfig::new(key_elsewhere(&identity)).unwrap());
    let acceptor = Acceptor::new(config).answers(signer(&identity));
    let connector = Connector::new(identity.client_config());
    takes_a_second_while_others_go_on(&connector, &acceptor).await;
}

#[tokio::test(start_paused = true)]
async fn the_choice_of_a_certificate_may_take_a_second() {
    let identity = Identity::p256();
    let config =
        ServerConfig::builder(CryptoProvider::default()).build(Arc::new(AnswerLater)).unwrap();
    let certificate = Arc::new(identity.certified_key());
    let acceptor = Acceptor::new(Arc::new(config)).answers(move |question| {
        let certificate = Arc::clone(&certificate);
        async move {
            sleep(SECOND).await;
            let Question::ChooseCertificate(choose) = question else { panic!("{question:?}") };
            let hello = choose.client_hello().unwrap();
            match hello.dns_name().as_deref() == Some(handclasp_testing::NAME) {
                true => Answer::Certificate(Ok(certificate)),
                false => Answer::Certificate(Err(NoCertificate::UnknownName)),
            }
        }
    });
    let connector = Connector::new(identity.client_config());
    takes_a_second_while_others_go_on(&connector, &acceptor).await;

    let (left, right) = duplex(CAPACITY);
    let other = "localhost".try_into().unwrap();
    let (client, server) = tokio::join!(connector.connect(other, left), acceptor.accept(right));
    let (client, server) = (client.unwrap_err(), server.unwrap_err());
    assert_eq!(tls(&client).alert_received(), Some(AlertDescription::UNRECOGNIZED_NAME));
    assert!(server.to_string().contains("localhost"), "{server}");
}

#[tokio::test(start_paused = true)]
async fn a_verdict_on_the_server_may_take_a_second() {
    let identity = Identity::p256();
    let config = ClientConfig::builder(CryptoProvider::default()).verifier(Arc::new(AnswerLater));
    let config = Arc::new(config.build().unwrap());
    let pinned = identity.chain[0].clone();
    let verify = move |question| {
        let pinned = pinned.clone();
        async move {
            sleep(SECOND).await;
            let Question::VerifyPeer(peer) = question else { panic!("{question:?}") };
            Answer::Peer(match peer.chain[0] == pinned {
                true => Ok(()),
                false => Err(CertificateError {
                    certificate: "the server's".into(),
                    kind: CertificateErrorKind::Rejected("it is not the one that is pinned".into()),
                }),
            })
        }
    };
    let connector = Connector::new(config).answers(verify);
    let acceptor = Acceptor::new(identity.server_config());
    takes_a_second_while_others_go_on(&connector, &acceptor).await;

    let another = Acceptor::new(Identity::p256().server_config());
    let (client, server) = connect(&connector, &another, CAPACITY).await;
    let client = client.unwrap_err();
    assert!(client.to_string().contains("not the one that is pinned"), "{client}");
    let server = server.unwrap_err();
    assert_eq!(tls(&server).alert_received(), Some(AlertDescription::CERTIFICATE_UNKNOWN));
}

#[tokio::test(start_paused = true)]
async fn a_look_up_of_a_pre_shared_key_may_take_a_second() {
    let identity = Identity::p256();
    let key = PreSharedKey::external(b"a lamp", &varied_bytes(32, 1)).unwrap();
    let server = ServerConfig::builder(CryptoProvider::default())
        .pre_shared_keys(Arc::new(AnswerLater))
        .build(Arc::new(CertificateList::new(vec![])))
        .unwrap();
    let client = ClientConfig::builder(CryptoProvider::default())
        .trust(identity.anchors())
        .unwrap()
        .pre_shared_keys(vec![key.clone()])
        .build()
        .unwrap();
    let acceptor = Acceptor::new(Arc::new(server)).answers(move |question| {
        let key = key.clone();
        async move {
            sleep(SECOND).await;
            let Question::ResolvePsk(resolve) = question else { panic!("{question:?}") };
            let hello = resolve.client_hello().unwrap();
            let mut offered = hello.pre_shared_keys.unwrap().iter();
            let found = offered.position(|(offered, _)| offered.identity == key.identity());
            let chosen = found.and_then(|index| u16::try_from(index).ok());
            Answer::Psk(chosen.map(|index| ChosenPsk { index, key: key.clone() }))
        }
    });
    let connector = Connector::new(Arc::new(client));
    takes_a_second_while_others_go_on(&connector, &acceptor).await;
}

#[tokio::test(start_paused = true)]
async fn a_look_up_of_a_session_may_take_a_second() {
    let (pair, store) = (Pair::new(), Elsewhere::new());
    let config = pair.finish(pair.server_builder().sessions(store.clone()).tickets(1));
    let connector = Connector::new(Arc::new(pair.client_builder().build().unwrap()));
    let acceptor = Acceptor::new(config).answers(move |question| {
        let store = Arc::clone(&store);
        async move {
            sleep(SECOND).await;
            let Question::TakeSession(take) = question else { panic!("{question:?}") };
            Answer::Session(store.answer(&take.ticket))
        }
    });
    let start = Instant::now();
    let (client, server) = connect(&connector, &acceptor, CAPACITY).await;
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    assert!(start.elapsed() < SECOND / 10, "there was no ticket to ask about");
    server.write_all(b"ticket").await.unwrap();
    server.flush().await.unwrap();
    client.read_exact(&mut [0; 6]).await.unwrap();
    let session = pair.store.take(&server_name(), UnixTime::now()).unwrap();
    for there in [true, false] {
        pair.store.forget(&server_name());
        pair.store.put(session.clone());
        let (client, _) = takes_a_second_while_others_go_on(&connector, &acceptor).await;
        let resumed = client.connection().parameters().pre_shared_key.is_some();
        assert_eq!(resumed, there, "each is there once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_asked_for_later_may_take_a_second_and_data_go_on() {
    let (identity, own) = (Identity::p256(), Identity::p256());
    let signatures = CryptoProvider::default().signatures;
    let verifier = Arc::new(TrustAnchorVerifier::for_clients(own.anchors(), signatures));
    let server = asked_later::server(&identity, verifier);
    let client = asked_later::client(&identity, Arc::new(AnswerLater));
    let certificate = Arc::new(own.certified_key());
    let connector = Connector::new(client).answers(move |question| {
        let certificate = Arc::clone(&certificate);
        async move {
            sleep(SECOND).await;
            let Question::ChooseClientCertificate(_) = question else { panic!("{question:?}") };
            Answer::ClientCertificate(Some(certificate))
        }
    });
    let (client, server) = connect(&connector, &Acceptor::new(server), CAPACITY).await;
    let (client, mut server) = (client.unwrap(), server.unwrap());
    server.connection_mut().request_client_certificate().unwrap();
    server.write_all(b"who are you?").await.unwrap();
    server.flush().await.unwrap();

    let start = Instant::now();
    let (mut reader, mut writer) = split(client);
    let asked = tokio::spawn(async move {
        let mut question = [0; 12];
        reader.read_exact(&mut question).await.unwrap();
        (reader, start.elapsed())
    });
    let mut received = [0; 5_000];
    for round in 0..10_u8 {
        // More than the pipe holds.
        let words = [round; 5_000];
        let (written, read) =
            tokio::join!(writer.write_all(&words), server.read_exact(&mut received));
        written.unwrap();
        read.unwrap();
    }
    assert!(start.elapsed() < SECOND / 2, "{:?}", start.elapsed());
    assert_eq!(server.connection().open_certificate_requests(), 1);
    let ((_reader, asked), read) = tokio::join!(
        async { asked.await.unwrap() },
        tokio::time::timeout(2 * SECOND, server.read(&mut received))
    );
    assert!((SECOND..SECOND + SECOND / 2).contains(&asked), "{asked:?}");
    assert!(read.is_err(), "there are no more data");
    let known = server.connection().parameters().certificates.as_deref();
    assert_eq!(known, Some(&own.chain[..]));
}

/// Both sides' errors, the server answering with `answer`.
async fn failure(answer: Option<Answer>) -> (io::Error, io::Error) {
    let identity = Identity::p256();
    let config = Arc::new(ServerConfig::new(key_elsewhere(&identity)).unwrap());
    let mut acceptor = Acceptor::new(config);
    if let Some(answer) = answer {
        acceptor = acceptor.answers(move |_| {
            let answer = answer.clone();
            async { answer }
        });
    }
    let connector = Connector::new(identity.client_config());
    let (client, server) = connect(&connector, &acceptor, CAPACITY).await;
    (client.unwrap_err(), server.unwrap_err())
}

#[tokio::test]
async fn a_question_without_an_answer_ends_the_handshake_and_says_why_on_its_own_side_only() {
    let unavailable = Answer::Unavailable("the device is unplugged".into());
    for (answer, reason) in [
        (Some(unavailable), "the device is unplugged"),
        (Some(Answer::Psk(None)), "the answer that came is to another question"),
        (None, "there is no handler for questions"),
    ] {
        let (client, server) = failure(answer).await;
        assert!(matches!(tls(&server).kind(), ErrorKind::Unanswered { question: "sign", .. }));
        assert!(server.to_string().contains(reason), "{server}");
        assert_eq!(tls(&client).alert_received(), Some(AlertDescription::INTERNAL_ERROR));
        assert!(!client.to_string().contains(reason), "{client}");
    }
}

/// Says when it is dropped.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_dropped_with_its_handshake_at_the_timeout() {
    let identity = Identity::p256();
    let config = Arc::new(ServerConfig::new(key_elsewhere(&identity)).unwrap());
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let acceptor = Acceptor::new(config).handshake_timeout(3 * SECOND).answers(move |_| {
        let guard = SetOnDrop(Arc::clone(&flag));
        async move {
            let _guard = guard;
            std::future::pending::<Answer>().await
        }
    });
    let connector = Connector::new(identity.client_config());
    let start = Instant::now();
    // The pipe holds all that the server has sent, and its close_notify.
    let (client, server) = connect(&connector, &acceptor, 4 * CAPACITY).await;
    assert!((3 * SECOND..4 * SECOND).contains(&start.elapsed()), "{:?}", start.elapsed());
    let server = server.unwrap_err();
    assert_eq!(server.kind(), io::ErrorKind::TimedOut);
    assert!(
        server.to_string().contains("3s: this side was waiting for an answer to the question sign")
    );
    assert!(dropped.load(Ordering::SeqCst));
    // The client learns that the server gave up.
    assert_eq!(tls(&client.unwrap_err()).kind(), &ErrorKind::ClosedInHandshake);
}

#[tokio::test(start_paused = true)]
async fn the_future_of_a_question_that_the_application_has_answered_is_dropped() {
    let (identity, guest, stranger) = (Identity::p256(), Identity::p256(), Identity::p256());
    let server = asked_later::server(&identity, Arc::new(AnswerLater));
    let client = asked_later::client(&identity, InTurn::new(&[&guest, &stranger]));
    let dropped: [_; 2] = std::array::from_fn(|_| Arc::new(AtomicBool::new(false)));
    let (drops, known) = (dropped.clone(), guest.chain.clone());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // A slow service that knows the guest.
    let acceptor = Acceptor::new(server).answers(move |question| {
        let guard = SetOnDrop(Arc::clone(&drops[count.fetch_add(1, Ordering::SeqCst)]));
        let Question::VerifyPeer(peer) = question else { panic!("{question:?}") };
        let result = match *peer.chain == *known {
            true => Ok(()),
            false => Err(CertificateError::rejected("a stranger")),
        };
        async move {
            let _guard = guard;
            sleep(SECOND).await;
            Answer::Peer(result)
        }
    });
    let connector = Connector::new(client);
    let (client, server) = connect(&connector, &acceptor, 100 * CAPACITY).await;
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    server.connection_mut().request_client_certificate().unwrap();
    server.connection_mut().request_client_certificate().unwrap();
    server.flush().await.unwrap();
    let mut byte = [0];
    assert!(tokio::time::timeout(SECOND / 4, client.read(&mut byte)).await.is_err());
    assert!(tokio::time::timeout(SECOND / 4, server.read(&mut byte)).await.is_err());

    // The application knows the guest itself.
    let first = server.connection().question_number().unwrap();
    server.connection_mut().answer(first, Answer::Peer(Ok(()))).unwrap();
    assert!(tokio::time::timeout(SECOND / 4, server.read(&mut byte)).await.is_err());
    assert!(dropped[0].load(Ordering::SeqCst), "its question is not open any more");
    assert_eq!(asked.load(Ordering::SeqCst), 2, "the next question is asked");
    let second = server.connection().question_number().unwrap();
    assert_ne!(first, second);

    let error = server.read(&mut byte).await.unwrap_err();
    assert!(error.to_string().contains("a stranger"), "{error}");
    let proved = server.connection().parameters().certificates.as_deref();
    assert_ne!(proved, Some(&stranger.chain[..]));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn the_future_of_a_question_is_dropped_when_the_connection_fails() {
    let identity = Identity::p256();
    let client = asked_later::client(&identity, Arc::new(AnswerLater));
    let server = asked_later::server(&identity, Arc::new(AnswerLater));
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let connector = Connector::new(client).answers(move |_| {
        let guard = SetOnDrop(Arc::clone(&flag));
        async move {
            let _guard = guard;
            std::future::pending::<Answer>().await
        }
    });
    let (client, server) = connect(&connector, &Acceptor::new(server), CAPACITY).await;
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    server.connection_mut().request_client_certificate().unwrap();
    server.flush().await.unwrap();
    let mut byte = [0];
    assert!(tokio::time::timeout(SECOND, client.read(&mut byte)).await.is_err());
    assert!(!dropped.load(Ordering::SeqCst));
    let number = client.connection().question_number().unwrap();
    let reason = Answer::Unavailable("the user has gone".into());
    client.connection_mut().answer(number, reason).unwrap_err();
    let error = client.read(&mut byte).await.unwrap_err();
    assert!(error.to_string().contains("the user has gone"), "{error}");
    assert!(dropped.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_ends_the_handshake_at_the_timeout() {
    let (connector, acceptor) = ends::ends();
    let (_silent, end) = duplex(CAPACITY);
    let start = Instant::now();
    let error = acceptor.accept(end).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 10));
    assert!(
        error.to_string().contains("10s: this side was waiting for the ClientHello"),
        "{error}"
    );

    let (_silent, end) = duplex(CAPACITY);
    let connector = connector.handshake_timeout(2 * SECOND);
    let error = connector.connect(server_name(), end).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 12));
}

#[tokio::test(start_paused = true)]
async fn handshakes_under_way_have_a_limit_and_silent_clients_take_no_place() {
    let identity = Identity::p256();
    let config = Arc::new(ServerConfig::new(key_elsewhere(&identity)).unwrap());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak) = (Arc::clone(&now), Arc::clone(&most));
    let sign = Arc::new(signer(&identity));
    let acceptor = Acceptor::new(config).max_handshakes(3).answers(move |question| {
        peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let (inside, sign) = (Arc::clone(&inside), Arc::clone(&sign));
        async move {
            let answer = sign(question).await;
            inside.fetch_sub(1, Ordering::SeqCst);
            answer
        }
    });
    let mut silent = Vec::new();
    for _ in 0..20 {
        let (here, there) = duplex(CAPACITY);
        let acceptor = acceptor.clone();
        silent.push((here, tokio::spawn(async move { acceptor.accept(there).await })));
    }
    let connector = Connector::new(identity.client_config());
    let start = Instant::now();
    let handshakes: Vec<_> = (0..9)
        .map(|_| {
            let (connector, acceptor) = (connector.clone(), acceptor.clone());
            tokio::spawn(async move { connect(&connector, &acceptor, CAPACITY).await })
        })
        .collect();
    for handshake in handshakes {
        let (client, server) = handshake.await.unwrap();
        client.unwrap();
        server.unwrap();
    }
    // Nine in three rounds of a second each.
    assert_eq!((most.load(Ordering::SeqCst), start.elapsed().as_secs()), (3, 3));

    // A connection that is dropped while it waits leaves its place.
    let (left, right) = duplex(CAPACITY);
    {
        let mut both = pin!(async {
            tokio::join!(connector.connect(server_name(), left), acceptor.accept(right))
        });
        let give_up = tokio::time::timeout(SECOND / 2, both.as_mut()).await;
        assert!(give_up.is_err());
        assert!(format!("{acceptor:?}").contains("permits_left: 2"), "{acceptor:?}");
    }
    assert!(format!("{acceptor:?}").contains("permits_left: 3"), "{acceptor:?}");
}

/// The age of the first ticket in the ClientHello that the client sends to this end.
async fn age_in_client_hello(transport: &mut DuplexStream) -> u32 {
    let mut header = [0; 5];
    transport.read_exact(&mut header).await.unwrap();
    let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    transport.read_exact(&mut record).await.unwrap();
    let (message, _) = HandshakeMessage::split(&record).unwrap();
    let keys = ClientHello::parse(message.body).unwrap().pre_shared_keys.unwrap();
    keys.iter().next().unwrap().0.obfuscated_ticket_age
}

#[tokio::test]
async fn the_age_of_a_ticket_is_that_of_the_answer_that_the_client_waited_for() {
    const WAIT: Duration = Duration::from_millis(40);
    let pair = Pair::new();
    let acceptor = Acceptor::new(pair.finish(pair.server_builder()));
    let connector = |wait: Duration| {
        let builder = pair.client_builder().verifier(Arc::new(AnswerLater));
        let config = Arc::new(builder.build().unwrap());
        Connector::new(config).answers(move |_| async move {
            std::thread::sleep(wait);
            Answer::Peer(Ok(()))
        })
    };
    let (client, server) = connect(&connector(Duration::ZERO), &acceptor, CAPACITY).await;
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    server.write_all(b"after the tickets").await.unwrap();
    server.flush().await.unwrap();
    client.read_exact(&mut [0; 17]).await.unwrap();
    let session = pair.store.take(&server_name(), UnixTime::now()).unwrap();
    let age_after = async |wait: Duration| {
        pair.store.forget(&server_name());
        pair.store.put(session.clone());
        let (ours, mut theirs) = duplex(CAPACITY);
        let connector = connector(wait);
        let connecting = pin!(connector.connect(server_name(), ours));
        tokio::select! {
            result = connecting => panic!("the server is silent: {:?}", result.map(drop)),
            age = age_in_client_hello(&mut theirs) => age,
        }
    };
    let first = age_after(Duration::ZERO).await;
    let start = std::time::Instant::now();
    let second = age_after(WAIT).await;
    assert!(start.elapsed() >= WAIT);
    assert!(u128::from(second.wrapping_sub(first)) >= WAIT.as_millis(), "{first} {second}");
}
