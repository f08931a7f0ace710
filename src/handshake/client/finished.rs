//! ExpectFinished: the server's MAC over the handshake, and the client's own last flight
//! (RFC 9846, section 4.5.3).

use std::sync::Arc;

use super::authentication::{Authenticating, Progress};
use super::{Context, Level, Question, ServerFlight, Shared, State, machine};
use crate::error::Error;
use crate::handshake::authentication::{check_finished, send_finished};
use crate::handshake::post_handshake::{Connected, Role};
use crate::handshake::post_handshake_auth::Answering;
use crate::handshake::proof::{FinishedVerified, Peer, PeerAuthenticated, PskMixedIn, PskProven};
use crate::handshake::secrets::{ConnectionSecrets, HandshakeSecrets};
use crate::handshake::{Answer, EarlyData, Side};
use crate::key_schedule::{PskKind, TrafficSecret};
use crate::registry::CertificateType;
use crate::wire::{EndOfEarlyData, HandshakeMessage};

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
        context: &mut Context,
    ) -> Result<machine::State, Error> {
        let Self { flight, proof } = *self;
        let ServerFlight { shared, mut transcript, secrets, client_certificate_type, .. } = flight;
        let HandshakeSecrets { main, client: client_secret, server } = secrets;
        let finished = check_finished(&message, &server, &mut transcript, context)?;
        let peer = match proof {
            ServerProof::Certificate(authenticated) => Peer::Server(authenticated),
            ServerProof::PreSharedKey(psk) => {
                context.show_peer();
                Peer::PreSharedKey(PskProven::by_finished(psk, &finished))
            }
        };
        forget_refused(&shared, context);
        let secrets = ConnectionSecrets::new(Side::Client, main, &transcript, context)?;
        context.steps.read_keys(Level::Application, secrets.read.clone());

        context.resumption.early_data_left = 0;
        if context.parameters.early_data == EarlyData::Accepted && context.records {
            context.send(Some(&mut transcript), |out| EndOfEarlyData.encode(out));
            context.steps.write_keys(Level::Handshake, client_secret.clone());
        }
        let last =
            LastFlight { shared, client_secret, client_certificate_type, secrets, peer, finished };
        let (config, kind) = (&last.shared.config, client_certificate_type);
        let progress = match flight.certificate_request {
            Some(request) => Authenticating::begin(config, request, kind, transcript, context)?,
            None => Progress::Sent(transcript),
        };
        last.go_on(progress, context)
    }
}

/// Where the server has not taken a ticket, others of its are of no use either. Only the server
/// itself can tell: in ServerHello, anybody could have.
fn forget_refused(shared: &Shared, context: &Context) {
    let resumed = context.parameters.pre_shared_key == Some(PskKind::Resumption);
    let refused = !resumed && shared.keys.iter().any(|key| key.session.is_some());
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
    pub(super) fn on_answer(
        self: Box<Self>,
        question: Question,
        answer: Answer,
        context: &mut Context,
    ) -> Result<machine::State, Error> {
        let progress = self.authenticating.on_answer(question, answer, context)?;
        self.last.go_on(progress, context)
    }
}

/// All that the client's last flight and the time after it need.
struct LastFlight {
    shared: Shared,
    client_secret: TrafficSecret,
    client_certificate_type: CertificateType,
    secrets: ConnectionSecrets,
    peer: Peer,
    finished: FinishedVerified,
}

impl LastFlight {
    /// Sends the own Finished, unless a question comes before it: the handshake is complete.
    fn go_on(self, progress: Progress, context: &mut Context) -> Result<machine::State, Error> {
        let mut transcript = match progress {
            Progress::Sent(transcript) => transcript,
            Progress::Resting(authenticating) => {
                let state = AuthenticatingSelf { last: self, authenticating };
                return Ok(machine::State::Client(State::AuthenticatingSelf(Box::new(state))));
            }
        };
        send_finished(&self.client_secret, &mut transcript, context)?;
        context.steps.write_keys(Level::Application, self.secrets.write.clone());
        let Shared { config, server_name, .. } = self.shared;
        let kind = self.client_certificate_type;
        // In QUIC it is not asked later (RFC 9001, section 4.4), and certificates are not combined
        // with external keys (RFC 9846, appendix F.1).
        let can_be_asked = config.post_handshake_auth
            && context.records
            && !context.resumption.rests_on_external_key();
        let role = |transcript| Role::Client {
            server_name,
            sessions: config.sessions.clone(),
            answering: can_be_asked.then(|| Answering::new(Arc::clone(&config), kind, transcript)),
        };
        let Self { secrets, peer, finished, .. } = self;
        Connected::new(secrets, transcript, role, peer, finished, context)
            .map(machine::State::Connected)
    }
}
