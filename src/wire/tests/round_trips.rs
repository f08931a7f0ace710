use proptest::collection::vec;
use proptest::prelude::*;

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
        prop_assert_eq!(body(&out), &original[..]);
        prop_assert_eq!(&$type::parse(body(&out)).unwrap(), &message);
        for end in 0..original.len() {
            prop_assert!($type::parse(&original[..end]).is_err(), "cut to {}", end);
        }
        let longer = [&original[..], &[0]].concat();
        prop_assert!($type::parse(&longer).is_err());
    }};
}

fn blob(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length)
}

/// Extensions that no table forbids anywhere and no parser looks into: GREASE and private ones.
fn unknown_extensions() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    let kinds = proptest::sample::subsequence(vec![0x0a0a, 0x1a1a, 0xfafa, 0xff77, 0x4469], 0..5);
    (kinds, blob(0..20))
        .prop_map(|(kinds, body)| kinds.into_iter().map(|kind: u16| (kind, body.clone())).collect())
}

/// A list of code points with a length of two bytes.
fn codes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u16>(), 1..9).prop_map(|codes| {
        vector16(&codes.into_iter().flat_map(u16::to_be_bytes).collect::<Vec<_>>())
    })
}

fn key_shares() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::btree_map(any::<u16>(), blob(1..40), 0..5).prop_map(|shares| {
        let entries = shares
            .into_iter()
            .flat_map(|(group, share)| [&group.to_be_bytes()[..], &vector16(&share)].concat());
        vector16(&entries.collect::<Vec<_>>())
    })
}

fn offered_psks() -> impl Strategy<Value = Vec<u8>> {
    vec((blob(1..30), any::<u32>(), blob(32..49)), 1..4).prop_map(|psks| {
        let (mut identities, mut binders) = (Vec::new(), Vec::new());
        for (identity, age, binder) in psks {
            identities.extend(vector16(&identity));
            identities.extend(age.to_be_bytes());
            binders.push(binder.len() as u8);
            binders.extend(binder);
        }
        [vector16(&identities), vector16(&binders)].concat()
    })
}

prop_compose! {
    fn client_extensions()(
        unknown in unknown_extensions(),
        groups in codes(),
        schemes in codes(),
        shares in key_shares(),
        name in blob(1..30),
        cookie in blob(1..30),
        psks in proptest::option::of(offered_psks()),
    ) -> Vec<(u16, Vec<u8>)> {
        let mut all = unknown;
        all.push((0, vector16(&[&[0], &vector16(&name)[..]].concat())));
        all.push((10, groups));
        all.push((13, schemes.clone()));
        all.push((50, schemes));
        all.push((16, vector16(&[2, b'h', b'2', 1, 0xaa])));
        all.push((43, vec![4, 0x7a, 0x7a, 3, 4]));
        all.push((44, vector16(&cookie)));
        all.push((45, vec![2, 1, 0x3b]));
        all.push((51, shares));
        all.push((42, Vec::new()));
        all.extend(psks.map(|psks| (41, psks)));
        all
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn client_hello_with_everything(extensions in client_extensions()) {
        let original = client_hello(&extensions);
        let hello = ClientHello::parse(&original).unwrap();
        prop_assert!(hello.early_data && hello.key_shares.is_some() && hello.cookie.is_some());
        let mut out = Vec::new();
        hello.encode(&mut out);
        prop_assert_eq!(body(&out), &original[..]);
        prop_assert_eq!(&ClientHello::parse(body(&out)).unwrap(), &hello);
        // Without its extensions it is still a hello, of an older version.
        let without = original.len() - extension_list(&extensions).len();
        for end in (0..original.len()).filter(|end| *end != without) {
            prop_assert!(ClientHello::parse(&original[..end]).is_err(), "cut to {}", end);
        }
        prop_assert!(ClientHello::parse(&[&original[..], &[0]].concat()).is_err());
    }

    #[test]
    fn server_hello_and_retry(share in blob(1..70), cookie in blob(1..70), retry: bool) {
        let extensions = match retry {
            true => vec![(43, vec![3, 4]), (51, vec![0, 29]), (44, vector16(&cookie))],
            false => {
                let share = [&[0, 29], &vector16(&share)[..]].concat();
                vec![(43, vec![3, 4]), (51, share), (41, vec![0, 1])]
            }
        };
        let original = server_hello(retry, &extensions);
        let hello = ServerHello::parse(&original).unwrap();
        prop_assert_eq!(hello.is_hello_retry_request(), retry);
        prop_assert_eq!((hello.selected_group.is_some(), hello.key_share.is_some()), (retry, !retry));
        let mut out = Vec::new();
        hello.encode(&mut out);
        prop_assert_eq!(body(&out), &original[..]);
        let without = original.len() - extension_list(&extensions).len();
        for end in (0..original.len()).filter(|end| *end != without) {
            prop_assert!(ServerHello::parse(&original[..end]).is_err(), "cut to {}", end);
        }
        prop_assert!(ServerHello::parse(&[&original[..], &[0]].concat()).is_err());
    }

    #[test]
    fn encrypted_extensions(unknown in unknown_extensions(), groups in codes()) {
        let mut all = unknown;
        all.extend([(0, Vec::new()), (10, groups), (16, vec![0, 3, 2, 1, 2]), (42, Vec::new())]);
        check!(EncryptedExtensions, extension_list(&all));
    }

    #[test]
    fn certificate_request(
        context in blob(0..9),
        schemes in codes(),
        name in blob(1..20),
        values in blob(0..20),
        unknown in unknown_extensions(),
    ) {
        let mut all = unknown;
        let filter = [&[2, 6, 0][..], &vector16(&values)].concat();
        all.extend([(13, schemes.clone()), (50, schemes), (5, Vec::new()), (18, Vec::new())]);
        all.extend([(47, vector16(&vector16(&name))), (48, vector16(&filter))]);
        let body = [&[0][..], &extension_list(&all)].concat();
        let request = CertificateRequest::parse(&body).unwrap();
        let names: Vec<_> = request.certificate_authorities.unwrap().iter().collect();
        prop_assert_eq!(names, vec![&name[..]]);
        let filters: Vec<_> = request.oid_filters.unwrap().iter().collect();
        prop_assert_eq!(filters, vec![OidFilter { identifier: &[6, 0], values: &values }]);
        prop_assert_eq!(request.signature_algorithms, request.signature_algorithms_cert);
        let context = [&[context.len() as u8], &context[..]].concat();
        check!(CertificateRequest, [context, extension_list(&all)].concat());
    }

    #[test]
    fn certificate_verify(scheme: u16, signature in blob(0..99)) {
        check!(CertificateVerify, [&scheme.to_be_bytes(), &vector16(&signature)[..]].concat());
    }

    #[test]
    fn certificate(chain in vec(blob(1..60), 0..4), context in blob(0..9)) {
        let mut out = Vec::new();
        Certificate::encode(&mut out, &context, &chain);
        let message = Certificate::parse(body(&out)).unwrap();
        prop_assert_eq!(message.request_context, &context[..]);
        let entries: Vec<_> = message.entries().map(|entry| entry.certificate.to_vec()).collect();
        prop_assert_eq!(entries, chain);
        for end in 0..body(&out).len() {
            prop_assert!(Certificate::parse(&body(&out)[..end]).is_err());
        }
    }

    #[test]
    fn certificate_entry(response in blob(1..60), timestamps in vec(blob(1..60), 1..4)) {
        let list: Vec<u8> = timestamps.iter().flat_map(|it| vector16(it)).collect();
        let response_body = [&[1, 0][..], &vector16(&response)].concat();
        let extensions = extension_list(&[(5, response_body), (18, vector16(&list))]);
        let entry = [&[0, 0, 1, 7][..], &extensions].concat();
        let original = [&[0, 0][..], &vector16(&entry)].concat();
        let message = Certificate::parse(&original).unwrap();
        let entry = message.entries().next().unwrap();
        prop_assert_eq!(entry.ocsp_response().unwrap(), Some(&response[..]));
        prop_assert_eq!(entry.signed_certificate_timestamps().unwrap(), timestamps);
        let mut out = Vec::new();
        Certificate::encode(&mut out, &[], message.entries());
        prop_assert_eq!(body(&out), &original[..]);
    }

    #[test]
    fn new_session_ticket(
        lifetime: u32,
        age_add: u32,
        nonce in blob(0..9),
        ticket in blob(1..99),
        size: u32,
    ) {
        let fields = [lifetime.to_be_bytes(), age_add.to_be_bytes()].concat();
        let nonce = [&[nonce.len() as u8], &nonce[..]].concat();
        let extensions = extension_list(&[(42, size.to_be_bytes().to_vec()), (0x5a5a, vec![])]);
        let original = [fields, nonce, vector16(&ticket), extensions].concat();
        prop_assert_eq!(NewSessionTicket::parse(&original).unwrap().max_early_data_size, Some(size));
        check!(NewSessionTicket, original);
    }

    #[test]
    fn key_update(update_requested: bool) {
        check!(KeyUpdate, vec![u8::from(update_requested)]);
        check!(EndOfEarlyData, Vec::new());
    }
}
