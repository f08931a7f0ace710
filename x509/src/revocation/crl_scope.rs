//! Which certificates a CRL covers (RFC 5280, sections 5.2.5 and 6.3.3 (b) to (d)).

use super::super::certificate::Certificate;
use super::super::der::{self, Reader};
use super::super::oid;
use super::super::revocation_error::{CrlError, RevocationEvidenceError};
use super::distribution_point::{
    ALL_REASONS, Reasons, any_equal, directory_name, each_name, points,
};

/// What an issuingDistributionPoint says. Without one, a CRL covers all certificates of its issuer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct CrlScope {
    /// Whether it covers the certificates of CAs.
    covers_cas: bool,
    /// Whether it covers all other certificates.
    covers_users: bool,
    /// The contents of the DistributionPointName: a list of names, or a relative name.
    names: Option<Box<[u8]>>,
    pub(super) reasons: Reasons,
}

impl Default for CrlScope {
    fn default() -> Self {
        Self { covers_cas: true, covers_users: true, names: None, reasons: ALL_REASONS }
    }
}

impl CrlScope {
    /// Reads the DER of an IssuingDistributionPoint.
    pub(super) fn read(value: &[u8]) -> Result<Self, CrlError> {
        let point = IssuingDistributionPoint::read(value);
        let malformed = CrlError::Malformed("its issuingDistributionPoint does not parse");
        let Some(point) = point else {
            return Err(malformed);
        };
        if point.indirect_crl {
            return Err(CrlError::Indirect);
        }
        let only = [point.only_user_certs, point.only_ca_certs, point.only_attribute_certs];
        let (covers_users, covers_cas) = match only {
            [false, false, false] => (true, true),
            [true, false, false] => (true, false),
            [false, true, false] => (false, true),
            // No public key certificate is an attribute certificate.
            [false, false, true] => (false, false),
            _ => return Err(malformed),
        };
        let names = point.names.map(Box::from);
        Ok(Self { covers_cas, covers_users, names, reasons: point.reasons })
    }

    /// Whether the CRL covers this certificate, which has the CRL's issuer.
    pub(super) fn includes(
        &self,
        certificate: &Certificate<'_>,
    ) -> Result<bool, RevocationEvidenceError> {
        let is_kind_covered = if certificate.is_ca { self.covers_cas } else { self.covers_users };
        match &self.names {
            Some(names) if is_kind_covered => names_meet(names, certificate)
                .ok_or(RevocationEvidenceError::MalformedDistributionPoints),
            _ => Ok(is_kind_covered),
        }
    }
}

/// The fields of an IssuingDistributionPoint (RFC 5280, section 5.2.5).
struct IssuingDistributionPoint<'a> {
    /// The contents of the DistributionPointName.
    names: Option<&'a [u8]>,
    only_user_certs: bool,
    only_ca_certs: bool,
    reasons: Reasons,
    indirect_crl: bool,
    only_attribute_certs: bool,
}

impl<'a> IssuingDistributionPoint<'a> {
    fn read(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(der::only(value, der::SEQUENCE)?);
        let names = reader.take(der::constructed(0)).map(|name| name.contents);
        let only_user_certs = reader.flag(der::primitive(1))?;
        let only_ca_certs = reader.flag(der::primitive(2))?;
        let reasons = match reader.take(der::primitive(3)) {
            Some(bits) => ALL_REASONS & der::named_bits(bits.contents)?,
            None => ALL_REASONS,
        };
        let indirect_crl = reader.flag(der::primitive(4))?;
        let only_attribute_certs = reader.flag(der::primitive(5))?;
        if !reader.is_empty() {
            return None;
        }
        if let Some(names) = names {
            each_name(names, &[])?;
        }
        Some(Self {
            names,
            only_user_certs,
            only_ca_certs,
            reasons,
            indirect_crl,
            only_attribute_certs,
        })
    }
}

/// Whether one of the names is a name of any distribution point of the certificate. Without
/// distribution points, whether one of the names is its issuer's. `None` if the points are
/// malformed.
fn names_meet(names: &[u8], certificate: &Certificate<'_>) -> Option<bool> {
    // The CRL has the same issuer, so a relative name means the same in both.
    let issuer = &certificate.issuer;
    let names = each_name(names, issuer)?;
    let Some(extension) = certificate.extension(oid::CRL_DISTRIBUTION_POINTS) else {
        return Some(any_equal(&names, &directory_name(issuer)));
    };
    let mut met = false;
    for point in points(extension.value)? {
        if let Some(name) = point.name {
            met |= any_equal(&names, &each_name(name, issuer)?) && !point.has_crl_issuer;
        }
    }
    Some(met)
}
