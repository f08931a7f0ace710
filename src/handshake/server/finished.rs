//! ExpectClientCertificate and ExpectFinished: who the client is, where it was asked, and its MAC
//! over the handshake (RFC 9846, sections 4.5.1 to 4.5.3).

use std::sync::Arc;

use super::client_certificate::ClientCertificate;
use super::{Context, Question, State};
use crate::certificate::CertificateError;
use crate::config::ServerConfig;
use crate::error::Error;
use crate::handshake::Level;
use crate::handshake::post_handshake::{Connected, ConnectionSecrets, Role};
use crate::handshake::post_handshake_auth::Asking;
use crate::handshake::proof::{FinishedVerified, Peer};
use crate::key_schedule::{Exporter, MainSecret, TrafficSecret, Transcript};
use crate::observer::Event;
use crate::registry::{CertificateType, HandshakeType};
use crate::wire::{Finished, HandshakeMessage};

/// What the client's last flight and the time after it need.
pub(super) struct ClientFlight {
    pub(super) transcript: Transcript,
    pub(super) main_secret: MainSecret,
    pub(super) client_secret: TrafficSecret,
    pub(super) read: TrafficSecret,
    pub(super) write: TrafficSecret,
    pub(super) exporter: Exporter,
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
    pub(super) fn question(&self) -> Option<&Question> {
        self.client.question()
    }

    pub(super) fn on_message(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context<'_>,
    ) -> Result<State, Error> {
        self.client = self.client.on_message(&message, &mut self.flight.transcript, context)?;
        let Self { flight, client } = *self;
        let ClientCertificate::Known(client) = client else {
            return Ok(State::ExpectClientCertificate(Box::new(Self { flight, client })));
        };
        client.tell(context.parameters);
        let peer = client.into_peer();
        Ok(State::ExpectFinished(Box::new(ExpectFinished { flight, peer })))
    }

    pub(super) fn on_verdict(
        mut self: Box<Self>,
        verdict: Result<(), CertificateError>,
        context: &mut Context<'_>,
    ) -> Result<State, Error> {
        self.client = self.client.on_verdict(verdict, context)?;
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
        context: &mut Context<'_>,
    ) -> Result<Box<Connected>, Error> {
        if message.kind != HandshakeType::FINISHED {
            return Err(Error::unexpected("Finished", &message));
        }
        let Self { flight, peer } = *self;
        let ClientFlight { mut transcript, main_secret, read, write, exporter, .. } = flight;
        let expected = flight.client_secret.finished(&transcript.current(), context.observers)?;
        let finished = FinishedVerified::check(&expected, &Finished::parse(message.body))?;
        context.observers.tell(|| Event::FinishedVerified);
        transcript.add(&message);
        context.steps.read_keys(Level::Application, read.clone());
        let resumption = main_secret.into_resumption(&transcript.current(), context.observers)?;
        context.steps.complete();
        context.observers.tell(|| Event::HandshakeComplete);
        let secrets = ConnectionSecrets { read, write, exporter, resumption };
        let asking = flight.post_handshake.map(|PostHandshake { config, certificate_type }| {
            Asking::new(config, certificate_type, transcript)
        });
        let mut connected = Connected::new(secrets, Role::Server { asking }, peer, finished);
        if let Some((_, count)) = context.resumption.tickets {
            connected.send_tickets(count, context)?;
        }
        Ok(connected)
    }
}
