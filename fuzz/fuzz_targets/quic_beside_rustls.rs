//! Our ends of QUIC beside those of rustls, and with them: see the library of this package.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| handclasp_fuzz::quic_beside_rustls::play(data));
