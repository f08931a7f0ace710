//! Private keys in the forms in which tools write them, and the errors of those that are of no
//! use.

use handclasp::certificate::EndEntity;
use handclasp::config::ConfigError;
use handclasp::credential::{KeySource, LoadErrorKind, PemInput};
use handclasp::crypto::{CryptoProvider, KeyError, signing_key};
use handclasp::pem::{self, Content, PemError, PemErrorKind};
use handclasp::pki_types::{CertificateDer, PrivateKeyDer};
use handclasp::registry::SignatureScheme;
use handclasp::{CertifiedKey, TrustAnchors};

use handclasp_testing::der::{der, integer, oid, pem_text};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 34];

/// An EC key and a certificate of it.
struct EcKey {
    certificate: CertificateDer<'static>,
    curve: &'static [u8],
    secret: Vec<u8>,
    point: Vec<u8>,
}

impl EcKey {
    fn new(curve: &'static [u8]) -> Self {
        let (algorithm, length) = match curve {
            P256 => (&rcgen::PKCS_ECDSA_P256_SHA256, 32),
            _ => (&rcgen::PKCS_ECDSA_P384_SHA384, 48),
        };
        let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let certificate = params.self_signed(&pair).unwrap().der().clone();
        let pkcs8 = pair.serialize_der();
        // The secret stands behind the version of the ECPrivateKey.
        let mark = [2, 1, 1, 4, u8::try_from(length).unwrap()];
        let at = pkcs8.windows(5).position(|window| window == mark).unwrap() + 5;
        let secret = pkcs8[at..at + length].to_vec();
        Self { certificate, curve, secret, point: pair.public_key_raw().to_vec() }
    }

    fn compressed(&self) -> Vec<u8> {
        let length = self.secret.len();
        let parity = 2 + (self.point[2 * length] & 1);
        [&[parity][..], &self.point[1..=length]].concat()
    }

    /// An ECPrivateKey (RFC 5915, section 3).
    fn sec1(&self, names_curve: bool, public: Option<&[u8]>) -> Vec<u8> {
        let mut parts = vec![integer(&[1]), der(0x04, &[&self.secret])];
        if names_curve {
            parts.push(der(0xa0, &[&oid(self.curve)]));
        }
        if let Some(public) = public {
            parts.push(der(0xa1, &[&der(0x03, &[&[0], public])]));
        }
        der(0x30, &[&parts.concat()])
    }

    /// PKCS#8 (RFC 5958), with what stands behind the key.
    fn pkcs8(&self, version: u8, sec1: &[u8], rest: &[u8]) -> Vec<u8> {
        let algorithm = der(0x30, &[&oid(EC), &oid(self.curve)]);
        der(0x30, &[&integer(&[version]), &algorithm, &der(0x04, &[sec1]), rest])
    }

    /// Every form in which the key can be.
    fn forms(&self) -> Vec<Vec<u8>> {
        let compressed = self.compressed();
        let publics = [None, Some(&self.point[..]), Some(&compressed[..])];
        let mut forms = Vec::new();
        for public in publics {
            for names_curve in [true, false] {
                let sec1 = self.sec1(names_curve, public);
                forms.push(self.pkcs8(0, &sec1, &[]));
                forms.push(sec1);
            }
        }
        let bare = self.sec1(false, None);
        let attributes = der(0xa0, &[&der(0x30, &[&oid(&[0x55, 4, 3]), &der(0x31, &[])])]);
        let outside = der(0x81, &[&[0], &self.point]);
        forms.push(self.pkcs8(0, &bare, &attributes));
        forms.push(self.pkcs8(1, &bare, &outside));
        forms
    }
}

/// The key signs, and the certificate's key agrees.
fn assert_signs(key: &CertifiedKey) {
    let KeySource::Local(signer) = key.key() else { panic!("the key is here") };
    let scheme = signer.schemes()[0];
    let signature = signer.sign(scheme, b"message").unwrap();
    let algorithms = CryptoProvider::default().signatures;
    let end_entity = EndEntity::parse(&key.chain()[0]).unwrap();
    end_entity.verify_signature(algorithms.for_scheme(scheme), b"message", &signature).unwrap();
}

#[test]
fn keys_load_from_sec1_pkcs1_and_pkcs8_and_sign() {
    for (text, scheme) in [
        (&include_bytes!("../data/sec1-p256.pem")[..], SignatureScheme::ECDSA_SECP256R1_SHA256),
        (include_bytes!("../data/sec1-p384.pem"), SignatureScheme::ECDSA_SECP384R1_SHA384),
        (include_bytes!("../data/pkcs1-rsa2048.pem"), SignatureScheme::RSA_PSS_RSAE_SHA256),
        (include_bytes!("../data/rsa2048.pem"), SignatureScheme::RSA_PSS_RSAE_SHA256),
    ] {
        let key = signing_key(&pem::private_key(text).unwrap().der()).unwrap();
        assert_eq!(key.schemes()[0], scheme);
        let signature = key.sign(scheme, b"message").unwrap();
        let public = key.public_key().unwrap();
        let (_, info) = x509_parser::prelude::FromDer::from_der(&public).unwrap();
        let info: x509_parser::x509::SubjectPublicKeyInfo<'_> = info;
        let algorithms = CryptoProvider::default().signatures;
        let algorithm = algorithms.for_scheme(scheme).next().unwrap();
        let public = &info.subject_public_key.data;
        algorithm.verify_signature(public, b"message", &signature).unwrap();
    }
}

#[test]
fn an_ec_key_loads_in_every_form_with_its_certificate_under_every_label() {
    for key in [EcKey::new(P256), EcKey::new(P384)] {
        let chain = pem_text("CERTIFICATE", &key.certificate);
        for form in key.forms() {
            for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
                let text = pem_text(label, &form);
                let loaded = CertifiedKey::from_pem(chain.as_bytes(), text.as_bytes()).unwrap();
                assert_signs(&loaded);
            }
        }
    }
}

#[test]
fn an_ec_key_without_its_public_half_is_refused_with_a_certificate_of_another_key() {
    for (key, other) in [(EcKey::new(P256), EcKey::new(P256)), (EcKey::new(P384), EcKey::new(P256))]
    {
        for form in key.forms() {
            let form = PrivateKeyDer::Pkcs8(form.as_slice().into());
            let refused = CertifiedKey::from_der(vec![other.certificate.clone()], &form);
            assert_eq!(refused.map(drop), Err(ConfigError::KeyMismatch));
        }
        let bare = key.sec1(true, None);
        let alone = signing_key(&PrivateKeyDer::Sec1(bare.as_slice().into()));
        assert_eq!(alone.map(drop), Err(KeyError::NoPublicKey));
        let wrong = key.sec1(true, Some(&EcKey::new(key.curve).point));
        let wrong = signing_key(&PrivateKeyDer::Sec1(wrong.as_slice().into()));
        assert_eq!(wrong.map(drop), Err(KeyError::Inconsistent));
    }
}

#[test]
fn a_certificate_with_a_compressed_key_is_not_taken_for_one_of_another_key() {
    for key in [EcKey::new(P256), EcKey::new(P384)] {
        let private = key.sec1(true, Some(&key.point));
        let private = signing_key(&PrivateKeyDer::Sec1(private.as_slice().into())).unwrap();
        let algorithm = der(0x30, &[&oid(EC), &oid(key.curve)]);
        let spki = der(0x30, &[&algorithm, &der(0x03, &[&[0], &key.compressed()])]);
        let refused = CertifiedKey::raw_public_key(spki, KeySource::Local(private));
        assert_eq!(refused.map(drop), Err(ConfigError::CompressedPublicKey));
    }
}

/// The RSAPrivateKey of the project's test key.
fn rsa_parts() -> Vec<u8> {
    let text = include_bytes!("../data/pkcs1-rsa2048.pem");
    pem::private_key(text).unwrap().der().secret_der().to_vec()
}

#[test]
fn an_rsa_key_loads_with_and_without_null_and_under_every_label() {
    let pkcs1 = rsa_parts();
    let octets = der(0x04, &[&pkcs1]);
    let with = |parameters: &[u8]| {
        let algorithm = der(0x30, &[&oid(RSA), parameters]);
        der(0x30, &[&integer(&[0]), &algorithm, &octets])
    };
    for form in [pkcs1.clone(), with(&[5, 0]), with(&[])] {
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
            let key = pem::private_key(pem_text(label, &form).as_bytes()).unwrap();
            assert!(signing_key(&key.der()).is_ok(), "{label}");
        }
    }
}

/// A certificate of the project's RSA key whose SubjectPublicKeyInfo lacks NULL. Its signature is
/// not made anew.
fn rsa_certificate_without_null() -> Vec<u8> {
    let pair = rcgen::KeyPair::from_pem(include_str!("../data/rsa2048.pem")).unwrap();
    let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    let mut certificate = params.self_signed(&pair).unwrap().der().to_vec();
    let with_null = der(0x30, &[&oid(RSA), &[5, 0]]);
    let at = certificate.windows(with_null.len()).position(|it| it == with_null).unwrap();
    certificate.splice(at..at + with_null.len(), der(0x30, &[&oid(RSA)]));
    // The Certificate, the TBSCertificate and the SubjectPublicKeyInfo: each has a length of two bytes.
    for header in [0, 4, at - 4] {
        let length = &mut certificate[header + 2..header + 4];
        let shorter = u16::from_be_bytes([length[0], length[1]]) - 2;
        length.copy_from_slice(&shorter.to_be_bytes());
    }
    certificate
}

#[test]
fn an_rsa_certificate_without_null_loads_with_its_key() {
    let without_null = rsa_certificate_without_null();
    let chain = pem_text("CERTIFICATE", &without_null);
    let key = include_str!("../data/rsa2048.pem");
    let load = |chain: &str| CertifiedKey::from_pem(chain.as_bytes(), key.as_bytes());
    assert_eq!(load(&chain).unwrap().chain()[0].to_vec(), without_null);

    let other = EcKey::new(P256);
    let error = load(&(pem_text("CERTIFICATE", &other.certificate) + &chain)).unwrap_err();
    let LoadErrorKind::Unusable(problem) = error.kind else { panic!("{error}") };
    assert!(matches!(*problem, ConfigError::KeyOfAnother { number: 2, .. }), "{problem}");
    let other = PrivateKeyDer::Sec1(other.sec1(true, Some(&other.point)).into());
    let error = CertifiedKey::from_der(vec![without_null.into()], &other).unwrap_err();
    assert_eq!(error, ConfigError::KeyMismatch);
}

#[test]
fn a_public_key_that_is_limited_to_another_algorithm_is_not_taken_for_another_key() {
    const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 10];
    let private = signing_key(&PrivateKeyDer::Pkcs1(rsa_parts().into())).unwrap();
    let certificate = rsa_certificate_without_null();
    let end_entity = EndEntity::parse(&certificate.into()).unwrap();
    let own = end_entity.subject_public_key_info();
    let (rsa, pss) = (der(0x30, &[&oid(RSA)]), der(0x30, &[&oid(RSASSA_PSS)]));
    let at = own.windows(rsa.len()).position(|it| it == rsa).unwrap();
    let spki = [&own[..at], &pss, &own[at + rsa.len()..]].concat();
    let refused = CertifiedKey::raw_public_key(spki, KeySource::Local(private)).unwrap_err();
    assert!(matches!(refused, ConfigError::KeyAlgorithm { .. }), "{refused}");
    assert!(refused.to_string().contains("RSASSA-PSS"), "{refused}");
}

#[test]
fn a_file_with_two_private_keys_is_refused_with_the_line_of_the_second() {
    let key = EcKey::new(P256);
    let own = pem_text("EC PRIVATE KEY", &key.sec1(true, None));
    let other = pem_text("PRIVATE KEY", &rsa_parts());
    let chain = pem_text("CERTIFICATE", &key.certificate);
    for (first, second) in [(&own, &other), (&other, &own)] {
        let text = format!("{first}{second}");
        let error = CertifiedKey::from_pem(chain.as_bytes(), text.as_bytes()).unwrap_err();
        assert_eq!(error.input, PemInput::Key);
        let LoadErrorKind::Pem(PemError { line, kind, .. }) = error.kind else { panic!("{error}") };
        assert_eq!(line, Some(first.lines().count() + 1));
        assert_eq!(kind, PemErrorKind::MoreThanOne(Content::PrivateKey));
    }
}

/// An RSAPrivateKey of these sizes, with numbers that mean nothing.
fn rsa(version: u8, bits: usize, exponent: &[u8]) -> Vec<u8> {
    let mut modulus = vec![0xff; bits / 8];
    modulus.insert(0, 0);
    let mut parts = [integer(&[version]), integer(&modulus), integer(exponent)].concat();
    parts.extend(vec![integer(&[1]); 6].concat());
    der(0x30, &[&parts])
}

#[test]
fn a_key_of_no_use_is_called_what_it_is() {
    let pkcs8 = |algorithm: &[u8], key: &[u8]| {
        der(0x30, &[&integer(&[0]), &der(0x30, &[algorithm]), &der(0x04, &[key])])
    };
    let ec = |curve: &[u8]| pkcs8(&[oid(EC), oid(curve)].concat(), &der(0x30, &[&integer(&[1])]));
    let key = EcKey::new(P256);
    let trailing = [key.sec1(true, Some(&key.point)), vec![0]].concat();
    let encrypted = der(0x30, &[&der(0x30, &[&oid(&[0x2a, 1])]), &der(0x04, &[&[1; 40]])]);
    let public = der(0x30, &[&der(0x30, &[&oid(EC)]), &der(0x03, &[&[0; 66]])]);
    let explicit = der(0x30, &[&integer(&[1])]);
    for (form, words) in [
        (rsa(0, 1024, &[1, 0, 1]), "an RSA key of 1024 bits"),
        (rsa(0, 16_384, &[1, 0, 1]), "an RSA key of 16384 bits"),
        (rsa(0, 2048, &[3]), "an RSA key of 2048 bits with a public exponent of 2 bits"),
        (rsa(1, 2048, &[1, 0, 1]), "an RSA key of more than two primes"),
        (rsa(0, 2048, &[1, 0, 1]), "do not belong together"),
        (pkcs8(&oid(&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1]), &[]), "a DSA key"),
        (der(0x30, &[&vec![integer(&[0]); 6].concat()]), "a DSA key"),
        (ec(&[0x2b, 0x81, 4, 0, 10]), "secp256k1"),
        (ec(&[0x2a, 3, 4]), "a curve that is not known here"),
        (pkcs8(&[oid(EC), explicit].concat(), &[]), "spells its curve out"),
        (pkcs8(&oid(&[0x2b, 0x65, 110]), &[]), "X25519"),
        (pkcs8(&oid(&[0x2b, 0x65, 113]), &[]), "Ed448"),
        (pkcs8(&oid(&[0x2a, 3, 4]), &[]), "an algorithm that is not known here"),
        (trailing, "bytes after its end"),
        (encrypted, "encrypted"),
        (public, "public key"),
        (vec![0x30, 0x03, 0x02, 0x01, 0x01], "malformed"),
        (vec![1, 2, 3], "malformed"),
        (Vec::new(), "malformed"),
    ] {
        let error = signing_key(&PrivateKeyDer::Pkcs8(form.into())).unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
        if let KeyError::Unsupported { .. } = error {
            assert!(error.to_string().contains("taken are EC keys on P-256"), "{error}");
        }
    }
}

/// Bytes where a key has none, and parts that are not what they must be: a file that was damaged.
#[test]
fn a_damaged_key_is_refused_in_each_part() {
    let key = EcKey::new(P256);
    let sec1 = |version: u8, rest: &[u8]| {
        der(0x30, &[&integer(&[version]), &der(0x04, &[&key.secret]), rest])
    };
    let public = |unused_bits: u8| der(0xa1, &[&der(0x03, &[&[unused_bits], &key.point])]);
    let named = der(0xa0, &[&oid(P256)]);
    let ed25519 = |key: &[u8], rest: &[u8]| {
        let algorithm = der(0x30, &[&oid(&[0x2b, 0x65, 112])]);
        der(0x30, &[&integer(&[1]), &algorithm, &der(0x04, &[key]), rest])
    };
    let seed = der(0x04, &[&[7; 32]]);
    let load = |form: Vec<u8>| {
        let certificate = EndEntity::parse(&key.certificate).unwrap();
        let info = [certificate.subject_public_key_info()];
        let form = PrivateKeyDer::Pkcs8(form.into());
        CryptoProvider::default().key_provider.load_private_key(&form, &info).map(drop)
    };
    load(sec1(1, &[&named[..], &public(0)].concat())).unwrap();
    load(ed25519(&seed, &[])).unwrap();
    for damaged in [
        sec1(0, &[&named[..], &public(0)].concat()),
        sec1(2, &[&named[..], &public(0)].concat()),
        sec1(1, &[&named[..], &public(0), &[5, 0]].concat()),
        sec1(1, &[&named[..], &public(7)].concat()),
        key.pkcs8(0, &sec1(0, &public(0)), &[]),
        key.pkcs8(0, &sec1(1, &public(0)), &[5, 0]),
        ed25519(&[&seed[..], &[0]].concat(), &[]),
        ed25519(&seed, &[5, 0]),
        ed25519(&seed, &der(0x81, &[&[7], &[0; 32]])),
    ] {
        let error = load(damaged.clone()).unwrap_err();
        assert!(matches!(error, KeyError::Malformed(_)), "{}: {error}", hex::encode(damaged));
    }
}

/// Keys that another built-in provider takes.
#[cfg(feature = "ring")]
#[test]
fn a_key_that_ring_does_not_sign_with_is_called_what_it_is() {
    const P521: &[u8] = &[0x2b, 0x81, 4, 0, 35];
    const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 10];
    const ML_DSA_65: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x12];
    let pkcs8 = |algorithm: &[u8], key: &[u8]| {
        der(0x30, &[&integer(&[0]), &der(0x30, &[algorithm]), &der(0x04, &[key])])
    };
    let p521 = der(0x30, &[&integer(&[1]), &der(0x04, &[&[1; 66]])]);
    for (form, words) in [
        (rsa(0, 3000, &[1, 0, 1]), "an RSA key of 3000 bits"),
        (rsa(0, 8192, &[1, 0, 1]), "an RSA key of 8192 bits"),
        (pkcs8(&oid(RSASSA_PSS), &rsa(0, 2048, &[1, 0, 1])), "id-RSASSA-PSS"),
        (pkcs8(&[oid(EC), oid(P521)].concat(), &p521), "P-521"),
        (pkcs8(&oid(ML_DSA_65), &der(0x80, &[&[7; 32]])), "an ML-DSA-65 key"),
    ] {
        let key = PrivateKeyDer::Pkcs8(form.into());
        let loaded = CryptoProvider::ring().key_provider.load_private_key(&key, &[]);
        let error = loaded.unwrap_err();
        assert!(matches!(error, KeyError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}

#[test]
fn a_key_of_another_certificate_of_the_chain_is_named_with_its_number() {
    let authority = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
    let authority = rcgen::CertifiedIssuer::self_signed(params, authority).unwrap();
    let pair = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "a leaf");
    let leaf = params.signed_by(&pair, &authority).unwrap();
    let chain = format!("{}{}", authority.pem(), leaf.pem());
    let load = |chain: &str, key: &str| CertifiedKey::from_pem(chain.as_bytes(), key.as_bytes());
    let error = load(&chain, &pair.serialize_pem()).unwrap_err();
    assert_eq!(error.input, PemInput::Chain);
    let expected = ConfigError::KeyOfAnother { number: 2, subject: "CN=a leaf".into() };
    assert_eq!(error.kind, expected.into());
    load(&format!("{}{}", leaf.pem(), authority.pem()), &pair.serialize_pem()).unwrap();

    // Files that were put together without a line break lose nothing in silence.
    let glued = format!("{}{}", leaf.pem().trim_end(), authority.pem());
    let error = load(&glued, &pair.serialize_pem()).unwrap_err().to_string();
    assert!(error.contains("line of its own"), "{error}");
    assert!(TrustAnchors::from_pem(glued.as_bytes()).is_err());
    let marked = format!("\u{feff}{}\u{feff}{}", leaf.pem(), authority.pem());
    assert_eq!(
        load(&marked, &format!("\u{feff}{}", pair.serialize_pem())).unwrap().chain().len(),
        2
    );
}

#[test]
fn keys_and_chains_load_from_files_and_errors_name_the_file() {
    let folder = std::env::temp_dir().join(format!("handclasp-keys-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    let pair = EcKey::new(P256);
    std::fs::write(&chain, pem_text("CERTIFICATE", &pair.certificate)).unwrap();
    let missing = CertifiedKey::from_pem_files(&chain, &key).unwrap_err();
    assert!(matches!(missing.kind, LoadErrorKind::Unreadable(_)), "{missing}");
    assert!(missing.to_string().contains(key.to_str().unwrap()), "{missing}");
    std::fs::write(&key, pem_text("PRIVATE KEY", &rsa(0, 1024, &[1, 0, 1]))).unwrap();
    let unusable = CertifiedKey::from_pem_files(&chain, &key).unwrap_err();
    assert_eq!((unusable.input, unusable.file.as_deref()), (PemInput::Key, key.to_str()));
    assert!(unusable.to_string().contains("1024 bits"), "{unusable}");
    std::fs::write(&key, pem_text("EC PRIVATE KEY", &pair.sec1(true, None))).unwrap();
    assert_signs(&CertifiedKey::from_pem_files(&chain, &key).unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_words_about_an_unknown_curve_or_algorithm_have_no_byte_of_the_file() {
    let key = EcKey::new(P256);
    let sec1 = key.sec1(true, None);
    let unknown = [0x2a, 0x86, 0x48, 0xce, 0x40, 0x00, 0x01, 0x07];
    let algorithm = |algorithm: &[u8], curve: &[u8]| {
        let algorithm = der(0x30, &[&oid(algorithm), &oid(curve)]);
        der(0x30, &[&integer(&[0]), &algorithm, &der(0x04, &[&sec1])])
    };
    for damaged in [algorithm(EC, &unknown), algorithm(&unknown, P256)] {
        let error = signing_key(&PrivateKeyDer::try_from(damaged).unwrap()).unwrap_err();
        let words = error.to_string();
        assert!(words.contains("not known here"), "{words}");
        assert!(!words.contains("1.2.840") && !words.contains("8192"), "{words}");
    }
}
