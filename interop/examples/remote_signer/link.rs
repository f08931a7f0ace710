//! A connection to a signer, from the first attempt until it is lost. Many requests are open on it.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::protocol::{Reply, Request, Status, malformed, receive, send};

/// How long a reply may take, with the time to connect. Handshakes have 10 seconds, and a request is sent twice at most.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may take to connect. It goes on when requests have timed out: the next ones find a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most requests that are open.
const MAX_OPEN: usize = 1024;

/// Why a signer gave no signature.
#[derive(Clone, Debug)]
pub enum SignerError {
    /// There was no connection.
    Unreachable(String),
    /// The connection was lost, or the signer sent nothing over it any more. Over another one, it may answer.
    Lost(String),
    /// The signer answered other requests, but not this one in time.
    TimedOut,
    /// There are too many open requests.
    Busy,
    /// The name of the key has more than 255 bytes.
    LongName,
    /// The signer refused.
    Refused(Status),
}

impl fmt::Display for SignerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => write!(f, "the signer cannot be reached: {reason}"),
            Self::Lost(reason) => write!(f, "the connection to the signer was lost: {reason}"),
            Self::TimedOut => write!(f, "the signer did not answer within {REPLY_TIMEOUT:?}"),
            Self::Busy => write!(f, "{MAX_OPEN} requests to the signer are open"),
            Self::LongName => write!(f, "the name of the key is too long"),
            Self::Refused(status) => write!(f, "the signer refused: {status:?}"),
        }
    }
}

impl std::error::Error for SignerError {}

/// A connection to a signer. Clones are the same connection. It ends when the last one is dropped.
#[derive(Clone)]
pub struct Link {
    queue: mpsc::Sender<QueuedRequest>,
    shared: Arc<Shared>,
}

struct QueuedRequest {
    number: u32,
    message: Vec<u8>,
}

/// What the callers and the task of the connection share.
#[derive(Default)]
struct Shared {
    /// The requests whose replies have not come.
    open: Mutex<HashMap<u32, oneshot::Sender<Result<Reply, SignerError>>>>,
    /// When the last reply came, or the handshake was complete. `None` until then.
    heard: Mutex<Option<Instant>>,
    silent: Notify,
}

impl Link {
    /// Connects in a task of its own. Requests wait meanwhile.
    pub fn open<S>(connecting: impl Future<Output = io::Result<S>> + Send + 'static) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (sender, queue) = mpsc::channel(64);
        let shared = Arc::<Shared>::default();
        let link = Self { queue: sender, shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            let result = tokio::select! {
                result = run(connecting, queue, &shared) => result,
                () = shared.silent.notified() => Err(io::Error::other("no reply came")),
            };
            let reason = match result {
                Ok(()) => "it was closed".to_owned(),
                Err(error) => error.to_string(),
            };
            println!("the connection to the signer has ended: {reason}");
            shared.end(reason);
        });
        link
    }

    /// Whether it has ended, so that another one is needed.
    pub fn has_ended(&self) -> bool {
        self.queue.is_closed()
    }

    /// One request and its reply.
    pub async fn exchange(&self, request: &Request) -> Result<Reply, SignerError> {
        let asked = Instant::now();
        match timeout(REPLY_TIMEOUT, self.reply_to(request)).await {
            Ok(result) => result,
            Err(_) if self.is_silent_since(asked) => {
                // It may be half-open: the signer's host is gone, and no packet says so.
                self.shared.silent.notify_one();
                self.queue.closed().await;
                Err(SignerError::Lost(format!("no reply came within {REPLY_TIMEOUT:?}")))
            }
            Err(_) => Err(SignerError::TimedOut),
        }
    }

    async fn reply_to(&self, request: &Request) -> Result<Reply, SignerError> {
        let number = request.number;
        let message = request.encode().ok_or(SignerError::LongName)?;
        let (sender, receiver) = oneshot::channel();
        // The request is forgotten when this future is dropped, because of the timeout for example.
        let _open = self.shared.insert(number, sender)?;
        let lost = || SignerError::Lost("it has ended".to_owned());
        self.queue.send(QueuedRequest { number, message }).await.map_err(|_| lost())?;
        receiver.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Whether the signer was connected by then, and has sent nothing since. A slow signer still sends other replies.
    fn is_silent_since(&self, asked: Instant) -> bool {
        self.shared.heard().is_some_and(|heard| heard <= asked)
    }
}

/// Connects, then sends requests and receives replies until one of the two ends.
async fn run<S: AsyncRead + AsyncWrite>(
    connecting: impl Future<Output = io::Result<S>>,
    queue: mpsc::Receiver<QueuedRequest>,
    shared: &Shared,
) -> io::Result<()> {
    let stream = timeout(CONNECT_TIMEOUT, connecting).await??;
    *shared.heard() = Some(Instant::now());
    let (reader, writer) = tokio::io::split(stream);
    tokio::select! {
        result = send_requests(writer, queue, shared) => result,
        result = receive_replies(reader, shared) => result,
    }
}

async fn send_requests(
    mut writer: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<QueuedRequest>,
    shared: &Shared,
) -> io::Result<()> {
    while let Some(request) = queue.recv().await {
        // A request that has timed out in the queue needs no signature.
        if shared.open().contains_key(&request.number) {
            send(&mut writer, &request.message).await?;
        }
    }
    Ok(())
}

async fn receive_replies(mut reader: impl AsyncRead + Unpin, shared: &Shared) -> io::Result<()> {
    while let Some(message) = receive(&mut reader).await? {
        let reply = Reply::parse(&message).ok_or_else(|| malformed("a reply is malformed"))?;
        *shared.heard() = Some(Instant::now());
        // No request waits for a reply that comes too late.
        if let Some(asker) = shared.open().remove(&reply.number) {
            let _ = asker.send(Ok(reply));
        }
    }
    Ok(())
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<u32, oneshot::Sender<Result<Reply, SignerError>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) -> MutexGuard<'_, Option<Instant>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(
        self: &Arc<Self>,
        number: u32,
        asker: oneshot::Sender<Result<Reply, SignerError>>,
    ) -> Result<OpenRequest, SignerError> {
        let mut open = self.open();
        if open.len() >= MAX_OPEN {
            return Err(SignerError::Busy);
        }
        open.insert(number, asker);
        Ok(OpenRequest { shared: Arc::clone(self), number })
    }

    /// The open requests learn that no reply comes, and why.
    fn end(&self, reason: String) {
        let error = match *self.heard() {
            Some(_) => SignerError::Lost(reason),
            None => SignerError::Unreachable(reason),
        };
        for (_, asker) in self.open().drain() {
            let _ = asker.send(Err(error.clone()));
        }
    }
}

/// An open request. It is forgotten when this is dropped.
struct OpenRequest {
    shared: Arc<Shared>,
    number: u32,
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.shared.open().remove(&self.number);
    }
}
