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
    KeyUpdate,
    Retry,
    ClientCertificate,
    WrongServerCertificate,
    WrongClientCertificate,
    NoCommonProtocol,
    VersionNegotiation,
}

impl Case {
    pub const ALL: [Self; 18] = [
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

    /// The groups that a client of another stack has, in the order of its preference, and those that such a server
    /// has. `None` is its own choice.
    pub fn groups(self) -> Option<[&'static [NamedGroup]; 2]> {
        match self {
            Self::MlKem => Some([&[NamedGroup::X25519_MLKEM768], &[NamedGroup::X25519_MLKEM768]]),
            // The client sends a share of the first.
            Self::HelloRetryRequest => {
                Some([&[NamedGroup::X25519, NamedGroup::SECP384R1], &[NamedGroup::SECP384R1]])
            }
            _ => None,
        }
    }

    /// Whether the client has a session of a connection before.
    pub fn resumes(self) -> bool {
        matches!(self, Self::Resumption | Self::EarlyDataAccepted | Self::EarlyDataRejected)
    }

    /// Whether the client sends 0-RTT data.
    pub fn sends_early_data(self) -> bool {
        matches!(self, Self::EarlyDataAccepted | Self::EarlyDataRejected)
    }

    /// How many bytes go both ways.
    pub fn length(self) -> usize {
        if self == Self::TenMebibytes { 10 << 20 } else { 5_000 }
    }

    /// What is asked of both ends, with this protocol of the application.
    pub fn wanted(self, protocol: &'static str) -> Wanted {
        Wanted {
            client_protocol: protocol,
            server_protocol: protocol,
            cipher_suite: self.cipher_suite(),
            takes_early_data: self.sends_early_data(),
            asks_clients: matches!(self, Self::ClientCertificate | Self::WrongClientCertificate),
            retries_group: self == Self::HelloRetryRequest,
            sends_retry: self == Self::Retry,
        }
    }
}
