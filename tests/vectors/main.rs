//! Vectors of others, byte for byte.

mod cert_with_extern_psk;
mod rfc8448;
mod wycheproof;
#[cfg(feature = "aws-lc-rs")]
mod wycheproof_aws_lc_rs;
