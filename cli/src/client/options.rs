//! The options of a client.

use std::path::PathBuf;
use std::sync::Arc;

use handclasp::ClientConfig;
use handclasp::config::ClientConfigBuilder;
use handclasp::crypto::{CryptoProvider, SchemeAlgorithms};
use handclasp::registry::{CipherSuiteId, NamedGroup, SignatureScheme};
use handclasp::verify::{PeerVerifier, TrustAnchorVerifier};

use super::code_points;
use super::starttls::StartTls;
use crate::failure::Failure;
use crate::files;

/// The options of each command that connects to a server.
#[derive(clap::Args, Clone, Default)]
pub struct ClientOptions {
    /// Trust the certificates in this file, in PEM or DER, instead of the system's authorities
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The name that the server's certificate must have, if it is not HOST
    #[arg(long)]
    pub name: Option<String>,
    /// Offer this application protocol, such as http/1.1; repeat for more, the preferred one first
    #[arg(long, value_name = "PROTOCOL")]
    pub alpn: Vec<String>,
    /// Offer these groups for the key exchange and no others, the preferred one first: x25519,secp256r1
    #[arg(long, value_name = "GROUP,...", value_delimiter = ',', value_parser = code_points::group)]
    pub groups: Vec<NamedGroup>,
    /// Offer these cipher suites and no others, the preferred one first
    #[arg(long, value_name = "SUITE,...", value_delimiter = ',', value_parser = code_points::cipher_suite)]
    pub suites: Vec<CipherSuiteId>,
    /// Accept these signature schemes and no others, the preferred one first
    #[arg(long, value_name = "SCHEME,...", value_delimiter = ',', value_parser = code_points::signature_scheme)]
    pub schemes: Vec<SignatureScheme>,
    /// Ask for TLS in the protocol of the application first: STARTTLS of SMTP and IMAP, SSLRequest of
    /// PostgreSQL
    #[arg(long, value_name = "PROTOCOL")]
    pub starttls: Option<StartTls>,
}

impl ClientOptions {
    /// The provider with what these options leave of it.
    pub fn provider(&self) -> CryptoProvider {
        let mut provider = CryptoProvider::default();
        if !self.groups.is_empty() {
            let groups = self.groups.iter().filter_map(|name| provider.group(*name));
            provider.groups = groups.cloned().collect();
        }
        if !self.suites.is_empty() {
            let suites = self.suites.iter().filter_map(|id| provider.cipher_suite(*id));
            provider.cipher_suites = suites.cloned().collect();
        }
        if !self.schemes.is_empty() {
            provider.signatures.by_scheme = rows(&provider, &self.schemes);
        }
        provider
    }

    /// The verifier with the trust anchors of these options. `warn` gets a message for each anchor that is
    /// ignored.
    ///
    /// # Errors
    /// When there are no anchors.
    pub fn verifier(&self, warn: impl Fn(&str)) -> Result<Arc<TrustAnchorVerifier>, Failure> {
        let anchors = files::anchors(self.ca.as_deref(), warn)?;
        // Certificates may have signatures that the handshake may not have.
        let signatures = CryptoProvider::default().signatures;
        Ok(Arc::new(TrustAnchorVerifier::new(anchors, signatures)))
    }

    /// What the configuration of each client has: the application protocols of these options, and the
    /// request for an OCSP response.
    pub fn config_builder(
        &self,
        provider: CryptoProvider,
        verifier: Arc<dyn PeerVerifier>,
    ) -> ClientConfigBuilder {
        ClientConfig::builder(provider)
            .verifier(verifier)
            .request_ocsp(true)
            .application_protocols(self.alpn.iter().map(String::as_bytes))
    }
}

/// The algorithms of these schemes, each scheme once.
fn rows(provider: &CryptoProvider, schemes: &[SignatureScheme]) -> Vec<SchemeAlgorithms> {
    let mut rows: Vec<SchemeAlgorithms> = Vec::new();
    for scheme in schemes {
        let is_new = rows.iter().all(|row| row.scheme != *scheme);
        let found = provider.signatures.by_scheme.iter().find(|row| row.scheme == *scheme);
        if let (true, Some(row)) = (is_new, found) {
            rows.push(row.clone());
        }
    }
    rows
}
