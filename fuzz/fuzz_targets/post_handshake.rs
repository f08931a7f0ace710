//! Messages after the handshake, to a client or a server: see the library of this package.

#![no_main]

use handclasp::handshake::Side;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((side, data)) = data.split_first() else { return };
    let side = if side & 1 == 0 { Side::Client } else { Side::Server };
    handclasp_fuzz::post_handshake::play(side, data);
});
