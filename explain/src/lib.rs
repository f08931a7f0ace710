//! A TLS 1.3 handshake (RFC 9846) as data: every message and field with its bytes, the key schedule as a
//! graph, what was offered and chosen, the certificates.
//!
//! An [`Account`] is made of a connection as it runs ([`Recorder`], an observer of `handclasp`), or of
//! recorded bytes ([`recorded`]), such as those of a capture ([`capture`]). Its JSON
//! has a form that [`SCHEMA.md`](https://github.com/handclasp/handclasp/blob/main/explain/SCHEMA.md)
//! describes, with a version of its own. No field has a sentence in it where a value belongs: sentences are
//! made from the account, in [`words`].
//!
//! The messages are read by the parsers of `handclasp`; there is no second one here. Secrets are in an
//! account only if [`Options::secrets`] asks for them.

// Items behind a feature say so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Examples are copied: an import that one does not use would be a warning there.
#![doc(test(attr(deny(unused_imports))))]

mod account;
mod builder;
#[cfg(feature = "captures")]
#[cfg_attr(docsrs, doc(cfg(feature = "captures")))]
pub mod capture;
mod certificates;
mod choices;
mod code;
mod encrypted;
mod fields;
mod findings;
mod limits;
#[cfg(feature = "html")]
pub mod page;
mod path_search;
pub mod recorded;
mod recorder;
mod schedule;
#[cfg(test)]
mod test_messages;
pub mod words;

pub use account::{
    Account, Alert, ByteRange, Certificate, CertificateFinding, CertificateList, CertificateName,
    Choice, ChoiceSubject, Code, Connection, Field, Hex, Malformed, Message, MessageLevel,
    Operation, Outcome, Piece, Problem, ProblemKind, PublicKey, Record, RecordState,
    SCHEMA_VERSION, SecretKind, SecretNode, SentSizes, Side, Sizes, Source, Step, StepKind,
    TicketOrigin, TranscriptEnd, Transport, Value,
};
pub use builder::Options;
pub use limits::{
    MAX_CERTIFICATES, MAX_FIELDS, MAX_MESSAGE_BYTES, MAX_MESSAGE_FIELDS, MAX_MESSAGES, MAX_RECORDS,
    MAX_SECRETS,
};
pub use recorder::Recorder;
