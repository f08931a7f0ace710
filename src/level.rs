//! Encryption levels: the keys that protect a byte.

use core::fmt;

/// The keys that protect a part of the handshake. Records and QUIC have the same four levels, and
/// use the keys in different ways. TLS 1.3 has no other level, so a match needs no wildcard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// No protection: ClientHello, ServerHello and HelloRetryRequest.
    #[default]
    Initial,
    /// 0-RTT data, under keys of a PSK.
    EarlyData,
    /// The rest of the handshake, under keys of the key exchange.
    Handshake,
    /// Everything after Finished.
    Application,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initial => "initial",
            Self::EarlyData => "early data",
            Self::Handshake => "handshake",
            Self::Application => "application",
        })
    }
}
