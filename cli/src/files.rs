//! Reads files: trust anchors, certificates and keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use handclasp::certificate::{EndEntity, LoadedAnchors};
use handclasp::config::ConfigError;
use handclasp::crypto::CryptoProvider;
use handclasp::pem::{self, PemError, PemErrorKind, printable_path};
use handclasp::pki_types::CertificateDer;
use handclasp::session::TicketKeys;
use handclasp::zeroize::Zeroizing;
use handclasp::{CertifiedKey, KeyLogFile, TrustAnchors};

use crate::failure::Failure;
use crate::token;

/// Warns on standard error.
pub fn warn(text: &str) {
    eprintln!("{text}");
}

/// The anchors in `file`, in PEM or DER, or those of the system. `warn` gets a message for each entry
/// that is ignored.
pub fn anchors(file: Option<&Path>, warn: impl Fn(&str)) -> Result<TrustAnchors, Failure> {
    match file {
        Some(file) => anchors_in(file, "--ca", warn),
        None => usable(system(), "the system's trusted authorities", "--ca", warn),
    }
}

/// The anchors in the `file` that `option` names. `warn` gets a message for each entry that is
/// ignored.
pub fn anchors_in(file: &Path, option: &str, warn: impl Fn(&str)) -> Result<TrustAnchors, Failure> {
    let mut loaded = LoadedAnchors::default();
    add_bundle(&mut loaded, file, option, |_| ())?;
    usable(loaded, &format!("{option} {}", printable_path(file)), option, warn)
}

/// Adds the certificates of a file of trust anchors, in PEM or DER. `warn` gets a message for each
/// entry that is ignored.
pub fn add_bundle(
    anchors: &mut LoadedAnchors,
    file: &Path,
    option: &str,
    warn: impl Fn(&str),
) -> Result<(), Failure> {
    let contents = read(file, option)?;
    let skipped_before = anchors.skipped.len();
    let before = anchors.anchors.len() + skipped_before;
    if is_der(&contents) {
        check_is_no_container(&contents, file, option)?;
    }
    anchors.add_bundle(&contents);
    if anchors.anchors.len() + anchors.skipped.len() == before {
        // The file added no anchor: this error says what it contains instead.
        certificates_in(&contents, file, option)?;
    }
    for skipped in anchors.skipped.iter().skip(skipped_before) {
        warn(&format!("warning: {option} {}: {skipped}", printable_path(file)));
    }
    Ok(())
}

fn usable(
    loaded: LoadedAnchors,
    source: &str,
    option: &str,
    warn: impl Fn(&str),
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
        warn(&format!("warning: {source}: {skipped}"));
    }
    Ok(loaded.anchors)
}

/// The system's anchors, without warnings.
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

/// The certificates in a file: one in DER, or any number in PEM.
pub fn certificates(file: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    certificates_in(&read(file, option)?, file, option)
}

fn certificates_in(
    contents: &[u8],
    file: &Path,
    option: &str,
) -> Result<Vec<CertificateDer<'static>>, Failure> {
    if is_der(contents) {
        check_is_no_container(contents, file, option)?;
        return Ok(vec![CertificateDer::from(contents.to_vec())]);
    }
    pem::certificates(contents).map_err(|error| {
        let hint = "it must be certificates in PEM (-----BEGIN CERTIFICATE-----), or one in DER";
        pem_failure(option, file, &error, hint)
    })
}

/// Checks that this is not PKCS#7 or PKCS#12 in DER, which can contain certificates.
fn check_is_no_container(der: &[u8], file: &Path, option: &str) -> Result<(), Failure> {
    /// pkcs-7, the arc of the content type near the beginning of both.
    const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
    /// The first bytes of a certificate contain at most its serial number.
    const BEGINNING: usize = 40;
    let beginning = der.get(..BEGINNING).unwrap_or(der);
    if !beginning.windows(PKCS7.len()).any(|window| window == PKCS7) {
        return Ok(());
    }
    let problem =
        format!("{option} {}: it is PKCS#7 or PKCS#12, and no certificate", printable_path(file));
    Err(Failure::misuse(problem).hint(
        "take the certificates out of it: openssl pkcs7 -inform DER -print_certs -in FILE, or \
         openssl pkcs12 -nokeys -in FILE",
    ))
}

/// Whether a file is DER and not text.
pub fn is_der(contents: &[u8]) -> bool {
    let is_pem = contents.windows(10).any(|window| window == b"-----BEGIN");
    !is_pem && contents.first() == Some(&0x30)
}

/// A certificate chain and its key, each in a file or on a token. `prefix` is the part of the option names before
/// `cert` and `key`.
pub fn certified_key(cert: &Path, key: &Path, prefix: &str) -> Result<CertifiedKey, Failure> {
    let (cert_option, key_option) = (format!("{prefix}cert"), format!("{prefix}key"));
    let chain = match token::uri(cert) {
        Some(uri) => token::certificates(uri, &cert_option)?,
        None => certificates(cert, &cert_option)?,
    };
    if let Some(uri) = token::uri(key) {
        return token::certified_key(chain, uri, &key_option);
    }
    let private = pem::private_key(&read(key, &key_option)?).map_err(|error| {
        let hint = "it must be PEM and not encrypted: -----BEGIN PRIVATE KEY-----";
        pem_failure(&key_option, key, &error, hint)
    })?;
    CertifiedKey::from_der(chain, &private.der()).map_err(|error| {
        let is_other_key =
            matches!(error, ConfigError::KeyMismatch | ConfigError::KeyOfAnother { .. });
        let files = match error {
            ConfigError::PrivateKey(_) => format!("{key_option} {}", printable_path(key)),
            _ if is_other_key => format!("{} and {}", printable_path(cert), printable_path(key)),
            _ => format!("{cert_option} {}", printable_path(cert)),
        };
        let failure = Failure::misuse(format!("{files}: {error}"));
        if is_other_key {
            let hint = format!(
                "give {key_option} the key that the certificate was issued for; the certificate of \
                 this key comes first in {cert_option}"
            );
            return failure.hint(hint);
        }
        failure
    })
}

/// The public key in `file`: in PEM, or in a certificate.
pub fn public_key(file: &Path) -> Result<Vec<u8>, Failure> {
    const OPTION: &str = "--raw-public-key";
    let contents = read(file, OPTION)?;
    match pem::public_key(&contents) {
        Ok(key) => return Ok(key.to_vec()),
        Err(PemError { kind: PemErrorKind::NotFound { .. } | PemErrorKind::Binary, .. }) => {}
        Err(error) => return Err(pem_failure(OPTION, file, &error, "")),
    }
    let chain = certificates_in(&contents, file, OPTION).map_err(|failure| {
        failure.hint("it must be PEM: -----BEGIN PUBLIC KEY-----, or a certificate with the key")
    })?;
    let certificate = chain.first().ok_or_else(|| Failure::misuse("no certificate was read"))?;
    let end_entity = EndEntity::parse(certificate)
        .map_err(|error| Failure::misuse(format!("{OPTION} {}: {error}", printable_path(file))))?;
    Ok(end_entity.subject_public_key_info().to_vec())
}

/// The OCSP response in `file`: in DER.
pub fn ocsp_response(file: &Path) -> Result<Vec<u8>, Failure> {
    let response = read(file, "--ocsp")?;
    match response.first() {
        Some(0x30) => Ok(response.to_vec()),
        _ => Err(Failure::misuse(format!("--ocsp {}: it is not DER", printable_path(file)))
            .hint("such a response is made by: openssl ocsp -respout FILE")),
    }
}

/// The key log of the option: a file, or the one of the environment if the option names none.
pub fn key_log(option: Option<&Option<PathBuf>>) -> Result<Option<Arc<KeyLogFile>>, Failure> {
    let (log, name) = match option {
        None => return Ok(None),
        Some(Some(file)) => (KeyLogFile::open(file).map(Some), printable_path(file)),
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

/// The 0-RTT data.
pub fn early_data(file: &Path) -> Result<Vec<u8>, Failure> {
    /// Tickets rarely allow more.
    const MAX: usize = 64 * 1024;
    let data = read(file, "--early-data")?;
    if data.len() > MAX {
        let problem =
            format!("--early-data {}: it is longer than {MAX} bytes", printable_path(file));
        return Err(Failure::misuse(problem).hint("send the rest by standard input"));
    }
    Ok(data.to_vec())
}

/// Ticket keys from the file, or random ones.
pub fn ticket_keys(file: Option<&Path>) -> Result<Arc<TicketKeys>, Failure> {
    let random = CryptoProvider::default().random;
    let Some(file) = file else {
        let keys = TicketKeys::random(random);
        return Ok(Arc::new(keys.map_err(|error| Failure::failed(error.to_string()))?));
    };
    let bytes = read(file, "--ticket-keys")?;
    let keys = TicketKeys::from_bytes(&bytes, random).map_err(|error| {
        Failure::misuse(format!("--ticket-keys {}: {error}", printable_path(file)))
            .hint("make one: head -c 32 /dev/urandom > FILE")
    })?;
    Ok(Arc::new(keys))
}

/// The content of a file. It may be a secret, so it is wiped when it is dropped.
pub fn read(file: &Path, option: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    fs::read(file).map(Zeroizing::new).map_err(|error| {
        Failure::misuse(format!("{option} {}: cannot be read: {error}", printable_path(file)))
    })
}

/// The failure for a file that is not PEM, or does not contain what is needed; `hint` says what is.
pub fn pem_failure(option: &str, file: &Path, error: &PemError, hint: &str) -> Failure {
    let failure = Failure::misuse(format!("{option} {}: {error}", printable_path(file)));
    match error.kind {
        PemErrorKind::NotFound { .. } | PemErrorKind::Base64(_) | PemErrorKind::Empty(_) => {
            failure.hint(hint)
        }
        _ => failure,
    }
}
