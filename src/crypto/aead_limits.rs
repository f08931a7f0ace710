//! The limits of the AEADs of TLS 1.3. They belong to the ciphers, so all providers have the same.

use super::KeyLimits;

/// How often one key of an AEAD may be used in each protocol.
pub(super) struct AeadLimits {
    /// See [`Aead::confidentiality_limit`](super::Aead::confidentiality_limit).
    pub(super) tls: u64,
    pub(super) quic: KeyLimits,
    pub(super) dtls: KeyLimits,
}

/// RFC 9846, section 5.5, and RFC 9147, section 4.5.3, allow 2^24.5 full-size records under one
/// AES-GCM key; this is the power of two below it.
const AES_GCM_RECORDS: u64 = 1 << 24;

pub(super) const AES_GCM_LIMITS: AeadLimits = AeadLimits {
    tls: AES_GCM_RECORDS,
    quic: KeyLimits { confidentiality: 1 << 23, integrity: 1 << 52 },
    dtls: KeyLimits { confidentiality: AES_GCM_RECORDS, integrity: 1 << 36 },
};

/// A sequence number or packet number ends before a key is used up.
pub(super) const CHACHA20_POLY1305_LIMITS: AeadLimits = AeadLimits {
    tls: u64::MAX,
    quic: KeyLimits { confidentiality: u64::MAX, integrity: 1 << 36 },
    dtls: KeyLimits { confidentiality: u64::MAX, integrity: 1 << 36 },
};
