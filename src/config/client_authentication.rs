use core::fmt;
use std::sync::Arc;

use super::{AnswerLater, CertificateList, CertifiedKey, ConfigError, PeerVerifier, Reply};
use crate::certificate::{issued_by_any, matches_filter};
use crate::crypto::{CryptoProvider, SignatureAlgorithms};
use crate::registry::{CertificateType, ExtensionType, SignatureScheme};
use crate::wire::codec::{Prefix, write_bytes, write_codes, write_vector};
use crate::wire::{CertificateRequest, Extensions, write_extension, write_names};

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
            signatures: SignatureAlgorithms { all: Vec::new(), by_scheme: Vec::new() },
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
    pub(super) fn describe(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.required), u8::from(self.in_handshake)]);
        write_bytes(out, Prefix::U24, &self.extensions);
    }

    /// Writes the extensions of every CertificateRequest, once.
    pub(super) fn prepare(mut self, provider: &CryptoProvider) -> Result<Self, ConfigError> {
        use ExtensionType as E;
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
        let mut out = Vec::new();
        write_extension(&mut out, E::SIGNATURE_ALGORITHMS, |out| {
            write_codes(out, Prefix::U16, self.schemes.iter().copied());
        });
        if names > 0 {
            write_extension(&mut out, E::CERTIFICATE_AUTHORITIES, |out| {
                write_names(out, Prefix::U16, &self.authorities);
            });
        }
        if filters > 0 {
            write_extension(&mut out, E::OID_FILTERS, |out| {
                write_vector(out, Prefix::U16, |out| {
                    for (oid, values) in &self.oid_filters {
                        write_bytes(out, Prefix::U8, oid);
                        write_bytes(out, Prefix::U16, values);
                    }
                });
            });
        }
        if self.staples {
            write_extension(&mut out, E::STATUS_REQUEST, |_| {});
            write_extension(&mut out, E::SIGNED_CERTIFICATE_TIMESTAMP, |_| {});
        }
        self.asked = Extensions::written(&out).iter().map(|extension| extension.kind).collect();
        self.extensions = out;
        Ok(self)
    }
}

/// Chooses a client's certificate for a server that asks for one.
pub trait ClientCertificateResolver: Send + Sync + fmt::Debug {
    /// The certificate for this request, of the type that was agreed on; `None` to go on as nobody.
    /// A key that signs with none of the request's schemes, or of another type, counts as none.
    fn choose(
        &self,
        request: &CertificateRequest<'_>,
        certificate_type: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>>;

    /// The types of certificate that there are, the preferred one first: X.509 alone, unless an
    /// implementation says otherwise.
    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::X509]
    }
}

/// The first that the server can verify, that has what the server's filters want, and that is of
/// one of its authorities; else the first of another authority, which the server may know through
/// certificates of its own.
impl ClientCertificateResolver for CertificateList {
    fn choose(
        &self,
        request: &CertificateRequest<'_>,
        certificate_type: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        let schemes = request.signature_algorithms;
        let fits = |key: &&Arc<CertifiedKey>| {
            let raw = key.certificate_type() == CertificateType::RAW_PUBLIC_KEY;
            let mut filters = request.oid_filters.iter().flat_map(|filters| filters.iter());
            key.certificate_type() == certificate_type
                && schemes.is_some_and(|schemes| key.scheme_for_request(schemes).is_some())
                && (raw
                    || filters.all(|(oid, values)| {
                        key.chain().first().is_some_and(|own| matches_filter(own, oid, values))
                    }))
        };
        let of_authority = |key: &&Arc<CertifiedKey>| match request.certificate_authorities {
            Some(names) => issued_by_any(key.chain(), names.iter()),
            None => true,
        };
        let fitting = self.keys.iter().filter(fits);
        let for_chains = request.signature_algorithms_cert;
        // The first of the best: true comes after false.
        let first = fitting
            .min_by_key(|key| (!of_authority(key), !key.is_issued_with(for_chains, schemes)));
        Reply::Now(first.cloned())
    }

    fn certificate_types(&self) -> &[CertificateType] {
        const BOTH: [CertificateType; 2] = [CertificateType::X509, CertificateType::RAW_PUBLIC_KEY];
        let has = |kind| self.keys.iter().any(|key| key.certificate_type() == kind);
        match (has(CertificateType::X509), has(CertificateType::RAW_PUBLIC_KEY)) {
            (true, true) => &BOTH,
            (false, true) => &BOTH[1..],
            _ => &BOTH[..1],
        }
    }
}

impl ClientCertificateResolver for AnswerLater {
    fn choose(
        &self,
        _: &CertificateRequest<'_>,
        _: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        Reply::Later
    }
}
