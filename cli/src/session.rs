//! The file that a client's sessions are kept in between two runs: one a line, in hexadecimal.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use handclasp::session::{ClientSession, ClientSessionStore, MemoryClientSessions};

use crate::failure::Failure;

/// More servers' sessions than this a file does not hold.
const CAPACITY: usize = 64;

/// Sessions of one run.
pub struct Sessions {
    file: PathBuf,
    store: Arc<MemoryClientSessions>,
}

impl Sessions {
    /// What is in the file; nothing where there is none yet.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        let text = match fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.map_err(|error| cannot(file, "be read", &error.to_string()))?,
        };
        let store = MemoryClientSessions::new(CAPACITY);
        for line in text.lines() {
            let bytes =
                hex::decode(line).map_err(|error| cannot(file, "be used", &error.to_string()))?;
            let session = ClientSession::from_bytes(&bytes);
            store.put(session.map_err(|error| cannot(file, "be used", &error.to_string()))?);
        }
        Ok(Self { file: file.to_owned(), store: Arc::new(store) })
    }

    pub fn store(&self) -> Arc<MemoryClientSessions> {
        Arc::clone(&self.store)
    }

    /// Writes what there is now in the place of what was there, and returns how many it is.
    pub fn save(&self) -> Result<usize, Failure> {
        let sessions = self.store.sessions();
        let mut text = String::new();
        for session in &sessions {
            let _ = writeln!(text, "{}", hex::encode(&*session.to_bytes()));
        }
        let result = write_private(&self.file, text.as_bytes());
        result.map_err(|error| cannot(&self.file, "be written", &error.to_string()))?;
        Ok(sessions.len())
    }
}

/// Sessions are secrets: the file is its owner's alone.
fn write_private(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(bytes)
}

fn cannot(file: &Path, what: &str, why: &str) -> Failure {
    Failure::misuse(format!("--session {}: it cannot {what}: {why}", file.display()))
        .hint("name a file that this program wrote, or one that does not exist yet")
}
