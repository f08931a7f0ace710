use core::fmt;

use super::{CryptoError, ProviderFault, SharedSecret};
use crate::registry::NamedGroup;

/// A key exchange group: Diffie-Hellman over an elliptic curve, a KEM, or a hybrid of both (section 7.4).
pub trait KeyExchangeGroup: Send + Sync + fmt::Debug {
    /// The code point on the wire.
    fn name(&self) -> NamedGroup;

    /// The initiator's (client's) side: a fresh key pair. Key pairs are never used twice
    /// (RFC 9846, section 4.3.8).
    ///
    /// A group draws its private keys from a generator of its own, and not from
    /// [`CryptoProvider::random`](super::CryptoProvider::random): libraries and devices accept no
    /// randomness from outside for this. The groups of built-in providers use the generator of their
    /// library, which gets its entropy from the operating system; those of the feature `ml-kem` use
    /// [`SystemRandom`](super::SystemRandom). A group in software that has no
    /// generator should use [`SystemRandom`](super::SystemRandom).
    ///
    /// # Errors
    /// When no key pair can be made: there is no randomness, say.
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError>;

    /// The responder's (server's) side: takes the peer's share, and returns the own share and the
    /// secret. The default suits Diffie-Hellman; a KEM encapsulates instead.
    ///
    /// # Errors
    /// Those of [`start`](Self::start) and of [`ActiveKeyExchange::complete`].
    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        let exchange = self.start()?;
        let share = exchange.share().to_vec();
        Ok(CompletedKeyExchange { share, secret: exchange.complete(peer_share)? })
    }
}

/// The responder's side of a key exchange.
#[derive(Debug)]
pub struct CompletedKeyExchange {
    /// The share to send.
    pub share: Vec<u8>,
    /// The secret that both sides have.
    pub secret: SharedSecret,
}

/// Why a key exchange has no secret. It decides whom the error names, and which alert the peer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyExchangeError {
    /// The peer's share is no valid public key of the group, or leads to a secret of zeros: an
    /// `illegal_parameter` (RFC 9846, sections 4.3.8 and 7.4.2).
    #[error("the peer's share is not valid")]
    InvalidShare,
    /// This side failed; it had no randomness, for example: an `internal_error`.
    #[error(transparent)]
    Failed(#[from] CryptoError),
    /// A component of a hybrid returned what no working group returns: an `internal_error`.
    #[error(transparent)]
    Fault(#[from] ProviderFault),
}

/// A key exchange that has sent its share and waits for the peer's.
pub trait ActiveKeyExchange: Send + Sync {
    /// The group of the share.
    fn group(&self) -> NamedGroup;

    /// The share to send.
    fn share(&self) -> &[u8];

    /// Takes the peer's share and returns the secret.
    ///
    /// # Errors
    /// [`InvalidShare`](KeyExchangeError::InvalidShare) when the share is no valid public key of the
    /// group, or leads to a secret of zeros (section 7.4.2). [`Failed`](KeyExchangeError::Failed) when
    /// this side cannot compute the secret, for a reason that the share has no part in.
    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError>;

    /// In a [hybrid](super::hybrid), the key exchange of its classical group. A client may send the
    /// share of that, too, so that a server without the hybrid needs no HelloRetryRequest, and one key
    /// pair serves both shares.
    fn classical(&self) -> Option<&dyn ActiveKeyExchange> {
        None
    }

    /// The key exchange that [`classical`](Self::classical) shows: the server has taken its share, and
    /// not that of the hybrid.
    fn into_classical(self: Box<Self>) -> Option<Box<dyn ActiveKeyExchange>> {
        None
    }
}
