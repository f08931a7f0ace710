//! ExpectFinished: the client's MAC over the handshake (RFC 9846, section 4.5.3).

use super::Context;
use crate::error::Error;
use crate::handshake::Level;
use crate::handshake::post_handshake::{Connected, ConnectionSecrets, Role};
use crate::handshake::proof::{FinishedVerified, Peer};
use crate::key_schedule::{Exporter, MainSecret, TrafficSecret, Transcript};
use crate::observer::Event;
use crate::registry::HandshakeType;
use crate::wire::{Finished, HandshakeMessage};

/// The server's flight was sent.
pub(in crate::handshake) struct ExpectFinished {
    pub(super) transcript: Transcript,
    pub(super) main_secret: MainSecret,
    pub(super) client_secret: TrafficSecret,
    pub(super) read: TrafficSecret,
    pub(super) write: TrafficSecret,
    pub(super) exporter: Exporter,
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
        let Self { mut transcript, main_secret, client_secret, read, write, exporter, peer } =
            *self;
        let expected = client_secret.finished(&transcript.current(), context.observers)?;
        let finished = FinishedVerified::check(&expected, &Finished::parse(message.body))?;
        context.observers.tell(|| Event::FinishedVerified);
        transcript.add(&message);
        context.steps.read_keys(Level::Application, read.clone());
        let resumption = main_secret.into_resumption(&transcript.current(), context.observers)?;
        context.steps.complete();
        context.observers.tell(|| Event::HandshakeComplete);
        let secrets = ConnectionSecrets { read, write, exporter, resumption };
        let mut connected = Connected::new(secrets, Role::Server, peer, finished);
        if let Some((_, count)) = context.resumption.tickets {
            connected.send_tickets(count, context)?;
        }
        Ok(connected)
    }
}
