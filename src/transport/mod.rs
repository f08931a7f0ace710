//! What carries a connection: the thin rooms around the machine.

pub mod memory;
pub mod raw;
mod stream;

pub use stream::Stream;
