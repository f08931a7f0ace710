/// The most bytes that are copied at once.
///
/// The header of a record puts its content 5 bytes after the beginning of a buffer, and an allocator
/// often gives source and destination the same place in a page. With such distances, some processors
/// take up to 25 times as long for the string instruction that the memcpy of the C library uses for
/// long copies. It uses no string instruction for pieces of this length.
pub(crate) const COPIED_AT_ONCE: usize = 2048;

/// Copies as many bytes as fit to the beginning of `to`, and returns how many these are.
pub(crate) fn copy_in_pieces(from: &[u8], to: &mut [u8]) -> usize {
    for (from, to) in from.chunks(COPIED_AT_ONCE).zip(to.chunks_mut(COPIED_AT_ONCE)) {
        let length = from.len().min(to.len());
        let (Some(from), Some(to)) = (from.get(..length), to.get_mut(..length)) else { break };
        to.copy_from_slice(from);
    }
    from.len().min(to.len())
}

/// Appends all bytes to `out`.
pub(crate) fn append_in_pieces(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len());
    for piece in bytes.chunks(COPIED_AT_ONCE) {
        out.extend_from_slice(piece);
    }
}

/// Moves the bytes of this range of `buffer` to `destination`.
pub(crate) fn move_in_pieces(
    buffer: &mut [u8],
    range: core::ops::Range<usize>,
    destination: usize,
) {
    let Some(distance) = range.start.checked_sub(destination) else {
        // memmove copies backwards here, and uses no string instruction.
        return buffer.copy_within(range, destination);
    };
    for start in range.clone().step_by(COPIED_AT_ONCE) {
        let end = range.end.min(start + COPIED_AT_ONCE);
        buffer.copy_within(start..end, start - distance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [usize; 8] = [
        0,
        1,
        COPIED_AT_ONCE - 1,
        COPIED_AT_ONCE,
        COPIED_AT_ONCE + 1,
        2 * COPIED_AT_ONCE,
        5000,
        16_384,
    ];

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn copies_in_pieces_are_what_one_copy_is() {
        for from in LENGTHS.map(bytes) {
            let mut out = vec![7];
            append_in_pieces(&from, &mut out);
            assert_eq!((out[0], &out[1..]), (7, &from[..]));
            for mut to in LENGTHS.map(|length| vec![0; length]) {
                let count = copy_in_pieces(&from, &mut to);
                assert_eq!(count, from.len().min(to.len()));
                assert!(to[..count] == from[..count] && to[count..].iter().all(|byte| *byte == 0));
            }
        }
    }

    #[test]
    fn bytes_that_are_moved_by_less_than_their_length_stay_the_same() {
        for length in LENGTHS {
            for distance in [0, 1, 5, 22, 3000] {
                let mut buffer = [vec![9; distance], bytes(length), vec![9; 3]].concat();
                move_in_pieces(&mut buffer, distance..distance + length, 0);
                assert!(buffer[..length] == bytes(length) && buffer[distance + length..] == [9; 3]);
                move_in_pieces(&mut buffer, 0..length, distance);
                assert!(buffer[distance..] == [bytes(length), vec![9; 3]].concat());
            }
        }
    }
}
