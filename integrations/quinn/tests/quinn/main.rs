//! quinn with our TLS on one side or on both. The other side has rustls, or is another implementation of QUIC
//! (`stacks`).

mod crypto_frames;
mod direct;
mod failures;
mod handshakes;
mod http3;
mod loss;
mod peers;
mod questions;
mod sessions;
mod stacks;
