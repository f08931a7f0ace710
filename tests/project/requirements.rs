//! `docs/requirements.jsonl` has every MUST and MUST NOT of RFC 9846. Here it is held to what it
//! says: the code and the tests that it names are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The sections and appendices of RFC 9846 that have such a sentence for somebody who implements
/// or uses it.
const SECTIONS: &str = "1 2 2.1 2.2 4 4.2.1 4.2.2 4.2.3 4.2.4 4.3 4.3.1 4.3.2 4.3.3 4.3.5 4.3.6 \
    4.3.7 4.3.8 4.3.8.1 4.3.8.2 4.3.9 4.3.10 4.3.11 4.3.11.1 4.3.11.3 4.4.1 4.4.2 4.5.1 4.5.1.1 \
    4.5.1.2 4.5.1.3 4.5.2 4.5.3 4.6 4.7.1 4.7.2 4.7.3 5 5.1 5.2 5.3 5.4 5.5 6 6.1 6.2 7.4.2 7.5 8 \
    8.2 9.1 9.2 9.3 B B.3.1.4 C.5 E E.1 E.2 E.4 E.5 F.1 F.5";

const ROLES: [&str; 6] = ["client", "server", "both", "application", "specifications", "middlebox"];

#[derive(Debug)]
struct Requirement {
    section: String,
    text: String,
    role: String,
    status: String,
    code: Vec<String>,
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

fn table() -> Vec<Requirement> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/requirements.jsonl");
    fs::read_to_string(path).unwrap().lines().map(Requirement::read).collect()
}

/// The files that the table names, each read once.
#[derive(Default)]
struct Files(BTreeMap<String, String>);

impl Files {
    /// Does one of these keywords stand before the item's name? `place` is a path and a name.
    fn has(&mut self, place: &str, keywords: &[&str]) -> bool {
        let Some((path, item)) = place.split_once(": ") else { return false };
        let text = self.0.entry(path.to_owned()).or_insert_with(|| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            fs::read_to_string(path).unwrap_or_default()
        });
        keywords.iter().any(|keyword| {
            let declared = format!("{keyword} {item}");
            text.match_indices(&declared).any(|(at, _)| {
                let part_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                let before = text.as_bytes()[..at].last();
                let after = text.as_bytes().get(at + declared.len());
                ![before, after].into_iter().flatten().any(|byte| part_of_a_name(*byte))
            })
        })
    }
}

#[test]
fn the_code_and_the_tests_that_the_table_names_are_there() {
    let mut files = Files::default();
    let mut wrong = Vec::new();
    for Requirement { section, text, role, status, code, tests, reason } in table() {
        for place in &code {
            let items = ["fn", "struct", "enum", "trait", "const", "static", "type"];
            let is_code = place.starts_with("src/") || place.starts_with("x509/src/");
            if !is_code || !files.has(place, &items) {
                wrong.push(format!("{section}: no code {place}"));
            }
        }
        for place in &tests {
            if !files.has(place, &["#[test]\nfn", "#[test]\n    fn"]) {
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
            wrong.push(format!("{section}: {text:?} is not told whole"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_section_with_a_requirement_is_in_the_table() {
    let table = table();
    let listed: BTreeSet<&str> = table.iter().map(|it| it.section.as_str()).collect();
    assert_eq!(listed, SECTIONS.split_whitespace().collect());
    let texts: BTreeSet<_> = table.iter().map(|it| (&it.section, &it.text, &it.role)).collect();
    assert_eq!(texts.len(), table.len(), "none is there twice");
    let mut counts = BTreeMap::new();
    for requirement in &table {
        *counts.entry(requirement.status.as_str()).or_insert(0) += 1;
    }
    let untested = table.iter().filter(|it| it.status == "met" && it.tests.is_empty()).count();
    println!("{counts:?}, of which {untested} by construction");
}
