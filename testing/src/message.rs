//! Honest messages, taken apart to be changed.

use handclasp::alert::AlertDescription;
use handclasp::handshake::Side;
use handclasp::registry::HandshakeType;
use handclasp::wire::ExtensionType;

use crate::deterministic::{CERTIFICATE, Message, Scenario, raw, record_messages};
use crate::written::{extension, handshake_message, vector, vector16};

/// A message of which the extensions are the last field.
pub struct Parts {
    pub kind: HandshakeType,
    /// The fields before the extensions.
    pub head: Vec<u8>,
    pub extensions: Vec<(ExtensionType, Vec<u8>)>,
    /// Bytes after them, where there should be none.
    pub tail: Vec<u8>,
}

/// The places of fields in a ClientHello and a ServerHello: the session ID is 32 bytes.
pub const RANDOM: usize = 2;
pub const SESSION_ID: usize = 35;
/// The cipher suite of a ServerHello, or the length of a ClientHello's list.
pub const SUITES: usize = 67;
/// The compression method of a ServerHello.
pub const SERVER_COMPRESSION: usize = 69;

impl Parts {
    pub fn parse(message: &[u8]) -> Self {
        let (kind, body) = (HandshakeType(message[0]), &message[4..]);
        let word = |at: usize| usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
        let start = match kind {
            HandshakeType::CLIENT_HELLO => {
                let compression = SUITES + 2 + word(SUITES);
                compression + 1 + usize::from(body[compression])
            }
            HandshakeType::SERVER_HELLO => SERVER_COMPRESSION + 1,
            HandshakeType::ENCRYPTED_EXTENSIONS => 0,
            other => panic!("{other} does not end with extensions"),
        };
        assert_eq!(start + 2 + word(start), body.len());
        let (mut at, mut extensions) = (start + 2, Vec::new());
        while at < body.len() {
            let end = at + 4 + word(at + 2);
            let kind = ExtensionType(u16::from_be_bytes([body[at], body[at + 1]]));
            extensions.push((kind, body[at + 4..end].to_vec()));
            at = end;
        }
        Self { kind, head: body[..start].to_vec(), extensions, tail: Vec::new() }
    }

    pub fn build(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for (kind, body) in &self.extensions {
            list.extend(extension(*kind, body));
        }
        handshake_message(self.kind, &[&self.head[..], &vector16(&list), &self.tail].concat())
    }

    pub fn get(&mut self, kind: ExtensionType) -> &mut Vec<u8> {
        let found = self.extensions.iter_mut().find(|(candidate, _)| *candidate == kind);
        &mut found.expect("the honest message has it").1
    }

    pub fn add(&mut self, kind: ExtensionType, body: &[u8]) {
        self.extensions.push((kind, body.to_vec()));
    }

    pub fn remove(&mut self, kind: ExtensionType) {
        self.get(kind);
        self.extensions.retain(|(candidate, _)| *candidate != kind);
    }
}

/// The messages that an end of `side` receives in an honest handshake.
pub fn received_by(side: Side, scenario: Scenario) -> Vec<Message> {
    let all = record_messages(scenario).into_iter();
    all.filter(|message| message.from != side).collect()
}

/// The alert of an end that receives this message in the place of the honest one number `index`, and
/// the rest of the honest flight after it. `None` when it takes all of that.
pub fn alert(
    side: Side,
    scenario: Scenario,
    index: usize,
    message: &[u8],
) -> Option<AlertDescription> {
    let honest = received_by(side, scenario);
    let mut end = raw(side, scenario, None);
    for before in &honest[..index] {
        end.receive(before.level, &before.bytes).unwrap();
    }
    let mut result = end.receive(honest[index].level, message);
    for after in &honest[index + 1..] {
        result = result.and_then(|()| end.receive(after.level, &after.bytes));
    }
    result.err().map(|error| error.alert_sent().expect("every such error has an alert"))
}

/// As [`alert`], for a message with extensions that `edit` changes.
pub fn edited(
    side: Side,
    scenario: Scenario,
    index: usize,
    edit: impl FnOnce(&mut Parts),
) -> Option<AlertDescription> {
    let mut parts = Parts::parse(&received_by(side, scenario)[index].bytes);
    edit(&mut parts);
    alert(side, scenario, index, &parts.build())
}

/// A Certificate with the chain of [`crate::deterministic`], and these extensions in its entry.
pub fn certificate_with(extensions: &[u8]) -> Vec<u8> {
    let entry = [vector(3, CERTIFICATE), vector16(extensions)].concat();
    handshake_message(HandshakeType::CERTIFICATE, &[&[0][..], &vector(3, &entry)].concat())
}
