//! The server sends an alert, and nothing else.

use handclasp::diagnosis::Parameter;
use handclasp::handshake::Side;

use super::super::Row;
use super::hears_alert;

pub fn rows() -> Vec<Row> {
    let row = || Row { code: "alert-received", ..Row::of(Side::Client, "bytes") };
    vec![
        Row {
            kind: "alert-internal-error",
            what: "the server says internal_error",
            make: || hears_alert(80),
            says: &[
                "internal_error",
                "server name \"server.example\"",
                "some servers say this if they have no",
            ],
            change: "look into the server's log",
            offers: &[(Parameter::ServerName, "server.example")],
            ..row()
        },
        Row {
            kind: "alert-insufficient-security",
            what: "the server wants stronger algorithms",
            make: || hears_alert(71),
            says: &[
                "insufficient_security",
                "cipher suites [",
                "usually the server wants stronger",
            ],
            change: "offer what the server asks for",
            offers: &[(Parameter::Groups, "x25519")],
            ..row()
        },
        Row {
            kind: "alert-decode-error",
            what: "the server cannot parse a message",
            make: || hears_alert(50),
            says: &[
                "decode_error",
                "waiting for the server's first message",
                "usually it means that a message could not be parsed",
            ],
            change: "to find what it does not take, offer less",
            ..row()
        },
        Row {
            kind: "alert-unexpected-message",
            what: "the server did not expect a message",
            make: || hears_alert(10),
            says: &["unexpected_message", "usually it means that a message came"],
            change: "to find what it does not take, offer less",
            ..row()
        },
        Row {
            kind: "alert-of-certificates",
            what: "the server sends an alert of certificates, and was shown none",
            make: || hears_alert(42),
            says: &[
                "bad_certificate",
                "has shown no certificate, so the server means something else",
            ],
            change: "look into the server's log",
            ..row()
        },
        Row {
            kind: "alert-unknown",
            what: "the server sends an alert that is not in the RFC",
            make: || hears_alert(200),
            says: &[
                "200",
                "usually it means that something happened that RFC 9846 has no alert for",
            ],
            change: "the peer's log may say more",
            ..row()
        },
    ]
}
