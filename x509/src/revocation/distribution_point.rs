//! Which certificates a CRL is for (RFC 5280, sections 4.2.1.13, 5.2.5 and 6.3.3 (b) to (d)).

use std::borrow::Cow;

use super::super::decode::Certificate;

use super::super::der::{self, Reader};
use super::super::oid;
use super::error::{CrlError, RevocationEvidenceError};

/// The reasons for a revocation that a CRL tells of: the bits of ReasonFlags.
pub(super) type Reasons = u16;
/// Bits 1 to 8; bit 0 is not used.
pub(super) const ALL_REASONS: Reasons = 0x01fe;
/// certificateHold.
pub(super) const HOLD: Reasons = 1 << 6;

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

/// A DistributionPoint (RFC 5280, section 4.2.1.13).
struct Point<'a> {
    /// Contents of the DistributionPointName.
    name: Option<&'a [u8]>,
    /// With a cRLIssuer, it is another authority's CRL that is there.
    is_of_others: bool,
}

/// The distribution points of the extension's value; `None` if it is malformed.
fn points(value: &[u8]) -> Option<Vec<Point<'_>>> {
    let mut list = Reader(der::only(value, der::SEQUENCE)?);
    let mut points = Vec::new();
    while !list.is_empty() {
        let mut fields = Reader(list.take(der::SEQUENCE)?.contents);
        let name = fields.take(der::constructed(0)).map(|name| name.contents);
        let _reasons = fields.take(der::primitive(1));
        let is_of_others = fields.take(der::constructed(2)).is_some();
        if !fields.is_empty() {
            return None;
        }
        points.push(Point { name, is_of_others });
    }
    Some(points)
}

/// Whether the extension's value is a list of distribution points that can be understood.
pub(super) fn are_well_formed(value: &[u8]) -> bool {
    let Some(points) = points(value) else { return false };
    let mut names = points.iter().filter_map(|point| point.name);
    !points.is_empty() && names.all(|name| each_name(name, &[]).is_some())
}

/// The names of a DistributionPointName, from its contents: GeneralNames one behind the other. One
/// that is relative is the last part of a name that begins with the issuer's.
fn each_name<'a>(contents: &'a [u8], issuer: &[u8]) -> Option<Cow<'a, [u8]>> {
    const FULL: u8 = der::constructed(0);
    const RELATIVE: u8 = der::constructed(1);
    let element = Reader(contents).next().filter(|element| element.whole == contents)?;
    der::elements(element.contents)?;
    match element.tag {
        FULL => Some(element.contents.into()),
        RELATIVE => {
            let last = der::wrap(der::SET, element.contents);
            Some(directory_name(&[issuer, &last].concat()).into())
        }
        _ => None,
    }
}

/// The GeneralName of a Name with these contents.
fn directory_name(name: &[u8]) -> Vec<u8> {
    der::wrap(der::constructed(4), &der::wrap(der::SEQUENCE, name))
}

fn any_equal(names: &[u8], others: &[u8]) -> bool {
    let mut names = der::each(names).flatten();
    names.any(|name| der::each(others).flatten().any(|other| name.whole == other.whole))
}
