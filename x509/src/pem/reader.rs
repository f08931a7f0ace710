//! Finds the sections of a PEM text, and passes over nothing without an error.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::error::{PemError, PemErrorKind};
use super::label::{Content, Label};

const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const DASHES: &[u8] = b"-----";

/// A section whose BEGIN and END are in order. Its content is not looked at yet.
pub(super) struct Section<'a> {
    pub(super) label: Label,
    /// The line of its BEGIN, counted from 1.
    pub(super) line: usize,
    /// The lines between BEGIN and END.
    body: Vec<&'a [u8]>,
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
enum Mark {
    /// Content, or text outside of sections.
    None,
    Begin(Label),
    End(Label),
    /// The END of a section, and the BEGIN of another one behind it.
    Glued(Label),
    Broken(PemErrorKind),
}

/// All sections of a text, or what is wrong in the place of one, in their order.
pub(super) fn sections(text: &[u8]) -> Vec<Result<Section<'_>, PemError>> {
    if is_utf16(text) {
        return vec![Err(PemError { line: None, kind: PemErrorKind::Utf16 })];
    }
    let mut reader = Reader { found: Vec::new(), open: None, is_skipping: false };
    for (number, line) in (1..).zip(lines(text)) {
        reader.take(number, line);
    }
    if let Some(open) = reader.open.take() {
        reader.fail(open.line, PemErrorKind::MissingEnd(open.label));
    }
    if reader.found.is_empty() && is_der(text) {
        return vec![Err(PemError { line: None, kind: PemErrorKind::Binary })];
    }
    reader.found
}

struct Reader<'a> {
    found: Vec<Result<Section<'a>, PemError>>,
    open: Option<Section<'a>>,
    /// After a BEGIN that is broken, up to the next mark: it was reported already.
    is_skipping: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, number: usize, line: &'a [u8]) {
        match mark(line) {
            Mark::None => {
                if let Some(open) = &mut self.open {
                    open.body.push(line);
                }
            }
            Mark::Begin(label) => {
                self.is_skipping = false;
                let begun = Section { label, line: number, body: Vec::new() };
                if let Some(open) = self.open.replace(begun) {
                    self.fail(open.line, PemErrorKind::MissingEnd(open.label));
                }
            }
            Mark::End(label) => self.end(number, label),
            Mark::Glued(label) => {
                self.end(number, label);
                self.fail(number, PemErrorKind::EndAndBeginOnOneLine);
                self.is_skipping = true;
            }
            Mark::Broken(kind) => {
                self.open = None;
                self.fail(number, kind);
                self.is_skipping = true;
            }
        }
    }

    fn end(&mut self, number: usize, label: Label) {
        let was_skipping = core::mem::take(&mut self.is_skipping);
        match self.open.take() {
            Some(open) if open.label == label => self.found.push(Ok(open)),
            Some(open) => {
                let kind = PemErrorKind::LabelMismatch { begin: open.label, end: label };
                self.fail(open.line, kind);
            }
            None if was_skipping => {}
            None => self.fail(number, PemErrorKind::MissingBegin(label)),
        }
    }

    fn fail(&mut self, line: usize, kind: PemErrorKind) {
        self.found.push(Err(PemError { line: Some(line), kind }));
    }
}

impl Section<'_> {
    /// The content, if this is a section that has `wanted` in it.
    pub(super) fn read(&self, wanted: Content) -> Option<Result<Zeroizing<Vec<u8>>, PemError>> {
        (self.label.content() == Some(wanted)).then(|| self.decode())
    }

    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, PemError> {
        let fail = |line: usize, kind: PemErrorKind| Err(PemError { line: Some(line), kind });
        if self.label == Label::EncryptedPrivateKey {
            return fail(self.line, PemErrorKind::Encrypted);
        }
        if !self.label.is_read() {
            return fail(self.line, PemErrorKind::UnsupportedLabel(self.label));
        }
        if let Some(kind) = self.headers() {
            return fail(self.line, kind);
        }
        let length = self.body.iter().map(|line| line.len()).sum();
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        for line in &self.body {
            text.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
        }
        if text.is_empty() {
            return fail(self.line, PemErrorKind::Empty(self.label));
        }
        let mut content = Zeroizing::new(vec![0; text.len()]);
        let Ok(decoded) = Base64::decode(&*text, &mut content) else {
            let (line, kind) = self.fault_of_base64();
            return fail(line, kind);
        };
        let length = decoded.len();
        content.truncate(length);
        Ok(content)
    }

    /// What is wrong with lines that are headers of RFC 1421 and no base64, if there are any.
    fn headers(&self) -> Option<PemErrorKind> {
        let mut kind = None;
        for line in self.body.iter().filter(|line| line.contains(&b':')) {
            if line.starts_with(b"Proc-Type") && finds(line, b"ENCRYPTED").is_some() {
                return Some(PemErrorKind::Encrypted);
            }
            kind = Some(PemErrorKind::Headers(self.label));
        }
        kind
    }

    /// The line that is not base64, or the section's first where its end is missing.
    fn fault_of_base64(&self) -> (usize, PemErrorKind) {
        let is_base64 = |byte: &u8| {
            byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=".contains(byte)
        };
        for (number, line) in (self.line + 1..).zip(&self.body) {
            if finds(line, b"\\n").is_some() {
                return (number, PemErrorKind::EscapedLineBreaks);
            }
            if !line.iter().all(is_base64) {
                return (number, PemErrorKind::Base64(self.label));
            }
        }
        (self.line, PemErrorKind::Base64(self.label))
    }
}

fn mark(line: &[u8]) -> Mark {
    // Every mark has a space, and base64 has none.
    if !line.contains(&b' ') && !is_like_a_mark(line) {
        return Mark::None;
    }
    if let Some(label) = whole_mark(line, b"-----BEGIN ") {
        return Mark::Begin(label);
    }
    if let Some(label) = whole_mark(line, b"-----END ") {
        return Mark::End(label);
    }
    if !has_mark(line, b"BEGIN ") && !has_mark(line, b"END ") && !is_like_a_mark(line) {
        return Mark::None;
    }
    if finds(line, b"\\n").is_some() {
        return Mark::Broken(PemErrorKind::EscapedLineBreaks);
    }
    if let Some((end, begin)) = finds(line, b"----------BEGIN ").map(|at| line.split_at(at + 5)) {
        let label = whole_mark(end, b"-----END ");
        if let (Some(label), Some(_)) = (label, whole_mark(begin, b"-----BEGIN ")) {
            return Mark::Glued(label);
        }
    }
    Mark::Broken(PemErrorKind::MalformedBoundary)
}

/// The label of a line that is `prefix`, a label and five dashes, and nothing else.
fn whole_mark(line: &[u8], prefix: &[u8]) -> Option<Label> {
    let label = line.trim_ascii_end().strip_prefix(prefix)?.strip_suffix(DASHES)?;
    let is_in_order = !label.is_empty() && !label.contains(&b'-') && !label.contains(&b'\\');
    is_in_order.then(|| Label::read(label))
}

/// Whether `word` stands in the line as in a mark: behind dashes, or behind the long dash that some
/// editors make of them.
fn has_mark(line: &[u8], word: &[u8]) -> bool {
    let mut rest = line;
    while let Some(at) = finds(rest, word) {
        let (before, after) = rest.split_at(at);
        let after = after.get(word.len()..).unwrap_or_default();
        let is_long_dash = before.last().is_some_and(|byte| !byte.is_ascii());
        if before.ends_with(b"--") || (is_long_dash && Label::starts(after)) {
            return true;
        }
        rest = after;
    }
    false
}

/// Whether a line begins as a mark that is written otherwise: in small letters, or with a tab or a
/// no-break space in the place of the space.
fn is_like_a_mark(line: &[u8]) -> bool {
    let Some(words) = line.trim_ascii_start().strip_prefix(DASHES) else { return false };
    let begins_with =
        |word: &[u8]| words.get(..word.len()).is_some_and(|words| words.eq_ignore_ascii_case(word));
    begins_with(b"BEGIN") || begins_with(b"END")
}

/// Where `what` stands in `text` for the first time.
fn finds(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// The lines of a text, which end with LF, CR LF or CR, without the byte order mark that a file may
/// begin with: files that were put together have it in the middle.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(text);
        };
        let (line, behind) = text.split_at(end);
        let behind = behind.strip_prefix(b"\r\n").or_else(|| behind.get(1..));
        rest = behind;
        Some(line)
    })
    .map(|line| line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line))
}

/// Whether every other byte is that of UTF-16.
fn is_utf16(text: &[u8]) -> bool {
    let text = text.get(..4096).unwrap_or(text);
    text.starts_with(&[0xff, 0xfe])
        || text.starts_with(&[0xfe, 0xff])
        || finds(text, b"-\0-\0-\0-\0-\0B\0").is_some()
        || finds(text, b"\0-\0-\0-\0-\0-\0B").is_some()
}

/// Whether a file is one SEQUENCE of DER, or begins with a long one.
pub(super) fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x80..=0xff, ..] => true,
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}
