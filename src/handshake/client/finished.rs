//! ExpectFinished and AuthenticatingSelf: the server's Finished, and the client's last flight
//! (RFC 9846, section 4.5.3).

use super::certificate_request::{CertificateResponse, ResponseProgress};
use super::{Context, Level, ServerFlight, Shared, State, machine};
use crate::error::Error;
use crate::handshake::authentication::{check_finished, send_finished};
use crate::handshake::post_handshake::new_session_ticket::ClientTickets;
use crate::handshake::post_handshake::post_handshake_auth::PostHandshakeAuthClient;
use crate::handshake::post_handshake::{ClientRole, Connected};
use crate::handshake::proof::{HandshakeProof, Peer, PeerAuthenticated, PskMixedIn, PskProven};
use crate::handshake::question::Answered;
use crate::handshake::traffic_secrets::ConnectionSecrets;
use crate::handshake::{EarlyData, Side};
use crate::key_schedule::{HandshakeTraffic, MainSecret, PskKind, TrafficSecret};
use crate::registry::CertificateType;
use crate::wire::{EndOfEarlyData, HandshakeMessage};

/// Everything except the server's Finished has arrived.
pub(in crate::handshake) struct ExpectFinished {
    pub(super) flight: ServerFlight,
    pub(super) proof: ServerProof,
}

/// How the server proves who it is.
pub(in crate::handshake) enum ServerProof {
    /// It has done so, with the key of a certificate.
    Certificate(PeerAuthenticated),
    /// Its Finished will prove it, with a key that both sides have.
    PreSharedKey(PskMixedIn),
}

impl ExpectFinished {
    /// The server's Finished came. Sends EndOfEarlyData, if the server has accepted 0-RTT data
    /// (section 4.6), and then the client's Certificate, if the server has asked for it (section
    /// 4.4.2).
    pub(super) fn on_message(
        self,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<machine::State, Error> {
        let Self { flight, proof } = self;
        let ServerFlight { shared, mut transcript, secrets, client_certificate_type, .. } = flight;
        let HandshakeTraffic { main, client: client_secret, server } = secrets;
        let finished = check_finished(&message, &server, &mut transcript, context)?;
        let peer = match proof {
            ServerProof::Certificate(authenticated) => Peer::Server(authenticated),
            ServerProof::PreSharedKey(psk) => {
                context.show_peer();
                Peer::PreSharedKey(PskProven::by_finished(psk, &finished))
            }
        };
        remove_refused(&shared, context);
        let secrets = ConnectionSecrets::new(Side::Client, &main, &transcript, context)?;
        if context.records {
            context.steps.read_keys(Level::Application, secrets.read()?);
        }
        context.end_early_data();
        if context.parameters.early_data == EarlyData::Accepted && context.records {
            context.send(Some(&mut transcript), |out| EndOfEarlyData.encode(out));
            context.steps.write_keys(Level::Handshake, client_secret.clone());
        }
        let proof = HandshakeProof::new(peer, finished);
        let last =
            LastFlight { shared, client_secret, client_certificate_type, secrets, main, proof };
        let (config, kind) = (&last.shared.config, client_certificate_type);
        let progress = match flight.certificate_request {
            Some(body) => CertificateResponse::begin(config, body, kind, transcript, context)?,
            None => ResponseProgress::Sent(transcript),
        };
        last.finish_or_wait(progress, context)
    }
}

/// If the server has refused a ticket, it probably refuses its other tickets, too (RFC 9149, section 3):
/// they are removed from the store. Only after the Finished: a ServerHello alone is not
/// authenticated, so an attacker could have made it.
fn remove_refused(shared: &Shared, context: &Context) {
    let Some(sessions) = &shared.config.sessions else { return };
    let offered_ticket = shared.keys.iter().any(|key| key.session().is_some());
    let resumed = context.parameters.pre_shared_key == Some(PskKind::Resumption);
    if offered_ticket && !resumed {
        sessions.forget(&shared.server_name);
    }
}

/// The server's Finished came. The client's last flight waits for its certificate or signature.
pub(in crate::handshake) struct AuthenticatingSelf {
    last: LastFlight,
    response: Box<CertificateResponse>,
}

impl AuthenticatingSelf {
    pub(super) fn on_answer(
        self: Box<Self>,
        answered: Answered,
        context: &mut Context,
    ) -> Result<machine::State, Error> {
        let progress = self.response.on_answer(answered, context)?;
        self.last.finish_or_wait(progress, context)
    }
}

/// What the client's last flight (sections 4.5.1 and 4.5.3) and the connected state need.
struct LastFlight {
    shared: Shared,
    client_secret: TrafficSecret,
    client_certificate_type: CertificateType,
    secrets: ConnectionSecrets,
    main: MainSecret,
    proof: HandshakeProof,
}

impl LastFlight {
    /// Sends the client's Finished, which completes the handshake, unless a question is open. In QUIC the
    /// keys of 1-RTT packets that come wait for this: such a packet must not be processed before the
    /// handshake is complete (RFC 9001, section 5.7).
    fn finish_or_wait(
        self,
        progress: ResponseProgress,
        context: &mut Context,
    ) -> Result<machine::State, Error> {
        let mut transcript = match progress {
            ResponseProgress::Sent(transcript) => transcript,
            ResponseProgress::Waiting(response) => {
                let state = AuthenticatingSelf { last: self, response };
                let state = State::AuthenticatingSelf(Box::new(state));
                return Ok(machine::State::InProgress(Box::new(state)));
            }
        };
        send_finished(&self.client_secret, &mut transcript, context)?;
        context.steps.write_keys(Level::Application, self.secrets.write()?);
        if !context.records {
            context.steps.read_keys(Level::Application, self.secrets.read()?);
        }
        let Shared { config, server_name, .. } = self.shared;
        // In QUIC a client is not asked later (RFC 9001, section 4.4), and certificates are not
        // combined with external keys (RFC 9846, appendix F.1).
        let can_be_asked = config.post_handshake_auth
            && context.records
            && !context.session_basis.is_external_key();
        // What such a session is based on could not be verified again.
        let stores_tickets = !context.parameters.cert_with_extern_psk;
        let tickets = match &config.sessions {
            Some(sessions) if stores_tickets => {
                let hash = transcript.current();
                let resumption = self.main.into_resumption(&hash, &mut context.observers)?;
                let (sessions, resumption) = (sessions.clone(), resumption.into_secret());
                Some(Box::new(ClientTickets { server_name, sessions, resumption }))
            }
            _ => None,
        };
        let role = ClientRole {
            tickets,
            post_handshake_auth: can_be_asked.then(|| {
                PostHandshakeAuthClient::new(config, self.client_certificate_type, transcript)
            }),
        };
        let connected = Connected::new(self.proof, self.secrets, role, context);
        Ok(machine::State::Connected(connected))
    }
}
