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

    /// The CSS class of the page for its colour.
    pub fn css_class(self) -> &'static str {
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
