//! The width of the terminal.

use std::sync::OnceLock;

/// The width without a terminal, in columns.
const USUAL: usize = 80;

/// How many columns a line has: those that COLUMNS says, or the terminal has.
pub fn width() -> usize {
    static WIDTH: OnceLock<usize> = OnceLock::new();
    *WIDTH.get_or_init(|| {
        let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let terminal = || {
            let size = terminal_size::terminal_size()?;
            Some(usize::from(size.0.0))
        };
        // Narrower lines have no room for values, and longer ones are hard to read.
        said.or_else(terminal).unwrap_or(USUAL).clamp(40, 120)
    })
}
