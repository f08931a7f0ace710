use core::fmt;
use std::sync::Arc;

use pki_types::ServerName;

use super::incoming::next_message;
use super::post_handshake::Connected;
use super::post_handshake_auth::Asking;
use super::{
    Answer, Context, Level, PeerParameters, Question, QuestionNumber, Step, client, server,
};
use crate::config::{ClientConfig, Limits, ServerConfig};
use crate::crypto::Secret;
use crate::error::{Error, ErrorKind};
use crate::observer::{Event, Observer, Observers};
use crate::registry::HandshakeType;
use crate::time::Time;
use crate::wire::{HandshakeMessage, MESSAGE_HEADER_LENGTH, NewSessionTicket};

const NOT_COMPLETE: &str = "the handshake is not complete yet";

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that speaks first.
    Client,
    /// The end that answers.
    Server,
}

/// A handshake of one side: see the [module](super).
pub struct Handshake {
    pub(super) side: Side,
    state: State,
    /// The pieces of a message that is not whole yet, or what waits behind an open question.
    incoming: Vec<u8>,
    pub(super) context: Context,
    /// Messages since the handshake or since application data.
    pub(super) messages_without_data: usize,
}

/// Where the handshake stands.
pub(super) enum State {
    Client(client::State),
    Server(server::State),
    Connected(Box<Connected>),
    Failed(Error),
    /// On the way from one state to the next: never seen from outside.
    Moving,
}

impl Handshake {
    /// A client's handshake with the server of this name. Its ClientHello is the first step once
    /// [`start`](Self::start) was called.
    pub fn client(
        config: Arc<ClientConfig>,
        server_name: ServerName<'static>,
        now: impl Into<Time>,
    ) -> Self {
        let context = Context::new(config.key_log.clone(), config.limits, now.into());
        let state = State::Client(client::State::new(config, server_name));
        Self::new(Side::Client, state, context)
    }

    /// A server's handshake with whoever speaks first.
    pub fn server(config: Arc<ServerConfig>, now: impl Into<Time>) -> Self {
        let context = Context::new(config.key_log.clone(), config.limits, now.into());
        Self::new(Side::Server, State::Server(server::State::new(config)), context)
    }

    fn new(side: Side, state: State, context: Context) -> Self {
        Self { side, state, incoming: Vec::new(), context, messages_without_data: 0 }
    }

    /// Lets `observer` watch. Best before [`start`](Self::start).
    pub fn observe(&mut self, observer: Box<dyn Observer>) {
        self.context.observers.set_observer(observer);
    }

    /// Makes a client write its ClientHello; a server has nothing to do. A client that could resume
    /// a session may rest on a question first: is what the session rests on still good?
    ///
    /// # Errors
    /// When the provider cannot make randomness or a key share.
    pub fn start(&mut self) -> Result<(), Error> {
        self.check()?;
        self.advance(|state, context| match state {
            State::Client(client::State::Start(start)) => Ok(State::Client(start.begin(context)?)),
            other => Ok(other),
        })
    }

    /// Takes bytes of handshake messages that came at this level: a part of a message, or several.
    ///
    /// # Errors
    /// Whatever is wrong with them. The handshake is then over; every later call returns the same
    /// error.
    pub fn receive(&mut self, level: Level, bytes: &[u8]) -> Result<(), Error> {
        self.check()?;
        if level != self.context.steps.read_level {
            let reason = "handshake bytes came at another encryption level than the next message's";
            return Err(self.fail(ErrorKind::MisplacedBytes(reason).into()));
        }
        if self.incoming.is_empty() && self.context.question.is_none() {
            return self.process(bytes);
        }
        self.keep(bytes);
        if self.context.question.is_some() {
            // An honest peer's flight fits; what waits behind an open question has a limit too.
            let limit = self.context.limits.handshake_message;
            return match self.incoming.len() > limit {
                true => Err(self.limit_exceeded("handshake_message", limit)),
                false => Ok(()),
            };
        }
        self.process_incoming()
    }

    fn process_incoming(&mut self) -> Result<(), Error> {
        // Asked after each piece, so that pieces of one byte cost no copies of what came before.
        match next_message(&self.incoming, &self.context.limits) {
            Ok(Some(_)) => {
                let bytes = core::mem::take(&mut self.incoming);
                self.process(&bytes)
            }
            Ok(None) => self.check_header(),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Keeps these bytes, in a buffer that grows as far as the message's header says.
    fn keep(&mut self, bytes: &[u8]) {
        let length = self.incoming.len() + bytes.len();
        if length > self.incoming.capacity() {
            let header = HandshakeMessage::header(&self.incoming);
            let whole = header.map_or(length, |(_, body)| MESSAGE_HEADER_LENGTH + body);
            let capacity = whole.min(2 * self.incoming.capacity()).max(length);
            self.incoming.reserve_exact(capacity - self.incoming.len());
        }
        self.incoming.extend_from_slice(bytes);
    }

    /// What cannot come before the first hello of the peer, and what the connected state cannot
    /// take, is refused by its header: nothing is kept of it until its rest comes.
    fn check_header(&mut self) -> Result<(), Error> {
        let Some((kind, _)) = HandshakeMessage::header(&self.incoming) else {
            return Ok(());
        };
        let checked = match &self.state {
            State::Client(state) => state.check_awaited(kind),
            State::Server(state) => state.check_awaited(kind),
            State::Connected(connected) => connected.check_awaited(kind, &self.context),
            State::Failed(_) | State::Moving => Ok(()),
        };
        checked.map_err(|error| self.fail(error))
    }

    /// Takes whole messages from the front of `bytes`; a piece that is left waits for its rest.
    fn process(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while self.context.question.is_none() {
            let split = next_message(bytes, &self.context.limits);
            let Some((message, rest)) = split.map_err(|error| self.fail(error))? else {
                break;
            };
            // Before the message is acted on: nothing is sent in answer to a half that fits. After
            // the handshake a Finished belongs to a certificate, and changes no keys.
            let ends_record = message.kind.ends_record()
                && !(self.is_complete() && message.kind == HandshakeType::FINISHED);
            if ends_record && !rest.is_empty() {
                return Err(self.misplaced_bytes());
            }
            self.on_message(message)?;
            bytes = rest;
        }
        self.keep(bytes);
        if self.context.question.is_some() { Ok(()) } else { self.check_header() }
    }

    fn on_message(&mut self, message: HandshakeMessage<'_>) -> Result<(), Error> {
        let level = self.context.steps.read_level;
        self.context.observers.emit(|| Event::MessageReceived(level, message));
        if self.is_complete() {
            self.messages_without_data += 1;
            let limit = self.context.limits.messages_without_data;
            if self.messages_without_data > limit {
                return Err(self.limit_exceeded("messages_without_data", limit));
            }
        }
        self.advance(|state, context| match state {
            State::Client(state) => state.on_message(message, context),
            State::Server(state) => state.on_message(message, context),
            State::Connected(mut connected) => {
                connected.on_message(message, context)?;
                Ok(State::Connected(connected))
            }
            State::Failed(error) => Err(error),
            State::Moving => Err(ErrorKind::Internal("a state was left unfinished").into()),
        })
    }

    /// Moves the state on; an error ends the handshake.
    pub(super) fn advance(
        &mut self,
        step: impl FnOnce(State, &mut Context) -> Result<State, Error>,
    ) -> Result<(), Error> {
        let state = core::mem::replace(&mut self.state, State::Moving);
        self.state = step(state, &mut self.context).map_err(|error| self.fail(error))?;
        Ok(())
    }

    /// Ends the handshake with this error, unless it has one already, and returns the one it has.
    pub fn fail(&mut self, error: Error) -> Error {
        if let State::Failed(first) = &self.state {
            return first.clone();
        }
        self.state = State::Failed(error.clone());
        self.context.question = None;
        self.incoming = Vec::new();
        if let Some(alert) = error.alert_sent().filter(|_| !self.context.records) {
            self.context.observers.emit(|| Event::AlertSent(alert));
        }
        // Section 6: secrets of failed connections are forgotten.
        self.context.resumption.no_early_data();
        error
    }

    fn limit_exceeded(&mut self, name: &'static str, limit: usize) -> Error {
        self.fail(ErrorKind::LimitExceeded { name, limit }.into())
    }

    /// Section 5.1: messages do not span key changes.
    fn misplaced_bytes(&mut self) -> Error {
        let reason = "bytes follow a message after which the keys change";
        self.fail(ErrorKind::MisplacedBytes(reason).into())
    }

    /// The error that ended the handshake, if one did.
    pub fn check(&self) -> Result<(), Error> {
        match &self.state {
            State::Failed(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// The question that the handshake rests on, if it does.
    pub fn question(&self) -> Option<&Question> {
        self.context.question.as_deref()
    }

    /// The number of the open [`question`](Self::question), which its answer has to name.
    pub fn question_number(&self) -> Option<QuestionNumber> {
        self.context.question.as_ref()?;
        Some(QuestionNumber(self.context.questions_asked))
    }

    /// Answers the open question, which has this number; the handshake goes on, with the bytes that
    /// came meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] when the open question has another number, or asks for an answer of
    /// another kind, and when no question is open: nothing has changed then, and the handshake goes
    /// on. Otherwise as [`receive`](Self::receive).
    pub fn answer(&mut self, number: QuestionNumber, answer: Answer) -> Result<(), Error> {
        self.check()?;
        let question = self.take_question(number, &answer)?;
        if let Answer::Unavailable(reason) = answer {
            let question = question.name();
            return Err(self.fail(ErrorKind::Unanswered { question, reason }.into()));
        }
        let keys_before = self.context.steps.read_keys_installed;
        self.advance(|state, context| match state {
            State::Client(state) => state.on_answer(question, answer, context),
            State::Server(state) => state.on_answer(question, answer, context).map(State::Server),
            State::Connected(mut connected) => {
                connected.on_answer(question, answer, context)?;
                Ok(State::Connected(connected))
            }
            other => Ok(other),
        })?;
        // What came while the question was open came under the keys of then.
        if self.context.steps.read_keys_installed != keys_before && !self.incoming.is_empty() {
            return Err(self.misplaced_bytes());
        }
        self.process_incoming()
    }

    /// Takes the open question, if this is an answer to it.
    fn take_question(
        &mut self,
        number: QuestionNumber,
        answer: &Answer,
    ) -> Result<Question, Error> {
        if self.question_number() != Some(number) {
            let reason =
                "the answer has the number of no open question: it comes twice or too late";
            return Err(ErrorKind::Misuse(reason).into());
        }
        let Some(question) = self.context.question.take_if(|question| question.takes(answer))
        else {
            let reason = "the answer is of another kind than the open question asks for";
            return Err(ErrorKind::Misuse(reason).into());
        };
        Ok(*question)
    }

    /// The next step to take. After an error there may be some from before it: they still go out, as
    /// the alert may need their keys.
    pub fn next_step(&mut self) -> Option<Step> {
        self.context.steps.next()
    }

    /// The level at which the next handshake bytes must come.
    pub fn read_level(&self) -> Level {
        self.context.steps.read_level
    }

    /// Does a part of a message wait for its rest, or of a client's answer to a request for its
    /// certificate? Nothing else may come before that (sections 5.1 and 4.7.2).
    pub fn has_partial_message(&self) -> bool {
        let asking = match &self.state {
            State::Connected(connected) => connected.asking(),
            _ => None,
        };
        !self.incoming.is_empty() || asking.is_some_and(Asking::is_under_way)
    }

    /// Is the handshake complete?
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    /// Has the first message of the handshake been sent or received, as far as this side knows?
    pub fn has_begun(&self) -> bool {
        match &self.state {
            State::Client(state) => !state.is_silent(),
            State::Server(state) => state.has_begun(),
            _ => true,
        }
    }

    /// Which end this is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Is this a connected client that keeps the tickets that it is sent?
    #[cfg(feature = "tokio")]
    pub(crate) fn keeps_tickets(&self) -> bool {
        self.connected().is_ok_and(Connected::keeps_tickets)
    }

    /// The limits of the configuration.
    pub fn limits(&self) -> &Limits {
        &self.context.limits
    }

    /// What is settled so far.
    pub fn parameters(&self) -> &PeerParameters {
        &self.context.parameters
    }

    /// Application data came or went: counters that guard against floods start anew.
    pub fn on_application_data(&mut self) {
        self.messages_without_data = 0;
    }

    /// Makes a key of `output`'s length for another protocol (section 7.5; the interface of
    /// RFC 5705). Both ends get the same for the same label and context. In TLS 1.3 no context and
    /// an empty one are the same; in older versions they are not, so a protocol that has to work
    /// with these should have one. Labels of public protocols are registered, and begin with
    /// "EXPORTER"; private ones begin with "EXPERIMENTAL" (RFC 5705, section 4).
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] before the handshake is complete; [`ErrorKind::Crypto`] when the
    /// output is longer than 255 hashes or the label longer than 249 bytes.
    pub fn export_keying_material(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        Ok(self.connected()?.exporter.export(label, context, output)?)
    }

    /// The channel binding of the type `tls-exporter` (RFC 9266): what SCRAM and GSS-API mix into
    /// their proof, so that it is worth nothing on another connection. Both ends get the same.
    ///
    /// # Errors
    /// As [`export_keying_material`](Self::export_keying_material).
    pub fn tls_exporter(&self) -> Result<[u8; 32], Error> {
        let mut binding = [0; 32];
        self.export_keying_material("EXPORTER-Channel-Binding", b"", &mut binding)?;
        Ok(binding)
    }

    /// Changes the own sending key, and asks the peer to change its own where `request` is set
    /// (section 4.7.3). A request is left out while another is unanswered.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] before the handshake is complete, and
    /// [without records](Self::without_records): the carrier changes the keys there.
    pub fn update_keys(&mut self, request: bool) -> Result<(), Error> {
        self.connected()?;
        if !self.context.records {
            return Err(ErrorKind::Misuse("without records the carrier changes the keys").into());
        }
        self.with_connected(|connected, context| connected.update_keys(request, context))
    }

    /// Works on the connected state; an error ends the connection.
    pub(super) fn with_connected<T>(
        &mut self,
        work: impl FnOnce(&mut Connected, &mut Context) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.check()?;
        let State::Connected(connected) = &mut self.state else {
            return Err(ErrorKind::Misuse(NOT_COMPLETE).into());
        };
        work(connected, &mut self.context).map_err(|error| self.fail(error))
    }

    /// Sends the answer to a KeyUpdate request, if one is owed: before the next application data
    /// (section 4.7.3).
    pub fn answer_key_update(&mut self) -> Result<(), Error> {
        match &self.state {
            State::Connected(connected) if connected.update_owed => self.update_keys(false),
            _ => self.check(),
        }
    }

    /// Sends a ticket and returns the PSK that goes with it (section 4.7.1). This is the raw
    /// part that ticket schemes are made of; a server with
    /// [`sessions`](crate::config::ServerConfigBuilder::sessions) needs none of it.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] on a client, before the handshake is complete, and for a nonce that
    /// was used before on this connection.
    pub fn send_ticket(&mut self, ticket: &NewSessionTicket<'_>) -> Result<Secret, Error> {
        let connected = self.connected()?;
        if self.side == Side::Client {
            return Err(ErrorKind::Misuse("only servers send tickets").into());
        }
        connected.check_ticket(ticket)?;
        self.with_connected(|connected, context| connected.send_ticket(ticket, context))
    }

    /// This side has said close_notify. What a client was asked for cannot be sent any more, so a
    /// question of it is open no longer: the messages behind it are taken now.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        self.context.closed = true;
        let gave_up = match &mut self.state {
            State::Connected(connected) => connected.give_up_answering(),
            _ => false,
        };
        if !gave_up {
            return Ok(());
        }
        self.context.question = None;
        self.process_incoming()
    }

    pub(crate) fn observers(&mut self) -> &mut Observers {
        &mut self.context.observers
    }

    pub(super) fn connected(&self) -> Result<&Connected, Error> {
        self.check()?;
        match &self.state {
            State::Connected(connected) => Ok(connected),
            _ => Err(ErrorKind::Misuse(NOT_COMPLETE).into()),
        }
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("side", &self.side)
            .field("complete", &self.is_complete())
            .field("parameters", &self.context.parameters)
            .finish_non_exhaustive()
    }
}
