//! Which certificates a CRL is for (RFC 5280, sections 5.2.5 and 6.3.3 (b) to (d)).

use super::super::certificate::Certificate;
use super::super::der::{self, Reader};
use super::super::oid;
use super::super::revocation_error::{CrlError, RevocationEvidenceError};
use super::distribution_point::{
    ALL_REASONS, Reasons, any_equal, directory_name, each_name, points,
};

/// What an issuingDistributionPoint says; without one, a CRL is for everything.
#[derive(Clone)]
pub(super) struct CrlScope {
    /// Whether it is for the certificates of CAs.
    authorities: bool,
    /// Whether it is for all other certificates.
    users: bool,
    /// Contents of the DistributionPointName: a list of names, or a relative one.
    names: Option<Box<[u8]>>,
    pub(super) reasons: Reasons,
}

impl Default for CrlScope {
    fn default() -> Self {
        Self { authorities: true, users: true, names: None, reasons: ALL_REASONS }
    }
}

impl CrlScope {
    /// From the DER of an IssuingDistributionPoint.
    pub(super) fn read(value: &[u8]) -> Result<Self, CrlError> {
        let malformed = || CrlError::Malformed("its issuingDistributionPoint does not parse");
        let mut reader = Reader(der::only(value, der::SEQUENCE).ok_or_else(malformed)?);
        let names = reader.take(der::constructed(0)).map(|name| name.contents.into());
        let flag = |reader: &mut Reader<'_>, number| {
            reader.flag(der::primitive(number)).ok_or_else(malformed)
        };
        let (only_users, only_authorities) = (flag(&mut reader, 1)?, flag(&mut reader, 2)?);
        let reasons = match reader.take(der::primitive(3)) {
            Some(bits) => ALL_REASONS & der::named_bits(bits.contents).ok_or_else(malformed)?,
            None => ALL_REASONS,
        };
        let (indirect, only_attributes) = (flag(&mut reader, 4)?, flag(&mut reader, 5)?);
        if indirect {
            return Err(CrlError::Indirect);
        }
        let (users, authorities) = match (only_users, only_authorities, only_attributes) {
            (false, false, false) => (true, true),
            (true, false, false) => (true, false),
            (false, true, false) => (false, true),
            // Attribute certificates are another thing.
            (false, false, true) => (false, false),
            _ => return Err(malformed()),
        };
        let scope = Self { authorities, users, names, reasons };
        let parses = scope.names.as_deref().is_none_or(|names| each_name(names, &[]).is_some());
        if reader.is_empty() && parses { Ok(scope) } else { Err(malformed()) }
    }

    /// Whether the CRL is for this certificate, which is known to be by the CRL's issuer.
    pub(super) fn includes(
        &self,
        certificate: &Certificate<'_>,
    ) -> Result<bool, RevocationEvidenceError> {
        let is_holder = if certificate.is_ca { self.authorities } else { self.users };
        match &self.names {
            Some(names) if is_holder => names_meet(names, certificate)
                .ok_or(RevocationEvidenceError::MalformedDistributionPoints),
            _ => Ok(is_holder),
        }
    }
}

/// Whether one of the names is one of a distribution point of the certificate, whichever of its
/// points that is; or, without any points, the name of its issuer. `None` if the points are
/// malformed.
fn names_meet(names: &[u8], certificate: &Certificate<'_>) -> Option<bool> {
    // The CRL is by an issuer of this name, too: what is relative to the one is to the other.
    let issuer = certificate.issuer;
    let names = each_name(names, issuer)?;
    let Some(extension) = certificate.extension(oid::CRL_DISTRIBUTION_POINTS) else {
        return Some(any_equal(&names, &directory_name(issuer)));
    };
    let mut met = false;
    for point in points(extension.value)? {
        if let Some(name) = point.name {
            met |= any_equal(&names, &each_name(name, issuer)?) && !point.is_of_others;
        }
    }
    Some(met)
}
