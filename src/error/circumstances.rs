//! What a connection knew when it failed. The error has it, and makes a [`Diagnosis`](crate::diagnosis)
//! of it when it is asked for one. Until then no text is made.

use core::time::Duration;
use std::sync::Arc;

use pki_types::{CertificateDer, IpAddr, ServerName};

use crate::certificate::{CertificateSummary, distinguished_name};
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
    /// A certificate, with its dates and uses.
    Certificate,
    /// The names that a certificate is valid for.
    CertificateNames,
    /// Types of certificates.
    CertificateTypes,
    /// Authorities whose certificates a server asks for.
    Authorities,
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
            Self::Certificate => "certificate",
            Self::CertificateNames => "certificate-names",
            Self::CertificateTypes => "certificate-types",
            Self::Authorities => "authorities",
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
            Self::Certificate => "certificate",
            Self::CertificateNames => "names in the certificate",
            Self::CertificateTypes => "types of certificates",
            Self::Authorities => "authorities",
        })
    }
}

/// The configuration of one side: what it offers or takes.
pub(crate) trait OwnOffer: Send + Sync {
    /// The lists, for a connection with this server. `None` on a server, and where a client does not
    /// know any more.
    fn offers(&self, server: Option<&ServerName<'static>>) -> Vec<Offer>;
}

/// A certificate of this side.
pub(crate) trait OwnCertificate: Send + Sync {
    /// The end-entity certificate. `None` for a raw public key.
    fn end_entity(&self) -> Option<&CertificateDer<'static>>;
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
    pub(crate) own: Option<Arc<dyn OwnOffer>>,
    /// The DNS name that the client has sent.
    pub(crate) server_name: Option<String>,
    /// The IP address that a client expects in the certificate.
    pub(crate) server_address: Option<IpAddr>,
    /// The certificate that this side has shown.
    pub(crate) shown: Option<Arc<dyn OwnCertificate>>,
    /// The body of the CertificateRequest that a client has answered.
    pub(crate) certificate_request: Option<Arc<[u8]>>,
    /// `None` without records.
    pub(crate) traffic: Option<Traffic>,
}

impl Circumstances {
    /// The lists of this side.
    pub(crate) fn own_offers(&self) -> Vec<Offer> {
        let Some(own) = &self.own else { return Vec::new() };
        own.offers(self.server().as_ref())
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
        let summary = CertificateSummary::parse(self.shown.as_ref()?.end_entity()?).ok()?;
        Some(Offer::new(Parameter::CertificateNames, listed(summary.names.iter())))
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
