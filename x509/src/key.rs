//! Public keys that cannot be used. No signature verifies with some of them. For the others, an
//! attacker can make signatures without a private key.

use pki_types::alg_id;

use super::curve::{self, Curve, P256, P384, P521};
use super::der;
use super::ml_dsa;
use super::signature::{PublicKey, RSA_BITS};

/// The largest number of bytes of an RSA exponent. Implementations accept 33 bits.
const EXPONENT_BYTES: usize = 5;

impl PublicKey<'_> {
    /// Why this key cannot be used. `None` for a key that can be used, and for an unknown kind of key.
    pub(super) fn unusable(self) -> Option<String> {
        match self.algorithm {
            it if *it == *alg_id::ECDSA_P256 => unusable_point(&P256, "P-256", self.bytes),
            it if *it == *alg_id::ECDSA_P384 => unusable_point(&P384, "P-384", self.bytes),
            it if *it == *alg_id::ECDSA_P521 => unusable_point(&P521, "P-521", self.bytes),
            it if *it == *alg_id::ED25519 => unusable_ed25519(self.bytes),
            it if *it == *alg_id::RSA_ENCRYPTION => self.unusable_rsa(),
            _ if self.is_for_pss() => self.unusable_rsa(),
            other => ml_dsa::unusable(other, self.bytes),
        }
    }

    /// Whether it is a point of Ed25519 of small order. Signatures for it can be made without a private
    /// key, and implementations accept them.
    pub(super) fn is_of_small_order(self) -> bool {
        *self.algorithm == *alg_id::ED25519 && curve::is_ed25519_of_small_order(self.bytes)
    }

    /// RFC 8017, section 3.1: the modulus is odd, because its factors are odd. The exponent is odd
    /// and lies between 2 and the modulus, because it must have an inverse.
    fn unusable_rsa(self) -> Option<String> {
        let numbers = der::only(self.bytes, der::SEQUENCE)
            .and_then(|numbers| der::fields(numbers, [der::INTEGER, der::INTEGER]));
        let Some([modulus, exponent]) = numbers else {
            return Some("the key is not a modulus and an exponent".to_owned());
        };
        if self.is_of_unusual_size() {
            let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
            return Some(format!("keys have from {least} to {most} bits"));
        }
        match modulus.contents {
            [0x80..=0xff, ..] => return Some("the key's modulus is negative".to_owned()),
            [.., last] if last % 2 == 0 => return Some("the key's modulus is even".to_owned()),
            _ => {}
        }
        match exponent.contents {
            [] | [0x80..=0xff, ..] | [0 | 1] => {
                Some("the key's exponent is less than 3, so that everyone can sign".to_owned())
            }
            [.., last] if last % 2 == 0 => Some("the key's exponent is even".to_owned()),
            exponent if exponent.len() > EXPONENT_BYTES => {
                let bytes = exponent.len();
                Some(format!(
                    "the key's exponent has {bytes} bytes; implementations accept 33 bits"
                ))
            }
            _ => None,
        }
    }
}

/// RFC 5480, section 2.2: the first byte is 4 if both coordinates follow.
fn unusable_point<const N: usize>(curve: &Curve<N>, name: &str, point: &[u8]) -> Option<String> {
    let length = 2 * curve.bytes + 1;
    match point {
        [2 | 3, ..] => Some("its point is compressed".to_owned()),
        [4, coordinates @ ..] if point.len() == length => {
            let (x, y) = coordinates.split_at_checked(curve.bytes)?;
            if curve.contains(x, y) {
                return None;
            }
            Some(format!("its point is not on the curve {name}"))
        }
        [first, ..] if point.len() == length => {
            Some(format!("its point begins with {first} instead of 4"))
        }
        _ => Some(format!("its point has {} bytes, not {length}", point.len())),
    }
}

fn unusable_ed25519(key: &[u8]) -> Option<String> {
    if key.len() != 32 {
        return Some(format!("the key has {} bytes, not 32", key.len()));
    }
    if curve::is_ed25519_of_small_order(key) {
        return Some("the key is a point of small order, so that everyone can sign".to_owned());
    }
    if !curve::is_ed25519_point(key) {
        return Some("the key is not a point of the curve".to_owned());
    }
    None
}
