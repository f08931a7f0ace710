//! ML-KEM (FIPS 203) of the crate `ml-kem`, with the feature of that name, which is on by default.
//!
//! A provider has these groups as parts of its [hybrids](super::hybrid). ML-KEM alone
//! (draft-ietf-tls-mlkem) is in no default list: add the groups to
//! [`CryptoProvider::groups`](super::CryptoProvider::groups) to offer them.
//!
//! The randomness is that of the operating system ([`SystemRandom`]).
//!
//! The feature `libcrux` has the same groups in a quarter of the time, with a newer compiler.

use ml_kem::array::sizes::U32;
use ml_kem::kem::Decapsulator;
use ml_kem::{
    B32, Ciphertext, Decapsulate, Kem, Key, KeyExport, KeyInit, MlKem768, MlKem1024, SharedKey,
    TryKeyInit,
};
use zeroize::{Zeroize, Zeroizing};

use super::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeError, KeyExchangeGroup,
    SharedSecret, SystemRandom, provider_fault, stack_depth, with_stack_wiped,
};
use crate::registry::NamedGroup;

/// How deep the calls of the crate `ml-kem` go in bytes: 50 KiB with ML-KEM-1024, and 128 KiB without optimization.
const STACK_DEPTH: usize = stack_depth(56 * 1024, 136 * 1024);

/// ML-KEM-768: shares of 1184 bytes from the client and 1088 from the server.
pub const MLKEM768: MlKemGroup = MlKemGroup { parameter_set: ParameterSet::MlKem768 };

/// ML-KEM-1024: shares of 1568 bytes from each side.
pub const MLKEM1024: MlKemGroup = MlKemGroup { parameter_set: ParameterSet::MlKem1024 };

/// A group of ML-KEM alone.
#[derive(Clone, Copy, Debug)]
pub struct MlKemGroup {
    parameter_set: ParameterSet,
}

/// Section 8 of FIPS 203. ML-KEM-512, which draft-ietf-tls-mlkem has, too, is left out: no hybrid has it.
#[derive(Clone, Copy, Debug)]
enum ParameterSet {
    MlKem768,
    MlKem1024,
}

impl KeyExchangeGroup for MlKemGroup {
    fn name(&self) -> NamedGroup {
        match self.parameter_set {
            ParameterSet::MlKem768 => NamedGroup::MLKEM768,
            ParameterSet::MlKem1024 => NamedGroup::MLKEM1024,
        }
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        match self.parameter_set {
            ParameterSet::MlKem768 => start::<MlKem768>(self.name()),
            ParameterSet::MlKem1024 => start::<MlKem1024>(self.name()),
        }
    }

    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        match self.parameter_set {
            ParameterSet::MlKem768 => respond::<MlKem768>(peer_share),
            ParameterSet::MlKem1024 => respond::<MlKem1024>(peer_share),
        }
    }
}

/// A parameter set, as the crate has it.
trait MlKem: Kem<DecapsulationKey: Decapsulate + KeyInit + Send + Sync, SharedKeySize = U32> {
    /// Section 6.2 of FIPS 203. The caller draws the 32 random bytes, so that a lack of randomness is
    /// an error, and they are wiped.
    fn encapsulate(key: &Self::EncapsulationKey, message: &B32) -> (Ciphertext<Self>, SharedKey);
}

impl MlKem for MlKem768 {
    fn encapsulate(key: &Self::EncapsulationKey, message: &B32) -> (Ciphertext<Self>, SharedKey) {
        key.encapsulate_deterministic(message)
    }
}

impl MlKem for MlKem1024 {
    fn encapsulate(key: &Self::EncapsulationKey, message: &B32) -> (Ciphertext<Self>, SharedKey) {
        key.encapsulate_deterministic(message)
    }
}

/// The client's side: makes a key pair from a random seed.
fn start<K: MlKem>(group: NamedGroup) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
    Ok(with_stack_wiped::<STACK_DEPTH, _>(|| Exchange::<K>::random(group))?)
}

/// The server's side: encapsulates a random message.
fn respond<K: MlKem>(peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
    with_stack_wiped::<STACK_DEPTH, _>(|| {
        let mut message = Zeroizing::new(B32::default());
        provider_fault::fill(&SystemRandom, &mut message).map_err(CryptoError::from)?;
        encapsulate::<K>(peer_share, &message)
    })
}

/// Encapsulates a message. An encapsulation key of another length, or with a number that is not reduced,
/// is refused (section 7.2 of FIPS 203).
fn encapsulate<K: MlKem>(
    peer_share: &[u8],
    message: &B32,
) -> Result<CompletedKeyExchange, KeyExchangeError> {
    let key = K::EncapsulationKey::new_from_slice(peer_share)
        .map_err(|_| KeyExchangeError::InvalidShare)?;
    let (ciphertext, mut secret) = K::encapsulate(&key, message);
    let shared = SharedSecret::copied(&secret);
    secret.zeroize();
    Ok(CompletedKeyExchange { share: ciphertext.to_vec(), secret: shared })
}

/// The client's decapsulation key, which is wiped when it is dropped. With the share in it, a key exchange is one
/// allocation.
struct Exchange<K: MlKem> {
    group: NamedGroup,
    key: K::DecapsulationKey,
    share: Key<K::EncapsulationKey>,
}

impl<K: MlKem> Exchange<K> {
    fn random(group: NamedGroup) -> Result<Box<Self>, CryptoError> {
        let mut seed = Zeroizing::new(Key::<K::DecapsulationKey>::default());
        provider_fault::fill(&SystemRandom, &mut seed)?;
        Ok(Box::new(Self::from_seed(group, &seed)))
    }

    fn from_seed(group: NamedGroup, seed: &Key<K::DecapsulationKey>) -> Self {
        let key = K::DecapsulationKey::new(seed);
        let share = key.encapsulation_key().to_bytes();
        Self { group, key, share }
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        let mut secret =
            self.key.decapsulate_slice(ciphertext).map_err(|_| KeyExchangeError::InvalidShare)?;
        let shared = SharedSecret::copied(&secret);
        secret.zeroize();
        Ok(shared)
    }
}

impl<K: MlKem> ActiveKeyExchange for Exchange<K> {
    fn group(&self) -> NamedGroup {
        self.group
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
impl super::ml_kem_tests::WithGivenBytes for MlKemGroup {
    fn start_with(&self, seed: &[u8; 64]) -> Box<dyn ActiveKeyExchange> {
        match self.parameter_set {
            ParameterSet::MlKem768 => {
                Box::new(Exchange::<MlKem768>::from_seed(self.name(), &(*seed).into()))
            }
            ParameterSet::MlKem1024 => {
                Box::new(Exchange::<MlKem1024>::from_seed(self.name(), &(*seed).into()))
            }
        }
    }

    fn respond_with(
        &self,
        share: &[u8],
        message: &[u8; 32],
    ) -> Result<CompletedKeyExchange, KeyExchangeError> {
        let message = B32::from(*message);
        match self.parameter_set {
            ParameterSet::MlKem768 => encapsulate::<MlKem768>(share, &message),
            ParameterSet::MlKem1024 => encapsulate::<MlKem1024>(share, &message),
        }
    }
}
