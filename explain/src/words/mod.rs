//! Words for accounts: the one place where sentences are made of the data.

mod certificates;
mod connection;
mod facts;
mod meanings;
mod messages;

pub use certificates::{
    FindingInWords, expired, finding, findings_before, path_attempt, path_verdict,
};
pub use connection::{choice, data_sent, not_chosen, outcome, problem, subject};
pub use facts::{Fact, FactValue, facts, identity, printable};
pub use meanings::meaning;
pub use messages::{alert, cause_of, counted, derived, level, received, sent};
