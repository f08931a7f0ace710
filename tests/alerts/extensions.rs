//! Each extension in each message that is no place for it: the table of section 4.3.

use handclasp::Level;
use handclasp::alert::AlertDescription as A;
use handclasp::handshake::Side;
use handclasp::registry::HandshakeType;
use handclasp::wire::ExtensionType as E;

use handclasp_testing::deterministic::Scenario::{ClientAuth, Plain, Retry};
use handclasp_testing::deterministic::raw;
use handclasp_testing::message::{Parts, alert, certificate_with, edited, received_by};
use handclasp_testing::written::{self, handshake_message, vector16};

/// A message to a client, in the letters of the table.
const MESSAGES: [&str; 6] = ["SH", "HRR", "EE", "CR", "CT", "NST"];

/// The extensions that this library recognises, and the server's messages that may have them.
const TABLE: [(E, &[&str]); 24] = [
    (E::SERVER_NAME, &["EE", "CR"]),
    (E::STATUS_REQUEST, &["CR", "CT"]),
    (E::SUPPORTED_GROUPS, &["EE"]),
    (E::SIGNATURE_ALGORITHMS, &["CR"]),
    (E::USE_SRTP, &["EE"]),
    (E::HEARTBEAT, &["EE"]),
    (E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, &["EE"]),
    (E::SIGNED_CERTIFICATE_TIMESTAMP, &["CR", "CT"]),
    (E::CLIENT_CERTIFICATE_TYPE, &["EE"]),
    (E::SERVER_CERTIFICATE_TYPE, &["EE"]),
    (E::PADDING, &[]),
    (E::COMPRESS_CERTIFICATE, &["CR"]),
    (E::RECORD_SIZE_LIMIT, &["EE"]),
    (E::TLS_CERT_WITH_EXTERN_PSK, &["SH"]),
    (E::PRE_SHARED_KEY, &["SH"]),
    (E::EARLY_DATA, &["EE", "NST"]),
    (E::SUPPORTED_VERSIONS, &["SH", "HRR"]),
    (E::COOKIE, &["HRR"]),
    (E::PSK_KEY_EXCHANGE_MODES, &[]),
    (E::CERTIFICATE_AUTHORITIES, &["CR"]),
    (E::OID_FILTERS, &["CR"]),
    (E::POST_HANDSHAKE_AUTH, &[]),
    (E::SIGNATURE_ALGORITHMS_CERT, &["CR"]),
    (E::KEY_SHARE, &["SH", "HRR"]),
];

/// The alert of a client to the honest message with this extension added, and nothing in it.
fn answer(message: &str, extension: E) -> Option<A> {
    let bytes = written::extension(extension, &[]);
    let add = |honest: &mut Parts| honest.add(extension, &[]);
    match message {
        "SH" => edited(Side::Client, Plain, 0, add),
        "HRR" => edited(Side::Client, Retry, 0, add),
        "EE" => edited(Side::Client, Plain, 1, add),
        "CR" => {
            let schemes: &[u8] = &[0, 13, 0, 4, 0, 2, 8, 7];
            let body = [&[0][..], &vector16(&[schemes, &bytes].concat())].concat();
            alert(
                Side::Client,
                ClientAuth,
                2,
                &handshake_message(HandshakeType::CERTIFICATE_REQUEST, &body),
            )
        }
        "CT" => alert(Side::Client, Plain, 2, &certificate_with(&bytes)),
        _ => {
            let mut client = raw(Side::Client, Plain, None);
            for message in received_by(Side::Client, Plain) {
                client.receive(message.level, &message.bytes).unwrap();
            }
            let fields = [&[0, 0, 0, 9, 0, 0, 0, 0, 1, 7, 0, 1, 7][..], &vector16(&bytes)].concat();
            let ticket = handshake_message(HandshakeType::NEW_SESSION_TICKET, &fields);
            let result = client.receive(Level::Application, &ticket);
            result.err().and_then(|error| error.alert_sent())
        }
    }
}

#[test]
fn no_extension_stands_where_the_table_has_no_place_for_it() {
    for (extension, places) in TABLE {
        for message in MESSAGES.into_iter().filter(|message| !places.contains(message)) {
            let answer = answer(message, extension);
            assert_eq!(answer, Some(A::ILLEGAL_PARAMETER), "{extension} in {message}");
        }
    }
    assert_eq!(
        edited(Side::Server, Plain, 0, |hello| hello.add(E::OID_FILTERS, &[])),
        Some(A::ILLEGAL_PARAMETER)
    );
}

#[test]
fn a_name_in_a_certificate_request_is_ignored() {
    // The signature is not over this request: what is taken shows as that.
    assert_eq!(answer("CR", E::SERVER_NAME), Some(A::DECRYPT_ERROR));
}
