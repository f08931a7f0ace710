//! What certificates show that may be a reason to refuse them.

use handclasp::certificate::{EndEntity, ReferenceIdentifier, Timestamp};
use handclasp::pki_types::{CertificateDer, ServerName};

use crate::account::{
    CertificateFinding, CertificateList, Connection, Message, Side, Source, Value,
};
use crate::builder::Options;
use crate::path_search::search;

/// Looks at the certificates of a connection. `options.now` is the time where the account has none of its own.
pub(crate) fn find(connection: &mut Connection, options: &Options) {
    let asked_for = server_name(connection);
    let Connection { certificates, messages, source, started_unix_ns, .. } = connection;
    for list in certificates {
        let Some(message) = messages.get(list.message) else { continue };
        let at = match (*source, *started_unix_ns) {
            (Source::Recorded, Some(started)) => time_of(started, message),
            _ => Timestamp::from(options.now).0,
        };
        list.findings = dates(list, at);
        list.findings.extend(of_own_certificate(list, message, asked_for.as_deref()));
        // Verifying signatures costs time: once is enough.
        if let (None, Some(anchors)) = (&list.path_search, &options.anchors) {
            let asked_for = asked_for.as_deref();
            list.path_search = search(list, message, asked_for, at, anchors, &options.provider);
        }
    }
}

/// When the message was sent, in seconds since 1970.
fn time_of(started_unix_ns: u64, message: &Message) -> i64 {
    let nanoseconds = started_unix_ns.saturating_add(message.time_ns.unwrap_or_default());
    i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(i64::MAX)
}

/// The name in the last ClientHello.
fn server_name(connection: &Connection) -> Option<String> {
    let hello = connection.messages.iter().rev().find(|it| it.name == "ClientHello")?;
    match &hello.find("HostName")?.find("data")?.value {
        Some(Value::Bytes(bytes)) => String::from_utf8(bytes.0.clone()).ok(),
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

fn dates(list: &CertificateList, at: i64) -> Vec<CertificateFinding> {
    let mut findings = Vec::new();
    for (certificate, found) in list.certificates.iter().enumerate() {
        match (found.not_before, found.not_after) {
            (_, Some(not_after)) if not_after < at => {
                findings.push(CertificateFinding::Expired { certificate, not_after, at });
            }
            (Some(not_before), _) if not_before > at => {
                findings.push(CertificateFinding::NotYetValid { certificate, not_before, at });
            }
            _ => {}
        }
    }
    findings
}

/// What the sender's own certificate shows.
fn of_own_certificate(
    list: &CertificateList,
    message: &Message,
    asked_for: Option<&str>,
) -> Vec<CertificateFinding> {
    let mut findings = Vec::new();
    let Some(own) = list.certificates.first() else { return findings };
    if own.is_raw_public_key || own.malformed.is_some() {
        return findings;
    }
    if own.subject == own.issuer {
        findings.push(CertificateFinding::SelfIssued);
    }
    let der = message.bytes.0.get(own.range.start..own.range.end).unwrap_or_default();
    let (Ok(certificate), Some(asked_for)) =
        (EndEntity::parse(&CertificateDer::from(der)), asked_for)
    else {
        return findings;
    };
    let Ok(name) = ServerName::try_from(asked_for) else { return findings };
    if list.sender == Side::Server && !certificate.valid_for(&ReferenceIdentifier::from(name)) {
        let asked_for = asked_for.to_owned();
        findings.push(CertificateFinding::NameMismatch { asked_for });
    }
    findings
}
