//! One direction of a TCP connection: its segments in order.

use std::collections::BTreeMap;

/// The most bytes of one direction that are kept because bytes before them are missing. Each segment counts
/// for 64 more.
pub const MAX_OUT_OF_ORDER_BYTES: usize = 1 << 20;

/// What a segment that is kept costs beside its data.
const SEGMENT_COST: usize = 64;

/// Puts segments in order. Places are counted from the first byte of the stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The sequence number of the next byte, and its place.
    next: Option<(u32, u64)>,
    /// Bytes that came too early, by their place.
    early: BTreeMap<u64, Vec<u8>>,
    /// How many bytes those are, with [`SEGMENT_COST`] for each.
    early_bytes: usize,
    /// The place after the last byte, once the sender has said it.
    end: Option<u64>,
    /// Bytes are missing, and what follows them is given up.
    is_broken: bool,
}

/// Bytes of a stream that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// How many; `None` if that is not known.
    pub(super) length: Option<u64>,
}

impl Stream {
    /// The sender begins with this sequence number.
    pub(super) fn begin(&mut self, sequence: u32) {
        if self.next.is_none() {
            self.next = Some((sequence.wrapping_add(1), 0));
        }
    }

    /// Whether the stream has begun with another sequence number than this one.
    pub(super) fn began_otherwise(&self, sequence: u32) -> bool {
        match self.next {
            // The place grows with the sequence number: only the first number is compared.
            Some((next, place)) => next.wrapping_sub(low_bits(place)) != sequence.wrapping_add(1),
            None => false,
        }
    }

    /// Adds the data of a segment, and gives the bytes that are in order now to `take`.
    pub(super) fn add(
        &mut self,
        sequence: u32,
        data: &[u8],
        fin: bool,
        mut take: impl FnMut(&[u8]),
    ) -> Option<Missing> {
        // Without its beginning, the stream begins with the first data.
        let (next, place) = *self.next.get_or_insert((sequence, 0));
        // A segment is less than 2^31 bytes before or after the next byte.
        let distance = i64::from(sequence.wrapping_sub(next) as i32);
        let Some(start) = place.checked_add_signed(distance) else {
            // It begins before the stream does: the part before is no data.
            let skipped = usize::try_from(distance.unsigned_abs() - place).unwrap_or(usize::MAX);
            let data = data.get(skipped..).unwrap_or_default();
            self.put(0, data, &mut take);
            return None;
        };
        if fin {
            self.end.get_or_insert(start + data.len() as u64);
        }
        self.put(start, data, &mut take);
        if self.early_bytes > MAX_OUT_OF_ORDER_BYTES { self.give_up() } else { None }
    }

    fn put(&mut self, start: u64, data: &[u8], take: &mut impl FnMut(&[u8])) {
        if data.is_empty() || self.is_broken {
            return;
        }
        let place = self.place();
        if start <= place {
            self.advance(start, data, take);
            while let Some((start, data)) = self.early.pop_first() {
                if start > self.place() {
                    self.early.insert(start, data);
                    break;
                }
                self.early_bytes -= data.len() + SEGMENT_COST;
                self.advance(start, &data, take);
            }
            return;
        }
        // The longer one of two segments that begin at the same place is kept.
        let kept = self.early.get(&start).map_or(0, Vec::len);
        if data.len() > kept {
            if let Some(replaced) = self.early.insert(start, data.to_vec()) {
                self.early_bytes -= replaced.len() + SEGMENT_COST;
            }
            self.early_bytes += data.len() + SEGMENT_COST;
        }
    }

    /// About how many bytes of memory what waits has.
    pub(super) fn memory(&self) -> usize {
        self.early_bytes
    }

    fn place(&self) -> u64 {
        self.next.map_or(0, |(_, place)| place)
    }

    /// Takes what is new in data that begin at or before the next byte. The first copy of a byte counts.
    fn advance(&mut self, start: u64, data: &[u8], take: &mut impl FnMut(&[u8])) {
        let Some((next, place)) = &mut self.next else { return };
        let known = usize::try_from(*place - start).unwrap_or(usize::MAX);
        let new = data.get(known..).unwrap_or_default();
        if !new.is_empty() {
            *place += new.len() as u64;
            *next = next.wrapping_add(low_bits(new.len() as u64));
            take(new);
        }
    }

    /// Whether all bytes up to the end that the sender has said are there.
    pub(super) fn is_complete(&self) -> bool {
        self.end.is_some_and(|end| self.place() >= end)
    }

    /// No more segments come: says what is missing before bytes that are there.
    pub(super) fn finish(&mut self) -> Option<Missing> {
        let is_cut = self.end.is_some_and(|end| end > self.place());
        if self.early.is_empty() && !is_cut { None } else { self.give_up() }
    }

    fn give_up(&mut self) -> Option<Missing> {
        if self.is_broken {
            return None;
        }
        self.is_broken = true;
        let next = self.early.first_key_value().map(|(start, _)| *start).or(self.end);
        let length = next.and_then(|start| start.checked_sub(self.place()));
        (self.early, self.early_bytes) = (BTreeMap::new(), 0);
        Some(Missing { length })
    }
}

/// A place as a difference of sequence numbers, which are counted modulo 2^32.
fn low_bits(place: u64) -> u32 {
    (place & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(segments: &[(u32, &[u8])]) -> (Vec<u8>, Stream) {
        let (mut stream, mut out) = (Stream::default(), Vec::new());
        stream.begin(u32::MAX - 2);
        for (sequence, data) in segments {
            let missing =
                stream.add((u32::MAX - 1).wrapping_add(*sequence), data, false, |bytes| {
                    out.extend_from_slice(bytes)
                });
            assert_eq!(missing, None);
        }
        (out, stream)
    }

    #[test]
    fn segments_come_in_any_order_again_and_overlapping() {
        // The sequence numbers begin again at zero on the way.
        for segments in [
            &[(0, &b"abcd"[..]), (4, b"efgh"), (8, b"ij")][..],
            &[(4, b"efgh"), (8, b"ij"), (0, b"abcd")],
            &[(8, b"ij"), (0, b"abcd"), (0, b"abXXef"), (4, b"efgh")],
            &[(2, b"cdef"), (5, b"fghij"), (0, b"abc"), (0, b"abcdefghij")],
            &[(0, b"a"), (0, b"abcde"), (3, b"defgh"), (7, b"hij"), (1, b"z")],
        ] {
            let (out, mut stream) = run(segments);
            assert_eq!(out, b"abcdefghij", "{segments:?}");
            assert_eq!(stream.finish(), None);
        }
    }

    #[test]
    fn what_is_missing_is_counted() {
        let (out, mut stream) = run(&[(0, b"abc"), (5, b"fg")]);
        assert_eq!(out, b"abc");
        assert_eq!(stream.finish(), Some(Missing { length: Some(2) }));
        assert_eq!(stream.finish(), None);
    }

    #[test]
    fn what_waits_has_a_limit() {
        let mut stream = Stream::default();
        stream.begin(0);
        let segment = vec![0; 1 << 16];
        let mut missing = None;
        for number in 1..40 {
            assert!(stream.early_bytes <= MAX_OUT_OF_ORDER_BYTES);
            let found = stream.add(number << 16, &segment, false, |_| panic!("not in order"));
            missing = missing.or(found);
        }
        assert_eq!(missing, Some(Missing { length: Some((1 << 16) - 1) }));
        assert_eq!(stream.early_bytes, 0);
    }

    #[test]
    fn segments_of_one_byte_do_not_cost_more_than_the_limit() {
        let mut stream = Stream::default();
        stream.begin(0);
        let mut kept = 0;
        for number in 1..100_000_u32 {
            stream.add(2 * number, b"x", false, |_| panic!("not in order"));
            kept = kept.max(stream.early.len());
        }
        assert!(kept <= MAX_OUT_OF_ORDER_BYTES / SEGMENT_COST, "{kept}");
    }
}
