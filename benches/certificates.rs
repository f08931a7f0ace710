//! Parsing and verifying a chain of three certificates, beside `rustls-webpki` and beside the
//! floor: the three signatures alone. Then what the cost depends on: how many trust anchors there
//! are, how many entries a CRL has, and how hostile a set of intermediates is.
//!
//! The contenders take turns within each round, and the figures are medians over the rounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use handclasp::TrustAnchors;
use handclasp::certificate::{
    CertificateError, CertificateRevocationList, ChainRequest, PathLimits, Purpose, Revocation,
    RevocationMode, RevocationPolicy, RevocationScope, VerifiedPath, verify_chain,
};
use handclasp::crypto::StaticOrArc;
use handclasp::crypto::ring::{ECDSA_P256_SHA256, signature_algorithms};
use handclasp::pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use handclasp_testing::authority::{Authority, authority_params, crl_params, params};
use handclasp_testing::counted::Counted;
use handclasp_testing::measure::{Column, timed};
use handclasp_testing::{NAME, server_name};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use ring::signature;
use x509_parser::prelude::{FromDer, X509Certificate};

const ROUNDS: usize = 100;
const REPETITIONS: u32 = 10;
const ATTEMPTS: usize = 10;
const RSA_KEY: &str = include_str!("../tests/data/rsa2048.pem");

type Algorithms<'a> = &'a [&'a dyn SignatureVerificationAlgorithm];

fn main() {
    println!("| a chain of three | contender | µs | x floor | x webpki |");
    println!("|---|---|---|---|---|");
    let curve = Chain::new(|| KeyPair::generate().unwrap());
    let rsa = Chain::new(|| KeyPair::from_pem(RSA_KEY).unwrap());
    compare("ECDSA P-256", &curve, &signature::ECDSA_P256_SHA256_ASN1);
    compare("RSA 2048", &rsa, &signature::RSA_PKCS1_2048_8192_SHA256);
    anchors(&curve);
    crls(&curve);
    hostile();
}

/// Three certificates under a root.
struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    root: CertificateDer<'static>,
    /// Who issued the first certificate.
    inner: Option<Authority>,
}

impl Chain {
    fn new(key: impl Fn() -> KeyPair) -> Self {
        let root = Authority::self_signed(authority("root"), key()).unwrap();
        let outer = Authority::signed_by(authority("outer"), key(), &root).unwrap();
        let inner = Authority::signed_by(authority("inner"), key(), &outer).unwrap();
        let leaf = leaf().signed_by(&key(), &inner).unwrap();
        let certificates = vec![leaf.der().clone(), inner.der().clone(), outer.der().clone()];
        Self { certificates, root: root.der().clone(), inner: Some(inner) }
    }

    fn ours(
        &self,
        anchors: &TrustAnchors,
        algorithms: Algorithms<'_>,
        limits: PathLimits,
    ) -> Result<VerifiedPath, CertificateError> {
        self.ours_revoked(anchors, algorithms, limits, Revocation::default())
    }

    fn ours_revoked(
        &self,
        anchors: &TrustAnchors,
        algorithms: Algorithms<'_>,
        limits: PathLimits,
        revocation: Revocation<'_>,
    ) -> Result<VerifiedPath, CertificateError> {
        let names = [server_name().into()];
        let mut request = ChainRequest::new(
            &self.certificates[0],
            &self.certificates[1..],
            anchors,
            Purpose::Server,
            &names,
            UnixTime::now(),
            algorithms,
        );
        request.revocation = revocation;
        request.limits = limits;
        verify_chain(&request)
    }

    fn theirs(
        &self,
        anchors: &[TrustAnchor<'_>],
        algorithms: Algorithms<'_>,
    ) -> Result<(), webpki::Error> {
        let leaf = webpki::EndEntityCert::try_from(&self.certificates[0])?;
        leaf.verify_for_usage(
            algorithms,
            anchors,
            &self.certificates[1..],
            UnixTime::now(),
            webpki::KeyUsage::server_auth(),
            None,
            None,
        )?;
        leaf.verify_is_valid_for_subject_name(&server_name())
    }
}

/// With a subject of the usual length, and the key identifier of its issuer.
fn usual(mut params: CertificateParams) -> CertificateParams {
    params.distinguished_name.push(DnType::OrganizationName, "An organisation of the usual length");
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = usual(authority_params(name));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf() -> CertificateParams {
    let mut params = usual(params("leaf"));
    let names = vec![NAME.to_owned(), format!("www.{NAME}")];
    params.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// The signatures of a chain and nothing else: everything was parsed before.
fn floor<'a>(
    chain: &[X509Certificate<'a>],
    root: &X509Certificate<'a>,
    algorithm: &'static dyn signature::VerificationAlgorithm,
) {
    let issuers = chain.iter().skip(1).chain([root]);
    for (certificate, issuer) in chain.iter().zip(issuers) {
        let key = issuer.public_key().subject_public_key.data.as_ref();
        signature::UnparsedPublicKey::new(algorithm, key)
            .verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data)
            .unwrap();
    }
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> X509Certificate<'a> {
    X509Certificate::from_der(der).unwrap().1
}

fn compare(name: &str, chain: &Chain, algorithm: &'static dyn signature::VerificationAlgorithm) {
    let signatures = signature_algorithms();
    let algorithms: Vec<_> = signatures.for_certificates().collect();
    let anchors = TrustAnchors::from_der(&chain.root).unwrap();
    let roots = [webpki::anchor_from_trusted_cert(&chain.root).unwrap()];
    let parsed: Vec<_> = chain.certificates.iter().map(parse).collect();
    let root = parse(&chain.root);
    let (mut ours, mut theirs, mut bare) =
        (Column::default(), Column::default(), Column::default());
    for _ in 0..ROUNDS {
        let (mut a, mut b, mut c) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for _ in 0..REPETITIONS {
            timed(&mut a, || chain.ours(&anchors, &algorithms, PathLimits::DEFAULT).unwrap());
            timed(&mut b, || chain.theirs(&roots, &algorithms).unwrap());
            timed(&mut c, || floor(&parsed, &root, algorithm));
        }
        ours.add(a, REPETITIONS);
        theirs.add(b, REPETITIONS);
        bare.add(c, REPETITIONS);
    }
    for (contender, column) in [("handclasp", &ours), ("rustls-webpki", &theirs), ("floor", &bare)]
    {
        println!(
            "| {name} | {contender} | {:.1} | {:.3} | {:.3} |",
            column.micros(),
            column.ratio(&bare),
            column.ratio(&theirs),
        );
    }
}

/// The same chain, with its root among ever more others.
fn anchors(chain: &Chain) {
    println!("\n| trust anchors | handclasp, µs | rustls-webpki, µs |");
    println!("|---|---|---|");
    let signatures = signature_algorithms();
    let algorithms: Vec<_> = signatures.for_certificates().collect();
    let key = KeyPair::generate().unwrap();
    let others: Vec<_> = (1..10_000)
        .map(|number| authority(&format!("other root {number}")).self_signed(&key).unwrap())
        .collect();
    let counts = [1, 150, 10_000];
    let roots: Vec<_> =
        others.iter().map(|root| webpki::anchor_from_trusted_cert(root.der()).unwrap()).collect();
    let contenders: Vec<_> = counts
        .iter()
        .map(|count| {
            let mut anchors = TrustAnchors::new();
            for other in &others[..count - 1] {
                anchors.add(other.der().clone()).unwrap();
            }
            anchors.add(chain.root.clone()).unwrap();
            let mut roots = roots[..count - 1].to_vec();
            roots.push(webpki::anchor_from_trusted_cert(&chain.root).unwrap());
            (anchors, roots)
        })
        .collect();
    let mut columns: Vec<_> =
        counts.iter().map(|_| (Column::default(), Column::default())).collect();
    for _ in 0..ROUNDS {
        for ((anchors, roots), (ours, theirs)) in contenders.iter().zip(&mut columns) {
            let (mut a, mut b) = (Duration::ZERO, Duration::ZERO);
            timed(&mut a, || chain.ours(anchors, &algorithms, PathLimits::DEFAULT).unwrap());
            timed(&mut b, || chain.theirs(roots, &algorithms).unwrap());
            ours.add(a, 1);
            theirs.add(b, 1);
        }
    }
    for (count, (ours, theirs)) in counts.iter().zip(&columns) {
        println!("| {count} | {:.1} | {:.1} |", ours.micros(), theirs.micros());
    }
}

/// The same chain, and a CRL of the first certificate's issuer with ever more entries.
fn crls(chain: &Chain) {
    println!("\n| CRL entries | read once, ms | handclasp, µs | x no CRL |");
    println!("|---|---|---|---|");
    let signatures = signature_algorithms();
    let algorithms: Vec<_> = signatures.for_certificates().collect();
    let anchors = TrustAnchors::from_der(&chain.root).unwrap();
    let issuer = chain.inner.as_ref().unwrap();
    for count in [1, 1_000, 1_000_000_u64] {
        // Scattered serial numbers. None of them is the chain's.
        let revoked =
            (0..count).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1 | 1 << 62);
        let der = crl_params(revoked).signed_by(issuer).unwrap();
        let read = || CertificateRevocationList::from_der(der.der()).unwrap();
        let (crl, once) = ([read()], least(|| drop(read())));
        let policy = RevocationPolicy::new(RevocationMode::Require, RevocationScope::EndEntity);
        let mut revocation = Revocation::default();
        (revocation.crls, revocation.policy) = (&crl, policy);
        let (mut with, mut without) = (Column::default(), Column::default());
        for _ in 0..ROUNDS {
            let (mut a, mut b) = (Duration::ZERO, Duration::ZERO);
            let limits = PathLimits::DEFAULT;
            timed(&mut a, || {
                chain.ours_revoked(&anchors, &algorithms, limits, revocation).unwrap()
            });
            timed(&mut b, || chain.ours(&anchors, &algorithms, limits).unwrap());
            with.add(a, 1);
            without.add(b, 1);
        }
        println!(
            "| {count} | {:.3} | {:.1} | {:.3} |",
            once.as_secs_f64() * 1e3,
            with.micros(),
            with.ratio(&without),
        );
    }
}

/// The least of a few times. Long work is interrupted too often on a busy machine for a median.
fn least(mut work: impl FnMut()) -> Duration {
    let mut time = || {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..ATTEMPTS).map(|_| time()).min().unwrap_or_default()
}

/// The time to refuse sets of intermediates in which no path, or hardly one, leads to the root.
fn hostile() {
    println!("\n| hostile sets of intermediates | µs | signatures | result |");
    println!("|---|---|---|---|");
    let root = Authority::self_signed(authority("root"), KeyPair::generate().unwrap()).unwrap();
    let stranger = Authority::self_signed(authority("root"), KeyPair::generate().unwrap()).unwrap();
    let anchors = TrustAnchors::from_der(root.der()).unwrap();
    let make = |name: &str, issuer: &Authority| {
        Authority::signed_by(authority(name), KeyPair::generate().unwrap(), issuer).unwrap()
    };
    let issue = |issuer: &Authority| {
        leaf().signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
    };

    // One name, a hundred keys, of which the last one is the issuer's.
    let namesakes: Vec<_> = (0..100).map(|_| make("namesake", &stranger)).collect();
    let honest = make("namesake", &root);
    let leaf_of_last = issue(&honest);
    let bag = |count: usize, last: Option<&Authority>| {
        let authorities = namesakes.iter().take(count).chain(last);
        let bag = authorities.map(|authority| authority.der().clone());
        let certificates = [leaf_of_last.clone()].into_iter().chain(bag).collect();
        Chain { certificates, root: root.der().clone(), inner: None }
    };
    let mut many = PathLimits::DEFAULT;
    many.intermediates = 200;
    let mut no_end = many;
    no_end.signature_checks = usize::MAX;
    report("100 of one name, within the limits", &anchors, &bag(100, None), PathLimits::DEFAULT);
    report(
        "63 of one name, then the issuer",
        &anchors,
        &bag(63, Some(&honest)),
        PathLimits::DEFAULT,
    );
    report("100 of one name, 200 allowed", &anchors, &bag(100, None), many);
    report(
        "100 of one name, then the issuer, no limit",
        &anchors,
        &bag(100, Some(&honest)),
        no_end,
    );

    // Each of eight names is certified by each other, and none by the root.
    for (names, limits) in [(8, PathLimits::DEFAULT), (14, many)] {
        let keys: Vec<_> = (0..names).map(|_| KeyPair::generate().unwrap()).collect();
        let mut certificates = Vec::new();
        for (number, key) in keys.iter().enumerate() {
            for (other, signer) in keys.iter().enumerate().filter(|(other, _)| *other != number) {
                let issuer = rcgen::Issuer::new(authority(&format!("mesh {other}")), signer);
                let params = authority(&format!("mesh {number}"));
                certificates.push(params.signed_by(key, &issuer).unwrap().der().clone());
            }
        }
        let issuer = rcgen::Issuer::new(authority("mesh 0"), &keys[0]);
        let leaf = leaf().signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        certificates.insert(0, leaf.der().clone());
        let chain = Chain { certificates, root: root.der().clone(), inner: None };
        report(&format!("a mesh of {names}, each by each"), &anchors, &chain, limits);
    }
}

fn report(name: &str, anchors: &TrustAnchors, chain: &Chain, limits: PathLimits) {
    let mut result = String::new();
    let count = Arc::new(AtomicUsize::new(0));
    let algorithm = StaticOrArc::Static(ECDSA_P256_SHA256);
    let counted = Counted { algorithm, count: count.clone() };
    let time = least(|| {
        result = match chain.ours(anchors, &[&counted], limits) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.kind.to_string(),
        };
    });
    let signatures = count.load(Ordering::Relaxed) / ATTEMPTS;
    let micros = time.as_secs_f64() * 1e6;
    println!("| {name} | {micros:.1} | {signatures} | {result} |");
}
