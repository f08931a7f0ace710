//! Handshakes of two endpoints.

use handclasp_benchmarks::quic::endpoints::Pair;
use handclasp_benchmarks::quic::{Kind, Suite, Tls};
use handclasp_testing::Identity;
use handclasp_testing::handshakes::{BATCH, Spent};

use crate::Columns;

const ROUNDS: usize = 150;

pub fn measure(identity: &Identity) {
    for (kind, name) in [(Kind::Full, "full"), (Kind::Resumed, "resumed")] {
        let ours = Tls::handclasp(Suite::Aes128Gcm, kind, identity);
        let theirs = Tls::rustls(Suite::Aes128Gcm, kind, identity);
        // With sessions: these are full handshakes, and each gives a ticket.
        batch(&ours);
        batch(&theirs);
        let (mut client, mut server) = (Columns::default(), Columns::default());
        for _ in 0..ROUNDS {
            let spent = batch(&ours);
            client.ours.add(spent.client, BATCH as u32);
            server.ours.add(spent.server, BATCH as u32);
            let spent = batch(&theirs);
            client.theirs.add(spent.client, BATCH as u32);
            server.theirs.add(spent.server, BATCH as u32);
        }
        client.report_micros(&format!("{name} handshake, client"));
        server.report_micros(&format!("{name} handshake, server"));
    }
}

/// The handshakes of [`BATCH`] pairs.
fn batch(tls: &Tls) -> Spent {
    let mut spent = Spent::default();
    let mut pairs: Vec<Pair> = (0..BATCH).map(|_| Pair::new(tls)).collect();
    for pair in &mut pairs {
        pair.connect(tls, &mut spent);
    }
    for pair in &mut pairs {
        while pair.carry(&mut spent) > 0 {}
        assert!(pair.is_connected());
    }
    spent
}
