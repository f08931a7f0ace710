use core::fmt;
use core::future::poll_fn;
use core::ops::DerefMut;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use core::time::Duration;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, PoisonError};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::time::Sleep;

use super::answers::{Answering, Answers};
use super::poll::{Half, Polled, Wakers};
use crate::connection::Connection;
use crate::error::ErrorKind;
use crate::handshake::{Answer, QuestionNumber};
use crate::record::RecordError;
use crate::transport::buffered::{Buffered, gather, is_gone};
use crate::transport::{CLOSING_BYTES, CLOSING_TIME};

/// A TLS connection over an asynchronous transport, which it reads and writes like.
///
/// **Both directions at once.** `tokio::io::split` makes two halves for two
/// tasks; neither waits for the other, also when the transport takes nothing for a while.
///
/// **The end.** Shutting down sends close_notify and shuts the transport's direction down; reading
/// goes on until the peer does the same. A client that keeps sessions then waits for tickets, until
/// the peer has ended or data come, for at most [`CLOSING_TIME`](crate::transport::CLOSING_TIME).
/// [`close`](Self::close) is for a stream that is not read any more: dropped with unread bytes, a
/// socket resets the connection, and what was just sent may be lost. Reading returns 0 bytes after
/// the peer's close_notify only. A transport that ends without it is an error of the kind
/// [`io::ErrorKind::UnexpectedEof`], since data may be missing then;
/// [`Error::inside`](crate::Error::inside) finds [`ErrorKind::Truncated`] in it.
///
/// **Failures.** A write that fails loses nothing of what the peer has sent: reading returns that
/// first, and then the error. Where an alert of the peer says why a write failed, the write returns
/// that error, if the alert is there and no data wait before it.
///
/// **Cancelling.** A future that is dropped while it waits has taken nothing from the caller and
/// lost nothing of the peer's. A write is complete when the data are sealed; they are sent with the
/// next poll of either half, and by `flush` certainly.
///
/// **Memory.** While the peer is silent and everything is sent, the stream holds no buffer.
pub struct TlsStream<C, T> {
    buffered: Buffered<C>,
    transport: T,
    answers: Arc<dyn Answers>,
    awaited: Option<Awaited>,
    /// How long shutting down waits for the peer.
    closing: Option<Pin<Box<Sleep>>>,
    /// Shutting down ends as [`close`](Self::close) does.
    closes_on_shutdown: bool,
    /// How much of the peer's may be dropped at the end.
    left_to_drop: usize,
    /// The transport's direction is shut down: a transport need not take that twice.
    is_shut: bool,
    wakers: Arc<Wakers>,
    /// Wakes all of `wakers`.
    waker: Waker,
}

/// The answer that is awaited.
struct Awaited {
    /// The question that it is to.
    number: QuestionNumber,
    /// The lock, which is never waited for, makes it `Sync`.
    answer: Mutex<Answering>,
}

impl<C, T> TlsStream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) fn new(connection: C, transport: T, answers: Arc<dyn Answers>) -> Self {
        let wakers = Arc::new(Wakers::default());
        let waker = Waker::from(Arc::clone(&wakers));
        let buffered = Buffered::new(connection);
        Self {
            buffered,
            transport,
            answers,
            awaited: None,
            closing: None,
            closes_on_shutdown: false,
            left_to_drop: CLOSING_BYTES,
            is_shut: false,
            wakers,
            waker,
        }
    }

    /// The connection, for what was negotiated.
    pub fn connection(&self) -> &C {
        &self.buffered.connection
    }

    /// The connection. What it then has to send goes with the next write or flush.
    pub fn connection_mut(&mut self) -> &mut C {
        &mut self.buffered.connection
    }

    /// The transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The 0-RTT data that a server accepted: see
    /// [`Stream::take_early_data`](crate::Stream::take_early_data).
    pub fn take_early_data(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.buffered.early_data)
    }

    /// Takes the two apart; bytes that were read and not looked at are lost.
    pub fn into_parts(self) -> (C, T) {
        (self.buffered.connection, self.transport)
    }

    /// Waits for 0-RTT data that a server accepted, and takes them, where
    /// [`accept_with_early_data`](super::Acceptor::accept_with_early_data) made the stream. None are
    /// left when these are empty, and the handshake is complete. To be dropped while it waits does no
    /// harm.
    ///
    /// # Errors
    /// What went wrong in the rest of the handshake.
    pub async fn receive_early_data(&mut self) -> io::Result<Vec<u8>> {
        poll_fn(|context| {
            self.poll(Half::Reader, context, |buffered, io| buffered.receive_early_data(io))
        })
        .await?;
        Ok(self.take_early_data())
    }

    /// Ends the connection in an orderly way: says close_notify, shuts the transport's direction down,
    /// and drops what the peer still sends until it has ended, too, for at most
    /// [`CLOSING_TIME`](crate::transport::CLOSING_TIME) and
    /// [`CLOSING_BYTES`](crate::transport::CLOSING_BYTES).
    ///
    /// `Ok` means that the transport has taken all that was written, with close_notify behind it, and
    /// that the peer had this time to receive it. It does not mean that the peer has received it: that
    /// only the peer can say, in the protocol above. Until the transport has taken all of it, this
    /// waits as a write does, without a bound of its own.
    ///
    /// # Errors
    /// As shutting down.
    pub async fn close(mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_last_word_unread(context)).await?;
        self.drain().await;
        Ok(())
    }

    /// Lets `shutdown` end the connection as [`close`](Self::close) does. This is for servers that shut
    /// a stream down and drop it, as hyper does: bytes of the client's that were not read would reset the
    /// connection, and the answer would be lost. After `shutdown` nothing is to be read then.
    pub fn close_on_shutdown(mut self) -> Self {
        self.closes_on_shutdown = true;
        self
    }

    /// After the last word: drops what comes until the peer has ended its direction, or for a while.
    pub(super) async fn drain(&mut self) {
        // Shutting down may have waited before.
        self.closing = None;
        poll_fn(|context| self.poll_drain(context)).await;
    }

    /// As [`drain`](Self::drain).
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.buffered.drop_input();
        let time = self.closing.get_or_insert_with(|| Box::pin(::tokio::time::sleep(CLOSING_TIME)));
        if time.as_mut().poll(context).is_ready() || self.buffered.connection.peer_has_closed() {
            return Poll::Ready(());
        }
        if ready!(self.poll_shut(context)).is_err() {
            return Poll::Ready(());
        }
        let mut dropped = [0; 4096];
        while self.left_to_drop > 0 {
            let read = self.poll(Half::Writer, context, |_, io| io::Read::read(io, &mut dropped));
            match ready!(read) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.left_to_drop = self.left_to_drop.saturating_sub(count),
            }
        }
        Poll::Ready(())
    }

    /// Sends what is left to be sent, an alert for example, and shuts the transport's direction down.
    fn poll_shut(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_shut = self.is_shut;
        let result = ready!(self.poll(Half::Writer, context, |buffered, io| {
            buffered.flush(io)?;
            if is_shut { Ok(()) } else { io.shutdown() }
        }));
        self.is_shut |= result.is_ok();
        Poll::Ready(result)
    }

    pub(super) async fn handshake_until(
        &mut self,
        done: impl Fn(&Connection) -> bool,
    ) -> io::Result<()> {
        poll_fn(|context| {
            self.poll(Half::Writer, context, |buffered, io| buffered.handshake_until(io, &done))
        })
        .await
    }

    /// Goes on with the handshake as far as the records lead that are here; true when it is done.
    pub(super) async fn handshake_with_what_is_here(
        &mut self,
        done: impl Fn(&Connection) -> bool,
    ) -> io::Result<bool> {
        poll_fn(|context| {
            self.poll(Half::Writer, context, |buffered, io| {
                buffered.handshake_with_what_is_here(io, &done)
            })
        })
        .await
    }

    /// Sends what the handshake's end left to be sent.
    pub(super) async fn flush_handshake(&mut self) -> io::Result<()> {
        poll_fn(|context| {
            self.poll(Half::Writer, context, |buffered, io| buffered.flush_handshake(io))
        })
        .await
    }

    /// Waits until the peer's first record is there, or something that is none.
    pub(super) async fn wait_for_record(&mut self) -> io::Result<Result<(), RecordError>> {
        poll_fn(|context| {
            self.poll(Half::Reader, context, |buffered, io| buffered.wait_for_record(io))
        })
        .await
    }

    /// Sends this as it is.
    pub(super) async fn send_plain(&mut self, mut words: &[u8]) -> io::Result<()> {
        poll_fn(|context| self.poll(Half::Writer, context, |_, io| io.write_all_of(&mut words)))
            .await
    }

    /// Says close_notify, shuts the transport's direction down, and waits a while for tickets that
    /// may be on their way: if they came to a socket that was dropped, they would reset the
    /// connection, and what was sent would be lost. Data end the wait, and are kept for a reader.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_last_word(context))?;
        if !self.buffered.connection.may_be_sent_tickets() {
            return Poll::Ready(Ok(()));
        }
        let time = self.closing.get_or_insert_with(|| Box::pin(::tokio::time::sleep(CLOSING_TIME)));
        if time.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.poll(Half::Writer, context, |buffered, io| buffered.take_tickets(io))
    }

    /// Says close_notify and shuts the transport's direction down.
    fn poll_last_word(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let data_wait = !self.buffered.connection.outgoing().is_empty();
        let is_shut = self.is_shut;
        self.buffered.connection.close();
        let result = ready!(self.poll(Half::Writer, context, |buffered, io| {
            buffered.flush(io).map_err(|error| buffered.explain(io, error))?;
            // A transport that would block has nothing here.
            let _ = buffered.take_tickets(io);
            if is_shut { Ok(()) } else { io.shutdown() }
        }));
        self.is_shut |= result.is_ok();
        let peer_closed = self.buffered.connection.peer_has_closed();
        Poll::Ready(match result {
            // Both have said all that they had to say: the peer does not miss the close_notify.
            Err(error) if peer_closed && !data_wait && is_gone(&error) => Ok(()),
            result => result,
        })
    }

    /// As [`poll_last_word`](Self::poll_last_word), for a stream that is not read any more. The peer may
    /// take nothing until what it sends is taken, so that is dropped meanwhile.
    fn poll_last_word_unread(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Poll::Ready(result) = self.poll_last_word(context) {
                return Poll::Ready(result);
            }
            let dropped = self.poll(Half::Reader, context, |buffered, io| buffered.drop_record(io));
            ready!(dropped)?;
        }
    }

    /// Goes on with `act` until it is done, or the transport makes it wait. An open question is
    /// asked, and the answer awaited, on the way.
    fn poll<R>(
        &mut self,
        half: Half,
        context: &mut Context<'_>,
        mut act: impl FnMut(&mut Buffered<C>, &mut Polled<'_, '_, T>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.wakers.register(half, context.waker());
        let waker = self.waker.clone();
        let mut context = Context::from_waker(&waker);
        loop {
            let connection = &*self.buffered.connection;
            let before = (connection.is_handshaking(), connection.outgoing().len());
            let mut transport = Polled { transport: &mut self.transport, context: &mut context };
            let result = act(&mut self.buffered, &mut transport);
            self.forget_old_answer();
            let blocked =
                matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            let connection = &*self.buffered.connection;
            let after = (connection.is_handshaking(), connection.outgoing().len());
            if after.0 != before.0 || after.1 < before.1 || (result.is_err() && !blocked) {
                // What the other half waits for may have happened.
                self.wakers.wake_other(half);
            }
            if !blocked {
                self.wakers.forget(half);
                return Poll::Ready(result);
            }
            if self.buffered.connection.question().is_none() {
                return Poll::Pending;
            }
            ready!(self.poll_answer(&mut context));
        }
    }

    /// Drops the future of a question that is not open any more: the application has answered it, or
    /// the connection has failed.
    fn forget_old_answer(&mut self) {
        let open = self.buffered.connection.question_number();
        if self.awaited.as_ref().is_some_and(|awaited| Some(awaited.number) != open) {
            self.awaited = None;
        }
    }

    /// Awaits the answer to the open question and gives it to the connection. An error that comes of
    /// it stays the connection's: its next call returns it.
    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let connection = &mut *self.buffered.connection;
        let Some(number) = connection.question_number() else { return Poll::Ready(()) };
        if let (None, Some(question)) = (&self.awaited, connection.question()) {
            let answer = Mutex::new(self.answers.answer(question.clone()));
            self.awaited = Some(Awaited { number, answer });
        }
        let Some(awaited) = &mut self.awaited else { return Poll::Ready(()) };
        let answering = awaited.answer.get_mut().unwrap_or_else(PoisonError::into_inner);
        let answer = ready!(answering.as_mut().poll(context));
        self.awaited = None;
        let result = connection.answer(number, answer);
        if matches!(&result, Err(error) if matches!(error.kind(), ErrorKind::Misuse(_))) {
            let reason = "the answer that came is to another question".into();
            // The connection keeps the error.
            let _ = connection.answer(number, Answer::Unavailable(reason));
        }
        Poll::Ready(())
    }
}

/// Lets a stream's handshake take so long and no longer. Where it ends with an alert of this side's,
/// the connection is ended in an orderly way, so that the peer hears it.
pub(super) async fn within<C, T>(
    timeout: Duration,
    stream: &mut TlsStream<C, T>,
    handshake: impl AsyncFnOnce(&mut TlsStream<C, T>) -> io::Result<()>,
) -> io::Result<()>
where
    C: DerefMut<Target = Connection>,
    T: AsyncRead + AsyncWrite + Unpin,
{
    if let Ok(result) = ::tokio::time::timeout(timeout, handshake(stream)).await {
        if result.is_err() && stream.connection().has_said_the_last() {
            stream.drain().await;
        }
        return result;
    }
    let waiting = match stream.connection().question() {
        Some(question) => format!("an answer to the question {}", question.name()),
        None => "the peer".into(),
    };
    // The peer should hear of it, if that needs no more time.
    stream.buffered.connection.close();
    let mut goodbye = Polled {
        transport: &mut stream.transport,
        context: &mut Context::from_waker(Waker::noop()),
    };
    let _ = stream.buffered.flush(&mut goodbye);
    let reason =
        format!("the handshake took longer than {timeout:?}: this side was waiting for {waiting}");
    Err(io::Error::new(io::ErrorKind::TimedOut, reason))
}

impl<C, T> AsyncRead for TlsStream<C, T>
where
    C: DerefMut<Target = Connection> + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(this.poll(Half::Reader, context, |buffered, io| buffered.read(io)))?;
        let plaintext = this.buffered.plaintext();
        let count = plaintext.len().min(buffer.remaining());
        buffer.put_slice(plaintext.get(..count).unwrap_or_default());
        this.buffered.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<C, T> AsyncWrite for TlsStream<C, T>
where
    C: DerefMut<Target = Connection> + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll(Half::Writer, context, |buffered, io| {
            buffered.write(data, io).map_err(|error| buffered.explain(io, error))
        })
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write(context, &gather(pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll(Half::Writer, context, |buffered, io| {
            buffered.flush(io).map_err(|error| buffered.explain(io, error))
        }))?;
        this.buffered.release_buffers();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.closes_on_shutdown {
            return stream.poll_end(context);
        }
        ready!(stream.poll_last_word_unread(context))?;
        stream.poll_drain(context).map(Ok)
    }
}

impl<C: fmt::Debug, T: fmt::Debug> fmt::Debug for TlsStream<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("connection", &self.buffered.connection)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
