//! The lists of the two sides do not fit. The text of the error has them.

use super::data::{Diagnosis, Fault, Setting};
use crate::error::circumstances::{Offer, Parameter};
use crate::side::Side;

/// In QUIC a client has the error, too. Its `ours` is the list of the server, as on a server.
pub(super) fn explain_protocols(
    ours: &[String],
    theirs: &[String],
    side: Option<Side>,
    diagnosis: &mut Diagnosis,
) {
    let (own, peer) = match side {
        Some(Side::Client) => (theirs, ours),
        _ => (ours, theirs),
    };
    explain(Parameter::ApplicationProtocols, own, peer, diagnosis);
}

pub(super) fn explain(
    what: Parameter,
    ours: &[String],
    theirs: &[String],
    diagnosis: &mut Diagnosis,
) {
    match what {
        Parameter::Versions => {
            diagnosis.fault = Fault::Peer;
            diagnosis
                .remedy("this side speaks TLS 1.3 only: enable TLS 1.3 at the peer, or update it");
        }
        Parameter::ApplicationProtocols => {
            diagnosis.change(
                Setting::ApplicationProtocols,
                "name a protocol that both sides speak, or none here",
            );
            diagnosis.remedy("or change the list of the peer");
        }
        Parameter::SignatureSchemes => {
            diagnosis.change(
                Setting::Certificate,
                "give this side a certificate with a key of a kind that the peer takes, beside the other",
            );
            diagnosis.remedy("or let the peer take one of the schemes of this side");
        }
        Parameter::Groups => {
            diagnosis.remedy("set the peer up for one of the groups that this side takes");
            diagnosis.change(Setting::Groups, "or let this side take one of the peer's");
        }
        Parameter::PskModes => diagnosis.remedy("the client must offer psk_dhe_ke"),
        Parameter::PskHashes => {
            diagnosis.change(
                Setting::PreSharedKeys,
                "configure a key for the hash of the suite that the server has chosen",
            );
            diagnosis.remedy("or let the server choose a suite with the hash of this side's key");
        }
        Parameter::CipherSuites
        | Parameter::CertificateTypes
        | Parameter::KeyShares
        | Parameter::ServerName
        | Parameter::PreSharedKeys
        | Parameter::Certificate
        | Parameter::CertificateNames
        | Parameter::Authorities
        | Parameter::TrustAnchors => {
            diagnosis.remedy("set the peer up for one of those that this side takes");
        }
    }
    diagnosis.offers.push(Offer::new(what, ours.to_vec()));
    diagnosis.peer_offers.push(Offer::new(what, theirs.to_vec()));
    diagnosis.has_lists = true;
}
