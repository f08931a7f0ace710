//! Key shares (RFC 9846, section 4.3.8): several in a ClientHello, hybrids among them, and the one that
//! the server takes.

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::config::{ConfigError, ExtensionLayout, LayoutItem};
use handclasp::credential::CertificateList;
#[cfg(not(feature = "ml-kem"))]
use handclasp::crypto::aws_lc_rs::{MLKEM768, MLKEM1024};
use handclasp::crypto::hybrid::HybridGroup;
#[cfg(feature = "ml-kem")]
use handclasp::crypto::ml_kem::{MLKEM768, MLKEM1024};
use handclasp::crypto::{CryptoProvider, KeyExchangeGroup};
use handclasp::registry::{ContentType, NamedGroup as G};
use handclasp::session::{ClientSession, ClientSessionStore};
use handclasp::transport::memory::exchange;
use handclasp::wire::{ClientHello, ExtensionType as E, HandshakeMessage};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::message::Parts;
use handclasp_testing::sessions::{Pair, server_at, talk, time};
use handclasp_testing::written::{record, vector16};
use handclasp_testing::{Identity, server_name, take_outgoing};

/// All groups that there are, those that are to be opted in to at the end.
fn full_provider() -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    provider.groups.push(Arc::new(MLKEM768));
    provider.groups.push(Arc::new(MLKEM1024));
    provider
}

fn all_groups() -> Vec<G> {
    full_provider().groups.iter().map(|group| group.name()).collect()
}

/// The full provider with these groups only, in this order.
fn provider_of(groups: &[G]) -> CryptoProvider {
    let mut provider = full_provider();
    provider.groups = groups.iter().map(|group| provider.group(*group).unwrap().clone()).collect();
    provider
}

/// A client of this provider, with these key shares if there is a choice.
fn client(identity: &Identity, provider: CryptoProvider, shares: Option<&[G]>) -> ClientConnection {
    let mut builder = ClientConfig::builder(provider).grease(false);
    if let Some(shares) = shares {
        builder = builder.key_shares(shares.iter().copied());
    }
    let config = builder.trust(identity.anchors()).unwrap().build().unwrap();
    ClientConnection::new(Arc::new(config), server_name())
}

fn server_of(identity: &Identity, provider: CryptoProvider, retry: bool) -> ServerConnection {
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let builder = ServerConfig::builder(provider).retry_for_preferred_group(retry);
    ServerConnection::new(Arc::new(builder.build(Arc::new(list)).unwrap()))
}

fn server(identity: &Identity, groups: &[G]) -> ServerConnection {
    server_of(identity, provider_of(groups), false)
}

/// The group that both sides have taken, and whether that took a retry.
fn agreed(mut client: ClientConnection, mut server: ServerConnection) -> (G, bool) {
    exchange(&mut client, &mut server).unwrap();
    assert!(!client.is_handshaking() && !server.is_handshaking());
    let mut keys = [[0; 32]; 2];
    client.export_keying_material("label", b"", &mut keys[0]).unwrap();
    server.export_keying_material("label", b"", &mut keys[1]).unwrap();
    assert_eq!(keys[0], keys[1]);
    let (ours, theirs) = (client.parameters(), server.parameters());
    assert_eq!((ours.group, ours.retried), (theirs.group, theirs.retried));
    (ours.group.unwrap(), ours.retried)
}

/// The last of the handshake messages that wait to be sent. It is in a record of its own.
fn last_message(flight: &[u8]) -> &[u8] {
    let (mut rest, mut last) = (flight, None);
    while let [kind, _, _, high, low, after @ ..] = rest {
        let (content, next) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        if *kind == ContentType::HANDSHAKE.0 {
            last = Some(content);
        }
        rest = next;
    }
    last.unwrap()
}

/// The groups and the bytes of the shares in a ClientHello.
fn shares_in(flight: &[u8]) -> Vec<(G, Vec<u8>)> {
    let message = HandshakeMessage::split(last_message(flight)).unwrap().0;
    let shares = ClientHello::parse(message.body).unwrap().key_shares.unwrap();
    shares.iter().map(|share| (share.group, share.key_exchange.to_vec())).collect()
}

fn groups_in(flight: &[u8]) -> Vec<G> {
    shares_in(flight).into_iter().map(|(group, _)| group).collect()
}

#[test]
fn by_default_a_client_sends_the_first_hybrid_and_its_x25519_share_alone() {
    let client = client(&Identity::p256(), CryptoProvider::default(), None);
    let shares = shares_in(client.outgoing());
    let [(hybrid, hybrid_share), (classical, classical_share)] = &shares[..] else {
        panic!("{} shares", shares.len())
    };
    assert_eq!((*hybrid, *classical), (G::X25519_MLKEM768, G::X25519));
    assert_eq!(hybrid_share.len(), 1216);
    // Of the same key pair: a server without the hybrid costs no second one.
    assert_eq!(hybrid_share[1184..], classical_share[..]);
}

#[test]
fn the_default_shares_are_of_groups_that_are_offered() {
    let identity = Identity::p256();
    for (groups, shares) in [
        (&[G::X25519_MLKEM768, G::SECP256R1][..], &[G::X25519_MLKEM768][..]),
        (&[G::X25519, G::X25519_MLKEM768], &[G::X25519]),
        (
            &[G::SECP384R1_MLKEM1024, G::X25519, G::SECP384R1],
            &[G::SECP384R1_MLKEM1024, G::SECP384R1],
        ),
        (&[G::MLKEM768, G::X25519], &[G::MLKEM768]),
    ] {
        let client = client(&identity, provider_of(groups), None);
        assert_eq!(groups_in(client.outgoing()), shares, "{groups:?}");
    }
    // A layout decides what is offered, and in which order.
    let listed = [G::X25519, G::X25519_MLKEM768].map(|group| group.0.to_be_bytes()).concat();
    let layout =
        ExtensionLayout::new(vec![LayoutItem::Raw(E::SUPPORTED_GROUPS, vector16(&listed))]);
    let builder = ClientConfig::builder(CryptoProvider::default()).client_hello_layout(layout);
    let builder = builder.key_shares([G::X25519_MLKEM768, G::X25519]);
    let config = builder.trust(identity.anchors()).unwrap().build().unwrap();
    let client = ClientConnection::new(Arc::new(config), server_name());
    assert_eq!(groups_in(client.outgoing()), [G::X25519, G::X25519_MLKEM768]);
}

#[test]
fn the_shares_that_a_configuration_names_are_sent_in_the_order_of_supported_groups() {
    let identity = Identity::p256();
    let all = all_groups();
    let backwards: Vec<_> = all.iter().rev().copied().collect();
    for named in [&backwards[..], &[G::SECP384R1, G::X25519], &[G::SECP256R1], &[]] {
        let client = client(&identity, full_provider(), Some(named));
        let expected: Vec<_> = all.iter().copied().filter(|it| named.contains(it)).collect();
        assert_eq!(groups_in(client.outgoing()), expected);
    }
}

#[test]
fn a_key_share_of_a_group_that_is_not_offered_is_refused_when_it_is_configured() {
    let identity = Identity::p256();
    let build = |shares: &[G]| {
        let builder = ClientConfig::builder(CryptoProvider::default()).key_shares(shares.to_vec());
        builder.trust(identity.anchors()).unwrap().build().map(|_| ())
    };
    assert_eq!(build(&[G::X448]), Err(ConfigError::KeyShare(G::X448)));
    assert_eq!(build(&[G::MLKEM768]), Err(ConfigError::KeyShare(G::MLKEM768)), "opt-in");
    let twice = build(&[G::X25519, G::SECP256R1, G::X25519]);
    assert_eq!(twice, Err(ConfigError::GroupTwice(G::X25519)));
}

#[test]
fn each_group_agrees_with_a_share_and_after_a_hello_retry_request() {
    let identity = Identity::p256();
    for group in all_groups() {
        let with_share = client(&identity, full_provider(), Some(&[group]));
        assert_eq!(agreed(with_share, server(&identity, &[group])), (group, false));
        let without = client(&identity, full_provider(), Some(&[]));
        assert_eq!(agreed(without, server(&identity, &[group])), (group, true));
    }
}

#[test]
fn a_server_without_the_hybrid_takes_the_classical_share_without_a_retry() {
    let identity = Identity::p256();
    let client = || client(&identity, CryptoProvider::default(), None);
    assert_eq!(agreed(client(), server(&identity, &[G::X25519])), (G::X25519, false));
    let both = server(&identity, &[G::X25519_MLKEM768, G::X25519]);
    assert_eq!(agreed(client(), both), (G::X25519_MLKEM768, false));
    let other = server(&identity, &[G::SECP256R1]);
    assert_eq!(agreed(client(), other), (G::SECP256R1, true));
}

#[test]
fn a_server_takes_the_first_of_its_groups_that_has_a_share() {
    let identity = Identity::p256();
    let all = all_groups();
    for first in &all {
        let client = client(&identity, full_provider(), Some(&all));
        let mut groups = vec![*first];
        groups.extend(all.iter().filter(|group| *group != first));
        assert_eq!(agreed(client, server(&identity, &groups)), (*first, false));
    }
}

#[test]
fn a_retry_leads_from_a_hybrid_to_its_classical_group_and_back() {
    let identity = Identity::p256();
    for (share, group) in [(G::X25519_MLKEM768, G::X25519), (G::X25519, G::X25519_MLKEM768)] {
        let client = client(&identity, CryptoProvider::default(), Some(&[share]));
        assert_eq!(agreed(client, server(&identity, &[group])), (group, true));
    }
}

#[test]
fn a_server_may_ask_for_the_group_that_it_prefers() {
    let identity = Identity::p256();
    let offers = || client(&identity, CryptoProvider::default(), Some(&[G::X25519, G::SECP256R1]));
    for (retry, agreement) in [(false, (G::X25519, false)), (true, (G::X25519_MLKEM768, true))] {
        let server = server_of(&identity, CryptoProvider::default(), retry);
        assert_eq!(agreed(offers(), server), agreement);
    }
    // A share for it costs no retry, and a client without the group is served.
    let client = || client(&identity, CryptoProvider::default(), None);
    let server = |groups: &[G]| server_of(&identity, provider_of(groups), true);
    let all = [G::X25519_MLKEM768, G::X25519];
    assert_eq!(agreed(client(), server(&all)), (G::X25519_MLKEM768, false));
    let unknown = [G::MLKEM1024, G::X25519];
    assert_eq!(agreed(client(), server(&unknown)), (G::X25519, false));
}

#[test]
fn after_a_retry_there_is_one_share() {
    let identity = Identity::p256();
    let mut client = client(&identity, CryptoProvider::default(), None);
    let mut server = server(&identity, &[G::SECP384R1_MLKEM1024]);
    assert_eq!(groups_in(client.outgoing()), [G::X25519_MLKEM768, G::X25519]);
    server.receive(&mut take_outgoing(&mut client)).unwrap();
    let mut request = take_outgoing(&mut server);
    let (consumed, _) = client.receive(&mut request).unwrap();
    assert!(consumed > 0);
    assert_eq!(groups_in(client.outgoing()), [G::SECP384R1_MLKEM1024]);
    let (consumed, _) = server.receive(&mut take_outgoing(&mut client)).unwrap();
    assert!(consumed > 0);
}

/// The client's alert to a first answer of the server that is changed by `edit`.
fn alert_to_answer(
    mut client: ClientConnection,
    mut server: ServerConnection,
    edit: impl FnOnce(&mut Parts),
) -> Option<AlertDescription> {
    server.receive(&mut take_outgoing(&mut client)).unwrap();
    let flight = take_outgoing(&mut server);
    let length = usize::from(u16::from_be_bytes([flight[3], flight[4]]));
    let mut answer = Parts::parse(&flight[5..5 + length]);
    edit(&mut answer);
    let mut changed = record(ContentType::HANDSHAKE, &answer.build());
    let result = client.receive(&mut changed);
    result.err().map(|error| error.alert_sent().unwrap())
}

#[test]
fn an_answer_for_a_group_without_a_share_is_refused() {
    let identity = Identity::p256();
    let refused = Some(AlertDescription::ILLEGAL_PARAMETER);
    for (shares, answer) in [
        (&[G::X25519_MLKEM768][..], G::X25519),
        (&[G::X25519], G::X25519_MLKEM768),
        (&[G::X25519_MLKEM768, G::X25519], G::SECP256R1),
        (&[G::X25519_MLKEM768, G::X25519], G::MLKEM768),
    ] {
        let client = client(&identity, full_provider(), Some(shares));
        let alert = alert_to_answer(client, server(&identity, &[shares[0]]), |hello| {
            hello.get(E::KEY_SHARE)[..2].copy_from_slice(&answer.0.to_be_bytes());
        });
        assert_eq!(alert, refused, "{answer} to {shares:?}");
    }
    // A HelloRetryRequest must not ask for what has a share, alone or in a hybrid.
    for group in [G::X25519_MLKEM768, G::X25519] {
        let client = client(&identity, CryptoProvider::default(), None);
        let alert = alert_to_answer(client, server(&identity, &[G::SECP256R1]), |request| {
            *request.get(E::KEY_SHARE) = group.0.to_be_bytes().to_vec();
        });
        assert_eq!(alert, refused, "{group}");
    }
}

/// A share of another length, and one that is no valid share of the group at either of its ends.
fn bad_shares(share: &[u8]) -> Vec<Vec<u8>> {
    let half = share.len() / 2;
    let (mut start, mut end) = (share.to_vec(), share.to_vec());
    start[..half].fill(0xff);
    end[half..].fill(0xff);
    vec![share[1..].to_vec(), [share, &[0]].concat(), share[..half].to_vec(), start, end]
}

fn replace_share(entry: &mut Vec<u8>, share: &[u8]) {
    entry.truncate(2);
    entry.extend(vector16(share));
}

#[test]
fn bad_shares_of_a_client_get_an_illegal_parameter() {
    let identity = Identity::p256();
    for group in [G::X25519_MLKEM768, G::SECP256R1_MLKEM768, G::SECP384R1_MLKEM1024] {
        let flight = take_outgoing(&mut client(&identity, full_provider(), Some(&[group])));
        let (_, share) = shares_in(&flight).remove(0);
        let mut bad = bad_shares(&share);
        // Ones in the place of an x25519 share are one.
        let ends_with_x25519 = group == G::X25519_MLKEM768;
        if ends_with_x25519 {
            let mut zero = share.clone();
            zero[1184..].fill(0);
            bad.push(zero);
        }
        for bad in bad {
            let mut hello = Parts::parse(last_message(&flight));
            let mut entry = group.0.to_be_bytes().to_vec();
            replace_share(&mut entry, &bad);
            *hello.get(E::KEY_SHARE) = vector16(&entry);
            let mut server = server(&identity, &[group]);
            let mut changed = record(ContentType::HANDSHAKE, &hello.build());
            let alert = server.receive(&mut changed).unwrap_err().alert_sent();
            assert_eq!(alert, Some(AlertDescription::ILLEGAL_PARAMETER), "{group}");
        }
    }
}

#[test]
fn bad_shares_of_a_server_get_an_illegal_parameter() {
    let identity = Identity::p256();
    // A ciphertext of ML-KEM that has the right length is never refused: bad are other lengths, and the
    // classical share.
    for (group, classical) in [
        (G::X25519_MLKEM768, 1088..1120),
        (G::SECP256R1_MLKEM768, 0..65),
        (G::SECP384R1_MLKEM1024, 0..97),
    ] {
        let alert = |edit: &dyn Fn(&mut Vec<u8>)| {
            let client = client(&identity, full_provider(), Some(&[group]));
            alert_to_answer(client, server(&identity, &[group]), |hello| {
                let entry = hello.get(E::KEY_SHARE);
                let mut share = entry[4..].to_vec();
                edit(&mut share);
                replace_share(entry, &share);
            })
        };
        let refused = Some(AlertDescription::ILLEGAL_PARAMETER);
        assert_eq!(alert(&|_| {}), None, "{group}");
        assert_eq!(alert(&|share| share.truncate(share.len() - 1)), refused, "{group}");
        assert_eq!(alert(&|share| share.push(0)), refused, "{group}");
        assert_eq!(alert(&|share| share[classical.clone()].fill(0)), refused, "{group}");
    }
    for group in [G::MLKEM768, G::MLKEM1024] {
        let client = client(&identity, full_provider(), Some(&[group]));
        let alert = alert_to_answer(client, server(&identity, &[group]), |hello| {
            let entry = hello.get(E::KEY_SHARE);
            let share = entry[5..].to_vec();
            replace_share(entry, &share);
        });
        assert_eq!(alert, Some(AlertDescription::ILLEGAL_PARAMETER), "{group}");
    }
}

/// The secret is then another one on each side, and the next message cannot be read (FIPS 203, section
/// 6.3: implicit rejection).
#[test]
fn a_changed_ciphertext_ends_with_a_record_that_does_not_decrypt() {
    let identity = Identity::p256();
    let mut client = client(&identity, CryptoProvider::default(), None);
    let mut server = server(&identity, &[G::X25519_MLKEM768]);
    server.receive(&mut take_outgoing(&mut client)).unwrap();
    let mut flight = take_outgoing(&mut server);
    let length = usize::from(u16::from_be_bytes([flight[3], flight[4]]));
    let mut hello = Parts::parse(&flight[5..5 + length]);
    hello.get(E::KEY_SHARE)[4 + 1000] ^= 1;
    client.receive(&mut record(ContentType::HANDSHAKE, &hello.build())).unwrap();
    let mut rest = &mut flight[5 + length..];
    let error = loop {
        match client.receive(rest) {
            Ok((consumed, _)) => rest = &mut rest[consumed..],
            Err(error) => break error,
        }
    };
    assert_eq!(error.alert_sent(), Some(AlertDescription::BAD_RECORD_MAC));
}

/// A hybrid may be composed of the groups of different providers.
#[test]
fn a_hybrid_that_the_application_has_composed_works() {
    let identity = Identity::p256();
    let mut provider = CryptoProvider::default();
    let classical = provider.group(G::SECP256R1).unwrap().clone();
    let hybrid = HybridGroup::new(classical, Arc::new(MLKEM768)).unwrap();
    provider.groups = vec![Arc::new(hybrid)];
    let client = client(&identity, provider, None);
    let group = G::SECP256R1_MLKEM768;
    assert_eq!(agreed(client, server(&identity, &[group])), (group, false));
    assert_eq!(MLKEM768.name(), G::MLKEM768);
}

#[test]
fn a_session_knows_the_group_of_its_server_and_saves_the_retry() {
    let pair = Pair::new();
    let server = |groups: &[G]| pair.finish(pair.server_with(provider_of(groups)));
    let other = server(&[G::SECP384R1]);
    pair.meet(&other);
    // Through storage, too.
    let stored = pair.store.take(&server_name(), time(1)).unwrap();
    pair.store.put(ClientSession::from_bytes(&stored.to_bytes()).unwrap());
    let mut client = pair.client(1);
    let sent = groups_in(client.outgoing());
    // The hybrid stays: the server may have learned it.
    assert_eq!(sent[1..], [G::X25519_MLKEM768, G::X25519, G::SECP384R1], "GREASE is first");
    talk(&mut client, &mut server_at(&other, 1)).checked();
    assert!(client.parameters().pre_shared_key.is_some() && !client.parameters().retried);
    assert_eq!(client.parameters().group, Some(G::SECP384R1));

    // A configuration that names its shares has no others.
    pair.meet(&other);
    let named = pair.client_builder().key_shares([G::X25519]);
    let client = handclasp_testing::sessions::client(named, 1);
    assert_eq!(groups_in(client.outgoing())[1..], [G::X25519]);

    // A group that has a share already changes nothing.
    pair.meet(&server(&[G::X25519]));
    assert_eq!(groups_in(pair.client(1).outgoing())[1..], [G::X25519_MLKEM768, G::X25519]);
    // Nor does one that the client does not offer any more.
    pair.meet(&other);
    let narrow = pair.client_with(provider_of(&[G::X25519]));
    let client = handclasp_testing::sessions::client(narrow, 1);
    assert_eq!(groups_in(client.outgoing())[1..], [G::X25519]);
}
