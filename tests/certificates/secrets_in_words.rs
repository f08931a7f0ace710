//! No byte of a key, a ticket, a pre-shared key or a stored session is in an error, in its words,
//! its `Debug` output or its sources, however the input is damaged.

use std::collections::BTreeSet;
use std::error::Error;

use handclasp::certificate::{CertificateRevocationList, EndEntity};
use handclasp::crypto::{CryptoProvider, signing_key};
use handclasp::pki_types::{CertificateDer, PrivateKeyDer};
use handclasp::psk::PreSharedKey;
use handclasp::session::{ClientSession, TicketKeys};
use handclasp::{CertifiedKey, TrustAnchors, pem};

use handclasp_testing::damage::{Spellings, body, damaged};

/// An error in all its words.
fn words(error: &dyn Error) -> String {
    let mut words = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        words += &format!("{error} {error:?}");
        source = error.source();
    }
    words
}

/// The text of the error, or an empty one where nothing is wrong.
fn text_of<T>(result: Result<T, impl Error>) -> String {
    result.err().map_or_else(String::new, |error| words(&error))
}

struct Secret {
    certificate: String,
    pem: String,
    spellings: Spellings,
}

impl Secret {
    fn all() -> Vec<Self> {
        let ec = rcgen::KeyPair::generate().unwrap();
        let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let rsa = include_str!("../data/rsa2048.pem");
        let rsa = rcgen::KeyPair::from_pem_and_sign_algo(rsa, &rcgen::PKCS_RSA_SHA256).unwrap();
        [ec, ed25519, rsa].iter().map(Self::new).collect()
    }

    fn new(key: &rcgen::KeyPair) -> Self {
        let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let certificate = params.self_signed(key).unwrap().pem();
        let pem = key.serialize_pem().replace("\r\n", "\n");
        let der = key.serialize_der();
        // What comes before the secret parts is the same in all keys.
        let spellings = Spellings::new(&der[der.len() / 2..], &[&body(&pem)[40..]]);
        Self { certificate, pem, spellings }
    }
}

#[test]
fn a_damaged_key_is_in_no_error_of_any_reader() {
    for secret in Secret::all() {
        for damaged in damaged(&secret.pem) {
            let (text, chain) = (&damaged.text[..], secret.certificate.as_bytes());
            let both = [chain, text].concat();
            let bundle = TrustAnchors::from_bundle(text);
            for (reader, shown) in [
                ("key", text_of(CertifiedKey::from_pem(chain, text))),
                ("key behind its chain", text_of(CertifiedKey::from_pem(&both, &both))),
                ("chain", text_of(CertifiedKey::from_pem(text, text))),
                ("private_key", text_of(pem::private_key(text))),
                ("public_key", text_of(pem::public_key(text))),
                ("certificates", text_of(pem::certificates(text))),
                ("anchors", text_of(TrustAnchors::from_pem(text))),
                ("anchors in DER", text_of(TrustAnchors::from_der(text))),
                ("bundle", format!("{bundle:?}")),
                ("CRLs", text_of(CertificateRevocationList::from_pem(text))),
                ("CRL in DER", text_of(CertificateRevocationList::from_der(text))),
                ("session", text_of(ClientSession::from_bytes(text))),
                ("PSK", text_of(PreSharedKey::external(text, text))),
            ] {
                let context = format!("{reader}, {}", damaged.how);
                secret.spellings.assert_not_in(&shown, &context);
            }
        }
    }
}

/// What this looks for is found where it is shown.
#[test]
#[should_panic(expected = "of the secret is shown")]
fn a_reader_that_quotes_is_found_out() {
    use handclasp::pki_types::pem::PemObject;
    let secret = &Secret::all()[0];
    let text = secret.pem.replace('\n', "\\n");
    let shown = text_of(PrivateKeyDer::from_pem_slice(text.as_bytes()));
    secret.spellings.assert_not_in(&shown, "the readers of pki_types");
}

#[test]
fn a_damaged_key_does_not_load() {
    let secret = &Secret::all()[0];
    for damaged in damaged(&secret.pem) {
        let loaded = CertifiedKey::from_pem(secret.certificate.as_bytes(), &damaged.text);
        assert!(loaded.is_err(), "{}", damaged.how);
    }
    CertifiedKey::from_pem(secret.certificate.as_bytes(), secret.pem.as_bytes()).unwrap();
}

#[test]
fn a_key_that_is_cut_or_changed_in_its_der_is_in_no_error() {
    for secret in Secret::all() {
        let key = pem::private_key(secret.pem.as_bytes()).unwrap();
        let der = key.der().secret_der().to_vec();
        secret.spellings.assert_not_in(&format!("{key:?} {:?}", key.der()), "Debug");
        let chain = pem::certificates(secret.certificate.as_bytes()).unwrap();
        let mut all = BTreeSet::new();
        for at in (0..der.len()).step_by(1 + der.len() / 60) {
            let mut changed = der.clone();
            changed[at] ^= 0x21;
            for bytes in [&der[..at], &changed, &der[at..]] {
                let key = PrivateKeyDer::Pkcs8(bytes.into());
                let certificate = CertificateDer::from(bytes);
                all.insert(text_of(signing_key(&key)));
                all.insert(text_of(CertifiedKey::from_der(chain.clone(), &key)));
                all.insert(text_of(EndEntity::parse(&certificate)));
                all.insert(text_of(EndEntity::from_public_key(bytes)));
            }
        }
        all.iter().for_each(|shown| secret.spellings.assert_not_in(shown, "changed DER"));
    }
}

#[test]
fn a_key_in_the_place_of_a_path_is_not_shown() {
    let secret = &Secret::all()[1];
    for path in [secret.pem.clone(), body(&secret.pem), secret.pem.replace('\n', "")] {
        secret
            .spellings
            .assert_not_in(&text_of(CertifiedKey::from_pem_files(&path, &path)), "path");
    }
}

#[test]
fn ticket_keys_and_pre_shared_keys_are_in_no_error() {
    let random = CryptoProvider::default().random;
    let mut secret = [0; 47];
    random.fill(&mut secret).unwrap();
    let hex = secret.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let spellings = Spellings::new(&secret, &[&hex]);
    for shown in [
        text_of(TicketKeys::from_bytes(&secret, random.clone())),
        text_of(TicketKeys::from_bytes(hex.as_bytes(), random)),
        text_of(PreSharedKey::external(b"alice", &secret[..15])),
        text_of(PreSharedKey::external(b"alice", hex.as_bytes())),
        text_of(PreSharedKey::external(&[], &secret)),
        format!("{:?}", PreSharedKey::external(b"alice", &secret).unwrap()),
    ] {
        assert!(!shown.is_empty());
        spellings.assert_not_in(&shown, "bytes");
    }
}
