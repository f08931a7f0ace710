//! The terms of 0-RTT data, and the policy that decides whether a server accepts them (RFC 9846,
//! sections 4.3.10 and 8). `handshake/server/early_data.rs` checks the terms and asks the policy.

use core::fmt;

use super::ClientHelloRecord;
use crate::registry::CipherSuiteId;
use crate::reply::{AnswerLater, Reply};

/// The terms of 0-RTT data under a pre-shared key (RFC 9846, section 4.3.10). A ticket has its own
/// terms. For an external key both sides must agree on the terms, as they agree on the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EarlyDataTerms {
    /// The most bytes that the client may send.
    pub max_size: u32,
    /// The suite that protects them.
    pub cipher_suite: CipherSuiteId,
    /// The application protocol of the data. `None` if the connection has none.
    pub application_protocol: Option<Vec<u8>>,
}

impl EarlyDataTerms {
    /// At most `max_size` bytes, with this suite, and without an application protocol.
    pub fn new(max_size: u32, cipher_suite: CipherSuiteId) -> Self {
        Self { max_size, cipher_suite, application_protocol: None }
    }

    /// For data of this application protocol.
    pub fn application_protocol(mut self, protocol: impl Into<Vec<u8>>) -> Self {
        self.application_protocol = Some(protocol.into());
        self
    }
}

/// 0-RTT data that a server could accept. The client has proved that it has the key, and the key is the
/// first one in its list. The cipher suite and the application protocol are those of the key. The
/// ticket has the age that the client says.
#[derive(Clone)]
#[non_exhaustive]
pub struct EarlyDataOffer {
    /// The terms of the key. The connection ends if the client sends more data than they allow.
    pub terms: EarlyDataTerms,
    /// The DNS name that the client requests. `None` if it requests none.
    pub server_name: Option<String>,
    /// What distinguishes this ClientHello from all others. After a yes, the server's
    /// [`AntiReplay`](crate::session::AntiReplay) gets it, too.
    pub client_hello: ClientHelloRecord,
    /// What the server has kept in the ticket: see
    /// [`set_resumption_data`](crate::handshake::Handshake::set_resumption_data). Empty if it has kept
    /// nothing.
    pub resumption_data: Vec<u8>,
}

/// Of the resumption data it shows the length only.
impl fmt::Debug for EarlyDataOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyDataOffer")
            .field("terms", &self.terms)
            .field("server_name", &self.server_name)
            .field("client_hello", &self.client_hello)
            .field("resumption_data", &format_args!("{} bytes", self.resumption_data.len()))
            .finish()
    }
}

/// Decides whether a server accepts 0-RTT data. An attacker can send them again, to another server or
/// after a restart. Accept only data that can be processed twice without harm (RFC 9846, section 8;
/// RFC 8470).
///
/// A policy that accepts 0-RTT data for one name only:
///
/// ```
/// use handclasp::Reply;
/// use handclasp::session::{EarlyDataOffer, EarlyDataPolicy};
///
/// #[derive(Debug)]
/// struct OnlyStaticFiles;
///
/// impl EarlyDataPolicy for OnlyStaticFiles {
///     fn accept(&self, offer: &EarlyDataOffer) -> Reply<bool> {
///         Reply::Now(offer.server_name.as_deref() == Some("static.example"))
///     }
/// }
/// ```
pub trait EarlyDataPolicy: Send + Sync + fmt::Debug {
    /// Whether to accept the data. After a yes, the server's
    /// [`AntiReplay`](crate::session::AntiReplay) can still refuse them. This is no place to look for
    /// replays.
    fn accept(&self, offer: &EarlyDataOffer) -> Reply<bool>;
}

/// Accepts all data that are fresh and that [`AntiReplay`](crate::session::AntiReplay) has not seen. This
/// is the default.
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
