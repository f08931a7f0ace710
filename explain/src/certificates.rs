//! What is in the certificates of a Certificate message.

use handclasp::certificate::{CertificateSummary, EndEntity, NameKind, Timestamp};
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::{CertificateDer, UnixTime};
use handclasp::verify::SpkiPin;
use handclasp::wire;

use crate::account::{ByteRange, Certificate, CertificateName, Field, Hex, PublicKey};

const SECONDS_OF_A_DAY: i64 = 86_400;

/// The certificates of a Certificate message with this body, as many as are laid out in its fields already.
/// They have `names_left` names at most, which are taken from it. None if the message is malformed.
pub(crate) fn of(
    body: &[u8],
    fields: &[Field],
    provider: &CryptoProvider,
    now: UnixTime,
    names_left: &mut usize,
) -> Vec<Certificate> {
    let Ok(message) = wire::Certificate::parse(body) else { return Vec::new() };
    let ranges = ranges(fields);
    let mut certificates = Vec::new();
    for (entry, range) in message.entries().zip(ranges) {
        let is_first = certificates.is_empty();
        let mut certificate = certificate(entry.certificate, range, is_first, provider, now);
        certificate.ocsp_response_length = entry.ocsp_response().ok().flatten().map(<[u8]>::len);
        certificate.timestamps = entry.signed_certificate_timestamps().map_or(0, |list| list.len());
        certificate.names.truncate(*names_left);
        *names_left -= certificate.names.len();
        certificates.push(certificate);
    }
    certificates
}

/// Where the certificates are in their message.
fn ranges(fields: &[Field]) -> Vec<ByteRange> {
    let Some(list) = crate::account::find(fields, "certificate_list") else { return Vec::new() };
    let entries = list.fields.iter().filter(|field| field.name == "CertificateEntry");
    let data = entries.filter_map(|entry| entry.find("cert_data")?.find("data"));
    data.map(|field| field.range).collect()
}

impl Certificate {
    /// What is in this certificate, or in this raw public key, at this time. Its range is all of it.
    pub fn from_der(der: &[u8], provider: &CryptoProvider, now: UnixTime) -> Self {
        let range = ByteRange { start: 0, end: der.len() };
        certificate(der, range, true, provider, now)
    }
}

fn certificate(
    der: &[u8],
    range: ByteRange,
    is_first: bool,
    provider: &CryptoProvider,
    now: UnixTime,
) -> Certificate {
    let mut certificate = Certificate {
        range,
        is_raw_public_key: is_first && EndEntity::from_public_key(der).is_ok(),
        malformed: None,
        subject: None,
        issuer: None,
        serial: None,
        names: Vec::new(),
        not_before: None,
        not_after: None,
        days_left: None,
        key: PublicKey::default(),
        signature_algorithm: None,
        key_usage: None,
        extended_key_usage: None,
        is_ca: false,
        sha256: Hex::from(&*provider.sha256.digest(der)),
        spki_pin: None,
        ocsp_response_length: None,
        timestamps: 0,
    };
    if certificate.is_raw_public_key {
        let pin = SpkiPin::of_public_key_with_provider(der, provider);
        certificate.spki_pin = Some(pin.to_string());
        return certificate;
    }
    match CertificateSummary::parse(&CertificateDer::from(der)) {
        Ok(summary) => {
            let pin = SpkiPin::of_with_provider(&CertificateDer::from(der), provider);
            certificate.spki_pin = pin.ok().map(|pin| pin.to_string());
            read(summary, now, &mut certificate);
        }
        Err(error) => certificate.malformed = Some(error.to_string()),
    }
    certificate
}

fn read(summary: CertificateSummary, now: UnixTime, certificate: &mut Certificate) {
    let left = summary.not_after.0.saturating_sub(Timestamp::from(now).0);
    certificate.not_before = Some(summary.not_before.0);
    certificate.not_after = Some(summary.not_after.0);
    certificate.days_left = Some(left.div_euclid(SECONDS_OF_A_DAY));
    certificate.key = PublicKey { algorithm: Some(summary.key), bits: summary.key_bits };
    certificate.signature_algorithm = Some(summary.signature);
    certificate.key_usage = summary.key_usage;
    certificate.extended_key_usage = summary.extended_key_usage;
    certificate.is_ca = summary.is_ca;
    certificate.subject = Some(summary.subject);
    certificate.issuer = Some(summary.issuer);
    certificate.serial = Some(summary.serial);
    for name in summary.names {
        let kind = match name.kind {
            NameKind::Dns => "dns",
            NameKind::Ip => "ip",
            NameKind::Email => "email",
            _ => "undecodable",
        };
        certificate.names.push(CertificateName { kind, name: name.name });
    }
}
