//! What can be wrong with a PEM text. An error contains no byte of the text.

use core::fmt;

use super::label::{Content, Label};

/// Why a PEM text, or a section of it, cannot be read.
///
/// The text may be a private key, so the error contains no byte of it in any form.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PemError {
    /// The line, counted from 1. `None` if the error is about the whole text.
    pub line: Option<usize>,
    /// What is wrong.
    pub kind: PemErrorKind,
}

/// `Debug` prints the text of `Display`: a derived one would put the names of all variants into the program.
impl fmt::Debug for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PemError({self})")
    }
}

/// What is wrong with a PEM text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemErrorKind {
    /// The text is UTF-16, which some editors write.
    #[error("the text is UTF-16: save it as ASCII or UTF-8")]
    Utf16,
    /// The bytes are DER or PKCS#12, and not text.
    #[error(
        "this is not text, but DER or PKCS#12: convert DER with openssl x509 -inform DER or openssl \
         pkey -inform DER, and PKCS#12 with openssl pkcs12"
    )]
    Binary,
    /// No section contains what is wanted.
    #[error("there is no {wanted} in it{}", found(.labels))]
    NotFound {
        /// What is wanted.
        wanted: Content,
        /// The labels of the sections that are there.
        labels: Vec<Label>,
    },
    /// A second section contains what only one may contain. The line is that of the second.
    #[error(
        "a second {0} begins here, and only one can be used: keep the right one in the file, and \
         remove the other"
    )]
    MoreThanOne(Content),
    /// The line breaks of a section are written as the two characters `\n`.
    #[error(
        "the line breaks are written as the two characters \\n: replace each with a real line \
         break, so that BEGIN and END each have a line of its own"
    )]
    EscapedLineBreaks,
    /// A section ends and another begins on the same line. This happens when files are joined and
    /// the first has no line break at its end.
    #[error(
        "a section ends and the next one begins on the same line: BEGIN and END must each have a \
         line of its own, so put a line break between the two"
    )]
    EndAndBeginOnOneLine,
    /// A BEGIN or END line has other text on it, or does not have five dashes on each side.
    #[error(
        "BEGIN and END must each have a line of its own, in capitals, with plain spaces between the \
         words, five dashes on each side and nothing else, not even a space before them: are line \
         breaks missing?"
    )]
    MalformedBoundary,
    /// The section that begins on this line has no END line.
    #[error("the section that begins here, {0}, has no END line: the text is cut short")]
    MissingEnd(Label),
    /// There is an END line without a BEGIN line.
    #[error("an END line for {0} has no BEGIN line before it")]
    MissingBegin(Label),
    /// BEGIN and END have different labels.
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
    /// The section has no content.
    #[error("the section {0} is empty")]
    Empty(Label),
    /// The private key is encrypted (a header `Proc-Type: 4,ENCRYPTED`, or PKCS#8).
    #[error("the private key is encrypted: decrypt it with openssl pkey -in FILE -out NEW")]
    Encrypted,
    /// The section has header lines, which RFC 7468 does not allow.
    #[error("the section {0} has header lines, which RFC 7468 does not allow")]
    Headers(Label),
    /// This form of the content is not supported.
    #[error("-----BEGIN {0}----- is not supported: {remedy}", remedy = .0.remedy())]
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

/// Says which sections are there in place of the wanted one.
fn found(labels: &[Label]) -> String {
    const SHOWN: usize = 8;
    if labels.is_empty() {
        return ", and no line that begins a section of PEM".to_owned();
    }
    let names: Vec<_> = labels.iter().take(SHOWN).map(|label| format!("{label}")).collect();
    let more = if labels.len() > SHOWN { ", ..." } else { "" };
    format!("; the sections in it are: {}{more}", names.join(", "))
}
