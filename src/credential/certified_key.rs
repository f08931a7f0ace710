use std::sync::Arc;

use pki_types::{AlgorithmIdentifier, CertificateDer, PrivateKeyDer, alg_id};

use super::compression::CompressedForms;
use crate::certificate::{EndEntity, KeyComparison, signature_algorithms_of};
use crate::config_error::ConfigError;
use crate::crypto::{CryptoProvider, Hash, KeyError, SigningKey, provider_fault};
use crate::registry::{CertificateType, SignatureScheme};
use crate::wire::{ClientHello, ExtensionType, List};

/// A certificate chain, or a public key alone, with the private key that proves it.
#[derive(Clone, Debug)]
pub struct CertifiedKey {
    certificate_type: CertificateType,
    chain: Vec<CertificateDer<'static>>,
    key: KeySource,
    pub(super) end_entity: EndEntity,
    /// For each certificate of the chain, the schemes that its own signature may be called.
    signature_algorithms_of: Vec<Vec<SignatureScheme>>,
    pub(crate) staples: Staples,
    /// Of this certificate with these staples.
    pub(crate) compressed: CompressedForms,
}

/// What a [`CertifiedKey`] has to send along with its certificate, to peers that ask for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staples {
    pub(crate) ocsp_response: Option<Vec<u8>>,
    pub(crate) timestamps: Vec<Vec<u8>>,
}

/// Which staples are shown to a peer.
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
    /// A chain, the server's own certificate first, and the key of that certificate. The key is
    /// checked to be the certificate's where it is known.
    ///
    /// # Errors
    /// When the chain is empty, its first certificate is malformed or may not sign, the key is not
    /// that certificate's, or a certificate is signed with SHA-1 or MD5.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: KeySource) -> Result<Self, ConfigError> {
        let end_entity = first_of(&chain)?;
        if let KeySource::Local(key) = &key {
            check_key(key.public_key().as_deref(), &end_entity, &chain)?;
        }
        end_entity.check_may_sign()?;
        Self::with_key(CertificateType::X509, chain, end_entity, key)
    }

    /// A public key without a certificate (RFC 7250): the DER of its SubjectPublicKeyInfo, and its
    /// private key. It is shown to peers that take raw public keys, and to no others.
    ///
    /// # Errors
    /// When the public key is malformed, or is not the private key's where that is known.
    pub fn raw_public_key(spki: Vec<u8>, key: KeySource) -> Result<Self, ConfigError> {
        let end_entity = EndEntity::from_public_key(&spki)?;
        if let KeySource::Local(key) = &key {
            check_key(key.public_key().as_deref(), &end_entity, &[])?;
        }
        Self::with_key(CertificateType::RAW_PUBLIC_KEY, vec![spki.into()], end_entity, key)
    }

    /// The public key of this certificate, without the certificate.
    ///
    /// # Errors
    /// None that [`new`](Self::new) had not.
    pub fn to_raw_public_key(&self) -> Result<Self, ConfigError> {
        let spki = self.end_entity.subject_public_key_info().to_vec();
        Self::raw_public_key(spki, self.key.clone())
    }

    fn with_key(
        certificate_type: CertificateType,
        chain: Vec<CertificateDer<'static>>,
        end_entity: EndEntity,
        key: KeySource,
    ) -> Result<Self, ConfigError> {
        let staples = Staples::default();
        check_signatures(&chain)?;
        let signature_algorithms_of =
            signature_algorithms_of(&chain).iter().map(|it| schemes_of(it)).collect();
        let compressed = CompressedForms::default();
        let certified = Self {
            certificate_type,
            end_entity,
            chain,
            key,
            signature_algorithms_of,
            staples,
            compressed,
        };
        if certified.schemes().is_empty() {
            return Err(ConfigError::UnsupportedKey);
        }
        Ok(certified)
    }

    /// A chain and a private key from its DER: PKCS#8, SEC1 or PKCS#1. An EC key may be without
    /// its public half (RFC 5915, section 3), which the certificate has.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and when the private key cannot be used.
    #[cfg(feature = "ring")]
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, ConfigError> {
        Self::from_der_with_provider(chain, key, &CryptoProvider::default())
    }

    /// As [`from_der`](Self::from_der), with a key that this provider loads and signs with.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and when the provider cannot use the private key.
    pub fn from_der_with_provider(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        first_of(&chain)?;
        let parsed: Vec<_> = chain.iter().flat_map(EndEntity::parse).collect();
        let public_keys: Vec<_> = parsed.iter().map(EndEntity::subject_public_key_info).collect();
        let loaded = provider.key_provider.load_private_key(key, &public_keys);
        let key = loaded.map_err(|error| match error {
            // The key has no public half, and all of the chain were tried.
            KeyError::NoPublicKey => mismatch(parsed.first()),
            error => ConfigError::PrivateKey(error),
        })?;
        Self::new(chain, KeySource::Local(key))
    }

    /// Staples an OCSP response (its DER) to the certificate, for peers that ask for one.
    ///
    /// # Errors
    /// When it is empty, or does not fit beside the timestamps: together 65535 bytes.
    pub fn with_ocsp(mut self, response: Vec<u8>) -> Result<Self, ConfigError> {
        self.staples.ocsp_response = Some(response);
        self.compressed = CompressedForms::default();
        self.check_staples()
    }

    /// Sends signed certificate timestamps (RFC 6962) to peers that ask for them: each a
    /// SerializedSCT without its length.
    ///
    /// # Errors
    /// When one is empty, or they do not fit beside the OCSP response: together 65535 bytes.
    pub fn with_scts(mut self, timestamps: Vec<Vec<u8>>) -> Result<Self, ConfigError> {
        self.staples.timestamps = timestamps;
        self.compressed = CompressedForms::default();
        self.check_staples()
    }

    fn check_staples(self) -> Result<Self, ConfigError> {
        const HEADERS: usize = 16;
        let Staples { ocsp_response, timestamps } = &self.staples;
        let mut all = ocsp_response.iter().chain(timestamps);
        let total: usize = all.clone().map(|staple| staple.len() + 2).sum();
        match all.any(Vec::is_empty) || total + HEADERS > 0xffff {
            true => Err(ConfigError::Staple),
            false => Ok(self),
        }
    }

    /// What is there of the staples that a peer asks for with these extensions.
    pub(crate) fn staples_for(&self, asked: impl Fn(ExtensionType) -> bool) -> StaplesShown {
        let Staples { ocsp_response, timestamps } = &self.staples;
        StaplesShown {
            ocsp_response: ocsp_response.is_some() && asked(ExtensionType::STATUS_REQUEST),
            timestamps: !timestamps.is_empty()
                && asked(ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP),
        }
    }

    /// What is shown to the peer: a chain of X.509, or a raw public key.
    pub fn certificate_type(&self) -> CertificateType {
        self.certificate_type
    }

    /// The chain, the own certificate first; of a raw public key, its SubjectPublicKeyInfo alone.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Where the key is.
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

    /// The SHA-256 of the own certificate, or of the raw public key.
    pub(crate) fn digest(&self, sha256: &dyn Hash) -> Option<[u8; 32]> {
        self.chain.first().map(|own| provider_fault::sha256(sha256, own))
    }

    /// The key's first scheme that may sign a handshake and that the peer takes, if it takes
    /// this type of certificate.
    pub(crate) fn scheme_for(&self, hello: &ClientHello<'_>) -> Option<SignatureScheme> {
        let offered = hello.signature_algorithms?;
        let mut schemes = self.schemes().iter().copied();
        let chosen = schemes.find(|scheme| scheme.signs_handshakes() && offered.contains(*scheme));
        chosen.filter(|_| self.has_type_for(hello))
    }

    pub(super) fn has_type_for(&self, hello: &ClientHello<'_>) -> bool {
        match hello.server_certificate_types {
            Some(types) => types.contains(&self.certificate_type.0),
            None => self.certificate_type == CertificateType::X509,
        }
    }

    /// Can a peer verify the whole chain, with these schemes for certificates, or those for
    /// handshakes where it has no others (RFC 9846, sections 4.3.3 and 4.5.1.2)?
    pub(super) fn is_issued_with(
        &self,
        for_certificates: Option<List<'_, SignatureScheme>>,
        for_handshakes: Option<List<'_, SignatureScheme>>,
    ) -> bool {
        let theirs = for_certificates.or(for_handshakes);
        let takes = |scheme: &SignatureScheme| theirs.is_some_and(|list| list.contains(*scheme));
        self.signature_algorithms_of.iter().all(|schemes| schemes.iter().any(takes))
    }

    /// The key's first scheme that may sign for a client and that is in the server's request.
    pub(crate) fn scheme_for_request(
        &self,
        requested: List<'_, SignatureScheme>,
    ) -> Option<SignatureScheme> {
        let mut schemes = self.schemes().iter().copied();
        schemes.find(|scheme| scheme.signs_for_clients() && requested.contains(*scheme))
    }
}

/// The first certificate of a chain that is in order.
fn first_of(chain: &[CertificateDer<'_>]) -> Result<EndEntity, ConfigError> {
    let first = chain.first().ok_or(ConfigError::Empty("certificates"))?;
    if chain.iter().any(|certificate| certificate.is_empty()) {
        return Err(ConfigError::Empty("bytes in one of its certificates"));
    }
    Ok(EndEntity::parse(first)?)
}

/// The private key, where its public half is known, belongs to the first certificate. If it is that
/// of another one, this says of which: files with the certificates in the wrong order are common.
fn check_key(
    public: Option<&[u8]>,
    first: &EndEntity,
    chain: &[CertificateDer<'_>],
) -> Result<(), ConfigError> {
    let Some(public) = public else { return Ok(()) };
    match first.compare_key(public) {
        KeyComparison::Same => return Ok(()),
        KeyComparison::OtherAlgorithm { algorithm } => {
            return Err(ConfigError::KeyAlgorithm { algorithm });
        }
        KeyComparison::Different => {}
    }
    for (number, certificate) in (1..).zip(chain) {
        let Ok(parsed) = EndEntity::parse(certificate) else { continue };
        if matches!(parsed.compare_key(public), KeyComparison::Same) {
            return Err(ConfigError::KeyOfAnother { number, subject: parsed.subject() });
        }
    }
    Err(mismatch(Some(first)))
}

/// The private key is not the certificate's, as far as can be seen.
fn mismatch(first: Option<&EndEntity>) -> ConfigError {
    match first.is_some_and(|first| has_compressed_point(first.subject_public_key_info())) {
        true => ConfigError::CompressedPublicKey,
        false => ConfigError::KeyMismatch,
    }
}

/// Whether a SubjectPublicKeyInfo ends with a BIT STRING that is a compressed point (SEC 1, section
/// 2.3.3) of P-256 or P-384: its length, no unused bits, and 2 or 3 before the one coordinate.
fn has_compressed_point(spki: &[u8]) -> bool {
    [32, 48].into_iter().any(|length: usize| {
        let start = spki.len().checked_sub(length + 3).and_then(|start| spki.get(start..));
        start.is_some_and(|bit_string| {
            matches!(bit_string, [first, 0, 2 | 3, ..] if usize::from(*first) == length + 2)
        })
    })
}

/// A signature algorithm that no peer of TLS 1.3 may be sent.
struct BrokenAlgorithm {
    name: &'static str,
    /// The DER of its object identifier.
    identifier: &'static [u8],
}

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

/// RFC 9846, section 4.5.1.2: no certificate but one that is issued by itself is signed with a
/// broken hash.
fn check_signatures(chain: &[CertificateDer<'_>]) -> Result<(), ConfigError> {
    for (number, certificate) in (1..).zip(chain) {
        for algorithm in signature_algorithms_of(core::slice::from_ref(certificate)) {
            let broken = BROKEN.iter().find(|broken| algorithm.starts_with(broken.identifier));
            if let Some(BrokenAlgorithm { name, .. }) = broken {
                let subject = EndEntity::parse(certificate).map_or_else(
                    |_| "of a subject that is malformed".to_owned(),
                    |certificate| certificate.subject(),
                );
                return Err(ConfigError::BrokenSignature { number, subject, algorithm: name });
            }
        }
    }
    Ok(())
}

/// The schemes that a certificate's signature with this algorithm may be called.
fn schemes_of(algorithm: &[u8]) -> Vec<SignatureScheme> {
    let fitting = SIGNATURES.iter().filter(|(identifier, _)| **identifier == *algorithm);
    fitting.map(|(_, scheme)| *scheme).collect()
}

/// The signature algorithms of certificates, and the schemes that they are called.
const SIGNATURES: [(AlgorithmIdentifier, SignatureScheme); 9] = [
    (alg_id::ECDSA_SHA256, SignatureScheme::ECDSA_SECP256R1_SHA256),
    (alg_id::ECDSA_SHA384, SignatureScheme::ECDSA_SECP384R1_SHA384),
    (alg_id::ED25519, SignatureScheme::ED25519),
    (alg_id::RSA_PSS_SHA256, SignatureScheme::RSA_PSS_RSAE_SHA256),
    (alg_id::RSA_PSS_SHA384, SignatureScheme::RSA_PSS_RSAE_SHA384),
    (alg_id::RSA_PSS_SHA512, SignatureScheme::RSA_PSS_RSAE_SHA512),
    (alg_id::RSA_PKCS1_SHA256, SignatureScheme::RSA_PKCS1_SHA256),
    (alg_id::RSA_PKCS1_SHA384, SignatureScheme::RSA_PKCS1_SHA384),
    (alg_id::RSA_PKCS1_SHA512, SignatureScheme::RSA_PKCS1_SHA512),
];
