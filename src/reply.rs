//! The answer to a question that the handshake asks.

/// An answer, or the promise of one.
///
/// The handshake asks a trait of the configuration what it cannot decide alone: which certificate,
/// which pre-shared key, is this peer accepted. With [`Reply::Now`] the handshake continues at once.
/// With [`Reply::Later`] it waits, with its
/// [`Question`](crate::handshake::Question) open
/// ([`Connection::question`](crate::Connection::question)), until the application answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// The answer.
    Now(T),
    /// The answer comes later. The handshake waits for it.
    Later,
}

impl<T> Reply<T> {
    /// Takes the answer out, if it is there.
    pub(crate) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::Later)
    }

    /// Takes the answer out. If it is not there, asks for it.
    pub(crate) fn take_or_ask(&mut self, ask: impl FnOnce() -> Self) -> Self {
        match self.take() {
            Self::Later => ask(),
            now @ Self::Now(_) => now,
        }
    }
}

/// Leaves open what these traits ask, but refuses raw public keys.
///
/// It implements [`ConfigResolver`](crate::config::ConfigResolver),
/// [`CertificateResolver`](crate::credential::CertificateResolver),
/// [`ClientCertificateResolver`](crate::credential::ClientCertificateResolver),
/// [`PeerVerifier`](crate::verify::PeerVerifier), [`PskResolver`](crate::psk::PskResolver) and
/// [`EarlyDataPolicy`](crate::session::EarlyDataPolicy).
#[derive(Clone, Copy, Debug)]
pub struct AnswerLater;
