//! How many tickets a client gets (RFC 9846, section 4.7.1; RFC 9149).

use std::sync::Arc;

use super::selection::has_common_psk_mode;
use crate::config::ServerConfig;
use crate::handshake::context::TicketPlan;
use crate::registry::CertificateType;
use crate::wire::ClientHello;

/// The tickets for a client that resumes no session. `None` where the server makes no tickets, or
/// the client names no mode to use them in.
pub(super) fn for_new_session(
    config: &Arc<ServerConfig>,
    hello: &ClientHello<'_>,
) -> Option<TicketPlan> {
    if config.sessions.is_none() || !has_common_psk_mode(config, hello) {
        return None;
    }
    let count = match hello.ticket_request {
        Some(request) => config.tickets.min(request.new_session_count),
        None => config.tickets,
    };
    Some(TicketPlan {
        config: Arc::clone(config),
        count,
        own_type: CertificateType::X509,
        first_age_add: None,
    })
}

/// The tickets for a client that resumes a session: one if it requests no number, in the place of the ticket
/// that it has used.
pub(super) fn for_resumed_session(tickets: &mut Option<TicketPlan>, hello: &ClientHello<'_>) {
    let Some(tickets) = tickets else {
        return;
    };
    let wanted = match hello.ticket_request {
        Some(request) => request.resumption_count,
        None => 1,
    };
    tickets.count = tickets.config.tickets.min(wanted);
}
