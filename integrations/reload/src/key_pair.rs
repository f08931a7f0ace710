//! A certificate chain with its private key and its OCSP response.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use handclasp::certificate::{
    CertificateError, CertificateSummary, ChainRequest, Purpose, RevocationMode, RevocationPolicy,
    RevocationScope, StatusRequest, Timestamp, TrustAnchors, Validity, verify_chain,
};
use handclasp::config::ConfigError;
use handclasp::credential::{CertifiedKey, LoadError, LoadErrorKind, PemInput};
use handclasp::crypto::CryptoProvider;
use handclasp::pem::printable_path;
use handclasp::pki_types::{CertificateDer, UnixTime};

use crate::part::{Loaded, Text, text_of};
use crate::{ReloadError, Warning};

/// The files of a certificate chain and its private key. They change together.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    chain: PathBuf,
    key: PathBuf,
    ocsp: Option<PathBuf>,
}

impl KeyFiles {
    /// The files of a certificate chain, with the certificate of the key first, and of its private key, which is
    /// not encrypted. Both are PEM, and can be the same file.
    pub fn new(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { chain: chain.into(), key: key.into(), ocsp: None }
    }

    /// Staples the OCSP response in this file, in DER. It belongs to the pair: the old
    /// pair stays in use until there is a response about the new certificate. If the chain has the certificate of
    /// the issuer, the response must be signed, current and good; if not, it is not checked.
    pub fn with_ocsp(mut self, response: impl Into<PathBuf>) -> Self {
        self.ocsp = Some(response.into());
        self
    }

    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.chain.clone(), self.key.clone()];
        paths.extend(self.ocsp.clone());
        paths
    }

    pub(crate) fn load(
        &self,
        texts: &[Text],
        now: UnixTime,
        crypto: &Arc<CryptoProvider>,
    ) -> Result<KeyPair, ReloadError> {
        let (chain, key) = (text_of(texts, 0), text_of(texts, 1));
        let loaded = CertifiedKey::from_pem_with_provider(chain, key, crypto);
        let key = loaded.map_err(|error| self.with_paths(error))?;
        let own = key.chain().first().map_or(&[][..], |own| own);
        let summary = CertificateSummary::parse(&CertificateDer::from(own)).map_err(|error| {
            ReloadError::Certificate { file: printable_path(&self.chain), error }
        })?;
        let mut pair = KeyPair {
            key: Arc::new(key),
            summary,
            ocsp_response: None,
            files: self.clone(),
            crypto: Arc::clone(crypto),
        };
        if let Some(file) = &self.ocsp {
            pair.staple(text_of(texts, 2), file, now)?;
        }
        Ok(pair)
    }

    /// The error of a text, with the path of its file. If chain and key do not fit, with the paths of both.
    fn with_paths(&self, mut error: LoadError) -> ReloadError {
        let (chain, key) = (printable_path(&self.chain), printable_path(&self.key));
        let file = match (&error.kind, error.input) {
            (LoadErrorKind::Unusable(unusable), _) if is_about_both(unusable) => {
                format!("{chain} with the key {key}")
            }
            (_, PemInput::Key) => key,
            _ => chain,
        };
        error.file = Some(file);
        error.into()
    }
}

fn is_about_both(error: &ConfigError) -> bool {
    matches!(error, ConfigError::KeyMismatch | ConfigError::KeyOfAnother { .. })
}

/// What was loaded.
#[derive(Debug)]
pub(crate) struct KeyPair {
    pub(crate) key: Arc<CertifiedKey>,
    /// Of its own certificate.
    summary: CertificateSummary,
    ocsp_response: Option<Vec<u8>>,
    files: KeyFiles,
    crypto: Arc<CryptoProvider>,
}

impl KeyPair {
    fn staple(&mut self, response: &[u8], file: &Path, now: UnixTime) -> Result<(), ReloadError> {
        let failed = |reason: String| ReloadError::Staple { file: printable_path(file), reason };
        self.ocsp_response = Some(response.to_vec());
        self.check_staple(now).map_err(|error| failed(error.to_string()))?;
        let key = CertifiedKey::clone(&self.key).with_ocsp(response.to_vec());
        self.key = Arc::new(key.map_err(|error| failed(error.to_string()))?);
        Ok(())
    }

    /// Verifies the OCSP response as a client does that trusts the issuer. A certificate that is not valid now is
    /// reported elsewhere.
    fn check_staple(&self, now: UnixTime) -> Result<(), CertificateError> {
        let (Some(response), [own, issuer, ..]) = (&self.ocsp_response, self.key.chain()) else {
            return Ok(());
        };
        if !self.validity().contains(now) {
            return Ok(());
        }
        let mut anchors = TrustAnchors::new();
        anchors.add(issuer.clone())?;
        let signatures = &self.crypto.signatures;
        let mut request =
            ChainRequest::new(own, &[], &anchors, Purpose::Any, &[], now, &signatures.all);
        let status_request = StatusRequest::new(Some(response), signatures.digests);
        request.revocation.status_request = Some(status_request);
        request.revocation.policy =
            RevocationPolicy::new(RevocationMode::Require, RevocationScope::EndEntity);
        verify_chain(&request).map(drop)
    }

    fn validity(&self) -> Validity {
        let CertificateSummary { not_before, not_after, .. } = self.summary;
        Validity { not_before, not_after }
    }

    /// A certificate that peers refuse must not replace another one.
    pub(crate) fn check_is_valid(&self, now: UnixTime) -> Result<(), ReloadError> {
        let CertificateSummary { subject, not_before, not_after, .. } = &self.summary;
        if self.validity().contains(now) {
            return Ok(());
        }
        Err(ReloadError::NotValidNow {
            file: printable_path(&self.files.chain),
            subject: subject.clone(),
            not_before: *not_before,
            not_after: *not_after,
        })
    }
}

impl Loaded for KeyPair {
    fn describe(&self) -> String {
        let CertificateSummary { subject, serial, not_after, .. } = &self.summary;
        let staple = if self.ocsp_response.is_some() { ", with an OCSP response" } else { "" };
        format!(
            "the certificate \"{subject}\", serial number {serial}, valid to {not_after}{staple}"
        )
    }

    fn expires(&self) -> Option<Timestamp> {
        Some(self.summary.not_after)
    }

    fn warnings(&self, now: UnixTime) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if is_world_readable(&self.files.key) {
            let file = printable_path(&self.files.key);
            warnings.push(Warning::WorldReadableKey { file });
        }
        if !self.validity().contains(now) {
            let CertificateSummary { subject, not_before, not_after, .. } = self.summary.clone();
            warnings.push(Warning::NotValidNow { subject, not_before, not_after });
        }
        if self.check_staple(now).is_err() {
            let subject = self.summary.subject.clone();
            warnings.push(Warning::Staple { subject });
        }
        warnings
    }
}

#[cfg(unix)]
fn is_world_readable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    const READ_BY_OTHERS: u32 = 0o004;
    let metadata = std::fs::metadata(file);
    metadata.is_ok_and(|metadata| metadata.permissions().mode() & READ_BY_OTHERS != 0)
}

#[cfg(not(unix))]
fn is_world_readable(_: &Path) -> bool {
    false
}
