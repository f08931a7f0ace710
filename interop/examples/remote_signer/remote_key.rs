//! The server's side: a key that a signer has.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use handclasp::ClientConnection;
use handclasp::handshake::{Answer, Sign};
use handclasp::pki_types::ServerName;
use handclasp::registry::SignatureScheme;
use handclasp::transport::tokio::{Connector, TlsStream};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::protocol::{Reply, Request, Status, malformed, receive, send};

/// How long a reply may take, with the time to connect. Handshakes have 10 seconds.
const REPLY_TIMEOUT: Duration = Duration::from_secs(3);
/// The most requests that are open.
const MAX_OPEN: usize = 1024;

/// A key of a signer. Clones share its connection, which is made again when it is lost.
#[derive(Clone)]
pub struct RemoteKey(Arc<Shared>);

struct Shared {
    address: String,
    signer: ServerName<'static>,
    connector: Connector,
    key: String,
    next_number: AtomicU32,
    link: tokio::sync::Mutex<Option<Link>>,
}

/// Why a signer gave no signature.
#[derive(Debug)]
pub enum SignerError {
    /// There is no connection, or it was lost.
    Connection(io::Error),
    /// The signer did not answer in time.
    TimedOut,
    /// There are too many open requests.
    Busy,
    /// The signer refused.
    Refused(Status),
}

impl fmt::Display for SignerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => write!(f, "the signer cannot be reached: {error}"),
            Self::TimedOut => write!(f, "the signer did not answer within {REPLY_TIMEOUT:?}"),
            Self::Busy => write!(f, "{MAX_OPEN} requests to the signer are open"),
            Self::Refused(status) => write!(f, "the signer refused: {status:?}"),
        }
    }
}

impl std::error::Error for SignerError {}

impl RemoteKey {
    /// The key of this name, of the signer at this address. Nothing is sent yet.
    pub fn new(
        address: String,
        signer: ServerName<'static>,
        connector: Connector,
        key: String,
    ) -> Self {
        let (next_number, link) = (AtomicU32::new(0), tokio::sync::Mutex::new(None));
        Self(Arc::new(Shared { address, signer, connector, key, next_number, link }))
    }

    /// The schemes of the key.
    pub async fn schemes(&self) -> Result<Vec<SignatureScheme>, SignerError> {
        let codes = self.ask(0, Vec::new()).await?;
        let codes = codes.chunks_exact(2).map(|code| u16::from_be_bytes([code[0], code[1]]));
        Ok(codes.map(SignatureScheme).collect())
    }

    /// The answer to a question for a signature.
    pub async fn answer(&self, sign: Sign) -> Answer {
        match self.ask(sign.scheme.0, sign.message).await {
            Ok(signature) => Answer::Signature(Ok(signature)),
            Err(error) => Answer::Unavailable(error.to_string()),
        }
    }

    /// One request and its reply.
    pub async fn ask(&self, scheme: u16, content: Vec<u8>) -> Result<Vec<u8>, SignerError> {
        let number = self.0.next_number.fetch_add(1, Ordering::Relaxed);
        let request = Request { number, scheme, key: self.0.key.clone(), content };
        let reply = timeout(REPLY_TIMEOUT, self.exchange(request)).await;
        let reply = reply.unwrap_or(Err(SignerError::TimedOut))?;
        match reply.status {
            Status::Done => Ok(reply.content),
            status => Err(SignerError::Refused(status)),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Reply, SignerError> {
        let number = request.number;
        let message = request.encode();
        let message = message.ok_or_else(|| lost("the name of the key is too long"))?;
        let link = self.link().await.map_err(SignerError::Connection)?;
        let (sender, receiver) = oneshot::channel();
        // The request is forgotten when this future is dropped, because of the timeout for example.
        let _open = link.open.insert(number, sender)?;
        link.messages.send(message).await.map_err(|_| lost("the connection was lost"))?;
        receiver.await.map_err(|_| lost("the connection was lost"))
    }

    /// The connection to the signer: the one there is, or another.
    async fn link(&self) -> io::Result<Link> {
        let mut link = self.0.link.lock().await;
        if let Some(link) = &*link {
            if !link.messages.is_closed() {
                return Ok(link.clone());
            }
        }
        let socket = TcpStream::connect(&self.0.address).await?;
        socket.set_nodelay(true)?;
        let stream = self.0.connector.connect(self.0.signer.clone(), socket).await?;
        let new = Link::new(stream);
        *link = Some(new.clone());
        Ok(new)
    }
}

fn lost(reason: &str) -> SignerError {
    SignerError::Connection(io::Error::new(io::ErrorKind::ConnectionReset, reason))
}

/// A connection to the signer. It is closed when either of its two tasks ends.
#[derive(Clone)]
struct Link {
    messages: mpsc::Sender<Vec<u8>>,
    open: OpenRequests,
}

impl Link {
    fn new(stream: TlsStream<ClientConnection, TcpStream>) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (messages, queue) = mpsc::channel(64);
        let open = OpenRequests::default();
        let (link, replies) = (Self { messages, open: open.clone() }, open.clone());
        tokio::spawn(async move {
            let result = tokio::select! {
                result = send_requests(writer, queue) => result,
                result = receive_replies(reader, &replies) => result,
            };
            if let Err(error) = result {
                println!("the connection to the signer has ended: {error}");
            }
            // Those who wait learn that nothing comes any more.
            open.lock().clear();
        });
        link
    }
}

async fn send_requests(
    mut writer: WriteHalf<TlsStream<ClientConnection, TcpStream>>,
    mut queue: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    while let Some(message) = queue.recv().await {
        send(&mut writer, &message).await?;
    }
    Ok(())
}

async fn receive_replies(
    mut reader: ReadHalf<TlsStream<ClientConnection, TcpStream>>,
    open: &OpenRequests,
) -> io::Result<()> {
    while let Some(message) = receive(&mut reader).await? {
        let reply = Reply::parse(&message).ok_or_else(|| malformed("a reply is malformed"))?;
        // A reply that comes too late has nobody who waits for it.
        if let Some(asker) = open.lock().remove(&reply.number) {
            let _ = asker.send(reply);
        }
    }
    Ok(())
}

/// The requests whose replies have not come.
#[derive(Clone, Default)]
struct OpenRequests(Arc<Mutex<HashMap<u32, oneshot::Sender<Reply>>>>);

/// An open request. It is forgotten when this is dropped.
struct OpenRequest {
    requests: OpenRequests,
    number: u32,
}

impl OpenRequests {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, oneshot::Sender<Reply>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(
        &self,
        number: u32,
        asker: oneshot::Sender<Reply>,
    ) -> Result<OpenRequest, SignerError> {
        let mut open = self.lock();
        if open.len() >= MAX_OPEN {
            return Err(SignerError::Busy);
        }
        open.insert(number, asker);
        Ok(OpenRequest { requests: self.clone(), number })
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.requests.lock().remove(&self.number);
    }
}
