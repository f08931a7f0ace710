//! Configurations that share a store of sessions and ticket keys: see the library of this package.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    handclasp_fuzz::shared::play(data);
});
