//! The CRLs of a file, and whether they may replace those before.

use std::collections::{HashMap, HashSet};
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
        let algorithms: Vec<_> = self.signatures.for_certificates().collect();
        for issuers in &self.known {
            match crl.verify_signature(issuers, &algorithms) {
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
    /// Those of the file.
    crls: Vec<CertificateRevocationList>,
    /// Those that the file had before, and lacks now.
    kept: Vec<CertificateRevocationList>,
    /// What was found when they were loaded.
    warnings: Vec<Warning>,
}

impl CrlFile {
    /// Reads the CRLs, and verifies their signatures. One at least must be of an issuer that is known: a file of
    /// another authority says nothing about the certificates that are to be checked.
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
        let mut is_one_known = false;
        for crl in &crls {
            let (issuer, this_update) = (crl.issuer().to_owned(), crl.this_update());
            if this_update.seconds_after(now) > ReloadError::CRL_CLOCK_SKEW {
                return Err(ReloadError::CrlOfTheFuture { file, issuer, this_update });
            }
            match issuers.verify(crl) {
                Ok(()) => is_one_known = true,
                Err(RevocationEvidenceError::UnknownIssuer { .. }) => {
                    warnings.push(Warning::UnknownCrlIssuer { issuer });
                }
                Err(error) => return Err(ReloadError::CrlSignature { file, error }),
            }
        }
        if !is_one_known {
            let issuer = crls.first().map_or("", |crl| crl.issuer()).to_owned();
            return Err(ReloadError::CrlOfUnknownIssuer { file, issuer });
        }
        Ok(Self { crls, kept: Vec::new(), warnings })
    }

    /// Checks that they may come after those that are in use: of each issuer and scope, the newest is not older.
    /// What the file lacks now stays in use. Without it, its issuer's revoked certificates would be accepted, and
    /// the next file could have an older CRL.
    pub(crate) fn after(
        mut self,
        before: &Self,
        path: &Path,
        now: UnixTime,
    ) -> Result<Self, ReloadError> {
        let file = printable_path(path);
        // Verifiers refuse the certificates of its issuer until then.
        if let Some(crl) = self.crls.iter().find(|crl| crl.this_update() > now.into()) {
            let (issuer, this_update) = (crl.issuer().to_owned(), crl.this_update());
            return Err(ReloadError::CrlOfTheFuture { file, issuer, this_update });
        }
        let newest_before = NewestCrls::of(before.crls());
        let newest = NewestCrls::of(&self.crls);
        let mut missing = Vec::new();
        for old in before.crls() {
            let issuer = old.issuer().to_owned();
            let in_use = newest_before.this_update(old).unwrap_or(old.this_update());
            match newest.this_update(old) {
                Some(found) if found < in_use => {
                    return Err(ReloadError::OlderCrl { file, issuer, found, in_use });
                }
                Some(_) => {}
                None => missing.push(old),
            }
        }
        self.keep(missing);
        Ok(self)
    }

    fn keep(&mut self, missing: Vec<&CertificateRevocationList>) {
        let mut issuers = HashSet::new();
        for old in missing {
            self.kept.push(old.clone());
            if issuers.insert(old.issuer()) {
                self.warnings.push(Warning::MissingCrl { issuer: old.issuer().to_owned() });
            }
        }
    }

    /// All that are in use.
    pub(crate) fn crls(&self) -> impl Iterator<Item = &CertificateRevocationList> {
        self.crls.iter().chain(&self.kept)
    }
}

/// Of each issuer and scope, the newest CRL.
struct NewestCrls<'a> {
    /// By [`CertificateRevocationList::scope_key`].
    by_key: HashMap<u64, Vec<&'a CertificateRevocationList>>,
}

impl<'a> NewestCrls<'a> {
    fn of(crls: impl IntoIterator<Item = &'a CertificateRevocationList>) -> Self {
        let mut by_key: HashMap<u64, Vec<&CertificateRevocationList>> = HashMap::new();
        for crl in crls {
            let with_key = by_key.entry(crl.scope_key()).or_default();
            match with_key.iter_mut().find(|other| other.has_same_scope(crl)) {
                Some(newest) if newest.this_update() < crl.this_update() => *newest = crl,
                Some(_) => {}
                None => with_key.push(crl),
            }
        }
        Self { by_key }
    }

    /// The thisUpdate of the newest one that has the issuer and the scope of this one.
    fn this_update(&self, of: &CertificateRevocationList) -> Option<Timestamp> {
        let with_key = self.by_key.get(&of.scope_key())?;
        let newest = with_key.iter().find(|crl| crl.has_same_scope(of))?;
        Some(newest.this_update())
    }
}

impl Loaded for CrlFile {
    fn describe(&self) -> String {
        let each = self.crls().map(|crl| {
            let (issuer, this_update) = (crl.issuer(), crl.this_update());
            format!("the CRL of \"{issuer}\" of {this_update} with {} entries", crl.len())
        });
        each.collect::<Vec<_>>().join(", ")
    }

    fn expires(&self) -> Option<Timestamp> {
        self.crls().filter_map(CertificateRevocationList::next_update).min()
    }

    fn warnings(&self, now: UnixTime) -> Vec<Warning> {
        let mut warnings = self.warnings.clone();
        for crl in self.crls() {
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
