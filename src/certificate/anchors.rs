//! Whom to believe.

use core::fmt;
use std::collections::{HashMap, HashSet};

use pki_types::pem::PemObject;
use pki_types::{CertificateDer, TrustAnchor};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::checks;
use super::decode::{Certificate, Usages, V3};
use super::der::{self, Reader};
use super::error::{CertificateError, printable};
use super::signature::PublicKey;

/// How errors call a certificate here.
const PLACE: &str = "the trust anchor";

/// Why trust anchors were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustAnchorError {
    /// The text is not PEM.
    #[error("the trust anchors are not PEM: {reason}")]
    Pem {
        /// What is wrong with it.
        reason: String,
    },
    /// The text has no certificate in it, which is hardly what was meant.
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
}

/// The roots of trust: names with keys whose certificates are believed.
///
/// An anchor is a name and a key (RFC 5280, section 6.1.1 (d)), and what its certificate says about
/// what it may issue: a path length, name constraints, an extended key usage. Its dates, its serial
/// number and its signature mean nothing: it is trusted because it is in here.
///
/// A certificate that is not a CA's can be an anchor too, and then stands for itself alone: a
/// self-signed server certificate that is trusted on purpose does not make its owner a CA.
#[derive(Clone, Default)]
pub struct TrustAnchors {
    /// By the contents of the subject's Name.
    by_subject: HashMap<Vec<u8>, Vec<Anchor>>,
    /// The certificates as they came, to recognise them when a peer presents one.
    certificates: HashSet<Vec<u8>>,
    count: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) label: String,
    /// Contents of the SubjectPublicKeyInfo.
    spki: Vec<u8>,
    pub(super) path_length: Option<u32>,
    pub(super) extended_key_usage: Option<Usages>,
    /// Contents of the NameConstraints.
    pub(super) name_constraints: Option<Vec<u8>>,
}

impl Anchor {
    /// The key. `None` never happens: it was read when the anchor was added.
    pub(super) fn key(&self) -> Option<PublicKey<'_>> {
        PublicKey::read(&self.spki)
    }
}

impl TrustAnchors {
    /// No anchors: nothing is believed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every certificate of a PEM text, as in a bundle of roots.
    ///
    /// # Errors
    ///
    /// The text is no PEM, has no certificate in it, or has one that cannot be decoded.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustAnchorError> {
        let mut anchors = Self::new();
        for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
            let certificate = certificate
                .map_err(|error| TrustAnchorError::Pem { reason: printable(&error.to_string()) })?;
            anchors
                .add(certificate)
                .map_err(|error| TrustAnchorError::Certificate { number, error })?;
        }
        if anchors.is_empty() {
            return Err(TrustAnchorError::NoCertificate);
        }
        Ok(anchors)
    }

    /// Trusts a certificate. The same one again changes nothing.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`].
    pub fn add(&mut self, certificate: CertificateDer<'_>) -> Result<(), CertificateError> {
        let decoded = Certificate::decode(&certificate).map_err(malformed)?;
        if !self.certificates.insert(certificate.to_vec()) {
            return Ok(());
        }
        self.count = self.count.saturating_add(1);
        // Before version 3 there was no way to say "CA", and there are roots from then.
        let issues = decoded.version < V3 || decoded.is_ca();
        if issues && checks::may_sign_certificates(&decoded) {
            let anchor = Anchor {
                label: decoded.label.clone(),
                spki: der::only(decoded.spki, der::SEQUENCE).unwrap_or_default().to_vec(),
                path_length: decoded
                    .basic_constraints
                    .as_ref()
                    .and_then(|constraints| constraints.path_len_constraint),
                extended_key_usage: decoded.extended_key_usage,
                name_constraints: decoded.name_constraints.map(<[u8]>::to_vec),
            };
            self.insert(decoded.subject, anchor);
        }
        Ok(())
    }

    /// Trusts a name and a key that come without a certificate. Their DER is taken with or without
    /// the header of the outer SEQUENCE; both are in use.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`].
    pub fn add_anchor(&mut self, anchor: TrustAnchor<'_>) -> Result<(), CertificateError> {
        // No contents are themselves one SEQUENCE: a Name's are SETs, a key's are two elements, and
        // constraints have context tags.
        let contents = |bytes: &[u8]| der::only(bytes, der::SEQUENCE).unwrap_or(bytes).to_vec();
        let subject = contents(&anchor.subject);
        let spki = contents(&anchor.subject_public_key_info);
        let name = der::wrap(der::SEQUENCE, &subject);
        // The parser of names stops at what it does not know.
        let mut sets = Reader::new(&subject);
        while !sets.is_empty() {
            sets.expect(der::SET).ok_or_else(|| malformed("its subject does not parse"))?;
        }
        let label = match X509Name::from_der(&name) {
            Ok((_, name)) => printable(&name.to_string()),
            Err(_) => return Err(malformed("its subject does not parse")),
        };
        if PublicKey::read(&spki).is_none() {
            return Err(malformed("its public key does not parse"));
        }
        let anchor = Anchor {
            label,
            spki,
            path_length: None,
            extended_key_usage: None,
            name_constraints: anchor.name_constraints.as_deref().map(contents),
        };
        if self.insert(&subject, anchor) {
            self.count = self.count.saturating_add(1);
        }
        Ok(())
    }

    /// How many different anchors there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing is believed.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The anchors that may have issued a certificate whose issuer has these contents.
    pub(super) fn with_subject(&self, subject: &[u8]) -> &[Anchor] {
        self.by_subject.get(subject).map_or(&[], Vec::as_slice)
    }

    /// Whether this very certificate was added.
    pub(super) fn contains(&self, certificate: &[u8]) -> bool {
        self.certificates.contains(certificate)
    }

    /// Whether the anchor is new.
    fn insert(&mut self, subject: &[u8], anchor: Anchor) -> bool {
        let same_subject = self.by_subject.entry(subject.to_vec()).or_default();
        let new = !same_subject.contains(&anchor);
        if new {
            same_subject.push(anchor);
        }
        new
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.count)
    }
}

fn malformed(reason: &str) -> CertificateError {
    CertificateError::Malformed { certificate: PLACE.to_owned(), reason: reason.to_owned() }
}
