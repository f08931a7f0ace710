//! Key logs: the secrets of connections, for tools that decrypt recorded traffic (RFC 9850).

use core::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

/// Takes the secrets that let a tool like Wireshark decrypt a connection.
///
/// Anyone who reads the log can read the traffic: configure one for debugging only.
pub trait KeyLog: Send + Sync + fmt::Debug {
    /// One line of the log: a label such as `CLIENT_HANDSHAKE_TRAFFIC_SECRET`, the client's
    /// random and the secret.
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]);
}

/// A key log in the format of `SSLKEYLOGFILE` (RFC 9850).
pub struct KeyLogFile {
    file: Mutex<Box<dyn Write + Send>>,
}

impl KeyLogFile {
    /// Opens a file for appending, and creates it if it does not exist: on Unix, readable by its
    /// owner only.
    ///
    /// # Errors
    /// When the file cannot be opened or created.
    pub fn open(path: impl AsRef<Path>) -> std::io::Result<Self> {
        let mut options = std::fs::OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self::new(options.open(path)?))
    }

    /// Opens the file that the environment variable `SSLKEYLOGFILE` names; `None` when it is not
    /// set. The library reads this variable in no other place.
    ///
    /// # Errors
    /// When the file cannot be opened or created.
    pub fn from_environment() -> std::io::Result<Option<Self>> {
        std::env::var_os("SSLKEYLOGFILE").map(Self::open).transpose()
    }

    /// Writes the log to `writer`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self { file: Mutex::new(Box::new(writer)) }
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        let (random, secret) = (hex::encode(client_random), Zeroizing::new(hex::encode(secret)));
        // Large enough for all of it: growing would leave copies of the secret behind.
        let length = label.len() + random.len() + secret.len() + 3;
        let mut line = Zeroizing::new(String::with_capacity(length));
        for part in [label, " ", &random, " ", &secret, "\n"] {
            line.push_str(part);
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written must not end the connection that it describes.
        let _ = file.write_all(line.as_bytes()).and_then(|()| file.flush());
    }
}

impl fmt::Debug for KeyLogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLogFile(..)")
    }
}
