use std::io::IoSlice;

/// The most pieces that go into one record.
const MOST: usize = 16;

/// A copy of fewer bytes costs less than another record.
const SHORT: usize = 4096;

/// Pieces of a vectored write that go into one record: the first that is not empty, and more if that
/// one is short.
#[derive(Default)]
pub(super) struct RecordPieces<'a> {
    pieces: [&'a [u8]; MOST],
    count: usize,
}

impl<'a> RecordPieces<'a> {
    /// Together they are not longer than `room`, unless there is one only.
    pub(super) fn first_record(pieces: &'a [IoSlice<'_>], room: usize) -> Self {
        let mut record = Self::default();
        let mut nonempty = pieces.iter().filter(|piece| !piece.is_empty());
        let Some(first) = nonempty.next() else { return record };
        record.push(first);
        if first.len() >= SHORT {
            return record;
        }
        let mut room_left = room.saturating_sub(first.len());
        for piece in nonempty {
            let taken = piece.get(..room_left).unwrap_or(piece);
            if taken.is_empty() || record.count == MOST {
                break;
            }
            record.push(taken);
            room_left -= taken.len();
        }
        record
    }

    fn push(&mut self, piece: &'a [u8]) {
        if let Some(place) = self.pieces.get_mut(self.count) {
            *place = piece;
            self.count += 1;
        }
    }

    pub(super) fn get(&self) -> &[&'a [u8]] {
        self.pieces.get(..self.count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the pieces in the first record.
    fn lengths(pieces: &[usize], room: usize) -> Vec<usize> {
        let bytes: Vec<_> = pieces.iter().map(|length| vec![0; *length]).collect();
        let pieces: Vec<_> = bytes.iter().map(|bytes| IoSlice::new(bytes)).collect();
        RecordPieces::first_record(&pieces, room).get().iter().map(|piece| piece.len()).collect()
    }

    #[test]
    fn short_pieces_go_into_one_record_and_a_long_first_piece_goes_alone() {
        const ROOM: usize = 16_384;
        for (pieces, expected) in [
            (&[][..], &[][..]),
            (&[0, 0], &[]),
            (&[7], &[7]),
            (&[0, 3, 0, 4], &[3, 4]),
            (&[100, 20_000], &[100, 16_284]),
            (&[4095, 5000, 9000], &[4095, 5000, 7289]),
            (&[4096, 1], &[4096]),
            (&[100_000, 1], &[100_000]),
        ] {
            assert_eq!(lengths(pieces, ROOM), expected, "{pieces:?}");
        }
        assert_eq!(lengths(&[1; 100], ROOM), [1; MOST]);
        assert_eq!(lengths(&[63, 2, 2], 63), [63], "no piece is cut that goes alone");
        assert_eq!(lengths(&[60, 2, 2], 63), [60, 2, 1]);
    }
}
