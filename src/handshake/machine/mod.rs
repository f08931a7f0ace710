//! The machine: takes bytes and answers, moves the state on, and has the steps to take.

mod failure;

use core::fmt;
use std::sync::Arc;

use pki_types::ServerName;

use super::incoming_messages::next_message;
use super::position::Position;
use super::post_handshake::Connected;
use super::question::Answered;
use super::{
    Answer, Context, Level, PeerParameters, Question, QuestionNumber, Quic, Side, Step, client,
    server,
};
use crate::config::{ClientConfig, CommonConfig, Limits, ServerConfig};
use crate::error::{Error, ErrorKind};
use crate::observer::{Event, Observer, Observers, Offered};
use crate::registry::HandshakeType;
use crate::session::{MAX_PARAMETERS_LENGTH, MAX_RESUMPTION_DATA_LENGTH};
use crate::time::Time;
use crate::wire::HandshakeMessage;

const NOT_COMPLETE: &str = "the handshake is not complete yet";

/// A handshake of one side: see the [module](super).
pub struct Handshake {
    state: State,
    pub(super) context: Context,
}

/// How far the handshake has come.
pub(super) enum State {
    InProgress(Box<dyn InProgress>),
    Connected(Box<Connected>),
    /// In a box: most connections never have one.
    Failed(Box<Error>),
    /// On the way from one state to the next: never seen from outside.
    Moving,
}

/// The states of a client, or those of a server, up to the end of the handshake.
///
/// The machine knows them by this trait only. So a program that is only a client contains no server: the
/// linker drops it.
pub(super) trait InProgress: Send + Sync {
    /// A client sends its ClientHello, or asks a question first. A server has nothing to do.
    fn start(self: Box<Self>, context: &mut Context) -> Result<State, Error>;

    /// Has the first message been sent or received, as far as this side knows?
    fn has_begun(&self) -> bool;

    /// What an error in this state should know.
    fn position(&self) -> Position;

    /// May a message of this type come? Asked before all of it is there.
    fn check_awaited(&self, received: HandshakeType) -> Result<(), Error>;

    /// A message came.
    fn on_message(
        self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error>;

    /// The answer to the open question came.
    fn on_answer(
        self: Box<Self>,
        answered: Answered,
        context: &mut Context,
    ) -> Result<State, Error>;
}

impl Handshake {
    /// A client's handshake with the server of this name. Its ClientHello is the first step once
    /// [`start`](Self::start) was called.
    pub fn client(
        config: Arc<ClientConfig>,
        server_name: ServerName<'static>,
        now: impl Into<Time>,
    ) -> Self {
        let context = Context::new(Side::Client, &config.common, now.into());
        let state = client::State::new(config, server_name);
        Self::new(state, context)
    }

    /// A server's handshake with any client.
    pub fn server(config: Arc<ServerConfig>, now: impl Into<Time>) -> Self {
        let context = Context::new(Side::Server, &config.common, now.into());
        Self::new(server::State::new(config), context)
    }

    fn new(state: impl InProgress + 'static, context: Context) -> Self {
        Self { state: State::InProgress(Box::new(state)), context }
    }

    /// Adds an observer to those of the configuration. Best before [`start`](Self::start).
    pub fn observe(&mut self, observer: Box<dyn Observer>) {
        self.context.observers.add(observer);
    }

    /// Makes a client write its ClientHello; a server has nothing to do. A client that could resume
    /// a session may ask a question first: does this configuration still accept what the session is
    /// based on?
    ///
    /// # Errors
    /// When the provider cannot make randomness or a key share, or when
    /// [`CertWithExternPsk::Required`](crate::psk::CertWithExternPsk) finds no key.
    pub fn start(&mut self) -> Result<(), Error> {
        self.check()?;
        self.advance(|state, context| match state {
            State::InProgress(state) => state.start(context),
            other => Ok(other),
        })
    }

    /// Starts the handshake for a transport without records: it takes the [steps](super::Step) itself,
    /// sends the messages of each level, and protects its packets with the secrets. An error has the
    /// alert for the peer; the peer's alert ends the handshake by [`fail`](Self::fail). As in QUIC, no
    /// KeyUpdate and no CertificateRequest after the handshake is sent or accepted, and nothing is sent
    /// for middleboxes (RFC 9001, sections 4.4, 6 and 8.4). QUIC itself has more rules:
    /// [`quic::Connection`](crate::quic) starts its handshake. This transport is not QUIC: a server refuses
    /// a ClientHello with transport parameters of QUIC (RFC 9001, section 8.2).
    ///
    /// # Errors
    /// As [`start`](Self::start), which need not be called then.
    pub fn without_records(mut self) -> Result<Self, Error> {
        self.context.records = false;
        self.start()?;
        Ok(self)
    }

    /// Starts the handshake of a connection of QUIC (RFC 9001, section 4).
    pub(crate) fn start_over_quic(&mut self, quic: Quic) -> Result<(), Error> {
        self.context.quic = Some(Box::new(quic));
        self.context.records = false;
        self.start()
    }

    /// Keeps these bytes with each session that is made of this connection from here on: on a client
    /// in the [`ClientSession`](crate::session::ClientSession), on a server in the ticket. A connection
    /// that resumes the session has them in its
    /// [`resumption_data`](super::RareParameters::resumption_data).
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] when they are longer than
    /// [`MAX_RESUMPTION_DATA_LENGTH`](crate::session::MAX_RESUMPTION_DATA_LENGTH).
    pub fn set_resumption_data(&mut self, data: &[u8]) -> Result<(), Error> {
        if data.len() > MAX_RESUMPTION_DATA_LENGTH {
            return Err(ErrorKind::Misuse("the data are too long for a session").into());
        }
        self.context.resumption_data = data.into();
        Ok(())
    }

    /// On a server of QUIC: see `quic::Connection`.
    pub(crate) fn set_early_data_context(&mut self, early_data: &[u8]) -> Result<(), Error> {
        if self.context.side == Side::Client || early_data.len() > MAX_PARAMETERS_LENGTH {
            let reason = "an early data context is of a server, and has at most 4096 bytes";
            return Err(ErrorKind::Misuse(reason).into());
        }
        if let Some(quic) = &mut self.context.quic {
            quic.early_data_context = Some(early_data.to_vec());
        }
        Ok(())
    }

    /// On a client of QUIC that sends 0-RTT data: the server's transport parameters that it remembers.
    pub(crate) fn remembered_transport_parameters(&self) -> Option<&[u8]> {
        self.context.quic.as_ref()?.remembered_parameters.as_deref()
    }

    /// Sets the time, for the tickets that come or are sent from here on, and for the checks of
    /// certificates, tickets and cookies. Before the first call it is the time at which the
    /// handshake was made. A server that takes 0-RTT data should set it when the ClientHello comes:
    /// the client may have waited, and 0-RTT data must be fresh (section 8.3).
    ///
    /// [`Time::now`] has milliseconds. A `UnixTime` is the beginning of its second.
    pub fn set_time(&mut self, now: impl Into<Time>) {
        self.context.now = now.into();
    }

    /// Takes bytes of handshake messages that came at this level: a part of a message, or several.
    ///
    /// # Errors
    /// What is wrong with them. The handshake is then over; every later call returns the same
    /// error.
    pub fn receive(&mut self, level: Level, bytes: &[u8]) -> Result<(), Error> {
        self.check()?;
        if level != self.read_level() {
            let reason = "handshake bytes came at another encryption level than the next message's";
            return Err(self.fail(ErrorKind::MisplacedBytes(reason).into()));
        }
        if self.context.incoming.is_waiting() {
            return self.hold_back(bytes);
        }
        if self.context.incoming.kept().is_empty() {
            return self.read(bytes);
        }
        self.context.incoming.keep(bytes);
        self.read_kept()
    }

    /// Keeps bytes that come while a question is open. The flight of an honest peer fits. They are
    /// read when the answer is there: a KeyUpdate then changes the read keys as if it came then
    /// (section 4.7.3). More bytes than the limit are a `general_error`.
    fn hold_back(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.context.incoming.keep(bytes);
        let limit = self.context.config.limits.handshake_message;
        if self.context.incoming.kept().len() > limit {
            return Err(self.limit_exceeded("handshake_message", limit));
        }
        Ok(())
    }

    /// Reads whole messages from the front of `bytes`, until one leads to a question. Keeps the
    /// rest. A message after which the read keys change must end its record; else it is an
    /// `unexpected_message` (section 5.1).
    fn read(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !self.context.incoming.is_waiting() {
            let first = next_message(bytes, &self.context.config.limits);
            let Some((message, rest)) = first.map_err(|error| self.fail(error))? else {
                self.context.incoming.keep(bytes);
                return self.check_header();
            };
            // Checked before the message is processed: a server must not answer a ClientHello that
            // does not end its record.
            if self.changes_read_keys(message.kind) && !rest.is_empty() {
                return Err(self.bytes_after_key_change());
            }
            self.on_message(message)?;
            bytes = rest;
        }
        self.context.incoming.keep(bytes);
        Ok(())
    }

    /// Reads the messages that are whole in what was kept. Until one is whole, nothing is copied:
    /// a message may come in pieces of one byte.
    fn read_kept(&mut self) -> Result<(), Error> {
        match next_message(self.context.incoming.kept(), &self.context.config.limits) {
            Ok(Some(_)) => {
                let bytes = self.context.incoming.take_kept();
                self.read(&bytes)
            }
            Ok(None) => self.check_header(),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Refuses a message of an unexpected type by its header, before the rest of it is kept: a message
    /// before the peer's hello, and one that the connected state does not accept.
    fn check_header(&mut self) -> Result<(), Error> {
        let Some((kind, _)) = HandshakeMessage::header(self.context.incoming.kept()) else {
            return Ok(());
        };
        let checked = match &self.state {
            State::InProgress(state) => state.check_awaited(kind),
            State::Connected(connected) => connected.check_awaited(kind, &self.context),
            State::Failed(_) | State::Moving => Ok(()),
        };
        checked.map_err(|error| self.fail(error))
    }

    /// Sections 4.7.3 and 5.1: after these messages the keys change, so they must end their record.
    /// After the handshake a Finished belongs to a certificate, and changes no keys.
    fn changes_read_keys(&self, kind: HandshakeType) -> bool {
        let is_of_certificate = self.is_complete() && kind == HandshakeType::FINISHED;
        kind.ends_record() && !is_of_certificate
    }

    fn on_message(&mut self, message: HandshakeMessage<'_>) -> Result<(), Error> {
        let level = self.read_level();
        self.context.observers.emit(|| Event::MessageReceived(level, message));
        if self.is_complete() {
            self.count_message()?;
        }
        self.advance(|state, context| match state {
            State::InProgress(state) => state.on_message(message, context),
            State::Connected(mut connected) => {
                connected.on_message(message, context)?;
                Ok(State::Connected(connected))
            }
            State::Failed(error) => Err(*error),
            State::Moving => Err(ErrorKind::Internal("a state was left unfinished").into()),
        })
    }

    /// Limits the messages after the handshake. Application data start the count again; in QUIC, where
    /// they do not come here, it starts again after a minute.
    fn count_message(&mut self) -> Result<(), Error> {
        if let Some(quic) = &mut self.context.quic {
            let limit = self.context.config.limits.quic_messages_per_minute;
            if quic.messages.count(self.context.now) > limit {
                return Err(self.limit_exceeded("quic_messages_per_minute", limit));
            }
            return Ok(());
        }
        self.context.messages_without_data = self.context.messages_without_data.saturating_add(1);
        let limit = self.context.config.limits.messages_without_data;
        if usize::try_from(self.context.messages_without_data).unwrap_or(usize::MAX) > limit {
            return Err(self.limit_exceeded("messages_without_data", limit));
        }
        Ok(())
    }

    /// Answers the open question, which has this number; the handshake goes on, with the bytes that
    /// came meanwhile. A message after which the read keys change may not be followed by bytes
    /// under the old keys: that is an `unexpected_message` (section 5.1).
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] when the open question has another number, or asks for an answer of
    /// another kind, and when no question is open: nothing has changed then, and the handshake goes
    /// on. Otherwise as [`receive`](Self::receive).
    pub fn answer(&mut self, number: QuestionNumber, answer: Answer) -> Result<(), Error> {
        self.check()?;
        let answered = self.take_answer(number, answer)?;
        let level_before = self.read_level();
        self.advance(|state, context| match state {
            State::InProgress(state) => state.on_answer(answered, context),
            State::Connected(mut connected) => {
                connected.on_answer(answered, context)?;
                Ok(State::Connected(connected))
            }
            other => Ok(other),
        })?;
        // The bytes that were held back were protected with the keys before the change.
        if self.read_level() != level_before && !self.context.incoming.kept().is_empty() {
            return Err(self.bytes_after_key_change());
        }
        self.read_kept()
    }

    /// Joins the answer to the open question, and stops waiting.
    fn take_answer(&mut self, number: QuestionNumber, answer: Answer) -> Result<Answered, Error> {
        let is_open = self.question_number() == Some(number);
        let open = if is_open { self.context.incoming.stop_waiting() } else { None };
        let Some(question) = open else {
            let reason =
                "the answer has the number of no open question: it comes twice or too late";
            return Err(ErrorKind::Misuse(reason).into());
        };
        let answer = match answer {
            Answer::Unavailable(reason) => {
                let answer = question.without_answer(reason).map_err(|error| self.fail(error))?;
                if let Question::TakeSession(_) = *question {
                    let reason = "the question for it has no answer";
                    self.context.observers.emit(|| Event::NotTaken(Offered::Session, reason));
                }
                answer
            }
            answer => answer,
        };
        (*question).answered(answer).map_err(|question| {
            self.context.incoming.wait_for(question);
            let reason = "the answer is of another kind than the open question asks for";
            ErrorKind::Misuse(reason).into()
        })
    }

    /// Moves the state on. An error ends the handshake.
    fn advance(
        &mut self,
        step: impl FnOnce(State, &mut Context) -> Result<State, Error>,
    ) -> Result<(), Error> {
        // A step that fails has no state left to ask.
        let position = self.position();
        let state = core::mem::replace(&mut self.state, State::Moving);
        self.state =
            step(state, &mut self.context).map_err(|error| self.fail_at(position, error))?;
        Ok(())
    }

    fn limit_exceeded(&mut self, name: &'static str, limit: usize) -> Error {
        self.fail(ErrorKind::LimitExceeded { name, limit }.into())
    }

    /// Section 5.1: messages do not span key changes. It is an `unexpected_message`.
    fn bytes_after_key_change(&mut self) -> Error {
        let reason = "bytes follow a message after which the keys change";
        self.fail(ErrorKind::MisplacedBytes(reason).into())
    }

    /// Is the handshake still alive?
    ///
    /// # Errors
    /// The error that ended it.
    pub fn check(&self) -> Result<(), Error> {
        match &self.state {
            State::Failed(error) => Err((**error).clone()),
            _ => Ok(()),
        }
    }

    /// The open question, for whose answer the handshake waits.
    pub fn question(&self) -> Option<&Question> {
        self.context.incoming.question()
    }

    /// The number of the open [`question`](Self::question), which its answer has to name.
    pub fn question_number(&self) -> Option<QuestionNumber> {
        self.context.incoming.question()?;
        Some(QuestionNumber(self.context.questions_asked))
    }

    /// The next step to take. After an error there may be some from before it: they still go out, as
    /// the alert may need their keys.
    pub fn next_step(&mut self) -> Option<Step> {
        self.context.steps.next()
    }

    /// The length in bytes of all messages in the steps that are still to be taken.
    pub(crate) fn length_to_send(&self) -> usize {
        self.context.steps.length_to_send()
    }

    /// The level at which the next handshake bytes must come.
    pub fn read_level(&self) -> Level {
        self.context.steps.read_level
    }

    /// Has a message come in part only, or the answer to a CertificateRequest after the handshake?
    /// Nothing else may come before the rest (sections 5.1 and 4.7.2).
    pub fn has_partial_message(&self) -> bool {
        let is_answer_partial = match &self.state {
            State::Connected(connected) => connected.role.is_receiving_certificate(),
            _ => false,
        };
        !self.context.incoming.kept().is_empty() || is_answer_partial
    }

    /// Is the handshake complete?
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    /// Has the first message of the handshake been sent or received, as far as this side knows?
    pub fn has_begun(&self) -> bool {
        match &self.state {
            State::InProgress(state) => state.has_begun(),
            _ => true,
        }
    }

    /// A change_cipher_spec record has come, and is ignored. A ClientHello may show later that it was not
    /// allowed (section 5).
    pub(crate) fn on_change_cipher_spec(&mut self) {
        self.context.change_cipher_spec_received = true;
    }

    /// Which end this is.
    pub fn side(&self) -> Side {
        self.context.side
    }

    pub(crate) fn time(&self) -> Time {
        self.context.now
    }

    /// The limits of the configuration.
    pub fn limits(&self) -> &Limits {
        &self.context.config.limits
    }

    /// The options of the configuration. A server may choose another one by the ClientHello.
    pub(crate) fn common_config(&self) -> &CommonConfig {
        &self.context.config
    }

    /// What the two sides have agreed on so far.
    pub fn parameters(&self) -> &PeerParameters {
        &self.context.parameters
    }

    /// Application data were sent or received: the counter that guards against floods of messages
    /// starts again.
    pub fn on_application_data(&mut self) {
        self.context.messages_without_data = 0;
    }

    pub(super) fn connected(&self) -> Result<&Connected, Error> {
        self.check()?;
        match &self.state {
            State::Connected(connected) => Ok(connected),
            _ => Err(ErrorKind::Misuse(NOT_COMPLETE).into()),
        }
    }

    pub(super) fn connected_mut(&mut self) -> Result<(&mut Connected, &mut Context), Error> {
        self.check()?;
        match &mut self.state {
            State::Connected(connected) => Ok((connected, &mut self.context)),
            _ => Err(ErrorKind::Misuse(NOT_COMPLETE).into()),
        }
    }

    /// Works on the connected state; an error ends the connection.
    pub(super) fn with_connected<T>(
        &mut self,
        work: impl FnOnce(&mut Connected, &mut Context) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (connected, context) = self.connected_mut()?;
        work(connected, context).map_err(|error| self.fail(error))
    }

    /// This side has sent close_notify, so a client can send no certificate any more: a question
    /// about one is withdrawn, and the messages behind it are read.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        self.context.closed = true;
        let has_given_up = match &mut self.state {
            State::Connected(connected) => connected.role.give_up_certificate_response(),
            _ => false,
        };
        if !has_given_up {
            return Ok(());
        }
        self.context.incoming.stop_waiting();
        self.read_kept()
    }

    pub(crate) fn observers(&mut self) -> &mut Observers {
        &mut self.context.observers
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("side", &self.context.side)
            .field("complete", &self.is_complete())
            .field("parameters", &self.context.parameters)
            .finish_non_exhaustive()
    }
}
