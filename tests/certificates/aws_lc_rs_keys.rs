//! Keys that `aws-lc-rs` has and `ring` has not: P-521, ML-DSA, and RSA keys for RSA-PSS alone.

use std::sync::Arc;

use handclasp::certificate::EndEntity;
use handclasp::config::ConfigError;
use handclasp::credential::{CertificateList, CertifiedKey, KeySource};
use handclasp::crypto::aws_lc_rs::{RSA_PSS_PSS_SHA256, RSA_PSS_PSS_SHA256_LIMITED};
use handclasp::crypto::{CryptoError, CryptoProvider, KeyError, ProviderFault, SigningKey};
use handclasp::pem;
use handclasp::pki_types::PrivateKeyDer;
use handclasp::registry::SignatureScheme;
use handclasp::transport::memory::exchange;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection, Error, ErrorKind, ServerConfig, ServerConnection};

use handclasp_testing::der::{der, oid};
use handclasp_testing::{Identity, server_name};

const P521: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ECDSA_P521_SHA512;

/// The leaf has a key for RSA-PSS with each hash, the authority one that is limited to SHA-256.
fn rsa_pss() -> Identity {
    let chain = pem::certificates(include_bytes!("../data/rsa-pss-chain.pem")).unwrap();
    let anchor = pem::certificates(include_bytes!("../data/rsa-pss-authority.pem")).unwrap();
    let key = pem::private_key(include_bytes!("../data/rsa-pss.pem")).unwrap();
    Identity { anchor: anchor[0].clone(), chain, key: key.der().clone_key() }
}

/// Handshakes with a certificate on both sides; the client signs with this scheme, of its schemes the
/// only one that the server takes.
fn connect(
    identity: &Identity,
    scheme: SignatureScheme,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let provider = || {
        let mut provider = CryptoProvider::aws_lc_rs();
        provider.signatures.by_scheme.retain(|row| row.scheme == scheme);
        provider
    };
    let signatures = CryptoProvider::aws_lc_rs().signatures;
    let verifier = TrustAnchorVerifier::for_clients(identity.anchors(), signatures);
    let server = ServerConfig::builder(provider())
        .client_authentication(ClientAuthentication::required(Arc::new(verifier)))
        .build_with_certificate(identity.chain.clone(), &identity.key)
        .unwrap();
    let client = ClientConfig::builder(provider())
        .trust(identity.anchors())
        .unwrap()
        .client_certificate(identity.chain.clone(), &identity.key)
        .unwrap();
    let client = Arc::new(client.build().unwrap());
    let mut client = ClientConnection::new(client, server_name());
    let mut server = ServerConnection::new(Arc::new(server));
    exchange(&mut client, &mut server)?;
    Ok((client, server))
}

#[test]
fn both_sides_sign_with_p521_and_with_ml_dsa() {
    use SignatureScheme as S;
    for (algorithm, scheme) in [
        (P521, S::ECDSA_SECP521R1_SHA512),
        (&rcgen::PKCS_ML_DSA_44, S::MLDSA44),
        (&rcgen::PKCS_ML_DSA_65, S::MLDSA65),
        (&rcgen::PKCS_ML_DSA_87, S::MLDSA87),
    ] {
        let (client, server) = connect(&Identity::new(algorithm), scheme).unwrap();
        assert_eq!(client.parameters().signature_scheme, Some(scheme));
        assert_eq!(server.parameters().client_signature_scheme, Some(scheme));
    }
}

#[test]
fn both_sides_sign_with_a_key_for_rsa_pss_alone_and_each_hash() {
    use SignatureScheme as S;
    for scheme in [S::RSA_PSS_PSS_SHA256, S::RSA_PSS_PSS_SHA384, S::RSA_PSS_PSS_SHA512] {
        let (client, server) = connect(&rsa_pss(), scheme).unwrap();
        assert_eq!(client.parameters().signature_scheme, Some(scheme));
        assert_eq!(server.parameters().client_signature_scheme, Some(scheme));
    }
    // The key has another object identifier than those of these schemes.
    assert!(connect(&rsa_pss(), S::RSA_PSS_RSAE_SHA256).is_err());
}

#[test]
fn a_key_for_rsa_pss_that_is_limited_to_a_hash_signs_with_that_one_only() {
    let key = pem::private_key(include_bytes!("../data/rsa-pss-sha256.pem")).unwrap();
    let provider = CryptoProvider::aws_lc_rs();
    let key = provider.key_provider.load_private_key(&key.der(), &[]).unwrap();
    assert_eq!(key.schemes(), [SignatureScheme::RSA_PSS_PSS_SHA256]);
    assert!(key.sign(SignatureScheme::RSA_PSS_PSS_SHA384, b"message").is_err());
    assert!(key.sign(SignatureScheme::RSA_PKCS1_SHA256_LEGACY, b"message").is_err());
    let signature = key.sign(SignatureScheme::RSA_PSS_PSS_SHA256, b"message").unwrap();

    let spki = key.public_key().unwrap();
    let end_entity = EndEntity::from_public_key(&spki).unwrap();
    let verify = |algorithm| end_entity.verify_signature([algorithm], b"message", &signature);
    verify(RSA_PSS_PSS_SHA256_LIMITED).unwrap();
    assert!(verify(RSA_PSS_PSS_SHA256).is_err(), "that is for keys without a limit");
    // The parameters of a signature are those of the key (section 4.3.3).
    let all = provider.signatures.for_certificates();
    let fitting: Vec<_> = all.filter(|algorithm| end_entity.has_key_for([*algorithm])).collect();
    assert_eq!(fitting.len(), 1);
    assert_eq!(fitting[0].signature_alg_id(), RSA_PSS_PSS_SHA256_LIMITED.signature_alg_id());
}

/// Section 4.3.3. OpenSSL made the signatures of the file with salts of other lengths.
#[test]
fn the_salt_of_rsa_pss_is_as_long_as_the_hash() {
    use SignatureScheme as S;
    let provider = CryptoProvider::aws_lc_rs();
    let key = pem::private_key(include_bytes!("../data/rsa-pss.pem")).unwrap();
    let key = provider.key_provider.load_private_key(&key.der(), &[]).unwrap();
    let end_entity = EndEntity::from_public_key(&key.public_key().unwrap()).unwrap();
    let verifies = |scheme, signature: &[u8]| {
        let algorithms = provider.signatures.for_scheme(scheme);
        end_entity.verify_signature(algorithms, b"message", signature).is_ok()
    };
    let mut accepted = 0;
    for line in include_str!("../data/rsa-pss-salts.txt").lines() {
        let [bits, salt, signature] = line.split(' ').collect::<Vec<_>>()[..] else { panic!() };
        let scheme = match bits {
            "256" => S::RSA_PSS_PSS_SHA256,
            "384" => S::RSA_PSS_PSS_SHA384,
            _ => S::RSA_PSS_PSS_SHA512,
        };
        let is_as_long = 8 * salt.parse::<usize>().unwrap() == bits.parse::<usize>().unwrap();
        let is_accepted = verifies(scheme, &hex::decode(signature).unwrap());
        assert_eq!(is_accepted, is_as_long, "{bits} {salt}");
        accepted += usize::from(is_accepted);
        // What is made here is accepted by the same rule.
        assert!(verifies(scheme, &key.sign(scheme, b"message").unwrap()));
    }
    assert_eq!(accepted, 3);
}

/// Section 4.3.3: rsaEncryption for rsa_pss_rsae, id-RSASSA-PSS for rsa_pss_pss.
#[test]
fn an_rsa_key_signs_and_verifies_with_the_schemes_of_its_object_identifier_only() {
    use SignatureScheme as S;
    const RSAE: [S; 3] = [S::RSA_PSS_RSAE_SHA256, S::RSA_PSS_RSAE_SHA384, S::RSA_PSS_RSAE_SHA512];
    const PSS: [S; 3] = [S::RSA_PSS_PSS_SHA256, S::RSA_PSS_PSS_SHA384, S::RSA_PSS_PSS_SHA512];
    let provider = CryptoProvider::aws_lc_rs();
    for (file, own, others) in [
        (&include_bytes!("../data/rsa2048.pem")[..], RSAE, PSS),
        (include_bytes!("../data/rsa-pss.pem"), PSS, RSAE),
    ] {
        let key = pem::private_key(file).unwrap();
        let key = provider.key_provider.load_private_key(&key.der(), &[]).unwrap();
        let end_entity = EndEntity::from_public_key(&key.public_key().unwrap()).unwrap();
        assert_eq!(key.schemes(), own);
        for (scheme, other) in own.into_iter().zip(others) {
            assert!(key.sign(other, b"message").is_err());
            let signature = key.sign(scheme, b"message").unwrap();
            let verify = |scheme| {
                let algorithms = provider.signatures.for_scheme(scheme);
                end_entity.verify_signature(algorithms, b"message", &signature)
            };
            verify(scheme).unwrap();
            assert!(verify(other).is_err(), "{other}");
        }
    }
}

/// A key of ML-DSA whose signatures lack a byte.
#[derive(Debug)]
struct ShortSignatures(Arc<dyn SigningKey>);

impl SigningKey for ShortSignatures {
    fn schemes(&self) -> &[SignatureScheme] {
        self.0.schemes()
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut signature = self.0.sign(scheme, message)?;
        signature.pop();
        Ok(signature)
    }
}

#[test]
fn a_signature_of_ml_dsa_with_a_wrong_length_is_not_sent() {
    use SignatureScheme as S;
    for (algorithm, scheme, length) in [
        (&rcgen::PKCS_ML_DSA_44, S::MLDSA44, 2420),
        (&rcgen::PKCS_ML_DSA_65, S::MLDSA65, 3309),
        (&rcgen::PKCS_ML_DSA_87, S::MLDSA87, 4627),
    ] {
        let identity = Identity::new(algorithm);
        let provider = CryptoProvider::aws_lc_rs();
        let key = provider.key_provider.load_private_key(&identity.key, &[]).unwrap();
        let key = KeySource::Local(Arc::new(ShortSignatures(key)));
        let key = CertifiedKey::new(identity.chain.clone(), key).unwrap();
        let list = CertificateList::new(vec![Arc::new(key)]);
        let server = ServerConfig::builder(provider.clone()).build(Arc::new(list)).unwrap();
        let client = ClientConfig::builder(provider).trust(identity.anchors()).unwrap();
        let client = Arc::new(client.build().unwrap());
        let mut client = ClientConnection::new(client, server_name());
        let mut server = ServerConnection::new(Arc::new(server));
        let error = exchange(&mut client, &mut server).unwrap_err();
        let fault = ProviderFault::Signature { scheme, length: length - 1 };
        assert!(matches!(error.kind(), ErrorKind::Provider(it) if *it == fault), "{error}");
    }
}

/// draft-ietf-tls-mldsa, section 3.2: the scheme names the parameter set of the certificate's key.
#[test]
fn an_ml_dsa_key_verifies_with_the_scheme_of_its_parameter_set_only() {
    use SignatureScheme as S;
    const SCHEMES: [S; 3] = [S::MLDSA44, S::MLDSA65, S::MLDSA87];
    let provider = CryptoProvider::aws_lc_rs();
    let kinds = [&rcgen::PKCS_ML_DSA_44, &rcgen::PKCS_ML_DSA_65, &rcgen::PKCS_ML_DSA_87];
    for (kind, own) in kinds.into_iter().zip(SCHEMES) {
        let key = Identity::of_one_algorithm(kind).key;
        let key = provider.key_provider.load_private_key(&key, &[]).unwrap();
        let end_entity = EndEntity::from_public_key(&key.public_key().unwrap()).unwrap();
        assert_eq!(key.schemes(), [own]);
        let signature = key.sign(own, b"message").unwrap();
        for scheme in SCHEMES {
            let algorithms = provider.signatures.for_scheme(scheme);
            let result = end_entity.verify_signature(algorithms, b"message", &signature);
            assert_eq!(result.is_ok(), scheme == own, "{own} with {scheme}");
            assert_eq!(key.sign(scheme, b"message").is_ok(), scheme == own);
        }
    }
}

/// RFC 9881, section 6: the seed, the key written out, or both.
#[test]
fn a_damaged_key_of_ml_dsa_is_refused() {
    let identity = Identity::new(&rcgen::PKCS_ML_DSA_65);
    let provider = CryptoProvider::aws_lc_rs();
    let load = |form: Vec<u8>| {
        let form = PrivateKeyDer::Pkcs8(form.into());
        provider.key_provider.load_private_key(&form, &[]).map(drop)
    };
    let public = provider.key_provider.load_private_key(&identity.key, &[]).unwrap();
    let public = public.public_key().unwrap();
    let public = public.last_chunk::<1952>().unwrap();
    let pkcs8 = |version: u8, key: &[u8], rest: &[u8]| {
        let algorithm = der(0x30, &[&oid(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x12])]);
        der(0x30, &[&[2, 1, version], &algorithm, &der(0x04, &[key]), rest])
    };
    let seed = der(0x80, &[&[7; 32]]);
    load(pkcs8(0, &seed, &[])).unwrap();
    for key in [
        der(0x80, &[&[7; 31]]),
        der(0x80, &[&[7; 33]]),
        [&seed[..], &[0]].concat(),
        der(0x04, &[&[7; 4031]]),
        der(0x30, &[&der(0x04, &[&[7; 32]])]),
        Vec::new(),
    ] {
        let error = load(pkcs8(0, &key, &[])).unwrap_err();
        assert!(matches!(error, KeyError::Malformed(_)), "{error}");
    }
    // A public half of another key, and of the same key.
    let beside = |public: &[u8]| der(0x81, &[&[0], public]);
    assert_eq!(load(pkcs8(1, &seed, &beside(public))), Err(KeyError::Inconsistent));
    let of_identity = identity.key.secret_der();
    let own_seed = of_identity.windows(2).position(|it| it == [0x80, 32]).unwrap();
    let own_seed = &of_identity[own_seed..own_seed + 34];
    load(pkcs8(1, own_seed, &beside(public))).unwrap();
}

/// RFC 4055, section 2.1: the hash may lack its NULL.
#[test]
fn the_parameters_of_a_key_for_rsa_pss_may_be_in_either_form() {
    const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    let certificates = pem::certificates(include_bytes!("../data/rsa-pss-authority.pem")).unwrap();
    let authority = EndEntity::parse(&certificates[0]).unwrap();
    let with_null = authority.subject_public_key_info().to_vec();
    let hash = |null: &[u8]| der(0x30, &[&oid(SHA256), null]);
    let mgf1 = |null: &[u8]| {
        let mgf1 = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 8]);
        der(0x30, &[&mgf1, &hash(null)])
    };
    let algorithm = |null: &[u8]| {
        let salt = der(0xa2, &[&[2, 1, 32]]);
        let parameters = [der(0xa0, &[&hash(null)]), der(0xa1, &[&mgf1(null)]), salt].concat();
        let rsassa_pss = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 10]);
        der(0x30, &[&rsassa_pss, &der(0x30, &[&parameters])])
    };
    let at = with_null.len() - authority_key_length(&with_null, &algorithm(&[5, 0]));
    let without_null = der(0x30, &[&algorithm(&[]), &with_null[at..]]);
    let key = pem::private_key(include_bytes!("../data/rsa-pss-sha256.pem")).unwrap();
    let provider = CryptoProvider::aws_lc_rs();
    let key = provider.key_provider.load_private_key(&key.der(), &[]).unwrap();
    let signature = key.sign(SignatureScheme::RSA_PSS_PSS_SHA256, b"message").unwrap();
    for spki in [with_null, without_null] {
        let key = EndEntity::from_public_key(&spki).unwrap();
        key.verify_signature([RSA_PSS_PSS_SHA256_LIMITED], b"message", &signature).unwrap();
    }
}

/// How many bytes are behind the algorithm of a SubjectPublicKeyInfo.
fn authority_key_length(spki: &[u8], algorithm: &[u8]) -> usize {
    let at = spki.windows(algorithm.len()).position(|it| it == algorithm).unwrap();
    spki.len() - at - algorithm.len()
}

/// The key is not that of the default provider, if that is another.
#[test]
fn a_configuration_loads_the_key_with_its_own_provider() {
    let identity = Identity::new(P521);
    let build = |provider: CryptoProvider| {
        let builder = ServerConfig::builder(provider);
        builder.build_with_certificate(identity.chain.clone(), &identity.key).map(drop)
    };
    build(CryptoProvider::aws_lc_rs()).unwrap();
    #[cfg(feature = "ring")]
    {
        let refused = build(CryptoProvider::ring()).unwrap_err();
        assert!(matches!(refused, ConfigError::PrivateKey(_)), "{refused}");
        let builder = ClientConfig::builder(CryptoProvider::ring());
        let refused = builder.client_certificate(identity.chain.clone(), &identity.key);
        assert!(matches!(refused, Err(ConfigError::PrivateKey(_))));
    }
    let other = Identity::new(P521);
    let builder = ServerConfig::builder(CryptoProvider::aws_lc_rs());
    let refused = builder.build_with_certificate(identity.chain, &other.key).map(drop);
    assert_eq!(refused, Err(ConfigError::KeyMismatch));
}
