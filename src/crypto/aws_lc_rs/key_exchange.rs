use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};

use super::key_form::KeyForm;
use crate::crypto::{ActiveKeyExchange, CryptoError, KeyExchangeGroup, SharedSecret};
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

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, CryptoError> {
        if !self.peer_share.fits(peer_share) {
            return Err(CryptoError);
        }
        let peer = UnparsedPublicKey::new(self.private.algorithm(), peer_share);
        agreement::agree(&self.private, peer, CryptoError, |secret| {
            Ok(SharedSecret::new(secret.to_vec()))
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
}
