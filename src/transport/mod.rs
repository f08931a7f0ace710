//! What carries a connection: the thin rooms around the machine.

mod buffered;
mod closing;
pub mod memory;
mod stream;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use closing::{CLOSING_BYTES, CLOSING_TIME, Socket};
pub use stream::Stream;
