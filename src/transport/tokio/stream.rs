//! Streams under tokio.

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

use super::poll::{Half, Polled, Registered, Wakers};
use super::question_handler::{AnswerFuture, QuestionHandler};
use crate::connection::{Connection, IntoSecretsError};
use crate::error::ErrorKind;
use crate::handshake::{Answer, QuestionNumber};
use crate::record::RecordError;
use crate::transport::buffered::Buffered;
use crate::transport::io_error::is_gone;
use crate::transport::{CLOSING_BYTES, CLOSING_TIME, HandedOver};

/// A TLS connection over an asynchronous transport: it reads and writes as that transport does.
///
/// **Both directions at once.** `tokio::io::split` makes two halves for two tasks. Neither half waits
/// for the other, even while the transport takes no bytes.
///
/// **The end.** Shutting down sends close_notify and shuts down the write side of the transport. The
/// stream can still be read until the peer does the same. A client that stores sessions then waits for
/// tickets, until the peer closes or data come, for at most
/// [`CLOSING_TIME`](crate::transport::CLOSING_TIME). Use [`close`](Self::close) for a stream that is
/// not read any more: a socket that is dropped with unread bytes resets the connection, and bytes that
/// were just sent may be lost. Reading returns 0 bytes only after the peer's close_notify. If the
/// transport ends without it, data may be missing, and reading returns an error of the kind
/// [`io::ErrorKind::UnexpectedEof`]; [`Error::from_io`](crate::Error::from_io) returns
/// [`ErrorKind::Truncated`] for it.
///
/// **Failures.** After a write has failed, reading first returns the data that the peer had sent
/// before, and then the error. If an alert of the peer says why the write failed, and no data come
/// before that alert, the write returns the alert as its error.
///
/// **Cancelling.** A future that is dropped while it waits has taken no data from the caller and lost
/// no data of the peer. A write is complete when the data are sealed; they are sent by the next poll
/// of either half, or by `flush`.
///
/// **Memory.** While the peer is silent and everything is sent, the stream has no buffers.
pub struct TlsStream<C, T> {
    buffered: Buffered<C>,
    transport: T,
    answers: Arc<dyn QuestionHandler>,
    awaited: Option<Awaited>,
    /// Ends the wait for the peer while the stream shuts down.
    closing_timer: Option<Pin<Box<Sleep>>>,
    /// Shutting down does the same as [`close`](Self::close).
    closes_on_shutdown: bool,
    /// How many more bytes of the peer may be discarded at the end.
    discard_left: usize,
    /// The write side of the transport is shut down. A transport may refuse a second call.
    write_side_shut_down: bool,
    wakers: Arc<Wakers>,
    /// Wakes all of `wakers`.
    waker: Waker,
    /// Which halves have a waker in `wakers`.
    registered: Registered,
}

/// The future of an answer, while the handshake waits for it.
struct Awaited {
    /// The number of its question.
    number: QuestionNumber,
    /// The lock makes it `Sync`. It is never contended.
    answer: Mutex<AnswerFuture>,
}

/// How far a connection is, in what the other half of a stream may wait for.
struct Progress {
    is_handshaking: bool,
    /// How many bytes are not sent yet.
    unsent: usize,
}

impl Progress {
    fn of(connection: &Connection) -> Self {
        Self { is_handshaking: connection.is_handshaking(), unsent: connection.outgoing().len() }
    }

    fn is_beyond(&self, before: &Self) -> bool {
        self.is_handshaking != before.is_handshaking || self.unsent < before.unsent
    }
}

impl<C, T> TlsStream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) fn new(connection: C, transport: T, answers: Arc<dyn QuestionHandler>) -> Self {
        let wakers = Arc::new(Wakers::default());
        let waker = Waker::from(Arc::clone(&wakers));
        let buffered = Buffered::new(connection);
        Self {
            buffered,
            transport,
            answers,
            awaited: None,
            closing_timer: None,
            closes_on_shutdown: false,
            discard_left: CLOSING_BYTES,
            write_side_shut_down: false,
            wakers,
            waker,
            registered: Registered::default(),
        }
    }

    /// The connection, for what was negotiated.
    pub fn connection(&self) -> &C {
        &self.buffered.connection
    }

    /// The connection, for example to answer its questions. The next write or flush sends what it then
    /// has to send. Its clock goes on first: the answer may have taken long.
    pub fn connection_mut(&mut self) -> &mut C {
        // The caller may add data to what is sent, which must not wait with the tickets.
        self.buffered.tickets_wait = false;
        self.buffered.connection.advance_clock();
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

    /// Returns the connection and the transport. Bytes that were read and not processed are lost.
    pub fn into_parts(self) -> (C, T) {
        (self.buffered.connection, self.transport)
    }

    /// Gives the keys of the records to the caller, who protects all records from here on: in the kernel, for
    /// example. **The caller takes a lot over**: see
    /// [`ClientConnection::into_secrets`](crate::ClientConnection::into_secrets). Read what can be read and
    /// flush first: a server's tickets may wait for that, see [`accept`](super::Acceptor::accept).
    ///
    /// # Errors
    /// [`KeysKept`](crate::connection::KeysKept), with the stream: nothing is lost.
    #[allow(clippy::result_large_err, reason = "the error gives the stream back")]
    pub fn into_secrets(self) -> Result<HandedOver<T>, IntoSecretsError<Self>>
    where
        C: Into<Connection>,
    {
        match self.buffered.record_keys() {
            Ok(keys) => Ok(self.buffered.into_secrets_with(keys, self.transport)),
            Err(reason) => Err(IntoSecretsError { reason, kept: self }),
        }
    }

    /// Waits for 0-RTT data that the server accepted, and takes them. This is for streams of
    /// [`accept_with_early_data`](super::Acceptor::accept_with_early_data). If the result is empty,
    /// there are no more, and the handshake is complete. The future can be dropped while it waits:
    /// nothing is lost.
    ///
    /// # Errors
    /// The error of the rest of the handshake, or of the transport.
    pub async fn receive_early_data(&mut self) -> io::Result<Vec<u8>> {
        poll_fn(|context| {
            self.poll(Half::Reader, context, |buffered, io| buffered.receive_early_data(io))
        })
        .await?;
        Ok(self.take_early_data())
    }

    /// Ends the connection in an orderly way: sends close_notify, shuts down the write side of the
    /// transport, and discards what the peer still sends until it closes, for at most
    /// [`CLOSING_TIME`](crate::transport::CLOSING_TIME) and
    /// [`CLOSING_BYTES`](crate::transport::CLOSING_BYTES).
    ///
    /// `Ok` means that the transport has taken everything that was written, and the close_notify, and
    /// that the peer had this time to receive it. It does not mean that the peer has received it: only
    /// the peer can confirm that, in the protocol above TLS. Until the transport has taken everything,
    /// this waits as a write does, without a limit of its own.
    ///
    /// # Errors
    /// As shutting down.
    pub async fn close(mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_close_write_unread(context)).await?;
        self.drain().await;
        Ok(())
    }

    /// Makes `shutdown` end the connection as [`close`](Self::close) does. This is for servers that shut
    /// down a stream and drop it, as hyper does: unread bytes of the client would reset the connection,
    /// and the response would be lost. The stream cannot be read after `shutdown` then.
    pub fn close_on_shutdown(mut self) -> Self {
        self.closes_on_shutdown = true;
        self
    }

    /// After the last record: discards what the peer sends until it closes or the limits are reached.
    pub(super) async fn drain(&mut self) {
        // Shutting down may have set a time before.
        self.closing_timer = None;
        poll_fn(|context| self.poll_drain(context)).await;
    }

    /// As [`drain`](Self::drain).
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.buffered.drop_input();
        let time_is_over = self.poll_closing_timer(context).is_ready();
        if time_is_over || self.buffered.connection.peer_has_closed() {
            return Poll::Ready(());
        }
        // An alert may be in `outgoing`.
        let shut_down = self.poll_shut_down_after(context, |buffered, io| buffered.flush(io));
        if ready!(shut_down).is_err() {
            return Poll::Ready(());
        }
        let mut dropped = [0; 4096];
        while self.discard_left > 0 {
            let read = self.poll(Half::Writer, context, |_, io| io::Read::read(io, &mut dropped));
            match ready!(read) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.discard_left = self.discard_left.saturating_sub(count),
            }
        }
        Poll::Ready(())
    }

    /// Ready when [`CLOSING_TIME`] is over, which begins with the first call.
    fn poll_closing_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let timer =
            self.closing_timer.get_or_insert_with(|| Box::pin(::tokio::time::sleep(CLOSING_TIME)));
        timer.as_mut().poll(context)
    }

    /// Sends the last bytes with `send`, and shuts down the write side of the transport, if it is not shut
    /// down yet.
    fn poll_shut_down_after(
        &mut self,
        context: &mut Context<'_>,
        mut send: impl FnMut(&mut Buffered<C>, &mut Polled<'_, '_, T>) -> io::Result<()>,
    ) -> Poll<io::Result<()>> {
        let is_shut_down = self.write_side_shut_down;
        let result = ready!(self.poll(Half::Writer, context, |buffered, io| {
            send(buffered, io)?;
            if is_shut_down { Ok(()) } else { io.shutdown() }
        }));
        self.write_side_shut_down |= result.is_ok();
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

    /// Continues the handshake with complete records that were received already. Returns whether `done`
    /// holds.
    pub(super) async fn handshake_with_received(
        &mut self,
        done: impl Fn(&Connection) -> bool,
    ) -> io::Result<bool> {
        poll_fn(|context| {
            self.poll(Half::Writer, context, |buffered, io| {
                buffered.handshake_with_received(io, &done)
            })
        })
        .await
    }

    /// Sends the last messages of an accepted client's handshake. Tickets wait, if the client has sent more
    /// already.
    pub(super) async fn flush_accepted(&mut self) -> io::Result<()> {
        poll_fn(|context| {
            self.poll(Half::Writer, context, |buffered, io| buffered.flush_accepted(io))
        })
        .await
    }

    /// Waits until the next record is complete, or the bytes are seen to be no record.
    pub(super) async fn wait_for_record(&mut self) -> io::Result<Result<(), RecordError>> {
        poll_fn(|context| {
            self.poll(Half::Reader, context, |buffered, io| buffered.wait_for_record(io))
        })
        .await
    }

    /// Sends these bytes without protection.
    pub(super) async fn send_plain(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        poll_fn(|context| self.poll(Half::Writer, context, |_, io| io.write_all_of(&mut bytes)))
            .await
    }

    /// Sends close_notify, shuts down the write side of the transport, and waits for tickets that the
    /// server may still send: if they came to a socket that was dropped, they would reset the
    /// connection, and bytes that were just sent would be lost. Data end the wait, and are kept for the
    /// reader.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_close_write(context))?;
        if !self.buffered.connection.may_receive_tickets() {
            return Poll::Ready(Ok(()));
        }
        if self.poll_closing_timer(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.poll(Half::Writer, context, |buffered, io| buffered.receive_until_data(io))
    }

    /// Sends close_notify and shuts down the write side of the transport.
    fn poll_close_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let bytes_wait = !self.buffered.connection.outgoing().is_empty();
        let data_wait = bytes_wait && !self.buffered.tickets_wait;
        self.buffered.connection.close();
        let result = ready!(self.poll_shut_down_after(context, |buffered, io| {
            buffered.flush(io).map_err(|error| buffered.alert_or(io, error))?;
            // `WouldBlock` means that there is nothing to receive.
            let _ = buffered.receive_until_data(io);
            Ok(())
        }));
        let peer_closed = self.buffered.connection.peer_has_closed();
        Poll::Ready(match result {
            // Both sides have sent everything: the peer does not need the close_notify.
            Err(error) if peer_closed && !data_wait && is_gone(&error) => Ok(()),
            result => result,
        })
    }

    /// As [`poll_close_write`](Self::poll_close_write), for a stream that is not read any more. The peer may
    /// take no bytes until its own are taken, so this discards them meanwhile.
    fn poll_close_write_unread(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Poll::Ready(result) = self.poll_close_write(context) {
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
        loop {
            let calls_before = self.wakers.calls();
            let before = Progress::of(&self.buffered.connection);
            let mut transport = Polled {
                transport: &mut self.transport,
                context: &mut Context::from_waker(&self.waker),
            };
            let result = act(&mut self.buffered, &mut transport);
            self.drop_stale_answer();
            let blocked =
                matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            let progress = Progress::of(&self.buffered.connection);
            if progress.is_beyond(&before) || (result.is_err() && !blocked) {
                // The other half may be able to continue.
                self.wakers.wake_other(half);
            }
            if !blocked {
                self.registered.forget(half, &self.wakers);
                return Poll::Ready(result);
            }
            self.registered.register(half, context.waker(), &self.wakers);
            if self.wakers.calls() != calls_before {
                // The transport called the waker before there was one. It may want the task to yield
                // first, so it is not polled again here.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.buffered.connection.question().is_none() {
                return Poll::Pending;
            }
            ready!(self.poll_answer());
        }
    }

    /// Drops the future of a question that is not open any more, because the application has answered
    /// it or the connection has failed.
    fn drop_stale_answer(&mut self) {
        let open = self.buffered.connection.question_number();
        if self.awaited.as_ref().is_some_and(|awaited| Some(awaited.number) != open) {
            self.awaited = None;
        }
    }

    /// Polls the answer to the open question and gives it to the connection. If that fails, the
    /// connection's next call returns the error. An answer of another kind counts as none.
    fn poll_answer(&mut self) -> Poll<()> {
        let connection = &mut *self.buffered.connection;
        let Some(number) = connection.question_number() else { return Poll::Ready(()) };
        if let (None, Some(question)) = (&self.awaited, connection.question()) {
            let answer = Mutex::new(self.answers.answer(question.clone()));
            self.awaited = Some(Awaited { number, answer });
        }
        let Some(awaited) = &mut self.awaited else { return Poll::Ready(()) };
        let future = awaited.answer.get_mut().unwrap_or_else(PoisonError::into_inner);
        let answer = ready!(future.as_mut().poll(&mut Context::from_waker(&self.waker)));
        self.awaited = None;
        // The answer may have taken long.
        connection.advance_clock();
        let result = connection.answer(number, answer);
        if matches!(&result, Err(error) if matches!(error.kind(), ErrorKind::Misuse(_))) {
            let reason = "the answer that came is to another question".into();
            // If this ends the handshake, the connection's next call returns the error.
            let _ = connection.answer(number, Answer::Unavailable(reason));
        }
        Poll::Ready(())
    }

    /// Ends a handshake that takes too long. Returns what this side was waiting for.
    fn time_out(&mut self) -> String {
        let connection = &mut *self.buffered.connection;
        connection.report_transport_error(&io::ErrorKind::TimedOut.into());
        let waiting = match connection.question() {
            Some(question) => format!("an answer to the question {}", question.name()),
            None => connection.stage().to_string(),
        };
        connection.close();
        // Sends the alert, if the transport takes it now.
        let mut polled_once = Polled {
            transport: &mut self.transport,
            context: &mut Context::from_waker(Waker::noop()),
        };
        let _ = self.buffered.flush(&mut polled_once);
        waiting
    }
}

/// Limits the time of a stream's handshake. If it ends with an alert of this side, the connection is
/// drained, so that the alert arrives.
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
        if result.is_err() && stream.connection().has_queued_final_alert() {
            stream.drain().await;
        }
        return result;
    }
    let waiting = stream.time_out();
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
        this.poll(Half::Reader, context, |buffered, io| buffered.read(io, buffer).map(drop))
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
            buffered.write(data, io).map_err(|error| buffered.alert_or(io, error))
        })
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll(Half::Writer, context, |buffered, io| {
            let written = buffered.write_vectored(pieces, io);
            written.map_err(|error| buffered.alert_or(io, error))
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll(Half::Writer, context, |buffered, io| {
            buffered.flush(io).map_err(|error| buffered.alert_or(io, error))
        }))?;
        this.buffered.release_buffers();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.closes_on_shutdown {
            return stream.poll_end(context);
        }
        ready!(stream.poll_close_write_unread(context))?;
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
