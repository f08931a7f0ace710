//! The alerts of both sides to tls_cert_with_extern_psk that is sent wrongly (RFC 9973).

use std::sync::Arc;

use handclasp::alert::AlertDescription as A;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Handshake;
use handclasp::psk::{CertWithExternPsk, PskList};
use handclasp::wire::ExtensionType as E;
use handclasp::{ClientConfig, Level, ServerConfig};

use handclasp_testing::deterministic::now;
use handclasp_testing::forge::external_binder;
use handclasp_testing::message::Parts;
use handclasp_testing::{Identity, narrow_provider, server_name};

use CertWithExternPsk::{Disabled, Optional, Required};

use crate::pre_shared_keys::{alert_to, hash, hello, key, secret};

/// A client and a server that have one key, and would use it without a key exchange.
fn pair(
    offer: CertWithExternPsk,
    provider: CryptoProvider,
    policy: CertWithExternPsk,
) -> [Handshake; 2] {
    let identity = Identity::p256();
    let client = ClientConfig::builder(CryptoProvider::default())
        .pre_shared_keys(vec![key()])
        .psk_without_key_exchange(true)
        .cert_with_extern_psk(offer)
        .trust(identity.anchors())
        .unwrap();
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = ServerConfig::builder(provider)
        .pre_shared_keys(Arc::new(PskList::new(vec![key()])))
        .psk_without_key_exchange(true)
        .cert_with_extern_psk(policy)
        .build(Arc::new(list));
    let client = Handshake::client(Arc::new(client.build().unwrap()), server_name(), now());
    let server = Handshake::server(Arc::new(server.unwrap()), now());
    [client, server].map(|mut handshake| {
        handshake.start().unwrap();
        handshake
    })
}

/// The alert of a server to a ClientHello that an attacker has changed: the binder is over the honest one.
fn to_changed(policy: CertWithExternPsk, edit: fn(&mut Parts)) -> Option<A> {
    let [mut client, mut server] = pair(Optional, CryptoProvider::default(), policy);
    let mut hello = hello(&mut client);
    edit(&mut hello);
    alert_to(&mut server, &hello)
}

/// The alert of a server to the ClientHello of another client, which has the key.
fn to_client(policy: CertWithExternPsk, edit: fn(&mut Parts)) -> Option<A> {
    let [mut client, mut server] = pair(Optional, CryptoProvider::default(), policy);
    let mut hello = hello(&mut client);
    edit(&mut hello);
    let result = server.receive(Level::Initial, &bound(&hello));
    result.err().map(|error| error.alert_sent().unwrap())
}

/// The ClientHello with its one binder made anew (RFC 9846, section 4.3.11.2).
fn bound(hello: &Parts) -> Vec<u8> {
    const BINDERS: usize = 2 + 1 + 32;
    let mut message = hello.build();
    let end = message.len() - BINDERS;
    let (truncated, binders) = message.split_at_mut(end);
    binders[3..].copy_from_slice(&external_binder(&*hash(), &secret(), truncated));
    message
}

#[test]
fn client_hellos_whose_extensions_do_not_belong_together() {
    // Sections 4 and 5.1.
    const PSK_KE_ALONE: [u8; 2] = [1, 0];
    for policy in [Optional, Required] {
        let alert = |edit| to_client(policy, edit);
        assert_eq!(alert(|hello| hello.extensions.insert(0, (E(0x7777), Vec::new()))), None);
        let early_data = alert(|hello| hello.extensions.insert(0, (E::EARLY_DATA, Vec::new())));
        assert_eq!(early_data, Some(A::ILLEGAL_PARAMETER));
        let modes = alert(|hello| *hello.get(E::PSK_KEY_EXCHANGE_MODES) = PSK_KE_ALONE.to_vec());
        assert_eq!(modes, Some(A::ILLEGAL_PARAMETER));
        let alert = |edit| to_changed(policy, edit);
        assert_eq!(alert(|_| {}), None);
        for edit in [
            |hello: &mut Parts| hello.remove(E::PRE_SHARED_KEY),
            |hello: &mut Parts| hello.remove(E::KEY_SHARE),
            |hello: &mut Parts| hello.remove(E::PSK_KEY_EXCHANGE_MODES),
            |hello: &mut Parts| hello.remove(E::SIGNATURE_ALGORITHMS),
        ] {
            assert_eq!(alert(edit), Some(A::MISSING_EXTENSION));
        }
        let not_empty = alert(|hello| hello.get(E::TLS_CERT_WITH_EXTERN_PSK).push(0));
        assert_eq!(not_empty, Some(A::DECODE_ERROR));
        let binder = alert(|hello| *hello.get(E::PRE_SHARED_KEY).last_mut().unwrap() ^= 1);
        assert_eq!(binder, Some(A::ILLEGAL_PARAMETER));
    }
    // An attacker on the path cannot take the extension away: the binder is over it.
    let without = |hello: &mut Parts| hello.remove(E::TLS_CERT_WITH_EXTERN_PSK);
    assert_eq!(to_changed(Optional, without), Some(A::DECRYPT_ERROR));
    assert_eq!(to_changed(Required, without), Some(A::MISSING_EXTENSION));
    // A client with the key can leave it out.
    assert_eq!(to_client(Optional, without), None);
    assert_eq!(to_client(Required, without), Some(A::MISSING_EXTENSION));
}

#[test]
fn a_second_client_hello_has_the_extension_if_the_first_had_it() {
    // Section 5. The server has one group only, for which there is no share.
    for (policy, alert) in [(Optional, A::ILLEGAL_PARAMETER), (Required, A::MISSING_EXTENSION)] {
        for is_there in [true, false] {
            let [mut client, mut server] = pair(Optional, narrow_provider(0, 2), policy);
            assert_eq!(alert_to(&mut server, &hello(&mut client)), None);
            assert_eq!(alert_to(&mut client, &hello(&mut server)), None);
            let mut second = hello(&mut client);
            if !is_there {
                second.remove(E::TLS_CERT_WITH_EXTERN_PSK);
            }
            let expected = if is_there { None } else { Some(alert) };
            assert_eq!(alert_to(&mut server, &second), expected, "{policy:?}");
        }
    }
}

#[test]
fn server_hellos_whose_extensions_do_not_belong_together() {
    // Sections 4 and 5.
    let alert = |offer, edit: fn(&mut Parts)| {
        let [mut client, mut server] = pair(offer, CryptoProvider::default(), Optional);
        assert_eq!(alert_to(&mut server, &hello(&mut client)), None);
        let mut answer = hello(&mut server);
        edit(&mut answer);
        alert_to(&mut client, &answer)
    };
    for offer in [Optional, Required] {
        assert_eq!(alert(offer, |_| {}), None);
        let key = alert(offer, |hello| hello.remove(E::PRE_SHARED_KEY));
        assert_eq!(key, Some(A::MISSING_EXTENSION));
        let share = alert(offer, |hello| hello.remove(E::KEY_SHARE));
        assert_eq!(share, Some(A::MISSING_EXTENSION), "though psk_ke was offered, too");
        let not_empty = alert(offer, |hello| hello.get(E::TLS_CERT_WITH_EXTERN_PSK).push(0));
        assert_eq!(not_empty, Some(A::DECODE_ERROR));
    }
    let not_offered = alert(Disabled, |hello| hello.add(E::TLS_CERT_WITH_EXTERN_PSK, &[]));
    assert_eq!(not_offered, Some(A::UNSUPPORTED_EXTENSION));
}

#[test]
fn the_age_of_the_key_is_ignored() {
    // Section 5.1.
    let [mut client, mut server] = pair(Optional, CryptoProvider::default(), Required);
    let mut changed = hello(&mut client);
    let age = &mut changed.get(E::PRE_SHARED_KEY)[8..12];
    assert_eq!(age, [0; 4], "the client's own");
    age.copy_from_slice(&[1, 2, 3, 4]);
    server.receive(Level::Initial, &bound(&changed)).unwrap();
    let mut answer = hello(&mut server);
    assert_eq!(*answer.get(E::PRE_SHARED_KEY), [0, 0]);
    assert!(answer.get(E::TLS_CERT_WITH_EXTERN_PSK).is_empty());
}
