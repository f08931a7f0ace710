//! What certificates show, in words.

use handclasp::alert::AlertDescription;
use handclasp::certificate::Timestamp;

use super::{counted, printable};
use crate::account::{
    Alert, Certificate, CertificateFinding, CertificateList, Connection, PathAttempt, PathError,
    PathResult, PathSearch,
};

/// How many names of a certificate are printed.
const SHOWN: usize = 16;

/// When a certificate has expired of which fewer than zero days are left. They are counted downwards: two days
/// and an hour after its end, -3 are left.
pub fn expired(days_left: i64) -> String {
    let whole_days = days_left.unsigned_abs().saturating_sub(1);
    match usize::try_from(whole_days).unwrap_or(usize::MAX) {
        0 => "expired less than a day ago".to_owned(),
        days => format!("expired {} ago", counted(days, "day")),
    }
}

/// A finding, and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingInWords {
    /// What the certificate shows.
    pub what: String,
    /// What to change.
    pub remedy: String,
}

/// What a certificate of the list shows, in words.
pub fn finding(list: &CertificateList, finding: &CertificateFinding) -> FindingInWords {
    let (sender, receiver) = (list.sender.name(), list.sender.peer().name());
    let of = |index: usize| {
        let subject = list.certificates.get(index).and_then(|it| it.subject.as_deref());
        let subject = printable(subject.unwrap_or_default().as_bytes());
        format!("the certificate \"{subject}\" of the {sender}")
    };
    match finding {
        CertificateFinding::NameMismatch { asked_for } => {
            let asked_for = printable(asked_for.as_bytes());
            let names = list.certificates.first().map(names).unwrap_or_default();
            FindingInWords {
                what: format!(
                    "the client asked for \"{asked_for}\"; the server's certificate is for {names}"
                ),
                remedy: format!(
                    "connect with a name that the certificate has, or have it issued with \
                     DNS:{asked_for}, too"
                ),
            }
        }
        CertificateFinding::Expired { certificate, not_after, at } => FindingInWords {
            what: format!(
                "{} expired on {}; the time was {}",
                of(*certificate),
                Timestamp(*not_after),
                Timestamp(*at)
            ),
            remedy: format!(
                "renew it; if it should still be valid, set the clock of the {receiver}"
            ),
        },
        CertificateFinding::NotYetValid { certificate, not_before, at } => FindingInWords {
            what: format!(
                "{} is valid from {} only; the time was {}",
                of(*certificate),
                Timestamp(*not_before),
                Timestamp(*at)
            ),
            remedy: format!("set the clock of the {receiver}, or wait"),
        },
        CertificateFinding::SelfIssued => FindingInWords {
            what: format!(
                "{} is self-issued: it is accepted only where it is trusted itself",
                of(0)
            ),
            remedy: format!(
                "let the {receiver} trust it, or have one issued by an authority that the {receiver} \
                 trusts"
            ),
        },
    }
}

/// What the certificates show that this alert, of their receiver, may be about.
pub fn findings_before(connection: &Connection, alert: &Alert) -> Vec<FindingInWords> {
    let mut found = Vec::new();
    for list in &connection.certificates {
        if list.sender.peer() == alert.sender && list.message < alert.after_messages {
            found.extend(list.findings.iter().map(|it| finding(list, it)));
            let is_unknown = alert.description.name == AlertDescription::UNKNOWN_CA.name();
            if is_unknown && !list.findings.contains(&CertificateFinding::SelfIssued) {
                found.extend(untrusted_issuer(list));
            }
        }
    }
    found
}

/// Where the certificates of a list end, for a receiver that trusts no issuer of them.
fn untrusted_issuer(list: &CertificateList) -> Option<FindingInWords> {
    let own = list.certificates.first()?;
    let mut last = own;
    // No longer than the list, as certificates may name each other.
    for _ in &list.certificates {
        let mut issuers = list.certificates.iter();
        match issuers.find(|it| it.subject == last.issuer && it.subject != last.subject) {
            Some(issuer) => last = issuer,
            None => break,
        }
    }
    let (sender, receiver) = (list.sender.name(), list.sender.peer().name());
    let name = |name: &Option<String>| -> Option<String> {
        name.as_ref().map(|name| printable(name.as_bytes()))
    };
    let (own, last_issuer) = (name(&own.subject)?, name(&last.issuer)?);
    if last.subject == last.issuer {
        return Some(FindingInWords {
            what: format!(
                "the certificates of the {sender}, for \"{own}\", lead to the root \"{last_issuer}\"; the \
                 {receiver} does not trust it"
            ),
            remedy: format!("add the root \"{last_issuer}\" to those that the {receiver} trusts"),
        });
    }
    let issued = match name(&last.subject)? {
        last if last == own => format!("the certificate \"{own}\" of the {sender}"),
        last => format!("the last issuer that the {sender} sent for \"{own}\", \"{last}\","),
    };
    Some(FindingInWords {
        what: format!(
            "{issued} was issued by \"{last_issuer}\", which was not sent along; the {receiver} does not \
             trust it"
        ),
        remedy: format!(
            "if \"{last_issuer}\" is a root, add it to those that the {receiver} trusts; if it is an \
             intermediate, the {sender} must send its certificate along"
        ),
    })
}

/// The verdict of a search for a path, in words.
pub fn path_verdict(search: &PathSearch) -> String {
    match &search.error {
        None => "the trust anchors accept it (revocation was not checked)".to_owned(),
        Some(PathError { certificate, reason, .. }) => {
            format!("the trust anchors do not accept it: certificate \"{certificate}\" {reason}")
        }
    }
}

/// An attempt of the search, in words.
pub fn path_attempt(attempt: &PathAttempt) -> String {
    let PathAttempt { subject, certificate, result, error, .. } = attempt;
    let place = match certificate {
        Some(0) => "the sender's own".to_owned(),
        Some(index) => format!("certificate {} of the message", index + 1),
        None => "a trust anchor".to_owned(),
    };
    let result = match (result, error) {
        (PathResult::Accepted, _) => "on the path".to_owned(),
        (PathResult::NoPath, _) => "leads to no trust anchor".to_owned(),
        (PathResult::Failed, None) => "refused".to_owned(),
        (PathResult::Failed, Some(error)) if error.certificate == *subject => error.reason.clone(),
        (PathResult::Failed, Some(error)) => format!("\"{}\" {}", error.certificate, error.reason),
    };
    format!("\"{subject}\" ({place}): {result}")
}

/// The names of a certificate, with their kinds.
fn names(certificate: &Certificate) -> String {
    let mut names: Vec<String> = Vec::new();
    for name in certificate.names.iter().take(SHOWN) {
        names.push(match name.kind {
            "dns" => format!("DNS:{}", name.name),
            "ip" => format!("IP:{}", name.name),
            _ => name.name.clone(),
        });
    }
    let more = certificate.names.len() - names.len();
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    match names.is_empty() {
        true => "no name (it has no subject alternative name)".to_owned(),
        false => names.join(", "),
    }
}
