use core::fmt;

use super::ClientHelloRecord;
use crate::registry::CipherSuiteId;
use crate::reply::{AnswerLater, Reply};

/// What 0-RTT data under a key is bound to (RFC 9846, section 4.3.10). A ticket brings its own
/// terms; for a key that was agreed on outside of TLS, both sides must agree on these, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyDataTerms {
    /// The bytes that the client may send.
    pub max_size: u32,
    /// The suite that protects them.
    pub cipher_suite: CipherSuiteId,
    /// The application protocol that they are of, where there is one.
    pub application_protocol: Option<Vec<u8>>,
}

/// 0-RTT data that a server could accept: the key is right and the first one offered, the suite
/// and the application protocol are those of the key, and the ticket's age is what it should be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EarlyDataOffer {
    /// The key's terms. More data than they allow end the connection.
    pub terms: EarlyDataTerms,
    /// The DNS name that the client asked for, where it sent one.
    pub server_name: Option<String>,
    /// What tells this ClientHello from any other. The server's
    /// [`AntiReplay`](crate::session::AntiReplay) sees it as well, once the data are accepted.
    pub client_hello: ClientHelloRecord,
}

/// Says whether 0-RTT data may be accepted. An attacker can send them again, to another server or
/// after a restart: accept only what does no harm twice (RFC 9846, section 8; RFC 8470).
pub trait EarlyDataPolicy: Send + Sync + fmt::Debug {
    /// Yes or no. After a yes, the server's [`AntiReplay`](crate::session::AntiReplay) can still refuse.
    fn accept(&self, offer: &EarlyDataOffer) -> Reply<bool>;
}

/// Accepts what is fresh and seen for the first time: the default.
#[derive(Clone, Copy, Debug)]
pub struct AcceptFresh;

impl EarlyDataPolicy for AcceptFresh {
    fn accept(&self, _: &EarlyDataOffer) -> Reply<bool> {
        Reply::Now(true)
    }
}

impl EarlyDataPolicy for AnswerLater {
    fn accept(&self, _: &EarlyDataOffer) -> Reply<bool> {
        Reply::Later
    }
}
