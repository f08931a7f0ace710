//! PEM (RFC 7468): the one reader of certificates, CRLs and keys that are text.
//!
//! **No error has a byte of what was read**, in its words, its `Debug` output or its source: the
//! text may be a private key whose line breaks were lost on the way. What is decoded is decoded in
//! constant time, and a private key is wiped when it is dropped. The readers of `pki_types::pem`
//! promise neither: their errors quote the line that they cannot read.
//!
//! **A damaged section is an error.** So are marks that share a line with other text, sections
//! without an end, and forms of a certificate or key that are not supported: a server must not start
//! without its intermediate certificate. Text outside of sections, sections of another kind and byte
//! order marks of UTF-8 are ignored.
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

/// A private key out of a PEM text. It is wiped when it is dropped.
pub struct PrivateKey {
    label: Label,
    der: Zeroizing<Vec<u8>>,
}

impl PrivateKey {
    /// The label that it had.
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

/// All certificates of a text, in their order.
///
/// # Errors
/// When the text or a section of it is not in order, or there is no certificate in it.
pub fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found = each_certificate(text).into_iter().collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() { Err(nothing(text, Content::Certificate)) } else { Ok(found) }
}

/// Each certificate of a text, or what is wrong in the place of one: for bundles of which some
/// certificates can be used without the others. It is empty if there is no certificate.
pub fn each_certificate(text: &[u8]) -> Vec<Result<CertificateDer<'static>, PemError>> {
    each(text, Content::Certificate)
}

/// The private key in a text.
///
/// # Errors
/// When the text or a section of it is not in order, there is no private key in it or more than one,
/// or it is encrypted.
pub fn private_key(text: &[u8]) -> Result<PrivateKey, PemError> {
    let (label, der) = only(text, Content::PrivateKey)?;
    Ok(PrivateKey { label, der })
}

/// The public key in a text: a SubjectPublicKeyInfo.
///
/// # Errors
/// When the text or a section of it is not in order, or there is no public key in it or more than
/// one.
pub fn public_key(text: &[u8]) -> Result<SubjectPublicKeyInfoDer<'static>, PemError> {
    let (_, der) = only(text, Content::PublicKey)?;
    Ok(der.to_vec().into())
}

/// The content of the one section that has `wanted` in it, and the label of that section.
fn only(text: &[u8], wanted: Content) -> Result<(Label, Zeroizing<Vec<u8>>), PemError> {
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
        found = Some((section.label, content?));
    }
    found.ok_or_else(|| nothing(text, wanted))
}

/// Each `wanted` of a text, or what is wrong in the place of one.
pub(crate) fn each<T: From<Vec<u8>>>(text: &[u8], wanted: Content) -> Vec<Result<T, PemError>> {
    let mut found = Vec::new();
    for section in reader::sections(text) {
        let content = match section {
            Ok(section) => section.read(wanted),
            Err(error) => Some(Err(error)),
        };
        found.extend(content.map(|content| content.map(|der| T::from(der.to_vec()))));
    }
    found
}

fn nothing(text: &[u8], wanted: Content) -> PemError {
    let sections = reader::sections(text);
    let labels = sections.iter().flatten().map(|section| section.label).collect();
    PemError { line: None, kind: PemErrorKind::NotFound { wanted, labels } }
}

/// A path as it can be shown: not, if it is likely to be the content of a file in the place of its
/// path, as when a variable has the key itself.
pub fn printable_path(path: &Path) -> String {
    let shown = path.display().to_string();
    let is_text = shown.contains("-----") || shown.contains(['\n', '\r']);
    match is_text || (is_like_a_key(&shown) && !path.exists()) {
        true => "(what is given is no path, and is not shown)".to_owned(),
        false => shown,
    }
}

/// Whether a word may be a key: longer than names without a dot are, in hexadecimal digits, or with
/// the padding of base64.
fn is_like_a_key(word: &str) -> bool {
    const LONGEST_NAME: usize = 40;
    /// The digits of 16 bytes, the shortest key.
    const SHORTEST_KEY: usize = 32;
    let is_hexadecimal = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    let is_key_in_digits = is_hexadecimal && word.len() >= SHORTEST_KEY;
    !word.contains('.') && (word.len() > LONGEST_NAME || is_key_in_digits || word.ends_with('='))
}
