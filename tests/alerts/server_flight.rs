//! The alerts of a client to each message of a server.

use std::sync::Arc;

use handclasp::alert::AlertDescription as A;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Side;
use handclasp::registry::{HandshakeType, SignatureScheme};
use handclasp::transport::memory::exchange;
use handclasp::wire::{Certificate, ExtensionType as E, HELLO_RETRY_REQUEST_RANDOM};
use handclasp::{ClientConfig, ClientConnection, ServerConnection};

use handclasp_testing::deterministic::Scenario::{self, Cookie, Plain, Retry};
use handclasp_testing::deterministic::{CERTIFICATE, raw};
use handclasp_testing::message::{
    Parts, RANDOM, SERVER_COMPRESSION, SESSION_ID, SUITES, alert, certificate_with, edited,
    received_by,
};
use handclasp_testing::written::{handshake_message, vector16};
use handclasp_testing::{Identity, server_name};

/// The places of the messages in the server's flight.
const SERVER_HELLO: usize = 0;
const ENCRYPTED_EXTENSIONS: usize = 1;
const CERTIFICATES: usize = 2;
const CERTIFICATE_VERIFY: usize = 3;
const FINISHED: usize = 4;

/// The client's values that mean nothing, as its fixed randomness makes them.
const GREASE: [u8; 2] = [0xca, 0xca];

fn server_hello(edit: impl FnOnce(&mut Parts)) -> Option<A> {
    edited(Side::Client, Plain, SERVER_HELLO, edit)
}

/// To the HelloRetryRequest alone: what comes after it would be refused for other reasons.
fn retry_request(edit: impl FnOnce(&mut Parts)) -> Option<A> {
    retry_request_of(Cookie, edit)
}

fn retry_request_of(scenario: Scenario, edit: impl FnOnce(&mut Parts)) -> Option<A> {
    let honest = received_by(Side::Client, scenario).remove(0);
    let mut request = Parts::parse(&honest.bytes);
    edit(&mut request);
    let mut client = raw(Side::Client, scenario, None);
    let result = client.receive(honest.level, &request.build());
    result.err().map(|error| error.alert_sent().expect("every such error has an alert"))
}

fn in_place_of(index: usize, message: &[u8]) -> Option<A> {
    alert(Side::Client, Plain, index, message)
}

#[test]
fn the_clients_grease_is_what_this_test_thinks() {
    let hello = received_by(Side::Server, Plain).remove(0);
    let mut hello = Parts::parse(&hello.bytes);
    assert_eq!(hello.head[SUITES + 2..SUITES + 4], GREASE);
    assert_eq!(hello.get(E::SUPPORTED_GROUPS)[2..4], GREASE);
    assert_eq!(hello.get(E::SUPPORTED_VERSIONS)[1..3], GREASE);
    hello.get(E(u16::from_be_bytes(GREASE)));
}

#[test]
fn server_hellos() {
    // Section 4.2.3, field by field, and section 4.3.1.
    let version = |hello: &mut Parts| hello.head[1] = 4;
    assert_eq!(server_hello(version), Some(A::PROTOCOL_VERSION));
    let session_id = |hello: &mut Parts| hello.head[SESSION_ID] ^= 1;
    assert_eq!(server_hello(session_id), Some(A::ILLEGAL_PARAMETER));
    // The last one is the client's GREASE: what it has offered it must refuse (RFC 8701).
    for suite in [[0x13, 0x04], [0xc0, 0x2f], GREASE] {
        let edit =
            |hello: &mut Parts| hello.head[SUITES..SERVER_COMPRESSION].copy_from_slice(&suite);
        assert_eq!(server_hello(edit), Some(A::ILLEGAL_PARAMETER), "not offered");
    }
    let compression = |hello: &mut Parts| hello.head[SERVER_COMPRESSION] = 1;
    assert_eq!(server_hello(compression), Some(A::ILLEGAL_PARAMETER));
    assert_eq!(server_hello(|hello| hello.tail.push(0)), Some(A::DECODE_ERROR));
    let long_session_id = server_hello(|hello| {
        hello.head[SESSION_ID - 1] = 33;
        hello.head.insert(SESSION_ID, 0);
    });
    assert_eq!(long_session_id, Some(A::DECODE_ERROR));
    for chosen in [[3, 3], [3, 5], [0x7f, 0x1c], GREASE] {
        let edit = |hello: &mut Parts| *hello.get(E::SUPPORTED_VERSIONS) = chosen.to_vec();
        assert_eq!(server_hello(edit), Some(A::ILLEGAL_PARAMETER), "{chosen:?}");
    }
}

#[test]
fn older_servers_and_downgrades() {
    // Section 4.2.3 and appendix E.1.
    let old = |sentinel: Option<&'static [u8]>| {
        server_hello(|hello| {
            hello.extensions.clear();
            if let Some(sentinel) = sentinel {
                hello.head[RANDOM + 24..RANDOM + 32].copy_from_slice(sentinel);
            }
        })
    };
    assert_eq!(old(None), Some(A::PROTOCOL_VERSION));
    assert_eq!(old(Some(b"DOWNGRD\x01")), Some(A::ILLEGAL_PARAMETER), "to TLS 1.2");
    assert_eq!(old(Some(b"DOWNGRD\x00")), Some(A::ILLEGAL_PARAMETER), "to older ones");
    let mut without = Parts::parse(&received_by(Side::Client, Plain)[0].bytes);
    without.head[RANDOM + 24..RANDOM + 32].fill(0);
    let no_list = in_place_of(0, &handshake_message(HandshakeType::SERVER_HELLO, &without.head));
    assert_eq!(no_list, Some(A::PROTOCOL_VERSION), "older servers may have no list at all");
    // A TLS 1.2 server has extensions of its own.
    let tls12 = server_hello(|hello| {
        hello.extensions.clear();
        hello.add(E::RENEGOTIATION_INFO, &[0]);
        hello.add(E::EXTENDED_MASTER_SECRET, &[]);
    });
    assert_eq!(tls12, Some(A::PROTOCOL_VERSION));
}

#[test]
fn extensions_of_a_server_hello() {
    // Sections 4.3, 4.3.8 and 9.2.
    let missing = server_hello(|hello| hello.remove(E::KEY_SHARE));
    assert_eq!(missing, Some(A::MISSING_EXTENSION));
    let misplaced = server_hello(|hello| hello.add(E::SERVER_NAME, &[]));
    assert_eq!(misplaced, Some(A::ILLEGAL_PARAMETER), "of EncryptedExtensions");
    let cookie = server_hello(|hello| hello.add(E::COOKIE, &vector16(b"cookie")));
    assert_eq!(cookie, Some(A::ILLEGAL_PARAMETER), "of a HelloRetryRequest");
    let psk = server_hello(|hello| hello.add(E::PRE_SHARED_KEY, &[0, 0]));
    assert_eq!(psk, Some(A::UNSUPPORTED_EXTENSION), "not offered");
    let unknown = server_hello(|hello| hello.add(E(0x7777), &[]));
    assert_eq!(unknown, Some(A::UNSUPPORTED_EXTENSION), "not offered");
    let duplicate = server_hello(|hello| hello.add(E::SUPPORTED_VERSIONS, &[3, 4]));
    assert_eq!(duplicate, Some(A::ILLEGAL_PARAMETER));
    let share = |group: u8, key: &[u8]| {
        let share = [&[0, group][..], &vector16(key)].concat();
        server_hello(|hello| *hello.get(E::KEY_SHARE) = share)
    };
    assert_eq!(share(0x17, &[1; 32]), Some(A::ILLEGAL_PARAMETER), "no share was for it");
    assert_eq!(share(0x1e, &[1; 32]), Some(A::ILLEGAL_PARAMETER), "not offered");
    assert_eq!(share(0x1d, &[0; 32]), Some(A::ILLEGAL_PARAMETER), "a zero secret");
    assert_eq!(share(0x1d, &[1; 33]), Some(A::ILLEGAL_PARAMETER), "no public key");
}

#[test]
fn hello_retry_requests() {
    // Sections 4.2.4 and 4.3.8.
    assert_eq!(retry_request(|_| {}), None);
    let group = |group: u8| move |request: &mut Parts| *request.get(E::KEY_SHARE) = vec![0, group];
    assert_eq!(retry_request(group(0x1d)), Some(A::ILLEGAL_PARAMETER), "it had a share");
    assert_eq!(retry_request(group(0x1e)), Some(A::ILLEGAL_PARAMETER), "it was not offered");
    let nothing = retry_request(|request| {
        request.remove(E::KEY_SHARE);
        request.remove(E::COOKIE);
    });
    assert_eq!(nothing, Some(A::ILLEGAL_PARAMETER), "it changes nothing");
    let suite = |request: &mut Parts| request.head[SUITES + 1] = 4;
    assert_eq!(retry_request(suite), Some(A::ILLEGAL_PARAMETER));
    let session_id = |request: &mut Parts| request.head[SESSION_ID] ^= 1;
    assert_eq!(retry_request(session_id), Some(A::ILLEGAL_PARAMETER));
    let version = |request: &mut Parts| *request.get(E::SUPPORTED_VERSIONS) = vec![3, 3];
    assert_eq!(retry_request(version), Some(A::ILLEGAL_PARAMETER));
    let no_version = retry_request(|request| request.remove(E::SUPPORTED_VERSIONS));
    assert_eq!(no_version, Some(A::MISSING_EXTENSION));
    let legacy_version = |request: &mut Parts| request.head[1] = 4;
    assert_eq!(retry_request(legacy_version), Some(A::PROTOCOL_VERSION));
    let compression = |request: &mut Parts| request.head[SERVER_COMPRESSION] = 1;
    assert_eq!(retry_request(compression), Some(A::ILLEGAL_PARAMETER));
    let unknown = retry_request(|request| request.add(E(0x7777), &[]));
    assert_eq!(unknown, Some(A::UNSUPPORTED_EXTENSION));
    let grease = retry_request_of(Retry, |request| {
        *request.get(E::KEY_SHARE) = GREASE.to_vec();
    });
    assert_eq!(grease, Some(A::ILLEGAL_PARAMETER));
    let empty_cookie = retry_request(|request| *request.get(E::COOKIE) = vec![0, 0]);
    assert_eq!(empty_cookie, Some(A::DECODE_ERROR));
    // After one: no second, the same suite, the group that it asked for.
    let second = edited(Side::Client, Retry, 1, |hello| {
        hello.head[RANDOM..RANDOM + 32].copy_from_slice(&HELLO_RETRY_REQUEST_RANDOM);
        *hello.get(E::KEY_SHARE) = vec![0, 0x1d];
    });
    assert_eq!(second, Some(A::UNEXPECTED_MESSAGE));
    let other_suite = edited(Side::Client, Retry, 1, |hello| hello.head[SUITES + 1] = 3);
    assert_eq!(other_suite, Some(A::ILLEGAL_PARAMETER));
    let other_version =
        edited(Side::Client, Retry, 1, |hello| *hello.get(E::SUPPORTED_VERSIONS) = vec![3, 3]);
    assert_eq!(other_version, Some(A::ILLEGAL_PARAMETER));
    let other_group = edited(Side::Client, Retry, 1, |hello| hello.get(E::KEY_SHARE)[1] = 0x1d);
    assert_eq!(other_group, Some(A::ILLEGAL_PARAMETER));
}

#[test]
fn encrypted_extensions() {
    // Sections 4.3 and 4.4.1; RFC 7301, section 3.1.
    let edit = |edit: fn(&mut Parts)| edited(Side::Client, Plain, ENCRYPTED_EXTENSIONS, edit);
    const ALPN: E = E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION;
    for forbidden in [E::KEY_SHARE, E::SUPPORTED_VERSIONS, E::SIGNATURE_ALGORITHMS, E::COOKIE] {
        let answer = edited(Side::Client, Plain, ENCRYPTED_EXTENSIONS, |message| {
            message.add(forbidden, &[]);
        });
        assert_eq!(answer, Some(A::ILLEGAL_PARAMETER), "{forbidden}");
    }
    // RFC 8449, section 4.
    let limit = edit(|message| *message.get(E::RECORD_SIZE_LIMIT) = vec![0, 63]);
    assert_eq!(limit, Some(A::ILLEGAL_PARAMETER));
    let limit = edit(|message| message.get(E::RECORD_SIZE_LIMIT).push(0));
    assert_eq!(limit, Some(A::DECODE_ERROR));
    let unsolicited = edit(|message| message.add(E::MAX_FRAGMENT_LENGTH, &[1]));
    assert_eq!(unsolicited, Some(A::UNSUPPORTED_EXTENSION));
    assert_eq!(edit(|message| message.add(E(0x7777), &[])), Some(A::UNSUPPORTED_EXTENSION));
    let grease = edit(|message| message.add(E(u16::from_be_bytes(GREASE)), &[]));
    assert_eq!(grease, Some(A::UNSUPPORTED_EXTENSION));
    assert_eq!(edit(|message| message.add(E::EARLY_DATA, &[])), Some(A::UNSUPPORTED_EXTENSION));
    let not_offered = edit(|message| *message.get(ALPN) = vector16(b"\x02h3"));
    assert_eq!(not_offered, Some(A::ILLEGAL_PARAMETER));
    let two = edit(|message| *message.get(ALPN) = vector16(b"\x02h2\x08http/1.1"));
    assert_eq!(two, Some(A::ILLEGAL_PARAMETER));
    assert_eq!(edit(|message| message.get(ALPN).clear()), Some(A::DECODE_ERROR));
    assert_eq!(edit(|message| message.get(E::SERVER_NAME).push(0)), Some(A::DECODE_ERROR));
}

#[test]
fn certificate_requests() {
    // Section 4.4.2: the extension that must be there, and the context that must be empty.
    let request = |body: &[u8]| {
        in_place_of(CERTIFICATES, &handshake_message(HandshakeType::CERTIFICATE_REQUEST, body))
    };
    assert_eq!(request(&[0, 0, 0]), Some(A::MISSING_EXTENSION));
    let extensions = vector16(&[0, 13, 0, 4, 0, 2, 8, 7]);
    let with_context = [&[1, 7][..], &extensions].concat();
    assert_eq!(request(&with_context), Some(A::ILLEGAL_PARAMETER));
    let misplaced = [&[0][..], &vector16(&[0, 51, 0, 0])].concat();
    assert_eq!(request(&misplaced), Some(A::ILLEGAL_PARAMETER));
    // In place of a Certificate it is followed by a CertificateVerify.
    assert_eq!(request(&[&[0][..], &extensions].concat()), Some(A::UNEXPECTED_MESSAGE));
}

#[test]
fn end_of_early_data_is_no_message_of_a_server() {
    // Section 4.6.
    let end = handshake_message(HandshakeType::END_OF_EARLY_DATA, &[]);
    for index in 0..=FINISHED {
        assert_eq!(in_place_of(index, &end), Some(A::UNEXPECTED_MESSAGE), "{index}");
    }
}

#[test]
fn certificates() {
    // Section 4.5.1 and 4.5.1.3.
    let certificate = |context: &[u8], chain: &[&[u8]]| {
        let mut message = Vec::new();
        Certificate::encode(&mut message, context, chain);
        in_place_of(CERTIFICATES, &message)
    };
    assert_eq!(certificate(&[], &[]), Some(A::DECODE_ERROR), "an empty list");
    let nothing = handshake_message(HandshakeType::CERTIFICATE, &[]);
    assert_eq!(in_place_of(CERTIFICATES, &nothing), Some(A::DECODE_ERROR));
    assert_eq!(certificate(&[], &[&[]]), Some(A::DECODE_ERROR), "an empty certificate");
    assert_eq!(certificate(&[7], &[CERTIFICATE]), Some(A::ILLEGAL_PARAMETER));
    assert_eq!(certificate(&[], &[b"no DER"]), Some(A::BAD_CERTIFICATE));
    let many = vec![CERTIFICATE; 33];
    assert_eq!(certificate(&[], &many), Some(A::GENERAL_ERROR), "a limit of ours");
    // Extensions of an entry: not offered, and of other messages.
    let with_extension = |extension: &[u8]| in_place_of(CERTIFICATES, &certificate_with(extension));
    assert_eq!(with_extension(&[0, 5, 0, 1, 1]), Some(A::UNSUPPORTED_EXTENSION));
    assert_eq!(with_extension(&[0, 51, 0, 0]), Some(A::ILLEGAL_PARAMETER));
}

#[test]
fn certificates_with_a_signature_that_is_not_supported() {
    // Section 4.5.1.3. To a client without P-256, ECDSA is what MD5 and SHA-1 are to every client.
    let identity = Identity::p256();
    let mut provider = CryptoProvider::default();
    let mut rows = provider.signatures.by_scheme.iter();
    let ed25519 = rows.find(|row| row.scheme == SignatureScheme::ED25519).unwrap();
    provider.signatures.all = ed25519.algorithms.clone();
    let client = ClientConfig::builder(provider).trust(identity.anchors()).unwrap().build();
    let mut client = ClientConnection::new(Arc::new(client.unwrap()), server_name());
    let mut server = ServerConnection::new(identity.server_config());
    let error = exchange(&mut client, &mut server).unwrap_err();
    assert_eq!(error.alert_sent(), Some(A::BAD_CERTIFICATE), "{error}");
}

#[test]
fn certificate_verifies() {
    // Section 4.5.2.
    let honest = received_by(Side::Client, Plain)[CERTIFICATE_VERIFY].bytes.clone();
    let with_scheme = |scheme: [u8; 2]| {
        let mut message = honest.clone();
        message[4..6].copy_from_slice(&scheme);
        in_place_of(CERTIFICATE_VERIFY, &message)
    };
    for (scheme, why) in [
        ([0x08, 0x08], "not offered"),
        ([0x04, 0x01], "PKCS#1 is for certificates only"),
        ([0x02, 0x01], "SHA-1"),
        ([0x04, 0x03], "not of the certificate's key"),
    ] {
        assert_eq!(with_scheme(scheme), Some(A::ILLEGAL_PARAMETER), "{why}");
    }
    for at in [8, honest.len() - 1] {
        let mut wrong = honest.clone();
        wrong[at] ^= 1;
        assert_eq!(in_place_of(CERTIFICATE_VERIFY, &wrong), Some(A::DECRYPT_ERROR));
    }
    let empty = handshake_message(HandshakeType::CERTIFICATE_VERIFY, &[8, 7, 0, 0]);
    assert_eq!(in_place_of(CERTIFICATE_VERIFY, &empty), Some(A::DECRYPT_ERROR));
    let cut = handshake_message(HandshakeType::CERTIFICATE_VERIFY, &honest[4..honest.len() - 1]);
    assert_eq!(in_place_of(CERTIFICATE_VERIFY, &cut), Some(A::DECODE_ERROR));
    // Another message signed: the transcript is part of what is signed.
    let other = edited(Side::Client, Plain, SERVER_HELLO, |hello| hello.head[RANDOM] ^= 1);
    assert_eq!(other, Some(A::DECRYPT_ERROR));
}

#[test]
fn finished() {
    // Section 4.5.3.
    let honest = received_by(Side::Client, Plain)[FINISHED].bytes.clone();
    let mut wrong = honest.clone();
    wrong[35] ^= 0x80;
    assert_eq!(in_place_of(FINISHED, &wrong), Some(A::DECRYPT_ERROR));
    for body in [&honest[4..35], &[&honest[4..], &[0]].concat(), &[]] {
        let message = handshake_message(HandshakeType::FINISHED, body);
        assert_eq!(in_place_of(FINISHED, &message), Some(A::DECODE_ERROR));
    }
    let key_update = handshake_message(HandshakeType::KEY_UPDATE, &[0]);
    for index in 0..=FINISHED {
        assert_eq!(in_place_of(index, &key_update), Some(A::UNEXPECTED_MESSAGE));
    }
    assert_eq!(in_place_of(FINISHED, &honest), None);
}
