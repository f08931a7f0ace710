//! Object identifiers and integers whose contents are the input: each in a place of a certificate
//! or of a CRL that reads it.

use std::time::Duration;

use handclasp::TrustAnchors;
use handclasp::certificate::{
    CertificateRevocationList, ChainRequest, EndEntity, PolicyIdentifier, Purpose, verify_chain,
};
use handclasp::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::Input;
use crate::certificates::{BELIEVER, NOW, Template, anchors, der, extension};

const OBJECT_IDENTIFIER: u8 = 6;
const INTEGER: u8 = 2;

/// The target `forms`: a byte that chooses a place, and the contents of an object identifier or an
/// integer to put there.
pub fn forms(data: &[u8]) {
    let mut input = Input(data);
    let place = input.byte();
    let contents = input.0;
    // More than a certificate of this crate may have.
    if contents.len() > 200 {
        return;
    }
    let is_identifier = identifier_again(contents).is_some_and(|again| again == contents);
    let is_integer = integer_again(contents).is_some_and(|again| again == contents);
    let whole = der(OBJECT_IDENTIFIER, &[contents]);
    assert_eq!(PolicyIdentifier::from_der(&whole).is_ok(), is_identifier, "{contents:02x?}");
    if let Ok(policy) = PolicyIdentifier::from_der(&whole) {
        // One that has its numbers within 64 bits is read again from its words.
        if let Ok(again) = policy.to_string().parse::<PolicyIdentifier>() {
            assert!(again == policy || contents.len() > 18, "{policy}");
        }
    }
    match place % 8 {
        0 => second_name(&whole, is_identifier),
        1 => leaf(is_identifier, |leaf| {
            leaf.extensions[1] =
                extension(37, false, &der(0x30, &[&[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1], &whole]));
        }),
        2 => leaf(is_identifier, |leaf| {
            leaf.extensions.push(extension(32, false, &der(0x30, &[&der(0x30, &[&whole])])));
        }),
        3 => leaf(is_identifier, |leaf| {
            let names = [der(0x82, &[b"example.com"]), der(0x88, &[contents])].concat();
            leaf.extensions[0] = extension(17, false, &der(0x30, &[&names]));
        }),
        4 => leaf(is_integer, |leaf| leaf.serial = Some(contents.to_vec())),
        5 => authority(contents, is_integer, |authority, integer| {
            authority.extensions[0] =
                extension(19, true, &der(0x30, &[&[1, 1, 0xff], &der(INTEGER, &[integer])]));
        }),
        6 => authority(contents, is_integer, |authority, integer| {
            authority.extensions.push(extension(36, true, &der(0x30, &[&der(0x81, &[integer])])));
        }),
        _ => entry_of_a_crl(contents, is_integer),
    }
}

fn accepts(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    anchors: &TrustAnchors,
) -> bool {
    let name = ServerName::try_from("example.com").expect("it is a name").into();
    let algorithms = [BELIEVER];
    let request = ChainRequest::new(
        leaf,
        intermediates,
        anchors,
        Purpose::Server,
        core::slice::from_ref(&name),
        UnixTime::since_unix_epoch(Duration::from_secs(NOW)),
        &algorithms,
    );
    let result = verify_chain(&request);
    result.is_ok()
}

/// A leaf under a root is accepted if, and only if, what was put into it has its one form.
fn leaf(is_one_form: bool, edit: impl FnOnce(&mut Template<'_>)) {
    let mut leaf = Template::server("root");
    edit(&mut leaf);
    assert_eq!(accepts(&leaf.encode(), &[], &anchors()), is_one_form);
}

/// The same of a leaf under an intermediate, where a count may also be negative, and is refused.
fn authority(contents: &[u8], is_one_form: bool, edit: impl FnOnce(&mut Template<'_>, &[u8])) {
    let mut authority = Template::authority("issuer", "root", 2);
    edit(&mut authority, contents);
    let is_negative = contents.first().is_some_and(|first| *first >= 0x80);
    let leaf = Template::server("issuer").encode();
    let accepted = accepts(&leaf, &[authority.encode()], &anchors());
    assert_eq!(accepted, is_one_form && !is_negative, "{contents:02x?}");
}

/// An extension of names that is not the one of the names that count, however its identifier is
/// written: the one must not be taken for the other.
fn second_name(identifier: &[u8], is_one_form: bool) {
    let names = der(0x30, &[&der(0x82, &[b"evil.example"])]);
    let second = der(0x30, &[identifier, &der(4, &[&names])]);
    let mut leaf = Template::server("root");
    leaf.extensions.push(second);
    let leaf = leaf.encode();
    let accepted = accepts(&leaf, &[], &anchors());
    assert!(!accepted || is_one_form, "{identifier:02x?}");
    if let Ok(leaf) = EndEntity::parse(&leaf) {
        let evil = ServerName::try_from("evil.example").expect("it is a name").into();
        assert!(!leaf.valid_for(&evil), "{identifier:02x?}");
    }
}

fn entry_of_a_crl(serial: &[u8], is_one_form: bool) {
    let time = der(0x17, &[b"260701000000Z".as_slice()]);
    let algorithm = der(0x30, &[&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
    let entry = der(0x30, &[&der(INTEGER, &[serial]), &time]);
    let signed =
        der(0x30, &[&[2, 1, 1], &algorithm, &der(0x30, &[]), &time, &time, &der(0x30, &[&entry])]);
    let crl = der(0x30, &[&signed, &algorithm, &[3, 2, 0, 1]]);
    match CertificateRevocationList::from_der(&crl) {
        Ok(crl) => assert!(is_one_form && crl.lists(serial), "{serial:02x?}"),
        Err(error) => assert!(!is_one_form, "{error}: {serial:02x?}"),
    }
}

/// An object identifier read as numbers of any size, bit by bit, and written again (X.690, section
/// 8.19); `None` if it ends within a number, or has none.
fn identifier_again(contents: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bits: Vec<bool> = Vec::new();
    let mut is_open = true;
    for byte in contents {
        bits.extend((0..7).rev().map(|bit| byte >> bit & 1 == 1));
        is_open = byte & 0x80 != 0;
        if !is_open {
            let significant: Vec<_> = bits.drain(..).skip_while(|bit| !bit).collect();
            let groups = significant.len().div_ceil(7).max(1);
            let padding = groups * 7 - significant.len();
            let padded: Vec<_> = vec![false; padding].into_iter().chain(significant).collect();
            for (index, group) in padded.chunks(7).enumerate() {
                let value = group.iter().fold(0, |value, bit| value << 1 | u8::from(*bit));
                out.push(if index + 1 < groups { 0x80 | value } else { value });
            }
        }
    }
    (!is_open && !contents.is_empty()).then_some(out)
}

/// An integer read as its sign and what differs from it, and written again (X.690, section 8.3).
fn integer_again(contents: &[u8]) -> Option<Vec<u8>> {
    let sign = if *contents.first()? & 0x80 == 0 { 0x00 } else { 0xff };
    let mut digits: Vec<u8> = contents.iter().copied().skip_while(|byte| *byte == sign).collect();
    if digits.first().is_none_or(|first| (first ^ sign) & 0x80 != 0) {
        digits.insert(0, sign);
    }
    Some(digits)
}
