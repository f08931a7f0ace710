//! ExpectFinished: the client's MAC over the handshake (RFC 9846, section 4.5.3).

use super::Context;
use crate::error::Error;
use crate::handshake::Level;
use crate::handshake::authentication::check_finished;
use crate::handshake::post_handshake::new_session_ticket::ServerTickets;
use crate::handshake::post_handshake::post_handshake_auth::{
    PostHandshakeAuthServer, PostHandshakeAuthTerms,
};
use crate::handshake::post_handshake::{Connected, ServerRole};
use crate::handshake::proof::{HandshakeProof, Peer};
use crate::handshake::traffic_secrets::ConnectionSecrets;
use crate::key_schedule::{MainSecret, TrafficSecret, Transcript};
use crate::session::RULES_DIGEST_LENGTH;
use crate::wire::HandshakeMessage;

/// What the client's last flight and the time after it need.
pub(super) struct ClientFlight {
    pub(super) transcript: Transcript,
    pub(super) client_secret: TrafficSecret,
    pub(super) main: MainSecret,
    /// See [`Negotiated::rules_digest`](super::negotiate::Negotiated).
    pub(super) rules_digest: Option<[u8; RULES_DIGEST_LENGTH]>,
    /// See [`Negotiated::has_common_psk_mode`](super::negotiate::Negotiated).
    pub(super) has_common_psk_mode: bool,
    /// The client can be asked for a certificate later.
    pub(super) post_handshake_auth: Option<PostHandshakeAuthTerms>,
}

/// All but the client's Finished has come.
pub(in crate::handshake) struct ExpectFinished {
    pub(super) flight: Box<ClientFlight>,
    pub(super) secrets: ConnectionSecrets,
    pub(super) peer: Peer,
}

impl ExpectFinished {
    pub(super) fn on_message(
        self,
        message: &HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<Box<Connected>, Error> {
        let Self { mut flight, secrets, peer } = self;
        let finished =
            check_finished(message, &flight.client_secret, &mut flight.transcript, context)?;
        context.steps.read_keys(Level::Application, secrets.read()?);
        // A client that names no mode for pre-shared keys can use no ticket (section 4.3.9).
        let mut tickets = None;
        if flight.has_common_psk_mode {
            let hash = flight.transcript.current();
            let resumption = flight.main.into_resumption(&hash, &mut context.observers)?;
            tickets = Some(ServerTickets::new(resumption.into_secret()));
        }
        let mut post_handshake_auth = None;
        if let Some(terms) = flight.post_handshake_auth {
            post_handshake_auth = Some(PostHandshakeAuthServer::new(terms, flight.transcript));
        }
        let role = ServerRole { tickets, post_handshake_auth };
        let proof = HandshakeProof::new(peer, finished);
        let mut connected = Connected::new(proof, secrets, role, context);
        let count = context.tickets.as_ref().map_or(0, |plan| plan.count);
        let Connected { role, secrets, .. } = &mut *connected;
        role.issue_tickets(count, flight.rules_digest, secrets, context)?;
        Ok(connected)
    }
}
