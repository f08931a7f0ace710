//! PEM (RFC 7468): reads certificates, CRLs and keys in text form.
//!
//! **No error contains a byte of the text**, neither in its words, nor in its `Debug` output, nor in
//! its source: the text may be a private key that has lost its line breaks. Base64 is decoded in
//! constant time, and a private key is wiped when it is dropped. The readers of `pki_types::pem`
//! promise neither: their errors quote the line that they cannot read.
//!
//! **A damaged section is an error.** A BEGIN or END line with other text on it, a section without an
//! END line, and an unsupported form of a certificate or a key are errors too: a server must not
//! start without its intermediate certificate. Text outside of sections, sections of other kinds and
//! UTF-8 byte order marks are ignored.
//!
//! [`TrustAnchors::from_pem`](crate::TrustAnchors::from_pem) reads trust anchors with it.

mod error;
mod label;
mod reader;
#[cfg(test)]
mod tests;

use core::fmt;
use std::path::Path;

use pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use zeroize::Zeroizing;

pub use error::{PemError, PemErrorKind};
pub use label::{Content, Label};

/// A private key from a PEM text. It is wiped when it is dropped.
pub struct PrivateKey {
    label: Label,
    der: Zeroizing<Vec<u8>>,
}

impl PrivateKey {
    /// The label of its section.
    pub fn label(&self) -> Label {
        self.label
    }

    /// The key, to make a signing key of. Handle with care.
    pub fn der(&self) -> PrivateKeyDer<'_> {
        let der = &self.der[..];
        match self.label {
            Label::RsaPrivateKey => PrivateKeyDer::Pkcs1(der.into()),
            Label::EcPrivateKey => PrivateKeyDer::Sec1(der.into()),
            _ => PrivateKeyDer::Pkcs8(der.into()),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Reads all certificates of a text, in their order.
///
/// # Errors
///
/// The text or one of its sections is damaged, or the text has no certificate.
pub fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found = each_certificate(text).into_iter().collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Err(not_found(text, Content::Certificate));
    }
    Ok(found)
}

/// Reads each certificate of a text, with an error in the place of a certificate that cannot be read.
/// Use this for bundles whose certificates are of use one by one. The result is empty if the
/// text has no certificate.
pub fn each_certificate(text: &[u8]) -> Vec<Result<CertificateDer<'static>, PemError>> {
    each(text, Content::Certificate)
}

/// Reads the private key of a text.
///
/// # Errors
///
/// The text or one of its sections is damaged, the text has no private key or more than one, or the
/// key is encrypted.
pub fn private_key(text: &[u8]) -> Result<PrivateKey, PemError> {
    let DecodedSection { label, der } = only(text, Content::PrivateKey)?;
    Ok(PrivateKey { label, der })
}

/// Reads the public key of a text, a SubjectPublicKeyInfo.
///
/// # Errors
///
/// The text or one of its sections is damaged, or the text has no public key or more than one.
pub fn public_key(text: &[u8]) -> Result<SubjectPublicKeyInfoDer<'static>, PemError> {
    let section = only(text, Content::PublicKey)?;
    Ok(section.der.to_vec().into())
}

/// A section with its content decoded.
struct DecodedSection {
    label: Label,
    der: Zeroizing<Vec<u8>>,
}

/// Reads the one section that contains what is `wanted`.
fn only(text: &[u8], wanted: Content) -> Result<DecodedSection, PemError> {
    let mut found = None;
    for section in reader::sections(text) {
        let section = section?;
        let Some(content) = section.read(wanted) else { continue };
        if found.is_some() {
            return Err(PemError {
                line: Some(section.line),
                kind: PemErrorKind::MoreThanOne(wanted),
            });
        }
        found = Some(DecodedSection { label: section.label, der: content? });
    }
    found.ok_or_else(|| not_found(text, wanted))
}

/// Reads each section that contains what is `wanted`, or says what is wrong with it.
pub(crate) fn each<T: From<Vec<u8>>>(text: &[u8], wanted: Content) -> Vec<Result<T, PemError>> {
    let mut found = Vec::new();
    for section in reader::sections(text) {
        match section {
            Ok(section) => {
                if let Some(content) = section.read(wanted) {
                    found.push(content.map(|der| T::from(der.to_vec())));
                }
            }
            Err(error) => found.push(Err(error)),
        }
    }
    found
}

fn not_found(text: &[u8], wanted: Content) -> PemError {
    let sections = reader::sections(text);
    let labels = sections.iter().flatten().map(|section| section.label).collect();
    PemError { line: None, kind: PemErrorKind::NotFound { wanted, labels } }
}

/// The path for a message. It is not shown if it looks like the content of a file, as when a
/// variable has the key itself in place of the path.
pub fn printable_path(path: &Path) -> String {
    let shown = path.display().to_string();
    let is_text = shown.contains("-----") || shown.contains(['\n', '\r']);
    if is_text || (is_like_a_key(&shown) && !path.exists()) {
        return "(what is given is no path, and is not shown)".to_owned();
    }
    shown
}

/// Whether a word may be a key: it has no dot, and it is longer than most names, or it has only
/// hexadecimal digits, or it ends with the padding of base64.
fn is_like_a_key(word: &str) -> bool {
    const LONGEST_NAME: usize = 40;
    /// The digits of 16 bytes, the shortest key.
    const SHORTEST_KEY: usize = 32;
    let is_hexadecimal = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    let is_key_in_digits = is_hexadecimal && word.len() >= SHORTEST_KEY;
    !word.contains('.') && (word.len() > LONGEST_NAME || is_key_in_digits || word.ends_with('='))
}
