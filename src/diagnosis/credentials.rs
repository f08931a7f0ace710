//! Names of servers, certificates of clients, and pre-shared keys.

use super::data::{Diagnosis, Fault, Setting, own_offers};
use crate::error::circumstances::{Circumstances, Offer, Parameter};
use crate::error::key_in_words;

/// The error's text names what the client offers or asks for.
fn peer_offers(what: Parameter, values: Vec<String>, diagnosis: &mut Diagnosis) {
    diagnosis.peer_offers.push(Offer::new(what, values));
    diagnosis.has_lists = true;
}

pub(super) fn unrecognized_name(name: &str, diagnosis: &mut Diagnosis) {
    peer_offers(Parameter::ServerName, vec![name.to_owned()], diagnosis);
    diagnosis.change(Setting::Certificate, "give this server a certificate for that name");
    diagnosis.remedy("or let the client ask for another name");
}

pub(super) fn certificate_required(
    circumstances: Option<&Circumstances>,
    diagnosis: &mut Diagnosis,
) {
    diagnosis.fault = Fault::Peer;
    diagnosis.offers = own_offers(circumstances, &[Parameter::Authorities]);
    diagnosis.cause(
        "the client may have no certificate, or none of the authorities that this server asks for",
    );
    diagnosis.remedy("the client must show a certificate");
    diagnosis.change(Setting::ClientAuthentication, "or let clients in that show none");
}

pub(super) fn unknown_identity(offered: &[String], diagnosis: &mut Diagnosis) {
    peer_offers(Parameter::PreSharedKeys, offered.to_vec(), diagnosis);
    diagnosis.change(
        Setting::PreSharedKeys,
        "compare the identities of the pre-shared keys at both sides",
    );
}

pub(super) fn no_pre_shared_key(diagnosis: &mut Diagnosis) {
    diagnosis.fault = Fault::ThisSide;
    diagnosis.change(Setting::PreSharedKeys, "configure a pre-shared key for this server");
}

/// The client's proof for a key is wrong. `None` is the session of a ticket.
pub(super) fn wrong_binder(identity: Option<&str>, diagnosis: &mut Diagnosis) {
    let key = key_in_words(identity);
    match identity {
        None => {
            peer_offers(Parameter::PreSharedKeys, vec![key], diagnosis);
            diagnosis.remedy("the client must use the session with the ticket that it came with");
        }
        Some(identity) => {
            peer_offers(Parameter::PreSharedKeys, vec![identity.to_owned()], diagnosis);
            diagnosis.change(
                Setting::PreSharedKeys,
                &format!("both sides must have the same secret for {key}: compare them"),
            );
        }
    }
}
