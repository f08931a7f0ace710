//! How a token is used.

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use handclasp::CryptoProvider;

use crate::error::TokenError;
use crate::pin::Pin;

/// How a token is used. The defaults of [`new`](Self::new) fit a server with a small token.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Hashes what is signed, and verifies the one signature that [`TokenKey::open`](crate::TokenKey::open) may make
    /// to learn whether the key belongs to the certificate.
    pub provider: CryptoProvider,
    /// The file of the module, where the URI names none.
    pub module: Option<PathBuf>,
    /// The PIN, where the URI has none.
    pub pin: Option<Pin>,
    /// The most sessions with the token, each with a thread that signs: 4 by default. A token that allows fewer gets
    /// fewer. One session is opened at once, the others when they are needed. 0 is taken for 1.
    pub sessions: usize,
    /// The most signatures that wait for a session: 1024 by default. Others fail at once with
    /// [`TokenError::Busy`].
    pub max_waiting: usize,
    /// How long a signature may take, with the time that it waits: 5 seconds by default. Choose less than the time
    /// of a handshake.
    pub timeout: Duration,
    /// Called with each failure to sign, for logs and metrics. It must not block.
    pub on_failure: Option<FailureHandler>,
}

/// What is done with a failure to sign.
pub type FailureHandler = Arc<dyn Fn(&TokenError) + Send + Sync>;

impl Options {
    /// The defaults, with this crypto provider.
    pub fn new(provider: CryptoProvider) -> Self {
        Self {
            provider,
            module: None,
            pin: None,
            sessions: 4,
            max_waiting: 1024,
            timeout: Duration::from_secs(5),
            on_failure: None,
        }
    }
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
impl Default for Options {
    fn default() -> Self {
        Self::new(CryptoProvider::default())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("module", &self.module)
            .field("pin", &self.pin)
            .field("sessions", &self.sessions)
            .field("max_waiting", &self.max_waiting)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
