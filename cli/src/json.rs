//! Reports a handshake as JSON: one object per line.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handclasp::diagnosis::{Offer, Setting, Stage};
use handclasp::{Diagnosis, Level};
use handclasp_explain::words::FactValue;
use serde_json::{Map, Value as Json, json};

use crate::event_log::{Reporter, Step, StepKind};
use crate::text_report::Output;

/// Writes each step as a line of JSON.
pub struct JsonReport {
    out: Output,
    /// The number of the connection, on a server.
    connection: Option<u64>,
}

impl JsonReport {
    pub fn new(out: Output, connection: Option<u64>) -> Self {
        Self { out, connection }
    }
}

impl Reporter for JsonReport {
    fn step(&mut self, step: &Step) {
        let mut object = Map::new();
        if let Some(connection) = self.connection {
            object.insert("connection".into(), connection.into());
        }
        let microseconds = step.took.as_nanos() as f64 / 1e3;
        object.insert("side".into(), step.side.name().into());
        object.extend(event(&step.what));
        object.insert("microseconds".into(), microseconds.into());
        write_line(&mut self.out, &Json::Object(object));
    }
}

/// Writes data as events: each call of `write` is one event.
pub struct JsonData {
    out: Output,
}

impl JsonData {
    pub fn new(out: Output) -> Self {
        Self { out }
    }
}

impl Write for JsonData {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let event = json!({"event": "data", "bytes": data.len(), "base64": STANDARD.encode(data)});
        self.out.write_all(format!("{event}\n").as_bytes())?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes an object and a line feed in one call.
pub fn write_line(out: &mut Output, object: &Json) {
    // A failure to write must not stop the connection. `stdout` remembers it.
    let _ = out.write_all(format!("{object}\n").as_bytes()).and_then(|()| out.flush());
}

/// Why a connection failed.
pub fn diagnosis(diagnosis: &Diagnosis) -> Json {
    let lists = |offers: &[Offer]| -> Map<_, _> {
        offers.iter().map(|offer| (offer.what.code().into(), json!(offer.values))).collect()
    };
    let remedies: Vec<_> = diagnosis
        .remedies
        .iter()
        .map(|remedy| {
            let setting = remedy.setting.map(Setting::code);
            json!({"text": remedy.text, "setting": setting, "value": remedy.value})
        })
        .collect();
    json!({
        "code": diagnosis.code, "fault": diagnosis.fault.code(),
        "stage": diagnosis.stage.map(Stage::code),
        "alert_sent": diagnosis.alert_sent.map(|alert| alert.to_string()),
        "alert_received": diagnosis.alert_received.map(|alert| alert.to_string()),
        "offers": lists(&diagnosis.offers), "peer_offers": lists(&diagnosis.peer_offers),
        "causes": diagnosis.causes, "remedies": remedies,
        "bytes_received": diagnosis.bytes_received,
        "milliseconds": diagnosis.elapsed.map(|elapsed| elapsed.as_secs_f64() * 1e3),
    })
}

fn event(what: &StepKind) -> Map<String, Json> {
    let direction =
        |sent: &bool, what: &str| format!("{what}_{}", if *sent { "sent" } else { "received" });
    let object = match what {
        StepKind::Message { sent, level, name, bytes, facts } => {
            let fields: Map<_, _> = facts
                .iter()
                .map(|fact| (fact.name.replace(' ', "_"), value(&fact.value)))
                .collect();
            json!({
                "event": direction(sent, "message"), "message": name,
                "level": Level::from(*level).to_string(), "bytes": bytes, "fields": fields,
            })
        }
        StepKind::Derived { operation, label } => json!({
            "event": "key_schedule", "label": label, "operation": operation,
        }),
        StepKind::SuiteChosen(suite) => json!({"event": "cipher_suite_chosen", "suite": suite}),
        StepKind::KeysExchanged(group) => json!({"event": "keys_exchanged", "group": group}),
        StepKind::PeerVerified => json!({"event": "peer_verified"}),
        StepKind::SignatureVerified(scheme) => {
            json!({"event": "signature_verified", "scheme": scheme})
        }
        StepKind::FinishedVerified => json!({"event": "finished_verified"}),
        StepKind::NotTaken { what, reason } => {
            json!({"event": "not_taken", "what": what, "reason": reason})
        }
        StepKind::Declined { what, reason } => {
            json!({"event": "declined", "what": what, "reason": reason})
        }
        StepKind::Waiting(question) => json!({"event": "waiting", "question": question}),
        StepKind::Record { sent, kind, bytes } => json!({
            "event": direction(sent, "record"), "type": kind.to_string(), "bytes": bytes,
        }),
        StepKind::Alert { sent, name, meaning } => json!({
            "event": direction(sent, "alert"), "alert": name, "meaning": meaning,
        }),
        StepKind::Complete => json!({"event": "handshake_complete"}),
    };
    match object {
        Json::Object(object) => object,
        _ => Map::new(),
    }
}

fn value(value: &FactValue) -> Json {
    match value {
        FactValue::Text(text) => text.as_str().into(),
        FactValue::List(list) => list.as_slice().into(),
    }
}
