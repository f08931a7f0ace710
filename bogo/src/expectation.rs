//! What must have been negotiated when the handshake is complete, and what must have come when the
//! connection ends.

use crate::carrier::Carrier;
use handclasp::handshake::{EarlyData, PeerParameters};
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::CertificateDer;
use handclasp::pki_types::pem::PemObject;
use handclasp::registry::{CipherSuiteId, NamedGroup, SignatureScheme};

use crate::flags::{Flags, Stop};
use crate::memory::Memory;
use crate::seen::Seen;

/// Checks every expectation of a complete handshake. `resumes`: the test wants a resumption.
pub fn check(
    flags: &Flags,
    resumes: bool,
    connection: &dyn Carrier,
    seen: &Seen,
) -> Result<(), Stop> {
    let parameters = connection.parameters();
    let resumed = parameters.pre_shared_key == Some(PskKind::Resumption);
    same("resumption", resumes && !flags.has("expect-session-miss"), resumed)?;
    parameters_match(flags, parameters)?;
    names_match(flags, parameters, seen)?;
    peer_matches(flags, parameters, seen)?;
    early_data_matches(flags, parameters, seen)
}

fn parameters_match(flags: &Flags, parameters: &PeerParameters) -> Result<(), Stop> {
    if let Some(version) = flags.number::<u16>("expect-version")? {
        same("version", version, 0x0304)?;
    }
    for name in ["expect-cipher", "expect-cipher-aes"] {
        if let Some(suite) = flags.number(name)? {
            same("suite", Some(CipherSuiteId(suite)), parameters.cipher_suite)?;
        }
    }
    if let Some(group) = flags.number("expect-curve-id")? {
        same("group", Some(NamedGroup(group)), parameters.group)?;
    }
    if let Some(scheme) = flags.number("expect-peer-signature-algorithm")? {
        let peers = match flags.has("server") {
            true => parameters.client_signature_scheme,
            false => parameters.signature_scheme,
        };
        if parameters.pre_shared_key.is_none() {
            same("scheme", Some(SignatureScheme(scheme)), peers)?;
        }
    }
    if flags.has("quic") {
        let expected = flags.bytes("expect-quic-transport-params")?;
        same("transport parameters", expected, parameters.transport_parameters.clone())?;
    }
    if flags.has("expect-hrr") {
        same("retry", true, parameters.retried)?;
    }
    if flags.has("expect-no-hrr") {
        same("retry", false, parameters.retried)?;
    }
    Ok(())
}

fn names_match(flags: &Flags, parameters: &PeerParameters, seen: &Seen) -> Result<(), Stop> {
    let expected = match flags.has("server") {
        true => flags.text("select-alpn").filter(|_| !flags.has("decline-alpn")),
        false => flags.text("expect-alpn"),
    };
    let negotiated = parameters.application_protocol.clone().unwrap_or_default();
    same("application protocol", expected.unwrap_or_default().as_bytes(), &negotiated)?;
    if let Some(list) = flags.text("expect-advertised-alpn") {
        let offered = seen.parts().protocols.unwrap_or_default();
        same("application protocols", list.as_bytes(), &offered)?;
    }
    if let Some(name) = flags.text("expect-server-name") {
        same("server name", Some(name), parameters.server_name.as_deref())?;
    }
    if flags.has("expect-no-server-name") {
        same("server name", None, parameters.server_name.as_deref())?;
    }
    Ok(())
}

fn peer_matches(flags: &Flags, parameters: &PeerParameters, seen: &Seen) -> Result<(), Stop> {
    let external = parameters.pre_shared_key.is_some_and(|kind| kind != PskKind::Resumption);
    let certificates = parameters.certificates.is_some();
    if flags.has("expect-no-peer-cert") || external || flags.has("expect-peer-rpk-sha256") {
        same("certificates", false, certificates)?;
    } else if !flags.has("server") || flags.has("require-any-client-certificate") {
        let either = certificates || parameters.raw_public_key.is_some();
        same("certificates", true, either)?;
    }
    if let Some(kind) = flags.number::<u8>("expect-peer-certificate-type")? {
        let raw = if parameters.raw_public_key.is_some() { 2 } else { 0 };
        same("certificate type", kind, raw)?;
    }
    if let Some(file) = flags.text("expect-peer-cert-file") {
        let chain = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<_, _>>);
        let chain: Vec<_> = chain.map_err(|error| Stop::unimplemented(error.to_string()))?;
        same("chain", Some(&*chain), parameters.certificates.as_deref())?;
    }
    if flags.has("expect-verify-result") && seen.parts().verified.is_some() {
        same("verify result", Some(!flags.has("verify-fail")), seen.parts().verified)?;
    }
    if let Some(number) = flags.number("expect-selected-credential")? {
        same("credential", number, seen.credential())?;
    }
    if parameters.pre_shared_key.is_some() {
        // Nothing is stapled to a resumption.
        return Ok(());
    }
    if let Some(response) = flags.bytes("expect-ocsp-response")? {
        same("OCSP response", Some(&*response), parameters.ocsp_response.as_deref())?;
    }
    if let Some(list) = flags.bytes("expect-signed-cert-timestamps")? {
        let prefixed = |bytes: &[u8]| {
            let length = u16::try_from(bytes.len()).unwrap_or_default();
            [&length.to_be_bytes(), bytes].concat()
        };
        let all = parameters.signed_certificate_timestamps.iter();
        let all: Vec<u8> = all.flat_map(|one| prefixed(one)).collect();
        same("timestamps", list, prefixed(&all))?;
    }
    Ok(())
}

fn early_data_matches(flags: &Flags, parameters: &PeerParameters, seen: &Seen) -> Result<(), Stop> {
    let accepted = parameters.early_data == EarlyData::Accepted;
    if flags.has("expect-accept-early-data") {
        same("0-RTT data", true, accepted)?;
    }
    if flags.has("expect-reject-early-data") {
        same("0-RTT data", false, accepted)?;
    }
    let Some(expected) = flags.text("expect-early-data-reason") else { return Ok(()) };
    let reasons = match flags.has("server") {
        true => reasons_of_server(flags, parameters, seen),
        false => reasons_of_client(flags, parameters),
    };
    match reasons.contains(&expected) {
        true => Ok(()),
        false => Err(Stop::failed(format!("0-RTT data: expected {expected}, not {reasons:?}"))),
    }
}

/// What the runner may call that which became of a server's 0-RTT data. Where its words say more
/// than can be seen from outside, there are several.
fn reasons_of_server(flags: &Flags, parameters: &PeerParameters, seen: &Seen) -> Vec<&'static str> {
    let resumed = parameters.pre_shared_key == Some(PskKind::Resumption);
    let seen = seen.parts();
    match parameters.early_data {
        EarlyData::Accepted => vec!["accepted", "accept"],
        _ if !flags.has("enable-early-data") => vec!["disabled"],
        _ if parameters.retried && !resumed => vec!["hello_retry_request", "session_not_resumed"],
        _ if parameters.retried => vec!["hello_retry_request"],
        _ if !seen.offered_psk => vec!["no_session_offered"],
        _ if !resumed => vec!["session_not_resumed"],
        _ if !seen.offered_early_data => vec!["peer_declined"],
        _ => vec!["alpn_mismatch", "ticket_age_skew", "unsupported_for_session"],
    }
}

fn reasons_of_client(flags: &Flags, parameters: &PeerParameters) -> Vec<&'static str> {
    let resumed = parameters.pre_shared_key == Some(PskKind::Resumption);
    match parameters.early_data {
        EarlyData::Accepted => vec!["accepted", "accept"],
        EarlyData::Rejected if parameters.retried => vec!["hello_retry_request"],
        EarlyData::Rejected if resumed => vec!["peer_declined"],
        EarlyData::Rejected => vec!["session_not_resumed"],
        _ if !flags.has("enable-early-data") => vec!["disabled"],
        _ => vec!["alpn_mismatch", "no_session_offered", "unsupported_for_session"],
    }
}

/// Checks what a client must have been given by the end of the connection.
pub fn check_tickets(flags: &Flags, seen: &Seen, memory: &Memory) -> Result<(), Stop> {
    if flags.has("server") {
        return Ok(());
    }
    let expected = !flags.has("expect-no-session") && !flags.has("shim-shuts-down");
    let came = seen.parts().tickets > 0;
    same("ticket", expected, came)?;
    let early = memory.session().is_some_and(|session| session.max_early_data_size() > 0);
    match expected {
        true => same("0-RTT of the ticket", flags.has("expect-ticket-supports-early-data"), early),
        false => Ok(()),
    }
}

/// Checks how far off the age of the ticket was that a server resumed with.
pub fn check_ticket_age(flags: &Flags, seen: &Seen, memory: &Memory) -> Result<(), Stop> {
    let Some(expected) = flags.number::<i64>("expect-ticket-age-skew")? else { return Ok(()) };
    let skew = seen.parts().offered_ticket.and_then(|offered| memory.skew(&offered));
    same("skew of the ticket's age", Some(expected), skew)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, found: T) -> Result<(), Stop> {
    match expected == found {
        true => Ok(()),
        false => Err(Stop::failed(format!("{what}: expected {expected:?}, found {found:?}"))),
    }
}
