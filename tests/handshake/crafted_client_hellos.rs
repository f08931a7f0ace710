//! Hellos that none of our ends would write: pre-shared keys in modes that were not offered, and
//! lists of tickets that cost a server work before the client has proved anything.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use handclasp::alert::AlertDescription;
use handclasp::credential::CertificateList;
use handclasp::crypto::{CipherSuite, CryptoProvider, StaticOrArc};
use handclasp::psk::PskList;
use handclasp::registry::{ContentType, HandshakeType};
use handclasp::session::ClientSessionStore;
use handclasp::verify::ClientAuthentication;
use handclasp::wire::ExtensionType;
use handclasp::{Connection, Error};
use handclasp_testing::forge::external_binder;
use handclasp_testing::sessions::{self, Once, Pair, client, server_at, shared_key, talk, time};
use handclasp_testing::written::{extension, handshake_message, record, vector};
use handclasp_testing::{Identity, server_name};

fn suite() -> StaticOrArc<CipherSuite> {
    CryptoProvider::default().cipher_suites[0].clone()
}

/// A ClientHello without a key exchange that offers these identities in these modes, in a record.
/// All binders are of this key.
fn client_hello(modes: &[u8], identities: &[&[u8]], secret: &[u8]) -> Vec<u8> {
    let offered = identities.iter().map(|identity| [&vector(2, identity)[..], &[0; 4]].concat());
    let binders_length = identities.len() * 33;
    let mut psk = vector(2, &offered.collect::<Vec<_>>().concat());
    psk.extend(vector(2, &vec![0; binders_length]));
    let extensions = [
        extension(ExtensionType::SUPPORTED_VERSIONS, &[2, 3, 4]),
        extension(ExtensionType::PSK_KEY_EXCHANGE_MODES, &vector(1, modes)),
        extension(ExtensionType::PRE_SHARED_KEY, &psk),
    ]
    .concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0],
        &vector(2, &suite().id.0.to_be_bytes()),
        &[1, 0],
        &vector(2, &extensions),
    ]
    .concat();
    let mut message = handshake_message(HandshakeType::CLIENT_HELLO, &body);
    let truncated = message.len() - binders_length - 2;
    let binder = external_binder(&*suite().hash, secret, &message[..truncated]);
    for place in message[truncated + 2..].chunks_mut(33) {
        place[0] = 32;
        place[1..].copy_from_slice(&binder);
    }
    record(ContentType::HANDSHAKE, &message)
}

fn first_error(connection: &mut Connection, mut bytes: Vec<u8>) -> Option<Error> {
    connection.receive(&mut bytes).err()
}

#[test]
fn a_key_is_used_without_a_key_exchange_only_if_that_mode_was_offered() {
    let pair = Pair::new();
    let secret = suite().hash.digest(b"a secret of the tests");
    let keys = Arc::new(PskList::new(vec![shared_key()]));
    for (modes, allowed, alert) in [
        (&[0][..], true, None),
        (&[1, 0], true, None),
        (&[0], false, Some(AlertDescription::HANDSHAKE_FAILURE)),
        (&[1], true, Some(AlertDescription::MISSING_EXTENSION)),
        (&[1], false, Some(AlertDescription::MISSING_EXTENSION)),
        (&[9], true, Some(AlertDescription::MISSING_EXTENSION)),
    ] {
        let builder = pair.server_builder().pre_shared_keys(keys.clone());
        let config = pair.finish(builder.psk_without_key_exchange(allowed));
        let mut server = server_at(&config, 0);
        let error = first_error(&mut server, client_hello(modes, &[b"ours"], &secret));
        let sent = error.as_ref().and_then(Error::alert_sent);
        assert_eq!(sent, alert, "{modes:?}, {allowed}: {error:?}");
        assert_eq!(server.parameters().pre_shared_key.is_some(), alert.is_none());
    }
}

#[test]
fn a_server_that_takes_a_key_without_the_key_exchange_that_it_must_have_is_refused() {
    // Section 4.3.11 wants illegal_parameter here, and not missing_extension.
    for (allowed, chooses) in [(false, true), (true, true), (false, false), (true, false)] {
        let pair = Pair::new();
        let builder = pair.client_builder().pre_shared_keys(vec![shared_key()]);
        let mut client = client(builder.psk_without_key_exchange(allowed), 0);
        let session_id = client.outgoing()[5 + 4 + 2 + 32 + 1..][..32].to_vec();
        let mut extensions = extension(ExtensionType::SUPPORTED_VERSIONS, &[3, 4]);
        if chooses {
            extensions.extend(extension(ExtensionType::PRE_SHARED_KEY, &[0, 0]));
        }
        let body = [
            &[3, 3][..],
            &[9; 32],
            &vector(1, &session_id),
            &suite().id.0.to_be_bytes(),
            &[0],
            &vector(2, &extensions),
        ]
        .concat();
        let hello = handshake_message(HandshakeType::SERVER_HELLO, &body);
        let alert = match (chooses, allowed) {
            (true, true) => None,
            (true, false) => Some(AlertDescription::ILLEGAL_PARAMETER),
            (false, _) => Some(AlertDescription::MISSING_EXTENSION),
        };
        let error = first_error(&mut client, record(ContentType::HANDSHAKE, &hello));
        assert_eq!(error.as_ref().and_then(Error::alert_sent), alert, "{error:?}");
    }
}

#[test]
fn a_list_of_tickets_has_one_chain_verified_at_most_before_the_client_has_proved_anything() {
    let (pair, own, verifier) = (Pair::new(), Identity::p256(), Arc::new(Once::default()));
    let policy = ClientAuthentication::optional(verifier.clone());
    let builder = pair.server_builder().client_authentication(policy);
    let config = pair.finish(builder.psk_without_key_exchange(true));
    let list = CertificateList::new(vec![Arc::new(own.certified_key())]);
    let builder = pair.client_builder().client_certificates(Arc::new(list));
    let mut client = client(builder.send_server_name(false), 0);
    talk(&mut client, &mut server_at(&config, 0)).checked();
    let session = pair.store.take(&server_name(), time(1)).unwrap();
    let hello = client_hello(&[0], &[session.ticket(); 16], b"another key");
    assert!(first_error(&mut server_at(&config, 1), hello).is_some());
    assert_eq!(verifier.0.load(Ordering::Relaxed), 2);
}

#[test]
fn only_a_server_that_has_proved_itself_makes_a_client_forget_its_tickets() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    assert_eq!(pair.store.sessions().len(), 2);
    // An attacker in between answers the ClientHello.
    let stranger = Pair::new();
    let mut victim = pair.client(1);
    let mut server = server_at(&stranger.finish(stranger.server_builder()), 1);
    assert!(talk(&mut victim, &mut server).error.is_some());
    assert_eq!(pair.store.sessions().len(), 1, "one was used");
    // The server itself has other keys now.
    let other = pair.finish(pair.server_builder().sessions(sessions::ticket_keys()).tickets(1));
    let mut client = pair.client(2);
    let mut server = server_at(&other, 2);
    talk(&mut client, &mut server).checked();
    assert_eq!(pair.store.sessions().len(), 1, "the new one");
    let mut client = pair.client(3);
    talk(&mut client, &mut server_at(&other, 3)).checked();
    assert!(client.parameters().pre_shared_key.is_some());
}
