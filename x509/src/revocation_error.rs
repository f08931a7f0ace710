//! What can be wrong with revocation evidence.

use core::fmt;

use super::time::Timestamp;

/// Why a CRL cannot be used for any certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlError {
    /// The text is not PEM.
    #[error("the CRLs are not PEM: {0}")]
    Pem(#[source] crate::pem::PemError),
    /// The text has no CRL.
    #[error("there is no CRL in the text; its PEM label is \"X509 CRL\"")]
    NoCrl,
    /// The CRL cannot be decoded. The text says why.
    #[error("the CRL is malformed: {0}")]
    Malformed(&'static str),
    /// The signed part and the part beside it name different signature algorithms (RFC 5280, section
    /// 5.1.1.2).
    #[error("the CRL names one signature algorithm in its signed part and another beside it")]
    SignatureAlgorithmMismatch,
    /// It is a delta CRL (section 5.2.4): it only has the changes to another CRL.
    #[error("the CRL is a delta CRL, which is not supported: give the complete CRL instead")]
    Delta,
    /// It is an indirect CRL (section 5.2.5): it lists the certificates of several authorities.
    #[error(
        "the CRL is an indirect CRL, which is not supported: give the CRLs of the authorities \
         themselves instead"
    )]
    Indirect,
    /// The CRL or one of its entries has an unsupported critical extension, so the CRL must not be
    /// used (sections 5.2 and 5.3).
    #[error(
        "the CRL has the critical extension {0}, which is not supported, so the CRL cannot be used"
    )]
    UnknownCriticalExtension(String),
}

impl CrlError {
    /// A stable name for programs, in lower case with hyphens.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Pem(_) | Self::NoCrl | Self::Malformed(_) | Self::SignatureAlgorithmMismatch => {
                "crl-malformed"
            }
            Self::Delta => "crl-delta",
            Self::Indirect => "crl-indirect",
            Self::UnknownCriticalExtension(_) => "crl-unknown-critical-extension",
        }
    }
}

/// The kinds of evidence that say whether a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationEvidence {
    /// A CRL (RFC 5280, section 5).
    Crl,
    /// An OCSP response (RFC 6960).
    OcspResponse,
}

impl fmt::Display for RevocationEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crl => "CRL of its issuer",
            Self::OcspResponse => "OCSP response",
        })
    }
}

/// Why a CRL or an OCSP response that covers a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationEvidenceError {
    /// It is outdated: there must be a newer one by now.
    #[error("the {evidence} is outdated since {next_update}; the time is {now}")]
    Stale {
        /// The kind of evidence.
        evidence: RevocationEvidence,
        /// Its nextUpdate: the time by which its issuer wanted to replace it.
        next_update: Timestamp,
        /// The time of the validation.
        now: Timestamp,
    },
    /// It does not say when there will be a newer one, so it may be outdated.
    #[error("the {0} has no nextUpdate, so it may be outdated")]
    NoNextUpdate(RevocationEvidence),
    /// It was issued in the future.
    #[error("the {evidence} was issued on {this_update}; the time is {now}")]
    NotYetValid {
        /// The kind of evidence.
        evidence: RevocationEvidence,
        /// Its thisUpdate: the time of its issue.
        this_update: Timestamp,
        /// The time of the validation.
        now: Timestamp,
    },
    /// The key of its signer did not make its signature.
    #[error("the {evidence} has a signature that was not made by the key of \"{signer}\"")]
    BadSignature {
        /// The kind of evidence.
        evidence: RevocationEvidence,
        /// The subject of the signer.
        signer: String,
    },
    /// None of the accepted algorithms verifies its signature.
    #[error("the {evidence} is signed with {algorithm}, which is not supported with this key")]
    UnsupportedSignatureAlgorithm {
        /// The kind of evidence.
        evidence: RevocationEvidence,
        /// The signature's algorithm.
        algorithm: String,
    },
    /// The keyUsage of the issuer does not allow its key to sign CRLs (RFC 5280, section 6.3.3 (f)).
    #[error(
        "the keyUsage of its issuer \"{0}\" has no cRLSign, so the issuer's CRL does not count"
    )]
    MayNotSignCrls(String),
    /// The certificate's own cRLDistributionPoints do not parse, so it is not known which CRLs cover
    /// it.
    #[error("its cRLDistributionPoints are malformed")]
    MalformedDistributionPoints,
    /// The OCSP response cannot be decoded. The text says why.
    #[error("the OCSP response is malformed: {0}")]
    MalformedResponse(&'static str),
    /// The responder answered with an error: this OCSPResponseStatus (RFC 6960, section 4.2.1).
    #[error("the OCSP responder answered with an error: {}", response_status(*.0))]
    Unsuccessful(u8),
    /// The OCSP response has an unsupported critical extension.
    #[error("the OCSP response has the critical extension {0}, which is not supported")]
    UnknownCriticalExtension(String),
    /// The OCSP response is only about other certificates.
    #[error("the OCSP response is not about this certificate of this issuer")]
    OtherCertificate,
    /// The certificate is an anchor itself, and its issuer is neither an anchor nor among the
    /// intermediates. So the signature of the issuer's evidence cannot be verified. Or a CRL is checked by
    /// itself, and its issuer is not known.
    #[error(
        "the {evidence} cannot be verified: the certificate of its issuer \"{issuer}\" is not known"
    )]
    UnknownIssuer {
        /// The kind of evidence.
        evidence: RevocationEvidence,
        /// The name of the issuer.
        issuer: String,
    },
    /// The OCSP response names a responder that is not the issuer and whose certificate is not in the
    /// response.
    #[error(
        "the OCSP response is not signed by the issuer \"{0}\", and the certificate of the \
         responder that it names is not in it"
    )]
    UnknownResponder(String),
    /// The signer of the OCSP response is not authorized to sign it (RFC 6960, section 4.2.2.2).
    #[error("the OCSP response is signed by \"{responder}\", which is not authorized: it {reason}")]
    UnauthorizedResponder {
        /// The subject of the signer's certificate, which came with the response.
        responder: String,
        /// What is wrong with that certificate.
        reason: String,
    },
}

/// Why a certificate's revocation status is not known although it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownRevocationStatus {
    /// The policy requires evidence, and there is none for this certificate.
    #[error(
        "the policy requires a CRL of \"{0}\" that covers it, or an OCSP response for it, and there \
         is neither"
    )]
    NoEvidence(String),
    /// The certificate demands a stapled OCSP response (RFC 7633), and the peer sent none.
    #[error("it demands a stapled OCSP response (must-staple, RFC 7633), and the peer sent none")]
    NoStapledResponse,
    /// The OCSP responder does not know the certificate.
    #[error("its OCSP responder answered that it does not know the certificate")]
    UnknownToResponder,
}

impl RevocationEvidenceError {
    /// The kind of evidence that cannot be used.
    pub const fn evidence(&self) -> RevocationEvidence {
        match self {
            Self::Stale { evidence, .. }
            | Self::NoNextUpdate(evidence)
            | Self::NotYetValid { evidence, .. }
            | Self::BadSignature { evidence, .. }
            | Self::UnsupportedSignatureAlgorithm { evidence, .. }
            | Self::UnknownIssuer { evidence, .. } => *evidence,
            Self::MayNotSignCrls(_) | Self::MalformedDistributionPoints => RevocationEvidence::Crl,
            _ => RevocationEvidence::OcspResponse,
        }
    }

    pub(crate) const fn code(&self) -> &'static str {
        use RevocationEvidence::Crl;
        match self {
            Self::Stale { evidence: Crl, .. } => "crl-stale",
            Self::Stale { .. } => "ocsp-stale",
            Self::NoNextUpdate(Crl) => "crl-without-next-update",
            Self::NoNextUpdate(_) => "ocsp-without-next-update",
            Self::NotYetValid { evidence: Crl, .. } => "crl-not-yet-valid",
            Self::NotYetValid { .. } => "ocsp-not-yet-valid",
            Self::BadSignature { evidence: Crl, .. } => "crl-bad-signature",
            Self::BadSignature { .. } => "ocsp-bad-signature",
            Self::UnsupportedSignatureAlgorithm { evidence: Crl, .. } => {
                "crl-unsupported-algorithm"
            }
            Self::UnsupportedSignatureAlgorithm { .. } => "ocsp-unsupported-algorithm",
            Self::UnknownIssuer { evidence: Crl, .. } => "crl-unknown-issuer",
            Self::UnknownIssuer { .. } => "ocsp-unknown-issuer",
            Self::MayNotSignCrls(_) => "crl-issuer-without-crl-sign",
            Self::MalformedDistributionPoints => "malformed-distribution-points",
            Self::MalformedResponse(_) => "ocsp-malformed",
            Self::Unsuccessful(_) => "ocsp-unsuccessful",
            Self::UnknownCriticalExtension(_) => "ocsp-unknown-critical-extension",
            Self::OtherCertificate => "ocsp-other-certificate",
            Self::UnknownResponder(_) => "ocsp-unknown-responder",
            Self::UnauthorizedResponder { .. } => "ocsp-unauthorized-responder",
        }
    }

    pub(crate) fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Stale { evidence: RevocationEvidence::Crl, .. } => {
                "fetch the CRL again; if it is the newest one, its issuer no longer issues CRLs"
                    .into()
            }
            Self::Stale { .. } => {
                "find out why the server does not fetch a new OCSP response from its responder"
                    .into()
            }
            Self::NoNextUpdate(evidence) => format!("have the {evidence} issued with a nextUpdate"),
            Self::NotYetValid { .. } => "this machine's clock may be behind".into(),
            Self::BadSignature { evidence: RevocationEvidence::Crl, signer } => format!(
                "\"{signer}\" may have another key now: use the CRL that the key of its certificate \
                 on this path signed"
            ),
            Self::UnknownIssuer { issuer, .. } => format!(
                "send the certificate of \"{issuer}\" along with the end-entity certificate, or trust \
                 it too"
            ),
            Self::MayNotSignCrls(issuer) => {
                format!("have \"{issuer}\" issued with cRLSign in its keyUsage")
            }
            Self::OtherCertificate => {
                "check whether the server has a new certificate, but a response about the old one"
                    .into()
            }
            _ => return None,
        })
    }
}

impl UnknownRevocationStatus {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoEvidence(_) => "revocation-unknown",
            Self::NoStapledResponse => "staple-missing",
            Self::UnknownToResponder => "ocsp-unknown",
        }
    }

    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::NoEvidence(issuer) => format!("provide the newest CRL of \"{issuer}\""),
            Self::NoStapledResponse => "enable OCSP stapling at the server".to_owned(),
            Self::UnknownToResponder => {
                "check whether its issuer has issued the certificate at all".to_owned()
            }
        }
    }
}

/// The reason for a revocation: a CRLReason (RFC 5280, section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RevocationReason(pub u8);

impl RevocationReason {
    /// No reason is given. An absent reason means the same.
    pub const UNSPECIFIED: Self = Self(0);
    /// The private key may be known to others.
    pub const KEY_COMPROMISE: Self = Self(1);
    /// The certificate is revoked for a time, and may become valid again.
    pub const CERTIFICATE_HOLD: Self = Self(6);
    /// The certificate was on hold and is valid again.
    pub const REMOVE_FROM_CRL: Self = Self(8);
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "unspecified",
            1 => "keyCompromise",
            2 => "cACompromise",
            3 => "affiliationChanged",
            4 => "superseded",
            5 => "cessationOfOperation",
            6 => "certificateHold",
            8 => "removeFromCRL",
            9 => "privilegeWithdrawn",
            10 => "aACompromise",
            other => return write!(f, "reason {other}"),
        })
    }
}

fn response_status(status: u8) -> String {
    match status {
        1 => "malformedRequest".to_owned(),
        2 => "internalError".to_owned(),
        3 => "tryLater".to_owned(),
        5 => "sigRequired".to_owned(),
        6 => "unauthorized: it may not know the certificate, or may not answer for its issuer"
            .to_owned(),
        other => format!("status {other}"),
    }
}
