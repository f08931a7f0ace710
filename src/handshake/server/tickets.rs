//! The tickets of a client: which of them is of this server, and how many more it gets (RFC 9846,
//! section 4.7.1; RFC 9149).

use std::sync::Arc;

use super::Context;
use super::flight::Offer;
use super::pre_shared_key::LOOKED_AT;
use crate::config::{ChosenPsk, PeerIdentity, PreSharedKey, ServerConfig};
use crate::session::{ServerSession, Session};
use crate::wire::{ClientHello, PSK_DHE_KE, PSK_KE};

/// How many tickets a client gets that resumes nothing. None without a mode to use them in.
pub(super) fn wanted(
    config: &Arc<ServerConfig>,
    hello: &ClientHello<'_>,
) -> Option<(Arc<ServerConfig>, u8)> {
    let modes = hello.psk_key_exchange_modes?;
    let usable =
        modes.contains(&PSK_DHE_KE) || config.psk_without_key_exchange && modes.contains(&PSK_KE);
    let wanted = hello.ticket_request.map_or(u8::MAX, |[new, _]| new);
    let count = config.tickets.min(wanted);
    (usable && config.sessions.is_some()).then(|| (Arc::clone(config), count))
}

/// The key of the first ticket that is of this server, alive, and made under the same rules.
pub(super) fn find(offer: &Offer, hello: &ClientHello<'_>, context: &Context) -> Option<ChosenPsk> {
    let config = &offer.config;
    let sessions = config.sessions.as_ref()?;
    let policy = config.session_policy(context.parameters.server_name.as_deref());
    let offered = hello.pre_shared_keys?.iter();
    let chosen = (0..LOOKED_AT).zip(offered).find_map(|(index, (offered, _))| {
        let bytes = sessions.take(offered.identity, context.now)?;
        let ServerSession { session, policy: made_under } = ServerSession::decode(&bytes).ok()?;
        let good = made_under == policy && session.is_alive(context.now);
        let suites = good.then_some(&offer.cipher_suite);
        let key = PreSharedKey::of_ticket(offered.identity, session, suites)?;
        Some(ChosenPsk { index, key })
    });
    // One chain is judged and no more: the client has proved nothing yet.
    chosen.filter(|chosen| {
        chosen.key.session.as_ref().is_some_and(|session| still_accepted(config, session, context))
    })
}

/// Are the client's certificates good still?
fn still_accepted(config: &ServerConfig, session: &Session, context: &Context) -> bool {
    match (&config.client_authentication, PeerIdentity::of_session(session, None, context.now)) {
        (Some(policy), Some(peer)) => peer.is_still_good(&*policy.verifier),
        // Who has to show a certificate and did not had a shared key.
        (Some(policy), None) if policy.required && policy.in_handshake => config.psks.is_some(),
        _ => true,
    }
}

/// A ticket was taken: what its session has goes over to this connection.
pub(super) fn take_over(key: &PreSharedKey, hello: &ClientHello<'_>, context: &mut Context) {
    let Some(session) = &key.session else { return };
    context.parameters.certificates.clone_from(&session.certificates);
    context.resumption.authenticated = session.authenticated;
    if let (Some((config, count)), Some([_, resumed])) =
        (&mut context.resumption.tickets, hello.ticket_request)
    {
        *count = config.tickets.min(resumed);
    }
}
