//! Certificates: is this key the one of the server that was asked for?
//!
//! [`verify_chain`] answers by path validation (RFC 5280, section 6): from the peer's certificate,
//! over whatever intermediates the peer sent in whatever order, to one of the [`TrustAnchors`];
//! and by matching the name that was asked for with those in the certificate (RFC 9525).
//! [`EndEntity`] is the peer's certificate as a handshake needs it: a key that verifies.
//!
//! The module knows no TLS and names no crate of primitives: signatures are verified by the
//! `SignatureVerificationAlgorithm`s that the caller gives, and errors say what is wrong with which
//! certificate, in words for the people who will have to put it right.
//!
//! What is not supported fails closed. An unknown critical extension, a name constraint of a kind
//! that is not DNS or IP, a certificate of version 1: each makes its path fail, by name. Revocation
//! is not looked at, and policies are not processed, so a critical policy extension is refused as
//! any other unknown one.

mod anchors;
mod checks;
mod constraints;
mod decode;
mod der;
mod end_entity;
mod error;
mod name;
mod path;
mod request;
mod signature;
#[cfg(test)]
mod tests;

pub use anchors::{TrustAnchorError, TrustAnchors};
pub use end_entity::EndEntity;
pub use error::{CertificateError, Limit, Problem, SignatureError, Timestamp};
pub use name::ReferenceIdentifier;
pub use path::{VerifiedPath, verify_chain};
pub use request::{ChainRequest, PathLimits, Profile, Purpose};
