//! A section of the report: what was found out about one question.

use super::advice::Advice;

/// What was found out about one question, for the report.
pub trait Section {
    /// What the question is about.
    fn title(&self) -> &'static str;

    /// Names and values.
    fn rows(&self) -> Vec<Row>;

    /// What to change. The report has the advice of all sections above them.
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
