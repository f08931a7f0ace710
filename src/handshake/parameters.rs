//! What the two sides have agreed on, and who the peer is.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use pki_types::CertificateDer;

use crate::crypto::wipe_stack;
use crate::early_data::EarlyData;
use crate::key_schedule::PskKind;
use crate::observer::{HandshakeKind, HandshakeSummary};
use crate::registry::{CipherSuiteId, NamedGroup, SignatureScheme};

/// What the two sides have agreed on, and who the peer is: complete once the handshake is.
///
/// What few connections have is in [`RareParameters`], and is read like the fields here.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerParameters {
    /// The cipher suite.
    pub cipher_suite: Option<CipherSuiteId>,
    /// The group of the key exchange.
    pub group: Option<NamedGroup>,
    /// The scheme of the server's signature.
    pub signature_scheme: Option<SignatureScheme>,
    /// The application protocol, where both sides have one in common (ALPN).
    pub application_protocol: Option<Vec<u8>>,
    /// The DNS name that the client asked for, where it sent one.
    pub server_name: Option<String>,
    /// The scheme of the client's signature, where the client has authenticated with a certificate or
    /// a raw public key.
    pub client_signature_scheme: Option<SignatureScheme>,
    /// The peer's certificates, as the peer sent them and in its order: in this handshake, or in the
    /// one that was resumed. They are here only once the verifier has accepted them and the peer has
    /// proved that it has the key. To see a chain that was refused, use a verifier or an observer.
    /// `None` for a client without certificates.
    pub certificates: Option<Arc<[CertificateDer<'static>]>>,
    /// Was there a HelloRetryRequest?
    pub retried: bool,
    /// The pre-shared key that both sides used, if they used one: of an earlier connection's
    /// ticket ([`PskKind::Resumption`]: the connection was resumed), or an external one.
    pub pre_shared_key: Option<PskKind>,
    /// Was the external pre-shared key used together with certificates (RFC 9973)?
    pub cert_with_extern_psk: bool,
    /// What became of 0-RTT data.
    pub early_data: EarlyData,
    /// The most that the peer takes in a protected record, content, type and padding, in bytes;
    /// `None` where the two did not agree on limits (RFC 8449).
    pub record_size_limit: Option<u16>,
    /// `None` where all of them are empty, as on most connections. They need no memory then.
    rare: Option<Box<RareParameters>>,
}

/// The part of [`PeerParameters`] that few connections over TCP have.
///
/// It is read through them: `parameters.ocsp_response`.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RareParameters {
    /// The peer's raw public key, where it sent one in place of certificates (RFC 7250): the DER of a
    /// SubjectPublicKeyInfo. As with certificates, it is here once the key is accepted and proved.
    pub raw_public_key: Option<Arc<[u8]>>,
    /// The OCSP response that came with the peer's certificates.
    pub ocsp_response: Option<Arc<[u8]>>,
    /// The signed certificate timestamps that came with the peer's certificates.
    pub signed_certificate_timestamps: Vec<Vec<u8>>,
    /// The identity of the external pre-shared key that the peer has proved to have: in this
    /// handshake, or in the one that was resumed. `None` where the peer authenticated in another
    /// way.
    pub pre_shared_key_identity: Option<Vec<u8>>,
    /// The peer's transport parameters, in QUIC (RFC 9001, section 8.2): a server has them once the
    /// ClientHello came, and a client once EncryptedExtensions came. They are authentic once the
    /// handshake is complete.
    pub transport_parameters: Option<Vec<u8>>,
    /// What this side has kept with the session that is resumed: see
    /// [`set_resumption_data`](crate::Connection::set_resumption_data). A client that sends 0-RTT data
    /// has it from its ClientHello on. Empty where nothing was kept, and where no session is resumed.
    pub resumption_data: Vec<u8>,
}

/// What a connection has that has none of them.
static NO_RARE_PARAMETERS: RareParameters = RareParameters {
    raw_public_key: None,
    ocsp_response: None,
    signed_certificate_timestamps: Vec::new(),
    pre_shared_key_identity: None,
    transport_parameters: None,
    resumption_data: Vec::new(),
};

/// Not inlined, so that its values are on a part of the stack that was wiped.
#[inline(never)]
fn new_rare(change: impl FnOnce(&mut RareParameters)) -> Option<Box<RareParameters>> {
    let mut rare = RareParameters::default();
    change(&mut rare);
    if rare == NO_RARE_PARAMETERS { None } else { Some(Box::new(rare)) }
}

impl Deref for PeerParameters {
    type Target = RareParameters;

    fn deref(&self) -> &RareParameters {
        self.rare.as_deref().unwrap_or(&NO_RARE_PARAMETERS)
    }
}

impl PeerParameters {
    /// Changes what few connections have. No memory is kept where all of it is empty.
    pub(super) fn change_rare(&mut self, change: impl FnOnce(&mut RareParameters)) {
        if let Some(rare) = &mut self.rare {
            change(rare);
            if **rare == NO_RARE_PARAMETERS {
                self.rare = None;
            }
            return;
        }
        // What is moved to the heap has bytes of the stack where it has no value.
        wipe_stack::<{ 8 * size_of::<RareParameters>() }>();
        self.rare = new_rare(change);
    }

    /// For observers, when the handshake is complete.
    pub(super) fn summary(&self) -> HandshakeSummary {
        let kind = match self.pre_shared_key {
            None => HandshakeKind::Full,
            Some(PskKind::Resumption) => HandshakeKind::Resumed,
            Some(PskKind::External | PskKind::Imported) => HandshakeKind::ExternalPsk,
        };
        HandshakeSummary {
            kind,
            cipher_suite: self.cipher_suite,
            group: self.group,
            retried: self.retried,
            early_data: self.early_data,
        }
    }
}

/// Of the transport parameters and of the resumption data it shows the lengths only: a server's transport
/// parameters have its stateless_reset_token in them (RFC 9000, section 18.2).
impl fmt::Debug for PeerParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport_parameters = self.transport_parameters.as_deref().map(HiddenBytes);
        f.debug_struct("PeerParameters")
            .field("cipher_suite", &self.cipher_suite)
            .field("group", &self.group)
            .field("signature_scheme", &self.signature_scheme)
            .field("application_protocol", &self.application_protocol)
            .field("server_name", &self.server_name)
            .field("client_signature_scheme", &self.client_signature_scheme)
            .field("certificates", &self.certificates)
            .field("raw_public_key", &self.raw_public_key)
            .field("ocsp_response", &self.ocsp_response)
            .field("signed_certificate_timestamps", &self.signed_certificate_timestamps)
            .field("retried", &self.retried)
            .field("pre_shared_key", &self.pre_shared_key)
            .field("cert_with_extern_psk", &self.cert_with_extern_psk)
            .field("pre_shared_key_identity", &self.pre_shared_key_identity)
            .field("early_data", &self.early_data)
            .field("record_size_limit", &self.record_size_limit)
            .field("transport_parameters", &transport_parameters)
            .field("resumption_data", &HiddenBytes(&self.resumption_data))
            .finish()
    }
}

/// Shows how many bytes these are.
struct HiddenBytes<'a>(&'a [u8]);

impl fmt::Debug for HiddenBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_without_rare_parameters_has_no_memory_for_them() {
        let mut parameters = PeerParameters::default();
        parameters.change_rare(|rare| rare.transport_parameters = None);
        assert!(parameters.rare.is_none());
        parameters.change_rare(|rare| rare.resumption_data = vec![0x5a; 9]);
        parameters.change_rare(|rare| rare.transport_parameters = Some(vec![1]));
        assert_eq!(parameters.resumption_data, [0x5a; 9]);
        assert_eq!(parameters.transport_parameters, Some(vec![1]));
        parameters.change_rare(|rare| *rare = RareParameters::default());
        assert_eq!(parameters, PeerParameters::default());
    }

    #[test]
    fn debug_output_has_the_length_of_resumption_data_alone() {
        let mut parameters = PeerParameters::default();
        parameters.change_rare(|rare| rare.resumption_data = vec![0x5a; 9]);
        let shown = format!("{parameters:?}");
        assert!(shown.contains("resumption_data: 9 bytes"), "{shown}");
    }
}
