//! What is shown for debugging differs from value to value, and has no secret in it.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Handshake;
use handclasp::key_log::{KeyLog, KeyLogFile};
use handclasp::record::{Sealer, TrafficKeys};
use handclasp::session::{MemorySessions, StrikeRegister, TicketKeys};
use handclasp::transport::memory::pipe;
use handclasp::verify::SpkiPin;
use handclasp::{Level, Stream};
use handclasp_testing::server_name;
use handclasp_testing::sessions::{Pair, before, client, server_at, shared_key, talk, time};

/// Keeps every secret.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<Vec<u8>>>);

impl KeyLog for Log {
    fn log(&self, _: &str, _: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().push(secret.to_vec());
    }
}

/// The first bytes of `secret`, as anything could show them.
fn spellings(secret: &[u8]) -> [String; 4] {
    let part = &secret[..4];
    let list = |bytes: Vec<String>| bytes.join(", ");
    [
        list(part.iter().map(u8::to_string).collect()),
        list(part.iter().map(|byte| format!("{byte:#x}")).collect()),
        part.iter().map(|byte| format!("{byte:02x}")).collect(),
        part.iter().map(|byte| format!("{byte:02X}")).collect(),
    ]
}

#[test]
fn nothing_secret_is_shown() {
    let pair = Pair::new();
    let log = Arc::new(Log::default());
    let random = CryptoProvider::default().random;
    let ticket_key: Vec<u8> = (100..132).collect();
    let keys = Arc::new(TicketKeys::from_bytes(&ticket_key, random.clone()).unwrap());
    let config = pair.finish(pair.server_builder().sessions(keys.clone()).key_log(log.clone()));
    let theirs = pair.client_builder().pre_shared_keys(vec![shared_key()]).build().unwrap();
    let mut first = client(pair.client_builder().key_log(log.clone()), 0);
    let mut server = server_at(&config, 0);
    talk(&mut first, &mut server).checked();
    let session = pair.store.sessions().remove(0);
    let mut secrets = log.0.lock().unwrap().clone();
    let psk = session.secret().as_bytes().to_vec();
    secrets.extend([ticket_key, psk, vec![0x5a; 16]]);
    assert!(secrets.len() > 10, "both sides log the secrets of their directions");

    let traffic = || {
        let suite = &CryptoProvider::default().cipher_suites[0];
        TrafficKeys::new(suite, &[0x5a; 16], &[0x5a; 12]).unwrap()
    };
    let mut sealer = Sealer::plaintext();
    sealer.install(traffic());
    let aead = CryptoProvider::default().cipher_suites[0].aead.key(&[0x5a; 16]).unwrap();
    let raw = Handshake::client(Arc::new(theirs), server_name(), time(1));
    let raw = raw.without_records().unwrap();
    let (left, _) = pipe();
    let second = client(pair.client_builder().pre_shared_keys(vec![shared_key()]), 1);
    let shown: [(&str, &dyn Debug); 14] = [
        ("ClientConfig", &pair.client_builder().build().unwrap()),
        ("ServerConfig", &*config),
        ("Handshake", &raw),
        ("Connection", &*first),
        ("Connection", &*server),
        ("Stream", &Stream::new(second, left)),
        ("TicketKeys", &*keys),
        ("ClientSession", &session),
        ("MemorySessions", &MemorySessions::new(8, random)),
        ("StrikeRegister", &StrikeRegister::new(before())),
        ("KeyLogFile", &KeyLogFile::new(std::io::sink())),
        ("TrafficKeys", &traffic()),
        ("Sealer", &sealer),
        ("AeadKey", &aead),
    ];
    for (name, value) in shown {
        let text = format!("{value:?}");
        assert!(text.starts_with(name), "{name}: {text}");
        for secret in &secrets {
            for spelling in spellings(secret) {
                assert!(!text.contains(&spelling), "{name} shows a secret: {text}");
            }
        }
    }
}

#[test]
fn what_is_public_is_shown_by_name() {
    let pair = Pair::new();
    let leaf = &pair.identity.chain[0];
    let pin = SpkiPin::of(leaf).unwrap();
    assert_eq!(format!("{pin:?}"), pin.to_string());
    let levels = [Level::Initial, Level::EarlyData, Level::Handshake, Level::Application];
    assert_eq!(
        levels.map(|level| level.to_string()),
        ["initial", "early data", "handshake", "application"]
    );
    let digest = CryptoProvider::default().cipher_suites[0].hash.digest(b"");
    assert!(format!("{digest:?}").starts_with("Digest(e3b0c442"), "{digest:?}");
}
