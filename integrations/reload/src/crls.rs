//! The CRLs of a file, and whether they may replace those before.

use std::path::Path;

use handclasp::certificate::{
    CertificateRevocationList, CrlError, RevocationEvidence, RevocationEvidenceError, Timestamp,
    TrustAnchors,
};
use handclasp::crypto::SignatureAlgorithms;
use handclasp::pem::printable_path;
use handclasp::pki_types::UnixTime;

use crate::part::{Loaded, Text, text_of};
use crate::{ReloadError, Warning};

/// The certificates that may have signed CRLs.
pub(crate) struct Issuers {
    pub(crate) known: Vec<TrustAnchors>,
    pub(crate) signatures: SignatureAlgorithms,
}

impl Issuers {
    /// Verifies the signature of a CRL with the certificates that have the name of its issuer.
    fn verify(&self, crl: &CertificateRevocationList) -> Result<(), RevocationEvidenceError> {
        let (evidence, issuer) = (RevocationEvidence::Crl, crl.issuer().to_owned());
        let mut result = Err(RevocationEvidenceError::UnknownIssuer { evidence, issuer });
        for issuers in &self.known {
            match crl.verify_signature(issuers, &self.signatures.all) {
                Ok(()) => return Ok(()),
                Err(RevocationEvidenceError::UnknownIssuer { .. }) => {}
                Err(error) => result = Err(error),
            }
        }
        result
    }
}

/// What was loaded.
#[derive(Debug)]
pub(crate) struct CrlFile {
    pub(crate) crls: Vec<CertificateRevocationList>,
    /// What was found when they were loaded.
    warnings: Vec<Warning>,
}

impl CrlFile {
    pub(crate) fn load(
        path: &Path,
        texts: &[Text],
        issuers: &Issuers,
        now: UnixTime,
    ) -> Result<Self, ReloadError> {
        let file = printable_path(path);
        let crls = CertificateRevocationList::from_pem(text_of(texts, 0))
            .map_err(|error: CrlError| ReloadError::Crl { file: file.clone(), error })?;
        let mut warnings = Vec::new();
        for crl in &crls {
            let (issuer, this_update) = (crl.issuer().to_owned(), crl.this_update());
            if this_update > now.into() {
                return Err(ReloadError::CrlOfTheFuture { file, issuer, this_update });
            }
            match issuers.verify(crl) {
                Ok(()) => {}
                Err(RevocationEvidenceError::UnknownIssuer { .. }) => {
                    warnings.push(Warning::UnknownCrlIssuer { issuer });
                }
                Err(error) => return Err(ReloadError::CrlSignature { file, error }),
            }
        }
        Ok(Self { crls, warnings })
    }

    /// Checks that they may come after those that the same file had before: for each issuer, the newest is not
    /// older.
    pub(crate) fn after(mut self, before: &Self, path: &Path) -> Result<Self, ReloadError> {
        for old in &before.crls {
            let issuer = old.issuer().to_owned();
            let Some(in_use) = before.newest(&issuer) else { continue };
            match self.newest(&issuer) {
                Some(found) if found < in_use => {
                    let file = printable_path(path);
                    return Err(ReloadError::OlderCrl { file, issuer, found, in_use });
                }
                Some(_) => {}
                None => {
                    let warning = Warning::MissingCrl { issuer };
                    if !self.warnings.contains(&warning) {
                        self.warnings.push(warning);
                    }
                }
            }
        }
        Ok(self)
    }

    /// The thisUpdate of the newest CRL of this issuer.
    fn newest(&self, issuer: &str) -> Option<Timestamp> {
        let crls = self.crls.iter().filter(|crl| crl.issuer() == issuer);
        crls.map(CertificateRevocationList::this_update).max()
    }
}

impl Loaded for CrlFile {
    fn describe(&self) -> String {
        let each = self.crls.iter().map(|crl| {
            let (issuer, this_update) = (crl.issuer(), crl.this_update());
            format!("the CRL of \"{issuer}\" of {this_update} with {} entries", crl.len())
        });
        each.collect::<Vec<_>>().join(", ")
    }

    fn expires(&self) -> Option<Timestamp> {
        self.crls.iter().filter_map(CertificateRevocationList::next_update).min()
    }

    fn warnings(&self, now: UnixTime) -> Vec<Warning> {
        let mut warnings = self.warnings.clone();
        for crl in &self.crls {
            let issuer = crl.issuer().to_owned();
            match crl.next_update() {
                Some(next_update) if next_update < now.into() => {
                    warnings.push(Warning::StaleCrl { issuer, next_update });
                }
                Some(_) => {}
                None => warnings.push(Warning::CrlWithoutEnd { issuer }),
            }
        }
        warnings
    }
}
