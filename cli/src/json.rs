//! JSON on standard output: one object per line.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handclasp::Diagnosis;
use handclasp::diagnosis::{Offer, Setting, Stage};
use handclasp_explain::Account;
use serde_json::{Map, Value as Json, json};

use crate::text_report::Output;

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

/// An account, in the form of its schema.
pub fn account(account: &Account) -> Json {
    // Every key of an account is text, so this does not fail.
    serde_json::to_value(account).unwrap_or_default()
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
