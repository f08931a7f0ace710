//! ExpectFinished: the server's MAC over the handshake, and the client's own last flight
//! (RFC 9846, section 4.5.3).

use super::{Context, Level, ServerFlight};
use crate::error::Error;
use crate::handshake::EarlyData;
use crate::handshake::post_handshake::{Connected, ConnectionSecrets, Role};
use crate::handshake::proof::{FinishedVerified, Peer, PeerAuthenticated, PskMixedIn, PskProven};
use crate::observer::Event;
use crate::registry::HandshakeType;
use crate::wire::{Certificate, EndOfEarlyData, Finished, HandshakeMessage};

/// All but the server's Finished has come.
pub(in crate::handshake) struct ExpectFinished {
    pub(super) flight: ServerFlight,
    pub(super) proof: ServerProof,
}

/// How the server proves who it is.
pub(in crate::handshake) enum ServerProof {
    /// It has done so, with the key of a certificate.
    Certificate(PeerAuthenticated),
    /// Its Finished will, under a key that both sides have.
    PreSharedKey(PskMixedIn),
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
        let Self { flight, proof } = *self;
        let ServerFlight {
            shared,
            mut transcript,
            main_secret,
            client_secret,
            server_secret,
            certificate_requested,
        } = flight;
        let expected = server_secret.finished(&transcript.current(), context.observers)?;
        let finished = FinishedVerified::check(&expected, &Finished::parse(message.body))?;
        let peer = match proof {
            ServerProof::Certificate(authenticated) => Peer::Server(authenticated),
            ServerProof::PreSharedKey(psk) => {
                Peer::PreSharedKey(PskProven::by_finished(psk, &finished))
            }
        };
        context.observers.tell(|| Event::FinishedVerified);
        transcript.add(&message);

        let hash = transcript.current();
        let write = main_secret.client_traffic(&hash, context.observers)?;
        let read = main_secret.server_traffic(&hash, context.observers)?;
        let exporter = main_secret.exporter(&hash, context.observers)?;
        context.steps.read_keys(Level::Application, read.clone());

        context.resumption.early_data_left = 0;
        if context.parameters.early_data == EarlyData::Accepted && context.resumption.records {
            context.send(Some(&mut transcript), |out| EndOfEarlyData.encode(out));
            context.steps.write_keys(Level::Handshake, client_secret.clone());
        }
        if certificate_requested {
            // There is no client certificate to give: an empty list says so (section 4.5.1).
            let none: [&[u8]; 0] = [];
            context.send(Some(&mut transcript), |out| Certificate::encode(out, &[], none));
        }
        let verify_data = client_secret.finished(&transcript.current(), context.observers)?;
        context.send(Some(&mut transcript), |out| {
            Finished { verify_data: verify_data.as_bytes() }.encode(out);
        });
        context.steps.write_keys(Level::Application, write.clone());
        let resumption = main_secret.into_resumption(&transcript.current(), context.observers)?;
        context.steps.complete();
        context.observers.tell(|| Event::HandshakeComplete);
        let secrets = ConnectionSecrets { read, write, exporter, resumption };
        let role = Role::Client {
            server_name: shared.server_name,
            sessions: shared.config.sessions.clone(),
        };
        Ok(Connected::new(secrets, role, peer, finished))
    }
}
