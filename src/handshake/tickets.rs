//! Tickets after the handshake: a server makes them, a client keeps them (RFC 9846, section
//! 4.7.1).

use pki_types::ServerName;

use super::Context;
use super::post_handshake::Connected;
use crate::config::ServerConfig;
use crate::crypto::{Secret, provider_fault};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::ResumptionSecret;
use crate::registry::{CipherSuiteId, HandshakeType};
use crate::session::{
    ClientSession, ClientSessionStore, MAX_LIFETIME, MAX_TICKET_LENGTH, ServerSession, Session,
    TicketOrigin, seconds_left,
};
use crate::wire::{ExtensionType, Extensions, NewSessionTicket, write_extension};

/// A server gave this client a ticket: `secrets` are those of the connection, and its suite.
pub(super) fn keep(
    secrets: (&ResumptionSecret, CipherSuiteId),
    ticket: &NewSessionTicket<'_>,
    server_name: &ServerName<'static>,
    sessions: &dyn ClientSessionStore,
    context: &mut Context,
) -> Result<(), Error> {
    // In QUIC the size says yes or no, and nothing else (RFC 9001, section 4.6.1).
    let size = ticket.max_early_data_size;
    if !context.records && size.is_some_and(|size| size != u32::MAX) {
        let reason = "in QUIC it must be 0xffffffff";
        return Err(Error::illegal(HandshakeType::NEW_SESSION_TICKET, "early_data", reason));
    }
    let parameters = &context.parameters;
    let origin = TicketOrigin {
        server_name: server_name.clone(),
        cipher_suite: secrets.1,
        application_protocol: parameters.application_protocol.clone(),
        certificates: None,
        raw_public_key: None,
        authenticated: context.resumption.authenticated,
    };
    let received = context.now.as_duration();
    let psk = secrets.0.psk(ticket.nonce, &mut context.observers)?;
    let credential = context.resumption.credential.for_session();
    let answer = context.resumption.answer.clone();
    let session = ClientSession::new(origin, ticket, psk, received);
    if let Some(session) = session.and_then(|session| session.resting_on(credential, answer)) {
        sessions.put(session);
    }
    Ok(())
}

/// What a ticket says of 0-RTT data under it; 0 where none are accepted.
fn max_early_data_size(config: &ServerConfig, records: bool) -> u32 {
    match config.early_data {
        // In QUIC this means yes.
        Some(_) if !records => u32::MAX,
        Some((max_size, _)) => max_size,
        None => 0,
    }
}

impl Connected {
    /// Sends tickets of the server's own making. Each has a nonce of its own, and so a key.
    pub(super) fn send_tickets(&mut self, count: u8, context: &mut Context) -> Result<(), Error> {
        let Some((config, _)) = context.resumption.tickets.clone() else { return Ok(()) };
        for _ in 0..count {
            if !self.send_one_ticket(&config, context)? {
                break;
            }
        }
        Ok(())
    }

    /// False where there is none to send.
    fn send_one_ticket(
        &mut self,
        config: &ServerConfig,
        context: &mut Context,
    ) -> Result<bool, Error> {
        let Some(sessions) = &config.sessions else { return Ok(false) };
        let authenticated = context.resumption.authenticated;
        let lifetime = config.ticket_lifetime.min(seconds_left(authenticated, context.now));
        if lifetime == 0 {
            return Ok(false);
        }
        let nonce = self.new_nonce();
        let mut age_add = [0; 4];
        provider_fault::fill(&*config.provider.random, &mut age_add)?;
        let age_add = u32::from_be_bytes(age_add);
        let max_early_data_size = max_early_data_size(config, context.records);
        let session = ServerSession {
            zone: config.early_data.as_ref().and_then(|(_, anti_replay)| anti_replay.zone()),
            policy: config.session_policy(context.parameters.server_name.as_deref()),
            session: Session {
                cipher_suite: self.read.suite().id,
                secret: self.resumption.psk(&nonce, &mut context.observers)?,
                since: context.now,
                authenticated,
                lifetime,
                age_add,
                application_protocol: context.parameters.application_protocol.clone(),
                max_early_data_size,
                early_data_window: config.early_data_window,
                credential: context.resumption.credential.for_session(),
                answer: None,
                own_type: context.resumption.own_type,
            },
        };
        if !session.is_short() {
            return Ok(false);
        }
        // A store without room is no reason to end the connection.
        let ticket = sessions.put(&session.encode(), context.now.unix()).unwrap_or_default();
        if !(1..=MAX_TICKET_LENGTH).contains(&ticket.len()) {
            return Ok(false);
        }
        let mut extensions = Vec::new();
        if max_early_data_size > 0 {
            write_extension(&mut extensions, ExtensionType::EARLY_DATA, |out| {
                out.extend_from_slice(&max_early_data_size.to_be_bytes());
            });
        }
        let message = NewSessionTicket {
            lifetime,
            age_add,
            nonce: &nonce,
            ticket: &ticket,
            extensions: Extensions::written(&extensions),
            max_early_data_size: None,
        };
        context.send(None, |out| message.encode(out));
        self.nonces.push(nonce.to_vec());
        Ok(true)
    }

    /// One that no ticket of this connection has.
    fn new_nonce(&self) -> [u8; 8] {
        let mut number = self.nonces.len() as u64;
        while self.nonces.contains(&number.to_be_bytes().to_vec()) {
            number += 1;
        }
        number.to_be_bytes()
    }

    /// Asked before the machine is moved, so that a mistake of the caller's ends nothing.
    pub(super) fn check_ticket(&self, ticket: &NewSessionTicket<'_>) -> Result<(), Error> {
        let fits = ticket.lifetime <= MAX_LIFETIME
            && ticket.nonce.len() <= 255
            && (1..=0xffff).contains(&ticket.ticket.len())
            && !self.nonces.iter().any(|nonce| nonce == ticket.nonce);
        if fits {
            return Ok(());
        }
        Err(ErrorKind::Misuse("the ticket's fields are out of range, or its nonce was used").into())
    }

    pub(super) fn send_ticket(
        &mut self,
        ticket: &NewSessionTicket<'_>,
        context: &mut Context,
    ) -> Result<Secret, Error> {
        let psk = self.resumption.psk(ticket.nonce, &mut context.observers)?;
        context.send(None, |out| ticket.encode(out));
        self.nonces.push(ticket.nonce.to_vec());
        Ok(psk)
    }
}
