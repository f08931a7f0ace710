//! SCHEMA.md has each field of the JSON, and the JSON has no other.

use std::collections::BTreeSet;

use handclasp_explain::Account;
use serde_json::Value;

use crate::recorded::odd_ones;
use crate::support::all_kinds;

/// The paths of the table in SCHEMA.md.
fn documented() -> BTreeSet<String> {
    let text = include_str!("../../SCHEMA.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(path, _)| path.to_owned()).collect()
}

/// The path of each value. Fields in fields have the paths of fields.
fn paths(value: &Value, path: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                paths(inner, &path.replace("fields[].fields[]", "fields[]"), out);
            }
        }
        Value::Array(list) => {
            out.insert(path.to_owned());
            list.iter().for_each(|inner| paths(inner, &format!("{path}[]"), out));
        }
        _ => {
            out.insert(path.to_owned());
        }
    }
}

/// Parts that these handshakes do not have.
const ABSENT: [&str; 4] = [
    "connections[].certificates[].certificates[].malformed",
    "connections[].problems[].limit",
    "connections[].steps[].authenticated",
    "connections[].steps[].question",
];

#[test]
fn the_schema_has_each_field() {
    let connections = all_kinds().into_iter().flat_map(|tapped| [tapped.client, tapped.server]);
    let connections = connections.chain(odd_ones()).collect();
    let json = serde_json::to_value(Account::new(connections)).unwrap();
    let (mut found, documented) = (BTreeSet::new(), documented());
    paths(&json, "", &mut found);
    found.retain(|path| !path.ends_with(".fields"));
    let undocumented: Vec<_> = found.difference(&documented).collect();
    assert!(undocumented.is_empty(), "not in SCHEMA.md: {undocumented:#?}");
    let absent: Vec<_> =
        documented.difference(&found).filter(|path| !ABSENT.contains(&path.as_str())).collect();
    assert!(absent.is_empty(), "only in SCHEMA.md: {absent:#?}");
}
