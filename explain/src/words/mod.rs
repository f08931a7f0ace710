//! Words for accounts: the one place where sentences are made of the data.

mod connection;
mod facts;
mod meanings;
mod messages;

pub use connection::{choice, outcome, problem, subject};
pub use facts::{Fact, FactValue, facts, identity, printable};
pub use meanings::meaning;
pub use messages::{alert, counted, derived, level, received, sent};
