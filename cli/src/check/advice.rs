//! Advice about a server.

use serde::Serialize;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Clients fail, or a rule of the RFC is broken.
    Fault,
    /// The server could be faster or safer.
    Improvement,
    /// Something to know. It does not change the verdict.
    Note,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Improvement => "improve",
            Self::Note => "note",
        }
    }

    /// The class of the page that has its colour.
    pub fn mood(self) -> &'static str {
        match self {
            Self::Fault => "bad",
            Self::Improvement => "open",
            Self::Note => "note",
        }
    }
}

/// A piece of advice: what was found, and what to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    pub severity: Severity,
    /// A stable name, for programs.
    pub code: &'static str,
    pub text: String,
}

impl Advice {
    pub fn fault(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Fault, code, text: text.into() }
    }

    pub fn improvement(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Improvement, code, text: text.into() }
    }

    pub fn note(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Note, code, text: text.into() }
    }
}

/// The answer to a question about a server.
pub trait Answer {
    /// What the question is about.
    fn title(&self) -> &'static str;

    /// Names and values.
    fn rows(&self) -> Vec<Row>;

    /// What to change.
    fn advice(&self) -> Vec<Advice> {
        Vec::new()
    }
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: &'static str,
    pub value: String,
}

impl Row {
    pub fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into() }
    }

    /// A row whose value is yes or no.
    pub fn yes_or_no(name: &'static str, value: bool) -> Self {
        Self::new(name, if value { "yes" } else { "no" })
    }
}
