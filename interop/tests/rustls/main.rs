//! rustls as a peer, for what its provider over ring does not have.

mod certificate_compression;
mod groups;
#[cfg(feature = "aws-lc-rs")]
mod ml_dsa;
