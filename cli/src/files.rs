//! What is read from files: trust anchors, certificates and keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use handclasp::certificate::{EndEntity, LoadedAnchors};
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::pem::{self, PemObject};
use handclasp::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use handclasp::session::TicketKeys;
use handclasp::{CertifiedKey, KeyLogFile, TrustAnchors};

use crate::failure::Failure;

/// The anchors in `file`, in PEM or DER, or those of the system. What is passed over is `told`.
pub fn anchors(file: Option<&Path>, told: impl Fn(&str)) -> Result<TrustAnchors, Failure> {
    match file {
        Some(file) => anchors_in(file, "--ca", told),
        None => checked(system(), "the system's trusted authorities", "--ca", told),
    }
}

/// The anchors in the `file` that `option` names.
pub fn anchors_in(file: &Path, option: &str, told: impl Fn(&str)) -> Result<TrustAnchors, Failure> {
    let loaded = TrustAnchors::from_bundle(&read(file, option)?);
    checked(loaded, &format!("{option} {}", file.display()), option, told)
}

fn checked(
    loaded: LoadedAnchors,
    source: &str,
    option: &str,
    told: impl Fn(&str),
) -> Result<TrustAnchors, Failure> {
    let hint = format!("say whom to trust: {option} FILE, with certificates in PEM or DER");
    if loaded.anchors.is_empty() {
        let reason = loaded.skipped.first().map_or_else(
            || "there is no certificate among them".to_owned(),
            |skipped| skipped.to_string(),
        );
        return Err(Failure::misuse(format!("{source}: {reason}")).hint(hint));
    }
    for skipped in &loaded.skipped {
        told(&format!("warning: {source}: {skipped}"));
    }
    Ok(loaded.anchors)
}

/// As [`anchors`] without a file, when nobody needs to be told.
pub fn system_anchors() -> Result<TrustAnchors, Failure> {
    anchors(None, |_| ())
}

#[cfg(feature = "native-roots")]
fn system() -> LoadedAnchors {
    TrustAnchors::native()
}

#[cfg(all(feature = "webpki-roots", not(feature = "native-roots")))]
fn system() -> LoadedAnchors {
    let mut loaded = LoadedAnchors::default();
    loaded.anchors = TrustAnchors::webpki_roots();
    loaded
}

#[cfg(not(any(feature = "webpki-roots", feature = "native-roots")))]
fn system() -> LoadedAnchors {
    LoadedAnchors::default()
}

/// A certificate chain and its key. `prefix` is what stands before `cert` and `key` in the options.
pub fn certified_key(cert: &Path, key: &Path, prefix: &str) -> Result<CertifiedKey, Failure> {
    let (cert_option, key_option) = (format!("{prefix}cert"), format!("{prefix}key"));
    let text = read(cert, &cert_option)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| not_pem(&cert_option, cert, &error))?;
    if chain.is_empty() {
        let problem = format!("{cert_option} {}: there is no certificate in it", cert.display());
        return Err(Failure::misuse(problem)
            .hint("it must be PEM, the certificate of the key first, then its issuers"));
    }
    let text = read(key, &key_option)?;
    let private = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            let problem = format!("{key_option} {}: there is no private key in it", key.display());
            Failure::misuse(problem)
                .hint("it must be PEM and not encrypted: -----BEGIN PRIVATE KEY-----")
        }
        error => not_pem(&key_option, key, &error),
    })?;
    CertifiedKey::from_der(chain, &private).map_err(|error| {
        Failure::misuse(format!("{} and {}: {error}", cert.display(), key.display()))
    })
}

/// The public key in `file`: in PEM, alone or in a certificate.
pub fn public_key(file: &Path) -> Result<Vec<u8>, Failure> {
    const OPTION: &str = "--raw-public-key";
    let text = read(file, OPTION)?;
    if let Ok(key) = SubjectPublicKeyInfoDer::from_pem_slice(&text) {
        return Ok(key.to_vec());
    }
    let certificate = CertificateDer::from_pem_slice(&text).map_err(|_| {
        let problem = format!("{OPTION} {}: there is no public key in it", file.display());
        Failure::misuse(problem)
            .hint("it must be PEM: -----BEGIN PUBLIC KEY-----, or a certificate with the key")
    })?;
    let end_entity = EndEntity::parse(&certificate)
        .map_err(|error| Failure::misuse(format!("{OPTION} {}: {error}", file.display())))?;
    Ok(end_entity.subject_public_key_info().to_vec())
}

/// The OCSP response in `file`: in DER.
pub fn ocsp_response(file: &Path) -> Result<Vec<u8>, Failure> {
    let response = read(file, "--ocsp")?;
    match response.first() {
        Some(0x30) => Ok(response),
        _ => Err(Failure::misuse(format!("--ocsp {}: it is not DER", file.display()))
            .hint("such a response is made by: openssl ocsp -respout FILE")),
    }
}

/// The key log that the option asks for: a file, or with nothing named the environment's.
pub fn key_log(option: Option<&Option<PathBuf>>) -> Result<Option<Arc<KeyLogFile>>, Failure> {
    let (log, name) = match option {
        None => return Ok(None),
        Some(Some(file)) => (KeyLogFile::open(file).map(Some), file.display().to_string()),
        Some(None) => (KeyLogFile::from_environment(), "SSLKEYLOGFILE".to_owned()),
    };
    match log {
        Ok(Some(log)) => Ok(Some(Arc::new(log))),
        Ok(None) => {
            let problem = "--keylog names no file, and SSLKEYLOGFILE is not set";
            Err(Failure::misuse(problem).hint("name the file: --keylog FILE"))
        }
        Err(error) => {
            Err(Failure::misuse(format!("--keylog {name}: it cannot be opened: {error}")))
        }
    }
}

/// What is to be sent at once.
pub fn early_data(file: &Path) -> Result<Vec<u8>, Failure> {
    /// A ticket hardly allows more.
    const MAX: usize = 64 * 1024;
    let data = read(file, "--early-data")?;
    if data.len() > MAX {
        let problem = format!("--early-data {}: it is longer than {MAX} bytes", file.display());
        return Err(Failure::misuse(problem).hint("send the rest by standard input"));
    }
    Ok(data)
}

/// Ticket keys: those in the file, or new ones.
pub fn ticket_keys(file: Option<&Path>) -> Result<Arc<TicketKeys>, Failure> {
    let random = CryptoProvider::ring().random;
    let Some(file) = file else {
        let keys = TicketKeys::random(random);
        return Ok(Arc::new(keys.map_err(|error| Failure::failed(error.to_string()))?));
    };
    let bytes = read(file, "--ticket-keys")?;
    let keys = TicketKeys::from_bytes(&bytes, random).map_err(|error| {
        Failure::misuse(format!("--ticket-keys {}: {error}", file.display()))
            .hint("make one: head -c 32 /dev/urandom > FILE")
    })?;
    Ok(Arc::new(keys))
}

pub fn read(file: &Path, option: &str) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| {
        Failure::misuse(format!("{option} {}: cannot be read: {error}", file.display()))
    })
}

pub fn not_pem(option: &str, file: &Path, error: &pem::Error) -> Failure {
    Failure::misuse(format!("{option} {}: it is not PEM: {error}", file.display()))
}
