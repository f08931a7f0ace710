//! The content of a handshake message as text.

use std::fmt::Display;

use handclasp::certificate::{CertificateSummary, EndEntity, distinguished_name};
use handclasp::crypto::hybrid::{SharePart, share_parts};
use handclasp::pki_types::CertificateDer;
use handclasp::registry::HandshakeType;
use handclasp::wire::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, DecodeError,
    EncryptedExtensions, Extensions, Finished, HandshakeMessage, KeyShareEntry, KeyUpdate,
    NewSessionTicket, ServerHello,
};

use crate::explanations::counted;

/// How many entries of a list or bytes of a name are printed: a peer can send thousands.
const SHOWN: usize = 24;

/// A field of a message.
pub struct Fact {
    pub name: &'static str,
    pub value: Value,
}

/// A field's value.
pub enum Value {
    Text(String),
    List(Vec<String>),
}

impl Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::List(list) => f.write_str(&list.join(", ")),
        }
    }
}

/// Collects the fields of a message.
#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn text(&mut self, name: &'static str, value: impl Display) {
        self.0.push(Fact { name, value: Value::Text(value.to_string()) });
    }

    fn list<T: Display>(&mut self, name: &'static str, values: impl IntoIterator<Item = T>) {
        let mut values = values.into_iter();
        let mut list: Vec<_> = values.by_ref().take(SHOWN).map(|it| it.to_string()).collect();
        let more = values.count();
        if more > 0 {
            list.push(format!("and {more} more"));
        }
        self.0.push(Fact { name, value: Value::List(list) });
    }

    fn extensions(&mut self, extensions: &Extensions<'_>) {
        let mut kinds = extensions.iter().map(|extension| extension.kind).peekable();
        if kinds.peek().is_some() {
            self.list("extensions", kinds);
        }
    }
}

/// What a report says about a message.
pub struct Description {
    pub name: String,
    /// Its fields.
    pub facts: Vec<Fact>,
}

pub fn message(message: &HandshakeMessage<'_>) -> Description {
    let mut name = message.kind.to_string();
    let mut facts = Facts::default();
    let result = match message.kind {
        HandshakeType::CLIENT_HELLO => client_hello(message.body, &mut facts),
        HandshakeType::SERVER_HELLO => server_hello(message.body, &mut name, &mut facts),
        HandshakeType::ENCRYPTED_EXTENSIONS => encrypted_extensions(message.body, &mut facts),
        HandshakeType::CERTIFICATE_REQUEST => certificate_request(message.body, &mut facts),
        HandshakeType::CERTIFICATE => certificate(message.body, &mut facts),
        HandshakeType::CERTIFICATE_VERIFY => certificate_verify(message.body, &mut facts),
        HandshakeType::NEW_SESSION_TICKET => ticket(message.body, &mut facts),
        HandshakeType::KEY_UPDATE => key_update(message.body, &mut facts),
        HandshakeType::FINISHED => {
            let length = Finished::parse(message.body).verify_data.len();
            facts.text("MAC", counted(length, "byte"));
            Ok(())
        }
        _ => Ok(()),
    };
    if let Err(error) = result {
        facts.text("malformed", error);
    }
    Description { name, facts: facts.0 }
}

fn client_hello(body: &[u8], facts: &mut Facts) -> Result<(), DecodeError> {
    let hello = ClientHello::parse(body)?;
    facts.text("random", short_hex(&hello.random));
    match hello.supported_versions {
        Some(versions) => facts.list("versions", versions.iter()),
        None => facts.text("versions", format!("{} at most", hello.legacy_version)),
    }
    facts.list("cipher suites", hello.cipher_suites.iter());
    if let Some(groups) = hello.supported_groups {
        facts.list("groups", groups.iter());
    }
    if let Some(shares) = hello.key_shares {
        facts.list("key shares", shares.iter().map(share));
    }
    if let Some(schemes) = hello.signature_algorithms {
        facts.list("signatures", schemes.iter());
    }
    if let Some(name) = hello.server_name {
        facts.text("server name", printable(name));
    }
    if let Some(protocols) = hello.application_protocols {
        facts.list("protocols", protocols.iter().map(printable));
    }
    if let Some(cookie) = hello.cookie {
        facts.text("cookie", counted(cookie.len(), "byte"));
    }
    if let Some(keys) = hello.pre_shared_keys {
        facts.list("pre-shared keys", keys.iter().map(|(key, _)| identity(key.identity)));
    }
    if hello.early_data {
        facts.text("early data", "follow at once");
    }
    facts.extensions(&hello.extensions);
    Ok(())
}

fn server_hello(body: &[u8], name: &mut String, facts: &mut Facts) -> Result<(), DecodeError> {
    let hello = ServerHello::parse(body)?;
    if hello.is_hello_retry_request() {
        *name = "HelloRetryRequest".into();
    } else {
        facts.text("random", short_hex(&hello.random));
    }
    facts.text("version", hello.supported_version.unwrap_or(hello.legacy_version));
    facts.text("cipher suite", hello.cipher_suite);
    if let Some(entry) = hello.key_share {
        facts.text("key share", share(entry));
    }
    if let Some(index) = hello.selected_identity {
        let number = u32::from(index) + 1;
        facts.text("pre-shared key", format!("number {number} of the client's was chosen"));
    }
    if let Some(group) = hello.selected_group {
        facts.text("wanted group", group);
    }
    if let Some(cookie) = hello.cookie {
        facts.text("cookie", counted(cookie.len(), "byte"));
    }
    Ok(())
}

fn encrypted_extensions(body: &[u8], facts: &mut Facts) -> Result<(), DecodeError> {
    let message = EncryptedExtensions::parse(body)?;
    match message.application_protocol {
        Some(protocol) => facts.text("protocol", printable(protocol)),
        None => facts.text("protocol", "none was agreed on"),
    }
    if message.server_name {
        facts.text("server name", "taken into account");
    }
    if message.early_data {
        facts.text("early data", "accepted");
    }
    facts.extensions(&message.extensions);
    Ok(())
}

fn certificate_request(body: &[u8], facts: &mut Facts) -> Result<(), DecodeError> {
    let request = CertificateRequest::parse(body)?;
    if let Some(schemes) = request.signature_algorithms {
        facts.list("signatures", schemes.iter());
    }
    if let Some(names) = request.certificate_authorities {
        facts.list("authorities", names.iter().map(distinguished_name));
    }
    Ok(())
}

fn certificate(body: &[u8], facts: &mut Facts) -> Result<(), DecodeError> {
    let mut issuer = None;
    for (index, entry) in Certificate::parse(body)?.entries().take(SHOWN).enumerate() {
        let length = entry.certificate.len();
        if index == 0 && EndEntity::from_public_key(entry.certificate).is_ok() {
            facts.text("for", format!("a raw public key ({})", counted(length, "byte")));
            return Ok(());
        }
        match CertificateSummary::parse(&CertificateDer::from(entry.certificate)) {
            Ok(found) => {
                // The order of the certificates does not say who issued which.
                let name = match &issuer {
                    None => "for",
                    Some(issuer) if *issuer == found.subject => "issued by",
                    Some(_) => "also sent",
                };
                facts.text(name, format!("{found} ({})", counted(length, "byte")));
                issuer = Some(found.issuer);
            }
            Err(error) => facts.text(if index == 0 { "for" } else { "also sent" }, error),
        }
        if let Some(response) = entry.ocsp_response()? {
            facts.text("OCSP response", counted(response.len(), "byte"));
        }
        let timestamps = entry.signed_certificate_timestamps()?.len();
        if timestamps > 0 {
            facts.text("timestamps", timestamps);
        }
    }
    if facts.0.is_empty() {
        facts.text("certificates", "none");
    }
    Ok(())
}

fn certificate_verify(body: &[u8], facts: &mut Facts) -> Result<(), DecodeError> {
    let message = CertificateVerify::parse(body)?;
    facts.text("scheme", message.algorithm);
    facts.text("signature", counted(message.signature.len(), "byte"));
    Ok(())
}

fn ticket(body: &[u8], facts: &mut Facts) -> Result<(), DecodeError> {
    let message = NewSessionTicket::parse(body)?;
    facts.text("lifetime", format!("{} seconds", message.lifetime));
    facts.text("ticket", counted(message.ticket.len(), "byte"));
    if let Some(size) = message.max_early_data_size {
        facts.text("early data", format!("{size} bytes are allowed"));
    }
    Ok(())
}

fn key_update(body: &[u8], facts: &mut Facts) -> Result<(), DecodeError> {
    let requested = KeyUpdate::parse(body)?.update_requested;
    facts.text("peer's key", if requested { "should change, too" } else { "may stay" });
    Ok(())
}

/// The identity of a pre-shared key: short text as it is, anything else by its length.
pub fn identity(identity: &[u8]) -> String {
    const LONGEST: usize = 64;
    let is_text = identity.iter().all(|byte| matches!(byte, b' '..=b'~'));
    match is_text && identity.len() <= LONGEST {
        true => format!("\"{}\"", identity.escape_ascii()),
        false => format!("one of {}", counted(identity.len(), "byte")),
    }
}

/// The group of a share and its length. In a hybrid, both parts are named.
fn share(entry: KeyShareEntry<'_>) -> String {
    let group = entry.group;
    match share_parts(group, entry.key_exchange) {
        Some([first, second]) => {
            let part = |part: SharePart<'_>| {
                format!("{} of {}", counted(part.share.len(), "byte"), part.group)
            };
            format!("{group} ({}, {})", part(first), part(second))
        }
        None => format!("{group} ({})", counted(entry.key_exchange.len(), "byte")),
    }
}

fn short_hex(bytes: &[u8; 32]) -> String {
    let start = bytes.get(..8).unwrap_or(bytes);
    format!("{}… ({} bytes)", hex::encode(start), bytes.len())
}

/// Bytes of the peer, escaped for a terminal.
pub fn printable(bytes: &[u8]) -> String {
    const LONGEST: usize = 80;
    let text = bytes.get(..LONGEST).unwrap_or(bytes).escape_ascii().to_string();
    if bytes.len() > LONGEST { format!("{text}…") } else { text }
}

#[cfg(test)]
mod tests {
    use handclasp::registry::NamedGroup;

    use super::*;

    #[test]
    fn one_byte_is_not_bytes() {
        let share = |key_exchange| share(KeyShareEntry { group: NamedGroup(0x5a5a), key_exchange });
        assert!(share(&[0]).ends_with("(1 byte)"), "{}", share(&[0]));
        assert!(share(&[0; 32]).ends_with("(32 bytes)"), "{}", share(&[0; 32]));
        assert_eq!(identity(&[0]), "one of 1 byte");
    }

    #[test]
    fn both_parts_of_a_hybrid_share_are_named() {
        let share = |key_exchange| {
            share(KeyShareEntry { group: NamedGroup::X25519_MLKEM768, key_exchange })
        };
        let client = "X25519MLKEM768 (1184 bytes of MLKEM768, 32 bytes of x25519)";
        assert_eq!(share(&[0; 1216]), client);
        let server = "X25519MLKEM768 (1088 bytes of MLKEM768, 32 bytes of x25519)";
        assert_eq!(share(&[0; 1120]), server);
        assert_eq!(share(&[0; 100]), "X25519MLKEM768 (100 bytes)", "no share of the group");
    }
}
