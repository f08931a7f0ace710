//! What says whether certificates are revoked.

use handclasp::certificate::{
    CertificateRevocationList, CrlError, RevocationMode, RevocationPolicy, RevocationScope,
};

/// CRLs and an OCSP response, and how much of them there must be.
#[derive(Default)]
pub struct Evidence {
    pub crls: Vec<CertificateRevocationList>,
    /// Why the first that cannot be used cannot be. Nobody can tell whose it is, or what it would
    /// have said of this very chain: a chain that is good otherwise is rejected, for that reason.
    pub unusable: Option<CrlError>,
    /// The DER of an OCSP response about the end entity.
    pub ocsp: Option<Vec<u8>>,
    /// How much there must be, of the whole chain. If it is not said, what is there counts, and if
    /// anything is there, something must speak for the end entity.
    pub mode: Option<RevocationMode>,
}

impl Evidence {
    /// Adds CRLs, or notes why they cannot be used.
    pub fn add(&mut self, crls: Result<Vec<CertificateRevocationList>, CrlError>) {
        match crls {
            Ok(crls) => self.crls.extend(crls),
            Err(error) => {
                self.unusable.get_or_insert(error);
            }
        }
    }

    /// The policy to verify by, and another one that must hold too.
    pub fn policies(&self) -> (RevocationPolicy, Option<RevocationPolicy>) {
        let whole = |mode| RevocationPolicy { mode, scope: RevocationScope::Chain };
        let first = whole(self.mode.unwrap_or(RevocationMode::IfPresent));
        let is_there = !self.crls.is_empty() || self.ocsp.is_some();
        let further = (self.mode.is_none() && is_there).then_some(RevocationPolicy {
            mode: RevocationMode::Require,
            scope: RevocationScope::EndEntity,
        });
        (first, further)
    }
}
