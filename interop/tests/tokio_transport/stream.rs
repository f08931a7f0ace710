//! Streams under tokio: both directions at once, both kinds of end, and futures that are dropped.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use super::ends::{self, Client, pair, tls};
use handclasp::connection::{KeysKept, Options};
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::{ErrorKind, Event, Observer};
use handclasp_testing::numbers::varied_bytes;
use handclasp_testing::taken_over::TakenOver;
use handclasp_testing::{Identity, server_name};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex, split};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
const MEBIBYTE: usize = 1024 * 1024;

#[tokio::test]
async fn data_go_both_ways_over_pipes_of_any_size() {
    for capacity in [1, 7, 100, 5_000, MEBIBYTE] {
        let (mut client, mut server) = pair(capacity).await;
        let data = varied_bytes(20_000, 1);
        let (mut to_server, mut to_client) = (vec![0; 20_000], vec![0; 20_000]);
        // Changes of keys on the way do not show.
        client.connection_mut().update_keys(true).unwrap();
        let there = async {
            client.write_all(&data).await.unwrap();
            client.flush().await.unwrap();
        };
        tokio::join!(there, async { server.read_exact(&mut to_server).await.unwrap() });
        let back = async {
            server.write_all(&data).await.unwrap();
            server.flush().await.unwrap();
        };
        tokio::join!(back, async { client.read_exact(&mut to_client).await.unwrap() });
        assert!(to_server == *data && to_client == *data, "a pipe of {capacity} bytes");
    }
}

/// A transport that says every other time that it is not ready, and wakes its task before it says so,
/// as tokio's do when a task has to yield.
struct WakesFirst {
    inner: tokio::io::DuplexStream,
    is_readable: bool,
    is_writable: bool,
}

/// Whether a transport is ready this time.
fn is_ready(flag: &mut bool, context: &mut Context<'_>) -> bool {
    *flag = !*flag;
    if !*flag {
        context.waker().wake_by_ref();
    }
    *flag
}

impl AsyncRead for WakesFirst {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !is_ready(&mut self.is_readable, context) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for WakesFirst {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !is_ready(&mut self.is_writable, context) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[tokio::test]
async fn a_transport_that_wakes_before_it_says_that_it_is_not_ready_is_polled_again() {
    let identity = Identity::p256();
    let (left, right) = duplex(5_000);
    let new = |inner| WakesFirst { inner, is_readable: true, is_writable: true };
    let (left, right) = (new(left), new(right));
    let connector = Connector::new(identity.client_config());
    let acceptor = Acceptor::new(identity.server_config());
    let work = async {
        let ends = tokio::join!(connector.connect(server_name(), left), acceptor.accept(right));
        let data = Arc::new(varied_bytes(100_000, 1));
        let both = (both_ways(ends.0.unwrap(), data.clone()), both_ways(ends.1.unwrap(), data));
        tokio::join!(both.0, both.1)
    };
    let (to_client, to_server) = timeout(PATIENCE, work).await.expect("a wake-up was lost");
    assert!(to_client.len() == 100_000 && to_client == to_server);
}

/// Writes `ours` in one task and reads to the end in another.
async fn both_ways<S>(stream: S, ours: Arc<Vec<u8>>) -> Vec<u8>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut reader, mut writer) = split(stream);
    let writing = tokio::spawn(async move {
        for piece in ours.chunks(70_000) {
            writer.write_all(piece).await.unwrap();
        }
        writer.shutdown().await.unwrap();
    });
    let mut got = Vec::new();
    reader.read_to_end(&mut got).await.unwrap();
    writing.await.unwrap();
    got
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_write_before_they_read_and_neither_waits_without_end() {
    for (capacity, length) in [(100, 200_000), (1_000, MEBIBYTE), (64 * 1024, 8 * MEBIBYTE)] {
        let (client, server) = pair(capacity).await;
        let (ours, theirs) = (Arc::new(varied_bytes(length, 1)), Arc::new(varied_bytes(length, 2)));
        let left = tokio::spawn(both_ways(client, Arc::clone(&ours)));
        let right = tokio::spawn(both_ways(server, Arc::clone(&theirs)));
        let (to_client, to_server) =
            timeout(PATIENCE, async { tokio::join!(left, right) }).await.expect("a deadlock");
        assert!(to_client.unwrap() == *theirs && to_server.unwrap() == *ours);
    }
}

#[tokio::test]
async fn after_a_half_close_the_other_direction_goes_on() {
    let (mut client, mut server) = pair(1_000).await;
    client.write_all(b"the question").await.unwrap();
    client.shutdown().await.unwrap();
    let error = client.write_all(b"more").await.unwrap_err();
    assert!(matches!(tls(&error).kind(), ErrorKind::Misuse(_)), "{error}");

    let mut question = Vec::new();
    server.read_to_end(&mut question).await.unwrap();
    assert_eq!(question, b"the question");
    let answer = varied_bytes(100_000, 3);
    let mut got = Vec::new();
    let answering = async {
        server.write_all(&answer).await.unwrap();
        server.shutdown().await.unwrap();
    };
    tokio::join!(answering, async { client.read_to_end(&mut got).await.unwrap() });
    assert!(got == *answer);
    // And the end stays the end.
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_transport_that_ends_differs_from_an_end_of_data() {
    let (mut client, mut server) = pair(1_000).await;
    server.write_all(b"all of it?").await.unwrap();
    server.flush().await.unwrap();
    drop(server);
    let mut got = Vec::new();
    let error = client.read_to_end(&mut got).await.unwrap_err();
    assert_eq!((&got[..], error.kind()), (&b"all of it?"[..], io::ErrorKind::UnexpectedEof));
    assert_eq!(tls(&error).kind(), &ErrorKind::Truncated);
    let error = client.read(&mut [0]).await.unwrap_err();
    assert_eq!(tls(&error).kind(), &ErrorKind::Truncated, "it stays so");

    let (left, right) = duplex(1_000);
    drop(right);
    let connector = Connector::new(Identity::p256().client_config());
    let error = connector.connect(server_name(), left).await.unwrap_err();
    assert!(!error.to_string().is_empty());
}

#[tokio::test]
async fn a_peer_that_has_closed_and_gone_is_missed_only_where_data_wait_for_it() {
    let (mut client, mut server) = pair(1_000).await;
    client.shutdown().await.unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
    server.shutdown().await.unwrap();

    let (mut client, mut server) = pair(1_000).await;
    server.write_all(&[0; 5_000]).await.unwrap();
    client.shutdown().await.unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(server.shutdown().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

/// Polls the future once and drops it.
async fn try_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn futures_that_are_dropped_lose_no_byte_and_repeat_none() {
    for capacity in [1, 13, 1_500] {
        let (mut client, mut server) = pair(capacity).await;
        let data = varied_bytes(60_000, 4);
        let (mut sent, mut flushed, mut got) = (0, false, Vec::new());
        let mut buffer = [0; 777];
        let (mut dropped, mut rounds) = (0, 0_u32);
        while got.len() < data.len() {
            if sent < data.len() {
                // A write of the same bytes with another length, as after a change of mind.
                let end = data.len().min(sent + 1 + usize::try_from(rounds * 577 % 9_000).unwrap());
                match try_once(client.write(&data[sent..end])).await {
                    Some(count) => sent += count.unwrap(),
                    None => dropped += 1,
                }
            } else if !flushed {
                flushed = try_once(client.flush()).await.is_some();
            }
            match try_once(server.read(&mut buffer)).await {
                Some(count) => got.extend_from_slice(&buffer[..count.unwrap()]),
                None => dropped += 1,
            }
            tokio::task::yield_now().await;
            rounds += 1;
        }
        assert!(got == *data, "a pipe of {capacity} bytes");
        assert!(dropped > 0);
    }
}

/// Polls both ends' handshakes so often and drops one; the other end finds out. True where it was
/// complete before.
async fn drop_after<T, U: std::fmt::Debug>(
    polls: usize,
    dropped: impl Future<Output = io::Result<T>>,
    other: impl Future<Output = io::Result<U>>,
) -> bool {
    // All polls are made in one poll of the task, for which tokio has a budget.
    let mut other = pin!(tokio::task::unconstrained(other));
    {
        let mut dropped = pin!(tokio::task::unconstrained(dropped));
        for _ in 0..polls {
            let _ = try_once(other.as_mut()).await;
            if try_once(dropped.as_mut()).await.is_some() {
                return true;
            }
        }
    }
    // One end of the pipe is gone.
    let error = timeout(PATIENCE, other).await.unwrap().unwrap_err();
    let kinds = [io::ErrorKind::UnexpectedEof, io::ErrorKind::BrokenPipe];
    assert!(kinds.contains(&error.kind()), "{error}");
    false
}

#[tokio::test]
async fn a_handshake_that_is_dropped_leaks_nothing() {
    let identity = Identity::p256();
    let (client, server) = (identity.client_config(), identity.server_config());
    let connector = Connector::new(Arc::clone(&client));
    let acceptor = Acceptor::new(Arc::clone(&server));
    for drops_server in [true, false] {
        // Polled once more each time, until it is complete.
        let mut polls = 0;
        loop {
            let (left, right) = duplex(20);
            let (connecting, accepting) =
                (connector.connect(server_name(), left), acceptor.accept(right));
            let complete = match drops_server {
                true => drop_after(polls, accepting, connecting).await,
                false => drop_after(polls, connecting, accepting).await,
            };
            assert!(format!("{acceptor:?}").contains("permits_left: 1024"), "{acceptor:?}");
            let in_use = [Arc::strong_count(&client), Arc::strong_count(&server)];
            assert_eq!(in_use, [2, 2], "the connector's, the acceptor's and ours");
            if complete {
                break;
            }
            polls += 1;
        }
        assert!(polls > 10, "{polls}");
    }
}

#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<usize>>>);

impl Observer for Records {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::RecordSent(record) = event {
            self.0.lock().unwrap().push(record.length);
        }
    }
}

async fn watched() -> (Client, ends::Server, Records) {
    let (connector, acceptor) = ends::ends();
    let (left, right) = duplex(MEBIBYTE);
    let records = Records::default();
    let mut options = Options::default();
    options.observer = Some(Box::new(records.clone()));
    let (client, server) =
        tokio::join!(connector.connect_with(server_name(), options, left), acceptor.accept(right));
    records.0.lock().unwrap().clear();
    (client.unwrap(), server.unwrap(), records)
}

#[tokio::test]
async fn small_pieces_of_a_vectored_write_go_in_one_record() {
    let (mut client, mut server, records) = watched().await;
    assert!(client.is_write_vectored());
    let pieces = [&b"a head, "[..], b"", b"a body, ", b"and a tail"];
    let count = client.write_vectored(&pieces.map(IoSlice::new)).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(count, 26);
    assert_eq!(*records.0.lock().unwrap(), [26 + 22]);
    let mut got = vec![0; 26];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(got, b"a head, a body, and a tail");

    // A head before a large body fills the first record; nothing is left out or repeated.
    let body = varied_bytes(100_000, 5);
    let mut rest = [IoSlice::new(b"head"), IoSlice::new(&body)];
    let mut rest = &mut rest[..];
    while !rest.is_empty() {
        let count = client.write_vectored(rest).await.unwrap();
        IoSlice::advance_slices(&mut rest, count);
    }
    client.flush().await.unwrap();
    let mut got = vec![0; 100_004];
    server.read_exact(&mut got).await.unwrap();
    assert!(got[..4] == b"head"[..] && got[4..] == body[..]);
    assert_eq!(records.0.lock().unwrap()[1], 16_384 + 22);
}

#[tokio::test]
async fn a_stream_may_go_to_another_thread_and_be_shared() {
    fn is_send_and_sync<S: Send + Sync>(_: &S) {}
    let (client, server) = pair(1_000).await;
    is_send_and_sync(&client);
    is_send_and_sync(&server);
    let (connector, acceptor) = ends::ends();
    let (left, right) = duplex(1_000);
    let accepting = tokio::spawn(async move { acceptor.accept(right).await });
    let client = tokio::spawn(async move { connector.connect(server_name(), left).await });
    client.await.unwrap().unwrap();
    accepting.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_speaks_http_without_tls_gets_a_page_and_others_do_not() {
    const PAGE: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\nThis is TLS.";
    let acceptor = ends::ends().1.plain_http_reply(PAGE);
    for (words, reply) in [(&b"GET / HTTP/1.1\r\n\r\n"[..], PAGE), (b"SSH-2.0-client\r\n", b"")] {
        // Less than the page.
        let (mut left, right) = duplex(PAGE.len() - 1);
        let client = async move {
            left.write_all(words).await.unwrap();
            left.flush().await.unwrap();
            let mut received = Vec::new();
            left.read_to_end(&mut received).await.unwrap();
            received
        };
        let accepted = async { acceptor.accept(right).await.map(drop) };
        let (received, accepted) = tokio::join!(client, accepted);
        let error = accepted.unwrap_err();
        assert!(matches!(tls(&error).kind(), ErrorKind::Record(_)), "{error}");
        let alert = received.strip_prefix(reply).expect("the page comes first");
        assert_eq!(alert, [21, 3, 3, 0, 2, 2, 10], "and then an alert");
    }
}

#[tokio::test]
async fn the_records_of_a_stream_are_taken_over_when_nothing_waits() {
    let (mut client, mut server) = pair(MEBIBYTE).await;
    server.write_all(b"words").await.unwrap();
    server.flush().await.unwrap();
    let mut first = [0; 1];
    client.read_exact(&mut first).await.unwrap();
    let refused = client.into_secrets().unwrap_err();
    assert_eq!(refused.reason, KeysKept::UnreadData(4));
    client = refused.kept;
    let mut rest = [0; 4];
    client.read_exact(&mut rest).await.unwrap();
    assert_eq!(&rest, b"ords");

    let handed_over = client.into_secrets().unwrap();
    let mut transport = handed_over.transport;
    let mut owner = TakenOver::new(handed_over.secrets, handed_over.unread);
    owner.post_handshake.update_keys(true).unwrap();
    owner.write(b"by hand");
    transport.write_all(&owner.take_outgoing()).await.unwrap();
    let mut data = [0; 7];
    server.read_exact(&mut data).await.unwrap();
    assert_eq!(&data, b"by hand");
    server.write_all(b"answer").await.unwrap();
    server.flush().await.unwrap();
    let (mut received, mut bytes) = (Vec::new(), [0; 4096]);
    while received != b"answer" {
        let count = transport.read(&mut bytes).await.unwrap();
        assert!(count > 0);
        received.extend(owner.receive(&bytes[..count]).unwrap().unwrap());
    }
    assert!(owner.steps.contains('r'), "the server has answered with an update of its own");
}

#[tokio::test]
async fn a_stream_is_taken_apart_into_what_it_was_made_of() {
    let (client, server) = pair(MEBIBYTE).await;
    assert!(format!("{client:?}").starts_with("TlsStream"));
    assert!(format!("{:?}", ends::ends().0).starts_with("Connector"));
    assert!(format!("{:?}", client.transport()).starts_with("DuplexStream"));
    let (mut connection, mut left) = client.into_parts();
    // They go on by hand.
    connection.write(b"by hand").unwrap();
    left.write_all(connection.outgoing()).await.unwrap();
    let (mut server, mut data) = (server, [0; 7]);
    server.read_exact(&mut data).await.unwrap();
    assert_eq!(&data, b"by hand");
}

/// Neither is read any more, so neither may wait until the other one reads.
#[tokio::test]
async fn two_ends_that_close_with_data_on_the_way_do_not_wait_for_each_other() {
    for capacity in [1, 1_000, 20_000] {
        let (mut client, mut server) = pair(capacity).await;
        let data = varied_bytes(50_000, 5);
        client.write_all(&data).await.unwrap();
        server.write_all(&data).await.unwrap();
        let closing = async { tokio::join!(client.close(), server.close()) };
        let (left, right) = timeout(PATIENCE, closing).await.expect("a deadlock");
        left.unwrap();
        right.unwrap();
    }
}
