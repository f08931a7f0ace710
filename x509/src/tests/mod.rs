//! Tests of valid and invalid chains, which are made for each test.

mod advice;
pub(crate) mod algorithms;
mod anchors;
mod checks;
mod clients;
mod constraints;
mod critical;
mod explain;
mod faults;
mod forms;
mod hostile;
mod keys;
mod leaf_keys;
mod leaf_names;
mod ml_dsa;
mod order;
mod paths;
mod policies;
mod requested_checks;
mod revocation;
mod signature_cache;
mod strict;
mod trusted;
mod words;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName,
    SignatureVerificationAlgorithm, UnixTime,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::*;

pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

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

pub(crate) fn root(subject: &str) -> Authority {
    Authority::self_signed(authority_params(subject), key()).unwrap()
}

fn intermediate(subject: &str, issuer: &Authority) -> Authority {
    Authority::signed_by(authority_params(subject), key(), issuer).unwrap()
}

fn issue(params: &CertificateParams, issuer: &Authority) -> CertificateDer<'static> {
    params.signed_by(&key(), issuer).unwrap().der().clone()
}

/// The request about policies.
#[derive(Default)]
struct Policies {
    user_policy_set: Option<Vec<PolicyIdentifier>>,
    /// All but the set.
    initial: InitialPolicies<'static>,
}

/// A question, asked with [`Check::run`] and changed one field at a time.
struct Check {
    end_entity: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    anchors: TrustAnchors,
    purpose: Purpose,
    name: Option<&'static str>,
    profile: Profile,
    policies: Policies,
    anchor_dates: AnchorDates,
    now: u64,
    crls: Vec<CertificateRevocationList>,
    policy: RevocationPolicy,
    /// The answer to a request for an OCSP response. `None` if there was no request.
    staple: Option<Option<Vec<u8>>>,
    limits: PathLimits,
    signature_cache: Option<SignatureCache>,
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
            policies: Policies::default(),
            anchor_dates: AnchorDates::default(),
            now: NOW,
            crls: Vec::new(),
            policy: RevocationPolicy::default(),
            staple: None,
            limits: PathLimits::default(),
            signature_cache: None,
        }
    }

    fn run(&self) -> Result<VerifiedPath, CertificateError> {
        self.ask(&algorithms::all(), verify_chain)
    }

    /// As [`Check::run`], with all that was tried.
    fn explain(&self) -> Explanation {
        self.ask(&algorithms::all(), explain_chain)
    }

    /// The result, and the number of signatures that were verified for it.
    fn run_counted(&self) -> (Result<VerifiedPath, CertificateError>, usize) {
        let counter = |algorithm| Counter { algorithm, count: AtomicUsize::new(0) };
        let counters: Vec<Counter> = algorithms::all().into_iter().map(counter).collect();
        let algorithms: Vec<_> =
            counters.iter().map(|it| it as &dyn SignatureVerificationAlgorithm).collect();
        let result = self.ask(&algorithms, verify_chain);
        (result, counters.iter().map(|it| it.count.load(Ordering::Relaxed)).sum())
    }

    fn ask<T>(
        &self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        ask: impl FnOnce(&ChainRequest<'_>) -> T,
    ) -> T {
        let name = self.name.map(|name| ServerName::try_from(name).unwrap().into());
        let mut request = ChainRequest::new(
            &self.end_entity,
            &self.intermediates,
            &self.anchors,
            self.purpose,
            name.as_slice(),
            UnixTime::since_unix_epoch(Duration::from_secs(self.now)),
            algorithms,
        );
        request.profile = self.profile;
        request.policies = InitialPolicies {
            user_policy_set: self.policies.user_policy_set.as_deref(),
            ..self.policies.initial
        };
        request.anchor_dates = self.anchor_dates;
        request.revocation = Revocation {
            crls: &self.crls,
            status_request: self.staple.as_ref().map(|response| StatusRequest {
                response: response.as_deref(),
                digests: algorithms::DIGESTS,
            }),
            policy: self.policy,
        };
        request.limits = self.limits;
        request.signature_cache = self.signature_cache.as_ref();
        ask(&request)
    }

    fn subjects(&self) -> Vec<String> {
        self.run().unwrap().subjects()
    }
}

/// Counts the signatures that it verifies.
#[derive(Debug)]
struct Counter {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    count: AtomicUsize,
}

impl SignatureVerificationAlgorithm for Counter {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.algorithm.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

/// A leaf with these parameters under an intermediate with these parameters under a root.
fn chain(leaf: &CertificateParams, authority: CertificateParams) -> Check {
    let root = root("root");
    let issuer = Authority::signed_by(authority, key(), &root).unwrap();
    Check::new(&issue(leaf, &issuer), &[issuer.der()], &[root.der()])
}

/// The names of [`mesh`].
const MESH: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Authorities with one key, each certified by each other one, and a leaf that the first of them
/// issued. In any order, the authorities are a path whose signatures are all valid.
fn mesh() -> (KeyPair, Vec<CertificateDer<'static>>, CertificateDer<'static>) {
    let shared = key();
    let mut bag = Vec::new();
    for issuer in MESH {
        let params = authority_params(issuer);
        let issuer = rcgen::Issuer::from_params(&params, &shared);
        for subject in MESH.map(authority_params) {
            if subject.distinguished_name != params.distinguished_name {
                bag.push(subject.signed_by(&shared, &issuer).unwrap().der().clone());
            }
        }
    }
    let params = authority_params(MESH[0]);
    let issuer = rcgen::Issuer::from_params(&params, &shared);
    let leaf = leaf_params().signed_by(&key(), &issuer).unwrap().der().clone();
    (shared, bag, leaf)
}

/// A certificate or a CRL whose signed fields were edited, signed anew with the algorithm that has
/// these contents.
fn signed_anew(
    der: &[u8],
    algorithm: &[u8],
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
    edit: impl FnOnce(&mut Vec<Vec<u8>>),
) -> Vec<u8> {
    let parts = der::list(der).unwrap();
    let fields = der::elements(parts[0].contents).unwrap();
    let mut fields = fields.iter().map(|field| field.whole.to_vec()).collect();
    edit(&mut fields);
    let tbs = der::wrap(der::SEQUENCE, &fields.concat());
    let signature = [vec![0], sign(&tbs)].concat();
    let algorithm = der::wrap(der::SEQUENCE, algorithm);
    let signature = der::wrap(der::BIT_STRING, &signature);
    der::wrap(der::SEQUENCE, &[tbs, algorithm, signature].concat())
}

/// A leaf whose signed fields were edited before its issuer signed them.
fn edited_before(
    leaf: &CertificateParams,
    issuer: &Authority,
    edit: impl FnOnce(&mut Vec<Vec<u8>>),
) -> CertificateDer<'static> {
    use rcgen::SigningKey;
    let sign = |tbs: &[u8]| issuer.key().sign(tbs).unwrap();
    let algorithm = pki_types::alg_id::ECDSA_SHA256;
    signed_anew(&issue(leaf, issuer), &algorithm, sign, edit).into()
}

/// A leaf whose DER was edited. It is trusted itself, so its signature is not verified.
fn edited(edit: impl FnOnce(&mut Vec<u8>)) -> Check {
    let mut der = leaf_params().self_signed(&key()).unwrap().der().to_vec();
    edit(&mut der);
    let der = CertificateDer::from(der);
    Check::new(&der, &[], &[&der])
}

fn error(certificate: &str, kind: CertificateErrorKind) -> CertificateError {
    CertificateError { certificate: certificate.to_owned(), kind }
}

fn wrong_usage(purpose: Purpose, allowed: &str) -> CertificateErrorKind {
    CertificateErrorKind::WrongExtendedKeyUsage { purpose, allowed: allowed.to_owned() }
}

/// Where `needle` is first found.
fn position(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).position(|window| window == needle).unwrap()
}
