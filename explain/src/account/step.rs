//! What the observed side did between messages, and alerts.

use serde::Serialize;

use super::{Code, Side};

/// A step of the observed side.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// When, in nanoseconds since the account began.
    pub time_ns: Option<u64>,
    /// How many of the connection's messages came before it.
    pub after_messages: usize,
    /// What it is.
    #[serde(flatten)]
    pub kind: StepKind,
}

/// A kind of [`Step`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepKind {
    /// The cipher suite is chosen.
    CipherSuiteChosen {
        /// The suite.
        suite: Code,
    },
    /// The key exchange is done.
    KeysExchanged {
        /// Its group.
        group: Code,
    },
    /// The verifier has accepted the peer's certificates or key.
    PeerVerified,
    /// The peer's signature over the handshake is correct.
    SignatureVerified {
        /// Its scheme.
        scheme: Code,
    },
    /// The peer's Finished is correct.
    FinishedVerified,
    /// A server does not take something that the client offered.
    NotTaken {
        /// `session`, `pre_shared_keys` or `early_data`.
        what: &'static str,
        /// The reason, as the library has it.
        reason: String,
    },
    /// The server has not taken something that this client offered.
    Declined {
        /// `session`, `pre_shared_keys` or `early_data`.
        what: &'static str,
        /// What may be the reason, as the library has it: the server does not say it.
        reason: String,
    },
    /// The handshake waits for an answer of the application.
    Waiting {
        /// The name of the question.
        question: String,
    },
    /// The handshake is complete.
    HandshakeComplete,
    /// The client has answered a CertificateRequest after the handshake.
    PostHandshakeAuthentication {
        /// Whether it authenticated itself.
        authenticated: bool,
    },
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Alert {
    /// The side that sent it.
    pub sender: Side,
    /// The description.
    pub description: Code,
    /// When, in nanoseconds since the account began.
    pub time_ns: Option<u64>,
    /// How many of the connection's messages came before it.
    pub after_messages: usize,
    /// The index of its record, if it is known.
    pub record: Option<usize>,
}
