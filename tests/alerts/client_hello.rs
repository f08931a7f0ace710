//! The alerts of a server to a ClientHello, a second ClientHello and a client's Finished.

use handclasp::alert::AlertDescription as A;
use handclasp::handshake::Side;
use handclasp::registry::HandshakeType;
use handclasp::wire::ExtensionType as E;

use handclasp_testing::deterministic::Scenario::{self, Cookie, Plain, Retry};
use handclasp_testing::deterministic::{self, raw};
use handclasp_testing::message::{Parts, RANDOM, SESSION_ID, SUITES, alert, edited, received_by};
use handclasp_testing::written::{handshake_message, vector16};

fn first(edit: impl FnOnce(&mut Parts)) -> Option<A> {
    edited(Side::Server, Plain, 0, edit)
}

fn second(scenario: Scenario, edit: impl FnOnce(&mut Parts)) -> Option<A> {
    edited(Side::Server, scenario, 1, edit)
}

#[test]
fn versions() {
    // Sections 4.2.2, 4.3.1 and appendix E.
    assert_eq!(first(|hello| hello.remove(E::SUPPORTED_VERSIONS)), Some(A::PROTOCOL_VERSION));
    let only_older = |hello: &mut Parts| *hello.get(E::SUPPORTED_VERSIONS) = vec![2, 3, 3];
    assert_eq!(first(only_older), Some(A::PROTOCOL_VERSION));
    for legacy_version in [[3, 0], [3, 1], [3, 4], [2, 0]] {
        let edit = |hello: &mut Parts| hello.head[..2].copy_from_slice(&legacy_version);
        assert_eq!(first(edit), Some(A::PROTOCOL_VERSION), "{legacy_version:?}");
    }
    let no_extensions = |hello: &mut Parts| hello.extensions.clear();
    assert_eq!(first(no_extensions), Some(A::PROTOCOL_VERSION));
}

#[test]
fn fields() {
    // Section 4.2.2: compression methods.
    let compression = |methods: &'static [u8]| {
        move |hello: &mut Parts| {
            hello.head.truncate(hello.head.len() - 2);
            hello.head.extend_from_slice(methods);
        }
    };
    assert_eq!(first(compression(&[1, 1])), Some(A::ILLEGAL_PARAMETER));
    assert_eq!(first(compression(&[2, 0, 1])), Some(A::ILLEGAL_PARAMETER));
    assert_eq!(first(compression(&[0])), Some(A::DECODE_ERROR), "an empty list");
    // Lengths out of the range of their fields.
    let session_id = |hello: &mut Parts| {
        hello.head[SESSION_ID - 1] = 33;
        hello.head.insert(SESSION_ID, 0);
    };
    assert_eq!(first(session_id), Some(A::DECODE_ERROR));
    for suites in [vector16(&[]), vector16(&[0x13, 0x01, 0x13])] {
        let edit = |hello: &mut Parts| {
            hello.head.truncate(SUITES);
            hello.head.extend_from_slice(&[&suites[..], &[1, 0]].concat());
        };
        assert_eq!(first(edit), Some(A::DECODE_ERROR), "{suites:?}");
    }
    for (extension, empty) in [
        (E::SUPPORTED_VERSIONS, &[0][..]),
        (E::SUPPORTED_GROUPS, &[0, 0]),
        (E::SIGNATURE_ALGORITHMS, &[0, 0]),
        (E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, &[0, 0]),
        (E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, &[0, 1, 0]),
        (E::SERVER_NAME, &[0, 0]),
        (E::SERVER_NAME, &[0, 3, 0, 0, 0]),
    ] {
        let edit = |hello: &mut Parts| *hello.get(extension) = empty.to_vec();
        assert_eq!(first(edit), Some(A::DECODE_ERROR), "{extension}");
    }
    // Section 4.3: data left over, duplicates, and an extension of other messages.
    assert_eq!(first(|hello| hello.tail.push(0)), Some(A::DECODE_ERROR));
    assert_eq!(first(|hello| hello.get(E::SUPPORTED_GROUPS).push(0)), Some(A::DECODE_ERROR));
    let twice = |hello: &mut Parts| hello.add(E(0x7777), b"");
    assert_eq!(first(|hello| twice(hello)), Some(A::DECRYPT_ERROR), "unknown ones are taken");
    let duplicate = first(|hello| {
        twice(hello);
        twice(hello);
    });
    assert_eq!(duplicate, Some(A::ILLEGAL_PARAMETER));
    assert_eq!(first(|hello| hello.add(E::OID_FILTERS, &[0, 0])), Some(A::ILLEGAL_PARAMETER));
    let odd = |hello: &mut Parts| {
        let list = hello.get(E::SIGNATURE_ALGORITHMS);
        *list = vector16(&[8, 7, 8]);
    };
    assert_eq!(first(odd), Some(A::DECODE_ERROR));
}

#[test]
fn record_size_limits() {
    // RFC 8449, section 4. More than a record can have is for another version of TLS.
    for (limit, answer) in [
        (&[0, 63][..], A::ILLEGAL_PARAMETER),
        (&[0], A::DECODE_ERROR),
        (&[0xff, 0xff], A::DECRYPT_ERROR),
    ] {
        let edit = |hello: &mut Parts| *hello.get(E::RECORD_SIZE_LIMIT) = limit.to_vec();
        assert_eq!(first(edit), Some(answer), "{limit:?}");
    }
}

#[test]
fn unknown_extensions_and_values_are_ignored() {
    // Sections 4.2.2, 4.3.1 and 9.3. Where all is taken, the Finished of the honest handshake is
    // what does not fit.
    let unknown = first(|hello| {
        hello.add(E(0x7777), b"what it likes");
        // status_request_v2 is for older versions (section 4.5.1.1).
        hello.add(E(17), &vector16(&[2, 0, 4, 0, 0, 0, 0]));
        let after_length = |list: &mut Vec<u8>, length: usize, value: [u8; 2]| {
            list.splice(length..length, value);
            list[length - 1] += 2;
        };
        after_length(&mut hello.head, SUITES + 2, [0x13, 0x7f]);
        after_length(hello.get(E::SUPPORTED_GROUPS), 2, [0x7f, 0x7f]);
        after_length(hello.get(E::SIGNATURE_ALGORITHMS), 2, [0x7f, 0x7f]);
        after_length(hello.get(E::SUPPORTED_VERSIONS), 1, [0x7f, 0x1c]);
        after_length(hello.get(E::SUPPORTED_VERSIONS), 1, [3, 5]);
    });
    assert_eq!(unknown, Some(A::DECRYPT_ERROR));
}

#[test]
fn a_client_hello_after_the_handshake_is_unexpected() {
    // Section 4.2.2: there is no renegotiation.
    let honest = received_by(Side::Server, Plain);
    let mut server = deterministic::raw(Side::Server, Plain, None);
    for message in &honest {
        server.receive(message.level, &message.bytes).unwrap();
    }
    let refused = server.receive(handclasp::Level::Application, &honest[0].bytes).unwrap_err();
    assert_eq!(refused.alert_sent(), Some(A::UNEXPECTED_MESSAGE));
}

#[test]
fn extensions_that_must_be_there() {
    // Section 9.2.
    for extension in [E::KEY_SHARE, E::SUPPORTED_GROUPS, E::SIGNATURE_ALGORITHMS] {
        let answer = first(|hello| hello.remove(extension));
        assert_eq!(answer, Some(A::MISSING_EXTENSION), "{extension}");
    }
    // Section 4.3.9: PSKs need their modes; section 4.3.11: they come last.
    let psk = [
        &vector16(&[&[0, 1, 7][..], &[0; 4]].concat()),
        &vector16(&[&[32][..], &[0; 32]].concat())[..],
    ]
    .concat();
    let without_modes = first(|hello| hello.add(E::PRE_SHARED_KEY, &psk));
    assert_eq!(without_modes, Some(A::MISSING_EXTENSION));
    let not_last = first(|hello| {
        hello.add(E::PRE_SHARED_KEY, &psk);
        hello.add(E::PSK_KEY_EXCHANGE_MODES, &[1, 1]);
    });
    assert_eq!(not_last, Some(A::ILLEGAL_PARAMETER));
}

#[test]
fn nothing_in_common() {
    // Section 4.2.1.
    let suites = |hello: &mut Parts| hello.head[SUITES + 2..SUITES + 10].fill(0x0a);
    assert_eq!(first(suites), Some(A::HANDSHAKE_FAILURE));
    let groups = first(|hello| {
        *hello.get(E::SUPPORTED_GROUPS) = vector16(&[0x00, 0x1e]);
        *hello.get(E::KEY_SHARE) = vector16(&[]);
    });
    assert_eq!(groups, Some(A::HANDSHAKE_FAILURE));
    let schemes = first(|hello| *hello.get(E::SIGNATURE_ALGORITHMS) = vector16(&[4, 3]));
    assert_eq!(schemes, Some(A::HANDSHAKE_FAILURE));
    // RFC 7301, section 3.2.
    let alpn = E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION;
    let protocols = first(|hello| *hello.get(alpn) = vector16(b"\x04spdy"));
    assert_eq!(protocols, Some(A::NO_APPLICATION_PROTOCOL));
    // RFC 6066, section 3.
    let name = |name: &[u8]| vector16(&[&[0][..], &vector16(name)].concat());
    let odd_name = first(|hello| *hello.get(E::SERVER_NAME) = name(b"not a name"));
    assert_eq!(odd_name, Some(A::ILLEGAL_PARAMETER));
}

#[test]
fn key_shares() {
    // Section 4.3.8.
    let share = |group: u8, key: &[u8]| [&[0, group][..], &vector16(key)].concat();
    let shares = |shares: &[Vec<u8>]| {
        let shares = vector16(&shares.concat());
        first(|hello| *hello.get(E::KEY_SHARE) = shares)
    };
    let x25519 = share(0x1d, &[0xc1; 32]);
    assert_eq!(shares(&[x25519.clone(), x25519.clone()]), Some(A::ILLEGAL_PARAMETER), "twice");
    let unlisted = share(0x1e, &[1; 56]);
    assert_eq!(shares(&[x25519, unlisted]), Some(A::ILLEGAL_PARAMETER), "not supported_groups'");
    // Section 4.3.8.2 and 7.4.2: shares that are no public keys.
    assert_eq!(shares(&[share(0x1d, &[1; 31])]), Some(A::ILLEGAL_PARAMETER), "short");
    assert_eq!(shares(&[share(0x1d, &[0; 32])]), Some(A::ILLEGAL_PARAMETER), "a zero secret");
    assert_eq!(shares(&[share(0x1d, &[])]), Some(A::DECODE_ERROR), "empty");
}

#[test]
fn second_client_hellos() {
    // Sections 4.2.2 and 4.3.2: what must be as before.
    for at in [RANDOM, SESSION_ID, SUITES + 3] {
        let edit = |hello: &mut Parts| hello.head[at] ^= 2;
        assert_eq!(second(Retry, edit), Some(A::ILLEGAL_PARAMETER), "{at}");
    }
    let changed = second(Cookie, |hello| *hello.get(E::COOKIE).last_mut().unwrap() ^= 1);
    assert_eq!(changed, Some(A::ILLEGAL_PARAMETER));
    assert_eq!(second(Cookie, |hello| hello.remove(E::COOKIE)), Some(A::ILLEGAL_PARAMETER));
    let other_suites = |hello: &mut Parts| {
        let end = SUITES + 2 + usize::from(hello.head[SUITES + 1]);
        hello.head[SUITES + 2..end].fill(0x0a);
    };
    let without_its_suite = second(Cookie, other_suites);
    assert_eq!(without_its_suite, Some(A::ILLEGAL_PARAMETER), "the suite was chosen");
    // The same for a server that never saw the first.
    let mut alone = Parts::parse(&received_by(Side::Server, Cookie)[1].bytes);
    other_suites(&mut alone);
    let refused =
        raw(Side::Server, Cookie, None).receive(handclasp::Level::Initial, &alone.build());
    let alert = refused.unwrap_err().alert_sent();
    assert_eq!(alert, Some(A::ILLEGAL_PARAMETER), "the cookie has the suite");
    let unasked = second(Retry, |hello| hello.add(E::COOKIE, &vector16(b"cookie")));
    assert_eq!(unasked, Some(A::ILLEGAL_PARAMETER));
    let unknown = first(|hello| hello.add(E::COOKIE, &vector16(b"cookie")));
    assert_eq!(unknown, Some(A::ILLEGAL_PARAMETER), "no server gave it");
    // Any other extension, known or not (section 4.2.2).
    for extension in [E::SUPPORTED_GROUPS, E::SIGNATURE_ALGORITHMS, E::SERVER_NAME] {
        let edit = |hello: &mut Parts| *hello.get(extension).last_mut().unwrap() ^= 1;
        assert_eq!(second(Retry, edit), Some(A::ILLEGAL_PARAMETER), "{extension}");
    }
    for scenario in [Retry, Cookie] {
        let new = second(scenario, |hello| hello.add(E(0x7777), b""));
        assert_eq!(new, Some(A::ILLEGAL_PARAMETER));
        let less = second(scenario, |hello| hello.remove(E::RECORD_SIZE_LIMIT));
        assert_eq!(less, Some(A::ILLEGAL_PARAMETER));
        // Where all is taken, the Finished of the honest handshake is what does not fit. GnuTLS 3.8.1
        // to 3.8.9 shuffles the extensions of each ClientHello.
        let order = second(scenario, |hello| hello.extensions.reverse());
        assert_eq!(order, Some(A::DECRYPT_ERROR));
        let may_change = second(scenario, |hello| {
            hello.add(E::PADDING, &[0; 9]);
            hello.add(E::ENCRYPTED_CLIENT_HELLO, b"of a second ClientHelloOuter");
        });
        assert_eq!(may_change, Some(A::DECRYPT_ERROR));
    }
    // Section 4.3.10.
    let early_data = second(Retry, |hello| hello.add(E::EARLY_DATA, b""));
    assert_eq!(early_data, Some(A::ILLEGAL_PARAMETER));
    // Section 4.3.8: the share that was asked for, and no other.
    let share = |group: u8| [&[0, group][..], &vector16(&[0xc1; 32])].concat();
    for shares in [vec![], share(0x1d), [share(0x17), share(0x1d)].concat()] {
        let answer = second(Retry, |hello| *hello.get(E::KEY_SHARE) = vector16(&shares));
        assert_eq!(answer, Some(A::ILLEGAL_PARAMETER), "{shares:?}");
    }
    // Sections 4.2.1 and 4.3.1 hold for it as well.
    let version = second(Retry, |hello| hello.remove(E::SUPPORTED_VERSIONS));
    assert_eq!(version, Some(A::PROTOCOL_VERSION));
}

#[test]
fn a_second_client_hello_is_held_against_the_first_by_a_server_that_never_saw_it() {
    let honest = received_by(Side::Server, Cookie).swap_remove(1);
    let answer = |edit: fn(&mut Parts)| {
        let mut hello = Parts::parse(&honest.bytes);
        edit(&mut hello);
        let mut server = deterministic::raw(Side::Server, Cookie, None);
        let result = server.receive(honest.level, &hello.build());
        result.err().and_then(|error| error.alert_sent())
    };
    assert_eq!(answer(|_| {}), None);
    assert_eq!(answer(|hello| hello.head[RANDOM] ^= 1), Some(A::ILLEGAL_PARAMETER));
    let fewer = |hello: &mut Parts| hello.remove(E::SERVER_NAME);
    assert_eq!(answer(fewer), Some(A::ILLEGAL_PARAMETER));
}

#[test]
fn finished() {
    // Section 4.5.3, and section 4.1 for anything else in its place.
    let honest = received_by(Side::Server, Plain).pop().unwrap().bytes;
    let client_finished = |message: &[u8]| alert(Side::Server, Plain, 1, message);
    let mut wrong = honest.clone();
    wrong[4] ^= 1;
    assert_eq!(client_finished(&wrong), Some(A::DECRYPT_ERROR));
    for body in [&honest[4..honest.len() - 1], &[&honest[4..], &[0]].concat(), &[]] {
        let message = handshake_message(HandshakeType::FINISHED, body);
        assert_eq!(client_finished(&message), Some(A::DECODE_ERROR));
    }
    for kind in [HandshakeType::CERTIFICATE, HandshakeType::KEY_UPDATE] {
        assert_eq!(
            client_finished(&handshake_message(kind, &[0])),
            Some(A::UNEXPECTED_MESSAGE),
            "{kind}"
        );
    }
    assert_eq!(client_finished(&honest), None);
}

#[test]
fn an_older_version_comes_before_a_name_that_is_none() {
    let name_with_space = vec![0, 6, 0, 0, 3, b'a', b' ', b'b'];
    let without_versions = |hello: &mut Parts| {
        *hello.get(E::SERVER_NAME) = name_with_space.clone();
        hello.remove(E::SUPPORTED_VERSIONS);
    };
    assert_eq!(first(without_versions), Some(A::PROTOCOL_VERSION));
    let of_tls_1_0 = |hello: &mut Parts| {
        *hello.get(E::SERVER_NAME) = name_with_space.clone();
        hello.head[..2].copy_from_slice(&[3, 1]);
    };
    assert_eq!(first(of_tls_1_0), Some(A::PROTOCOL_VERSION));
}
