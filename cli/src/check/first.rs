//! The first connection: what a usual client sees. Several answers are read from it.

use handclasp::certificate::CertificateError;

use super::client_certificate::ClientCertificate;
use super::closing::Closing;
use super::cost::HandshakeCost;
use super::prober::{Probe, Prober};
use super::tickets::Tickets;
use crate::client::{ReceiveEnd, TICKET_TIMEOUT, TICKETS_TIMEOUT};
use crate::failure::Failure;

/// What the first connection has shown.
pub struct First {
    pub probe: Probe,
    /// What the trust anchors say about the certificates of this connection. Another server may answer the next
    /// one.
    pub verdict: Option<Result<(), CertificateError>>,
    pub cost: HandshakeCost,
    pub tickets: Tickets,
    pub client_certificate: ClientCertificate,
    pub closing: Closing,
}

impl First {
    /// Makes the connection, receives the tickets, and closes.
    ///
    /// # Errors
    /// When the handshake fails: then there is nothing to check.
    pub fn make(prober: &mut Prober) -> Result<Self, Failure> {
        let builder = prober
            .client(prober.provider())
            .certificate_compression(super::compression::algorithms())
            .sessions(prober.sessions.clone());
        let mut probe = prober.complete(builder)?;
        let (verdict, withholds) = (prober.verdict(), prober.withholds_certificate());
        let cost = HandshakeCost::of(&probe);
        let end = probe.receive(TICKET_TIMEOUT, TICKETS_TIMEOUT);
        let account = probe.account();
        let refusal = match &end {
            ReceiveEnd::Failed(failure) => {
                failure.diagnosis.as_ref().and_then(|it| it.alert_received)
            }
            _ => None,
        };
        let client_certificate = ClientCertificate::of(&account, refusal, withholds);
        let tickets = Tickets::of(&account, &client_certificate);
        let closing = Closing::ask(&mut probe, end);
        Ok(Self { probe, verdict, cost, tickets, client_certificate, closing })
    }
}
