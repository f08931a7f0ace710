//! A TLS connection without I/O: the handshake and the records, on buffers of the caller's.
//!
//! Bytes from the peer go into [`Connection::receive`], one record a call. Bytes for the peer come
//! out of [`Connection::outgoing`]. The application moves them from and to its transport. An idle
//! connection has no buffers.
//!
//! ```
//! use std::sync::Arc;
//! use handclasp::connection::{ClientConnection, Received};
//! use handclasp::ClientConfig;
//!
//! # fn example(config: Arc<ClientConfig>, mut from_peer: Vec<u8>) -> Result<(), handclasp::Error> {
//! let mut connection = ClientConnection::new(config, "example.org".try_into().unwrap());
//! // 1. Send what is to be sent.
//! let sent = connection.outgoing().len();
//! connection.sent(sent);
//! // 2. Give it the received bytes: it takes one record at a time.
//! let (consumed, received) = connection.receive(&mut from_peer)?;
//! match received {
//!     Received::Data(data) => println!("{} bytes", data.len()),
//!     Received::Incomplete => println!("more bytes are needed"),
//!     Received::Closed => println!("the peer has closed its direction"),
//!     _ => {}
//! }
//! from_peer.drain(..consumed);
//! # Ok(())
//! # }
//! ```

mod inbound;
mod outbound;
mod post_handshake;
mod record_keys;
mod secrets;

use core::fmt;
use core::ops::{Deref, DerefMut};
use std::sync::Arc;

use pki_types::{ServerName, UnixTime};

use crate::config::{ClientConfig, ServerConfig};
use crate::crypto::{Secret, wipe_stack};
use crate::diagnosis::Diagnosis;
use crate::error::circumstances::Traffic;
use crate::error::{Error, ErrorKind};
use crate::handshake::{
    Answer, Handshake, PeerParameters, Question, QuestionNumber, STACK_DEPTH, Side, Stage, Step,
};
use crate::key_schedule::{KeyAndIv, TrafficSecret};
use crate::level::Level;
use crate::observer::Observer;
use crate::record::{Opener, Sealer, TrafficKeys};
use crate::registry::{ContentType, ProtocolVersion};
use crate::time::{Clock, Time};
use crate::wire::NewSessionTicket;

pub use inbound::Received;
pub use post_handshake::PostHandshake;
pub use record_keys::{RecordKeys, RecordStep};
pub(crate) use secrets::BothRecordKeys;
pub use secrets::{ExtractedSecrets, IntoSecretsError, KeysKept};

/// Options of one connection, beside its configuration.
///
/// ```
/// use handclasp::connection::Options;
/// use handclasp::pki_types::UnixTime;
///
/// // The system's time, and no observer.
/// let mut options = Options::default();
/// options.now = UnixTime::now();
/// # let _ = options;
/// ```
#[non_exhaustive]
pub struct Options {
    /// The time at which certificates, tickets and cookies are checked. If it is the current second of
    /// the system's clock, the ages of tickets use the milliseconds of that clock.
    pub now: UnixTime,
    /// Receives an event for each step, beside the observers of the configuration.
    pub observer: Option<Box<dyn Observer>>,
}

impl Options {
    /// The defaults, at this time.
    pub fn new(now: UnixTime) -> Self {
        Self { now, observer: None }
    }
}

impl Default for Options {
    /// The system's time, and no observer.
    fn default() -> Self {
        Self::new(UnixTime::now())
    }
}

/// A connection, without regard to its side. [`ClientConnection`] and [`ServerConnection`]
/// dereference to it.
pub struct Connection {
    handshake: Handshake,
    /// Starts at the time that the connection was made with.
    clock: Clock,
    opener: Opener,
    sealer: Sealer,
    /// Sealed records. [`release_buffers`](Self::release_buffers) frees the buffer.
    outgoing: Vec<u8>,
    /// How many bytes of `outgoing` the caller has sent. Some count as sent that were never a record: see
    /// `align_content`.
    sent: usize,
    counters: inbound::Counters,
    /// The peer has sent close_notify.
    peer_closed: bool,
    /// This side sends nothing more: it has sent close_notify or a fatal alert, or has failed without
    /// one.
    closed: bool,
    /// close_notify or a fatal alert is in `outgoing`, or was: this side's last record.
    final_alert_queued: bool,
    /// Data are being written: a failure keeps the opener for records that have already arrived.
    keep_opener: bool,
    first_record_sent: bool,
    /// Bytes were received since the time was set.
    time_is_old: bool,
    /// Set where the records are protected elsewhere: what their owner has to do.
    steps_of_owner: Option<Box<record_keys::RecordSteps>>,
}

impl Connection {
    fn new(mut handshake: Handshake, clock: Clock, observer: Option<Box<dyn Observer>>) -> Self {
        if let Some(observer) = observer {
            handshake.observe(observer);
        }
        let mut connection = Self {
            handshake,
            clock,
            opener: Opener::plaintext(),
            sealer: Sealer::plaintext(),
            outgoing: Vec::new(),
            sent: 0,
            counters: inbound::Counters::default(),
            peer_closed: false,
            closed: false,
            final_alert_queued: false,
            keep_opener: false,
            first_record_sent: false,
            time_is_old: false,
            steps_of_owner: None,
        };
        // If this fails, the next call returns the error.
        let _ = connection.with_handshake(Handshake::start);
        connection
    }

    /// Whether the handshake is not complete yet. Application data from before its end are 0-RTT
    /// data, which can be replayed (appendix F.5).
    pub fn is_handshaking(&self) -> bool {
        !self.handshake.is_complete()
    }

    /// What this side waits for.
    pub fn stage(&self) -> Stage {
        self.handshake.stage()
    }

    /// What the handshake has negotiated so far: cipher suite, group, application protocol, names,
    /// certificates.
    pub fn parameters(&self) -> &PeerParameters {
        self.handshake.parameters()
    }

    /// The question whose answer the handshake waits for, if it waits for one.
    pub fn question(&self) -> Option<&Question> {
        self.handshake.question()
    }

    /// The number of the open [`question`](Self::question). Its answer must have the same number.
    pub fn question_number(&self) -> Option<QuestionNumber> {
        self.handshake.question_number()
    }

    /// Answers the open question, which has this number. The handshake continues.
    ///
    /// ```
    /// use handclasp::handshake::{Answer, Question};
    /// # fn example(
    /// #     server: &mut handclasp::ServerConnection,
    /// #     device: &dyn handclasp::crypto::SigningKey,
    /// # ) -> Result<(), handclasp::Error> {
    ///
    /// if let (Some(number), Some(question)) = (server.question_number(), server.question()) {
    ///     let answer = match question {
    ///         Question::Sign(sign) => Answer::Signature(device.sign(sign.scheme, &sign.message)),
    ///         other => Answer::Unavailable(format!("the device cannot {}", other.name())),
    ///     };
    ///     server.answer(number, answer)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] when no question is open, and when the open question has another number or
    /// needs an answer of another kind: nothing has changed then, and the connection continues. Any
    /// other error ends the connection.
    pub fn answer(&mut self, number: QuestionNumber, answer: Answer) -> Result<(), Error> {
        self.with_handshake(|handshake| handshake.answer(number, answer))
    }

    /// Whether the peer has sent close_notify: it sends nothing more.
    pub fn peer_has_closed(&self) -> bool {
        self.peer_closed
    }

    /// Whether this side has written its last record into `outgoing`: close_notify or a fatal alert.
    pub(crate) fn has_queued_final_alert(&self) -> bool {
        self.final_alert_queued
    }

    /// Whether this is a server whose handshake is complete. What such a server still has to send,
    /// tickets for example, is not needed for the connection.
    pub(crate) fn is_connected_server(&self) -> bool {
        !self.is_handshaking() && self.handshake.side() == Side::Server
    }

    /// Whether this is a client that stores tickets, and its server may still send some.
    #[cfg(feature = "tokio")]
    pub(crate) fn may_receive_tickets(&self) -> bool {
        !self.peer_closed && self.handshake.stores_tickets()
    }

    /// The level of the next handshake message of the peer.
    #[cfg(feature = "tokio")]
    pub(crate) fn read_level(&self) -> Level {
        self.handshake.read_level()
    }

    /// Whether the connection still works.
    ///
    /// # Errors
    /// The error that ended the connection, if one did.
    pub fn check(&self) -> Result<(), Error> {
        self.handshake.check()
    }

    /// Derives a key for another protocol: see [`Handshake::export_keying_material`].
    ///
    /// # Errors
    /// As [`Handshake::export_keying_material`].
    pub fn export_keying_material(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        self.handshake.export_keying_material(label, context, output)
    }

    /// The channel binding `tls-exporter` (RFC 9266): see [`Handshake::tls_exporter`].
    ///
    /// # Errors
    /// As [`Handshake::tls_exporter`].
    pub fn tls_exporter(&self) -> Result<[u8; 32], Error> {
        self.handshake.tls_exporter()
    }

    /// Sends a KeyUpdate now, and changes the sending key. If `request` is set, it asks the peer to
    /// update its own key (RFC 9846, section 4.7.3). The connection does this without a call before a
    /// key has protected too much.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] before the handshake is complete and after [`close`](Self::close);
    /// otherwise the error that ended the connection.
    pub fn update_keys(&mut self, request: bool) -> Result<(), Error> {
        self.check_writable()?;
        self.with_handshake(|handshake| handshake.update_keys(request))
    }

    /// Derives a key for use with 0-RTT data: see [`Handshake::export_early_keying_material`].
    ///
    /// # Errors
    /// As [`Handshake::export_early_keying_material`].
    pub fn export_early_keying_material(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        self.handshake.export_early_keying_material(label, context, output)
    }

    /// Keeps these bytes with the sessions of this connection: see
    /// [`Handshake::set_resumption_data`].
    ///
    /// # Errors
    /// As [`Handshake::set_resumption_data`].
    pub fn set_resumption_data(&mut self, data: &[u8]) -> Result<(), Error> {
        self.handshake.set_resumption_data(data)
    }

    /// Sets the time: see [`Handshake::set_time`]. Streams do this when they receive bytes during a
    /// handshake, later before each record that is not application data, and before an answer. A caller without a
    /// stream does it before [`receive`](Self::receive) and [`answer`](Self::answer).
    pub fn set_time(&mut self, now: impl Into<Time>) {
        self.time_is_old = false;
        self.handshake.set_time(now);
    }

    /// Bytes were received. Certificates and tickets are checked at the time when they arrive. During a handshake
    /// the clock is read now. Later it is read only before a record that is not application data: application data
    /// need no time, and reading the clock takes 35 ns.
    pub(crate) fn on_bytes_received(&mut self) {
        if self.is_handshaking() {
            self.advance_clock();
        } else {
            self.time_is_old = true;
        }
    }

    /// Sets the time of the connection's clock, unless a later time was set before.
    pub(crate) fn advance_clock(&mut self) {
        let now = self.clock.now().max(self.handshake.time());
        self.set_time(now);
    }

    /// Call this when the transport has ended.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] when the peer has not sent close_notify before: data may be missing
    /// (section 6.1). [`ErrorKind::EndedInHandshake`] during the handshake. Otherwise the error that
    /// ended the connection.
    pub fn end_of_input(&mut self) -> Result<(), Error> {
        self.check()?;
        if self.peer_closed {
            return Ok(());
        }
        let kind = match self.is_handshaking() {
            true => ErrorKind::EndedInHandshake,
            false => ErrorKind::Truncated,
        };
        Err(self.fail(kind.into()))
    }

    /// What came over the transport so far.
    fn traffic(&self) -> Traffic {
        let elapsed = self.clock.now().since(self.clock.then());
        Traffic { bytes_received: self.counters.bytes_received, elapsed }
    }

    /// Why the connection failed, and what to change: of an error of this connection or of its transport,
    /// such as a timeout or a reset. It says what this side was waiting for, how long the connection has
    /// lasted, and how many bytes of the peer's records came.
    ///
    /// ```
    /// use std::io;
    /// use handclasp::ClientConnection;
    ///
    /// fn log(connection: &ClientConnection, error: &io::Error) {
    ///     eprintln!("{}", connection.diagnose(error));
    /// }
    /// ```
    pub fn diagnose(&self, error: &std::io::Error) -> Diagnosis {
        let mut circumstances = self.handshake.circumstances();
        circumstances.traffic.get_or_insert_with(|| self.traffic());
        match Error::from_io(error) {
            Some(error) => error.diagnosis(),
            None => Diagnosis::of_transport(error, &circumstances),
        }
    }

    /// Reports to the observers that the transport has failed with this error, or that the peer was silent
    /// for too long ([`io::ErrorKind::TimedOut`](std::io::ErrorKind::TimedOut)): they get
    /// [`Event::Failed`](crate::observer::Event::Failed) with its [diagnosis](Self::diagnose). The streams of
    /// this crate do so where a read fails, and those under tokio where a handshake takes too long. A
    /// blocking stream does not know whether `WouldBlock` is a timeout of its socket: its caller does.
    ///
    /// Nothing happens where the connection has failed before or is closed, where `error` is one of this
    /// crate's, and for `WouldBlock`. The connection itself does not change.
    pub fn report_transport_error(&mut self, error: &std::io::Error) {
        let is_closed = self.closed || self.peer_closed;
        let is_of_transport =
            error.kind() != std::io::ErrorKind::WouldBlock && Error::from_io(error).is_none();
        if !is_closed && is_of_transport && self.handshake.observers().await_failure() {
            let diagnosis = self.diagnose(error);
            self.handshake.observers().emit_failure(&diagnosis);
        }
    }

    /// Calls `work` with the handshake, and takes the steps that come of it. A misuse changes nothing;
    /// any other error ends the connection.
    fn with_handshake<T>(
        &mut self,
        work: impl FnOnce(&mut Handshake) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match work(&mut self.handshake) {
            Err(error) if matches!(error.kind(), ErrorKind::Misuse(_)) => Err(error),
            Err(error) => Err(self.fail(error)),
            Ok(value) => self.take_steps().map(|()| value),
        }
    }

    /// Takes all steps of the handshake: sends messages and installs keys. Messages count towards what
    /// a key may protect, as data do: when it has protected enough, a KeyUpdate follows (section 5.5).
    fn take_steps(&mut self) -> Result<(), Error> {
        self.take_all_steps()?;
        if self.is_handshaking() || self.closed || !self.sealer.should_update() {
            return Ok(());
        }
        self.handshake.update_keys(false).map_err(|error| self.fail(error))?;
        self.take_all_steps()
    }

    fn take_all_steps(&mut self) -> Result<(), Error> {
        let mut installed_keys = false;
        while let Some(step) = self.handshake.next_step() {
            installed_keys |= step.has_secret();
            self.take_step(step).map_err(|error| self.fail(error))?;
        }
        if installed_keys {
            // Keys have passed through the stack. It is wiped once for all of them, as it takes time.
            wipe_stack::<STACK_DEPTH>();
        }
        Ok(())
    }

    fn take_step(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::Send { bytes, .. } => self.seal(ContentType::HANDSHAKE, &bytes)?,
            Step::SendChangeCipherSpec => self.seal(ContentType::CHANGE_CIPHER_SPEC, &[1])?,
            Step::ReadKeys { level, secret } => self.install_read_keys(level, &secret)?,
            Step::WritePlaintext => self.sealer.remove_keys(),
            Step::WriteKeys { secret, .. } => self.install_write_keys(&secret)?,
            Step::LimitRecords { sent, received } => {
                self.sealer.limit_records(sent);
                self.opener.limit_records(received);
            }
            Step::SkipEarlyData => {
                self.opener.skip_early_data(self.handshake.early_data_skipped());
            }
            Step::Complete => {}
        }
        Ok(())
    }

    /// Neither this function nor the next is inlined: the keys pass through their part of the stack,
    /// which is wiped afterwards. No function between them and [`TrafficKeys::new`]: it would copy the keys.
    #[inline(never)]
    fn install_read_keys(&mut self, level: Level, secret: &TrafficSecret) -> Result<(), Error> {
        if self.steps_of_owner.is_some() {
            return self.give_keys(secret, self.opener.max_content_length(), RecordStep::ReadKeys);
        }
        let KeyAndIv { key, iv } = secret.derive_key_and_iv(self.handshake.observers())?;
        let keys = TrafficKeys::new(secret.suite(), key.as_bytes(), &iv)?;
        match level {
            Level::EarlyData => self.opener.install_early(keys),
            _ => self.opener.install(keys),
        }
        Ok(())
    }

    #[inline(never)]
    fn install_write_keys(&mut self, secret: &TrafficSecret) -> Result<(), Error> {
        if self.steps_of_owner.is_some() {
            return self.give_keys(secret, self.max_record_data(), RecordStep::WriteKeys);
        }
        let KeyAndIv { key, iv } = secret.derive_key_and_iv(self.handshake.observers())?;
        self.sealer.install(TrafficKeys::new(secret.suite(), key.as_bytes(), &iv)?);
        self.sealer.pad(self.handshake.common_config().record_padding.clone());
        Ok(())
    }

    /// The legacy_record_version: the record of the first ClientHello has an older one (section 5.1).
    fn record_version(&mut self) -> ProtocolVersion {
        let client = self.handshake.side() == Side::Client;
        match core::mem::replace(&mut self.first_record_sent, true) {
            false if client => ProtocolVersion::TLS_1_0,
            _ => ProtocolVersion::TLS_1_2,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("handshake", &self.handshake)
            .field("outgoing", &self.outgoing().len())
            .field("peer_closed", &self.peer_closed)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// A client's connection.
#[derive(Debug)]
pub struct ClientConnection(Connection);

impl ClientConnection {
    /// A connection to the server of this name, at the system's time. Its ClientHello is in
    /// [`outgoing`](Connection::outgoing), unless the client first waits for the answer to a
    /// [question](Connection::question) about a session that it could resume.
    ///
    /// If the crypto provider fails, or a required pre-shared key is missing, the connection has failed from
    /// its beginning: [`check`](Connection::check) and every other call return the error.
    pub fn new(config: Arc<ClientConfig>, server_name: ServerName<'static>) -> Self {
        Self::with_options(config, server_name, Options::default())
    }

    /// As [`new`](Self::new), with a time and an observer of the caller.
    pub fn with_options(
        config: Arc<ClientConfig>,
        server_name: ServerName<'static>,
        options: Options,
    ) -> Self {
        let clock = Clock::new(options.now);
        let handshake = Handshake::client(config, server_name, clock.then());
        Self(Connection::new(handshake, clock, options.observer))
    }

    /// The channel binding `tls-server-end-point` (RFC 5929): see [`Handshake::tls_server_end_point`].
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] before the handshake is complete.
    pub fn tls_server_end_point(&self) -> Result<Option<Vec<u8>>, Error> {
        self.0.handshake.tls_server_end_point()
    }
}

/// A server's connection.
#[derive(Debug)]
pub struct ServerConnection(Connection);

impl ServerConnection {
    /// A connection that waits for a ClientHello.
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self::with_options(config, Options::default())
    }

    /// As [`new`](Self::new), with a time and an observer of the caller.
    pub fn with_options(config: Arc<ServerConfig>, options: Options) -> Self {
        let clock = Clock::new(options.now);
        let handshake = Handshake::server(config, clock.then());
        Self(Connection::new(handshake, clock, options.observer))
    }

    /// Sends `count` more tickets: see [`Handshake::send_tickets`].
    ///
    /// # Errors
    /// As [`Handshake::send_tickets`], and [`ErrorKind::Misuse`] after
    /// [`close`](Connection::close).
    pub fn send_tickets(&mut self, count: u8) -> Result<(), Error> {
        self.0.issue_tickets(count)
    }

    /// Asks the client for a certificate: see [`Handshake::request_client_certificate`].
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] when the client cannot be asked: nothing has changed then.
    pub fn request_client_certificate(&mut self) -> Result<(), Error> {
        self.0.request_certificate()
    }

    /// The number of requests for a certificate that the client has not answered yet.
    pub fn open_certificate_requests(&self) -> usize {
        self.0.handshake.open_certificate_requests()
    }

    /// Sends a ticket and returns its PSK: see [`Handshake::send_ticket`].
    ///
    /// # Errors
    /// As [`Handshake::send_ticket`], and [`ErrorKind::Misuse`] after [`close`](Connection::close).
    pub fn send_ticket(&mut self, ticket: &NewSessionTicket<'_>) -> Result<Secret, Error> {
        self.0.check_writable()?;
        self.0.update_keys_if_due()?;
        self.0.with_handshake(|handshake| handshake.send_ticket(ticket))
    }
}

macro_rules! deref {
    ($($type:ident),*) => {
        $(
            impl Deref for $type {
                type Target = Connection;

                fn deref(&self) -> &Connection {
                    &self.0
                }
            }

            impl DerefMut for $type {
                fn deref_mut(&mut self) -> &mut Connection {
                    &mut self.0
                }
            }
        )*
    };
}

deref!(ClientConnection, ServerConnection);
