//! What can be wrong with a PEM text, without a byte of the text.

use core::fmt;

use super::label::{Content, Label};

/// Why a PEM text, or a section of it, cannot be read: where, and what kind of fault.
///
/// The text may be a private key, so no byte of it is in here, in no form.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PemError {
    /// The line, counted from 1; `None` where the whole text is meant.
    pub line: Option<usize>,
    /// What is wrong.
    pub kind: PemErrorKind,
}

/// A kind of fault of a PEM text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemErrorKind {
    /// It is UTF-16, as some editors save a text.
    #[error("the text is UTF-16: save it as ASCII or UTF-8")]
    Utf16,
    /// It is DER, or PKCS#12, and no text.
    #[error(
        "this is not text, but DER or PKCS#12: convert DER with openssl x509 -inform DER or openssl \
         pkey -inform DER, and PKCS#12 with openssl pkcs12"
    )]
    Binary,
    /// No section has what is looked for.
    #[error("there is no {wanted} in it{}", found(.labels))]
    NotFound {
        /// What is looked for.
        wanted: Content,
        /// The labels of the sections that are there.
        labels: Vec<Label>,
    },
    /// A second section has what only one may have; its line is given.
    #[error(
        "a second {0} begins here, and only one can be used: keep the right one in the file, and \
         remove the other"
    )]
    MoreThanOne(Content),
    /// The line breaks of a section are written as `\n`, two characters.
    #[error(
        "the line breaks are written as the two characters \\n: put a real line break in the place \
         of each, so that BEGIN and END are each a line of its own"
    )]
    EscapedLineBreaks,
    /// A section ends and another begins on the same line, as when files are put together and the
    /// first has no line break at its end.
    #[error(
        "a section ends and the next one begins on the same line: BEGIN and END must each be a \
         line of its own, so put a line break between the two"
    )]
    EndAndBeginOnOneLine,
    /// A BEGIN or END mark has something else on its line, or has not five dashes on each side.
    #[error(
        "a BEGIN or END mark must be a line of its own, in capitals, with plain spaces between its \
         words, five dashes on each side and nothing else, not even spaces before it: are line \
         breaks missing?"
    )]
    MalformedBoundary,
    /// The section that begins here has no end.
    #[error("the section that begins here, {0}, has no END line: the text is cut short")]
    MissingEnd(Label),
    /// There is an END without its BEGIN.
    #[error("an END line for {0} has no BEGIN line before it")]
    MissingBegin(Label),
    /// The END names another label than the BEGIN.
    #[error("the section that begins with the label {begin} ends with the label {end}")]
    LabelMismatch {
        /// The label of the BEGIN line.
        begin: Label,
        /// The label of the END line.
        end: Label,
    },
    /// The content is not base64.
    #[error("the content of the section {0} is not base64")]
    Base64(Label),
    /// The section has nothing in it.
    #[error("the section {0} is empty")]
    Empty(Label),
    /// The private key is encrypted (a header `Proc-Type: 4,ENCRYPTED`, or PKCS#8).
    #[error("the private key is encrypted: decrypt it with openssl pkey -in FILE -out NEW")]
    Encrypted,
    /// There are header lines in the section, for which RFC 7468 has no place.
    #[error("the section {0} has header lines, which RFC 7468 does not allow")]
    Headers(Label),
    /// The form of the content is not read here.
    #[error("-----BEGIN {0}----- is not taken here: {remedy}", remedy = .0.remedy())]
    UnsupportedLabel(Label),
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

impl core::error::Error for PemError {}

/// What there is in the place of what is looked for, in words.
fn found(labels: &[Label]) -> String {
    const SHOWN: usize = 8;
    if labels.is_empty() {
        return ", and no line that begins a section of PEM".to_owned();
    }
    let names: Vec<_> = labels.iter().take(SHOWN).map(|label| format!("{label}")).collect();
    let more = if labels.len() > SHOWN { ", ..." } else { "" };
    format!("; the sections in it are: {}{more}", names.join(", "))
}
