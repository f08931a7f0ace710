//! Decodes recorded bytes: the records of both directions, with a key log or without.
//!
//! Without secrets, the account has what is visible in clear. With them, it has every message, and the
//! sizes of the data. What is missing or damaged is among its [problems](crate::Connection::problems).
//!
//! ```
//! use std::sync::Arc;
//! use handclasp::crypto::CryptoProvider;
//! use handclasp_explain::recorded::{Decoder, KeyLogSecrets};
//! use handclasp_explain::{Options, Outcome, Side};
//!
//! # fn example(from_client: &[u8], from_server: &[u8], key_log: &str) {
//! let secrets = Arc::new(KeyLogSecrets::parse(key_log.as_bytes()));
//! let mut decoder = Decoder::new(Options::new(CryptoProvider::default()), secrets);
//! decoder.bytes(Side::Client, None, from_client);
//! decoder.bytes(Side::Server, None, from_server);
//! let connection = decoder.finish();
//! assert_eq!(connection.outcome, Outcome::Complete);
//! # }
//! ```

mod boundary;
mod direction;
mod key_log;
mod key_schedule;
mod keys;
#[cfg(feature = "captures")]
mod quic;
mod tickets;

use std::sync::Arc;

use handclasp::crypto::{CipherSuite, StaticOrArc};
use handclasp::record::{RecordError, parse_alert};
use handclasp::registry::{ContentType, HandshakeType, ProtocolVersion};
use handclasp::wire::{ClientHello, HandshakeMessage, ServerHello};

use crate::account::{
    Connection, MessageLevel, Problem, ProblemKind, Record, RecordState, Side, Source,
};
use crate::builder::{Builder, Options};
use crate::code::code;
use crate::limits::MAX_MESSAGE_BYTES;
pub use direction::MAX_GAPS;
use direction::{Direction, Gap, Next, TakenRecord};
pub use key_log::{KeyLogSecrets, MAX_KEY_LOG_SECRETS};
#[cfg(feature = "captures")]
pub(crate) use keys::FailedBytes;
pub use keys::{
    MAX_FAILED_BYTES, MAX_FAILED_BYTES_OF_CAPTURE, MAX_FAILED_DECRYPTIONS, MAX_MISSING_RECORDS,
};
use keys::{Opening, SuiteChoice};
#[cfg(feature = "captures")]
pub(crate) use quic::QuicDecoder;
pub use tickets::{MAX_TICKETS, Tickets};

/// The most bytes of one direction that are kept while their keys are unknown: messages of the other direction
/// say which keys these are. Beyond it, records are accounted for without keys.
pub const MAX_HELD_BYTES: usize = 1 << 20;

/// Whether a record of a side was decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Advanced,
    /// It is not whole, or it waits for messages of the other side.
    Waits,
}

/// The decoder of one connection. Its memory is bounded by the limits of an account
/// ([`MAX_RECORDS`](crate::MAX_RECORDS), [`MAX_MESSAGE_BYTES`], [`MAX_FIELDS`](crate::MAX_FIELDS)) and by [`MAX_HELD_BYTES`].
pub struct Decoder {
    builder: Builder,
    secrets: Arc<KeyLogSecrets>,
    directions: [Direction; 2],
    /// The random of the first ClientHello, which names the connection in a key log.
    random: Option<[u8; 32]>,
    /// The suites of the first ClientHello, if it announces 0-RTT data.
    early_suites: Option<Vec<StaticOrArc<CipherSuite>>>,
    suite: SuiteChoice,
    /// No more bytes come: nothing waits any longer.
    is_at_end: bool,
}

impl Decoder {
    /// A decoder of a connection whose secrets may be among these.
    pub fn new(options: Options, secrets: Arc<KeyLogSecrets>) -> Self {
        Self {
            builder: Builder::new(Source::Recorded, None, options),
            secrets,
            directions: [Direction::new(Side::Client), Direction::new(Side::Server)],
            random: None,
            early_suites: None,
            suite: SuiteChoice::Unknown,
            is_at_end: false,
        }
    }

    /// Says the addresses of both ends, and when the connection began, in nanoseconds since 1970.
    pub fn describe(
        &mut self,
        client: Option<String>,
        server: Option<String>,
        started_unix_ns: Option<u64>,
    ) {
        let connection = self.builder.so_far_mut();
        (connection.client, connection.server) = (client, server);
        connection.started_unix_ns = started_unix_ns;
    }

    /// Counts the decryptions that fail together with those of other connections of a capture.
    #[cfg(feature = "captures")]
    pub(crate) fn share_failures(&mut self, of_capture: &FailedBytes) {
        for direction in &mut self.directions {
            direction.keys.share_failures(of_capture);
        }
    }

    /// The number of the connection in its account.
    pub fn set_number(&mut self, number: u64) {
        self.builder.so_far_mut().number = number;
    }

    /// The next bytes that this side sent, and when, in nanoseconds since the account began.
    pub fn bytes(&mut self, sender: Side, time_ns: Option<u64>, bytes: &[u8]) {
        // In pieces, so that what waits has a limit.
        for piece in bytes.chunks(MAX_HELD_BYTES / 2) {
            self.directions[sender as usize].push(time_ns, piece);
            self.advance();
        }
    }

    /// Bytes of this side are missing here: how many, if that is known. What follows them is decoded where a
    /// record begins again, and its sequence number can be found: up to [`MAX_MISSING_RECORDS`] are tried. If
    /// the number of bytes is not known, or [`MAX_GAPS`] wait already, nothing that follows is decoded.
    pub fn gap(&mut self, sender: Side, length: Option<u64>) {
        let direction = &mut self.directions[sender as usize];
        if direction.has_ended() {
            return;
        }
        match length {
            Some(length) if !direction.has_many_gaps() => {
                direction.push_gap(length);
                self.advance();
            }
            _ => {
                let offset = direction.end();
                direction.end_input();
                self.builder.problem(Problem::new(
                    sender,
                    offset,
                    ProblemKind::Gap { length: None },
                ));
            }
        }
    }

    /// What is known so far. `choices`, `key_schedule` and `outcome` are not there yet.
    pub fn inspect(&self) -> &Connection {
        self.builder.so_far()
    }

    /// About how many bytes of memory the decoder has.
    #[cfg(feature = "captures")]
    pub(crate) fn memory(&self) -> usize {
        self.builder.memory() + self.directions.iter().map(Direction::memory).sum::<usize>()
    }

    /// The connection is not decoded to its end, because of this limit.
    #[cfg(feature = "captures")]
    pub(crate) fn end_at_limit(&mut self, limit: &'static str) {
        let offset = self.directions[Side::Client as usize].end();
        self.builder.limit_reached(Side::Client, offset, limit);
    }

    /// The account of the connection.
    pub fn finish(mut self) -> Connection {
        self.is_at_end = true;
        self.advance();
        for side in [Side::Client, Side::Server] {
            self.end_of(side);
        }
        let secrets = self.known_secrets();
        key_schedule::add(&mut self.builder, secrets.as_ref(), self.suite.known());
        self.builder.finish()
    }

    fn known_secrets(&self) -> Option<key_log::ConnectionSecrets> {
        self.random.as_ref().and_then(|random| self.secrets.of(random))
    }

    /// Decodes what can be decoded now.
    fn advance(&mut self) {
        loop {
            let both = [self.step(Side::Client), self.step(Side::Server)];
            if both == [Progress::Waits, Progress::Waits] {
                return;
            }
        }
    }

    /// Decodes the next record of a side.
    fn step(&mut self, side: Side) -> Progress {
        let lacks_messages = self.lacks_messages(side);
        let must_wait = lacks_messages && !self.may_be_early(side);
        match self.directions[side as usize].next(must_wait, self.is_at_end) {
            Ok(Next::Record(taken)) => self.record(side, taken, lacks_messages),
            Ok(Next::Missing(gap)) => {
                self.on_gap(side, gap);
                Progress::Advanced
            }
            Ok(Next::Nothing) => Progress::Waits,
            Err(error) => {
                self.not_records(side, &error);
                Progress::Waits
            }
        }
    }

    /// Goes on after bytes that are missing.
    fn on_gap(&mut self, side: Side, gap: Gap) {
        let direction = &mut self.directions[side as usize];
        direction.keys.lose_bytes(gap.length);
        let offset = direction.offset() - gap.length;
        let kind = ProblemKind::Gap { length: Some(gap.length) };
        self.builder.problem(Problem::new(side, offset, kind));
        self.lose_messages(side, offset);
    }

    /// Bytes of handshake messages may be lost at this place: the next message is searched.
    fn lose_messages(&mut self, side: Side, offset: u64) {
        let direction = &mut self.directions[side as usize];
        direction.has_lost_messages = true;
        let partial = direction.take_partial_message();
        self.cut_message(side, offset, &partial);
        self.builder.forget_partial_message(side);
    }

    /// Whether the next record may be one of 0-RTT data, which need no message of the server. It is tried
    /// once.
    fn may_be_early(&self, side: Side) -> bool {
        let was_tried = self.directions[side as usize].was_put_back();
        side == Side::Client && self.early_suites.is_some() && !was_tried
    }

    /// Whether messages of the other side may still come that say with which keys the records of this one
    /// open. The ClientHello names the connection in a key log, and the ServerHello has the suite.
    fn lacks_messages(&self, side: Side) -> bool {
        let is_known = match side {
            Side::Client => self.suite.is_decided(),
            Side::Server => self.random.is_some(),
        };
        let may_come = !self.is_at_end && !self.directions[side.peer() as usize].has_ended();
        may_come && !is_known && self.directions[side as usize].held() < MAX_HELD_BYTES
    }

    fn not_records(&mut self, side: Side, error: &RecordError) {
        let direction = &mut self.directions[side as usize];
        let offset = direction.offset();
        direction.discard();
        let protocol = match error {
            RecordError::NotTls { protocol, .. } => Some(protocol.to_string()),
            _ => None,
        };
        let kind = ProblemKind::NotRecords { protocol };
        self.builder.problem(Problem::new(side, offset, kind));
    }

    /// Accounts for a record, unless it must wait: it is not of the 0-RTT data.
    fn record(&mut self, side: Side, taken: TakenRecord, lacks_messages: bool) -> Progress {
        let TakenRecord { bytes, offset, time_ns } = taken;
        let outer = ContentType(bytes.first().copied().unwrap_or_default());
        let length = bytes.len();
        let opening = self.open(side, outer, bytes);
        let is_closed = matches!(opening.state, RecordState::NoKey | RecordState::DoesNotDecrypt);
        if is_closed && lacks_messages {
            self.directions[side as usize].put_back(length);
            return Progress::Waits;
        }
        let Opening { state, level, content_type, content, padding, sequence } = opening;
        let index = self.builder.record(Record {
            sender: side,
            outer_type: code(outer),
            content_type: content_type.map(code),
            level,
            length,
            content_length: content.as_ref().map(Vec::len),
            padding,
            sequence,
            offset,
            time_ns,
            state,
        });
        self.note_state(side, offset, index, state);
        let (Some(content), Some(content_type)) = (content, content_type) else {
            return Progress::Advanced;
        };
        let level = level.unwrap_or(MessageLevel::Initial);
        match content_type {
            ContentType::HANDSHAKE if self.is_in_messages(side, &content) => {
                if let Some(index) = index {
                    self.builder.handshake_content(side, index, content.len());
                }
                self.handshake(side, level, time_ns, &content);
            }
            ContentType::ALERT => {
                if let Ok(description) = parse_alert(&content) {
                    self.builder.alert(side, code(description), time_ns, index);
                }
            }
            ContentType::CHANGE_CIPHER_SPEC if self.builder.other_version => {
                self.directions[side as usize].keys.is_opaque = true;
            }
            _ => {}
        }
        Progress::Advanced
    }

    /// Opens a record with the keys of its direction.
    fn open(&mut self, side: Side, outer: ContentType, bytes: Vec<u8>) -> Opening {
        let secrets = self.known_secrets();
        let direction = &mut self.directions[side as usize];
        if direction.keys.is_opaque {
            return Opening::closed(RecordState::NoKey, None);
        }
        if outer != ContentType::APPLICATION_DATA || self.builder.other_version {
            return keys::open_plaintext(bytes, self.builder.other_version);
        }
        let early = self.early_suites.as_deref();
        let suites = self.suite.possible(&self.builder.options().provider.cipher_suites);
        let opening = direction.keys.open(&bytes, side, secrets.as_ref(), early, suites);
        if let (RecordState::DoesNotDecrypt, Some(limit)) =
            (opening.state, direction.keys.limit_reached())
        {
            self.builder.limit_reached(side, direction.offset(), limit);
        }
        opening
    }

    fn note_state(&mut self, side: Side, offset: u64, index: Option<usize>, state: RecordState) {
        let Some(record) = index else { return };
        if self.builder.other_version {
            return;
        }
        match state {
            RecordState::NoKey => self.builder.no_keys(side, offset, record),
            RecordState::DoesNotDecrypt => {
                let kind = ProblemKind::DoesNotDecrypt { record };
                self.builder.problem(Problem::new(side, offset, kind));
                self.lose_messages(side, offset);
            }
            _ => {}
        }
    }

    /// Whether the content of a record belongs to messages whose beginning is known.
    fn is_in_messages(&mut self, side: Side, content: &[u8]) -> bool {
        let direction = &mut self.directions[side as usize];
        if direction.has_lost_messages && boundary::begins_with_message(content) {
            direction.has_lost_messages = false;
        }
        !direction.has_lost_messages
    }

    /// Takes the handshake messages from the content of a record.
    fn handshake(&mut self, side: Side, level: MessageLevel, time_ns: Option<u64>, content: &[u8]) {
        // The bytes stay where they are until a message is whole: there may be many pieces.
        let mut bytes = self.directions[side as usize].take_partial_message();
        bytes.extend_from_slice(content);
        let mut rest = bytes.as_slice();
        while let Some((message, after)) = HandshakeMessage::split(rest) {
            rest = after;
            self.builder.message(side, level, time_ns, &message);
            self.on_message(side, level, &message);
        }
        let taken = bytes.len() - rest.len();
        let direction = &mut self.directions[side as usize];
        if rest.len() > MAX_MESSAGE_BYTES {
            self.builder.limit_reached(side, direction.offset(), "MAX_MESSAGE_BYTES");
            direction.discard();
            return;
        }
        if rest.is_empty() {
            return;
        }
        if taken > 0 {
            bytes.drain(..taken);
        }
        direction.keep_partial_message(bytes);
    }

    /// What a message changes for the decoder.
    fn on_message(&mut self, side: Side, level: MessageLevel, message: &HandshakeMessage<'_>) {
        let keys = &mut self.directions[side as usize].keys;
        match message.kind {
            HandshakeType::CLIENT_HELLO if level == MessageLevel::Initial => {
                self.on_client_hello(message);
            }
            HandshakeType::SERVER_HELLO if level == MessageLevel::Initial => {
                self.on_server_hello(message);
            }
            HandshakeType::END_OF_EARLY_DATA => keys.go_on_to(MessageLevel::Handshake),
            HandshakeType::FINISHED => keys.go_on_to(MessageLevel::Application),
            HandshakeType::KEY_UPDATE => keys.update(),
            _ => {}
        }
    }

    fn on_client_hello(&mut self, message: &HandshakeMessage<'_>) {
        let Ok(hello) = ClientHello::parse(message.body) else { return };
        self.random.get_or_insert(hello.random);
        self.early_suites = None;
        if hello.early_data {
            // Those of the provider that are offered: the client may name one many times.
            let mut suites = self.builder.options().provider.cipher_suites.clone();
            suites.retain(|suite| hello.cipher_suites.iter().any(|offered| offered == suite.id));
            self.early_suites = Some(suites);
        }
    }

    fn on_server_hello(&mut self, message: &HandshakeMessage<'_>) {
        let Ok(hello) = ServerHello::parse(message.body) else { return };
        if hello.is_hello_retry_request() {
            return;
        }
        if hello.supported_version != Some(ProtocolVersion::TLS_1_3) {
            self.builder.other_version = true;
            self.suite = SuiteChoice::OtherVersion;
            return;
        }
        self.suite = match self.builder.options().provider.cipher_suite(hello.cipher_suite) {
            Some(suite) => SuiteChoice::Known(suite.clone()),
            None => SuiteChoice::NotInProvider,
        };
        self.directions[Side::Server as usize].keys.go_on_to(MessageLevel::Handshake);
    }

    /// Names what is not whole at the end of a direction.
    fn end_of(&mut self, side: Side) {
        let direction = &mut self.directions[side as usize];
        let (offset, present) = (direction.offset(), direction.held() as u64);
        let partial = direction.take_partial_message();
        if present > 0 && !direction.has_ended() {
            self.builder.problem(Problem::new(side, offset, ProblemKind::CutRecord { present }));
        }
        self.cut_message(side, offset, &partial);
    }

    /// Names a message that is not whole, if there is one.
    fn cut_message(&mut self, side: Side, offset: u64, partial: &[u8]) {
        if partial.is_empty() || self.builder.other_version {
            return;
        }
        let length = HandshakeMessage::header(partial).map_or(0, |(_, length)| length + 4);
        let (present, length) = (partial.len() as u64, length as u64);
        let kind = ProblemKind::CutMessage { present, length };
        self.builder.problem(Problem::new(side, offset, kind));
    }
}

#[cfg(test)]
mod tests;
