//! A client whose peer is hostile, below the encryption: see the library of this package.

#![no_main]

use handclasp::handshake::Side;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| handclasp_fuzz::play(Side::Client, data));
