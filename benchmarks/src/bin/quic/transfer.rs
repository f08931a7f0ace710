//! A transfer between two endpoints, on one stream.

use handclasp_benchmarks::quic::endpoints::Pair;
use handclasp_benchmarks::quic::{Kind, Suite, Tls};
use handclasp_testing::Identity;
use handclasp_testing::handshakes::Spent;
use handclasp_testing::measure::median;

const ROUNDS: usize = 15;

const BYTES: usize = 8 << 20;

pub fn measure(identity: &Identity) {
    let ours = Tls::handclasp(Suite::Aes128Gcm, Kind::Full, identity);
    let theirs = Tls::rustls(Suite::Aes128Gcm, Kind::Full, identity);
    let mut pairs = [connected(&ours), connected(&theirs)];
    let (mut our_rates, mut their_rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let [ours, theirs] = &mut pairs;
        our_rates.push(rate(ours));
        their_rates.push(rate(theirs));
    }
    let ratios = our_rates.iter().zip(&their_rates).map(|(ours, theirs)| ours / theirs).collect();
    println!(
        "| transfer of 8 MiB, both sides | MB / CPU s (more is better) | {:.0} | {:.0} | {:.3} |",
        median(their_rates),
        median(our_rates),
        median(ratios)
    );
}

fn connected(tls: &Tls) -> Pair {
    let mut pair = Pair::new(tls);
    let mut spent = Spent::default();
    pair.connect(tls, &mut spent);
    while pair.carry(&mut spent) > 0 {}
    assert!(pair.is_connected());
    pair
}

/// Megabytes for each second of CPU time that both sides take together.
fn rate(pair: &mut Pair) -> f64 {
    let spent = pair.transfer(BYTES);
    BYTES as f64 / 1e6 / (spent.client + spent.server).as_secs_f64()
}
