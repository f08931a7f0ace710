//! Trust anchors.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::Arc;

use pki_types::{CertificateDer, TrustAnchor};

use super::certificate::{Certificate, IssuingConstraints, V3};
use super::certificate_name::CertificateName;
use super::der;
use super::distinguished_name::describe;
use super::error::{CertificateError, NotACaReason};
use super::issuer::Issuer;
use super::oid;
use super::signature::{OwnedKey, PublicKey};
use super::time::Validity;
use crate::pem::{PemError, PemErrorKind};

/// The name of a certificate in an error here.
const PLACE: &str = "trust anchor";

/// Why trust anchors, or one of them, cannot be used.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustAnchorError {
    /// The text is not PEM, or it has no certificate. Then the error names the sections that it has,
    /// such as a private key.
    #[error("{problem}: {0}", problem = problem_of_text(.0))]
    Pem(#[source] PemError),
    /// The DER has no certificate.
    #[error("there is no certificate among the trust anchors")]
    NoCertificate,
    /// A certificate cannot be decoded.
    #[error("trust anchor {number}: {error}")]
    Certificate {
        /// Its number, counted from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        error: CertificateError,
    },
    /// The anchors of the system, or some of them, cannot be read. The text says why.
    #[error("trusted certificates cannot be read: {0}")]
    Unreadable(String),
}

/// `Debug` prints the text of `Display`: a derived one would put the names of all variants into the program.
impl fmt::Debug for TrustAnchorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchorError({self})")
    }
}

/// The trust anchors: the names and keys that a path may end with.
///
/// An anchor is a name and a key (RFC 5280, section 6.1.1 (d)), and the constraints of its certificate
/// on what it may issue: a path length, name constraints, an extended key usage. Its dates, its serial
/// number and its signature do not matter: it is trusted because it was added here.
///
/// A certificate that is not a CA's can be an anchor too, but then it may issue nothing: to trust a
/// self-signed server certificate does not make its owner a CA. A self-signed certificate of version 1
/// or 2 without extensions may issue others, because it cannot say whether it is a CA's.
#[derive(Clone, Default)]
pub struct TrustAnchors {
    /// The anchors of each name.
    named: Vec<Vec<Anchor>>,
    /// Where the names are in `named`. The time to add a name to a set hardly grows with their number.
    places: BTreeSet<Place>,
    /// The DER of all certificates. Many may have one name, such as those of devices that trust one another.
    certificates: BTreeSet<Arc<[u8]>>,
}

/// Where the anchors of a name are. The order is that of the fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    fingerprint: u64,
    index: usize,
}

#[derive(Clone)]
pub(super) struct Anchor {
    pub(super) label: String,
    pub(super) subject: CertificateName<'static>,
    /// The subjectKeyIdentifier of its certificate.
    pub(super) key_id: Option<Vec<u8>>,
    pub(super) key: OwnedKey,
    /// What it may issue, or why it may issue nothing.
    pub(super) constraints: Result<IssuingConstraints, NotACaReason>,
    /// The DER of its certificate. It shows whether a peer presents the same certificate.
    certificate: Option<Arc<[u8]>>,
    /// Whether its keyUsage is absent or allows it to sign CRLs.
    pub(super) signs_crls: bool,
    /// The dates of its certificate, if it has one.
    pub(super) dates: Option<Validity>,
}

impl Anchor {
    /// Whether both are the same name, key and constraints without a certificate.
    fn is_same_without_certificate(&self, other: &Self) -> bool {
        self.certificate.is_none()
            && other.certificate.is_none()
            && *self.subject == *other.subject
            && self.key == other.key
            && self.constraints == other.constraints
    }

    /// The DER of its certificate, if it has one.
    pub(super) fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }

    /// The anchor as the issuer of a certificate.
    pub(super) fn issuer(&self) -> Issuer<'_> {
        Issuer {
            subject: &self.subject,
            key: self.key.borrow(),
            key_id: self.key_id.as_deref(),
            signs_crls: self.signs_crls,
        }
    }
}

impl TrustAnchors {
    /// Creates an empty set of anchors, with which no path is valid.
    pub fn new() -> Self {
        Self::default()
    }

    /// The DER of each anchor's name, once and in a fixed order: the certificate_authorities of a server
    /// or a client.
    pub fn subjects(&self) -> Vec<Vec<u8>> {
        let mut names: Vec<&[u8]> = self.names().collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| der::wrap(der::SEQUENCE, name)).collect()
    }

    /// Adds a certificate. To add the same one again changes nothing.
    ///
    /// # Errors
    ///
    /// [`CertificateErrorKind::Malformed`](super::CertificateErrorKind::Malformed).
    pub fn add(&mut self, certificate: CertificateDer<'_>) -> Result<(), CertificateError> {
        let decoded = Certificate::decode(&certificate).map_err(malformed)?;
        // A certificate before version 3 could not say that it is a CA's, and there are such roots. If
        // it is not self-issued, it may as well be a server's.
        let is_old_root = decoded.version < V3 && decoded.is_self_issued;
        let is_authority = decoded.is_ca || (is_old_root && decoded.extensions.is_empty());
        let label = decoded.label();
        let signs_crls = decoded.may_sign_crls();
        let constraints = if is_authority && decoded.may_sign_certificates() {
            Ok(decoded.constraints)
        } else if is_authority {
            Err(NotACaReason::NoKeyCertSign)
        } else if decoded.extension(oid::BASIC_CONSTRAINTS).is_some() {
            Err(NotACaReason::CaFalse)
        } else {
            Err(NotACaReason::NoBasicConstraints)
        };
        let der: Arc<[u8]> = certificate.as_ref().into();
        let anchor = Anchor {
            dates: Some(decoded.dates),
            label,
            subject: decoded.subject.into_owned(),
            key_id: decoded.subject_key_id.map(<[u8]>::to_vec),
            key: decoded.key.into(),
            constraints,
            certificate: Some(Arc::clone(&der)),
            signs_crls,
        };
        if self.certificates.insert(der) {
            self.insert(anchor);
        }
        Ok(())
    }

    /// Adds a name and a key that come without a certificate. Their DER may have the header of the
    /// outer SEQUENCE or not, because both are in use.
    ///
    /// # Errors
    ///
    /// [`CertificateErrorKind::Malformed`](super::CertificateErrorKind::Malformed).
    pub fn add_anchor(&mut self, anchor: TrustAnchor<'_>) -> Result<(), CertificateError> {
        // The contents themselves are never a single SEQUENCE: a Name consists of SETs, a key of two
        // elements, and constraints have context tags.
        let contents = |bytes: &[u8]| der::only(bytes, der::SEQUENCE).unwrap_or(bytes).to_vec();
        let subject = contents(&anchor.subject);
        let spki = contents(&anchor.subject_public_key_info);
        let subject = CertificateName::read(&subject)
            .ok_or_else(|| malformed("its subject does not parse"))?
            .into_owned();
        let key =
            PublicKey::read(&spki).ok_or_else(|| malformed("its public key does not parse"))?;
        let name_constraints = anchor.name_constraints.as_deref().map(contents);
        let constraints = IssuingConstraints { name_constraints, ..IssuingConstraints::default() };
        let anchor = Anchor {
            label: describe(&subject),
            subject,
            key_id: None,
            key: key.into(),
            constraints: Ok(constraints),
            certificate: None,
            signs_crls: true,
            dates: None,
        };
        let mut named = self.with_name(&anchor.subject).iter();
        if !named.any(|other| other.is_same_without_certificate(&anchor)) {
            self.insert(anchor);
        }
        Ok(())
    }

    /// The subject of each anchor as text, escaped, in the order in which they were added. Those of one name are
    /// together.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.named.iter().flatten().map(|anchor| anchor.label.as_str())
    }

    /// The number of different anchors.
    pub fn len(&self) -> usize {
        self.named.iter().map(Vec::len).sum()
    }

    /// Whether there are no anchors.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// The anchors with this name that may issue certificates.
    pub(super) fn issuers(&self, name: &CertificateName<'_>) -> impl Iterator<Item = &Anchor> {
        self.with_name(name).iter().filter(|anchor| anchor.constraints.is_ok())
    }

    /// The anchors with this name, in any encoding.
    pub(super) fn with_name(&self, name: &CertificateName<'_>) -> &[Anchor] {
        let index = self.index_of(name);
        index.and_then(|index| self.named.get(index)).map_or(&[], Vec::as_slice)
    }

    /// Where the anchors with this name are in `named`.
    fn index_of(&self, name: &CertificateName<'_>) -> Option<usize> {
        let fingerprint = name.fingerprint();
        let first = Place { fingerprint, index: 0 };
        let places = self.places.range(first..);
        for place in places.take_while(|place| place.fingerprint == fingerprint) {
            let anchor = self.named.get(place.index)?.first()?;
            if anchor.subject.is_same(name) {
                return Some(place.index);
            }
        }
        None
    }

    /// The contents of the Names of all anchors.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.named.iter().flatten().map(|anchor| &*anchor.subject)
    }

    /// Whether an anchor has this certificate, byte for byte.
    pub(super) fn contains(&self, certificate: &Certificate<'_>) -> bool {
        // Most certificates have no anchor's name. To look for one of that name costs less than to compare the DER.
        self.index_of(&certificate.subject).is_some() && self.certificates.contains(certificate.der)
    }

    /// Inserts an anchor that is not there yet.
    fn insert(&mut self, anchor: Anchor) {
        let index = self.index_of(&anchor.subject);
        match index.and_then(|index| self.named.get_mut(index)) {
            Some(named) => named.push(anchor),
            None => {
                let fingerprint = anchor.subject.fingerprint();
                let place = Place { fingerprint, index: self.named.len() };
                self.places.insert(place);
                self.named.push(vec![anchor]);
            }
        }
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.len())
    }
}

/// The words before those of the PEM reader.
fn problem_of_text(error: &PemError) -> &'static str {
    match error.kind {
        PemErrorKind::NotFound { .. } => "the text of the trust anchors cannot be used",
        _ => "the trust anchors are not PEM",
    }
}

pub(super) fn malformed(reason: impl Into<String>) -> CertificateError {
    CertificateError::malformed(PLACE, reason)
}
