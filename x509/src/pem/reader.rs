//! Finds the sections of a PEM text. It skips no damaged section without an error.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::error::{PemError, PemErrorKind};
use super::label::{Content, Label};

const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const DASHES: &[u8] = b"-----";

/// A section whose BEGIN and END lines are well formed. Its content is not decoded yet.
pub(super) struct Section<'a> {
    pub(super) label: Label,
    /// The number of its BEGIN line, counted from 1.
    pub(super) line: usize,
    /// The lines between BEGIN and END.
    body: Vec<&'a [u8]>,
}

/// What a line is. RFC 7468, section 2, calls BEGIN and END lines encapsulation boundaries.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// The content of a section, or text outside of sections.
    Text,
    Begin(Label),
    End(Label),
    /// The END of a section with this label, and the BEGIN of another section.
    EndAndBegin(Label),
    Malformed(PemErrorKind),
}

/// All sections of a text in their order, with an error in the place of a damaged one.
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
    /// The BEGIN line of the section was malformed, which is reported already.
    is_skipping: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, number: usize, line: &'a [u8]) {
        match classify(line) {
            Line::Text => {
                if let Some(open) = &mut self.open {
                    open.body.push(line);
                }
            }
            Line::Begin(label) => {
                self.is_skipping = false;
                let begun = Section { label, line: number, body: Vec::new() };
                if let Some(open) = self.open.replace(begun) {
                    self.fail(open.line, PemErrorKind::MissingEnd(open.label));
                }
            }
            Line::End(label) => self.end(number, label),
            Line::EndAndBegin(label) => {
                self.end(number, label);
                self.fail(number, PemErrorKind::EndAndBeginOnOneLine);
                self.is_skipping = true;
            }
            Line::Malformed(kind) => {
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
    /// Decodes the content. `None` if the section does not contain what is `wanted`.
    pub(super) fn read(&self, wanted: Content) -> Option<Result<Zeroizing<Vec<u8>>, PemError>> {
        if self.label.content() != Some(wanted) {
            return None;
        }
        Some(self.decode())
    }

    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, PemError> {
        let fail = |line: usize, kind: PemErrorKind| Err(PemError { line: Some(line), kind });
        if self.label == Label::EncryptedPrivateKey {
            return fail(self.line, PemErrorKind::Encrypted);
        }
        if !self.label.is_supported() {
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
            return Err(self.base64_error());
        };
        let length = decoded.len();
        content.truncate(length);
        Ok(content)
    }

    /// The error for header lines (RFC 1421), if the section has any.
    fn headers(&self) -> Option<PemErrorKind> {
        let mut kind = None;
        for line in self.body.iter().filter(|line| line.contains(&b':')) {
            if line.starts_with(b"Proc-Type") && find(line, b"ENCRYPTED").is_some() {
                return Some(PemErrorKind::Encrypted);
            }
            kind = Some(PemErrorKind::Headers(self.label));
        }
        kind
    }

    /// The error for the line that is not base64, or for the whole section if each line is.
    fn base64_error(&self) -> PemError {
        let is_base64 = |byte: &u8| {
            byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=".contains(byte)
        };
        for (number, line) in (self.line + 1..).zip(&self.body) {
            if find(line, b"\\n").is_some() {
                return PemError { line: Some(number), kind: PemErrorKind::EscapedLineBreaks };
            }
            if !line.iter().all(is_base64) {
                return PemError { line: Some(number), kind: PemErrorKind::Base64(self.label) };
            }
        }
        PemError { line: Some(self.line), kind: PemErrorKind::Base64(self.label) }
    }
}

fn classify(line: &[u8]) -> Line {
    // Every boundary has a space, and base64 has none.
    if !line.contains(&b' ') && !is_like_a_boundary(line) {
        return Line::Text;
    }
    if let Some(label) = boundary(line, b"-----BEGIN ") {
        return Line::Begin(label);
    }
    if let Some(label) = boundary(line, b"-----END ") {
        return Line::End(label);
    }
    if !contains_boundary(line, b"BEGIN ")
        && !contains_boundary(line, b"END ")
        && !is_like_a_boundary(line)
    {
        return Line::Text;
    }
    if find(line, b"\\n").is_some() {
        return Line::Malformed(PemErrorKind::EscapedLineBreaks);
    }
    if let Some(at) = find(line, b"----------BEGIN ") {
        let (end, begin) = line.split_at(at + DASHES.len());
        let labels = (boundary(end, b"-----END "), boundary(begin, b"-----BEGIN "));
        if let (Some(label), Some(_)) = labels {
            return Line::EndAndBegin(label);
        }
    }
    Line::Malformed(PemErrorKind::MalformedBoundary)
}

/// The label of a line that consists of `prefix`, a label and five dashes.
fn boundary(line: &[u8], prefix: &[u8]) -> Option<Label> {
    let label = line.trim_ascii_end().strip_prefix(prefix)?.strip_suffix(DASHES)?;
    if label.is_empty() || label.contains(&b'-') || label.contains(&b'\\') {
        return None;
    }
    Some(Label::read(label))
}

/// Whether the line contains `word` as a boundary has it: after dashes, or after the long dash that
/// some editors make of dashes.
fn contains_boundary(line: &[u8], word: &[u8]) -> bool {
    let mut rest = line;
    while let Some(at) = find(rest, word) {
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

/// Whether a line begins like a boundary, but perhaps in small letters, or with a tab or a no-break
/// space in place of the space.
fn is_like_a_boundary(line: &[u8]) -> bool {
    let Some(words) = line.trim_ascii_start().strip_prefix(DASHES) else { return false };
    let begins_with =
        |word: &[u8]| words.get(..word.len()).is_some_and(|words| words.eq_ignore_ascii_case(word));
    begins_with(b"BEGIN") || begins_with(b"END")
}

/// The position of the first `what` in `text`.
fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// The lines of a text, which end with LF, CR LF or CR. A byte order mark at the start of a line is
/// left out: joined files have one in the middle.
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

/// Whether the text is UTF-16: it has its byte order mark, or a boundary in it.
fn is_utf16(text: &[u8]) -> bool {
    let text = text.get(..4096).unwrap_or(text);
    text.starts_with(&[0xff, 0xfe])
        || text.starts_with(&[0xfe, 0xff])
        || find(text, b"-\0-\0-\0-\0-\0B\0").is_some()
        || find(text, b"\0-\0-\0-\0-\0-\0B").is_some()
}

/// Whether the bytes are a SEQUENCE in DER, or begin with a long one.
pub(super) fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x80..=0xff, ..] => true,
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}
