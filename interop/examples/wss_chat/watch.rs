//! What the server knows about a connection: its account, and the parameters.

use std::net::SocketAddr;

use handclasp::handshake::{EarlyData, PeerParameters};
use handclasp::key_schedule::PskKind;
use handclasp::{CryptoProvider, Level, Observer};
use handclasp_explain::{
    Account, Connection, Message, MessageLevel, Options, Recorder, Side, StepKind,
};
use serde_json::{Value, json};

/// More messages than a handshake has; later ones are not listed.
const MOST_STEPS: usize = 32;

/// The record of one connection. Clones share it.
#[derive(Clone)]
pub struct Watch {
    recorder: Recorder,
    /// Its number in [`Accounts`](crate::accounts::Accounts).
    number: u64,
    client: Option<SocketAddr>,
    parameters: PeerParameters,
}

/// What each side sent until the handshake was complete, and how long it took.
#[derive(Default)]
struct Cost {
    microseconds: u64,
    received: usize,
    sent: usize,
}

impl Watch {
    pub fn new(number: u64) -> Self {
        let recorder = Recorder::new(Side::Server, Options::new(CryptoProvider::default()));
        Self { recorder, number, client: None, parameters: PeerParameters::default() }
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn observer(&self) -> Box<dyn Observer> {
        Box::new(self.recorder.clone())
    }

    /// All about the connection so far, as data.
    pub fn account(&self) -> Account {
        self.recorder.account()
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
        self.recorder.inspect(|connection| {
            let cost = cost(connection);
            json!({
                "number": self.number,
                "client": self.client.map(|client| client.to_string()),
                "suite": self.parameters.cipher_suite.map(|suite| suite.to_string()),
                "group": self.parameters.group.map(|group| group.to_string()),
                "signature": self.parameters.signature_scheme.map(|scheme| scheme.to_string()),
                "protocol": self.protocol(),
                "serverName": self.parameters.server_name,
                "resumed": self.is_resumed(),
                "retried": self.parameters.retried,
                "earlyData": self.early_data(),
                "roundTrips": connection.round_trips,
                "roundTripsBeforeData": self.waits(connection.round_trips),
                "microseconds": cost.microseconds,
                "handshakeReceived": cost.received,
                "handshakeSent": cost.sent,
                "steps": steps(connection),
            })
        })
    }

    /// The bytes and records of the connection so far.
    pub fn traffic(&self) -> Value {
        self.recorder.inspect(|connection| {
            let (received, sent) = (&connection.sizes.client, &connection.sizes.server);
            json!({
                "received": received.bytes, "receivedRecords": received.records,
                "sent": sent.bytes, "sentRecords": sent.records,
            })
        })
    }
}

fn cost(connection: &Connection) -> Cost {
    let is_complete = |step: &&handclasp_explain::Step| step.kind == StepKind::HandshakeComplete;
    let end = connection.steps.iter().find(is_complete).and_then(|step| step.time_ns);
    let Some(end) = end else { return Cost::default() };
    let mut cost = Cost { microseconds: since_start(connection, Some(end)), ..Cost::default() };
    let until_then = connection.records.iter().take_while(|record| record.time_ns <= Some(end));
    for record in until_then {
        match record.sender {
            Side::Client => cost.received += record.length,
            Side::Server => cost.sent += record.length,
        }
    }
    cost
}

/// Microseconds since the client's first record.
fn since_start(connection: &Connection, time_ns: Option<u64>) -> u64 {
    let start = connection.records.first().and_then(|record| record.time_ns);
    time_ns.unwrap_or_default().saturating_sub(start.unwrap_or_default()) / 1000
}

/// The first messages in their order, and 0-RTT data among them.
fn steps(connection: &Connection) -> Vec<Value> {
    let mut steps = Vec::new();
    for (index, record) in connection.records.iter().enumerate() {
        if steps.len() >= MOST_STEPS {
            break;
        }
        let messages = connection.messages.iter().enumerate();
        let ends_here =
            |message: &Message| message.pieces.last().is_some_and(|it| it.record == index);
        let is_data = record.content_type.is_some_and(|code| code.name == Some("application_data"));
        if is_data && record.level == Some(MessageLevel::EarlyData) {
            steps.push(json!({
                "from": "client", "name": "0-RTT data", "level": "early data",
                "bytes": record.length, "microseconds": since_start(connection, record.time_ns),
            }));
        }
        for (number, message) in messages.filter(|(_, message)| ends_here(message)) {
            steps.push(json!({
                "from": message.sender.name(), "name": message.name, "message": number,
                "level": Level::from(message.level).to_string(), "bytes": message.length,
                "microseconds": since_start(connection, message.time_ns),
            }));
        }
    }
    steps
}
