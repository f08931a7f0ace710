//! The types of an account. They are data: numbers, names of registries, bytes. Sentences are made of
//! them in [`words`](crate::words).

mod certificate;
mod field;
mod key_schedule;
mod message;
mod negotiation;
mod path_search;
mod record;
mod step;

use serde::Serialize;

pub use certificate::{
    Certificate, CertificateFinding, CertificateList, CertificateName, PublicKey,
};
pub(crate) use field::find;
pub use field::{ByteRange, Code, Field, Hex, Value};
pub use key_schedule::{Operation, SecretKind, SecretNode, TranscriptEnd};
pub use message::{Malformed, Message, MessageLevel, Piece};
pub use negotiation::{Choice, ChoiceSubject};
pub use path_search::{PathAttempt, PathError, PathResult, PathSearch};
pub use record::{Record, RecordState};
pub use step::{Alert, Step, StepKind};

/// The version of the form of an account. It changes when a field changes its meaning or goes; new
/// fields do not change it.
pub const SCHEMA_VERSION: u32 = 1;

/// The account of one or more connections: the whole of a JSON document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Account {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The connections in the order in which they began.
    pub connections: Vec<Connection>,
}

impl Account {
    /// The account of these connections.
    pub fn new(connections: Vec<Connection>) -> Self {
        Self { schema_version: SCHEMA_VERSION, connections }
    }

    /// Whether values of the key schedule are in it, with which anyone can read a connection.
    pub fn has_secrets(&self) -> bool {
        let mut nodes = self.connections.iter().flat_map(|connection| &connection.key_schedule);
        nodes.any(|node| node.value.is_some())
    }
}

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The side that sends the ClientHello.
    Client,
    /// The other one.
    Server,
}

impl Side {
    /// The name of the side, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The other side.
    pub fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Where an account comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The observer of a connection, as it ran.
    Live,
    /// Recorded bytes.
    Recorded,
}

/// What carries the handshake messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Transport {
    /// Records over a stream, such as TCP.
    Stream,
    /// QUIC (RFC 9001). There are no records, and the sizes of records are those of packets.
    Quic,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Connection {
    /// Its number in the account, from 1.
    pub number: u64,
    /// Where the account comes from.
    pub source: Source,
    /// What carries the handshake.
    pub transport: Transport,
    /// The side whose observer it was; `None` for recorded bytes.
    pub observed_side: Option<Side>,
    /// The address of the client, if it is known.
    pub client: Option<String>,
    /// The address of the server, if it is known.
    pub server: Option<String>,
    /// When the account begins, in nanoseconds since 1970. All `time_ns` count from it.
    pub started_unix_ns: Option<u64>,
    /// The records in their order. Their indices are what messages refer to.
    pub records: Vec<Record>,
    /// The handshake messages in their order.
    pub messages: Vec<Message>,
    /// What was offered and chosen.
    pub choices: Vec<Choice>,
    /// The certificates of both sides, a list for each Certificate message.
    pub certificates: Vec<CertificateList>,
    /// The key schedule. Each node names the nodes that it is made of, which come before it.
    pub key_schedule: Vec<SecretNode>,
    /// What the observed side decided and checked.
    pub steps: Vec<Step>,
    /// The alerts in their order.
    pub alerts: Vec<Alert>,
    /// How far it came.
    pub outcome: Outcome,
    /// How the connection was resumed, if it was.
    pub resumed_from: Option<TicketOrigin>,
    /// What each side sent.
    pub sizes: Sizes,
    /// How often a flight of the peer followed one of the client, until the handshake was complete.
    pub round_trips: u32,
    /// What is missing or damaged in recorded bytes.
    pub problems: Vec<Problem>,
}

impl Connection {
    /// The first message of this name.
    pub fn message(&self, name: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.name == name)
    }
}

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There is no ClientHello.
    NotTls,
    /// The handshake ended neither well nor with an alert.
    Incomplete,
    /// The handshake is encrypted after ServerHello, and there are no keys: what became of it is unknown.
    Encrypted,
    /// The same, but the last record of one side has the length of an alert where no other record of that
    /// length is expected: the handshake has probably failed.
    ProbablyFailed,
    /// The handshake is complete.
    Complete,
    /// The handshake of another version than TLS 1.3 was agreed on: what follows is not looked into.
    OtherVersion,
    /// An alert ended the handshake.
    Failed,
    /// The handshake is complete, and an alert ended the connection later.
    FailedLater,
}

/// The ticket that a connection was resumed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TicketOrigin {
    /// The number of the connection that gave it.
    pub connection: u64,
    /// The index of the NewSessionTicket among its messages.
    pub message: usize,
}

/// What each side sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sizes {
    /// What the client sent.
    pub client: SentSizes,
    /// What the server sent.
    pub server: SentSizes,
}

impl Sizes {
    /// Of this side.
    pub fn of(&self, side: Side) -> SentSizes {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }

    pub(crate) fn of_mut(&mut self, side: Side) -> &mut SentSizes {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

/// What one side sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SentSizes {
    /// Records.
    pub records: u64,
    /// Their bytes, with headers.
    pub bytes: u64,
    /// Handshake messages.
    pub messages: u64,
    /// Their bytes, with headers.
    pub message_bytes: u64,
    /// Records of application data: early data, too.
    pub data_records: u64,
    /// The bytes of data in them, where their keys are known.
    pub data_bytes: u64,
}

/// Something that is missing or damaged in recorded bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The side that sent the bytes.
    pub sender: Side,
    /// The place in all that it sent, in bytes, as far as it is known.
    pub offset: u64,
    /// What it is.
    #[serde(flatten)]
    pub kind: ProblemKind,
}

impl Problem {
    pub(crate) fn new(sender: Side, offset: u64, kind: ProblemKind) -> Self {
        Self { sender, offset, kind }
    }
}

/// A kind of [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// Bytes are missing: how many, if that is known. If it is not, what follows is not decoded.
    Gap {
        /// How many.
        length: Option<u64>,
    },
    /// The bytes are no TLS records. `protocol` is the one they seem to be of, if it is known.
    NotRecords {
        /// The protocol.
        protocol: Option<String>,
    },
    /// The last record is not whole.
    CutRecord {
        /// How many bytes of it are there.
        present: u64,
    },
    /// The last handshake message is not whole.
    CutMessage {
        /// How many bytes of it are there.
        present: u64,
        /// How many it has.
        length: u64,
    },
    /// Records are encrypted, and the key log has no secret for them.
    NoKeys {
        /// The first of them, an index of the connection's records.
        record: usize,
        /// How many.
        count: u64,
    },
    /// A record does not open with the key log's secret.
    DoesNotDecrypt {
        /// An index of the connection's records.
        record: usize,
    },
    /// There is more than a limit of the account allows: what is beyond it is not in the account, or one
    /// field without its parts.
    LimitReached {
        /// The name of the limit.
        limit: &'static str,
    },
}
