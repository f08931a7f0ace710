//! The limits of an account. A peer, or the author of a capture, decides what is in a connection: an account
//! of it must not be much bigger than its bytes.

/// The most records of a connection that an account lists; the sizes count all of them.
pub const MAX_RECORDS: usize = 20_000;

/// The most bytes of handshake messages that an account has; the sizes count all of them. Those of a
/// handshake are at most half of it.
pub const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// The most handshake messages that an account lists: a peer can send many small ones.
pub const MAX_MESSAGES: usize = 10_000;

/// The most fields of all messages of a connection, and names in its certificates: of each account, also where
/// [`Options::max_fields`](crate::Options::max_fields) says more. Beyond it, a message is its type, its length
/// and its body.
pub const MAX_FIELDS: usize = 50_000;

/// The most fields of one message. What follows them is one field.
pub const MAX_MESSAGE_FIELDS: usize = 10_000;

/// The most certificates of one message that are read. What follows them is one field.
pub const MAX_CERTIFICATES: usize = 64;

/// The most nodes of a key schedule: each KeyUpdate and each ticket adds some.
pub const MAX_SECRETS: usize = 4096;

#[cfg(test)]
mod tests;
