//! Texts of private keys as they are damaged on the way, and what must not be seen of them.

use std::collections::{BTreeMap, HashSet};

/// A text, and how it was damaged.
pub struct Damaged {
    pub how: &'static str,
    pub text: Vec<u8>,
}

/// A PEM text of a key, damaged in every way that is known from the field.
pub fn damaged(pem: &str) -> Vec<Damaged> {
    let lines: Vec<&str> = pem.trim_end().lines().collect();
    let (begin, end) = (lines[0], lines[lines.len() - 1]);
    let body = lines[1..lines.len() - 1].join("\n");
    let half = &body[..body.len() / 2];
    let utf16: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let texts = [
        ("line breaks as two characters", pem.replace('\n', "\\n")),
        ("line breaks as spaces", pem.replace('\n', " ")),
        ("line breaks lost", pem.replace('\n', "")),
        ("line breaks within lost", format!("{begin}{}{end}\n", body.replace('\n', ""))),
        ("BEGIN shares the first line", format!("{begin}{body}\n{end}\n")),
        ("END shares the last line", format!("{begin}\n{body}{end}\n")),
        ("body has line breaks as two characters", {
            format!("{begin}\n{}\\n\n{end}\n", body.replace('\n', "\\n"))
        }),
        ("two keys together", format!("{}{pem}", pem.trim_end())),
        ("cut short", format!("{begin}\n{half}\n")),
        ("cut short, with an end", format!("{begin}\n{half}=\n{end}\n")),
        ("without a beginning", format!("{body}\n{end}\n")),
        ("without marks", body.clone()),
        ("a wrong character", format!("{begin}\n{}*{}\n{end}\n", half, &body[half.len()..])),
        ("wrong letters", format!("{begin}\n{}é{}\n{end}\n", half, &body[half.len()..])),
        ("another end", format!("{begin}\n{body}\n-----END CERTIFICATE-----\n")),
        ("the label of another thing", pem.replace("PRIVATE KEY", "SECRET")),
        ("the label of a certificate", pem.replace("PRIVATE KEY", "CERTIFICATE")),
        ("the label of a CRL", pem.replace("PRIVATE KEY", "X509 CRL")),
        ("the key for a label", format!("-----BEGIN {}-----\n{end}\n", body.replace('\n', ""))),
        ("four dashes", pem.replace("-----", "----")),
        ("six dashes", pem.replace("-----", "------")),
        ("long dashes", pem.replace("-----", "—–")),
        ("indented", pem.lines().map(|line| format!("  {line}\n")).collect()),
        ("quoted", format!("\"{}\"", pem.replace('\n', "\\n"))),
        ("headers", format!("{begin}\nKey: {}\n\n{body}\n{end}\n", body.replace('\n', ""))),
        ("bytes changed", format!("{begin}\nAAAA{}\n{end}\n", &body[4..])),
        ("nothing", String::new()),
    ];
    let texts = texts.into_iter().map(|(how, text)| Damaged { how, text: text.into_bytes() });
    let mut all: Vec<_> = texts.collect();
    all.push(Damaged { how: "UTF-16", text: utf16 });
    all
}

/// Texts to look for, by their length in bytes.
#[derive(Default)]
struct Needles(BTreeMap<usize, HashSet<String>>);

impl Needles {
    fn insert(&mut self, needle: String) {
        self.0.entry(needle.len()).or_default().insert(needle);
    }

    /// The first of them that is in `text`. Each part of the text is looked up, as there are far more
    /// needles than parts.
    fn find<'a>(&self, text: &'a str) -> Option<&'a str> {
        self.0.iter().find_map(|(length, needles)| {
            let parts = (0..text.len()).filter_map(|start| text.get(start..start + length));
            { parts }.find(|part| needles.contains(*part))
        })
    }
}

/// The windows of a secret in every way in which a program could show them.
#[derive(Default)]
pub struct Spellings {
    /// As they are.
    exact: Needles,
    /// The long ones in small letters.
    lowercase: Needles,
    /// Base64, which line breaks may cut.
    base64: Needles,
}

impl Spellings {
    /// How many bytes of a secret are too many.
    const WINDOW: usize = 4;
    /// The same in characters of base64 and hexadecimal, so that words are not taken for it.
    const CHARACTERS: usize = 8;

    /// Of these bytes, and of the text that they are written as.
    pub fn new(secret: &[u8], texts: &[&str]) -> Self {
        let mut all = Vec::new();
        for bytes in [secret].into_iter().chain(texts.iter().map(|text| text.as_bytes())) {
            for window in bytes.windows(Self::WINDOW) {
                let join = |parts: Vec<String>, between: &str| parts.join(between);
                let decimal = || window.iter().map(u8::to_string).collect();
                let hex = || window.iter().map(|byte| format!("{byte:02x}")).collect();
                let with_0x = || window.iter().map(|byte| format!("0x{byte:02x}")).collect();
                all.extend([
                    join(decimal(), ", "),
                    join(decimal(), " "),
                    join(hex(), ""),
                    join(hex(), ":"),
                    join(hex(), " "),
                    join(with_0x(), ", "),
                ]);
            }
        }
        for text in texts {
            let characters: Vec<char> = text.chars().filter(|it| !it.is_whitespace()).collect();
            all.extend(characters.windows(Self::CHARACTERS).map(|it| it.iter().collect()));
        }
        all.retain(|spelling: &String| !"-----BEGIN PRIVATE KEY".contains(spelling.as_str()));
        let mut spellings = Self::default();
        for spelling in all {
            if spelling.len() > Self::CHARACTERS {
                spellings.lowercase.insert(spelling.to_lowercase());
            }
            if spelling.len() == Self::CHARACTERS {
                spellings.base64.insert(spelling.clone());
            }
            spellings.exact.insert(spelling);
        }
        spellings
    }

    /// Fails if there is a window of the secret in `shown`.
    pub fn assert_not_in(&self, shown: &str, context: &str) {
        let lowercase = shown.to_lowercase();
        let squeezed: String = shown.split_whitespace().collect();
        let exact = self.exact.find(shown);
        let seen = exact.or_else(|| self.lowercase.find(&lowercase));
        if let Some(spelling) = seen.or_else(|| self.base64.find(&squeezed)) {
            panic!("{context}: {spelling:?} of the secret is shown: {shown}");
        }
    }
}

/// The lines of a PEM text between its marks.
pub fn body(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}
