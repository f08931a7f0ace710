//! The alerts of both sides to pre-shared keys that are offered, or taken, wrongly.

use std::sync::Arc;

use handclasp::alert::AlertDescription as A;
use handclasp::crypto::{CryptoProvider, Digest, Hash, StaticOrArc};
use handclasp::handshake::{Handshake, Step};
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::wire::ExtensionType as E;
use handclasp::{ClientConfig, Level, ServerConfig};

use handclasp_testing::deterministic::now;
use handclasp_testing::forge::external_binder;
use handclasp_testing::message::{Parts, SUITES};
use handclasp_testing::written::vector16;
use handclasp_testing::{Identity, server_name};

pub fn hash() -> StaticOrArc<dyn Hash> {
    CryptoProvider::default().sha256
}

pub fn secret() -> Digest {
    hash().digest(b"the key of these tests")
}

pub fn key() -> PreSharedKey {
    PreSharedKey::external(b"ours", &secret()).unwrap()
}

/// A client that offers the key, and a server that has it and may use it alone where `alone`.
fn pair(alone: bool) -> [Handshake; 2] {
    let identity = Identity::p256();
    let client = ClientConfig::builder(CryptoProvider::default()).pre_shared_keys(vec![key()]);
    let client = Arc::new(client.trust(identity.anchors()).unwrap().build().unwrap());
    let server = ServerConfig::builder(CryptoProvider::default())
        .psk_without_key_exchange(alone)
        .pre_shared_keys(Arc::new(PskList::new(vec![key()])));
    let list =
        handclasp::credential::CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = Arc::new(server.build(Arc::new(list)).unwrap());
    let client = Handshake::client(client, server_name(), now());
    let server = Handshake::server(server, now());
    [client, server].map(|mut handshake| {
        handshake.start().unwrap();
        handshake
    })
}

/// The hello that this end sends next.
pub fn hello(end: &mut Handshake) -> Parts {
    loop {
        if let Step::Send { level: Level::Initial, bytes } = end.next_step().expect("it has one") {
            return Parts::parse(&bytes);
        }
    }
}

pub fn alert_to(end: &mut Handshake, hello: &Parts) -> Option<A> {
    let result = end.receive(Level::Initial, &hello.build());
    result.err().map(|error| error.alert_sent().expect("it has an alert"))
}

/// The alert of a server to a ClientHello that was changed.
fn to_client_hello(alone: bool, edit: impl FnOnce(&mut Parts)) -> Option<A> {
    let [mut client, mut server] = pair(alone);
    let mut hello = hello(&mut client);
    edit(&mut hello);
    alert_to(&mut server, &hello)
}

#[test]
fn server_hellos_that_do_not_fit_the_keys() {
    // Section 4.3.11.
    let to_server_hello = |edit: fn(&mut Parts)| {
        let [mut client, mut server] = pair(false);
        assert_eq!(alert_to(&mut server, &hello(&mut client)), None);
        let mut answer = hello(&mut server);
        edit(&mut answer);
        alert_to(&mut client, &answer)
    };
    assert_eq!(to_server_hello(|_| {}), None);
    let range = to_server_hello(|hello| *hello.get(E::PRE_SHARED_KEY) = vec![0, 1]);
    assert_eq!(range, Some(A::ILLEGAL_PARAMETER), "one was offered");
    let hash = to_server_hello(|hello| hello.head[SUITES + 1] = 2);
    assert_eq!(hash, Some(A::ILLEGAL_PARAMETER), "the key is for SHA-256");
    let share = to_server_hello(|hello| hello.remove(E::KEY_SHARE));
    assert_eq!(share, Some(A::ILLEGAL_PARAMETER), "psk_dhe_ke was offered");
    let modes = to_server_hello(|hello| hello.add(E::PSK_KEY_EXCHANGE_MODES, &[1, 1]));
    assert_eq!(modes, Some(A::ILLEGAL_PARAMETER), "the client's extension");
}

#[test]
fn a_key_is_used_in_no_mode_that_was_not_offered() {
    // Section 4.3.9. The binder is over the ClientHello as it was, so that a server that looks at
    // it sends decrypt_error.
    let alone = |mode: u8| {
        move |hello: &mut Parts| {
            hello.remove(E::SUPPORTED_GROUPS);
            hello.remove(E::KEY_SHARE);
            *hello.get(E::PSK_KEY_EXCHANGE_MODES) = vec![1, mode];
        }
    };
    const PSK_KE: u8 = 0;
    const PSK_DHE_KE: u8 = 1;
    assert_eq!(to_client_hello(true, alone(PSK_KE)), Some(A::DECRYPT_ERROR));
    assert_eq!(to_client_hello(false, alone(PSK_KE)), Some(A::HANDSHAKE_FAILURE));
    for server in [true, false] {
        assert_eq!(to_client_hello(server, alone(PSK_DHE_KE)), Some(A::MISSING_EXTENSION));
    }
    // An unknown mode is ignored, and the key with it.
    let unknown = |hello: &mut Parts| *hello.get(E::PSK_KEY_EXCHANGE_MODES) = vec![1, 0x0b];
    assert_eq!(to_client_hello(true, unknown), None);
    let none = to_client_hello(true, |hello| hello.remove(E::PSK_KEY_EXCHANGE_MODES));
    assert_eq!(none, Some(A::MISSING_EXTENSION));
}

#[test]
fn a_client_whose_key_is_unknown_needs_what_a_certificate_needs() {
    // Section 9.2: signature_algorithms may be left out where a pre-shared key is used.
    let answer = |known: bool| {
        to_client_hello(false, |hello| {
            hello.remove(E::SIGNATURE_ALGORITHMS);
            let identity = &mut hello.get(E::PRE_SHARED_KEY)[4];
            *identity ^= u8::from(!known);
        })
    };
    assert_eq!(answer(false), Some(A::MISSING_EXTENSION));
    assert_eq!(answer(true), Some(A::DECRYPT_ERROR), "its binder is over the other ClientHello");
}

#[test]
fn identities_and_binders() {
    // Sections 4.3.11 and 4.3.11.2.
    assert_eq!(to_client_hello(false, |_| {}), None);
    let flipped = |hello: &mut Parts| *hello.get(E::PRE_SHARED_KEY).last_mut().unwrap() ^= 1;
    assert_eq!(to_client_hello(false, flipped), Some(A::DECRYPT_ERROR));
    let age = |hello: &mut Parts| hello.get(E::PRE_SHARED_KEY)[8] ^= 1;
    assert_eq!(to_client_hello(false, age), Some(A::DECRYPT_ERROR), "the binder is over the age");
    let followed = |hello: &mut Parts| hello.add(E(0x7777), b"");
    assert_eq!(to_client_hello(false, followed), Some(A::ILLEGAL_PARAMETER), "not the last");
    let lists = |identities: usize, binders: usize| {
        let identity = [&vector16(b"ours")[..], &[0; 4]].concat();
        let binder = [&[32][..], &[0; 32]].concat();
        let lists =
            [vector16(&identity.repeat(identities)), vector16(&binder.repeat(binders))].concat();
        to_client_hello(false, |hello| *hello.get(E::PRE_SHARED_KEY) = lists)
    };
    assert_eq!(lists(1, 1), Some(A::DECRYPT_ERROR));
    assert_eq!(lists(2, 1), Some(A::ILLEGAL_PARAMETER), "a binder is missing");
    assert_eq!(lists(1, 2), Some(A::ILLEGAL_PARAMETER), "a binder too many");
    let short = to_client_hello(false, |hello| {
        let identities = vector16(&[&vector16(b"ours")[..], &[0; 4]].concat());
        let binders = vector16(&[&[31][..], &[0; 31]].concat());
        *hello.get(E::PRE_SHARED_KEY) = [identities, binders].concat();
    });
    assert_eq!(short, Some(A::DECODE_ERROR), "no hash is so short");
    assert_eq!(lists(0, 1), Some(A::DECODE_ERROR));
    assert_eq!(lists(1, 0), Some(A::DECODE_ERROR));
}

#[test]
fn the_age_of_a_key_that_is_no_ticket_is_ignored() {
    // Section 4.3.11. The binder is made anew, as section 4.3.11.2 says.
    const BINDERS: usize = 2 + 1 + 32;
    for age in [[0; 4], [1, 2, 3, 4], [0xff; 4]] {
        let [mut client, mut server] = pair(false);
        let mut hello_parts = hello(&mut client);
        hello_parts.get(E::PRE_SHARED_KEY)[8..12].copy_from_slice(&age);
        let mut message = hello_parts.build();
        let (truncated, binders) = message.split_at_mut(hello_parts.build().len() - BINDERS);
        binders[3..].copy_from_slice(&external_binder(&*hash(), &secret(), truncated));
        server.receive(Level::Initial, &message).unwrap();
        assert_eq!(*hello(&mut server).get(E::PRE_SHARED_KEY), [0, 0]);
    }
}
