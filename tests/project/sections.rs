//! ARCHITECTURE.md says where a section of RFC 9846 is implemented. Here the table is held to the code:
//! what it names is there, and has the section in its comment or body.

use std::collections::BTreeSet;
use std::fs;

use crate::architecture::root;
use crate::requirements::{Files, table};

const HEADING: &str = "## Where a section of the RFC is\n";

/// The sections of the RFC that describe the protocol. Those that only have other sections in them are
/// left out.
const SECTIONS: &str = "4.1 4.2.1 4.2.2 4.2.3 4.2.4 4.3 4.3.1 4.3.2 4.3.3 4.3.4 4.3.5 4.3.6 4.3.7 \
    4.3.8 4.3.9 4.3.10 4.3.11 4.4.1 4.4.2 4.5.1 4.5.2 4.5.3 4.6 4.7.1 4.7.2 4.7.3 5 5.1 5.2 5.3 5.4 \
    5.5 6.1 6.2 7.1 7.2 7.3 7.4 7.5 8 8.1 8.2 8.3 9.1 9.2";

/// A row: a section, and the places in the code, each a path and a name.
struct Row {
    section: String,
    places: Vec<String>,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, after) = text.split_once(HEADING).expect("the table is there");
    let (part, _) = after.split_once("\n## ").unwrap();
    let lines = part.lines().filter(|line| line.starts_with('|'));
    lines.skip(2).map(row).collect()
}

fn row(line: &str) -> Row {
    let mut cells = line.trim_matches('|').split('|').map(str::trim);
    let section = cells.next().unwrap().to_owned();
    let files = cells.nth(1).unwrap().split("; ");
    let mut places = Vec::new();
    for file in files {
        let (path, items) = file.split_once(": ").unwrap();
        let path = path.trim_matches('`');
        let root = if path.starts_with("x509/") { "" } else { "src/" };
        let items = items.split(", ").map(|item| item.trim_matches('`'));
        places.extend(items.map(|item| format!("{root}{path}: {item}")));
    }
    Row { section, places }
}

/// Does the text cite this section, or a part of it?
fn cites(text: &str, section: &str) -> bool {
    text.match_indices(section).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + section.len()..].chars();
        !before.is_some_and(|c| c.is_ascii_digit() || c == '.')
            && !after.next().is_some_and(|c| c.is_ascii_digit())
    })
}

/// Does the text cite this section, a part of it, or the section that it is a part of?
fn cites_about(text: &str, section: &str) -> bool {
    let parent = section.rsplit_once('.').map(|(parent, _)| parent);
    cites(text, section) || parent.is_some_and(|parent| cites(text, parent))
}

#[test]
fn each_section_has_a_row_and_each_place_cites_its_section() {
    let rows = rows();
    let listed: Vec<&str> = rows.iter().map(|row| row.section.as_str()).collect();
    assert_eq!(listed, SECTIONS.split_whitespace().collect::<Vec<_>>());
    let mut files = Files::default();
    let mut wrong = BTreeSet::new();
    for Row { section, places } in &rows {
        for place in places {
            match files.has_code(place) {
                Err(what) => _ = wrong.insert(format!("{section}: {what}")),
                Ok(()) if cites(&files.item(place), section) => {}
                Ok(()) => _ = wrong.insert(format!("{section}: it does not cite it: {place}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A reader who searches for a section finds what implements it.
#[test]
fn what_implements_a_requirement_cites_its_section() {
    let mut files = Files::default();
    let mut missing = BTreeSet::new();
    let table = table();
    let places: BTreeSet<&String> = table.iter().flat_map(|row| &row.code).collect();
    for place in places {
        let rows = table.iter().filter(|row| row.code.contains(place));
        let text = files.item(place);
        let sections: BTreeSet<&str> = rows.map(|row| row.section.as_str()).collect();
        if !sections.iter().any(|section| cites_about(&text, section)) {
            missing.insert(format!("{place}: none of {sections:?}"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_citation_is_of_the_whole_number() {
    assert!(cites("(section 4.3.11)", "4.3.11"));
    assert!(cites("sections 4.1 and 4.3.11.2.", "4.3.11"));
    assert!(!cites("(section 4.3.11)", "4.3.1"));
    assert!(!cites("(section 14.3)", "4.3"));
    assert!(!cites("(section 5.4.3)", "4.3"));
    assert!(cites_about("(section 4.5)", "4.5.2"));
}
