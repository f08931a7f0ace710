//! Handshake messages.

use handclasp::Level;
use serde::Serialize;

use super::Side;
use super::field::{self, Code, Field, Hex};

/// A handshake message.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Message {
    /// Its name in the RFC. HelloRetryRequest is one of its own, though its type is server_hello.
    pub name: String,
    /// Its type.
    pub kind: Code,
    /// The side that sent it.
    pub sender: Side,
    /// The keys that it was sent under.
    pub level: MessageLevel,
    /// When it was sent or received, in nanoseconds since the account began.
    pub time_ns: Option<u64>,
    /// Where it is in the content of the records.
    pub pieces: Vec<Piece>,
    /// Its length in bytes, with its header.
    pub length: usize,
    /// All its bytes.
    pub bytes: Hex,
    /// Its fields.
    pub fields: Vec<Field>,
    /// Why its body was not parsed, if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

impl Message {
    /// The first field with this name, at any depth.
    pub fn find(&self, name: &str) -> Option<&Field> {
        field::find(&self.fields, name)
    }

    /// The content of the extension of this name.
    pub fn extension(&self, name: &str) -> Option<&Field> {
        let extensions = self.find("extensions")?;
        let has_name = |field: &&Field| field.code().is_some_and(|code| code.name == Some(name));
        extensions.fields.iter().find(has_name)
    }

    /// All fields that have no fields in them, in the order of their bytes: together they are the message.
    pub fn leaves(&self) -> Vec<&Field> {
        let mut leaves = Vec::new();
        for field in &self.fields {
            field.leaves(&mut leaves);
        }
        leaves
    }
}

/// The keys that protect a message or a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageLevel {
    /// None.
    Initial,
    /// Those of 0-RTT data.
    EarlyData,
    /// Those of the handshake.
    Handshake,
    /// Those of application data.
    Application,
}

impl From<Level> for MessageLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Initial => Self::Initial,
            Level::EarlyData => Self::EarlyData,
            Level::Handshake => Self::Handshake,
            Level::Application => Self::Application,
        }
    }
}

impl From<MessageLevel> for Level {
    fn from(level: MessageLevel) -> Self {
        match level {
            MessageLevel::Initial => Self::Initial,
            MessageLevel::EarlyData => Self::EarlyData,
            MessageLevel::Handshake => Self::Handshake,
            MessageLevel::Application => Self::Application,
        }
    }
}

/// A part of a message in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Piece {
    /// The index of the record.
    pub record: usize,
    /// Where the part begins in the record's content. The content of a record without protection begins
    /// after its header of 5 bytes; that of another one is encrypted.
    pub record_offset: usize,
    /// Where it begins in the message.
    pub message_offset: usize,
    /// How many bytes it has.
    pub length: usize,
}

/// Why a message was not parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Malformed {
    /// The field of the RFC that the parser refused.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}
