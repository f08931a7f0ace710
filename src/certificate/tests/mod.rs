//! Chains made on the spot, good ones and bad ones.

mod anchors;
mod checks;
mod constraints;
mod hostile;
mod keys;
mod paths;

use std::time::Duration;

use pki_types::{CertificateDer, ServerName, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::*;
use crate::crypto::CryptoProvider;

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Noon on 2026-07-30.
const NOW: u64 = 1_785_412_800;

fn params(subject: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn authority_params(subject: &str) -> CertificateParams {
    let mut params = params(subject);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf_params() -> CertificateParams {
    let mut leaf = params("leaf");
    let names = vec!["example.com".to_owned(), "192.0.2.1".to_owned()];
    leaf.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn root(subject: &str) -> Authority {
    Authority::self_signed(authority_params(subject), key()).unwrap()
}

fn intermediate(subject: &str, issuer: &Authority) -> Authority {
    Authority::signed_by(authority_params(subject), key(), issuer).unwrap()
}

fn issue(params: &CertificateParams, issuer: &Authority) -> CertificateDer<'static> {
    params.signed_by(&key(), issuer).unwrap().der().clone()
}

/// A question, asked with [`Check::run`] and changed one field at a time.
struct Check {
    end_entity: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    anchors: TrustAnchors,
    purpose: Purpose,
    name: Option<&'static str>,
    profile: Profile,
    now: u64,
    limits: PathLimits,
}

impl Check {
    fn new(
        end_entity: &CertificateDer<'static>,
        intermediates: &[&CertificateDer<'static>],
        anchors: &[&CertificateDer<'static>],
    ) -> Self {
        let mut trusted = TrustAnchors::new();
        for anchor in anchors {
            trusted.add((*anchor).clone()).unwrap();
        }
        Self {
            end_entity: end_entity.clone(),
            intermediates: intermediates.iter().map(|it| (*it).clone()).collect(),
            anchors: trusted,
            purpose: Purpose::Server,
            name: Some("example.com"),
            profile: Profile::Default,
            now: NOW,
            limits: PathLimits::default(),
        }
    }

    fn run(&self) -> Result<VerifiedPath, CertificateError> {
        let name = self.name.map(|name| ServerName::try_from(name).unwrap().into());
        verify_chain(&ChainRequest {
            end_entity: &self.end_entity,
            intermediates: &self.intermediates,
            anchors: &self.anchors,
            purpose: self.purpose,
            names: name.as_slice(),
            profile: self.profile,
            now: UnixTime::since_unix_epoch(Duration::from_secs(self.now)),
            algorithms: &CryptoProvider::ring().signatures.all,
            limits: self.limits,
        })
    }

    fn subjects(&self) -> Vec<String> {
        self.run().unwrap().subjects
    }
}

/// A leaf under an intermediate under a root, with the leaf and the intermediate as told.
fn chain(leaf: &CertificateParams, authority: CertificateParams) -> Check {
    let root = root("root");
    let issuer = Authority::signed_by(authority, key(), &root).unwrap();
    Check::new(&issue(leaf, &issuer), &[issuer.der()], &[root.der()])
}

/// A leaf that is trusted itself, after its DER was edited: no signature stands in the way.
fn edited(edit: impl FnOnce(&mut Vec<u8>)) -> Check {
    let mut der = leaf_params().self_signed(&key()).unwrap().der().to_vec();
    edit(&mut der);
    let der = CertificateDer::from(der);
    Check::new(&der, &[], &[&der])
}

fn error(certificate: &str, problem: Problem) -> CertificateError {
    CertificateError { certificate: certificate.to_owned(), problem }
}

/// Where `needle` is first found.
fn position(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).position(|window| window == needle).unwrap()
}
