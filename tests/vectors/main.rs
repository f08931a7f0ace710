//! Vectors of others, byte for byte.

mod rfc8448;
mod wycheproof;
#[cfg(feature = "aws-lc-rs")]
mod wycheproof_aws_lc_rs;
