use std::collections::BTreeMap;

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;

use super::*;

/// Parses the one message in `bytes`, and returns its body.
fn body(bytes: &[u8]) -> &[u8] {
    let (message, rest) = HandshakeMessage::split(bytes).unwrap();
    assert!(rest.is_empty());
    message.body
}

/// Encodes a parsed body again, checks that nothing changed, and that neither a truncated body
/// nor one with a byte more is accepted.
macro_rules! check {
    ($type:ident, $body:expr) => {{
        let original: Vec<u8> = $body;
        let message = $type::parse(&original).unwrap();
        let mut out = Vec::new();
        message.encode(&mut out);
        assert_eq!(body(&out), &original[..]);
        assert_eq!(&$type::parse(body(&out)).unwrap(), &message);
        for end in 0..original.len() {
            assert!($type::parse(&original[..end]).is_err(), "cut to {}", end);
        }
        let longer = [&original[..], &[0]].concat();
        assert!($type::parse(&longer).is_err());
    }};
}

/// As many values as a number of this range.
fn list<T>(
    u: &mut Unstructured<'_>,
    lengths: RangeInclusive<usize>,
    mut value: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let length = u.int_in_range(lengths)?;
    (0..length).map(|_| value(u)).collect()
}

/// Extensions that no table forbids anywhere and no parser looks into: GREASE and private ones.
fn unknown_extensions(u: &mut Unstructured<'_>) -> Result<Vec<(u16, Vec<u8>)>> {
    let body = bytes(u, 0..=19)?;
    let mut extensions = Vec::new();
    for kind in [0x0a0a, 0x1a1a, 0xfafa, 0xff77, 0x4469] {
        if u.arbitrary()? {
            extensions.push((kind, body.clone()));
        }
    }
    Ok(extensions)
}

/// A list of code points with a length of two bytes.
fn codes(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let codes = list(u, 1..=8, |u| u.arbitrary::<u16>())?;
    Ok(vector16(&codes.into_iter().flat_map(u16::to_be_bytes).collect::<Vec<_>>()))
}

fn key_shares(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let shares = list(u, 0..=4, |u| Ok((u.arbitrary::<u16>()?, bytes(u, 1..=39)?)))?;
    // Each group once.
    let shares: BTreeMap<u16, Vec<u8>> = shares.into_iter().collect();
    let mut entries = Vec::new();
    for (group, share) in shares {
        entries.extend(group.to_be_bytes());
        entries.extend(vector16(&share));
    }
    Ok(vector16(&entries))
}

fn offered_psks(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let (mut identities, mut binders) = (Vec::new(), Vec::new());
    for _ in 0..u.int_in_range(1..=3)? {
        identities.extend(vector16(&bytes(u, 1..=29)?));
        identities.extend(u.arbitrary::<[u8; 4]>()?);
        let binder = bytes(u, 32..=48)?;
        binders.push(binder.len() as u8);
        binders.extend(binder);
    }
    Ok([vector16(&identities), vector16(&binders)].concat())
}

fn client_extensions(u: &mut Unstructured<'_>) -> Result<Vec<(u16, Vec<u8>)>> {
    let mut all = unknown_extensions(u)?;
    let schemes = codes(u)?;
    let name = vector16(&bytes(u, 1..=29)?);
    all.push((0, vector16(&[&[0], &name[..]].concat())));
    all.push((10, codes(u)?));
    all.push((13, schemes.clone()));
    all.push((50, schemes));
    all.push((16, vector16(&[2, b'h', b'2', 1, 0xaa])));
    all.push((43, vec![4, 0x7a, 0x7a, 3, 4]));
    all.push((44, vector16(&bytes(u, 1..=29)?)));
    all.push((45, vec![2, 1, 0x3b]));
    all.push((51, key_shares(u)?));
    all.push((42, Vec::new()));
    if u.arbitrary()? {
        all.push((41, offered_psks(u)?));
    }
    Ok(all)
}

#[test]
fn client_hello_with_everything() {
    arbtest(|u| {
        let extensions = client_extensions(u)?;
        let original = client_hello(&extensions);
        let hello = ClientHello::parse(&original).unwrap();
        assert!(hello.early_data && hello.key_shares.is_some() && hello.cookie.is_some());
        let mut out = Vec::new();
        hello.encode(&mut out);
        assert_eq!(body(&out), &original[..]);
        assert_eq!(&ClientHello::parse(body(&out)).unwrap(), &hello);
        // Without its extensions it is still a hello, of an older version.
        let without = original.len() - extension_list(&extensions).len();
        for end in (0..original.len()).filter(|end| *end != without) {
            assert!(ClientHello::parse(&original[..end]).is_err(), "cut to {}", end);
        }
        assert!(ClientHello::parse(&[&original[..], &[0]].concat()).is_err());
        Ok(())
    });
}

#[test]
fn server_hello_and_retry() {
    arbtest(|u| {
        let share = bytes(u, 1..=69)?;
        let cookie = bytes(u, 1..=69)?;
        let retry: bool = u.arbitrary()?;
        let extensions = match retry {
            true => vec![(43, vec![3, 4]), (51, vec![0, 29]), (44, vector16(&cookie))],
            false => {
                let share = [&[0, 29], &vector16(&share)[..]].concat();
                vec![(43, vec![3, 4]), (51, share), (41, vec![0, 1])]
            }
        };
        let original = server_hello(retry, &extensions);
        let hello = ServerHello::parse(&original).unwrap();
        assert_eq!(hello.is_hello_retry_request(), retry);
        assert_eq!((hello.selected_group.is_some(), hello.key_share.is_some()), (retry, !retry));
        let mut out = Vec::new();
        hello.encode(&mut out);
        assert_eq!(body(&out), &original[..]);
        let without = original.len() - extension_list(&extensions).len();
        for end in (0..original.len()).filter(|end| *end != without) {
            assert!(ServerHello::parse(&original[..end]).is_err(), "cut to {}", end);
        }
        assert!(ServerHello::parse(&[&original[..], &[0]].concat()).is_err());
        Ok(())
    });
}

#[test]
fn encrypted_extensions() {
    arbtest(|u| {
        let unknown = unknown_extensions(u)?;
        let groups = codes(u)?;
        let mut all = unknown;
        all.extend([(0, Vec::new()), (10, groups), (16, vec![0, 3, 2, 1, 2]), (42, Vec::new())]);
        check!(EncryptedExtensions, extension_list(&all));
        Ok(())
    });
}

#[test]
fn certificate_request() {
    arbtest(|u| {
        let context = bytes(u, 0..=8)?;
        let schemes = codes(u)?;
        let name = bytes(u, 1..=19)?;
        let values = bytes(u, 0..=19)?;
        let unknown = unknown_extensions(u)?;
        let mut all = unknown;
        let filter = [&[2, 6, 0][..], &vector16(&values)].concat();
        all.extend([(13, schemes.clone()), (50, schemes), (5, Vec::new()), (18, Vec::new())]);
        all.extend([(47, vector16(&vector16(&name))), (48, vector16(&filter))]);
        let body = [&[0][..], &extension_list(&all)].concat();
        let request = CertificateRequest::parse(&body).unwrap();
        let names: Vec<_> = request.certificate_authorities.unwrap().iter().collect();
        assert_eq!(names, vec![&name[..]]);
        let filters: Vec<_> = request.oid_filters.unwrap().iter().collect();
        assert_eq!(filters, vec![OidFilter { identifier: &[6, 0], values: &values }]);
        assert_eq!(request.signature_algorithms, request.signature_algorithms_cert);
        let context = [&[context.len() as u8], &context[..]].concat();
        check!(CertificateRequest, [context, extension_list(&all)].concat());
        Ok(())
    });
}

#[test]
fn certificate_verify() {
    arbtest(|u| {
        let scheme: u16 = u.arbitrary()?;
        let signature = bytes(u, 0..=98)?;
        check!(CertificateVerify, [&scheme.to_be_bytes(), &vector16(&signature)[..]].concat());
        Ok(())
    });
}

#[test]
fn certificate() {
    arbtest(|u| {
        let chain = list(u, 0..=3, |u| bytes(u, 1..=59))?;
        let context = bytes(u, 0..=8)?;
        let mut out = Vec::new();
        Certificate::encode(&mut out, &context, &chain);
        let message = Certificate::parse(body(&out)).unwrap();
        assert_eq!(message.request_context, &context[..]);
        let entries: Vec<_> = message.entries().map(|entry| entry.certificate.to_vec()).collect();
        assert_eq!(entries, chain);
        for end in 0..body(&out).len() {
            assert!(Certificate::parse(&body(&out)[..end]).is_err());
        }
        Ok(())
    });
}

#[test]
fn certificate_entry() {
    arbtest(|u| {
        let response = bytes(u, 1..=59)?;
        let timestamps = list(u, 1..=3, |u| bytes(u, 1..=59))?;
        let list: Vec<u8> = timestamps.iter().flat_map(|it| vector16(it)).collect();
        let response_body = [&[1, 0][..], &vector16(&response)].concat();
        let extensions = extension_list(&[(5, response_body), (18, vector16(&list))]);
        let entry = [&[0, 0, 1, 7][..], &extensions].concat();
        let original = [&[0, 0][..], &vector16(&entry)].concat();
        let message = Certificate::parse(&original).unwrap();
        let entry = message.entries().next().unwrap();
        assert_eq!(entry.ocsp_response().unwrap(), Some(&response[..]));
        assert_eq!(entry.signed_certificate_timestamps().unwrap(), timestamps);
        let mut out = Vec::new();
        Certificate::encode(&mut out, &[], message.entries());
        assert_eq!(body(&out), &original[..]);
        Ok(())
    });
}

#[test]
fn new_session_ticket() {
    arbtest(|u| {
        let lifetime: u32 = u.arbitrary()?;
        let age_add: u32 = u.arbitrary()?;
        let nonce = bytes(u, 0..=8)?;
        let ticket = bytes(u, 1..=98)?;
        let size: u32 = u.arbitrary()?;
        let fields = [lifetime.to_be_bytes(), age_add.to_be_bytes()].concat();
        let nonce = [&[nonce.len() as u8], &nonce[..]].concat();
        let extensions = extension_list(&[(42, size.to_be_bytes().to_vec()), (0x5a5a, vec![])]);
        let original = [fields, nonce, vector16(&ticket), extensions].concat();
        assert_eq!(NewSessionTicket::parse(&original).unwrap().max_early_data_size, Some(size));
        check!(NewSessionTicket, original);
        Ok(())
    });
}

#[test]
fn key_update() {
    arbtest(|u| {
        let update_requested: bool = u.arbitrary()?;
        check!(KeyUpdate, vec![u8::from(update_requested)]);
        check!(EndOfEarlyData, Vec::new());
        Ok(())
    });
}
