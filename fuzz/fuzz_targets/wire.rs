//! The first byte chooses the message, the rest is its body. What parses is written again, and
//! must be the same bytes: each of these messages has one encoding.

#![no_main]

use handclasp::wire::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, CompressedCertificate,
    EncryptedExtensions, EndOfEarlyData, Finished, HandshakeMessage, KeyUpdate, NewSessionTicket,
    ServerHello,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    let mut out = Vec::new();
    match kind % 12 {
        0 => {
            let Ok(hello) = ClientHello::parse(body) else { return };
            let _ = format!("{hello:?}");
            walk(&hello);
            hello.encode(&mut out);
            // Without extensions there are two encodings: the list may be empty or absent.
            if hello.extensions.iter().next().is_none() {
                return;
            }
        }
        1 => {
            let Ok(hello) = ServerHello::parse(body) else { return };
            hello.encode(&mut out);
            if hello.extensions.iter().next().is_none() {
                return;
            }
        }
        2 => {
            let Ok(message) = EncryptedExtensions::parse(body) else { return };
            message.encode(&mut out);
        }
        3 => {
            let Ok(message) = CertificateRequest::parse(body) else { return };
            message.encode(&mut out);
        }
        4 => {
            let Ok(message) = Certificate::parse(body) else { return };
            for entry in message.entries() {
                let _ = entry.ocsp_response();
                let _ = entry.signed_certificate_timestamps();
            }
            Certificate::encode(&mut out, message.request_context, message.entries());
        }
        5 => {
            let Ok(message) = CertificateVerify::parse(body) else { return };
            message.encode(&mut out);
        }
        6 => Finished::parse(body).encode(&mut out),
        7 => {
            let Ok(message) = NewSessionTicket::parse(body) else { return };
            message.encode(&mut out);
        }
        8 => {
            let Ok(message) = KeyUpdate::parse(body) else { return };
            message.encode(&mut out);
        }
        9 => {
            let Ok(message) = EndOfEarlyData::parse(body) else { return };
            message.encode(&mut out);
        }
        11 => {
            let Ok(message) = CompressedCertificate::parse(body) else { return };
            message.encode(&mut out);
        }
        _ => {
            let mut rest = body;
            while let Some((message, after)) = HandshakeMessage::split(rest) {
                assert_eq!(message.bytes.len() + after.len(), rest.len());
                assert!(message.bytes.ends_with(message.body));
                rest = after;
            }
            return;
        }
    }
    let (message, rest) = HandshakeMessage::split(&out).expect("a whole message was written");
    assert!(rest.is_empty());
    assert_eq!(message.body, body);
});

/// Every list that parsing promised to be well formed ends where its bytes end.
fn walk(hello: &ClientHello<'_>) {
    let psks = hello.pre_shared_keys.map(|psks| psks.iter().count());
    assert_ne!(psks, Some(0));
    if let Some(names) = hello.application_protocols {
        assert!(names.iter().all(|name| !name.is_empty()) && names.iter().next().is_some());
    }
    if let Some(shares) = hello.key_shares {
        assert!(shares.iter().all(|share| !share.key_exchange.is_empty()));
    }
}
