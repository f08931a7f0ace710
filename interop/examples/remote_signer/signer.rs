//! The process with the keys. It sees no connection of a client.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use handclasp::ServerConnection;
use handclasp::crypto::SigningKey;
use handclasp::registry::SignatureScheme;
use handclasp::transport::tokio::{Acceptor, TlsStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use super::protocol::{CONTEXT, Reply, Request, Status, malformed, receive, send};

/// The most servers at once. Strangers do not count: a place is taken after the handshake.
const MAX_SERVERS: usize = 64;
/// The most handshakes at once. Anyone can begin one: let a firewall admit the servers' addresses only.
const MAX_HANDSHAKES: usize = 512;
/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);
/// The most requests of one server that are open. The signer reads no more of them meanwhile.
const MAX_OPEN: usize = 64;
/// How long a server may take to receive a reply.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may ask nothing. It connects again for its next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

pub type Keys = BTreeMap<String, Arc<dyn SigningKey>>;

/// Signs until the process ends.
pub async fn run(listener: TcpListener, acceptor: Acceptor, keys: Keys) {
    let acceptor = acceptor.handshake_timeout(HANDSHAKE_TIMEOUT);
    let keys = Arc::new(keys);
    let servers = Arc::new(Semaphore::new(MAX_SERVERS));
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                // There may be too many open files for a moment.
                println!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(handshake) = Arc::clone(&handshakes).try_acquire_owned() else {
            println!("turned away: there are {MAX_HANDSHAKES} handshakes already");
            continue;
        };
        let (acceptor, keys, servers) = (acceptor.clone(), Arc::clone(&keys), Arc::clone(&servers));
        tokio::spawn(async move {
            let accepted = accept(socket, &acceptor).await;
            drop(handshake);
            let result = match accepted {
                Ok(stream) => serve(stream, &servers, keys).await,
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => println!("a server has left"),
                Err(error) => println!("a server was refused or lost: {error}"),
            }
        });
    }
}

async fn accept(
    socket: TcpStream,
    acceptor: &Acceptor,
) -> io::Result<TlsStream<ServerConnection, TcpStream>> {
    socket.set_nodelay(true)?;
    acceptor.accept(socket).await
}

/// Answers the requests of one server.
async fn serve(
    stream: TlsStream<ServerConnection, TcpStream>,
    servers: &Semaphore,
    keys: Arc<Keys>,
) -> io::Result<()> {
    let Ok(_place) = servers.try_acquire() else {
        return Err(io::Error::other(format!("there are {MAX_SERVERS} servers already")));
    };
    println!("a server is there");
    let (mut reader, writer) = tokio::io::split(stream);
    let (replies, queue) = mpsc::channel(MAX_OPEN);
    let sending = tokio::spawn(send_replies(writer, queue));
    let result = loop {
        // A place in the queue is free before the next request is read.
        let Ok(place) = replies.clone().reserve_owned().await else { break Ok(()) };
        let message = match timeout(IDLE_TIMEOUT, receive(&mut reader)).await.unwrap_or(Ok(None)) {
            Ok(Some(message)) => message,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        let Some(request) = Request::parse(&message) else {
            break Err(malformed("a request is malformed"));
        };
        let keys = Arc::clone(&keys);
        // A key of a device may block.
        tokio::task::spawn_blocking(move || drop(place.send(answer(&keys, request))));
    };
    drop(replies);
    let sent = sending.await.map_err(io::Error::other)?;
    result.and(sent)
}

async fn send_replies(
    mut writer: tokio::io::WriteHalf<TlsStream<ServerConnection, TcpStream>>,
    mut queue: mpsc::Receiver<Reply>,
) -> io::Result<()> {
    while let Some(reply) = queue.recv().await {
        timeout(SEND_TIMEOUT, send(&mut writer, &reply.encode())).await??;
    }
    Ok(())
}

fn answer(keys: &Keys, request: Request) -> Reply {
    let number = request.number;
    let refused = |status| Reply { number, status, content: Vec::new() };
    let Some(key) = keys.get(&request.key) else { return refused(Status::UnknownKey) };
    if request.scheme == 0 {
        let schemes = key.schemes().iter().flat_map(|scheme| scheme.0.to_be_bytes());
        return Reply { number, status: Status::Done, content: schemes.collect() };
    }
    let scheme = SignatureScheme(request.scheme);
    if !key.schemes().contains(&scheme) {
        return refused(Status::UnknownScheme);
    }
    if !is_certificate_verify(&request.content) {
        return refused(Status::NotCertificateVerify);
    }
    match key.sign(scheme, &request.content) {
        Ok(signature) => Reply { number, status: Status::Done, content: signature },
        Err(_) => refused(Status::Failed),
    }
}

/// Whether this is the content of a server's CertificateVerify: nothing else is signed.
fn is_certificate_verify(content: &[u8]) -> bool {
    let Some(rest) = content.strip_prefix(&[b' '; 64]) else { return false };
    let Some(rest) = rest.strip_prefix(CONTEXT.as_bytes()) else { return false };
    let Some(hash) = rest.strip_prefix(&[0]) else { return false };
    matches!(hash.len(), 32 | 48)
}
