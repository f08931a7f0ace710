//! The cases that are run with each stack.

use handclasp::registry::{CipherSuiteId, NamedGroup};

use crate::peers::Wanted;

/// What is tried on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    TenMebibytes,
    LongCertificate,
    Loss,
    Aes128,
    Aes256,
    ChaCha20,
    MlKem,
    HelloRetryRequest,
    Resumption,
    EarlyDataAccepted,
    EarlyDataRejected,
    EarlyDataAfterRetry,
    EarlyDataBeforeHelloRetryRequest,
    KeyUpdate,
    Retry,
    ClientCertificate,
    WrongServerCertificate,
    WrongClientCertificate,
    NoCommonProtocol,
    VersionNegotiation,
}

impl Case {
    pub const ALL: [Self; 20] = [
        Self::TenMebibytes,
        Self::LongCertificate,
        Self::Loss,
        Self::Aes128,
        Self::Aes256,
        Self::ChaCha20,
        Self::MlKem,
        Self::HelloRetryRequest,
        Self::Resumption,
        Self::EarlyDataAccepted,
        Self::EarlyDataRejected,
        Self::EarlyDataAfterRetry,
        Self::EarlyDataBeforeHelloRetryRequest,
        Self::KeyUpdate,
        Self::Retry,
        Self::ClientCertificate,
        Self::WrongServerCertificate,
        Self::WrongClientCertificate,
        Self::NoCommonProtocol,
        Self::VersionNegotiation,
    ];

    /// As in the table of `docs/quic-peers.md`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TenMebibytes => "handshake, 10 MiB both ways",
            Self::LongCertificate => "certificate of 12 kB",
            Self::Loss => "10 % of datagrams lost, repeated and reordered",
            Self::Aes128 => "AES-128-GCM",
            Self::Aes256 => "AES-256-GCM",
            Self::ChaCha20 => "ChaCha20-Poly1305",
            Self::MlKem => "X25519MLKEM768",
            Self::HelloRetryRequest => "HelloRetryRequest",
            Self::Resumption => "resumption",
            Self::EarlyDataAccepted => "0-RTT data accepted",
            Self::EarlyDataRejected => "0-RTT data rejected",
            Self::EarlyDataAfterRetry => "0-RTT data accepted after a Retry packet",
            Self::EarlyDataBeforeHelloRetryRequest => "0-RTT data rejected by a HelloRetryRequest",
            Self::KeyUpdate => "key update",
            Self::Retry => "Retry packet",
            Self::ClientCertificate => "client certificate",
            Self::WrongServerCertificate => "wrong certificate of the server",
            Self::WrongClientCertificate => "wrong certificate of the client",
            Self::NoCommonProtocol => "no common application protocol",
            Self::VersionNegotiation => "another version first, then version 1",
        }
    }

    /// The suite that both ends must take.
    pub fn cipher_suite(self) -> Option<CipherSuiteId> {
        match self {
            Self::Aes128 => Some(CipherSuiteId::TLS_AES_128_GCM_SHA256),
            Self::Aes256 => Some(CipherSuiteId::TLS_AES_256_GCM_SHA384),
            Self::ChaCha20 => Some(CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256),
            _ => None,
        }
    }

    /// The only groups of a client of another stack, the preferred one first. `None` is its own choice.
    pub fn client_groups(self) -> Option<&'static [NamedGroup]> {
        match self {
            Self::MlKem => Some(&[NamedGroup::X25519_MLKEM768]),
            // The client sends a share of the first.
            _ if self.has_hello_retry_request() => {
                Some(&[NamedGroup::X25519, NamedGroup::SECP384R1])
            }
            _ => None,
        }
    }

    /// The only group of this server of another stack, as [`client_groups`](Self::client_groups).
    pub fn server_group(self, wanted: &Wanted) -> Option<NamedGroup> {
        if wanted.retries_group {
            return Some(NamedGroup::SECP384R1);
        }
        (self == Self::MlKem).then_some(NamedGroup::X25519_MLKEM768)
    }

    /// Whether the server asks for another share.
    pub fn has_hello_retry_request(self) -> bool {
        matches!(self, Self::HelloRetryRequest | Self::EarlyDataBeforeHelloRetryRequest)
    }

    /// Whether the client has a session of a connection before.
    pub fn resumes(self) -> bool {
        self == Self::Resumption || self.sends_early_data()
    }

    /// Whether that connection was one with another server.
    pub fn has_another_server(self) -> bool {
        matches!(self, Self::EarlyDataRejected | Self::EarlyDataBeforeHelloRetryRequest)
    }

    /// Whether the client sends 0-RTT data.
    pub fn sends_early_data(self) -> bool {
        self.accepts_early_data() || self.has_another_server()
    }

    /// Whether the server accepts 0-RTT data.
    pub fn accepts_early_data(self) -> bool {
        matches!(self, Self::EarlyDataAccepted | Self::EarlyDataAfterRetry)
    }

    /// How many bytes go both ways.
    pub fn length(self) -> usize {
        if self == Self::TenMebibytes { 10 << 20 } else { 5_000 }
    }

    /// What is asked of the server that a client has its session of, if that is another one.
    pub fn wanted_before(self, protocol: &'static str) -> Wanted {
        Wanted { takes_early_data: true, retries_group: false, ..self.wanted(protocol) }
    }

    /// What is asked of both ends, with this protocol of the application.
    pub fn wanted(self, protocol: &'static str) -> Wanted {
        Wanted {
            client_protocol: protocol,
            server_protocol: protocol,
            cipher_suite: self.cipher_suite(),
            takes_early_data: self.sends_early_data() && self != Self::EarlyDataRejected,
            asks_clients: matches!(self, Self::ClientCertificate | Self::WrongClientCertificate),
            retries_group: self.has_hello_retry_request(),
            sends_retry: matches!(self, Self::Retry | Self::EarlyDataAfterRetry),
        }
    }
}
