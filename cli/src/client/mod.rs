//! What the commands that connect to a server share: their options, and the connection up to the end of
//! its handshake.

mod code_points;
mod options;
mod receive_buffer;
mod starttls;
mod target;
mod tls_client;

pub use options::ClientOptions;
pub use receive_buffer::ReceiveBuffer;
pub use target::Target;
pub use tls_client::{HANDSHAKE_TIMEOUT, ReceiveEnd, TlsClient, set_addresses};
