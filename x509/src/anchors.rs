//! Whom to believe.

use core::fmt;
use std::collections::{BTreeSet, HashMap};

use pki_types::{CertificateDer, TrustAnchor};

use super::certificate::{Certificate, IssuingConstraints, V3};

use super::der;
use super::distinguished_name::{describe, normalize};
use super::error::{CertificateError, CertificateErrorKind, NotACaReason};
use super::issuer::Issuer;
use super::oid;
use super::signature::{OwnedKey, PublicKey};
use super::time::Timestamp;
use super::{checks, strict};
use crate::pem::{PemError, PemErrorKind};

/// How errors call a certificate here.
const PLACE: &str = "trust anchor";

/// Why trust anchors were not taken, or one of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustAnchorError {
    /// The text is not PEM, or has no certificate in it: then the error names the sections that are
    /// there, such as a private key.
    #[error("{problem}: {0}", problem = problem_of_text(.0))]
    Pem(#[source] PemError),
    /// The DER has no certificate in it.
    #[error("there is no certificate among the trust anchors")]
    NoCertificate,
    /// A certificate cannot be decoded.
    #[error("trust anchor {number}: {error}")]
    Certificate {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        error: CertificateError,
    },
    /// The system's own cannot be read, or not all of them: what it says of it.
    #[error("trusted certificates cannot be read: {0}")]
    Unreadable(String),
}

/// The roots of trust: names with keys whose certificates are believed.
///
/// An anchor is a name and a key (RFC 5280, section 6.1.1 (d)), and what its certificate says about
/// what it may issue: a path length, name constraints, an extended key usage. Its dates, its serial
/// number and its signature mean nothing: it is trusted because it is in here.
///
/// A certificate that is not a CA's can be an anchor too, and then stands for itself alone: a
/// self-signed server certificate that is trusted on purpose does not make its owner a CA. Only a
/// self-signed one of before version 3 does, as it has no way to say whose it is.
#[derive(Clone, Default)]
pub struct TrustAnchors {
    /// By normalized subject.
    by_subject: HashMap<Vec<u8>, Vec<Anchor>>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) label: String,
    /// Contents of the Name.
    pub(super) subject: Vec<u8>,
    /// The subject in the form that is compared (see `distinguished_name`).
    pub(super) normalized_subject: Vec<u8>,
    /// The subjectKeyIdentifier of its certificate.
    pub(super) key_id: Option<Vec<u8>>,
    pub(super) key: OwnedKey,
    /// What it may issue; or why it may issue nothing, so that it stands for itself alone.
    constraints: Result<IssuingConstraints, NotACaReason>,
    /// As it came, to recognise it when a peer presents it.
    certificate: Option<Vec<u8>>,
    /// Whether its keyUsage allows to sign CRLs, or says nothing.
    pub(super) signs_crls: bool,
    /// What the strict profile finds in its certificate, whatever the time.
    pub(super) strict: Result<(), CertificateErrorKind>,
    /// From when until when its certificate is valid.
    pub(super) dates: Option<(Timestamp, Timestamp)>,
}

impl Anchor {
    /// The anchor as the issuer of a certificate.
    pub(super) fn issuer(&self) -> Issuer<'_> {
        Issuer {
            subject: &self.subject,
            normalized_subject: &self.normalized_subject,
            key: self.key.borrow(),
            key_id: self.key_id.as_deref(),
            signs_crls: self.signs_crls,
        }
    }
}

impl TrustAnchors {
    /// No anchors: nothing is believed.
    pub fn new() -> Self {
        Self::default()
    }

    /// The DER of each anchor's name, sorted: what a server says that it takes certificates of.
    pub fn subjects(&self) -> Vec<Vec<u8>> {
        let anchors = self.by_subject.values().flatten();
        let names = anchors.map(|anchor| der::wrap(der::SEQUENCE, &anchor.subject));
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Trusts a certificate. The same one again changes nothing.
    ///
    /// # Errors
    ///
    /// [`CertificateErrorKind::Malformed`](super::CertificateErrorKind::Malformed).
    pub fn add(&mut self, certificate: CertificateDer<'_>) -> Result<(), CertificateError> {
        let decoded = Certificate::decode(&certificate).map_err(malformed)?;
        // Before version 3 there was no way to say "CA", and there are roots from then. What another
        // one issued may as well be a server's.
        let is_old_root = decoded.version < V3 && decoded.is_self_issued();
        let issues = decoded.is_ca || (is_old_root && decoded.extensions.is_empty());
        let (label, strict) = (decoded.label(), strict::anchor(&decoded));
        let constraints = if issues && checks::may_sign_certificates(&decoded) {
            Ok(decoded.constraints)
        } else if issues {
            Err(NotACaReason::NoKeyCertSign)
        } else if decoded.extension(oid::BASIC_CONSTRAINTS).is_some() {
            Err(NotACaReason::CaFalse)
        } else {
            Err(NotACaReason::NoBasicConstraints)
        };
        let anchor = Anchor {
            strict,
            dates: Some((decoded.not_before, decoded.not_after)),
            label,
            subject: decoded.subject.to_vec(),
            normalized_subject: decoded.normalized_subject,
            key_id: decoded.subject_key_id.map(<[u8]>::to_vec),
            key: decoded.key.into(),
            constraints,
            certificate: Some(certificate.to_vec()),
            signs_crls: checks::may_sign_crls(decoded.key_usage),
        };
        self.insert(anchor);
        Ok(())
    }

    /// Trusts a name and a key that come without a certificate. Their DER is taken with or without
    /// the header of the outer SEQUENCE; both are in use.
    ///
    /// # Errors
    ///
    /// [`CertificateErrorKind::Malformed`](super::CertificateErrorKind::Malformed).
    pub fn add_anchor(&mut self, anchor: TrustAnchor<'_>) -> Result<(), CertificateError> {
        // No contents are themselves one SEQUENCE: a Name's are SETs, a key's are two elements, and
        // constraints have context tags.
        let contents = |bytes: &[u8]| der::only(bytes, der::SEQUENCE).unwrap_or(bytes).to_vec();
        let subject = contents(&anchor.subject);
        let spki = contents(&anchor.subject_public_key_info);
        let normalized_subject =
            normalize(&subject).ok_or_else(|| malformed("its subject does not parse"))?;
        let key =
            PublicKey::read(&spki).ok_or_else(|| malformed("its public key does not parse"))?;
        let name_constraints = anchor.name_constraints.as_deref().map(contents);
        let constraints = IssuingConstraints { name_constraints, ..IssuingConstraints::default() };
        let anchor = Anchor {
            label: describe(&subject),
            normalized_subject,
            subject,
            key_id: None,
            key: key.into(),
            constraints: Ok(constraints),
            certificate: None,
            signs_crls: true,
            strict: Ok(()),
            dates: None,
        };
        self.insert(anchor);
        Ok(())
    }

    /// How many different anchors there are.
    pub fn len(&self) -> usize {
        self.by_subject.values().map(Vec::len).sum()
    }

    /// Whether nothing is believed.
    pub fn is_empty(&self) -> bool {
        self.by_subject.is_empty()
    }

    /// The anchors that may have issued a certificate whose issuer has this normalized name, with what
    /// they may issue.
    pub(super) fn issuers(
        &self,
        name: &[u8],
    ) -> impl Iterator<Item = (&Anchor, &IssuingConstraints)> {
        let named = self.by_subject.get(name).into_iter().flatten();
        named.filter_map(|anchor| Some((anchor, anchor.constraints.as_ref().ok()?)))
    }

    /// Those of the same name that stand for themselves alone, with the reason.
    pub(super) fn no_issuers(&self, name: &[u8]) -> impl Iterator<Item = (&Anchor, NotACaReason)> {
        let named = self.by_subject.get(name).into_iter().flatten();
        named.filter_map(|anchor| Some((anchor, anchor.constraints.as_ref().err().copied()?)))
    }

    /// Contents of the Names of all anchors.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.by_subject.values().flatten().map(|anchor| anchor.subject.as_slice())
    }

    /// Whether this very certificate was added.
    pub(super) fn contains(&self, certificate: &Certificate<'_>) -> bool {
        let named = self.by_subject.get(&certificate.normalized_subject);
        let mut known = named.into_iter().flatten().filter_map(|it| it.certificate.as_deref());
        known.any(|known| known == certificate.der)
    }

    fn insert(&mut self, anchor: Anchor) {
        let named = self.by_subject.entry(anchor.normalized_subject.clone()).or_default();
        if !named.contains(&anchor) {
            named.push(anchor);
        }
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.len())
    }
}

/// What stands before the words of the PEM reader.
fn problem_of_text(error: &PemError) -> &'static str {
    match error.kind {
        PemErrorKind::NotFound { .. } => "the text of the trust anchors cannot be used",
        _ => "the trust anchors are not PEM",
    }
}

fn malformed(reason: impl Into<String>) -> CertificateError {
    CertificateError::malformed(PLACE, reason)
}
