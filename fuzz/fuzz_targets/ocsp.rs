//! The input is the DER of an OCSP response, stapled to the leaf of the chain.

#![no_main]

use handclasp::certificate::RevocationMode;
use handclasp_fuzz::revocation;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| revocation::play(&[], Some(data), RevocationMode::Require, data));
