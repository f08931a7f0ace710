//! Why a connection failed: what happened, on whose side, what was offered, and what to change.

use handclasp::alert::AlertDescription;
use handclasp::diagnosis::Offer;

use super::Failure;
use super::overview::{final_alert, usual_meaning};
use super::text::{bytes, sentence, visible};
use crate::account::{Alert, CertificateList, Connection, Outcome, Problem, ProblemKind, Side};
use crate::words;

/// How many certificates are named.
const SHOWN: usize = 8;

const AFTER_THE_CLIENT: &str =
    "In TLS 1.3 the client finishes first: the server checks the client's certificate after that.";

/// The first section of the page of a failure.
pub(super) struct Diagnosis {
    pub title: &'static str,
    pub what: String,
    /// What may be behind it: guesses.
    pub causes: Vec<String>,
    /// What to change.
    pub remedies: Vec<String>,
    /// What this side and its peer offered.
    pub offers: Vec<SideOffers>,
    /// Facts that let a reader check it.
    pub evidence: Vec<String>,
}

/// The lists of a side.
pub(super) struct SideOffers {
    pub title: String,
    pub lists: Vec<(String, Vec<String>)>,
}

/// The diagnosis, if the connection failed or its account is not whole.
pub(super) fn of(connection: &Connection, failure: Option<&Failure>) -> Option<Diagnosis> {
    let mut evidence = Vec::new();
    let failed = matches!(
        connection.outcome,
        Outcome::Failed
            | Outcome::FailedLater
            | Outcome::ProbablyFailed
            | Outcome::Incomplete
            | Outcome::OtherVersion
    );
    let (mut remedies, mut shown) = (Vec::new(), Vec::new());
    if failed {
        if let Some(alert) = final_alert(connection) {
            for found in words::findings_before(connection, alert) {
                evidence.push(visible(&sentence(&found.what)));
                remedies.push(visible(&sentence(&found.remedy)));
            }
            evidence.push(alert_in_words(connection, alert, failure));
            let is_later = connection.outcome == Outcome::FailedLater;
            let has_request = connection.message("CertificateRequest").is_some();
            if is_later && has_request && alert.sender == Side::Server {
                evidence.push(AFTER_THE_CLIENT.to_owned());
            }
            if failure.is_none() {
                evidence.extend(trust_is_not_seen(connection, alert));
                shown.extend(certificates_shown(connection, alert));
            }
        }
    }
    evidence.extend(connection.problems.iter().map(problem));
    for message in &connection.messages {
        if let Some(malformed) = &message.malformed {
            let (name, field) = (visible(&message.name), malformed.field);
            evidence.push(format!("{name}, {field}: {}.", visible(&malformed.reason)));
        }
    }
    if let Some(failure) = failure {
        return Some(of_failure(connection, failure, evidence));
    }
    let what = match (failed, evidence.is_empty()) {
        (true, _) if connection.outcome == Outcome::ProbablyFailed => {
            sentence(words::outcome(connection.outcome))
        }
        (true, true) => stopped(connection),
        (_, false) => evidence.remove(0),
        (false, true) => return None,
    };
    let title = if failed { "Why it ended" } else { "What is not known" };
    let causes = Vec::new();
    Some(Diagnosis { title, what, causes, remedies, offers: shown, evidence })
}

/// What the last alert may be about, as a sentence: a fact of the account, or else what the alert usually means.
pub(super) fn cause(connection: &Connection) -> Option<String> {
    let alert = final_alert(connection)?;
    Some(visible(&sentence(&words::cause_of(connection, alert))))
}

/// What the library says.
fn of_failure(connection: &Connection, failure: &Failure, mut evidence: Vec<String>) -> Diagnosis {
    let side = connection.observed_side;
    let in_words = |text: &str| sentence(&visible(&with_names_of_sides(text, side)));
    let mut causes = failure.causes.as_slice();
    let mut what = in_words(&failure.happened);
    // That the peer sent an alert is in the line above: its likeliest cause says more.
    let is_of_peer = final_alert(connection).is_some_and(|alert| Some(alert.sender) != side);
    if let (true, Some((likeliest, others))) = (is_of_peer, causes.split_first()) {
        what = in_words(&format!("probably: {likeliest}"));
        causes = others;
        if let Some((_, progress)) = failure.happened.split_once("; ") {
            evidence.push(in_words(progress));
        }
    }
    Diagnosis {
        title: "Why it ended",
        what,
        causes: causes.iter().map(|cause| in_words(cause)).collect(),
        remedies: failure.remedies.iter().map(|remedy| in_words(remedy)).collect(),
        offers: offers(connection, failure),
        evidence,
    }
}

/// The text of a diagnosis with "the client" and "the server" for this side and its peer. What is quoted
/// stays as it is.
fn with_names_of_sides(text: &str, side: Option<Side>) -> String {
    let Some(side) = side else { return text.to_owned() };
    let (own, peer) = (format!("the {}", side.name()), format!("the {}", side.peer().name()));
    let mut parts: Vec<String> = text.split('"').map(str::to_owned).collect();
    for unquoted in parts.iter_mut().step_by(2) {
        *unquoted = unquoted.replace("this side", &own).replace("the peer", &peer);
    }
    parts.join("\"")
}

/// The lists of both sides, beside each other.
fn offers(connection: &Connection, failure: &Failure) -> Vec<SideOffers> {
    let side = connection.observed_side.unwrap_or(Side::Client);
    let mut both = Vec::new();
    for (side, offers) in [(side, &failure.offers), (side.peer(), &failure.peer_offers)] {
        let mut lists = Vec::new();
        for Offer { what, values, .. } in offers {
            let values = values.iter().map(|value| visible(value)).collect();
            lists.push((sentence(&what.to_string()), values));
        }
        if !lists.is_empty() {
            both.push(SideOffers { title: format!("The {}", side.name()), lists });
        }
    }
    both
}

/// The alert, when it came, and what it is for.
fn alert_in_words(connection: &Connection, alert: &Alert, failure: Option<&Failure>) -> String {
    let before = alert.after_messages.checked_sub(1);
    let after = match before.and_then(|index| connection.messages.get(index)) {
        Some(message) => {
            format!(" after the {}’s {}", message.sender.name(), visible(&message.name))
        }
        None => String::new(),
    };
    let (sender, description, code) =
        (alert.sender.name(), alert.description, alert.description.code);
    let ended =
        format!("The {sender} ended the connection{after} with the alert {description} ({code})");
    match usual_meaning(connection, alert, failure) {
        Some(meaning) => format!("{ended}, which usually means: {meaning}."),
        None => format!("{ended}."),
    }
}

/// Where the alert says that no authority is trusted, the account may lack the half of what decides it.
fn trust_is_not_seen(connection: &Connection, alert: &Alert) -> Option<String> {
    let is_unknown = AlertDescription::UNKNOWN_CA.name() == alert.description.name;
    if !is_unknown || connection.observed_side == Some(alert.sender) {
        return None;
    }
    let sender = alert.sender.name();
    Some(format!("What was sent does not show which authorities the {sender} trusts."))
}

/// The certificates that the sender of the alert had received.
fn certificates_shown(connection: &Connection, alert: &Alert) -> Option<SideOffers> {
    let shown_to = |list: &&CertificateList| {
        list.sender.peer() == alert.sender && list.message < alert.after_messages
    };
    let list = connection.certificates.iter().rfind(shown_to)?;
    let mut certificates = Vec::new();
    for certificate in list.certificates.iter().take(SHOWN) {
        if let (Some(subject), Some(issuer)) = (&certificate.subject, &certificate.issuer) {
            certificates.push(visible(&format!("\"{subject}\", issued by \"{issuer}\"")));
        }
    }
    if certificates.is_empty() {
        return None;
    }
    let title = format!("The {}", list.sender.name());
    Some(SideOffers { title, lists: vec![("Certificates that it sent".to_owned(), certificates)] })
}

fn stopped(connection: &Connection) -> String {
    match connection.messages.last() {
        Some(message) => format!(
            "Nothing came after the {}’s {}: neither side sent an alert.",
            message.sender.name(),
            visible(&message.name)
        ),
        None => "No handshake message was seen.".to_owned(),
    }
}

fn problem(problem: &Problem) -> String {
    let sender = problem.sender.name();
    let place = format!("at byte {} of what the {sender} sent", problem.offset);
    match &problem.kind {
        ProblemKind::Gap { length: Some(length) } => {
            format!("{} are missing {place}.", bytes(*length))
        }
        ProblemKind::Gap { length: None } => format!("Bytes are missing {place}."),
        ProblemKind::NotRecords { protocol: Some(protocol) } => {
            format!("There are no TLS records {place}: it seems to be {}.", visible(protocol))
        }
        ProblemKind::NotRecords { protocol: None } => format!("There are no TLS records {place}."),
        ProblemKind::CutRecord { present } => {
            format!("The record {place} is cut: {} of it are there.", bytes(*present))
        }
        ProblemKind::CutMessage { present, length } => {
            format!("The message {place} is cut: {present} of {} are there.", bytes(*length))
        }
        ProblemKind::NoKeys { count, .. } => {
            format!(
                "There are no keys for {} of the {sender}.",
                words::counted(usize::try_from(*count).unwrap_or(usize::MAX), "encrypted record")
            )
        }
        ProblemKind::DoesNotDecrypt { record } => {
            format!(
                "Record {record} of the connection does not decrypt with the key of the key log."
            )
        }
        ProblemKind::LimitReached { limit } => {
            format!("There is more than the account has: it has reached the limit {limit}.")
        }
    }
}
