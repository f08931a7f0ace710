use std::io::{self, Read};

use crate::record::{FULL_RECORD_LENGTH, MAX_RECORD_LENGTH, copy_in_pieces};

/// The buffer that a reader gives a stream. The stream returns data in it. If it is long enough, the
/// stream also reads from its transport into it, and decrypts there.
pub(super) trait ReaderBuffer<T> {
    /// How many bytes fit.
    fn room(&self) -> usize;

    /// Copies `before` to the front, and reads from the transport once, after these bytes. Returns how
    /// many bytes were read. They and `before` are the [`front`](Self::front) then.
    fn read_after(&mut self, before: &[u8], transport: &mut T) -> io::Result<usize>;

    /// The first `length` bytes, which were read.
    fn front(&mut self, length: usize) -> &mut [u8];

    /// The first `length` bytes of the front are the data that the reader gets.
    fn return_front(&mut self, length: usize);

    /// Copies as many bytes of data as fit into the buffer, for the reader. Returns how many.
    fn return_copy_of(&mut self, data: &[u8]) -> usize;
}

/// How many bytes of a buffer with this room are read into: whole records, from a peer that sends full
/// ones. The beginning of another record would be copied twice: to be kept, and to be continued.
pub(super) fn read_length(room: usize) -> usize {
    let full_records = room - room % FULL_RECORD_LENGTH;
    // Any record that has begun fits.
    full_records.max(MAX_RECORD_LENGTH).min(room)
}

/// The buffer of a blocking reader.
impl<T: Read> ReaderBuffer<T> for [u8] {
    fn room(&self) -> usize {
        self.len()
    }

    fn read_after(&mut self, before: &[u8], transport: &mut T) -> io::Result<usize> {
        let start = copy_in_pieces(before, self);
        let end = read_length(self.len());
        transport.read(self.get_mut(start..end).unwrap_or_default())
    }

    fn front(&mut self, length: usize) -> &mut [u8] {
        self.get_mut(..length).unwrap_or_default()
    }

    fn return_front(&mut self, _: usize) {}

    fn return_copy_of(&mut self, data: &[u8]) -> usize {
        copy_in_pieces(data, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_ends_after_full_records_and_has_room_for_any_record_that_has_begun() {
        for (room, expected) in [
            (0, 0),
            (4096, 4096),
            (FULL_RECORD_LENGTH, FULL_RECORD_LENGTH),
            (MAX_RECORD_LENGTH, MAX_RECORD_LENGTH),
            (2 * FULL_RECORD_LENGTH - 1, MAX_RECORD_LENGTH),
            (2 * FULL_RECORD_LENGTH, 2 * FULL_RECORD_LENGTH),
            (64 * 1024, 3 * FULL_RECORD_LENGTH),
        ] {
            assert_eq!(read_length(room), expected, "{room}");
        }
    }
}
