//! Errors of certificates, with codes and remedies.

use core::fmt;

use super::presented::{self, PresentedIdentifier};
use super::profile::{Profile, Purpose};
use super::revocation_error::{
    RevocationEvidence, RevocationEvidenceError, RevocationReason, UnknownRevocationStatus,
};
use super::rules::Rule;
use super::time::Timestamp;

/// Why a certificate, or every path from it, was refused.
///
/// Text from the peer is escaped and of limited length, so that the error is safe to log.
///
/// A verifier of the application makes errors of its own with a literal: the two fields are all that an
/// error has. Kinds may be added.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("certificate \"{certificate}\" {kind}")]
pub struct CertificateError {
    /// The certificate that the error is about: its subject, or its place if it cannot be decoded.
    pub certificate: String,
    /// What is wrong with it.
    pub kind: CertificateErrorKind,
}

/// `Debug` prints the text of `Display`: a derived one would put the names of all variants into the program.
impl fmt::Debug for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateError({self})")
    }
}

impl CertificateError {
    /// The error of a custom verifier that does not accept the peer's certificate.
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self {
            certificate: "of the peer".into(),
            kind: CertificateErrorKind::Rejected(reason.into()),
        }
    }

    pub(super) fn malformed(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { certificate: place.into(), kind: CertificateErrorKind::Malformed(reason.into()) }
    }
}

/// What is wrong with a certificate. The text continues "certificate NAME ...".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateErrorKind {
    /// It cannot be decoded: what is wrong with it.
    #[error("is malformed: {0}")]
    Malformed(String),
    /// A custom verifier does not accept it, for this reason.
    #[error("is refused: {0}")]
    Rejected(String),
    /// A custom verifier does not accept it. The number is the alert for the peer (RFC 9846, section 6).
    /// If it is not the number of a fatal alert, certificate_unknown (46) is sent.
    #[error("is refused: {1}")]
    RejectedWith(u8, String),
    /// It is not of version 3. Other versions have no extensions, so they do not say whether they are
    /// certificates of a CA. The version is counted from 1.
    #[error("is of version {0}; only version 3 is accepted")]
    UnsupportedVersion(u32),
    /// The algorithm in the signed part is not the one beside the signature (RFC 5280, section 4.1.1.2).
    #[error("names one signature algorithm in its signed part and another beside its signature")]
    SignatureAlgorithmMismatch,
    /// The serial number is not a positive number of at most 20 octets (RFC 5280, section 4.1.2.2).
    #[error("has a serial number that is not positive, or is longer than 20 octets")]
    InvalidSerialNumber,
    /// None of the caller's algorithms verifies its signature with its issuer's key.
    #[error("is signed with {signature} by a key for {key}, which is not supported{reason}")]
    UnsupportedSignatureAlgorithm {
        /// The signature's algorithm, with the parameters that matter.
        signature: String,
        /// The issuer's key's algorithm.
        key: Box<str>,
        /// The reason, if there is more to say, with a colon before it; otherwise empty.
        reason: Box<str>,
    },
    /// The candidate for its issuer has a key of a kind that does not make such signatures.
    #[error(
        "is signed with {signature}, and the key of \"{issuer}\" is for {key}, which makes no such \
         signature"
    )]
    KeyKindMismatch {
        /// The subject of the candidate, which is the name of its issuer.
        issuer: String,
        /// The signature's algorithm.
        signature: Box<str>,
        /// The algorithm of the candidate's key.
        key: Box<str>,
    },
    /// It is not valid yet.
    #[error("is valid from {not_before} only; the time is {now}")]
    NotYetValid {
        /// From when it is valid.
        not_before: Timestamp,
        /// The time of the validation.
        now: Timestamp,
    },
    /// It has expired.
    #[error("expired on {not_after}; the time is {now}")]
    Expired {
        /// Until when it was valid.
        not_after: Timestamp,
        /// The time of the validation.
        now: Timestamp,
    },
    /// The path ended with it: no trust anchor or intermediate has the name of its issuer.
    #[error(
        "was issued by \"{0}\", and no trust anchor or intermediate has that subject: that \
         intermediate should be sent along, or its root must be trusted"
    )]
    UnknownIssuer(String),
    /// The path ended with it: the certificate of its issuer is a trust anchor, but is not the
    /// certificate of a CA, so it is trusted only as the peer's own certificate (see [`TrustAnchors`](super::TrustAnchors)).
    #[error("was issued by \"{issuer}\", which is trusted, but is no CA: {reason}")]
    IssuerNotACa {
        /// Its issuer.
        issuer: String,
        /// What is missing in the certificate of its issuer.
        reason: NotACaReason,
    },
    /// The path ended with it: a trust anchor or an intermediate has a subject that looks the same as its
    /// issuer, but is a different name because of the types of its strings (RFC 5280, section 7.1).
    #[error(
        "was issued by \"{0}\"; a trust anchor or an intermediate has a subject that reads the \
         same, but is written with another kind of string, so that it is another name"
    )]
    IssuerEncodedDifferently(String),
    /// The path ended with it: all certificates with the name of its issuer are already in the path. They
    /// have issued each other.
    #[error(
        "was issued by \"{0}\", which is below it on the path: they issued each other, and no trust \
         anchor has that subject"
    )]
    Circular(String),
    /// The path ended with it: its issuer is its own subject.
    #[error("is self-issued and is not a trust anchor")]
    SelfIssued,
    /// The key of the candidate for its issuer, which has this name, did not make the signature.
    #[error("has a signature that was not made by the key of \"{0}\"")]
    BadSignature(String),
    /// It is not valid for the expected name. Only its subject alternative names count, never its subject
    /// (RFC 9525).
    #[error(
        "is not valid for \"{expected}\": {}",
        presented::describe(expected, presented, *omitted)
    )]
    NameMismatch {
        /// The expected name.
        expected: String,
        /// Its DNS names, IP addresses and email addresses, or the first of them.
        presented: Vec<PresentedIdentifier>,
        /// How many more names it has.
        omitted: usize,
    },
    /// The keyUsage extension does not have a bit that the use of the key needs.
    #[error("has a keyUsage without {missing}: it has {}", names_of(has))]
    WrongKeyUsage {
        /// The name of that bit.
        missing: &'static str,
        /// The names of the bits that it has.
        has: Vec<&'static str>,
    },
    /// The extended key usage extension does not allow this purpose.
    #[error("has an extended key usage without {purpose}: it allows {allowed}")]
    WrongExtendedKeyUsage {
        /// The purpose of the validation.
        purpose: Purpose,
        /// The purposes that it allows, as text.
        allowed: String,
    },
    /// It has signed another certificate, but is not the certificate of a CA (RFC 5280, section 6.1.4 (k)).
    #[error("issued another one, but does not say that it is a CA")]
    NotACa,
    /// There are more CAs below it than it allows (RFC 5280, section 4.2.1.9).
    #[error("allows {allowed} CAs below it (pathLenConstraint); there are {found}")]
    PathLengthExceeded {
        /// How many it allows.
        allowed: u32,
        /// How many there are.
        found: usize,
    },
    /// The peer presented the certificate of a CA as its own, which the strict profile refuses.
    #[error("is a CA's, which the strict profile does not accept as the end-entity certificate")]
    CaUsedAsEndEntity,
    /// This critical extension is not supported (RFC 5280, section 4.2).
    #[error("has the critical extension {0}, which is not supported")]
    UnknownCriticalExtension(String),
    /// A CA may not issue for this name (RFC 5280, section 4.2.1.10).
    #[error(
        "is for \"{name}\", which the name constraints of CA \"{authority}\" do not allow: {reason}"
    )]
    NameNotPermitted {
        /// The name.
        name: String,
        /// The CA.
        authority: Box<str>,
        /// The constraint: what is permitted or excluded.
        reason: Box<str>,
    },
    /// The name constraints of a CA cannot be applied, so no certificate that it has issued is accepted.
    /// The text says which constraint.
    #[error("has malformed name constraints: {0}")]
    MalformedNameConstraints(String),
    /// Its issuer has revoked it.
    #[error("was revoked on {date} ({reason}), says the {evidence}; its serial number is {serial}")]
    Revoked {
        /// The serial number in hexadecimal digits.
        serial: String,
        /// The time of the revocation.
        date: Timestamp,
        /// The reason.
        reason: RevocationReason,
        /// Where the status comes from.
        evidence: RevocationEvidence,
    },
    /// Its revocation status is not known, but the policy requires it (see
    /// [`RevocationPolicy`](super::RevocationPolicy)).
    #[error("may have been revoked: {0}")]
    UnknownRevocationStatus(UnknownRevocationStatus),
    /// The CRL or OCSP response about it cannot be used, and there is no other one.
    #[error("may have been revoked: {0}")]
    UnusableRevocationEvidence(RevocationEvidenceError),
    /// It breaks a rule that has no variant of its own. Most rules of the strict profile are such rules.
    #[error("breaks {words} Found: {found}")]
    RuleBroken {
        /// The rule.
        rule: Rule,
        /// Its source and what it says: [`Rule::words`].
        words: &'static str,
        /// What was found instead.
        found: String,
    },
    /// The limit of the work that the peer may cause is reached (see [`PathLimits`](super::PathLimits)).
    #[error("has no path to a trust anchor within the limit of {maximum} {limit}{}", reached(.closest))]
    LimitExceeded {
        /// Which limit.
        limit: Limit,
        /// Its value.
        maximum: usize,
        /// Why the first path that had reached an anchor failed, if there was one.
        closest: Option<Box<CertificateError>>,
    },
}

impl CertificateErrorKind {
    /// The check that failed: a stable name for programs, in lower case with hyphens.
    pub const fn code(&self) -> &'static str {
        match self.rule_or_code() {
            Ok(rule) => rule.code(),
            Err(code) => code,
        }
    }

    /// The rule that was broken. `None` if the certificate is not at fault, for example if a limit was
    /// reached or its issuer is not known.
    pub fn rule(&self) -> Option<Rule> {
        self.rule_or_code().ok()
    }

    /// The rule that was broken, or a code if there is no such rule.
    const fn rule_or_code(&self) -> Result<Rule, &'static str> {
        Ok(match self {
            Self::RuleBroken { rule, .. } => *rule,
            Self::Malformed(_) => Rule::Malformed,
            Self::UnsupportedVersion(_) => Rule::Version,
            Self::SignatureAlgorithmMismatch => Rule::AlgorithmsAgree,
            Self::InvalidSerialNumber => Rule::SerialNumber,
            Self::UnsupportedSignatureAlgorithm { .. } => Rule::Algorithm,
            Self::NotYetValid { .. } => Rule::NotBefore,
            Self::Expired { .. } => Rule::NotAfter,
            Self::BadSignature(_) | Self::KeyKindMismatch { .. } => Rule::Signature,
            Self::IssuerNotACa { reason, .. } => reason.rule(),
            Self::NameMismatch { .. } => Rule::Name,
            Self::WrongKeyUsage { .. } => Rule::KeyUsage,
            Self::WrongExtendedKeyUsage { .. } => Rule::ExtendedKeyUsage,
            Self::NotACa => Rule::IssuerIsCa,
            Self::PathLengthExceeded { .. } => Rule::PathLength,
            Self::CaUsedAsEndEntity => Rule::CaAsEndEntity,
            Self::UnknownCriticalExtension(_) => Rule::KnownExtensions,
            Self::NameNotPermitted { .. } => Rule::NameConstraints,
            Self::MalformedNameConstraints(_) => Rule::ConstraintsParse,
            Self::Rejected(_) | Self::RejectedWith(..) => return Err("rejected"),
            Self::UnknownIssuer(_) | Self::IssuerEncodedDifferently(_) => {
                return Err("unknown-issuer");
            }
            Self::Circular(_) => return Err("circular"),
            Self::SelfIssued => return Err("self-issued"),
            Self::Revoked { .. } => return Err("revoked"),
            Self::UnknownRevocationStatus(missing) => return Err(missing.code()),
            Self::UnusableRevocationEvidence(error) => return Err(error.code()),
            Self::LimitExceeded { .. } => return Err("limit-exceeded"),
        })
    }

    /// After a [`NameMismatch`](Self::NameMismatch): a name that the certificate is valid for, if this is
    /// the peer that the user means. It is not a wildcard.
    pub fn accepted_name(&self) -> Option<&PresentedIdentifier> {
        match self {
            Self::NameMismatch { expected, presented, .. } => {
                presented::accepted_name(expected, presented)
            }
            _ => None,
        }
    }

    /// What usually solves the problem, for the operator of one of the two sides.
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Expired { .. } => {
                "renew it; if it should still be valid, this machine's clock is ahead".into()
            }
            Self::NotYetValid { .. } => {
                "wait; if it should be valid by now, this machine's clock is behind".into()
            }
            Self::NameMismatch { expected, presented, .. } => remedy_of_name(expected, presented),
            Self::WrongKeyUsage { missing, .. } => {
                format!("have it issued with {missing} in its keyUsage")
            }
            Self::NameNotPermitted { .. } => {
                "have it issued by a CA whose constraints allow the name, or without that name"
                    .into()
            }
            Self::MalformedNameConstraints(_) => {
                "have it issued again, with name constraints that follow RFC 5280, section 4.2.1.10"
                    .into()
            }
            Self::WrongExtendedKeyUsage { purpose, .. } => {
                format!("have it issued with {purpose} in its extended key usage, or with none")
            }
            Self::NotACa => {
                "have it issued with CA:TRUE in its basicConstraints, if it is meant to be a CA"
                    .into()
            }
            Self::PathLengthExceeded { .. } => {
                "have it issued with a higher pathLenConstraint, or issue from the CA above".into()
            }
            Self::CaUsedAsEndEntity => {
                "have an end-entity certificate issued that is not a CA's (CA:FALSE)".into()
            }
            Self::UnsupportedSignatureAlgorithm { .. } => {
                "have it issued again, with an algorithm and a key that are supported".into()
            }
            Self::RuleBroken { rule, .. } if rule.profile() == Profile::Strict => {
                "have it issued as the rule says, or use the default profile, which does not have this \
                 rule"
                    .into()
            }
            Self::RuleBroken { .. } => "have it issued as the rule says".into(),
            Self::Revoked { .. } => {
                "replace it with one that is not revoked, with a new key".into()
            }
            Self::UnknownRevocationStatus(missing) => missing.remedy(),
            Self::UnusableRevocationEvidence(error) => return error.remedy(),
            Self::LimitExceeded { closest: Some(error), .. } => return error.kind.remedy(),
            _ => return self.remedy_of_issuer(),
        })
    }

    /// As [`remedy`](Self::remedy), for a path that does not reach a trust anchor.
    fn remedy_of_issuer(&self) -> Option<String> {
        Some(match self {
            Self::UnknownIssuer(issuer) => format!(
                "send the certificate of \"{issuer}\" along with the end-entity certificate, or trust \
                 it if it is a root"
            ),
            Self::Circular(_) => {
                "send the certificate that a root issued for one of them, or trust one of them"
                    .into()
            }
            Self::SelfIssued => {
                "if it is the right one, get it from its owner in a way that you trust, and trust it"
                    .into()
            }
            Self::IssuerNotACa { issuer, reason } => {
                format!("have \"{issuer}\" issued again, with {}", reason.wanted())
            }
            Self::IssuerEncodedDifferently(issuer) => format!(
                "have it issued again, with its issuer encoded exactly as the subject of the \
                 certificate of \"{issuer}\""
            ),
            Self::BadSignature(issuer) | Self::KeyKindMismatch { issuer, .. } => format!(
                "\"{issuer}\" may have a new key under its old name: use its certificate from the \
                 time when this one was issued, or have this one issued again with the new key"
            ),
            _ => return None,
        })
    }
}

/// The functions are inlined where the rule is a constant. So a program has only the words of the rules that
/// it checks, and not those of the strict profile, if it does not use it.
impl Rule {
    /// Checks that the rule `holds`. If it does not, the error says what was `found` instead.
    #[inline(always)]
    pub(super) fn check<S: AsRef<str>>(
        self,
        holds: bool,
        found: impl FnOnce() -> S,
    ) -> Result<(), CertificateErrorKind> {
        if holds { Ok(()) } else { Err(self.broken(self.words(), found().as_ref())) }
    }

    /// Checks that nothing was `found` that breaks the rule.
    #[inline(always)]
    pub(super) fn unless(self, found: Option<impl AsRef<str>>) -> Result<(), CertificateErrorKind> {
        match found {
            Some(found) => Err(self.broken(self.words(), found.as_ref())),
            None => Ok(()),
        }
    }

    /// Not inlined: there are dozens of rules.
    #[cold]
    #[inline(never)]
    fn broken(self, words: &'static str, found: &str) -> CertificateErrorKind {
        CertificateErrorKind::RuleBroken { rule: self, words, found: found.to_owned() }
    }
}

/// The names of the bits of a keyUsage, in words.
fn names_of(bits: &[&'static str]) -> String {
    match bits {
        [] => "no bit".to_owned(),
        bits => bits.join(", "),
    }
}

/// The remedy for a certificate that is valid for these names, and not for the expected one.
fn remedy_of_name(expected: &str, names: &[PresentedIdentifier]) -> String {
    let wanted = presented::as_presented(expected);
    match presented::accepted_name(expected, names) {
        Some(PresentedIdentifier { name, .. }) => format!(
            "ask for a name that it is valid for, such as {name}, or have it issued with {wanted} too"
        ),
        None => format!(
            "have it issued with {wanted} among its subject alternative names: its subject does not \
             count"
        ),
    }
}

/// Why a trusted certificate may not issue others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NotACaReason {
    /// It has no basicConstraints extension.
    #[error("it has no basicConstraints")]
    NoBasicConstraints,
    /// Its basicConstraints say CA:FALSE.
    #[error("its basicConstraints say CA:FALSE")]
    CaFalse,
    /// Its keyUsage extension has no keyCertSign.
    #[error("its keyUsage has no keyCertSign")]
    NoKeyCertSign,
}

impl NotACaReason {
    /// The rule that it would break if it issued others.
    const fn rule(self) -> Rule {
        match self {
            Self::NoBasicConstraints | Self::CaFalse => Rule::IssuerIsCa,
            Self::NoKeyCertSign => Rule::KeyUsage,
        }
    }

    /// What is missing.
    fn wanted(self) -> &'static str {
        match self {
            Self::NoBasicConstraints | Self::CaFalse => "CA:TRUE in its basicConstraints",
            Self::NoKeyCertSign => "keyCertSign in its keyUsage",
        }
    }
}

/// A limit of [`PathLimits`](super::PathLimits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`depth`](super::PathLimits::depth)
    Depth,
    /// [`signature_checks`](super::PathLimits::signature_checks)
    SignatureChecks,
    /// [`candidates`](super::PathLimits::candidates)
    Candidates,
    /// [`intermediates`](super::PathLimits::intermediates)
    Intermediates,
    /// [`name_comparisons`](super::PathLimits::name_comparisons)
    NameComparisons,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Depth => "intermediates in a path",
            Self::SignatureChecks => "signatures to verify",
            Self::Candidates => "candidates for an issuer",
            Self::Intermediates => "intermediates sent",
            Self::NameComparisons => "comparisons with name constraints",
        })
    }
}

/// Why a signature with a certificate's key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The algorithm does not work with this kind of key.
    #[error("the certificate's key is not of the kind that the signature's algorithm needs")]
    UnsupportedKey,
    /// The key did not make this signature of this message.
    #[error("the signature is not valid")]
    Invalid,
}

fn reached(closest: &Option<Box<CertificateError>>) -> String {
    let words = |error| format!("; before it was used up, a path failed: {error}");
    closest.as_ref().map(words).unwrap_or_default()
}

impl From<RevocationEvidenceError> for CertificateErrorKind {
    fn from(error: RevocationEvidenceError) -> Self {
        Self::UnusableRevocationEvidence(error)
    }
}

impl From<UnknownRevocationStatus> for CertificateErrorKind {
    fn from(missing: UnknownRevocationStatus) -> Self {
        Self::UnknownRevocationStatus(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do() {
        let error = |kind| CertificateError { certificate: "CN=example.com".to_owned(), kind };
        let text = error(CertificateErrorKind::UnknownIssuer("CN=R3".to_owned())).to_string();
        assert!(text.contains("\"CN=example.com\" was issued by \"CN=R3\""), "{text}");
        assert!(text.contains("should be sent along"), "{text}");
        let text = error(CertificateErrorKind::SelfIssued).to_string();
        assert!(text.contains("self-issued"), "{text}");
    }

    #[test]
    fn codes_and_remedies() {
        assert_eq!(CertificateErrorKind::NotACa.code(), "not-a-ca");
        assert_eq!(CertificateErrorKind::NotACa.rule(), Some(Rule::IssuerIsCa));
        assert_eq!(CertificateErrorKind::SelfIssued.code(), "self-issued");
        assert_eq!(CertificateErrorKind::SelfIssued.rule(), None);
        let mismatch = |presented: &[&str]| CertificateErrorKind::NameMismatch {
            expected: "a.example".into(),
            presented: presented.iter().map(|&name| presented::as_presented(name)).collect(),
            omitted: 0,
        };
        assert!(mismatch(&["b.example"]).remedy().unwrap().contains("such as b.example"));
        assert!(mismatch(&[]).remedy().unwrap().contains("with DNS:a.example among"));
        let remedy = CertificateErrorKind::UnknownIssuer("CN=R3".into()).remedy().unwrap();
        assert!(remedy.contains("send the certificate of \"CN=R3\""), "{remedy}");
    }
}
