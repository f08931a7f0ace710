//! The first connection: what a usual client sees. Several answers are read from it.

use handclasp::registry::{CipherSuiteId, NamedGroup, SignatureScheme};
use handclasp_explain::Connection;

use super::certificates::Certificates;
use super::client_certificate::ClientCertificate;
use super::closing::Closing;
use super::cost::HandshakeCost;
use super::prober::Prober;
use super::record_size_limit::RecordSizeLimit;
use super::tickets::Tickets;
use crate::client::ReceiveEnd;
use crate::failure::Failure;

/// What the first connection has shown. The findings take their parts from it.
pub struct FirstHandshake {
    pub account: Connection,
    pub group: Option<NamedGroup>,
    pub cipher_suite: Option<CipherSuiteId>,
    pub signature_scheme: Option<SignatureScheme>,
    pub application_protocol: Option<Vec<u8>>,
    /// With what the trust anchors say about them. Another server may answer the next connection.
    pub certificates: Certificates,
    pub record_size_limit: RecordSizeLimit,
    pub cost: HandshakeCost,
    pub tickets: Tickets,
    pub client_certificate: ClientCertificate,
    pub closing: Closing,
}

impl FirstHandshake {
    /// Makes the connection, receives the tickets, and closes: the next connection may be to a server that
    /// serves one client at a time.
    ///
    /// # Errors
    /// When the handshake fails: then there is nothing to check.
    pub fn perform(prober: &mut Prober) -> Result<Self, Failure> {
        let builder = prober
            .config_builder(prober.provider())
            .certificate_compression(super::compression::algorithms())
            .sessions(prober.sessions.clone());
        let mut probe = prober.connect(builder)?;
        let (verification, withholds) =
            (prober.last_verification(), prober.withholds_certificate());
        let cost = HandshakeCost::of(&probe);
        let end = probe.client.receive_tickets();
        let account = probe.account();
        let refusal = match &end {
            ReceiveEnd::Failed(failure) => failure.alert_received(),
            _ => None,
        };
        let client_certificate = ClientCertificate::of(&account, refusal, withholds);
        let tickets = Tickets::of(&account, &client_certificate);
        let closing = Closing::of(&mut probe, end);
        let connection = &probe.client.connection;
        let parameters = connection.parameters();
        Ok(Self {
            account,
            group: parameters.group,
            cipher_suite: parameters.cipher_suite,
            signature_scheme: parameters.signature_scheme,
            application_protocol: parameters.application_protocol.as_deref().map(<[u8]>::to_vec),
            certificates: Certificates::of(connection, verification),
            record_size_limit: RecordSizeLimit::of(connection),
            cost,
            tickets,
            client_certificate,
            closing,
        })
    }
}
