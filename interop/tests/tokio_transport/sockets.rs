//! Bad input over real sockets: slow, silent, foreign, hostile and vanishing clients, a thousand at
//! once. Each gets an alert or is left, the others go on, and the server's memory comes back: every byte that
//! is allocated is counted. The figures are printed.

use std::alloc::System;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::ends;
use handclasp::transport::tokio::{Acceptor, Connector, TlsStream};
use handclasp::{ClientConnection, Connection, ServerConfig};
use handclasp_testing::numbers::varied_bytes;
use handclasp_testing::{Identity, server_name};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PATIENCE: Duration = Duration::from_secs(60);
/// What a server says of a client that closed its connection as it should.
const ORDERLY: &str = "an orderly end";

const MANY: usize = 1_000;
/// The bytes that a flood may leave behind, which is sixteen for a client.
const LEFT: usize = 16 * 1024;

/// An echo server in this process, and what became of its clients.
struct Server {
    address: SocketAddr,
    config: Arc<ServerConfig>,
    ends: Arc<Mutex<BTreeMap<String, usize>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(identity: &Identity, handshake_timeout: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, config) = (listener.local_addr().unwrap(), identity.server_config());
        let acceptor = Acceptor::new(Arc::clone(&config)).handshake_timeout(handshake_timeout);
        let ends = Arc::new(Mutex::new(BTreeMap::new()));
        let counted = Arc::clone(&ends);
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, ends) = (acceptor.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let end = match echo(acceptor, socket).await {
                        Ok(()) => ORDERLY.into(),
                        Err(error) => error.to_string(),
                    };
                    *ends.lock().unwrap().entry(end).or_insert(0) += 1;
                });
            }
        });
        Self { address, config, ends, task }
    }

    /// How many clients ended with words that have these in them.
    fn count(&self, words: &str) -> usize {
        let ends = self.ends.lock().unwrap();
        ends.iter().filter(|(end, _)| end.contains(words)).map(|(_, count)| count).sum()
    }

    fn clients(&self) -> usize {
        self.ends.lock().unwrap().values().sum()
    }

    /// Waits until nothing is left of any client: no task, no configuration in use.
    async fn wait_until_idle(&self, clients: usize) {
        let idle = async {
            // This one, the acceptor's, and no other.
            while self.clients() < clients || Arc::strong_count(&self.config) > 2 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = timeout(PATIENCE, idle).await;
        assert!(waited.is_ok(), "{} of {clients}: {:?}", self.clients(), self.ends);
    }
}

async fn echo(acceptor: Acceptor, socket: TcpStream) -> io::Result<()> {
    let (mut reader, mut writer) = split(acceptor.accept(socket).await?);
    copy(&mut reader, &mut writer).await?;
    writer.shutdown().await
}

/// A client that does nothing wrong: it sends, and gets the same back, until it has to stop.
struct Honest {
    stream: TlsStream<ClientConnection, TcpStream>,
    slowest: Duration,
    rounds: u32,
}

impl Honest {
    async fn connect(identity: &Identity, address: SocketAddr) -> Self {
        let connector = Connector::new(identity.client_config());
        let socket = TcpStream::connect(address).await.unwrap();
        let stream = connector.connect(server_name(), socket).await.unwrap();
        Self { stream, slowest: Duration::ZERO, rounds: 0 }
    }

    async fn ping(&mut self) {
        let start = Instant::now();
        let (data, mut back) = (varied_bytes(1_000, self.rounds), [0; 1_000]);
        self.stream.write_all(&data).await.unwrap();
        self.stream.flush().await.unwrap();
        let read = timeout(PATIENCE, self.stream.read_exact(&mut back)).await;
        read.expect("an honest client waits").unwrap();
        assert_eq!(back[..], data[..]);
        self.slowest = self.slowest.max(start.elapsed());
        self.rounds += 1;
    }

    async fn close(mut self) {
        self.stream.shutdown().await.unwrap();
        assert_eq!(self.stream.read(&mut [0]).await.unwrap(), 0);
    }
}

fn client_hello(identity: &Identity) -> Vec<u8> {
    let client = ClientConnection::new(identity.client_config(), server_name());
    client.outgoing().to_vec()
}

/// A ClientHello as a client of TLS 1.2 sends it: without supported_versions.
fn tls12_client_hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    body.extend([0, 16, 0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3]);
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat()
}

#[derive(Clone, Copy, Debug)]
enum Bad {
    /// Says nothing.
    Silent,
    /// Says a byte of its ClientHello now and then.
    Slow,
    /// Sends a whole ClientHello, and nothing more.
    HalfOpen,
    /// The same, but hangs up.
    Vanishing,
    Garbage,
    PlainHttp,
    Tls12,
    /// Completes its handshake and hangs up without a word.
    Truncating,
}

impl Bad {
    const ALL: [Self; 8] = [
        Self::Silent,
        Self::Slow,
        Self::HalfOpen,
        Self::Vanishing,
        Self::Garbage,
        Self::PlainHttp,
        Self::Tls12,
        Self::Truncating,
    ];

    /// What the server says of it.
    fn words(self) -> &'static str {
        match self {
            Self::Silent | Self::Slow | Self::HalfOpen => "the handshake took longer than 5s",
            Self::Vanishing => "the transport ended during the handshake",
            Self::Garbage => "unknown content type",
            Self::PlainHttp => "this is not TLS: the peer seems to speak HTTP without TLS",
            Self::Tls12 => "the peer does not offer TLS 1.3",
            Self::Truncating => "the transport ended without close_notify",
        }
    }

    async fn behave(self, identity: Arc<Identity>, address: SocketAddr) {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let hello = client_hello(&identity);
        match self {
            Self::Silent => {}
            Self::Slow => {
                for byte in &hello[..100] {
                    if socket.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            }
            Self::HalfOpen => socket.write_all(&hello).await.unwrap(),
            Self::Vanishing => return socket.write_all(&hello).await.unwrap(),
            Self::Garbage => socket.write_all(&[0xe7; 3_000]).await.unwrap(),
            Self::PlainHttp => {
                socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap()
            }
            Self::Tls12 => socket.write_all(&tls12_client_hello()).await.unwrap(),
            Self::Truncating => {
                let connector = Connector::new(identity.client_config());
                drop(connector.connect(server_name(), socket).await.unwrap());
                return;
            }
        }
        // Until the server has had enough, which it must.
        let mut received = Vec::new();
        let end = timeout(PATIENCE, socket.read_to_end(&mut received)).await;
        assert!(end.is_ok(), "the server keeps up with {self:?}");
        if let Self::Tls12 = self {
            // A reset may come before it.
            assert!(received.is_empty() || received == [21, 3, 3, 0, 2, 2, 70], "{received:?}");
        }
    }
}

/// What the process has of memory, in bytes.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// What is allocated and not freed.
    live: usize,
    /// What the system gave it, where that is known. It stays up after a flood: what is freed lies in
    /// small pieces in the heap of the allocator, which keeps them for the next time (glibc's
    /// malloc_trim gave back five of the seven MiB that a flood had added; the rest is code that ran
    /// for the first time, and stacks of threads).
    resident: usize,
}

impl Memory {
    fn now() -> Self {
        let stats = ALLOCATOR.stats();
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
        Self {
            live: stats.bytes_allocated.saturating_sub(stats.bytes_deallocated),
            resident: pages.unwrap_or(0) * 4096,
        }
    }

    fn most(self, other: Self) -> Self {
        Self { live: self.live.max(other.live), resident: self.resident.max(other.resident) }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = |bytes: usize| bytes.div_ceil(1024);
        write!(f, "{} KiB live ({} resident)", kib(self.live), kib(self.resident))
    }
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn print(words: &str) {
    // Past the capture of passing tests' output.
    let _ = writeln!(io::stderr(), "{words}");
}

/// The test runs itself again, alone in its process, so that all memory is its own; and with a higher
/// limit of open files, as two thousand sockets are more than what is allowed by default. True when
/// it did.
fn ran_alone(test: &str) -> bool {
    const INSIDE: &str = "HANDCLASP_TEST_ALONE";
    if std::env::var_os(INSIDE).is_some() {
        return false;
    }
    let executable = std::env::current_exe().unwrap();
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::{test}");
    let script = "ulimit -Sn 4096 2>/dev/null; exec \"$0\" --exact \"$1\" --nocapture";
    let mut again = Command::new("sh");
    again.args(["-c", script]).arg(executable).arg(test).env(INSIDE, "1");
    let output = again.stderr(Stdio::inherit()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && words.contains("1 passed"), "{words}");
    true
}

/// A thousand bad clients at once. Returns the memory at their height and afterwards.
async fn flood(server: &Server, identity: &Arc<Identity>, honest: &mut Honest) -> [Memory; 2] {
    let before = Memory::now();
    let clients = server.clients() + MANY;
    let mut bad = Vec::new();
    for number in 0..MANY {
        let kind = Bad::ALL[number % Bad::ALL.len()];
        bad.push(tokio::spawn(kind.behave(Arc::clone(identity), server.address)));
        if number.is_multiple_of(50) {
            // The system's queue of those who want to connect is not what is tested here.
            honest.ping().await;
        }
    }
    let (mut height, mut fresh) = (before, 0);
    while bad.iter().any(|client| !client.is_finished()) {
        honest.ping().await;
        let mut newcomer = Honest::connect(identity, server.address).await;
        newcomer.ping().await;
        honest.slowest = honest.slowest.max(newcomer.slowest);
        newcomer.close().await;
        fresh += 1;
        height = height.most(Memory::now());
    }
    for client in bad {
        client.await.unwrap();
    }
    // All are gone, and everything that was allocated for them but the words of their ends.
    let idle = async {
        while server.clients() < clients + fresh || Memory::now().live > before.live + LEFT {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = timeout(PATIENCE, idle).await;
    assert!(waited.is_ok(), "{before}, then {}: {:?}", Memory::now(), server.ends);
    [height, Memory::now()]
}

#[test]
fn a_thousand_bad_clients_at_once_disturb_no_other_and_leave_nothing_behind() {
    let name = "a_thousand_bad_clients_at_once_disturb_no_other_and_leave_nothing_behind";
    if ran_alone(name) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread();
    { runtime }.worker_threads(2).enable_all().build().unwrap().block_on(async {
        let identity = Arc::new(Identity::p256());
        let server = Server::start(&identity, Duration::from_secs(5)).await;
        let mut honest = Honest::connect(&identity, server.address).await;
        honest.ping().await;
        let before = (Memory::now(), open_files());
        let first = flood(&server, &identity, &mut honest).await;
        let second = flood(&server, &identity, &mut honest).await;
        let (slowest, rounds) = (honest.slowest, honest.rounds);
        honest.close().await;
        server.wait_until_idle(2 * MANY + 1).await;

        print(&format!("two floods of {MANY} bad clients: memory {} before", before.0));
        for [height, after] in [first, second] {
            print(&format!("    {height} at the height, {after} afterwards"));
        }
        print(&format!("{rounds} rounds of an honest client, {slowest:?} the slowest"));
        for (end, count) in server.ends.lock().unwrap().iter() {
            print(&format!("{count:5} {end}"));
        }
        for bad in Bad::ALL {
            assert!(server.count(bad.words()) >= MANY / Bad::ALL.len(), "{bad:?}");
        }
        assert!(first[0].live > before.0.live + 1_000 * MANY, "it is counted: {first:?}");
        // What the allocator keeps for the next time is not lost: the second flood found it.
        let [first, second] = [first, second].map(|[_, after]| after.resident);
        assert!(second < first + 8 * 1024 * 1024, "{first:?} {second:?}");
        assert!(open_files() < before.1 + 10, "{} {}", open_files(), before.1);
        server.task.abort();
    });
}

/// The bytes that a client sends in a handshake and a little behind it, each time anew.
async fn hang_up_after(count: usize, identity: &Identity, address: SocketAddr) -> bool {
    let mut connection = ClientConnection::new(identity.client_config(), server_name());
    let mut socket = TcpStream::connect(address).await.unwrap();
    let (mut input, mut left) = (Vec::new(), count);
    let mut received_hello = false;
    loop {
        if !connection.is_handshaking() && !received_hello {
            connection.write(b"hello").unwrap();
            received_hello = true;
        }
        let length = connection.outgoing().len();
        let sent = length.min(left);
        socket.write_all(&connection.outgoing()[..sent]).await.unwrap();
        connection.sent(sent);
        left -= sent;
        if left == 0 {
            return received_hello && length == sent;
        }
        read_more(&mut connection, &mut socket, &mut input).await;
    }
}

async fn read_more(connection: &mut Connection, socket: &mut TcpStream, input: &mut Vec<u8>) {
    if socket.read_buf(input).await.unwrap() == 0 {
        return;
    }
    loop {
        let (consumed, _) = connection.receive(input).unwrap();
        if consumed == 0 {
            return;
        }
        input.drain(..consumed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_may_be_dropped_at_each_byte_that_the_client_sends() {
    let identity = Identity::p256();
    let server = Server::start(&identity, Duration::from_secs(10)).await;
    let mut honest = Honest::connect(&identity, server.address).await;
    let mut count = 0;
    loop {
        count += 1;
        let complete = timeout(PATIENCE, hang_up_after(count, &identity, server.address)).await;
        honest.ping().await;
        if complete.unwrap() {
            break;
        }
    }
    honest.close().await;
    server.wait_until_idle(count + 1).await;
    print(&format!("{count} connections were dropped, each a byte later than the one before:"));
    for (end, count) in server.ends.lock().unwrap().iter() {
        print(&format!("{count:5} {end}"));
    }
    assert!(count > 250, "{count}");
    assert_eq!(server.count(ORDERLY), 1, "{:?}", server.ends);
    server.task.abort();
}

/// What a client makes of a server that is gone after so many bytes.
async fn served_up_to(count: u64, connector: Connector, address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let between = listener.local_addr()?;
    let relay = tokio::spawn(async move {
        let (mut near, mut far) = (listener.accept().await?.0, TcpStream::connect(address).await?);
        let ((mut from_client, mut to_client), (from_server, mut to_server)) =
            (near.split(), far.split());
        let mut from_server = from_server.take(count);
        tokio::select! {
            result = copy(&mut from_client, &mut to_server) => result,
            result = copy(&mut from_server, &mut to_client) => result,
        }
    });
    let client = async {
        let socket = TcpStream::connect(between).await?;
        let mut stream = connector.connect(server_name(), socket).await?;
        stream.write_all(b"hello").await?;
        stream.flush().await?;
        stream.read_exact(&mut [0; 5]).await.map(drop)
    };
    let result = client.await;
    let _ = relay.await.unwrap();
    result
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_may_be_dropped_at_each_byte_that_the_server_sends() {
    let identity = Identity::p256();
    let server = Server::start(&identity, Duration::from_secs(10)).await;
    let connector = Connector::new(identity.client_config());
    let (mut count, mut errors) = (0, BTreeMap::new());
    loop {
        let served = served_up_to(count, connector.clone(), server.address);
        let Err(error) = timeout(PATIENCE, served).await.expect("the client waits without end")
        else {
            break;
        };
        *errors.entry(error.to_string()).or_insert(0) += 1;
        count += 1;
    }
    server.wait_until_idle(usize::try_from(count).unwrap() + 1).await;
    print(&format!("{count} connections were dropped, each a byte of the server's later:"));
    for (words, count) in errors {
        print(&format!("{count:5} {words}"));
    }
    assert!(count > 500, "{count}");
    server.task.abort();
}

#[tokio::test]
async fn idle_connections_hold_little_memory() {
    const IDLE: usize = 200;
    if ran_alone("idle_connections_hold_little_memory") {
        return;
    }
    let (connector, acceptor) = ends::ends();
    let mut pairs = Vec::with_capacity(IDLE);
    let before = Memory::now().live;
    for _ in 0..IDLE {
        let (client, server) = ends::connect(&connector, &acceptor, 1_000).await;
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        let (data, mut got) = (varied_bytes(60_000, 1), vec![0; 60_000]);
        let (sent, _) = tokio::join!(
            async {
                client.write_all(&data).await?;
                client.flush().await
            },
            server.read_exact(&mut got)
        );
        sent.unwrap();
        // Both wait for more, and none comes.
        assert!(timeout(Duration::ZERO, client.read(&mut [0])).await.is_err());
        assert!(timeout(Duration::ZERO, server.read(&mut [0])).await.is_err());
        pairs.push((client, server));
    }
    let each = (Memory::now().live - before) / IDLE / 2;
    print(&format!("{each} bytes for an idle end of a connection, its half of the pipe included"));
    // A buffer for one record would be four times that.
    assert!(each < 4 * 1024, "{each}");
}

/// A task is polled again and again while its peer is silent, for a timer or for its other half.
#[tokio::test]
async fn a_poll_that_has_to_wait_allocates_nothing() {
    if ran_alone("a_poll_that_has_to_wait_allocates_nothing") {
        return;
    }
    let (mut client, mut server) = ends::pair(1_000).await;
    let mut buffer = vec![0; 65_536];
    for stream in [&mut client as &mut (dyn AsyncRead + Unpin), &mut server] {
        let mut before = ALLOCATOR.stats();
        for number in 0..100 {
            if number == 1 {
                // The first one registers the task.
                before = ALLOCATOR.stats();
            }
            let mut context = Context::from_waker(Waker::noop());
            let mut into = ReadBuf::new(&mut buffer);
            assert!(Pin::new(&mut *stream).poll_read(&mut context, &mut into).is_pending());
        }
        let spent = ALLOCATOR.stats() - before;
        assert_eq!(spent.allocations + spent.reallocations, 0);
    }
}
