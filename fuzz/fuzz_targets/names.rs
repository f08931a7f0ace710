//! Names against constraints and against what was asked for: see the library of this package.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| handclasp_fuzz::certificates::names(data));
