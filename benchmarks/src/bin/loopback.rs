//! Streams over loopback TCP, beside rustls: how much a second of CPU time moves.
//!
//! - Bulk: megabytes a CPU second for the sender and for the receiver, each of which is a thread of its
//!   own, over 1 and over 100 connections.
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
use std::sync::mpsc;
use std::time::Duration;

use handclasp_benchmarks::sockets::{
    Asynchronous, Blocking, Configurations, Library, listener, tcp_pair,
};
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

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "all".into());
    let rounds = arguments.next().map_or(11, |rounds| rounds.parse().expect("ROUNDS"));
    let configurations = Arc::new(Configurations::new());
    println!("| over loopback TCP | unit | handclasp | rustls | ratio |");
    println!("|---|---|---|---|---|");
    if what != "http" {
        for buffer in [8 * 1024, 64 * 1024] {
            bulk("blocking, 1 connection", rounds, buffer, |library| {
                blocking(&configurations, library, buffer)
            });
            for connections in [1, 100] {
                let name = format!("tokio, {connections} connections");
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

/// The CPU time of the two sides of a transfer, and how many bytes it moved.
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
    row(&format!("{name}, send"), "MB / CPU s", &rates(|transfer| transfer.sent_in));
    let name = format!("{name}, receive into {} KiB", buffer / 1024);
    row(&name, "MB / CPU s", &rates(|transfer| transfer.received_in));
}

fn blocking(configurations: &Configurations, library: Library, buffer: usize) -> Transfer {
    const BYTES: usize = 512 << 20;
    let (sender, receiver) = configurations.blocking_pair(library, tcp_pair(&listener()));
    let receiving = std::thread::spawn(move || receive_blocking(receiver, BYTES, buffer));
    let sending = std::thread::spawn(move || send_blocking(sender, BYTES));
    let (sent_in, _sender) = sending.join().unwrap();
    Transfer { sent_in, received_in: receiving.join().unwrap(), bytes: BYTES }
}

fn send_blocking(mut stream: Box<dyn Blocking>, bytes: usize) -> (Duration, Box<dyn Blocking>) {
    let data = vec![7; WRITE];
    stream.write_all(&data[..1]).unwrap();
    let start = thread_time();
    for _ in 0..bytes / WRITE {
        stream.write_all(&data).unwrap();
    }
    stream.flush().unwrap();
    (thread_time() - start, stream)
}

fn receive_blocking(mut stream: Box<dyn Blocking>, bytes: usize, buffer: usize) -> Duration {
    let mut buffer = vec![0; buffer];
    stream.read_exact(&mut buffer[..1]).unwrap();
    let start = thread_time();
    let mut left = bytes;
    while left > 0 {
        left -= stream.read(&mut buffer).unwrap();
    }
    thread_time() - start
}

/// Each side is a runtime in a thread of its own.
fn asynchronous(
    configurations: &Arc<Configurations>,
    library: Library,
    connections: usize,
    buffer: usize,
) -> Transfer {
    const BYTES: usize = 512 << 20;
    let each = BYTES / connections / WRITE * WRITE;
    let listener = listener();
    let (clients, servers): (Vec<_>, Vec<_>) =
        (0..connections).map(|_| tcp_pair(&listener)).unzip();
    let (done, sender_waits) = mpsc::channel();
    let ours = configurations.clone();
    let receiving = std::thread::spawn(move || {
        let time = in_runtime(servers, async |socket| ours.accept(library, socket).await, {
            move |stream| receive(stream, each, buffer)
        });
        done.send(()).unwrap();
        time
    });
    let ours = configurations.clone();
    let sending = std::thread::spawn(move || {
        let time = in_runtime(clients, async |socket| ours.connect(library, socket).await, {
            move |stream| send(stream, each)
        });
        sender_waits.recv().unwrap();
        time
    });
    let sent_in = sending.join().unwrap();
    Transfer { sent_in, received_in: receiving.join().unwrap(), bytes: each * connections }
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

async fn send(mut stream: Box<dyn Asynchronous>, bytes: usize) -> Box<dyn Asynchronous> {
    let data = vec![7; WRITE];
    for _ in 0..bytes / WRITE {
        stream.write_all(&data).await.unwrap();
    }
    stream.flush().await.unwrap();
    stream
}

async fn receive(
    mut stream: Box<dyn Asynchronous>,
    bytes: usize,
    buffer: usize,
) -> Box<dyn Asynchronous> {
    let mut buffer = vec![0; buffer];
    let mut left = bytes;
    while left > 0 {
        left -= stream.read(&mut buffer).await.unwrap();
    }
    stream
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
