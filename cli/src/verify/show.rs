//! Prints a result, and the tree of candidates that led to it.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use handclasp::certificate::{Attempt, Explanation, Outcome};
use handclasp::crypto::CryptoProvider;
use handclasp_explain::Certificate;
use serde_json::{Value, json};

use super::case::Case;
use crate::certificates;
use crate::json::write_line;
use crate::stdout::stdout;
use crate::text_report::{dim, paint};

/// Prints it as text, with the certificate if it is accepted.
pub fn tree(case: &Case, explanation: &Explanation) {
    let mut text = String::new();
    for attempt in &explanation.attempts {
        let indent = "   ".repeat(attempt.depth);
        let (mark, colour) = match attempt.outcome {
            Outcome::Accepted => ("✓", AnsiColor::Green),
            Outcome::Failed(_) => ("✗", AnsiColor::Red),
            _ => ("·", AnsiColor::Yellow),
        };
        let mark = paint(Style::new().fg_color(Some(colour.into())), mark);
        let subject = paint(Style::new().bold(), &attempt.subject);
        let place = paint(dim(), &format!("({})", attempt.place));
        text += &format!("{indent}{mark} {subject} {place}\n");
        if let Some(why) = why(attempt) {
            text += &format!("{indent}     {why}\n");
        }
    }
    if explanation.omitted > 0 {
        text += &format!("   ... and {} more candidates\n", explanation.omitted);
    }
    if let Ok(path) = &explanation.result {
        let accepted = Style::new().fg_color(Some(AnsiColor::Green.into())).bold();
        text += &format!("{} {path}\n", paint(accepted, "accepted:"));
        text += &certificates::text("The certificate", &end_entity(case));
    }
    // `stdout` remembers a failure.
    let _ = stdout().write_all(text.as_bytes());
}

/// Remarks about a result.
pub fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", paint(dim(), &format!("note: {text}")));
}

/// As JSON: one object.
pub fn json(case: &Case, explanation: &Explanation) {
    let attempts: Vec<_> = explanation.attempts.iter().map(attempt).collect();
    let mut object = match &explanation.result {
        Ok(path) => json!({
            "verdict": "accepted", "reason": "accepted", "detail": path.to_string(),
            "path": path.subjects(),
        }),
        Err(error) => json!({
            "verdict": "rejected", "reason": case.code(error), "detail": error.to_string(),
            "path": [], "certificate": error.certificate, "remedy": error.kind.remedy(),
        }),
    };
    object["end_entity"] = serde_json::to_value(end_entity(case)).unwrap_or_default();
    object["attempts"] = attempts.into();
    object["omitted"] = explanation.omitted.into();
    let mut out = stdout();
    write_line(&mut out, &object);
}

/// What is in the certificate, at the time of the verification.
fn end_entity(case: &Case) -> Certificate {
    Certificate::from_der(&case.end_entity, &CryptoProvider::default(), case.time)
}

fn attempt(attempt: &Attempt) -> Value {
    let (outcome, reason) = match &attempt.outcome {
        Outcome::Accepted => ("accepted", None),
        Outcome::Failed(error) => ("failed", Some(error.kind.code())),
        _ => ("led_nowhere", None),
    };
    json!({
        "depth": attempt.depth, "subject": attempt.subject, "place": attempt.place.to_string(),
        "outcome": outcome, "reason": reason, "detail": why(attempt),
    })
}

fn why(attempt: &Attempt) -> Option<String> {
    match &attempt.outcome {
        Outcome::Failed(error) => Some(error.to_string()),
        _ => None,
    }
}
