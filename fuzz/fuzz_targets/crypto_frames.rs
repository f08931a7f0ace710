//! CRYPTO frames of QUIC in any order, overlap and level: see the library of this package.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    handclasp_fuzz::crypto_frames::play(data);
});
