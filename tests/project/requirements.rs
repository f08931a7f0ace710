//! `docs/requirements.jsonl` has every MUST and MUST NOT of RFC 9846, and other tables have those of other
//! RFCs. Here they are held to what they say: the code and the tests that they name are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The sections and appendices of RFC 9846 that have such a sentence for those who implement
/// or uses it.
const SECTIONS: &str = "1 2 2.1 2.2 4 4.2.1 4.2.2 4.2.3 4.2.4 4.3 4.3.1 4.3.2 4.3.3 4.3.5 4.3.6 \
    4.3.7 4.3.8 4.3.8.1 4.3.8.2 4.3.9 4.3.10 4.3.11 4.3.11.1 4.3.11.3 4.4.1 4.4.2 4.5.1 4.5.1.1 \
    4.5.1.2 4.5.1.3 4.5.2 4.5.3 4.6 4.7.1 4.7.2 4.7.3 5 5.1 5.2 5.3 5.4 5.5 6 6.1 6.2 7.4.2 7.5 8 \
    8.2 9.1 9.2 9.3 B B.3.1.4 C.5 E E.1 E.2 E.4 E.5 F.1 F.5";

/// The sections of RFC 9973 that have such a sentence.
const SECTIONS_OF_CERT_WITH_EXTERN_PSK: &str = "4 5 5.1 7";

/// Each with its document.
const SECTIONS_OF_POST_QUANTUM: [&str; 13] = [
    "RFC 9881, 2",
    "RFC 9881, 3",
    "RFC 9881, 5",
    "RFC 9881, 8.2",
    "RFC 9881, 8.3",
    "RFC 9954, 2",
    "RFC 9954, 3.2",
    "RFC 9954, 6",
    "RFC 10024, 4.2",
    "RFC 10024, 4.3",
    "draft-ietf-tls-mldsa, 3.2",
    "draft-ietf-tls-mldsa, 3.3",
    "draft-ietf-tls-mlkem, 4.2",
];

/// The sections of RFC 9001 that have such a sentence, of those about TLS, keys and packet protection.
const SECTIONS_OF_QUIC: &str = "4 4.1.2 4.1.3 4.2 4.4 4.6.1 4.6.2 4.8 4.9 4.9.1 4.9.2 4.9.3 5.1 5.2 5.3 \
    5.4.1 5.4.2 5.5 5.6 5.7 6 6.1 6.2 6.3 6.4 6.6 8.1 8.2 8.3 8.4";

const ROLES: [&str; 6] = ["client", "server", "both", "application", "specifications", "middlebox"];

#[derive(Clone, Debug)]
pub struct Requirement {
    pub section: String,
    text: String,
    role: String,
    status: String,
    pub code: Vec<String>,
    tests: Vec<String>,
    reason: Option<String>,
}

impl Requirement {
    fn read(line: &str) -> Self {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else {
            panic!("not an object: {line}")
        };
        let mut take = |name: &str| fields.remove(name);
        let string = |value: Option<Value>| value.map(|it| it.as_str().unwrap().to_owned());
        let list = |value: Option<Value>| -> Vec<String> {
            let list = value.map(|it| it.as_array().unwrap().clone()).unwrap_or_default();
            list.into_iter().map(|it| it.as_str().unwrap().to_owned()).collect()
        };
        let requirement = Self {
            section: string(take("section")).unwrap(),
            text: string(take("requirement")).unwrap(),
            role: string(take("role")).unwrap(),
            status: string(take("status")).unwrap(),
            code: list(take("code")),
            tests: list(take("tests")),
            reason: string(take("reason")),
        };
        assert!(fields.is_empty(), "{fields:?}");
        requirement
    }
}

pub fn table() -> Vec<Requirement> {
    read_table("requirements.jsonl")
}

/// The requirements of RFC 9973, from the last draft that we have.
fn table_of_cert_with_extern_psk() -> Vec<Requirement> {
    read_table("requirements-cert-with-extern-psk.jsonl")
}

/// The requirements of hybrid groups, ML-KEM and ML-DSA. A section begins with its document.
fn table_of_post_quantum() -> Vec<Requirement> {
    read_table("requirements-post-quantum.jsonl")
}

/// The requirements of RFC 9001, sections 4, 5, 6 and 8.
fn table_of_quic() -> Vec<Requirement> {
    read_table("requirements-quic.jsonl")
}

fn read_table(file: &str) -> Vec<Requirement> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
    fs::read_to_string(path).unwrap().lines().map(Requirement::read).collect()
}

/// The files that the table names, each read once.
#[derive(Default)]
pub struct Files(BTreeMap<String, String>);

impl Files {
    fn text(&mut self, path: &str) -> &str {
        self.0.entry(path.to_owned()).or_insert_with(|| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            fs::read_to_string(path).unwrap_or_default()
        })
    }

    /// Is this place in the code, and is there one such place only? `place` is a path and the name of
    /// an item, or of a type and a function of it where the file has several of that name.
    pub fn has_code(&mut self, place: &str) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what} {place}"));
        let Some((path, item)) = place.split_once(": ") else { return wrong("no place:") };
        if !path.starts_with("src/") && !path.starts_with("x509/src/") {
            return wrong("not in the source:");
        }
        let text = self.text(path);
        let count = match item.split_once("::") {
            Some((of, function)) => blocks(text, of).map(|block| declared(block, function)).sum(),
            None => declared(text, item),
        };
        match count {
            0 => wrong("no code"),
            1 => Ok(()),
            _ => wrong("more than one:"),
        }
    }

    /// The comment and the code of this place. Empty if it is not there.
    pub fn item(&mut self, place: &str) -> String {
        let Some((path, item)) = place.split_once(": ") else { return String::new() };
        let text = self.text(path);
        match item.split_once("::") {
            Some((of, function)) => {
                blocks(text, of).filter_map(|block| item_in(block, function)).collect()
            }
            None => item_in(text, item).unwrap_or_default(),
        }
    }

    /// Is this test in its file? `place` is a path and a name.
    fn has_test(&mut self, place: &str) -> bool {
        let Some((path, item)) = place.split_once(": ") else { return false };
        let text = self.text(path);
        ["#[test]\nfn", "#[test]\n    fn"].iter().any(|start| {
            let start = format!("{start} {item}(");
            text.contains(&start)
        })
    }
}

/// How often an item of this name is declared in the text: at the beginning of a line, after its
/// visibility.
fn declared(text: &str, item: &str) -> usize {
    text.lines().filter(|line| declares(line, item)).count()
}

fn declares(line: &str, item: &str) -> bool {
    let mut line = line.trim_start();
    if let Some(rest) = line.strip_prefix("pub") {
        let rest = match rest.strip_prefix('(') {
            Some(inner) => inner.split_once(')').map_or("", |(_, rest)| rest),
            None => rest,
        };
        line = rest.trim_start();
    }
    let mut words = line.split_whitespace().peekable();
    while words.next_if(|word| matches!(*word, "async" | "const")).is_some() {
        // `const` is a kind of item, too.
        if line.starts_with("const ") && words.peek().is_some_and(|next| name_of(next) == item) {
            return true;
        }
    }
    let kinds = ["fn", "struct", "enum", "trait", "static", "type"];
    words.next().is_some_and(|word| kinds.contains(&word))
        && words.next().is_some_and(|word| name_of(word) == item)
}

/// The comment and the code of the item of this name.
fn item_in(text: &str, item: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| declares(line, item))?;
    let is_before = |line: &&&str| line.trim_start().starts_with("//") || line.contains("#[");
    let before = lines[..at].iter().rev().take_while(is_before).count();
    let indent = lines[at].len() - lines[at].trim_start().len();
    let is_last = |line: &&str| {
        let is_closing = line.trim_start().starts_with(['}', ']', ')']) && !line.ends_with('{');
        line.len() - line.trim_start().len() == indent && (is_closing || line.ends_with(';'))
    };
    let length = lines[at..].iter().position(is_last)? + 1;
    Some(lines[at - before..at + length].join("\n"))
}

/// The name that a word of code begins with.
fn name_of(word: &str) -> &str {
    let end = word.find(|c: char| !c.is_alphanumeric() && c != '_');
    &word[..end.unwrap_or(word.len())]
}

/// The blocks with the functions of this type or trait.
fn blocks<'a>(text: &'a str, of: &'a str) -> impl Iterator<Item = &'a str> {
    let starts = text.match_indices('\n').map(|(at, _)| &text[at + 1..]);
    starts.filter_map(move |rest| {
        let (first, _) = rest.split_once('\n')?;
        let is_block = first.starts_with("impl") || first.contains("trait ");
        let mut names = first.split(|c: char| !c.is_alphanumeric() && c != '_');
        if !is_block || first.starts_with("//") || !names.any(|name| name == of) {
            return None;
        }
        rest.split_once("\n}").map(|(block, _)| block)
    })
}

#[test]
fn the_code_and_the_tests_that_the_table_names_are_there() {
    let mut files = Files::default();
    let mut wrong = Vec::new();
    let tables =
        [table(), table_of_cert_with_extern_psk(), table_of_post_quantum(), table_of_quic()];
    for Requirement { section, text, role, status, code, tests, reason } in tables.concat() {
        for place in &code {
            if let Err(what) = files.has_code(place) {
                wrong.push(format!("{section}: {what}"));
            }
        }
        for place in &tests {
            if !files.has_test(place) {
                wrong.push(format!("{section}: no test {place}"));
            }
        }
        let explained = match status.as_str() {
            // Without a test only by construction, which is explained.
            "met" => !code.is_empty() && (!tests.is_empty() || reason.is_some()),
            "not applicable" | "not met" => reason.is_some(),
            _ => false,
        };
        if !explained || !ROLES.contains(&role.as_str()) || text.is_empty() {
            wrong.push(format!("{section}: {text:?} is not complete"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_section_with_a_requirement_is_in_the_table() {
    check_sections(&table(), SECTIONS.split_whitespace());
    let sections = SECTIONS_OF_CERT_WITH_EXTERN_PSK.split_whitespace();
    check_sections(&table_of_cert_with_extern_psk(), sections);
    check_sections(&table_of_post_quantum(), SECTIONS_OF_POST_QUANTUM.into_iter());
    check_sections(&table_of_quic(), SECTIONS_OF_QUIC.split_whitespace());
}

fn check_sections<'a>(table: &'a [Requirement], sections: impl Iterator<Item = &'a str>) {
    let listed: BTreeSet<&str> = table.iter().map(|it| it.section.as_str()).collect();
    assert_eq!(listed, sections.collect());
    let texts: BTreeSet<_> = table.iter().map(|it| (&it.section, &it.text, &it.role)).collect();
    assert_eq!(texts.len(), table.len(), "none is there twice");
    let mut counts = BTreeMap::new();
    for requirement in table {
        *counts.entry(requirement.status.as_str()).or_insert(0) += 1;
    }
    let untested = table.iter().filter(|it| it.status == "met" && it.tests.is_empty()).count();
    println!("{counts:?}, of which {untested} by construction");
}
