//! Extensions of certificates, CRLs and OCSP responses (RFC 5280, sections 4.2 and 5.2).

use super::der::{self, Reader};
use super::fault::{self, Fault};
use super::oid;

/// Few certificates have more extensions.
const USUAL_EXTENSIONS: usize = 12;

/// An extension of a certificate, a CRL or an OCSP response. Its value is not decoded.
#[derive(Clone, Copy)]
pub(super) struct Extension<'a> {
    /// Contents of the object identifier.
    pub(super) oid: &'a [u8],
    pub(super) critical: bool,
    pub(super) value: &'a [u8],
}

impl<'a> Extension<'a> {
    /// The extensions of a list, from its contents. A malformed extension is `None`.
    pub(super) fn each(list: &'a [u8]) -> impl Iterator<Item = Option<Self>> {
        der::each(list).map(|element| Self::read(element?))
    }

    #[inline]
    fn read(element: der::Element<'a>) -> Option<Self> {
        let mut fields = Reader(element.contents);
        let oid = fields.take(der::OBJECT_IDENTIFIER)?.contents;
        let critical = fields.flag(der::BOOLEAN)?;
        let value = fields.take(der::OCTET_STRING)?.contents;
        let whole = element.tag == der::SEQUENCE && fields.is_empty();
        whole.then_some(Self { oid, critical, value })
    }
}

/// The extensions of a certificate, from the contents of the field. The error says which is malformed.
pub(super) fn list(contents: &[u8]) -> Result<Vec<Extension<'_>>, Fault<'_>> {
    let mut list = Reader(fault::only(contents, der::SEQUENCE, "list of extensions")?);
    let mut extensions = Vec::with_capacity(USUAL_EXTENSIONS);
    while !list.is_empty() {
        let number = extensions.len() + 1;
        let element = fault::take(&mut list, der::SEQUENCE, format_args!("extension {number}"))?;
        extensions.push(Extension::read(element).ok_or_else(|| {
            let words = "is not an object identifier, perhaps a flag, and an octet string";
            Fault::new(format!("its extension {number} {words}"), element.whole)
        })?);
    }
    Ok(extensions)
}

/// The object identifier of an extension that is in the list twice.
pub(super) fn duplicate<'a>(extensions: &[Extension<'a>]) -> Option<&'a [u8]> {
    // The last bytes of the identifiers in use are different, also modulo 64.
    let mut last_bytes: u64 = 0;
    let mut are_different = true;
    for extension in extensions {
        let last = extension.oid.last().copied().unwrap_or_default();
        let bit = 1 << (last % 64);
        are_different &= last_bytes & bit == 0;
        last_bytes |= bit;
    }
    if are_different {
        return None;
    }
    let mut kinds: Vec<_> = extensions.iter().map(|it| it.oid).collect();
    oid::duplicate(&mut kinds)
}

/// How much of a critical extension is supported.
pub(super) enum ExtensionSupport {
    Full,
    /// All of it, except for this part.
    AllBut(String),
    None,
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_twice_in_a_list_is_found_and_nothing_else() {
        let numbers = |list: &[&'static [u8]]| -> Option<&'static [u8]> {
            let extension = |oid: &&'static [u8]| Extension { oid, critical: false, value: &[] };
            duplicate(&list.iter().map(extension).collect::<Vec<_>>())
        };
        // The last bytes of the others are the same, or the same modulo 64.
        let (usage, other, far) = (oid::KEY_USAGE, &[0x2a, 15][..], &[0x55, 0x1d, 15 + 64][..]);
        assert_eq!(numbers(&[]), None);
        assert_eq!(numbers(&[usage, oid::SUBJECT_ALT_NAME, oid::BASIC_CONSTRAINTS]), None);
        assert_eq!(numbers(&[usage, other, far]), None);
        assert_eq!(numbers(&[usage, oid::SUBJECT_ALT_NAME, usage]), Some(usage));
        assert_eq!(numbers(&[other, usage, far, other]), Some(other));
    }
}
