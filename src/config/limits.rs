/// What a peer can make this side spend. No honest peer reaches one of the defaults.
///
/// ```
/// use handclasp::config::Limits;
///
/// let mut limits = Limits::DEFAULT;
/// limits.certificates = 8;
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The length of the longest handshake message in bytes, with its header: 131400. Certificates
    /// have a limit of their own.
    ///
    /// This is the longest ClientHello that the syntax allows (RFC 9846, section 4.2.2). Other types of
    /// messages have shorter syntax, which limits them. The limit bounds the buffer for a message that
    /// arrives in parts, and so the lists of keys, key shares and extensions in it.
    pub handshake_message: usize,
    /// The length of the longest Certificate or CompressedCertificate in bytes, with its header: 262144.
    /// The announced length of a decompressed message has the same limit, which is checked before the
    /// message is decompressed.
    pub certificate_message: usize,
    /// The number of certificates in a Certificate message: 32.
    pub certificates: usize,
    /// The number of change_cipher_spec records, which have no meaning, in a handshake: 4.
    pub change_cipher_specs: usize,
    /// The number of records of application data that contain no data (they are empty, or only
    /// padding) since the last data: 64.
    pub empty_data_records: usize,
    /// The number of messages after the handshake without application data between them: 32. Data in
    /// either direction start the count again. The limit stops floods of KeyUpdate and
    /// NewSessionTicket. In QUIC,
    /// [`quic_messages_per_minute`](Self::quic_messages_per_minute) is in its place.
    pub messages_without_data: usize,
    /// The number of messages after the handshake in a minute of a connection of QUIC: 1024.
    /// Application data of QUIC do not pass through this library, and the only message is
    /// NewSessionTicket. The limit stops floods of it.
    pub quic_messages_per_minute: usize,
    /// The number of requests for a client's certificate after the handshake that the client has not
    /// answered: 8.
    pub certificate_requests: usize,
    /// The number of `user_canceled` alerts, which have no effect: 4.
    pub ignored_alerts: usize,
    /// The number of bytes in records with 0-RTT data that a server skips if it does not accept them:
    /// 16384. [`early_data`](super::ServerConfigBuilder::early_data) raises it to what the server
    /// allows, and the client's first ticket to what that ticket allows. After a HelloRetryRequest no ticket
    /// raises it, because the server sends that before it looks for a session. So servers that share tickets
    /// need the largest value of all.
    pub early_data_skipped: usize,
    /// The number of protected bytes that wait to be sent before writes of more data are refused:
    /// 65536. Answers to requests of the peer come on top of it. The connection ends if they exceed the
    /// limit by more than [`certificate_message`](Self::certificate_message).
    pub outgoing: usize,
    /// The number of bytes that CRYPTO frames of QUIC may be ahead of the first byte that is missing:
    /// 65536. They are buffered. At one level they are at most in
    /// [`MAX_PIECES`](crate::quic::Connection::MAX_PIECES) pieces. Less than 4096 has the effect of 4096, which
    /// RFC 9000, section 7.5, demands.
    pub crypto_buffer: usize,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        handshake_message: 131_400,
        certificate_message: 262_144,
        certificates: 32,
        change_cipher_specs: 4,
        empty_data_records: 64,
        messages_without_data: 32,
        quic_messages_per_minute: 1024,
        certificate_requests: 8,
        ignored_alerts: 4,
        early_data_skipped: 16_384,
        outgoing: 65_536,
        crypto_buffer: 65_536,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
