//! The file of a client's sessions: one session per line, in hexadecimal.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use handclasp::pem::printable_path;
use handclasp::session::{ClientSession, ClientSessionStore, MemoryClientSessions};
use handclasp::zeroize::Zeroizing;

use crate::failure::Failure;

/// The most servers whose sessions a file contains.
const CAPACITY: usize = 64;

/// Sessions of one run.
pub struct Sessions {
    file: PathBuf,
    store: Arc<MemoryClientSessions>,
}

impl Sessions {
    /// Reads the file. A file that does not exist has no sessions.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        let bytes = match fs::read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => bytes.map_err(|error| cannot(file, "be read", &error.to_string()))?,
        };
        let bytes = Zeroizing::new(bytes);
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            cannot(file, "be used", "it is no text, with one session a line in hexadecimal digits")
        })?;
        let store = MemoryClientSessions::new(CAPACITY);
        for (number, line) in (1..).zip(text.lines()) {
            store.put(session(line).map_err(|problem| {
                cannot(file, "be used", &format!("line {number}: {problem}"))
            })?);
        }
        Ok(Self { file: file.to_owned(), store: Arc::new(store) })
    }

    pub fn store(&self) -> Arc<MemoryClientSessions> {
        Arc::clone(&self.store)
    }

    /// Replaces the content of the file by the present sessions, and returns their number.
    pub fn save(&self) -> Result<usize, Failure> {
        let sessions = self.store.sessions();
        let mut text = Zeroizing::new(String::new());
        for session in &sessions {
            let line = Zeroizing::new(hex::encode(&*session.to_bytes()));
            let _ = writeln!(text, "{}", *line);
        }
        let result = write_private(&self.file, text.as_bytes());
        result.map_err(|error| cannot(&self.file, "be written", &error.to_string()))?;
        Ok(sessions.len())
    }
}

/// The session in a line, or what is wrong with it. The error does not contain the decoder's text, which
/// quotes what it cannot read.
fn session(line: &str) -> Result<ClientSession, String> {
    let bytes = hex::decode(line).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| "it is not in hexadecimal digits, two for each byte")?;
    ClientSession::from_bytes(&bytes).map_err(|error| error.to_string())
}

/// Sessions are secrets: only the owner may read the file.
fn write_private(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(bytes)
}

fn cannot(file: &Path, what: &str, why: &str) -> Failure {
    Failure::misuse(format!("--session {}: it cannot {what}: {why}", printable_path(file)))
        .hint("name a file that this program wrote, or one that does not exist yet")
}
