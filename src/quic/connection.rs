//! The handshake of a connection of QUIC: a reader of the same steps as the record layer.

use core::fmt;
use std::collections::VecDeque;
use std::sync::Arc;

use pki_types::ServerName;

use super::crypto_data::{self, CryptoData};
use super::{
    CheckedClientConfig, CheckedServerConfig, DirectionalKeys, Event, KeyUpdate, LevelKeys,
    Version, error_code,
};
use crate::config::{ClientConfig, ServerConfig};
use crate::connection::Options;
use crate::crypto::wipe_stack;
use crate::error::{Error, ErrorKind};
use crate::handshake::{
    Answer, EarlyData, Handshake, PeerParameters, Question, QuestionNumber, Quic, STACK_DEPTH,
    Side, Step,
};
use crate::key_schedule::TrafficSecret;
use crate::level::Level;
use crate::time::{Clock, Time};

/// The TLS handshake of a connection of QUIC: see the [module](super).
pub struct Connection {
    handshake: Handshake,
    version: Version,
    /// Starts at the time that the connection was made with.
    clock: Clock,
    initial_data: CryptoData,
    handshake_data: CryptoData,
    application_data: CryptoData,
    events: VecDeque<Event>,
    /// The peer's transport parameters were reported.
    has_reported_parameters: bool,
    /// A client has keys of 0-RTT packets.
    has_early_keys: bool,
    has_discarded_initial_keys: bool,
    is_confirmed: bool,
}

impl Connection {
    /// The most pieces of the data of one level that are buffered while bytes before them are missing. The
    /// next 4096 bytes are buffered in any number of pieces (RFC 9000, section 7.5).
    pub const MAX_PIECES: usize = crypto_data::MAX_PIECES;

    /// A client's connection to the server of this name, with this side's transport parameters (RFC
    /// 9001, section 8.2), which TLS does not look into. The ClientHello is among the
    /// [events](Self::next_event), unless the client first waits for the answer to a
    /// [question](Self::question) about a session that it could resume.
    ///
    /// # Errors
    /// As [`CheckedClientConfig::new`], which is called here: a configuration for TLS may be unfit for QUIC, so this
    /// returns a result, and `ClientConnection::new` does not. If the crypto provider fails, the connection
    /// has failed from its beginning: [`check`](Self::check) and every call that can fail return the error.
    pub fn client(
        config: Arc<ClientConfig>,
        version: Version,
        server_name: ServerName<'static>,
        transport_parameters: Vec<u8>,
        options: Options,
    ) -> Result<Self, Error> {
        let config = CheckedClientConfig::new(config)?;
        Ok(config.connection(version, server_name, transport_parameters, options))
    }

    /// A server's connection, with this side's transport parameters.
    ///
    /// # Errors
    /// As [`client`](Self::client).
    pub fn server(
        config: Arc<ServerConfig>,
        version: Version,
        transport_parameters: Vec<u8>,
        options: Options,
    ) -> Result<Self, Error> {
        let config = CheckedServerConfig::new(config)?;
        Ok(config.connection(version, transport_parameters, options))
    }

    pub(super) fn new(
        mut handshake: Handshake,
        version: Version,
        transport_parameters: Vec<u8>,
        clock: Clock,
        options: Options,
    ) -> Self {
        if let Some(observer) = options.observer {
            handshake.observe(observer);
        }
        let quic = Quic::new(version.number(), transport_parameters);
        // If this fails, the next call returns the error.
        let _ = handshake.start_over_quic(quic);
        let mut connection = Self {
            handshake,
            version,
            clock,
            initial_data: CryptoData::default(),
            handshake_data: CryptoData::default(),
            application_data: CryptoData::default(),
            events: VecDeque::new(),
            has_reported_parameters: false,
            has_early_keys: false,
            has_discarded_initial_keys: false,
            is_confirmed: false,
        };
        let _ = connection.take_steps();
        connection
    }

    /// Takes the data of a CRYPTO frame of a packet of this level. Frames may come in any order, overlap
    /// and come again.
    ///
    /// # Errors
    /// What is wrong with the data; [`error_code`](super::error_code) says what CONNECTION_CLOSE has in
    /// it. The handshake is then over, and every later call returns the same error.
    /// - [`ErrorKind::QuicProtocolViolation`] for new data at another level than the next message's (RFC
    ///   9001, section 4.1.3).
    /// - [`ErrorKind::CryptoBufferExceeded`] for data too far ahead: see
    ///   [`Limits::crypto_buffer`](crate::config::Limits::crypto_buffer).
    /// - Otherwise as [`Handshake::receive`].
    pub fn receive(&mut self, level: Level, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.handshake.check()?;
        self.advance_time();
        let level_before = self.read_level();
        let received = self.receive_crypto_data(level, offset, data);
        let received = received.and_then(|()| self.check_consumed(level_before));
        let taken = self.take_steps();
        received.and(taken)?;
        if level == Level::Handshake && self.handshake.side() == Side::Server {
            self.discard_initial_keys();
        }
        Ok(())
    }

    /// Takes data of CRYPTO frames that the caller has put into their order: they follow those that came
    /// at this level before.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_next(&mut self, level: Level, data: &[u8]) -> Result<(), Error> {
        let offset = self.data_of(level).read();
        self.receive(level, offset, data)
    }

    fn receive_crypto_data(&mut self, level: Level, offset: u64, data: &[u8]) -> Result<(), Error> {
        let read_level = self.handshake.read_level();
        let limit = self.handshake.limits().crypto_buffer.max(crypto_data::LEAST_BUFFER);
        if level == Level::EarlyData {
            let reason = "a CRYPTO frame came in a 0-RTT packet";
            return Err(self.fail(ErrorKind::QuicProtocolViolation(reason).into()));
        }
        let stream = self.data_of(level);
        if !stream.is_new(offset, data.len()) {
            return Ok(());
        }
        if level != read_level {
            let reason = "new data of CRYPTO frames came at another level than the next message's";
            return Err(self.fail(ErrorKind::QuicProtocolViolation(reason).into()));
        }
        let in_turn = match stream.receive(offset, data, limit) {
            Ok(in_turn) => in_turn,
            Err(error) => return Err(self.fail(error)),
        };
        if in_turn.is_empty() {
            return Ok(());
        }
        // Pieces that waited go in the same call: the handshake must see whether bytes follow a message
        // that changes the keys.
        let mut rest = Vec::new();
        while let Some(piece) = stream.next() {
            rest.extend_from_slice(&piece);
        }
        if rest.is_empty() {
            return self.handshake.receive(level, in_turn);
        }
        self.handshake.receive(level, &[in_turn, &rest].concat())
    }

    /// The keys of the next level are there. Data of the level before that wait for bytes that are missing
    /// will never be read: they are a PROTOCOL_VIOLATION (RFC 9001, section 4.1.3).
    fn check_consumed(&mut self, level_before: Level) -> Result<(), Error> {
        if self.read_level() == level_before || !self.data_of(level_before).is_waiting() {
            return Ok(());
        }
        *self.data_of(level_before) = CryptoData::default();
        let reason = "data of CRYPTO frames follow the last message of their level";
        Err(self.fail(ErrorKind::QuicProtocolViolation(reason).into()))
    }

    /// The data of CRYPTO frames of this level. Packets of 0-RTT data have none.
    fn data_of(&mut self, level: Level) -> &mut CryptoData {
        match level {
            Level::Initial => &mut self.initial_data,
            Level::Handshake => &mut self.handshake_data,
            Level::EarlyData | Level::Application => &mut self.application_data,
        }
    }

    /// What is to be done next.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The question whose answer the handshake waits for, if it waits for one. Packets go on meanwhile.
    pub fn question(&self) -> Option<&Question> {
        self.handshake.question()
    }

    /// The number of the open [`question`](Self::question). Its answer must have the same number.
    pub fn question_number(&self) -> Option<QuestionNumber> {
        self.handshake.question_number()
    }

    /// Answers the open question, which has this number. The handshake continues.
    ///
    /// # Errors
    /// As [`Handshake::answer`].
    pub fn answer(&mut self, number: QuestionNumber, answer: Answer) -> Result<(), Error> {
        self.advance_time();
        let level_before = self.read_level();
        let answered = self.handshake.answer(number, answer);
        let answered = answered.and_then(|()| self.check_consumed(level_before));
        let taken = self.take_steps();
        answered.and(taken)
    }

    /// The handshake is confirmed: a client calls this when HANDSHAKE_DONE comes (RFC 9001, section
    /// 4.1.2). On a server it is confirmed when it is complete.
    ///
    /// # Errors
    /// [`ErrorKind::QuicProtocolViolation`] on a server, and before the handshake is complete.
    pub fn handshake_done(&mut self) -> Result<(), Error> {
        self.handshake.check()?;
        if self.handshake.side() == Side::Server || !self.handshake.is_complete() {
            let reason = "HANDSHAKE_DONE came to a server, or before the handshake was complete";
            return Err(self.fail(ErrorKind::QuicProtocolViolation(reason).into()));
        }
        self.confirm();
        Ok(())
    }

    /// The peer has ended the connection with this error code, in a CONNECTION_CLOSE of the type 0x1c.
    /// Returns the error that later calls return. `None` if the code is not that of an alert (RFC 9001,
    /// section 4.8): then nothing has changed.
    pub fn peer_closed(&mut self, error_code: u64) -> Option<Error> {
        let alert = error_code::alert(error_code)?;
        Some(self.fail(ErrorKind::AlertReceived(alert).into()))
    }

    /// Ends the handshake with this error, unless it has one already, and returns the one it has.
    pub fn fail(&mut self, error: Error) -> Error {
        self.handshake.fail(error)
    }

    /// Whether the connection still works.
    ///
    /// # Errors
    /// The error that ended the connection, if one did.
    pub fn check(&self) -> Result<(), Error> {
        self.handshake.check()
    }

    /// Whether the handshake is not complete yet.
    pub fn is_handshaking(&self) -> bool {
        !self.handshake.is_complete()
    }

    /// The level of the next CRYPTO data of the peer.
    pub fn read_level(&self) -> Level {
        self.handshake.read_level()
    }

    /// Which end this is.
    pub fn side(&self) -> Side {
        self.handshake.side()
    }

    /// The version of QUIC.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What the handshake has negotiated so far: application protocol, names, certificates, the peer's
    /// transport parameters, and what became of 0-RTT data.
    pub fn parameters(&self) -> &PeerParameters {
        self.handshake.parameters()
    }

    /// On a client that can send 0-RTT data: the server's transport parameters from the connection that
    /// the session is of. 0-RTT data must keep to them (RFC 9000, section 7.4.1).
    ///
    /// Seven of them must not be used again, though they are in these bytes: ack_delay_exponent,
    /// max_ack_delay, initial_source_connection_id, original_destination_connection_id, preferred_address,
    /// retry_source_connection_id and stateless_reset_token.
    pub fn remembered_transport_parameters(&self) -> Option<&[u8]> {
        self.handshake.remembered_transport_parameters()
    }

    /// On a server, before its ClientHello: 0-RTT data are rejected unless the session is of a
    /// connection with the same context. A server that lowers its limits must not accept 0-RTT data under
    /// the older ones (RFC 9000, section 7.4.1). So let the context have the transport parameters that
    /// limit a client, and what the application protocol remembers (for HTTP/3, RFC 9114, section
    /// 7.2.4.2), and nothing that differs between connections. Without this call, there is no context.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] on a client, and when the context is longer than 4,096 bytes.
    pub fn set_early_data_context(&mut self, context: &[u8]) -> Result<(), Error> {
        self.handshake.set_early_data_context(context)
    }

    /// Keeps these bytes with the sessions of this connection: see
    /// [`Handshake::set_resumption_data`].
    ///
    /// # Errors
    /// As [`Handshake::set_resumption_data`].
    pub fn set_resumption_data(&mut self, data: &[u8]) -> Result<(), Error> {
        self.handshake.set_resumption_data(data)
    }

    /// Sends more tickets: see [`Handshake::send_tickets`].
    ///
    /// # Errors
    /// As [`Handshake::send_tickets`].
    pub fn send_tickets(&mut self, count: u8) -> Result<(), Error> {
        self.advance_time();
        self.handshake.send_tickets(count)?;
        self.take_steps()
    }

    /// Sets the time: see [`Handshake::set_time`]. [`receive`](Self::receive), [`answer`](Self::answer) and
    /// [`send_tickets`](Self::send_tickets) do this by a clock that starts at the time that the connection
    /// was made with.
    pub fn set_time(&mut self, now: impl Into<Time>) {
        self.handshake.set_time(now);
    }

    fn advance_time(&mut self) {
        self.handshake.set_time(self.clock.now().max(self.handshake.time()));
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

    /// Makes an event of each step of the handshake.
    fn take_steps(&mut self) -> Result<(), Error> {
        self.report_parameters();
        if self.parameters().early_data == EarlyData::Rejected {
            self.discard_early_keys();
        }
        let mut has_keys = false;
        while let Some(step) = self.handshake.next_step() {
            has_keys |= step.has_secret();
            self.take_step(step).map_err(|error| self.fail(error))?;
        }
        if has_keys {
            // Keys have passed through the stack. It is wiped once for all of them, as it takes time.
            wipe_stack::<STACK_DEPTH>();
        }
        Ok(())
    }

    fn take_step(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::Send { level, bytes } => {
                self.events.push_back(Event::CryptoData { level, data: bytes });
                if level == Level::Handshake && self.handshake.side() == Side::Client {
                    self.discard_initial_keys();
                }
            }
            Step::ReadKeys { level, secret } => {
                let keys = self.level_keys(level, secret)?;
                self.events.push_back(Event::ReadKeys(keys));
            }
            Step::WriteKeys { level, secret } => {
                let keys = self.level_keys(level, secret)?;
                self.events.push_back(Event::WriteKeys(keys));
                match level {
                    Level::EarlyData => self.has_early_keys = true,
                    Level::Application => self.discard_early_keys(),
                    Level::Initial | Level::Handshake => {}
                }
            }
            // It has failed since then where data of a level before were left.
            Step::Complete if !self.handshake.is_complete() => {}
            Step::Complete => {
                self.events.push_back(Event::HandshakeComplete);
                if self.handshake.side() == Side::Server {
                    self.confirm();
                }
            }
            // Packets say what protects them, and which of them are 0-RTT packets.
            Step::SendChangeCipherSpec
            | Step::WritePlaintext
            | Step::LimitRecords { .. }
            | Step::SkipEarlyData => {}
        }
        Ok(())
    }

    /// Not inlined: the keys pass through its part of the stack, which is wiped afterwards.
    #[inline(never)]
    fn level_keys(&self, level: Level, secret: TrafficSecret) -> Result<LevelKeys, Error> {
        let keys = DirectionalKeys::new(self.version, &secret)?;
        let update = match level {
            Level::Application => Some(KeyUpdate::new(self.version, secret)),
            Level::Initial | Level::EarlyData | Level::Handshake => None,
        };
        Ok(LevelKeys { level, keys, update })
    }

    fn report_parameters(&mut self) {
        if self.has_reported_parameters {
            return;
        }
        if let Some(parameters) = &self.handshake.parameters().transport_parameters {
            self.events.push_back(Event::TransportParameters(parameters.clone()));
            self.has_reported_parameters = true;
        }
    }

    fn confirm(&mut self) {
        if !self.is_confirmed {
            self.is_confirmed = true;
            self.handshake.on_certificate_accepted();
            self.events.push_back(Event::HandshakeConfirmed);
            self.events.push_back(Event::DiscardKeys(Level::Handshake));
        }
    }

    fn discard_initial_keys(&mut self) {
        if !self.has_discarded_initial_keys {
            self.has_discarded_initial_keys = true;
            self.events.push_back(Event::DiscardKeys(Level::Initial));
        }
    }

    fn discard_early_keys(&mut self) {
        if self.has_early_keys {
            self.has_early_keys = false;
            self.events.push_back(Event::DiscardKeys(Level::EarlyData));
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("version", &self.version)
            .field("handshake", &self.handshake)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}
