//! Public keys that stay parsed: an authority signs many certificates with one key, and many connections go to the
//! same server.
//!
//! On an AMD EPYC, to parse an RSA key of 2048 bits takes 2.3 of the 18.5 µs of a verification: AWS-LC computes the
//! Montgomery constants of the modulus. With P-256 it takes 1.0 of 49.8 µs: the point is checked three times.

use core::cell::RefCell;

use aws_lc_rs::signature::ParsedPublicKey;
use pki_types::AlgorithmIdentifier;

thread_local! {
    /// The keys that this thread has used, the latest at the end.
    static KEYS: RefCell<Vec<UsedKey>> = const { RefCell::new(Vec::new()) };
}

/// The most keys that a thread keeps: those of a few authorities and servers. A handshake needs two or three. One takes
/// up to 6 KB, with ML-DSA.
const MAX_KEYS: usize = 8;

struct UsedKey {
    algorithms: Algorithms,
    key: ParsedPublicKey,
}

/// What a key is parsed for: the algorithms of the key and of the signature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Algorithms {
    pub(super) public_key: AlgorithmIdentifier,
    pub(super) signature: AlgorithmIdentifier,
}

/// Takes the key with these bytes, if this thread has kept it. It is removed, so that [`keep`] puts it at the end.
pub(super) fn take(algorithms: Algorithms, bytes: &[u8]) -> Option<ParsedPublicKey> {
    let taken = KEYS.try_with(|keys| {
        let mut keys = keys.borrow_mut();
        let place = keys
            .iter()
            .position(|used| used.key.as_ref() == bytes && used.algorithms == algorithms)?;
        Some(keys.remove(place).key)
    });
    // A thread that ends has no keys any more.
    taken.ok().flatten()
}

/// Keeps a key for the next signature, in place of the least recently used one.
pub(super) fn keep(algorithms: Algorithms, key: ParsedPublicKey) {
    let _ = KEYS.try_with(|keys| {
        let mut keys = keys.borrow_mut();
        if keys.len() >= MAX_KEYS {
            keys.remove(0);
        }
        keys.push(UsedKey { algorithms, key });
    });
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    use pki_types::SignatureVerificationAlgorithm;

    use super::*;
    use crate::crypto::aws_lc_rs::{ECDSA_P256_SHA256, ECDSA_P256_SHA384};

    /// A public key, and its signature of the message "signed" with SHA-256.
    struct Signed {
        key: Vec<u8>,
        signature: Vec<u8>,
    }

    impl Signed {
        fn new() -> Self {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
            let signature = pair.sign(&SystemRandom::new(), b"signed").unwrap();
            let key = pair.public_key().as_ref().to_vec();
            Self { key, signature: signature.as_ref().to_vec() }
        }

        fn is_verified_by(&self, algorithm: &dyn SignatureVerificationAlgorithm) -> bool {
            algorithm.verify_signature(&self.key, b"signed", &self.signature).is_ok()
        }

        /// How often this thread has kept the key.
        fn kept(&self) -> usize {
            KEYS.with_borrow(|keys| {
                keys.iter().filter(|used| used.key.as_ref() == self.key).count()
            })
        }
    }

    #[test]
    fn a_kept_key_verifies_what_it_has_signed_and_nothing_else() {
        let signed = Signed::new();
        for _ in 0..2 {
            assert!(signed.is_verified_by(ECDSA_P256_SHA256));
            assert_eq!(signed.kept(), 1);
            let of_another =
                ECDSA_P256_SHA256.verify_signature(&signed.key, b"another", &signed.signature);
            assert!(of_another.is_err());
            assert_eq!(signed.kept(), 1);
        }
    }

    #[test]
    fn a_key_is_kept_for_one_algorithm() {
        let signed = Signed::new();
        for _ in 0..2 {
            assert!(signed.is_verified_by(ECDSA_P256_SHA256));
            assert!(!signed.is_verified_by(ECDSA_P256_SHA384));
            assert_eq!(signed.kept(), 2);
        }
    }

    #[test]
    fn a_thread_keeps_the_keys_that_it_has_used_last() {
        let signed: Vec<Signed> = (0..=MAX_KEYS).map(|_| Signed::new()).collect();
        let (last, others) = signed.split_last().unwrap();
        assert!(others.iter().all(|signed| signed.is_verified_by(ECDSA_P256_SHA256)));
        // Now the second is the least recently used.
        assert!(others[0].is_verified_by(ECDSA_P256_SHA256));
        assert!(last.is_verified_by(ECDSA_P256_SHA256));
        for (index, signed) in signed.iter().enumerate() {
            assert_eq!(signed.kept(), usize::from(index != 1), "{index}");
        }
    }
}
