//! Trust anchors from files: either all of them, or those that can be used and the errors of the
//! others.

use pki_types::CertificateDer;

use super::anchors::{TrustAnchorError, TrustAnchors, malformed};
use super::der;
use crate::pem;

/// The trust anchors of a source in which some certificates may be unusable.
///
/// One broken certificate in a store of a hundred and fifty should not keep a program from starting.
/// But it may be the reason why a server is not trusted later, so log it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LoadedAnchors {
    /// The anchors that can be used. There may be none.
    pub anchors: TrustAnchors,
    /// Why the other certificates were skipped. This is for a log.
    pub skipped: Vec<TrustAnchorError>,
}

impl LoadedAnchors {
    /// Adds a certificate, or records why it is skipped. `number` is its number in the bundle,
    /// counted from 1.
    pub fn add(&mut self, number: usize, certificate: CertificateDer<'_>) {
        if let Err(error) = self.anchors.add(certificate) {
            self.skipped.push(TrustAnchorError::Certificate { number, error });
        }
    }

    /// Adds the usable certificates of a file in PEM or DER, and records why the others are skipped.
    pub fn add_bundle(&mut self, bytes: &[u8]) {
        match bytes {
            // A SEQUENCE longer than 127 bytes. No text has such a second byte.
            [0x30, 0x80..=0xff, ..] => self.add_der(bytes),
            _ => self.add_pem(bytes),
        }
    }

    fn add_pem(&mut self, text: &[u8]) {
        for (number, certificate) in (1..).zip(pem::each_certificate(text)) {
            match certificate {
                Ok(certificate) => self.add(number, certificate),
                Err(error) => self.skipped.push(TrustAnchorError::Pem(error)),
            }
        }
    }

    fn add_der(&mut self, der: &[u8]) {
        for (number, certificate) in (1..).zip(der::each(der)) {
            if let Some(certificate) = certificate {
                self.add(number, certificate.whole.into());
            } else {
                let error = malformed("it is not DER, or its end is missing");
                self.skipped.push(TrustAnchorError::Certificate { number, error });
            }
        }
    }

    /// The anchors, if no certificate was skipped.
    fn complete(self) -> Result<TrustAnchors, TrustAnchorError> {
        match self.skipped.into_iter().next() {
            Some(error) => Err(error),
            None if self.anchors.is_empty() => Err(TrustAnchorError::NoCertificate),
            None => Ok(self.anchors),
        }
    }
}

impl TrustAnchors {
    /// Reads every certificate of a PEM text, such as a bundle of roots.
    ///
    /// # Errors
    ///
    /// The text is not PEM, has no certificate, or has one that cannot be decoded. A BEGIN line with
    /// other text on it is an error too.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustAnchorError> {
        let mut loaded = LoadedAnchors::default();
        loaded.add_pem(pem);
        if loaded.anchors.is_empty() && loaded.skipped.is_empty() {
            // This error says what is there instead of certificates.
            pem::certificates(pem).map_err(TrustAnchorError::Pem)?;
        }
        loaded.complete()
    }

    /// Reads every certificate of DER bytes: one, or several in a row.
    ///
    /// # Errors
    ///
    /// There is no certificate, or there is one that cannot be decoded.
    pub fn from_der(der: &[u8]) -> Result<Self, TrustAnchorError> {
        let mut loaded = LoadedAnchors::default();
        loaded.add_der(der);
        loaded.complete()
    }

    /// Reads the usable certificates of a file in PEM or DER, and records why the others are
    /// skipped. Use it for a bundle that others maintain. Use [`from_pem`](Self::from_pem) or
    /// [`from_der`](Self::from_der) if every certificate must be usable.
    ///
    /// The result may have no anchors: check [`is_empty`](Self::is_empty).
    pub fn from_bundle(bytes: &[u8]) -> LoadedAnchors {
        let mut loaded = LoadedAnchors::default();
        loaded.add_bundle(bytes);
        loaded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::root;

    fn words(loaded: &LoadedAnchors) -> Vec<String> {
        loaded.skipped.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn der_holds_one_certificate_or_several() {
        let (a, b) = (root("a"), root("b"));
        assert_eq!(TrustAnchors::from_der(a.der()).unwrap().len(), 1);
        let both = [a.der().as_ref(), b.der()].concat();
        assert_eq!(TrustAnchors::from_der(&both).unwrap().len(), 2);
        assert_eq!(TrustAnchors::from_bundle(&both).anchors.len(), 2);
        assert_eq!(TrustAnchors::from_der(&[]).unwrap_err(), TrustAnchorError::NoCertificate);
        for bad in [&both[..both.len() - 1], &[&both[..], &[0]].concat(), b"-----BEGIN", &[0x30, 0]]
        {
            let error = TrustAnchors::from_der(bad).unwrap_err();
            assert!(matches!(error, TrustAnchorError::Certificate { .. }), "{error}");
        }
    }

    #[test]
    fn a_bundle_with_broken_certificates_gives_the_others_and_names_these() {
        let (a, b) = (root("a"), root("b"));
        let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let garbled = "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n";
        let text = format!("a comment\n{}{broken}{garbled}{}", a.pem(), b.pem());
        let loaded = TrustAnchors::from_bundle(text.as_bytes());
        assert_eq!(loaded.anchors.len(), 2);
        let [second, third] = words(&loaded).try_into().unwrap();
        assert!(second.starts_with("trust anchor 2: "), "{second}");
        assert!(third.contains("not PEM"), "{third}");
        assert!(TrustAnchors::from_pem(text.as_bytes()).is_err());

        let cut = &[a.der().as_ref(), &b.der()[..100]].concat();
        let loaded = TrustAnchors::from_bundle(cut);
        assert_eq!(loaded.anchors.len(), 1);
        assert!(words(&loaded)[0].starts_with("trust anchor 2: "), "{:?}", words(&loaded));
    }

    /// Files put together by tools that forget a line's end lose certificates without a word
    /// elsewhere. The mark of an encoding that some editors write costs none.
    #[test]
    fn certificates_that_pem_readers_overlook_are_reported() {
        let (a, b) = (root("a").pem(), root("b").pem());
        for (text, found) in [(format!("{}{b}", a.trim_end()), 1), (format!("  {a}"), 0)] {
            let loaded = TrustAnchors::from_bundle(text.as_bytes());
            assert_eq!(loaded.anchors.len(), found);
            let error = TrustAnchors::from_pem(text.as_bytes()).unwrap_err();
            assert_eq!(loaded.skipped, [error]);
            assert!(words(&loaded)[0].contains("line of its own"), "{:?}", words(&loaded));
        }
        for text in [format!("{a}{b}"), format!("\u{feff}{a}\u{feff}{b}")] {
            let loaded = TrustAnchors::from_bundle(text.as_bytes());
            assert_eq!((loaded.anchors.len(), loaded.skipped), (2, vec![]));
        }
        let empty = TrustAnchors::from_bundle(b"hello");
        assert!(empty.anchors.is_empty() && empty.skipped.is_empty());
    }
}
