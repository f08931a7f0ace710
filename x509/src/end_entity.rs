//! The peer's own certificate, as a protocol needs it.

use core::fmt;
use core::ops::Range;

use pki_types::{CertificateDer, SignatureVerificationAlgorithm};

use super::algorithm;
use super::certificate::Certificate;
use super::error::{CertificateError, CertificateErrorKind, SignatureError};
use super::general_name::{self, GeneralName};
use super::key_usage::KeyUsage;
use super::name::{self, DnsId, ReferenceIdentifier};
use super::oid;
use super::presented::PresentedIdentifier;
use super::signature::PublicKey;
use super::spiffe_id::{SpiffeId, SpiffeIdError};
use super::subject_alt_name::SubjectAltName;
use super::time::Validity;

/// The name of this certificate in an error if its subject is not known.
pub(super) const PLACE: &str = "end entity";

/// A peer's certificate: its key and its names. It may not be trusted:
/// [`verify_chain`](super::verify_chain) decides that.
#[derive(Clone)]
pub struct EndEntity {
    /// The parts of the certificate below, one after the other.
    bytes: Box<[u8]>,
    /// Contents of the Name.
    subject: Range<usize>,
    /// The whole SubjectPublicKeyInfo. It was decoded once, so decoding it again succeeds.
    spki: Range<usize>,
    /// The value of the subject alternative name extension, which was decoded once, too. Empty if
    /// there is none.
    alternative_names: Range<usize>,
    key_usage: Option<KeyUsage>,
    /// Whether its basicConstraints say CA:TRUE.
    is_ca: bool,
    /// `None` for a raw public key.
    validity: Option<Validity>,
    /// See [`signature_algorithm`](Self::signature_algorithm).
    signature_algorithm: Option<Range<usize>>,
}

/// How the public key of a certificate compares with another key.
pub enum KeyComparison {
    /// The keys are the same.
    Same,
    /// The bytes are the same, but the certificate limits the key to an algorithm of its own, as
    /// id-RSASSA-PSS does.
    OtherAlgorithm {
        /// The certificate's, in words.
        algorithm: String,
    },
    /// The keys are different.
    Different,
}

impl EndEntity {
    /// Decodes the certificate. It verifies nothing.
    ///
    /// # Errors
    ///
    /// [`CertificateErrorKind::Malformed`](super::CertificateErrorKind::Malformed).
    pub fn parse(certificate: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let decoded = Certificate::decode(certificate)
            .map_err(|reason| CertificateError::malformed(PLACE, reason))?;
        Ok(Self::from_decoded(&decoded))
    }

    /// Reads a public key without a certificate (RFC 7250): the DER of a SubjectPublicKeyInfo. It
    /// has no names.
    ///
    /// # Errors
    ///
    /// [`CertificateErrorKind::Malformed`](super::CertificateErrorKind::Malformed).
    pub fn from_public_key(spki: &[u8]) -> Result<Self, CertificateError> {
        let malformed =
            || CertificateError::malformed("raw public key", "it is not a SubjectPublicKeyInfo");
        PublicKey::from_spki(spki).ok_or_else(malformed)?;
        Ok(Self {
            bytes: spki.into(),
            subject: 0..0,
            spki: 0..spki.len(),
            alternative_names: 0..0,
            key_usage: None,
            is_ca: false,
            validity: None,
            signature_algorithm: None,
        })
    }

    pub(super) fn from_decoded(certificate: &Certificate<'_>) -> Self {
        let alternative_names =
            certificate.extension(oid::SUBJECT_ALT_NAME).map(|it| it.value).unwrap_or_default();
        let algorithm = match certificate.is_self_issued {
            true => None,
            false => Some(algorithm::canonical(certificate.signed.algorithm)),
        };
        let parts = [
            &*certificate.subject,
            certificate.spki,
            alternative_names,
            algorithm.as_deref().unwrap_or_default(),
        ];
        let mut end = 0;
        let [subject, spki, alternative_names, of_algorithm] = parts.map(|part| {
            let start = end;
            end += part.len();
            start..end
        });
        Self {
            bytes: parts.concat().into(),
            subject,
            spki,
            alternative_names,
            key_usage: certificate.key_usage,
            is_ca: certificate.is_ca,
            validity: Some(certificate.dates),
            signature_algorithm: algorithm.map(|_| of_algorithm),
        }
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// The subject as a distinguished name in the form of OpenSSL's tools. If it is empty, the first
    /// subject alternative name. Safe to print. It is for people: two different names can have the same
    /// text, so no program should decide by it.
    pub fn subject(&self) -> String {
        match (self.part(&self.subject), &*self.general_names()) {
            ([], []) => "raw public key".to_owned(),
            (subject, names) => general_name::label(subject, names),
        }
    }

    fn general_names(&self) -> Vec<GeneralName<'_>> {
        general_name::subject_alternative_names(self.part(&self.alternative_names))
            .unwrap_or_default()
    }

    /// From when until when it is valid. `None` for a raw public key.
    ///
    /// ```
    /// # fn example(certificate: &pki_types::CertificateDer<'_>) -> Result<(), handclasp_x509::CertificateError> {
    /// use handclasp_x509::EndEntity;
    /// use pki_types::UnixTime;
    ///
    /// if let Some(validity) = EndEntity::parse(certificate)?.validity() {
    ///     println!("valid until {}", validity.not_after);
    ///     println!("{} seconds left", validity.not_after.seconds_after(UnixTime::now()));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn validity(&self) -> Option<Validity> {
        self.validity
    }

    /// Its subject alternative names, in their order: DNS names, IP addresses, email addresses and URIs.
    /// Names of other kinds, and names that cannot be decoded, are left out. A subject is no such name:
    /// see [`subject`](Self::subject).
    pub fn names(&self) -> Vec<SubjectAltName<'_>> {
        self.general_names().into_iter().filter_map(SubjectAltName::of).collect()
    }

    /// The SPIFFE id of the workload (X509-SVID, section 5.2). It proves nothing before the certificate is
    /// verified, with the trust anchors of this [trust domain](SpiffeId::trust_domain): in a server, look at
    /// it when the handshake is complete.
    ///
    /// ```
    /// # fn example(certificate: &pki_types::CertificateDer<'_>) -> Result<(), Box<dyn std::error::Error>> {
    /// use handclasp_x509::EndEntity;
    ///
    /// // The first one of the certificates that the handshake has accepted.
    /// let id = EndEntity::parse(certificate)?.spiffe_id()?;
    /// if id.trust_domain() != "prod.example" || id.path() != "/payments/web" {
    ///     return Err(format!("{id} may not do this").into());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SpiffeIdError`] when the certificate has no URI, or several, when the URI is no SPIFFE id or has no
    /// path, and when the certificate may sign certificates or CRLs.
    pub fn spiffe_id(&self) -> Result<SpiffeId, SpiffeIdError> {
        let signs = self.key_usage.is_some_and(|usage| usage.key_cert_sign() || usage.crl_sign());
        if self.is_ca || signs {
            return Err(SpiffeIdError::SigningCertificate);
        }
        let names = self.general_names();
        if names.iter().any(|name| matches!(name, GeneralName::Undecodable)) {
            return Err(SpiffeIdError::UndecodableName);
        }
        let mut uris = names.iter().filter_map(|name| match name {
            GeneralName::Uri(uri) => Some(*uri),
            _ => None,
        });
        let Some(uri) = uris.next() else { return Err(SpiffeIdError::NoUri) };
        let others = uris.count();
        if others > 0 {
            return Err(SpiffeIdError::SeveralUris(1 + others));
        }
        let id: SpiffeId = uri.parse()?;
        if id.path().is_empty() {
            return Err(SpiffeIdError::NoPath);
        }
        Ok(id)
    }

    /// The DER of the whole SubjectPublicKeyInfo. A pin is a hash of it.
    pub fn subject_public_key_info(&self) -> &[u8] {
        self.part(&self.spki)
    }

    /// The algorithm of its issuer's signature: the contents of the AlgorithmIdentifier, with the RSA
    /// parameters that may be absent (RFC 4055, sections 2.1 and 5). `None` for a self-issued
    /// certificate, whose signature is not verified, and for a raw public key.
    pub fn signature_algorithm(&self) -> Option<&[u8]> {
        self.signature_algorithm.as_ref().map(|range| self.part(range))
    }

    /// Compares its public key with another one, the DER of a SubjectPublicKeyInfo.
    pub fn compare_key(&self, other: &[u8]) -> KeyComparison {
        let keys =
            (PublicKey::from_spki(self.subject_public_key_info()), PublicKey::from_spki(other));
        let (Some(own), Some(other)) = keys else { return KeyComparison::Different };
        if own.is_same(other) {
            return KeyComparison::Same;
        }
        if own.bytes == other.bytes {
            return KeyComparison::OtherAlgorithm { algorithm: own.describe() };
        }
        KeyComparison::Different
    }

    /// Checks that the keyUsage extension, if it is there, allows the key to sign (RFC 9846, section
    /// 4.5.1.2). The handshake demands this with every verifier.
    ///
    /// # Errors
    ///
    /// [`CertificateErrorKind::WrongKeyUsage`].
    pub fn check_may_sign(&self) -> Result<(), CertificateError> {
        let Some(usage) = self.key_usage else { return Ok(()) };
        if usage.digital_signature() {
            return Ok(());
        }
        let (missing, has) = ("digitalSignature", usage.names());
        let kind = CertificateErrorKind::WrongKeyUsage { missing, has };
        Err(CertificateError { certificate: self.subject(), kind })
    }

    /// Verifies a signature with the certificate's key. `algorithms` are those of the signature's
    /// scheme. Algorithms for other kinds of keys are skipped.
    ///
    /// # Errors
    ///
    /// [`SignatureError::UnsupportedKey`] if no algorithm is for this kind of key, and
    /// [`SignatureError::Invalid`] if one is, but the key did not make the signature.
    pub fn verify_signature<'a>(
        &self,
        algorithms: impl IntoIterator<Item = &'a dyn SignatureVerificationAlgorithm>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        PublicKey::from_spki(self.subject_public_key_info())
            .ok_or(SignatureError::UnsupportedKey)?
            .verify(algorithms, message, signature)
    }

    /// Whether its key is of the kind that one of the algorithms verifies with. The algorithm may
    /// still refuse the size of the key.
    pub fn has_key_for<'a>(
        &self,
        algorithms: impl IntoIterator<Item = &'a dyn SignatureVerificationAlgorithm>,
    ) -> bool {
        let key = PublicKey::from_spki(self.subject_public_key_info());
        key.is_some_and(|key| algorithms.into_iter().any(|algorithm| key.is_of_kind(algorithm)))
    }

    /// Its DNS names, IP addresses and email addresses, in their order. Safe to print.
    pub fn presented_identifiers(&self) -> Vec<PresentedIdentifier> {
        self.general_names().iter().filter_map(PresentedIdentifier::of).collect()
    }

    /// Its DNS names that can match a name, in their order. They are not safe to print.
    pub fn dns_ids(&self) -> impl Iterator<Item = DnsId<'_>> {
        name::dns_ids(self.general_names())
    }

    /// Whether the certificate is valid for this name: one of its subject alternative names must
    /// match it (RFC 9525). A wildcard matches exactly one left-most label.
    pub fn valid_for(&self, name: &ReferenceIdentifier<'_>) -> bool {
        name::valid_for(&self.general_names(), name)
    }
}

impl fmt::Debug for EndEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndEntity").field("subject", &self.subject()).finish_non_exhaustive()
    }
}
