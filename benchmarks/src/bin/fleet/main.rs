//! What servers pay for what they share: resumption and 0-RTT over loopback TCP, with shared ticket keys, and with
//! sessions and the register in a Redis, beside the same in the memory of the process.
//!
//! The server is one thread, the Redis is another one, and there are 32 clients. All compete for the processors, and
//! the two subjects take turns:
//!
//! - Throughput: handshakes a second, of clients that come again and again. A ratio is the median of the rounds'.
//! - CPU: the server thread's time for a handshake, without the time of the Redis. The ratio is of handshakes a CPU
//!   second.
//! - Latency: from the connection to the end of the handshake, of one client alone.
//!
//! `fleet [ROUNDS]`

mod clients;
mod server;

use std::time::Duration;

use handclasp_testing::Identity;
use handclasp_testing::measure::median;
use handclasp_testing::redis_server::RedisServer;

use clients::{Clients, Visits};
use server::{Kind, Place, Server};

fn main() {
    let rounds = std::env::args().nth(1).map_or(11, |rounds| rounds.parse().expect("ROUNDS"));
    let Some(redis) = RedisServer::start_if_available() else {
        println!("redis-server is not here");
        return;
    };
    let identity = Identity::p256();
    let subjects = Kind::ALL.map(|kind| {
        Place::BOTH.map(|place| Subject::new(Server::start(&identity, kind, place, &redis), kind))
    });
    let mut measured = subjects.each_ref().map(|_| [Measured::default(), Measured::default()]);
    for round in 0..rounds {
        for (subjects, measured) in subjects.iter().zip(&mut measured) {
            for turn in 0..2 {
                let place = (round + turn) % 2;
                subjects[place].measure(&identity, &mut measured[place]);
            }
        }
    }
    println!(
        "| over loopback TCP | in memory, handshakes / s | shared, handshakes / s | shared / in memory | CPU of the \
         server, in memory, µs | shared, µs | in memory / shared |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (kind, [memory, shared]) in Kind::ALL.iter().zip(&measured) {
        println!(
            "| {} | {:.0} | {:.0} | {:.3} | {:.0} | {:.0} | {:.3} |",
            kind.name(),
            median(memory.rates.clone()),
            median(shared.rates.clone()),
            ratio(&shared.rates, &memory.rates),
            median(memory.cpu.clone()),
            median(shared.cpu.clone()),
            ratio(&memory.cpu, &shared.cpu),
        );
    }
    println!(
        "\n| latency of one client, µs | in memory, p50 | shared, p50 | added, p50 | in memory, p99 | shared, p99 | \
         added, p99 |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (kind, [memory, shared]) in Kind::ALL.iter().zip(&measured) {
        let row = [0.5, 0.99].map(|part| {
            let (memory, shared) = (memory.quantile(part), shared.quantile(part));
            format!("{memory:.0} | {shared:.0} | {:.0}", shared - memory)
        });
        println!("| {} | {} |", kind.name(), row.join(" | "));
    }
}

/// The median of the rounds' ratios.
fn ratio(values: &[f64], others: &[f64]) -> f64 {
    median(values.iter().zip(others).map(|(value, other)| value / other).collect())
}

/// A server, and what its clients do.
struct Subject {
    server: Server,
    kind: Kind,
}

/// The figures of a subject.
#[derive(Default)]
struct Measured {
    /// Handshakes a second, one value for each round.
    rates: Vec<f64>,
    /// Microseconds of the server thread for a handshake, one value for each round.
    cpu: Vec<f64>,
    /// Microseconds of each handshake of one client alone.
    latencies: Vec<f64>,
}

impl Measured {
    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (part * (sorted.len() - 1) as f64).round() as usize;
        sorted[place]
    }
}

impl Subject {
    /// How long clients come in a round.
    const ROUND: Duration = Duration::from_millis(1000);
    /// How many clients come at once.
    const CLIENTS: usize = 32;
    /// How many handshakes of one client alone there are in a round.
    const ALONE: usize = 500;

    fn new(server: Server, kind: Kind) -> Self {
        Self { server, kind }
    }

    fn measure(&self, identity: &Identity, measured: &mut Measured) {
        let clients = Clients::new(identity, self.kind, self.server.address, Self::CLIENTS);
        let before = self.server.cpu_time();
        let Visits { count, took } = clients.come_for(Self::ROUND);
        let cpu = self.server.cpu_time() - before;
        measured.rates.push(count as f64 / took.as_secs_f64());
        measured.cpu.push(cpu.as_secs_f64() * 1e6 / count as f64);
        let alone = Clients::new(identity, self.kind, self.server.address, 1);
        let latencies = alone.come_alone(Self::ALONE);
        measured.latencies.extend(latencies.iter().map(|it| it.as_secs_f64() * 1e6));
    }
}
