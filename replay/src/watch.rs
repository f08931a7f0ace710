//! What a connection did, recorded by its observer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handclasp::observer::{Event, KeyScheduleOperation, Observer};
use handclasp::pki_types::{ServerName, UnixTime};
use handclasp::registry::HandshakeType;
use handclasp::session::{ClientSession, ClientSessionStore};

use crate::Role;

/// A step of the key schedule with its values.
#[derive(Clone, Debug)]
pub(crate) struct Derivation {
    pub operation: KeyScheduleOperation,
    pub label: String,
    pub secret: Vec<u8>,
    pub input: Vec<u8>,
    pub output: Vec<u8>,
}

impl Derivation {
    /// The HkdfLabel of RFC 9846, section 7.1: what RFC 8448 calls `info`.
    pub(crate) fn info(&self) -> Vec<u8> {
        let label = format!("tls13 {}", self.label);
        let mut info = Vec::with_capacity(64);
        info.extend_from_slice(&(self.output.len() as u16).to_be_bytes());
        info.push(label.len() as u8);
        info.extend_from_slice(label.as_bytes());
        info.push(self.input.len() as u8);
        info.extend_from_slice(&self.input);
        info
    }
}

/// Everything that was seen of one connection.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub derivations: Vec<Derivation>,
    /// The last ClientHello, sent or received.
    pub client_hello: Vec<u8>,
    /// Handshake messages that were sent, in order.
    pub sent: Vec<Vec<u8>>,
    /// The `verify_data` of both Finished, the server's first. The peer's is here only after the
    /// handshake found it equal to its own calculation.
    pub finished: Vec<Vec<u8>>,
    /// The PSK that came with a ticket.
    pub psk: Option<Vec<u8>>,
    /// The session that this connection resumes.
    pub resumes: Option<ClientSession>,
    unverified: Vec<u8>,
}

impl Seen {
    /// The `occurrence`th derivation with this operation and label.
    pub(crate) fn find(
        &self,
        operation: KeyScheduleOperation,
        label: &str,
        occurrence: usize,
    ) -> Option<&Derivation> {
        let same = |step: &&Derivation| step.operation == operation && step.label == label;
        self.derivations.iter().filter(same).nth(occurrence)
    }

    /// What was expanded from the traffic secret of this sender and epoch with this label.
    pub(crate) fn of_traffic(&self, from: Role, epoch: &str, label: &str) -> Option<&Derivation> {
        let traffic = match (from, epoch) {
            (Role::Client, "early" | "early application") => "c e traffic",
            (Role::Client, "handshake") => "c hs traffic",
            (Role::Server, "handshake") => "s hs traffic",
            (Role::Client, "application") => "c ap traffic",
            (Role::Server, "application") => "s ap traffic",
            _ => return None,
        };
        let traffic = self.find(KeyScheduleOperation::Expand, traffic, 0)?;
        let ours = |step: &&Derivation| step.label == label && step.secret == traffic.output;
        self.derivations.iter().find(ours)
    }
}

/// The observer of a replay. Its clones see the same connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watcher(Arc<Mutex<Seen>>);

impl Watcher {
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watcher {
    fn event(&mut self, event: &Event<'_>) {
        let mut seen = self.seen();
        if let Event::MessageSent(_, message) | Event::MessageReceived(_, message) = event {
            if message.kind == HandshakeType::CLIENT_HELLO {
                seen.client_hello = message.bytes.to_vec();
            }
        }
        match event {
            Event::MessageSent(_, message) => {
                seen.sent.push(message.bytes.to_vec());
                if message.kind == HandshakeType::FINISHED {
                    seen.finished.push(message.body.to_vec());
                }
            }
            Event::MessageReceived(_, message) if message.kind == HandshakeType::FINISHED => {
                seen.unverified = message.body.to_vec();
            }
            Event::FinishedVerified => {
                let verified = core::mem::take(&mut seen.unverified);
                seen.finished.push(verified);
            }
            Event::KeySchedule(step) => {
                let Some(values) = &step.values else { return };
                seen.derivations.push(Derivation {
                    operation: step.operation,
                    label: step.label.to_owned(),
                    secret: values.secret.to_vec(),
                    input: values.input.to_vec(),
                    output: values.output.to_vec(),
                });
            }
            _ => {}
        }
    }

    fn wants_secrets(&self) -> bool {
        true
    }
}

impl ClientSessionStore for Watcher {
    fn put(&self, session: ClientSession) {
        self.seen().psk = Some(session.secret().as_bytes().to_vec());
    }

    /// What the trace resumes, once.
    fn take(&self, _: &ServerName<'static>, _: UnixTime) -> Option<ClientSession> {
        self.seen().resumes.take()
    }
}
