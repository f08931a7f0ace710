//! Keys on tokens of SoftHSM.

#[cfg(feature = "tokio")]
mod failures;
#[cfg(feature = "tokio")]
mod handshakes;
mod token;
