//! Certificates of a hostile peer and of hostile authorities: see the library of this package.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| handclasp_fuzz::certificates::chain(data));
