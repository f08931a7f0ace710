//! The kinds of failures in `docs/failures.md`: each is made to happen, and its diagnosis is compared with
//! the table. `HANDCLASP_WRITE_DOCS=1` writes the table.

mod as_client;
mod as_server;
mod certificates;
mod ends;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use handclasp::connection::Options;
use handclasp::diagnosis::{Diagnosis, Fault, Offer, Parameter};
use handclasp::handshake::Side;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::{ClientConfig, ClientConnection, Event, Observer, ServerConnection};
use handclasp_testing::{Identity, server_name};

/// A kind of failure, and what our side says about it.
pub struct Row {
    /// A name of the kind, which is unique with the role.
    kind: &'static str,
    /// What happens.
    what: &'static str,
    /// Our side.
    role: Side,
    /// What the peer is.
    peer: &'static str,
    /// Makes it happen. `None` where the peer is not here.
    make: fn() -> Option<Diagnosis>,
    code: &'static str,
    fault: Fault,
    /// Parts of the line, in their order.
    says: &'static [&'static str],
    /// A part of what to change.
    change: &'static str,
    /// Lists of this side, and an element of each.
    offers: &'static [(Parameter, &'static str)],
    peer_offers: &'static [(Parameter, &'static str)],
}

/// What no line says: it blames the wrong side, or is a fact where a guess is meant.
const FALSE: [&str; 6] = [
    "the sender knows who asks",
    "the two sides have no suite, group or signature scheme in common (",
    "is not this side's fault",
    "the server needs a new certificate",
    "no trust anchor or intermediate has that subject (",
    "TODO",
];

fn rows() -> Vec<Row> {
    let mut rows = as_client::rows();
    rows.extend(certificates::rows());
    rows.extend(as_server::rows());
    rows
}

impl Row {
    /// A row with this peer, whose other fields are to be filled in.
    fn of(role: Side, peer: &'static str) -> Self {
        Self {
            kind: "",
            what: "",
            role,
            peer,
            make: || None,
            code: "",
            fault: Fault::Unknown,
            says: &[],
            change: "",
            offers: &[],
            peer_offers: &[],
        }
    }

    fn name(&self) -> String {
        format!("{} ({})", self.kind, self.role.code())
    }

    /// What the diagnosis does not say, and should.
    fn differences(&self, diagnosis: &Diagnosis) -> Vec<String> {
        let line = diagnosis.to_string();
        let mut wrong = Vec::new();
        if diagnosis.code != self.code {
            wrong.push(format!("the code is {}", diagnosis.code));
        }
        if diagnosis.fault != self.fault {
            wrong.push(format!("the fault is at {:?}", diagnosis.fault));
        }
        if diagnosis.side != Some(self.role) {
            wrong.push(format!("the side is {:?}", diagnosis.side));
        }
        let mut rest = line.as_str();
        for part in self.says {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => wrong.push(format!("it does not say {part:?} at its place")),
            }
        }
        if !diagnosis.remedies.iter().any(|remedy| remedy.text.contains(self.change)) {
            wrong.push(format!("it does not say to change {:?}", self.change));
        }
        for words in FALSE.iter().filter(|words| line.contains(*words)) {
            wrong.push(format!("it says {words:?}"));
        }
        wrong.extend(lacking("this side's", self.offers, &diagnosis.offers));
        wrong.extend(lacking("the peer's", self.peer_offers, &diagnosis.peer_offers));
        if line.contains('\n') {
            wrong.push("it has more than one line".to_owned());
        }
        if !wrong.is_empty() {
            wrong.push(line);
        }
        wrong
    }
}

/// The elements that the lists do not have.
fn lacking(whose: &str, wanted: &[(Parameter, &str)], offers: &[Offer]) -> Vec<String> {
    let has = |what: Parameter, element: &str| {
        let mut lists = offers.iter().filter(|offer| offer.what == what);
        lists.any(|offer| offer.values.iter().any(|value| value.contains(element)))
    };
    let lacking = wanted.iter().filter(|(what, element)| !has(*what, element));
    lacking.map(|(what, element)| format!("{whose} {what} have no {element:?}")).collect()
}

/// All rows are tried before the test fails: the report has each that is wrong.
#[test]
fn each_kind_of_failure_is_diagnosed_as_the_table_says() {
    let mut report = String::new();
    for row in rows() {
        let Some(diagnosis) = (row.make)() else { continue };
        if std::env::var("HANDCLASP_SHOW_LINES").is_ok() {
            println!("{}\n  {diagnosis}\n", row.name());
        }
        let differences = row.differences(&diagnosis);
        if !differences.is_empty() {
            writeln!(report, "{}:\n  {}", row.name(), differences.join("\n  ")).unwrap();
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// What was not taken, as an observer of one side learns it.
#[derive(Clone, Default)]
struct NotTaken(Arc<Mutex<Vec<String>>>);

impl NotTaken {
    fn options(&self) -> Options {
        let mut options = Options::default();
        options.observer = Some(Box::new(self.clone()));
        options
    }
}

impl Observer for NotTaken {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::NotTaken(what, reason) | Event::Declined(what, reason) = event {
            self.0.lock().unwrap().push(format!("{what}: {reason}"));
        }
    }
}

/// That a session, a key or 0-RTT data are not taken is no failure, and both sides learn why.
#[test]
fn both_sides_learn_why_a_session_and_a_key_are_not_taken() {
    let identity = Identity::p256();
    let sessions = Arc::new(MemoryClientSessions::new(8));
    let key = |name: &[u8]| {
        let secret = b"\x5c\x91\x02\xe7 16 bytes \xfe\xdc";
        PreSharedKey::external(name, secret).unwrap()
    };
    let with_session = ends::client(&identity).sessions(sessions);
    let with_key = ends::client(&identity).pre_shared_keys(vec![key(b"one")]);
    let server = || {
        let tickets = TicketKeys::random_with_provider(&ends::provider()).unwrap();
        let keys = Arc::new(PskList::new(vec![key(b"another")]));
        let server = ends::server().sessions(Arc::new(tickets)).pre_shared_keys(keys);
        Arc::new(server.build(ends::list(vec![identity.certified_key()])).unwrap())
    };
    let connect = |client: &Arc<ClientConfig>| {
        let seen = [NotTaken::default(), NotTaken::default()];
        let [of_client, of_server] = [seen[0].options(), seen[1].options()];
        let client = ClientConnection::with_options(Arc::clone(client), server_name(), of_client);
        let server = ServerConnection::with_options(server(), of_server);
        let both = ends::both_with(client, server);
        assert!(both.client.is_none() && both.server.is_none());
        seen.map(|seen| seen.0.lock().unwrap().join("; "))
    };
    let with_session = Arc::new(with_session.build().unwrap());
    assert_eq!(connect(&with_session), ["", ""], "no session is there yet");
    let [client, server] = connect(&with_session);
    assert!(
        client.contains("the session of a ticket: ") && client.contains("new ticket keys"),
        "{client}"
    );
    assert!(
        server.contains("any of the pre-shared keys and tickets: none is a session"),
        "{server}"
    );
    let [client, server] = connect(&Arc::new(with_key.build().unwrap()));
    assert!(client.contains("may not know the identity"), "{client}");
    assert!(server.contains("has an identity that it knows"), "{server}");
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/failures.md");
const BEGIN: &str = "<!-- The table is written by tests/peers/failures. -->\n";

fn table() -> String {
    let mut table = String::from(
        "| Kind | What happens | Side, and the peer in the test | Code | What the line says | What to change \
         | What other tools say |\n|---|---|---|---|---|---|---|\n",
    );
    let others = other_tools();
    for row in rows() {
        let says = row.says.join(" … ");
        let fields = [row.kind, row.what, row.role.code(), row.peer, row.code, &says, row.change];
        let [kind, what, role, peer, code, says, change] =
            fields.map(|field| field.replace('|', "\\|"));
        let other = others.get(&row.name()).cloned().unwrap_or_default();
        writeln!(
            table,
            "| `{kind}` | {what} | {role}; {peer} | `{code}` | {says} | {change} | {other} |"
        )
        .unwrap();
    }
    table
}

/// What other tools said of a failure, by the name of its row, as the table has it.
fn other_tools() -> BTreeMap<String, String> {
    let text = include_str!("../../data/failures-of-other-tools.json");
    let entries: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let mut texts = BTreeMap::new();
    for entry in entries {
        let (kind, side) = (entry["kind"].as_str().unwrap(), entry["side"].as_str().unwrap());
        let mut lines = Vec::new();
        for tool in ["OpenSSL", "curl", "GnuTLS", "Go", "rustls"] {
            if let Some(said) = entry["tools"][tool].as_str() {
                lines.push(format!("{tool}: {}", said.replace('|', "\\|")));
            }
        }
        assert!(texts.insert(format!("{kind} ({side})"), lines.join("<br>")).is_none(), "{kind}");
    }
    texts
}

#[test]
fn the_table_of_failures_is_that_of_the_documentation() {
    let names: BTreeSet<_> = rows().iter().map(Row::name).collect();
    assert_eq!(names.len(), rows().len(), "each name is there once");
    assert!(names.len() >= 60, "{}", names.len());
    let others = other_tools();
    assert!(others.len() >= 60, "{}", others.len());
    assert!(others.keys().all(|name| names.contains(name)), "each has a row");
    let text = std::fs::read_to_string(FILE).unwrap();
    let (before, written) = text.split_once(BEGIN).expect("the file has a table");
    let table = table();
    if std::env::var("HANDCLASP_WRITE_DOCS").is_ok() {
        std::fs::write(FILE, format!("{before}{BEGIN}\n{table}")).unwrap();
        return;
    }
    assert_eq!(written.trim(), table.trim(), "write it with HANDCLASP_WRITE_DOCS=1");
}
