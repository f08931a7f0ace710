//! What outlives a connection so that a later one can resume it (RFC 9846, sections 2.2 and
//! 4.7.1), and what keeps 0-RTT data from being replayed (section 8).
//!
//! ```text
//! server   session bytes --SessionStore--> ticket     TicketKeys: sealed into the ticket itself
//!                                                     MemorySessions: stored here, taken out once
//! client   ClientSession --ClientSessionStore         MemoryClientSessions; or bytes of yours
//! 0-RTT    AntiReplay                                 StrikeRegister: each ClientHello once
//! ```
//!
//! # What a session depends on
//!
//! A session is based on a first handshake, and on what each side proved there. Before the session is
//! resumed, the configuration that resumes it checks all of that again, at the current time. If a
//! check fails, there is a full handshake.
//!
//! | The peer authenticated with | What is asked again |
//! |---|---|
//! | certificates | the verifier, with the same chain, OCSP response and timestamps |
//! | a raw public key | the verifier |
//! | a pre-shared key | a server's resolver, for the same identity; a client's list. It must be the same key |
//! | nothing, as a client may | the server's rule for clients: may it be anonymous? |
//! | nothing, as a server must not | nothing: the session is not resumed |
//!
//! | This side has shown | What is asked again |
//! |---|---|
//! | a certificate or none, as the server asked | the client's resolver, with the same request: it must choose the same |
//! | nothing, as it was not asked | nothing: the session is resumed |
//! | the certificate of a server's name | the server's resolver: is the [name served](crate::credential::CertificateResolver::serves)? |
//!
//! A client also resumes only where the server's key fits a signature scheme that it offers now; on a
//! server, the schemes are among what it asks of clients.
//!
//! In addition, a server resumes only under the rules that the session was made under: the server's
//! name, its protocols, what it asks of clients and its
//! [session context](crate::config::ServerConfigBuilder::session_context). A resolver or verifier
//! that answers later is asked by a [question](crate::handshake::Question). A client asks before its
//! ClientHello, so that it sends no 0-RTT data before the answer. Configurations that differ can share
//! stores and ticket keys: none of them resumes a session that it would not have accepted in a full
//! handshake. But a ticket can be used once only, and a refused ticket is used up: so give each of them
//! a store of its own.

mod anti_replay;
mod client;
mod credential;
mod early_data;
mod server;
mod ticket_keys;

use core::time::Duration;

use zeroize::Zeroizing;

use crate::crypto::Secret;
use crate::registry::{CertificateType, CipherSuiteId, HandshakeType};
use crate::time::Time;
use crate::wire::DecodeError;
use crate::wire::codec::{Prefix, Reader, write_bytes, write_u16};

pub use anti_replay::{AntiReplay, ClientHelloRecord, StrikeRegister, Zone};
pub use client::{ClientSession, ClientSessionStore, MemoryClientSessions, TicketOrigin};
pub use early_data::{AcceptFresh, EarlyDataOffer, EarlyDataPolicy, EarlyDataTerms};
pub use server::{MemorySessions, SessionStore};
pub use ticket_keys::TicketKeys;

pub(crate) use credential::{CertificateAnswer, KeyRecord, PeerCertificates, PeerCredential};
pub(crate) use server::ServerSession;

/// The longest lifetime of a ticket, in seconds: seven days (RFC 9846, section 4.7.1). Resumptions do
/// not extend it: it begins with the handshake in which the peer authenticated.
pub const MAX_LIFETIME: u32 = 7 * 24 * 60 * 60;

/// How far ahead of this clock the time of a session may be. Clocks of servers that share sessions
/// differ a little, and so do the times of two connections of one server. RFC 9846, section 8.3,
/// calls ten seconds the order of such errors.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10);

/// The longest ticket that is kept or sent, in bytes: it has to fit into a ClientHello.
pub(crate) const MAX_TICKET_LENGTH: usize = 0x2000;

/// The first byte of everything that is written here.
const VERSION: u8 = 3;

/// Why bytes are no session or no ticket keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The bytes were written by another version of this library.
    #[error("the session was stored by another version of this library")]
    Version,
    /// The bytes are not a session: this field of it is wrong or missing.
    #[error("the session is malformed: its field {0} is wrong or missing")]
    Malformed(&'static str),
    /// Ticket keys must be one or several times 32 bytes, and random.
    #[error("ticket keys must be one or several times 32 random bytes")]
    TicketKeys,
}

impl From<DecodeError> for SessionError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error.field)
    }
}

/// What both sides store of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) cipher_suite: CipherSuiteId,
    /// The PSK of the ticket.
    pub(crate) secret: Secret,
    /// When the server sent the ticket, or when the client received it.
    pub(crate) since: Time,
    /// When the peer last authenticated with more than a ticket, in seconds since 1970.
    pub(crate) authenticated: u64,
    pub(crate) lifetime: u32,
    pub(crate) age_add: u32,
    pub(crate) application_protocol: Option<Vec<u8>>,
    pub(crate) max_early_data_size: u32,
    /// How far the expected arrival of 0-RTT data under the ticket may be from the clock, in seconds:
    /// the window of the server that sent the ticket. Zero on a client.
    pub(crate) early_data_window: u32,
    /// What the peer authenticated with.
    pub(crate) credential: PeerCredential,
    /// The client's answer to a CertificateRequest; `None` where there was none, and on a server.
    pub(crate) answer: Option<CertificateAnswer>,
    /// The type of certificate that the server has shown.
    pub(crate) own_type: CertificateType,
}

impl Session {
    /// The ticket's age in milliseconds, as a client sends it (section 4.3.11.1). The clock may be
    /// a little behind the time at which the ticket came: the age is zero then.
    pub(crate) fn obfuscated_age(&self, now: Time) -> u32 {
        u32::try_from(now.since(self.since).as_millis())
            .unwrap_or(u32::MAX)
            .wrapping_add(self.age_add)
    }

    /// Whether the ticket may be used: its lifetime is not over, and the handshake in which the peer
    /// authenticated is at most seven days old (section 4.7.1).
    pub(crate) fn is_alive(&self, now: Time) -> bool {
        is_recent(self.since, self.lifetime.min(MAX_LIFETIME), now)
            && is_recent(from_secs(self.authenticated), MAX_LIFETIME, now)
    }

    /// An upper bound of the encoded length in bytes, with the name or digest that stands before it.
    fn max_encoded_length(&self) -> usize {
        let request = self.answer.as_ref().map_or(0, |answer| answer.request.len());
        1024 + request + self.credential.max_encoded_length()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        write_u16(out, self.cipher_suite);
        let microseconds = u64::try_from(self.since.as_duration().as_micros());
        out.extend_from_slice(&microseconds.unwrap_or(u64::MAX).to_be_bytes());
        out.extend_from_slice(&self.authenticated.to_be_bytes());
        let early_data = [self.max_early_data_size, self.early_data_window];
        for number in [self.lifetime, self.age_add].into_iter().chain(early_data) {
            out.extend_from_slice(&number.to_be_bytes());
        }
        write_bytes(out, Prefix::U8, self.secret.as_bytes());
        // An empty name stands for no protocol: RFC 7301 has no empty names.
        let protocol = self.application_protocol.as_deref().unwrap_or_default();
        write_bytes(out, Prefix::U8, protocol);
        self.credential.encode(out);
        CertificateAnswer::encode(self.answer.as_ref(), out);
        out.push(self.own_type.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, SessionError> {
        let cipher_suite = CipherSuiteId(reader.u16("cipher suite")?);
        let since = Duration::from_micros(u64::from_be_bytes(*reader.array("time")?));
        let authenticated = u64::from_be_bytes(*reader.array("time")?);
        let lifetime = reader.u32("lifetime")?;
        let age_add = reader.u32("age_add")?;
        let max_early_data_size = reader.u32("max_early_data_size")?;
        let early_data_window = reader.u32("early data window")?;
        let secret = reader.vector("secret", Prefix::U8, 32..=64)?;
        let secret = Secret::new(secret).ok_or(SessionError::Malformed("secret"))?;
        let protocol = reader.vector("application protocol", Prefix::U8, 0..=255)?;
        let application_protocol = if protocol.is_empty() { None } else { Some(protocol.to_vec()) };
        let credential = PeerCredential::read(reader)?;
        let answer = CertificateAnswer::read(reader)?;
        let own_type = CertificateType(reader.u8("own certificate type")?);
        Ok(Self {
            cipher_suite,
            secret,
            since: Time::since_unix_epoch(since),
            authenticated,
            lifetime,
            age_add,
            application_protocol,
            max_early_data_size,
            early_data_window,
            credential,
            answer,
            own_type,
        })
    }
}

/// Is `then` at most `lifetime` seconds ago?
///
/// A time in the future is not recent: the clock was set back, or the other machine's clock is
/// wrong. The true age is not known then, and a ticket would live longer than it may. A small
/// difference is none: see [`CLOCK_TOLERANCE`].
fn is_recent(then: Time, lifetime: u32, now: Time) -> bool {
    let limit = if then <= now { Duration::from_secs(lifetime.into()) } else { CLOCK_TOLERANCE };
    now.difference(then) <= limit
}

/// The seconds that are left of seven days since the peer authenticated at the time
/// `authenticated`, in seconds since 1970. None are left where that is in the future.
pub(crate) fn seconds_left(authenticated: u64, now: Time) -> u32 {
    let authenticated = from_secs(authenticated);
    if !is_recent(authenticated, MAX_LIFETIME, now) {
        return 0;
    }
    let passed = now.since(authenticated).as_secs();
    MAX_LIFETIME.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX))
}

fn from_secs(seconds: u64) -> Time {
    Time::since_unix_epoch(Duration::from_secs(seconds))
}

/// Writes a version and `content` after it, into memory that is wiped. `capacity` is enough for all of
/// it: growing would leave copies of the secret behind.
fn write(capacity: usize, content: impl FnOnce(&mut Vec<u8>)) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(capacity));
    out.push(VERSION);
    content(&mut out);
    out
}

/// A reader behind the version.
fn open(bytes: &[u8]) -> Result<Reader<'_>, SessionError> {
    let mut reader = Reader::new(HandshakeType::NEW_SESSION_TICKET, bytes);
    match reader.u8("version")? {
        VERSION => Ok(reader),
        _ => Err(SessionError::Version),
    }
}
