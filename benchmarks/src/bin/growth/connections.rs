//! Open connections, and two threads with one configuration.

use std::sync::Arc;
use std::sync::Barrier;
use std::time::Duration;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::session::{MemoryClientSessions, MemorySessions, TicketKeys};
use handclasp::transport::memory::exchange;
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::measure::{self, median, thread_time};
use handclasp_testing::{Identity, server_name};

use crate::micros_of;

type Configurations = (Arc<ClientConfig>, Arc<ServerConfig>);

fn connect((client, server): &Configurations) -> (ClientConnection, ServerConnection) {
    let mut client = ClientConnection::new(client.clone(), server_name());
    let mut server = ServerConnection::new(server.clone());
    exchange(&mut client, &mut server).unwrap();
    client.release_buffers();
    server.release_buffers();
    (client, server)
}

/// A handshake while so many connections are open.
pub fn handshake(count: usize) -> f64 {
    let configurations = measure::ours(&Identity::p256());
    let open: Vec<_> = (0..count).map(|_| connect(&configurations)).collect();
    let micros = micros_of(50, |_| drop(connect(&configurations)));
    drop(open);
    micros
}

/// CPU time of a handshake, both sides, with one thread and with two that share all configurations.
pub fn two_threads() {
    println!(
        "| microseconds of CPU time for both sides | 1 thread | 2 threads | 2 threads / 1 thread |"
    );
    println!("|---|---|---|---|");
    let identity = Identity::p256();
    let random = CryptoProvider::ring().random;
    let tickets = Arc::new(TicketKeys::random(random.clone()).unwrap());
    let server = || {
        let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
        (ServerConfig::builder(CryptoProvider::ring()), Arc::new(list))
    };
    let client = || {
        let builder = ClientConfig::builder(CryptoProvider::ring());
        builder.trust(identity.anchors()).unwrap()
    };
    let resuming = || {
        let sessions = Arc::new(MemoryClientSessions::new(1000));
        Arc::new(client().sessions(sessions).build().unwrap())
    };
    let (builder, list) = server();
    let full = Arc::new(builder.build(list).unwrap());
    report("full handshakes", &(Arc::new(client().build().unwrap()), full));
    let (builder, list) = server();
    let sealed = Arc::new(builder.sessions(tickets).build(list).unwrap());
    report("resumed, TicketKeys", &(resuming(), sealed));
    let (builder, list) = server();
    let stored = builder.sessions(Arc::new(MemorySessions::new(1000, random)));
    report("resumed, MemorySessions", &(resuming(), Arc::new(stored.build(list).unwrap())));
}

fn report(name: &str, configurations: &Configurations) {
    const ROUNDS: usize = 7;
    connect(configurations);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        one.push(in_threads(1, configurations));
        two.push(in_threads(2, configurations));
    }
    let ratios = two.iter().zip(&one).map(|(two, one)| two / one).collect();
    println!("| {name} | {:.1} | {:.1} | {:.2} |", median(one), median(two), median(ratios));
}

fn in_threads(threads: usize, configurations: &Configurations) -> f64 {
    const EACH: usize = 400;
    let barrier = Barrier::new(threads);
    let work = || {
        barrier.wait();
        let start = thread_time();
        (0..EACH).for_each(|_| drop(connect(configurations)));
        thread_time() - start
    };
    let spent: Duration = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    spent.as_secs_f64() * 1e6 / (threads * EACH) as f64
}
