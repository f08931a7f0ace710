use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey};
use ring::rand::SystemRandom;

use crate::crypto::overwritten::{Overwritten, words_of};
use crate::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeError, KeyExchangeGroup,
    SharedSecret, with_stack_wiped,
};
use crate::registry::NamedGroup;

/// How deep the calls of a key exchange go in bytes: 6 KiB, and more without optimization.
const STACK_DEPTH: usize = 12 * 1024;

/// X25519 (RFC 7748). A shared secret of zeros is refused.
pub const X25519: RingGroup = RingGroup { name: NamedGroup::X25519, algorithm: &agreement::X25519 };

/// ECDH on P-256. Points are checked to be on the curve and uncompressed.
pub const SECP256R1: RingGroup =
    RingGroup { name: NamedGroup::SECP256R1, algorithm: &agreement::ECDH_P256 };

/// ECDH on P-384. Points are checked to be on the curve and uncompressed.
pub const SECP384R1: RingGroup =
    RingGroup { name: NamedGroup::SECP384R1, algorithm: &agreement::ECDH_P384 };

/// A group of `ring` (sections 4.3.8 and 7.4.2).
#[derive(Debug)]
pub struct RingGroup {
    name: NamedGroup,
    algorithm: &'static agreement::Algorithm,
}

impl KeyExchangeGroup for RingGroup {
    fn name(&self) -> NamedGroup {
        self.name
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        Ok(with_stack_wiped::<STACK_DEPTH, _>(|| Exchange::new(self))?)
    }

    /// The private key does not leave the stack, which is wiped once, after both steps.
    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        with_stack_wiped::<STACK_DEPTH, _>(|| {
            let KeyPair { private, share } = KeyPair::generate(self.algorithm)?;
            let secret = agree(private, peer_share)?;
            Ok(CompletedKeyExchange { share: share.as_ref().to_vec(), secret })
        })
    }
}

struct KeyPair {
    private: EphemeralPrivateKey,
    share: agreement::PublicKey,
}

impl KeyPair {
    fn generate(algorithm: &'static agreement::Algorithm) -> Result<Self, CryptoError> {
        let private = EphemeralPrivateKey::generate(algorithm, &SystemRandom::new())
            .map_err(|_| CryptoError)?;
        let share = private.compute_public_key().map_err(|_| CryptoError)?;
        Ok(Self { private, share })
    }
}

/// Consumes the key: `ring` lets a key be used once.
fn agree(
    private: EphemeralPrivateKey,
    peer_share: &[u8],
) -> Result<SharedSecret, KeyExchangeError> {
    let peer = UnparsedPublicKey::new(private.algorithm(), peer_share);
    agreement::agree_ephemeral(private, &peer, SharedSecret::copied)
        .map_err(|_| KeyExchangeError::InvalidShare)
}

struct Exchange {
    group: NamedGroup,
    private: Overwritten<EphemeralPrivateKey, { words_of::<EphemeralPrivateKey>() }>,
    share: agreement::PublicKey,
}

impl Exchange {
    fn new(group: &RingGroup) -> Result<Box<Self>, CryptoError> {
        let KeyPair { private, share } = KeyPair::generate(group.algorithm)?;
        let private = Overwritten::new(private);
        Ok(Box::new(Self { group: group.name, private, share }))
    }
}

impl ActiveKeyExchange for Exchange {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        self.share.as_ref()
    }

    fn complete(mut self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        with_stack_wiped::<STACK_DEPTH, _>(|| agree(self.private.take()?, peer_share))
    }
}
