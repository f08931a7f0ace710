//! Vectors of others, byte for byte.

mod rfc8448;
mod wycheproof;
