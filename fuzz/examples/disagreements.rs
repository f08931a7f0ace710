//! Plays random inputs to both of our ends and to those of rustls, and counts the disagreements of
//! each kind: `cargo run --release --example disagreements [how many inputs]`.

use std::collections::BTreeMap;

use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Side;
use handclasp_fuzz::differential::disagreement;
use handclasp_fuzz::explained::EXPLAINED;

fn main() {
    let count = std::env::args().nth(1).map_or(100_000, |count| count.parse().expect("a number"));
    let hash = CryptoProvider::ring().cipher_suites[0].hash;
    for side in [Side::Client, Side::Server] {
        let (mut explained, mut open) = (0, BTreeMap::new());
        for number in 0_u64..count {
            let data: Vec<u8> = (0_u8..6)
                .flat_map(|block| {
                    hash.digest(&[&number.to_be_bytes()[..], &[block]].concat()).to_vec()
                })
                .collect();
            let Some((ours, theirs)) = disagreement(side, &data) else { continue };
            if EXPLAINED.iter().any(|row| row.explains(side, &ours, &theirs)) {
                explained += 1;
                continue;
            }
            let without_digits = |text: &Option<String>| -> String {
                text.iter().flat_map(|text| text.chars()).filter(|c| !c.is_ascii_digit()).collect()
            };
            let key = (without_digits(&ours.error), without_digits(&theirs.error));
            open.entry(key).or_insert((0, number, ours, theirs)).0 += 1;
        }
        println!("{side:?}: {count} inputs, {explained} explained disagreements");
        for (_, (times, number, ours, theirs)) in open {
            println!("{times} times, first {number}:\n  ours:   {ours:?}\n  theirs: {theirs:?}");
        }
    }
}
