use std::sync::{Arc, OnceLock};

use pki_types::{AlgorithmIdentifier, CertificateDer, PrivateKeyDer, alg_id};

use super::compression::CompressedForms;
use crate::certificate::der::{self, Reader};
use crate::certificate::{EndEntity, KeyComparison, Validity};
use crate::config_error::ConfigError;
use crate::crypto::{CryptoProvider, Hash, KeyError, SigningKey, provider_fault};
use crate::error::circumstances::OwnCertificate;
use crate::registry::{CertificateType, SignatureScheme};
use crate::wire::{ClientHello, ExtensionType, List};

/// A certificate chain, or a raw public key, with its private key.
///
/// ```
/// # use handclasp::credential::{CertifiedKey, KeySource};
/// # use handclasp::pki_types::CertificateDer;
/// # use handclasp::registry::SignatureScheme;
/// # fn example(chain: Vec<CertificateDer<'static>>) -> Result<(), Box<dyn std::error::Error>> {
/// // The private key is in a file.
/// let key = CertifiedKey::from_pem_files("chain.pem", "key.pem")?;
/// // The private key is in a device: the handshake asks for each signature.
/// let schemes = vec![SignatureScheme::ECDSA_SECP256R1_SHA256];
/// let key = CertifiedKey::new(chain, KeySource::Remote { schemes })?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CertifiedKey {
    /// Shared with connections, for their errors.
    certificate: Arc<OwnCertificate>,
    key: KeySource,
    pub(super) end_entity: EndEntity,
    /// See [`validity`](Self::validity).
    validity: Option<Validity>,
    /// For each certificate that its issuer has signed, the scheme of the signature. `None` if there is
    /// no scheme for it.
    signed_with: Vec<Option<SignatureScheme>>,
    pub(crate) staples: Staples,
    /// The compressed forms of this certificate with these staples.
    pub(crate) compressed: CompressedForms,
    /// See [`digest`](Self::digest). It is computed once for all connections.
    digest: OnceLock<[u8; 32]>,
}

/// What a [`CertifiedKey`] sends with its certificate to peers that request it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staples {
    pub(crate) ocsp_response: Option<Vec<u8>>,
    pub(crate) timestamps: Vec<Vec<u8>>,
}

/// Which staples this side sends to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StaplesShown {
    pub(crate) ocsp_response: bool,
    pub(crate) timestamps: bool,
}

/// Where a private key is.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// In this process: it signs at once.
    Local(Arc<dyn SigningKey>),
    /// In another process, a device or a service. The handshake asks for the signature with
    /// [`Question::Sign`](crate::handshake::Question::Sign), and waits for the answer.
    Remote {
        /// The schemes that the key can sign with, the preferred one first.
        schemes: Vec<SignatureScheme>,
    },
}

impl CertifiedKey {
    /// A chain, this side's own certificate first, and the private key of that certificate. A
    /// [local](KeySource::Local) key is checked to be that of the certificate, if it has its public
    /// half.
    ///
    /// # Errors
    /// - [`ConfigError::Empty`] if the chain or one of its certificates is empty.
    /// - [`ConfigError::Certificate`] if the first certificate is malformed or may not sign.
    /// - [`ConfigError::KeyMismatch`], or the variant that says more, if the key belongs to another
    ///   certificate or to none.
    /// - [`ConfigError::BrokenSignature`] if a certificate has a signature with SHA-1, MD5 or MD2.
    /// - [`ConfigError::UnsupportedKey`] if the key has no signature scheme.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: KeySource) -> Result<Self, ConfigError> {
        let parsed = ParsedChain::parse(&chain)?;
        Self::from_parsed(chain, parsed, key)
    }

    fn from_parsed(
        chain: Vec<CertificateDer<'static>>,
        parsed: ParsedChain,
        key: KeySource,
    ) -> Result<Self, ConfigError> {
        if let KeySource::Local(key) = &key {
            parsed.check_key(key.public_key().as_deref())?;
        }
        parsed.own.check_may_sign()?;
        let signed_with = parsed.signature_schemes()?;
        let validity = parsed.validity();
        let own = Self::with_key(CertificateType::X509, chain, parsed.own, signed_with, key)?;
        Ok(Self { validity, ..own })
    }

    /// A raw public key (RFC 7250), the DER of its SubjectPublicKeyInfo, and its private key. It is sent
    /// only to peers that accept raw public keys.
    ///
    /// # Errors
    /// - [`ConfigError::Certificate`] if the public key is malformed.
    /// - [`ConfigError::KeyMismatch`], or the variant that says more, if a local private key has
    ///   another public key.
    /// - [`ConfigError::UnsupportedKey`] if the private key has no signature scheme.
    pub fn raw_public_key(spki: Vec<u8>, key: KeySource) -> Result<Self, ConfigError> {
        let own = EndEntity::from_public_key(&spki)?;
        let parsed = ParsedChain { own, issuers: Vec::new() };
        if let KeySource::Local(key) = &key {
            parsed.check_key(key.public_key().as_deref())?;
        }
        let chain = vec![spki.into()];
        Self::with_key(CertificateType::RAW_PUBLIC_KEY, chain, parsed.own, Vec::new(), key)
    }

    /// The public key of this certificate as a raw public key, with the same private key.
    ///
    /// # Errors
    /// None for a `CertifiedKey` that [`new`](Self::new) has made: it has checked the same.
    pub fn to_raw_public_key(&self) -> Result<Self, ConfigError> {
        let spki = self.end_entity.subject_public_key_info().to_vec();
        Self::raw_public_key(spki, self.key.clone())
    }

    fn with_key(
        certificate_type: CertificateType,
        chain: Vec<CertificateDer<'static>>,
        end_entity: EndEntity,
        signed_with: Vec<Option<SignatureScheme>>,
        key: KeySource,
    ) -> Result<Self, ConfigError> {
        let certified = Self {
            certificate: Arc::new(OwnCertificate { certificate_type, chain }),
            key,
            end_entity,
            validity: None,
            signed_with,
            staples: Staples::default(),
            compressed: CompressedForms::default(),
            digest: OnceLock::new(),
        };
        if certified.schemes().is_empty() {
            return Err(ConfigError::UnsupportedKey);
        }
        Ok(certified)
    }

    /// A chain and the DER of a private key: PKCS#8, SEC1 or PKCS#1. An EC key may lack its public half
    /// (RFC 5915, section 3), which is then taken from the certificate.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and [`ConfigError::PrivateKey`] if the private key cannot be used.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, ConfigError> {
        Self::from_der_with_provider(chain, key, &CryptoProvider::default())
    }

    /// As [`from_der`](Self::from_der), with a key that this provider loads and signs with.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and [`ConfigError::PrivateKey`] if the provider cannot use the
    /// private key.
    pub fn from_der_with_provider(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        let parsed = ParsedChain::parse(&chain)?;
        let certificates = parsed.certificates().map(|(_, certificate)| certificate);
        let public_keys: Vec<_> = certificates.map(EndEntity::subject_public_key_info).collect();
        let loaded = provider.key_provider.load_private_key(key, &public_keys);
        let key = loaded.map_err(|error| match error {
            // The key has no public half, and belongs to none of the certificates.
            KeyError::NoPublicKey => parsed.mismatch(),
            error => ConfigError::PrivateKey(error),
        })?;
        Self::from_parsed(chain, parsed, KeySource::Local(key))
    }

    /// The time in which all certificates of the chain are valid: it ends when the first of them expires.
    /// `None` for a raw public key.
    ///
    /// ```
    /// # fn example(key: &handclasp::CertifiedKey) {
    /// use handclasp::pki_types::UnixTime;
    ///
    /// if let Some(validity) = key.validity() {
    ///     let days = validity.not_after.seconds_after(UnixTime::now()) / 86_400;
    ///     println!("the chain expires in {days} days");
    /// }
    /// # }
    /// ```
    pub fn validity(&self) -> Option<Validity> {
        self.validity
    }

    /// Staples an OCSP response (its DER) to the certificate, for peers that request one.
    ///
    /// # Errors
    /// [`ConfigError::Staple`] if the response is empty, or the response and the timestamps together
    /// are longer than 65535 bytes.
    pub fn with_ocsp(mut self, response: Vec<u8>) -> Result<Self, ConfigError> {
        self.staples.ocsp_response = Some(response);
        self.compressed = CompressedForms::default();
        self.check_staples()
    }

    /// Sends signed certificate timestamps (RFC 6962) to peers that request them. Each is a
    /// SerializedSCT without its length.
    ///
    /// # Errors
    /// [`ConfigError::Staple`] if a timestamp is empty, or the timestamps and the OCSP response
    /// together are longer than 65535 bytes.
    pub fn with_scts(mut self, timestamps: Vec<Vec<u8>>) -> Result<Self, ConfigError> {
        self.staples.timestamps = timestamps;
        self.compressed = CompressedForms::default();
        self.check_staples()
    }

    fn check_staples(self) -> Result<Self, ConfigError> {
        const HEADERS: usize = 16;
        const LENGTH_OF_A_LENGTH: usize = 2;
        let Staples { ocsp_response, timestamps } = &self.staples;
        let mut total = HEADERS;
        for staple in ocsp_response.iter().chain(timestamps) {
            if staple.is_empty() {
                return Err(ConfigError::Staple);
            }
            total += LENGTH_OF_A_LENGTH + staple.len();
        }
        if total > 0xffff {
            return Err(ConfigError::Staple);
        }
        Ok(self)
    }

    /// Which staples this side sends to a peer. `asked` says which extensions the peer has sent.
    pub(crate) fn staples_for(&self, asked: impl Fn(ExtensionType) -> bool) -> StaplesShown {
        let Staples { ocsp_response, timestamps } = &self.staples;
        StaplesShown {
            ocsp_response: ocsp_response.is_some() && asked(ExtensionType::STATUS_REQUEST),
            timestamps: !timestamps.is_empty()
                && asked(ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP),
        }
    }

    /// The type of the certificate: X.509, or a raw public key.
    pub fn certificate_type(&self) -> CertificateType {
        self.certificate.certificate_type
    }

    /// The chain, this side's own certificate first. A raw public key has one element, its
    /// SubjectPublicKeyInfo.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certificate.chain
    }

    /// The same without the private key.
    pub(crate) fn without_private_key(&self) -> Arc<OwnCertificate> {
        Arc::clone(&self.certificate)
    }

    /// Where the private key is.
    pub fn key(&self) -> &KeySource {
        &self.key
    }

    /// The schemes that the key can sign with, the preferred one first.
    pub fn schemes(&self) -> &[SignatureScheme] {
        match &self.key {
            KeySource::Local(key) => key.schemes(),
            KeySource::Remote { schemes } => schemes,
        }
    }

    /// The SHA-256 of this side's own certificate, or of the raw public key. The first caller's provider computes it: it
    /// is the same with each.
    pub(crate) fn digest(&self, sha256: &dyn Hash) -> Option<[u8; 32]> {
        let own = self.chain().first()?;
        Some(*self.digest.get_or_init(|| provider_fault::sha256(sha256, own)))
    }

    /// The first scheme of the key that can sign a handshake and that the client offers. `None`
    /// also if the client does not accept this type of certificate (sections 4.3.3 and 4.5.1.2).
    pub(crate) fn scheme_for(&self, hello: &ClientHello<'_>) -> Option<SignatureScheme> {
        if !self.has_type_for(hello) {
            return None;
        }
        let offered = hello.signature_algorithms?;
        let mut schemes = self.schemes().iter().copied();
        schemes.find(|scheme| scheme.signs_handshakes() && offered.contains(*scheme))
    }

    /// Whether the client accepts this type of certificate.
    pub(super) fn has_type_for(&self, hello: &ClientHello<'_>) -> bool {
        match hello.server_certificate_types {
            Some(types) => types.contains(&self.certificate_type().0),
            None => self.certificate_type() == CertificateType::X509,
        }
    }

    /// Whether each client that can use one of the two can also use the other, and can verify its chain
    /// as well. Their names may differ.
    pub(super) fn suits_the_clients_of(&self, other: &Self) -> bool {
        self.certificate_type() == other.certificate_type()
            && self.schemes() == other.schemes()
            && self.signed_with == other.signed_with
    }

    /// The first scheme of the key that can sign for a client and that the server's request has
    /// (sections 4.3.3 and 4.5.1.2).
    pub(crate) fn scheme_for_request(
        &self,
        requested: List<'_, SignatureScheme>,
    ) -> Option<SignatureScheme> {
        let mut schemes = self.schemes().iter().copied();
        schemes.find(|scheme| scheme.signs_for_clients() && requested.contains(*scheme))
    }

    /// Whether a peer can verify each signature of the chain. The two lists are the peer's
    /// signature_algorithms_cert and signature_algorithms; the second one counts if there is no first
    /// (RFC 9846, sections 4.3.3 and 4.5.1.2).
    pub(super) fn is_issued_with(
        &self,
        for_certificates: Option<List<'_, SignatureScheme>>,
        for_handshakes: Option<List<'_, SignatureScheme>>,
    ) -> bool {
        let Some(offered) = for_certificates.or(for_handshakes) else {
            return self.signed_with.is_empty();
        };
        let is_offered = |scheme: SignatureScheme| {
            let of_pss_key = with_pss_key(scheme).is_some_and(|scheme| offered.contains(scheme));
            offered.contains(scheme) || of_pss_key
        };
        let mut signatures = self.signed_with.iter();
        signatures.all(|scheme| scheme.is_some_and(is_offered))
    }
}

/// The certificates of a chain, parsed once for all checks.
struct ParsedChain {
    own: EndEntity,
    /// The certificates after the first. A malformed one is `None`. It is sent nevertheless: only the
    /// peer decides whether it needs it.
    issuers: Vec<Option<EndEntity>>,
}

impl ParsedChain {
    fn parse(chain: &[CertificateDer<'_>]) -> Result<Self, ConfigError> {
        let Some((own, issuers)) = chain.split_first() else {
            return Err(ConfigError::Empty("certificates"));
        };
        if chain.iter().any(|certificate| certificate.is_empty()) {
            return Err(ConfigError::Empty("bytes in one of its certificates"));
        }
        let own = EndEntity::parse(own)?;
        let issuers = issuers.iter().map(|issuer| EndEntity::parse(issuer).ok()).collect();
        Ok(Self { own, issuers })
    }

    /// The certificates that are not malformed, with their numbers counted from 1.
    fn certificates(&self) -> impl Iterator<Item = (usize, &EndEntity)> {
        let issuers = (2..).zip(&self.issuers);
        let issuers = issuers.filter_map(|(number, issuer)| Some((number, issuer.as_ref()?)));
        core::iter::once((1, &self.own)).chain(issuers)
    }

    /// The time in which all certificates are valid.
    fn validity(&self) -> Option<Validity> {
        let validities = self.certificates().filter_map(|(_, certificate)| certificate.validity());
        validities.reduce(Validity::and)
    }

    /// Checks that the private key belongs to the first certificate, if its public half is known. If
    /// it belongs to another one, the error names that certificate: files with the certificates in the
    /// wrong order are common.
    fn check_key(&self, public: Option<&[u8]>) -> Result<(), ConfigError> {
        let Some(public) = public else { return Ok(()) };
        match self.own.compare_key(public) {
            KeyComparison::Same => return Ok(()),
            KeyComparison::OtherAlgorithm { algorithm } => {
                return Err(ConfigError::KeyAlgorithm { algorithm });
            }
            KeyComparison::Different => {}
        }
        for (number, certificate) in self.certificates() {
            if matches!(certificate.compare_key(public), KeyComparison::Same) {
                let subject = certificate.subject();
                return Err(ConfigError::KeyOfAnother { number, subject });
            }
        }
        Err(self.mismatch())
    }

    /// The error for a private key that belongs to no certificate.
    fn mismatch(&self) -> ConfigError {
        if has_compressed_point(self.own.subject_public_key_info()) {
            ConfigError::CompressedPublicKey
        } else {
            ConfigError::KeyMismatch
        }
    }

    /// For each certificate that its issuer has signed, the scheme of the signature.
    ///
    /// Refuses a signature with a broken hash (RFC 9846, section 4.5.1.2). The signature of a
    /// self-issued certificate does not count, because no peer verifies it.
    fn signature_schemes(&self) -> Result<Vec<Option<SignatureScheme>>, ConfigError> {
        let mut signed_with = Vec::new();
        for (number, certificate) in self.certificates() {
            let Some(algorithm) = certificate.signature_algorithm() else { continue };
            if let Some(broken) = BROKEN.iter().find(|it| algorithm.starts_with(it.identifier)) {
                let (subject, algorithm) = (certificate.subject(), broken.name);
                return Err(ConfigError::BrokenSignature { number, subject, algorithm });
            }
            signed_with.push(scheme_of(algorithm));
        }
        Ok(signed_with)
    }
}

/// Whether a SubjectPublicKeyInfo has a compressed point of a curve of NIST (SEC 1, section 2.3.3).
fn has_compressed_point(spki: &[u8]) -> bool {
    const LENGTHS_OF_A_COORDINATE: [usize; 3] = [32, 48, 66];
    let Some(contents) = der::only(spki, der::SEQUENCE) else { return false };
    let mut fields = Reader(contents);
    let _algorithm = fields.take(der::SEQUENCE);
    match fields.take(der::BIT_STRING).and_then(|key| der::whole_bytes(key.contents)) {
        Some([2 | 3, coordinate @ ..]) => LENGTHS_OF_A_COORDINATE.contains(&coordinate.len()),
        _ => false,
    }
}

/// A signature algorithm with a broken hash. TLS 1.3 must not send certificates with it.
struct BrokenAlgorithm {
    name: &'static str,
    /// The DER of its object identifier.
    identifier: &'static [u8],
}

/// The algorithms with a broken hash (sections 4.3.3 and 4.5.1.2).
const BROKEN: [BrokenAlgorithm; 6] = [
    BrokenAlgorithm {
        name: "RSA with MD2",
        identifier: &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 2],
    },
    BrokenAlgorithm {
        name: "RSA with MD5",
        identifier: &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 4],
    },
    BrokenAlgorithm {
        name: "RSA with SHA-1",
        identifier: &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 5],
    },
    BrokenAlgorithm { name: "RSA with SHA-1", identifier: &[6, 5, 0x2b, 14, 3, 2, 29] },
    BrokenAlgorithm {
        name: "ECDSA with SHA-1",
        identifier: &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1],
    },
    BrokenAlgorithm {
        name: "DSA with SHA-1",
        identifier: &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3],
    },
];

/// The scheme of the same signature with a key for RSA-PSS alone. Only the issuer's certificate says which
/// kind of key an issuer has.
fn with_pss_key(scheme: SignatureScheme) -> Option<SignatureScheme> {
    match scheme {
        SignatureScheme::RSA_PSS_RSAE_SHA256 => Some(SignatureScheme::RSA_PSS_PSS_SHA256),
        SignatureScheme::RSA_PSS_RSAE_SHA384 => Some(SignatureScheme::RSA_PSS_PSS_SHA384),
        SignatureScheme::RSA_PSS_RSAE_SHA512 => Some(SignatureScheme::RSA_PSS_PSS_SHA512),
        _ => None,
    }
}

/// The scheme of a signature with this AlgorithmIdentifier. `None` if there is no scheme for it.
fn scheme_of(algorithm: &[u8]) -> Option<SignatureScheme> {
    let mut signatures = SIGNATURES.iter();
    let (_, scheme) = signatures.find(|(identifier, _)| **identifier == *algorithm)?;
    Some(*scheme)
}

/// The signature algorithms of certificates, and their signature schemes.
const SIGNATURES: [(AlgorithmIdentifier, SignatureScheme); 13] = [
    (alg_id::ECDSA_SHA256, SignatureScheme::ECDSA_SECP256R1_SHA256),
    (alg_id::ECDSA_SHA384, SignatureScheme::ECDSA_SECP384R1_SHA384),
    (alg_id::ECDSA_SHA512, SignatureScheme::ECDSA_SECP521R1_SHA512),
    (alg_id::ED25519, SignatureScheme::ED25519),
    (alg_id::ML_DSA_44, SignatureScheme::MLDSA44),
    (alg_id::ML_DSA_65, SignatureScheme::MLDSA65),
    (alg_id::ML_DSA_87, SignatureScheme::MLDSA87),
    (alg_id::RSA_PSS_SHA256, SignatureScheme::RSA_PSS_RSAE_SHA256),
    (alg_id::RSA_PSS_SHA384, SignatureScheme::RSA_PSS_RSAE_SHA384),
    (alg_id::RSA_PSS_SHA512, SignatureScheme::RSA_PSS_RSAE_SHA512),
    (alg_id::RSA_PKCS1_SHA256, SignatureScheme::RSA_PKCS1_SHA256),
    (alg_id::RSA_PKCS1_SHA384, SignatureScheme::RSA_PKCS1_SHA384),
    (alg_id::RSA_PKCS1_SHA512, SignatureScheme::RSA_PKCS1_SHA512),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_is_signed_with_ml_dsa_or_p_521_has_their_schemes() {
        for (algorithm, scheme) in [
            (alg_id::ECDSA_SHA512, SignatureScheme::ECDSA_SECP521R1_SHA512),
            (alg_id::ML_DSA_44, SignatureScheme::MLDSA44),
            (alg_id::ML_DSA_65, SignatureScheme::MLDSA65),
            (alg_id::ML_DSA_87, SignatureScheme::MLDSA87),
        ] {
            assert_eq!(scheme_of(&algorithm), Some(scheme));
        }
    }
}
