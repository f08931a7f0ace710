//! Our ends of QUIC beside those of rustls: [the same hostile CRYPTO data for both](hostile), and
//! [handshakes of one with the other](meeting).

mod ends;
pub mod hostile;
pub mod meeting;

use crate::Input;

/// Plays the input, whose first byte chooses which of the two.
pub fn play(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 2 {
        0 => hostile::play(input),
        _ => {
            meeting::play(input);
        }
    }
}
