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

use crate::protocol::{Reply, Request, Status, malformed, receive, send};

/// The most servers at once.
const MAX_SERVERS: usize = 64;
/// The most requests of one server that are open. The signer reads no more of them meanwhile.
const MAX_OPEN: usize = 64;
/// How long a server may take to receive a reply.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may ask nothing. It connects again for its next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

pub type Keys = BTreeMap<String, Arc<dyn SigningKey>>;

/// Signs until the process ends.
pub async fn run(listener: TcpListener, acceptor: Acceptor, keys: Keys) {
    let (keys, places) = (Arc::new(keys), Arc::new(Semaphore::new(MAX_SERVERS)));
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
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            println!("turned away: there are {MAX_SERVERS} servers already");
            continue;
        };
        let (acceptor, keys) = (acceptor.clone(), Arc::clone(&keys));
        tokio::spawn(async move {
            match serve(socket, acceptor, keys).await {
                Ok(()) => println!("a server has left"),
                Err(error) => println!("a server was refused or lost: {error}"),
            }
            drop(place);
        });
    }
}

/// Answers the requests of one server.
async fn serve(socket: TcpStream, acceptor: Acceptor, keys: Arc<Keys>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let stream = acceptor.accept(socket).await?;
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
    let Some(hash) = rest.strip_prefix(b"TLS 1.3, server CertificateVerify\0") else {
        return false;
    };
    matches!(hash.len(), 32 | 48)
}
