//! Where a record begins in a buffer, so that its content is aligned in memory.

use super::HEADER_LENGTH;

/// The content of a long record begins at a multiple of this in memory, where the library chooses its place:
/// the length of a processor's cache line. If the header began at such a place, every second load or
/// store of a cipher and of a copy would touch two lines, and a record would take some 4 % longer.
pub(crate) const CONTENT_ALIGNMENT: usize = 64;

/// Where a record begins in `buffer` so that its content is aligned: fewer than [`CONTENT_ALIGNMENT`] bytes
/// after the beginning. Only the address of `buffer` counts: it may be empty.
pub(crate) fn aligned_start(buffer: &[u8]) -> usize {
    let content = buffer.as_ptr().addr() + HEADER_LENGTH;
    content.next_multiple_of(CONTENT_ALIGNMENT) - content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_of_a_record_at_an_aligned_start_is_aligned() {
        let buffer = [0; 3 * CONTENT_ALIGNMENT];
        for from in 0..=CONTENT_ALIGNMENT {
            let start = aligned_start(&buffer[from..]);
            assert!(start < CONTENT_ALIGNMENT);
            let content = &buffer[from + start + HEADER_LENGTH..];
            assert_eq!(content.as_ptr().addr() % CONTENT_ALIGNMENT, 0);
        }
    }
}
