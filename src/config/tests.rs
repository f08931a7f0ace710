//! What a configuration refuses when it is built, and which certificate a list chooses.

use std::io::Write;
use std::sync::{Arc, Mutex};

use pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::certificate::TrustAnchors;
use crate::crypto::{CryptoProvider, signing_key};
use crate::observer::{KeyLog, KeyLogFile};
use crate::registry::{ExtensionType, SignatureScheme};
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
    let schemes: Vec<u8> = schemes.iter().flat_map(|scheme| scheme.0.to_be_bytes()).collect();
    let mut body = vec![3, 3];
    body.extend([0; 33]);
    body.extend([0, 2, 0x13, 1, 1, 0]);
    let mut hello = ClientHello::parse(&body).unwrap();
    hello.extensions = Extensions::default();
    hello.server_name = name.map(str::as_bytes);
    hello.signature_algorithms = Some(List::new(&schemes));
    match list.resolve(&hello) {
        Reply::Now(choice) => choice,
        Reply::Later => panic!("a list answers at once"),
    }
}

const P256: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
const ED25519: SignatureScheme = SignatureScheme::ED25519;

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
    let here = || KeySource::Here(signing_key(&key).unwrap());
    assert_eq!(new(vec![], here()), ConfigError::Empty("certificates"));
    assert_eq!(new(vec![other], here()), ConfigError::KeyMismatch);
    assert!(matches!(new(vec![vec![1, 2].into()], here()), ConfigError::Certificate(_)));
    assert_eq!(
        new(vec![one], KeySource::Elsewhere { schemes: vec![] }),
        ConfigError::UnsupportedKey
    );
}

#[test]
fn a_client_needs_somebody_to_trust_and_something_to_offer() {
    assert_eq!(ClientConfig::new(TrustAnchors::new()).unwrap_err(), ConfigError::NoTrustAnchors);
    let build = |provider| {
        ClientConfig::builder(provider).verifier(Arc::new(AnswerLater)).build().map(drop)
    };
    build(CryptoProvider::ring()).unwrap();
    let mut provider = CryptoProvider::ring();
    provider.cipher_suites.clear();
    assert_eq!(build(provider), Err(ConfigError::Empty("cipher suites")));
    let mut provider = CryptoProvider::ring();
    provider.groups.clear();
    assert_eq!(build(provider), Err(ConfigError::Empty("key exchange groups")));
}

#[test]
fn application_protocols_must_fit_a_client_hello() {
    let long = |count: usize, length: usize| vec![vec![b'x'; length]; count];
    for good in [vec![], long(1, 255), long(64, 255)] {
        assert_eq!(check_protocols(&good), Ok(()));
    }
    for bad in [long(1, 0), long(1, 256), long(65, 255)] {
        assert_eq!(check_protocols(&bad), Err(ConfigError::ApplicationProtocol));
    }
}

#[test]
fn a_layout_sets_nothing_twice_and_nothing_that_the_handshake_stands_on() {
    let raw = |kind, length| LayoutItem::Raw(kind, vec![0; length]);
    let check = |items: Vec<LayoutItem>| ExtensionLayout { items }.check();
    let (groups, own) = (ExtensionType::SUPPORTED_GROUPS, ExtensionType(0xff77));
    check(vec![LayoutItem::Standard(groups), raw(own, 9), LayoutItem::Padding]).unwrap();
    for kind in [ExtensionType::KEY_SHARE, ExtensionType::COOKIE, ExtensionType::SERVER_NAME] {
        assert_eq!(check(vec![raw(kind, 1)]), Err(ConfigError::Layout(kind)));
        check(vec![LayoutItem::Standard(kind)]).unwrap();
    }
    let twice = vec![LayoutItem::Standard(groups), raw(groups, 1)];
    assert_eq!(check(twice), Err(ConfigError::LayoutTooLarge(groups)));
    check(vec![raw(own, 0x6000 - 4)]).unwrap();
    assert_eq!(check(vec![raw(own, 0x6000 - 3)]), Err(ConfigError::LayoutTooLarge(own)));
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_key_log_has_a_line_for_each_secret() {
    let written = Shared::default();
    let log = KeyLogFile::new(written.clone());
    log.log("EXPORTER_SECRET", &[0xab; 32], &[1, 2]);
    log.log("CLIENT_TRAFFIC_SECRET_0", &[0; 32], &[3]);
    let expected = format!(
        "EXPORTER_SECRET {} 0102\nCLIENT_TRAFFIC_SECRET_0 {} 03\n",
        "ab".repeat(32),
        "00".repeat(32)
    );
    assert_eq!(written.0.lock().unwrap().as_slice(), expected.as_bytes());
}
