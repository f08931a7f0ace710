//! Findings as text, as wide as the terminal.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use handclasp_explain::words::counted;

use super::advice::Severity;
use super::findings::Findings;
use crate::stdout::stdout;
use crate::text_report::{dim, field, heading, paint};

/// Writes the findings to standard output.
pub fn write(findings: &Findings) {
    let mut text = heading(&format!("{}: {}", findings.server, findings.verdict.words()));
    for advice in &findings.advice {
        text += &field(advice.severity.name(), &advice.text, style(advice.severity));
    }
    for section in findings.sections() {
        text += &format!("\n{}", heading(section.title()));
        for row in section.rows() {
            text += &field(row.name, &row.value, Style::new());
        }
    }
    let connections = usize::try_from(findings.connections).unwrap_or_default();
    let connections = counted(connections, "connection");
    let seconds = findings.milliseconds as f64 / 1e3;
    text += &format!("\n{}\n", paint(dim(), &format!("{connections} in {seconds:.1} seconds")));
    // `stdout` remembers a failure.
    let _ = stdout().write_all(text.as_bytes());
}

fn style(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Fault => AnsiColor::Red,
        Severity::Improvement => AnsiColor::Yellow,
        Severity::Note => AnsiColor::Cyan,
    };
    Style::new().fg_color(Some(colour.into()))
}
