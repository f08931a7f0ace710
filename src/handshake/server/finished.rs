//! ExpectClientCertificate and ExpectFinished: who the client is, where it was asked, and its MAC
//! over the handshake (RFC 9846, sections 4.5.1 to 4.5.3).

use std::sync::Arc;

use super::client_certificate::ClientCertificate;
use super::{Context, Question, State};
use crate::certificate::CertificateError;
use crate::config::ServerConfig;
use crate::error::Error;
use crate::handshake::Level;
use crate::handshake::authentication::check_finished;
use crate::handshake::post_handshake::{Connected, Role};
use crate::handshake::post_handshake_auth::Asking;
use crate::handshake::proof::Peer;
use crate::handshake::secrets::ConnectionSecrets;
use crate::key_schedule::{TrafficSecret, Transcript};
use crate::registry::CertificateType;
use crate::wire::HandshakeMessage;

/// What the client's last flight and the time after it need.
pub(super) struct ClientFlight {
    pub(super) transcript: Transcript,
    pub(super) client_secret: TrafficSecret,
    pub(super) secrets: ConnectionSecrets,
    pub(super) post_handshake: Option<PostHandshake>,
}

/// The client can be asked for a certificate later.
pub(super) struct PostHandshake {
    pub(super) config: Arc<ServerConfig>,
    pub(super) certificate_type: CertificateType,
}

/// The server's flight was sent, with a request for a certificate in it.
pub(in crate::handshake) struct ExpectClientCertificate {
    pub(super) flight: ClientFlight,
    pub(super) client: ClientCertificate,
}

impl ExpectClientCertificate {
    pub(super) fn on_message(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        self.client = self.client.on_message(&message, &mut self.flight.transcript, context)?;
        let Self { flight, client } = *self;
        let ClientCertificate::Known(client) = client else {
            return Ok(State::ExpectClientCertificate(Box::new(Self { flight, client })));
        };
        client.show(context);
        let peer = client.into_peer();
        Ok(State::ExpectFinished(Box::new(ExpectFinished { flight, peer })))
    }

    pub(super) fn on_verdict(
        mut self: Box<Self>,
        question: Question,
        verdict: Result<(), CertificateError>,
        context: &mut Context,
    ) -> Result<State, Error> {
        self.client = self.client.on_verdict(question, verdict, context)?;
        Ok(State::ExpectClientCertificate(self))
    }
}

/// All but the client's Finished has come.
pub(in crate::handshake) struct ExpectFinished {
    pub(super) flight: ClientFlight,
    pub(super) peer: Peer,
}

impl ExpectFinished {
    pub(super) fn on_message(
        self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<Box<Connected>, Error> {
        let ClientFlight { mut transcript, client_secret, secrets, post_handshake } = self.flight;
        let finished = check_finished(&message, &client_secret, &mut transcript, context)?;
        context.steps.read_keys(Level::Application, secrets.read.clone());
        let role = |transcript| Role::Server {
            asking: post_handshake.map(|PostHandshake { config, certificate_type }| {
                Asking::new(config, certificate_type, transcript)
            }),
        };
        let mut connected =
            Connected::new(secrets, transcript, role, self.peer, finished, context)?;
        if let Some((_, count)) = context.resumption.tickets {
            connected.send_tickets(count, context)?;
        }
        Ok(connected)
    }
}
