//! What carries a connection: the thin rooms around the machine.

mod buffered;
pub mod memory;
mod stream;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use stream::Stream;
