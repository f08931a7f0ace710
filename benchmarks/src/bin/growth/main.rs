//! What one more of something costs, for 1 to 100,000 of it: certificates, external pre-shared keys,
//! sessions, tickets, pins, trust anchors, entries of a CRL, open connections. And two threads beside
//! one.
//!
//! It prints a table in Markdown and draws `docs/growth.svg`. `growth MOST` ends at fewer than 100,000,
//! and draws nothing.

mod certificates;
mod connections;
mod stores;

use std::path::Path;
use std::time::Duration;

use handclasp_benchmarks::drawing::{Curve, draw};
use handclasp_testing::measure::{median, thread_time};

const MOST: usize = 100_000;

fn main() {
    let most = std::env::args().nth(1).map_or(MOST, |most| most.parse().expect("MOST"));
    let all: Vec<usize> =
        [1, 10, 100, 1000, 10_000, MOST].into_iter().filter(|count| *count <= most).collect();
    let fewer: Vec<usize> = all.iter().copied().filter(|count| *count <= 10_000).collect();
    print!("| microseconds of CPU time, for |");
    all.iter().for_each(|count| print!(" {count} |"));
    println!("\n|---|{}", "---|".repeat(all.len()));
    let mut curves = Vec::new();
    for (name, counts, measure) in [
        ("certificates: a known name", &all, certificates::known_name as Measure),
        ("certificates: an unknown name", &all, certificates::unknown_name),
        ("pre-shared keys: a known identity", &all, stores::known_identity),
        ("pre-shared keys: 16 unknown identities", &all, stores::unknown_identities),
        ("a client's sessions: put and take", &all, stores::client_sessions),
        ("a server's sessions: put and take", &all, stores::server_sessions),
        ("pins: a known key", &all, stores::pins),
        ("entries of a CRL: look-up", &all, certificates::crl_entry),
        ("trust anchors: one is loaded", &all, certificates::loaded_anchor),
        ("trust anchors: a chain is verified", &fewer, certificates::trust_anchors),
        ("open connections: a handshake, both sides", &fewer, connections::handshake),
    ] {
        let curve = curve(name, counts, measure);
        print!("| {name} |");
        curve.points.iter().for_each(|(_, micros)| print!(" {micros:.2} |"));
        println!("{}", " |".repeat(all.len() - counts.len()));
        curves.push(curve);
    }
    println!();
    connections::two_threads();
    if most == MOST {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/growth.svg");
        draw(&path, "The cost of one more", &curves).expect("docs/growth.svg is written");
    }
}

/// Makes so many things, and returns how many microseconds a use of them takes.
type Measure = fn(usize) -> f64;

fn curve(name: &str, counts: &[usize], measure: Measure) -> Curve {
    let points = counts.iter().map(|count| (*count, measure(*count))).collect();
    Curve { name: name.into(), points }
}

/// The median time of a call, in microseconds of CPU time. `call` gets the number of the call.
///
/// The kernel counts the time of a running thread at each tick of its clock, a few milliseconds apart.
/// So a batch takes many ticks. `calls` are made between two looks at the time.
pub fn micros_of(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    const BATCHES: usize = 7;
    const BATCH: Duration = Duration::from_millis(80);
    let mut number = 0;
    let mut batch = || {
        let (start, before) = (thread_time(), number);
        let mut spent = Duration::ZERO;
        while spent < BATCH {
            for _ in 0..calls {
                call(number);
                number += 1;
            }
            spent = thread_time() - start;
        }
        spent.as_secs_f64() * 1e6 / (number - before) as f64
    };
    // The first batch fills the caches.
    batch();
    median((0..BATCHES).map(|_| batch()).collect())
}

/// Numbers below `count` without order: the `number`th of them.
pub fn scattered(number: usize, count: usize) -> usize {
    number.wrapping_mul(7_368_787) % count
}
