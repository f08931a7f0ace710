//! Explains captures in a browser: [`answer`] is all that the page asks. A request goes in, and JSON comes
//! out.
//!
//! The program `decoder` is this for WebAssembly (`wasm32-wasip1`): it reads a request from standard input,
//! and writes the answer to standard output. `write_page` writes the page with the decoder in it.

mod answer;
#[cfg(not(target_family = "wasm"))]
mod page;
mod provider;

pub use answer::{MAX_LISTED, MAX_REQUEST_LINE, Request, Wanted, answer};
#[cfg(not(target_family = "wasm"))]
pub use page::write_page;
pub use provider::provider;
