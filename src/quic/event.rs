//! What a QUIC implementation has to do next.

use core::fmt;

use super::{DirectionalKeys, KeyUpdate};
use crate::level::Level;

/// What the owner of a [`Connection`](super::Connection) has to do next, in order.
#[non_exhaustive]
pub enum Event {
    /// Send these bytes in CRYPTO frames of this level, after those that were sent at it before. They
    /// are sent again until they are acknowledged.
    CryptoData {
        /// The level, never [`Level::EarlyData`].
        level: Level,
        /// The bytes.
        data: Vec<u8>,
    },
    /// The peer's transport parameters (RFC 9001, section 8.2). Until the handshake is complete they are
    /// not authentic. If they are wrong, send the code TRANSPORT_PARAMETER_ERROR (RFC 9000, section
    /// 20.1), and give [`Connection::fail`](super::Connection::fail) an
    /// [`ErrorKind::QuicProtocolViolation`](crate::ErrorKind::QuicProtocolViolation) with the reason.
    TransportParameters(Vec<u8>),
    /// Packets of this level can be received from here on. The keys of 1-RTT packets come when the handshake
    /// is complete, as such packets must not be processed before that (RFC 9001, section 5.7).
    ReadKeys(LevelKeys),
    /// Packets of this level can be sent from here on. A server can send 1-RTT packets before the
    /// client's Finished came; the client is not authenticated then.
    WriteKeys(LevelKeys),
    /// The keys of this level must be discarded now, in both directions, if that was not done earlier
    /// (RFC 9001, section 4.9).
    ///
    /// - Initial keys: a client discards them when it first sends a Handshake packet; a server when it
    ///   first processes one. The event comes with the first CRYPTO data of that level. If a Handshake
    ///   packet without such data was sent or processed before, discard the keys then.
    /// - Keys of 0-RTT packets: a client discards them when the server rejects the data, and when it
    ///   has keys of 1-RTT packets. A server may keep them for a short time after the first 1-RTT
    ///   packet, which it measures itself: there is no event.
    /// - Handshake keys: when the handshake is confirmed.
    DiscardKeys(Level),
    /// The handshake is complete (RFC 9001, section 4.1.1).
    HandshakeComplete,
    /// The handshake is confirmed (RFC 9001, section 4.1.2). A server sends HANDSHAKE_DONE.
    HandshakeConfirmed,
}

/// The keys of a level in one direction.
#[derive(Debug)]
pub struct LevelKeys {
    /// The level.
    pub level: Level,
    /// Its keys.
    pub keys: DirectionalKeys,
    /// The packet keys of the next key phases. At [`Level::Application`] only.
    pub update: Option<KeyUpdate>,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A message may have a ticket in it.
            Self::CryptoData { level, data } => {
                write!(f, "CryptoData({level:?}, {} bytes)", data.len())
            }
            Self::TransportParameters(parameters) => {
                write!(f, "TransportParameters({} bytes)", parameters.len())
            }
            Self::ReadKeys(keys) => write!(f, "ReadKeys({:?})", keys.level),
            Self::WriteKeys(keys) => write!(f, "WriteKeys({:?})", keys.level),
            Self::DiscardKeys(level) => write!(f, "DiscardKeys({level:?})"),
            Self::HandshakeComplete => f.write_str("HandshakeComplete"),
            Self::HandshakeConfirmed => f.write_str("HandshakeConfirmed"),
        }
    }
}
