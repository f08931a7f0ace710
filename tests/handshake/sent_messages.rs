//! What this library sends, looked at from outside: records, hellos and alerts have what RFC 9846
//! wants them to have, and nothing that it forbids.

use std::sync::Arc;

use handclasp::alert::{AlertDescription, AlertLevel};
use handclasp::connection::Received;
use handclasp::cookie::HmacCookies;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::record::HEADER_LENGTH;
use handclasp::registry::{HandshakeType, ProtocolVersion};
use handclasp::transport::memory::exchange;
use handclasp::wire::{ClientHello, ExtensionType, HandshakeMessage, ServerHello};
use handclasp::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use handclasp_testing::numbers::varied_bytes;
use handclasp_testing::{Identity, narrow_provider, server_name, take_outgoing};

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

struct Record {
    kind: u8,
    version: [u8; 2],
    body: Vec<u8>,
}

fn records(mut bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let [kind, major, minor, high, low, rest @ ..] = bytes {
        let (body, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        records.push(Record { kind: *kind, version: [*major, *minor], body: body.to_vec() });
        bytes = rest;
    }
    records
}

/// Moves what there is to send, and adds it to `log`.
fn carry(from: &mut Connection, to: &mut Connection, log: &mut Vec<u8>) {
    let mut bytes = take_outgoing(from);
    log.extend_from_slice(&bytes);
    let mut rest = &mut bytes[..];
    while !rest.is_empty() {
        let (taken, _) = to.receive(rest).unwrap();
        rest = &mut rest[taken..];
    }
}

/// The records of both sides in a handshake, and after it: data, new keys, and the end.
fn recorded(client: &mut ClientConnection, server: &mut ServerConnection) -> [Vec<Record>; 2] {
    let [mut by_client, mut by_server] = [Vec::new(), Vec::new()];
    for _ in 0..4 {
        carry(client, server, &mut by_client);
        carry(server, client, &mut by_server);
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    client.update_keys(true).unwrap();
    assert_eq!(client.write(&[7; 40_000]).unwrap(), 40_000);
    carry(client, server, &mut by_client);
    assert_eq!(server.write(&[7; 40_000]).unwrap(), 40_000);
    client.close();
    server.close();
    carry(server, client, &mut by_server);
    carry(client, server, &mut by_client);
    [by_client, by_server].map(|bytes| records(&bytes))
}

fn client_of(identity: &Identity, compatible: bool) -> ClientConnection {
    let builder =
        ClientConfig::builder(CryptoProvider::default()).middlebox_compatibility(compatible);
    let config = builder.trust(identity.anchors()).unwrap().build().unwrap();
    ClientConnection::new(Arc::new(config), server_name())
}

/// A server with this group, that gives cookies where `cookies`.
fn server_of(identity: &Identity, group: usize, cookies: bool) -> ServerConnection {
    let mut builder = ServerConfig::builder(narrow_provider(0, group));
    if cookies {
        let protector = HmacCookies::random(&*CryptoProvider::default().random).unwrap();
        builder = builder.cookies(Arc::new(protector)).always_retry(true);
    }
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    ServerConnection::new(Arc::new(builder.build(Arc::new(list)).unwrap()))
}

#[test]
fn records_have_the_version_and_type_that_they_must() {
    let identity = Identity::p256();
    for (compatible, group) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
        let mut client = client_of(&identity, compatible);
        let mut server = server_of(&identity, group, false);
        let [by_client, by_server] = recorded(&mut client, &mut server);
        assert_eq!(client.parameters().retried, group == 1);
        // Section 5.1: only the first ClientHello may have another version.
        assert_eq!(by_client[0].version, [3, 1]);
        for record in by_client[1..].iter().chain(&by_server) {
            assert_eq!(record.version, [3, 3]);
        }
        for (records, hello) in [(&by_client, 1), (&by_server, 2)] {
            let protected = records.iter().position(|record| record.kind == APPLICATION_DATA);
            let (clear, protected) = records.split_at(protected.unwrap());
            // Nothing is in the clear again, not even the alert.
            assert!(protected.iter().all(|record| record.kind == APPLICATION_DATA));
            assert!(protected.iter().all(|record| record.body.len() <= (1 << 14) + 256));
            // Hellos are alone in their records, whole.
            let (hellos, others): (Vec<_>, Vec<_>) =
                clear.iter().partition(|record| record.kind == HANDSHAKE);
            assert_eq!(hellos.len(), 1 + group);
            for record in hellos {
                let (message, rest) = HandshakeMessage::split(&record.body).unwrap();
                assert_eq!((message.kind, rest), (HandshakeType(hello), &[][..]));
            }
            // Appendix E.4: one for each side, where the client wants it.
            assert_eq!(others.len(), usize::from(compatible));
            for record in others {
                assert_eq!((record.kind, &record.body[..]), (CHANGE_CIPHER_SPEC, &[1][..]));
            }
        }
    }
}

fn hello_of(end: &Connection) -> Vec<u8> {
    records(end.outgoing()).into_iter().find(|it| it.kind == HANDSHAKE).unwrap().body
}

fn body(message: &[u8]) -> &[u8] {
    HandshakeMessage::split(message).unwrap().0.body
}

#[test]
fn a_client_hello_is_one_of_tls_1_3_and_nothing_in_it_is_used_twice() {
    let identity = Identity::p256();
    let messages = [true, true, false].map(|it| hello_of(&client_of(&identity, it)));
    let [first, second, incompatible] =
        messages.each_ref().map(|it| ClientHello::parse(body(it)).unwrap());
    // Sections 4.2.2 and 4.3.8.
    assert_ne!(first.random, second.random);
    assert_ne!(first.session_id, second.session_id);
    assert_eq!((first.session_id.len(), incompatible.session_id.len()), (32, 0));
    let share = |hello: &ClientHello<'_>| {
        hello.key_shares.unwrap().iter().last().unwrap().key_exchange.to_vec()
    };
    assert_ne!(share(&first), share(&second));
    let grease = |code: u16| code & 0x0f0f == 0x0a0a;
    for hello in [&first, &second, &incompatible] {
        assert_eq!(hello.legacy_version, ProtocolVersion::TLS_1_2);
        assert_eq!(hello.compression_methods, [0]);
        let versions = hello.supported_versions.unwrap();
        let versions: Vec<_> = versions.iter().map(|it| it.0).filter(|it| !grease(*it)).collect();
        assert_eq!(versions, [0x0304], "all that can be negotiated, and nothing older");
        let known = |code: u16| (0x1301..=0x1303).contains(&code) || grease(code);
        assert!(hello.cipher_suites.iter().all(|suite| known(suite.0)));
        // Section 4.3.7: no group twice. Section 4.3.8: shares are in the order of the groups.
        let groups: Vec<_> = hello.supported_groups.unwrap().iter().collect();
        let mut sorted = groups.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), groups.len());
        let places = hello.key_shares.unwrap().iter();
        let places: Vec<_> =
            places.map(|share| groups.iter().position(|it| *it == share.group).unwrap()).collect();
        assert!(places.is_sorted());
        // Section 4.3.3: neither MD5, SHA-1, SHA-224 nor DSA. Section 9.2: what must be there.
        for scheme in hello.signature_algorithms.unwrap().iter() {
            let [hash, kind] = scheme.0.to_be_bytes();
            assert!(hash >= 4 && !(hash < 7 && kind == 2), "{scheme}");
        }
        // Appendix E.5, and section 4.3.2.
        const TRUNCATED_HMAC: ExtensionType = ExtensionType(4);
        assert!(hello.extensions.get(TRUNCATED_HMAC).is_none());
        assert!(hello.cookie.is_none() && !hello.early_data && hello.server_name.is_some());
    }
}

#[test]
fn a_server_hello_echoes_and_has_nothing_that_it_must_not() {
    use ExtensionType as E;
    let identity = Identity::p256();
    let (mut randoms, mut shares) = (Vec::new(), Vec::new());
    for (compatible, group, cookies) in
        [(true, 0, false), (false, 0, false), (true, 1, false), (true, 0, true), (true, 1, true)]
    {
        let mut client = client_of(&identity, compatible);
        let mut server = server_of(&identity, group, cookies);
        let first = hello_of(&client);
        let first = ClientHello::parse(body(&first)).unwrap();
        let mut log = Vec::new();
        let mut retried = false;
        let message = loop {
            carry(&mut client, &mut server, &mut log);
            let message = hello_of(&server);
            let hello = ServerHello::parse(body(&message)).unwrap();
            // Section 4.2.3.
            assert_eq!(hello.legacy_version, ProtocolVersion::TLS_1_2);
            assert_eq!(hello.session_id, first.session_id);
            assert_eq!(hello.compression_method, 0);
            assert_eq!(hello.supported_version, Some(ProtocolVersion::TLS_1_3));
            if !hello.is_hello_retry_request() {
                break message;
            }
            // Section 4.2.4: nothing but these three.
            let kinds = hello.extensions.iter().map(|it| it.kind);
            let mut kinds: Vec<_> = kinds.filter(|kind| *kind != E::SUPPORTED_VERSIONS).collect();
            kinds.retain(|kind| *kind != E::COOKIE || !cookies);
            assert_eq!(kinds, [E::KEY_SHARE].repeat(group));
            retried = true;
            carry(&mut server, &mut client, &mut log);
        };
        assert_eq!(retried, group == 1 || cookies);
        let hello = ServerHello::parse(body(&message)).unwrap();
        let mut kinds: Vec<_> = hello.extensions.iter().map(|it| it.kind).collect();
        kinds.sort_unstable_by_key(|kind| kind.0);
        assert_eq!(kinds, [E::SUPPORTED_VERSIONS, E::KEY_SHARE]);
        assert!(!hello.random[24..].starts_with(b"DOWNGRD"));
        randoms.extend([hello.random, first.random]);
        shares.push(hello.key_share.unwrap().key_exchange.to_vec());
        exchange(&mut client, &mut server).unwrap();
    }
    // Section 4.3.8: each is for one connection.
    for list in [&mut shares, &mut randoms.iter().map(|it| it.to_vec()).collect()] {
        let length = list.len();
        list.sort();
        list.dedup();
        assert_eq!(list.len(), length);
    }
}

#[test]
fn alerts_are_fatal_but_for_the_two_of_closure() {
    // Section 6.
    for code in 0..=255 {
        let alert = AlertDescription(code);
        let closes = [AlertDescription::CLOSE_NOTIFY, AlertDescription::USER_CANCELED];
        let level = if closes.contains(&alert) { AlertLevel::Warning } else { AlertLevel::Fatal };
        assert_eq!(alert.level(), level, "{alert}");
    }
    let identity = Identity::p256();
    let mut server = server_of(&identity, 0, false);
    server.receive(&mut [HANDSHAKE, 3, 3, 0, 0]).unwrap_err();
    assert_eq!(server.outgoing(), [ALERT, 3, 3, 0, 2, 2, 10]);
    // Section 6.1: user_canceled, and close_notify behind it.
    let mut client = client_of(&identity, true);
    take_outgoing(&mut client);
    client.close();
    assert_eq!(client.outgoing(), [ALERT, 3, 3, 0, 2, 1, 90, ALERT, 3, 3, 0, 2, 1, 0]);
}

#[test]
fn what_comes_after_close_notify_is_ignored() {
    // Section 6.1.
    let identity = Identity::p256();
    let (mut client, mut server) = (client_of(&identity, true), server_of(&identity, 0, false));
    exchange(&mut client, &mut server).unwrap();
    server.close();
    let mut bytes = take_outgoing(&mut server);
    let length = bytes.len();
    assert_eq!(client.receive(&mut bytes).unwrap(), (length, Received::Closed));
    for mut garbage in [vec![0; 100], vec![APPLICATION_DATA, 3, 3, 0xff, 0xff], vec![ALERT]] {
        let length = garbage.len();
        assert_eq!(client.receive(&mut garbage).unwrap(), (length, Received::Closed));
    }
    client.end_of_input().unwrap();
    // The other direction is open still.
    client.write(b"more").unwrap();
    let mut bytes = client.outgoing().to_vec();
    let (_, received) = server.receive(&mut bytes).unwrap();
    assert_eq!(received, Received::Data(&mut b"more".to_vec()));
    // And close_notify is the last that a side sends.
    assert!(server.write(b"late").is_err() && server.update_keys(true).is_err());
    assert_eq!(server.outgoing(), b"");
}

#[test]
fn a_failed_connection_sends_one_alert_and_then_nothing() {
    // Section 6.
    let identity = Identity::p256();
    let (mut client, mut server) = (client_of(&identity, true), server_of(&identity, 0, false));
    exchange(&mut client, &mut server).unwrap();
    let error = client.receive(&mut [APPLICATION_DATA, 3, 3, 0xff, 0xff]).unwrap_err();
    let alert = records(client.outgoing());
    assert_eq!(alert.len(), 1);
    take_outgoing(&mut client);
    server.write(b"good data").unwrap();
    let mut bytes = server.outgoing().to_vec();
    assert_eq!(client.receive(&mut bytes).unwrap_err(), error);
    assert_eq!(client.write(b"data").unwrap_err(), error);
    assert_eq!(client.update_keys(true).unwrap_err(), error);
    assert_eq!(client.end_of_input().unwrap_err(), error);
    assert_eq!(client.export_keying_material("l", b"", &mut [0; 8]).unwrap_err(), error);
    client.close();
    assert_eq!(client.outgoing(), b"");
    // The side that receives the alert fails with it, and stays failed.
    let Record { kind, version, body } = alert.into_iter().next().unwrap();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut bytes = [&[kind], &version[..], &length, &body].concat();
    let received = server.receive(&mut bytes).unwrap_err();
    assert_eq!(received.alert_received(), Some(AlertDescription::RECORD_OVERFLOW));
    take_outgoing(&mut server);
    assert_eq!(server.write(b"data").unwrap_err(), received);
    assert_eq!(server.outgoing(), b"");
}

#[test]
fn the_content_of_a_long_record_is_aligned_where_nothing_waits_before_it() {
    let (mut client, mut server) = Identity::p256().connections();
    exchange(&mut client, &mut server).unwrap();
    for length in [1024, 16_384, 5000] {
        let data = varied_bytes(length, 1);
        assert_eq!(client.write(&data).unwrap(), length);
        let content = &client.outgoing()[HEADER_LENGTH..];
        assert_eq!(content.as_ptr().addr() % 64, 0, "{length}");
        // Others come behind it, before and after a part was sent.
        client.write(&data).unwrap();
        let mut bytes = client.outgoing()[..length].to_vec();
        client.sent(length);
        client.write(&data).unwrap();
        bytes.extend(take_outgoing(&mut client));
        for mut record in bytes.chunks(bytes.len() / 3).map(<[u8]>::to_vec) {
            let (_, received) = server.receive(&mut record).unwrap();
            assert!(matches!(received, Received::Data(received) if *received == data[..]));
        }
        client.release_buffers();
    }
}
