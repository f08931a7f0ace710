//! ML-KEM (FIPS 203) of the crate `libcrux-ml-kem`, with the feature `libcrux`.
//!
//! It does the same as the groups of the feature `ml-kem`, in a quarter of their time on x86-64: it has vector
//! instructions (AVX2 and, on Arm, NEON), which it chooses when the program runs. Its version is below 0.1, and it
//! needs Rust 1.94 on x86 and x86-64.
//!
//! By its README, these parts are formally verified with hax and F*: the portable code and the AVX2 code for arithmetic
//! and serialization, and the generic code of the algorithms. It does not name the NEON code. That times do not depend
//! on secrets is not proved: types check it in the portable code, its authors read the generated assembly, and
//! compilers guarantee nothing.
//!
//! With this feature, the provider over `ring` has these groups as parts of its [hybrids](super::hybrid). ML-KEM
//! alone (draft-ietf-tls-mlkem) is in no default list: add the groups to
//! [`CryptoProvider::groups`](super::CryptoProvider::groups) to offer them.
//!
//! The randomness is that of the operating system ([`SystemRandom`]).

use libcrux_ml_kem::{
    MlKemCiphertext, MlKemKeyPair, MlKemPrivateKey, MlKemPublicKey, mlkem768, mlkem1024,
};
use zeroize::{Zeroize, Zeroizing};

use super::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeError, KeyExchangeGroup,
    SharedSecret, SystemRandom, provider_fault, stack_depth, with_stack_wiped,
};
use crate::registry::NamedGroup;

/// How deep the calls of the crate go in bytes: 42 KiB with ML-KEM-1024, and more than 400 KiB without optimization.
const STACK_DEPTH: usize = stack_depth(56 * 1024, 1000 * 1024);

/// ML-KEM-768: shares of 1184 bytes from the client and 1088 from the server.
pub const MLKEM768: LibcruxGroup<2400, 1184, 1088> = LibcruxGroup {
    name: NamedGroup::MLKEM768,
    generate: mlkem768::generate_key_pair,
    is_valid: mlkem768::validate_public_key,
    encapsulate: mlkem768::encapsulate,
    decapsulate: mlkem768::decapsulate,
};

/// ML-KEM-1024: shares of 1568 bytes from each side.
pub const MLKEM1024: LibcruxGroup<3168, 1568, 1568> = LibcruxGroup {
    name: NamedGroup::MLKEM1024,
    generate: mlkem1024::generate_key_pair,
    is_valid: mlkem1024::validate_public_key,
    encapsulate: mlkem1024::encapsulate,
    decapsulate: mlkem1024::decapsulate,
};

/// A group of ML-KEM alone, with the lengths in bytes of its private key, of the client's share and of the
/// server's.
///
/// It has the functions of the crate for a parameter set. They are given their random bytes, so that a lack of
/// randomness is an error, and the bytes are wiped.
#[derive(Clone, Copy, Debug)]
pub struct LibcruxGroup<const PRIVATE: usize, const PUBLIC: usize, const CIPHERTEXT: usize> {
    name: NamedGroup,
    generate: fn([u8; 64]) -> MlKemKeyPair<PRIVATE, PUBLIC>,
    /// Is each number of the key reduced (section 7.2 of FIPS 203)?
    is_valid: fn(&MlKemPublicKey<PUBLIC>) -> bool,
    encapsulate: fn(&MlKemPublicKey<PUBLIC>, [u8; 32]) -> (MlKemCiphertext<CIPHERTEXT>, [u8; 32]),
    decapsulate: fn(&MlKemPrivateKey<PRIVATE>, &MlKemCiphertext<CIPHERTEXT>) -> [u8; 32],
}

impl<const PRIVATE: usize, const PUBLIC: usize, const CIPHERTEXT: usize> KeyExchangeGroup
    for LibcruxGroup<PRIVATE, PUBLIC, CIPHERTEXT>
{
    fn name(&self) -> NamedGroup {
        self.name
    }

    /// The client's side: makes a key pair from a random seed.
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        Ok(with_stack_wiped::<STACK_DEPTH, _>(|| {
            let mut seed = Zeroizing::new([0; 64]);
            provider_fault::fill(&SystemRandom, &mut *seed)?;
            Ok::<_, CryptoError>(Box::new(self.exchange(&seed)))
        })?)
    }

    /// The server's side: encapsulates a random message.
    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        with_stack_wiped::<STACK_DEPTH, _>(|| {
            let mut message = Zeroizing::new([0; 32]);
            provider_fault::fill(&SystemRandom, &mut *message).map_err(CryptoError::from)?;
            self.encapsulate(peer_share, &message)
        })
    }
}

impl<const PRIVATE: usize, const PUBLIC: usize, const CIPHERTEXT: usize>
    LibcruxGroup<PRIVATE, PUBLIC, CIPHERTEXT>
{
    fn exchange(&self, seed: &[u8; 64]) -> Exchange<PRIVATE, PUBLIC, CIPHERTEXT> {
        let key_pair = (self.generate)(*seed);
        let share = *key_pair.pk();
        Exchange { group: *self, private_key: Zeroizing::new(*key_pair.sk()), share }
    }

    /// Encapsulates a message. An encapsulation key of another length, or with a number that is not reduced,
    /// is refused (section 7.2 of FIPS 203).
    fn encapsulate(
        &self,
        peer_share: &[u8],
        message: &[u8; 32],
    ) -> Result<CompletedKeyExchange, KeyExchangeError> {
        let key =
            MlKemPublicKey::try_from(peer_share).map_err(|_| KeyExchangeError::InvalidShare)?;
        if !(self.is_valid)(&key) {
            return Err(KeyExchangeError::InvalidShare);
        }
        let (ciphertext, mut secret) = (self.encapsulate)(&key, *message);
        let shared = SharedSecret::copied(&secret);
        secret.zeroize();
        Ok(CompletedKeyExchange { share: ciphertext.as_slice().to_vec(), secret: shared })
    }
}

/// The client's private key, which is wiped when it is dropped. With the share in it, a key exchange is one
/// allocation.
struct Exchange<const PRIVATE: usize, const PUBLIC: usize, const CIPHERTEXT: usize> {
    group: LibcruxGroup<PRIVATE, PUBLIC, CIPHERTEXT>,
    private_key: Zeroizing<[u8; PRIVATE]>,
    share: [u8; PUBLIC],
}

impl<const PRIVATE: usize, const PUBLIC: usize, const CIPHERTEXT: usize>
    Exchange<PRIVATE, PUBLIC, CIPHERTEXT>
{
    fn decapsulate(&self, ciphertext: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        let ciphertext =
            MlKemCiphertext::try_from(ciphertext).map_err(|_| KeyExchangeError::InvalidShare)?;
        let private_key = MlKemPrivateKey::from(&*self.private_key);
        let mut secret = (self.group.decapsulate)(&private_key, &ciphertext);
        let shared = SharedSecret::copied(&secret);
        secret.zeroize();
        Ok(shared)
    }
}

impl<const PRIVATE: usize, const PUBLIC: usize, const CIPHERTEXT: usize> ActiveKeyExchange
    for Exchange<PRIVATE, PUBLIC, CIPHERTEXT>
{
    fn group(&self) -> NamedGroup {
        self.group.name
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    /// A ciphertext of the right length always leads to a secret: that of another ciphertext leads to
    /// one that the server does not have.
    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        with_stack_wiped::<STACK_DEPTH, _>(|| self.decapsulate(peer_share))
    }
}

#[cfg(test)]
impl<const PRIVATE: usize, const PUBLIC: usize, const CIPHERTEXT: usize>
    super::ml_kem_tests::WithGivenBytes for LibcruxGroup<PRIVATE, PUBLIC, CIPHERTEXT>
{
    fn start_with(&self, seed: &[u8; 64]) -> Box<dyn ActiveKeyExchange> {
        Box::new(self.exchange(seed))
    }

    fn respond_with(
        &self,
        share: &[u8],
        message: &[u8; 32],
    ) -> Result<CompletedKeyExchange, KeyExchangeError> {
        self.encapsulate(share, message)
    }
}
