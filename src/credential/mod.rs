//! Who this side is: certificates with their private keys, and the choice among them.
//!
//! A [`CertifiedKey`] is a certificate chain, or a raw public key, with its private key. A
//! [`CertificateResolver`] chooses one for a ClientHello, and a [`ClientCertificateResolver`] chooses
//! one for a server's CertificateRequest; a [`CertificateList`] does both. A resolver may answer
//! later: see [`Reply`](crate::Reply).

mod certified_key;
mod client_resolver;
mod compression;
mod key_files;
mod list;
mod name_index;
mod resolver;

pub use certified_key::{CertifiedKey, KeySource};
pub(crate) use certified_key::{Staples, StaplesShown};
pub use client_resolver::ClientCertificateResolver;
#[cfg(feature = "brotli")]
pub use compression::Brotli;
pub use compression::CertificateCompression;
pub(crate) use compression::Compressors;
#[cfg(feature = "zlib")]
pub use compression::Zlib;
pub use key_files::{LoadError, LoadErrorKind, PemInput};
pub use list::CertificateList;
pub use resolver::{CertificateResolver, NoCertificate};

#[cfg(test)]
mod tests;
