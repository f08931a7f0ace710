//! One direction of a recorded connection: its bytes as records, and its messages.

use std::collections::VecDeque;

use handclasp::record::{HEADER_LENGTH, RecordError, next_record};
use handclasp::registry::ContentType;

use super::boundary::find_record;
use super::keys::Keys;
use crate::account::Side;

/// The most pieces of a direction whose times are kept while they wait. Those that come then have the time
/// of the last one.
const MAX_TIMES: usize = 4096;

/// The most gaps of a direction that wait: what follows more is not decoded.
pub const MAX_GAPS: usize = 4096;

/// What comes next in the stream.
pub(super) enum Next {
    /// A record.
    Record(TakenRecord),
    /// Bytes that are missing.
    Missing(Gap),
    /// Nothing, until there are more bytes.
    Nothing,
}

/// Bytes that are missing.
#[derive(Clone, Copy)]
pub(super) struct Gap {
    /// How many bytes that are there come before them.
    after: u64,
    pub(super) length: u64,
}

/// A record that was taken from the stream.
pub(super) struct TakenRecord {
    pub(super) bytes: Vec<u8>,
    /// Where it begins in the stream.
    pub(super) offset: u64,
    /// When its last byte came.
    pub(super) time_ns: Option<u64>,
}

/// The bytes of one side.
pub(super) struct Direction {
    pub(super) keys: Keys,
    /// Bytes that were not decoded yet, and bytes before them that were.
    bytes: Vec<u8>,
    start: usize,
    /// How many bytes that were there came before `bytes`.
    base: u64,
    /// The gaps among `bytes`, in their order.
    gaps: VecDeque<Gap>,
    /// How many bytes were missing so far.
    missing: u64,
    /// How many of the next bytes, or of those that are missing, belong to a record that is not whole.
    rest_of_record: u64,
    /// The beginning of the next record is searched.
    is_searching: bool,
    /// Bytes of handshake messages were lost: the next message is searched.
    pub(super) has_lost_messages: bool,
    /// Up to which place the bytes came at which time.
    times: VecDeque<(u64, Option<u64>)>,
    /// The place of the record that was put back.
    put_back_at: Option<u64>,
    /// The beginning of a handshake message.
    partial_message: Vec<u8>,
    /// No more bytes are taken.
    input_ended: bool,
}

impl Direction {
    pub(super) fn new(side: Side) -> Self {
        Self {
            keys: Keys::new(side),
            bytes: Vec::new(),
            start: 0,
            base: 0,
            gaps: VecDeque::new(),
            missing: 0,
            rest_of_record: 0,
            is_searching: false,
            has_lost_messages: false,
            times: VecDeque::new(),
            put_back_at: None,
            partial_message: Vec::new(),
            input_ended: false,
        }
    }

    /// The place of the next record in the stream.
    pub(super) fn offset(&self) -> u64 {
        self.missing + self.taken()
    }

    /// The place after the last byte that came.
    pub(super) fn end(&self) -> u64 {
        let missing: u64 = self.gaps.iter().map(|gap| gap.length).sum();
        self.missing + missing + self.arrived()
    }

    /// How many bytes were taken.
    fn taken(&self) -> u64 {
        self.base + self.start as u64
    }

    /// How many bytes came.
    fn arrived(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// How many bytes wait.
    pub(super) fn held(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// How many bytes of memory what waits has.
    #[cfg(any(test, feature = "captures"))]
    pub(super) fn memory(&self) -> usize {
        let times = self.times.capacity() * size_of::<(u64, Option<u64>)>();
        let gaps = self.gaps.capacity() * size_of::<Gap>();
        self.bytes.capacity() + self.partial_message.capacity() + times + gaps
    }

    pub(super) fn push(&mut self, time_ns: Option<u64>, bytes: &[u8]) {
        if self.input_ended {
            return;
        }
        // Each byte is moved at most once.
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.base += self.start as u64;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
        let arrived = (self.arrived(), time_ns);
        if self.times.len() >= MAX_TIMES {
            self.times.pop_back();
        }
        self.times.push_back(arrived);
    }

    /// So many bytes are missing behind those that came.
    pub(super) fn push_gap(&mut self, length: u64) {
        self.gaps.push_back(Gap { after: self.arrived(), length });
    }

    /// Whether no more gaps can wait.
    pub(super) fn has_many_gaps(&self) -> bool {
        self.gaps.len() >= MAX_GAPS
    }

    /// The bytes that wait are the last ones that are decoded.
    pub(super) fn end_input(&mut self) {
        self.input_ended = true;
    }

    /// Forgets what waits, and takes no more.
    pub(super) fn discard(&mut self) {
        self.input_ended = true;
        self.missing += self.gaps.iter().map(|gap| gap.length).sum::<u64>();
        self.gaps = VecDeque::new();
        self.base = self.arrived();
        (self.bytes, self.start) = (Vec::new(), 0);
        self.times = VecDeque::new();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.input_ended
    }

    /// Takes the next record, if it is whole, or the next gap. A protected record stays if it `must_wait`.
    ///
    /// # Errors
    /// When the bytes are no record.
    pub(super) fn next(&mut self, must_wait: bool, is_at_end: bool) -> Result<Next, RecordError> {
        self.skip_rest_of_record();
        if self.rest_of_record == 0 && self.is_searching {
            let is_end = is_at_end || !self.gaps.is_empty();
            let found = find_record(self.available(), is_end);
            self.start += found.skipped;
            self.is_searching = !found.is_found;
        }
        if self.rest_of_record > 0 || self.is_searching {
            return Ok(self.next_gap());
        }
        let bytes = self.available();
        let length = match next_record(bytes) {
            Ok(Some(length)) => length,
            Ok(None) => return Ok(self.next_gap()),
            Err(_) if self.missing > 0 && !bytes.is_empty() => {
                // What was found was no record after all.
                self.start += 1;
                self.is_searching = true;
                return self.next(must_wait, is_at_end);
            }
            Err(error) => return Err(error),
        };
        let is_protected = bytes.first() == Some(&ContentType::APPLICATION_DATA.0);
        if is_protected && must_wait {
            return Ok(Next::Nothing);
        }
        let (record, offset) = (bytes.get(..length).unwrap_or_default().to_vec(), self.offset());
        self.start += length;
        let time_ns = self.time_of(self.taken());
        Ok(Next::Record(TakenRecord { bytes: record, offset, time_ns }))
    }

    /// The bytes up to the next gap.
    fn available(&self) -> &[u8] {
        let bytes = self.bytes.get(self.start..).unwrap_or_default();
        let Some(gap) = self.gaps.front() else { return bytes };
        let length = usize::try_from(gap.after - self.taken()).unwrap_or(usize::MAX);
        bytes.get(..length).unwrap_or(bytes)
    }

    fn skip_rest_of_record(&mut self) {
        let available = self.available().len();
        let skipped = usize::try_from(self.rest_of_record).unwrap_or(usize::MAX).min(available);
        self.start += skipped;
        self.rest_of_record -= skipped as u64;
    }

    /// Passes the next gap, if there is one: the bytes before it, of a record that is not whole, are given up.
    fn next_gap(&mut self) -> Next {
        let Some(gap) = self.gaps.front().copied() else { return Next::Nothing };
        let before = self.available();
        let given_up = before.len();
        let header = before.first_chunk::<HEADER_LENGTH>().copied();
        // Where the record ends that has begun before the gap, if its header is there.
        if let Some([_, _, _, high, low]) = header {
            if !self.is_searching && self.rest_of_record == 0 {
                let length = HEADER_LENGTH + usize::from(u16::from_be_bytes([high, low]));
                self.rest_of_record = length.saturating_sub(given_up) as u64;
            }
        }
        self.start += given_up;
        self.gaps.pop_front();
        self.missing += gap.length;
        // Records may begin in what is missing, unless it ends in this one.
        self.is_searching = self.is_searching || self.rest_of_record < gap.length;
        self.rest_of_record = self.rest_of_record.saturating_sub(gap.length);
        Next::Missing(gap)
    }

    /// Puts the record back that was taken last, which has this length.
    pub(super) fn put_back(&mut self, length: usize) {
        self.start -= length;
        self.put_back_at = Some(self.offset());
    }

    /// Whether the next record was put back.
    pub(super) fn was_put_back(&self) -> bool {
        self.put_back_at == Some(self.offset())
    }

    /// When the byte before this place came.
    fn time_of(&mut self, end: u64) -> Option<u64> {
        while let Some((to, time_ns)) = self.times.front() {
            if *to >= end {
                return *time_ns;
            }
            self.times.pop_front();
        }
        None
    }

    pub(super) fn take_partial_message(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial_message)
    }

    pub(super) fn keep_partial_message(&mut self, bytes: Vec<u8>) {
        self.partial_message = bytes;
    }
}
