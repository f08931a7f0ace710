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
//! | one of these, and then another one after the handshake, as a client may | there is no session: the server sends no tickets from then on |
//! | nothing, as a client may | the server's rule for clients: may it be anonymous? |
//! | nothing, as a server must not | nothing: the session is not resumed |
//!
//! | This side has shown | What is asked again |
//! |---|---|
//! | a certificate or none, as the server asked | the client's resolver, with the same request: it must choose the same. It is the last request that the client answered with a certificate |
//! | nothing, as it was not asked | nothing: the session is resumed |
//! | the certificate of a server's name | the server's resolver: is the [name served](crate::credential::CertificateResolver::serves)? |
//!
//! A client also resumes only where the server's key fits a signature scheme that it offers now; on a
//! server, the schemes are among what it asks of clients.
//!
//! A [`TrustAnchorVerifier`](crate::verify::TrustAnchorVerifier) does all of this again except for
//! signatures that it remembers, of certificates and of OCSP responses: a valid signature stays valid.
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
mod early_data_policy;
mod error;
mod lifetime;
mod memory_client_sessions;
mod server;
mod stored;
mod ticket_keys;

pub use anti_replay::{AntiReplay, ClientHelloRecord, ReplayCheck, StrikeRegister, Zone};
pub use client::{ClientSession, ClientSessionStore, TicketOrigin};
pub(crate) use credential::{CertificateAnswer, KeyRecord, PeerCertificates, PeerCredential};
pub use early_data_policy::{AcceptFresh, EarlyDataOffer, EarlyDataPolicy, EarlyDataTerms};
pub use error::SessionError;
pub use lifetime::MAX_LIFETIME;
pub(crate) use lifetime::seconds_left;
pub use memory_client_sessions::MemoryClientSessions;
pub use server::{MemorySessions, SessionStore};
pub(crate) use server::{RULES_DIGEST_LENGTH, ServerSession};
pub use stored::MAX_RESUMPTION_DATA_LENGTH;
pub(crate) use stored::{MAX_PARAMETERS_LENGTH, MAX_TICKET_LENGTH, QuicSession, Session};
pub use ticket_keys::TicketKeys;
