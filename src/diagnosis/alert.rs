//! The peer has ended the connection with an alert. The RFC has one failure for each alert, but common
//! peers also send some of them for other failures. So beside what peers usually mean stands what this
//! side has offered or shown.

use super::data::{Diagnosis, Fault, Setting, own_offers};
use super::record;
use super::transport::add_progress;
use crate::alert::AlertDescription;
use crate::certificate::Timestamp;
use crate::error::circumstances::{Circumstances, Offer, Parameter};
use crate::side::Side;
use crate::stage::Stage;

use AlertDescription as A;

pub(super) fn explain(alert: A, circumstances: Option<&Circumstances>, diagnosis: &mut Diagnosis) {
    match circumstances {
        Some(circumstances) if circumstances.side == Side::Server => {
            from_client(alert, circumstances, diagnosis);
        }
        _ => from_server(alert, circumstances, diagnosis),
    }
    if diagnosis.causes.is_empty() {
        diagnosis.cause(&format!("usually it means that {}", alert.meaning()));
        explain_rules(alert, circumstances, diagnosis);
    }
    if diagnosis.remedies.is_empty() {
        diagnosis.remedy("the peer's log may say more: it knows why it sent the alert");
    }
}

/// The peer says that this side has broken a rule. Nothing was negotiated that could be compared.
fn explain_rules(alert: A, circumstances: Option<&Circumstances>, diagnosis: &mut Diagnosis) {
    if let Some(circumstances) = circumstances {
        add_progress(circumstances, diagnosis);
    }
    match alert {
        A::BAD_RECORD_MAC | A::RECORD_OVERFLOW => record::changed_bytes(diagnosis),
        A::UNEXPECTED_MESSAGE
        | A::ILLEGAL_PARAMETER
        | A::DECODE_ERROR
        | A::DECRYPT_ERROR
        | A::MISSING_EXTENSION
        | A::UNSUPPORTED_EXTENSION => {
            diagnosis.cause(
                "the peer's TLS may not take something that this side sends, or something between the \
                 two changes messages",
            );
            diagnosis.remedy("update the peer's TLS");
            diagnosis.set(
                Setting::Groups,
                "x25519",
                "to find what it does not take, offer less: one group, no session, no 0-RTT data",
            );
        }
        _ => {}
    }
}

/// Whether the alert says something about a certificate of this side.
fn is_about_certificates(alert: A) -> bool {
    matches!(
        alert,
        A::BAD_CERTIFICATE
            | A::UNSUPPORTED_CERTIFICATE
            | A::CERTIFICATE_REVOKED
            | A::CERTIFICATE_EXPIRED
            | A::CERTIFICATE_UNKNOWN
            | A::UNKNOWN_CA
    )
}

fn from_server(alert: A, circumstances: Option<&Circumstances>, diagnosis: &mut Diagnosis) {
    let shown = circumstances.and_then(Circumstances::own_certificate);
    match alert {
        A::HANDSHAKE_FAILURE => handshake_failure(circumstances, shown, diagnosis),
        A::INSUFFICIENT_SECURITY
        | A::PROTOCOL_VERSION
        | A::NO_APPLICATION_PROTOCOL
        | A::UNRECOGNIZED_NAME
        | A::UNKNOWN_PSK_IDENTITY => refused_offer(alert, circumstances, diagnosis),
        A::CERTIFICATE_REQUIRED => certificate_required(circumstances, diagnosis),
        A::DECRYPT_ERROR | A::ILLEGAL_PARAMETER if has_keys_only(circumstances) => {
            diagnosis.offers = own_offers(circumstances, &[Parameter::PreSharedKeys]);
            diagnosis.cause("the server may have another pre-shared key under the same identity");
            diagnosis.change(
                Setting::PreSharedKeys,
                "compare the secrets of the pre-shared keys at both sides, and the hash that each is for \
                 (SHA-256 or SHA-384)",
            );
        }
        A::DECRYPT_ERROR => {
            if let Some(shown) = shown {
                wrong_own_key(shown, diagnosis);
            }
        }
        A::ACCESS_DENIED | A::INTERNAL_ERROR | A::GENERAL_ERROR => {
            no_reason(circumstances, shown, diagnosis);
        }
        alert if is_about_certificates(alert) => match (circumstances, shown) {
            (Some(circumstances), Some(shown)) => {
                refused_certificate(alert, shown, circumstances, diagnosis);
            }
            _ => no_certificate_shown("server", diagnosis),
        },
        _ => {}
    }
}

/// The server says which part of the ClientHello it does not take.
fn refused_offer(alert: A, circumstances: Option<&Circumstances>, diagnosis: &mut Diagnosis) {
    let offers = |wanted: &[Parameter]| own_offers(circumstances, wanted);
    match alert {
        A::PROTOCOL_VERSION => {
            diagnosis.fault = Fault::Peer;
            diagnosis.offers = offers(&[Parameter::Versions]);
            diagnosis.cause("usually the server speaks TLS 1.2 at most");
            diagnosis.remedy(
                "this side speaks TLS 1.3 only: enable TLS 1.3 at the server, or update it",
            );
        }
        A::NO_APPLICATION_PROTOCOL => {
            diagnosis.offers = offers(&[Parameter::ApplicationProtocols]);
            diagnosis.cause("the server speaks none of the application protocols of this side");
            diagnosis.change(
                Setting::ApplicationProtocols,
                "offer a protocol that the server speaks, or none",
            );
        }
        A::UNRECOGNIZED_NAME => {
            diagnosis.offers = offers(&[Parameter::ServerName]);
            diagnosis.cause("the server has no certificate for the name that this side asked for");
            diagnosis.change(Setting::ServerName, "ask for a name that the server has");
        }
        A::UNKNOWN_PSK_IDENTITY => {
            diagnosis.offers = offers(&[Parameter::PreSharedKeys]);
            diagnosis
                .cause("the server knows none of the pre-shared keys of this side, and needs one");
            diagnosis.change(
                Setting::PreSharedKeys,
                "compare the identities of the pre-shared keys at both sides",
            );
        }
        _ => {
            diagnosis.offers = offers(LISTS);
            diagnosis.cause("usually the server wants stronger algorithms than this side offers");
            diagnosis.remedy("offer what the server asks for: its configuration names it");
        }
    }
}

/// The peer has not accepted the signature of this side.
fn wrong_own_key(shown: Offer, diagnosis: &mut Diagnosis) {
    diagnosis.fault = Fault::ThisSide;
    diagnosis.offers.push(shown);
    diagnosis.cause("the private key of this side may not belong to its certificate");
    diagnosis.change(Setting::Certificate, "compare the private key with the certificate");
}

const LISTS: &[Parameter] =
    &[Parameter::Versions, Parameter::CipherSuites, Parameter::Groups, Parameter::SignatureSchemes];

fn handshake_failure(
    circumstances: Option<&Circumstances>,
    shown: Option<Offer>,
    diagnosis: &mut Diagnosis,
) {
    diagnosis.offers = own_offers(circumstances, LISTS);
    let keys = own_offers(circumstances, &[Parameter::PreSharedKeys]);
    if !keys.is_empty() {
        diagnosis.offers.extend(keys);
        diagnosis.cause("the server may not know the pre-shared key");
        diagnosis.change(Setting::PreSharedKeys, "compare the pre-shared keys at both sides");
    }
    diagnosis.cause("usually the two sides have no suite, group or signature scheme in common");
    let is_first = circumstances.is_none_or(|it| it.stage == Stage::ServerHello);
    if is_first {
        diagnosis.cause("some servers that speak TLS 1.2 at most say this as well");
    }
    if let Some(shown) = shown {
        diagnosis.offers.push(shown);
        diagnosis.cause("the server may have refused this side's certificate");
    } else if circumstances.is_some_and(|it| it.certificate_request.is_some()) {
        diagnosis.cause("the server may want a certificate of this side");
        diagnosis.change(Setting::Certificate, "show a certificate");
    }
    diagnosis.remedy("compare the lists with the server's configuration; its log may say more");
    if is_first {
        diagnosis.remedy("if the server speaks TLS 1.2 at most, enable TLS 1.3 there");
    }
}

fn certificate_required(circumstances: Option<&Circumstances>, diagnosis: &mut Diagnosis) {
    diagnosis.fault = Fault::ThisSide;
    diagnosis.peer_offers = circumstances.map(Circumstances::authorities).unwrap_or_default();
    diagnosis.cause(
        "this side has shown no certificate: it has none, or none that fits what the server asks for",
    );
    diagnosis.change(
        Setting::Certificate,
        "show a certificate of an authority that the server asks for",
    );
}

/// The peer has refused the certificate of this side.
fn refused_certificate(
    alert: A,
    shown: Offer,
    circumstances: &Circumstances,
    diagnosis: &mut Diagnosis,
) {
    diagnosis.fault = Fault::ThisSide;
    diagnosis.offers.push(shown);
    let own = circumstances.side;
    let before = diagnosis.causes.len();
    own_faults(circumstances, diagnosis);
    let has_fault = diagnosis.causes.len() > before;
    let (peer, peers) = match own {
        Side::Client => ("server", "the server's clients"),
        Side::Server => ("client", "servers"),
    };
    match alert {
        A::UNKNOWN_CA => {
            untrusted_issuer(peer, peers, diagnosis);
            self_issued(circumstances, diagnosis);
        }
        A::CERTIFICATE_EXPIRED => {
            if !has_fault {
                diagnosis.cause(&format!(
                    "a certificate of this side has expired or is not valid yet, by the clock of the \
                     {peer}"
                ));
            }
            diagnosis.change(Setting::Certificate, "renew the certificate: compare the dates");
            diagnosis.remedy(&format!("if it is valid now, set the clock of the {peer}"));
        }
        A::CERTIFICATE_REVOKED => {
            diagnosis
                .cause(&format!("the {peer} has found that this side's certificate is revoked"));
            diagnosis.change(
                Setting::Certificate,
                "ask the issuer, and get a new certificate with a new key",
            );
        }
        A::UNSUPPORTED_CERTIFICATE => {
            diagnosis.cause(&format!(
                "usually the {peer} does not accept what this side's certificate may be used for, or \
                 the kind of its key"
            ));
            diagnosis.change(
                Setting::Certificate,
                "compare the uses of the certificate: a client's needs clientAuth, and a server's \
                 serverAuth",
            );
        }
        _ if has_fault => {
            diagnosis.cause(&format!("usually that is why the {peer} has refused it"));
            diagnosis.remedy(&format!("if not, the {peer}'s log says why"));
        }
        _ => {
            refused_without_reason(own, circumstances, diagnosis);
            self_issued(circumstances, diagnosis);
        }
    }
}

/// A reason not to trust the issuer. It is no fault where the certificate itself is trusted, so it comes after
/// what is usually wrong.
fn self_issued(circumstances: &Circumstances, diagnosis: &mut Diagnosis) {
    let Some(own) = circumstances.own_summary() else { return };
    if own.subject == own.issuer {
        diagnosis.cause(
            "this side's certificate is self-issued: it is accepted only where it is trusted itself",
        );
    }
}

/// The peer, whose own peers these are, lacks a trust anchor or an intermediate.
fn untrusted_issuer(peer: &str, peers: &str, diagnosis: &mut Diagnosis) {
    diagnosis.cause(&format!(
        "the {peer} does not trust the issuer of this side's certificate, or lacks an intermediate"
    ));
    diagnosis.remedy(&format!(
        "at the {peer}: the issuer's root must be among the trust anchors for {peers}"
    ));
    diagnosis.change(Setting::Certificate, "the chain of this side must have all intermediates");
}

/// Two alerts say no more than that the certificate is not accepted.
fn refused_without_reason(own: Side, circumstances: &Circumstances, diagnosis: &mut Diagnosis) {
    if own == Side::Client {
        diagnosis.cause("the server has refused this side's certificate, and does not say why");
        diagnosis.remedy("look into the server's log: it says why");
        return;
    }
    if circumstances.own_name_fits() == Some(true) {
        diagnosis.cause(
            "the client has refused this side's certificate, whose name fits: usually the client does \
             not trust the issuer, or a signature of the chain is wrong",
        );
    } else {
        diagnosis.cause(
            "the client has refused this side's certificate: usually the name does not fit what the \
             client expects, a signature of the chain is wrong, or the client does not trust the issuer",
        );
        diagnosis.remedy("compare the names with the one that the client connects to");
    }
    diagnosis.remedy("the client must trust the issuer's root");
    diagnosis.remedy("look into the client's log: it says which it is");
}

/// What is wrong with this side's certificate as far as this side can see it: facts, by its own clock.
fn own_faults(circumstances: &Circumstances, diagnosis: &mut Diagnosis) {
    let Some(own) = circumstances.own_summary() else { return };
    let now = Timestamp::from(circumstances.now);
    if own.not_after < now {
        let not_after = own.not_after;
        diagnosis
            .cause(&format!("this side's certificate expired on {not_after}; the time is {now}"));
    }
    if own.not_before > now {
        let not_before = own.not_before;
        diagnosis.cause(&format!(
            "this side's certificate is valid from {not_before} only; the time is {now}"
        ));
    }
    if circumstances.side == Side::Server && circumstances.own_name_fits() == Some(false) {
        let name = circumstances.server_name.as_deref().unwrap_or_default();
        diagnosis.cause(&format!(
            "the client asked for \"{name}\", and this side's certificate is not for that name"
        ));
        diagnosis.change(
            Setting::Certificate,
            &format!(
                "have a certificate issued with DNS:{name}, or let the client use another name"
            ),
        );
    }
}

fn no_certificate_shown(peer: &str, diagnosis: &mut Diagnosis) {
    diagnosis.cause(&format!(
        "this side has shown no certificate, so the {peer} means something else by the alert"
    ));
    diagnosis.remedy(&format!("look into the {peer}'s log: it may say what it means"));
}

/// Names what this side has offered: the server's operator can compare it with the server's log.
fn no_reason(
    circumstances: Option<&Circumstances>,
    shown: Option<Offer>,
    diagnosis: &mut Diagnosis,
) {
    let wanted = [Parameter::ServerName, Parameter::PreSharedKeys];
    diagnosis.offers = own_offers(circumstances, &wanted);
    let has = |what| diagnosis.offers.iter().any(|offer| offer.what == what);
    let (has_name, has_keys) = (has(Parameter::ServerName), has(Parameter::PreSharedKeys));
    diagnosis.cause(match has_name {
        true => "some servers say this if they have no certificate for the name",
        false => "some servers say this if a client asks for no name",
    });
    if has_keys {
        diagnosis.cause("some say it if they do not know the pre-shared key");
    }
    match shown {
        Some(shown) => {
            diagnosis.offers.push(shown);
            diagnosis.cause("some say it if they refuse the client's certificate");
        }
        None if circumstances.is_some_and(|it| it.certificate_request.is_some()) => {
            diagnosis.cause("some say it if the client shows no certificate");
        }
        None => {}
    }
    diagnosis.remedy("look into the server's log, or ask its operator");
    if has_name {
        diagnosis.change(Setting::ServerName, "compare the name with those that the server has");
    }
}

/// Whether a client has offered external pre-shared keys, and the server has refused its ClientHello.
fn has_keys_only(circumstances: Option<&Circumstances>) -> bool {
    let is_first = circumstances.is_some_and(|it| it.stage == Stage::ServerHello);
    is_first && !own_offers(circumstances, &[Parameter::PreSharedKeys]).is_empty()
}

fn from_client(alert: A, circumstances: &Circumstances, diagnosis: &mut Diagnosis) {
    let Some(shown) = circumstances.own_certificate() else {
        if is_about_certificates(alert) {
            no_certificate_shown("client", diagnosis);
        }
        return;
    };
    match alert {
        A::USER_CANCELED => diagnosis.cause("the client has given up by itself"),
        alert if is_about_certificates(alert) => {
            if let Some(name) = &circumstances.server_name {
                diagnosis.peer_offers.push(Offer::new(Parameter::ServerName, vec![name.clone()]));
            }
            diagnosis.offers.extend(circumstances.own_names());
            refused_certificate(alert, shown, circumstances, diagnosis);
        }
        A::HANDSHAKE_FAILURE | A::INTERNAL_ERROR | A::GENERAL_ERROR | A::ACCESS_DENIED => {
            diagnosis.offers.push(shown);
            diagnosis.cause("the client gave no other reason: some say this of a certificate");
            diagnosis.remedy("look into the client's log: it says why");
        }
        A::DECRYPT_ERROR => wrong_own_key(shown, diagnosis),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::A;
    use crate::error::{Error, ErrorKind};

    /// Also of the alerts that the RFC does not have.
    #[test]
    fn each_alert_has_a_cause_that_is_a_guess_and_something_to_change() {
        for number in 0..=u8::MAX {
            let diagnosis = Error::from(ErrorKind::AlertReceived(A(number))).diagnosis();
            assert_eq!(diagnosis.alert_received, Some(A(number)));
            assert!(!diagnosis.causes.is_empty() && !diagnosis.remedies.is_empty(), "{diagnosis}");
            let line = diagnosis.to_string();
            assert!(line.contains(&A(number).to_string()), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
        for alert in [A::HANDSHAKE_FAILURE, A::DECODE_ERROR, A::INTERNAL_ERROR, A::ACCESS_DENIED] {
            let causes = Error::from(ErrorKind::AlertReceived(alert)).diagnosis().causes.join("; ");
            let is_guess = ["usually", "some servers say"].iter().any(|word| causes.contains(word));
            assert!(is_guess, "{alert}: {causes}");
        }
    }
}
