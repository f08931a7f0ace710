//! Encryption levels: which keys protect a byte.

/// The keys that protect a piece of the handshake. Records and QUIC both know these four; only
/// what they do with the keys differs.
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
