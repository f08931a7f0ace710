//! Answers that come in any order, twice and too late: see the library of this package.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    handclasp_fuzz::questions::play(data);
});
