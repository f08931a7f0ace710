//! The shape of a ClientHello: GREASE (RFC 8701), and an order of extensions of its own for each
//! connection.

use std::collections::BTreeSet;
use std::sync::Arc;

use handclasp::config::{ExtensionLayout, LayoutItem};
use handclasp::connection::Received;
use handclasp::cookie::HmacCookies;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::NamedGroup;
use handclasp::transport::memory::exchange;
use handclasp::wire::{ClientHello, ExtensionType, HandshakeMessage};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::{Identity, narrow_provider, server_name};

fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// The message in the first record that waits to be sent.
fn hello(client: &ClientConnection) -> Vec<u8> {
    client.outgoing()[5..].to_vec()
}

fn parse(message: &[u8]) -> ClientHello<'_> {
    ClientHello::parse(HandshakeMessage::split(message).unwrap().0.body).unwrap()
}

/// What is the same in each connection but for GREASE and order, apart.
fn kinds(hello: &ClientHello<'_>) -> Vec<u16> {
    hello.extensions.iter().map(|extension| extension.kind.0).collect()
}

fn client(identity: &Identity, grease: bool) -> ClientConnection {
    let builder = ClientConfig::builder(CryptoProvider::default()).grease(grease);
    let config = builder.application_protocols(["h2"]).trust(identity.anchors()).unwrap();
    ClientConnection::new(Arc::new(config.build().unwrap()), server_name())
}

/// Otherwise an observer could recognise the library, in the layout of another program, too (RFC 8701, section 7).
#[test]
fn the_values_do_not_follow_from_the_session_id() {
    let identity = Identity::p256();
    let mut same = 0;
    for _ in 0..100 {
        let message = hello(&client(&identity, true));
        let hello = parse(&message);
        let grease = |byte: u8| u16::from_be_bytes([byte & 0xf0 | 0x0a; 2]);
        let [first, second, ..] = *hello.session_id else { panic!("no session ID") };
        let suite = hello.cipher_suites.iter().next().unwrap().0;
        let group = hello.supported_groups.unwrap().iter().next().unwrap().0;
        same += usize::from([suite, group] == [first, second].map(grease));
    }
    // By chance it is one of 256.
    assert!(same < 20, "{same} of 100");
}

#[test]
fn each_connection_has_values_and_an_order_of_its_own() {
    let identity = Identity::p256();
    let (mut orders, mut values) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..40 {
        let message = hello(&client(&identity, true));
        let hello = parse(&message);
        let kinds = kinds(&hello);
        let (first, last) = (kinds[0], kinds[kinds.len() - 1]);
        assert!(is_grease(first) && is_grease(last) && first != last);
        let suite = hello.cipher_suites.iter().next().unwrap().0;
        let group = hello.supported_groups.unwrap().iter().next().unwrap();
        let share = hello.key_shares.unwrap().iter().next().unwrap();
        let version = hello.supported_versions.unwrap().iter().next().unwrap().0;
        let scheme = hello.signature_algorithms.unwrap().iter().next().unwrap().0;
        assert!([suite, group.0, version, scheme].into_iter().all(is_grease));
        assert_ne!(suite, scheme);
        assert_eq!((share.group, share.key_exchange), (group, &[0][..]));
        values.insert([suite, group.0, version, first, last]);
        let inner = kinds[1..kinds.len() - 1].to_vec();
        assert!(!inner.iter().any(|kind| is_grease(*kind)));
        orders.insert(inner);
    }
    // 7! orders and 16^4 values and more: forty of them are hardly ever few.
    assert!(orders.len() > 30 && values.len() > 30, "{} and {}", orders.len(), values.len());
    let sorted = orders.into_iter().map(|mut kinds| {
        kinds.sort_unstable();
        kinds
    });
    assert_eq!(sorted.collect::<BTreeSet<_>>().len(), 1, "the same extensions in each");
}

#[test]
fn without_it_and_with_a_layout_there_is_none_and_the_order_is_fixed() {
    let identity = Identity::p256();
    let plain = kinds(&parse(&hello(&client(&identity, false))));
    assert!(!plain.iter().any(|kind| is_grease(*kind)));
    assert_eq!(plain, kinds(&parse(&hello(&client(&identity, false)))));
    let layout = ExtensionLayout::new(vec![LayoutItem::Standard(ExtensionType::KEY_SHARE)]);
    let builder = ClientConfig::builder(CryptoProvider::default()).client_hello_layout(layout);
    let config = Arc::new(builder.trust(identity.anchors()).unwrap().build().unwrap());
    let client = ClientConnection::new(config, server_name());
    let message = hello(&client);
    let hello = parse(&message);
    assert_eq!(kinds(&hello)[0], ExtensionType::KEY_SHARE.0);
    assert!(!kinds(&hello).iter().any(|kind| is_grease(*kind)));
    assert!(!hello.cipher_suites.iter().any(|suite| is_grease(suite.0)));
}

/// Takes the server's HelloRetryRequest, and returns both of the client's hellos.
fn two_hellos(client: &mut ClientConnection, server: &mut ServerConnection) -> [Vec<u8>; 2] {
    let first = hello(client);
    let mut bytes = client.outgoing().to_vec();
    client.sent(bytes.len());
    server.receive(&mut bytes).unwrap();
    let mut bytes = server.outgoing().to_vec();
    server.sent(bytes.len());
    let mut start = 0;
    while start < bytes.len() {
        let (consumed, received) = client.receive(&mut bytes[start..]).unwrap();
        assert_eq!(received, Received::Handled);
        start += consumed;
    }
    // A change_cipher_spec record stands before the second ClientHello.
    [first, client.outgoing()[6 + 5..].to_vec()]
}

#[test]
fn the_second_hello_has_the_values_and_the_order_of_the_first_and_the_key_is_last() {
    let identity = Identity::p256();
    let key = PreSharedKey::external(b"ours", b"\x01\x9a\xf3 16 bytes or more \x88\x02").unwrap();
    for wants_share in [true, false] {
        let config =
            ClientConfig::builder(CryptoProvider::default()).pre_shared_keys(vec![key.clone()]);
        let config = Arc::new(config.trust(identity.anchors()).unwrap().build().unwrap());
        let mut client = ClientConnection::new(config, server_name());
        let group = if wants_share { 1 } else { 0 };
        let cookies = HmacCookies::random(&*CryptoProvider::default().random).unwrap();
        let config = ServerConfig::builder(narrow_provider(0, group))
            .cookies(Arc::new(cookies))
            .always_retry(true)
            .pre_shared_keys(Arc::new(PskList::new(vec![key.clone()])));
        let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
        let config = Arc::new(config.build(Arc::new(list)).unwrap());
        let mut server = ServerConnection::new(config);
        let [first, second] = two_hellos(&mut client, &mut server);
        let (first, second) = (parse(&first), parse(&second));
        assert_eq!(first.cipher_suites, second.cipher_suites);
        for hello in [&first, &second] {
            let last = hello.extensions.iter().last().unwrap().kind;
            assert_eq!(last, ExtensionType::PRE_SHARED_KEY);
        }
        let cookie = |kind: &u16| *kind != ExtensionType::COOKIE.0;
        let without_cookie: Vec<_> = kinds(&second).into_iter().filter(cookie).collect();
        assert_eq!(kinds(&first), without_cookie);
        for extension in first.extensions.iter() {
            let changes =
                matches!(extension.kind, ExtensionType::KEY_SHARE | ExtensionType::PRE_SHARED_KEY);
            let same = second.extensions.get(extension.kind) == Some(extension.body);
            assert!(changes || same, "{}", extension.kind);
        }
        // A share that was asked for stands alone (RFC 9846, section 4.2.2).
        let shares: Vec<_> = second.key_shares.unwrap().iter().map(|share| share.group).collect();
        match wants_share {
            true => assert_eq!(shares, [NamedGroup::SECP256R1]),
            false => {
                assert!(is_grease(shares[0].0));
                assert_eq!(shares[1..], [NamedGroup::X25519_MLKEM768, NamedGroup::X25519]);
            }
        }
        exchange(&mut client, &mut server).unwrap();
        assert!(!client.is_handshaking() && client.parameters().retried);
        assert!(client.parameters().pre_shared_key.is_some());
    }
}
