use std::sync::Arc;

use super::PeerVerifier;
use crate::config_error::ConfigError;
use crate::crypto::{CryptoProvider, SignatureAlgorithms};
use crate::registry::SignatureScheme;
use crate::wire::codec::{Prefix, write_bytes};
use crate::wire::{ExtensionType, Extensions, write_request_extensions};

/// Whether and how a server asks its clients for certificates (RFC 9846, section 4.4.2).
///
/// A client with a pre-shared key is not asked in the handshake: the key is its proof.
#[derive(Clone, Debug)]
pub struct ClientAuthentication {
    pub(crate) verifier: Arc<dyn PeerVerifier>,
    pub(crate) required: bool,
    pub(crate) in_handshake: bool,
    authorities: Vec<Vec<u8>>,
    oid_filters: Vec<(Vec<u8>, Vec<u8>)>,
    staples: bool,
    /// Those to offer; the provider's where it is empty.
    pub(crate) schemes: Vec<SignatureScheme>,
    pub(crate) signatures: SignatureAlgorithms,
    /// The extensions of every CertificateRequest, as they are written.
    pub(crate) extensions: Vec<u8>,
    /// The types of these extensions: a client may answer no others.
    pub(crate) asked: Vec<ExtensionType>,
}

impl ClientAuthentication {
    /// Clients must show a certificate that `verifier` accepts; one that has none is refused with
    /// the alert `certificate_required`.
    pub fn required(verifier: Arc<dyn PeerVerifier>) -> Self {
        Self { required: true, ..Self::optional(verifier) }
    }

    /// Clients may show a certificate. One that shows none is served as nobody; one whose
    /// certificate is not accepted is refused.
    pub fn optional(verifier: Arc<dyn PeerVerifier>) -> Self {
        Self {
            verifier,
            required: false,
            in_handshake: true,
            authorities: Vec::new(),
            oid_filters: Vec::new(),
            staples: false,
            schemes: Vec::new(),
            signatures: SignatureAlgorithms::none(),
            extensions: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Clients are asked after the handshake only, by
    /// [`request_client_certificate`](crate::ServerConnection::request_client_certificate), and
    /// may show none then either.
    pub fn post_handshake(verifier: Arc<dyn PeerVerifier>) -> Self {
        Self { in_handshake: false, ..Self::optional(verifier) }
    }

    /// Tells clients whose certificates are taken: the DER of each authority's name, as
    /// [`TrustAnchors::subjects`](crate::TrustAnchors::subjects) has them. None by default, so
    /// that anonymous clients learn nothing.
    pub fn authorities(mut self, names: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.authorities = names.into_iter().collect();
        self
    }

    /// Tells clients what their certificate must have in it (section 4.3.5): the DER of an
    /// extension's object identifier, and the DER of the extension's value. It helps clients to
    /// choose; what is accepted is the verifier's to say.
    pub fn oid_filters(mut self, filters: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        self.oid_filters = filters.into_iter().collect();
        self
    }

    /// Asks clients for an OCSP response and for certificate timestamps, which the verifier then
    /// finds in what it judges.
    pub fn request_staples(mut self, request: bool) -> Self {
        self.staples = request;
        self
    }

    /// Offers clients these signature schemes, the preferred one first, in place of all that the
    /// provider can verify. One that it cannot verify is never accepted.
    pub fn signature_schemes(mut self, schemes: Vec<SignatureScheme>) -> Self {
        self.schemes = schemes;
        self
    }

    /// What a session of a client must agree with: a client that was asked less is asked again.
    pub(crate) fn describe(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.required), u8::from(self.in_handshake)]);
        write_bytes(out, Prefix::U24, &self.extensions);
    }

    /// Writes the extensions of every CertificateRequest, once.
    pub(crate) fn prepare(mut self, provider: &CryptoProvider) -> Result<Self, ConfigError> {
        self.signatures = provider.signatures.clone();
        if self.schemes.is_empty() {
            self.schemes = self.signatures.schemes().collect();
        }
        if !self.schemes.iter().any(|scheme| scheme.signs_handshakes()) {
            return Err(ConfigError::Empty("signature schemes"));
        }
        let names: usize = self.authorities.iter().map(|name| name.len() + 2).sum();
        let filters = self.oid_filters.iter();
        let filters: usize = filters.map(|(oid, values)| oid.len() + values.len() + 3).sum();
        let empty = self.authorities.iter().any(Vec::is_empty);
        let odd = self.oid_filters.iter().any(|(oid, values)| {
            // Section 4.3.5: each once, and anyExtendedKeyUsage not at all.
            let times = self.oid_filters.iter().filter(|(other, _)| other == oid).count();
            let any_usage = values.windows(6).any(|part| part == [6, 4, 0x55, 0x1d, 37, 0]);
            !(1..=255).contains(&oid.len()) || times > 1 || any_usage
        });
        if empty || odd || names + filters + 2 * self.schemes.len() > 0xff00 {
            return Err(ConfigError::CertificateRequest);
        }
        let (authorities, filters) = (&self.authorities, &self.oid_filters);
        let out = write_request_extensions(&self.schemes, authorities, filters, self.staples);
        self.asked = Extensions::written(&out).iter().map(|extension| extension.kind).collect();
        self.extensions = out;
        Ok(self)
    }
}
