//! The listener in `axum::serve`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::ends::{Server, client, connector, server_config, text};
use axum::serve::Listener;
use handclasp::ClientConnection;
use handclasp::certificate::Profile;
use handclasp::credential::CertificateList;
use handclasp::transport::tokio::Acceptor;
use handclasp_hyper::{TlsListener, handclasp};
use handclasp_testing::{Identity, server_name};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn silent_clients_delay_no_other_client() {
    let identity = Identity::p256();
    let server = Server::start(server_config(&identity, |server| server)).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let client = client(connector(&identity, |client| client));
    let response = timeout(PATIENCE, client.get(server.url("/"))).await.unwrap();
    assert!(text(response.unwrap()).await.contains("h2"));
}

/// A client that has sent its ClientHello, and sends no more.
async fn half_open(identity: &Identity, server: &Server) -> TcpStream {
    let client = ClientConnection::new(identity.client_config(), server_name());
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(client.outgoing()).await.unwrap();
    // The server has processed it when it answers.
    socket.read_u8().await.unwrap();
    socket
}

#[tokio::test]
async fn clients_that_send_no_hello_keep_no_other_client_out() {
    let identity = Identity::p256();
    let config = server_config(&identity, |server| server);
    let server = Server::start_with(config, |listener| listener.max_handshakes(3)).await;
    let _half_open = half_open(&identity, &server).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        // Half of a ClientHello is none.
        socket.write_all(&[22, 3, 1, 1, 0, 1]).await.unwrap();
        silent.push(socket);
    }
    for _ in 0..3 {
        let client = client(connector(&identity, |client| client));
        let response = timeout(PATIENCE, client.get(server.url("/"))).await.unwrap();
        assert!(text(response.unwrap()).await.contains("h2"));
    }
    let failures = server.failures.lock().unwrap();
    assert!(failures.len() >= 18, "{failures:?}");
    assert!(failures.iter().all(|failure| failure.contains("needed the place")), "{failures:?}");
}

/// A listener that waits after it has a socket, as for the header of a PROXY protocol.
struct Waiting {
    sockets: TcpListener,
    has_socket: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
}

impl Listener for Waiting {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let accepted = self.sockets.accept().await.unwrap();
        self.has_socket.add_permits(1);
        self.go_on.acquire().await.unwrap().forget();
        accepted
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.sockets.local_addr()
    }
}

#[tokio::test]
async fn no_socket_is_lost_when_a_handshake_ends_while_the_listener_below_waits() {
    let identity = Identity::p256();
    let sockets = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (has_socket, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let below = Waiting { sockets, has_socket: has_socket.clone(), go_on: go_on.clone() };
    let acceptor = Acceptor::new(server_config(&identity, |server| server));
    let mut listener = TlsListener::new(below, acceptor);
    let address = listener.local_addr().unwrap();
    let (sender, mut accepted) = tokio::sync::mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            sender.send(listener.accept().await).await.unwrap();
        }
    });
    let connector = connector(&identity, |client| client);
    let first = TcpStream::connect(address).await.unwrap();
    let second = TcpStream::connect(address).await.unwrap();
    let clients = [first.local_addr().unwrap(), second.local_addr().unwrap()];
    go_on.add_permits(1);
    has_socket.acquire_many(2).await.unwrap().forget();
    // The second socket is there, and the listener below waits. The first handshake ends now.
    for (socket, address) in [first, second].into_iter().zip(clients) {
        let connected = timeout(PATIENCE, connector.connect(server_name(), socket)).await;
        connected.unwrap().unwrap();
        let (_stream, client) = timeout(PATIENCE, accepted.recv()).await.unwrap().unwrap();
        assert_eq!(client, address);
        go_on.add_permits(1);
    }
}

#[tokio::test]
async fn no_more_clients_are_in_their_handshake_than_the_limit() {
    let identity = Identity::p256();
    let config = server_config(&identity, |server| server);
    let server = Server::start_with(config, |listener| listener.max_handshakes(1)).await;
    let half_open = half_open(&identity, &server).await;
    let client = client(connector(&identity, |client| client));
    let waits = timeout(Duration::from_millis(300), client.get(server.url("/"))).await;
    assert!(waits.is_err(), "the other client has the only place");
    drop(half_open);
    let response = timeout(PATIENCE, client.get(server.url("/"))).await.unwrap();
    assert!(text(response.unwrap()).await.contains("h2"));
}

#[tokio::test]
async fn clients_of_one_address_do_not_take_the_places_of_others() {
    let identity = Identity::p256();
    let config = server_config(&identity, |server| server);
    let server =
        Server::start_with(config, |listener| listener.max_handshakes_per_address(2)).await;
    let half_open = [half_open(&identity, &server).await, half_open(&identity, &server).await];
    // It gets no byte, and no alert.
    let mut refused = TcpStream::connect(server.address).await.unwrap();
    assert!(matches!(timeout(PATIENCE, refused.read_u8()).await, Ok(Err(_))));
    assert!(server.failures.lock().unwrap()[0].contains("too many clients of its address"));

    let connector = connector(&identity, |client| client);
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let other = socket.connect(server.address).await.unwrap();
    timeout(PATIENCE, connector.connect(server_name(), other)).await.unwrap().unwrap();

    drop(half_open);
    let connected = async {
        loop {
            // The server has to notice that the others are gone.
            let socket = TcpStream::connect(server.address).await.unwrap();
            if connector.connect(server_name(), socket).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, connected).await.unwrap();
}

#[tokio::test]
async fn a_handler_sees_the_clients_certificate() {
    let (identity, of_client) = (Identity::p256(), Identity::p256());
    let config = server_config(&identity, |server| {
        server.require_client_certificates(of_client.anchors(), Profile::Default).unwrap()
    });
    let server = Server::start(config).await;
    let list = Arc::new(CertificateList::new(vec![Arc::new(of_client.certified_key())]));
    let with_certificate = connector(&identity, |client| client.client_certificates(list));
    let body = text(client(with_certificate).get(server.url("/")).await.unwrap()).await;
    assert!(body.contains("1 certificates"), "{body}");
    let without = client(connector(&identity, |client| client));
    assert!(without.get(server.url("/")).await.is_err());
}

#[tokio::test]
async fn a_server_that_shuts_down_answers_and_sends_close_notify() {
    let identity = Identity::p256();
    let server = Server::start(server_config(&identity, |server| server)).await;
    let connector = connector(&identity, |client| client.application_protocols(["http/1.1"]));
    let mut streams = Vec::new();
    for path in ["/slow", "/"] {
        let socket = TcpStream::connect(server.address).await.unwrap();
        let mut stream = connector.connect(server_name(), socket).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        streams.push(stream);
    }
    timeout(PATIENCE, server.slow_request.notified()).await.unwrap();
    // This one has its answer, and is idle. The other waits for its answer.
    let mut byte = [0];
    streams[1].read_exact(&mut byte).await.unwrap();
    server.stop.send(()).unwrap();
    let [slow, idle] = &mut streams[..] else { panic!("{streams:?}") };
    let mut rest = String::new();
    // An end without close_notify would be an error.
    timeout(PATIENCE, idle.read_to_string(&mut rest)).await.unwrap().unwrap();
    server.go_on.notify_one();
    let mut answer = String::new();
    timeout(PATIENCE, slow.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.ends_with("a slow answer"), "{answer}");
    drop(streams);
    timeout(PATIENCE, server.task).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
