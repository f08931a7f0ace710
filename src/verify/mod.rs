//! Whom to trust: public authorities, one of your own, one certificate, or one key.
//!
//! A client must be told whom it believes that a server is who it says. There are five ways, and
//! none of them is to check nothing. What the handshake proves itself, that the server has the
//! private key of the certificate that it sent, cannot be switched off.
//!
//! | The server has | Trust | What is checked |
//! |---|---|---|
//! | a certificate of a public authority | [public roots](#public-authorities) | path, name, dates |
//! | a certificate of an authority of your own | [that authority alone](#an-authority-of-your-own) | path, name, dates |
//! | a self-signed certificate that you have | [that certificate](#one-self-signed-certificate) | same certificate, name, dates |
//! | a certificate of a public authority, and you know its keys | [the roots, and pins beside them](#a-pin-beside-an-authority) | path, name, dates, key |
//! | a key that you know, and any certificate | [the pin alone](#a-pin-instead-of-an-authority) | key |
//!
//! # Public authorities
//!
//! `TrustAnchors::native()` trusts what the operating system trusts: an administrator can add to it
//! and take from it. It comes with the feature `rustls-native-certs`. Certificates that cannot be
//! used are skipped and named, so that one of them does not stop a program.
//!
//! ```
//! # #[cfg(feature = "rustls-native-certs")]
//! # fn main() {
//! # use handclasp::{ClientConfig, TrustAnchors};
//! let loaded = TrustAnchors::native();
//! for skipped in &loaded.skipped {
//!     eprintln!("warning: {skipped}");
//! }
//! // Fails if there is nothing left to trust.
//! let config = ClientConfig::new(loaded.anchors);
//! # }
//! # #[cfg(not(feature = "rustls-native-certs"))]
//! # fn main() {}
//! ```
//!
//! `TrustAnchors::webpki_roots()` trusts Mozilla's authorities, which come with the program and are
//! as old as it is: for containers without a store, and where every machine should do the same. It
//! comes with the feature `webpki-roots`. A bundle in a file is read by
//! [`TrustAnchors::from_bundle`], or by [`TrustAnchors::from_pem`] and [`TrustAnchors::from_der`] if
//! every certificate in it must be usable. A set of anchors can be added to: your own authority
//! beside the public ones is one more [`TrustAnchors::add`].
//!
//! # An authority of your own
//!
//! Trust its root and nothing else: then no public authority can vouch for your servers, which is
//! all that pinning an authority could give you. Its intermediates are sent by the server, or can be
//! trusted themselves: an anchor need not be self-signed.
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
//! `openssl req -x509` makes a usable root as it is. The servers' certificates need their names as
//! `subjectAltName`: a name in the subject alone is not looked at (RFC 9525, section 1.2).
//!
//! # One self-signed certificate
//!
//! A certificate that is trusted is its own path. If it is no authority's, it vouches for itself
//! alone, and its owner can issue no other; beware that `openssl req -x509` makes an authority's
//! unless it is told `-addext basicConstraints=critical,CA:FALSE`. Its name and its dates must hold.
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
//! # let mut server = ServerConnection::new(Arc::new(ServerConfig::new(key)?))?;
//!
//! let mut anchors = TrustAnchors::new();
//! anchors.add(certificate)?;
//! let config = Arc::new(ClientConfig::new(anchors)?);
//! let mut client = ClientConnection::new(config, "device.example".try_into()?)?;
//! exchange(&mut client, &mut server)?;
//! assert!(!client.is_handshaking());
//! # Ok(())
//! # }
//! ```
//!
//! A device that makes a new certificate now and then, or is reached by an address that is not in
//! it, is better known by [its key](#a-pin-instead-of-an-authority).
//!
//! # A pin beside an authority
//!
//! Where the operator of the client knows the server's keys, a certificate that some authority
//! issued by mistake can be made useless: the path must hold, and the key must be one of those that
//! are pinned. Pin a spare key too, which is kept elsewhere: clients that know only a lost key are
//! locked out.
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
//! let provider = CryptoProvider::ring();
//! let paths = TrustAnchorVerifier::new(anchors, provider.signatures.clone());
//! let verifier = Arc::new(SpkiPins::with_verifier(Arc::new(paths), pins)?);
//! let config = ClientConfig::builder(provider).verifier(verifier).build()?;
//! # Ok(())
//! # }
//! ```
//!
//! # A pin instead of an authority
//!
//! Then the key is the server's name: whoever has it is the server, whatever its certificate says.
//! Names, dates and signatures in the certificate are not looked at (as RFC 7671, section 5.1, has
//! it for keys that the DNS tells), so nothing expires; a lost key is taken back by changing the
//! clients.
//!
//! ```
//! # use std::sync::Arc;
//! # use handclasp::verify::{SpkiPin, SpkiPins};
//! # use handclasp::pki_types::PrivateKeyDer;
//! # use handclasp::transport::memory::exchange;
//! # use handclasp::{CertifiedKey, ClientConfig, ClientConnection, CryptoProvider};
//! # use handclasp::{ServerConfig, ServerConnection};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let made = rcgen::generate_simple_self_signed(["whatever".to_owned()])?;
//! # let certificate = made.cert.der().clone();
//! # let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
//! # let key = CertifiedKey::from_der(vec![certificate.clone()], &key)?;
//! # let server = Arc::new(ServerConfig::new(key)?);
//! # let spare = SpkiPin::new([0; 32]);
//! let pin = SpkiPin::of(&certificate)?;
//! let provider = CryptoProvider::ring();
//! let verifier = Arc::new(SpkiPins::only([pin, spare])?);
//! let config = Arc::new(ClientConfig::builder(provider).verifier(verifier).build()?);
//! let mut client = ClientConnection::new(config, "192.0.2.1".try_into()?)?;
//! # let mut other = ServerConnection::new(server)?;
//! # exchange(&mut client, &mut other)?;
//! # assert!(!client.is_handshaking());
//! # Ok(())
//! # }
//! ```
//!
//! A server with another key is refused, with both pins in the error.
//!
//! # How strict to be
//!
//! A [`TrustAnchorVerifier`] can refuse more than it does by default:
//! what the standards forbid authorities to issue
//! ([`with_profile`](TrustAnchorVerifier::with_profile)), anchors whose certificates have
//! expired ([`with_anchor_dates`](TrustAnchorVerifier::with_anchor_dates)), and chains
//! without an acceptable certificate policy
//! ([`with_policies`](TrustAnchorVerifier::with_policies)). It is given to a client by
//! [`verifier`](crate::config::ClientConfigBuilder::verifier), and to a server by
//! [`ClientAuthentication`].
//!
//! # What not to do
//!
//! - A [`PeerVerifier`] that accepts everything leaves a connection that is
//!   private to whoever is in the middle. A pin is as few lines.
//! - Do not pin what a public authority may change: its intermediates come and go, and it says so
//!   nowhere.
//! - Do not trust a server's certificate on the first connection without asking somebody: whoever
//!   is in the middle then stays there.

#[cfg(doc)]
use crate::certificate::TrustAnchors;

mod client_authentication;
mod peer_verifier;
mod pins;
mod trust_anchors;

pub use client_authentication::ClientAuthentication;
pub use peer_verifier::{PeerIdentity, PeerVerifier, RawPublicKey};
pub use pins::{InvalidPin, SpkiPin, SpkiPins};
pub use trust_anchors::TrustAnchorVerifier;

#[cfg(test)]
mod tests;
