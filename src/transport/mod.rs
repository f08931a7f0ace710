//! Transports: blocking streams, streams under tokio, and memory. A transport of your own uses
//! [`crate::connection`] directly.

mod buffered;
mod closing;
mod handed_over;
mod io_error;
pub mod memory;
mod progress;
mod reader_buffer;
mod record_pieces;
mod stream;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use closing::{CLOSING_BYTES, CLOSING_TIME, Socket};
pub use handed_over::HandedOver;
pub use stream::Stream;
