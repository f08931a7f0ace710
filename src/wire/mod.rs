//! Bytes and messages: the handshake messages of RFC 9846, section 4, with no cryptography and no
//! state.
//!
//! Parsing borrows from its input. It is strict in what the RFC fixes (lengths, duplicates,
//! trailing bytes, an extension in the wrong message) and tolerant in what the RFC leaves open
//! (code points that are not assigned yet, GREASE). Writing appends to a vector of the caller.
//!
//! Each message has a file of its name. The extensions have one table, in `extensions.rs`: their
//! code points, the messages that may have them, and what a ClientHello and an
//! EncryptedExtensions say in them.
//!
//! The structs of the messages have the fields that the RFC gives them, and can be made with a literal.
//! `ClientExtensions` and `ServerExtensions` get a field with each extension: start with their default.

mod certificate;
mod certificate_request;
mod certificate_verify;
mod client_hello;
pub(crate) mod codec;
mod compressed_certificate;
mod debug;
mod encrypted_extensions;
mod end_of_early_data;
mod extension_list;
mod extensions;
mod finished;
mod handshake_message;
mod key_share;
mod key_update;
mod names;
mod new_session_ticket;
mod pre_shared_key;
mod server_hello;
mod server_name;
mod status_request;
#[cfg(test)]
mod tests;
mod ticket_request;

pub use certificate::{Certificate, CertificateEntry};
pub use certificate_request::{CertificateRequest, OidFilter, OidFilters};
pub use certificate_verify::CertificateVerify;
pub use client_hello::ClientHello;
pub use codec::{CodePoint, DecodeError, DecodeReason, List};
pub use compressed_certificate::CompressedCertificate;
pub use encrypted_extensions::EncryptedExtensions;
pub use end_of_early_data::EndOfEarlyData;
pub use extension_list::{Extension, Extensions};
pub use extensions::{ClientExtensions, ExtensionType, ServerExtensions};
pub use finished::Finished;
pub use handshake_message::{HandshakeMessage, MESSAGE_HEADER_LENGTH};
pub use key_share::{KeyShareEntry, KeyShares};
pub use key_update::KeyUpdate;
pub use names::Names;
pub use new_session_ticket::NewSessionTicket;
pub use pre_shared_key::{OfferedPsks, PskIdentity};
pub use server_hello::{HELLO_RETRY_REQUEST_RANDOM, ServerHello};
pub use ticket_request::TicketRequest;

pub(crate) use certificate::write_timestamps;
pub(crate) use certificate_request::{write_authorities, write_request_extensions};
pub(crate) use client_hello::write_client_hello;
pub(crate) use encrypted_extensions::write_encrypted_extensions;
pub(crate) use extension_list::{ExtensionWriter, write_extension};
pub(crate) use extensions::{EXTENSION_TABLE, ExtensionMessage, client_hello_order};
pub(crate) use handshake_message::write_message;
pub(crate) use names::write_names;
pub(crate) use pre_shared_key::{OneIdentity, PSK_DHE_KE, PSK_KE, UnboundPsk};
pub(crate) use status_request::write_ocsp_response;
