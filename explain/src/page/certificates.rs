//! Certificates as chains, with verdicts.

use handclasp::certificate::Timestamp;

use super::overview::final_alert;
use super::text::{bytes, sentence, visible};
use crate::account::{Certificate, CertificateList, Connection, StepKind};
use crate::words::{self, counted};

/// The most certificates of a chain that are shown.
const SHOWN: usize = 24;

/// The certificates of one Certificate message.
pub(super) struct Chain {
    pub sender: &'static str,
    pub message: usize,
    /// `good`, `bad` or `open`: how the verdict looks.
    pub mood: &'static str,
    pub verdict: String,
    /// The search for a path: its verdict, and then each attempt.
    pub search: Vec<String>,
    pub cards: Vec<Card>,
    pub more: usize,
}

/// A certificate.
pub(super) struct Card {
    /// What leads to it from the card before: `issued by`, or `also sent`.
    pub link: Option<&'static str>,
    pub title: String,
    /// `good`, `soon` or `bad`: how the days left look.
    pub days_mood: &'static str,
    pub days: Option<String>,
    pub rows: Vec<(&'static str, String)>,
}

pub(super) fn of(connection: &Connection) -> Vec<Chain> {
    connection.certificates.iter().map(|list| chain(connection, list)).collect()
}

fn chain(connection: &Connection, list: &CertificateList) -> Chain {
    let (mood, verdict) = verdict(connection, list);
    let mut cards: Vec<Card> = Vec::new();
    let mut issuer: Option<&String> = None;
    for certificate in list.certificates.iter().take(SHOWN) {
        let mut card = card(certificate);
        // The order of the certificates does not say who issued which.
        card.link = match (cards.is_empty(), issuer) {
            (true, _) => None,
            (false, Some(issuer)) if Some(issuer) == certificate.subject.as_ref() => {
                Some("issued by")
            }
            (false, _) => Some("also sent"),
        };
        issuer = certificate.issuer.as_ref();
        cards.push(card);
    }
    Chain {
        sender: list.sender.name(),
        message: list.message,
        mood,
        verdict,
        search: search(list),
        more: list.certificates.len() - cards.len(),
        cards,
    }
}

/// The verdict of the reader's trust anchors, and the search that led to it.
fn search(list: &CertificateList) -> Vec<String> {
    let Some(search) = &list.path_search else { return Vec::new() };
    let mut lines = vec![sentence(&visible(&words::path_verdict(search)))];
    for attempt in &search.attempts {
        lines.push(sentence(&visible(&words::path_attempt(attempt))));
    }
    lines
}

/// What the receiver of the certificates made of them, as far as it is known.
fn verdict(connection: &Connection, list: &CertificateList) -> (&'static str, String) {
    let receiver = list.sender.peer();
    if list.certificates.is_empty() {
        return ("open", format!("The {} has shown no certificate.", list.sender.name()));
    }
    let observed = connection.observed_side == Some(receiver);
    let happened = |kind: &StepKind| {
        connection.steps.iter().any(|step| step.kind == *kind && step.after_messages > list.message)
    };
    let signature = connection.steps.iter().find_map(|step| match &step.kind {
        StepKind::SignatureVerified { scheme } if step.after_messages > list.message => {
            Some(scheme)
        }
        _ => None,
    });
    if observed && happened(&StepKind::PeerVerified) {
        let key = match signature {
            Some(scheme) => format!(" A signature ({scheme}) proved that the sender has its key."),
            None => String::new(),
        };
        return ("good", format!("The {} accepted it.{key}", receiver.name()));
    }
    match final_alert(connection) {
        Some(alert) if alert.sender == receiver && alert.after_messages > list.message => {
            let (receiver, alert) = (receiver.name(), alert.description);
            ("bad", format!("The {receiver} did not accept the handshake: its alert is {alert}."))
        }
        _ if connection.steps.iter().any(|step| step.kind == StepKind::HandshakeComplete) => {
            let receiver = receiver.name();
            ("good", format!("The {receiver} went on with the handshake after it."))
        }
        _ => ("open", format!("What the {} made of it is not known.", receiver.name())),
    }
}

fn card(certificate: &Certificate) -> Card {
    let mut card = Card {
        link: None,
        title: title(certificate),
        days_mood: "good",
        days: None,
        rows: Vec::new(),
    };
    if let Some(days) = certificate.days_left {
        (card.days_mood, card.days) = days_left(days);
    }
    let mut row = |name, value: Option<String>| {
        if let Some(value) = value {
            card.rows.push((name, visible(&value)));
        }
    };
    row("Cannot be read", certificate.malformed.clone());
    let names: Vec<_> =
        certificate.names.iter().take(SHOWN).map(|name| name.name.as_str()).collect();
    let more = certificate.names.len() - names.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    row("Names", (!names.is_empty()).then(|| format!("{}{more}", names.join(", "))));
    row("Subject", certificate.subject.clone());
    row("Issuer", certificate.issuer.clone());
    row("Valid", validity(certificate));
    row("Key", key(certificate));
    row("Signed with", certificate.signature_algorithm.clone());
    row("Key usage", certificate.key_usage.as_ref().map(|usages| usages.join(", ")));
    row("Purposes", certificate.extended_key_usage.clone());
    row("May issue", certificate.is_ca.then(|| "yes: it is an authority".to_owned()));
    row("Serial", certificate.serial.clone());
    row("SHA-256", Some(hex::encode(&certificate.sha256.0)));
    row("Key pin", certificate.spki_pin.clone());
    row("OCSP response", certificate.ocsp_response_length.map(|length| bytes(length as u64)));
    let timestamps = (certificate.timestamps > 0).then(|| certificate.timestamps.to_string());
    row("Timestamps", timestamps);
    row("Size", Some(bytes((certificate.range.end - certificate.range.start) as u64)));
    card
}

fn title(certificate: &Certificate) -> String {
    if certificate.is_raw_public_key {
        return "A raw public key".to_owned();
    }
    match (certificate.names.first(), &certificate.subject) {
        (Some(first), _) if !certificate.is_ca => visible(&first.name),
        (_, Some(subject)) => visible(subject),
        (Some(first), None) => visible(&first.name),
        (None, None) => "A certificate that cannot be read".to_owned(),
    }
}

fn days_left(days: i64) -> (&'static str, Option<String>) {
    let left = format!("{} left", counted(usize::try_from(days).unwrap_or_default(), "day"));
    match days {
        ..0 => ("bad", Some(words::expired(days))),
        0 => ("soon", Some("expires today".to_owned())),
        1..14 => ("soon", Some(left)),
        _ => ("good", Some(left)),
    }
}

fn validity(certificate: &Certificate) -> Option<String> {
    let (from, until) = (Timestamp(certificate.not_before?), Timestamp(certificate.not_after?));
    Some(format!("from {from} until {until}"))
}

fn key(certificate: &Certificate) -> Option<String> {
    let algorithm = certificate.key.algorithm.as_ref()?;
    Some(match certificate.key.bits {
        Some(bits) => format!("{algorithm}, {bits} bits"),
        None => algorithm.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::days_left;

    #[test]
    fn whole_days_are_counted_before_and_after_the_end() {
        for (days, expected) in [
            (-974, "expired 973 days ago"),
            (-2, "expired 1 day ago"),
            (-1, "expired less than a day ago"),
            (0, "expires today"),
            (1, "1 day left"),
            (30, "30 days left"),
        ] {
            assert_eq!(days_left(days).1.as_deref(), Some(expected));
        }
    }
}
