//! The transcript hash (RFC 9846, section 4.1).

use crate::crypto::{CipherSuite, Digest, HashContext};
use crate::registry::HandshakeType;
use crate::wire::{HandshakeMessage, MESSAGE_HEADER_LENGTH, write_message};

/// The running hash of all messages (section 4.1).
pub(crate) struct Transcript {
    context: HashContext,
}

impl Transcript {
    pub(crate) fn new(suite: &CipherSuite) -> Self {
        Self { context: suite.hash.start() }
    }

    /// The transcript of a handshake whose first ClientHello had this hash. The synthetic
    /// `message_hash` replaces that ClientHello (section 4.1), so a server can forget it and find its
    /// hash in a cookie.
    pub(crate) fn after_retry(suite: &CipherSuite, first_hello: &[u8]) -> Self {
        let mut message = Vec::with_capacity(MESSAGE_HEADER_LENGTH + first_hello.len());
        write_message(&mut message, HandshakeType::MESSAGE_HASH, |out| {
            out.extend_from_slice(first_hello);
        });
        let mut transcript = Self::new(suite);
        transcript.add_bytes(&message);
        transcript
    }

    pub(crate) fn add(&mut self, message: &HandshakeMessage<'_>) {
        self.add_bytes(message.bytes);
    }

    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    pub(crate) fn current(&self) -> Digest {
        self.context.current()
    }

    /// A second transcript, in which these bytes follow.
    pub(crate) fn fork_with(&self, bytes: &[u8]) -> Self {
        let mut context = self.context.fork();
        context.update(bytes);
        Self { context }
    }

    /// The hash as if these bytes followed: for a binder, whose message is not whole yet.
    pub(crate) fn current_with(&self, bytes: &[u8]) -> Digest {
        self.fork_with(bytes).current()
    }
}
