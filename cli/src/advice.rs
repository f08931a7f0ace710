//! The library's diagnosis of a connection that failed, with this program's names for its settings.

use handclasp::certificate::CertificateErrorKind;
use handclasp::diagnosis::{Remedy, Setting};

use crate::event_log::Side;
use crate::failure::Failure;

/// Completes the failure of a connection of this side with what its diagnosis says.
pub fn explain(mut failure: Failure, side: Side) -> Failure {
    let Some(diagnosis) = &failure.diagnosis else { return failure };
    failure.message.clone_from(&diagnosis.happened);
    failure.details.clear();
    // The message may have the lists already.
    if !diagnosis.lists().is_empty() {
        for (name, offers) in
            [("this side", &diagnosis.offers), ("the peer", &diagnosis.peer_offers)]
        {
            let lists: Vec<_> = offers.iter().map(ToString::to_string).collect();
            if !lists.is_empty() {
                failure.details.push((name, lists.join(", ")));
            }
        }
    }
    for cause in &diagnosis.causes {
        failure.details.push(("cause", cause.clone()));
    }
    if failure.hints.is_empty() {
        failure.hints = diagnosis.remedies.iter().map(|remedy| advice(remedy, side)).collect();
    }
    failure
}

/// A remedy, with the option that it is about in brackets.
fn advice(remedy: &Remedy, side: Side) -> String {
    let option = remedy.setting.and_then(|setting| option(side, setting, remedy.value.as_deref()));
    match option {
        Some(option) => format!("{} ({option})", remedy.text),
        None => remedy.text.clone(),
    }
}

/// The remedy for a certificate that `verify` or `check` does not accept. If it is to trust another certificate, the
/// option for that is in brackets.
pub fn for_certificate(kind: &CertificateErrorKind) -> Option<String> {
    use CertificateErrorKind as K;
    match kind {
        K::LimitExceeded { closest: Some(error), .. } => for_certificate(&error.kind),
        K::UnknownIssuer(_) | K::SelfIssued | K::Circular(_) => {
            Some(format!("{} (--ca FILE)", kind.remedy()?))
        }
        _ => kind.remedy(),
    }
}

/// What the program calls a setting.
fn option(side: Side, setting: Setting, value: Option<&str>) -> Option<String> {
    let option = match (setting, side) {
        (Setting::TrustAnchors, Side::Client) => "--ca FILE",
        (Setting::TrustAnchors, Side::Server) => "--client-ca FILE",
        (Setting::ServerName, Side::Client) => {
            return Some(format!("--name {}", value.unwrap_or("NAME")));
        }
        (Setting::ApplicationProtocols, _) => "--alpn PROTOCOL",
        (Setting::PreSharedKeys, _) => "--psk IDENTITY:HEX",
        (Setting::Certificate, Side::Client) => "--client-cert FILE --client-key FILE",
        (Setting::Certificate, Side::Server) => "--cert FILE --key FILE",
        (Setting::ClientAuthentication, Side::Server) => "--client-auth optional",
        (Setting::Groups, Side::Client) => {
            return Some(format!("--groups {}", value.unwrap_or("GROUP,...")));
        }
        (Setting::StartTls, Side::Client) => {
            return Some(format!("--starttls {}", value.unwrap_or("PROTOCOL")));
        }
        // The program has no options for these.
        _ => return None,
    };
    Some(option.to_owned())
}

#[cfg(test)]
mod tests {
    use handclasp::certificate::{CertificateError, CertificateErrorKind};
    use handclasp::{Error, ErrorKind};

    use super::*;

    #[test]
    fn the_same_failure_has_the_options_of_the_side_that_reads_it() {
        let kind = CertificateErrorKind::UnknownIssuer("CN=a".into());
        let error = CertificateError { certificate: "CN=b".into(), kind };
        for (side, with, without) in [
            (Side::Client, "(--ca FILE)", "--client-ca"),
            (Side::Server, "(--client-ca FILE)", "(--ca"),
        ] {
            let failure = explain(Error::from(error.clone()).into(), side);
            let hint = failure.hints.join("\n");
            assert!(hint.contains(with) && !hint.contains(without), "{hint}");
            assert!(hint.contains("send the certificate of \"CN=a\""), "the library's: {hint}");
        }
    }

    #[test]
    fn a_certificate_without_a_trusted_issuer_has_the_option_that_trusts_it() {
        use CertificateErrorKind as K;
        let name = || "CN=a".to_owned();
        for kind in [K::UnknownIssuer(name()), K::SelfIssued, K::Circular(name())] {
            let hint = for_certificate(&kind).unwrap();
            assert!(hint.ends_with("(--ca FILE)"), "{hint}");
        }
        let hint = for_certificate(&K::BadSignature(name())).unwrap();
        assert!(!hint.contains("--ca"), "{hint}");
    }

    #[test]
    fn a_hint_of_the_program_stays() {
        let failure = Failure::from(Error::from(ErrorKind::CertificateRequired)).hint("own words");
        let failure = explain(failure, Side::Server);
        assert_eq!(failure.hints, ["own words"]);
    }
}
