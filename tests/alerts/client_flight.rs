//! The alerts of a server to each message of a client that it asked for a certificate.

use handclasp::alert::AlertDescription as A;
use handclasp::handshake::Side;
use handclasp::registry::HandshakeType;
use handclasp::wire::Certificate;

use handclasp_testing::deterministic::CERTIFICATE;
use handclasp_testing::deterministic::Scenario::{ClientAuth, Plain};
use handclasp_testing::message::{alert, certificate_with, received_by};
use handclasp_testing::written::{handshake_message, vector16};

/// The places of the messages that a server receives.
const CERTIFICATES: usize = 1;
const CERTIFICATE_VERIFY: usize = 2;
const FINISHED: usize = 3;
/// The place of the request in what a client receives.
const CERTIFICATE_REQUEST: usize = 2;

fn in_place_of(index: usize, message: &[u8]) -> Option<A> {
    alert(Side::Server, ClientAuth, index, message)
}

#[test]
fn certificates() {
    // Section 4.5.1 and 4.5.1.3.
    let certificate = |context: &[u8], chain: &[&[u8]]| {
        let mut message = Vec::new();
        Certificate::encode(&mut message, context, chain);
        in_place_of(CERTIFICATES, &message)
    };
    assert_eq!(certificate(&[], &[]), Some(A::CERTIFICATE_REQUIRED), "an empty list");
    assert_eq!(certificate(&[], &[&[]]), Some(A::DECODE_ERROR), "an empty certificate");
    assert_eq!(certificate(&[7], &[CERTIFICATE]), Some(A::ILLEGAL_PARAMETER), "no such request");
    assert_eq!(certificate(&[], &[b"no DER"]), Some(A::BAD_CERTIFICATE));
    assert_eq!(certificate(&[], &vec![CERTIFICATE; 33]), Some(A::GENERAL_ERROR), "our limit");
    assert_eq!(certificate(&[], &[CERTIFICATE; 2]), Some(A::CERTIFICATE_UNKNOWN), "not pinned");
    // Extensions of an entry: not asked for, and of other messages.
    let with_extension = |extension: &[u8]| in_place_of(CERTIFICATES, &certificate_with(extension));
    assert_eq!(with_extension(&[0, 5, 0, 1, 1]), Some(A::UNSUPPORTED_EXTENSION));
    assert_eq!(with_extension(&[0, 51, 0, 0]), Some(A::ILLEGAL_PARAMETER));
    // Another message in its place.
    let honest = received_by(Side::Server, ClientAuth);
    for message in [&honest[CERTIFICATE_VERIFY], &honest[FINISHED]] {
        assert_eq!(in_place_of(CERTIFICATES, &message.bytes), Some(A::UNEXPECTED_MESSAGE));
    }
}

#[test]
fn certificate_verifies() {
    // Section 4.5.2.
    let honest = received_by(Side::Server, ClientAuth)[CERTIFICATE_VERIFY].bytes.clone();
    for (scheme, why) in [
        ([0x08, 0x08], "not offered"),
        ([0x04, 0x01], "PKCS#1 is for certificates only"),
        ([0x02, 0x01], "SHA-1"),
        ([0x04, 0x03], "not of the certificate's key"),
    ] {
        let mut message = honest.clone();
        message[4..6].copy_from_slice(&scheme);
        let answer = in_place_of(CERTIFICATE_VERIFY, &message);
        assert_eq!(answer, Some(A::ILLEGAL_PARAMETER), "{why}");
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
}

#[test]
fn a_client_that_sends_back_the_servers_signature_is_refused() {
    // Both ends have the same key here: what keeps them apart is the sentence that is signed, and
    // the transcript.
    let from_server = received_by(Side::Client, ClientAuth);
    let is_verify = |bytes: &[u8]| bytes[0] == HandshakeType::CERTIFICATE_VERIFY.0;
    let theirs = from_server.iter().find(|message| is_verify(&message.bytes)).unwrap();
    assert_eq!(in_place_of(CERTIFICATE_VERIFY, &theirs.bytes), Some(A::DECRYPT_ERROR));
}

#[test]
fn a_client_that_leaves_the_proof_of_its_key_out_is_refused() {
    let honest = received_by(Side::Server, ClientAuth)[FINISHED].bytes.clone();
    assert_eq!(in_place_of(CERTIFICATE_VERIFY, &honest), Some(A::UNEXPECTED_MESSAGE));
}

#[test]
fn a_certificate_without_a_request_is_refused() {
    let certificate = received_by(Side::Server, ClientAuth)[CERTIFICATES].bytes.clone();
    let answer = alert(Side::Server, Plain, 1, &certificate);
    assert_eq!(answer, Some(A::UNEXPECTED_MESSAGE));
}

#[test]
fn finished() {
    let honest = received_by(Side::Server, ClientAuth)[FINISHED].bytes.clone();
    let mut wrong = honest.clone();
    wrong[35] ^= 0x80;
    assert_eq!(in_place_of(FINISHED, &wrong), Some(A::DECRYPT_ERROR));
    assert_eq!(in_place_of(FINISHED, &honest), None);
}

#[test]
fn certificate_requests() {
    // Sections 4.4.2, 4.3.4 and 4.3.5.
    let request = |context: &[u8], extensions: &[&[u8]]| {
        let context = [&[context.len() as u8], context].concat();
        let body = [context, vector16(&extensions.concat())].concat();
        let message = handshake_message(HandshakeType::CERTIFICATE_REQUEST, &body);
        alert(Side::Client, ClientAuth, CERTIFICATE_REQUEST, &message)
    };
    let schemes: &[u8] = &[0, 13, 0, 4, 0, 2, 8, 7];
    // The rest of the flight is not what was signed: what is taken shows as that.
    let taken = Some(A::DECRYPT_ERROR);
    assert_eq!(request(&[], &[schemes]), taken);
    assert_eq!(request(&[], &[schemes, &[0x77, 0x77, 0, 1, 9]]), taken, "unknown is ignored");
    assert_eq!(request(&[], &[]), Some(A::MISSING_EXTENSION));
    assert_eq!(request(&[7], &[schemes]), Some(A::ILLEGAL_PARAMETER), "in a handshake");
    assert_eq!(request(&[], &[schemes, schemes]), Some(A::ILLEGAL_PARAMETER), "twice");
    let empty: &[u8] = &[0, 13, 0, 2, 0, 0];
    assert_eq!(request(&[], &[empty]), Some(A::DECODE_ERROR));
    let authorities: &[u8] = &[0, 47, 0, 2, 0, 0];
    assert_eq!(request(&[], &[schemes, authorities]), Some(A::DECODE_ERROR), "an empty list");
    let cut: &[u8] = &[0, 47, 0, 5, 0, 3, 0, 9, 1];
    assert_eq!(request(&[], &[schemes, cut]), Some(A::DECODE_ERROR));
    let filter: &[u8] = &[2, 6, 0, 0, 1, 9];
    let filters = |list: &[&[u8]]| {
        let list = vector16(&list.concat());
        [&[0, 48][..], &vector16(&list)].concat()
    };
    assert_eq!(request(&[], &[schemes, &filters(&[filter])]), taken);
    let twice = filters(&[filter, filter]);
    assert_eq!(request(&[], &[schemes, &twice]), Some(A::ILLEGAL_PARAMETER), "an OID twice");
    let status: &[u8] = &[0, 5, 0, 1, 1];
    assert_eq!(request(&[], &[schemes, status]), Some(A::DECODE_ERROR), "it must be empty");
    let compression = |body: &[u8]| [&[0, 27][..], &vector16(body)].concat();
    assert_eq!(request(&[], &[schemes, &compression(&[2, 0, 1])]), taken, "RFC 8879, section 3");
    for malformed in [&[][..], &[0], &[1, 0], &[2, 0], &[3, 0, 1, 0], &[2, 0, 1, 0]] {
        assert_eq!(request(&[], &[schemes, &compression(malformed)]), Some(A::DECODE_ERROR));
    }
    let misplaced: &[u8] = &[0, 49, 0, 0];
    assert_eq!(request(&[], &[schemes, misplaced]), Some(A::ILLEGAL_PARAMETER));
}
