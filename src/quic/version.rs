//! The versions of QUIC, and what differs between them in cryptography (RFC 9001, sections 5.1, 5.2, 5.8
//! and 6.1; RFC 9369, section 3.3).

use crate::crypto::NONCE_LENGTH;

/// A version of QUIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// Version 1 (RFC 9000 and RFC 9001).
    V1,
    /// Version 2 (RFC 9369).
    V2,
}

/// The labels of HKDF-Expand-Label, without the prefix `"tls13 "`.
pub(super) struct Labels {
    pub(super) key: &'static str,
    pub(super) iv: &'static str,
    pub(super) header_protection: &'static str,
    pub(super) key_update: &'static str,
}

impl Version {
    /// The version with this number in the long header of a packet, if it is supported.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            _ => None,
        }
    }

    /// The number of the version in the long header of a packet.
    pub const fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 0x6b33_43cf,
        }
    }

    pub(super) const fn labels(self) -> Labels {
        match self {
            Self::V1 => Labels {
                key: "quic key",
                iv: "quic iv",
                header_protection: "quic hp",
                key_update: "quic ku",
            },
            Self::V2 => Labels {
                key: "quicv2 key",
                iv: "quicv2 iv",
                header_protection: "quicv2 hp",
                key_update: "quicv2 ku",
            },
        }
    }

    /// The salt of the secrets of Initial packets.
    pub(super) const fn initial_salt(self) -> [u8; 20] {
        match self {
            Self::V1 => [
                0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8,
                0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a,
            ],
            Self::V2 => [
                0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26,
                0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
            ],
        }
    }

    /// The key of the Retry Integrity Tag, which is public.
    pub(super) const fn retry_key(self) -> [u8; 16] {
        match self {
            Self::V1 => [
                0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68,
                0xc8, 0x4e,
            ],
            Self::V2 => [
                0x8f, 0xb4, 0xb0, 0x1b, 0x56, 0xac, 0x48, 0xe2, 0x60, 0xfb, 0xcb, 0xce, 0xad, 0x7c,
                0xcc, 0x92,
            ],
        }
    }

    /// The nonce of the Retry Integrity Tag.
    pub(super) const fn retry_nonce(self) -> [u8; NONCE_LENGTH] {
        match self {
            Self::V1 => [0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb],
            Self::V2 => [0xd8, 0x69, 0x69, 0xbc, 0x2d, 0x7c, 0x6d, 0x99, 0x90, 0xef, 0xb0, 0x4a],
        }
    }
}
