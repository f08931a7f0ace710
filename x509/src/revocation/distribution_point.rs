//! The names of distribution points of CRLs, in certificates and in CRLs (RFC 5280, sections
//! 4.2.1.13 and 5.2.5).

use std::borrow::Cow;

use super::super::der::{self, Reader};

/// Reasons for a revocation: the bits of ReasonFlags.
pub(super) type Reasons = u16;
/// Bits 1 to 8. Bit 0 is not used.
pub(super) const ALL_REASONS: Reasons = 0x01fe;
/// certificateHold.
pub(super) const HOLD: Reasons = 1 << 6;

/// A DistributionPoint (RFC 5280, section 4.2.1.13).
pub(super) struct Point<'a> {
    /// Contents of the DistributionPointName.
    pub(super) name: Option<&'a [u8]>,
    /// It has a cRLIssuer: the CRL at this point is that of another authority.
    pub(super) has_crl_issuer: bool,
}

/// The distribution points of the extension's value; `None` if it is malformed.
pub(super) fn points(value: &[u8]) -> Option<Vec<Point<'_>>> {
    let mut list = Reader(der::only(value, der::SEQUENCE)?);
    let mut points = Vec::new();
    while !list.is_empty() {
        let mut fields = Reader(list.take(der::SEQUENCE)?.contents);
        let name = fields.take(der::constructed(0)).map(|name| name.contents);
        let _reasons = fields.take(der::primitive(1));
        let has_crl_issuer = fields.take(der::constructed(2)).is_some();
        if !fields.is_empty() {
            return None;
        }
        points.push(Point { name, has_crl_issuer });
    }
    Some(points)
}

/// Whether the extension's value is a well-formed list of distribution points.
pub(super) fn are_well_formed(value: &[u8]) -> bool {
    let Some(points) = points(value) else { return false };
    let mut names = points.iter().filter_map(|point| point.name);
    !points.is_empty() && names.all(|name| each_name(name, &[]).is_some())
}

/// The names of a DistributionPointName, from its contents: a row of GeneralNames. A relative name is
/// the last part of a name that begins with the issuer's.
pub(super) fn each_name<'a>(contents: &'a [u8], issuer: &[u8]) -> Option<Cow<'a, [u8]>> {
    const FULL: u8 = der::constructed(0);
    const RELATIVE: u8 = der::constructed(1);
    let element = Reader(contents).next_element().filter(|element| element.whole == contents)?;
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
pub(super) fn directory_name(name: &[u8]) -> Vec<u8> {
    der::wrap(der::constructed(4), &der::wrap(der::SEQUENCE, name))
}

pub(super) fn any_equal(names: &[u8], others: &[u8]) -> bool {
    let mut names = der::each(names).flatten();
    names.any(|name| der::each(others).flatten().any(|other| name.whole == other.whole))
}
