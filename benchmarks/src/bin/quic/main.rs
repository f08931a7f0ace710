//! QUIC: quinn-proto with the TLS of this library, beside quinn-proto with that of rustls, in memory and
//! without sockets.
//!
//! - Packets of 1,200 bytes: the time to protect or to open one, its header included, and the time to make
//!   keys. What is in memory for a key is overwritten with this library, and the stack after a key update, and
//!   neither is with rustls.
//! - Handshakes (x25519, P-256 certificate, TLS_AES_128_GCM_SHA256) and a transfer: the CPU time of each
//!   side, what quinn itself does included.
//!
//! Both have the same library of primitives: ring, or aws-lc-rs with the feature `aws-lc-rs`. The subjects
//! take turns within each round, and a ratio is the median of the rounds' ratios.
//!
//! `quic [packets|handshakes|transfer]`

mod handshakes;
mod packets;
mod transfer;

use handclasp_benchmarks::quic::PRIMITIVES;
use handclasp_testing::Identity;
use handclasp_testing::measure::Column;

fn main() {
    let only = std::env::args().nth(1);
    let identity = Identity::p256();
    println!("| over {PRIMITIVES} | unit | rustls | handclasp | handclasp / rustls |");
    println!("|---|---|---|---|---|");
    let is_wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if is_wanted("packets") {
        packets::measure(&identity);
    }
    if is_wanted("handshakes") {
        handshakes::measure(&identity);
    }
    if is_wanted("transfer") {
        transfer::measure(&identity);
    }
}

/// What both took for the same: this library, and rustls.
#[derive(Default)]
struct Columns {
    ours: Column,
    theirs: Column,
}

impl Columns {
    fn report_nanos(&self, name: &str) {
        let (ours, theirs) = (self.ours.micros() * 1e3, self.theirs.micros() * 1e3);
        let ratio = self.ours.ratio(&self.theirs);
        println!("| {name} | ns | {theirs:.0} | {ours:.0} | {ratio:.3} |");
    }

    fn report_micros(&self, name: &str) {
        let (ours, theirs) = (self.ours.micros(), self.theirs.micros());
        let ratio = self.ours.ratio(&self.theirs);
        println!("| {name} | µs | {theirs:.1} | {ours:.1} | {ratio:.3} |");
    }
}
