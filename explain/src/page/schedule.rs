//! The key schedule as a picture: the stages are a column, and what is expanded from each is beside it.

use super::overview::chosen;
use super::text::{sentence, time, visible};
use crate::account::{ChoiceSubject, Connection, Operation, SecretKind, SecretNode};
use crate::words;

/// The picture, and its steps in the order of derivation.
pub(super) struct Schedule {
    pub stages: Vec<Stage>,
    pub steps: Vec<StepView>,
}

/// A stage: the early, the handshake or the main secret.
#[derive(Default)]
pub(super) struct Stage {
    /// What the extraction takes; empty for branches without a stage.
    pub input: String,
    pub secret: Option<NodeBox>,
    pub branches: Vec<Branch>,
    /// What leads to the next stage.
    pub derived: Option<NodeBox>,
}

/// A secret of a stage, and the keys that are made of it.
pub(super) struct Branch {
    pub secret: NodeBox,
    pub parts: Vec<NodeBox>,
}

/// A node in the picture.
pub(super) struct NodeBox {
    pub index: usize,
    pub name: String,
    pub label: String,
    /// Whose records it protects: `client`, `server`, or `both`.
    pub side: &'static str,
}

/// A step: how a node is made, and what it is for.
pub(super) struct StepView {
    pub index: usize,
    pub number: usize,
    pub name: String,
    /// As in RFC 9846, section 7.1.
    pub formula: String,
    pub purpose: String,
    pub when: Option<String>,
    pub key_log_label: Option<&'static str>,
    pub value: Option<String>,
    /// The last message of its transcript, and the index of it.
    pub transcript: Option<Transcript>,
    pub protects: Option<&'static str>,
}

pub(super) struct Transcript {
    pub name: &'static str,
    pub message: Option<usize>,
}

/// Where a node is in the picture.
#[derive(Clone, Copy)]
struct Place {
    stage: usize,
    branch: Option<usize>,
}

pub(super) fn of(connection: &Connection) -> Schedule {
    let nodes = &connection.key_schedule;
    let names = names(nodes);
    let mut stages: Vec<Stage> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let node_box = NodeBox {
            index,
            name: names.get(index).cloned().unwrap_or_default(),
            label: visible(&node.label),
            side: node.protects.map_or("both", |side| side.name()),
        };
        let parent = node.from.and_then(|from| places.get(from).copied());
        places.push(add(&mut stages, parent, node, node_box, connection));
    }
    let steps = nodes.iter().enumerate();
    let steps = steps.map(|(index, node)| step(index, node, &names, connection)).collect();
    Schedule { stages, steps }
}

/// Puts a node into the picture.
fn add(
    stages: &mut Vec<Stage>,
    parent: Option<Place>,
    node: &SecretNode,
    node_box: NodeBox,
    connection: &Connection,
) -> Place {
    if node.kind == SecretKind::Stage {
        let input = input(node_box.index, node, connection);
        stages.push(Stage { input, secret: Some(node_box), ..Stage::default() });
        return Place { stage: stages.len() - 1, branch: None };
    }
    if stages.is_empty() {
        stages.push(Stage::default());
    }
    let last = Place { stage: stages.len() - 1, branch: None };
    let place = parent.unwrap_or(last);
    let Some(stage) = stages.get_mut(place.stage) else { return last };
    if node.kind == SecretKind::Derived && place.branch.is_none() {
        stage.derived = Some(node_box);
        return place;
    }
    // The next traffic secret stands beside the last one, however many there are.
    let branch = if node.label == "traffic upd" { None } else { place.branch };
    match branch.and_then(|branch| stage.branches.get_mut(branch)) {
        Some(branch) => {
            branch.parts.push(node_box);
            place
        }
        None => {
            stage.branches.push(Branch { secret: node_box, parts: Vec::new() });
            Place { branch: Some(stage.branches.len() - 1), ..place }
        }
    }
}

/// Whether an early secret is that of a pre-shared key. What only such a key has may be made of it; without
/// that, it is the one that the handshake went on with.
fn has_pre_shared_key(early: usize, connection: &Connection) -> bool {
    let mut children = connection.key_schedule.iter().filter(|node| node.from == Some(early));
    let of_key = |node: &SecretNode| {
        let labels = ["c e traffic", "e exp master"];
        node.kind == SecretKind::BinderKey || labels.contains(&node.label.as_str())
    };
    children.any(of_key) || chosen(connection, ChoiceSubject::PreSharedKey).is_some()
}

/// What goes into the extraction of a stage.
fn input(index: usize, node: &SecretNode, connection: &Connection) -> String {
    let psk = has_pre_shared_key(index, connection);
    let group = chosen(connection, ChoiceSubject::Group);
    match (node.label.as_str(), group) {
        ("early", _) if psk => "pre-shared key".to_owned(),
        ("early", _) => "0 (no pre-shared key)".to_owned(),
        ("handshake", Some(group)) => {
            format!("asymmetric shared secret: {}", super::text::value(group))
        }
        ("handshake", None) => "asymmetric shared secret".to_owned(),
        _ => "0".to_owned(),
    }
}

/// The names of the RFC. A traffic secret after a KeyUpdate has the number of the one before, plus one.
fn names(nodes: &[SecretNode]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for node in nodes {
        let parent = node.from.and_then(|from| names.get(from));
        let name = match (node.label.as_str(), parent) {
            ("traffic upd", Some(parent)) => next_number(parent),
            ("traffic upd", None) => "application_traffic_secret_N".to_owned(),
            (label, _) => name(node.operation, label),
        };
        names.push(name);
    }
    names
}

fn next_number(name: &str) -> String {
    match name.rsplit_once('_').and_then(|(stem, number)| Some((stem, number.parse::<u64>().ok()?)))
    {
        Some((stem, number)) => format!("{stem}_{}", number.saturating_add(1)),
        None => format!("{name}_N"),
    }
}

fn name(operation: Operation, label: &str) -> String {
    let name = match (operation, label) {
        (Operation::Extract, "early") => "Early Secret",
        (Operation::Extract, "handshake") => "Handshake Secret",
        (Operation::Extract, "main") => "Main Secret",
        (_, "derived") => "Derived secret",
        (_, "ext binder" | "res binder" | "imp binder") => "binder_key",
        (_, "c e traffic") => "client_early_traffic_secret",
        (_, "e exp master") => "early_exporter_secret",
        (_, "c hs traffic") => "client_handshake_traffic_secret",
        (_, "s hs traffic") => "server_handshake_traffic_secret",
        (_, "c ap traffic") => "client_application_traffic_secret_0",
        (_, "s ap traffic") => "server_application_traffic_secret_0",
        (_, "exp master") => "exporter_secret",
        (_, "res master") => "resumption_secret",
        (_, "resumption") => "PSK of a ticket",
        (_, "key") => "write_key",
        (_, "iv") => "write_iv",
        (_, "finished") => "finished_key",
        (_, label) => return visible(label),
    };
    name.to_owned()
}

fn step(index: usize, node: &SecretNode, names: &[String], connection: &Connection) -> StepView {
    let parent = node.from.and_then(|from| names.get(from));
    let transcript =
        node.transcript_to.map(|end| Transcript { name: end.message_name, message: end.message });
    StepView {
        index,
        number: index + 1,
        name: names.get(index).cloned().unwrap_or_default(),
        formula: formula(index, node, parent, connection),
        purpose: sentence(words::derived(node.operation, &node.label)),
        when: node.time_ns.map(time),
        key_log_label: node.key_log_label,
        value: node.value.as_ref().map(|value| hex::encode(&value.0)),
        transcript,
        protects: node.protects.map(|side| side.name()),
    }
}

/// How it is computed, as RFC 9846, section 7.1, writes it.
fn formula(
    index: usize,
    node: &SecretNode,
    parent: Option<&String>,
    connection: &Connection,
) -> String {
    let label = visible(&node.label);
    let from = parent.map_or("Secret", |name| name.as_str());
    if node.operation == Operation::Extract {
        let salt = if node.from.is_some() { from } else { "0" };
        return format!("HKDF-Extract(salt = {salt}, IKM = {})", input(index, node, connection));
    }
    match node.kind {
        SecretKind::RecordKey => format!("HKDF-Expand-Label({from}, \"key\", \"\", key_length)"),
        SecretKind::RecordIv => format!("HKDF-Expand-Label({from}, \"iv\", \"\", iv_length)"),
        SecretKind::FinishedKey => {
            format!("HKDF-Expand-Label({from}, \"finished\", \"\", Hash.length)")
        }
        SecretKind::TicketKey => {
            format!("HKDF-Expand-Label({from}, \"resumption\", ticket_nonce, Hash.length)")
        }
        _ if node.label == "traffic upd" => {
            format!("HKDF-Expand-Label({from}, \"traffic upd\", \"\", Hash.length)")
        }
        SecretKind::Other => format!("HKDF-Expand-Label({from}, \"{label}\", …)"),
        _ => match node.transcript_to {
            Some(end) if end.message_name == "ClientHello" => {
                format!("Derive-Secret({from}, \"{label}\", ClientHello)")
            }
            Some(end) => {
                let side = if node.label == "res master" { "client " } else { "server " };
                let side = if end.message_name == "Finished" { side } else { "" };
                format!(
                    "Derive-Secret({from}, \"{label}\", ClientHello…{side}{})",
                    end.message_name
                )
            }
            None => format!("Derive-Secret({from}, \"{label}\", \"\")"),
        },
    }
}
