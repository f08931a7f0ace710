//! NewSessionTicket (RFC 9846, section 4.7.1): a server makes and sends tickets, a client stores
//! them.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use pki_types::ServerName;

use super::{ClientRole, Context, ServerRole};
use crate::config::ServerConfig;
use crate::crypto::{ProviderError, Secret, SecureRandom, provider_fault};
use crate::error::{Error, ErrorKind};
use crate::handshake::Handshake;
use crate::handshake::context::TicketPlan;
use crate::handshake::traffic_secrets::ConnectionSecrets;
use crate::registry::HandshakeType;
use crate::session::{
    ClientSession, ClientSessionStore, MAX_LIFETIME, MAX_PARAMETERS_LENGTH, MAX_TICKET_LENGTH,
    QuicSession, RULES_DIGEST_LENGTH, ServerSession, Session, TicketOrigin, seconds_left,
};
use crate::wire::{Extensions, HandshakeMessage, NewSessionTicket};

/// What a client needs to store the tickets that the server sends.
pub(in crate::handshake) struct ClientTickets {
    pub(in crate::handshake) server_name: ServerName<'static>,
    pub(in crate::handshake) sessions: Arc<dyn ClientSessionStore>,
    /// See [`ConnectionSecrets::resumption`].
    pub(in crate::handshake) resumption: Secret,
}

/// What a server needs to send tickets.
pub(in crate::handshake) struct ServerTickets {
    /// See [`ConnectionSecrets::resumption`].
    resumption: Secret,
    nonces: TicketNonces,
}

impl ServerTickets {
    pub(in crate::handshake) fn new(resumption: Secret) -> Self {
        Self { resumption, nonces: TicketNonces::default() }
    }
}

/// The nonces of the tickets that were sent on a connection. Each ticket has its own: the nonce
/// makes its PSK.
#[derive(Default)]
struct TicketNonces {
    /// The number of the next ticket of the library. Its nonce is this number.
    next: u64,
    /// The nonces that the application chose.
    of_application: BTreeSet<Vec<u8>>,
}

impl TicketNonces {
    fn contains(&self, nonce: &[u8]) -> bool {
        let is_number_before_next = nonce.len() == 8 && *nonce < self.next.to_be_bytes()[..];
        is_number_before_next || self.of_application.contains(nonce)
    }

    /// The nonce of the next ticket of the library: the first number that the application has not
    /// used.
    fn next(&mut self) -> [u8; 8] {
        while self.of_application.contains(&self.next.to_be_bytes()[..]) {
            self.next += 1;
        }
        self.next.to_be_bytes()
    }
}

/// A ticket that the library has made.
struct Ticket {
    lifetime: u32,
    age_add: u32,
    nonce: [u8; 8],
    /// How the server finds the session again: the store has made it.
    identity: Vec<u8>,
    /// Zero where the server accepts no 0-RTT data.
    max_early_data_size: u32,
}

impl Ticket {
    fn send(&self, context: &mut Context) {
        let message = NewSessionTicket {
            lifetime: self.lifetime,
            age_add: self.age_add,
            nonce: &self.nonce,
            ticket: &self.identity,
            extensions: Extensions::default(),
            max_early_data_size: match self.max_early_data_size {
                0 => None,
                size => Some(size),
            },
        };
        context.send(None, |out| message.write(out));
    }
}

impl Handshake {
    /// Sends `count` more tickets, if the server is configured for tickets and the client can use
    /// them: for example after the client has authenticated (section 4.7.1). The first tickets are
    /// sent without this call.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] before the handshake is complete.
    pub fn send_tickets(&mut self, count: u8) -> Result<(), Error> {
        self.with_connected(|connected, context| match connected.role.as_server_mut() {
            Some(server) => server.issue_tickets(count, None, &connected.secrets, context),
            None => Ok(()),
        })
    }

    /// Sends a ticket of the application's making, and returns the PSK that goes with it (section
    /// 4.7.1). A server with [`sessions`](crate::config::ServerConfigBuilder::sessions) does not
    /// need this.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] on a client, before the handshake is complete, for a field that is out
    /// of range, for a nonce that was used before on this connection, and where the client can use no
    /// ticket: it names no mode for pre-shared keys that this server takes (section 4.3.9).
    pub fn send_ticket(&mut self, ticket: &NewSessionTicket<'_>) -> Result<Secret, Error> {
        let server = self.connected()?.role.as_server().ok_or_else(only_servers)?;
        // Before the machine moves, so that a mistake of the caller ends nothing.
        server.tickets.as_ref().ok_or_else(no_tickets)?.check_application_ticket(ticket)?;
        self.with_connected(|connected, context| {
            let server = connected.role.as_server_mut().ok_or_else(only_servers)?;
            let tickets = server.tickets.as_mut().ok_or_else(no_tickets)?;
            tickets.send_application_ticket(ticket, &connected.secrets, context)
        })
    }

    /// Is this a connected client that stores tickets?
    #[cfg(feature = "tokio")]
    pub(crate) fn stores_tickets(&self) -> bool {
        self.connected().is_ok_and(|connected| connected.role.stores_tickets())
    }
}

impl ServerRole {
    /// Makes and sends tickets: fewer than `count` where no ticket can be made any more. `rules_digest` is that of
    /// the session that was resumed, which was under the same rules.
    pub(in crate::handshake) fn issue_tickets(
        &mut self,
        count: u8,
        rules_digest: Option<[u8; RULES_DIGEST_LENGTH]>,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        let (Some(plan), Some(tickets)) = (context.tickets.clone(), &mut self.tickets) else {
            return Ok(());
        };
        if count == 0 {
            return Ok(());
        }
        let name = context.parameters.server_name.as_deref();
        let rules_digest = rules_digest.unwrap_or_else(|| plan.config.session_rules_digest(name));
        for _ in 0..count {
            let made = tickets.make_ticket(&plan, rules_digest, secrets, context)?;
            let Some(ticket) = made else { break };
            ticket.send(context);
        }
        Ok(())
    }
}

impl ServerTickets {
    /// Makes a ticket and stores its session. `None` where the peer authenticated too long ago, the
    /// session is too long, or the store has no ticket for it: that is no reason to end the
    /// connection. The lifetime is at most seven days (section 4.7.1).
    fn make_ticket(
        &mut self,
        plan: &TicketPlan,
        rules_digest: [u8; RULES_DIGEST_LENGTH],
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<Option<Ticket>, Error> {
        let config = &plan.config;
        let Some(sessions) = &config.sessions else { return Ok(None) };
        let authenticated = context.session_basis.authenticated;
        let lifetime = config.ticket_lifetime.min(seconds_left(authenticated, context.now));
        if lifetime == 0 {
            return Ok(None);
        }
        let age_add = next_age_add(&*config.common.provider.random, context)?;
        let nonce = self.nonces.next();
        let resumption = secrets.resumption(&self.resumption);
        let max_early_data_size = max_early_data_size(config, context.records);
        let session = ServerSession {
            zone: config.anti_replay_zone(),
            rules_digest,
            session: Session {
                cipher_suite: secrets.suite().id,
                secret: resumption.psk(&nonce, &mut context.observers)?,
                since: context.now,
                authenticated,
                lifetime,
                age_add,
                application_protocol: context.parameters.application_protocol.clone(),
                max_early_data_size,
                early_data_window: config.early_data_window,
                credential: context.session_basis.credential.for_session(),
                answer: None,
                own_type: plan.own_type,
                resumption_data: context.resumption_data.to_vec(),
                quic: context.quic.as_ref().map(|quic| QuicSession {
                    version: quic.version,
                    early_data_limits: quic.early_data_context.clone(),
                }),
            },
        };
        if !session.is_short() {
            return Ok(None);
        }
        let kept_for = Duration::from_secs(lifetime.into());
        let Ok(identity) = sessions.put(&session.encode(), context.now.unix(), kept_for) else {
            return Ok(None);
        };
        if !(1..=MAX_TICKET_LENGTH).contains(&identity.len()) {
            return Ok(None);
        }
        self.nonces.next += 1;
        Ok(Some(Ticket { lifetime, age_add, nonce, identity, max_early_data_size }))
    }

    /// The limits of section 4.7.1.
    fn check_application_ticket(&self, ticket: &NewSessionTicket<'_>) -> Result<(), Error> {
        let is_in_range = ticket.lifetime <= MAX_LIFETIME
            && ticket.nonce.len() <= 255
            && (1..=0xffff).contains(&ticket.ticket.len());
        if is_in_range && !self.nonces.contains(ticket.nonce) {
            return Ok(());
        }
        Err(ErrorKind::Misuse("the ticket's fields are out of range, or its nonce was used").into())
    }

    fn send_application_ticket(
        &mut self,
        ticket: &NewSessionTicket<'_>,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<Secret, Error> {
        let resumption = secrets.resumption(&self.resumption);
        let psk = resumption.psk(ticket.nonce, &mut context.observers)?;
        context.send(None, |out| ticket.encode(out));
        self.nonces.of_application.insert(ticket.nonce.to_vec());
        Ok(psk)
    }
}

impl ClientRole {
    /// On a client: the server has sent a ticket. It is stored with what the session is based on
    /// (section 4.7.1). [`ClientSession::new`] cuts a lifetime of more than seven days, and gives no
    /// session for a lifetime of zero.
    pub(super) fn on_new_session_ticket(
        &self,
        message: &HandshakeMessage<'_>,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        let ticket = NewSessionTicket::parse(message.body)?;
        check_early_data_size(&ticket, context)?;
        let Some(tickets) = &self.tickets else { return Ok(()) };
        let resumption = secrets.resumption(&tickets.resumption);
        let psk = resumption.psk(ticket.nonce, &mut context.observers)?;
        let (basis, suite) = (&context.session_basis, secrets.suite().id);
        let mut origin = TicketOrigin::new(tickets.server_name.clone(), suite, basis.authenticated);
        origin.group = context.parameters.group;
        origin.application_protocol = context.parameters.application_protocol.clone();
        let (credential, answer) = (basis.credential.for_session(), basis.answer.clone());
        let session = ClientSession::new(origin, &ticket, psk, context.now.as_duration());
        if let Some(session) = session
            .and_then(|session| session.authenticated_by(credential, answer.map(|answer| *answer)))
        {
            let data = context.resumption_data.to_vec();
            tickets.sessions.put(session.with_data(data, quic_session(context)));
        }
        Ok(())
    }
}

/// Without records the size says that 0-RTT data may come, and not how many. In QUIC another size is a
/// PROTOCOL_VIOLATION (RFC 9001, section 4.6.1).
fn check_early_data_size(ticket: &NewSessionTicket<'_>, context: &Context) -> Result<(), Error> {
    let is_another_size = ticket.max_early_data_size.is_some_and(|size| size != u32::MAX);
    if context.records || !is_another_size {
        return Ok(());
    }
    if context.quic.is_some() {
        let reason =
            "the server's NewSessionTicket has a max_early_data_size that is not 0xffffffff";
        return Err(ErrorKind::QuicProtocolViolation(reason).into());
    }
    let reason = "without records it must be 0xffffffff";
    Err(Error::illegal(HandshakeType::NEW_SESSION_TICKET, "early_data", reason))
}

/// The ticket_age_add of the next ticket. That of the first one was drawn with the random of ServerHello.
fn next_age_add(generator: &dyn SecureRandom, context: &mut Context) -> Result<u32, ProviderError> {
    if let Some(plan) = &mut context.tickets {
        if let Some(drawn) = plan.first_age_add.take() {
            return Ok(u32::from_be_bytes(drawn));
        }
    }
    let mut drawn = [0; 4];
    provider_fault::fill(generator, &mut drawn)?;
    Ok(u32::from_be_bytes(drawn))
}

fn only_servers() -> Error {
    ErrorKind::Misuse("only servers send tickets").into()
}

fn no_tickets() -> Error {
    let reason =
        "the client can use no ticket: psk_key_exchange_modes has none that this server takes";
    ErrorKind::Misuse(reason).into()
}

/// What a client keeps of a connection of QUIC. Without the server's transport parameters, as they are
/// too long, the session allows no 0-RTT data.
fn quic_session(context: &Context) -> Option<QuicSession> {
    let quic = context.quic.as_ref()?;
    let parameters = context.parameters.transport_parameters.as_ref();
    let early_data_limits = parameters.filter(|it| it.len() <= MAX_PARAMETERS_LENGTH).cloned();
    Some(QuicSession { version: quic.version, early_data_limits })
}

/// What a ticket says of 0-RTT data under it; 0 where none are accepted.
fn max_early_data_size(config: &ServerConfig, records: bool) -> u32 {
    match &config.early_data {
        // In QUIC this means yes.
        Some(_) if !records => u32::MAX,
        Some(early_data) => early_data.max_size,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_nonce_is_used_twice() {
        let mut nonces = TicketNonces::default();
        for number in [0_u64, 2, 3] {
            nonces.of_application.insert(number.to_be_bytes().to_vec());
        }
        for number in [1_u64, 4, 5] {
            let nonce = nonces.next();
            assert_eq!(nonce, number.to_be_bytes());
            assert_eq!(nonces.next(), nonce, "it is not used before a ticket is sent");
            nonces.next += 1;
            assert!(nonces.contains(&nonce));
        }
        for unused in [&[][..], &[0], &6_u64.to_be_bytes(), &[0; 9]] {
            assert!(!nonces.contains(unused), "{unused:?}");
        }
        assert!(nonces.contains(&3_u64.to_be_bytes()));
    }
}
