//! What an alert of the peer may mean, and what to do. The RFC defines each alert for one failure, but
//! common servers also send some of them for other failures.

use handclasp::alert::AlertDescription;
use handclasp_explain::words;

use crate::advice::Situation;
use crate::event_log::{Progress, Side};

/// What to do after this alert of the peer.
pub fn hint(alert: AlertDescription, situation: &Situation, progress: &Progress) -> Option<String> {
    let advice = match situation.side {
        Side::Client => from_server(alert, situation, progress),
        Side::Server => from_client(alert, progress),
    };
    if situation.shows_steps {
        // The explanation of the alert in the RFC is printed there.
        return advice;
    }
    let meaning = format!("RFC 9846 has it for: {}", words::alert(alert));
    Some(match advice {
        Some(advice) => format!("{meaning}; {advice}"),
        None => meaning,
    })
}

fn from_server(
    alert: AlertDescription,
    situation: &Situation,
    progress: &Progress,
) -> Option<String> {
    use AlertDescription as A;
    Some(match alert {
        A::HANDSHAKE_FAILURE => handshake_failure(situation, progress),
        A::PROTOCOL_VERSION => {
            "handclasp speaks TLS 1.3 only: the server must be set up for it, or is too old".into()
        }
        A::NO_APPLICATION_PROTOCOL => {
            format!("offered was {}: try another --alpn, or none", listed(&situation.protocols))
        }
        A::UNRECOGNIZED_NAME => {
            format!("asked for was {}: try another --name", name(situation))
        }
        A::CERTIFICATE_REQUIRED => certificate_required(situation, progress),
        A::UNKNOWN_PSK_IDENTITY => {
            format!("offered were the keys {}: compare --psk", listed(&situation.keys))
        }
        A::DECRYPT_ERROR | A::ILLEGAL_PARAMETER if has_keys_only(situation, progress) => format!(
            "the server may have another key for {}: compare --psk",
            listed(&situation.keys)
        ),
        A::DECRYPT_ERROR if progress.shown.is_some() => {
            format!("the private key may not belong to {}", own(progress))
        }
        A::BAD_CERTIFICATE
        | A::UNSUPPORTED_CERTIFICATE
        | A::CERTIFICATE_REVOKED
        | A::CERTIFICATE_EXPIRED
        | A::CERTIFICATE_UNKNOWN
        | A::UNKNOWN_CA => match progress.shown {
            Some(_) => format!("the server refused {}{}", own(progress), certificate(alert)),
            None => {
                "this side has shown no certificate, so the server means something else by it: its \
                 log may say what"
                    .into()
            }
        },
        A::ACCESS_DENIED | A::INTERNAL_ERROR | A::GENERAL_ERROR => no_reason(situation, progress),
        A::INSUFFICIENT_SECURITY => {
            let offered = progress.offered.clone().unwrap_or_default();
            format!("the server wants something stronger than what was offered: {offered}")
        }
        _ => return None,
    })
}

fn from_client(alert: AlertDescription, progress: &Progress) -> Option<String> {
    use AlertDescription as A;
    if alert == A::USER_CANCELED {
        return Some("the client gave up by itself".into());
    }
    if progress.shown.is_none() {
        return match alert {
            A::BAD_CERTIFICATE
            | A::UNSUPPORTED_CERTIFICATE
            | A::CERTIFICATE_REVOKED
            | A::CERTIFICATE_EXPIRED
            | A::CERTIFICATE_UNKNOWN
            | A::UNKNOWN_CA => {
                Some("no certificate was shown to it: its log may say what it means".into())
            }
            _ => None,
        };
    }
    let own = own(progress);
    Some(match alert {
        A::UNKNOWN_CA => format!(
            "the client does not trust the issuer of {own}: it must have the root's certificate \
             (handclasp connect: --ca FILE), and --cert the intermediates"
        ),
        A::BAD_CERTIFICATE
        | A::UNSUPPORTED_CERTIFICATE
        | A::CERTIFICATE_REVOKED
        | A::CERTIFICATE_EXPIRED
        | A::CERTIFICATE_UNKNOWN => {
            let detail = certificate(alert);
            // The two alerts that clients send when the name does not match.
            let name = match alert {
                A::BAD_CERTIFICATE | A::CERTIFICATE_UNKNOWN => {
                    "; clients say this of a name that does not fit, too"
                }
                _ => "",
            };
            format!("the client refused {own}{detail}{name}")
        }
        A::HANDSHAKE_FAILURE | A::INTERNAL_ERROR | A::GENERAL_ERROR | A::ACCESS_DENIED => {
            format!("the client gave no other reason; it was shown {own}")
        }
        A::DECRYPT_ERROR => format!("the private key may not belong to {own}"),
        _ => return None,
    })
}

fn handshake_failure(situation: &Situation, progress: &Progress) -> String {
    let mut reasons = vec!["usually no suite, group or signature scheme in common"];
    if progress.received.is_none() {
        reasons.push("some servers of TLS 1.2 only say this as well");
    }
    let keys =
        format!("or the server does not know the pre-shared key {}", listed(&situation.keys));
    if !situation.keys.is_empty() {
        reasons.push(&keys);
    }
    if progress.asked && progress.shown.is_none() {
        reasons.push("or the server wants a client certificate");
    }
    let shown = format!("or it refused {}", own(progress));
    if progress.shown.is_some() {
        reasons.push(&shown);
    }
    let offered = match &progress.offered {
        Some(offered) => format!(". Offered were {offered}"),
        None => String::new(),
    };
    format!("the server gave no other reason: {}{offered}", reasons.join("; "))
}

/// Says what this side has offered: the server's operator can compare it with the server's log.
fn no_reason(situation: &Situation, progress: &Progress) -> String {
    let name = name(situation);
    let mut words = format!(
        "the server gave no other reason: some say this when they have no certificate for the name; \
         asked for was {name}"
    );
    if !situation.keys.is_empty() {
        words += &format!(", offered was the pre-shared key {}", listed(&situation.keys));
    }
    words += &match progress.shown {
        Some(_) => format!(", and shown was {}, which it may have refused", own(progress)),
        None if progress.asked => ", and no client certificate was shown".to_owned(),
        None => String::new(),
    };
    words + ": its log may say more"
}

fn certificate_required(situation: &Situation, progress: &Progress) -> String {
    let authorities = match &progress.authorities {
        Some(authorities) => format!("; it takes those of {authorities}"),
        None => String::new(),
    };
    match situation.has_certificate {
        true => format!(
            "the certificate of --client-cert was not shown, as it does not fit what the server \
             asks for{authorities}"
        ),
        false => format!("show one with --client-cert FILE --client-key FILE{authorities}"),
    }
}

/// What may be wrong with this side's certificate.
fn certificate(alert: AlertDescription) -> &'static str {
    use AlertDescription as A;
    match alert {
        A::CERTIFICATE_EXPIRED => ": compare its dates with the peer's clock",
        A::UNKNOWN_CA => {
            ": its issuer must be among those that the peer trusts (handclasp serve: --client-ca \
             FILE), and the intermediates must be sent along"
        }
        A::CERTIFICATE_REVOKED => ": ask its issuer",
        A::UNSUPPORTED_CERTIFICATE => ": compare what it may be used for, and the kind of its key",
        _ => "",
    }
}

/// This side's certificate.
fn own(progress: &Progress) -> String {
    match &progress.shown {
        Some(shown) => format!("your certificate \"{shown}\""),
        None => "no certificate of yours".to_owned(),
    }
}

fn name(situation: &Situation) -> String {
    match &situation.server_name {
        Some(name) => format!("the name \"{name}\""),
        None => "no name".to_owned(),
    }
}

/// Whether external pre-shared keys were offered, and the server has sent no certificate: then it has
/// refused the key or the ClientHello.
fn has_keys_only(situation: &Situation, progress: &Progress) -> bool {
    !situation.keys.is_empty() && progress.received.is_none()
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_alerts_of_clients_for_a_wrong_name_speak_of_names() {
        use AlertDescription as A;
        let progress = Progress { shown: Some("CN=a".into()), ..Progress::default() };
        for (alert, speaks_of_names) in [
            (A::BAD_CERTIFICATE, true),
            (A::CERTIFICATE_UNKNOWN, true),
            (A::CERTIFICATE_EXPIRED, false),
            (A::CERTIFICATE_REVOKED, false),
            (A::UNSUPPORTED_CERTIFICATE, false),
            (A::UNKNOWN_CA, false),
        ] {
            let words = from_client(alert, &progress).unwrap();
            assert!(words.contains("\"CN=a\""), "{words}");
            assert_eq!(words.contains("name that does not fit"), speaks_of_names, "{words}");
        }
    }
}
