//! Key logs (RFC 9850, `SSLKEYLOGFILE`).

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use zeroize::Zeroizing;

/// The most secrets that are read from a key log: those of about 100,000 connections.
pub const MAX_KEY_LOG_SECRETS: usize = 600_000;

/// The longest line of a key log in bytes, with its end; longer ones are passed over.
const MAX_LINE: usize = 1024;

/// The labels that are kept.
const LABELS: [&str; 7] = [
    "CLIENT_EARLY_TRAFFIC_SECRET",
    "EARLY_EXPORTER_SECRET",
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
    "EXPORTER_SECRET",
];

/// The secrets of a key log. They are wiped when it is dropped.
#[derive(Default)]
pub struct KeyLogSecrets {
    /// By the random of the ClientHello.
    connections: HashMap<[u8; 32], ConnectionSecrets>,
    count: usize,
}

/// The secrets of one connection by their labels.
#[derive(Clone, Default)]
pub(super) struct ConnectionSecrets(Vec<(&'static str, Arc<Zeroizing<Vec<u8>>>)>);

impl ConnectionSecrets {
    /// The secret with this label.
    pub(super) fn get(&self, label: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(other, _)| *other == label);
        found.map(|(_, secret)| secret.as_slice())
    }
}

impl KeyLogSecrets {
    /// Reads a key log. Lines that are no secrets of TLS 1.3 are passed over.
    pub fn parse(text: &[u8]) -> Self {
        let mut secrets = Self::default();
        secrets.add(text);
        secrets
    }

    /// Reads a key log line by line.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read(reader: impl Read) -> io::Result<Self> {
        let mut secrets = Self::default();
        let mut reader = io::BufReader::new(reader);
        let mut line = Zeroizing::new(Vec::new());
        let mut is_rest_of_long_line = false;
        loop {
            line.clear();
            let limit = MAX_LINE as u64;
            if (&mut reader).take(limit).read_until(b'\n', &mut line)? == 0 {
                return Ok(secrets);
            }
            let is_whole = line.len() < MAX_LINE || line.ends_with(b"\n");
            if is_whole && !is_rest_of_long_line {
                secrets.line(&line);
            }
            is_rest_of_long_line = !is_whole;
        }
    }

    /// Adds the lines of another key log, such as that of a block in a capture.
    pub fn add(&mut self, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n') {
            if line.len() < MAX_LINE {
                self.line(line);
            }
        }
    }

    /// How many secrets there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Those of the connection with this random.
    pub(super) fn of(&self, random: &[u8; 32]) -> Option<ConnectionSecrets> {
        self.connections.get(random).cloned()
    }

    fn line(&mut self, line: &[u8]) {
        let Ok(text) = core::str::from_utf8(line) else { return };
        let mut words = text.split_ascii_whitespace();
        let (Some(label), Some(random), Some(secret)) = (words.next(), words.next(), words.next())
        else {
            return;
        };
        let Some(label) = LABELS.into_iter().find(|known| *known == label) else { return };
        let mut name = [0; 32];
        if hex::decode_to_slice(random, &mut name).is_err() || self.count >= MAX_KEY_LOG_SECRETS {
            return;
        }
        let Ok(secret) = hex::decode(secret).map(Zeroizing::new) else { return };
        let connection = self.connections.entry(name).or_default();
        if connection.get(label).is_none() {
            connection.0.push((label, Arc::new(secret)));
            self.count += 1;
        }
    }
}

impl core::fmt::Debug for KeyLogSecrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("KeyLogSecrets").field("count", &self.count).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is in a long line is no line of its own.
    #[test]
    fn a_line_that_is_too_long_is_passed_over_as_a_whole() {
        let secret = |random: u8| format!("EXPORTER_SECRET {} 0a0b\n", hex::encode([random; 32]));
        for filler in [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 2 * MAX_LINE, 3 * MAX_LINE + 7] {
            let text = format!("{}{}{}", "#".repeat(filler), secret(7), secret(8));
            for secrets in [
                KeyLogSecrets::parse(text.as_bytes()),
                KeyLogSecrets::read(text.as_bytes()).unwrap(),
            ] {
                assert!(secrets.of(&[7; 32]).is_none(), "{filler}");
                assert!(secrets.of(&[8; 32]).is_some(), "{filler}");
            }
        }
    }

    #[test]
    fn lines_that_are_no_secrets_are_passed_over() {
        let random = "07".repeat(32);
        let text = format!(
            "# a comment\nCLIENT_RANDOM {random} 00\nSERVER_TRAFFIC_SECRET_0 {random} 0a0b\r\n\
             SERVER_TRAFFIC_SECRET_0 {random} ffff\nEXPORTER_SECRET 07 00\nEXPORTER_SECRET {random} 0\n"
        );
        for secrets in
            [KeyLogSecrets::parse(text.as_bytes()), KeyLogSecrets::read(text.as_bytes()).unwrap()]
        {
            assert_eq!(secrets.len(), 1);
            let connection = secrets.of(&[7; 32]).unwrap();
            assert_eq!(connection.get("SERVER_TRAFFIC_SECRET_0"), Some(&[10, 11][..]));
            assert_eq!(connection.get("EXPORTER_SECRET"), None);
        }
    }
}
