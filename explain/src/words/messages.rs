//! What messages, labels and alerts are for, and numbers with nouns.

use handclasp::alert::AlertDescription;

use super::findings_before;
use crate::account::{Alert, Connection, MessageLevel, Operation};

/// A number of things: "1 byte", "2 bytes".
pub fn counted(count: usize, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        _ => format!("{count} {thing}s"),
    }
}

/// The purpose of a message, shown when it is sent.
pub fn sent(message: &str) -> &'static str {
    match message {
        "ClientHello" => {
            "Starts the handshake: everything that the client supports, and already its key share, \
             which saves a round trip."
        }
        "HelloRetryRequest" => {
            "The server cannot use the client's key share, or wants proof that the client can receive \
             at its address: it requests another ClientHello."
        }
        "ServerHello" => {
            "The server's choices, and its key share. From here on both sides can compute the same \
             secret, and an eavesdropper cannot."
        }
        "EncryptedExtensions" => {
            "The responses that need no certificate. It is the first encrypted message: an \
             eavesdropper does not see what is negotiated here."
        }
        "CertificateRequest" => "The server requests that the client authenticates, too.",
        "Certificate" => "The sender's certificate, and the certificates of its issuers.",
        "CompressedCertificate" => {
            "The server's certificate, and the certificates of its issuers, compressed."
        }
        "CertificateVerify" => {
            "A signature over all messages so far, with the private key of the certificate. Without \
             that key, a copied certificate is useless."
        }
        "Finished" => {
            "A MAC over all messages so far. If a single bit of them was changed on the way, it does \
             not match."
        }
        "EndOfEarlyData" => "The 0-RTT data end here.",
        "NewSessionTicket" => {
            "With this ticket, the client can resume the session in a shorter handshake."
        }
        "KeyUpdate" => "The sender's key changes after this message.",
        _ => "",
    }
}

/// What the receiver does with a message.
pub fn received(message: &str) -> &'static str {
    match message {
        "ClientHello" => "chooses the version, suite, group and protocol that both sides support",
        "ServerHello" => "checks that each choice was offered, and completes the key exchange",
        "HelloRetryRequest" => "makes the requested key share",
        "EncryptedExtensions" => "accepts only responses to its own extensions",
        "Certificate" | "CompressedCertificate" => {
            "builds a path to a trusted authority, and checks the name of a server"
        }
        "CertificateVerify" => "verifies the signature with the certificate's public key",
        "Finished" => "computes the same MAC and compares",
        "EndOfEarlyData" => "continues with the handshake keys",
        "NewSessionTicket" => "can store it for the next connection",
        "KeyUpdate" => "continues with the peer's next key",
        _ => "",
    }
}

/// What a step of the key schedule makes (RFC 9846, section 7.1).
pub fn derived(operation: Operation, label: &str) -> &'static str {
    match (operation == Operation::Extract, label) {
        (true, "early") => {
            "the first stage (HKDF-Extract): from the pre-shared key, or from zeros without one"
        }
        (true, "handshake") => "the second stage (HKDF-Extract): mixes in the key exchange",
        (true, "main") => "the last stage (HKDF-Extract): the main secret",
        (_, "derived") => "leads from one stage to the next, and never back",
        (_, "res binder") => "proves that the client has the key of the ticket",
        (_, "ext binder") => "proves that the client has the key that both agreed on",
        (_, "c e traffic") => "protects early data",
        (_, "e exp master") => "makes keys for other protocols, early",
        (_, "c hs traffic") => "protects what the client sends in the handshake",
        (_, "s hs traffic") => "protects what the server sends in the handshake",
        (_, "c ap traffic") => "protects the client's application data",
        (_, "s ap traffic") => "protects the server's application data",
        (_, "exp master") => "makes keys for other protocols (exporters)",
        (_, "res master") => "makes keys for a later resumption",
        (_, "resumption") => "the key of one ticket",
        (_, "finished") => "the MAC key of a Finished message",
        (_, "key") => "the key of the AEAD cipher, made from a traffic secret",
        (_, "iv") => "the IV that record numbers are mixed into, made beside it",
        (_, "traffic upd") => "the next traffic secret, made from the last one",
        _ => "",
    }
}

/// What protects what is sent at a level.
pub fn level(level: MessageLevel) -> &'static str {
    match level {
        MessageLevel::Initial => "in the clear",
        MessageLevel::EarlyData => "encrypted, early data keys",
        MessageLevel::Handshake => "encrypted, handshake keys",
        MessageLevel::Application => "encrypted, application keys",
    }
}

/// What an alert may be about, as a clause: a fact of the account, or else what such an alert usually means.
pub fn cause_of(connection: &Connection, alert: &Alert) -> String {
    if let Some(found) = findings_before(connection, alert).into_iter().next() {
        return found.what;
    }
    let code = u8::try_from(alert.description.code).unwrap_or_default();
    format!("usually it means that {}", AlertDescription(code).meaning())
}

/// What RFC 9846, section 6, has an alert for. What the sender means by it may be something else.
pub fn alert(alert: AlertDescription) -> &'static str {
    alert.meaning()
}
