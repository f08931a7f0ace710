//! Private keys in hardware for the TLS 1.3 handshake of [`handclasp`], which is re-exported: PKCS#11 tokens, such as
//! HSMs, smart cards, TPMs and SoftHSM.
//!
//! ```no_run
//! use std::sync::Arc;
//! use handclasp_pkcs11::handclasp::transport::tokio::Acceptor;
//! use handclasp_pkcs11::handclasp::{ServerConfig, pem};
//! use handclasp_pkcs11::{Options, Pkcs11Uri, TokenKey};
//!
//! # #[cfg(all(feature = "tokio", any(feature = "ring", feature = "aws-lc-rs")))]
//! # fn example() -> Result<Acceptor, Box<dyn std::error::Error>> {
//! let uri: Pkcs11Uri = "pkcs11:token=web;object=server?module-path=/usr/lib/softhsm/libsofthsm2.so\
//!     &pin-source=file:/run/secrets/pin".parse()?;
//! let chain = pem::certificates(&std::fs::read("chain.pem")?)?;
//! let key = TokenKey::open(&uri, chain, &Options::default())?;
//! let config = ServerConfig::new(key.certified_key())?;
//! let acceptor = Acceptor::new(Arc::new(config)).answers(key);
//! # Ok(acceptor)
//! # }
//! ```
//!
//! - A client's key works in the same way: give [`TokenKey::certified_key`] to
//!   [`ClientConfigBuilder::client_certificates`](handclasp::config::ClientConfigBuilder::client_certificates), and
//!   the key to the connector.
//! - [`certificates`] reads the chain from the token, where the certificate is there, too.
//! - Signatures are made by at most [`Options::sessions`] threads of the key, each with a session of its own, so that
//!   no thread of the async runtime blocks. A signature that takes longer than [`Options::timeout`] ends its
//!   handshake. A token that hangs keeps these threads, and no more.
//! - If clients want more signatures than the token can make, it signs for the newest first, so that those that it
//!   signs for are still there: see [`Options::max_waiting`].
//! - A token that goes away and comes back is used again: the next signature opens a session, logs in and checks the
//!   key, as each new session does: the token signs once, and the signature is verified with the certificate.
//! - A PIN that a token has called wrong is not tried with it again in this process, because tokens lock after a few
//!   wrong ones, and no PIN is tried if one more wrong one locks the token. A service manager that starts the process
//!   again is another try: let the program exit with a code of its own for
//!   [`PinIncorrect`](TokenError::PinIncorrect), and name it in systemd's `RestartPreventExitStatus=`.
//! - The key signs with ECDSA on P-256, P-384 and P-521, RSA-PSS of 2048 bits or more, and Ed25519. Each scheme is
//!   tried when the key is opened, and those with which the token does not sign are not offered to peers.
//! - Messages are hashed in this process if the token has a mechanism that takes a hash (CKM_ECDSA, CKM_RSA_PKCS_PSS),
//!   otherwise by the token. A key that wants its PIN for each signature (CKA_ALWAYS_AUTHENTICATE) needs a mechanism
//!   that hashes.
//!
//! A module is native code in this process, and is not unloaded. The crate itself has no unsafe code: it uses
//! [`cryptoki`](https://docs.rs/cryptoki).

// Examples are copied: an import that one does not use would be a warning there.
#![doc(test(attr(deny(unused_imports))))]

mod error;
mod key;
mod login;
mod mechanism;
mod module;
mod options;
mod pin;
#[cfg(feature = "tokio")]
mod question_handler;
mod session;
mod trial;
mod uri;
mod waiting;
mod workers;

pub use error::TokenError;
pub use handclasp;
pub use key::{OPEN_TIMEOUT, TokenKey, certificates};
pub use options::{FailureHandler, Options, limited};
pub use pin::Pin;
#[cfg(feature = "tokio")]
pub use question_handler::TokenKeys;
pub use uri::{Pkcs11Uri, UriError};
