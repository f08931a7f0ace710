//! Programs of the system as peers: started, talked to and ended, each wait with a limit.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// No wait for a peer is longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Is this program here, in a version that `accept` takes? Where it is not, the reason is printed
/// and the test has nothing to do; with `HANDCLASP_REQUIRE_PEERS=1` in the environment that is a
/// failure.
pub fn available(program: &str, version: &str, accept: impl Fn(&str) -> bool) -> bool {
    let reason = match Command::new(program).arg(version).stdin(Stdio::null()).output() {
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stdout).into_owned();
            if accept(&words) {
                return true;
            }
            format!("{program} is another version: {}", words.trim())
        }
        Err(error) => format!("{program} cannot be started: {error}"),
    };
    assert!(!std::env::var("HANDCLASP_REQUIRE_PEERS").is_ok_and(|value| value == "1"), "{reason}");
    // A skipped test should not look like a passed one.
    print(&format!("skipped: {reason}"));
    false
}

/// Prints a line past the capture of passing tests' output.
pub fn print(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// A program under way. It is killed when this is dropped.
pub struct Process {
    child: Child,
    output: Arc<(Mutex<String>, Condvar)>,
}

impl Process {
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Arc::new((Mutex::new(String::new()), Condvar::new()));
        collect(child.stdout.take().unwrap(), Arc::clone(&output));
        collect(child.stderr.take().unwrap(), Arc::clone(&output));
        Self { child, output }
    }

    /// Types this into the program.
    pub fn say(&mut self, words: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(words.as_bytes()).and_then(|()| stdin.flush()).unwrap();
    }

    /// Waits until this was printed, and returns everything that was.
    pub fn wait_for(&self, words: &str) -> String {
        self.wait_for_times(words, 1)
    }

    /// Waits until this was printed so many times since the start.
    pub fn wait_for_times(&self, words: &str, times: usize) -> String {
        let about = format!("{words:?} is not {times} times");
        self.wait_while(|output| output.matches(words).count() < times, &about)
    }

    /// Waits until one of these was printed, and returns everything that was.
    pub fn wait_for_one_of(&self, words: &[&str]) -> String {
        let about = format!("none of {words:?} is");
        self.wait_while(|output| !words.iter().any(|words| output.contains(words)), &about)
    }

    fn wait_while(&self, is_missing: impl Fn(&str) -> bool, about: &str) -> String {
        let (output, changed) = &*self.output;
        let output = output.lock().unwrap();
        let result = changed.wait_timeout_while(output, PATIENCE, |output| is_missing(output));
        let (output, timeout) = result.unwrap();
        assert!(!timeout.timed_out(), "{about} in:\n{}", *output);
        output.clone()
    }

    /// Sends it the signal that Ctrl-C sends.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends it the signal of this name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let signal = format!("-{name}");
        assert!(Command::new("kill").args([&signal, &process]).status().unwrap().success());
    }

    /// How many files it has open, sockets among them. Linux counts them.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    pub fn wait_for_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.wait_for(""));
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stream: impl Read + Send + 'static, output: Arc<(Mutex<String>, Condvar)>) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            output.0.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            output.1.notify_all();
            line.clear();
        }
    });
}

/// Cargo's target folder: the running test is in `PROFILE/deps` below it.
pub fn target_folder() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    executable.ancestors().nth(3).unwrap().to_owned()
}

/// A folder for files that a program wants to read. It goes when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("peer-{}-{number}", std::process::id());
        let path = target_folder().join("tmp").join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().unwrap()
    }

    /// Writes a file, and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What a program that was just killed has started may still write there.
        for _ in 0..40 {
            match std::fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                    thread::sleep(Duration::from_millis(50));
                }
                _ => break,
            }
        }
    }
}

/// A connection whose reads and writes have a limit.
pub fn connect(address: SocketAddr) -> TcpStream {
    with_limits(TcpStream::connect_timeout(&address, PATIENCE).unwrap())
}

fn with_limits(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A listener on a port that the system chooses.
pub struct Listener(TcpListener);

impl Listener {
    pub fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    pub fn accept(&self) -> TcpStream {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.0.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).unwrap();
                    return with_limits(stream);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    assert!(Instant::now() < deadline, "no peer connects");
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}
