//! Keys on tokens of SoftHSM.

#[cfg(feature = "tokio")]
mod failures;
#[cfg(feature = "tokio")]
mod faulty_modules;
#[cfg(feature = "tokio")]
mod handshakes;
#[cfg(feature = "tokio")]
mod pins;
mod token;
