//! Private keys and certificates on PKCS#11 tokens, which options name by a URI.

use std::path::Path;

use handclasp::CertifiedKey;
use handclasp::pki_types::CertificateDer;

use crate::failure::Failure;

/// How often a failure of a token is said: clients must not be able to fill the log.
#[cfg(feature = "pkcs11")]
const WARNING_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);

/// The URI of an option that takes a file or a URI.
pub fn uri(option: &Path) -> Option<&str> {
    option.to_str().filter(|text| text.starts_with("pkcs11:"))
}

/// The certificates of a token. No error repeats the URI: a PIN may be in it.
#[cfg(feature = "pkcs11")]
pub fn certificates(uri: &str, option: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::misuse(format!("{option}: {error}"));
    let uri = uri.parse().map_err(|error| failed(&error))?;
    handclasp_pkcs11::certificates(&uri, &options()).map_err(|error| failed(&error))
}

/// The key of a token, with its chain. It signs while the handshake waits, and says on standard error why it cannot.
#[cfg(feature = "pkcs11")]
pub fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    uri: &str,
    option: &str,
) -> Result<CertifiedKey, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::misuse(format!("{option}: {error}"));
    let uri: handclasp_pkcs11::Pkcs11Uri = uri.parse().map_err(|error| failed(&error))?;
    if uri.pin_is_readable_by_all() {
        eprintln!("warning: {option}: all users of this machine can read the file of the PIN");
    }
    let key = handclasp_pkcs11::TokenKey::open(&uri, chain, &options());
    let key = key.map_err(|error| failed(&error))?;
    key.blocking_certified_key().map_err(|error| failed(&error))
}

#[cfg(feature = "pkcs11")]
fn options() -> handclasp_pkcs11::Options {
    let mut options = handclasp_pkcs11::Options::default();
    options.on_failure = Some(handclasp_pkcs11::limited(WARNING_INTERVAL, |error, left_out| {
        eprintln!("warning: the token did not sign: {error}");
        if left_out > 0 {
            eprintln!("warning: {left_out} failures of the token before this one were left out");
        }
    }));
    options
}

#[cfg(not(feature = "pkcs11"))]
pub fn certificates(_: &str, option: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    Err(not_built(option))
}

#[cfg(not(feature = "pkcs11"))]
pub fn certified_key(
    _: Vec<CertificateDer<'static>>,
    _: &str,
    option: &str,
) -> Result<CertifiedKey, Failure> {
    Err(not_built(option))
}

#[cfg(not(feature = "pkcs11"))]
fn not_built(option: &str) -> Failure {
    Failure::misuse(format!("{option}: this program was built without tokens"))
        .hint("build it with the feature pkcs11")
}
