use std::io::{self, Read};

use crate::record::copy_in_pieces;

/// The buffer that a reader gives a stream. The stream returns data in it. If it is long enough, the
/// stream also reads from its transport into it, and decrypts there.
pub(super) trait ReaderBuffer<T> {
    /// How many bytes fit.
    fn room(&self) -> usize;

    /// Copies `before` to the front, and reads from the transport once, behind these bytes. Returns how
    /// many bytes were read. They and `before` are the [`front`](Self::front) then.
    fn read_behind(&mut self, before: &[u8], transport: &mut T) -> io::Result<usize>;

    /// The first `length` bytes, which were read.
    fn front(&mut self, length: usize) -> &mut [u8];

    /// The first `length` bytes of the front are the data that the reader gets.
    fn return_front(&mut self, length: usize);

    /// Copies as many bytes of data as fit into the buffer, for the reader. Returns how many.
    fn return_copy_of(&mut self, data: &[u8]) -> usize;
}

/// The buffer of a blocking reader.
impl<T: Read> ReaderBuffer<T> for [u8] {
    fn room(&self) -> usize {
        self.len()
    }

    fn read_behind(&mut self, before: &[u8], transport: &mut T) -> io::Result<usize> {
        let start = copy_in_pieces(before, self);
        transport.read(self.get_mut(start..).unwrap_or_default())
    }

    fn front(&mut self, length: usize) -> &mut [u8] {
        self.get_mut(..length).unwrap_or_default()
    }

    fn return_front(&mut self, _: usize) {}

    fn return_copy_of(&mut self, data: &[u8]) -> usize {
        copy_in_pieces(data, self)
    }
}
