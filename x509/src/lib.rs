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
//! What is not supported fails closed: an unknown critical extension, a name under a constraint of
//! a kind that cannot be compared, a certificate of version 1 each make their path fail, by name.
//! Delta CRLs, indirect CRLs and DSA are not supported.
//!
#![doc = include_str!("../order.md")]
//!
//! Revocation is checked with the evidence that the caller has ([`Revocation`]): nothing is
//! fetched. With a CRL at hand:
//!
//! ```
//! use handclasp_x509::{CertificateRevocationList, CrlError, Revocation, RevocationMode};
//! # fn example(pem: &[u8]) -> Result<(), CrlError> {
//! // Once: a CRL of a million entries is parsed and sorted here.
//! let crls = CertificateRevocationList::from_pem(pem)?;
//! // For each validation, as a field of the `ChainRequest`.
//! let mut revocation = Revocation { crls: &crls, ..Revocation::default() };
//! revocation.policy.mode = RevocationMode::Require;
//! # Ok(()) }
//! ```
//!
//! # Rules
//!
//! There are two profiles. The default one is as strict as a client can be while authorities made
//! with common tools still work. The strict one also refuses what the standards forbid authorities
//! to issue, and checks the certificate of the trust anchor too, if it is known: all but the sign of
//! its serial number, the form of its times, and what it signed itself with. Most roots that browsers trust
//! pass; of the old ones some do not, such as those without a subjectKeyIdentifier.
//!
//! A CA's certificate as the peer's own is accepted in the default profile: whoever has its key
//! could issue another one, and its names and purposes must fit all the same.
//!
//! In the default profile, a fault that does no harm is none. A serial number of 0, a negative one
//! and one of more than 20 octets are handled gracefully (RFC 5280, section 4.1.2.2). A malformed
//! extension that nothing here reads, such as the authority information access, is passed over. Of
//! a certificate that is trusted itself, the serial number, the signature and the issuer do not
//! count in either profile. The dates of a trust anchor count if the caller says so:
//! [`AnchorDates`].
//!
#![doc = include_str!("../rules.md")]
// Items behind a feature say so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod algorithm;
mod anchors;
mod bundle;
mod candidate;
mod certificate;
mod checks;
mod constraints;
mod curve;
mod der;
mod distinguished_name;
mod end_entity;
mod error;
mod explain;
mod extended_key_usage;
mod extension;

mod fault;
mod general_name;
mod intermediate;
mod issuer;
mod key;
mod key_usage;
mod name;
mod oid;
mod path;
mod path_checks;
pub mod pem;
mod policies;
mod presented;
mod profile;
mod request;
mod revocation;
mod revocation_error;
#[cfg(any(feature = "webpki-roots", feature = "rustls-native-certs"))]
mod roots;
mod rules;
mod selection;
mod signature;
mod strict;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod unsupported;
mod verified_path;

pub use anchors::{TrustAnchorError, TrustAnchors};
pub use bundle::LoadedAnchors;
pub use distinguished_name::distinguished_name;
pub use end_entity::{EndEntity, KeyComparison};
pub use error::{CertificateError, CertificateErrorKind, Limit, NotACaReason, SignatureError};
pub use explain::{Attempt, Explanation, Outcome, Place};
pub use name::ReferenceIdentifier;
pub use path::{explain_chain, verify_chain};
pub use policies::{InitialPolicies, InvalidPolicyIdentifier, PolicyIdentifier};
pub use presented::{NameKind, PresentedIdentifier};
pub use profile::{AnchorDates, Profile, Purpose};
pub use request::{ChainRequest, PathLimits};
pub use revocation::{
    CertificateRevocationList, Digests, Revocation, RevocationMode, RevocationPolicy,
    RevocationScope, StatusRequest,
};
pub use revocation_error::{
    CrlError, RevocationEvidence, RevocationEvidenceError, RevocationReason,
    UnknownRevocationStatus,
};
pub use rules::Rule;
pub use selection::{issued_by_any, matches_oid_filter, signature_algorithms_of};
pub use summary::CertificateSummary;
pub use time::Timestamp;
pub use verified_path::VerifiedPath;
