//! X.509 certificates for any protocol: path validation, names, revocation, and errors that explain.
//!
//! [`verify_chain`] decides whether a certificate belongs to the peer with this name. It validates a
//! path (RFC 5280, section 6) from the peer's certificate to one of the [`TrustAnchors`]. The peer
//! may send the intermediate certificates in any order, with others among them. Then it compares the
//! expected name with the names of the certificate (RFC 9525). [`explain_chain`] also says which
//! certificates it tried, and why each of them failed. [`EndEntity`] is the peer's certificate as a
//! handshake needs it: its key verifies signatures. [`der`] is the strict reader behind all of them.
//!
//! The crate knows no TLS and names no crate of primitives. The caller passes the
//! `SignatureVerificationAlgorithm`s of `rustls-pki-types`; providers such as `rustls-webpki` have
//! them. Each error says what is wrong with which certificate, has a stable
//! [code](CertificateErrorKind::code), and often a [remedy](CertificateErrorKind::remedy).
//!
//! # Example
//!
//! A server's chain is validated for its name. Then the authority revokes the certificate.
//!
//! ```
//! use std::time::Duration;
//!
//! use handclasp_x509::{
//!     CertificateErrorKind, CertificateRevocationList, ChainRequest, Purpose, TrustAnchors,
//!     explain_chain, verify_chain,
//! };
//! use pki_types::{ServerName, UnixTime};
//!
//! # use rcgen::*;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut ca = CertificateParams::default();
//! # ca.distinguished_name.push(DnType::CommonName, "An Authority");
//! # ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
//! # ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
//! # let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
//! # let mut leaf = CertificateParams::new(vec!["www.example.com".to_owned()])?;
//! # leaf.serial_number = Some(SerialNumber::from(7));
//! # leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
//! # let leaf = leaf.signed_by(&KeyPair::generate()?, &ca)?;
//! # let revoked = RevokedCertParams {
//! #     serial_number: SerialNumber::from(7),
//! #     revocation_time: date_time_ymd(2026, 7, 2),
//! #     reason_code: Some(RevocationReason::KeyCompromise),
//! #     invalidity_date: None,
//! # };
//! # let crl = CertificateRevocationListParams {
//! #     this_update: date_time_ymd(2026, 7, 2),
//! #     next_update: date_time_ymd(2027, 7, 2),
//! #     crl_number: SerialNumber::from(1),
//! #     issuing_distribution_point: None,
//! #     revoked_certs: vec![revoked],
//! #     key_identifier_method: KeyIdMethod::Sha256,
//! # };
//! # let crl = crl.signed_by(&ca)?;
//! # let read = |name: &str| match name {
//! #     "roots.pem" => ca.pem(),
//! #     "chain.pem" => leaf.pem(),
//! #     _ => crl.pem().unwrap(),
//! # };
//! let anchors = TrustAnchors::from_pem(read("roots.pem").as_bytes())?;
//! let chain = handclasp_x509::pem::certificates(read("chain.pem").as_bytes())?;
//! let name = ServerName::try_from("www.example.com")?.into();
//! let names = [name];
//! let mut request = ChainRequest::new(
//!     &chain[0],
//!     &chain[1..],
//!     &anchors,
//!     Purpose::Server,
//!     &names,
//!     UnixTime::since_unix_epoch(Duration::from_secs(1_785_412_800)),
//!     webpki::ALL_VERIFICATION_ALGS,
//! );
//! let path = verify_chain(&request)?;
//! assert_eq!(path.subjects().last().unwrap(), "CN=An Authority");
//!
//! // A CRL is parsed once, and used for any number of validations.
//! let crls = CertificateRevocationList::from_pem(read("crl.pem").as_bytes())?;
//! request.revocation.crls = &crls;
//! let explanation = explain_chain(&request);
//! println!("{explanation}");
//! let error = explanation.result.unwrap_err();
//! assert!(matches!(error.kind, CertificateErrorKind::Revoked { .. }));
//! assert_eq!(error.kind.code(), "revoked");
//! println!("remedy: {}", error.kind.remedy().unwrap());
//! # Ok(())
//! # }
//! ```
//!
//! # What is supported
//!
//! Anything that is not supported fails closed, with an error that names it: an unknown critical
//! extension, a name under a constraint of a kind that cannot be compared, a certificate of version 1.
//! Delta CRLs, indirect CRLs and DSA are not supported.
//!
#![doc = include_str!("../order.md")]
//!
//! Revocation is checked with the CRLs and OCSP responses that the caller has ([`Revocation`]). Nothing
//! is fetched. With a CRL:
//!
//! ```
//! use handclasp_x509::{CertificateRevocationList, CrlError, Revocation, RevocationMode};
//! # fn example(pem: &[u8]) -> Result<(), CrlError> {
//! // Once: a CRL of a million entries is parsed and sorted here.
//! let crls = CertificateRevocationList::from_pem(pem)?;
//! // For each validation, as a field of the `ChainRequest`.
//! let mut revocation = Revocation::default();
//! revocation.crls = &crls;
//! revocation.policy.mode = RevocationMode::Require;
//! # Ok(()) }
//! ```
//!
//! # Rules
//!
//! There are two profiles. The default profile is as strict as possible without refusing authorities
//! that were made with common tools. The strict profile also refuses certificates that the standards
//! forbid an authority to issue. It also checks the certificate of the trust anchor, if it is known, except
//! the sign of its serial number, the form of its times, and its own signature. Most roots that browsers
//! trust pass. Some old ones do not, such as those without a subjectKeyIdentifier.
//!
//! The default profile accepts the certificate of a CA as the peer's own: the owner of its key could
//! issue another one, and its names and purposes must fit in any case.
//!
//! The default profile ignores faults that do no harm. A serial number of 0, a negative one and one of
//! more than 20 octets are accepted (RFC 5280, section 4.1.2.2). A malformed extension that this crate
//! does not read, such as the authority information access, is ignored. If a certificate itself is trusted,
//! both profiles ignore its serial number, its signature and its issuer. The dates of a trust anchor are
//! checked if the caller asks for it: [`AnchorDates`].
//!
#![doc = include_str!("../rules.md")]
// Items behind a feature say so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Examples are copied: an import that one does not use would be a warning there.
#![doc(test(attr(deny(unused_imports))))]

mod algorithm;
mod anchors;
mod bundle;
mod candidate;
mod certificate;
mod certificate_hash;
mod certificate_name;
mod checks;
mod constraints;
mod curve;
pub mod der;
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
mod limits;
mod ml_dsa;
mod name;
mod oid;
mod path;
mod path_checks;
pub mod pem;
mod policies;
mod presented;
mod profile;
mod request;
mod requested_checks;
mod revocation;
mod revocation_error;
#[cfg(any(feature = "webpki-roots", feature = "rustls-native-certs"))]
mod roots;
mod rules;
mod selection;
mod signature;
mod signature_cache;
mod spiffe_id;
mod strict;
mod strict_path;
mod subject_alt_name;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod unsupported;
mod verified_path;
mod verify;

pub use anchors::{TrustAnchorError, TrustAnchors};
pub use bundle::LoadedAnchors;
pub use certificate_hash::certificate_hash;
pub use distinguished_name::distinguished_name;
pub use end_entity::{EndEntity, KeyComparison};
pub use error::{CertificateError, CertificateErrorKind, Limit, NotACaReason, SignatureError};
pub use explain::{Attempt, Explanation, Outcome, Place};
pub use limits::PathLimits;
pub use name::{DnsId, ReferenceIdentifier};
pub use policies::{InitialPolicies, InvalidPolicyIdentifier, PolicyIdentifier};
pub use presented::{NameKind, PresentedIdentifier};
pub use profile::{AnchorDates, Profile, Purpose};
pub use request::ChainRequest;
pub use revocation::{
    CertificateRevocationList, Digests, Revocation, RevocationMode, RevocationPolicy,
    RevocationScope, StatusRequest,
};
pub use revocation_error::{
    CrlError, RevocationEvidence, RevocationEvidenceError, RevocationReason,
    UnknownRevocationStatus,
};
pub use rules::Rule;
pub use selection::{issued_by_any, matches_oid_filter};
pub use signature_cache::SignatureCache;
pub use spiffe_id::{SpiffeId, SpiffeIdError};
pub use subject_alt_name::SubjectAltName;
pub use summary::CertificateSummary;
pub use time::{Timestamp, Validity};
pub use verified_path::{VerifiedEndEntity, VerifiedPath};
pub use verify::{explain_chain, verify_chain, verify_end_entity, verify_end_entity_by_default};
