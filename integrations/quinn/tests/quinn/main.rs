//! quinn with our TLS on one side or on both; the other side has rustls.

mod handshakes;
mod loss;
mod peers;
mod sessions;
