use super::*;
use crate::alert::AlertDescription as A;
use crate::certificate::{
    Limit, NotACaReason, Purpose, RevocationEvidenceError, RevocationReason, Rule, Timestamp,
};

const NOW: Timestamp = Timestamp(1_800_000_000);

fn alert_for(kind: CertificateErrorKind) -> Option<A> {
    let certificate = "CN=leaf".into();
    Error::from(CertificateError { certificate, kind }).alert_sent()
}

#[track_caller]
fn assert_alert(alert: A, problems: Vec<CertificateErrorKind>) {
    for kind in problems {
        assert_eq!(alert_for(kind.clone()), Some(alert), "{kind:?}");
    }
}

fn name() -> String {
    "CN=an example".to_owned()
}

#[test]
fn a_certificate_with_a_fault_is_a_bad_one() {
    let algorithms = ("ecdsa".to_owned(), "RSA".into());
    let other_kind = CertificateErrorKind::KeyKindMismatch {
        issuer: name(),
        signature: name().into(),
        key: name().into(),
    };
    assert_alert(
        A::BAD_CERTIFICATE,
        vec![
            CertificateErrorKind::Malformed(name()),
            CertificateErrorKind::SignatureAlgorithmMismatch,
            CertificateErrorKind::InvalidSerialNumber,
            CertificateErrorKind::UnsupportedSignatureAlgorithm {
                signature: algorithms.0,
                key: algorithms.1,
                reason: "".into(),
            },
            CertificateErrorKind::BadSignature(name()),
            other_kind,
            CertificateErrorKind::NotACa,
            CertificateErrorKind::PathLengthExceeded { allowed: 0, found: 1 },
            CertificateErrorKind::CaUsedAsEndEntity,
            CertificateErrorKind::NameNotPermitted {
                name: name(),
                authority: name().into(),
                reason: name().into(),
            },
            CertificateErrorKind::NameMismatch { expected: name(), presented: vec![], omitted: 0 },
            CertificateErrorKind::RuleBroken {
                rule: Rule::KeyKind,
                words: Rule::KeyKind.words(),
                found: name(),
            },
            CertificateErrorKind::RuleBroken {
                rule: Rule::CaAsEndEntity,
                words: Rule::CaAsEndEntity.words(),
                found: name(),
            },
        ],
    );
}

#[test]
fn a_certificate_of_a_kind_that_cannot_be_used_is_unsupported() {
    let purpose = Purpose::Server;
    assert_alert(
        A::UNSUPPORTED_CERTIFICATE,
        vec![
            CertificateErrorKind::UnsupportedVersion(1),
            CertificateErrorKind::WrongKeyUsage { missing: "keyCertSign", has: Vec::new() },
            CertificateErrorKind::WrongExtendedKeyUsage { purpose, allowed: "code signing".into() },
            CertificateErrorKind::UnknownCriticalExtension(name()),
            CertificateErrorKind::MalformedNameConstraints(name()),
        ],
    );
}

#[test]
fn a_path_that_ends_nowhere_has_an_unknown_authority() {
    let no_authority = |reason| CertificateErrorKind::IssuerNotACa { issuer: name(), reason };
    assert_alert(
        A::UNKNOWN_CA,
        vec![
            CertificateErrorKind::UnknownIssuer(name()),
            CertificateErrorKind::Circular(name()),
            CertificateErrorKind::SelfIssued,
            CertificateErrorKind::IssuerEncodedDifferently(name()),
            no_authority(NotACaReason::NoBasicConstraints),
            no_authority(NotACaReason::CaFalse),
            no_authority(NotACaReason::NoKeyCertSign),
        ],
    );
}

#[test]
fn a_certificate_at_the_wrong_time_is_expired() {
    assert_alert(
        A::CERTIFICATE_EXPIRED,
        vec![
            CertificateErrorKind::NotYetValid { not_before: NOW, now: NOW },
            CertificateErrorKind::Expired { not_after: NOW, now: NOW },
        ],
    );
}

#[test]
fn a_revoked_certificate_and_a_missing_staple_have_alerts_of_their_own() {
    let revoked = CertificateErrorKind::Revoked {
        serial: "01".into(),
        date: NOW,
        reason: RevocationReason::KEY_COMPROMISE,
        evidence: RevocationEvidence::Crl,
    };
    assert_alert(A::CERTIFICATE_REVOKED, vec![revoked]);
    let mut staples = vec![
        CertificateErrorKind::UnknownRevocationStatus(UnknownRevocationStatus::NoStapledResponse),
        CertificateErrorKind::UnknownRevocationStatus(UnknownRevocationStatus::UnknownToResponder),
    ];
    for error in errors_of_either(RevocationEvidence::OcspResponse) {
        staples.push(CertificateErrorKind::UnusableRevocationEvidence(error));
    }
    for error in [
        RevocationEvidenceError::MalformedResponse("its version"),
        RevocationEvidenceError::UnknownCriticalExtension(name()),
        RevocationEvidenceError::OtherCertificate,
        RevocationEvidenceError::UnknownResponder(name()),
        RevocationEvidenceError::UnauthorizedResponder { responder: name(), reason: name() },
        RevocationEvidenceError::Unsuccessful(1),
        RevocationEvidenceError::Unsuccessful(7),
    ] {
        staples.push(CertificateErrorKind::UnusableRevocationEvidence(error));
    }
    assert_alert(A::BAD_CERTIFICATE_STATUS_RESPONSE, staples);
}

/// What can be wrong with a CRL and with an OCSP response.
fn errors_of_either(evidence: RevocationEvidence) -> Vec<RevocationEvidenceError> {
    vec![
        RevocationEvidenceError::Stale { evidence, next_update: NOW, now: NOW },
        RevocationEvidenceError::NoNextUpdate(evidence),
        RevocationEvidenceError::NotYetValid { evidence, this_update: NOW, now: NOW },
        RevocationEvidenceError::BadSignature { evidence, signer: name() },
        RevocationEvidenceError::UnsupportedSignatureAlgorithm { evidence, algorithm: name() },
    ]
}

#[test]
fn what_has_no_alert_of_its_own_is_unknown() {
    let mut unknown = vec![
        CertificateErrorKind::Rejected(name()),
        CertificateErrorKind::UnknownRevocationStatus(UnknownRevocationStatus::NoEvidence(name())),
        CertificateErrorKind::UnusableRevocationEvidence(RevocationEvidenceError::MayNotSignCrls(
            name(),
        )),
        CertificateErrorKind::UnusableRevocationEvidence(
            RevocationEvidenceError::MalformedDistributionPoints,
        ),
        CertificateErrorKind::LimitExceeded { limit: Limit::Depth, maximum: 7, closest: None },
    ];
    for error in errors_of_either(RevocationEvidence::Crl) {
        unknown.push(CertificateErrorKind::UnusableRevocationEvidence(error));
    }
    assert_alert(A::CERTIFICATE_UNKNOWN, unknown);
}

#[test]
fn a_verifier_chooses_an_alert_that_is_fatal() {
    let rejected = |alert: A| CertificateErrorKind::RejectedWith(alert.0, "denied".into());
    assert_alert(A::ACCESS_DENIED, vec![rejected(A::ACCESS_DENIED)]);
    assert_alert(A::CERTIFICATE_UNKNOWN, vec![rejected(A::CLOSE_NOTIFY)]);
}

#[test]
fn codes_are_unique_and_in_lower_case_with_hyphens() {
    let (_, source) = include_str!("../error.rs").split_once("pub const fn code").unwrap();
    let (source, _) = source.split_once("\n    }\n").unwrap();
    let mut codes: Vec<_> = source.split('"').skip(1).step_by(2).collect();
    let variants = source.matches("Self::").count();
    assert_eq!(codes.len(), variants);
    for code in &codes {
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
    }
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), variants);
    assert_eq!(ErrorKind::Truncated.code(), "truncated");
}
