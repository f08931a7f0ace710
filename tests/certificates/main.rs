//! Certificates and keys: whom an end trusts, and how it proves who it is.

mod authorities;
#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs_keys;
mod client_authentication;
mod legacy_rsa;
mod private_keys;
mod raw_public_keys;
mod secrets_in_words;
#[cfg(feature = "aws-lc-rs")]
mod several_algorithms;
mod stapling;
mod x509_limbo;
