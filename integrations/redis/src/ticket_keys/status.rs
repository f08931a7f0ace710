//! What an application can show of its ticket keys.

use core::time::Duration;

use handclasp::pki_types::UnixTime;

use super::stored_key::TicketKeyId;

/// The state of the ticket keys on this server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TicketKeyStatus {
    /// The keys that this server knows: the one that seals last comes first. Empty until the store has answered:
    /// the server then has random keys of its own.
    pub keys: Vec<TicketKeyInfo>,
    /// How long ago the store was read; `None` if it never was. Keys that were revoked on another server since then are
    /// still used here.
    pub since_refresh: Option<Duration>,
    /// Why the last attempt to read the store has failed; `None` if it has not.
    pub last_error: Option<String>,
    /// What the store has that is no key of this fleet, and why: it was changed, or was sealed with a
    /// sealing key that this server does not have.
    pub refused: Vec<String>,
}

/// A ticket key, without the key. The times are those of the store's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TicketKeyInfo {
    /// Its name.
    pub id: TicketKeyId,
    /// What it is used for now.
    pub role: TicketKeyRole,
    /// When it was made.
    pub made_at: UnixTime,
    /// From when on it seals.
    pub seals_from: UnixTime,
    /// When the next key is due to take over.
    pub seals_until: UnixTime,
    /// When it is forgotten.
    pub opens_until: UnixTime,
}

/// What a ticket key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketKeyRole {
    /// It opens tickets, and will seal: servers that know it already may do so.
    Next,
    /// It seals and opens.
    Sealing,
    /// It opens the tickets that it has sealed.
    Opening,
    /// It has ended.
    Ended,
}
