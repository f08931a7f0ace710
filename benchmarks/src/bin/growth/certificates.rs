//! Certificates by name, CRLs, and trust anchors.

use std::sync::Arc;

use handclasp::certificate::CertificateRevocationList;
use handclasp::credential::{CertificateList, CertificateResolver, KeySource};
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use handclasp::verify::{PeerIdentity, PeerVerifier, TrustAnchorVerifier};
use handclasp::{CertifiedKey, Reply, TrustAnchors};
use handclasp_testing::authority::{authority_params, crl_params, root};
use handclasp_testing::{Identity, server_name};

use crate::stores::with_hello;
use crate::{micros_of, scattered};

fn name(number: usize) -> String {
    format!("host-{number}.example")
}

/// A list of so many certificates. They have the same key.
fn list(count: usize) -> CertificateList {
    let key = rcgen::KeyPair::generate().unwrap();
    let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let loaded = handclasp::crypto::signing_key(&der).unwrap();
    let certified = |number| {
        let params = rcgen::CertificateParams::new([name(number)]).unwrap();
        let chain = vec![params.self_signed(&key).unwrap().der().clone()];
        Arc::new(CertifiedKey::new(chain, KeySource::Local(loaded.clone())).unwrap())
    };
    CertificateList::new((0..count).map(certified).collect())
}

fn resolve(list: &CertificateList, names: &[String]) -> f64 {
    let mut micros = Vec::new();
    for name in names {
        with_hello(name, Vec::new(), |hello| {
            micros.push(micros_of(2000, |_| {
                assert!(matches!(list.resolve(hello), Reply::Now(Ok(_))));
            }));
        });
    }
    handclasp_testing::measure::median(micros)
}

pub fn known_name(count: usize) -> f64 {
    let names: Vec<_> = (1..=5).map(|number| name(scattered(number, count))).collect();
    resolve(&list(count), &names)
}

pub fn unknown_name(count: usize) -> f64 {
    resolve(&list(count), &["unknown.example".into()])
}

pub fn crl_entry(count: usize) -> f64 {
    let serials = (0..count as u64).map(|serial| 1_000_000 + serial);
    let crl = crl_params(serials).signed_by(&root("authority")).unwrap();
    let crl = CertificateRevocationList::from_der(crl.der()).unwrap();
    micros_of(2000, |call| {
        let serial = 1_000_000 + scattered(call, count) as u64;
        let bytes = serial.to_be_bytes();
        let contents = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap()..];
        assert!(crl.lists(contents));
    })
}

pub fn trust_anchors(count: usize) -> f64 {
    let identity = Identity::p256();
    let mut anchors = identity.anchors();
    for authority in authorities(count - 1) {
        anchors.add(authority).unwrap();
    }
    verify(anchors, &identity.chain)
}

/// The time to load all, for each of them.
pub fn loaded_anchor(count: usize) -> f64 {
    let authorities = authorities(count);
    let micros = micros_of(1, |_| {
        let mut anchors = TrustAnchors::new();
        for authority in &authorities {
            anchors.add(authority.clone()).unwrap();
        }
        assert_eq!(anchors.len(), count);
    });
    micros / count as f64
}

/// Certificates of so many authorities. They have the same key.
fn authorities(count: usize) -> Vec<CertificateDer<'static>> {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = |number| {
        let params = authority_params(&format!("authority {number}"));
        params.self_signed(&key).unwrap().der().clone()
    };
    (0..count).map(certificate).collect()
}

fn verify(anchors: TrustAnchors, chain: &[CertificateDer<'static>]) -> f64 {
    let verifier = TrustAnchorVerifier::new(anchors, CryptoProvider::ring().signatures);
    let verifier = verifier.with_signature_cache(0);
    let peer = PeerIdentity::new(chain.into(), Some(server_name()), UnixTime::now());
    micros_of(100, |_| assert_eq!(verifier.verify(&peer), Reply::Now(Ok(()))))
}
