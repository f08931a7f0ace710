//! What is left of a stream whose records are protected elsewhere.

use core::fmt;

use crate::connection::ExtractedSecrets;

/// What [`Stream::into_secrets`](super::Stream::into_secrets) returns.
#[non_exhaustive]
pub struct HandedOver<T> {
    /// The keys, and what goes on with the messages after the handshake.
    pub secrets: ExtractedSecrets,
    /// The peer's bytes that the stream has read from the transport and not opened: at most a part of a
    /// record, and records that came together with the last one. They come before what the transport
    /// returns next. A kernel does not have them: see
    /// [`RecordKeys::opener`](crate::connection::RecordKeys::opener).
    pub unread: Vec<u8>,
    /// The transport.
    pub transport: T,
}

impl<T: fmt::Debug> fmt::Debug for HandedOver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandedOver")
            .field("secrets", &self.secrets)
            .field("unread", &self.unread.len())
            .field("transport", &self.transport)
            .finish()
    }
}
