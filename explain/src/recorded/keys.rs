//! The keys of one direction: which of them opens a record.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp::crypto::{CipherSuite, StaticOrArc, TAG_LENGTH};
use handclasp::key_schedule::TrafficSecret;
use handclasp::record::{HEADER_LENGTH, Opener};
use handclasp::registry::ContentType;

use super::key_log::ConnectionSecrets;
use crate::account::{MessageLevel, RecordState, Side};

/// The most decryptions of one direction that fail. After them, no other keys are tried than those that the
/// last record was opened with.
pub const MAX_FAILED_DECRYPTIONS: usize = 10_000;

/// The most bytes of the records of one direction on which decryptions fail, each counted as often as it was
/// tried. It is a limit as [`MAX_FAILED_DECRYPTIONS`], for long records.
pub const MAX_FAILED_BYTES: usize = 8 << 20;

/// The most such bytes of all connections of a capture together. After them, no sequence numbers are searched
/// behind missing records.
pub const MAX_FAILED_BYTES_OF_CAPTURE: usize = 64 << 20;

/// The most records that may be missing before one that is opened: so many sequence numbers are tried.
pub const MAX_MISSING_RECORDS: u64 = 256;

/// The shortest protected record: a header, a type and a tag.
const SHORTEST_RECORD: u64 = (HEADER_LENGTH + 1 + TAG_LENGTH) as u64;

/// What is known of the cipher suite.
pub(super) enum SuiteChoice {
    /// There was no ServerHello yet.
    Unknown,
    /// It is this one.
    Known(StaticOrArc<CipherSuite>),
    /// The provider does not have it.
    NotInProvider,
    /// The connection is of another version.
    OtherVersion,
}

impl SuiteChoice {
    pub(super) fn is_decided(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// Those that the connection may have, of these.
    pub(super) fn possible<'s>(
        &'s self,
        all: &'s [StaticOrArc<CipherSuite>],
    ) -> &'s [StaticOrArc<CipherSuite>] {
        match self {
            // The ServerHello may be missing.
            Self::Unknown => all,
            Self::Known(suite) => core::slice::from_ref(suite),
            Self::NotInProvider | Self::OtherVersion => &[],
        }
    }

    pub(super) fn known(&self) -> Option<&StaticOrArc<CipherSuite>> {
        match self {
            Self::Known(suite) => Some(suite),
            _ => None,
        }
    }
}

/// What came of opening a record.
pub(super) struct Opening {
    pub(super) state: RecordState,
    pub(super) level: Option<MessageLevel>,
    pub(super) content_type: Option<ContentType>,
    pub(super) content: Option<Vec<u8>>,
    pub(super) padding: Option<usize>,
    pub(super) sequence: Option<u64>,
}

impl Opening {
    /// A record that stays closed.
    pub(super) fn closed(state: RecordState, level: Option<MessageLevel>) -> Self {
        Self { state, level, content_type: None, content: None, padding: None, sequence: None }
    }
}

/// Opens a record without protection. One of TLS 1.2 may have data in it.
pub(super) fn open_plaintext(mut record: Vec<u8>, other_version: bool) -> Opening {
    let level = Some(MessageLevel::Initial);
    match Opener::plaintext().open(&mut record) {
        Ok(Some(opened)) => Opening {
            state: RecordState::Plaintext,
            level,
            content_type: Some(opened.content_type),
            content: Some(opened.payload.to_vec()),
            padding: None,
            sequence: None,
        },
        _ if other_version => Opening::closed(RecordState::NoKey, None),
        _ => Opening::closed(RecordState::Malformed, level),
    }
}

/// The bytes on which decryptions have failed in a capture. Clones count together.
#[derive(Clone, Default)]
pub(crate) struct FailedBytes(Arc<AtomicUsize>);

impl FailedBytes {
    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn are_too_many(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= MAX_FAILED_BYTES_OF_CAPTURE
    }
}

/// The decryptions of one direction that have failed.
#[derive(Default)]
pub(super) struct Failures {
    pub(super) decryptions: usize,
    bytes: usize,
    of_capture: FailedBytes,
}

impl Failures {
    fn add(&mut self, record: &[u8]) {
        self.decryptions += 1;
        self.bytes += record.len();
        self.of_capture.add(record.len());
    }

    /// The limit of the direction that is reached.
    fn own_limit_reached(&self) -> Option<&'static str> {
        if self.decryptions >= MAX_FAILED_DECRYPTIONS {
            return Some("MAX_FAILED_DECRYPTIONS");
        }
        if self.bytes >= MAX_FAILED_BYTES {
            return Some("MAX_FAILED_BYTES");
        }
        None
    }

    /// The limit that is reached, of the direction or of the capture.
    fn limit_reached(&self) -> Option<&'static str> {
        let own = self.own_limit_reached();
        if own.is_none() && self.of_capture.are_too_many() {
            return Some("MAX_FAILED_BYTES_OF_CAPTURE");
        }
        own
    }
}

/// The keys of a level, and how many records they have opened.
struct LevelKeys {
    secret: TrafficSecret,
    opener: Opener,
    sequence: u64,
}

impl LevelKeys {
    fn new(secret: TrafficSecret) -> Option<Self> {
        let mut opener = Opener::plaintext();
        opener.install(secret.traffic_keys().ok()?);
        Some(Self { secret, opener, sequence: 0 })
    }

    /// Opens a record before which up to `missing` others may be missing.
    fn open(
        &mut self,
        record: &[u8],
        level: MessageLevel,
        missing: u64,
        failures: &mut Failures,
    ) -> Option<Opening> {
        // A decryption that fails overwrites it.
        let mut copy = Vec::with_capacity(record.len());
        for sequence in self.sequence..=self.sequence.saturating_add(missing) {
            copy.clear();
            copy.extend_from_slice(record);
            if let Some(opening) = self.open_with(sequence, &mut copy, level) {
                return Some(opening);
            }
            failures.add(record);
            if failures.limit_reached().is_some() {
                break;
            }
        }
        None
    }

    fn open_with(
        &mut self,
        sequence: u64,
        record: &mut [u8],
        level: MessageLevel,
    ) -> Option<Opening> {
        let length = record.len();
        self.opener.set_sequence(sequence);
        let opened = self.opener.open(record).ok().flatten()?;
        let (content_type, content) = (opened.content_type, opened.payload.to_vec());
        self.sequence = sequence + 1;
        let overhead = HEADER_LENGTH + 1 + TAG_LENGTH + content.len();
        Some(Opening {
            state: RecordState::Decrypted,
            level: Some(level),
            content_type: Some(content_type),
            padding: length.checked_sub(overhead),
            content: Some(content),
            sequence: Some(sequence),
        })
    }
}

/// The keys of one direction.
pub(super) struct Keys {
    side: Side,
    /// The level of the last record that was opened, or the one that a message has begun.
    level: MessageLevel,
    current: Option<LevelKeys>,
    /// How many records may be missing before the next one.
    missing: u64,
    pub(super) failures: Failures,
    /// The direction is encrypted in a way that this decoder does not know: that of TLS 1.2.
    pub(super) is_opaque: bool,
}

impl Keys {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            level: MessageLevel::Initial,
            current: None,
            missing: 0,
            failures: Failures::default(),
            is_opaque: false,
        }
    }

    /// Counts the decryptions that fail together with those of other connections.
    #[cfg(any(feature = "captures", test))]
    pub(super) fn share_failures(&mut self, of_capture: &FailedBytes) {
        self.failures.of_capture = of_capture.clone();
    }

    /// The next record is under keys of this level.
    pub(super) fn go_on_to(&mut self, level: MessageLevel) {
        if self.level != level {
            self.level = level;
            self.current = None;
        }
    }

    /// The next record is under the next keys of this direction (section 7.2).
    pub(super) fn update(&mut self) {
        self.current = self.next_keys();
    }

    fn next_keys(&self) -> Option<LevelKeys> {
        let next = self.current.as_ref().and_then(|keys| keys.secret.after_key_update().ok());
        next.and_then(LevelKeys::new)
    }

    /// So many bytes are missing before the next record.
    pub(super) fn lose_bytes(&mut self, count: u64) {
        let records = count / SHORTEST_RECORD + 1;
        self.missing = self.missing.saturating_add(records).min(MAX_MISSING_RECORDS);
    }

    /// Opens a record with the keys of the level, or with those of a later one: the messages that change
    /// keys may be missing, or there may be no secret for them. `suites` has those that the connection may
    /// have, and `early` those of 0-RTT data.
    pub(super) fn open(
        &mut self,
        record: &[u8],
        side: Side,
        secrets: Option<&ConnectionSecrets>,
        early: Option<&[StaticOrArc<CipherSuite>]>,
        suites: &[StaticOrArc<CipherSuite>],
    ) -> Opening {
        debug_assert_eq!(side, self.side);
        let opening = self.open_with_current(record).or_else(|| self.open_with_next(record));
        if let Some(opening) = opening {
            self.missing = 0;
            return opening;
        }
        let Some(secrets) = secrets else { return self.closed(false) };
        let mut had_keys = self.current.is_some();
        if self.has_given_up() {
            return self.closed(true);
        }
        let missing = self.window();
        for level in self.later_levels() {
            for mut keys in candidates(side, level, secrets, early, suites) {
                had_keys = true;
                if let Some(opening) = keys.open(record, level, missing, &mut self.failures) {
                    (self.level, self.current, self.missing) = (level, Some(keys), 0);
                    return opening;
                }
            }
        }
        if self.current.is_some() {
            // A record that does not decrypt has a sequence number, too.
            self.missing = (self.missing + 1).min(MAX_MISSING_RECORDS);
        }
        self.closed(had_keys)
    }

    fn open_with_current(&mut self, record: &[u8]) -> Option<Opening> {
        let missing = self.window();
        self.current.as_mut()?.open(record, self.level, missing, &mut self.failures)
    }

    /// How many records may be missing before the next one, as far as the limits allow to search.
    fn window(&self) -> u64 {
        if self.limit_reached().is_some() { 0 } else { self.missing }
    }

    /// With the keys after those that are known: a KeyUpdate may be among the records that are missing.
    fn open_with_next(&mut self, record: &[u8]) -> Option<Opening> {
        if self.missing == 0 || self.level != MessageLevel::Application || self.has_given_up() {
            return None;
        }
        let mut keys = self.next_keys()?;
        let opening = keys.open(record, self.level, self.window(), &mut self.failures)?;
        self.current = Some(keys);
        Some(opening)
    }

    /// Whether no other keys are tried any more.
    fn has_given_up(&self) -> bool {
        self.failures.own_limit_reached().is_some()
    }

    /// The limit because of which less is tried.
    pub(super) fn limit_reached(&self) -> Option<&'static str> {
        self.failures.limit_reached()
    }

    fn closed(&self, had_keys: bool) -> Opening {
        let state = if had_keys { RecordState::DoesNotDecrypt } else { RecordState::NoKey };
        Opening::closed(state, None)
    }

    /// The levels whose first keys may be those of the next record.
    fn later_levels(&self) -> impl Iterator<Item = MessageLevel> + use<> {
        let (level, has_keys) = (self.level, self.current.is_some());
        let all = [MessageLevel::EarlyData, MessageLevel::Handshake, MessageLevel::Application];
        all.into_iter().filter(move |other| {
            let is_later = *other as u8 > level as u8;
            is_later || (*other == level && !has_keys)
        })
    }
}

/// The keys that a side may have at the beginning of a level.
fn candidates(
    side: Side,
    level: MessageLevel,
    secrets: &ConnectionSecrets,
    early: Option<&[StaticOrArc<CipherSuite>]>,
    suites: &[StaticOrArc<CipherSuite>],
) -> Vec<LevelKeys> {
    let label = match (side, level) {
        (Side::Client, MessageLevel::EarlyData) => "CLIENT_EARLY_TRAFFIC_SECRET",
        (Side::Client, MessageLevel::Handshake) => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        (Side::Client, MessageLevel::Application) => "CLIENT_TRAFFIC_SECRET_0",
        (Side::Server, MessageLevel::Handshake) => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        (Side::Server, MessageLevel::Application) => "SERVER_TRAFFIC_SECRET_0",
        _ => return Vec::new(),
    };
    let Some(secret) = secrets.get(label) else { return Vec::new() };
    // The suite of 0-RTT data is that of the ticket: one of those that the client offers.
    let suites = match level {
        MessageLevel::EarlyData => early.unwrap_or_default().to_vec(),
        _ => suites.to_vec(),
    };
    let keys = |suite| TrafficSecret::from_bytes(suite, secret).ok().and_then(LevelKeys::new);
    suites.into_iter().filter_map(keys).collect()
}
