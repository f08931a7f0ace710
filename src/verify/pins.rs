//! Pins: the keys that a server may have.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use pki_types::CertificateDer;

use super::{PeerIdentity, PeerVerifier, RawPublicKey};
use crate::certificate::{CertificateError, CertificateErrorKind, EndEntity};
use crate::config_error::ConfigError;
use crate::crypto::{CryptoProvider, Hash, StaticOrArc, provider_fault};
use crate::registry::CertificateType;
use crate::reply::Reply;

/// A pin: the SHA-256 of a SubjectPublicKeyInfo (RFC 7469, section 2.4).
///
/// Its text is `sha256/` and the hash in base64, which has 44 characters. The form `sha256//` of curl is
/// read, too. A pin is public. It stays the same when a certificate is renewed with the same key.
///
/// ```sh
/// openssl x509 -in cert.pem -noout -pubkey | openssl pkey -pubin -outform DER |
///     openssl dgst -sha256 -binary | base64
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpkiPin([u8; 32]);

impl SpkiPin {
    /// The length of 32 bytes in base64.
    const BASE64_LENGTH: usize = 44;

    /// The pin with this hash.
    pub const fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The pin of a certificate's key, with the SHA-256 of the default provider.
    ///
    /// # Errors
    /// [`CertificateErrorKind::Malformed`].
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        Self::of_with_provider(certificate, &CryptoProvider::default())
    }

    /// As [`of`](Self::of), with the SHA-256 of this provider.
    ///
    /// # Errors
    /// [`CertificateErrorKind::Malformed`].
    pub fn of_with_provider(
        certificate: &CertificateDer<'_>,
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        let parsed = EndEntity::parse(certificate)?;
        Ok(Self::hashed(parsed.subject_public_key_info(), &*provider.sha256))
    }

    /// The pin of a public key, the DER of a SubjectPublicKeyInfo, with the SHA-256 of the default
    /// provider.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn of_public_key(subject_public_key_info: &[u8]) -> Self {
        Self::of_public_key_with_provider(subject_public_key_info, &CryptoProvider::default())
    }

    /// As [`of_public_key`](Self::of_public_key), with the SHA-256 of this provider.
    pub fn of_public_key_with_provider(
        subject_public_key_info: &[u8],
        provider: &CryptoProvider,
    ) -> Self {
        Self::hashed(subject_public_key_info, &*provider.sha256)
    }

    fn hashed(subject_public_key_info: &[u8], sha256: &dyn Hash) -> Self {
        Self(provider_fault::sha256(sha256, subject_public_key_info))
    }
}

/// The text is not a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pin is sha256/ and the 44 characters of base64 of a SHA-256")]
pub struct InvalidPin;

impl FromStr for SpkiPin {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        let mut base64 = text.strip_prefix("sha256/").ok_or(InvalidPin)?;
        // The form of curl has a second slash. A slash is a digit of base64 as well, so only the length
        // shows which form it is.
        if base64.len() == Self::BASE64_LENGTH + 1 {
            base64 = base64.strip_prefix('/').ok_or(InvalidPin)?;
        }
        let mut pin = [0; 32];
        let decoded = Base64::decode(base64, &mut pin).map_err(|_| InvalidPin)?;
        if decoded.len() != 32 {
            return Err(InvalidPin);
        }
        Ok(Self(pin))
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; Self::BASE64_LENGTH];
        let base64 = Base64::encode(&self.0, &mut buffer).map_err(|_| fmt::Error)?;
        write!(f, "sha256/{base64}")
    }
}

impl fmt::Debug for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Accepts a server only if its key is one of a set. Another verifier can check its certificates, too.
/// A server can verify the raw public keys of clients in the same way.
///
/// Only the key of the server's own certificate counts, which signs the handshake. A server can send any
/// other certificate with it, so a pinned authority among them would prove nothing. To pin an authority,
/// make it the only [trust anchor](crate::certificate::TrustAnchors).
///
/// Pin at least two keys: the one in use, and a spare key that is kept in another place. Then you need
/// not change every client if a key is lost.
pub struct SpkiPins {
    /// Sorted.
    pins: Vec<SpkiPin>,
    verifier: Option<Arc<dyn PeerVerifier>>,
    certificate_type: CertificateType,
    sha256: StaticOrArc<dyn Hash>,
}

impl SpkiPins {
    /// Checks only the pins, and no authority, name or date. The handshake still proves that the server
    /// has the key. Use it for a server with a self-signed certificate. A client with a key from the DNS
    /// does the same (RFC 7671, section 5.1).
    ///
    /// # Errors
    /// [`ConfigError::Empty`] if there are no pins.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn only(pins: impl IntoIterator<Item = SpkiPin>) -> Result<Self, ConfigError> {
        Self::only_with_provider(pins, &CryptoProvider::default())
    }

    /// As [`only`](Self::only), with the SHA-256 of this provider.
    ///
    /// # Errors
    /// [`ConfigError::Empty`] if there are no pins, and [`ConfigError::Provider`] if the provider's
    /// SHA-256 is not SHA-256.
    pub fn only_with_provider(
        pins: impl IntoIterator<Item = SpkiPin>,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        let mut pins: Vec<_> = pins.into_iter().collect();
        pins.sort_unstable();
        if pins.is_empty() {
            return Err(ConfigError::Empty("pins"));
        }
        // With a digest that is too short, each key would have the same pin.
        provider_fault::check_sha256(&*provider.sha256)?;
        let certificate_type = CertificateType::X509;
        Ok(Self { pins, verifier: None, certificate_type, sha256: provider.sha256.clone() })
    }

    /// Checks that the server has one of the keys, and that `verifier` accepts it. The verifier is
    /// asked only if the key is one of them.
    ///
    /// # Errors
    /// [`ConfigError::Empty`] if there are no pins.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn with_verifier(
        verifier: Arc<dyn PeerVerifier>,
        pins: impl IntoIterator<Item = SpkiPin>,
    ) -> Result<Self, ConfigError> {
        Self::with_verifier_and_provider(verifier, pins, &CryptoProvider::default())
    }

    /// As [`with_verifier`](Self::with_verifier), with the SHA-256 of this provider.
    ///
    /// # Errors
    /// Those of [`only_with_provider`](Self::only_with_provider).
    pub fn with_verifier_and_provider(
        verifier: Arc<dyn PeerVerifier>,
        pins: impl IntoIterator<Item = SpkiPin>,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        Ok(Self { verifier: Some(verifier), ..Self::only_with_provider(pins, provider)? })
    }

    /// Accepts only peers that have one of the keys as a raw public key (RFC 7250).
    ///
    /// A server with one of the private keys is accepted under every name. So use a set of its own for
    /// each server.
    ///
    /// # Errors
    /// [`ConfigError::Empty`] if there are no pins.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn raw_public_keys(pins: impl IntoIterator<Item = SpkiPin>) -> Result<Self, ConfigError> {
        Self::raw_public_keys_with_provider(pins, &CryptoProvider::default())
    }

    /// As [`raw_public_keys`](Self::raw_public_keys), with the SHA-256 of this provider.
    ///
    /// # Errors
    /// Those of [`only_with_provider`](Self::only_with_provider).
    pub fn raw_public_keys_with_provider(
        pins: impl IntoIterator<Item = SpkiPin>,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        let certificate_type = CertificateType::RAW_PUBLIC_KEY;
        Ok(Self { certificate_type, ..Self::only_with_provider(pins, provider)? })
    }

    fn check(&self, kind: CertificateType, presented: &EndEntity) -> Result<(), CertificateError> {
        if kind != self.certificate_type {
            return Err(CertificateError::rejected("the pins are for another type of certificate"));
        }
        let found = SpkiPin::hashed(presented.subject_public_key_info(), &*self.sha256);
        if self.pins.binary_search(&found).is_ok() {
            return Ok(());
        }
        let reason = format!("its key's pin is {found}; expected is {}", self.describe_pins());
        let certificate = presented.subject();
        Err(CertificateError { certificate, kind: CertificateErrorKind::Rejected(reason) })
    }

    /// The first pins in words. A server can have a pin for each of its clients.
    fn describe_pins(&self) -> String {
        const LISTED_PINS: usize = 8;
        let listed: Vec<_> = self.pins.iter().take(LISTED_PINS).map(ToString::to_string).collect();
        let omitted = self.pins.len() - listed.len();
        let more = if omitted > 0 { format!(" or {omitted} more") } else { String::new() };
        format!("{}{more}", listed.join(" or "))
    }
}

impl fmt::Debug for SpkiPins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpkiPins")
            .field("pins", &self.pins)
            .field("verifier", &self.verifier)
            .field("certificate_type", &self.certificate_type)
            .finish_non_exhaustive()
    }
}

impl PeerVerifier for SpkiPins {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        let checked = peer.end_entity().and_then(|own| self.check(CertificateType::X509, &own));
        match (checked, &self.verifier) {
            (Ok(()), Some(verifier)) => verifier.verify(peer),
            (result, _) => Reply::Now(result),
        }
    }

    fn certificate_types(&self) -> &[CertificateType] {
        core::slice::from_ref(&self.certificate_type)
    }

    fn trusted_names(&self) -> Vec<String> {
        self.verifier.as_ref().map(|verifier| verifier.trusted_names()).unwrap_or_default()
    }

    fn authorities(&self) -> Vec<Vec<u8>> {
        self.verifier.as_ref().map(|verifier| verifier.authorities()).unwrap_or_default()
    }

    fn verify_raw_public_key(&self, peer: &RawPublicKey) -> Reply<Result<(), CertificateError>> {
        let key = EndEntity::from_public_key(&peer.subject_public_key_info);
        Reply::Now(key.and_then(|key| self.check(CertificateType::RAW_PUBLIC_KEY, &key)))
    }
}

#[cfg(test)]
mod tests {
    use pki_types::{ServerName, UnixTime};

    use super::*;
    use crate::reply::AnswerLater;

    fn identity(key: &rcgen::KeyPair) -> PeerIdentity {
        let params = rcgen::CertificateParams::new(vec!["a.example".into()]).unwrap();
        let certificate = params.self_signed(key).unwrap().der().clone();
        let name = ServerName::try_from("b.example").unwrap();
        let now = UnixTime::since_unix_epoch(core::time::Duration::ZERO);
        PeerIdentity::new(Arc::new([certificate]), Some(name), now)
    }

    #[test]
    fn pins_are_read_as_they_are_written() {
        for (bytes, text) in [
            ([0; 32], format!("sha256/{}=", "A".repeat(43))),
            ([0xff; 32], ["sha256", &"/".repeat(43), "8="].concat()),
            // The hash of nothing.
            (
                SpkiPin::of_public_key(&[]).0,
                "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
            ),
        ] {
            assert_eq!(SpkiPin::new(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(SpkiPin::new(bytes)));
            let curl = text.replacen('/', "//", 1);
            assert_eq!(curl.parse(), Ok(SpkiPin::new(bytes)));
        }
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        for text in [
            "",
            "sha256/",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha1/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF=",
            // The spare bits of the last digit are not zero.
            "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
            "sha256/47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU==",
            "sha256/\u{e9}DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        ] {
            assert_eq!(text.parse::<SpkiPin>(), Err(InvalidPin), "{text}");
        }
    }

    #[test]
    fn the_key_counts_and_an_error_names_both_pins() {
        let (key, other) =
            (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let (peer, stranger) = (identity(&key), identity(&other));
        let pin = SpkiPin::of(&peer.chain[0]).unwrap();
        // Another certificate on the same key.
        assert_eq!(SpkiPin::of(&identity(&key).chain[0]).unwrap(), pin);
        let spare = SpkiPin::new([0; 32]);
        let pins = SpkiPins::only([pin, spare]).unwrap();
        assert_eq!(pins.verify(&peer), Reply::Now(Ok(())));
        let Reply::Now(Err(error)) = pins.verify(&stranger) else { panic!("it is accepted") };
        let found = SpkiPin::of(&stranger.chain[0]).unwrap();
        for words in [found.to_string(), format!("{spare} or {pin}")] {
            assert!(error.to_string().contains(&words), "{error}");
        }
    }

    #[test]
    fn one_of_many_pins_is_found_and_an_error_names_few_of_them() {
        let (key, other) =
            (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let (peer, stranger) = (identity(&key), identity(&other));
        let pin = SpkiPin::of(&peer.chain[0]).unwrap();
        let others = (0..=u8::MAX).map(|byte| SpkiPin::new([byte; 32]));
        let pins = SpkiPins::only(others.chain([pin])).unwrap();
        assert_eq!(pins.verify(&peer), Reply::Now(Ok(())));
        let Reply::Now(Err(error)) = pins.verify(&stranger) else { panic!("it is accepted") };
        assert!(error.to_string().ends_with(" or 249 more"), "{error}");
    }

    #[test]
    fn a_pinned_certificate_that_is_only_sent_along_proves_nothing() {
        let (key, other) =
            (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let (peer, stranger) = (identity(&key), identity(&other));
        let pins = SpkiPins::only([SpkiPin::of(&peer.chain[0]).unwrap()]).unwrap();
        let chain = [stranger.chain[0].clone(), peer.chain[0].clone()];
        assert!(matches!(pins.verify(&peer), Reply::Now(Ok(()))));
        // The same identity, with the chain replaced.
        let mut peer = peer;
        peer.chain = Arc::new(chain);
        assert!(matches!(pins.verify(&peer), Reply::Now(Err(_))));
    }

    #[test]
    fn a_verifier_beside_the_pins_has_the_last_word() {
        let key = rcgen::KeyPair::generate().unwrap();
        let peer = identity(&key);
        let pin = SpkiPin::of(&peer.chain[0]).unwrap();
        let pins = SpkiPins::with_verifier(Arc::new(AnswerLater), [pin]).unwrap();
        assert_eq!(pins.verify(&peer), Reply::Later);
        let wrong =
            SpkiPins::with_verifier(Arc::new(AnswerLater), [SpkiPin::new([0; 32])]).unwrap();
        assert!(matches!(wrong.verify(&peer), Reply::Now(Err(_))));
        assert_eq!(SpkiPins::only([]).unwrap_err(), ConfigError::Empty("pins"));
    }
}
