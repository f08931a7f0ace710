//! Records that one of our ends would not send, sealed with its secrets from a key log.

use std::sync::Mutex;

use handclasp::crypto::{CipherSuite, CryptoProvider};
use handclasp::key_log::KeyLog;
use handclasp::record::{Sealer, TrafficKeys};
use handclasp::registry::{ContentType, ProtocolVersion};

/// The suite of the connections that are forged: the first of the default provider.
fn suite() -> CipherSuite {
    CryptoProvider::ring().cipher_suites[0]
}

/// Keeps what a key log is told.
#[derive(Debug, Default)]
pub struct Secrets(Mutex<Vec<(String, Vec<u8>)>>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, _: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().push((label.to_owned(), secret.to_vec()));
    }
}

impl Secrets {
    /// Seals under the secret of this label, from its first record on.
    pub fn forger(&self, label: &str) -> Forger {
        let secrets = self.0.lock().unwrap();
        let (_, secret) = secrets.iter().find(|(logged, _)| logged == label).unwrap();
        Forger::new(secret.clone())
    }
}

/// Seals whatever it is told to, without the limits of an honest end.
pub struct Forger {
    secret: Vec<u8>,
    sealer: Sealer,
}

impl Forger {
    fn new(secret: Vec<u8>) -> Self {
        let (mut key, mut iv) = ([0; 16], [0; 12]);
        expand(&secret, "key", &mut key);
        expand(&secret, "iv", &mut iv);
        let mut sealer = Sealer::plaintext();
        sealer.install(TrafficKeys::new(&suite(), &key, &iv).unwrap());
        Self { secret, sealer }
    }

    pub fn seal(&mut self, kind: ContentType, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.sealer.seal(kind, ProtocolVersion::TLS_1_2, content, &mut out).unwrap();
        out
    }

    /// A KeyUpdate, after which everything is under the next secret.
    pub fn update(&mut self, request: bool) -> Vec<u8> {
        let message = self.seal(ContentType::HANDSHAKE, &[24, 0, 0, 1, request.into()]);
        let mut next = vec![0; self.secret.len()];
        expand(&self.secret, "traffic upd", &mut next);
        *self = Self::new(next);
        message
    }
}

fn expand(secret: &[u8], label: &str, output: &mut [u8]) {
    let lengths = [0, output.len() as u8, label.len() as u8 + 6];
    let info = [&lengths[..], b"tls13 ", label.as_bytes(), &[0]];
    suite().hash.expand(secret, &info, output).unwrap();
}
