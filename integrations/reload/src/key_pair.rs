//! A certificate chain with its private key and its OCSP response.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use handclasp::certificate::{
    CertificateError, CertificateErrorKind, CertificateSummary, ChainRequest, Purpose,
    RevocationEvidenceError, RevocationMode, RevocationPolicy, RevocationScope, StatusRequest,
    Timestamp, TrustAnchors, UnknownRevocationStatus, Validity, verify_chain,
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
    /// the issuer, the response must be signed and good, and current unless it is that of the start; if not, it is
    /// not checked.
    ///
    /// A response that is outdated is not stapled, with a [`Warning::Staple`]. A certificate that demands one
    /// (must-staple, RFC 7633) keeps it, because clients would also refuse it without one.
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
        let mut pair = KeyPair {
            own: self.own_certificate(&key)?,
            issuers: issuers_of(&key),
            key: Arc::new(key),
            staple: None,
            files: self.clone(),
            crypto: Arc::clone(crypto),
        };
        if let Some(file) = &self.ocsp {
            pair.add_staple(text_of(texts, 2), file, now)?;
        }
        Ok(pair)
    }

    fn own_certificate(&self, key: &CertifiedKey) -> Result<CertificateSummary, ReloadError> {
        let own = key.chain().first().map_or(&[][..], |own| own);
        CertificateSummary::parse(&CertificateDer::from(own)).map_err(|error| {
            let file = printable_path(&self.chain);
            ReloadError::Certificate { file, error }
        })
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

/// The other certificates of the chain. One that is malformed may be of no use to peers, and is left out.
fn issuers_of(key: &CertifiedKey) -> Vec<CertificateSummary> {
    let issuers = key.chain().iter().skip(1);
    issuers.filter_map(|issuer| CertificateSummary::parse(issuer).ok()).collect()
}

fn is_about_both(error: &ConfigError) -> bool {
    matches!(error, ConfigError::KeyMismatch | ConfigError::KeyOfAnother { .. })
}

/// What was loaded.
#[derive(Debug)]
pub(crate) struct KeyPair {
    /// Without the OCSP response.
    key: Arc<CertifiedKey>,
    own: CertificateSummary,
    /// The other certificates of its chain.
    issuers: Vec<CertificateSummary>,
    staple: Option<Staple>,
    files: KeyFiles,
    crypto: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Staple {
    /// The key with the OCSP response.
    key: Arc<CertifiedKey>,
    response: Vec<u8>,
    /// Clients refuse the certificate without a good one.
    is_demanded: bool,
    /// Whether it is good now. If not, it is not sent: clients that check it refuse the certificate then.
    is_good: bool,
}

impl KeyPair {
    /// What is served.
    pub(crate) fn key(&self) -> &Arc<CertifiedKey> {
        match &self.staple {
            Some(staple) if staple.is_sent() => &staple.key,
            _ => &self.key,
        }
    }

    /// The response may be outdated. It must be good otherwise.
    fn add_staple(
        &mut self,
        response: &[u8],
        file: &Path,
        now: UnixTime,
    ) -> Result<(), ReloadError> {
        let failed = |reason: String| ReloadError::Staple { file: printable_path(file), reason };
        let checked = self.check_response(response, now);
        if let Err(error) = &checked {
            if !is_outdated(error) {
                return Err(failed(error.to_string()));
            }
        }
        let key = CertifiedKey::clone(&self.key).with_ocsp(response.to_vec());
        self.staple = Some(Staple {
            key: Arc::new(key.map_err(|error| failed(error.to_string()))?),
            response: response.to_vec(),
            is_demanded: self.demands_staple(),
            is_good: checked.is_ok(),
        });
        Ok(())
    }

    /// Verifies an OCSP response as a client does that trusts the issuer. A certificate that is not valid now is
    /// reported elsewhere.
    fn check_response(&self, response: &[u8], now: UnixTime) -> Result<(), CertificateError> {
        if !validity_of(&self.own).contains(now) {
            return Ok(());
        }
        self.verify(Purpose::Any, Some(response), RevocationMode::Require, now)
    }

    /// Whether a client that requests a staple refuses the certificate without one (must-staple, RFC 7633).
    fn demands_staple(&self) -> bool {
        // At a time at which it is valid.
        let seconds = u64::try_from(self.own.not_before.0).unwrap_or(0);
        let then = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let result = self.verify(Purpose::Server, None, RevocationMode::IfPresent, then);
        let missing = CertificateErrorKind::UnknownRevocationStatus(
            UnknownRevocationStatus::NoStapledResponse,
        );
        result.is_err_and(|error| error.kind == missing)
    }

    /// Verifies its own certificate as a client does that trusts the issuer, if the chain has the issuer.
    fn verify(
        &self,
        purpose: Purpose,
        response: Option<&[u8]>,
        mode: RevocationMode,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let [own, issuer, ..] = self.key.chain() else { return Ok(()) };
        let mut anchors = TrustAnchors::new();
        anchors.add(issuer.clone())?;
        let signatures = &self.crypto.signatures;
        let algorithms: Vec<_> = signatures.for_certificates().collect();
        let mut request = ChainRequest::new(own, &[], &anchors, purpose, &[], now, &algorithms);
        request.revocation.status_request = Some(StatusRequest::new(response, signatures.digests));
        request.revocation.policy = RevocationPolicy::new(mode, RevocationScope::EndEntity);
        verify_chain(&request).map(drop)
    }

    /// The first certificate of the chain that is not valid now: peers refuse the chain then.
    fn not_valid(&self, now: UnixTime) -> Option<&CertificateSummary> {
        let mut chain = std::iter::once(&self.own).chain(&self.issuers);
        chain.find(|certificate| !validity_of(certificate).contains(now))
    }

    /// What peers refuse must not replace another chain. An outdated OCSP response must not, either, as long as
    /// peers accept the other one.
    pub(crate) fn check_may_replace(
        &self,
        before: &Self,
        now: UnixTime,
    ) -> Result<(), ReloadError> {
        if let Some(certificate) = self.not_valid(now) {
            return Err(ReloadError::NotValidNow {
                file: printable_path(&self.files.chain),
                subject: certificate.subject.clone(),
                not_before: certificate.not_before,
                not_after: certificate.not_after,
            });
        }
        match (&self.staple, &self.files.ocsp) {
            (Some(staple), Some(file)) if !staple.is_good && before.not_valid(now).is_none() => {
                let file = printable_path(file);
                Err(ReloadError::Staple { file, reason: "it is outdated".to_owned() })
            }
            _ => Ok(()),
        }
    }
}

impl Staple {
    fn is_sent(&self) -> bool {
        self.is_good || self.is_demanded
    }
}

fn validity_of(certificate: &CertificateSummary) -> Validity {
    Validity { not_before: certificate.not_before, not_after: certificate.not_after }
}

/// Whether an OCSP response is good but for its time.
fn is_outdated(error: &CertificateError) -> bool {
    matches!(
        error.kind,
        CertificateErrorKind::UnusableRevocationEvidence(
            RevocationEvidenceError::Stale { .. } | RevocationEvidenceError::NotYetValid { .. }
        )
    )
}

impl Loaded for KeyPair {
    fn describe(&self) -> String {
        let CertificateSummary { subject, serial, not_after, .. } = &self.own;
        let staple = match &self.staple {
            Some(staple) if staple.is_sent() => ", with an OCSP response",
            Some(_) => ", without its OCSP response, which is outdated",
            None => "",
        };
        format!(
            "the certificate \"{subject}\", serial number {serial}, valid to {not_after}{staple}"
        )
    }

    fn expires(&self) -> Option<Timestamp> {
        self.key.validity().map(|validity| validity.not_after)
    }

    fn update(&mut self, now: UnixTime) -> bool {
        let Some(staple) = &self.staple else { return false };
        let was_sent = staple.is_sent();
        let is_good = self.check_response(&staple.response, now).is_ok();
        let Some(staple) = &mut self.staple else { return false };
        staple.is_good = is_good;
        staple.is_sent() != was_sent
    }

    fn warnings(&self, now: UnixTime) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if is_world_readable(&self.files.key) {
            let file = printable_path(&self.files.key);
            warnings.push(Warning::WorldReadableKey { file });
        }
        if let Some(certificate) = self.not_valid(now) {
            let CertificateSummary { subject, not_before, not_after, .. } = certificate.clone();
            warnings.push(Warning::NotValidNow { subject, not_before, not_after });
        }
        if self.staple.as_ref().is_some_and(|staple| !staple.is_good) {
            warnings.push(Warning::Staple { subject: self.own.subject.clone() });
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

#[cfg(test)]
mod tests;
