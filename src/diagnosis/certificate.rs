//! The peer's certificate was not accepted.

use core::net::IpAddr;

use super::data::{Diagnosis, Fault, Setting, own_offers};
use crate::certificate::{CertificateError, CertificateErrorKind};
use crate::error::circumstances::{Circumstances, Offer, Parameter};
use crate::side::Side;

pub(super) fn explain(
    error: &CertificateError,
    circumstances: Option<&Circumstances>,
    diagnosis: &mut Diagnosis,
) {
    use CertificateErrorKind as K;
    diagnosis.code = error.kind.code();
    diagnosis.fault = fault(&error.kind);
    match &error.kind {
        K::UnknownIssuer(issuer) => {
            trusted(circumstances, diagnosis);
            diagnosis.remedy(&format!(
                "send the certificate of \"{issuer}\" along with the peer's own, if that is an \
                 intermediate"
            ));
            diagnosis.change(Setting::TrustAnchors, "or trust it here, if it is the right root");
        }
        K::SelfIssued | K::Circular(_) => {
            trusted(circumstances, diagnosis);
            if let Some(text) = error.kind.remedy() {
                diagnosis.change(Setting::TrustAnchors, &text);
            }
        }
        K::BadSignature(issuer) | K::KeyKindMismatch { issuer, .. } => {
            diagnosis.cause(&format!("\"{issuer}\" may have a new key under its old name"));
            diagnosis.change(
                Setting::TrustAnchors,
                "use its certificate from the time when this one was issued",
            );
            diagnosis.remedy("or have this one issued again with the new key");
        }
        K::Expired { .. } => {
            diagnosis.remedy("renew it");
            diagnosis.remedy("if it should still be valid, this machine's clock is ahead: set it");
        }
        K::NotYetValid { .. } => {
            diagnosis.remedy("wait until it is valid");
            diagnosis
                .remedy("if it should be valid by now, this machine's clock is behind: set it");
        }
        K::NameMismatch { .. } => name_mismatch(&error.kind, circumstances, diagnosis),
        K::LimitExceeded { closest: None, .. } => {
            diagnosis.remedy("send fewer certificates: those of the path alone");
            diagnosis.change(Setting::Limits, "or raise the limits of the verifier of this side");
        }
        K::Rejected(_) | K::RejectedWith(..) => {
            diagnosis.remedy("the verifier of this side decides that: change its rules");
            diagnosis.remedy("or change the peer's certificate");
        }
        kind => match kind.remedy() {
            Some(text) => diagnosis.remedy(&text),
            None => diagnosis.remedy("have it issued again by a CA that follows RFC 5280"),
        },
    }
}

fn fault(kind: &CertificateErrorKind) -> Fault {
    use CertificateErrorKind as K;
    match kind {
        // The peer may have left out a certificate, or this side may lack an anchor.
        K::UnknownIssuer(_)
        | K::SelfIssued
        | K::Circular(_)
        | K::BadSignature(_)
        | K::KeyKindMismatch { .. } => Fault::Unknown,
        // The clock of this side may be wrong.
        K::Expired { .. } | K::NotYetValid { .. } => Fault::Unknown,
        K::NameMismatch { .. } => Fault::Unknown,
        K::LimitExceeded { .. } => Fault::Unknown,
        K::Rejected(_) | K::RejectedWith(..) => Fault::Unknown,
        K::UnsupportedSignatureAlgorithm { .. } => Fault::Unknown,
        K::UnknownRevocationStatus(_) | K::UnusableRevocationEvidence(_) => Fault::Unknown,
        _ => Fault::Peer,
    }
}

/// Names what this side trusts.
fn trusted(circumstances: Option<&Circumstances>, diagnosis: &mut Diagnosis) {
    diagnosis.offers = own_offers(circumstances, &[Parameter::TrustAnchors]);
}

/// Neither side may be at fault: the client may have asked for the wrong name. The text of the error has
/// the names.
fn name_mismatch(
    kind: &CertificateErrorKind,
    circumstances: Option<&Circumstances>,
    diagnosis: &mut Diagnosis,
) {
    let CertificateErrorKind::NameMismatch { expected, presented, omitted } = kind else { return };
    let mut names: Vec<_> = presented.iter().map(ToString::to_string).collect();
    if *omitted > 0 {
        names.push(format!("and {omitted} more"));
    }
    diagnosis.peer_offers.push(Offer::new(Parameter::CertificateNames, names));
    diagnosis.has_lists = true;
    let is_server = circumstances.is_some_and(|it| it.side == Side::Server);
    let accepted = kind.accepted_name().map(|accepted| accepted.name.clone());
    match accepted {
        Some(accepted) if !is_server => {
            let text = format!("ask for a name that it is valid for, such as {accepted}");
            diagnosis.set(Setting::ServerName, &accepted, &text);
            let kind = if expected.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
            diagnosis.remedy(&format!("or have it issued with {kind}:{expected}, too"));
        }
        // Without a name that fits, another name does not help.
        _ => {
            if let Some(text) = kind.remedy() {
                diagnosis.remedy(&text);
            }
        }
    }
}
