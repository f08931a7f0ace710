//! Hostile peers of ends that have more to do than the plain ones: see the library of this package.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| handclasp_fuzz::features::play(data));
