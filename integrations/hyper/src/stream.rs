//! The stream that HTTP reads and writes.

use std::fmt;
use std::io::{self, IoSlice};
use std::ops::DerefMut;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use handclasp::Connection;
use handclasp::transport::tokio::TlsStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A TLS connection for HTTP. On a server, 0-RTT data that were accepted come first.
pub struct HttpsStream<C, T> {
    stream: TlsStream<C, T>,
    /// 0-RTT data that are not read yet.
    early_data: Vec<u8>,
    /// More 0-RTT data may come. A [`ConnectionInfo`](crate::ConnectionInfo) has the same flag.
    early: Arc<AtomicBool>,
}

impl<C, T> HttpsStream<C, T>
where
    C: DerefMut<Target = Connection> + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    pub(crate) fn new(mut stream: TlsStream<C, T>) -> Self {
        let early_data = stream.take_early_data();
        let early = Arc::new(AtomicBool::new(stream.connection().is_handshaking()));
        Self { stream, early_data, early }
    }

    /// The connection, for what was negotiated.
    pub fn connection(&self) -> &C {
        self.stream.connection()
    }

    /// The transport.
    pub fn transport(&self) -> &T {
        self.stream.transport()
    }

    #[cfg(feature = "axum")]
    pub(crate) fn early(&self) -> &Arc<AtomicBool> {
        &self.early
    }
}

/// Without the bytes of the 0-RTT data: they may have passwords and cookies.
impl<C: fmt::Debug, T: fmt::Debug> fmt::Debug for HttpsStream<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsStream")
            .field("stream", &self.stream)
            .field("early_data_length", &self.early_data.len())
            .field("early", &self.early)
            .finish()
    }
}

impl<C, T> AsyncRead for HttpsStream<C, T>
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
        if this.early_data.is_empty() && this.early.load(Ordering::Acquire) {
            // A future of this that is dropped while it waits loses nothing.
            let received = pin!(this.stream.receive_early_data()).poll(context);
            this.early_data = ready!(received)?;
            if this.early_data.is_empty() {
                // The handshake is complete.
                this.early.store(false, Ordering::Release);
            }
        }
        if this.early_data.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let count = this.early_data.len().min(buffer.remaining());
        buffer.put_slice(this.early_data.drain(..count).as_slice());
        Poll::Ready(Ok(()))
    }
}

impl<C, T> AsyncWrite for HttpsStream<C, T>
where
    C: DerefMut<Target = Connection> + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
