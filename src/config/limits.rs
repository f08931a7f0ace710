/// What a peer can make this side spend. Each bound has a default that no honest peer meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest handshake message in bytes, with its header, where it is no certificate: 131400,
    /// the longest ClientHello that the syntax has room for (RFC 9846, section 4.2.2). The syntax
    /// of every other type has room for less, and is the limit there. It bounds what is buffered
    /// for a message that comes in pieces, and with it PSK lists, key shares and extensions.
    pub handshake_message: usize,
    /// The longest Certificate or CompressedCertificate in bytes, with its header: 262144. What a
    /// CompressedCertificate stands for is held to it as well, before anything is decompressed.
    pub certificate_message: usize,
    /// Certificates in one Certificate message: 32.
    pub certificates: usize,
    /// Dummy change_cipher_spec records in one handshake: 4.
    pub change_cipher_specs: usize,
    /// Records of application data without any data in them (empty, or padding only) since the
    /// last data: 64. Pieces of a handshake message are bounded by its length.
    pub empty_data_records: usize,
    /// Messages after the handshake in a row without application data between them: 32. It stops
    /// floods of KeyUpdate and NewSessionTicket; data reset it.
    pub messages_without_data: usize,
    /// Requests for a client's certificate after the handshake that it has not answered: 8.
    pub certificate_requests: usize,
    /// `user_canceled` alerts, which mean nothing: 4.
    pub ignored_alerts: usize,
    /// Bytes of records with 0-RTT data that a server passes over when it does not take them:
    /// 16384, or as many as its tickets and the one that was offered allow.
    pub early_data_skipped: usize,
    /// Sealed bytes that wait to be sent before writing more data is refused: 65536. Where answers
    /// to the peer's requests come on top of it, by more than
    /// [`certificate_message`](Self::certificate_message), the connection ends.
    pub outgoing: usize,
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
        certificate_requests: 8,
        ignored_alerts: 4,
        early_data_skipped: 16_384,
        outgoing: 65_536,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
