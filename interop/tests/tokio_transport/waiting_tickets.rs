//! When an acceptor's tickets are sent: at once, or with the answer to what the client has sent already.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::ends::{Client, Server};
use handclasp::config::Limits;
use handclasp::connection::KeysKept;
use handclasp::credential::CertificateList;
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::{ClientConfig, CryptoProvider, ServerConfig};
use handclasp_testing::{Identity, server_name};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::time::timeout;

/// How many tickets the server sends.
const TICKETS: u8 = 3;

/// A transport that counts the writes.
struct Counting {
    inner: DuplexStream,
    writes: usize,
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes += 1;
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// Both ends after a handshake, and the client's tickets.
struct Accepted {
    client: Client,
    server: Server<Counting>,
    tickets: Arc<MemoryClientSessions>,
}

impl Accepted {
    /// The client has sent `request`, if that is not empty, before the server reads its Finished.
    async fn new(request: &[u8], limits: Limits) -> Self {
        let identity = Identity::p256();
        let provider = CryptoProvider::default();
        let keys = Arc::new(TicketKeys::random(provider.random.clone()).unwrap());
        let server = ServerConfig::builder(provider).sessions(keys).tickets(TICKETS).limits(limits);
        let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
        let acceptor = Acceptor::new(Arc::new(server.build(Arc::new(list)).unwrap()));
        let tickets = Arc::new(MemoryClientSessions::new(8));
        let client = ClientConfig::builder(CryptoProvider::default());
        let client = client.trust(identity.anchors()).unwrap().sessions(tickets.clone());
        let connector = Connector::new(Arc::new(client.build().unwrap()));
        let (left, right) = duplex(100_000);
        let ask = async {
            let mut client = connector.connect(server_name(), left).await.unwrap();
            client.write_all(request).await.unwrap();
            client.flush().await.unwrap();
            client
        };
        let accept = acceptor.accept(Counting { inner: right, writes: 0 });
        let (client, server) = tokio::join!(ask, accept);
        Self { client, server: server.unwrap(), tickets }
    }

    /// The writes of the server so far. The first one is the server's flight.
    fn writes(&self) -> usize {
        self.server.transport().writes
    }

    async fn server_reads(&mut self, expected: &[u8]) {
        let mut received = vec![0; expected.len()];
        self.server.read_exact(&mut received).await.unwrap();
        assert_eq!(received, expected);
    }

    /// The client reads `expected`, and has all tickets then.
    async fn client_reads(&mut self, expected: &[u8]) {
        let mut received = vec![0; expected.len()];
        self.client.read_exact(&mut received).await.unwrap();
        assert_eq!(received, expected);
        self.check_tickets();
    }

    /// The client closes and is gone. The server reads `expected`, which the client has sent before, to the end.
    async fn client_leaves(mut self, expected: &[u8]) -> Server<Counting> {
        self.client.connection_mut().close();
        self.client.flush().await.unwrap();
        drop(self.client);
        let mut received = Vec::new();
        self.server.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, expected);
        self.server
    }

    fn check_tickets(&self) {
        assert_eq!(self.tickets.sessions().len(), usize::from(TICKETS));
    }
}

#[tokio::test]
async fn tickets_are_sent_at_once_where_the_client_has_sent_nothing_more() {
    let mut ends = Accepted::new(b"", Limits::DEFAULT).await;
    assert_eq!(ends.writes(), 2);
    ends.server.write_all(b"hello").await.unwrap();
    assert_eq!(ends.writes(), 3);
    ends.client_reads(b"hello").await;
}

#[tokio::test]
async fn tickets_go_with_the_answer_to_what_the_client_has_sent_already() {
    let mut ends = Accepted::new(b"ask", Limits::DEFAULT).await;
    ends.server_reads(b"ask").await;
    assert_eq!(ends.writes(), 1);
    ends.server.write_all(b"answer").await.unwrap();
    assert_eq!(ends.writes(), 2);
    ends.client_reads(b"answer").await;
}

#[tokio::test]
async fn tickets_go_with_data_of_a_server_that_writes_before_it_reads() {
    let mut ends = Accepted::new(b"ask", Limits::DEFAULT).await;
    ends.server.write_all(b"hello").await.unwrap();
    assert_eq!(ends.writes(), 2);
    ends.client_reads(b"hello").await;
    ends.server_reads(b"ask").await;
}

#[tokio::test(start_paused = true)]
async fn tickets_are_sent_before_the_server_waits_for_more_of_the_client() {
    let mut ends = Accepted::new(b"ask", Limits::DEFAULT).await;
    ends.server_reads(b"ask").await;
    // The clock is paused: the time is over when both sides wait for each other.
    let (mut of_client, mut of_server) = ([0], [0]);
    let both = async {
        tokio::select! {
            _ = ends.client.read(&mut of_client) => panic!("the server has written no data"),
            _ = ends.server.read(&mut of_server) => panic!("the client has written no more"),
        }
    };
    assert!(timeout(Duration::from_secs(1), both).await.is_err());
    ends.check_tickets();
    assert_eq!(ends.writes(), 2);
}

#[tokio::test]
async fn tickets_are_sent_by_a_flush_and_at_the_end() {
    let mut ends = Accepted::new(b"ask", Limits::DEFAULT).await;
    ends.server.flush().await.unwrap();
    assert_eq!(ends.writes(), 2);

    let mut ends = Accepted::new(b"ask", Limits::DEFAULT).await;
    ends.server.shutdown().await.unwrap();
    assert_eq!(ends.writes(), 2);
    assert_eq!(ends.client.read(&mut [0]).await.unwrap(), 0);
    ends.check_tickets();
}

#[tokio::test]
async fn tickets_are_sent_before_data_where_the_limit_has_no_room_for_both() {
    let mut limits = Limits::DEFAULT;
    limits.outgoing = 1;
    let mut ends = Accepted::new(b"ask", limits).await;
    assert_eq!(ends.writes(), 1);
    ends.server.write_all(b"answer").await.unwrap();
    assert_eq!(ends.writes(), 3);
    ends.client_reads(b"answer").await;
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_tickets_and_closes_is_no_error() {
    let ends = Accepted::new(b"ask", Limits::DEFAULT).await;
    let mut server = ends.client_leaves(b"ask").await;
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn data_that_wait_with_tickets_are_not_lost_without_an_error() {
    let ends = Accepted::new(b"ask", Limits::DEFAULT).await;
    let mut server = ends.client_leaves(b"ask").await;
    // Not by the stream, which would send it at once.
    server.connection_mut().write(b"answer").unwrap();
    server.shutdown().await.unwrap_err();
}

#[tokio::test]
async fn a_server_flushes_before_it_gives_its_keys_away() {
    let ends = Accepted::new(b"ask", Limits::DEFAULT).await;
    let kept = ends.server.into_secrets().map(drop).unwrap_err();
    assert!(matches!(kept.reason, KeysKept::Outgoing(_)), "{kept}");
    let mut server = kept.kept;
    server.flush().await.unwrap();
    assert!(server.into_secrets().is_ok());
}
