//! A server of Redis or Valkey of a test: its port is free, its folder goes with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

use crate::ports::free_tcp_port;
use crate::process::{Folder, PATIENCE, Process, available, connect};

/// One server, which can be killed, stopped and started again on its port.
pub struct RedisServer {
    port: u16,
    options: Vec<String>,
    process: Option<Process>,
    /// After the process: it writes there.
    folder: Folder,
}

impl RedisServer {
    /// `redis-server`, or the program that `HANDCLASP_REDIS_SERVER` names.
    fn program() -> String {
        std::env::var("HANDCLASP_REDIS_SERVER").unwrap_or("redis-server".to_owned())
    }

    /// `redis-sentinel`, or the program that `HANDCLASP_REDIS_SENTINEL` names.
    pub fn sentinel() -> String {
        std::env::var("HANDCLASP_REDIS_SENTINEL").unwrap_or("redis-sentinel".to_owned())
    }

    /// Is the server here? See [`available`].
    pub fn is_available() -> bool {
        available(&Self::program(), "--version", is_redis_or_valkey)
    }

    pub fn is_sentinel_available() -> bool {
        available(&Self::sentinel(), "--version", is_redis_or_valkey)
    }

    /// As [`start`](Self::start). `None` where there is no server: the test is skipped then.
    pub fn start_if_available() -> Option<Self> {
        Self::is_available().then(Self::start)
    }

    /// A server that keeps its data in memory only: after a restart they are gone.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server that has written each change to its disk before it answers.
    pub fn start_persistent() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// In the place of an option: a port that is free.
    pub const FREE_PORT: &str = "a free port";

    /// A server with these options, such as `--appendonly` and `yes`, beside its port and folder.
    pub fn start_with(options: &[&str]) -> Self {
        // Another process may take the port before the server does.
        for _ in 0..10 {
            let port = free_tcp_port();
            let option = |option: &&str| match *option {
                Self::FREE_PORT => free_tcp_port().to_string(),
                option => option.to_owned(),
            };
            let options = options.iter().map(option).collect();
            let mut server = Self { port, options, process: None, folder: Folder::new() };
            if server.try_restart() {
                return server;
            }
        }
        panic!("redis-server finds no free port")
    }

    /// A replica of `primary`, which has all data of it now.
    pub fn start_replica_of(primary: &Self) -> Self {
        let port = primary.port.to_string();
        let replica = Self::start_with(&["--replicaof", "127.0.0.1", &port]);
        replica.wait_until("master_link_status:up");
        replica
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address as clients take it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again, with what it kept on its disk.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.try_restart(), "redis-server does not start again on port {}", self.port);
    }

    /// Stops it without closing its connections: it answers nothing until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.signal("STOP");
    }

    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        self.process.as_ref().expect("the server runs").signal(name);
    }

    /// Makes a replica a primary.
    pub fn promote(&self) {
        assert_eq!(self.command(&["REPLICAOF", "NO", "ONE"]), "OK");
    }

    /// Waits until INFO has these words.
    pub fn wait_until(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let info = self.command(&["INFO"]);
            if info.contains(words) {
                return;
            }
            assert!(Instant::now() < deadline, "{words} is not in:\n{info}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a command, and returns the text of its answer.
    pub fn command(&self, words: &[&str]) -> String {
        let mut socket = connect(([127, 0, 0, 1], self.port).into());
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = BufReader::new(socket);
        let mut line = String::new();
        answer.read_line(&mut line).unwrap();
        let (kind, text) = line.trim_end().split_at(1);
        if kind != "$" {
            return text.to_owned();
        }
        let Ok(length) = text.parse::<usize>() else { return String::new() };
        let mut bytes = vec![0; length];
        answer.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn try_restart(&mut self) -> bool {
        let (port, folder) = (self.port.to_string(), self.folder.path(""));
        let mut arguments = vec!["--port", &port, "--bind", "127.0.0.1", "--dir", &folder];
        // No snapshots: what is kept on the disk is what the options say.
        arguments.extend(["--save", "", "--daemonize", "no"]);
        // Otherwise a primary waits five seconds for more replicas.
        arguments.extend(["--repl-diskless-sync-delay", "0"]);
        arguments.extend(self.options.iter().map(String::as_str));
        let process = Process::start(&Self::program(), &arguments);
        const READY: &str = "Ready to accept connections";
        let output = process.wait_for_one_of(&[READY, "Failed listening", "bind: Address already"]);
        let is_ready = output.contains(READY);
        self.process = is_ready.then_some(process);
        is_ready
    }
}

fn is_redis_or_valkey(version: &str) -> bool {
    version.starts_with("Redis server v=") || version.starts_with("Valkey server v=")
}
