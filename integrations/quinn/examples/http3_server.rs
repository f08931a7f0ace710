//! An HTTP/3 server: `http3_server ADDRESS:PORT CHAIN_FILE KEY_FILE`. It answers GET with the path, or with as
//! many bytes as the path says (`/10000`), and POST with the length of the body. Ctrl-C ends it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use h3::error::{Code, ConnectionError, StreamError};
use handclasp_quinn::handclasp::credential::CertificateList;
use handclasp_quinn::handclasp::handshake::PeerParameters;
use handclasp_quinn::handclasp::key_schedule::PskKind;
use handclasp_quinn::handclasp::session::TicketKeys;
use handclasp_quinn::handclasp::{CertifiedKey, CryptoProvider, ServerConfig};
use handclasp_quinn::quinn::{self, Endpoint, Incoming};
use http::{Method, Response, StatusCode};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Http = h3::server::Connection<h3_quinn::Connection, Bytes>;
type RequestResolver = h3::server::RequestResolver<h3_quinn::Connection, Bytes>;
type RequestStream = h3::server::RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// How long a handshake may take: quinn has no limit for it.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long answers may still take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);
/// How long a client may take to receive the end of an answer, and to close the connection.
const LAST_BYTES: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, chain, key] = &arguments[..] else {
        return Err("usage: http3_server ADDRESS:PORT CHAIN_FILE KEY_FILE".into());
    };
    let key = CertifiedKey::from_pem_files(chain, key)?;
    let provider = CryptoProvider::default();
    let tickets = TicketKeys::random(provider.random.clone())?;
    let config = ServerConfig::builder(provider)
        .application_protocols(["h3"])
        .sessions(Arc::new(tickets))
        .build(Arc::new(CertificateList::new(vec![Arc::new(key)])))?;
    let config = handclasp_quinn::server_config(Arc::new(config))?;
    let endpoint = handclasp_quinn::server_endpoint(config, address.parse()?)?;
    println!("listening on {}", endpoint.local_addr()?);

    let (stop, stopped) = watch::channel(());
    tokio::select! {
        () = accept(&endpoint, stopped) => return Err("the socket has failed".into()),
        pressed = tokio::signal::ctrl_c() => pressed?,
    }
    println!("stopping");
    endpoint.set_server_config(None);
    drop(stop);
    if timeout(GRACE, endpoint.wait_idle()).await.is_err() {
        endpoint.close(quinn::VarInt::from_u64(Code::H3_NO_ERROR.value())?, b"");
        endpoint.wait_idle().await;
    }
    Ok(())
}

async fn accept(endpoint: &Endpoint, stopped: watch::Receiver<()>) {
    while let Some(incoming) = endpoint.accept().await {
        let (client, stopped) = (incoming.remote_address(), stopped.clone());
        // A client that fails must not end the server, nor make other clients wait.
        tokio::spawn(async move {
            if let Err(error) = serve(incoming, client, stopped).await {
                eprintln!("{client}: {error}");
            }
        });
    }
}

async fn serve(
    incoming: Incoming,
    client: SocketAddr,
    mut stopped: watch::Receiver<()>,
) -> Result<(), Failure> {
    // This waits for the end of the handshake. So 0-RTT data, if there were any, would be as safe as other data.
    let Ok(connection) = timeout(HANDSHAKE, incoming).await else {
        return Err("the handshake took too long".into());
    };
    let connection = connection?;
    println!("{client}: {}", handshake(&connection));
    let mut http = Http::new(h3_quinn::Connection::new(connection.clone())).await?;
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            request = next_request(&mut http) => match request? {
                Some(request) => {
                    answers.spawn(answer_or_report(request, client));
                }
                None => break,
            },
            // Tasks that have ended are forgotten.
            Some(_) = answers.join_next() => {}
            _ = stopped.changed() => {
                // GOAWAY: of requests that come now, none is taken.
                http.shutdown(1).await?;
                break;
            }
        }
    }
    while answers.join_next().await.is_some() {}
    // To drop `http` closes the connection, and the last answer may be under way.
    let _ = timeout(LAST_BYTES, connection.closed()).await;
    Ok(())
}

/// What the handshake has negotiated.
fn handshake(connection: &quinn::Connection) -> String {
    let data = connection.handshake_data().and_then(|data| data.downcast::<PeerParameters>().ok());
    let Some(parameters) = data else { return "no handshake".into() };
    let is_resumed = parameters.pre_shared_key == Some(PskKind::Resumption);
    let kind = if is_resumed { "resumed" } else { "full" };
    let suite = parameters.cipher_suite.map(|suite| suite.to_string()).unwrap_or_default();
    let group = parameters.group.map(|group| group.to_string()).unwrap_or_default();
    format!("{kind} handshake, {suite}, {group}")
}

/// `None` when the client has closed the connection, or sends no more requests.
async fn next_request(http: &mut Http) -> Result<Option<RequestResolver>, ConnectionError> {
    match http.accept().await {
        Err(error) if error.is_h3_no_error() => Ok(None),
        accepted => accepted,
    }
}

async fn answer_or_report(request: RequestResolver, client: SocketAddr) {
    if let Err(error) = answer(request).await {
        eprintln!("{client}: {error}");
    }
}

async fn answer(request: RequestResolver) -> Result<(), StreamError> {
    let (request, mut stream) = request.resolve_request().await?;
    let path = request.uri().path();
    match *request.method() {
        Method::GET => {
            send_head(&mut stream, StatusCode::OK).await?;
            match path.trim_start_matches('/').parse::<u32>() {
                Ok(length) => send_bytes(&mut stream, length).await?,
                Err(_) => {
                    let words = format!("{path} over {:?}\n", request.version());
                    stream.send_data(words.into()).await?;
                }
            }
        }
        Method::POST => {
            let mut length = 0;
            while let Some(data) = stream.recv_data().await? {
                length += data.remaining();
            }
            send_head(&mut stream, StatusCode::OK).await?;
            stream.send_data(format!("{length} bytes received\n").into()).await?;
        }
        _ => send_head(&mut stream, StatusCode::METHOD_NOT_ALLOWED).await?,
    }
    stream.finish().await?;
    // The client may not have ended the request yet (RFC 9114, section 4.1).
    stream.stop_sending(Code::H3_NO_ERROR);
    Ok(())
}

async fn send_head(stream: &mut RequestStream, status: StatusCode) -> Result<(), StreamError> {
    let mut head = Response::new(());
    *head.status_mut() = status;
    stream.send_response(head).await
}

async fn send_bytes(stream: &mut RequestStream, length: u32) -> Result<(), StreamError> {
    const PIECE: &[u8] = &[b'.'; 16_384];
    let mut left = length as usize;
    while left > 0 {
        let piece = &PIECE[..left.min(PIECE.len())];
        stream.send_data(Bytes::from_static(piece)).await?;
        left -= piece.len();
    }
    Ok(())
}
