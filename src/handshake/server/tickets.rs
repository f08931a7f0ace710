//! The tickets of a client: which of them is of this server, and how many more it gets (RFC 9846,
//! section 4.7.1; RFC 9149).

use std::sync::Arc;

use zeroize::Zeroizing;

use super::flight::Offer;
use super::negotiation::takes_psk;
use super::{Context, Question, State, pre_shared_key, session};
use crate::config::ServerConfig;
use crate::error::Error;
use crate::handshake::new_session_ticket::TicketPlan;
use crate::handshake::question::{KeptHello, TakeSession};
use crate::observer::{Event, Offered};
use crate::psk::{ChosenPsk, PreSharedKey};
use crate::registry::CertificateType;
use crate::reply::Reply;
use crate::session::{ServerSession, Zone};
use crate::wire::ClientHello;

/// How many tickets a client gets that resumes nothing. None without a mode to use them in.
pub(super) fn plan(config: &Arc<ServerConfig>, hello: &ClientHello<'_>) -> Option<TicketPlan> {
    if config.sessions.is_none() || !takes_psk(config, hello) {
        return None;
    }
    let wanted = hello.ticket_request.map_or(u8::MAX, |[new, _]| new);
    Some(TicketPlan { config: Arc::clone(config), count: config.tickets.min(wanted) })
}

/// How many identities are looked at: a bound on the work that a list of thousands can ask for.
const LOOKED_AT: u16 = 16;

/// Is the client's identity at this place a ticket of this server? The store knows. When there is
/// no more to look at, the keys that were agreed on elsewhere are next.
pub(super) fn look_up(
    offer: Offer,
    index: u16,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    let usable = offer.binder_hash.is_some() && index < LOOKED_AT;
    let offered = hello.pre_shared_keys.filter(|_| usable);
    let offered = offered.and_then(|keys| keys.iter().nth(index.into()));
    let (Some(sessions), Some((offered, _))) = (&offer.config.sessions, offered) else {
        return pre_shared_key::resolve(offer, hello, context);
    };
    let (ticket, reply) = (offered.identity, sessions.take(offered.identity, context.now.unix()));
    let state = TakingSession { offer, index };
    match reply {
        Reply::Now(session) => state.on_session(ticket, session, hello, context),
        Reply::Later => {
            let hello = KeptHello::new(hello);
            context.ask(Question::TakeSession(TakeSession { ticket: ticket.to_vec(), hello }));
            Ok(State::TakingSession(Box::new(state)))
        }
    }
}

/// The store was asked, and has not answered yet.
pub(in crate::handshake) struct TakingSession {
    offer: Offer,
    /// The place of the ticket in the client's list.
    index: u16,
}

impl TakingSession {
    /// Takes the first session that is alive, made under the same rules, and of a name that is served.
    pub(super) fn on_session(
        self,
        ticket: &[u8],
        session: Option<Zeroizing<Vec<u8>>>,
        hello: &ClientHello<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { offer, index } = self;
        let Some(bytes) = session else { return look_up(offer, index + 1, hello, context) };
        let mut session = match take_session(&offer.config, index, &bytes, context) {
            Ok(session) => session,
            Err(reason) => {
                context.observers.emit(|| Event::NotTaken(Offered::Session, reason));
                return look_up(offer, index + 1, hello, context);
            }
        };
        if !takes_early_data(&offer.config, session.zone) {
            session.session.max_early_data_size = 0;
        }
        match PreSharedKey::of_ticket(ticket, session.session, [&offer.cipher_suite]) {
            Some(key) => session::check(offer, ChosenPsk { index, key }, hello, context),
            None => look_up(offer, index + 1, hello, context),
        }
    }
}

/// The session that a store has for the ticket at this place of the client's list, if it may be
/// resumed; else why not.
fn take_session(
    config: &ServerConfig,
    index: u16,
    bytes: &[u8],
    context: &mut Context,
) -> Result<ServerSession, &'static str> {
    let Ok(stored) = ServerSession::decode(bytes) else {
        return Err("its bytes are of another version of this library, or were changed");
    };
    // 0-RTT data are under the first key that is offered.
    if index == 0 {
        context.zero_rtt.allowed_by_ticket = stored.session.max_early_data_size;
    }
    let name = context.parameters.server_name.as_deref();
    if stored.policy != config.session_policy(name) {
        return Err("it was made by another configuration, or for another server name or protocol");
    }
    if !stored.session.is_alive(context.now) {
        return Err("it is too old, or from the future by this clock");
    }
    if !config.resolver.serves(name) {
        return Err("its server name is not served here");
    }
    Ok(stored)
}

/// May this server take 0-RTT data under a ticket of this zone? Only the zone that issued a ticket
/// knows which ClientHellos with it came before (section 8.2).
fn takes_early_data(config: &ServerConfig, zone: Option<Zone>) -> bool {
    match config.early_data.as_ref().and_then(|(_, anti_replay)| anti_replay.zone()) {
        Some(own) => zone == Some(own),
        None => true,
    }
}

/// A ticket was taken: as many more are sent as the client asks for. Returns the type of the own
/// certificate that the session goes back to, for clients that look for it: extensions are negotiated
/// for each handshake (section 4.3).
pub(super) fn resumed(
    key: &PreSharedKey,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Option<CertificateType> {
    let session = key.session.as_ref()?;
    context.session_basis.own_type = session.own_type;
    if let (Some(plan), Some([_, resumed])) = (&mut context.tickets, hello.ticket_request) {
        plan.count = plan.config.tickets.min(resumed);
    }
    let types = hello.server_certificate_types?;
    types.contains(&session.own_type.0).then_some(session.own_type)
}
