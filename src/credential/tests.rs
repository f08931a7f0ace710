//! What a certified key refuses, and which certificate a list chooses.

use std::sync::Arc;

use pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::certificate::EndEntity;
use crate::config_error::ConfigError;
use crate::crypto::signing_key;
use crate::registry::SignatureScheme;
use crate::reply::Reply;
use crate::wire::{ClientHello, Extensions, List};

fn certificate(
    names: &[&str],
    algorithm: &'static rcgen::SignatureAlgorithm,
) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

fn certified(names: &[&str], algorithm: &'static rcgen::SignatureAlgorithm) -> Arc<CertifiedKey> {
    let (certificate, key) = certificate(names, algorithm);
    Arc::new(CertifiedKey::from_der(vec![certificate], &key).unwrap())
}

/// What `list` chooses for a client that asks for this name and takes these schemes.
fn choose(
    list: &CertificateList,
    name: Option<&str>,
    schemes: &[SignatureScheme],
) -> Result<Arc<CertifiedKey>, NoCertificate> {
    let schemes = bytes_of(schemes);
    let mut body = Vec::new();
    let mut hello = empty_hello(&mut body);
    hello.known.server_name = name.map(str::as_bytes);
    hello.known.signature_algorithms = Some(List::new(&schemes));
    answer_of(list, &hello)
}

/// A ClientHello without extensions.
pub(super) fn empty_hello(body: &mut Vec<u8>) -> ClientHello<'_> {
    body.extend([3, 3]);
    body.extend([0; 33]);
    body.extend([0, 2, 0x13, 1, 1, 0]);
    let mut hello = ClientHello::parse(body).unwrap();
    hello.extensions = Extensions::default();
    hello
}

/// A list of schemes as extensions have it.
pub(super) fn bytes_of(schemes: &[SignatureScheme]) -> Vec<u8> {
    schemes.iter().flat_map(|scheme| scheme.0.to_be_bytes()).collect()
}

/// What `list` chooses.
pub(super) fn answer_of(
    list: &CertificateList,
    hello: &ClientHello<'_>,
) -> Result<Arc<CertifiedKey>, NoCertificate> {
    match list.resolve(hello) {
        Reply::Now(choice) => choice,
        Reply::Later => panic!("a list answers at once"),
    }
}

pub(super) const P256: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
pub(super) const ED25519: SignatureScheme = SignatureScheme::ED25519;

#[test]
fn a_chain_is_valid_while_all_of_its_certificates_are() {
    let until = |year: i32| {
        let mut params = rcgen::CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(year - 10, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let own = until(2040).self_signed(&key).unwrap().der().clone();
    let issuer = until(2035).self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    let malformed = CertificateDer::from(vec![0x30, 0]);
    let chain = vec![own, issuer.der().clone(), malformed];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let certified = CertifiedKey::from_der(chain, &key).unwrap();
    let validity = certified.validity().unwrap();
    assert_eq!(validity.not_before.to_string(), "2030-01-01 00:00:00 UTC");
    assert_eq!(validity.not_after.to_string(), "2035-01-01 00:00:00 UTC");
    assert_eq!(certified.to_raw_public_key().unwrap().validity(), None);
}

#[test]
fn a_list_chooses_by_name_then_by_scheme() {
    let a = certified(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let b = certified(&["b.example", "*.wild.example"], &rcgen::PKCS_ED25519);
    let list = CertificateList::new(vec![Arc::clone(&a), Arc::clone(&b)]);
    let both = [P256, ED25519];
    for (name, schemes, expected) in [
        (Some("a.example"), &both[..], Ok(&a)),
        (Some("b.example"), &both, Ok(&b)),
        (Some("B.EXAMPLE"), &both, Ok(&b)),
        (Some("x.wild.example"), &both, Ok(&b)),
        (Some("other.example"), &both, Ok(&a)),
        (None, &both, Ok(&a)),
        (None, &[ED25519], Ok(&b)),
        (Some("a.example"), &[ED25519], Ok(&b)),
        (Some("a.example"), &[SignatureScheme(0x0a0a)], Err(NoCertificate::NoCommonScheme)),
    ] {
        let choice = choose(&list, name, schemes);
        let choice = choice.as_ref().map(Arc::as_ptr).map_err(|error| *error);
        assert_eq!(choice, expected.map(Arc::as_ptr), "{name:?}");
    }
    let strict = list.only_known_names();
    assert_eq!(
        choose(&strict, Some("other.example"), &both).unwrap_err(),
        NoCertificate::UnknownName
    );
    assert_eq!(
        choose(&strict, Some("a.example"), &[ED25519]).unwrap_err(),
        NoCertificate::NoCommonScheme
    );
    assert!(Arc::ptr_eq(&choose(&strict, None, &both).unwrap(), &a));
}

#[test]
fn a_certified_key_needs_a_chain_and_its_own_key() {
    let (one, key) = certificate(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let (other, _) = certificate(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let new = |chain, key| CertifiedKey::new(chain, key).map(drop).unwrap_err();
    let here = || KeySource::Local(signing_key(&key).unwrap());
    assert_eq!(new(vec![], here()), ConfigError::Empty("certificates"));
    assert_eq!(new(vec![other], here()), ConfigError::KeyMismatch);
    let empty = vec![one.clone(), Vec::new().into()];
    assert_eq!(new(empty, here()), ConfigError::Empty("bytes in one of its certificates"));
    assert!(matches!(new(vec![vec![1, 2].into()], here()), ConfigError::Certificate(_)));
    assert_eq!(new(vec![one], KeySource::Remote { schemes: vec![] }), ConfigError::UnsupportedKey);
}

/// An authority with a key of this kind, and a P-256 key with a certificate of its.
fn issued(
    algorithm: &'static rcgen::SignatureAlgorithm,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let authority = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let chain = vec![certificate.der().clone(), authority.der().clone()];
    (chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

#[test]
fn a_chain_that_the_peer_can_verify_goes_before_one_that_it_cannot() {
    // RFC 9846, section 4.5.1.2; and section 4.3.3 for signature_algorithms_cert.
    let [by_ed25519, by_p256] = [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256].map(|it| {
        let (chain, key) = issued(it);
        Arc::new(CertifiedKey::from_der(chain, &key).unwrap())
    });
    let list = CertificateList::new(vec![by_ed25519.clone(), by_p256.clone()]);
    let choose = |schemes: &[SignatureScheme]| choose(&list, Some("a.example"), schemes).unwrap();
    assert!(Arc::ptr_eq(&choose(&[P256]), &by_p256));
    assert!(Arc::ptr_eq(&choose(&[P256, ED25519]), &by_ed25519));
    let [p256, ed25519] = [P256, ED25519].map(|scheme| scheme.0.to_be_bytes());
    let (p256, ed25519) = (Some(List::new(&p256)), Some(List::new(&ed25519)));
    for (certificates, handshakes, expected) in
        [(None, p256, &by_p256), (ed25519, p256, &by_ed25519), (p256, ed25519, &by_p256)]
    {
        for key in [&by_ed25519, &by_p256] {
            let fits = key.is_issued_with(certificates, handshakes);
            assert_eq!(fits, Arc::ptr_eq(key, expected));
        }
    }
    // A client's list looks at it as well.
    let mut request =
        crate::wire::CertificateRequest { signature_algorithms: p256, ..Default::default() };
    let choose = |request: &_| match ClientCertificateResolver::choose(
        &list,
        request,
        crate::registry::CertificateType::X509,
    ) {
        Reply::Now(choice) => choice.unwrap(),
        Reply::Later => panic!("a list answers at once"),
    };
    assert!(Arc::ptr_eq(&choose(&request), &by_p256));
    request.signature_algorithms_cert = ed25519;
    assert!(Arc::ptr_eq(&choose(&request), &by_ed25519));
}

/// Makes the length of the DER element at this place one less.
fn shorten(der: &mut [u8], at: usize) {
    match der[at + 1] {
        0x82 => {
            let length = u16::from_be_bytes([der[at + 2], der[at + 3]]) - 1;
            der[at + 2..at + 4].copy_from_slice(&length.to_be_bytes());
        }
        0x81 => der[at + 2] -= 1,
        _ => der[at + 1] -= 1,
    }
}

#[test]
fn a_chain_with_a_signature_of_sha_1_cannot_be_configured() {
    // The identifiers of ECDSA with SHA-256 become those of ECDSA with SHA-1, one byte shorter.
    let (mut chain, key) = issued(&rcgen::PKCS_ECDSA_P256_SHA256);
    let mut other = chain[0].to_vec();
    CertifiedKey::from_der(vec![chain[0].clone(), other.clone().into()], &key).unwrap();
    let honest = [0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    for both in [true, false] {
        let at = other.windows(honest.len()).rposition(|window| window == honest).unwrap();
        other.splice(at..at + 12, [0x30, 9, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]);
        if !both {
            shorten(&mut other, 4);
        }
        shorten(&mut other, 0);
    }
    chain.push(other.into());
    let refused = CertifiedKey::from_der(chain.clone(), &key).map(drop);
    let subject = EndEntity::parse(&chain[2]).unwrap().subject();
    let broken = ConfigError::BrokenSignature { number: 3, subject, algorithm: "ECDSA with SHA-1" };
    assert_eq!(refused, Err(broken));
}
