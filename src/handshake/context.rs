//! What the states work with beside their own fields and the message.

use core::time::Duration;
use std::sync::Arc;

use super::incoming_messages::IncomingMessages;
use super::session_basis::SessionBasis;
use super::step::{Step, Steps};
use super::{Level, PeerParameters, Question, Side};
use crate::config::{CommonConfig, ServerConfig};
use crate::crypto::{CipherSuite, Digest, Hash, ProviderError, StaticOrArc};
use crate::error::circumstances::OwnCertificate;
use crate::key_schedule::{
    EarlySecret, EarlyTraffic, ExporterSecret, LabelPrefix, TrafficSecret, Transcript,
};
use crate::observer::{Event, Observers};
use crate::psk::PreSharedKey;
use crate::registry::{CertificateType, CipherSuiteId};
use crate::session::{PeerCredential, Session};
use crate::time::Time;
use crate::wire::HandshakeMessage;

const MINUTE: Duration = Duration::from_secs(60);

/// What lasts longer than one state: the steps to take, the observers, and what is settled so far.
pub(crate) struct Context {
    pub(crate) steps: Steps,
    pub(crate) observers: Observers,
    pub(crate) parameters: PeerParameters,
    pub(crate) session_basis: SessionBasis,
    /// `None` without 0-RTT data.
    pub(crate) zero_rtt: Option<Box<ZeroRtt>>,
    /// On a server: how it makes tickets for this client. `None` where the client gets none.
    pub(crate) tickets: Option<TicketPlan>,
    pub(crate) now: Time,
    /// The options that clients and servers have in common.
    pub(crate) config: Arc<CommonConfig>,
    /// With the open question, if there is one.
    pub(super) incoming: IncomingMessages,
    /// The number of the last question.
    pub(super) questions_asked: u64,
    /// Messages since the handshake or since application data. In QUIC, `Context::quic` has the count.
    pub(super) messages_without_data: u32,
    /// Which end this is.
    pub(super) side: Side,
    /// There are records. QUIC has none: its packets say which of them carry 0-RTT data (RFC 9001,
    /// section 8.3), so the end of these data needs no message.
    pub(crate) records: bool,
    /// This is QUIC. Then there are no records.
    pub(crate) quic: Option<Box<Quic>>,
    /// What this side keeps with the sessions of this connection.
    pub(crate) resumption_data: Box<[u8]>,
    /// The certificate that this side has shown, as long as the peer may still refuse it: for a diagnosis.
    /// Without its key, which is dropped with its configuration.
    pub(crate) shown: Option<Arc<OwnCertificate>>,
    /// A change_cipher_spec record has come.
    pub(super) change_cipher_spec_received: bool,
    /// This side has sent close_notify: nothing follows it, not even an answer (section 6.1).
    pub(crate) closed: bool,
}

impl Context {
    pub(super) fn new(side: Side, config: &Arc<CommonConfig>, now: Time) -> Self {
        let mut observers = Observers::new(config.key_log.clone());
        for make_observer in &config.observers {
            observers.add(make_observer(side));
        }
        Self {
            config: Arc::clone(config),
            steps: Steps::default(),
            observers,
            parameters: PeerParameters::default(),
            session_basis: SessionBasis::new(now),
            zero_rtt: None,
            tickets: None,
            now,
            incoming: IncomingMessages::default(),
            questions_asked: 0,
            messages_without_data: 0,
            side,
            records: true,
            quic: None,
            resumption_data: Box::default(),
            shown: None,
            change_cipher_spec_received: false,
            closed: false,
        }
    }

    /// The provider's SHA-256, for digests that are no part of a suite.
    pub(super) fn sha256(&self) -> &dyn Hash {
        &*self.config.provider.sha256
    }

    /// The first stage of the key schedule, with the pre-shared key if there is one. TLS and QUIC have
    /// the same labels.
    pub(super) fn early_secret(
        &mut self,
        suite: &StaticOrArc<CipherSuite>,
        psk: Option<&[u8]>,
    ) -> Result<EarlySecret, ProviderError> {
        EarlySecret::new(suite, LabelPrefix::Tls13, psk, &mut self.observers)
    }

    /// Asks this question. The machine waits for the answer, and gives both to the state.
    pub(crate) fn ask(&mut self, question: Question) {
        let name = question.name();
        self.observers.emit(|| Event::Waiting(name));
        self.questions_asked += 1;
        self.incoming.wait_for(Box::new(question));
    }

    /// The cipher suite is settled.
    pub(super) fn choose_suite(&mut self, suite: CipherSuiteId) {
        self.parameters.cipher_suite = Some(suite);
        self.observers.emit(|| Event::CipherSuiteChosen(suite));
    }

    /// A pre-shared key is used. If it is a ticket's, this connection inherits what the ticket's
    /// session says of the peer; otherwise the key itself is the peer's credential. Call
    /// [`show_peer`](Self::show_peer) once the peer has proved that it has the key.
    pub(super) fn inherit_from_session(&mut self, key: &PreSharedKey) -> Result<(), ProviderError> {
        self.parameters.pre_shared_key = Some(key.kind());
        match key.session() {
            Some(session) => {
                let data = session.resumption_data.clone();
                self.parameters.change_rare(|rare| rare.resumption_data = data);
                self.session_basis.inherit_from_session(session);
            }
            None => {
                let record = key.record(self.sha256())?;
                self.session_basis.credential = PeerCredential::PreSharedKey(Box::new(record));
            }
        }
        Ok(())
    }

    /// Puts the peer's credential into the parameters, in place of an earlier one. Only after the
    /// verifier has accepted it and the peer has proved it.
    pub(super) fn show_peer(&mut self) {
        let credential = &self.session_basis.credential;
        self.parameters.certificates = credential.chain().cloned();
        self.parameters.change_rare(|rare| {
            rare.raw_public_key = None;
            rare.ocsp_response = None;
            rare.signed_certificate_timestamps = Vec::new();
            rare.pre_shared_key_identity = None;
            match credential {
                PeerCredential::None => {}
                PeerCredential::Certificates(certificates) => {
                    rare.ocsp_response = certificates.ocsp_response().cloned();
                    rare.signed_certificate_timestamps = certificates.timestamps().to_vec();
                }
                PeerCredential::RawPublicKey(key) => rare.raw_public_key = Some(Arc::clone(key)),
                PeerCredential::PreSharedKey(key) => {
                    rare.pre_shared_key_identity = Some(key.identity.clone());
                }
            }
        });
    }

    /// On a server: the type of certificate that the sessions of this connection go back to.
    pub(super) fn set_own_type(&mut self, own_type: CertificateType) {
        if let Some(tickets) = &mut self.tickets {
            tickets.own_type = own_type;
        }
    }

    /// Both sides have sent record_size_limit (RFC 8449, section 4).
    pub(crate) fn limit_records(&mut self, peer: u16, own: u16) {
        self.parameters.record_size_limit = Some(peer);
        self.steps.push(Step::LimitRecords { sent: peer, received: own });
    }

    /// Whether this is the protocol that the session was made in: TLS with records or another carrier,
    /// or this version of QUIC.
    pub(super) fn has_protocol_of(&self, session: &Session) -> bool {
        let own_version = self.quic.as_ref().map(|quic| quic.version);
        own_version == session.quic.as_ref().map(|quic| quic.version)
    }

    /// There may be 0-RTT data of up to `max_size` bytes. `client_hello` is the hash of the
    /// ClientHello that they follow. Returns the secret that protects them.
    pub(super) fn begin_early_data(
        &mut self,
        early: &EarlySecret,
        client_hello: &Digest,
        max_size: u32,
    ) -> Result<TrafficSecret, ProviderError> {
        let EarlyTraffic { client, exporter } =
            early.early_traffic(client_hello, &mut self.observers)?;
        let zero_rtt = self.zero_rtt.get_or_insert_default();
        zero_rtt.exporter = Some(Box::new(exporter));
        zero_rtt.bytes_left = max_size;
        Ok(client)
    }

    /// No more 0-RTT data may come or go.
    pub(super) fn end_early_data(&mut self) {
        if let Some(zero_rtt) = &mut self.zero_rtt {
            zero_rtt.bytes_left = 0;
        }
    }

    /// Sends a dummy change_cipher_spec, if it is `wanted` and there are records (appendix E.4;
    /// RFC 9001, section 8.4).
    pub(crate) fn change_cipher_spec(&mut self, wanted: bool) {
        if wanted && self.records {
            self.steps.change_cipher_spec();
        }
    }

    /// Writes a message, adds it to the transcript if there is one, and emits an event. Does
    /// nothing once this side has closed.
    pub(crate) fn send(
        &mut self,
        transcript: Option<&mut Transcript>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.send_of_length(0, transcript, write);
    }

    /// As [`send`](Self::send), for a message that may be longer than a usual flight. It has about `length` bytes.
    pub(crate) fn send_of_length(
        &mut self,
        length: usize,
        transcript: Option<&mut Transcript>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.closed {
            return;
        }
        let (level, observers) = (self.steps.write_level, &mut self.observers);
        self.steps.send(length, |out| {
            let start = out.len();
            write(out);
            on_message_written(out.get(start..).unwrap_or_default(), level, transcript, observers);
        });
    }
}

/// Apart from [`Context::send`], and not inlined: a program has a copy of that for each message.
#[inline(never)]
fn on_message_written(
    written: &[u8],
    level: Level,
    transcript: Option<&mut Transcript>,
    observers: &mut Observers,
) {
    if let Some(transcript) = transcript {
        transcript.add_bytes(written);
    }
    if let Some((message, _)) = HandshakeMessage::split(written) {
        observers.emit(|| Event::MessageSent(level, message));
    }
}

/// What QUIC adds to a handshake without records (RFC 9001, sections 4 and 8).
pub(crate) struct Quic {
    /// The number of its version. A session is not resumed under another version (RFC 9369, section 5).
    pub(crate) version: u32,
    /// This side's transport parameters.
    pub(crate) transport_parameters: Vec<u8>,
    /// On a client that sends 0-RTT data: the server's transport parameters of the connection that the
    /// session is of.
    pub(crate) remembered_parameters: Option<Vec<u8>>,
    /// On a server: 0-RTT data are accepted of sessions with the same context only.
    pub(crate) early_data_context: Option<Vec<u8>>,
    /// The messages after the handshake.
    pub(super) messages: MessagesPerMinute,
}

impl Quic {
    pub(crate) fn new(version: u32, transport_parameters: Vec<u8>) -> Self {
        Self {
            version,
            transport_parameters,
            remembered_parameters: None,
            early_data_context: None,
            messages: MessagesPerMinute::default(),
        }
    }
}

/// Counts messages by the minute.
#[derive(Default)]
pub(super) struct MessagesPerMinute {
    /// When the minute began.
    since: Time,
    count: usize,
}

impl MessagesPerMinute {
    /// Another message came. Returns how many came in this minute, with it.
    pub(super) fn count(&mut self, now: Time) -> usize {
        if now.since(self.since) >= MINUTE {
            self.since = now;
            self.count = 0;
        }
        self.count += 1;
        self.count
    }
}

/// How a server makes tickets for a client.
#[derive(Clone)]
pub(crate) struct TicketPlan {
    pub(super) config: Arc<ServerConfig>,
    /// How many tickets the client gets after the handshake.
    pub(super) count: u8,
    /// The type of this server's certificate: in this handshake, or in the one that a resumed session goes
    /// back to.
    pub(super) own_type: CertificateType,
    /// The ticket_age_add of the first ticket. It is drawn together with the random of ServerHello, and kept until
    /// that ticket is sent. Bytes, because `Option<u32>` would make each idle connection larger.
    pub(super) first_age_add: Option<[u8; 4]>,
}

/// What a connection remembers of its 0-RTT data.
#[derive(Default)]
pub(crate) struct ZeroRtt {
    /// The bytes that may still come or go.
    pub(super) bytes_left: u32,
    /// On a server: the bytes that the client's ticket allows, also where the server does not
    /// accept the data.
    pub(super) allowed_by_ticket: u32,
    pub(super) exporter: Option<Box<ExporterSecret>>,
}
