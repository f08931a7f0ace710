//! Keys of every kind, and keys that are none.

use rcgen::PublicKeyData;

use super::strict::{Chain, broken, with_fields};
use super::*;

/// A public key without its private key.
pub(super) struct Key(pub(super) Vec<u8>, pub(super) &'static rcgen::SignatureAlgorithm);

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.1
    }
}

#[test]
fn kinds_and_sizes_of_keys() {
    let rsa = |modulus: Vec<u8>, exponent: &[u8]| {
        let numbers = [der::wrap(der::INTEGER, &modulus), der::wrap(der::INTEGER, exponent)];
        Key(der::wrap(der::SEQUENCE, &numbers.concat()), &rcgen::PKCS_RSA_SHA256)
    };
    let modulus = |octets: usize| [vec![0], vec![0xff; octets]].concat();
    let odd = || [vec![0x0f], vec![0xff; 256]].concat();
    let even = || [vec![0], vec![0xff; 255], vec![0xfe]].concat();
    // The encoding of a small y, of Ed25519.
    let point = |y: u8| [&[y][..], &[0; 31]].concat();
    let f4 = [1, 0, 1];
    let both = |rule| [Some(rule); 2];
    for (key, rules) in [
        (rsa(modulus(256), &f4), [None, None]),
        (rsa(modulus(512), &[3]), [None, None]),
        (rsa(modulus(128), &f4), both(Rule::RsaSize)),
        (rsa(modulus(255), &f4), both(Rule::RsaSize)),
        (rsa(odd(), &f4), both(Rule::RsaSize)),
        (rsa(Vec::new(), &f4), both(Rule::RsaSize)),
        (rsa(modulus(256), &[1]), both(Rule::ValidKey)),
        (rsa(modulus(256), &[4]), both(Rule::ValidKey)),
        (rsa(modulus(256), &[0x83]), both(Rule::ValidKey)),
        (rsa(even(), &f4), both(Rule::ValidKey)),
        (rsa(modulus(256), &[1; 257]), both(Rule::ValidKey)),
        (rsa(modulus(2048), &f4), both(Rule::UsableKey)),
        (Key(super::key().der_bytes().to_vec(), &rcgen::PKCS_RSA_SHA256), both(Rule::RsaSize)),
        (Key(point(3), &rcgen::PKCS_ED25519), [None, Some(Rule::KeyKind)]),
        (Key(point(2), &rcgen::PKCS_ED25519), both(Rule::ValidKey)),
        (Key(point(1), &rcgen::PKCS_ED25519), both(Rule::ValidKey)),
        (Key(vec![3; 31], &rcgen::PKCS_ED25519), both(Rule::ValidKey)),
        (Key(Vec::new(), &rcgen::PKCS_ED25519), both(Rule::ValidKey)),
    ] {
        let chain = Chain::new();
        let root = Authority::self_signed(chain.root, super::key()).unwrap();
        let leaf = chain.leaf.signed_by(&key, &root).unwrap();
        assert_eq!(broken(Check::new(leaf.der(), &[], &[root.der()])), rules);
    }
    // P-192, and parameters that are a curve of one's own.
    let p192 = with_fields(|fields| {
        let at = position(&fields[6], &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
        fields[6][at + 7] = 1;
    });
    let explicit = with_fields(|fields| {
        let at = position(&fields[6], &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03]);
        fields[6][at] = der::SEQUENCE;
    });
    for check in [p192, explicit] {
        let [default, strict] = broken(check);
        assert!(matches!(default, Some(Rule::UsableKey | Rule::Malformed)), "{default:?}");
        assert_eq!(strict, default);
    }
}

#[test]
fn a_key_on_a_curve_is_one_of_its_points() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let good = KeyPair::generate_for(algorithm).unwrap().der_bytes().to_vec();
        let (x, y) = good[1..].split_at(good.len() / 2);
        let mut off = good.clone();
        *off.last_mut().unwrap() ^= 1;
        let parity = 2 + (y[y.len() - 1] & 1);
        for (key, is_one) in [
            (good.clone(), true),
            (off, false),
            ([&[4][..], x, &vec![0; y.len()]].concat(), false),
            ([&[4][..], &vec![0xff; x.len()], y].concat(), false),
            // Compressed, and both forms in one.
            ([&[parity][..], x].concat(), false),
            ([&[4 + parity][..], x, y].concat(), false),
            // The point at infinity.
            (vec![0], false),
            (good[..good.len() - 1].to_vec(), false),
            ([&good[..], &[0]].concat(), false),
            (Vec::new(), false),
        ] {
            let chain = Chain::new();
            let root = Authority::self_signed(chain.root, super::key()).unwrap();
            let leaf = chain.leaf.signed_by(&Key(key.clone(), algorithm), &root).unwrap();
            let rule = (!is_one).then_some(Rule::ValidKey);
            let check = Check::new(leaf.der(), &[], &[root.der()]);
            assert_eq!(broken(check), [rule, rule], "{key:02x?}");
        }
    }
}

#[test]
fn a_signature_that_everybody_can_make_proves_nothing() {
    // With the neutral point for a key, one of zeros with that point for R is valid for all that
    // is signed.
    let neutral = [&[1][..], &[0; 31]].concat();
    let key = Key(neutral.clone(), &rcgen::PKCS_ED25519);
    let maker = root("root");
    let root = authority_params("weak").signed_by(&key, &maker).unwrap();
    let forged = [neutral, vec![0; 32]].concat();
    let algorithm = der::wrap(der::SEQUENCE, &pki_types::alg_id::ED25519);
    let leaf = signed_anew(
        &issue(&leaf_params(), &super::root("weak")),
        &pki_types::alg_id::ED25519,
        |_| forged,
        |fields| fields[2] = algorithm,
    );
    let leaf = CertificateDer::from(leaf);
    let error = Check::new(&leaf, &[], &[root.der()]).run().unwrap_err();
    assert!(
        matches!(error.kind, CertificateErrorKind::UnsupportedSignatureAlgorithm { .. }),
        "{error}"
    );
}
