//! The peer's certificate was not accepted.

use super::data::{Diagnosis, Fault, Remedy, Setting};
use crate::certificate::{CertificateError, CertificateErrorKind};
use crate::error::circumstances::{Offer, Parameter};
use crate::side::Side;

pub(super) fn explain(error: &CertificateError, side: Option<Side>, diagnosis: &mut Diagnosis) {
    use CertificateErrorKind as K;
    diagnosis.code = error.kind.code();
    diagnosis.fault = match error.kind {
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
    };
    if let K::NameMismatch { presented, omitted, .. } = &error.kind {
        let mut names: Vec<_> = presented.iter().map(ToString::to_string).collect();
        if *omitted > 0 {
            names.push(format!("and {omitted} more"));
        }
        diagnosis.peer_offers.push(Offer::new(Parameter::CertificateNames, names));
        // The text has them.
        diagnosis.has_lists = true;
    }
    let setting = match error.kind {
        K::UnknownIssuer(_) | K::SelfIssued | K::BadSignature(_) | K::Circular(_) => {
            Some(Setting::TrustAnchors)
        }
        K::NameMismatch { .. } if side != Some(Side::Server) => Some(Setting::ServerName),
        K::LimitExceeded { .. } => Some(Setting::Limits),
        _ => None,
    };
    let accepted = error.kind.accepted_name();
    // Without a name that fits, another name does not help.
    let setting = setting.filter(|it| *it != Setting::ServerName || accepted.is_some());
    let text = match error.kind.remedy() {
        Some(text) => text,
        None => without_remedy(&error.kind).to_owned(),
    };
    diagnosis.remedies.push(Remedy { text, setting, value: accepted.map(|it| it.name.clone()) });
}

/// What to change where the certificate's error itself does not say it.
fn without_remedy(kind: &CertificateErrorKind) -> &'static str {
    use CertificateErrorKind as K;
    match kind {
        K::Rejected(_) | K::RejectedWith(..) => {
            "the verifier of this side decides that: change its rules, or the peer's certificate"
        }
        K::LimitExceeded { .. } => {
            "send fewer certificates, those of the path alone, or raise the limits of the verifier"
        }
        _ => "have it issued again by a CA that follows RFC 5280",
    }
}
