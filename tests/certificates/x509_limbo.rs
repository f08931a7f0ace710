//! The path validation cases of x509-limbo, when they stand beside the project.
//!
//! Each case is asked in both profiles. What comes out other than the suite expects stands in a
//! table here, with its reason; anything else fails the test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use handclasp::certificate::{
    ChainRequest, PathLimits, Profile, Purpose, ReferenceIdentifier, TrustAnchors, verify_chain,
};
use handclasp::crypto::CryptoProvider;
use pki_types::pem::PemObject;
use pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::Value;

/// Where the strict profile does not answer what the suite expects, and why.
const STRICT: &[(&str, &[&str])] = &[
    (
        "RFC 5280 lets it pass and the Baseline Requirements do not; the suite has it both ways",
        &["rfc5280::eku::ee-without-eku", "rfc5280::ca-as-leaf"],
    ),
    (
        "the Baseline Requirements let it pass and RFC 5280 does not; the suite has it both ways",
        &["webpki::nc::permitted-dns-match-noncritical"],
    ),
];

/// Where the default profile does not, and why.
const DEFAULT: &[(&str, &[&str])] = &[
    (
        "an anchor is a name and a key, and what else its certificate says of itself counts in \
         the strict profile only",
        &[
            "rfc5280::aki::cross-signed-root-missing-aki",
            "rfc5280::root-non-critical-basic-constraints",
            "rfc5280::ski::root-missing-ski",
            "rfc5280::validity::expired-root",
            "webpki::aki::root-with-aki-all-fields",
            "webpki::aki::root-with-aki-authoritycertissuer",
            "webpki::aki::root-with-aki-authoritycertserialnumber",
            "webpki::aki::root-with-aki-missing-keyidentifier",
            "webpki::aki::root-with-aki-ski-mismatch",
            "webpki::eku::root-has-eku",
            "webpki::forbidden-rsa-not-divisible-by-8-in-root",
        ],
    ),
    (
        "users should be prepared to handle such serial numbers (RFC 5280, 4.1.2.2), and no one \
         reads them but to compare them",
        &["rfc5280::serial::negative", "rfc5280::serial::too-long", "rfc5280::serial::zero"],
    ),
    ("nothing reads the extension", &["webpki::malformed-aia"]),
    (
        "tools for private authorities leave key identifiers out, and they only help to build paths",
        &[
            "rfc5280::aki::intermediate-missing-aki",
            "rfc5280::aki::leaf-missing-aki",
            "rfc5280::ski::intermediate-missing-ski",
        ],
    ),
    (
        "it is processed all the same, whether it is critical or not",
        &[
            "rfc5280::nc::permitted-dns-match-noncritical",
            "rfc5280::pc::ica-noncritical-pc",
            "rfc5280::san::noncritical-with-empty-subject",
            "webpki::eku::ee-critical-eku",
            "webpki::san::san-critical-with-nonempty-subject",
        ],
    ),
    (
        "no restriction in the RFC, and in wide use in private",
        &["webpki::eku::ee-without-eku", "rfc5280::san::underscore-dns"],
    ),
    (
        "it names the right purpose too, and that one alone counts",
        &["webpki::eku::ee-anyeku", "rfc5280::leaf-ku-keycertsign"],
    ),
    (
        "a CA's certificate as a server's: who has its key could issue another one, and `openssl \
         req -x509` makes every certificate a CA's. The suite has it both ways",
        &["webpki::ca-as-leaf", "webpki::ee-basicconstraints-ca"],
    ),
    (
        "everyone reads a DNS constraint with a dot in front in the same way, and it is in use",
        &["rfc5280::nc::invalid-dnsname-leading-period"],
    ),
    (
        "the common name is no name that counts, so that what it says can do no harm",
        &[
            "webpki::cn::case-mismatch",
            "webpki::cn::ipv4-hex-mismatch",
            "webpki::cn::ipv4-leading-zeros-mismatch",
            "webpki::cn::ipv6-non-rfc5952-mismatch",
            "webpki::cn::ipv6-uncompressed-mismatch",
            "webpki::cn::ipv6-uppercase-mismatch",
            "webpki::cn::not-in-san",
            "webpki::cn::punycode-not-in-san",
            "webpki::cn::utf8-vs-punycode-mismatch",
        ],
    ),
    (
        "there is no list of public suffixes, and a private authority may own such a tree",
        &[
            "webpki::san::public-suffix-multi-label-wildcard-san",
            "webpki::san::public-suffix-private-namespace-wildcard-san",
        ],
    ),
];

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap_or_default()
}

fn list<'a>(case: &'a Value, field: &str) -> Vec<&'a str> {
    case[field].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

fn certificates(pems: &[&str]) -> Vec<CertificateDer<'static>> {
    pems.iter().map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).collect()
}

/// Seconds since 1970 of `2024-04-01T00:00:00+00:00`, perhaps with a fraction, which is cut off.
fn seconds(time: &str) -> u64 {
    let number = |from: usize, to: usize| -> u64 { time[from..to].parse().unwrap() };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    assert!(time.ends_with("+00:00") || time.ends_with('Z'), "{time}");
    // Counted in years that start in March, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    (days - 719_469) * 86_400 + number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19)
}

fn name(name: &Value) -> ReferenceIdentifier<'_> {
    let value = text(name, "value");
    match text(name, "kind") {
        "RFC822" => ReferenceIdentifier::Email(value),
        _ => ServerName::try_from(value).unwrap().into(),
    }
}

/// The result on a case, and the words of a refusal.
fn ask(case: &Value, profile: Profile, provider: &CryptoProvider) -> Result<(), String> {
    let mut anchors = TrustAnchors::new();
    for anchor in certificates(&list(case, "trusted_certs")) {
        anchors.add(anchor).map_err(|error| error.to_string())?;
    }
    let expected = [&case["expected_peer_name"]].into_iter().filter(|name| !name.is_null());
    let more = case["expected_peer_names"].as_array().unwrap();
    let names: Vec<_> = expected.chain(more).map(name).collect();
    let now = match case["validation_time"].as_str() {
        Some(time) => UnixTime::since_unix_epoch(Duration::from_secs(seconds(time))),
        None => UnixTime::since_unix_epoch(SystemTime::UNIX_EPOCH.elapsed().unwrap()),
    };
    let mut limits = PathLimits::DEFAULT;
    if let Some(depth) = case["max_chain_depth"].as_u64() {
        limits.depth = usize::try_from(depth).unwrap();
    }
    let purpose = match text(case, "validation_kind") {
        "SERVER" => Purpose::Server,
        _ => Purpose::Client,
    };
    let usages = list(case, "extended_key_usage");
    let purpose_of = |usage: &&str| match *usage {
        "serverAuth" => Purpose::Server,
        "clientAuth" => Purpose::Client,
        other => panic!("the usage {other}"),
    };
    assert!(usages.iter().all(|usage| purpose_of(usage) == purpose));
    let end_entity = certificates(&[text(case, "peer_certificate")]).remove(0);
    let intermediates = certificates(&list(case, "untrusted_intermediates"));
    let algorithms: Vec<_> = provider.signatures.for_certificates().collect();
    let mut request =
        ChainRequest::new(&end_entity, &intermediates, &anchors, purpose, &names, now, &algorithms);
    request.profile = profile;
    request.limits = limits;
    verify_chain(&request).map(drop).map_err(|error| error.to_string())
}

/// The cases, or `None` where they are not there.
fn cases() -> Option<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/limbo");
    let Ok(json) = fs::read(folder.join("limbo-core-part.json")) else {
        println!("skipped: {} is not there", folder.display());
        return None;
    };
    let Value::Array(cases) = serde_json::from_slice::<Value>(&json).unwrap()["testcases"].take()
    else {
        panic!("no cases");
    };
    Some(cases)
}

fn run(profile: Profile, known: &[(&str, &[&str])]) {
    let Some(cases) = cases() else { return };
    let known: BTreeSet<_> = known.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    let provider = CryptoProvider::default();
    let (mut surprises, mut accepted, mut rejected) = (Vec::new(), 0, 0);
    for case in &cases {
        let good = text(case, "expected_result") == "SUCCESS";
        let (id, result) = (text(case, "id"), ask(case, profile, &provider));
        match &result {
            Ok(()) => println!("accepted {id}"),
            Err(words) => println!("rejected {id}: {words}"),
        }
        let right = result.is_ok() == good;
        accepted += usize::from(!right && !good);
        rejected += usize::from(!right && good);
        if right == known.contains(id) {
            surprises.push((id, result));
        }
    }
    println!(
        "{profile:?}: {} of {} as expected; {accepted} accepted that should not be, {rejected} \
         rejected that should not be",
        cases.len() - accepted - rejected,
        cases.len()
    );
    assert!(surprises.is_empty(), "not as the suite or the table says: {surprises:#?}");
}

#[test]
fn the_strict_profile() {
    run(Profile::Strict, STRICT);
}

#[test]
fn the_default_profile() {
    run(Profile::Default, DEFAULT);
}

#[test]
fn times_are_read_right() {
    assert_eq!(seconds("1970-01-01T00:00:00+00:00"), 0);
    assert_eq!(seconds("2024-02-29T12:30:01.999+00:00"), 1_709_209_801);
    assert_eq!(seconds("2026-07-30T12:00:00+00:00"), 1_785_412_800);
}
