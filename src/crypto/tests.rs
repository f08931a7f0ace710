//! What every built-in provider must do.

use pki_types::PrivateKeyDer;

use super::hybrid::share_parts;
use super::{
    AeadKey, CipherSuite, CryptoError, CryptoProvider, CustomAeadKey, Hash, KeyExchangeError,
    KeyLimits, NONCE_LENGTH, StaticOrArc, TAG_LENGTH,
};
use crate::registry::{CipherSuiteId, NamedGroup, SignatureScheme};

/// The built-in providers of this build.
pub(crate) fn providers() -> Vec<CryptoProvider> {
    let providers: &[fn() -> CryptoProvider] = &[
        #[cfg(feature = "ring")]
        CryptoProvider::ring,
        #[cfg(feature = "aws-lc-rs")]
        CryptoProvider::aws_lc_rs,
    ];
    providers.iter().map(|provider| provider()).collect()
}

/// SHA-384 of a provider.
pub(super) fn sha384(provider: &CryptoProvider) -> StaticOrArc<dyn Hash> {
    suite(provider, CipherSuiteId::TLS_AES_256_GCM_SHA384).hash.clone()
}

fn suite(provider: &CryptoProvider, id: CipherSuiteId) -> StaticOrArc<CipherSuite> {
    provider.cipher_suite(id).unwrap().clone()
}

#[test]
fn sealed_data_opens_with_the_same_nonce_and_additional_data_only() {
    for suite in providers().into_iter().flat_map(|provider| provider.cipher_suites) {
        let key = suite.aead.key(&vec![7; suite.aead.key_length()]).unwrap();
        let mut data = b"plaintext".to_vec();
        let tag = key.seal([1; 12], b"header", &mut data).unwrap();
        data.extend_from_slice(&tag);
        assert_eq!(key.open([1; 12], b"header", &mut data.clone()).unwrap(), b"plaintext");
        assert_eq!(key.open([2; 12], b"header", &mut data.clone()), Err(CryptoError));
        assert_eq!(key.open([1; 12], b"Header", &mut data.clone()), Err(CryptoError));
        assert!(suite.aead.key(&[0; 5]).is_err());
    }
}

/// A key that is not built in.
struct Custom(AeadKey);

impl CustomAeadKey for Custom {
    fn seal(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], CryptoError> {
        self.0.seal(nonce, additional_data, data)
    }

    fn open<'a>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        self.0.open(nonce, additional_data, data)
    }
}

#[test]
fn data_behind_other_bytes_open_to_the_front_or_in_place() {
    for suite in providers().into_iter().flat_map(|provider| provider.cipher_suites) {
        let key = || suite.aead.key(&vec![7; suite.aead.key_length()]).unwrap();
        for key in [key(), AeadKey::custom(Box::new(Custom(key())))] {
            for (length, start) in
                [(0, 0), (0, 5), (1, 5), (64, 27), (65, 3), (100, 16), (16_385, 5), (16_385, 49)]
            {
                let plaintext: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
                let mut sealed = [vec![9; start], plaintext.clone()].concat();
                let tag = key.seal([1; 12], b"header", &mut sealed[start..]).unwrap();
                sealed.extend_from_slice(&tag);
                let mut buffer = sealed.clone();
                let opened = key.open_from([1; 12], b"header", &mut buffer, start).unwrap();
                assert!([0, start].contains(&opened.start), "{opened:?}");
                assert!(buffer[opened] == plaintext, "{length} from {start}");
                *sealed.last_mut().unwrap() ^= 1;
                let opened = key.open_from([1; 12], b"header", &mut sealed, start);
                assert_eq!(opened, Err(CryptoError));
            }
            for (length, start) in [(TAG_LENGTH - 1, 0), (TAG_LENGTH + 4, 5), (20, 30)] {
                let mut buffer = vec![0; length];
                let opened = key.open_from([1; 12], b"", &mut buffer, start);
                assert_eq!(opened, Err(CryptoError), "{length} from {start}");
            }
        }
    }
}

#[test]
fn both_sides_agree_in_every_group() {
    for group in providers().into_iter().flat_map(|provider| provider.groups) {
        let client = group.start().unwrap();
        let server = group.respond(client.share()).unwrap();
        let client_secret = client.complete(&server.share).unwrap();
        assert_eq!(client_secret.as_bytes(), server.secret.as_bytes(), "{group:?}");
    }
}

#[test]
fn bad_shares_of_classical_groups_are_refused() {
    for provider in providers() {
        for (group, share, what) in [
            (NamedGroup::X25519, &[0; 32][..], "a secret of zeros"),
            (NamedGroup::X25519, &[9; 31], "short"),
            (NamedGroup::SECP256R1, &[4; 65], "not on the curve"),
            (NamedGroup::SECP384R1, &[], "empty"),
            (NamedGroup::SECP521R1, &[4; 133], "not on the curve"),
        ] {
            let Some(group) = provider.group(group) else {
                // `ring` has no P-521.
                assert_eq!(group, NamedGroup::SECP521R1);
                continue;
            };
            assert!(group.respond(share).is_err(), "{group:?}: {what}");
        }
    }
}

/// The u-coordinates of all points of low order on Curve25519 (RFC 7748, section 6.1), each below 2^255: with
/// each of them, every private key has a secret of zeros.
const POINTS_OF_LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// Shares of this group that are none, of the right length. `share` is a good one.
fn bad_shares(group: NamedGroup, share: &[u8]) -> Vec<Vec<u8>> {
    if group == NamedGroup::X25519 {
        let points = POINTS_OF_LOW_ORDER.map(|point| hex::decode(point).unwrap());
        // X25519 does not look at the highest bit.
        let with_highest_bit = points.clone().map(|mut point| {
            point[31] |= 0x80;
            point
        });
        return [points, with_highest_bit].concat();
    }
    // A point has one form, which begins with 4 (RFC 9846, section 4.3.8.2), and is on the curve.
    let forms = [0, 2, 3, 5, 6, 7, 0xff].map(|form| [&[form], &share[1..]].concat());
    let mut beside_the_curve = share.to_vec();
    *beside_the_curve.last_mut().unwrap() ^= 1;
    let infinity = vec![0; share.len()];
    [&forms[..], &[beside_the_curve, infinity]].concat()
}

/// A share with another classical part. Alone, a classical share is that part.
fn with_classical(group: NamedGroup, share: &[u8], bad: &[u8]) -> Vec<u8> {
    match share_parts(group, share) {
        Some([first, second]) if bad.len() == first.share.len() => [bad, second.share].concat(),
        Some([first, _]) => [first.share, bad].concat(),
        None => bad.to_vec(),
    }
}

/// RFC 10024, sections 4.2 and 4.3: what is an illegal_parameter of a classical group is one in its hybrids.
#[test]
fn no_form_of_a_bad_point_is_taken_alone_or_in_a_hybrid_by_either_side() {
    let mut count = 0;
    for group in providers().into_iter().flat_map(|provider| provider.groups) {
        let client = group.start().unwrap();
        let (name, answer) = (group.name(), group.respond(client.share()).unwrap().share);
        let (classical, good) = match client.classical() {
            Some(classical) => (classical.group(), classical.share().to_vec()),
            None => (name, client.share().to_vec()),
        };
        for bad in bad_shares(classical, &good) {
            let refused = |secret: Option<KeyExchangeError>| {
                assert_eq!(secret, Some(KeyExchangeError::InvalidShare), "{name}: {bad:02x?}");
            };
            refused(group.respond(&with_classical(name, client.share(), &bad)).err());
            let client = group.start().unwrap();
            refused(client.complete(&with_classical(name, &answer, &bad)).err());
            count += 1;
        }
    }
    assert!(count >= 32, "{count}");
}

/// RFC 9846, section 4.3.8: no share is used twice. For ML-KEM that holds for the randomness of ciphertexts,
/// too (draft-ietf-tls-mlkem, section 4.2).
#[test]
fn no_share_and_no_secret_comes_twice() {
    for group in providers().into_iter().flat_map(|provider| provider.groups) {
        let [first, second] = [(); 2].map(|()| group.start().unwrap());
        assert_ne!(first.share(), second.share());
        let [one, other] = [(); 2].map(|()| group.respond(first.share()).unwrap());
        assert_ne!(one.secret.as_bytes(), other.secret.as_bytes());
        match [&one.share, &other.share].map(|share| share_parts(group.name(), share)) {
            [Some(one), Some(other)] => {
                assert!(one.iter().zip(other).all(|(one, other)| one.share != other.share));
            }
            _ => assert_ne!(one.share, other.share),
        }
    }
}

#[test]
fn header_protection_matches_rfc_9001_appendix_a() {
    // A.2, A.3 and A.5.
    let cases = [
        (
            CipherSuiteId::TLS_AES_128_GCM_SHA256,
            "9f50449e04a0e810283a1e9933adedd2",
            "d1b1c98dd7689fb8ec11d242b123dc9b",
            "437b9aec36",
        ),
        (
            CipherSuiteId::TLS_AES_128_GCM_SHA256,
            "c206b8d9b9f0f37644430b490eeaa314",
            "2cd0991cd25b0aac406a5816b6394100",
            "2ec0d8356a",
        ),
        (
            CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256,
            "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
            "5e5cd55c41f69080575d7999c25a5bfb",
            "aefefe7d03",
        ),
    ];
    for provider in providers() {
        for (id, key, sample, mask) in cases {
            let aead = suite(&provider, id).aead.clone();
            let key = hex::decode(key).unwrap();
            let sample = hex::decode(sample).unwrap().try_into().unwrap();
            let protection = aead.header_protection_key(&key).unwrap();
            assert_eq!(hex::encode(protection.mask(&sample).unwrap()), mask);
            assert!(aead.header_protection_key(&key[1..]).is_none());
        }
        let aes_256 = suite(&provider, CipherSuiteId::TLS_AES_256_GCM_SHA384).aead.clone();
        // FIPS 197, appendix C.3: the mask is the beginning of what AES makes of the sample.
        let key: Vec<u8> = (0..32).collect();
        let sample = hex::decode("00112233445566778899aabbccddeeff").unwrap().try_into().unwrap();
        let mask = aes_256.header_protection_key(&key).unwrap().mask(&sample).unwrap();
        assert_eq!(hex::encode(mask), "8ea2b7ca51");
        assert!(aes_256.header_protection_key(&[7; 16]).is_none());
    }
}

/// RFC 9846, section 5.5; RFC 9001, section 6.6; RFC 9147, section 4.5.3.
#[test]
fn keys_have_the_limits_of_their_ciphers() {
    for provider in providers() {
        for (id, records, packets, forged_packets) in [
            (CipherSuiteId::TLS_AES_128_GCM_SHA256, 1 << 24, 1 << 23, 1 << 52),
            (CipherSuiteId::TLS_AES_256_GCM_SHA384, 1 << 24, 1 << 23, 1 << 52),
            (CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256, u64::MAX, u64::MAX, 1 << 36),
        ] {
            let aead = suite(&provider, id).aead.clone();
            let quic = KeyLimits { confidentiality: packets, integrity: forged_packets };
            let dtls = KeyLimits { confidentiality: records, integrity: 1 << 36 };
            assert_eq!(aead.confidentiality_limit(), records);
            assert_eq!(aead.quic_limits(), Some(quic));
            assert_eq!(aead.dtls_limits(), Some(dtls));
        }
    }
}

#[test]
fn a_hash_context_can_be_read_and_continued() {
    for provider in providers() {
        let hash = sha384(&provider);
        let mut context = hash.start();
        assert_eq!(context.current(), hash.digest(b""));
        context.update(b"ab");
        context.update(b"c");
        let mut forked = context.fork();
        forked.update(b"d");
        assert_eq!(context.current(), hash.digest(b"abc"));
        assert_eq!(forked.current(), hash.digest(b"abcd"));
    }
}

/// RFC 4231, test case 2, and the shortest key.
#[test]
fn a_prepared_hmac_key_signs_more_than_once() {
    for provider in providers() {
        let key = provider.sha256.hmac_key(b"Jefe");
        for _ in 0..2 {
            assert_eq!(
                hex::encode(key.sign(&[b"what do ya want ", b"for nothing?"]).unwrap().as_bytes()),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            );
        }
        let of_zeros = provider.sha256.hmac_key(&[0; 64]).sign(&[]).unwrap();
        assert!(provider.sha256.hmac_key(b"").sign(&[]).unwrap().verify(of_zeros.as_bytes()));
    }
}

/// FIPS 180-4: the digests of "abc".
#[test]
fn the_digests_of_ocsp_are_sha1_and_sha256() {
    for provider in providers() {
        let digests = provider.signatures.digests;
        assert_eq!(hex::encode((digests.sha1)(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!((digests.sha256)(b"abc"), *provider.sha256.digest(b"abc"));
    }
}

#[test]
fn randomness_fills_and_differs() {
    for provider in providers() {
        let (mut first, mut second) = ([0; 32], [0; 32]);
        provider.random.fill(&mut first).unwrap();
        provider.random.fill(&mut second).unwrap();
        assert!(first != [0; 32] && first != second);
    }
}

#[test]
fn signatures_verify_under_the_public_key_and_scheme() {
    let algorithms: &[&rcgen::SignatureAlgorithm] = &[
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        #[cfg(feature = "aws-lc-rs")]
        &rcgen::PKCS_ECDSA_P521_SHA512,
        #[cfg(feature = "aws-lc-rs")]
        &rcgen::PKCS_ML_DSA_44,
        #[cfg(feature = "aws-lc-rs")]
        &rcgen::PKCS_ML_DSA_65,
        #[cfg(feature = "aws-lc-rs")]
        &rcgen::PKCS_ML_DSA_87,
    ];
    for provider in providers() {
        let mut signed = 0;
        for algorithm in algorithms {
            let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let der = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
            let Ok(key) = provider.key_provider.load_private_key(&der, &[]) else { continue };
            assert_eq!(
                key.public_key().unwrap(),
                rcgen::PublicKeyData::subject_public_key_info(&pair)
            );
            let scheme = key.schemes()[0];
            let signature = key.sign(scheme, b"message").unwrap();
            let verifier = provider.signatures.for_scheme(scheme).next().unwrap();
            let public = rcgen::PublicKeyData::der_bytes(&pair);
            verifier.verify_signature(public, b"message", &signature).unwrap();
            assert!(verifier.verify_signature(public, b"massage", &signature).is_err());
            let spki = rcgen::PublicKeyData::subject_public_key_info(&pair);
            assert!(verifier.verify_signature(&spki, b"message", &signature).is_err());
            assert!(key.sign(SignatureScheme::RSA_PKCS1_SHA256, b"message").is_err());
            signed += 1;
        }
        let has_all = provider.signatures.schemes().any(|it| it == SignatureScheme::MLDSA44);
        assert_eq!(signed, if has_all { 7 } else { 3 });
    }
}

/// The configuration of a client that shows no certificate needs none.
#[test]
fn a_provider_without_private_keys_loads_none_and_has_all_else() {
    let pair = rcgen::KeyPair::generate().unwrap();
    let der = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
    let (without, default) = (CryptoProvider::without_private_keys(), CryptoProvider::default());
    assert_eq!(format!("{without:?}"), format!("{default:?}"));
    assert!(without.signatures.schemes().eq(default.signatures.schemes()));
    let refused = without.key_provider.load_private_key(&der, &[]).unwrap_err();
    assert_eq!(refused, super::KeyError::NoPrivateKeys);
    assert!(default.key_provider.load_private_key(&der, &[]).is_ok());
}
