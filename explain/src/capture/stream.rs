//! One direction of a TCP connection: its segments in order.

use std::collections::BTreeMap;

/// The most bytes of one direction that are kept because bytes before them are missing. Each segment counts
/// for 64 more.
pub const MAX_OUT_OF_ORDER_BYTES: usize = 1 << 20;

/// What a segment that is kept costs beside its data.
const SEGMENT_COST: usize = 64;

/// Puts segments in order. Places are counted from the first byte of the stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The sequence number of the next byte, and its place.
    next: Option<(u32, u64)>,
    /// Bytes that came too early, by their place.
    early: BTreeMap<u64, Early>,
    /// How many bytes those are, with [`SEGMENT_COST`] for each.
    early_bytes: usize,
    /// The place after the last byte, once the sender has said it.
    end: Option<u64>,
}

/// Data that came before others of which they are behind.
#[derive(Debug)]
struct Early {
    time_ns: Option<u64>,
    data: Vec<u8>,
}

/// The data of a segment, and when it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data<'a> {
    pub(crate) sequence: u32,
    pub(crate) data: &'a [u8],
    /// The sender sends nothing behind them.
    pub(crate) fin: bool,
    pub(crate) time_ns: Option<u64>,
}

/// A piece of a stream, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Bytes, and when the last of them came.
    Bytes(Option<u64>, &'a [u8]),
    /// So many bytes are missing.
    Missing(u64),
}

impl Stream {
    /// The sender begins with this sequence number.
    pub(crate) fn begin(&mut self, sequence: u32) {
        if self.next.is_none() {
            self.next = Some((sequence.wrapping_add(1), 0));
        }
    }

    /// Whether the stream has begun with another sequence number than this one.
    pub(crate) fn began_otherwise(&self, sequence: u32) -> bool {
        match self.next {
            // The place grows with the sequence number: only the first number is compared.
            Some((next, place)) => next.wrapping_sub(low_bits(place)) != sequence.wrapping_add(1),
            None => false,
        }
    }

    /// Adds the data of a segment that came at this time, and gives the pieces that are in order now to `take`.
    pub(crate) fn add(&mut self, segment: Data<'_>, mut take: impl FnMut(Piece<'_>)) {
        let Data { sequence, data, fin, time_ns } = segment;
        // Without its beginning, the stream begins with the first data.
        let (next, place) = *self.next.get_or_insert((sequence, 0));
        // A segment is less than 2^31 bytes before or after the next byte.
        let distance = i64::from(sequence.wrapping_sub(next) as i32);
        let Some(start) = place.checked_add_signed(distance) else {
            // It begins before the stream does: the part before is no data.
            let skipped = usize::try_from(distance.unsigned_abs() - place).unwrap_or(usize::MAX);
            let data = data.get(skipped..).unwrap_or_default();
            self.put(0, time_ns, data, &mut take);
            return;
        };
        if fin {
            self.end.get_or_insert(start + data.len() as u64);
        }
        self.put(start, time_ns, data, &mut take);
        while self.early_bytes > MAX_OUT_OF_ORDER_BYTES {
            self.pass_gap(&mut take);
        }
    }

    fn put(
        &mut self,
        start: u64,
        time_ns: Option<u64>,
        data: &[u8],
        take: &mut impl FnMut(Piece<'_>),
    ) {
        if data.is_empty() {
            return;
        }
        if start <= self.place() {
            self.advance(start, time_ns, data, take);
            self.take_early(time_ns, take);
            return;
        }
        // The longer one of two segments that begin at the same place is kept.
        let kept = self.early.get(&start).map_or(0, |early| early.data.len());
        if data.len() > kept {
            let early = Early { time_ns, data: data.to_vec() };
            if let Some(replaced) = self.early.insert(start, early) {
                self.early_bytes -= replaced.data.len() + SEGMENT_COST;
            }
            self.early_bytes += data.len() + SEGMENT_COST;
        }
    }

    /// Takes the data that came early and are in order now, which they are since this time.
    fn take_early(&mut self, time_ns: Option<u64>, take: &mut impl FnMut(Piece<'_>)) {
        while let Some((start, early)) = self.early.pop_first() {
            if start > self.place() {
                self.early.insert(start, early);
                return;
            }
            self.early_bytes -= early.data.len() + SEGMENT_COST;
            self.advance(start, time_ns.max(early.time_ns), &early.data, take);
        }
    }

    /// Gives up the bytes before the first that came early.
    fn pass_gap(&mut self, take: &mut impl FnMut(Piece<'_>)) {
        let Some((start, early)) = self.early.first_key_value() else { return };
        let (start, time_ns) = (*start, early.time_ns);
        self.skip_to(start, take);
        self.take_early(time_ns, take);
    }

    /// The bytes up to this place are missing.
    fn skip_to(&mut self, end: u64, take: &mut impl FnMut(Piece<'_>)) {
        let Some((next, place)) = &mut self.next else { return };
        let length = end.saturating_sub(*place);
        if length > 0 {
            *place += length;
            *next = next.wrapping_add(low_bits(length));
            take(Piece::Missing(length));
        }
    }

    /// About how many bytes of memory what waits has.
    pub(crate) fn memory(&self) -> usize {
        self.early_bytes
    }

    fn place(&self) -> u64 {
        self.next.map_or(0, |(_, place)| place)
    }

    /// Takes what is new in data that begin at or before the next byte. The first copy of a byte counts.
    fn advance(
        &mut self,
        start: u64,
        time_ns: Option<u64>,
        data: &[u8],
        take: &mut impl FnMut(Piece<'_>),
    ) {
        let Some((next, place)) = &mut self.next else { return };
        let known = usize::try_from(*place - start).unwrap_or(usize::MAX);
        let new = data.get(known..).unwrap_or_default();
        if !new.is_empty() {
            *place += new.len() as u64;
            *next = next.wrapping_add(low_bits(new.len() as u64));
            take(Piece::Bytes(time_ns, new));
        }
    }

    /// Whether all bytes up to the end that the sender has said are there.
    pub(crate) fn is_complete(&self) -> bool {
        self.end.is_some_and(|end| self.place() >= end)
    }

    /// No more segments come: gives what came early, and what is missing between it, to `take`.
    pub(crate) fn finish(&mut self, mut take: impl FnMut(Piece<'_>)) {
        while !self.early.is_empty() {
            self.pass_gap(&mut take);
        }
        if let Some(end) = self.end {
            self.skip_to(end, &mut take);
        }
    }
}

/// A place as a difference of sequence numbers, which are counted modulo 2^32.
fn low_bits(place: u64) -> u32 {
    (place & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(sequence: u32, data: &[u8]) -> Data<'_> {
        Data { sequence, data, fin: false, time_ns: None }
    }

    /// Keeps the pieces that are given: bytes together, and a number for what is missing.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Taken {
        bytes: Vec<u8>,
        missing: Vec<u64>,
    }

    impl Taken {
        fn take(&mut self, piece: Piece<'_>) {
            match piece {
                Piece::Bytes(_, bytes) => self.bytes.extend_from_slice(bytes),
                Piece::Missing(length) => self.missing.push(length),
            }
        }
    }

    fn run(segments: &[(u32, &[u8])]) -> (Taken, Stream) {
        let (mut stream, mut taken) = (Stream::default(), Taken::default());
        stream.begin(u32::MAX - 2);
        for (sequence, data) in segments {
            let sequence = (u32::MAX - 1).wrapping_add(*sequence);
            stream.add(segment(sequence, data), |piece| taken.take(piece));
        }
        assert!(taken.missing.is_empty(), "no end was given");
        (taken, stream)
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
            let (taken, mut stream) = run(segments);
            assert_eq!(taken.bytes, b"abcdefghij", "{segments:?}");
            stream.finish(|piece| panic!("{piece:?}"));
        }
    }

    #[test]
    fn what_is_missing_is_counted_and_what_follows_is_given() {
        let (mut taken, mut stream) = run(&[(0, b"abc"), (9, b"jk"), (5, b"fg"), (6, b"gh")]);
        assert_eq!(taken.bytes, b"abc");
        stream.end = Some(20);
        stream.finish(|piece| taken.take(piece));
        assert_eq!(taken, Taken { bytes: b"abcfghjk".to_vec(), missing: vec![2, 1, 9] });
        stream.finish(|piece| panic!("{piece:?}"));
    }

    #[test]
    fn what_waits_has_a_limit() {
        let (mut stream, mut taken) = (Stream::default(), Taken::default());
        stream.begin(0);
        let data = vec![0; 1 << 16];
        for number in 1..40 {
            assert!(stream.early_bytes <= MAX_OUT_OF_ORDER_BYTES);
            stream.add(segment(number << 16, &data), |piece| taken.take(piece));
        }
        assert_eq!(taken.missing, [(1 << 16) - 1]);
        assert_eq!((taken.bytes.len(), stream.early_bytes), (39 << 16, 0));
    }

    #[test]
    fn segments_of_one_byte_do_not_cost_more_than_the_limit() {
        let mut stream = Stream::default();
        stream.begin(0);
        let mut kept = 0;
        for number in 1..100_000_u32 {
            stream.add(segment(2 * number, b"x"), |_| {});
            kept = kept.max(stream.early.len());
        }
        assert!(kept <= MAX_OUT_OF_ORDER_BYTES / SEGMENT_COST, "{kept}");
    }
}
