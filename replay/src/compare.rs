//! A run beside its trace, value by value.

use std::collections::HashMap;
use std::sync::PoisonError;

use handclasp::crypto::CryptoProvider;
use handclasp::observer::KeyScheduleOperation::{Expand, Extract};
use handclasp::record::HEADER_LENGTH;
use handclasp::registry::{CipherSuiteId, ContentType, HandshakeType};
use handclasp::wire::{ClientHello, HandshakeMessage};

use crate::run::Run;
use crate::vectors::{Bytes, Record, Step, Trace, Value};
use crate::watch::{Derivation, Seen};
use crate::{Check, Role};

/// Every comparison of this run.
pub(crate) fn compare(role: Role, trace: &Trace, run: &Run) -> Vec<Check> {
    let seen = &*run.watcher.seen();
    let mut comparison = Comparison { role, trace, run, seen, checks: Vec::new() };
    comparison.steps();
    comparison.records();
    comparison.derived();
    comparison.checks
}

struct Comparison<'a> {
    role: Role,
    trace: &'a Trace,
    run: &'a Run,
    seen: &'a Seen,
    checks: Vec<Check>,
}

impl<'a> Comparison<'a> {
    fn check(&mut self, step: &str, value: &str, expected: &[u8], actual: Option<Vec<u8>>) {
        self.checks.push(Check {
            role: self.role,
            step: step.to_owned(),
            value: value.to_owned(),
            expected: expected.to_vec(),
            actual,
        });
    }

    /// Every step of this side that the RFC prints.
    fn steps(&mut self) {
        let (role, trace) = (self.role, self.trace);
        let own_records = |record: &&Record| record.side == role;
        let mut records = trace.derived.records.iter().filter(own_records).enumerate();
        let mut messages = self.seen.sent.iter();
        let shares = self.run.shares.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut shares = shares.into_iter();
        let mut occurrences = HashMap::new();
        for step in trace.steps.steps.iter().filter(|step| step.side == role) {
            let count: &mut usize = occurrences.entry(step.action.as_str()).or_default();
            let occurrence = core::mem::replace(count, *count + 1);
            let values = values_of(step, occurrence, trace);
            let actual: Actual = if step.action.starts_with("create an ephemeral") {
                let share = shares.next();
                Box::new(move |value| (value == "public key").then(|| share.clone()).flatten())
            } else if step.action.starts_with("construct ") {
                let message = messages.next().map(|message| without_binders(message).to_vec());
                Box::new(move |_| message.clone())
            } else if step.action == "calculate PSK binder" {
                self.binder()
            } else if step.action.starts_with("send ") {
                let sent = records.next().map(|(index, record)| {
                    let bytes = self.run.emitted.get(index).cloned();
                    let opened = bytes.as_ref().and_then(|bytes| self.open(record, bytes));
                    (bytes, opened)
                });
                Box::new(move |value| {
                    let (bytes, opened) = sent.as_ref()?;
                    match value {
                        "complete record" => bytes.clone(),
                        _ => opened.as_ref().map(|opened| opened.payload.clone()),
                    }
                })
            } else {
                self.key_schedule(step, occurrence)
            };
            for value in values {
                // A private key is what the run was given: the public key says that it was used.
                if value.name != "private key" {
                    let actual = actual(&value.name);
                    self.check(&step.action, &value.name, &value.hex.0, actual);
                }
            }
        }
    }

    /// The values of the binder: over the ClientHello that was sent or came.
    fn binder(&self) -> Actual<'a> {
        let seen = self.seen;
        let key = seen.find(Expand, "res binder", 0).map(|key| &key.output);
        let expanded = seen
            .derivations
            .iter()
            .find(|it| it.operation == Expand && it.label == "finished" && Some(&it.secret) == key);
        let prefix = without_binders(&seen.client_hello);
        let sha256 = CryptoProvider::default().sha256;
        let hash = sha256.digest(prefix);
        Box::new(move |value| match value {
            "ClientHello prefix" => Some(prefix.to_vec()),
            "binder hash" => Some(hash.to_vec()),
            "finished" => {
                let mac = sha256.hmac_key(&expanded?.output).sign(&[&*hash]).ok()?;
                Some(mac.as_bytes().to_vec())
            }
            value => expansion(expanded?, value),
        })
    }

    /// The values of a step of the key schedule.
    fn key_schedule(&self, step: &Step, occurrence: usize) -> Actual<'a> {
        let seen = self.seen;
        let label = step.label.as_deref().unwrap_or_default();
        let label = label.strip_prefix("tls13 ").unwrap_or(label);
        if step.action.starts_with("extract secret") {
            // RFC 8448 is older than the name of the main secret.
            let stage = if label == "master" { "main" } else { label };
            let derivation = seen.find(Extract, stage, 0);
            return Box::new(move |value| {
                let derivation = derivation?;
                Some(match value {
                    "salt" => derivation.secret.clone(),
                    "IKM" => derivation.input.clone(),
                    "secret" => derivation.output.clone(),
                    _ => return None,
                })
            });
        }
        if let Some((from, epoch)) = traffic_keys(step) {
            let [key, iv] = ["key", "iv"].map(|label| seen.of_traffic(from, epoch, label));
            return Box::new(move |value| {
                Some(match value {
                    "PRK" => key?.secret.clone(),
                    "key info" => key?.info(),
                    "key expanded" => key?.output.clone(),
                    "iv info" => iv?.info(),
                    "iv expanded" => iv?.output.clone(),
                    _ => return None,
                })
            });
        }
        if label == "finished" {
            // Each side calculates the server's first.
            let from = [Role::Server, Role::Client].get(occurrence).copied();
            let derivation = from.and_then(|from| seen.of_traffic(from, "handshake", label));
            let verify_data = seen.finished.get(occurrence);
            return Box::new(move |value| match value {
                "finished" => verify_data.cloned(),
                value => expansion(derivation?, value),
            });
        }
        // "derived" is there twice, and its two steps have different names.
        let occurrence = usize::from(step.action.contains("for master"));
        let derivation = seen.find(Expand, label, occurrence);
        Box::new(move |value| expansion(derivation?, value))
    }

    /// Every record of both sides: our own as they were sent, the peer's opened with our keys.
    fn records(&mut self) {
        let trace = self.trace;
        let mut emitted = self.run.emitted.iter();
        let mut data = self.run.data.iter();
        for (number, record) in trace.derived.records.iter().enumerate() {
            let step = format!("record {number}, from the {}", record.side);
            let own = record.side == self.role;
            let bytes = if own { emitted.next() } else { Some(&record.record.0) };
            if own {
                self.check(&step, "record", &record.record.0, bytes.cloned());
            } else if record.content_type == ContentType::APPLICATION_DATA.0 {
                self.check(&step, "data", &record.payload.0, data.next().cloned());
            }
            let opened = bytes.and_then(|bytes| self.open(record, bytes));
            // The peer's plaintext would only be compared with itself.
            if own || record.key.is_some() {
                let payload = opened.as_ref().map(|opened| opened.payload.clone());
                self.check(&step, "payload", &record.payload.0, payload);
            }
            for (name, expected, actual) in [
                ("key", &record.key, opened.as_ref().map(|opened| &opened.key)),
                ("iv", &record.iv, opened.as_ref().map(|opened| &opened.iv)),
                ("nonce", &record.nonce, opened.as_ref().map(|opened| &opened.nonce)),
                ("inner plaintext", &record.inner_plaintext, opened.as_ref().map(|o| &o.inner)),
            ] {
                if let Some(expected) = expected {
                    self.check(&step, name, &expected.0, actual.cloned());
                }
            }
        }
    }

    /// Opens a record with the keys that this run derived.
    fn open(&self, record: &Record, bytes: &[u8]) -> Option<Opened> {
        let (header, body) = bytes.split_at_checked(HEADER_LENGTH)?;
        if record.key.is_none() {
            return Some(Opened { payload: body.to_vec(), ..Opened::default() });
        }
        let key = self.seen.of_traffic(record.side, &record.epoch, "key")?.output.clone();
        let iv = self.seen.of_traffic(record.side, &record.epoch, "iv")?.output.clone();
        let mut nonce: [u8; 12] = iv.as_slice().try_into().ok()?;
        for (byte, sequence) in nonce.iter_mut().skip(4).zip(record.seq.to_be_bytes()) {
            *byte ^= sequence;
        }
        let mut body = body.to_vec();
        let provider = CryptoProvider::default();
        let suite = provider.cipher_suite(CipherSuiteId::TLS_AES_128_GCM_SHA256)?;
        let aead = suite.aead.key(&key).ok()?;
        let inner = aead.open(nonce, header, &mut body).ok()?.to_vec();
        let end = inner.iter().rposition(|byte| *byte != 0)?;
        let payload = inner.get(..end)?.to_vec();
        Some(Opened { key, iv, nonce: nonce.to_vec(), inner, payload })
    }

    /// Secrets and hashes that stand beside the steps.
    fn derived(&mut self) {
        self.secrets();
        self.traffic_secrets();
        self.transcript_hashes();
        self.pre_shared_key();
    }

    fn check_derived(&mut self, name: &str, expected: &Bytes, actual: Option<Vec<u8>>) {
        self.check("derived", name, &expected.0, actual);
    }

    fn secrets(&mut self) {
        let (derived, seen) = (&self.trace.derived, self.seen);
        let extracted = |label| seen.find(Extract, label, 0).map(output);
        let expanded = |label| seen.find(Expand, label, 0).map(output);
        let exchanged = seen.find(Extract, "handshake", 0).map(input);
        self.check_derived("ecdhe", &derived.ecdhe, exchanged);
        for (name, expected, actual) in [
            ("early_secret", &derived.early_secret, extracted("early")),
            ("handshake_secret", &derived.handshake_secret, extracted("handshake")),
            ("master_secret", &derived.master_secret, extracted("main")),
            ("exporter_master_secret", &derived.exporter_master_secret, expanded("exp master")),
            ("resumption_master_secret", &derived.resumption_master_secret, expanded("res master")),
        ] {
            self.check_derived(name, expected, actual);
        }
    }

    fn traffic_secrets(&mut self) {
        let (secrets, seen) = (&self.trace.derived.secrets, self.seen);
        for (name, expected, label) in [
            ("client_handshake_traffic", &secrets.client_handshake_traffic, "c hs traffic"),
            ("server_handshake_traffic", &secrets.server_handshake_traffic, "s hs traffic"),
            ("client_application_traffic", &secrets.client_application_traffic, "c ap traffic"),
            ("server_application_traffic", &secrets.server_application_traffic, "s ap traffic"),
        ] {
            self.check_derived(name, expected, seen.find(Expand, label, 0).map(output));
        }
        if let Some(expected) = &secrets.client_early_traffic {
            let early = seen.find(Expand, "c e traffic", 0).map(output);
            self.check_derived("client_early_traffic", expected, early);
        }
    }

    fn transcript_hashes(&mut self) {
        let (derived, seen) = (&self.trace.derived, self.seen);
        for (name, expected, label) in [
            ("hash_ch_sh", &derived.hash_ch_sh, "c hs traffic"),
            ("hash_to_server_finished", &derived.hash_to_server_finished, "c ap traffic"),
            ("hash_to_client_finished", &derived.hash_to_client_finished, "res master"),
        ] {
            self.check_derived(name, expected, seen.find(Expand, label, 0).map(input));
        }
    }

    /// The key that this connection resumes with, and the one of the ticket that it gets.
    fn pre_shared_key(&mut self) {
        let (trace, seen) = (self.trace, self.seen);
        if let Some(expected) = &trace.derived.psk {
            self.check_derived("psk", expected, seen.find(Extract, "early", 0).map(input));
        }
        let resumption = "generate resumption secret \"tls13 resumption\"";
        let mut steps = trace.steps.steps.iter();
        let psk = steps.find(|step| step.action == resumption && step.same_as.is_none());
        if let (Some(psk), Role::Client) = (psk.and_then(|step| step.value("expanded")), self.role)
        {
            self.check(resumption, "PSK of the ticket", psk, seen.psk.clone());
        }
    }
}

fn output(derivation: &Derivation) -> Vec<u8> {
    derivation.output.clone()
}

fn input(derivation: &Derivation) -> Vec<u8> {
    derivation.input.clone()
}

/// A record, opened.
#[derive(Default)]
struct Opened {
    key: Vec<u8>,
    iv: Vec<u8>,
    nonce: Vec<u8>,
    inner: Vec<u8>,
    payload: Vec<u8>,
}

/// What the run has for a value of a step, by its name.
type Actual<'a> = Box<dyn Fn(&str) -> Option<Vec<u8>> + 'a>;

fn expansion(derivation: &Derivation, value: &str) -> Option<Vec<u8>> {
    Some(match value {
        "PRK" => derivation.secret.clone(),
        "hash" => derivation.input.clone(),
        "info" => derivation.info(),
        "expanded" => derivation.output.clone(),
        _ => return None,
    })
}

/// The message up to its binders, which the RFC prints by themselves.
fn without_binders(message: &[u8]) -> &[u8] {
    let split = HandshakeMessage::split(message);
    let hello = split.filter(|(message, _)| message.kind == HandshakeType::CLIENT_HELLO);
    let hello = hello.and_then(|(message, _)| ClientHello::parse(message.body).ok());
    let binders = hello.and_then(|hello| hello.pre_shared_keys);
    let end = message.len() - binders.map_or(0, |keys| keys.binders_length());
    &message[..end]
}

/// Whose records the keys of this step protect, and in which epoch; `None` for another step.
fn traffic_keys(step: &Step) -> Option<(Role, &str)> {
    let rest = step.action.strip_prefix("derive ")?;
    let (from, rest) = match rest.strip_prefix("write traffic keys for ") {
        Some(rest) => (step.side, rest),
        None => (step.side.peer(), rest.strip_prefix("read traffic keys for ")?),
    };
    Some((from, rest.strip_suffix(" data")?))
}

/// The values of a step; those of the other side's step where the RFC says "same as".
fn values_of<'a>(step: &'a Step, occurrence: usize, trace: &'a Trace) -> &'a [Value] {
    if step.same_as.is_none() {
        return &step.values;
    }
    // What one side writes with, the other reads with.
    let action = match step.action.split_once(" traffic keys ") {
        Some(("derive write", rest)) => format!("derive read traffic keys {rest}"),
        Some(("derive read", rest)) => format!("derive write traffic keys {rest}"),
        _ => step.action.clone(),
    };
    let other = step.side.peer();
    let mut steps =
        trace.steps.steps.iter().filter(|step| step.side == other && step.action == action);
    steps.nth(occurrence).map_or(&[], |step| &step.values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Vectors;

    #[test]
    fn every_step_has_values_of_its_own_or_of_the_other_side() {
        let vectors = Vectors::embedded().unwrap();
        for section in [3, 5, 6, 7] {
            let trace = vectors.trace(section).unwrap();
            let mut occurrences = HashMap::new();
            for step in &trace.steps.steps {
                let count: &mut usize = occurrences.entry((step.side, &step.action)).or_default();
                let values = values_of(step, *count, trace);
                assert!(!values.is_empty(), "section {section}, {}: {}", step.side, step.action);
                *count += 1;
            }
        }
    }
}
