//! Plays random inputs to both of our ends and to those of rustls, and counts the disagreements of
//! each kind: `cargo run --release --example disagreements [how many inputs]`. With `table` in the
//! place of the number, prints the table of README.md.

use std::collections::BTreeMap;

use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Side;
use handclasp_fuzz::differential::disagreement;
use handclasp_fuzz::explained::EXPLAINED;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("table") {
        return table();
    }
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

fn table() {
    println!("| End | Ours says | rustls says | Why |\n|---|---|---|---|");
    let words = |words: &str| match words {
        "" => "(takes it)".to_owned(),
        "*" => "(any error)".to_owned(),
        words => format!("`{words}`"),
    };
    for row in EXPLAINED {
        let (ours, theirs) = (words(row.ours), words(row.theirs));
        println!("| {:?} | {ours} | {theirs} | {} |", row.side, row.reason);
    }
}
