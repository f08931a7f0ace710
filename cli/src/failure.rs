//! Failures of the program: what happened, what to do, and the exit code.

use std::io;

use handclasp::alert::AlertDescription;
use handclasp::config::ConfigError;
use handclasp::{Connection, Diagnosis, Error};
use serde_json::{Value, json};

/// Why the program ends without success.
#[derive(Debug)]
pub struct Failure {
    /// 1: the handshake or a check failed. 2: the program was used in a way that cannot work.
    pub code: u8,
    /// What happened.
    pub message: String,
    /// More about it: a name and a text each.
    pub details: Vec<(&'static str, String)>,
    /// What to do about it, if that is known: one thing each.
    pub hints: Vec<String>,
    /// Why a connection failed: `advice` derives the message and the hint from it.
    pub diagnosis: Option<Box<Diagnosis>>,
    /// The error of the transport, until its connection makes a diagnosis of it.
    transport: Option<io::Error>,
}

impl Failure {
    fn new(code: u8, message: String) -> Self {
        Self {
            code,
            message,
            details: Vec::new(),
            hints: Vec::new(),
            diagnosis: None,
            transport: None,
        }
    }

    /// The handshake, the connection or a check failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(1, message.into())
    }

    /// The arguments, or the files that they name, cannot be used.
    pub fn misuse(message: impl Into<String>) -> Self {
        Self::new(2, message.into())
    }

    /// Adds what the connection knows of an error of its transport.
    pub fn at(mut self, connection: &Connection) -> Self {
        if let Some(error) = self.transport.take() {
            self.diagnosis = Some(Box::new(connection.diagnose(&error)));
        }
        self
    }

    /// The alert with which the peer has ended the connection.
    pub fn alert_received(&self) -> Option<AlertDescription> {
        self.diagnosis.as_ref()?.alert_received
    }

    /// The stable name of why a connection failed.
    pub fn code_of_diagnosis(&self) -> Option<&'static str> {
        Some(self.diagnosis.as_ref()?.code)
    }

    /// The message, the details and the hint in one line.
    pub fn line(&self) -> String {
        let mut line = self.message.clone();
        for (name, text) in &self.details {
            line += &format!("; {name}: {text}");
        }
        for hint in &self.hints {
            line += &format!("; help: {hint}");
        }
        line
    }

    /// The failure as data.
    pub fn json(&self) -> Value {
        let Self { message, hints, code, .. } = self;
        let hint = if hints.is_empty() { None } else { Some(hints.join("; ")) };
        let mut object = json!({"event": "error", "message": message, "hint": hint, "code": code});
        if let (Some(diagnosis), Some(object)) = (&self.diagnosis, object.as_object_mut()) {
            object.insert("diagnosis".into(), crate::json::diagnosis(diagnosis));
        }
        object
    }

    /// Adds a hint what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let diagnosis = error.diagnosis();
        let mut failure = Self::failed(diagnosis.happened.clone());
        failure.diagnosis = Some(Box::new(diagnosis));
        failure
    }
}

impl From<ConfigError> for Failure {
    /// Options do not fit together, or to a file.
    fn from(error: ConfigError) -> Self {
        Self::misuse(error.to_string())
    }
}

impl From<io::Error> for Failure {
    /// A transport's error, which may have a TLS error inside.
    fn from(error: io::Error) -> Self {
        if let Some(error) = Error::from_io(&error) {
            return error.clone().into();
        }
        let mut failure = Self::failed(error.to_string());
        failure.transport = Some(error);
        failure
    }
}
