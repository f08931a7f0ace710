//! The end of a connection over sockets: the last record of either side arrives, though bytes of the
//! other's were not read; and neither waits long for a peer that stays.

use super::ends;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use handclasp::alert::AlertDescription;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::transport::{CLOSING_TIME, Socket};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection, Stream};
use handclasp_testing::{Identity, server_name};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};

const RUNS: usize = 20;
/// More than one record, and less than what a socket holds.
const UPLOAD: usize = 20_000;

/// A client that keeps the server's tickets, and so is sent some.
fn client_with_tickets(identity: &Identity) -> Arc<ClientConfig> {
    let client =
        ClientConfig::builder(CryptoProvider::default()).trust(identity.anchors()).unwrap();
    Arc::new(client.sessions(Arc::new(MemoryClientSessions::new(8))).build().unwrap())
}

fn server_with_tickets(identity: &Identity) -> Arc<ServerConfig> {
    let provider = CryptoProvider::default();
    let keys = Arc::new(TicketKeys::random(provider.random.clone()).unwrap());
    let server = ServerConfig::builder(provider).sessions(keys).tickets(4);
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    Arc::new(server.build(Arc::new(list)).unwrap())
}

/// A server that refuses clients without a certificate.
fn strict_server(identity: &Identity) -> Arc<ServerConfig> {
    let provider = CryptoProvider::default();
    let signatures = provider.signatures.clone();
    let verifier = Arc::new(TrustAnchorVerifier::for_clients(identity.anchors(), signatures));
    let server = ServerConfig::builder(provider)
        .client_authentication(ClientAuthentication::required(verifier));
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    Arc::new(server.build(Arc::new(list)).unwrap())
}

type Client = Stream<ClientConnection, TcpStream>;

fn connect(config: &Arc<ClientConfig>, listener: &TcpListener) -> Client {
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let client = ClientConnection::new(config.clone(), server_name());
    Stream::new(client, socket)
}

fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

/// A server's stream over the next client's socket.
fn serve(
    config: &Arc<ServerConfig>,
    listener: &TcpListener,
) -> Stream<ServerConnection, TcpStream> {
    let connection = ServerConnection::new(config.clone());
    Stream::new(connection, listener.accept().unwrap().0)
}

/// Says hello to the next client, and reads nothing.
fn say_hello(config: &Arc<ServerConfig>, listener: &TcpListener) {
    let mut stream = serve(config, listener);
    stream.write_all(b"hello\n").unwrap();
    stream.close().unwrap();
}

/// Runs a client beside a server, again and again.
fn repeat(server: impl Fn() + Sync, client: impl Fn()) {
    for _ in 0..RUNS {
        thread::scope(|scope| {
            scope.spawn(&server);
            client();
        });
    }
}

/// The next client's socket, for tokio.
fn accept(listener: &TcpListener) -> tokio::net::TcpStream {
    let socket = listener.accept().unwrap().0;
    socket.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(socket).unwrap()
}

/// Reads what the next client writes, after its tickets are sent.
fn receive_all(config: &Arc<ServerConfig>, listener: &TcpListener) {
    let mut stream = serve(config, listener);
    stream.handshake().unwrap();
    // The tickets are there before the data are read.
    thread::sleep(Duration::from_millis(5));
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    assert_eq!(got.len(), 200_000);
}

#[test]
fn a_client_that_only_writes_and_closes_is_heard_though_it_reads_no_tickets() {
    let identity = Identity::p256();
    let (client, server) = (client_with_tickets(&identity), server_with_tickets(&identity));
    let listener = listen();
    for _ in 0..RUNS {
        let mut stream = connect(&client, &listener);
        let writing = thread::spawn(move || {
            stream.write_all(&[7; 200_000]).unwrap();
            stream.close().unwrap();
        });
        receive_all(&server, &listener);
        writing.join().unwrap();
    }
}

#[test]
fn so_is_one_under_tokio_that_shuts_down_or_closes() {
    let identity = Identity::p256();
    let (client, server) = (client_with_tickets(&identity), server_with_tickets(&identity));
    let (connector, listener) = (Connector::new(client), listen());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for run in 0..RUNS {
        thread::scope(|scope| {
            scope.spawn(|| {
                runtime.block_on(async {
                    let address = listener.local_addr().unwrap();
                    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
                    let mut stream = connector.connect(server_name(), socket).await.unwrap();
                    stream.write_all(&[7; 200_000]).await.unwrap();
                    match run % 2 {
                        0 => stream.shutdown().await.unwrap(),
                        _ => stream.close().await.unwrap(),
                    }
                });
            });
            receive_all(&server, &listener);
        });
    }
}

/// The error of a client that has sent more than a server reads before it refuses it.
fn refused(client: &Arc<ClientConfig>, listener: &TcpListener) -> io::Error {
    let mut stream = connect(client, listener);
    stream.handshake().unwrap();
    let error = match stream.write_all(&[7; UPLOAD]) {
        Ok(()) => stream.read(&mut [0; 100]).unwrap_err(),
        Err(error) => error,
    };
    // The server has closed its direction, and has not reset the connection.
    let mut socket = stream.transport();
    assert_eq!(socket.read(&mut [0; 100]).unwrap(), 0);
    error
}

fn check_alert(error: &io::Error) {
    let alert = Error::from_io(error).and_then(Error::alert_received);
    assert_eq!(alert, Some(AlertDescription::CERTIFICATE_REQUIRED), "{error}");
}

#[test]
fn a_client_that_is_refused_hears_the_alert_though_it_has_sent_more() {
    let identity = Identity::p256();
    let (client, server, listener) = (identity.client_config(), strict_server(&identity), listen());
    let refuse = || {
        serve(&server, &listener).handshake().unwrap_err();
    };
    repeat(refuse, || check_alert(&refused(&client, &listener)));
}

#[test]
fn a_client_that_an_acceptor_refuses_hears_the_alert_though_it_has_sent_more() {
    let identity = Identity::p256();
    let (client, listener) = (identity.client_config(), listen());
    let acceptor = Acceptor::new(strict_server(&identity));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refuse = || {
        runtime.block_on(async {
            acceptor.accept(accept(&listener)).await.unwrap_err();
        });
    };
    repeat(refuse, || check_alert(&refused(&client, &listener)));
}

/// Sends a lot and reads the answer.
fn ask(client: &Arc<ClientConfig>, listener: &TcpListener) -> String {
    let mut stream = connect(client, listener);
    stream.write_all(&[7; UPLOAD]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn an_answer_to_a_request_that_was_not_read_arrives() {
    let identity = Identity::p256();
    let (client, server, listener) = (identity.client_config(), identity.server_config(), listen());
    repeat(|| say_hello(&server, &listener), || assert_eq!(ask(&client, &listener), "hello\n"));
}

#[test]
fn an_answer_under_tokio_arrives_where_the_stream_is_closed() {
    let identity = Identity::p256();
    let (client, listener) = (identity.client_config(), listen());
    let acceptor = Acceptor::new(identity.server_config());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let say_hello = || {
        runtime.block_on(async {
            let mut stream = acceptor.accept(accept(&listener)).await.unwrap();
            stream.write_all(b"hello\n").await.unwrap();
            stream.close().await.unwrap();
        });
    };
    repeat(say_hello, || assert_eq!(ask(&client, &listener), "hello\n"));
}

/// Answers at once, and reads no body.
async fn greet(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("hello\n")))
}

#[test]
fn an_answer_of_hyper_arrives_where_the_stream_closes_on_shutdown() {
    const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n";
    let identity = Identity::p256();
    let (client, listener) = (identity.client_config(), listen());
    let acceptor = Acceptor::new(identity.server_config());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let serve_http = || {
        runtime.block_on(async {
            let stream = acceptor.accept(accept(&listener)).await.unwrap();
            let stream = TokioIo::new(stream.close_on_shutdown());
            let _ = http1::Builder::new().serve_connection(stream, service_fn(greet)).await;
        });
    };
    repeat(serve_http, || {
        let mut stream = connect(&client, &listener);
        stream.write_all(REQUEST).unwrap();
        stream.write_all(&[7; 500_000]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("hello\n"), "{answer}");
    });
}

#[test]
fn a_borrowed_socket_ends_as_orderly_and_one_that_is_taken_out_is_left_alone() {
    let identity = Identity::p256();
    let (client, server, listener) = (identity.client_config(), identity.server_config(), listen());
    thread::scope(|scope| {
        scope.spawn(|| {
            let socket = listener.accept().unwrap().0;
            let connection = ServerConnection::new(server.clone());
            let mut stream = Stream::over(connection, &socket, |socket| {
                socket.try_clone().ok().map(Socket::Tcp)
            });
            stream.write_all(b"hello\n").unwrap();
            stream.close().unwrap();
        });
        assert_eq!(ask(&client, &listener), "hello\n");
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = serve(&server, &listener);
            // In the handshake closing gives it up; the socket goes on in plain text.
            stream.close().unwrap();
            let (_, mut socket) = stream.into_parts();
            socket.write_all(b"in plain text").unwrap();
        });
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut came = Vec::new();
        (&socket).read_to_end(&mut came).unwrap();
        assert!(came.ends_with(b"in plain text"), "{came:?}");
    });
}

/// The server has sent an alert and reset the connection; a write of the client is the first to see
/// it.
#[test]
fn a_failed_write_over_a_socket_says_what_the_alert_says_that_is_there() {
    let identity = Identity::p256();
    let (client, server, listener) = (identity.client_config(), identity.server_config(), listen());
    let handshaken = std::sync::Barrier::new(2);
    let refuse = || {
        let mut stream = serve(&server, &listener);
        stream.handshake().unwrap();
        // Data that came with the client's Finished would have been read.
        handshaken.wait();
        stream.transport().peek(&mut [0]).unwrap();
        let (mut connection, mut socket) = stream.into_parts();
        connection.abort(AlertDescription::ACCESS_DENIED, "the test says no");
        socket.write_all(connection.outgoing()).unwrap();
        // The socket is dropped with the client's data unread.
    };
    let mut stream = thread::scope(|scope| {
        let refusing = scope.spawn(refuse);
        let mut stream = connect(&client, &listener);
        stream.handshake().unwrap();
        handshaken.wait();
        stream.write_all(b"this is not read").unwrap();
        refusing.join().unwrap();
        stream
    });
    let error = loop {
        if let Err(error) = stream.write(b"more") {
            break error;
        }
    };
    let alert = Error::from_io(&error).and_then(Error::alert_received);
    assert_eq!(alert, Some(AlertDescription::ACCESS_DENIED), "{error}");
}

/// As an application does that moves the bytes between its connection and a socket itself.
#[test]
fn a_socket_without_a_stream_is_drained_so_that_the_last_word_arrives() {
    let listener = listen();
    let say_the_last_word = || {
        let mut socket = listener.accept().unwrap().0;
        socket.write_all(b"the last word").unwrap();
        Socket::Tcp(socket).drain().unwrap();
    };
    repeat(say_the_last_word, || {
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        socket.write_all(&[7; UPLOAD]).unwrap();
        let mut received = String::new();
        socket.read_to_string(&mut received).unwrap();
        assert_eq!(received, "the last word");
    });
}

/// A peer that neither reads nor goes holds the end for a bounded time. What it takes is not
/// asserted, only that it ends.
#[test]
fn an_end_does_not_wait_for_a_peer_that_stays() {
    assert!(CLOSING_TIME <= Duration::from_secs(5));
    let identity = Identity::p256();
    let (client, server, listener) = (identity.client_config(), identity.server_config(), listen());
    let mut stream = connect(&client, &listener);
    let serving = thread::spawn(move || say_hello(&server, &listener));
    stream.handshake().unwrap();
    // This end has the socket open all the time.
    serving.join().unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello\n");
}

#[tokio::test]
async fn a_server_does_not_wait_for_a_client_that_reads_no_tickets() {
    let identity = Identity::p256();
    let (client, server) = (client_with_tickets(&identity), server_with_tickets(&identity));
    // Less than the tickets take.
    let (left, right) = duplex(200);
    let (connector, acceptor) = (Connector::new(client), Acceptor::new(server));
    let (client, server) =
        tokio::join!(connector.connect(server_name(), left), acceptor.accept(right));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    // The tickets go with the data, when the client reads.
    let (written, _) = tokio::join!(
        async {
            server.write_all(b"hello").await?;
            server.flush().await
        },
        async { client.read_exact(&mut [0; 5]).await.unwrap() },
    );
    written.unwrap();
}

#[tokio::test]
async fn a_permit_is_held_neither_by_a_part_of_a_hello_nor_while_a_flight_is_awaited() {
    let identity = Identity::p256();
    let acceptor = Acceptor::new(identity.server_config()).max_handshakes(2);
    let hello = ClientConnection::new(identity.client_config(), server_name());
    let hello = hello.outgoing().to_vec();
    // Six bytes, a whole record with the first byte of a message, and a hello without what follows.
    let record = [22, 3, 1, 0, 1, 1];
    let mut held = Vec::new();
    for sent in [&record[..5], &record, &hello, &record, &hello, &hello] {
        let (mut here, there) = duplex(100_000);
        here.write_all(sent).await.unwrap();
        let acceptor = acceptor.clone();
        held.push((here, tokio::spawn(async move { acceptor.accept(there).await.map(drop) })));
    }
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(format!("{acceptor:?}").contains("permits_left: 2"), "{acceptor:?}");
    // The others were answered, and come in turn.
    let connector = Connector::new(identity.client_config());
    for _ in 0..3 {
        let (client, server) = ends::connect(&connector, &acceptor, 1_000).await;
        client.unwrap();
        server.unwrap();
    }
    assert!(held.iter().all(|(_, accepting)| !accepting.is_finished()));
}

/// A transport that is gone when it has been shut down.
struct Once {
    pipe: DuplexStream,
    is_shut: bool,
}

impl AsyncRead for Once {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(context, buffer)
    }
}

impl AsyncWrite for Once {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::replace(&mut self.is_shut, true) {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        Pin::new(&mut self.pipe).poll_shutdown(context)
    }
}

/// Shutting down waits for tickets, and is polled again meanwhile.
#[tokio::test]
async fn a_transport_is_shut_down_once() {
    let identity = Identity::p256();
    let connector = Connector::new(client_with_tickets(&identity));
    let acceptor = Acceptor::new(server_with_tickets(&identity));
    for closes in [false, true] {
        let (left, right) = duplex(1_000);
        let left = Once { pipe: left, is_shut: false };
        let (client, server) =
            tokio::join!(connector.connect(server_name(), left), acceptor.accept(right));
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        let ending = async {
            match closes {
                true => client.close().await.unwrap(),
                false => client.shutdown().await.unwrap(),
            }
        };
        let serving = async {
            let mut got = Vec::new();
            server.read_to_end(&mut got).await.unwrap();
            server.write_all(b"an answer").await.unwrap();
            server.shutdown().await.unwrap();
        };
        tokio::join!(ending, serving);
    }
}

/// Sockets share their timeouts with all their handles.
#[test]
fn an_end_leaves_the_timeouts_of_other_handles_as_they_were() {
    let identity = Identity::p256();
    let (client, server, listener) = (identity.client_config(), identity.server_config(), listen());
    let mut stream = connect(&client, &listener);
    let serving = thread::spawn(move || {
        let mut stream = serve(&server, &listener);
        stream.handshake().unwrap();
        let handle = stream.transport().try_clone().unwrap();
        handle.set_read_timeout(Some(Duration::from_secs(77))).unwrap();
        stream.close().unwrap();
        drop(stream);
        assert_eq!(handle.read_timeout().unwrap(), Some(Duration::from_secs(77)));
    });
    stream.handshake().unwrap();
    // This end is silent, and has the socket open all the time.
    serving.join().unwrap();
}
