//! Plays random inputs to both of our ends and to those of rustls, and counts the disagreements of
//! each kind: `cargo run --release --example disagreements [how many inputs] [from
//! which]`. With `table` in the
//! place of the number, prints the table of README.md.

use std::collections::BTreeMap;

use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Side;
use handclasp_fuzz::differential::{self, Outcome};
use handclasp_fuzz::explained::{TABLE, explained};
use handclasp_fuzz::quic_beside_rustls::hostile;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("table") {
        return table();
    }
    let count = std::env::args().nth(1).map_or(100_000, |count| count.parse().expect("a number"));
    let first = std::env::args().nth(2).map_or(0, |first| first.parse().expect("a number"));
    for side in [Side::Client, Side::Server] {
        compare("TLS", side, first, count, differential::outcomes);
        compare("QUIC", side, first, count, hostile::outcomes);
    }
}

/// What both say to an input, and whether that is the same.
type Outcomes = fn(Side, &[u8]) -> (Outcome, Outcome, bool);

fn compare(name: &str, side: Side, first: u64, count: u64, outcomes: Outcomes) {
    let hash = CryptoProvider::default().sha256;
    let (mut accepted, mut refused, mut with_row) = (0, 0, 0);
    let mut open = BTreeMap::new();
    for number in first..first + count {
        let mut data: Vec<u8> = (0_u8..6)
            .flat_map(|block| hash.digest(&[&number.to_be_bytes()[..], &[block]].concat()).to_vec())
            .collect();
        // Beyond their end all are honest.
        data.truncate(4 + usize::from(data[data.len() - 1]));
        let (ours, theirs, agree) = outcomes(side, &data);
        if agree {
            *if ours.error.is_none() { &mut accepted } else { &mut refused } += 1;
            continue;
        }
        if explained(side, &ours, &theirs) {
            with_row += 1;
            continue;
        }
        let without_digits = |text: &Option<String>| -> String {
            text.iter().flat_map(|text| text.chars()).filter(|c| !c.is_ascii_digit()).collect()
        };
        let key = (without_digits(&ours.error), without_digits(&theirs.error));
        open.entry(key).or_insert((0, number, ours, theirs)).0 += 1;
    }
    println!(
        "{name}, {side:?}: of {count} inputs both take {accepted} and both refuse {refused}; \
         {with_row} disagreements have a row"
    );
    for (_, (times, number, ours, theirs)) in open {
        println!("{times} times, first {number}:");
        print(&ours, &theirs);
    }
}

/// Errors, alerts, and the fields in which the two differ.
fn print(ours: &Outcome, theirs: &Outcome) {
    for (name, outcome) in [("ours", ours), ("theirs", theirs)] {
        let (complete, delivered) = (outcome.complete, outcome.delivered.len());
        println!("  {name}: {:?} {:?}", outcome.alert, outcome.error);
        println!("    complete: {complete}; {delivered} bytes delivered");
    }
    if ours.error.is_some() != theirs.error.is_some() {
        return;
    }
    let lines = [ours, theirs].map(|outcome| {
        let text = format!("{outcome:#?}");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    let differ = lines[0].iter().zip(&lines[1]).filter(|(one, two)| one != two);
    differ.take(4).for_each(|(one, two)| println!("  {one} / {two}"));
    println!("  {:?} {:?}", ours.messages, theirs.messages);
}

fn table() {
    println!("| About | End | Ours says | rustls says | Why |\n|---|---|---|---|---|");
    let words = |words: &str| match words {
        "" => "(takes it)".to_owned(),
        "*" => "(any error)".to_owned(),
        words => format!("`{words}`"),
    };
    for (about, rows) in TABLE {
        for row in rows {
            let (ours, theirs) = (words(row.ours), words(row.theirs));
            let side = row.side.map_or("Either".to_owned(), |side| format!("{side:?}"));
            println!("| {about} | {side} | {ours} | {theirs} | {} |", row.reason);
        }
    }
}
