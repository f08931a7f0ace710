//! Handshakes in memory: the CPU time of each side, beside rustls and beside the floor. With x25519,
//! TLS_AES_128_GCM_SHA256, certificates with a P-256 key (RSA: 2048 bits), each signed by a P-256
//! authority.
//!
//! | Handshake | What it is |
//! |---|---|
//! | full | the server has a certificate; no ticket |
//! | RSA | the same with an RSA key |
//! | resumed | with a ticket and a key exchange (psk_dhe_ke); the server sends a new ticket |
//! | mutual | both sides have a certificate |
//! | retried | the client's first share is for secp256r1, and the server takes x25519 only |
//!
//! **The floor is what RFC 9846 makes unavoidable**, done with `ring` alone, on as many bytes as the
//! messages of this library have: key pairs and agreements; signatures and their verification (a chain of
//! one signature, and CertificateVerify); the transcript hash; HMAC and HKDF of the key schedule, with
//! each key prepared once, without the exporter secret; the keys of the records, and the protection of
//! the messages, one record for each flight; the randoms of the hellos. A resumed handshake has the new
//! ticket, too: its ticket_age_add, its secret and its record. The server keeps nothing, so it opens the
//! session in the ticket that came, and seals that of the new one, with AES-256-GCM under a prepared key
//! and with a random nonce. The floor has no message formats, no certificates, no allocations and no checks.
//!
//! The subjects take turns of some milliseconds within each round, with several connections at a time, so
//! that the clock is not read often. The figures are medians over the rounds, and the ratios are medians of the rounds'
//! ratios, which a machine that is slow for a while does not change. The output is Markdown.

mod floor;
mod ours;
mod theirs;

use handclasp_testing::handshakes::{Columns, Spent};
use handclasp_testing::measure::Column;

const ROUNDS: usize = 150;

/// How many batches a subject makes in its turn, which takes some milliseconds then.
const BATCHES: u32 = 4;

/// What kind of handshake it is: see the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Full,
    Rsa,
    Resumed,
    Mutual,
    Retried,
}

impl Kind {
    const ALL: [(Self, &str); 5] = [
        (Self::Full, "full"),
        (Self::Rsa, "RSA"),
        (Self::Resumed, "resumed"),
        (Self::Mutual, "mutual"),
        (Self::Retried, "retried"),
    ];
}

/// What is measured. Each call makes a batch of handshakes.
trait Subject {
    fn run(&mut self) -> Spent;
}

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    println!(
        "| handshake | side | floor, µs | handclasp, µs | rustls, µs | handclasp / floor | rustls / floor | handclasp / rustls |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (kind, name) in Kind::ALL {
        if only.as_deref().is_none_or(|only| only == name) {
            measure(kind, name);
        }
    }
}

fn measure(kind: Kind, name: &str) {
    let identities = ours::Identities::new(kind);
    let mut ours = ours::Handclasp::new(kind, &identities);
    let mut theirs = theirs::Rustls::new(kind, &identities);
    let mut floor = floor::Floor::new(kind, &identities, ours.lengths());
    let [mut our_columns, mut their_columns, mut floor_columns] =
        [(); 3].map(|()| Columns::default());
    for _ in 0..ROUNDS {
        our_columns.add(turn(&mut ours));
        floor_columns.add(turn(&mut floor));
        their_columns.add(turn(&mut theirs));
    }
    report(name, "client", &our_columns.client, &their_columns.client, &floor_columns.client);
    report(name, "server", &our_columns.server, &their_columns.server, &floor_columns.server);
}

/// The mean of a turn's batches.
fn turn(subject: &mut impl Subject) -> Spent {
    let mut sum = Spent::default();
    for _ in 0..BATCHES {
        let Spent { client, server } = subject.run();
        sum.client += client;
        sum.server += server;
    }
    Spent { client: sum.client / BATCHES, server: sum.server / BATCHES }
}

fn report(name: &str, side: &str, ours: &Column, theirs: &Column, floor: &Column) {
    println!(
        "| {name} | {side} | {:.1} | {:.1} | {:.1} | {:.3} | {:.3} | {:.3} |",
        floor.micros(),
        ours.micros(),
        theirs.micros(),
        ours.ratio(floor),
        theirs.ratio(floor),
        ours.ratio(theirs),
    );
}
