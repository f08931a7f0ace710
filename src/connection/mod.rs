//! A TLS connection without I/O: the handshake and the records, on buffers of the caller's.
//!
//! Bytes from the peer go into [`Connection::receive`], one record a call; bytes for the peer come
//! out of [`Connection::outgoing`]. Whoever owns the socket moves them. An idle connection holds
//! no buffers.
//!
//! ```
//! use std::sync::Arc;
//! use handclasp::connection::{ClientConnection, Received};
//! use handclasp::{ClientConfig, TrustAnchors};
//!
//! # fn example(config: Arc<ClientConfig>, mut from_peer: Vec<u8>) -> Result<(), handclasp::Error> {
//! let mut connection = ClientConnection::new(config, "example.org".try_into().unwrap())?;
//! // 1. Send what is to be sent.
//! let sent = connection.outgoing().len();
//! connection.sent(sent);
//! // 2. Give it what came: it takes one record at a time.
//! let (consumed, received) = connection.receive(&mut from_peer)?;
//! match received {
//!     Received::Data(data) => println!("{} bytes", data.len()),
//!     Received::Incomplete => println!("more bytes are needed"),
//!     Received::Closed => println!("the peer is done"),
//!     _ => {}
//! }
//! from_peer.drain(..consumed);
//! # Ok(())
//! # }
//! ```

mod inbound;
mod outbound;

use core::fmt;
use core::ops::{Deref, DerefMut};
use std::sync::Arc;

use pki_types::{ServerName, UnixTime};

use crate::config::{ClientConfig, ServerConfig};
use crate::crypto::{Secret, wipe_stack};
use crate::error::{Error, ErrorKind};
use crate::handshake::{Answer, Handshake, PeerParameters, Question, QuestionNumber, Side, Step};
use crate::key_schedule::{KeyAndIv, TrafficSecret};
use crate::level::Level;
use crate::observer::Observer;
use crate::record::{Opener, PaddingPolicy, Sealer, TrafficKeys};
use crate::registry::{ContentType, ProtocolVersion};
use crate::time::{Clock, Time};
use crate::wire::NewSessionTicket;

pub use inbound::Received;

/// How a connection is made, beside its configuration.
pub struct Options {
    /// The time at which certificates, tickets and cookies are checked. Where it is the second
    /// of the system's clock, tickets have the exact time of that clock.
    pub now: UnixTime,
    /// Who watches.
    pub observer: Option<Box<dyn Observer>>,
}

impl Default for Options {
    /// The system's time, and nobody watches.
    fn default() -> Self {
        Self { now: UnixTime::now(), observer: None }
    }
}

/// What connections of both sides have.
pub struct Connection {
    handshake: Handshake,
    /// The time goes on from the one that the connection was made with.
    clock: Clock,
    opener: Opener,
    sealer: Sealer,
    /// Sealed bytes. The buffer stays while data flow, and is given back by
    /// [`release_buffers`](Self::release_buffers).
    outgoing: Vec<u8>,
    /// How many of them were sent.
    sent: usize,
    counters: inbound::Counters,
    /// The peer sent close_notify.
    peer_closed: bool,
    /// We sent close_notify, or an alert that ends the connection.
    closed: bool,
    /// close_notify or another alert was made to be sent: it is this side's last word.
    alert_made: bool,
    /// Data are being written: a failure leaves the opener for what has come already.
    keeps_opener: bool,
    first_record_sent: bool,
}

impl Connection {
    fn new(
        mut handshake: Handshake,
        clock: Clock,
        padding: Option<PaddingPolicy>,
        observer: Option<Box<dyn Observer>>,
    ) -> Result<Self, Error> {
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
            alert_made: false,
            keeps_opener: false,
            first_record_sent: false,
        };
        connection.sealer.pad(padding);
        // A failure is the connection's error, as at any later time: its next call returns it.
        let _ = connection.with_handshake(Handshake::start);
        Ok(connection)
    }

    /// Is the handshake not complete yet?
    pub fn is_handshaking(&self) -> bool {
        !self.handshake.is_complete()
    }

    /// What the handshake has settled: suite, group, application protocol, names, certificates.
    pub fn parameters(&self) -> &PeerParameters {
        self.handshake.parameters()
    }

    /// The question that the handshake rests on, if it does.
    pub fn question(&self) -> Option<&Question> {
        self.handshake.question()
    }

    /// The number of the open [`question`](Self::question), which its answer has to name.
    pub fn question_number(&self) -> Option<QuestionNumber> {
        self.handshake.question_number()
    }

    /// Answers the open question, which has this number; the handshake goes on.
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
    /// [`ErrorKind::Misuse`] when the open question has another number, or asks for an answer of
    /// another kind, and when no question is open: nothing has changed then, and the connection goes
    /// on. Otherwise what went wrong then, and the connection is over.
    pub fn answer(&mut self, number: QuestionNumber, answer: Answer) -> Result<(), Error> {
        self.with_handshake(|handshake| handshake.answer(number, answer))
    }

    /// Has the peer said that it will send no more?
    pub fn peer_has_closed(&self) -> bool {
        self.peer_closed
    }

    /// Has this side said its last word: close_notify, or the alert of its error?
    pub(crate) fn has_said_the_last(&self) -> bool {
        self.alert_made
    }

    /// Is this a server whose handshake is complete? Then the client needs nothing more of what is
    /// to be sent: tickets, for example.
    pub(crate) fn is_complete_server(&self) -> bool {
        !self.is_handshaking() && self.handshake.side() == Side::Server
    }

    /// Is this a client that keeps tickets, whose server may be sending some?
    #[cfg(feature = "tokio")]
    pub(crate) fn may_be_sent_tickets(&self) -> bool {
        !self.peer_closed && self.handshake.keeps_tickets()
    }

    /// The level of the next handshake message of the peer.
    #[cfg(feature = "tokio")]
    pub(crate) fn read_level(&self) -> Level {
        self.handshake.read_level()
    }

    /// The error that ended the connection, if one did.
    pub fn check(&self) -> Result<(), Error> {
        self.handshake.check()
    }

    /// Makes a key for another protocol: see [`Handshake::export_keying_material`].
    pub fn export_keying_material(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        self.handshake.export_keying_material(label, context, output)
    }

    /// The channel binding `tls-exporter` (RFC 9266): see [`Handshake::tls_exporter`].
    pub fn tls_exporter(&self) -> Result<[u8; 32], Error> {
        self.handshake.tls_exporter()
    }

    /// Changes the sending key now, and asks the peer to change its own where `request` is set
    /// (RFC 9846, section 4.7.3). It happens by itself before a key has protected too much.
    pub fn update_keys(&mut self, request: bool) -> Result<(), Error> {
        self.check_writable()?;
        self.with_handshake(|handshake| handshake.update_keys(request))
    }

    /// Makes a key for use with 0-RTT data: see [`Handshake::export_early_keying_material`].
    pub fn export_early_keying_material(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        self.handshake.export_early_keying_material(label, context, output)
    }

    /// Time has passed: see [`Handshake::set_time`]. Streams do it whenever bytes come.
    pub fn set_time(&mut self, now: impl Into<Time>) {
        self.handshake.set_time(now);
    }

    /// Sets the time of the connection's clock, if that is not behind what was set before.
    pub(crate) fn follow_clock(&mut self) {
        let now = self.clock.now().max(self.handshake.time());
        self.set_time(now);
    }

    /// The transport has ended. Fine after the peer's close_notify; anything else is an error:
    /// what the peer sent may be cut off (section 6.1).
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

    /// Works on the handshake, and does what it wants done then. A misuse changes nothing; any other
    /// error ends the connection.
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

    /// Does what the handshake wants done. Tickets, requests and certificates count towards what a
    /// key may protect, as data do: when the key has protected enough, a new one follows them
    /// (section 5.5).
    fn take_steps(&mut self) -> Result<(), Error> {
        self.take_all_steps()?;
        if self.is_handshaking() || self.closed || !self.sealer.should_update() {
            return Ok(());
        }
        self.handshake.update_keys(false).map_err(|error| self.fail(error))?;
        self.take_all_steps()
    }

    fn take_all_steps(&mut self) -> Result<(), Error> {
        while let Some(step) = self.handshake.next_step() {
            self.take_step(step).map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    fn take_step(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::Send { bytes, .. } => self.seal(ContentType::HANDSHAKE, &bytes)?,
            Step::SendChangeCipherSpec => self.seal(ContentType::CHANGE_CIPHER_SPEC, &[1])?,
            Step::ReadKeys { level, secret } => {
                self.install_read_keys(level, &secret)?;
                wipe_stack();
            }
            Step::WritePlaintext => self.sealer.remove_keys(),
            Step::WriteKeys { secret, .. } => {
                self.install_write_keys(&secret)?;
                wipe_stack();
            }
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

    /// Not inlined, as the next one: the keys pass through its part of the stack, which is wiped after.
    #[inline(never)]
    fn install_read_keys(&mut self, level: Level, secret: &TrafficSecret) -> Result<(), Error> {
        let keys = traffic_keys(&mut self.handshake, secret)?;
        match level {
            Level::EarlyData => self.opener.install_early(keys),
            _ => self.opener.install(keys),
        }
        Ok(())
    }

    #[inline(never)]
    fn install_write_keys(&mut self, secret: &TrafficSecret) -> Result<(), Error> {
        self.sealer.install(traffic_keys(&mut self.handshake, secret)?);
        Ok(())
    }

    /// The version of plaintext records: that of the first ClientHello is older (section 5.1).
    fn record_version(&mut self) -> ProtocolVersion {
        let client = self.handshake.side() == Side::Client;
        match core::mem::replace(&mut self.first_record_sent, true) {
            false if client => ProtocolVersion::TLS_1_0,
            _ => ProtocolVersion::TLS_1_2,
        }
    }
}

fn traffic_keys(handshake: &mut Handshake, secret: &TrafficSecret) -> Result<TrafficKeys, Error> {
    let KeyAndIv { key, iv } = secret.derive_key_and_iv(handshake.observers())?;
    Ok(TrafficKeys::new(secret.suite(), key.as_bytes(), &iv)?)
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
    /// A connection to the server of this name, at the system's time. Its ClientHello is
    /// ready to be sent, unless it rests on a [question](Connection::question) about a session that
    /// it could resume.
    ///
    /// # Errors
    /// None today. Where the provider fails, or is at fault, the connection has failed before it
    /// begins: [`check`](Connection::check) and all that moves it on return the error.
    pub fn new(config: Arc<ClientConfig>, server_name: ServerName<'static>) -> Result<Self, Error> {
        Self::with_options(config, server_name, Options::default())
    }

    /// As [`new`](Self::new), with a time and an observer of the caller's.
    pub fn with_options(
        config: Arc<ClientConfig>,
        server_name: ServerName<'static>,
        options: Options,
    ) -> Result<Self, Error> {
        let padding = config.record_padding.clone();
        let clock = Clock::new(options.now);
        let handshake = Handshake::client(config, server_name, clock.then());
        Connection::new(handshake, clock, padding, options.observer).map(Self)
    }
}

/// A server's connection.
#[derive(Debug)]
pub struct ServerConnection(Connection);

impl ServerConnection {
    /// A connection with whoever speaks first.
    ///
    /// # Errors
    /// None today.
    pub fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        Self::with_options(config, Options::default())
    }

    /// As [`new`](Self::new), with a time and an observer of the caller's.
    pub fn with_options(config: Arc<ServerConfig>, options: Options) -> Result<Self, Error> {
        let padding = config.record_padding.clone();
        let clock = Clock::new(options.now);
        let handshake = Handshake::server(config, clock.then());
        Connection::new(handshake, clock, padding, options.observer).map(Self)
    }

    /// Sends so many more tickets: see [`Handshake::send_tickets`].
    pub fn send_tickets(&mut self, count: u8) -> Result<(), Error> {
        self.0.check_writable()?;
        self.0.with_handshake(|handshake| handshake.send_tickets(count))
    }

    /// Asks the client for a certificate: see [`Handshake::request_client_certificate`].
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] when the client cannot be asked, which changes nothing.
    pub fn request_client_certificate(&mut self) -> Result<(), Error> {
        self.0.check_writable()?;
        self.0.with_handshake(Handshake::request_client_certificate)
    }

    /// How many requests for its certificate the client has not answered yet.
    pub fn open_certificate_requests(&self) -> usize {
        self.0.handshake.open_certificate_requests()
    }

    /// Sends a ticket and returns its PSK: see [`Handshake::send_ticket`].
    pub fn send_ticket(&mut self, ticket: &NewSessionTicket<'_>) -> Result<Secret, Error> {
        self.0.check_writable()?;
        self.0.keep_keys_fresh()?;
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
