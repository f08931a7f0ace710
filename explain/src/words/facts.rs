//! The most interesting fields of a message, in words.

use std::fmt::Display;

use handclasp::certificate::{Timestamp, distinguished_name};
use handclasp::crypto::hybrid::{SharePart, share_parts};
use handclasp::registry::NamedGroup;

use super::counted;
use crate::account::{Certificate, CertificateList, Field, Message, Value};

/// How many entries of a list are printed: a peer can send thousands.
const SHOWN: usize = 24;

/// A field of a message, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub name: &'static str,
    /// Its value.
    pub value: FactValue,
}

/// The value of a [`Fact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactValue {
    /// One.
    Text(String),
    /// Several.
    List(Vec<String>),
}

impl Display for FactValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::List(list) => f.write_str(&list.join(", ")),
        }
    }
}

/// The facts of a message. `certificates` are those that are in it.
pub fn facts(message: &Message, certificates: Option<&CertificateList>) -> Vec<Fact> {
    let mut facts = Facts { message, facts: Vec::new() };
    if let Some(malformed) = &message.malformed {
        let (name, field, reason) = (&message.kind, malformed.field, &malformed.reason);
        facts.text("malformed", format!("{name}, {field}: {reason}"));
        return facts.facts;
    }
    match message.name.as_str() {
        "ClientHello" => facts.client_hello(),
        "ServerHello" | "HelloRetryRequest" => facts.server_hello(),
        "EncryptedExtensions" => facts.encrypted_extensions(),
        "CertificateRequest" => facts.certificate_request(),
        "Certificate" => facts.certificates(certificates),
        "CertificateVerify" => {
            facts.of("scheme", "algorithm");
            facts.length("signature", "signature");
        }
        "Finished" => facts.length("MAC", "verify_data"),
        "NewSessionTicket" => facts.ticket(),
        "KeyUpdate" => {
            let requested = message.find("request_update").and_then(Field::code);
            let requested = requested.is_some_and(|code| code.code == 1);
            facts.text("peer's key", if requested { "should change, too" } else { "may stay" });
        }
        _ => {}
    }
    facts.facts
}

/// Collects the facts of a message.
struct Facts<'m> {
    message: &'m Message,
    facts: Vec<Fact>,
}

impl Facts<'_> {
    fn text(&mut self, name: &'static str, value: impl Display) {
        self.facts.push(Fact { name, value: FactValue::Text(value.to_string()) });
    }

    fn list(&mut self, name: &'static str, values: impl IntoIterator<Item = String>) {
        let mut values = values.into_iter();
        let mut list: Vec<_> = values.by_ref().take(SHOWN).collect();
        let more = values.count();
        if more > 0 {
            list.push(format!("and {more} more"));
        }
        self.facts.push(Fact { name, value: FactValue::List(list) });
    }

    /// The value of a field of the message.
    fn of(&mut self, name: &'static str, field: &str) {
        if let Some(value) = self.message.find(field).and_then(|field| field.value.as_ref()) {
            self.text(name, shown(value));
        }
    }

    /// How many bytes a vector or a field of the message has.
    fn length(&mut self, name: &'static str, field: &str) {
        if let Some(field) = self.message.find(field) {
            self.text(name, counted(content_length(field), "byte"));
        }
    }

    /// The elements of a list in an extension.
    fn list_of(&mut self, name: &'static str, extension: &str, list: &str) {
        if let Some(list) = self.message.extension(extension).and_then(|it| it.find(list)) {
            self.list(name, elements(list));
        }
    }

    fn client_hello(&mut self) {
        self.random();
        match self.message.extension("supported_versions").and_then(|it| it.find("versions")) {
            Some(versions) => self.list("versions", elements(versions)),
            None => {
                let version = self.message.find("legacy_version").and_then(Field::code);
                if let Some(version) = version {
                    self.text("versions", format!("{version} at most"));
                }
            }
        }
        if let Some(suites) = self.message.find("cipher_suites") {
            self.list("cipher suites", elements(suites));
        }
        self.list_of("groups", "supported_groups", "named_group_list");
        if let Some(shares) = self.message.find("client_shares") {
            let has_grease = |share: &&Field| share.find("group").is_some_and(is_grease);
            let shares = shares.fields.iter().filter(|share| !has_grease(share));
            self.list("key shares", shares.filter_map(share));
        }
        self.list_of("signatures", "signature_algorithms", "supported_signature_algorithms");
        if let Some(name) = self.message.find("HostName") {
            self.list_as_text("server name", name);
        }
        let protocols = "application_layer_protocol_negotiation";
        self.list_of("protocols", protocols, "protocol_name_list");
        self.length("cookie", "cookie");
        if let Some(identities) = self.message.find("identities") {
            let keys = identities.fields.iter().filter_map(|key| key.find("identity"));
            self.list("pre-shared keys", keys.map(|key| identity(bytes(key))));
        }
        if self.message.extension("early_data").is_some() {
            self.text("early data", "follow at once");
        }
        self.extensions();
        self.grease();
    }

    /// These values are in the lists of the message, and not in those of the facts.
    fn grease(&mut self) {
        let Some(extensions) = self.message.find("extensions") else { return };
        let mut leaves = self.message.leaves();
        leaves.retain(|leaf| is_grease(leaf));
        if !leaves.is_empty() || extensions.fields.iter().any(is_grease) {
            self.text(
                "GREASE",
                "also in these lists: reserved values that mean nothing, so that servers stay used to \
                 values that they do not know",
            );
        }
    }

    fn random(&mut self) {
        if let Some(Value::Bytes(random)) =
            self.message.find("random").and_then(|it| it.value.as_ref())
        {
            let start = random.0.get(..8).unwrap_or(&random.0);
            self.text("random", format!("{}… ({} bytes)", hex::encode(start), random.0.len()));
        }
    }

    fn list_as_text(&mut self, name: &'static str, field: &Field) {
        self.text(name, elements(field).collect::<Vec<_>>().join(", "));
    }

    fn server_hello(&mut self) {
        if self.message.name == "ServerHello" {
            self.random();
        }
        match self.message.find("selected_version") {
            Some(_) => self.of("version", "selected_version"),
            None => self.of("version", "legacy_version"),
        }
        self.of("cipher suite", "cipher_suite");
        if let Some(share) = self.message.find("KeyShareEntry").and_then(share) {
            self.text("key share", share);
        }
        if let Some(index) = self.message.find("selected_identity").and_then(Field::number) {
            let number = index + 1;
            self.text("pre-shared key", format!("number {number} of the client's was chosen"));
        }
        self.of("wanted group", "selected_group");
        self.length("cookie", "cookie");
    }

    fn encrypted_extensions(&mut self) {
        match self.message.find("protocol_name") {
            Some(protocol) => self.list_as_text("protocol", protocol),
            None => self.text("protocol", "none was agreed on"),
        }
        if self.message.extension("server_name").is_some() {
            self.text("server name", "taken into account");
        }
        if self.message.extension("early_data").is_some() {
            self.text("early data", "accepted");
        }
        self.extensions();
    }

    fn certificate_request(&mut self) {
        self.list_of("signatures", "signature_algorithms", "supported_signature_algorithms");
        if let Some(authorities) = self.message.find("authorities") {
            let names = authorities.fields.iter().filter_map(|name| name.find("data"));
            self.list("authorities", names.map(|name| distinguished_name(bytes(name))));
        }
        self.grease();
    }

    fn certificates(&mut self, list: Option<&CertificateList>) {
        let certificates = list.map_or(&[][..], |list| &list.certificates);
        let mut issuer: Option<&String> = None;
        for (index, certificate) in certificates.iter().take(SHOWN).enumerate() {
            let length = counted(certificate.range.end - certificate.range.start, "byte");
            if certificate.is_raw_public_key {
                return self.text("for", format!("a raw public key ({length})"));
            }
            // The order of the certificates does not say who issued which.
            let name = match (index, issuer) {
                (0, _) => "for",
                (_, None) if certificate.malformed.is_none() => "for",
                (_, Some(issuer)) if Some(issuer) == certificate.subject.as_ref() => "issued by",
                _ => "also sent",
            };
            match &certificate.malformed {
                Some(reason) => self.text(name, reason),
                None => {
                    self.text(name, format!("{} ({length})", summary(certificate)));
                    issuer = certificate.issuer.as_ref();
                }
            }
            if let Some(length) = certificate.ocsp_response_length {
                self.text("OCSP response", counted(length, "byte"));
            }
            if certificate.timestamps > 0 {
                self.text("timestamps", certificate.timestamps);
            }
        }
        if self.facts.is_empty() {
            self.text("certificates", "none");
        }
    }

    fn ticket(&mut self) {
        if let Some(lifetime) = self.message.find("ticket_lifetime").and_then(Field::number) {
            self.text("lifetime", format!("{lifetime} seconds"));
        }
        self.length("ticket", "ticket");
        if let Some(size) = self.message.find("max_early_data_size").and_then(Field::number) {
            self.text("early data", format!("{size} bytes are allowed"));
        }
    }

    fn extensions(&mut self) {
        let Some(list) = self.message.find("extensions") else { return };
        let kinds = list.fields.iter().filter_map(Field::code);
        let mut kinds = kinds.filter(|kind| !kind.grease).peekable();
        if kinds.peek().is_some() {
            self.list("extensions", kinds.map(|kind| kind.to_string()));
        }
    }
}

/// A value as text, escaped for a terminal.
fn shown(value: &Value) -> String {
    match value {
        Value::Code(code) => code.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => printable(text.as_bytes()),
        Value::Bytes(bytes) => printable(&bytes.0),
    }
}

fn is_grease(field: &Field) -> bool {
    field.value.as_ref().is_some_and(Value::is_grease)
}

/// The values in a vector, without the lengths.
fn elements(list: &Field) -> impl Iterator<Item = String> {
    let mut leaves = Vec::new();
    list.leaves(&mut leaves);
    leaves.retain(|leaf| leaf.name != "length" && !is_grease(leaf));
    leaves.into_iter().filter_map(|leaf| leaf.value.as_ref().map(shown))
}

/// The bytes of a field, or of the vector that it is.
fn bytes(field: &Field) -> &[u8] {
    match field.value.as_ref().or_else(|| field.find("data")?.value.as_ref()) {
        Some(Value::Bytes(bytes)) => &bytes.0,
        Some(Value::Text(text)) => text.as_bytes(),
        _ => &[],
    }
}

/// The length of a field in bytes; of a vector, without its length field.
fn content_length(field: &Field) -> usize {
    let prefix = field.fields.iter().find(|inner| inner.name == "length");
    field.length() - prefix.map_or(0, Field::length)
}

/// The subject, the issuer, the dates and the purposes of a certificate, in a line.
fn summary(certificate: &Certificate) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let date = |date: Option<i64>| Timestamp(date.unwrap_or_default());
    let mut words = format!(
        "{}, issued by {}, valid from {} until {}",
        text(&certificate.subject),
        text(&certificate.issuer),
        date(certificate.not_before),
        date(certificate.not_after)
    );
    if let Some(usages) = &certificate.key_usage {
        words += &format!(", for {}", usages.join(" and "));
    }
    if let Some(purposes) = &certificate.extended_key_usage {
        words += &format!(", for {purposes}");
    }
    words
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

/// The group of a key share and its length. In a hybrid, both parts are named.
fn share(entry: &Field) -> Option<String> {
    let group = entry.find("group").and_then(Field::code)?;
    let key = bytes(entry.find("key_exchange")?);
    let named = NamedGroup(u16::try_from(group.code).unwrap_or_default());
    Some(match share_parts(named, key) {
        Some([first, second]) => {
            let part = |part: SharePart<'_>| {
                format!("{} of {}", counted(part.share.len(), "byte"), part.group)
            };
            format!("{group} ({}, {})", part(first), part(second))
        }
        None => format!("{group} ({})", counted(key.len(), "byte")),
    })
}

/// Bytes of the peer, escaped for a terminal, and cut after 80.
pub fn printable(bytes: &[u8]) -> String {
    const LONGEST: usize = 80;
    let text = bytes.get(..LONGEST).unwrap_or(bytes).escape_ascii().to_string();
    if bytes.len() > LONGEST { format!("{text}…") } else { text }
}

#[cfg(test)]
mod tests {
    use handclasp::wire::HandshakeMessage;

    use super::*;
    use crate::account::MessageLevel;

    /// The key share of a ServerHello with a share of this group and length.
    fn share_fact(group: NamedGroup, length: usize) -> String {
        let share = [&group.0.to_be_bytes()[..], &(length as u16).to_be_bytes(), &vec![0; length]];
        let share = share.concat();
        let extension = [&[0, 51][..], &(share.len() as u16).to_be_bytes(), &share].concat();
        let version = [0, 43, 0, 2, 3, 4];
        let extensions = [&version[..], &extension].concat();
        let mut body = [&[3, 3][..], &[7; 32], &[0, 0x13, 1, 0]].concat();
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let mut message = vec![2];
        message.extend(&(body.len() as u32).to_be_bytes()[1..]);
        message.extend(body);
        let (message, _) = HandshakeMessage::split(&message).unwrap();
        let options = crate::Options::new(handclasp::crypto::CryptoProvider::default());
        let mut builder = crate::builder::Builder::new(crate::Source::Recorded, None, options);
        builder.message(crate::Side::Server, MessageLevel::Initial, None, &message);
        let facts = facts(&builder.so_far().messages[0], None);
        let fact = facts.iter().find(|fact| fact.name == "key share");
        fact.map(|fact| fact.value.to_string()).unwrap_or_default()
    }

    #[test]
    fn one_byte_is_not_bytes() {
        let unknown = NamedGroup(0x5a5a);
        assert!(share_fact(unknown, 1).ends_with("(1 byte)"), "{}", share_fact(unknown, 1));
        assert!(share_fact(unknown, 32).ends_with("(32 bytes)"), "{}", share_fact(unknown, 32));
        assert_eq!(identity(&[0]), "one of 1 byte");
    }

    #[test]
    fn both_parts_of_a_hybrid_share_are_named() {
        let share = |length| share_fact(NamedGroup::X25519_MLKEM768, length);
        let client = "X25519MLKEM768 (1184 bytes of MLKEM768, 32 bytes of x25519)";
        assert_eq!(share(1216), client);
        let server = "X25519MLKEM768 (1088 bytes of MLKEM768, 32 bytes of x25519)";
        assert_eq!(share(1120), server);
        assert_eq!(share(100), "X25519MLKEM768 (100 bytes)", "no share of the group");
    }
}
