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
        (CertificateErrorKind::SignatureAlgorithmMismatch, "algorithm-mismatch"),
        (CertificateErrorKind::InvalidSerialNumber, "invalid-serial-number"),
        (
            CertificateErrorKind::UnsupportedSignatureAlgorithm {
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
            CertificateErrorKind::KeyKindMismatch {
                issuer: name(),
                signature: name().into(),
                key: name().into(),
            },
            "bad-signature",
        ),
        (CertificateErrorKind::IssuerEncodedDifferently(name()), "unknown-issuer"),
    ]
}

/// What a certificate may not be used for, or not any more.
fn problems_of_use() -> Vec<Row> {
    use RevocationEvidence::Crl;
    vec![
        (
            CertificateErrorKind::WrongKeyUsage { missing: "keyCertSign", has: Vec::new() },
            "wrong-key-usage",
        ),
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
        (CertificateErrorKind::MalformedNameConstraints(name()), "unsupported-constraint"),
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
fn evidence_errors() -> Vec<(RevocationEvidenceError, &'static str)> {
    use RevocationEvidence::{Crl, OcspResponse};
    vec![
        (RevocationEvidenceError::Stale { evidence: Crl, next_update: NOW, now: NOW }, "crl-stale"),
        (
            RevocationEvidenceError::Stale { evidence: OcspResponse, next_update: NOW, now: NOW },
            "ocsp-stale",
        ),
        (RevocationEvidenceError::NoNextUpdate(Crl), "crl-without-next-update"),
        (RevocationEvidenceError::NoNextUpdate(OcspResponse), "ocsp-without-next-update"),
        (
            RevocationEvidenceError::NotYetValid { evidence: Crl, this_update: NOW, now: NOW },
            "crl-not-yet-valid",
        ),
        (
            RevocationEvidenceError::NotYetValid {
                evidence: OcspResponse,
                this_update: NOW,
                now: NOW,
            },
            "ocsp-not-yet-valid",
        ),
        (
            RevocationEvidenceError::BadSignature { evidence: Crl, signer: name() },
            "crl-bad-signature",
        ),
        (
            RevocationEvidenceError::BadSignature { evidence: OcspResponse, signer: name() },
            "ocsp-bad-signature",
        ),
        (
            RevocationEvidenceError::UnsupportedSignatureAlgorithm {
                evidence: Crl,
                algorithm: name(),
            },
            "crl-unsupported-algorithm",
        ),
        (
            RevocationEvidenceError::UnsupportedSignatureAlgorithm {
                evidence: OcspResponse,
                algorithm: name(),
            },
            "ocsp-unsupported-algorithm",
        ),
        (RevocationEvidenceError::MayNotSignCrls(name()), "crl-issuer-without-crl-sign"),
        (RevocationEvidenceError::MalformedDistributionPoints, "malformed-distribution-points"),
        (RevocationEvidenceError::MalformedResponse("its version"), "ocsp-malformed"),
        (
            RevocationEvidenceError::UnknownCriticalExtension(name()),
            "ocsp-unknown-critical-extension",
        ),
        (RevocationEvidenceError::OtherCertificate, "ocsp-other-certificate"),
        (RevocationEvidenceError::UnknownResponder(name()), "ocsp-unknown-responder"),
        (
            RevocationEvidenceError::UnauthorizedResponder { responder: name(), reason: name() },
            "ocsp-unauthorized-responder",
        ),
    ]
}

/// Every problem.
fn problems() -> Vec<Row> {
    use RevocationEvidence::OcspResponse;
    let mut problems = problems_of_issue();
    problems.extend(problems_of_use());
    for (reason, code) in [
        (NotACaReason::NoBasicConstraints, "not-a-ca"),
        (NotACaReason::CaFalse, "not-a-ca"),
        (NotACaReason::NoKeyCertSign, "wrong-key-usage"),
    ] {
        let kind = CertificateErrorKind::IssuerNotACa { issuer: name(), reason };
        problems.push((kind, code));
    }
    for presented in [vec![], vec![presented::as_presented("a.example")]] {
        let kind = CertificateErrorKind::NameMismatch { expected: name(), presented, omitted: 0 };
        problems.push((kind, "name-mismatch"));
    }
    for rule in [Rule::KeyKind, Rule::CaAsEndEntity] {
        let kind = CertificateErrorKind::RuleBroken { rule, words: rule.words(), found: name() };
        problems.push((kind, rule.code()));
    }
    for (error, code) in evidence_errors() {
        assert_eq!(error.evidence() == OcspResponse, code.starts_with("ocsp"), "{code}");
        problems.push((CertificateErrorKind::UnusableRevocationEvidence(error), code));
    }
    for response in 1..=7 {
        let error = RevocationEvidenceError::Unsuccessful(response);
        problems
            .push((CertificateErrorKind::UnusableRevocationEvidence(error), "ocsp-unsuccessful"));
    }
    for (missing, code) in [
        (UnknownRevocationStatus::NoEvidence(name()), "revocation-unknown"),
        (UnknownRevocationStatus::NoStapledResponse, "staple-missing"),
        (UnknownRevocationStatus::UnknownToResponder, "ocsp-unknown"),
    ] {
        problems.push((CertificateErrorKind::UnknownRevocationStatus(missing), code));
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
        assert!(said.insert(words.clone()), "two problems have the words {words:?}");
        if let Some(remedy) = kind.remedy() {
            assert!(is_printable(&remedy) && !remedy.ends_with('.'), "{remedy:?}");
        }
    }
}

#[test]
fn a_limit_has_the_problem_of_the_closest_path() {
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
        let exceeded = kind(Some(Box::new(closest.clone())));
        assert_eq!(exceeded.code(), "limit-exceeded");
        assert_eq!(
            exceeded.remedy(),
            CertificateErrorKind::NotACa.remedy(),
            "what is closest is put right first"
        );
        let exceeded = exceeded.to_string();
        assert!(
            exceeded.contains(&format!("7 {words}")) && exceeded.contains("CN=a"),
            "{exceeded}"
        );
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
        (CrlError::SignatureAlgorithmMismatch, "crl-malformed"),
        (CrlError::Delta, "crl-delta"),
        (CrlError::Indirect, "crl-indirect"),
        (CrlError::UnknownCriticalExtension("1.2.3".into()), "crl-unknown-critical-extension"),
    ] {
        assert_eq!(error.code(), code);
        assert!(is_printable(&error.to_string()), "{error}");
    }
}
