//! Fields that certificates, CRLs and OCSP responses have in common.

use x509_parser::asn1_rs::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::super::der::{self, Element, Reader};
use super::super::error::{Timestamp, printable};

pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;

/// An extension (RFC 5280, section 4.1).
pub(super) struct Extension<'a> {
    /// Contents of the OBJECT IDENTIFIER.
    pub(super) oid: &'a [u8],
    pub(super) critical: bool,
    pub(super) value: &'a [u8],
}

impl<'a> Extension<'a> {
    /// The next one of a list; `None` if what is next is none.
    pub(super) fn read(list: &mut Reader<'a>) -> Option<Self> {
        let mut fields = Reader(list.take(der::SEQUENCE)?.contents);
        let oid = fields.take(der::OBJECT_IDENTIFIER)?.contents;
        let critical = match fields.take(der::BOOLEAN) {
            Some(flag) => boolean(flag.contents)?,
            None => false,
        };
        let value = fields.take(der::OCTET_STRING)?.contents;
        fields.is_empty().then_some(Self { oid, critical, value })
    }

    /// The number of the extension, for an error.
    pub(super) fn name(&self) -> String {
        printable(&Oid::new(self.oid.into()).to_id_string())
    }
}

/// The value of an extension of a certificate, from its whole TBSCertificate.
pub(super) fn certificate_extension<'a>(tbs: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    let mut fields = Reader(der::only(tbs, der::SEQUENCE)?);
    let mut last = fields.next()?;
    while let Some(field) = fields.next() {
        last = field;
    }
    if last.tag != der::constructed(3) {
        return None;
    }
    let mut list = Reader(der::only(last.contents, der::SEQUENCE)?);
    while let Some(extension) = Extension::read(&mut list) {
        if extension.oid == oid {
            return Some(extension.value);
        }
    }
    None
}

/// A BOOLEAN, from its contents.
pub(super) fn boolean(contents: &[u8]) -> Option<bool> {
    match contents {
        [0xff] => Some(true),
        // What is the default should be left out, and is not always.
        [0x00] => Some(false),
        _ => None,
    }
}

/// The first nine bits of a BIT STRING, from its contents, bit n as bit n: the first one of DER is
/// the highest of its byte. Bits that are not there are not set.
pub(super) fn named_bits(contents: &[u8]) -> Option<u16> {
    let (&unused, bytes) = contents.split_first()?;
    if unused > 7 || (bytes.is_empty() && unused > 0) {
        return None;
    }
    let set = |number: &usize| {
        let byte = bytes.get(number / 8).copied().unwrap_or_default();
        byte & (0x80 >> (number % 8)) != 0
    };
    Some((0..9).filter(set).fold(0, |bits, number| bits | 1 << number))
}

/// A Time in one of its two forms, with seconds and in UTC (RFC 5280, section 4.1.2.5).
pub(super) fn time(element: Element<'_>) -> Option<Timestamp> {
    let length = match element.tag {
        UTC_TIME => 13,
        GENERALIZED_TIME => 15,
        _ => return None,
    };
    if element.contents.len() != length || element.contents.last() != Some(&b'Z') {
        return None;
    }
    let (rest, time) = ASN1Time::from_der(element.whole).ok()?;
    rest.is_empty().then(|| Timestamp(time.timestamp()))
}

/// The digits of a serial number, without zeros in front: one number is one sequence of bytes.
pub(super) fn magnitude(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|&&byte| byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}
