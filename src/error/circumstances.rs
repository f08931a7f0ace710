//! What a connection knew when it failed. The error has it, and makes a [`Diagnosis`](crate::diagnosis)
//! of it when it is asked for one. Until then no text is made.

use core::time::Duration;
use std::sync::Arc;

use pki_types::{CertificateDer, IpAddr, ServerName, UnixTime};

use crate::certificate::{CertificateSummary, EndEntity, ReferenceIdentifier, distinguished_name};
use crate::registry::{
    CertificateType, CipherSuiteId, NamedGroup, ProtocolVersion, SignatureScheme,
};
use crate::side::Side;
use crate::stage::Stage;
use crate::wire::CertificateRequest;
use crate::wire::codec::listed;

/// What this side offers or takes, by the names of the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer {
    /// What the list contains.
    pub what: Parameter,
    /// Its elements as text, escaped, in the order of preference. At most 16 of a peer's; then the last
    /// one says how many more there are.
    pub values: Vec<String>,
}

impl Offer {
    pub(crate) fn new(what: Parameter, values: Vec<String>) -> Self {
        Self { what, values }
    }
}

/// What two sides negotiate, or show each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Parameter {
    /// Versions of TLS.
    Versions,
    /// Cipher suites.
    CipherSuites,
    /// Groups of the key exchange.
    Groups,
    /// The groups of the key shares in a ClientHello.
    KeyShares,
    /// Signature schemes.
    SignatureSchemes,
    /// Application protocols (ALPN).
    ApplicationProtocols,
    /// The name that a client asks for.
    ServerName,
    /// The identities of external pre-shared keys.
    PreSharedKeys,
    /// Modes of pre-shared keys.
    PskModes,
    /// The hashes of external pre-shared keys.
    PskHashes,
    /// A certificate, with its dates and uses.
    Certificate,
    /// The names that a certificate is valid for.
    CertificateNames,
    /// Types of certificates.
    CertificateTypes,
    /// Authorities whose certificates a server asks for.
    Authorities,
    /// The names of the trust anchors for the peer's certificate.
    TrustAnchors,
}

impl Parameter {
    /// A stable name for programs, in lower case with hyphens.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Versions => "versions",
            Self::CipherSuites => "cipher-suites",
            Self::Groups => "groups",
            Self::KeyShares => "key-shares",
            Self::SignatureSchemes => "signature-schemes",
            Self::ApplicationProtocols => "application-protocols",
            Self::ServerName => "server-name",
            Self::PreSharedKeys => "pre-shared-keys",
            Self::PskModes => "psk-modes",
            Self::PskHashes => "psk-hashes",
            Self::Certificate => "certificate",
            Self::CertificateNames => "certificate-names",
            Self::CertificateTypes => "certificate-types",
            Self::Authorities => "authorities",
            Self::TrustAnchors => "trust-anchors",
        }
    }

    /// One element of the list, in words.
    pub(crate) const fn singular(self) -> &'static str {
        match self {
            Self::Versions => "version",
            Self::CipherSuites => "cipher suite",
            Self::Groups => "key exchange group",
            Self::KeyShares => "key share",
            Self::SignatureSchemes => "signature scheme",
            Self::ApplicationProtocols => "application protocol",
            Self::ServerName => "server name",
            Self::PreSharedKeys => "pre-shared key",
            Self::PskModes => "PSK key exchange mode",
            Self::PskHashes => "hash of an external key",
            Self::Certificate => "certificate",
            Self::CertificateNames => "name in the certificate",
            Self::CertificateTypes => "certificate type",
            Self::Authorities => "authority",
            Self::TrustAnchors => "trust anchor",
        }
    }
}

impl core::fmt::Display for Parameter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Versions => "versions",
            Self::CipherSuites => "cipher suites",
            Self::Groups => "groups",
            Self::KeyShares => "key shares",
            Self::SignatureSchemes => "signature schemes",
            Self::ApplicationProtocols => "application protocols",
            Self::ServerName => "server name",
            Self::PreSharedKeys => "pre-shared keys",
            Self::PskModes => "modes of pre-shared keys",
            Self::PskHashes => "hashes of pre-shared keys",
            Self::Certificate => "certificate",
            Self::CertificateNames => "names in the certificate",
            Self::CertificateTypes => "types of certificates",
            Self::Authorities => "authorities",
            Self::TrustAnchors => "trust anchors",
        })
    }
}

/// What the configuration of one side offers or takes: names alone. An error may be kept longer than the
/// configuration, so it must not keep its keys, nor objects of the caller, which may have the error.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnOffer {
    pub(crate) versions: Vec<ProtocolVersion>,
    pub(crate) cipher_suites: Vec<CipherSuiteId>,
    pub(crate) application_protocols: Vec<Vec<u8>>,
    pub(crate) groups: Vec<NamedGroup>,
    pub(crate) signature_schemes: Vec<SignatureScheme>,
    pub(crate) pre_shared_keys: Vec<KeyName>,
    /// The DER of each name.
    pub(crate) authorities: Vec<Vec<u8>>,
    /// What the verifier trusts: the first names, and how many more there are.
    pub(crate) trust_anchors: Vec<String>,
}

/// The name of a pre-shared key.
#[derive(Clone, Debug)]
pub(crate) struct KeyName {
    /// Escaped, and of limited length.
    pub(crate) identity: String,
    /// The only server that it is offered to. `None` for a key that is offered to all.
    pub(crate) server: Option<ServerName<'static>>,
}

impl OwnOffer {
    /// The lists that are not empty, for a connection with this server. `None` on a server, and where a
    /// client does not know any more: no pre-shared key is listed then.
    fn lists(&self, server: Option<&ServerName<'static>>) -> Vec<Offer> {
        let mut protocols = Vec::new();
        for name in &self.application_protocols {
            protocols.push(name.escape_ascii().to_string());
        }
        let mut keys = Vec::new();
        if let Some(server) = server {
            for key in &self.pre_shared_keys {
                if key.server.as_ref().is_none_or(|own| own == server) {
                    keys.push(key.identity.clone());
                }
            }
        }
        let authorities = self.authorities.iter().map(|name| distinguished_name(name));
        let mut offers = vec![
            Offer::new(Parameter::Versions, texts(&self.versions)),
            Offer::new(Parameter::CipherSuites, texts(&self.cipher_suites)),
            Offer::new(Parameter::ApplicationProtocols, protocols),
            Offer::new(Parameter::Groups, texts(&self.groups)),
            Offer::new(Parameter::SignatureSchemes, texts(&self.signature_schemes)),
            Offer::new(Parameter::PreSharedKeys, keys),
            Offer::new(Parameter::Authorities, listed(authorities)),
            Offer::new(Parameter::TrustAnchors, self.trust_anchors.clone()),
        ];
        offers.retain(|offer| !offer.values.is_empty());
        offers
    }
}

fn texts<T: ToString>(elements: &[T]) -> Vec<String> {
    let mut texts = Vec::new();
    for element in elements {
        texts.push(element.to_string());
    }
    texts
}

/// A certificate chain or a raw public key of this side, without the private key: an error may be kept
/// longer than the key.
#[derive(Debug)]
pub(crate) struct OwnCertificate {
    pub(crate) certificate_type: CertificateType,
    /// This side's own certificate first. A raw public key is one element.
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

impl OwnCertificate {
    /// The end-entity certificate. `None` for a raw public key.
    fn end_entity(&self) -> Option<&CertificateDer<'static>> {
        match self.certificate_type {
            CertificateType::RAW_PUBLIC_KEY => None,
            _ => self.chain.first(),
        }
    }
}

/// What came over the transport.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    /// The bytes of the peer's records.
    pub(crate) bytes_received: u64,
    /// Since the connection was made.
    pub(crate) elapsed: Duration,
}

/// What a connection knew when it failed.
#[derive(Clone)]
pub(crate) struct Circumstances {
    pub(crate) side: Side,
    pub(crate) stage: Stage,
    pub(crate) own: Option<Arc<OwnOffer>>,
    /// The DNS name that the client has sent.
    pub(crate) server_name: Option<String>,
    /// The IP address that a client expects in the certificate.
    pub(crate) server_address: Option<IpAddr>,
    /// The certificate that this side has shown.
    pub(crate) shown: Option<Arc<OwnCertificate>>,
    /// The body of the CertificateRequest that a client has answered.
    pub(crate) certificate_request: Option<Arc<[u8]>>,
    /// `None` without records.
    pub(crate) traffic: Option<Traffic>,
    /// By the clock of this side.
    pub(crate) now: UnixTime,
}

impl Circumstances {
    /// The lists of this side.
    pub(crate) fn own_offers(&self) -> Vec<Offer> {
        let Some(own) = &self.own else { return Vec::new() };
        own.lists(self.server().as_ref())
    }

    /// The server that a client connects to.
    fn server(&self) -> Option<ServerName<'static>> {
        match (&self.server_name, self.server_address) {
            (Some(name), _) => ServerName::try_from(name.clone()).ok(),
            (None, address) => address.map(ServerName::IpAddress),
        }
    }

    /// The certificate that this side has shown.
    pub(crate) fn own_certificate(&self) -> Option<Offer> {
        let shown = match self.shown.as_ref()?.end_entity() {
            Some(certificate) => match CertificateSummary::parse(certificate) {
                Ok(summary) => summary.to_string(),
                Err(error) => error.to_string(),
            },
            None => "a raw public key".to_owned(),
        };
        Some(Offer::new(Parameter::Certificate, vec![shown]))
    }

    /// The names in the certificate that this side has shown.
    pub(crate) fn own_names(&self) -> Option<Offer> {
        let summary = self.own_summary()?;
        Some(Offer::new(Parameter::CertificateNames, listed(summary.names.iter())))
    }

    /// What is in the certificate that this side has shown.
    pub(crate) fn own_summary(&self) -> Option<CertificateSummary> {
        CertificateSummary::parse(self.shown.as_ref()?.end_entity()?).ok()
    }

    /// Whether the certificate that this server has shown is for the name that the client asked for.
    /// `None` if it asked for none.
    pub(crate) fn own_name_fits(&self) -> Option<bool> {
        let name = ServerName::try_from(self.server_name.as_deref()?).ok()?;
        let own = EndEntity::parse(self.shown.as_ref()?.end_entity()?).ok()?;
        Some(own.valid_for(&ReferenceIdentifier::from(name)))
    }

    /// Whether a client has offered a group of ML-KEM.
    pub(crate) fn offers_ml_kem(&self) -> bool {
        const OF_ML_KEM: [NamedGroup; 5] = [
            NamedGroup::MLKEM768,
            NamedGroup::MLKEM1024,
            NamedGroup::SECP256R1_MLKEM768,
            NamedGroup::X25519_MLKEM768,
            NamedGroup::SECP384R1_MLKEM1024,
        ];
        let Some(own) = &self.own else { return false };
        own.groups.iter().any(|group| OF_ML_KEM.contains(group))
    }

    /// The authorities that the server's CertificateRequest names.
    pub(crate) fn authorities(&self) -> Vec<Offer> {
        match self.certificate_request.as_deref().map(CertificateRequest::parse) {
            Some(Ok(request)) => authorities(&request),
            _ => Vec::new(),
        }
    }
}

/// The authorities that a CertificateRequest names.
pub(crate) fn authorities(request: &CertificateRequest<'_>) -> Vec<Offer> {
    let Some(names) = request.certificate_authorities else { return Vec::new() };
    vec![Offer::new(Parameter::Authorities, listed(names.iter().map(distinguished_name)))]
}
