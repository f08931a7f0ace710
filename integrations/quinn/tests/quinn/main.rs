//! quinn with our TLS on one side or on both; the other side has rustls.

mod crypto_frames;
mod direct;
mod failures;
mod handshakes;
mod http3;
mod loss;
mod peers;
mod questions;
mod sessions;
