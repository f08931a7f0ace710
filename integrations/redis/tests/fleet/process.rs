//! A server process, seen from the harness: it is started, gets commands, and is killed.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

use handclasp_testing::process::PATIENCE;

use crate::server::{ACCEPTED, ANSWER, LISTENING};
use crate::setup::Setup;

/// The numbers of the servers that accepted the 0-RTT data of a ClientHello, by its random in hexadecimal.
pub type Acceptances = HashMap<String, Vec<usize>>;

/// One process. It is killed when this is dropped.
pub struct ServerProcess {
    child: Child,
    input: ChildStdin,
    /// What it printed, but for acceptances.
    lines: mpsc::Receiver<String>,
    reader: Option<JoinHandle<()>>,
    pub address: SocketAddr,
}

impl ServerProcess {
    /// The test binary starts itself again, as a server.
    pub fn start(number: usize, setup: &Setup, acceptances: &Arc<Mutex<Acceptances>>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "server::a_server_of_the_fleet"])
            .envs(setup.to_environment())
            .env(crate::server::NUMBER, number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        let acceptances = acceptances.clone();
        let reader = thread::spawn(move || read_lines(output, number, &acceptances, &sender));
        let mut process =
            Self { child, input, lines, reader: Some(reader), address: ([0, 0, 0, 0], 0).into() };
        process.address = process.wait_for(LISTENING).parse().unwrap();
        process
    }

    /// Gives the server a command, and returns its answer.
    pub fn ask(&mut self, command: &str) -> String {
        writeln!(self.input, "{command}").unwrap();
        self.wait_for(ANSWER)
    }

    /// Kills the process, and waits until all that it printed was read.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    fn wait_for(&self, beginning: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("no line with {beginning:?}: {error}"));
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_lines(
    output: ChildStdout,
    number: usize,
    acceptances: &Mutex<Acceptances>,
    others: &mpsc::Sender<String>,
) {
    // The pipe ends with the process.
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        match line.strip_prefix(ACCEPTED) {
            Some(random) => {
                let mut acceptances = acceptances.lock().unwrap();
                acceptances.entry(random.to_owned()).or_default().push(number);
            }
            // When the test is over, nothing waits for it.
            None => drop(others.send(line)),
        }
    }
}
