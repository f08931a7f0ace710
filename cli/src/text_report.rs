//! Reports a handshake as text.

use std::collections::HashSet;
use std::io::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use handclasp::registry::ContentType;
use handclasp_explain::Operation;
use handclasp_explain::words::{self, Fact};

use crate::event_log::{Reporter, Side, Step, StepKind};
use crate::terminal::width;

/// The column of the text after a side's name.
const MARGIN: usize = 11;
/// The column of a field's value.
const VALUES: usize = MARGIN + 18;

/// The output. The caller makes sure that colours go to terminals only.
pub type Output = Box<dyn Write + Send>;

/// Writes each step, and explains it the first time.
pub struct TextReport {
    out: Output,
    /// Messages whose content was shown before.
    shown: HashSet<String>,
    /// Derivations that were explained before.
    explained: HashSet<Derivation>,
    /// Consecutive derivations of one side, which are written together.
    derivations: Vec<Derivation>,
    /// That side, and how long they have taken.
    deriving: Option<Deriving>,
    /// The side that derived first: the other one derives the same.
    first_to_derive: Option<Side>,
}

/// A step of the key schedule.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Derivation {
    operation: Operation,
    label: String,
}

struct Deriving {
    side: Side,
    took: Duration,
}

impl TextReport {
    pub fn new(out: Output) -> Self {
        Self {
            out,
            shown: HashSet::new(),
            explained: HashSet::new(),
            derivations: Vec::new(),
            deriving: None,
            first_to_derive: None,
        }
    }

    fn write(&mut self, text: &str) {
        // A failure to write must not stop the connection.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    fn message(&mut self, step: &Step, sent: bool, name: &str, about: &str) {
        let arrow = if sent { "──▶" } else { "◀──" };
        let line = headline(step.side, arrow, name, Some(about), step.took);
        self.write(&format!("\n{line}"));
    }

    /// The purpose of a message and its content, unless they were shown before.
    fn contents(&mut self, sent: bool, name: &str, facts: &[Fact]) {
        // Both sides send a Finished, with the same short explanation.
        let new = self.shown.insert(format!("{name} {sent}"));
        let seen = !sent && !self.shown.insert(format!("{name} true"));
        let mut text = String::new();
        let explanation = if sent { words::sent(name) } else { words::received(name) };
        if new && !explanation.is_empty() {
            text += &paragraph(explanation);
        }
        if !seen {
            for fact in facts {
                text += &field(fact.name, &fact.value.to_string(), Style::new());
            }
        }
        self.write(&text);
    }

    fn alert(&mut self, step: &Step, sent: bool, name: &str, meaning: Option<&str>) {
        let arrow = if sent { "──▶" } else { "◀──" };
        let line = headline(step.side, arrow, &format!("alert {name}"), None, step.took);
        let meaning = match (name, meaning) {
            // Its name says everything.
            ("close_notify", Some(meaning)) => paragraph(meaning),
            (_, Some(meaning)) => paragraph(&format!("usually it means that {meaning}")),
            (_, None) => String::new(),
        };
        self.write(&format!("\n{line}{meaning}"));
    }

    /// Writes a line about what a side did.
    pub fn note(&mut self, side: Side, mark: &str, text: &str, took: Duration) {
        let line = headline(side, mark, text, None, took);
        self.write(&line);
    }

    /// Adds a derivation to those that are written together.
    fn derived(&mut self, step: &Step, operation: Operation, label: &str) {
        let took = match &self.deriving {
            Some(deriving) if deriving.side == step.side => deriving.took,
            _ => {
                self.write_derivations();
                Duration::ZERO
            }
        };
        self.deriving = Some(Deriving { side: step.side, took: took + step.took });
        self.derivations.push(Derivation { operation, label: label.to_owned() });
    }

    fn write_derivations(&mut self) {
        let Some(Deriving { side, took }) = self.deriving.take() else { return };
        let mut new = Vec::new();
        let mut known = Vec::new();
        for step in std::mem::take(&mut self.derivations) {
            if self.explained.insert(step.clone()) {
                new.push(step);
            } else if !new.contains(&step) && !known.contains(&step.label) {
                known.push(step.label);
            }
        }
        let first = *self.first_to_derive.get_or_insert(side);
        let verb = match first == side || !new.is_empty() {
            true => "derives",
            false => "derives the same",
        };
        let known = known.join(", ");
        let title = match known.len() {
            1..60 => format!("{verb}: {known}"),
            _ => verb.to_owned(),
        };
        let mut text = headline(side, " · ", &title, None, took);
        if known.len() >= 60 {
            text += &paragraph(&known);
        }
        for Derivation { operation, label } in new {
            text += &field(&label, words::derived(operation, &label), dim());
        }
        self.write(&text);
    }
}

impl Reporter for TextReport {
    fn step(&mut self, step: &Step) {
        if let StepKind::Derived { operation, label } = &step.what {
            self.derived(step, *operation, label);
            return;
        }
        if let StepKind::Record { sent, kind, .. } = step.what {
            // The messages in records are steps of their own, and data belong to the application.
            if kind != ContentType::CHANGE_CIPHER_SPEC || sent {
                return;
            }
        }
        self.write_derivations();
        match &step.what {
            StepKind::Message { sent, level, name, bytes, facts } => {
                let about = format!("{bytes} bytes, {}", words::level(*level));
                self.message(step, *sent, name, &about);
                self.contents(*sent, name, facts);
            }
            StepKind::SuiteChosen(suite) => {
                self.note(step.side, " · ", &format!("cipher suite: {suite}"), step.took);
            }
            StepKind::KeysExchanged(group) => {
                let text = format!("key exchange: own private key × peer's share, in {group}");
                self.note(step.side, " · ", &text, step.took);
            }
            StepKind::PeerVerified => self.note(step.side, " ✓ ", trusted(step.side), step.took),
            StepKind::SignatureVerified(scheme) => {
                let text = format!("the signature is the certificate's key's ({scheme})");
                self.note(step.side, " ✓ ", &text, step.took);
            }
            StepKind::FinishedVerified => {
                let text = "the peer's Finished is correct: the handshake was not changed";
                self.note(step.side, " ✓ ", text, step.took);
            }
            StepKind::NotTaken { what, reason } => {
                let text = format!("does not take {what}");
                self.note(step.side, " · ", &text, step.took);
                self.write(&paragraph(reason));
            }
            // The reason comes after the handshake.
            StepKind::Declined { what, .. } => {
                let text = format!("the server did not take {what}");
                self.note(step.side, " · ", &text, step.took);
            }
            StepKind::Waiting(question) => {
                self.note(step.side, " ? ", &format!("waits for: {question}"), step.took);
            }
            StepKind::Alert { sent, name, meaning } => self.alert(step, *sent, name, *meaning),
            StepKind::Complete => {
                let text = "the handshake is complete: data can flow both ways";
                self.note(step.side, " ✓ ", text, step.took);
            }
            StepKind::Record { .. } => {
                let text = "drops a change_cipher_spec: it is there for old middleboxes alone";
                self.note(step.side, " · ", text, step.took);
            }
            StepKind::Derived { .. } => {}
        }
    }

    fn finish(&mut self) {
        self.write_derivations();
    }
}

/// The text for a verified peer.
fn trusted(side: Side) -> &'static str {
    match side {
        Side::Client => "the server is trusted, by its name and its certificate or key",
        Side::Server => "the client is trusted, by its certificate",
    }
}

/// A heading in bold.
pub fn heading(text: &str) -> String {
    format!("{}\n", paint(Style::new().bold(), text))
}

/// A name and a value, in the columns of the fields of messages.
pub fn field(name: &str, value: &str, style: Style) -> String {
    let mut lines = wrap(value, width() - VALUES).into_iter();
    let first = paint(style, &lines.next().unwrap_or_default());
    let name = paint(dim(), &format!("{name:<width$}", width = VALUES - MARGIN - 3));
    let mut text = format!("{:MARGIN$}  {name} {first}\n", "");
    for line in lines {
        text += &format!("{:VALUES$}{}\n", "", paint(style, &line));
    }
    text
}

/// A duration in a suitable unit.
pub fn duration(time: Duration) -> String {
    match time.as_nanos() {
        0..1_000_000 => format!("{} µs", time.as_micros()),
        _ => format!("{:.2} ms", time.as_secs_f64() * 1e3),
    }
}

pub fn dim() -> Style {
    Style::new().dimmed()
}

pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

fn headline(side: Side, mark: &str, text: &str, about: Option<&str>, took: Duration) -> String {
    let colour = match side {
        Side::Client => AnsiColor::Cyan,
        Side::Server => AnsiColor::Magenta,
    };
    let mark_colour = if mark.contains('✓') { AnsiColor::Green } else { colour };
    let speaker = paint(Style::new().fg_color(Some(colour.into())), side.name());
    let mark = paint(Style::new().fg_color(Some(mark_colour.into())).bold(), mark);
    let (text_style, about) = match about {
        Some(about) => (Style::new().bold(), format!("  {about}")),
        None => (Style::new(), String::new()),
    };
    let time = if took.as_micros() == 0 { String::new() } else { duration(took) };
    let room = width() - MARGIN - time.chars().count() - 1;
    // What does not fit beside the text is below it.
    let fits = text.chars().count() + about.chars().count() <= room;
    let (beside, below) = if fits { (about, String::new()) } else { (String::new(), about) };
    let mut lines = wrap(text, room).into_iter();
    let first = lines.next().unwrap_or_default();
    let used = MARGIN + first.chars().count() + beside.chars().count() + time.chars().count();
    let gap = if time.is_empty() { 0 } else { width().saturating_sub(used).max(1) };
    let (beside, time) = (paint(dim(), &beside), paint(dim(), &time));
    let first = paint(text_style, &first);
    let mut line = format!("{speaker} {mark} {first}{beside}{:gap$}{time}\n", "");
    for rest in lines {
        line += &format!("{:MARGIN$}{}\n", "", paint(text_style, &rest));
    }
    if below.is_empty() { line } else { line + &paragraph(below.trim_start()) }
}

/// Lines in the column of texts.
pub fn paragraph(text: &str) -> String {
    indented(text, MARGIN, dim())
}

/// Lines in this column, as wide as the terminal.
pub fn indented(text: &str, column: usize, style: Style) -> String {
    let lines = wrap(text, width() - column);
    lines.iter().map(|line| format!("{:column$}{}\n", "", paint(style, line))).collect()
}

/// A text in lines as wide as the terminal.
pub fn lines(text: &str) -> String {
    wrap(text, width()).join("\n") + "\n"
}

/// Breaks a text between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let length = line.chars().count();
        if length > 0 && length + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(Duration::from_nanos(1500)), "1 µs");
        assert_eq!(duration(Duration::from_micros(999)), "999 µs");
        assert_eq!(duration(Duration::from_micros(1250)), "1.25 ms");
    }
}
