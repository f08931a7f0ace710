//! A trace as a recording: its records, and the key log of its secrets.

use handclasp::record::HEADER_LENGTH;
use handclasp::wire::{ClientHello, HandshakeMessage};

use crate::{Role, Vectors};

/// A record of a trace.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TraceRecord<'a> {
    /// The side that sends it.
    pub sender: Role,
    /// All its bytes.
    pub bytes: &'a [u8],
    /// Its content, decrypted.
    pub content: &'a [u8],
}

impl Vectors {
    /// The title of a section of [`SECTIONS`](crate::SECTIONS); `None` for another one.
    pub fn title(&self, section: u8) -> Option<&str> {
        self.trace(section).map(|trace| trace.steps.title.as_str())
    }

    /// The records of a section in their order; none for a section without a trace.
    pub fn records(&self, section: u8) -> Vec<TraceRecord<'_>> {
        let records = self.trace(section).map_or(&[][..], |trace| &trace.derived.records);
        let mut list = Vec::new();
        for record in records {
            let (bytes, content) = (&record.record.0, &record.payload.0);
            list.push(TraceRecord { sender: record.side, bytes, content });
        }
        list
    }

    /// The traffic secrets of a section as a key log (RFC 9850); empty for a section without a trace.
    pub fn key_log(&self, section: u8) -> String {
        let Some(trace) = self.trace(section) else { return String::new() };
        let records = self.records(section);
        let hellos = records.iter().filter_map(|record| record.bytes.get(HEADER_LENGTH..));
        let randoms = hellos.filter_map(|hello| {
            let (message, _) = HandshakeMessage::split(hello)?;
            ClientHello::parse(message.body).ok().map(|hello| hello.random)
        });
        let Some(random) = randoms.map(hex::encode).next() else { return String::new() };
        let secrets = &trace.derived.secrets;
        let mut log = String::new();
        for (label, secret) in [
            ("CLIENT_EARLY_TRAFFIC_SECRET", secrets.client_early_traffic.as_ref()),
            ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", Some(&secrets.client_handshake_traffic)),
            ("SERVER_HANDSHAKE_TRAFFIC_SECRET", Some(&secrets.server_handshake_traffic)),
            ("CLIENT_TRAFFIC_SECRET_0", Some(&secrets.client_application_traffic)),
            ("SERVER_TRAFFIC_SECRET_0", Some(&secrets.server_application_traffic)),
        ] {
            if let Some(secret) = secret {
                log += &format!("{label} {random} {}\n", hex::encode(&secret.0));
            }
        }
        log
    }
}
