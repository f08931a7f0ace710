//! What servers pay for what they share: resumption and 0-RTT over loopback TCP, with shared ticket keys, and with
//! sessions and the register in a Redis, beside the same in the memory of the process.
//!
//! The server is one thread, the Redis is another one, and there are 64 clients. All compete for the processors, and
//! the two subjects take turns:
//!
//! - Throughput: handshakes a second, while all clients come again and again. A ratio is the median of the
//!   ratios of all turns.
//! - CPU: the server thread's time for a handshake, without the time of the Redis. The ratio is of handshakes a CPU
//!   second.
//! - Latency: from the connection to the end of the handshake, of one client alone.
//!
//! A turn is short, so that a machine that is slow for a while slows both subjects.
//!
//! `fleet [TURNS]`: 80 turns if nothing is given. It needs the program `redis-server`.

mod clients;
mod server;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use handclasp_testing::Identity;
use handclasp_testing::measure::median;
use handclasp_testing::redis_server::RedisServer;

use clients::Clients;
use server::{Kind, Place, Server};

fn main() {
    let turns = std::env::args().nth(1).map_or(80, |turns| turns.parse().expect("TURNS"));
    let Some(redis) = RedisServer::start_if_available() else {
        println!("redis-server is not here");
        return;
    };
    let identity = Identity::p256();
    let mut subjects = Kind::ALL
        .map(|kind| Place::BOTH.map(|place| Subject::start(&identity, kind, place, &redis)));
    for turn in 0..turns {
        for [memory, shared] in &mut subjects {
            if turn % 2 == 0 {
                memory.measure();
                shared.measure();
            } else {
                shared.measure();
                memory.measure();
            }
        }
    }
    println!(
        "| over loopback TCP | in memory, handshakes / s | shared, handshakes / s | shared / in memory | CPU of the \
         server, in memory, µs | shared, µs | in memory / shared |"
    );
    println!("|---|---|---|---|---|---|---|");
    for [memory, shared] in &subjects {
        println!(
            "| {} | {:.0} | {:.0} | {:.3} | {:.0} | {:.0} | {:.3} |",
            memory.kind.name(),
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
    for [memory, shared] in &subjects {
        let row = [0.5, 0.99].map(|part| {
            let (memory, shared) = (memory.quantile(part), shared.quantile(part));
            format!("{memory:.0} | {shared:.0} | {:.0}", shared - memory)
        });
        println!("| {} | {} |", memory.kind.name(), row.join(" | "));
    }
}

/// The median of the ratios of all turns.
fn ratio(values: &[f64], others: &[f64]) -> f64 {
    median(values.iter().zip(others).map(|(value, other)| value / other).collect())
}

/// What clients did in a turn.
struct Visits {
    count: usize,
    took: Duration,
    /// Of the server's thread.
    cpu: Duration,
}

/// A server with its clients, and their figures.
struct Subject {
    kind: Kind,
    server: Server,
    clients: Clients,
    /// Handshakes a second, one value for each turn.
    rates: Vec<f64>,
    /// Microseconds of the server thread for a handshake, one value for each turn.
    cpu: Vec<f64>,
    /// Microseconds of each handshake of one client alone.
    latencies: Vec<f64>,
}

impl Subject {
    /// How long clients come before their visits of a turn are counted: until then all are there.
    const START: Duration = Duration::from_millis(50);
    /// How long the visits of a turn are counted.
    const WINDOW: Duration = Duration::from_millis(200);
    /// How many clients come at once.
    const CLIENTS: usize = 64;
    /// How many handshakes of one client alone there are in a turn.
    const ALONE: usize = 100;

    fn start(identity: &Identity, kind: Kind, place: Place, redis: &RedisServer) -> Self {
        let server = Server::start(identity, kind, place, redis);
        let clients = Clients::new(identity, kind, server.address, Self::CLIENTS);
        let [rates, cpu, latencies] = [const { Vec::new() }; 3];
        Self { kind, server, clients, rates, cpu, latencies }
    }

    fn measure(&mut self) {
        self.measure_throughput();
        self.measure_latency();
    }

    /// Of all clients at once, with the CPU time of the server.
    fn measure_throughput(&mut self) {
        let visits = self.clients.come_during(|count| {
            thread::sleep(Self::START);
            let (start, before) = (Instant::now(), count.load(Ordering::Relaxed));
            let cpu_before = self.server.cpu_time();
            thread::sleep(Self::WINDOW);
            let (took, count) = (start.elapsed(), count.load(Ordering::Relaxed) - before);
            Visits { count, took, cpu: self.server.cpu_time() - cpu_before }
        });
        self.rates.push(visits.count as f64 / visits.took.as_secs_f64());
        self.cpu.push(visits.cpu.as_secs_f64() * 1e6 / visits.count as f64);
    }

    /// Of one client alone.
    fn measure_latency(&mut self) {
        let latencies = self.clients.come_alone(Self::ALONE);
        self.latencies.extend(latencies.iter().map(|it| it.as_secs_f64() * 1e6));
    }

    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (part * (sorted.len() - 1) as f64).round() as usize;
        sorted[place]
    }
}
