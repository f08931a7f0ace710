//! Revocation data: CRLs and OCSP responses.

use handclasp::certificate::{
    CertificateRevocationList, CrlError, RevocationMode, RevocationPolicy, RevocationScope,
};

/// CRLs and an OCSP response, and how much of them there must be.
#[derive(Default)]
pub struct Evidence {
    pub crls: Vec<CertificateRevocationList>,
    /// Why the first unusable CRL cannot be used. It might revoke a certificate of this chain, so a chain
    /// that is otherwise good is rejected for this reason.
    pub unusable: Option<CrlError>,
    /// The DER of an OCSP response about the end entity.
    pub ocsp: Option<Vec<u8>>,
    /// How much must be known about the chain. By default, the data that are there count, and if there
    /// are any, the status of the end entity must be known.
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

    pub fn policies(&self) -> Policies {
        let whole = |mode| RevocationPolicy::new(mode, RevocationScope::Chain);
        let first = whole(self.mode.unwrap_or(RevocationMode::IfPresent));
        let is_there = !self.crls.is_empty() || self.ocsp.is_some();
        let further = (self.mode.is_none() && is_there)
            .then_some(RevocationPolicy::new(RevocationMode::Require, RevocationScope::EndEntity));
        Policies { first, further }
    }
}

/// What a verification requires of revocation.
pub struct Policies {
    pub first: RevocationPolicy,
    /// A second policy that must also hold.
    pub further: Option<RevocationPolicy>,
}
