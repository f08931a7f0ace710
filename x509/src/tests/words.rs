//! What is said of each problem: programs know the codes, people read the rest.

use std::collections::BTreeSet;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000);

/// A problem, and the code that programs know it by.
type Row = (CertificateErrorKind, &'static str);

fn name() -> String {
    "CN=an example".to_owned()
}

/// What is wrong with a certificate itself, or with who has issued it.
fn problems_of_issue() -> Vec<Row> {
    vec![
        (CertificateErrorKind::Malformed(name()), "malformed"),
        (CertificateErrorKind::Rejected(name()), "rejected"),
        (CertificateErrorKind::RejectedWith(49, "denied".into()), "rejected"),
        (CertificateErrorKind::RejectedWith(0, "closed".into()), "rejected"),
        (CertificateErrorKind::UnsupportedVersion(1), "unsupported-version"),
        (CertificateErrorKind::AlgorithmMismatch, "algorithm-mismatch"),
        (CertificateErrorKind::InvalidSerialNumber, "invalid-serial-number"),
        (
            CertificateErrorKind::UnsupportedAlgorithm {
                signature: name(),
                key: name().into(),
                reason: "".into(),
            },
            "unsupported-algorithm",
        ),
        (CertificateErrorKind::NotYetValid { not_before: NOW, now: NOW }, "not-yet-valid"),
        (CertificateErrorKind::Expired { not_after: NOW, now: NOW }, "expired"),
        (CertificateErrorKind::UnknownIssuer(name()), "unknown-issuer"),
        (CertificateErrorKind::Circular(name()), "circular"),
        (CertificateErrorKind::SelfIssued, "self-issued"),
        (CertificateErrorKind::BadSignature(name()), "bad-signature"),
        (
            CertificateErrorKind::OtherKindOfKey {
                issuer: name(),
                signature: name().into(),
                key: name().into(),
            },
            "bad-signature",
        ),
        (CertificateErrorKind::IssuerWrittenOtherwise(name()), "unknown-issuer"),
    ]
}

/// What a certificate may not be used for, or not any more.
fn problems_of_use() -> Vec<Row> {
    use Evidence::Crl;
    vec![
        (CertificateErrorKind::WrongKeyUsage("keyCertSign"), "wrong-key-usage"),
        (wrong_usage(Purpose::Server, "code signing"), "wrong-extended-key-usage"),
        (CertificateErrorKind::NotACa, "not-a-ca"),
        (CertificateErrorKind::PathLengthExceeded { allowed: 0, found: 1 }, "path-length-exceeded"),
        (CertificateErrorKind::CaUsedAsEndEntity, "ca-used-as-end-entity"),
        (CertificateErrorKind::UnknownCriticalExtension(name()), "unknown-critical-extension"),
        (
            CertificateErrorKind::NameNotPermitted {
                name: name(),
                authority: name().into(),
                reason: name().into(),
            },
            "name-not-permitted",
        ),
        (CertificateErrorKind::UnsupportedConstraint(name()), "unsupported-constraint"),
        (
            CertificateErrorKind::Revoked {
                serial: "01".into(),
                date: NOW,
                reason: RevocationReason::KEY_COMPROMISE,
                evidence: Crl,
            },
            "revoked",
        ),
    ]
}

/// What is wrong with a CRL or an OCSP response, and its code.
fn evidence_errors() -> Vec<(EvidenceError, &'static str)> {
    use Evidence::{Crl, OcspResponse};
    vec![
        (EvidenceError::Stale { evidence: Crl, next_update: NOW, now: NOW }, "crl-stale"),
        (EvidenceError::Stale { evidence: OcspResponse, next_update: NOW, now: NOW }, "ocsp-stale"),
        (EvidenceError::NoNextUpdate(Crl), "crl-without-next-update"),
        (EvidenceError::NoNextUpdate(OcspResponse), "ocsp-without-next-update"),
        (
            EvidenceError::NotYetValid { evidence: Crl, this_update: NOW, now: NOW },
            "crl-not-yet-valid",
        ),
        (
            EvidenceError::NotYetValid { evidence: OcspResponse, this_update: NOW, now: NOW },
            "ocsp-not-yet-valid",
        ),
        (EvidenceError::BadSignature { evidence: Crl, signer: name() }, "crl-bad-signature"),
        (
            EvidenceError::BadSignature { evidence: OcspResponse, signer: name() },
            "ocsp-bad-signature",
        ),
        (
            EvidenceError::UnsupportedAlgorithm { evidence: Crl, algorithm: name() },
            "crl-unsupported-algorithm",
        ),
        (
            EvidenceError::UnsupportedAlgorithm { evidence: OcspResponse, algorithm: name() },
            "ocsp-unsupported-algorithm",
        ),
        (EvidenceError::MayNotSignCrls(name()), "crl-issuer-without-crl-sign"),
        (EvidenceError::MalformedDistributionPoints, "malformed-distribution-points"),
        (EvidenceError::MalformedResponse("its version"), "ocsp-malformed"),
        (EvidenceError::UnknownCriticalExtension(name()), "ocsp-unknown-critical-extension"),
        (EvidenceError::OtherCertificate, "ocsp-other-certificate"),
        (EvidenceError::UnknownResponder(name()), "ocsp-unknown-responder"),
        (
            EvidenceError::UnauthorizedResponder { responder: name(), reason: name() },
            "ocsp-unauthorized-responder",
        ),
    ]
}

/// Every problem.
fn problems() -> Vec<Row> {
    use Evidence::OcspResponse;
    let mut problems = problems_of_issue();
    problems.extend(problems_of_use());
    for (reason, code) in [
        (NoAuthority::NoBasicConstraints, "not-a-ca"),
        (NoAuthority::NotACa, "not-a-ca"),
        (NoAuthority::NoCertificateSigning, "wrong-key-usage"),
    ] {
        let kind = CertificateErrorKind::IssuerIsNoAuthority { issuer: name(), reason };
        problems.push((kind, code));
    }
    for presented in [vec![], vec![presented::as_presented("a.example")]] {
        let kind = CertificateErrorKind::NameMismatch { expected: name(), presented, omitted: 0 };
        problems.push((kind, "name-mismatch"));
    }
    for rule in [Rule::KeyKind, Rule::CaAsEndEntity] {
        problems.push((CertificateErrorKind::Forbidden { rule, found: name() }, rule.code()));
    }
    for (error, code) in evidence_errors() {
        assert_eq!(error.evidence() == OcspResponse, code.starts_with("ocsp"), "{code}");
        problems.push((CertificateErrorKind::RevocationEvidence(error), code));
    }
    for response in 1..=7 {
        let error = EvidenceError::Unsuccessful(response);
        problems.push((CertificateErrorKind::RevocationEvidence(error), "ocsp-unsuccessful"));
    }
    for (missing, code) in [
        (MissingEvidence::Nothing(name()), "revocation-unknown"),
        (MissingEvidence::Staple, "staple-missing"),
        (MissingEvidence::Unknown, "ocsp-unknown"),
    ] {
        problems.push((CertificateErrorKind::RevocationUnknown(missing), code));
    }
    problems
}

/// One line, which a log or a terminal can show.
fn is_printable(words: &str) -> bool {
    !words.is_empty() && words.chars().all(|character| (' '..='~').contains(&character))
}

#[test]
fn each_problem_has_its_code_and_its_words() {
    let mut said = BTreeSet::new();
    for (kind, code) in problems() {
        assert_eq!(kind.code(), code);
        let words = kind.to_string();
        assert!(is_printable(&words), "{words:?}");
        // What puts it right may be the same for several, what is wrong is not.
        assert!(said.insert(words.clone()), "two problems are told as {words:?}");
        if let Some(remedy) = kind.remedy() {
            assert!(is_printable(&remedy) && !remedy.ends_with('.'), "{remedy:?}");
        }
    }
}

#[test]
fn a_limit_is_told_with_the_problem_that_was_closest() {
    let closest =
        CertificateError { certificate: "CN=a".into(), kind: CertificateErrorKind::NotACa };
    for (limit, words) in [
        (Limit::Depth, "intermediates in a path"),
        (Limit::SignatureChecks, "signatures to verify"),
        (Limit::Candidates, "candidates for an issuer"),
        (Limit::Intermediates, "intermediates sent"),
        (Limit::NameComparisons, "comparisons with name constraints"),
    ] {
        let kind = |closest| CertificateErrorKind::LimitExceeded { limit, maximum: 7, closest };
        let told = kind(Some(Box::new(closest.clone())));
        assert_eq!(told.code(), "limit-exceeded");
        assert_eq!(
            told.remedy(),
            CertificateErrorKind::NotACa.remedy(),
            "what is closest is put right first"
        );
        let told = told.to_string();
        assert!(told.contains(&format!("7 {words}")) && told.contains("CN=a"), "{told}");
        assert_eq!(kind(None).remedy(), None);
    }
}

#[test]
fn reasons_of_a_revocation_have_the_names_of_the_rfc() {
    // RFC 5280, section 5.3.1.
    let names = [
        "unspecified",
        "keyCompromise",
        "cACompromise",
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
        "certificateHold",
        "reason 7",
        "removeFromCRL",
        "privilegeWithdrawn",
        "aACompromise",
    ];
    for (number, name) in (0..).zip(names) {
        assert_eq!(RevocationReason(number).to_string(), name);
    }
}

#[test]
fn what_makes_a_crl_useless_has_a_code() {
    for (error, code) in [
        (CrlError::NoCrl, "crl-malformed"),
        (CrlError::Malformed("its version"), "crl-malformed"),
        (CrlError::AlgorithmMismatch, "crl-malformed"),
        (CrlError::Delta, "crl-delta"),
        (CrlError::Indirect, "crl-indirect"),
        (CrlError::UnknownCriticalExtension("1.2.3".into()), "crl-unknown-critical-extension"),
    ] {
        assert_eq!(error.code(), code);
        assert!(is_printable(&error.to_string()), "{error}");
    }
}
