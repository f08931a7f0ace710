//! One direction of a recorded connection: its bytes as records, and its messages.

use std::collections::VecDeque;

use handclasp::record::{RecordError, next_record};
use handclasp::registry::ContentType;

use super::keys::Keys;
use crate::account::Side;

/// The most pieces of a direction whose times are kept while they wait. Those that come then have the time
/// of the last one.
const MAX_TIMES: usize = 4096;

/// A record that was taken from the stream.
pub(super) struct Held {
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
    /// The place of the first of `bytes` in the stream.
    base: u64,
    /// Up to which place the bytes came at which time.
    times: VecDeque<(u64, Option<u64>)>,
    /// The place of the record that was put back.
    put_back_at: Option<u64>,
    /// The beginning of a handshake message.
    partial_message: Vec<u8>,
    ended: bool,
}

impl Direction {
    pub(super) fn new(side: Side) -> Self {
        Self {
            keys: Keys::new(side),
            bytes: Vec::new(),
            start: 0,
            base: 0,
            times: VecDeque::new(),
            put_back_at: None,
            partial_message: Vec::new(),
            ended: false,
        }
    }

    /// The place of the next record in the stream.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// The place after the last byte that came.
    pub(super) fn end(&self) -> u64 {
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
        self.bytes.capacity() + self.partial_message.capacity() + times
    }

    pub(super) fn push(&mut self, time_ns: Option<u64>, bytes: &[u8]) {
        if self.ended {
            return;
        }
        // Each byte is moved at most once.
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.base += self.start as u64;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
        let arrived = (self.end(), time_ns);
        if self.times.len() >= MAX_TIMES {
            self.times.pop_back();
        }
        self.times.push_back(arrived);
    }

    /// No more bytes of the direction are decoded than those that wait.
    pub(super) fn end_here(&mut self) {
        self.ended = true;
    }

    /// The direction is not decoded any further.
    pub(super) fn stop(&mut self) {
        self.ended = true;
        self.base = self.end();
        (self.bytes, self.start) = (Vec::new(), 0);
        self.times = VecDeque::new();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes the next record, if it is whole. A protected one stays if it `must_wait`.
    ///
    /// # Errors
    /// When the bytes are no record.
    pub(super) fn next_record(&mut self, must_wait: bool) -> Result<Option<Held>, RecordError> {
        let bytes = self.bytes.get(self.start..).unwrap_or_default();
        let Some(length) = next_record(bytes)? else { return Ok(None) };
        let is_protected = bytes.first() == Some(&ContentType::APPLICATION_DATA.0);
        if is_protected && must_wait {
            return Ok(None);
        }
        let (record, offset) = (bytes.get(..length).unwrap_or_default().to_vec(), self.offset());
        self.start += length;
        let end = self.offset();
        let time_ns = self.time_of(end);
        Ok(Some(Held { bytes: record, offset, time_ns }))
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
