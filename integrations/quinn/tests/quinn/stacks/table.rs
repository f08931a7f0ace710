//! The table of `docs/quic-peers.md`, compared with what was run.

use super::case::Case;
use super::{Limit, Role};

const DOCUMENT: &str = include_str!("../../../../../docs/quic-peers.md");

/// Fails if the column of this stack and role says something else. A case that ran has "yes". If there is a limit,
/// its number in the list below the table follows, or is alone.
pub fn check(stack: &str, role: Role, results: &[(Case, Option<Limit>)]) {
    let role = match role {
        Role::Client => "client",
        Role::Server => "server",
    };
    let name = format!("{stack}, {role}");
    let header = cells("case").unwrap();
    let column = header.iter().position(|cell| *cell == name);
    let column = column.unwrap_or_else(|| panic!("the table has no column {name}"));
    for (case, limit) in results {
        let row = cells(case.name()).unwrap_or_else(|| panic!("no row {}", case.name()));
        let expected = match limit {
            None => "yes".into(),
            Some(Limit::Part(reason)) => format!("yes, {}", number_of(reason)),
            Some(Limit::None(reason)) => number_of(reason),
        };
        assert_eq!(row[column], expected, "{name}: {}", case.name());
    }
}

/// The cells of the row that begins with this one.
fn cells(first: &str) -> Option<Vec<&'static str>> {
    DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix('|'))
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .find(|cells| cells[0] == first)
}

/// The number that this reason has in the list.
fn number_of(reason: &str) -> String {
    let end = format!(". {reason}");
    let line = DOCUMENT.lines().find(|line| line.ends_with(&end));
    let line = line.unwrap_or_else(|| panic!("the list does not have: {reason}"));
    line.trim_end_matches(&end).into()
}
