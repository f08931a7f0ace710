//! The same hostile bytes for our server and for the one of rustls: see the library of this package.

#![no_main]

use handclasp::handshake::Side;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| handclasp_fuzz::differential::play(Side::Server, data));
