//! `handclasp vectors`: replays the traces of RFC 8448, and prints each comparison.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use handclasp_replay::{Check, Report, Status, Vectors, replay_all};
use serde_json::json;

use crate::failure::Failure;
use crate::json::write_line;
use crate::stdout::stdout;
use crate::text_report::{Output, heading, paint};

/// The options of `vectors`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The directory of the vectors, instead of those in the program
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Replays all traces, in both roles.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let vectors = match &arguments.directory {
        Some(directory) => Vectors::load(directory),
        None => Vectors::embedded(),
    };
    let vectors = vectors.map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        let place = arguments.directory.as_ref();
        let place = place.map(|place| format!("{}: ", place.display())).unwrap_or_default();
        Failure::misuse(format!("{place}{error}{cause}"))
            .hint("DIR must hold the project's vectors; without it, those in the program are used")
    })?;
    let mut printer = Printer { out: stdout(), json };
    let (mut checks, mut failed) = (0, 0);
    for report in replay_all(&vectors) {
        printer.report(&report);
        // A replay that stopped has not checked the rest: that is one more failure.
        let stopped = usize::from(matches!(report.status, Status::Stopped(_)));
        checks += report.total() + stopped;
        failed += report.failures().count() + stopped;
    }
    printer.summary(checks, failed);
    match failed {
        0 if checks > 0 => Ok(()),
        0 => Err(Failure::failed("nothing was checked")),
        _ => Err(Failure::failed("handclasp and the traces of RFC 8448 differ")),
    }
}

struct Printer {
    out: Output,
    json: bool,
}

impl Printer {
    fn report(&mut self, report: &Report) {
        let Report { section, title, role, .. } = report;
        if !self.json {
            let title = format!("RFC 8448, section {section}: {title} (handclasp is the {role})");
            self.print(&heading(&title));
        }
        for check in &report.checks {
            self.check(*section, check);
        }
        let status = match &report.status {
            Status::Complete => "complete".to_owned(),
            Status::Stopped(why) => format!("stopped: {why}"),
        };
        if self.json {
            write_line(
                &mut self.out,
                &json!({
                    "event": "report", "section": section, "title": title, "role": role.to_string(),
                    "checks": report.total(), "failed": report.failures().count(),
                    "bytes": report.bytes(), "status": status,
                }),
            );
        } else {
            let (passed, total, bytes) = (report.passed(), report.total(), report.bytes());
            self.print(&format!("  {status}; {passed} of {total} the same, {bytes} bytes\n\n"));
        }
    }

    fn check(&mut self, section: u8, check: &Check) {
        let Check { role, step, value, expected, actual } = check;
        let passed = check.passed();
        if self.json {
            write_line(
                &mut self.out,
                &json!({
                    "event": "check", "section": section, "role": role.to_string(), "step": step,
                    "value": value, "bytes": expected.len(), "passed": passed,
                }),
            );
            return;
        }
        let (mark, colour) =
            if passed { ("✓", AnsiColor::Green) } else { ("✗", AnsiColor::Red) };
        let mark = paint(Style::new().fg_color(Some(colour.into())), mark);
        self.print(&format!("  {mark} {step}, {value}: {} bytes\n", expected.len()));
        if !passed {
            let actual = actual.as_deref().map_or("(it never got there)".into(), hex::encode);
            self.print(&format!("      RFC:  {}\n      here: {actual}\n", hex::encode(expected)));
        }
    }

    fn summary(&mut self, checks: usize, failed: usize) {
        if self.json {
            let summary = json!({"event": "summary", "checks": checks, "failed": failed});
            write_line(&mut self.out, &summary);
        } else {
            self.print(&format!("{checks} checks, {failed} failed\n"));
        }
    }

    fn print(&mut self, text: &str) {
        // `stdout` remembers a failure.
        let _ = self.out.write_all(text.as_bytes());
    }
}
