//! What the two say differently, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::fields::{Place, Reading, Readings};
use super::recording::Recording;

/// A difference that is explained.
struct Explained {
    /// The name in tshark.
    field: &'static str,
    what: &'static str,
    is_this: fn(&Difference) -> bool,
    why: &'static str,
}

const EXPLAINED: &[Explained] = &[
    Explained {
        field: "tls.handshake.sig_hash_alg",
        what: "tshark alone has it",
        is_this: |difference| difference.ours.is_none(),
        why: "Firefox sends delegated_credential (RFC 9345), whose list has the same name in tshark. The \
              library does not support that extension: an account has its content as bytes.",
    },
    Explained {
        field: "tls.handshake.sig_hash_alg_len",
        what: "tshark alone has it",
        is_this: |difference| difference.ours.is_none(),
        why: "The length of the same list.",
    },
];

/// A field of which the two say different things.
pub struct Difference {
    pub place: Place,
    pub ours: Option<Reading>,
    pub theirs: Option<Reading>,
}

/// How far the two agree.
pub struct Comparison {
    /// How many fields were compared.
    pub fields: usize,
    pub differences: Vec<Difference>,
}

impl Comparison {
    pub fn of(ours: &Readings, theirs: &Readings) -> Self {
        let mut comparison = Self { fields: 0, differences: Vec::new() };
        let none = Vec::new();
        let places: BTreeSet<&Place> = ours.keys().chain(theirs.keys()).collect();
        for place in places {
            let ours = ours.get(place).unwrap_or(&none);
            let theirs = theirs.get(place).unwrap_or(&none);
            for pair in aligned(ours, theirs) {
                comparison.fields += 1;
                if !pair.agrees() {
                    let (ours, theirs) = (pair.ours.cloned(), pair.theirs.cloned());
                    comparison.differences.push(Difference { place: *place, ours, theirs });
                }
            }
        }
        comparison
    }

    /// The part of the fields of which the two say the same.
    pub fn agreement(&self) -> f64 {
        1.0 - self.differences.len() as f64 / self.fields.max(1) as f64
    }

    /// Prints the figures, and each difference that is not explained.
    pub fn print(&self, recorded: &[Recording]) {
        let mut peers: BTreeMap<&str, usize> = BTreeMap::new();
        for recording in recorded {
            *peers.entry(recording.peer).or_default() += 1;
        }
        println!("{} captures {peers:?}, {} fields", recorded.len(), self.fields);
        println!("{} differences, {:.3} % agree", self.differences.len(), 100.0 * self.agreement());
        for difference in self.unexplained() {
            let Difference { place, ours, theirs } = difference;
            println!("{place:?}: {ours:?}, and tshark {theirs:?}");
        }
    }

    /// The differences without an explanation.
    pub fn unexplained(&self) -> Vec<&Difference> {
        let is_explained = |difference: &&Difference| {
            let mut rows = EXPLAINED.iter().filter(|row| row.field == difference.place.field);
            !rows.any(|row| (row.is_this)(difference))
        };
        self.differences.iter().filter(is_explained).collect()
    }
}

/// The table of the differences that are explained.
pub fn table() -> String {
    let mut table = "| Field in tshark | What differs | Why |\n|---|---|---|\n".to_owned();
    for Explained { field, what, why, .. } in EXPLAINED {
        writeln!(table, "| `{field}` | {what} | {why} |").unwrap();
    }
    table
}

/// Two readings of the same field. One of them may be missing.
#[derive(Clone, Copy)]
struct Pair<'r> {
    ours: Option<&'r Reading>,
    theirs: Option<&'r Reading>,
}

impl Pair<'_> {
    /// Whether both read the same bytes, and have the same name for a code point if both have one. tshark
    /// writes some names as words, or with an explanation: the letters of our name are in its.
    fn agrees(self) -> bool {
        let (Some(ours), Some(theirs)) = (self.ours, self.theirs) else { return false };
        let letters = |name: &str| -> String {
            let letters = name.chars().filter(char::is_ascii_alphanumeric);
            letters.map(|letter| letter.to_ascii_lowercase()).collect()
        };
        let has_same_name = match (&ours.name, &theirs.name) {
            (Some(ours), Some(theirs)) => letters(theirs).contains(&letters(ours)),
            _ => true,
        };
        has_same_name && ours.bytes == theirs.bytes
    }
}

/// Both lists side by side, so that as few pairs as possible disagree.
fn aligned<'r>(ours: &'r [Reading], theirs: &'r [Reading]) -> Vec<Pair<'r>> {
    let pair = |left: usize, right: usize| Pair { ours: ours.get(left), theirs: theirs.get(right) };
    // How many pairs disagree behind these places.
    let mut costs = vec![vec![0; theirs.len() + 1]; ours.len() + 1];
    for left in (0..=ours.len()).rev() {
        for right in (0..=theirs.len()).rev() {
            costs[left][right] = match (left == ours.len(), right == theirs.len()) {
                (true, _) => theirs.len() - right,
                (_, true) => ours.len() - left,
                _ => {
                    let both =
                        costs[left + 1][right + 1] + usize::from(!pair(left, right).agrees());
                    both.min(1 + costs[left + 1][right]).min(1 + costs[left][right + 1])
                }
            };
        }
    }
    let (mut pairs, mut left, mut right) = (Vec::new(), 0, 0);
    while left < ours.len() || right < theirs.len() {
        let has_both = left < ours.len() && right < theirs.len();
        let cost = costs[left][right];
        if has_both && cost == costs[left + 1][right + 1] + usize::from(!pair(left, right).agrees())
        {
            pairs.push(pair(left, right));
            (left, right) = (left + 1, right + 1);
        } else if left < ours.len() && cost == 1 + costs[left + 1][right] {
            pairs.push(Pair { ours: ours.get(left), theirs: None });
            left += 1;
        } else {
            pairs.push(Pair { ours: None, theirs: theirs.get(right) });
            right += 1;
        }
    }
    pairs
}
