use std::sync::{Arc, Mutex, PoisonError};

use super::{OcspRequest, PeerVerifier};
use crate::config_error::ConfigError;
use crate::crypto::{CryptoProvider, SignatureAlgorithms};
use crate::error::circumstances::OwnOffer;
use crate::registry::SignatureScheme;
use crate::wire::codec::{Prefix, write_bytes};
use crate::wire::{
    ExtensionType, Extensions, OidFilter, write_authorities, write_request_extensions,
};

/// Whether and how a server requests certificates from its clients (RFC 9846, section 4.4.2).
///
/// A client with a pre-shared key is not asked in the handshake, because the key authenticates it.
///
/// ```
/// # use std::sync::Arc;
/// # use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
/// # use handclasp::{CryptoProvider, TrustAnchors};
/// # fn example(anchors: TrustAnchors) {
/// let provider = CryptoProvider::default();
/// let verifier = TrustAnchorVerifier::for_clients(anchors, provider.signatures.clone());
/// // For ServerConfigBuilder::client_authentication.
/// let policy = ClientAuthentication::required(Arc::new(verifier)).authorities_of_verifier();
/// # let _ = policy;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ClientAuthentication {
    verifier: Arc<dyn PeerVerifier>,
    required: bool,
    in_handshake: bool,
    authorities: Vec<Vec<u8>>,
    authorities_of_verifier: bool,
    oid_filters: Vec<StoredFilter>,
    staples: bool,
    /// If it is empty, the schemes of the provider are offered.
    schemes: Vec<SignatureScheme>,
}

/// An [`OidFilter`] that owns its bytes.
#[derive(Clone, Debug)]
struct StoredFilter {
    identifier: Vec<u8>,
    values: Vec<u8>,
}

/// What the connections of a server need of its [`ClientAuthentication`].
#[derive(Clone, Debug)]
pub(crate) struct ClientCertificatePolicy {
    pub(crate) verifier: Arc<dyn PeerVerifier>,
    pub(crate) required: bool,
    pub(crate) in_handshake: bool,
    /// The schemes that a CertificateRequest offers.
    pub(crate) schemes: Vec<SignatureScheme>,
    /// The algorithms that verify a CertificateVerify.
    pub(crate) signatures: SignatureAlgorithms,
    /// If each CertificateRequest names the authorities that the verifier trusts then. See
    /// [`for_request`](Self::for_request).
    latest_request: Option<Arc<LatestRequest>>,
    /// The encoded extensions of a CertificateRequest.
    pub(crate) extensions: Vec<u8>,
    /// The types of these extensions. A client's certificate may have no others.
    pub(crate) requested: Vec<ExtensionType>,
    /// The authorities of a CertificateRequest, for the errors of connections.
    pub(crate) own_offer: Arc<OwnOffer>,
}

/// The policy of the latest request that names authorities of the verifier. As long as they are the same, all
/// connections share it: a client that does not answer has no copy of them kept for it.
#[derive(Debug, Default)]
struct LatestRequest(Mutex<Option<Arc<ClientCertificatePolicy>>>);

impl ClientAuthentication {
    /// Each client must have a certificate that `verifier` accepts. A client that sends none is refused
    /// with the alert `certificate_required`.
    pub fn required(verifier: Arc<dyn PeerVerifier>) -> Self {
        Self { required: true, ..Self::optional(verifier) }
    }

    /// A client may send a certificate, which `verifier` must accept. A client that sends none is
    /// served without authentication.
    pub fn optional(verifier: Arc<dyn PeerVerifier>) -> Self {
        Self {
            verifier,
            required: false,
            in_handshake: true,
            authorities: Vec::new(),
            authorities_of_verifier: false,
            oid_filters: Vec::new(),
            staples: false,
            schemes: Vec::new(),
        }
    }

    /// Clients are asked only after the handshake, with
    /// [`request_client_certificate`](crate::ServerConnection::request_client_certificate). They may
    /// then send a certificate, or none.
    pub fn post_handshake(verifier: Arc<dyn PeerVerifier>) -> Self {
        Self { in_handshake: false, ..Self::optional(verifier) }
    }

    /// Names the authorities whose certificates are accepted, so that clients can choose: the DER of
    /// each name, as [`TrustAnchors::subjects`](crate::TrustAnchors::subjects) returns them. By default
    /// the request names none, so that a client without a certificate does not learn the names.
    pub fn authorities(mut self, names: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.authorities = names.into_iter().collect();
        self.authorities_of_verifier = false;
        self
    }

    /// Names the [authorities of the verifier](PeerVerifier::authorities), in the place of
    /// [`authorities`](Self::authorities). The verifier is asked for each request, so the names follow
    /// trust anchors that change. Sessions do not depend on them: the verifier is asked again before a
    /// session is resumed. If the names have become too long for a request, it names none.
    pub fn authorities_of_verifier(mut self) -> Self {
        self.authorities = Vec::new();
        self.authorities_of_verifier = true;
        self
    }

    /// Says what a client's certificate must contain, so that clients can choose (RFC 9846, section
    /// 4.3.5). The verifier alone decides which certificates are accepted.
    pub fn oid_filters<'a>(mut self, filters: impl IntoIterator<Item = OidFilter<'a>>) -> Self {
        let filters = filters.into_iter().map(|filter| StoredFilter {
            identifier: filter.identifier.to_vec(),
            values: filter.values.to_vec(),
        });
        self.oid_filters = filters.collect();
        self
    }

    /// Whether to request an OCSP response and certificate timestamps. The verifier finds them in the
    /// [`PeerIdentity`](super::PeerIdentity). No by default.
    pub fn request_staples(mut self, request: bool) -> Self {
        self.staples = request;
        self
    }

    /// Offers these signature schemes, the preferred one first. By default the request offers all that
    /// the provider can verify. A scheme that the provider cannot verify is never accepted.
    pub fn signature_schemes(mut self, schemes: Vec<SignatureScheme>) -> Self {
        self.schemes = schemes;
        self
    }

    /// Checks the policy, and encodes the extensions of every CertificateRequest (sections 4.3.4,
    /// 4.3.5 and 4.4.2).
    pub(crate) fn prepare(
        mut self,
        provider: &CryptoProvider,
    ) -> Result<ClientCertificatePolicy, ConfigError> {
        let signatures = provider.signatures.clone();
        if self.schemes.is_empty() {
            self.schemes = signatures.schemes().collect();
        }
        if !self.schemes.iter().any(|scheme| scheme.signs_handshakes()) {
            return Err(ConfigError::Empty("signature schemes"));
        }
        self.check_filters()?;
        if self.authorities.iter().any(Vec::is_empty) || self.length() > MAX_REQUEST_LENGTH {
            return Err(ConfigError::CertificateRequest);
        }
        let filters: Vec<_> = self
            .oid_filters
            .iter()
            .map(|filter| OidFilter { identifier: &filter.identifier, values: &filter.values })
            .collect();
        let extensions =
            write_request_extensions(&self.schemes, &self.authorities, &filters, self.staples);
        let policy = ClientCertificatePolicy {
            required: self.required,
            in_handshake: self.in_handshake,
            schemes: self.schemes,
            signatures,
            requested: types_of(&extensions),
            extensions,
            own_offer: own_offer(self.authorities, &*self.verifier),
            latest_request: self.authorities_of_verifier.then(Arc::default),
            verifier: self.verifier,
        };
        if policy.latest_request.is_some() && !policy.can_name(&policy.verifier.authorities()) {
            return Err(ConfigError::CertificateRequest);
        }
        Ok(policy)
    }

    /// The length of the authorities, filters and signature schemes in bytes.
    fn length(&self) -> usize {
        let mut length = 2 * self.schemes.len();
        for name in &self.authorities {
            length += 2 + name.len();
        }
        for filter in &self.oid_filters {
            length += 1 + filter.identifier.len() + 2 + filter.values.len();
        }
        length
    }

    /// RFC 9846, section 4.3.5: a filter for an extension is there once, and anyExtendedKeyUsage is not
    /// used.
    fn check_filters(&self) -> Result<(), ConfigError> {
        for (index, StoredFilter { identifier, values }) in self.oid_filters.iter().enumerate() {
            let mut earlier = self.oid_filters.iter().take(index);
            let is_double = earlier.any(|other| other.identifier == *identifier);
            let is_any_usage =
                values.windows(ANY_EXTENDED_KEY_USAGE.len()).any(|it| it == ANY_EXTENDED_KEY_USAGE);
            if !(1..=255).contains(&identifier.len()) || is_double || is_any_usage {
                return Err(ConfigError::CertificateRequest);
            }
        }
        Ok(())
    }
}

/// The DER of anyExtendedKeyUsage (RFC 5280, section 4.2.1.12).
const ANY_EXTENDED_KEY_USAGE: [u8; 6] = [6, 4, 0x55, 0x1d, 37, 0];

/// The most bytes of authorities, filters and signature schemes. The other extensions must fit into the
/// message with them.
const MAX_REQUEST_LENGTH: usize = 0xff00;

/// The types of these encoded extensions.
fn types_of(extensions: &[u8]) -> Vec<ExtensionType> {
    Extensions::written(extensions).iter().map(|extension| extension.kind).collect()
}

fn own_offer(authorities: Vec<Vec<u8>>, verifier: &dyn PeerVerifier) -> Arc<OwnOffer> {
    let trust_anchors = verifier.trusted_names();
    Arc::new(OwnOffer { authorities, trust_anchors, ..OwnOffer::default() })
}

impl ClientCertificatePolicy {
    /// The policy of a CertificateRequest that is sent now: with the authorities that the verifier trusts
    /// now, if they are to be named (section 4.3.4).
    pub(crate) fn for_request(self: &Arc<Self>) -> Arc<Self> {
        let Some(LatestRequest(latest)) = self.latest_request.as_deref() else {
            return Arc::clone(self);
        };
        let mut authorities = self.verifier.authorities();
        if !self.can_name(&authorities) {
            authorities.clear();
        }
        let offer = own_offer(authorities, &*self.verifier);
        // In a statement of its own: no lock is held while the names are compared.
        let earlier = latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(policy) = earlier {
            let own = &policy.own_offer;
            if own.authorities == offer.authorities && own.trust_anchors == offer.trust_anchors {
                return policy;
            }
        }
        let policy = Arc::new(self.naming(offer));
        *latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&policy));
        policy
    }

    /// The policy of a request that names the authorities of this offer.
    fn naming(&self, offer: Arc<OwnOffer>) -> Self {
        let mut policy = Self { latest_request: None, ..self.clone() };
        write_authorities(&mut policy.extensions, &offer.authorities);
        policy.requested = types_of(&policy.extensions);
        policy.own_offer = offer;
        policy
    }

    /// The request for an OCSP response, if it has one.
    pub(crate) fn ocsp_request(&self) -> Option<OcspRequest> {
        self.requested.contains(&ExtensionType::STATUS_REQUEST).then(OcspRequest::new)
    }

    /// Do these names fit into the request, beside its other extensions?
    fn can_name(&self, authorities: &[Vec<u8>]) -> bool {
        let mut length = self.extensions.len();
        for name in authorities {
            length += 2 + name.len();
        }
        length <= MAX_REQUEST_LENGTH && !authorities.iter().any(Vec::is_empty)
    }

    /// Writes the rules that a session of a client depends on. If a client was asked for less, or under
    /// other rules, its session is not resumed. Authorities of the verifier are not among them: they change.
    pub(crate) fn write_session_rules(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.required), u8::from(self.in_handshake)]);
        write_bytes(out, Prefix::U24, &self.extensions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::CertificateError;
    use crate::reply::Reply;
    use crate::verify::PeerIdentity;

    /// Its names change.
    #[derive(Debug)]
    struct Changing(Mutex<Vec<Vec<u8>>>);

    impl PeerVerifier for Changing {
        fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
            Reply::Now(Ok(()))
        }

        fn trusted_names(&self) -> Vec<String> {
            vec![format!("{} authorities", self.0.lock().unwrap().len())]
        }

        fn authorities(&self) -> Vec<Vec<u8>> {
            self.0.lock().unwrap().clone()
        }
    }

    #[test]
    fn requests_share_the_names_of_the_verifier_until_these_change() {
        let verifier = Arc::new(Changing(Mutex::new(vec![vec![1; 100]])));
        let policy = ClientAuthentication::required(verifier.clone()).authorities_of_verifier();
        let policy = Arc::new(policy.prepare(&CryptoProvider::default()).unwrap());
        let first = policy.for_request();
        assert_eq!(first.own_offer.authorities, [vec![1; 100]]);
        assert!(Arc::ptr_eq(&first, &policy.for_request()));
        *verifier.0.lock().unwrap() = vec![vec![2; 100]];
        let second = policy.for_request();
        assert_eq!(second.own_offer.authorities, [vec![2; 100]]);
        assert!(Arc::ptr_eq(&second, &policy.for_request()));
        // Too long for a request: it names none.
        *verifier.0.lock().unwrap() = vec![vec![3; 1000]; 66];
        let without = policy.for_request();
        assert!(without.own_offer.authorities.is_empty());
        assert!(Arc::ptr_eq(&without, &policy.for_request()));
        // The request is the same, but an error says what the verifier trusts now.
        *verifier.0.lock().unwrap() = vec![vec![3; 1000]; 67];
        assert_eq!(policy.for_request().own_offer.trust_anchors, ["67 authorities"]);
    }
}
