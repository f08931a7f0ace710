//! The list of the connections in a capture.

use anstyle::Style;
use handclasp_explain::words::{cause_of, choice, outcome, printable};
use handclasp_explain::{ChoiceSubject, Connection, Outcome, ProblemKind, Side};
use serde_json::{Value as Json, json};

use crate::json::write_line;
use crate::stdout::stdout;
use crate::text_report::{dim, heading, indented, paint};

/// The column of the text below the ends of a connection.
const COLUMN: usize = 7;

/// A connection in the list.
pub struct Row {
    number: u64,
    client: String,
    server: String,
    server_name: Option<String>,
    version: Option<String>,
    cipher_suite: Option<String>,
    group: Option<String>,
    protocol: Option<String>,
    resumed_from: Option<u64>,
    outcome: Outcome,
    /// The last alert that is an error.
    alert: Option<ListedAlert>,
    /// What the bytes seem to be that are no TLS.
    other_protocol: Option<String>,
    bytes: [u64; 2],
}

/// An alert, and what it may be about.
struct ListedAlert {
    sender: Side,
    name: String,
    cause: String,
}

impl ListedAlert {
    fn of(connection: &Connection) -> Option<Self> {
        let is_error = |alert: &&handclasp_explain::Alert| {
            !matches!(alert.description.name, Some("close_notify" | "user_canceled"))
        };
        let alert = connection.alerts.iter().rev().find(is_error)?;
        Some(Self {
            sender: alert.sender,
            name: alert.description.to_string(),
            cause: printable(cause_of(connection, alert).as_bytes()),
        })
    }
}

impl Row {
    pub fn of(connection: &Connection) -> Self {
        let chosen = |subject| {
            let mut choices = connection.choices.iter();
            let found = choices.find(|choice| choice.subject == subject)?;
            Some(choice(subject, found.chosen.as_ref()?))
        };
        let name = connection.choices.iter().find(|it| it.subject == ChoiceSubject::ServerName);
        let name = name.and_then(|name| name.offered_by_client.first());
        let other = connection.problems.iter().find_map(|problem| match &problem.kind {
            ProblemKind::NotRecords { protocol } => protocol.clone(),
            _ => None,
        });
        Self {
            number: connection.number,
            client: connection.client.clone().unwrap_or_default(),
            server: connection.server.clone().unwrap_or_default(),
            server_name: name.map(|name| choice(ChoiceSubject::ServerName, name)),
            version: chosen(ChoiceSubject::Version),
            cipher_suite: chosen(ChoiceSubject::CipherSuite),
            group: chosen(ChoiceSubject::Group),
            protocol: chosen(ChoiceSubject::ApplicationProtocol),
            resumed_from: connection.resumed_from.map(|origin| origin.connection),
            outcome: connection.outcome,
            alert: ListedAlert::of(connection),
            other_protocol: other,
            bytes: [connection.sizes.client.bytes, connection.sizes.server.bytes],
        }
    }

    /// Writes it as a line of JSON.
    pub fn write_json(&self) {
        let [client_bytes, server_bytes] = self.bytes;
        let alert = self.alert.as_ref();
        let object: Json = json!({
            "connection": self.number, "client": self.client, "server": self.server,
            "server_name": self.server_name, "version": self.version,
            "cipher_suite": self.cipher_suite, "group": self.group,
            "application_protocol": self.protocol, "resumed_from": self.resumed_from,
            "outcome": self.outcome,
            "alert": alert.map(|alert| &alert.name),
            "alert_sender": alert.map(|alert| alert.sender),
            "alert_cause": alert.map(|alert| &alert.cause),
            "other_protocol": self.other_protocol,
            "client_bytes": client_bytes, "server_bytes": server_bytes,
        });
        write_line(&mut stdout(), &object);
    }

    fn text(&self) -> String {
        let name = self.server_name.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
        let [client_bytes, server_bytes] = self.bytes;
        let mut facts: Vec<String> = Vec::new();
        facts.extend(self.version.clone());
        facts.extend(self.cipher_suite.clone());
        facts.extend(self.group.clone());
        facts.extend(self.protocol.clone());
        if let Some(number) = self.resumed_from {
            facts.push(format!("resumed from {number}"));
        }
        facts.push(format!("{client_bytes} bytes of the client, {server_bytes} of the server"));
        let result = match (&self.alert, &self.other_protocol) {
            (Some(ListedAlert { sender, name, cause }), _) => {
                format!("the {} sent the alert {name}: {cause}", sender.name())
            }
            (_, Some(protocol)) => format!("no TLS: {}", printable(protocol.as_bytes())),
            _ => outcome(self.outcome).to_owned(),
        };
        let ends = format!("{} → {}", self.client, self.server);
        let first = heading(&format!("{:>5}  {ends}{name}", self.number));
        let facts = indented(&facts.join(", "), COLUMN, dim());
        first + &indented(&result, COLUMN, Style::new()) + &facts
    }
}

/// Writes the rows in their order. `is_wanted` is false if the reader asked for one connection, and there
/// are several.
pub fn write(mut rows: Vec<Row>, is_wanted: bool) {
    rows.sort_by_key(|row| row.number);
    let mut out = stdout();
    let mut text: String = rows.iter().map(Row::text).collect();
    if !is_wanted {
        let hint = "\nThere are several connections: --connection N explains one of them.\n";
        text += &paint(dim(), hint);
    }
    // `stdout` remembers a failure.
    let _ = out.write_all(text.as_bytes());
}
