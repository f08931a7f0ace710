//! Our end of a case, and what it must see.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use handclasp::handshake::{EarlyData, PeerParameters};
use handclasp::key_schedule::PskKind;
use handclasp::registry::NamedGroup;
use handclasp::session::TicketKeys;
use handclasp::{CryptoProvider, pki_types::CertificateDer};
use handclasp_testing::Identity;
use handclasp_testing::numbers::varied_bytes;
use handclasp_testing::process::Process;
use quinn::{Connection, ConnectionError, Endpoint};
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use tokio::time::timeout;

use super::case::Case;
use super::{Application, Orders, Report, Role, SEED, Stack};
use crate::loss::start_path;
use crate::peers::{
    NAME, People, Tls, Wanted, any_port, client, client_endpoint, echo, echo_streams,
    long_identity, our_server_with,
};

/// No case takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of a hundred datagrams.
const LOSS: usize = 10;

const UNKNOWN_CA: u64 = 0x0130;
const NO_APPLICATION_PROTOCOL: u64 = 0x0178;

/// Our server, which is connected to by a client of the other stack.
pub async fn serve_case(stack: &impl Stack, case: Case) {
    let people = people_of(case);
    let wanted = case.wanted(stack.application().protocol());
    let our_wanted = match case {
        Case::NoCommonProtocol => Wanted { server_protocol: "other", ..wanted.clone() },
        _ => wanted.clone(),
    };
    let keys = Arc::new(TicketKeys::random(CryptoProvider::default().random).unwrap());
    let start = |wanted: &Wanted| {
        let tls = our_server_with(&people, wanted, keys.clone());
        let config = handclasp_quinn::server_config(tls).unwrap();
        Server::start(config, stack.application(), wanted.sends_retry, case == Case::KeyUpdate)
    };
    let before = case.wanted_before(stack.application().protocol());
    let first = case.has_another_server().then(|| start(&before));
    let mut server = start(&our_wanted);
    let first = first.as_ref().unwrap_or(&server).address;
    let people_of_peer = other_people(&people, case, Role::Client);
    let orders = Orders { case, people: &people_of_peer, wanted: &wanted };
    let address = if case == Case::Loss {
        start_path(server.address, LOSS, SEED).await
    } else {
        server.address
    };
    let mut program = block_in_place(|| stack.start_client(&orders, first, address));
    if case.resumes() && !case.has_another_server() {
        server.connection().await;
    }
    if let Some(codes) = expected_codes(stack, case, Role::Client) {
        let code = code_of(&server.end().await);
        check_failure(stack, Role::Client, &program, codes, code);
        return;
    }
    let connection = server.connection().await;
    let status = block_in_place(|| program.wait_for_end());
    assert!(status.success(), "{}", program.wait_for(""));
    stack.check_answer(&program, case);
    check_connection(case, Role::Client, &connection, &people_of_peer.client);
    check_reports(stack, case, Role::Client, &program);
}

/// Our client, which connects to a server of the other stack.
pub async fn connect_case(stack: &impl Stack, case: Case) {
    let people = people_of(case);
    let wanted = case.wanted(stack.application().protocol());
    let our_wanted = match case {
        Case::NoCommonProtocol => Wanted { client_protocol: "other", ..wanted.clone() },
        _ => wanted.clone(),
    };
    let people_of_peer = other_people(&people, case, Role::Server);
    let orders = Orders { case, people: &people_of_peer, wanted: &wanted };
    let application = stack.application();
    let before = case.wanted_before(application.protocol());
    // Our client sends 0-RTT data to a server that rejects them, too.
    let our_wanted = Wanted { takes_early_data: case.sends_early_data(), ..our_wanted };
    let endpoint = client_endpoint(client(Tls::Handclasp, &people, &our_wanted));
    let first = Orders { wanted: &before, ..orders };
    let first = if case.has_another_server() { &first } else { &orders };
    let (mut program, mut address) = block_in_place(|| stack.start_server(first));
    if case.resumes() {
        meet(&endpoint, address, application, case.length()).await;
    }
    if case.has_another_server() {
        (program, address) = block_in_place(|| stack.start_server(&orders));
    }
    if case == Case::Loss {
        address = start_path(address, LOSS, SEED).await;
    }
    let connecting = endpoint.connect(address, NAME).unwrap();
    if let Some(codes) = expected_codes(stack, case, Role::Server) {
        let error = match timeout(PATIENCE, connecting).await.unwrap() {
            Err(error) => error,
            // A client is connected before the server refuses its certificate.
            Ok(connection) => timeout(PATIENCE, connection.closed()).await.unwrap(),
        };
        check_failure(stack, Role::Server, &program, codes, code_of(&error));
        return;
    }
    let connection = exchange(connecting, case, application, &program).await;
    check_connection(case, Role::Server, &connection, &people_of_peer.server);
    check_reports(stack, case, Role::Server, &program);
    connection.close(0_u32.into(), b"done");
    endpoint.wait_idle().await;
}

/// The exchange of a case that succeeds, on this connection.
async fn exchange(
    connecting: quinn::Connecting,
    case: Case,
    application: Application,
    program: &Process,
) -> Connection {
    let length = case.length();
    if case.sends_early_data() {
        let (connection, accepted) = connecting.into_0rtt().expect("a session is there");
        if case.accepts_early_data() {
            Requests::new(&connection, application).await.exchange(length).await;
            assert!(timeout(PATIENCE, accepted).await.unwrap());
        } else {
            assert!(!timeout(PATIENCE, accepted).await.unwrap());
            Requests::new(&connection, application).await.exchange(length).await;
        }
        return connection;
    }
    let connection = match timeout(PATIENCE, connecting).await {
        Ok(connection) => connection.unwrap(),
        Err(_) => panic!("no connection: {}", program.wait_for("")),
    };
    let mut requests = Requests::new(&connection, application).await;
    if case == Case::KeyUpdate {
        connection.force_key_update();
        requests.exchange(length).await;
    }
    requests.exchange(length).await;
    connection
}

fn people_of(case: Case) -> People {
    let mut people = People::new();
    if case == Case::LongCertificate {
        people.server = long_identity();
    }
    people
}

/// The people as the other stack has them.
fn other_people(people: &People, case: Case, role: Role) -> People {
    let mut other = people.copy();
    match (case, role) {
        // It trusts another one as a client, and is another one as a server.
        (Case::WrongServerCertificate, _) => other.server = Identity::p256(),
        (Case::WrongClientCertificate, _) => other.client = Identity::p256(),
        _ => {}
    }
    other
}

/// The codes that the connection may end with, if it must end.
fn expected_codes(stack: &impl Stack, case: Case, role: Role) -> Option<&'static [u64]> {
    match (case, role) {
        (Case::NoCommonProtocol, _) => Some(&[NO_APPLICATION_PROTOCOL]),
        // Ours refuses.
        (Case::WrongServerCertificate, Role::Server)
        | (Case::WrongClientCertificate, Role::Client) => Some(&[UNKNOWN_CA]),
        (Case::WrongServerCertificate, Role::Client)
        | (Case::WrongClientCertificate, Role::Server) => {
            Some(stack.codes_of_refused_certificate())
        }
        _ => None,
    }
}

/// The code that was sent or received.
fn code_of(error: &ConnectionError) -> u64 {
    match error {
        ConnectionError::TransportError(sent) => u64::from(sent.code),
        ConnectionError::ConnectionClosed(received) => u64::from(received.error_code),
        other => panic!("{other}"),
    }
}

fn check_failure(stack: &impl Stack, role: Role, program: &Process, codes: &[u64], code: u64) {
    assert!(codes.contains(&code), "{code:#x} is none of {codes:#x?}");
    block_in_place(|| stack.wait_for(program, role, Report::Closed(code)));
}

fn check_connection(case: Case, role: Role, connection: &Connection, other: &Identity) {
    let parameters = connection.handshake_data().unwrap();
    let parameters: PeerParameters = *parameters.downcast().unwrap();
    let expected_suite = case.cipher_suite().or(parameters.cipher_suite);
    assert_eq!(parameters.cipher_suite, expected_suite);
    if case == Case::MlKem {
        assert_eq!(parameters.group, Some(NamedGroup::X25519_MLKEM768));
    }
    assert_eq!(parameters.retried, case.has_hello_retry_request());
    let early_data = parameters.early_data;
    if case.accepts_early_data() {
        assert_eq!(early_data, EarlyData::Accepted);
    } else if case.sends_early_data() {
        assert_eq!(early_data, EarlyData::Rejected);
    } else if case.resumes() {
        // A client may offer them with any session.
        assert_ne!(early_data, EarlyData::Accepted);
    } else {
        assert_eq!(early_data, EarlyData::NotOffered);
    }
    if case == Case::Resumption || case.accepts_early_data() {
        assert_eq!(parameters.pre_shared_key, Some(PskKind::Resumption));
    } else if !case.resumes() {
        assert_eq!(parameters.pre_shared_key, None);
    }
    if role == Role::Server || case == Case::ClientCertificate {
        let chain = connection.peer_identity().unwrap();
        assert_eq!(*chain.downcast::<Vec<CertificateDer<'static>>>().unwrap(), other.chain);
    }
}

fn check_reports(stack: &impl Stack, case: Case, role: Role, program: &Process) {
    let report = match (case, role) {
        (Case::KeyUpdate, _) => Report::KeyUpdates,
        (Case::ClientCertificate, Role::Server) => Report::ClientCertificate,
        (Case::Resumption, _) => Report::Resumption,
        (Case::EarlyDataAccepted | Case::EarlyDataAfterRetry, _) => Report::EarlyDataAccepted,
        (Case::VersionNegotiation, Role::Client) => Report::VersionNegotiation,
        _ => return,
    };
    block_in_place(|| stack.wait_for(program, role, report));
}

/// A first connection, on which the client gets its tickets.
async fn meet(endpoint: &Endpoint, address: SocketAddr, application: Application, length: usize) {
    let connection = endpoint.connect(address, NAME).unwrap().await.unwrap();
    Requests::new(&connection, application).await.exchange(length).await;
    connection.close(0_u32.into(), b"done");
    endpoint.wait_idle().await;
}

/// Our client's side of the application.
enum Requests {
    Streams(Connection),
    Http3(h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>),
}

impl Requests {
    async fn new(connection: &Connection, application: Application) -> Self {
        if application == Application::Echo {
            return Self::Streams(connection.clone());
        }
        let connection = h3_quinn::Connection::new(connection.clone());
        let (mut driver, requests) = h3::client::new(connection).await.unwrap();
        tokio::spawn(async move { poll_fn(|context| driver.poll_close(context)).await });
        Self::Http3(requests)
    }

    /// Sends so many bytes, and gets them back.
    async fn exchange(&mut self, length: usize) {
        let data = varied_bytes(length, SEED);
        let exchanged = async {
            match self {
                Self::Streams(connection) => echo(connection, &data).await,
                Self::Http3(requests) => post(requests, &data).await,
            }
        };
        let received = timeout(PATIENCE, exchanged).await.unwrap();
        assert!(received == data, "{} bytes of {length} came back", received.len());
    }
}

/// Sends a request with this body, and returns that of the answer.
async fn post(
    requests: &mut h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>,
    body: &[u8],
) -> Vec<u8> {
    let request = http::Request::post(format!("https://{NAME}/data")).body(()).unwrap();
    let (mut send, mut receive) = requests.send_request(request).await.unwrap().split();
    let sent = async {
        for part in body.chunks(65_536) {
            send.send_data(Bytes::copy_from_slice(part)).await.unwrap();
        }
        send.finish().await.unwrap();
    };
    let received = async {
        receive.recv_response().await.unwrap();
        let mut answer = Vec::new();
        while let Some(mut part) = receive.recv_data().await.unwrap() {
            answer.extend_from_slice(&part.copy_to_bytes(part.remaining()));
        }
        answer
    };
    tokio::join!(sent, received).1
}

/// Answers requests with their bodies, after a key update if there should be one.
async fn answer_requests(connection: &Connection, updates_keys: bool) {
    let http = h3_quinn::Connection::new(connection.clone());
    let mut http = h3::server::Connection::<_, Bytes>::new(http).await.unwrap();
    while let Ok(Some(request)) = http.accept().await {
        if updates_keys {
            connection.force_key_update();
        }
        tokio::spawn(async move {
            let (_, stream) = request.resolve_request().await.unwrap();
            let (mut send, mut receive) = stream.split();
            send.send_response(http::Response::new(())).await.unwrap();
            while let Ok(Some(mut part)) = receive.recv_data().await {
                let part = part.copy_to_bytes(part.remaining());
                if send.send_data(part).await.is_err() {
                    return;
                }
            }
            let _ = send.finish().await;
        });
    }
}

/// Our server.
struct Server {
    address: SocketAddr,
    connections: mpsc::UnboundedReceiver<Result<Connection, ConnectionError>>,
}

impl Server {
    fn start(
        config: quinn::ServerConfig,
        application: Application,
        sends_retry: bool,
        updates_keys: bool,
    ) -> Self {
        let endpoint = handclasp_quinn::server_endpoint(config, any_port()).unwrap();
        let address = endpoint.local_addr().unwrap();
        let (connected, connections) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                if sends_retry && !incoming.remote_address_validated() {
                    incoming.retry().unwrap();
                    continue;
                }
                let connected = connected.clone();
                tokio::spawn(async move {
                    let connection = incoming.await;
                    let _ = connected.send(connection.clone());
                    let Ok(connection) = connection else { return };
                    match application {
                        Application::Echo => echo_streams(&connection, updates_keys).await,
                        Application::Http3 => answer_requests(&connection, updates_keys).await,
                    }
                });
            }
        });
        Self { address, connections }
    }

    /// The next connection of which the handshake is complete.
    async fn connection(&mut self) -> Connection {
        let connected = timeout(PATIENCE, self.connections.recv()).await;
        connected.expect("a client connects").unwrap().unwrap()
    }

    /// Why the next connection has ended.
    async fn end(&mut self) -> ConnectionError {
        let connected = timeout(PATIENCE, self.connections.recv()).await;
        match connected.expect("a client connects").unwrap() {
            Err(error) => error,
            Ok(connection) => timeout(PATIENCE, connection.closed()).await.unwrap(),
        }
    }
}
