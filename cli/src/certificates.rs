//! Certificates as text, and in files.

use std::path::Path;

use anstyle::Style;
use handclasp::ClientConnection;
use handclasp::certificate::Timestamp;
use handclasp::crypto::CryptoProvider;
use handclasp::pem::printable_path;
use handclasp::pki_types::UnixTime;
use handclasp_explain::words::expired;
use handclasp_explain::{Certificate, Recorder, Side};
use pem::{EncodeConfig, LineEnding, Pem};

use crate::failure::Failure;
use crate::text_report::{field, heading};

/// What is in a certificate, under a title.
pub fn text(title: &str, certificate: &Certificate) -> String {
    let mut text = format!("\n{}", heading(title));
    for (name, value) in rows(certificate) {
        text += &field(name, &value, Style::new());
    }
    text
}

/// Names and values, those that there are.
pub fn rows(certificate: &Certificate) -> Vec<(&'static str, String)> {
    let names: Vec<_> = certificate.names.iter().map(|name| name.name.as_str()).collect();
    let rows = [
        ("malformed", certificate.malformed.clone()),
        ("subject", certificate.subject.clone()),
        ("issuer", certificate.issuer.clone()),
        ("names", if names.is_empty() { None } else { Some(names.join(", ")) }),
        ("valid from", certificate.not_before.map(date)),
        ("valid until", certificate.not_after.map(date)),
        ("days left", certificate.days_left.map(days_left)),
        ("key", key(certificate)),
        ("SHA-256", Some(hex::encode(&certificate.sha256.0))),
        ("pin", certificate.spki_pin.clone()),
    ];
    let known = rows.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.collect()
}

fn days_left(days: i64) -> String {
    if days < 0 { format!("none: it {}", expired(days)) } else { days.to_string() }
}

/// A time in seconds since 1970.
fn date(seconds: i64) -> String {
    Timestamp(seconds).to_string()
}

fn key(certificate: &Certificate) -> Option<String> {
    let algorithm = without_identifiers(certificate.key.algorithm.as_ref()?);
    Some(match certificate.key.bits {
        Some(bits) if !algorithm.contains(" bits") => format!("{algorithm}, {bits} bits"),
        _ => algorithm,
    })
}

/// The names of an algorithm without the object identifiers in brackets behind them.
fn without_identifiers(algorithm: &str) -> String {
    let words = algorithm.split(' ').filter(|word| !is_identifier(word));
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a word is an object identifier in brackets.
fn is_identifier(word: &str) -> bool {
    match word.strip_prefix('(').and_then(|word| word.strip_suffix(')')) {
        Some(inside) => inside.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'),
        None => false,
    }
}

/// The certificate, or the raw public key, with which the server has authenticated: in this handshake, or in
/// the one that was resumed.
pub fn accepted(connection: &ClientConnection) -> Option<Certificate> {
    let parameters = connection.parameters();
    let certificate = parameters.certificates.as_ref().and_then(|chain| chain.first());
    let der = certificate.map(|der| der.as_ref()).or(parameters.raw_public_key.as_deref())?;
    Some(Certificate::from_der(der, &CryptoProvider::default(), UnixTime::now()))
}

/// Writes the chain that the server has sent in PEM: in this handshake, or in the one that was resumed.
///
/// # Errors
/// When there is none, or the file cannot be written.
pub fn save_chain(
    file: &Path,
    recorder: &Recorder,
    connection: &ClientConnection,
) -> Result<(), Failure> {
    let mut chain = recorder.inspect(sent_chain);
    if chain.is_empty() {
        let accepted = connection.parameters().certificates.iter().flat_map(|chain| chain.iter());
        chain = accepted.map(|der| der.to_vec()).collect();
    }
    if chain.is_empty() {
        return Err(Failure::failed("--save-chain: the server has sent no certificate")
            .hint("it was authenticated with a pre-shared key or a raw public key"));
    }
    let blocks: Vec<_> = chain.into_iter().map(|der| Pem::new("CERTIFICATE", der)).collect();
    let text =
        pem::encode_many_config(&blocks, EncodeConfig::new().set_line_ending(LineEnding::LF));
    std::fs::write(file, text).map_err(|error| {
        let file = printable_path(file);
        Failure::misuse(format!("--save-chain {file} cannot be written: {error}"))
    })
}

/// The certificates of the server in the recorded connection, also if they were not accepted.
fn sent_chain(connection: &handclasp_explain::Connection) -> Vec<Vec<u8>> {
    let mut lists = connection.certificates.iter();
    let Some(list) = lists.find(|list| list.sender == Side::Server) else { return Vec::new() };
    let Some(message) = connection.messages.get(list.message) else { return Vec::new() };
    let certificates = list.certificates.iter().filter(|it| !it.is_raw_public_key);
    let bytes = certificates.map(|it| message.bytes.0.get(it.range.start..it.range.end));
    bytes.flatten().map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_shown_by_name() {
        let algorithm = "ecPublicKey (1.2.840.10045.2.1) with secp256r1 (1.2.840.10045.3.1.7)";
        assert_eq!(without_identifiers(algorithm), "ecPublicKey with secp256r1");
        assert_eq!(without_identifiers("1.2.3"), "1.2.3", "there is no name");
    }
}
