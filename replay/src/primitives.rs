//! Randomness and key exchange as they were in the trace.

use core::fmt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use handclasp::crypto::{
    ActiveKeyExchange, CryptoError, KeyExchangeError, KeyExchangeGroup, SecureRandom, SharedSecret,
    SigningKey,
};
use handclasp::registry::{NamedGroup, SignatureScheme};
use p256::elliptic_curve::sec1::ToEncodedPoint;

use crate::vectors::Signature;

/// A key that is not published: it has made one signature, which the trace has.
pub(crate) struct RecordedSignature {
    schemes: [SignatureScheme; 1],
    signed_content: Vec<u8>,
    signature: Vec<u8>,
}

impl RecordedSignature {
    pub(crate) fn new(recorded: &Signature) -> Self {
        Self {
            schemes: [recorded.scheme.0],
            signed_content: recorded.signed_content.0.clone(),
            signature: recorded.signature.0.clone(),
        }
    }
}

impl SigningKey for RecordedSignature {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    /// Fails for anything but what was signed in the trace: then the handshake is not the trace's.
    fn sign(&self, _: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match message == self.signed_content {
            true => Ok(self.signature.clone()),
            false => Err(CryptoError),
        }
    }
}

impl fmt::Debug for RecordedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordedSignature(..)")
    }
}

/// Gives out the trace's random bytes, each piece once and whole.
pub(crate) struct RecordedRandom(Mutex<VecDeque<Vec<u8>>>);

impl RecordedRandom {
    pub(crate) fn new(pieces: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(Mutex::new(pieces.into_iter().collect()))
    }
}

impl SecureRandom for RecordedRandom {
    /// Takes one piece after the other. Fails when the trace has no more, or a piece that ends
    /// elsewhere: then the handshake is not the trace's.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = pieces.pop_front().ok_or(CryptoError)?;
            let (place, after) = rest.split_at_mut_checked(piece.len()).ok_or(CryptoError)?;
            place.copy_from_slice(&piece);
            rest = after;
        }
        Ok(())
    }
}

impl fmt::Debug for RecordedRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordedRandom(..)")
    }
}

/// The public keys that were made, in order.
pub(crate) type Shares = Arc<Mutex<Vec<Vec<u8>>>>;

/// A group whose private keys are the trace's, each used once.
pub(crate) struct RecordedGroup {
    name: NamedGroup,
    private_keys: Mutex<VecDeque<Vec<u8>>>,
    shares: Shares,
}

impl RecordedGroup {
    pub(crate) fn new(name: NamedGroup, private_keys: Vec<Vec<u8>>, shares: Shares) -> Self {
        Self { name, private_keys: Mutex::new(private_keys.into()), shares }
    }
}

impl KeyExchangeGroup for RecordedGroup {
    fn name(&self) -> NamedGroup {
        self.name
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let mut keys = self.private_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let key = keys.pop_front().ok_or(CryptoError)?;
        let exchange: Box<dyn ActiveKeyExchange> = match self.name {
            NamedGroup::X25519 => Box::new(X25519::new(&key)?),
            NamedGroup::SECP256R1 => Box::new(P256::new(&key)?),
            _ => return Err(CryptoError),
        };
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        shares.push(exchange.share().to_vec());
        Ok(exchange)
    }
}

impl fmt::Debug for RecordedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordedGroup({})", self.name)
    }
}

struct X25519 {
    secret: x25519_dalek::StaticSecret,
    share: [u8; 32],
}

impl X25519 {
    fn new(private_key: &[u8]) -> Result<Self, CryptoError> {
        let bytes: [u8; 32] = private_key.try_into().map_err(|_| CryptoError)?;
        let secret = x25519_dalek::StaticSecret::from(bytes);
        let share = x25519_dalek::PublicKey::from(&secret).to_bytes();
        Ok(Self { secret, share })
    }
}

impl ActiveKeyExchange for X25519 {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        let peer: [u8; 32] = peer_share.try_into().map_err(|_| KeyExchangeError::InvalidShare)?;
        let shared = self.secret.diffie_hellman(&peer.into());
        // RFC 9846, section 7.4.2: a secret of zeros is refused.
        if !shared.was_contributory() {
            return Err(KeyExchangeError::InvalidShare);
        }
        Ok(SharedSecret::new(shared.as_bytes().to_vec()))
    }
}

struct P256 {
    secret: p256::SecretKey,
    share: Vec<u8>,
}

impl P256 {
    /// The length of an uncompressed point, the only form that TLS 1.3 has.
    const SHARE_LENGTH: usize = 65;

    fn new(private_key: &[u8]) -> Result<Self, CryptoError> {
        let secret = p256::SecretKey::from_slice(private_key).map_err(|_| CryptoError)?;
        let share = secret.public_key().to_encoded_point(false).as_bytes().to_vec();
        Ok(Self { secret, share })
    }
}

impl ActiveKeyExchange for P256 {
    fn group(&self) -> NamedGroup {
        NamedGroup::SECP256R1
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        if peer_share.len() != Self::SHARE_LENGTH {
            return Err(KeyExchangeError::InvalidShare);
        }
        let peer = p256::PublicKey::from_sec1_bytes(peer_share)
            .map_err(|_| KeyExchangeError::InvalidShare)?;
        let shared = p256::ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), peer.as_affine());
        Ok(SharedSecret::new(shared.raw_secret_bytes().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_is_given_once_whole_and_in_order() {
        let random = RecordedRandom::new([vec![1; 4], vec![2; 2], vec![3; 2], vec![4; 2]]);
        let mut four = [0; 4];
        random.fill(&mut four).unwrap();
        assert_eq!(four, [1; 4]);
        random.fill(&mut four).unwrap();
        assert_eq!(four, [2, 2, 3, 3], "two pieces at once");
        assert!(random.fill(&mut [0; 3]).is_err(), "not the end of a piece");
        assert!(random.fill(&mut [0; 2]).is_err(), "more than the trace has");
    }

    #[test]
    fn each_private_key_is_used_once() {
        let group = RecordedGroup::new(NamedGroup::X25519, vec![vec![7; 32]], Shares::default());
        assert!(group.start().is_ok());
        assert!(group.start().is_err());
    }

    #[test]
    fn bad_shares_are_refused() {
        let start = |name| {
            let shares = Shares::default();
            RecordedGroup::new(name, vec![vec![7; 32]], shares).start().unwrap()
        };
        assert!(start(NamedGroup::X25519).complete(&[0; 32]).is_err(), "a secret of zeros");
        assert!(start(NamedGroup::X25519).complete(&[9; 31]).is_err());
        assert!(start(NamedGroup::SECP256R1).complete(&[4; 65]).is_err(), "not on the curve");
        let exchange = start(NamedGroup::SECP256R1);
        let compressed = [&[2], &exchange.share()[1..33]].concat();
        assert!(exchange.complete(&compressed).is_err(), "compressed");
    }
}
