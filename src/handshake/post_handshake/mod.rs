//! What happens after the handshake (RFC 9846, section 4.7): `Connected`, the state of both sides, and
//! the messages that it receives, each in a file of its name.

mod key_update;
pub(super) mod new_session_ticket;
pub(super) mod post_handshake_auth;

use pki_types::ServerName;

use super::proof::HandshakeProof;
use super::question::{Answered, not_asked};
use super::traffic_secrets::ConnectionSecrets;
use super::{Context, Step};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::{ExporterSecret, TrafficSecret};
use crate::observer::Event;
use crate::registry::{CipherSuiteId, HandshakeType};
use crate::wire::HandshakeMessage;

use key_update::KeyUpdates;
use new_session_ticket::{ClientTickets, ServerTickets};
use post_handshake_auth::{PostHandshakeAuthClient, PostHandshakeAuthServer};

/// A completed handshake.
pub(super) struct Connected {
    suite: CipherSuiteId,
    /// `None` without records: the transport has the secrets, and updates them itself (RFC 9001, section
    /// 6). A copy here would outlive their use (RFC 9846, section 7.2).
    traffic: Option<RecordTraffic>,
    key_updates: KeyUpdates,
    pub(super) exporter: ExporterSecret,
    role: Role,
}

/// The secrets that protect the records of each direction. A KeyUpdate replaces one of them.
pub(super) struct RecordTraffic {
    read: TrafficSecret,
    write: TrafficSecret,
}

/// What only one of the two sides does after the handshake.
pub(super) enum Role {
    Client {
        server_name: ServerName<'static>,
        /// `None` where the server's tickets are not stored.
        tickets: Option<ClientTickets>,
        /// The server may ask for a certificate.
        post_handshake_auth: Option<Box<PostHandshakeAuthClient>>,
    },
    Server {
        tickets: ServerTickets,
        /// The client may be asked for a certificate.
        post_handshake_auth: Option<Box<PostHandshakeAuthServer>>,
    },
}

impl Role {
    fn awaited(&self) -> &'static str {
        match self {
            Self::Client { .. } => "KeyUpdate (with records), NewSessionTicket or data",
            Self::Server { .. } => "KeyUpdate (with records) or data",
        }
    }

    /// A message of this type may not come now. A CertificateRequest that comes to a client of QUIC is a
    /// PROTOCOL_VIOLATION (RFC 9001, section 4.4); a KeyUpdate is an `unexpected_message` there, too (RFC
    /// 9001, section 6).
    fn unexpected(&self, received: HandshakeType, context: &Context) -> Error {
        let is_client_of_quic = matches!(self, Self::Client { .. }) && context.quic.is_some();
        if is_client_of_quic && received == HandshakeType::CERTIFICATE_REQUEST {
            let reason =
                "the server's CertificateRequest came after the handshake, which QUIC forbids";
            return ErrorKind::QuicProtocolViolation(reason).into();
        }
        Error::unexpected(self.awaited(), received)
    }
}

impl Connected {
    /// Completes the handshake.
    pub(super) fn new(
        _: HandshakeProof,
        secrets: ConnectionSecrets,
        role: Role,
        context: &mut Context,
    ) -> Box<Self> {
        let ConnectionSecrets { read, write, exporter } = secrets;
        let suite = read.suite().id;
        let traffic = context.records.then_some(RecordTraffic { read, write });
        context.steps.push(Step::Complete);
        context.observers.emit(|| Event::HandshakeComplete);
        Box::new(Self { suite, traffic, key_updates: KeyUpdates::default(), exporter, role })
    }

    /// A message after the handshake came. One that may not come now is an `unexpected_message`
    /// (section 4). While a client's answer to a CertificateRequest is incomplete, nothing else may come
    /// (section 4.7.2), not even a KeyUpdate (section 4.7.3).
    pub(super) fn on_message(
        &mut self,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<(), Error> {
        match (&mut self.role, &mut self.traffic, message.kind) {
            (Role::Server { post_handshake_auth: Some(auth), .. }, Some(traffic), kind)
                if kind == HandshakeType::CERTIFICATE || auth.is_receiving() =>
            {
                auth.on_message(&message, &traffic.read, context)
            }
            (
                Role::Client { post_handshake_auth: Some(auth), .. },
                Some(traffic),
                HandshakeType::CERTIFICATE_REQUEST,
            ) => auth.on_request(&message, &traffic.write, context),
            (_, Some(traffic), HandshakeType::KEY_UPDATE) => {
                self.key_updates.on_key_update(&message, &mut traffic.read, context)
            }
            (Role::Client { .. }, _, HandshakeType::NEW_SESSION_TICKET) => {
                self.on_new_session_ticket(&message, context)
            }
            (role, _, kind) => Err(role.unexpected(kind, context)),
        }
    }

    /// May a message of this type come? Asked before all of it is there.
    pub(super) fn check_awaited(
        &self,
        received: HandshakeType,
        context: &Context,
    ) -> Result<(), Error> {
        let is_awaited = match (&self.role, received) {
            // QUIC has an update of its own (RFC 9001, section 6).
            (_, HandshakeType::KEY_UPDATE) => context.records,
            (Role::Client { .. }, HandshakeType::NEW_SESSION_TICKET) => true,
            (Role::Client { post_handshake_auth, .. }, HandshakeType::CERTIFICATE_REQUEST) => {
                post_handshake_auth.is_some()
            }
            (Role::Server { post_handshake_auth: Some(auth), .. }, _) => auth.awaits(received),
            _ => false,
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
        match (&mut self.role, &self.traffic, answered) {
            (Role::Client { post_handshake_auth: Some(auth), .. }, Some(traffic), answered) => {
                auth.on_answer(answered, &traffic.write, context)
            }
            (
                Role::Server { post_handshake_auth: Some(auth), .. },
                _,
                Answered::Peer(identity, result),
            ) => auth.on_verified(identity, result, context),
            _ => Err(not_asked()),
        }
    }

    /// Does this client store the tickets that the server sends?
    #[cfg(feature = "tokio")]
    pub(super) fn stores_tickets(&self) -> bool {
        matches!(self.role, Role::Client { tickets: Some(_), .. })
    }

    /// A client that has closed answers no CertificateRequest. True if an answer was being made.
    pub(super) fn give_up_certificate_response(&mut self) -> bool {
        match &mut self.role {
            Role::Client { post_handshake_auth: Some(auth), .. } => auth.give_up(),
            _ => false,
        }
    }

    /// On a server: what asks the client for certificates, if it may.
    pub(super) fn post_handshake_auth(&self) -> Option<&PostHandshakeAuthServer> {
        match &self.role {
            Role::Server { post_handshake_auth, .. } => post_handshake_auth.as_deref(),
            Role::Client { .. } => None,
        }
    }

    pub(super) fn post_handshake_auth_mut(&mut self) -> Option<&mut PostHandshakeAuthServer> {
        match &mut self.role {
            Role::Server { post_handshake_auth, .. } => post_handshake_auth.as_deref_mut(),
            Role::Client { .. } => None,
        }
    }

    /// On a server: has a part of the client's answer to a CertificateRequest come?
    pub(super) fn is_receiving_certificate(&self) -> bool {
        self.post_handshake_auth().is_some_and(PostHandshakeAuthServer::is_receiving)
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
