use super::*;
use crate::alert::AlertDescription;

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, DecodeError>, alert: AlertDescription) {
    assert_eq!(result.unwrap_err().alert(), alert);
}

#[test]
fn what_may_be_there_once_may_not_be_there_twice() {
    let illegal = AlertDescription::ILLEGAL_PARAMETER;
    refused(ClientHello::parse(&client_hello(&[(0x0a0a, vec![]), (0x0a0a, vec![])])), illegal);
    let shares = vector16(&[0, 29, 0, 1, 1, 0, 23, 0, 1, 2, 0, 29, 0, 1, 3]);
    refused(ClientHello::parse(&client_hello(&[(51, shares)])), illegal);
    let names = vector16(&[0, 0, 1, b'a', 0, 0, 1, b'b']);
    refused(ClientHello::parse(&client_hello(&[(0, names)])), illegal);
    let one_of_another_type = vector16(&[9, 0, 1, b'a', 0, 0, 1, b'b']);
    let body = client_hello(&[(0, one_of_another_type)]);
    assert_eq!(ClientHello::parse(&body).unwrap().server_name, Some(&b"b"[..]));
}

#[test]
fn extensions_stand_only_where_the_rfc_lets_them() {
    let illegal = AlertDescription::ILLEGAL_PARAMETER;
    let version = (43, vec![3, 4]);
    for kind in [0, 10, 13, 16, 42, 44, 45, 48, 49] {
        let body = server_hello(false, &[version.clone(), (kind, vec![])]);
        refused(ServerHello::parse(&body), illegal);
    }
    refused(ServerHello::parse(&server_hello(true, &[version, (41, vec![0, 0])])), illegal);
    for kind in [13, 41, 43, 44, 45, 51, 5, 18, 21] {
        refused(EncryptedExtensions::parse(&extension_list(&[(kind, vec![])])), illegal);
    }
    let request = |kind| [vec![0], extension_list(&[(kind, vec![])])].concat();
    for kind in [10, 16, 41, 42, 43, 51] {
        refused(CertificateRequest::parse(&request(kind)), illegal);
    }
    let ticket = |kind| [vec![0; 9], vec![0, 1, 7], extension_list(&[(kind, vec![])])].concat();
    for kind in [0, 10, 13, 16, 41, 43, 51] {
        refused(NewSessionTicket::parse(&ticket(kind)), illegal);
    }
    refused(ClientHello::parse(&client_hello(&[(48, vec![])])), illegal);
}

#[test]
fn an_older_server_is_recognized_by_its_version_and_not_by_its_extensions() {
    let renegotiation_and_names = [(0xff01, vec![0]), (0, vec![]), (16, vec![0, 2, 1, b'x'])];
    let body = server_hello(false, &renegotiation_and_names);
    assert_eq!(ServerHello::parse(&body).unwrap().supported_version, None);
}

#[test]
fn pre_shared_keys_come_last_with_one_binder_each() {
    let identity = [&[0, 1, b'a'][..], &[0; 4]].concat();
    let binder = [&[32][..], &[1; 32]].concat();
    let psks = |identities: usize, binders: usize| {
        [vector16(&identity.repeat(identities)), vector16(&binder.repeat(binders))].concat()
    };
    let parse = |extensions: &[_]| ClientHello::parse(&client_hello(extensions)).map(drop);
    parse(&[(45, vec![1, 1]), (41, psks(2, 2))]).unwrap();
    for wrong in
        [&[(41, psks(1, 1)), (45, vec![1, 1])][..], &[(41, psks(1, 2))], &[(41, psks(2, 1))]]
    {
        refused(parse(wrong), AlertDescription::ILLEGAL_PARAMETER);
    }
}

#[test]
fn lengths_are_checked_at_their_borders() {
    let decode = AlertDescription::DECODE_ERROR;
    let name = |length: usize| (16, vector16(&[&[length as u8][..], &vec![b'x'; length]].concat()));
    assert!(ClientHello::parse(&client_hello(&[name(255)])).is_ok());
    refused(ClientHello::parse(&client_hello(&[name(0)])), decode);
    for (kind, body) in [
        (43, vec![0]),
        (43, vec![1, 3]),
        (43, vec![3, 3, 4, 3]),
        (10, vec![0, 0]),
        (10, vec![0, 1, 0]),
        (13, vec![0, 0]),
        (44, vec![0, 0]),
        (45, vec![0]),
        (16, vec![0, 0]),
        (0, vec![0, 0]),
        (0, vec![]),
        (42, vec![0]),
        (51, vec![0, 4, 0, 29, 0, 0]),
        (51, vec![]),
        (41, vec![0, 0, 0, 0]),
    ] {
        refused(ClientHello::parse(&client_hello(&[(kind, body)])), decode);
    }
    assert!(ClientHello::parse(&client_hello(&[(51, vec![0, 0])])).is_ok(), "no share at all");

    let mut session = client_hello(&[]);
    session.splice(34..36, [&[32][..], &[1; 32]].concat());
    assert_eq!(ClientHello::parse(&session).unwrap().session_id.len(), 32);
    session.splice(34..35, [33, 1]);
    refused(ClientHello::parse(&session), decode);
    refused(KeyUpdate::parse(&[2]).map(drop), AlertDescription::ILLEGAL_PARAMETER);
    refused(Certificate::parse(&[0, 0, 0, 5, 0, 0, 0, 0, 0]), decode);
}

#[test]
fn a_server_chooses_exactly_one_protocol() {
    let parse =
        |body: &[u8]| EncryptedExtensions::parse(&extension_list(&[(16, body.to_vec())])).map(drop);
    parse(&[0, 2, 1, b'a']).unwrap();
    refused(parse(&[0, 4, 1, b'a', 1, b'b']), AlertDescription::ILLEGAL_PARAMETER);
    refused(parse(&[0, 0]), AlertDescription::DECODE_ERROR);
}

/// A Certificate with one entry that has this extension.
fn with_extension(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    let entry = [&[0, 0, 1, 7, 0, length + 4, 0, kind, 0, length][..], body].concat();
    [&[0, 0, 0, u8::try_from(entry.len()).unwrap()][..], &entry].concat()
}

#[test]
fn staples_must_be_what_they_are_said_to_be() {
    use crate::alert::AlertDescription as A;
    let ocsp = |body: &[u8]| {
        let message = with_extension(5, body);
        let entry = crate::wire::Certificate::parse(&message).unwrap().entries().next().unwrap();
        entry.ocsp_response().map(|response| response.unwrap().to_vec()).map_err(|it| it.alert())
    };
    assert_eq!(ocsp(&[1, 0, 0, 1, 9]), Ok(vec![9]));
    assert_eq!(ocsp(&[1, 0, 0, 0]), Err(A::DECODE_ERROR), "empty");
    assert_eq!(ocsp(&[1, 0, 0, 2, 9]), Err(A::DECODE_ERROR), "cut");
    assert_eq!(ocsp(&[1, 0, 0, 1, 9, 9]), Err(A::DECODE_ERROR), "more");
    assert_eq!(ocsp(&[]), Err(A::DECODE_ERROR));
    assert_eq!(ocsp(&[2, 0, 0, 1, 9]), Err(A::ILLEGAL_PARAMETER), "another type");
    let timestamps = |body: &[u8]| {
        let message = with_extension(18, body);
        let entry = crate::wire::Certificate::parse(&message).unwrap().entries().next().unwrap();
        entry.signed_certificate_timestamps().map(|list| list.len()).map_err(|it| it.alert())
    };
    assert_eq!(timestamps(&[0, 6, 0, 1, 9, 0, 1, 9]), Ok(2));
    for bad in [&[0, 0][..], &[0, 2, 0, 0], &[0, 3, 0, 2, 9], &[0, 3, 0, 1, 9, 9], &[]] {
        assert_eq!(timestamps(bad), Err(A::DECODE_ERROR), "{bad:?}");
    }
}
