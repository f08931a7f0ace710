//! The state after the handshake, on both sides: KeyUpdate, NewSessionTicket, and where
//! certificates are asked for (RFC 9846, section 4.7).

use std::sync::Arc;

use pki_types::ServerName;

use super::post_handshake_auth::{Answering, Asking};
use super::proof::{FinishedVerified, Peer};
use super::secrets::ConnectionSecrets;
use super::{Answer, Context, Level, Question, Step, tickets};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::{Exporter, ResumptionSecret, TrafficSecret, Transcript};
use crate::observer::Event;
use crate::registry::HandshakeType;
use crate::session::ClientSessionStore;
use crate::wire::{HandshakeMessage, KeyUpdate, NewSessionTicket};

/// A completed handshake. It cannot be made without the proofs that the peer is who it should be
/// and that both sides saw the same handshake.
pub(super) struct Connected {
    pub(super) read: TrafficSecret,
    write: TrafficSecret,
    pub(super) exporter: Exporter,
    pub(super) resumption: ResumptionSecret,
    role: Role,
    /// The peer asked for an update of our key, and has not got it yet.
    pub(super) update_owed: bool,
    /// We asked for an update of the peer's key, and have not got it yet.
    update_requested: bool,
    /// Updates of our own key: at most 2^48-1.
    updates_sent: u64,
    /// The nonces of the tickets that were sent: no two have the same PSK.
    pub(super) nonces: Vec<Vec<u8>>,
    _peer: Peer,
    _finished: FinishedVerified,
}

/// What only one of the sides does after the handshake.
pub(super) enum Role {
    Client {
        server_name: ServerName<'static>,
        sessions: Option<Arc<dyn ClientSessionStore>>,
        /// The server may ask for a certificate.
        answering: Option<Box<Answering>>,
    },
    Server {
        /// The client may be asked for a certificate.
        asking: Option<Box<Asking>>,
    },
}

impl Role {
    fn awaited(&self) -> &'static str {
        match self {
            Self::Client { .. } => "KeyUpdate (with records), NewSessionTicket or data",
            Self::Server { .. } => "KeyUpdate (with records) or data",
        }
    }
}

/// RFC 9846, section 4.7.3.
const MAX_KEY_UPDATES: u64 = (1 << 48) - 1;

impl Connected {
    /// Completes the handshake. `role` takes the transcript, which then has all of it.
    pub(super) fn new(
        secrets: ConnectionSecrets,
        transcript: Transcript,
        role: impl FnOnce(Transcript) -> Role,
        peer: Peer,
        finished: FinishedVerified,
        context: &mut Context,
    ) -> Result<Box<Self>, Error> {
        let ConnectionSecrets { read, write, exporter, main } = secrets;
        let resumption = main.into_resumption(&transcript.current(), &mut context.observers)?;
        context.steps.push(Step::Complete);
        context.observers.emit(|| Event::HandshakeComplete);
        Ok(Box::new(Self {
            read,
            write,
            exporter,
            resumption,
            role: role(transcript),
            update_owed: false,
            update_requested: false,
            updates_sent: 0,
            nonces: Vec::new(),
            _peer: peer,
            _finished: finished,
        }))
    }

    pub(super) fn on_message(
        &mut self,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<(), Error> {
        match (message.kind, &mut self.role) {
            (kind, Role::Server { asking: Some(asking) })
                if kind == HandshakeType::CERTIFICATE || asking.is_under_way() =>
            {
                if let Some(peer) = asking.on_message(&message, &self.read, context)? {
                    self._peer = peer;
                }
            }
            (
                HandshakeType::CERTIFICATE_REQUEST,
                Role::Client { answering: Some(answering), .. },
            ) => answering.on_request(&message, &self.write, context)?,
            (HandshakeType::KEY_UPDATE, _) if context.records => {
                let update = KeyUpdate::parse(message.body)?;
                self.read = self.read.clone().update(&mut context.observers)?;
                context.steps.read_keys(Level::Application, self.read.clone());
                self.update_requested = false;
                // Whoever sends the answer may let it wait for data: many requests in a row cost
                // one.
                self.update_owed |= update.update_requested;
            }
            (HandshakeType::NEW_SESSION_TICKET, Role::Client { server_name, sessions, .. }) => {
                let ticket = NewSessionTicket::parse(message.body)?;
                if let Some(sessions) = sessions {
                    let secrets = (&self.resumption, self.read.suite().id);
                    tickets::keep(secrets, &ticket, server_name, &**sessions, context)?;
                }
            }
            (_, role) => return Err(Error::unexpected(role.awaited(), message.kind)),
        }
        Ok(())
    }

    /// May a message of this type come? Asked before all of it is there.
    pub(super) fn check_awaited(
        &self,
        received: HandshakeType,
        context: &Context,
    ) -> Result<(), Error> {
        let awaited = match (&self.role, received) {
            // QUIC has an update of its own (RFC 9001, section 6).
            (_, HandshakeType::KEY_UPDATE) => context.records,
            (Role::Client { .. }, HandshakeType::NEW_SESSION_TICKET) => true,
            (Role::Client { answering, .. }, HandshakeType::CERTIFICATE_REQUEST) => {
                answering.is_some()
            }
            (Role::Server { asking: Some(asking) }, _) => asking.awaits(received),
            _ => false,
        };
        if awaited { Ok(()) } else { Err(Error::unexpected(self.role.awaited(), received)) }
    }

    pub(super) fn on_answer(
        &mut self,
        question: Question,
        answer: Answer,
        context: &mut Context,
    ) -> Result<(), Error> {
        match &mut self.role {
            Role::Client { answering: Some(answering), .. } => {
                answering.on_answer(question, answer, &self.write, context)
            }
            Role::Server { asking: Some(asking) } => asking.on_answer(question, answer, context),
            _ => Err(ErrorKind::Internal("an answer came without its question").into()),
        }
    }

    /// Does this client keep the tickets that it is sent?
    #[cfg(feature = "tokio")]
    pub(super) fn keeps_tickets(&self) -> bool {
        matches!(self.role, Role::Client { sessions: Some(_), .. })
    }

    /// A client that has closed answers no request. True if an answer was under way.
    pub(super) fn give_up_answering(&mut self) -> bool {
        match &mut self.role {
            Role::Client { answering: Some(answering), .. } => answering.give_up(),
            _ => false,
        }
    }

    /// The part that asks clients for certificates, where there is one.
    pub(super) fn asking(&self) -> Option<&Asking> {
        match &self.role {
            Role::Server { asking } => asking.as_deref(),
            Role::Client { .. } => None,
        }
    }

    pub(super) fn request_certificate(&mut self, context: &mut Context) -> Result<(), Error> {
        match &mut self.role {
            Role::Server { asking: Some(asking) } => asking.send_request(context),
            _ => Err(ErrorKind::Internal("the client cannot be asked").into()),
        }
    }

    pub(super) fn update_keys(
        &mut self,
        request: bool,
        context: &mut Context,
    ) -> Result<(), Error> {
        if self.updates_sent >= MAX_KEY_UPDATES {
            self.update_owed = false;
            return Ok(());
        }
        let update_requested = request && !self.update_requested;
        context.send(None, |out| KeyUpdate { update_requested }.encode(out));
        self.write = self.write.clone().update(&mut context.observers)?;
        context.steps.write_keys(Level::Application, self.write.clone());
        self.update_requested |= update_requested;
        self.update_owed = false;
        self.updates_sent += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pki_types::UnixTime;

    use super::*;
    use crate::alert::AlertDescription;
    use crate::config::{ClientConfig, ServerConfig};
    use crate::crypto::CryptoProvider;
    use crate::handshake::{Handshake, Step};
    use crate::psk::{PreSharedKey, PskList};
    use crate::reply::AnswerLater;

    fn pass(from: &mut Handshake, to: &mut Handshake) -> usize {
        let mut messages = 0;
        while let Some(step) = from.next_step() {
            if let Step::Send { level, bytes } = step {
                to.receive(level, &bytes).unwrap();
                messages += 1;
            }
        }
        messages
    }

    /// Two ends whose handshake is complete.
    fn connected() -> (Handshake, Handshake) {
        let secret = CryptoProvider::ring().cipher_suites[0].hash.digest(b"of this test");
        let key = PreSharedKey::external(b"a name", &secret).unwrap();
        let client = ClientConfig::builder(CryptoProvider::ring())
            .pre_shared_keys(vec![key.clone()])
            .verifier(Arc::new(AnswerLater));
        let server = ServerConfig::builder(CryptoProvider::ring())
            .pre_shared_keys(Arc::new(PskList::new(vec![key])))
            .build(Arc::new(AnswerLater));
        let now = UnixTime::since_unix_epoch(core::time::Duration::from_secs(1_800_000_000));
        let name = "server.example".try_into().unwrap();
        let mut client = Handshake::client(Arc::new(client.build().unwrap()), name, now);
        let mut server = Handshake::server(Arc::new(server.unwrap()), now);
        client.start().unwrap();
        while pass(&mut client, &mut server) + pass(&mut server, &mut client) > 0 {}
        (client, server)
    }

    #[test]
    fn a_message_that_cannot_be_taken_is_refused_by_its_header() {
        const TICKET: [u8; 4] = [4, 0, 0x80, 0];
        const REQUEST: [u8; 4] = [13, 0, 0, 100];
        const CERTIFICATE: [u8; 4] = [11, 0, 0x80, 0];
        const LONG_UPDATE: [u8; 4] = [24, 0, 0, 2];
        const LONG_FINISHED: [u8; 4] = [20, 0, 0, 65];
        let client = |header: [u8; 4]| connected().0.receive(Level::Application, &header);
        let server = |header: [u8; 4]| connected().1.receive(Level::Application, &header);
        let alert = |result: Result<(), Error>| result.unwrap_err().alert_sent();
        assert_eq!(client(TICKET), Ok(()), "its rest may come");
        for refused in [client(REQUEST), client(CERTIFICATE), server(TICKET), server(CERTIFICATE)] {
            assert_eq!(alert(refused), Some(AlertDescription::UNEXPECTED_MESSAGE));
        }
        for refused in [client(LONG_UPDATE), server(LONG_UPDATE)] {
            assert_eq!(alert(refused), Some(AlertDescription::DECODE_ERROR));
        }
        let config = ServerConfig::builder(CryptoProvider::ring()).build(Arc::new(AnswerLater));
        let now = UnixTime::since_unix_epoch(core::time::Duration::ZERO);
        let mut beginning = Handshake::server(Arc::new(config.unwrap()), now);
        let refused = beginning.receive(Level::Initial, &LONG_FINISHED);
        assert_eq!(alert(refused), Some(AlertDescription::DECODE_ERROR));
    }

    #[test]
    fn no_key_is_updated_more_often_than_a_sender_may() {
        let (mut client, mut server) = connected();
        let last = |connected: &mut Connected, _: &mut Context| {
            connected.updates_sent = MAX_KEY_UPDATES - 1;
            Ok(())
        };
        client.with_connected(last).unwrap();
        client.update_keys(false).unwrap();
        assert_eq!(pass(&mut client, &mut server), 1, "the last one");
        client.update_keys(true).unwrap();
        assert_eq!(pass(&mut client, &mut server), 0);
        // A request is passed over, and a receiver follows whatever the number.
        server.update_keys(true).unwrap();
        assert_eq!(pass(&mut server, &mut client), 1);
        client.answer_key_update().unwrap();
        assert_eq!(pass(&mut client, &mut server), 0);
    }
}
