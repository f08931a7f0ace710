//! What all findings come to.

use serde::Serialize;

use super::advice::{Advice, Severity};

/// What all findings come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There is nothing to change.
    Good,
    /// It works, and something could be better.
    Improvable,
    /// Something is wrong.
    Faulty,
}

impl Verdict {
    pub fn of(advice: &[Advice]) -> Self {
        if has(advice, Severity::Fault) {
            Self::Faulty
        } else if has(advice, Severity::Improvement) {
            Self::Improvable
        } else {
            Self::Good
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Good => "good: there is nothing to change",
            Self::Improvable => "it works, and something could be better",
            Self::Faulty => "something is wrong",
        }
    }

    /// The CSS class of the page for its colour.
    pub fn css_class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Improvable => "open",
            Self::Faulty => "bad",
        }
    }
}

fn has(advice: &[Advice], severity: Severity) -> bool {
    advice.iter().any(|one| one.severity == severity)
}
