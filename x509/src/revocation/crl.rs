//! CRLs (RFC 5280, sections 5 and 6.3). A CRL is parsed once and used for many look-ups.

use core::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use super::super::algorithm;
use super::super::anchors::TrustAnchors;
use super::super::certificate_name::CertificateName;
use super::super::der::{self, Element, Reader};
use super::super::distinguished_name::describe;
use super::super::extension::Extension;
use super::super::issuer::Issuer;
use super::super::revocation_error::{
    CrlError, RevocationEvidence, RevocationEvidenceError, RevocationReason,
};
use super::super::signature::{OwnedKey, Signed};
use super::super::time::Timestamp;
use super::super::{oid, time};
use super::crl_scope::CrlScope;
use crate::pem;
use pki_types::{CertificateRevocationListDer, SignatureVerificationAlgorithm};

const DELTA_CRL_INDICATOR: &[u8] = &[0x55, 0x1d, 27];
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 28];
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 20];
const REASON_CODE: &[u8] = &[0x55, 0x1d, 21];
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 29];

/// A certificate revocation list: which certificates an authority has revoked.
///
/// It is parsed and sorted once, and any number of validations may share it. It takes its own bytes
/// and four more for each entry. A look-up is a binary search. Its signature is verified when it is
/// first needed, and again only if the issuer has another key. Nothing in the CRL counts before its
/// signature is verified.
#[derive(Clone)]
pub struct CertificateRevocationList {
    issuer_label: String,
    issuer_name: CertificateName<'static>,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    pub(super) scope: CrlScope,
    /// Whether it has a CRLNumber.
    pub(super) is_numbered: bool,
    /// Contents of the AlgorithmIdentifier, in the form that is compared.
    algorithm: Box<[u8]>,
    signature: Box<[u8]>,
    /// What is signed.
    tbs: Box<[u8]>,
    /// Where in `tbs` the entries start, in the order of their serial numbers.
    entries: Box<[u32]>,
    /// The key with which the signature was verified.
    signer: OnceLock<OwnedKey>,
}

/// An entry: what the CRL says about one certificate.
pub(super) struct Entry {
    pub(super) date: Timestamp,
    pub(super) reason: Option<RevocationReason>,
}

impl CertificateRevocationList {
    /// Reads every CRL of a PEM text (`-----BEGIN X509 CRL-----`).
    ///
    /// # Errors
    ///
    /// The text is not PEM, has no CRL, or has one that cannot be used: see [`Self::from_der`]. A
    /// BEGIN line with other text on it is an error too, because the CRL after it would be lost.
    pub fn from_pem(text: &[u8]) -> Result<Vec<Self>, CrlError> {
        let crls = pem::each::<CertificateRevocationListDer<'_>>(text, pem::Content::Crl)
            .into_iter()
            .map(|der| Self::from_der(&der.map_err(CrlError::Pem)?))
            .collect::<Result<Vec<_>, _>>()?;
        if crls.is_empty() { Err(CrlError::NoCrl) } else { Ok(crls) }
    }

    /// Reads a CRL from its DER, of at most 4 GiB.
    ///
    /// # Errors
    ///
    /// The CRL does not parse, or it is of an unsupported kind: a delta CRL, an indirect CRL, or a
    /// CRL with an unknown critical extension. Such a CRL must not be used for any certificate.
    pub fn from_der(input: &[u8]) -> Result<Self, CrlError> {
        let malformed = CrlError::Malformed;
        let (signed, mut reader) = der::only(input, der::SEQUENCE)
            .and_then(Signed::read)
            .ok_or(malformed("it is not the DER of a CertificateList"))?;
        // Without extensions a CRL may be of version 1, and common tools make such.
        if reader.take(der::INTEGER).is_some_and(|version| version.contents != [1]) {
            return Err(malformed("it is of neither version 1 nor version 2"));
        }
        let inner = reader.take(der::SEQUENCE).ok_or(malformed("it names no algorithm"))?;
        if inner.contents != signed.algorithm {
            return Err(CrlError::SignatureAlgorithmMismatch);
        }
        let issuer = reader.take(der::SEQUENCE).ok_or(malformed("it names no issuer"))?.contents;
        let issuer = CertificateName::read(issuer)
            .ok_or(malformed("the name of its issuer does not parse"))?;
        let this_update = reader.next_element().and_then(|it| time::read_strict(&it));
        let this_update = this_update.ok_or(malformed("its thisUpdate does not parse"))?;
        let mut next_update = None;
        if let Some(it) = reader.take(der::UTC_TIME).or_else(|| reader.take(der::GENERALIZED_TIME))
        {
            let read = time::read_strict(&it);
            next_update = Some(read.ok_or(malformed("its nextUpdate does not parse"))?);
        }
        // The entries follow the times. An empty list of entries is left out.
        let entries = reader.take(der::SEQUENCE).map_or(&[][..], |list| list.contents);
        let after_entries = reader.0.len();
        let CrlExtensions { scope, is_numbered } = match reader.take(der::constructed(0)) {
            Some(extensions) => read_extensions(extensions.contents)?,
            None => CrlExtensions::default(),
        };
        if !reader.is_empty() {
            return Err(malformed("its TBSCertList is not strict DER"));
        }
        let tbs = signed.message;
        let start = tbs.len().saturating_sub(after_entries).saturating_sub(entries.len());
        Ok(Self {
            entries: sorted_entries(tbs, start, entries)?,
            issuer_label: describe(&issuer),
            issuer_name: issuer.into_owned(),
            this_update,
            next_update,
            scope,
            is_numbered,
            algorithm: algorithm::canonical(signed.algorithm).into(),
            signature: signed.signature.into(),
            tbs: tbs.into(),
            signer: OnceLock::new(),
        })
    }

    /// The subject of the issuer. Safe to print.
    pub fn issuer(&self) -> &str {
        &self.issuer_label
    }

    /// When it was issued.
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// When it is outdated. A CRL without this time is never current.
    pub fn next_update(&self) -> Option<Timestamp> {
        self.next_update
    }

    /// The number of its entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it lists the certificate with this serial number (the contents of its DER) as revoked.
    /// This does not verify the signature of the CRL, or which certificates it covers.
    pub fn lists(&self, serial: &[u8]) -> bool {
        self.find(serial).is_some()
    }

    /// Whether another CRL has the same issuer and the same scope (RFC 5280, section 5.2.5). If so, the newer
    /// of the two replaces the other one.
    pub fn has_same_scope(&self, other: &Self) -> bool {
        self.is_by(&other.issuer_name) && self.scope == other.scope
    }

    /// A number that is the same for CRLs of the same issuer and scope, and nearly always another one for others: to
    /// find one of many. [`has_same_scope`](Self::has_same_scope) decides. It is for this process, and not to be stored:
    /// another build may compute others.
    pub fn scope_key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.issuer_name.fingerprint().hash(&mut hasher);
        self.scope.hash(&mut hasher);
        hasher.finish()
    }

    /// Verifies its signature with the key of its issuer, which is one of `issuers`. The validation of a chain
    /// does this itself, and refuses the certificates of the issuer if the signature is not valid: so a program
    /// can check a new CRL before it replaces an old one.
    ///
    /// `issuers` can also have intermediates and certificates that only sign CRLs.
    ///
    /// # Errors
    ///
    /// [`RevocationEvidenceError::UnknownIssuer`] if none of `issuers` has the name of its issuer. If there are
    /// some with the name, the error of the last one: [`RevocationEvidenceError::BadSignature`],
    /// [`RevocationEvidenceError::UnsupportedSignatureAlgorithm`], or
    /// [`RevocationEvidenceError::MayNotSignCrls`].
    pub fn verify_signature(
        &self,
        issuers: &TrustAnchors,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<(), RevocationEvidenceError> {
        let evidence = RevocationEvidence::Crl;
        let mut result = Err(RevocationEvidenceError::UnknownIssuer {
            evidence,
            issuer: self.issuer_label.clone(),
        });
        for anchor in issuers.with_name(&self.issuer_name) {
            let issuer = anchor.issuer();
            result = if issuer.signs_crls {
                self.verify(&issuer, algorithms)
            } else {
                Err(RevocationEvidenceError::MayNotSignCrls(issuer.label()))
            };
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Whether its issuer has this name.
    pub(super) fn is_by(&self, name: &CertificateName<'_>) -> bool {
        self.issuer_name.is_same(name)
    }

    /// Verifies that the issuer's key signed it. A key that did is kept, so that its signature is
    /// verified only once.
    pub(super) fn verify(
        &self,
        issuer: &Issuer<'_>,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<(), RevocationEvidenceError> {
        let is_verified = self.signer.get().is_some_and(|signer| signer.borrow() == issuer.key);
        let (algorithm, signature) = (&self.algorithm, &self.signature);
        let signed = Signed { message: &self.tbs, algorithm, signature };
        // This caller may accept fewer algorithms than the one before.
        if is_verified && signed.is_accepted(issuer.key, algorithms) {
            return Ok(());
        }
        issuer.verify(RevocationEvidence::Crl, signed, algorithms)?;
        // Another thread that was faster found the same key.
        let _ = self.signer.set(issuer.key.into());
        Ok(())
    }

    /// The first entry by which this serial number is revoked.
    pub(super) fn find(&self, serial: &[u8]) -> Option<Entry> {
        let first = self.entries.partition_point(|&at| serial_at(&self.tbs, at) < serial);
        let same = self.entries.get(first..).unwrap_or_default().iter();
        same.take_while(|&&at| serial_at(&self.tbs, at) == serial)
            // Parsing found them well formed.
            .filter_map(|&at| Entry::read(element_at(&self.tbs, at)?).ok())
            // RFC 5280, section 6.3.3 (k).
            .find(|entry| entry.reason != Some(RevocationReason::REMOVE_FROM_CRL))
    }
}

impl fmt::Debug for CertificateRevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateRevocationList({:?}, {} entries)", self.issuer_label, self.len())
    }
}

/// What the extensions of a CRL say (RFC 5280, section 5.2).
#[derive(Default)]
struct CrlExtensions {
    scope: CrlScope,
    /// Whether there is a CRLNumber.
    is_numbered: bool,
}

fn read_extensions(contents: &[u8]) -> Result<CrlExtensions, CrlError> {
    let malformed = || CrlError::Malformed("its extensions do not parse");
    let list = der::only(contents, der::SEQUENCE).ok_or_else(malformed)?;
    let (mut scope, mut is_numbered) = (None, false);
    for extension in Extension::each(list) {
        let extension = extension.ok_or_else(malformed)?;
        match extension.oid {
            DELTA_CRL_INDICATOR => return Err(CrlError::Delta),
            ISSUING_DISTRIBUTION_POINT if scope.is_none() => {
                scope = Some(CrlScope::read(extension.value)?);
            }
            ISSUING_DISTRIBUTION_POINT => {
                return Err(CrlError::Malformed("it has the same extension twice"));
            }
            _ if extension.critical => {
                return Err(CrlError::UnknownCriticalExtension(oid::describe(extension.oid)));
            }
            CRL_NUMBER => is_numbered = true,
            _ => {}
        }
    }
    Ok(CrlExtensions { scope: scope.unwrap_or_default(), is_numbered })
}

/// The positions in `tbs` of the entries that start at `start`, in the order of their serial numbers.
fn sorted_entries(tbs: &[u8], start: usize, contents: &[u8]) -> Result<Box<[u32]>, CrlError> {
    let mut reader = Reader(contents);
    let mut entries = Vec::new();
    while !reader.is_empty() {
        let at = start.saturating_add(contents.len().saturating_sub(reader.0.len()));
        let malformed = CrlError::Malformed("an entry does not parse");
        let entry = reader.take(der::SEQUENCE).ok_or(malformed)?;
        Entry::read(entry)?;
        let at = u32::try_from(at).map_err(|_| CrlError::Malformed("it is longer than 4 GiB"))?;
        entries.push(at);
    }
    entries.sort_by_cached_key(|&at| serial_at(tbs, at));
    Ok(entries.into_boxed_slice())
}

impl Entry {
    /// RFC 5280, sections 5.1.2.6 and 5.3.
    fn read(entry: Element<'_>) -> Result<Self, CrlError> {
        let malformed = || CrlError::Malformed("an entry does not parse");
        let mut fields = Reader(entry.contents);
        let _serial = fields.take(der::INTEGER).ok_or_else(malformed)?;
        let date =
            fields.next_element().and_then(|it| time::read_strict(&it)).ok_or_else(malformed)?;
        let extensions = fields.take(der::SEQUENCE).map_or(&[][..], |list| list.contents);
        if !fields.is_empty() {
            return Err(malformed());
        }
        let mut reason = None;
        for extension in Extension::each(extensions) {
            let extension = extension.ok_or_else(malformed)?;
            match extension.oid {
                REASON_CODE if reason.is_none() => {
                    reason = Some(RevocationReason::read(extension.value).ok_or_else(malformed)?);
                }
                REASON_CODE => return Err(malformed()),
                CERTIFICATE_ISSUER => return Err(CrlError::Indirect),
                _ if extension.critical => {
                    return Err(CrlError::UnknownCriticalExtension(oid::describe(extension.oid)));
                }
                _ => {}
            }
        }
        Ok(Self { date, reason })
    }
}

impl RevocationReason {
    /// From the DER of a CRLReason.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        match der::only(der, der::ENUMERATED)? {
            [code] => Some(Self(*code)),
            _ => None,
        }
    }
}

fn element_at(tbs: &[u8], at: u32) -> Option<Element<'_>> {
    Reader(tbs.get(usize::try_from(at).ok()?..)?).next_element()
}

/// The serial number of an entry: what entries are sorted by.
fn serial_at(tbs: &[u8], at: u32) -> &[u8] {
    let serial = element_at(tbs, at).and_then(|entry| Reader(entry.contents).next_element());
    serial.map_or(&[], |serial| serial.contents)
}
