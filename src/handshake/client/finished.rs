//! ExpectFinished: the server's MAC over the handshake, and the client's own last flight
//! (RFC 9846, section 4.5.3).

use std::sync::Arc;

use super::authentication::{Authenticating, Progress};
use super::{Context, Level, Question, ServerFlight, Shared, State, machine};
use crate::error::Error;
use crate::handshake::authentication::send_finished;
use crate::handshake::post_handshake::{Connected, ConnectionSecrets, Role};
use crate::handshake::post_handshake_auth::Answering;
use crate::handshake::proof::{FinishedVerified, Peer, PeerAuthenticated, PskMixedIn, PskProven};
use crate::handshake::{Answer, EarlyData};
use crate::key_schedule::{Exporter, MainSecret, PskKind, TrafficSecret, Transcript};
use crate::observer::Event;
use crate::registry::{CertificateType, HandshakeType};
use crate::wire::{EndOfEarlyData, Finished, HandshakeMessage};

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
    ) -> Result<machine::State, Error> {
        if message.kind != HandshakeType::FINISHED {
            return Err(Error::unexpected("Finished", &message));
        }
        let Self { flight, proof } = *self;
        let ServerFlight { shared, mut transcript, main_secret, client_secret, .. } = flight;
        let expected = flight.server_secret.finished(&transcript.current(), context.observers)?;
        let finished = FinishedVerified::check(&expected, &Finished::parse(message.body))?;
        let peer = match proof {
            ServerProof::Certificate(authenticated) => Peer::Server(authenticated),
            ServerProof::PreSharedKey(psk) => {
                Peer::PreSharedKey(PskProven::by_finished(psk, &finished))
            }
        };
        context.observers.tell(|| Event::FinishedVerified);
        forget_refused(&shared, context);
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
        let client_certificate_type = flight.client_certificate_type;
        let last = LastFlight {
            shared,
            main_secret,
            client_secret,
            client_certificate_type,
            read,
            write,
            exporter,
            peer,
            finished,
        };
        let Some(request) = flight.certificate_request else {
            return last.send(transcript, context);
        };
        let config = &last.shared.config;
        let kind = client_certificate_type;
        let progress = Authenticating::begin(config, request, kind, transcript, context)?;
        last.go_on(progress, context)
    }
}

/// Where the server has not taken a ticket, others of its are of no use either. Only the server
/// itself can tell: in ServerHello, anybody could have.
fn forget_refused(shared: &Shared, context: &Context<'_>) {
    let resumed = context.parameters.pre_shared_key == Some(PskKind::Resumption);
    let refused = !resumed && shared.keys.iter().any(|key| key.session().is_some());
    if let Some(sessions) = shared.config.sessions.as_ref().filter(|_| refused) {
        sessions.forget(&shared.server_name);
    }
}

/// The server's Finished came; what is left for the client to say waits for its certificate.
pub(in crate::handshake) struct AuthenticatingSelf {
    last: LastFlight,
    authenticating: Box<Authenticating>,
}

impl AuthenticatingSelf {
    pub(super) fn question(&self) -> &Question {
        self.authenticating.question()
    }

    pub(super) fn on_answer(
        self: Box<Self>,
        answer: Answer,
        context: &mut Context<'_>,
    ) -> Result<machine::State, Error> {
        let progress = self.authenticating.on_answer(answer, context)?;
        self.last.go_on(progress, context)
    }
}

/// All that the client's last flight and the time after it need.
struct LastFlight {
    shared: Shared,
    main_secret: MainSecret,
    client_secret: TrafficSecret,
    client_certificate_type: CertificateType,
    read: TrafficSecret,
    write: TrafficSecret,
    exporter: Exporter,
    peer: Peer,
    finished: FinishedVerified,
}

impl LastFlight {
    fn go_on(self, progress: Progress, context: &mut Context<'_>) -> Result<machine::State, Error> {
        match progress {
            Progress::Sent(transcript) => self.send(transcript, context),
            Progress::Resting(authenticating) => {
                let state = AuthenticatingSelf { last: self, authenticating };
                Ok(machine::State::Client(State::AuthenticatingSelf(Box::new(state))))
            }
        }
    }

    /// Sends the own Finished: the handshake is complete.
    fn send(
        self,
        mut transcript: Transcript,
        context: &mut Context<'_>,
    ) -> Result<machine::State, Error> {
        let Self { shared, main_secret, read, write, exporter, .. } = self;
        send_finished(&self.client_secret, &mut transcript, context)?;
        context.steps.write_keys(Level::Application, write.clone());
        let resumption = main_secret.into_resumption(&transcript.current(), context.observers)?;
        context.steps.complete();
        context.observers.tell(|| Event::HandshakeComplete);
        let secrets = ConnectionSecrets { read, write, exporter, resumption };
        let config = &shared.config;
        let answering = config.post_handshake_auth.then(|| {
            let certificate_type = self.client_certificate_type;
            Answering::new(Arc::clone(config), certificate_type, transcript)
        });
        let sessions = config.sessions.clone();
        let role = Role::Client { server_name: shared.server_name, sessions, answering };
        let connected = Connected::new(secrets, role, self.peer, self.finished);
        Ok(machine::State::Connected(connected))
    }
}
