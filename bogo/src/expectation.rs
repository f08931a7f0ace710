//! What must have been negotiated when the handshake is complete.

use handclasp::connection::Connection;
use handclasp::registry::{CipherSuiteId, NamedGroup, SignatureScheme};

use crate::flags::{Flags, Stop};

/// Checks every expectation of the flags.
pub fn check(flags: &Flags, connection: &Connection) -> Result<(), Stop> {
    let parameters = connection.parameters();
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
        same("scheme", Some(SignatureScheme(scheme)), parameters.signature_scheme)?;
    }
    if let Some(protocol) = flags.text("expect-alpn") {
        let negotiated = parameters.application_protocol.clone().unwrap_or_default();
        same("application protocol", protocol.as_bytes(), &negotiated)?;
    }
    if let Some(protocol) = flags.text("select-alpn").filter(|_| !flags.has("decline-alpn")) {
        let negotiated = parameters.application_protocol.clone().unwrap_or_default();
        same("application protocol", protocol.as_bytes(), &negotiated)?;
    }
    if let Some(name) = flags.text("expect-server-name") {
        same("server name", Some(name), parameters.server_name.as_deref())?;
    }
    if flags.has("expect-no-server-name") {
        same("server name", None, parameters.server_name.as_deref())?;
    }
    if flags.has("expect-hrr") {
        same("retry", true, parameters.retried)?;
    }
    if flags.has("expect-no-hrr") {
        same("retry", false, parameters.retried)?;
    }
    if flags.has("expect-no-peer-cert") {
        same("certificates", false, parameters.certificates.is_some())?;
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, found: T) -> Result<(), Stop> {
    match expected == found {
        true => Ok(()),
        false => Err(Stop::failed(format!("{what}: expected {expected:?}, found {found:?}"))),
    }
}
