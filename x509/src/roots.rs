//! Roots of Mozilla or of the operating system.

use crate::TrustAnchors;
#[cfg(feature = "rustls-native-certs")]
use crate::{LoadedAnchors, TrustAnchorError};
#[cfg(feature = "rustls-native-certs")]
use rustls_native_certs::ErrorKind;

#[cfg(feature = "webpki-roots")]
impl TrustAnchors {
    /// The authorities that Mozilla trusts for servers, as of the release of the crate `webpki-roots`. They
    /// are the same on every machine, and change only with the program. With the feature `webpki-roots`.
    pub fn webpki_roots() -> Self {
        let mut anchors = Self::new();
        for root in webpki_roots::TLS_SERVER_ROOTS {
            // A test shows that each can be added.
            let _ = anchors.add_anchor(root.clone());
        }
        anchors
    }
}

#[cfg(feature = "rustls-native-certs")]
impl TrustAnchors {
    /// The authorities that the operating system trusts: those that its administrator installed, and on
    /// Unix those in `SSL_CERT_FILE` and `SSL_CERT_DIR`. With the feature `rustls-native-certs`.
    ///
    /// These are the authorities only. macOS and Windows have verifiers with more rules: revocations that they
    /// fetch, and authorities that they trust for some names or up to some date. This crate does not call them.
    /// The crate `rustls-platform-verifier` does. It is a verifier of rustls, which other programs can ask, too.
    ///
    /// It reads files, so call it once and not for each connection. Entries that cannot be read or used are
    /// listed, and are not fatal. There may be none left, so check whether it
    /// [is empty](Self::is_empty).
    pub fn native() -> LoadedAnchors {
        let found = rustls_native_certs::load_native_certs();
        let unreadable = |error: &rustls_native_certs::Error| {
            TrustAnchorError::Unreadable(match error.kind {
                // Its words quote the line that cannot be read.
                ErrorKind::Pem(_) => "a section of them is not in order (PEM)".to_owned(),
                _ => error.to_string(),
            })
        };
        let mut loaded = LoadedAnchors::default();
        loaded.skipped.extend(found.errors.iter().map(unreadable));
        for (number, certificate) in (1..).zip(found.certs) {
            loaded.add(number, certificate);
        }
        loaded
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "webpki-roots")]
    #[test]
    fn every_root_of_mozilla_is_added() {
        let anchors = crate::TrustAnchors::webpki_roots();
        assert_eq!(anchors.len(), webpki_roots::TLS_SERVER_ROOTS.len());
        assert!(anchors.len() > 100, "{anchors:?}");
    }

    #[cfg(feature = "rustls-native-certs")]
    #[test]
    fn every_root_of_the_system_is_added_or_listed_as_skipped() {
        let loaded = crate::TrustAnchors::native();
        let total = rustls_native_certs::load_native_certs().certs.len();
        let unread = loaded
            .skipped
            .iter()
            .filter(|skipped| !matches!(skipped, crate::TrustAnchorError::Unreadable(_)))
            .count();
        assert_eq!(loaded.anchors.len() + unread, total);
    }
}
