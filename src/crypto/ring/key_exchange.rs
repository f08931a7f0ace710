use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey};
use ring::rand::SystemRandom;

use super::overwritten::{Overwritten, larger_than};
use crate::crypto::{ActiveKeyExchange, CryptoError, KeyExchangeGroup, SharedSecret, wipe_stack};
use crate::registry::NamedGroup;

/// How deep the calls of a key exchange go in bytes: 5 KiB, and more without optimization.
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
        let private = EphemeralPrivateKey::generate(self.algorithm, &SystemRandom::new())
            .map_err(|_| CryptoError)?;
        let share = private.compute_public_key().map_err(|_| CryptoError)?;
        let private = Overwritten::new(private);
        Ok(Box::new(Exchange { group: self.name, private, share, algorithm: self.algorithm }))
    }
}

struct Exchange {
    group: NamedGroup,
    private: Overwritten<EphemeralPrivateKey, { larger_than::<EphemeralPrivateKey>() }>,
    share: agreement::PublicKey,
    algorithm: &'static agreement::Algorithm,
}

impl ActiveKeyExchange for Exchange {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        self.share.as_ref()
    }

    fn complete(mut self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, CryptoError> {
        let peer = UnparsedPublicKey::new(self.algorithm, peer_share);
        let key = self.private.take()?;
        let secret =
            agreement::agree_ephemeral(key, &peer, |secret| SharedSecret::new(secret.to_vec()));
        wipe_stack::<STACK_DEPTH>();
        secret.map_err(|_| CryptoError)
    }
}
