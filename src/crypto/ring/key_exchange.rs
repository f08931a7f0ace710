use core::hint::black_box;
use core::mem;

use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey};
use ring::rand::SystemRandom;

use crate::crypto::{ActiveKeyExchange, CryptoError, KeyExchangeGroup, SharedSecret, wipe_stack};
use crate::registry::NamedGroup;

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
        let private = Private::Key(private);
        Ok(Box::new(Exchange { group: self.name, private, share, algorithm: self.algorithm }))
    }
}

/// A private key, which is overwritten when it is dropped: `ring` wipes none.
enum Private {
    Key(EphemeralPrivateKey),
    #[expect(dead_code, reason = "the zeros are there to be written, not to be read")]
    Wiped([u8; LARGER]),
}

/// More bytes than a key has, wherever the compiler puts them.
const LARGER: usize = size_of::<EphemeralPrivateKey>() + align_of::<EphemeralPrivateKey>();

struct Exchange {
    group: NamedGroup,
    private: Private,
    share: agreement::PublicKey,
    algorithm: &'static agreement::Algorithm,
}

impl Exchange {
    /// Moves the key to the stack.
    fn take_key(&mut self) -> Option<EphemeralPrivateKey> {
        let private = mem::replace(&mut self.private, Private::Wiped([0; LARGER]));
        // Without it, the compiler drops a write to memory that is about to be freed.
        black_box(&mut self.private);
        match private {
            Private::Key(key) => Some(key),
            Private::Wiped(_) => None,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.take_key();
    }
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
        let key = self.take_key().ok_or(CryptoError)?;
        let secret =
            agreement::agree_ephemeral(key, &peer, |secret| SharedSecret::new(secret.to_vec()));
        wipe_stack();
        secret.map_err(|_| CryptoError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_in_every_group() {
        for group in [X25519, SECP256R1, SECP384R1] {
            let client = group.start().unwrap();
            let server = group.respond(client.share()).unwrap();
            let client_secret = client.complete(&server.share).unwrap();
            assert_eq!(client_secret.as_bytes(), server.secret.as_bytes());
        }
    }

    #[test]
    fn bad_shares_are_refused() {
        assert!(X25519.respond(&[0; 32]).is_err(), "a secret of zeros");
        assert!(X25519.respond(&[9; 31]).is_err(), "short");
        assert!(SECP256R1.respond(&[4; 65]).is_err(), "not on the curve");
        assert!(SECP384R1.respond(&[]).is_err(), "empty");
    }
}
