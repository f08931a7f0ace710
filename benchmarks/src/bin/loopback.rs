//! Streams over loopback TCP, beside rustls: how much a second of CPU time moves.
//!
//! - Bulk: megabytes a CPU second for the sender and for the receiver, over 1 and over 100 connections.
//!   Both are in one thread and take turns. In two threads, the faster end sleeps and the slower one pays
//!   for waking it, so the time of a sender depends on how fast its receiver is. rustls copies each record
//!   that it receives, and that time depends on where the allocator puts the copy: `src/record/copy.rs`
//!   says why.
//! - HTTP/1.1: requests a CPU second of a hyper server with 1,000 connections. The client is the same
//!   for both libraries, and its time is not counted.
//!
//! The libraries take turns, and the ratio is the median of the rounds' ratios. The time in the kernel
//! counts, and is more than half of it.
//!
//! `loopback [bulk|http] [ROUNDS]`

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use handclasp_benchmarks::sockets::{Asynchronous, Configurations, Library, listener, tcp_pair};
use handclasp_testing::measure::{median, thread_time};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What one write sends: a record of full size.
const WRITE: usize = 16 * 1024;

/// What one end sends in its turn. The buffers of the sockets have room for it: the other end does not
/// read meanwhile.
const TURN: usize = 4 * WRITE;

/// What a transfer moves.
const BYTES: usize = 256 << 20;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "all".into());
    let rounds = arguments.next().map_or(11, |rounds| rounds.parse().expect("ROUNDS"));
    let configurations = Arc::new(Configurations::new());
    println!("| over loopback TCP | unit | handclasp | rustls | handclasp / rustls |");
    println!("|---|---|---|---|---|");
    if what != "http" {
        for buffer in [8 * 1024, 64 * 1024] {
            bulk("blocking, 1 connection", rounds, buffer, |library| {
                blocking(&configurations, library, buffer)
            });
            for connections in [1, 100] {
                let plural = if connections == 1 { "" } else { "s" };
                let name = format!("tokio, {connections} connection{plural}");
                bulk(&name, rounds, buffer, |library| {
                    asynchronous(&configurations, library, connections, buffer)
                });
            }
        }
    }
    if what != "bulk" {
        let values = turns(rounds, |library| http(&configurations, library, 1000));
        row("hyper, 1,000 connections", "requests / CPU s", &values);
    }
}

/// The values of both libraries, one for each round.
fn turns<T>(rounds: usize, mut run: impl FnMut(Library) -> T) -> [Vec<T>; 2] {
    let mut values = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        for turn in 0..2 {
            let subject = (round + turn) % 2;
            values[subject].push(run(Library::BOTH[subject]));
        }
    }
    values
}

fn row(name: &str, unit: &str, [ours, theirs]: &[Vec<f64>; 2]) {
    let ratios = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    println!(
        "| {name} | {unit} | {:.0} | {:.0} | {:.3} |",
        median(ours.clone()),
        median(theirs.clone()),
        median(ratios)
    );
}

/// The CPU time of the two ends of a transfer, and how many bytes it moved.
#[derive(Default)]
struct Transfer {
    sent_in: Duration,
    received_in: Duration,
    bytes: usize,
}

fn bulk(name: &str, rounds: usize, buffer: usize, run: impl FnMut(Library) -> Transfer) {
    let values = turns(rounds, run);
    let rates = |time: fn(&Transfer) -> Duration| {
        let rate = |it: &Transfer| it.bytes as f64 / 1e6 / time(it).as_secs_f64();
        values.each_ref().map(|values| values.iter().map(rate).collect())
    };
    let [send, receive] = ["send", "receive"]
        .map(|end| format!("{name}, {end}, reader's buffer of {} KiB", buffer / 1024));
    row(&send, "MB / CPU s", &rates(|transfer| transfer.sent_in));
    row(&receive, "MB / CPU s", &rates(|transfer| transfer.received_in));
}

fn blocking(configurations: &Configurations, library: Library, buffer: usize) -> Transfer {
    let (mut sender, mut receiver) = configurations.blocking_pair(library, tcp_pair(&listener()));
    let data = vec![7; WRITE];
    let mut buffer = vec![0; buffer];
    // The first byte completes the handshake, for which both ends must run.
    std::thread::scope(|scope| {
        scope.spawn(|| sender.write_all(&data[..1]).unwrap());
        receiver.read_exact(&mut buffer[..1]).unwrap();
    });
    let mut transfer = Transfer::default();
    while transfer.bytes < BYTES {
        transfer.sent_in += time_of(|| {
            for _ in 0..TURN / WRITE {
                sender.write_all(&data).unwrap();
            }
            sender.flush().unwrap();
        });
        transfer.received_in += time_of(|| {
            let mut left = TURN;
            while left > 0 {
                left -= receiver.read(&mut buffer).unwrap();
            }
        });
        transfer.bytes += TURN;
    }
    transfer
}

/// All streams are in one runtime, in this thread.
fn asynchronous(
    configurations: &Configurations,
    library: Library,
    connections: usize,
    buffer: usize,
) -> Transfer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = listener();
    let mut streams = Vec::new();
    for _ in 0..connections {
        let (client, server) = tcp_pair(&listener);
        streams.push(runtime.block_on(async {
            let accepted = configurations.accept(library, server);
            tokio::join!(configurations.connect(library, client), accepted)
        }));
    }
    let data = vec![7; WRITE];
    let mut buffer = vec![0; buffer];
    let mut transfer = Transfer::default();
    while transfer.bytes < BYTES {
        transfer.sent_in += time_of(|| {
            runtime.block_on(async {
                for (sender, _) in &mut streams {
                    send(sender, &data).await;
                }
            });
        });
        transfer.received_in += time_of(|| {
            runtime.block_on(async {
                for (_, receiver) in &mut streams {
                    receive(receiver, &mut buffer).await;
                }
            });
        });
        transfer.bytes += TURN * connections;
    }
    transfer
}

async fn send(stream: &mut Box<dyn Asynchronous>, data: &[u8]) {
    for _ in 0..TURN / WRITE {
        stream.write_all(data).await.unwrap();
    }
    stream.flush().await.unwrap();
}

async fn receive(stream: &mut Box<dyn Asynchronous>, buffer: &mut [u8]) {
    let mut left = TURN;
    while left > 0 {
        left -= stream.read(buffer).await.unwrap();
    }
}

/// The CPU time that `work` takes in this thread.
fn time_of(work: impl FnOnce()) -> Duration {
    let start = thread_time();
    work();
    thread_time() - start
}

/// The CPU time of `work` with all streams, after their handshakes, in a runtime of this thread. The
/// streams are open until all are done.
fn in_runtime<F>(
    sockets: Vec<TcpStream>,
    handshake: impl AsyncFn(TcpStream) -> Box<dyn Asynchronous>,
    work: impl Fn(Box<dyn Asynchronous>) -> F,
) -> Duration
where
    F: Future<Output = Box<dyn Asynchronous>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut streams = Vec::new();
        for socket in sockets {
            streams.push(handshake(socket).await);
        }
        let start = thread_time();
        let tasks: Vec<_> = streams.into_iter().map(|it| tokio::spawn(work(it))).collect();
        let mut finished = Vec::new();
        for task in tasks {
            finished.push(task.await.unwrap());
        }
        thread_time() - start
    })
}

const REQUEST: &[u8] = b"GET /a/path/of/some/length?and=a&query=too HTTP/1.1\r\n\
    Host: server.example\r\nUser-Agent: loopback\r\nAccept: */*\r\n\
    Accept-Encoding: gzip, deflate, br\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n";

/// Requests a second of the server's CPU time.
fn http(configurations: &Arc<Configurations>, library: Library, connections: usize) -> f64 {
    const REQUESTS_EACH: usize = 20;
    let listener = listener();
    let (clients, servers): (Vec<_>, Vec<_>) =
        (0..connections).map(|_| tcp_pair(&listener)).unzip();
    let theirs = configurations.clone();
    let client = std::thread::spawn(move || {
        in_runtime(
            clients,
            async |socket| theirs.connect(Library::Handclasp, socket).await,
            |stream| ask(stream, REQUESTS_EACH),
        )
    });
    let time = in_runtime(
        servers,
        async |socket| configurations.accept(library, socket).await,
        move |stream| async move {
            let service = service_fn(answer);
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // The client's end of the connection is no error here.
            let _ = served.await;
            Box::new(tokio::io::empty()) as Box<dyn Asynchronous>
        },
    );
    client.join().unwrap();
    (connections * REQUESTS_EACH) as f64 / time.as_secs_f64()
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(BODY))))
}

const BODY: &[u8] = &[b'a'; 1024];

/// Whether an answer has its head and its body.
fn is_whole(answer: &[u8]) -> bool {
    let end_of_head = answer.windows(4).position(|window| window == b"\r\n\r\n");
    end_of_head.is_some_and(|end| answer.len() - end - 4 == BODY.len())
}

/// Sends requests, each after the answer to the one before.
async fn ask(mut stream: Box<dyn Asynchronous>, requests: usize) -> Box<dyn Asynchronous> {
    let mut buffer = vec![0; 4096];
    for _ in 0..requests {
        stream.write_all(REQUEST).await.unwrap();
        stream.flush().await.unwrap();
        let mut length = 0;
        while !is_whole(&buffer[..length]) {
            length += stream.read(&mut buffer[length..]).await.unwrap();
        }
    }
    stream
}
