//! The data of CRYPTO frames of one level, put into their order (RFC 9000, sections 7.5 and 19.6).

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind};

/// The most pieces that wait for the bytes before them, but for those in the next
/// [`LEAST_BUFFER`] bytes.
pub(super) const MAX_PIECES: usize = 256;

/// So many bytes ahead are always buffered, in any number of pieces (RFC 9000, section 7.5).
pub(super) const LEAST_BUFFER: usize = 4096;

/// The longest piece that is joined with the one after it: each time the bytes of that one are copied.
const MAX_JOINED_LENGTH: usize = 4096;

/// The data of one level. Each byte is given out once, in order. Of bytes that come twice, the first
/// ones count.
#[derive(Debug, Default)]
pub(super) struct CryptoData {
    /// How many bytes were given out.
    read: u64,
    /// What came ahead of its turn, by its offset. No two pieces overlap.
    pieces: BTreeMap<u64, Vec<u8>>,
}

impl CryptoData {
    /// How many bytes were given out.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Has data come ahead of their turn?
    pub(super) fn is_waiting(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Is there anything new in a frame that ends here?
    pub(super) fn is_new(&self, offset: u64, length: usize) -> bool {
        let end = end_of(offset, length);
        length > 0 && end.is_none_or(|end| end > self.read)
    }

    /// Takes the data of a frame. Returns its part that is in turn now; then [`next`](Self::next) has
    /// what follows. The rest waits.
    ///
    /// More than `limit` bytes ahead are CRYPTO_BUFFER_EXCEEDED (RFC 9000, section 7.5). So are more than
    /// [`MAX_PIECES`] pieces when a frame comes that ends more than [`LEAST_BUFFER`] bytes ahead.
    pub(super) fn receive<'a>(
        &mut self,
        offset: u64,
        data: &'a [u8],
        limit: usize,
    ) -> Result<&'a [u8], Error> {
        let too_far = || Error::from(ErrorKind::CryptoBufferExceeded { limit });
        let end = end_of(offset, data.len()).ok_or_else(too_far)?;
        if offset > self.read {
            let ahead = usize::try_from(end - self.read).unwrap_or(usize::MAX);
            if ahead > limit {
                return Err(too_far());
            }
            self.keep(offset, end, data);
            if ahead > LEAST_BUFFER && self.pieces.len() > MAX_PIECES {
                return Err(ErrorKind::CryptoBufferExceeded { limit: MAX_PIECES }.into());
            }
            return Ok(&[]);
        }
        let known = usize::try_from(self.read - offset).unwrap_or(usize::MAX);
        let new = data.get(known..).unwrap_or_default();
        self.read = self.read.max(end);
        Ok(new)
    }

    /// What waited, and is in turn now.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(entry) = self.pieces.first_entry() {
            let offset = *entry.key();
            if offset > self.read {
                return None;
            }
            let mut piece = entry.remove();
            let known = usize::try_from(self.read - offset).unwrap_or(usize::MAX);
            if known < piece.len() {
                let new = piece.split_off(known);
                self.read = end_of(self.read, new.len()).unwrap_or(self.read);
                return Some(new);
            }
        }
        None
    }

    /// Keeps those bytes from `offset` to `end` that are not kept yet. Each round moves `start` on.
    fn keep(&mut self, offset: u64, end: u64, data: &[u8]) {
        let mut start = offset;
        while start < end {
            let kept_until = self.end_of_piece_before(start);
            if kept_until > start {
                start = kept_until;
                continue;
            }
            let next_piece = self.pieces.range(start..).next().map(|(offset, _)| *offset);
            let gap_end = next_piece.unwrap_or(end).min(end);
            let gap = slice(data, start - offset, gap_end - offset);
            match self.pieces.range_mut(..start).next_back() {
                Some((offset, piece)) if kept_until == start => {
                    piece.extend_from_slice(gap);
                    let offset = *offset;
                    self.join_with_next(offset);
                }
                _ => {
                    self.pieces.insert(start, gap.to_vec());
                    self.join_with_next(start);
                }
            }
            start = gap_end;
        }
    }

    /// Joins the piece at this offset with the next one, where no byte is missing between them and both
    /// are short.
    fn join_with_next(&mut self, offset: u64) {
        let Some(length) = self.pieces.get(&offset).map(Vec::len) else { return };
        let Some(next_offset) = end_of(offset, length) else { return };
        let Some(next_length) = self.pieces.get(&next_offset).map(Vec::len) else { return };
        if length + next_length > MAX_JOINED_LENGTH {
            return;
        }
        let next = self.pieces.remove(&next_offset).unwrap_or_default();
        if let Some(piece) = self.pieces.get_mut(&offset) {
            piece.extend_from_slice(&next);
        }
    }

    /// Where the last piece ends that begins at `offset` or before it; 0 without one.
    fn end_of_piece_before(&self, offset: u64) -> u64 {
        let before = self.pieces.range(..=offset).next_back();
        before.and_then(|(start, piece)| end_of(*start, piece.len())).unwrap_or(0)
    }
}

/// `None` beyond the longest offset of QUIC, 2^62 - 1.
fn end_of(offset: u64, length: usize) -> Option<u64> {
    const MAX_OFFSET: u64 = (1 << 62) - 1;
    let end = offset.checked_add(u64::try_from(length).ok()?)?;
    (end <= MAX_OFFSET).then_some(end)
}

fn slice(data: &[u8], start: u64, end: u64) -> &[u8] {
    let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else {
        return &[];
    };
    data.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;

    /// All that is given out after these frames, in order.
    fn read(data: &mut CryptoData, frames: &[(u64, &[u8])]) -> Result<Vec<u8>, Error> {
        let mut read = Vec::new();
        for (offset, bytes) in frames {
            read.extend_from_slice(data.receive(*offset, bytes, 100)?);
            while let Some(piece) = data.next() {
                read.extend_from_slice(&piece);
            }
        }
        Ok(read)
    }

    #[test]
    fn frames_are_put_into_order_and_bytes_count_once() {
        let frames: [(u64, &[u8]); 6] =
            [(3, b"de"), (7, b"h"), (2, b"cdefg"), (0, b"a"), (0, b"abc"), (8, b"i")];
        assert_eq!(read(&mut CryptoData::default(), &frames).unwrap(), b"abcdefghi");
    }

    #[test]
    fn what_is_too_far_ahead_is_refused() {
        let data = &mut CryptoData::default();
        assert!(read(data, &[(1, &[7; 99])]).unwrap().is_empty());
        let error = read(data, &[(50, &[7; 51])]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::CryptoBufferExceeded { limit: 100 });
        assert_eq!(read(data, &[(0, &[7; 200])]).unwrap(), [7; 200], "in order there is no limit");
        assert!(read(data, &[(u64::MAX, b"ab")]).is_err());
        assert!(read(data, &[((1 << 62) - 1, b"a")]).is_err());
    }

    #[test]
    fn many_pieces_are_refused() {
        let data = &mut CryptoData::default();
        for number in 0..MAX_PIECES as u64 {
            data.receive(1 + 2 * number, b"x", 10_000).unwrap();
        }
        let error = data.receive(9_000, b"x", 10_000).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::CryptoBufferExceeded { limit: MAX_PIECES });
    }

    #[test]
    fn pieces_that_follow_each_other_are_one() {
        let data = &mut CryptoData::default();
        for offset in 1..90 {
            data.receive(offset, b"x", 100).unwrap();
        }
        assert_eq!(data.pieces.len(), 1);
        let data = &mut CryptoData::default();
        for offset in (1..90).rev() {
            data.receive(offset, b"x", 100).unwrap();
        }
        assert_eq!(data.pieces.len(), 1);
        data.receive(92, b"x", 100).unwrap();
        data.receive(90, b"xx", 100).unwrap();
        assert_eq!(data.pieces.len(), 1, "a piece between two joins them");
        assert_eq!(read(data, &[(0, b"x")]).unwrap().len(), 93);
    }

    #[test]
    fn a_whole_buffer_in_descending_order_is_a_few_pieces() {
        let data = &mut CryptoData::default();
        for offset in (1..65_536).rev() {
            data.receive(offset, b"x", 65_536).unwrap();
        }
        assert!(data.pieces.len() <= 1 + 65_536 / MAX_JOINED_LENGTH, "{}", data.pieces.len());
    }

    #[test]
    fn the_first_4096_bytes_are_buffered_in_any_number_of_pieces() {
        let data = &mut CryptoData::default();
        let last = LEAST_BUFFER as u64 - 1;
        for offset in (1..=last).rev().step_by(2) {
            data.receive(offset, b"x", LEAST_BUFFER).unwrap();
        }
        assert_eq!(data.pieces.len(), LEAST_BUFFER / 2);
        let even: Vec<(u64, &[u8])> =
            (0..last).step_by(2).map(|offset| (offset, &b"x"[..])).collect();
        assert_eq!(read(data, &even).unwrap().len(), LEAST_BUFFER);
    }

    #[test]
    fn frames_in_any_order_with_any_overlap_give_the_stream() {
        arbtest(|u| {
            let stream: Vec<u8> = (0..110).collect();
            let data = &mut CryptoData::default();
            let mut given = Vec::new();
            for _ in 0..u.int_in_range(0..=59)? {
                let offset = u.int_in_range(0..=79_usize)?;
                let length = u.int_in_range(0..=19_usize)?;
                let bytes = &stream[offset..offset + length];
                given.extend(read(data, &[(offset as u64, bytes)]).unwrap());
                assert!(stream.starts_with(&given));
                assert_eq!(given.len() as u64, data.read);
                let kept: usize = data.pieces.values().map(Vec::len).sum();
                assert!(kept <= 110);
            }
            given.extend(read(data, &[(0, &stream[..60])]).unwrap());
            given.extend(read(data, &[(50, &stream[50..])]).unwrap());
            assert_eq!(given, stream);
            Ok(())
        })
        .size_max(4096);
    }
}
