//! Whom this side trusts: verifiers, trust anchors, pins, and a server's policy for its clients.
//!
//! A [`PeerVerifier`] accepts or refuses the certificates or the raw public key of a peer. The
//! default one is [`TrustAnchorVerifier`], and [`SpkiPins`] accepts keys. [`ClientAuthentication`]
//! says whether a server requests certificates from its clients, and how it verifies them.
//!
//! There are five ways to configure how a client trusts a server, and each of them checks something.
//! In all of them the handshake itself checks that the server has the private key of its certificate.
//!
//! | The server has | Trust | The client checks |
//! |---|---|---|
//! | a certificate of a public authority | [public roots](#public-authorities) | path, name, dates |
//! | a certificate of an authority of your own | [that authority alone](#an-authority-of-your-own) | path, name, dates |
//! | a self-signed certificate that you have | [that certificate](#one-self-signed-certificate) | same certificate, name, dates |
//! | a certificate of a public authority, and you know its keys | [the roots, and pins](#a-pin-and-an-authority) | path, name, dates, key |
//! | a key that you know, and any certificate | [only the pin](#only-a-pin) | key |
//!
//! # Public authorities
//!
//! `TrustAnchors::native()` trusts the authorities of the operating system. An administrator can add
//! and remove authorities there. It needs the feature `rustls-native-certs`. Certificates that cannot
//! be used are skipped and listed, so that one of them does not stop a program.
//!
//! ```
//! # #[cfg(feature = "rustls-native-certs")]
//! # fn main() {
//! # use handclasp::{ClientConfig, TrustAnchors};
//! let loaded = TrustAnchors::native();
//! for skipped in &loaded.skipped {
//!     eprintln!("warning: {skipped}");
//! }
//! // Fails if no anchor is left.
//! let config = ClientConfig::new(loaded.anchors);
//! # }
//! # #[cfg(not(feature = "rustls-native-certs"))]
//! # fn main() {}
//! ```
//!
//! `TrustAnchors::webpki_roots()` trusts Mozilla's authorities. They are compiled into the program, and
//! change only with a new version of it. Use them in containers without a certificate store, or if all
//! machines must trust the same authorities. They need the feature `webpki-roots`.
//!
//! [`TrustAnchors::from_bundle`] reads a bundle in a file and skips what it cannot use.
//! [`TrustAnchors::from_pem`] and [`TrustAnchors::from_der`] fail if one of the certificates cannot be
//! used. [`TrustAnchors::add`] adds an authority, such as one of your own to the public ones.
//!
//! # An authority of your own
//!
//! Trust its root and no other. No public authority can then issue a certificate for your servers, so
//! there is no need to pin the authority as well. The server sends the intermediate certificates. An
//! intermediate can also be a trust anchor, because an anchor need not be self-signed.
//!
//! ```
//! # use handclasp::{ClientConfig, TrustAnchors};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let made = rcgen::generate_simple_self_signed(["a.example".to_owned()])?;
//! # let pem = made.cert.pem();
//! # let read = |_: &str| pem.as_bytes();
//! let anchors = TrustAnchors::from_pem(read("our-ca.pem"))?;
//! let config = ClientConfig::new(anchors)?;
//! # Ok(())
//! # }
//! ```
//!
//! `openssl req -x509` makes a root that can be used. The certificates of the servers must have their
//! names in `subjectAltName`. A name in the subject is ignored (RFC 9525, section 1.2).
//!
//! # One self-signed certificate
//!
//! A server's certificate can be a trust anchor itself. The client still checks its name and its
//! dates. If the certificate is not that of an authority, its owner can issue no other certificate
//! that the client accepts. `openssl req -x509` makes the certificate of an authority, unless you add
//! `-addext basicConstraints=critical,CA:FALSE`.
//!
//! ```
//! use handclasp::transport::memory::exchange;
//! # use std::sync::Arc;
//! # use handclasp::pki_types::PrivateKeyDer;
//! # use handclasp::{CertifiedKey, ClientConfig, ClientConnection, ServerConfig, ServerConnection};
//! # use handclasp::TrustAnchors;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! let made = rcgen::generate_simple_self_signed(["device.example".to_owned()])?;
//! let certificate = made.cert.der().clone();
//! # let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
//! # let key = CertifiedKey::from_der(vec![certificate.clone()], &key)?;
//! # let mut server = ServerConnection::new(Arc::new(ServerConfig::new(key)?));
//!
//! let mut anchors = TrustAnchors::new();
//! anchors.add(certificate)?;
//! let config = Arc::new(ClientConfig::new(anchors)?);
//! let mut client = ClientConnection::new(config, "device.example".try_into()?);
//! exchange(&mut client, &mut server)?;
//! assert!(!client.is_handshaking());
//! # Ok(())
//! # }
//! ```
//!
//! If a device makes new certificates, or clients reach it by an address that is not in its
//! certificate, trust [its key](#only-a-pin) instead.
//!
//! # A pin and an authority
//!
//! If you know the keys of a server, pins make a certificate useless that an authority issued by
//! mistake: the path must be valid, and the key must be one of the pinned keys. Pin a spare key, too,
//! and keep it in another place. Clients that have pinned only a lost key cannot connect any more.
//!
//! ```
//! use std::sync::Arc;
//! use handclasp::verify::{SpkiPin, SpkiPins, TrustAnchorVerifier};
//! use handclasp::{ClientConfig, CryptoProvider};
//! # use handclasp::TrustAnchors;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let made = rcgen::generate_simple_self_signed(["a.example".to_owned()])?;
//! # let anchors = TrustAnchors::from_der(made.cert.der())?;
//!
//! let pins: [SpkiPin; 2] = [
//!     "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse()?,
//!     "sha256/bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=".parse()?,
//! ];
//! let provider = CryptoProvider::default();
//! let paths = TrustAnchorVerifier::new(anchors, provider.signatures.clone());
//! let verifier = Arc::new(SpkiPins::with_verifier(Arc::new(paths), pins)?);
//! let config = ClientConfig::builder(provider).verifier(verifier).build()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Only a pin
//!
//! The key alone identifies the server. The client ignores the names, dates and signatures in the
//! certificate, as a client with a key from the DNS does (RFC 7671, section 5.1). So nothing expires,
//! and only a change of the clients revokes a lost key.
//!
//! ```
//! # use std::sync::Arc;
//! # use handclasp::verify::{SpkiPin, SpkiPins};
//! # use handclasp::pki_types::PrivateKeyDer;
//! # use handclasp::transport::memory::exchange;
//! # use handclasp::{CertifiedKey, ClientConfig, ClientConnection, CryptoProvider};
//! # use handclasp::{ServerConfig, ServerConnection};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let made = rcgen::generate_simple_self_signed(["device.example".to_owned()])?;
//! # let certificate = made.cert.der().clone();
//! # let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
//! # let key = CertifiedKey::from_der(vec![certificate.clone()], &key)?;
//! # let server = Arc::new(ServerConfig::new(key)?);
//! # let spare = SpkiPin::new([0; 32]);
//! let pin = SpkiPin::of(&certificate)?;
//! let provider = CryptoProvider::default();
//! let verifier = Arc::new(SpkiPins::only([pin, spare])?);
//! let config = Arc::new(ClientConfig::builder(provider).verifier(verifier).build()?);
//! let mut client = ClientConnection::new(config, "192.0.2.1".try_into()?);
//! # let mut other = ServerConnection::new(server);
//! # exchange(&mut client, &mut other)?;
//! # assert!(!client.is_handshaking());
//! # Ok(())
//! # }
//! ```
//!
//! The client refuses a server with another key. The error has both pins.
//!
//! # How strict to be
//!
//! A [`TrustAnchorVerifier`] can refuse more than it does by default:
//!
//! - certificates that the standards forbid authorities to issue:
//!   [`with_profile`](TrustAnchorVerifier::with_profile), or in one line
//!   [`trust_with_profile`](crate::config::ClientConfigBuilder::trust_with_profile) of a client and
//!   [`require_client_certificates`](crate::config::ServerConfigBuilder::require_client_certificates)
//!   of a server;
//! - anchors whose certificates have expired:
//!   [`with_anchor_dates`](TrustAnchorVerifier::with_anchor_dates);
//! - chains without an acceptable certificate policy:
//!   [`with_policies`](TrustAnchorVerifier::with_policies).
//!
//! Pass it to a client with [`verifier`](crate::config::ClientConfigBuilder::verifier), and to a server
//! with [`ClientAuthentication`].
//!
//! # What not to do
//!
//! - Do not write a [`PeerVerifier`] that accepts everything. An attacker between client and server
//!   can then read and change all data. A pin needs as few lines.
//! - Do not pin the certificates of a public authority that can change without notice, such as its
//!   intermediates.
//! - Do not trust the certificate of the first connection without another check. If an attacker
//!   answered the first connection, the client trusts the attacker from then on.

#[cfg(doc)]
use crate::certificate::TrustAnchors;

mod accepted_servers;
mod client_authentication;
mod ocsp_request;
mod peer_verifier;
mod pins;
mod trust_anchors;

pub use client_authentication::ClientAuthentication;
pub(crate) use client_authentication::ClientCertificatePolicy;
pub(crate) use ocsp_request::OcspRequest;
pub use peer_verifier::{PeerIdentity, PeerVerifier, RawPublicKey};
pub use pins::{InvalidPin, SpkiPin, SpkiPins};
pub use trust_anchors::TrustAnchorVerifier;

#[cfg(test)]
mod tests;
