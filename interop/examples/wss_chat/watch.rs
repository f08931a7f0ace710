//! What the server knows about a connection, from the library's observer and from the parameters.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use handclasp::handshake::{EarlyData, PeerParameters};
use handclasp::key_schedule::PskKind;
use handclasp::registry::{ContentType, HandshakeType};
use handclasp::wire::{HELLO_RETRY_REQUEST_RANDOM, HandshakeMessage};
use handclasp::{Event, Level, Observer};
use serde_json::{Value, json};

/// More messages than a handshake has; later ones are not listed.
const MOST_STEPS: usize = 32;

/// The record of one connection. Clones share it.
#[derive(Clone)]
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    client: Option<SocketAddr>,
    parameters: PeerParameters,
}

#[derive(Default)]
struct Seen {
    /// When the client's first record arrived.
    started: Option<Instant>,
    /// The parameters when the handshake was complete.
    complete: Option<Complete>,
    steps: Vec<Value>,
    received: Traffic,
    sent: Traffic,
    round_trips: u32,
    /// Was the last message of the handshake the server's?
    servers_turn_is_over: bool,
}

#[derive(Clone, Copy, Default)]
struct Traffic {
    bytes: usize,
    records: usize,
}

#[derive(Clone, Copy)]
struct Complete {
    microseconds: u64,
    received: usize,
    sent: usize,
}

struct Watcher(Arc<Mutex<Seen>>);

impl Observer for Watcher {
    fn event(&mut self, event: &Event<'_>) {
        lock(&self.0).event(event);
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::RecordReceived(record) => {
                self.started.get_or_insert_with(Instant::now);
                self.received.add(record.length);
                if record.content_type == ContentType::APPLICATION_DATA && self.complete.is_none() {
                    self.step("client", "0-RTT data", Level::EarlyData, record.length);
                }
            }
            Event::RecordSent(record) => self.sent.add(record.length),
            Event::MessageReceived(level, message) => {
                let turn = std::mem::take(&mut self.servers_turn_is_over);
                if turn && self.complete.is_none() {
                    self.round_trips += 1;
                }
                self.step("client", &name(message), *level, message.bytes.len());
            }
            Event::MessageSent(level, message) => {
                self.servers_turn_is_over = true;
                self.step("server", &name(message), *level, message.bytes.len());
            }
            Event::HandshakeComplete => {
                let (received, sent) = (self.received.bytes, self.sent.bytes);
                self.complete = Some(Complete { microseconds: self.age(), received, sent });
            }
            _ => {}
        }
    }

    fn age(&self) -> u64 {
        let age = self.started.map(|started| started.elapsed().as_micros());
        u64::try_from(age.unwrap_or_default()).unwrap_or(u64::MAX)
    }

    fn step(&mut self, from: &str, name: &str, level: Level, bytes: usize) {
        if self.steps.len() < MOST_STEPS {
            let level = level.to_string();
            let at = self.age();
            self.steps.push(json!({
                "from": from, "name": name, "level": level, "bytes": bytes, "microseconds": at,
            }));
        }
    }
}

impl Traffic {
    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.records += 1;
    }
}

/// The name as RFC 9846 writes it: CertificateVerify, not certificate_verify.
fn name(message: &HandshakeMessage<'_>) -> String {
    let retry = message.kind == HandshakeType::SERVER_HELLO
        && message.body.get(2..34) == Some(&HELLO_RETRY_REQUEST_RANDOM[..]);
    if retry {
        return "HelloRetryRequest".into();
    }
    let upper = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_uppercase() + rest,
        None => String::new(),
    };
    message.kind.to_string().split('_').map(upper).collect()
}

impl Watch {
    pub fn new() -> Self {
        Self { seen: Arc::default(), client: None, parameters: PeerParameters::default() }
    }

    pub fn observer(&self) -> Box<dyn Observer> {
        Box::new(Watcher(Arc::clone(&self.seen)))
    }

    /// The handshake is complete.
    pub fn settle(&mut self, client: SocketAddr, parameters: &PeerParameters) {
        self.client = Some(client);
        self.parameters = parameters.clone();
    }

    fn is_resumed(&self) -> bool {
        self.parameters.pre_shared_key == Some(PskKind::Resumption)
    }

    fn early_data(&self) -> &'static str {
        match self.parameters.early_data {
            EarlyData::Accepted => "accepted",
            EarlyData::Rejected => "rejected",
            _ => "not offered",
        }
    }

    fn protocol(&self) -> String {
        let protocol = self.parameters.application_protocol.as_deref();
        protocol.map_or("none".into(), |name| String::from_utf8_lossy(name).into_owned())
    }

    /// How often the client had waited for the server before its first data could be read.
    fn waits(&self, round_trips: u32) -> u32 {
        match self.parameters.early_data {
            EarlyData::Accepted => 0,
            _ => round_trips,
        }
    }

    /// One line for the terminal.
    pub fn summary(&self, what: &str) -> String {
        let show = |value: Option<String>| value.unwrap_or_default();
        format!(
            "{}  {what}  {}  {}  {}  {}  0-RTT {}",
            show(self.client.map(|client| client.to_string())),
            if self.is_resumed() { "resumed" } else { "full" },
            show(self.parameters.cipher_suite.map(|suite| suite.to_string())),
            show(self.parameters.group.map(|group| group.to_string())),
            self.protocol(),
            self.early_data(),
        )
    }

    /// The result of the handshake.
    pub fn facts(&self) -> Value {
        let seen = lock(&self.seen);
        let complete = seen.complete.unwrap_or(Complete { microseconds: 0, received: 0, sent: 0 });
        json!({
            "client": self.client.map(|client| client.to_string()),
            "suite": self.parameters.cipher_suite.map(|suite| suite.to_string()),
            "group": self.parameters.group.map(|group| group.to_string()),
            "signature": self.parameters.signature_scheme.map(|scheme| scheme.to_string()),
            "protocol": self.protocol(),
            "serverName": self.parameters.server_name,
            "resumed": self.is_resumed(),
            "retried": self.parameters.retried,
            "earlyData": self.early_data(),
            "roundTrips": seen.round_trips,
            "roundTripsBeforeData": self.waits(seen.round_trips),
            "microseconds": complete.microseconds,
            "handshakeReceived": complete.received,
            "handshakeSent": complete.sent,
            "steps": seen.steps,
        })
    }

    /// The bytes and records of the connection so far.
    pub fn traffic(&self) -> Value {
        let Seen { received, sent, .. } = *lock(&self.seen);
        json!({
            "received": received.bytes, "receivedRecords": received.records,
            "sent": sent.bytes, "sentRecords": sent.records,
        })
    }
}
