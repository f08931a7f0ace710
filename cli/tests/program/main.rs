//! The program, run as its users run it.

mod check;
mod client_authentication;
mod client_options;
mod common;
mod demo;
mod explain;
mod html;
mod misuse;
mod network;
mod output;
mod secrets;
mod starttls;
#[cfg(feature = "pkcs11")]
mod token;
mod vectors;
mod verify;
mod words;
