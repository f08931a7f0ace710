//! What resumption and 0-RTT data need beside the states: it is the same in all of them.

use std::sync::Arc;

use super::question::ChooseClientCertificate;
use super::{EarlyData, Handshake, Level, Side};
use crate::config::ServerConfig;
use crate::credential::CertifiedKey;
use crate::error::{Error, ErrorKind};
use crate::key_schedule::Exporter;
use crate::registry::{CertificateType, ContentType};
use crate::session::{CertificateAnswer, PeerCredential};
use crate::time::Time;

/// What outlives a single state of a handshake.
#[derive(Default)]
pub(crate) struct Resumption {
    /// When the peer proved who it is, with more than a ticket, in seconds since 1970: in this
    /// handshake, or in the one that it goes back to.
    pub(super) authenticated: u64,
    /// What the peer has proved itself with: in this handshake, or in that one.
    pub(super) credential: PeerCredential,
    /// What a client was asked for and has shown: in this handshake or after it, or in that one.
    pub(super) answer: Option<CertificateAnswer>,
    /// The type of certificate that a server has shown: in this handshake, or in that one.
    pub(super) own_type: CertificateType,
    /// The bytes of 0-RTT data that may still come or go.
    pub(super) early_data_left: u32,
    /// The bytes of 0-RTT data that the client's ticket allows, whether this server takes them or not.
    pub(super) early_data_allowed: u32,
    pub(super) early_exporter: Option<Box<Exporter>>,
    /// How a server makes tickets, and how many this client gets.
    pub(super) tickets: Option<(Arc<ServerConfig>, u8)>,
}

impl Resumption {
    pub(super) fn new(now: Time) -> Self {
        Self { authenticated: now.unix().as_secs(), ..Self::default() }
    }

    /// Does the peer's proof go back to a key that was agreed on outside of TLS? Certificates must
    /// not be combined with one (RFC 9846, appendix F.1).
    pub(super) fn rests_on_external_key(&self) -> bool {
        match &self.credential {
            PeerCredential::PreSharedKey(key) => key.external,
            _ => false,
        }
    }

    /// A client answers a request for its certificate with this one, or with none. A server that
    /// knows the client by a certificate does not forget it when the client shows none later.
    pub(super) fn answered(
        &mut self,
        request: &ChooseClientCertificate,
        certificate: Option<&CertifiedKey>,
    ) {
        let shown = certificate.and_then(CertifiedKey::digest);
        let known = self.answer.as_ref().is_some_and(|answer| answer.shown.is_some());
        if shown.is_none() && known {
            return;
        }
        let certificate_type = request.certificate_type;
        let request = request.body.as_slice().into();
        self.answer = Some(CertificateAnswer { request, certificate_type, shown });
    }

    /// There is no 0-RTT data, or no more.
    pub(super) fn no_early_data(&mut self) {
        self.early_data_left = 0;
        self.early_exporter = None;
    }
}

impl Handshake {
    /// Starts the handshake for a carrier without records, as QUIC is (RFC 9001, section 4): it
    /// takes the [steps](super::Step) itself, sends the messages of each level, and protects its
    /// packets with the secrets. An error has the alert that the peer is to be told (in QUIC, as
    /// the error code 0x0100 plus the alert); the peer's alert ends the handshake by
    /// [`fail`](Self::fail). As QUIC has it, no KeyUpdate and no later request for a certificate is
    /// sent or taken, and nothing is sent for middleboxes (RFC 9001, sections 4.4, 6 and 8.4).
    ///
    /// # Errors
    /// As [`start`](Self::start), which need not be called then.
    pub fn without_records(mut self) -> Result<Self, Error> {
        self.context.records = false;
        self.start()?;
        Ok(self)
    }

    /// Sets the time. Tickets that come or are sent from here on have it, and certificates, tickets
    /// and cookies are checked against it. Before the first call it is the time at which the
    /// handshake was made. A server that takes 0-RTT data should set it when the ClientHello comes:
    /// the client may have waited, and 0-RTT data must be fresh (section 8.3).
    ///
    /// [`Time::now`] has milliseconds. A `UnixTime` stands for the beginning of its second.
    pub fn set_time(&mut self, now: impl Into<Time>) {
        self.context.now = now.into();
    }

    pub(crate) fn time(&self) -> Time {
        self.context.now
    }

    /// The bytes of 0-RTT data that a client may send now: none before
    /// [`start`](Self::start), when none were offered, and after the server has said no or
    /// finished.
    pub fn early_data_room(&self) -> usize {
        let sends = self.side == Side::Client && self.context.steps.write_level == Level::EarlyData;
        let left = usize::try_from(self.context.resumption.early_data_left).unwrap_or(usize::MAX);
        if sends && self.check().is_ok() { left } else { 0 }
    }

    /// The bytes of 0-RTT data that a server passes over: what the ticket allows that the client has
    /// offered, where that is more than the limit. Another server may have sent the ticket.
    pub(crate) fn early_data_skipped(&self) -> usize {
        let allowed = match self.context.resumption.early_data_allowed {
            // A ticket of QUIC: it is not a size (RFC 9001, section 4.6.1).
            u32::MAX => 0,
            allowed => usize::try_from(allowed).unwrap_or(usize::MAX),
        };
        self.limits().early_data_skipped.max(allowed)
    }

    /// 0-RTT data went or came: only so much may, and more ends the connection
    /// (section 4.3.10).
    ///
    /// # Errors
    /// When it is more than the ticket allows.
    pub fn on_early_data(&mut self, length: usize) -> Result<(), Error> {
        let left = &mut self.context.resumption.early_data_left;
        let rest = u32::try_from(length).ok().and_then(|length| left.checked_sub(length));
        *left = rest.ok_or(ErrorKind::UnexpectedRecord {
            received: ContentType::APPLICATION_DATA,
            when: "beyond the 0-RTT data that the ticket allows",
        })?;
        Ok(())
    }

    /// May a server write already, to a client whose 0-RTT data it took, though the client's
    /// Finished has not come?
    pub(crate) fn answers_early_data(&self) -> bool {
        let accepted = self.context.parameters.early_data == EarlyData::Accepted;
        let server =
            self.side == Side::Server && self.context.steps.write_level == Level::Application;
        accepted && server
    }

    /// As [`export_keying_material`](Self::export_keying_material), for use with 0-RTT data: from
    /// secrets that are there before the handshake is complete (section 7.5). What is made of it
    /// is not bound to the server's part of the handshake.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] when no 0-RTT data were offered, or they were rejected.
    pub fn export_early_keying_material(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        self.check()?;
        match &self.context.resumption.early_exporter {
            Some(exporter) => Ok(exporter.export(label, context, output)?),
            None => Err(ErrorKind::Misuse("there are no 0-RTT data").into()),
        }
    }

    /// Sends so many tickets more, if the server is configured for tickets and the client can use
    /// them: after something has changed, say (section 4.7.1). The first are sent by themselves.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] before the handshake is complete.
    pub fn send_tickets(&mut self, count: u8) -> Result<(), Error> {
        self.with_connected(|connected, context| connected.send_tickets(count, context))
    }
}
