//! The stream that tokio-postgres reads and writes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use handclasp::ClientConnection;
use handclasp::transport::tokio::TlsStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{self, ChannelBinding};

/// A TLS connection to PostgreSQL.
#[derive(Debug)]
pub struct PostgresStream<S> {
    stream: TlsStream<ClientConnection, S>,
    server_end_point: Option<Vec<u8>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> PostgresStream<S> {
    pub(crate) fn new(stream: TlsStream<ClientConnection, S>) -> Self {
        // Without a hash there is no binding. tokio-postgres fails then only if `channel_binding` requires one.
        let server_end_point = stream.connection().tls_server_end_point().unwrap_or(None);
        Self { stream, server_end_point }
    }

    /// The connection, for what was negotiated.
    pub fn connection(&self) -> &ClientConnection {
        self.stream.connection()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> tls::TlsStream for PostgresStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.server_end_point {
            Some(hash) => ChannelBinding::tls_server_end_point(hash.clone()),
            None => ChannelBinding::none(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for PostgresStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PostgresStream<S> {
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
