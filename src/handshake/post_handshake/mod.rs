//! What happens after the handshake (RFC 9846, section 4.7): `Connected`, the state of both sides, and
//! the messages that it receives, each in a file of its name.

mod key_update;
pub(super) mod new_session_ticket;
pub(super) mod post_handshake_auth;

use super::proof::HandshakeProof;
use super::question::{Answered, not_asked};
use super::traffic_secrets::ConnectionSecrets;
use super::{Context, Handshake, Step};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::TrafficSecret;
use crate::observer::Event;
use crate::registry::HandshakeType;
use crate::wire::HandshakeMessage;

use key_update::KeyUpdates;
use new_session_ticket::{ClientTickets, ServerTickets};
use post_handshake_auth::{PostHandshakeAuthClient, PostHandshakeAuthServer};

/// A completed handshake.
///
/// `Connected<ClientRole>` and `Connected<ServerRole>` become a `Connected` whose role is known by its
/// trait only, in the same box. So a program that is only a client contains no server: the linker drops
/// it. And the box of a client has no place for what a server needs.
pub(super) struct Connected<R: Role + ?Sized = dyn Role> {
    /// Without those of records, if there are no records.
    pub(super) secrets: ConnectionSecrets,
    key_updates: KeyUpdates,
    pub(super) role: R,
}

/// The secrets that protect the records of each direction now.
pub(crate) struct RecordTraffic {
    pub(crate) read: TrafficSecret,
    pub(crate) write: TrafficSecret,
}

/// What only one of the two sides does after the handshake.
pub(super) trait Role: Send + Sync {
    /// May a message of this type come, other than KeyUpdate?
    fn awaits(&self, received: HandshakeType) -> bool;

    /// What may come, in words.
    fn awaited(&self) -> &'static str;

    /// A message of this type may not come now. A CertificateRequest that comes to a client of QUIC is a
    /// PROTOCOL_VIOLATION (RFC 9001, section 4.4); a KeyUpdate is an `unexpected_message` there, too (RFC
    /// 9001, section 6).
    fn unexpected(&self, received: HandshakeType, context: &Context) -> Error {
        let is_client_of_quic = self.as_server().is_none() && context.quic.is_some();
        if is_client_of_quic && received == HandshakeType::CERTIFICATE_REQUEST {
            let reason =
                "the server's CertificateRequest came after the handshake, which QUIC forbids";
            return ErrorKind::QuicProtocolViolation(reason).into();
        }
        Error::unexpected(self.awaited(), received)
    }

    /// A message other than KeyUpdate came.
    fn on_other_message(
        &mut self,
        message: &HandshakeMessage<'_>,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error>;

    /// The answer to the open question came.
    fn on_answer(
        &mut self,
        answered: Answered,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error>;

    /// Has a part of the client's answer to a CertificateRequest come?
    fn is_receiving_certificate(&self) -> bool {
        false
    }

    /// Does this client store the tickets that the server sends?
    #[cfg(feature = "tokio")]
    fn stores_tickets(&self) -> bool {
        false
    }

    /// A client that has closed answers no CertificateRequest. True if an answer was being made.
    fn give_up_certificate_response(&mut self) -> bool {
        false
    }

    /// The role, if it is the server's.
    fn as_server(&self) -> Option<&ServerRole> {
        None
    }

    /// As [`as_server`](Self::as_server), to change it.
    fn as_server_mut(&mut self) -> Option<&mut ServerRole> {
        None
    }
}

impl<R: Role> Connected<R> {
    /// Completes the handshake.
    pub(super) fn new(
        _: HandshakeProof,
        mut secrets: ConnectionSecrets,
        role: R,
        context: &mut Context,
    ) -> Box<Self> {
        if !context.records {
            secrets.forget_traffic();
        }
        context.steps.push(Step::Complete);
        let parameters = &context.parameters;
        context.observers.emit(|| Event::HandshakeComplete(parameters.summary()));
        Box::new(Self { secrets, key_updates: KeyUpdates::default(), role })
    }
}

impl Handshake {
    /// The secrets of the records. `None` before the handshake is complete, and without records.
    pub(crate) fn record_traffic(&self) -> Option<RecordTraffic> {
        let secrets = &self.connected().ok()?.secrets;
        Some(RecordTraffic { read: secrets.read().ok()?, write: secrets.write().ok()? })
    }
}

impl Connected {
    /// A message after the handshake came. One that may not come now is an `unexpected_message`
    /// (section 4). While a client's answer to a CertificateRequest is incomplete, nothing else may come
    /// (section 4.7.2), not even a KeyUpdate (section 4.7.3).
    pub(super) fn on_message(
        &mut self,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<(), Error> {
        let is_key_update = message.kind == HandshakeType::KEY_UPDATE && context.records;
        if is_key_update && !self.role.is_receiving_certificate() {
            return self.key_updates.on_key_update(&message, &mut self.secrets, context);
        }
        self.role.on_other_message(&message, &self.secrets, context)
    }

    /// May a message of this type come? Asked before all of it is there.
    pub(super) fn check_awaited(
        &self,
        received: HandshakeType,
        context: &Context,
    ) -> Result<(), Error> {
        let is_awaited = match received {
            // QUIC has an update of its own (RFC 9001, section 6).
            HandshakeType::KEY_UPDATE => context.records,
            _ => self.role.awaits(received),
        };
        if is_awaited {
            return Ok(());
        }
        Err(self.role.unexpected(received, context))
    }

    pub(super) fn on_answer(
        &mut self,
        answered: Answered,
        context: &mut Context,
    ) -> Result<(), Error> {
        self.role.on_answer(answered, &self.secrets, context)
    }
}

/// The role of a client.
pub(super) struct ClientRole {
    /// `None` where the server's tickets are not stored.
    pub(super) tickets: Option<Box<ClientTickets>>,
    /// The server may ask for a certificate.
    pub(super) post_handshake_auth: Option<Box<PostHandshakeAuthClient>>,
}

impl Role for ClientRole {
    fn awaits(&self, received: HandshakeType) -> bool {
        match received {
            HandshakeType::NEW_SESSION_TICKET => true,
            HandshakeType::CERTIFICATE_REQUEST => self.post_handshake_auth.is_some(),
            _ => false,
        }
    }

    fn awaited(&self) -> &'static str {
        "KeyUpdate (with records), NewSessionTicket or data"
    }

    fn on_other_message(
        &mut self,
        message: &HandshakeMessage<'_>,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        match (message.kind, &mut self.post_handshake_auth) {
            (HandshakeType::CERTIFICATE_REQUEST, Some(auth)) => {
                auth.on_request(message, secrets, context)
            }
            (HandshakeType::NEW_SESSION_TICKET, _) => {
                self.on_new_session_ticket(message, secrets, context)
            }
            (kind, _) => Err(self.unexpected(kind, context)),
        }
    }

    fn on_answer(
        &mut self,
        answered: Answered,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        match &mut self.post_handshake_auth {
            Some(auth) => auth.on_answer(answered, secrets, context),
            None => Err(not_asked()),
        }
    }

    #[cfg(feature = "tokio")]
    fn stores_tickets(&self) -> bool {
        self.tickets.is_some()
    }

    fn give_up_certificate_response(&mut self) -> bool {
        match &mut self.post_handshake_auth {
            Some(auth) => auth.give_up(),
            None => false,
        }
    }
}

/// The role of a server.
pub(super) struct ServerRole {
    /// `None` where the client can use no tickets.
    pub(super) tickets: Option<ServerTickets>,
    /// The client may be asked for a certificate.
    pub(super) post_handshake_auth: Option<Box<PostHandshakeAuthServer>>,
}

impl Role for ServerRole {
    fn awaits(&self, received: HandshakeType) -> bool {
        self.post_handshake_auth.as_ref().is_some_and(|auth| auth.awaits(received))
    }

    fn awaited(&self) -> &'static str {
        "KeyUpdate (with records) or data"
    }

    fn on_other_message(
        &mut self,
        message: &HandshakeMessage<'_>,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        match &mut self.post_handshake_auth {
            Some(auth) if message.kind == HandshakeType::CERTIFICATE || auth.is_receiving() => {
                auth.on_message(message, secrets, context)
            }
            _ => Err(self.unexpected(message.kind, context)),
        }
    }

    fn on_answer(
        &mut self,
        answered: Answered,
        _: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        match (&mut self.post_handshake_auth, answered) {
            (Some(auth), Answered::Peer(identity, result)) => {
                auth.on_verified(identity, result, context)
            }
            _ => Err(not_asked()),
        }
    }

    fn is_receiving_certificate(&self) -> bool {
        self.post_handshake_auth.as_ref().is_some_and(|auth| auth.is_receiving())
    }

    fn as_server(&self) -> Option<&ServerRole> {
        Some(self)
    }

    fn as_server_mut(&mut self) -> Option<&mut ServerRole> {
        Some(self)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use pki_types::UnixTime;

    use super::*;
    use crate::alert::AlertDescription;
    use crate::config::{ClientConfig, ServerConfig};
    use crate::crypto::CryptoProvider;
    use crate::handshake::{Handshake, Level, Step};
    use crate::psk::{PreSharedKey, PskList};
    use crate::reply::AnswerLater;

    pub(in crate::handshake) fn pass(from: &mut Handshake, to: &mut Handshake) -> usize {
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
    pub(in crate::handshake) fn connected() -> (Handshake, Handshake) {
        let secret = CryptoProvider::default().cipher_suites[0].hash.digest(b"of this test");
        let key = PreSharedKey::external(b"a name", &secret).unwrap();
        let client = ClientConfig::builder(CryptoProvider::default())
            .pre_shared_keys(vec![key.clone()])
            .verifier(Arc::new(AnswerLater));
        let server = ServerConfig::builder(CryptoProvider::default())
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
        let config = ServerConfig::builder(CryptoProvider::default()).build(Arc::new(AnswerLater));
        let now = UnixTime::since_unix_epoch(core::time::Duration::ZERO);
        let mut beginning = Handshake::server(Arc::new(config.unwrap()), now);
        let refused = beginning.receive(Level::Initial, &LONG_FINISHED);
        assert_eq!(alert(refused), Some(AlertDescription::DECODE_ERROR));
    }
}
