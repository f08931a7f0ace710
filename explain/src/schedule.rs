//! Builds the graph of the key schedule.

use std::collections::HashMap;

use handclasp::observer::{KeyScheduleOperation, KeyScheduleStep, SecretId};

use crate::account::{Hex, Message, Operation, SecretKind, SecretNode, Side, TranscriptEnd};
use crate::limits::MAX_SECRETS;

/// There are [`MAX_SECRETS`] nodes already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScheduleIsFull;

/// The nodes so far, and which secret each of them is.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    nodes: Vec<SecretNode>,
    places: HashMap<SecretId, usize>,
}

impl Schedule {
    /// Adds a step that the observer saw. One that makes the same secret again is left out.
    pub(crate) fn add(
        &mut self,
        step: &KeyScheduleStep<'_>,
        time_ns: Option<u64>,
        after_messages: usize,
    ) -> Result<(), ScheduleIsFull> {
        if self.places.contains_key(&step.output) {
            return Ok(());
        }
        let operation = match step.operation {
            KeyScheduleOperation::Extract => Operation::Extract,
            _ => Operation::Expand,
        };
        let from = self.places.get(&step.secret).copied();
        let value = step.values.as_ref().map(|values| Hex::from(values.output));
        let mut node = self.node(operation, step.label, from);
        node.time_ns = time_ns;
        node.after_messages = Some(after_messages);
        node.value = value;
        let index = self.push(node)?;
        self.places.insert(step.output, index);
        Ok(())
    }

    fn push(&mut self, node: SecretNode) -> Result<usize, ScheduleIsFull> {
        if self.nodes.len() >= MAX_SECRETS {
            return Err(ScheduleIsFull);
        }
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    /// A node of this label, whose secret is not known.
    fn node(&self, operation: Operation, label: &str, from: Option<usize>) -> SecretNode {
        let parent = from.and_then(|index| self.nodes.get(index));
        SecretNode {
            operation,
            label: label.to_owned(),
            kind: kind(operation, label),
            from,
            transcript_to: transcript_to(label),
            protects: protects(label).or_else(|| parent.and_then(|parent| parent.protects)),
            key_log_label: key_log_label(label),
            time_ns: None,
            after_messages: None,
            value: None,
        }
    }

    /// Adds a node whose value is known or not, and returns its index.
    pub(crate) fn place(
        &mut self,
        operation: Operation,
        label: &str,
        from: Option<usize>,
        value: Option<Hex>,
    ) -> Result<usize, ScheduleIsFull> {
        let mut node = self.node(operation, label, from);
        node.value = value;
        self.push(node)
    }

    /// The graph, with the places of its transcripts among these messages.
    pub(crate) fn nodes(&self, messages: &[Message]) -> Vec<SecretNode> {
        let mut nodes = self.nodes.clone();
        for node in &mut nodes {
            if let Some(end) = &mut node.transcript_to {
                end.message = last_of_transcript(&node.label, end.message_name, messages);
                if node.after_messages.is_none() {
                    node.after_messages = end.message.map(|index| index + 1);
                }
            }
        }
        nodes
    }
}

fn last_of_transcript(label: &str, name: &str, messages: &[Message]) -> Option<usize> {
    let sender = match label {
        "c e traffic" | "e exp master" | "res master" => Side::Client,
        _ => Side::Server,
    };
    messages.iter().position(|message| message.name == name && message.sender == sender)
}

/// The last message that is in a secret of this label (RFC 9846, section 7.1).
fn transcript_to(label: &str) -> Option<TranscriptEnd> {
    let message_name = match label {
        "c e traffic" | "e exp master" => "ClientHello",
        "c hs traffic" | "s hs traffic" => "ServerHello",
        "c ap traffic" | "s ap traffic" | "exp master" | "res master" => "Finished",
        _ => return None,
    };
    Some(TranscriptEnd { message_name, message: None })
}

fn protects(label: &str) -> Option<Side> {
    match label {
        "c e traffic" | "c hs traffic" | "c ap traffic" => Some(Side::Client),
        "res binder" | "ext binder" | "imp binder" => Some(Side::Client),
        "s hs traffic" | "s ap traffic" => Some(Side::Server),
        _ => None,
    }
}

fn kind(operation: Operation, label: &str) -> SecretKind {
    match (operation, label) {
        (Operation::Extract, _) => SecretKind::Stage,
        (_, "derived") => SecretKind::Derived,
        (_, "res binder" | "ext binder" | "imp binder") => SecretKind::BinderKey,
        (_, "c e traffic" | "c hs traffic" | "s hs traffic") => SecretKind::TrafficSecret,
        (_, "c ap traffic" | "s ap traffic" | "traffic upd") => SecretKind::TrafficSecret,
        (_, "e exp master" | "exp master") => SecretKind::ExporterSecret,
        (_, "res master") => SecretKind::ResumptionSecret,
        (_, "resumption") => SecretKind::TicketKey,
        (_, "key") => SecretKind::RecordKey,
        (_, "iv") => SecretKind::RecordIv,
        (_, "finished") => SecretKind::FinishedKey,
        _ => SecretKind::Other,
    }
}

/// The name in a key log (RFC 9850, section 2.1).
fn key_log_label(label: &str) -> Option<&'static str> {
    Some(match label {
        "c e traffic" => "CLIENT_EARLY_TRAFFIC_SECRET",
        "e exp master" => "EARLY_EXPORTER_SECRET",
        "c hs traffic" => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "s hs traffic" => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "c ap traffic" => "CLIENT_TRAFFIC_SECRET_0",
        "s ap traffic" => "SERVER_TRAFFIC_SECRET_0",
        "exp master" => "EXPORTER_SECRET",
        _ => return None,
    })
}
