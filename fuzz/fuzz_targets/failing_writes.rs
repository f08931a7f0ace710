//! A stream whose writes fail while data come: see the library of this package.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    handclasp_fuzz::failing_writes::play(data);
});
