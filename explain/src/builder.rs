//! Puts an account together, from what an observer or a decoder sees.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use handclasp::certificate::TrustAnchors;
use handclasp::crypto::CryptoProvider;
use handclasp::observer::KeyScheduleStep;
use handclasp::pki_types::UnixTime;
use handclasp::registry::ContentType;
use handclasp::wire::{ExtensionType, HandshakeMessage};

use crate::account::{
    Alert, Certificate, CertificateList, Code, Connection, Field, Hex, Message, MessageLevel,
    Operation, Outcome, Piece, Problem, ProblemKind, Record, RecordState, Side, Sizes, Source,
    Step, StepKind, Transport,
};
use crate::code::code;
use crate::fields::FieldLimit;
use crate::limits::{MAX_FIELDS, MAX_MESSAGE_BYTES, MAX_MESSAGE_FIELDS, MAX_MESSAGES, MAX_RECORDS};
use crate::schedule::{Schedule, ScheduleIsFull};
use crate::{certificates, choices, encrypted, fields, findings};

/// What an account is made with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// For fingerprints, and to decrypt recorded bytes.
    pub provider: CryptoProvider,
    /// The time at which the days that certificates are still valid are counted.
    pub now: UnixTime,
    /// Whether the values of the key schedule are in the account. They are the secrets of the
    /// connection: with them, anyone can read all of it.
    pub secrets: bool,
    /// The trust anchors with which a path is searched for from the certificates of a connection. `None` to
    /// search for none.
    pub anchors: Option<Arc<TrustAnchors>>,
    /// The most fields of all messages of a connection: [`MAX_FIELDS`] by default, and at most. A field takes
    /// about a hundred bytes of JSON, and a peer can make one of each byte that it sends. Take fewer where
    /// accounts of peers are kept that have not authenticated.
    pub max_fields: usize,
}

impl Options {
    /// No secrets, no trust anchors, and the system's time.
    pub fn new(provider: CryptoProvider) -> Self {
        let (now, max_fields) = (UnixTime::now(), MAX_FIELDS);
        Self { provider, now, secrets: false, anchors: None, max_fields }
    }
}

/// One direction: what joins records and messages.
#[derive(Clone, Debug, Default)]
struct Direction {
    /// Content of handshake records that belongs to no message yet.
    content: VecDeque<Stretch>,
    /// Bytes of messages that are in no record yet.
    messages: VecDeque<Stretch>,
}

/// A stretch of the content of a record, or of a message.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    index: usize,
    start: usize,
    end: usize,
}

/// The account of a connection so far.
#[derive(Debug)]
pub(crate) struct Builder {
    options: Options,
    connection: Connection,
    schedule: Schedule,
    directions: [Direction; 2],
    message_bytes: usize,
    /// About how many bytes of memory the account has.
    memory: usize,
    /// How many fields the messages to come may have.
    fields_left: usize,
    /// For each side, the problem that counts its records without keys, an index of the problems.
    no_keys: [Option<usize>; 2],
    /// The limits that are among the problems.
    limits: Vec<&'static str>,
    /// Which sides have sent a Finished.
    finished: [bool; 2],
    /// Which sides have sent packets of QUIC that could not be opened.
    closed_packets: [bool; 2],
    /// The observed side says that the handshake is complete.
    complete: bool,
    /// The client spoke last: what the server says next ends a round trip.
    client_spoke: bool,
    /// TLS 1.3 is what is spoken, as far as is known.
    pub(crate) other_version: bool,
}

impl Builder {
    pub(crate) fn new(source: Source, side: Option<Side>, options: Options) -> Self {
        let connection = Connection {
            number: 1,
            source,
            transport: Transport::Stream,
            observed_side: side,
            client: None,
            server: None,
            started_unix_ns: None,
            records: Vec::new(),
            messages: Vec::new(),
            choices: Vec::new(),
            certificates: Vec::new(),
            key_schedule: Vec::new(),
            steps: Vec::new(),
            alerts: Vec::new(),
            outcome: Outcome::Incomplete,
            resumed_from: None,
            sizes: Sizes::default(),
            round_trips: 0,
            problems: Vec::new(),
        };
        Self {
            fields_left: options.max_fields.min(MAX_FIELDS),
            options,
            connection,
            schedule: Schedule::default(),
            directions: Default::default(),
            message_bytes: 0,
            memory: 0,
            no_keys: [None; 2],
            limits: Vec::new(),
            finished: [false; 2],
            closed_packets: [false; 2],
            complete: false,
            client_spoke: false,
            other_version: false,
        }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// What is known so far. Choices, outcome and key schedule are those of the last account
    /// that was made.
    pub(crate) fn so_far(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn so_far_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// About how many bytes of memory the account has: what its lists hold, without the room that they
    /// have for more.
    #[cfg(feature = "captures")]
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Adds a record, and returns its index; `None` beyond [`MAX_RECORDS`].
    pub(crate) fn record(&mut self, record: Record) -> Option<usize> {
        let sizes = self.connection.sizes.of_mut(record.sender);
        sizes.records += 1;
        sizes.bytes += record.length as u64;
        if is_type(record.content_type, ContentType::APPLICATION_DATA) {
            sizes.data_records += 1;
            sizes.data_bytes += record.content_length.unwrap_or_default() as u64;
        }
        // A side has these keys when it has sent its Finished, which may be missing.
        self.finished[record.sender as usize] |= record.level == Some(MessageLevel::Application);
        if self.connection.records.len() >= MAX_RECORDS {
            self.limit_reached(record.sender, record.offset, "MAX_RECORDS");
            return None;
        }
        self.memory += size_of::<Record>() + size_of::<Stretch>();
        self.connection.records.push(record);
        Some(self.connection.records.len() - 1)
    }

    /// Handshake messages are in the content of this record, which has this length.
    pub(crate) fn handshake_content(&mut self, sender: Side, record: usize, length: usize) {
        let stretch = Stretch { index: record, start: 0, end: length };
        self.directions[sender as usize].content.push_back(stretch);
        self.join(sender);
    }

    /// A side has sent a packet of QUIC that could not be opened.
    #[cfg(feature = "captures")]
    pub(crate) fn closed_packet(&mut self, sender: Side) {
        self.closed_packets[sender as usize] = true;
    }

    /// What a side has sent of a message that is not whole belongs to none.
    pub(crate) fn forget_partial_message(&mut self, sender: Side) {
        self.directions[sender as usize].content.clear();
    }

    /// Adds a message, and returns its index; `None` beyond the limits.
    pub(crate) fn message(
        &mut self,
        sender: Side,
        level: MessageLevel,
        time_ns: Option<u64>,
        message: &HandshakeMessage<'_>,
    ) -> Option<usize> {
        let length = message.bytes.len();
        let sizes = self.connection.sizes.of_mut(sender);
        sizes.messages += 1;
        sizes.message_bytes += length as u64;
        self.count_round_trip(sender);
        let messages = self.connection.messages.len();
        if messages >= MAX_MESSAGES || self.message_bytes + length > MAX_MESSAGE_BYTES {
            let limit = if messages >= MAX_MESSAGES { "MAX_MESSAGES" } else { "MAX_MESSAGE_BYTES" };
            self.limit_reached(sender, 0, limit);
            return None;
        }
        self.message_bytes += length;
        // The bytes are in the message and in its fields.
        self.memory += 2 * length + size_of::<Message>() + size_of::<Stretch>();
        let index = messages;
        let found = self.fields(sender, message);
        if has_quic_transport_parameters(&found.fields) {
            self.connection.transport = Transport::Quic;
        }
        self.finished[sender as usize] |= found.name == "Finished";
        if found.name == "Certificate" && found.malformed.is_none() && !self.other_version {
            self.certificates(sender, index, message.body, &found.fields);
        }
        self.connection.messages.push(Message {
            name: found.name,
            kind: code(message.kind),
            sender,
            level,
            time_ns,
            pieces: Vec::new(),
            length,
            bytes: message.bytes.into(),
            fields: found.fields,
            malformed: found.malformed,
        });
        let stretch = Stretch { index, start: 0, end: length };
        self.directions[sender as usize].messages.push_back(stretch);
        self.join(sender);
        Some(index)
    }

    /// Lays out the fields of a message, as many as the limits allow.
    fn fields(&mut self, sender: Side, message: &HandshakeMessage<'_>) -> fields::Fields {
        if self.other_version {
            return fields::of_other_version(message);
        }
        let limit = match self.fields_left {
            MAX_MESSAGE_FIELDS.. => {
                FieldLimit { count: MAX_MESSAGE_FIELDS, name: "MAX_MESSAGE_FIELDS" }
            }
            left => FieldLimit { count: left, name: "MAX_FIELDS" },
        };
        let found = fields::of(message, limit);
        self.memory += found.count * size_of::<Field>();
        self.fields_left = self.fields_left.saturating_sub(found.count);
        if let Some(limit) = found.limit_reached {
            self.limit_reached(sender, 0, limit);
        }
        found
    }

    fn certificates(&mut self, sender: Side, message: usize, body: &[u8], fields: &[Field]) {
        let Options { provider, now, .. } = &self.options;
        let names_left = &mut self.fields_left;
        let certificates = certificates::of(body, fields, provider, *now, names_left);
        self.memory += body.len() + certificates.len() * size_of::<Certificate>();
        if self.fields_left == 0 {
            self.limit_reached(sender, 0, "MAX_FIELDS");
        }
        let (findings, path_search) = (Vec::new(), None);
        let list = CertificateList { message, sender, certificates, findings, path_search };
        self.connection.certificates.push(list);
    }

    /// Adds a step of the key schedule that the observed side made.
    pub(crate) fn key_schedule_step(&mut self, step: &KeyScheduleStep<'_>, time_ns: Option<u64>) {
        let after_messages = self.connection.messages.len();
        if self.schedule.add(step, time_ns, after_messages).is_err() {
            let side = self.connection.observed_side.unwrap_or(Side::Client);
            self.limit_reached(side, 0, "MAX_SECRETS");
        }
    }

    /// Adds a node of the key schedule whose value is known or not. Returns its index.
    pub(crate) fn secret(
        &mut self,
        operation: Operation,
        label: &str,
        from: Option<usize>,
        value: Option<Hex>,
    ) -> Result<usize, ScheduleIsFull> {
        let placed = self.schedule.place(operation, label, from, value);
        if placed.is_err() {
            self.limit_reached(Side::Server, 0, "MAX_SECRETS");
        }
        placed
    }

    fn count_round_trip(&mut self, sender: Side) {
        if self.is_complete() {
            return;
        }
        if sender == Side::Server && self.client_spoke {
            self.connection.round_trips += 1;
        }
        self.client_spoke = sender == Side::Client;
    }

    /// Gives the messages of a side their places in its records.
    fn join(&mut self, sender: Side) {
        let direction = &mut self.directions[sender as usize];
        let (records, messages) = (&mut self.connection.records, &mut self.connection.messages);
        while let (Some(content), Some(bytes)) =
            (direction.content.front_mut(), direction.messages.front_mut())
        {
            let length = (content.end - content.start).min(bytes.end - bytes.start);
            let place = (records.get_mut(content.index), messages.get_mut(bytes.index));
            if let (Some(record), Some(message)) = place {
                record.level.get_or_insert(message.level);
                self.memory += size_of::<Piece>();
                message.pieces.push(Piece {
                    record: content.index,
                    record_offset: content.start,
                    message_offset: bytes.start,
                    length,
                });
            }
            content.start += length;
            bytes.start += length;
            if content.start == content.end {
                direction.content.pop_front();
            }
            if bytes.start == bytes.end {
                direction.messages.pop_front();
            }
        }
    }

    pub(crate) fn step(&mut self, time_ns: Option<u64>, kind: StepKind) {
        self.complete |= kind == StepKind::HandshakeComplete;
        let after_messages = self.connection.messages.len();
        if self.connection.steps.len() < MAX_MESSAGES {
            self.memory += size_of::<Step>();
            self.connection.steps.push(Step { time_ns, after_messages, kind });
        }
    }

    pub(crate) fn alert(
        &mut self,
        sender: Side,
        description: Code,
        time_ns: Option<u64>,
        record: Option<usize>,
    ) {
        let after_messages = self.connection.messages.len();
        if self.connection.alerts.len() < MAX_MESSAGES {
            let alert = Alert { sender, description, time_ns, after_messages, record };
            self.memory += size_of::<Alert>();
            self.connection.alerts.push(alert);
        }
    }

    pub(crate) fn problem(&mut self, problem: Problem) {
        if self.connection.problems.len() < MAX_MESSAGES {
            self.memory += size_of::<Problem>();
            self.connection.problems.push(problem);
        }
    }

    /// There is no key for this record. A side's records without keys are one problem.
    pub(crate) fn no_keys(&mut self, sender: Side, offset: u64, record: usize) {
        let counted =
            self.no_keys[sender as usize].and_then(|index| self.connection.problems.get_mut(index));
        if let Some(Problem { kind: ProblemKind::NoKeys { count, .. }, .. }) = counted {
            *count += 1;
            return;
        }
        self.no_keys[sender as usize] = Some(self.connection.problems.len());
        self.problem(Problem::new(sender, offset, ProblemKind::NoKeys { record, count: 1 }));
    }

    /// A limit of this name was reached. It is one problem, and there even when there are many others.
    pub(crate) fn limit_reached(&mut self, sender: Side, offset: u64, limit: &'static str) {
        if !self.limits.contains(&limit) {
            self.limits.push(limit);
            let kind = ProblemKind::LimitReached { limit };
            self.connection.problems.push(Problem::new(sender, offset, kind));
        }
    }

    /// Whether the handshake is complete: the observed side says so, or both have sent a Finished.
    pub(crate) fn is_complete(&self) -> bool {
        let has_both = self.finished == [true; 2] && self.connection.source == Source::Recorded;
        self.complete || has_both
    }

    /// Whether an alert ended the handshake, and this side had sent no Finished. Records that could not be
    /// opened may have one.
    pub(crate) fn failed_before_finished(&self, side: Side) -> bool {
        let index = side as usize;
        let may_have_sent_it =
            self.finished[index] || self.no_keys[index].is_some() || self.closed_packets[index];
        self.connection.alerts.iter().any(is_error) && !may_have_sent_it
    }

    /// The account of the connection so far, complete in itself.
    pub(crate) fn connection(&mut self) -> Connection {
        self.conclude();
        self.connection.clone()
    }

    /// The account of a connection that has ended.
    pub(crate) fn finish(mut self) -> Connection {
        self.conclude();
        self.connection
    }

    /// Adds what follows from all of the connection.
    fn conclude(&mut self) {
        self.connection.choices = choices::of(&self.connection.messages);
        findings::find(&mut self.connection, &self.options);
        self.connection.key_schedule = self.schedule.nodes(&self.connection.messages);
        self.connection.outcome = self.outcome();
        if self.connection.source == Source::Live {
            number(&mut self.connection.records, &self.connection.messages);
        }
    }

    fn outcome(&self) -> Outcome {
        let Connection { records, messages, alerts, .. } = &self.connection;
        let failed = alerts.iter().any(is_error);
        let is_recorded = self.connection.source == Source::Recorded;
        match (self.is_complete(), failed) {
            (true, true) => Outcome::FailedLater,
            (true, false) => Outcome::Complete,
            (false, true) => Outcome::Failed,
            _ if self.other_version => Outcome::OtherVersion,
            _ if is_recorded && encrypted::has_probable_alert(&self.connection) => {
                Outcome::ProbablyFailed
            }
            _ if is_recorded && encrypted::is_answered(records) => Outcome::Encrypted,
            _ if self.closed_packets == [true; 2] => Outcome::Encrypted,
            _ if messages.iter().any(|message| message.name == "ClientHello") => {
                Outcome::Incomplete
            }
            _ => Outcome::NotTls,
        }
    }
}

fn is_error(alert: &Alert) -> bool {
    !matches!(alert.description.name, Some("close_notify" | "user_canceled"))
}

/// Whether a message has the extension that only QUIC has (RFC 9001, section 8.2).
fn has_quic_transport_parameters(fields: &[Field]) -> bool {
    let extensions = fields.iter().find(|field| field.name == "extensions");
    let mut extensions = extensions.iter().flat_map(|field| &field.fields);
    let kind = u32::from(ExtensionType::QUIC_TRANSPORT_PARAMETERS.0);
    extensions.any(|field| field.code().is_some_and(|code| code.code == kind))
}

/// Gives the protected records of a live connection their numbers under their keys. They are unknown after
/// a record whose keys are not known.
fn number(records: &mut [Record], messages: &[Message]) {
    let mut changes = BTreeSet::new();
    for message in messages.iter().filter(|message| message.name == "KeyUpdate") {
        changes.extend(message.pieces.last().map(|piece| piece.record));
    }
    let mut next = [Some(0), Some(0)];
    let mut keys = [None, None];
    for (index, record) in records.iter_mut().enumerate() {
        if record.state != RecordState::Decrypted {
            continue;
        }
        let side = record.sender as usize;
        if keys[side] != record.level {
            (keys[side], next[side]) = (record.level, Some(0));
        }
        if record.level.is_none() {
            next[side] = None;
        }
        record.sequence = next[side];
        next[side] = next[side].map(|number| number + 1);
        if changes.contains(&index) {
            next[side] = Some(0);
        }
    }
}

pub(crate) fn is_type(found: Option<Code>, wanted: ContentType) -> bool {
    found.is_some_and(|found| found.code == u32::from(wanted.0))
}
