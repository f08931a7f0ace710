//! Writes the seed corpora into `corpus/`: `cargo run --example seeds [TRACES]`, where TRACES is
//! a folder of RFC 8448's traces, if there is one, in files of lines `name = hex`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::path::Path;

use handclasp::registry::HandshakeType;
use handclasp_fuzz::peers::{SCENARIOS, record_flights, record_messages};
use handclasp_fuzz::revocation;

fn main() -> std::io::Result<()> {
    let written = RefCell::new(HashSet::new());
    let write = |target: &str, name: &str, bytes: &[u8]| {
        if !written.borrow_mut().insert((target.to_owned(), bytes.to_vec())) {
            return Ok(());
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    let message = |name: &str, bytes: &[u8]| {
        let Some(kind) = target_byte(bytes) else { return Ok(()) };
        write("wire", name, &[&[kind], &bytes[4..]].concat())
    };
    for scenario in SCENARIOS {
        for (index, recorded) in record_messages(scenario).iter().enumerate() {
            message(&format!("{scenario:?}-{index}"), &recorded.bytes)?;
        }
        for (index, (_, flight)) in record_flights(scenario).iter().enumerate() {
            write("record", &format!("{scenario:?}-{index}"), &[&[0], &flight[..]].concat())?;
        }
    }
    write("record", "sealed", &[2, 5, b'd', b'a', b't', b'a', 23, 3, 1, 0, 21, 4, 24, 0, 22, 0])?;
    for side in ["client", "server"] {
        for scenario in 0..3 {
            for operation in 0..9 {
                for flags in [0, 3, 8, 27] {
                    let script = [scenario, flags, 1, operation, 2, 0, 9, 1, 4, 24, 0, 0, 1, 1];
                    write(side, &format!("{scenario}-{operation}-{flags}"), &script)?;
                }
            }
            // A KeyUpdate and a ticket after an honest handshake, in pieces of 40 bytes.
            let ticket = [&[4, 0, 0, 14][..], &[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0]].concat();
            let script = [&[scenario, 4, 40, 0, 9, 5, 24, 0, 0, 1, 1, 9, 18][..], &ticket].concat();
            write(side, &format!("{scenario}-after"), &script)?;
        }
    }
    write("crl", "openssl", &revocation::CRL)?;
    for (name, response) in ["good", "delegated", "revoked"].iter().zip(revocation::RESPONSES) {
        write("ocsp", name, response)?;
    }
    let Some(traces) = std::env::args().nth(1) else { return Ok(()) };
    for entry in fs::read_dir(traces)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (index, line) in fs::read_to_string(&path)?.lines().enumerate() {
            let Some((name, hex)) = line.split_once(" = ") else { continue };
            let Some(bytes) = decode(hex.trim()) else { continue };
            if name.contains("complete record") || name.contains("complete_record") {
                write("record", &format!("{stem}-{index}"), &[&[0], &bytes[..]].concat())?;
            } else if is_message(&bytes) {
                message(&format!("{stem}-{index}"), &bytes)?;
            }
        }
    }
    Ok(())
}

/// The byte that chooses this message's parser in the target `wire`.
fn target_byte(message: &[u8]) -> Option<u8> {
    Some(match HandshakeType(*message.first()?) {
        HandshakeType::CLIENT_HELLO => 0,
        HandshakeType::SERVER_HELLO => 1,
        HandshakeType::ENCRYPTED_EXTENSIONS => 2,
        HandshakeType::CERTIFICATE_REQUEST => 3,
        HandshakeType::CERTIFICATE => 4,
        HandshakeType::CERTIFICATE_VERIFY => 5,
        HandshakeType::FINISHED => 6,
        HandshakeType::NEW_SESSION_TICKET => 7,
        HandshakeType::KEY_UPDATE => 8,
        HandshakeType::END_OF_EARLY_DATA => 9,
        _ => return None,
    })
}

fn is_message(bytes: &[u8]) -> bool {
    handclasp::wire::HandshakeMessage::split(bytes).is_some_and(|(_, rest)| rest.is_empty())
}

fn decode(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}
