//! Does a key share cost a retry, and does a retry work?

use handclasp_explain::{ChoiceSubject, Connection, words};
use serde::Serialize;

use super::advice::Advice;
use super::offer::{Answer, list};
use super::prober::Prober;
use super::section::{Row, Section};

#[derive(Clone, Debug, Serialize)]
pub struct KeyShare {
    /// The groups for which a usual ClientHello has a share.
    pub usual_shares: Vec<String>,
    /// The server asked for another share than the usual ones.
    pub usual_shares_cost_a_retry: bool,
    /// The group that the server asks for if a ClientHello has no share.
    pub wanted_group: Option<String>,
    /// Whether the handshake after a HelloRetryRequest is complete.
    pub retry: Answer,
}

impl KeyShare {
    /// Connects without a share, so that the server must ask for one.
    pub fn ask(prober: &mut Prober, first: &Connection) -> Self {
        let builder = prober.config_builder(prober.provider()).key_shares([]);
        let probe = prober.probe(builder);
        let account = probe.as_ref().ok().map(|probe| probe.account());
        Self {
            usual_shares: shares(first),
            usual_shares_cost_a_retry: first.message("HelloRetryRequest").is_some(),
            wanted_group: account.as_ref().and_then(wanted_group),
            retry: Answer::of(&probe),
        }
    }
}

/// The groups of the shares in the first ClientHello.
fn shares(connection: &Connection) -> Vec<String> {
    let hello = connection.message("ClientHello");
    let Some(extension) = hello.and_then(|hello| hello.extension("key_share")) else {
        return Vec::new();
    };
    let mut groups = Vec::new();
    let mut leaves = Vec::new();
    extension.leaves(&mut leaves);
    for field in leaves {
        match field.code() {
            Some(code) if field.name == "group" && !code.grease => groups.push(code.to_string()),
            _ => {}
        }
    }
    groups
}

fn wanted_group(connection: &Connection) -> Option<String> {
    let mut choices = connection.choices.iter();
    let choice = choices.find(|choice| choice.subject == ChoiceSubject::RequestedGroup)?;
    Some(words::choice(choice.subject, choice.chosen.as_ref()?))
}

impl Section for KeyShare {
    fn title(&self) -> &'static str {
        "Key share"
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            Row::new("usual shares", list(&self.usual_shares)),
            Row::yes_or_no("cost a retry", self.usual_shares_cost_a_retry),
        ];
        rows.extend(self.wanted_group.clone().map(|group| Row::new("wanted group", group)));
        let retry = match &self.retry {
            Answer::Accepted | Answer::Ignored => "works".to_owned(),
            Answer::Refused { alert } => {
                format!("fails ({})", alert.as_deref().unwrap_or("the server closes"))
            }
            Answer::Unknown { reason } => format!("not known: {reason}"),
        };
        rows.push(Row::new("retry", retry));
        rows
    }

    fn advice(&self) -> Vec<Advice> {
        let mut advice = Vec::new();
        if self.usual_shares_cost_a_retry {
            let text = format!(
                "turn on one of the groups for which clients have a key share in their first message ({}): \
                 each new connection costs a round trip more",
                list(&self.usual_shares)
            );
            advice.push(Advice::improvement("key-share-costs-a-retry", text));
        }
        if let Answer::Refused { .. } = self.retry {
            advice.push(Advice::fault(
                "no-hello-retry-request",
                "let the server ask for a key share with HelloRetryRequest: it refuses a client that has \
                 none for a group that both have (RFC 9846, section 4.2.4)",
            ));
        }
        advice
    }
}
