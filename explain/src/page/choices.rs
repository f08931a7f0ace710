//! What was offered beside what was chosen.

use super::text::value;
use crate::account::{Choice, ChoiceSubject, Connection, Message, Value};
use crate::words;

/// The most values of a list that are shown: a peer can send thousands.
const SHOWN: usize = 40;

/// A row of the table.
pub(super) struct ChoiceView {
    pub subject: &'static str,
    pub client: Offers,
    pub server: Offers,
    /// What was chosen, or that nothing was.
    pub outcome: String,
    pub is_chosen: bool,
    /// The message that says so, and its index.
    pub said_in: Option<SaidIn>,
}

impl ChoiceView {
    /// What each side offered.
    pub(super) fn sides(&self) -> [(&'static str, &Offers); 2] {
        [("client", &self.client), ("server", &self.server)]
    }
}

pub(super) struct SaidIn {
    pub name: String,
    pub index: usize,
}

/// A list of values.
pub(super) struct Offers {
    pub values: Vec<Offer>,
    pub more: usize,
}

pub(super) struct Offer {
    pub value: String,
    pub chosen: bool,
}

pub(super) fn of(connection: &Connection) -> Vec<ChoiceView> {
    connection.choices.iter().map(|choice| row(connection, choice)).collect()
}

fn row(connection: &Connection, choice: &Choice) -> ChoiceView {
    let chosen = choice.chosen.as_ref();
    let is_flag = choice.subject == ChoiceSubject::EarlyData;
    let refused = is_flag && chosen == Some(&Value::Number(0));
    let said_in = choice.chosen_in.and_then(|index| {
        let Message { name, .. } = connection.messages.get(index)?;
        Some(SaidIn { name: name.clone(), index })
    });
    let outcome = match chosen {
        _ if refused => "not accepted".to_owned(),
        Some(_) if is_flag => "accepted".to_owned(),
        Some(chosen) => in_words(choice.subject, chosen),
        None => words::not_chosen(connection, choice.subject).to_owned(),
    };
    let mut client = offers(choice.subject, &choice.offered_by_client, chosen);
    if is_flag {
        client.values = vec![Offer { value: "0-RTT data".to_owned(), chosen: !refused }];
    }
    ChoiceView {
        subject: subject(choice.subject),
        client,
        server: offers(choice.subject, &choice.offered_by_server, chosen),
        outcome,
        is_chosen: chosen.is_some() && !refused,
        said_in,
    }
}

/// A value. The identity of a pre-shared key may be text.
fn in_words(subject: ChoiceSubject, of: &Value) -> String {
    match (subject, of) {
        (ChoiceSubject::PreSharedKey, Value::Bytes(bytes)) => {
            words::identity(&bytes.0).replacen("one of", "an identity of", 1)
        }
        _ => value(of),
    }
}

fn offers(subject: ChoiceSubject, values: &[Value], chosen: Option<&Value>) -> Offers {
    let mut shown = Vec::new();
    // A GREASE value is no choice.
    let values: Vec<&Value> = values.iter().filter(|value| !value.is_grease()).collect();
    for &offered in values.iter().take(SHOWN) {
        shown.push(Offer { value: in_words(subject, offered), chosen: Some(offered) == chosen });
    }
    Offers { more: values.len() - shown.len(), values: shown }
}

fn subject(subject: ChoiceSubject) -> &'static str {
    match subject {
        ChoiceSubject::Version => "Version",
        ChoiceSubject::CipherSuite => "Cipher suite",
        ChoiceSubject::Group => "Group of the key exchange",
        ChoiceSubject::KeyShare => "Key share",
        ChoiceSubject::RequestedGroup => "Group that the server asked for",
        ChoiceSubject::SignatureScheme => "Signature of the server",
        ChoiceSubject::ClientSignatureScheme => "Signature of the client",
        ChoiceSubject::ApplicationProtocol => "Protocol (ALPN)",
        ChoiceSubject::ServerName => "Name of the server (SNI)",
        ChoiceSubject::PreSharedKey => "Pre-shared key",
        ChoiceSubject::EarlyData => "Early data (0-RTT)",
    }
}
