//! The key schedule as a graph (RFC 9846, section 7.1).

use serde::Serialize;

use super::{Hex, Side};

/// A secret, a key or an IV, and what it is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SecretNode {
    /// The operation that makes it.
    pub operation: Operation,
    /// The stage of an extraction (`early`, `handshake`, `main`), or the label of an expansion.
    pub label: String,
    /// What it is.
    pub kind: SecretKind,
    /// The index of the node that it is expanded from, or that is the salt of the extraction.
    pub from: Option<usize>,
    /// The messages whose hash is in it: from the first ClientHello to this one.
    pub transcript_to: Option<TranscriptEnd>,
    /// The side whose records, Finished or binder it protects.
    pub protects: Option<Side>,
    /// Its name in a key log (RFC 9850).
    pub key_log_label: Option<&'static str>,
    /// When it was derived, in nanoseconds since the account began.
    pub time_ns: Option<u64>,
    /// How many of the connection's messages came before it.
    pub after_messages: Option<usize>,
    /// The value, if the account has secrets and it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Hex>,
}

/// The operations of the key schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Operation {
    /// HKDF-Extract.
    #[serde(rename = "HKDF-Extract")]
    Extract,
    /// HKDF-Expand-Label.
    #[serde(rename = "HKDF-Expand-Label")]
    Expand,
}

/// What a node of the key schedule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SecretKind {
    /// A stage: the early, the handshake or the main secret.
    Stage,
    /// What leads from one stage to the next.
    Derived,
    /// The key of a binder.
    BinderKey,
    /// A traffic secret of 0-RTT data, of the handshake or of application data.
    TrafficSecret,
    /// A secret for exporters.
    ExporterSecret,
    /// The secret that the keys of tickets are made of.
    ResumptionSecret,
    /// The key of a ticket.
    TicketKey,
    /// A key of records.
    RecordKey,
    /// An IV of records.
    RecordIv,
    /// The key of a Finished or a binder.
    FinishedKey,
    /// Anything else: what QUIC derives, for example.
    Other,
}

/// The last message of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TranscriptEnd {
    /// The name of the message.
    pub message_name: &'static str,
    /// Its index among the connection's messages, if it is there.
    pub message: Option<usize>,
}
