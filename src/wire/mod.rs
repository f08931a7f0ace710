//! Bytes and messages: the handshake messages of RFC 9846, section 4, with no cryptography and no
//! state.
//!
//! Parsing borrows from its input. It is strict in what the RFC fixes (lengths, duplicates,
//! trailing bytes, an extension in the wrong message) and tolerant in what the RFC leaves open
//! (values that nobody knows yet, GREASE). Writing appends to a vector of the caller's.

mod certificate;
mod client_hello;
pub(crate) mod codec;
mod debug;
mod extension_list;
mod extensions;
mod message;
mod post_handshake;
mod server_hello;
#[cfg(test)]
mod tests;

pub use certificate::{
    Certificate, CertificateEntry, CertificateRequest, CertificateVerify, CompressedCertificate,
    OidFilters,
};
pub(crate) use client_hello::OneIdentity;
pub use client_hello::{ClientHello, KeyShareEntry, KeyShares, Names, OfferedPsks, PskIdentity};
pub use codec::{CodePoint, DecodeError, DecodeReason, List};
pub use extension_list::{Extension, Extensions};
pub use extensions::ExtensionType;
pub use message::{HandshakeMessage, MESSAGE_HEADER_LENGTH};
pub use post_handshake::{EndOfEarlyData, Finished, KeyUpdate, NewSessionTicket};
pub use server_hello::{EncryptedExtensions, HELLO_RETRY_REQUEST_RANDOM, ServerHello};

pub(crate) use certificate::{OCSP, write_ocsp_response};
pub(crate) use client_hello::{PSK_DHE_KE, PSK_KE, write_names, write_server_name};
pub(crate) use extension_list::{write_extension, write_extension_if};
pub(crate) use extensions::EXTENSION_TABLE;
pub(crate) use message::write_message;
