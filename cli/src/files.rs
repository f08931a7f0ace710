//! What is read from files: trust anchors, certificates and keys.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use handclasp::certificate::EndEntity;
use handclasp::pki_types::pem::{self, PemObject};
use handclasp::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use handclasp::{CertifiedKey, KeyLogFile, TrustAnchors};

use crate::failure::Failure;

/// Where most Linux distributions keep the authorities that they trust.
const SYSTEM_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The anchors in `file`, or those of the system.
pub fn anchors(file: Option<&Path>) -> Result<TrustAnchors, Failure> {
    file.map_or_else(system_anchors, |file| anchors_in(file, "--ca"))
}

/// The anchors in the `file` that `option` names.
pub fn anchors_in(file: &Path, option: &str) -> Result<TrustAnchors, Failure> {
    TrustAnchors::from_pem(&read(file, option)?).map_err(|error| {
        Failure::misuse(format!("{option} {}: {error}", file.display()))
            .hint(format!("{option} FILE takes certificates in PEM: -----BEGIN CERTIFICATE-----"))
    })
}

pub fn system_anchors() -> Result<TrustAnchors, Failure> {
    let file = env::var_os("SSL_CERT_FILE").map_or(SYSTEM_BUNDLE.into(), PathBuf::from);
    let Ok(bundle) = fs::read(&file) else {
        let problem = format!("there is no bundle of trusted authorities at {}", file.display());
        return Err(
            Failure::misuse(problem).hint("say whom to trust: --ca FILE, with certificates in PEM")
        );
    };
    // One certificate of a bundle that cannot be read is no reason to trust none of the others.
    let mut anchors = TrustAnchors::new();
    for certificate in CertificateDer::pem_slice_iter(&bundle).flatten() {
        let _ = anchors.add(certificate);
    }
    if anchors.is_empty() {
        return Err(Failure::misuse(format!("{} has no certificate in it", file.display()))
            .hint("say whom to trust: --ca FILE, with certificates in PEM"));
    }
    Ok(anchors)
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

pub fn read(file: &Path, option: &str) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| {
        Failure::misuse(format!("{option} {}: cannot be read: {error}", file.display()))
    })
}

pub fn not_pem(option: &str, file: &Path, error: &pem::Error) -> Failure {
    Failure::misuse(format!("{option} {}: it is not PEM: {error}", file.display()))
}
