//! Two of our own ends with an attacker between them: see the library of this package.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    handclasp_fuzz::two_ends::play(data);
});
