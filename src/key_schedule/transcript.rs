//! The transcript hash (RFC 9846, section 4.1).

use std::sync::OnceLock;

use crate::crypto::{CipherSuite, Digest, HashAlgorithm, HashContext};
use crate::registry::HandshakeType;
use crate::wire::{HandshakeMessage, MESSAGE_HEADER_LENGTH, write_message};

/// The running hash of all messages (section 4.1).
pub(crate) struct Transcript {
    hash: HashAlgorithm,
    context: HashContext,
    /// The hash of the messages so far, once it was asked for.
    current: OnceLock<Digest>,
}

impl Transcript {
    pub(crate) fn new(suite: &CipherSuite) -> Self {
        Self::at(suite.hash.algorithm(), suite.hash.start())
    }

    fn at(hash: HashAlgorithm, context: HashContext) -> Self {
        Self { hash, context, current: OnceLock::new() }
    }

    /// The transcript that begins with these bytes.
    pub(crate) fn of(suite: &CipherSuite, bytes: &[u8]) -> Self {
        let mut transcript = Self::new(suite);
        transcript.add_bytes(bytes);
        transcript
    }

    /// Whether it has the hash of this suite.
    pub(crate) fn is_for(&self, suite: &CipherSuite) -> bool {
        self.hash == suite.hash.algorithm()
    }

    /// The transcript of a handshake whose first ClientHello had this hash. The synthetic
    /// `message_hash` replaces that ClientHello (section 4.1), so a server can forget it and find its
    /// hash in a cookie.
    pub(crate) fn after_retry(suite: &CipherSuite, first_hello: &[u8]) -> Self {
        let mut message = Vec::with_capacity(MESSAGE_HEADER_LENGTH + first_hello.len());
        write_message(&mut message, HandshakeType::MESSAGE_HASH, |out| {
            out.extend_from_slice(first_hello);
        });
        Self::of(suite, &message)
    }

    pub(crate) fn add(&mut self, message: &HandshakeMessage<'_>) {
        self.add_bytes(message.bytes);
    }

    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.current = OnceLock::new();
    }

    /// The hash of the messages so far. The application secrets and the client's Finished need the same one
    /// (section 4.5), so it is computed once.
    pub(crate) fn current(&self) -> Digest {
        *self.current.get_or_init(|| self.context.current())
    }

    /// A second transcript, in which these bytes follow.
    pub(crate) fn fork_with(&self, bytes: &[u8]) -> Self {
        let mut context = self.context.fork();
        context.update(bytes);
        Self::at(self.hash, context)
    }
}
