//! The decision about the session of a ticket (RFC 9846, sections 4.3.11 and 4.7.1): which of the
//! client's tickets is of this server, and may its session be resumed? What the session depends on is
//! asked about again (see [`crate::session`]). `pre_shared_key.rs` then checks the binder.

use super::negotiate::{Answers, Negotiated, Negotiating, Undecided};
use super::{Context, Question, cert_with_extern_psk, selection};
use crate::config::ServerConfig;
use crate::crypto::HashAlgorithm;
use crate::handshake::EarlyData;
use crate::handshake::peer_identity::Reverification;
use crate::handshake::proof::AnonymousAllowed;
use crate::handshake::question::{ResolvePsk, TakeSession};
use crate::observer::{Event, Offered};
use crate::psk::{ChosenPsk, PreSharedKey};
use crate::reply::Reply;
use crate::session::{KeyRecord, PeerCredential, ServerSession, Zone};
use crate::wire::ClientHello;

/// How many identities are looked up: a bound on the work that a list of thousands can ask for.
const MAX_LOOKED_UP: u16 = 16;

/// How many identities a store is asked about that answers later: each answer may take as long as a timeout
/// of that store. Clients offer one ticket or two.
const MAX_ASKED_ABOUT: u16 = 4;

/// The session of one of the client's tickets, as a pre-shared key (section 4.3.11).
///
/// The first session that the store has, and that fits, is checked. No other one is checked after
/// it: the client has proved nothing yet.
pub(super) fn find(
    negotiating: &mut Negotiating,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<Option<ChosenPsk>, Undecided> {
    if negotiating.session.is_none() {
        negotiating.session = look_up(negotiating, hello, context)?;
    }
    let Negotiating { negotiated, answers, session, tickets_looked_up, .. } = negotiating;
    let Some(found) = session else {
        return Ok(None);
    };
    let accepted = is_accepted_now(found, negotiated, answers, hello, context)?;
    // No other ticket is looked up after this one.
    *tickets_looked_up = MAX_LOOKED_UP;
    // The answers may have taken long.
    let session_of_ticket = found.key.session();
    let is_alive = session_of_ticket.is_some_and(|session| session.is_alive(context.now));
    let found = session.take();
    if accepted && is_alive {
        return Ok(found);
    }
    let reason = if is_alive {
        "what it depends on (the client's certificate or key) is not accepted now"
    } else {
        "it is too old"
    };
    context.observers.emit(|| Event::NotTaken(Offered::Session, reason));
    Ok(None)
}

/// Looks the client's identities up as tickets, up to the first one that has a session that fits. A
/// ticket that is not known, or too old, is passed over (sections 4.3.11 and 4.7.1).
fn look_up(
    negotiating: &mut Negotiating,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<Option<ChosenPsk>, Undecided> {
    let Negotiating {
        negotiated, binder_hash, answers, tickets_looked_up, zone_of_session, ..
    } = negotiating;
    let (Some(sessions), Some(_), Some(offered)) =
        (&negotiated.config.sessions, binder_hash, hello.pre_shared_keys)
    else {
        return Ok(None);
    };
    while *tickets_looked_up < MAX_LOOKED_UP {
        let index = *tickets_looked_up;
        let Some((offered, _)) = offered.iter().nth(index.into()) else {
            break;
        };
        let ticket = offered.identity;
        let reply = answers.session.take_or_ask(|| sessions.take(ticket, context.now.unix()));
        let Reply::Now(stored) = reply else {
            if *tickets_looked_up >= MAX_ASKED_ABOUT {
                *tickets_looked_up += 1;
                continue;
            }
            let question = TakeSession { ticket: ticket.to_vec(), hello: answers.keep(hello) };
            return Err(Undecided::ask(Question::TakeSession(question), context));
        };
        *tickets_looked_up += 1;
        let Some(bytes) = stored else {
            continue;
        };
        if negotiated.cert_with_extern_psk {
            return Err(cert_with_extern_psk::resumption_key().into());
        }
        match read(&negotiated.config, index, &bytes, context) {
            Ok(stored) => {
                *zone_of_session = stored.zone;
                negotiated.rules_digest = Some(stored.rules_digest);
                // A HelloRetryRequest has settled the suite (section 4.2.4).
                let key = if context.parameters.retried {
                    PreSharedKey::of_ticket(ticket, stored.session, [&negotiated.cipher_suite])
                } else {
                    let suites = selection::common_suites(&negotiated.config, hello);
                    PreSharedKey::of_ticket(ticket, stored.session, suites)
                };
                match key {
                    Some(key) => return Ok(Some(ChosenPsk { index, key })),
                    None => {
                        let reason = "it is for cipher suites with another hash";
                        context.observers.emit(|| Event::NotTaken(Offered::Session, reason));
                    }
                }
            }
            Err(reason) => context.observers.emit(|| Event::NotTaken(Offered::Session, reason)),
        }
    }
    Ok(None)
}

/// The session that a store has for the ticket at this place of the client's list: if it is alive,
/// was made under the same rules, and is of a name that is served. Else why not.
fn read(
    config: &ServerConfig,
    index: u16,
    bytes: &[u8],
    context: &mut Context,
) -> Result<ServerSession, &'static str> {
    let Ok(mut stored) = ServerSession::decode(bytes) else {
        return Err("its bytes are of another version of this library, or were changed");
    };
    // 0-RTT data are under the first key that is offered.
    if index == 0 && context.parameters.early_data == EarlyData::Offered {
        let zero_rtt = context.zero_rtt.get_or_insert_default();
        zero_rtt.allowed_by_ticket = stored.session.max_early_data_size;
    }
    let name = context.parameters.server_name.as_deref();
    if stored.rules_digest != config.session_rules_digest(name) {
        return Err("it was made by another configuration, or for another server name or protocol");
    }
    if !context.has_protocol_of(&stored.session) {
        return Err("it is of another version of QUIC, or of TLS over another transport");
    }
    if !stored.session.is_alive(context.now) {
        return Err("it is too old, or from the future by this clock");
    }
    if !config.resolver.serves(name) {
        return Err("its server name is not served here");
    }
    if !takes_early_data(config, stored.zone) {
        stored.session.max_early_data_size = 0;
    }
    Ok(stored)
}

/// May this server take 0-RTT data under a ticket of this zone? Only the zone that issued a ticket
/// knows which ClientHellos with it came before (sections 8 and 8.2).
fn takes_early_data(config: &ServerConfig, zone: Option<Zone>) -> bool {
    match config.anti_replay_zone() {
        Some(own) => zone == Some(own),
        None => true,
    }
}

/// Is what the session depends on accepted by this configuration, now?
fn is_accepted_now(
    found: &ChosenPsk,
    negotiated: &Negotiated,
    answers: &mut Answers,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<bool, Undecided> {
    let session = found.key.session();
    match session.map_or(&PeerCredential::None, |session| &session.credential) {
        PeerCredential::None => {
            let policy = negotiated.config.client_authentication.as_deref();
            Ok(AnonymousAllowed::by(policy, false).is_ok())
        }
        PeerCredential::PreSharedKey(record) => {
            let hash = found.key.hash();
            is_key_still_there(record, hash, negotiated, answers, hello, context)
        }
        credential => is_credential_still_good(credential, negotiated, answers, context),
    }
}

/// Does the resolver still have the key that the client proved to have? Its hash was that of the session's
/// suite.
fn is_key_still_there(
    record: &KeyRecord,
    hash: HashAlgorithm,
    negotiated: &Negotiated,
    answers: &mut Answers,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<bool, Undecided> {
    let Some(resolver) = &negotiated.config.psks else {
        return Ok(false);
    };
    let choice = match answers.psk.take() {
        Reply::Now(choice) => choice,
        Reply::Later => {
            let question = ResolvePsk::of_session(hash, &record.identity, answers.keep(hello));
            let hello_of_session = question.client_hello()?;
            let Reply::Now(choice) = resolver.resolve(&hello_of_session, &question.hashes) else {
                return Err(Undecided::ask(Question::ResolvePsk(question), context));
            };
            choice
        }
    };
    Ok(choice.is_some_and(|choice| choice.key.is_key_of(record, context.sha256())))
}

/// Does the verifier still accept what the client has shown?
fn is_credential_still_good(
    credential: &PeerCredential,
    negotiated: &Negotiated,
    answers: &mut Answers,
    context: &mut Context,
) -> Result<bool, Undecided> {
    if let Reply::Now(result) = answers.peer.take() {
        return Ok(result.is_ok());
    }
    let Some(policy) = &negotiated.config.client_authentication else {
        return Ok(false);
    };
    let reverification = Reverification {
        verifier: &*policy.verifier,
        server_name: None,
        ocsp_request: policy.ocsp_request(),
        now: context.now.unix(),
    };
    let Some(identity) = reverification.identity(credential) else {
        return Ok(false);
    };
    match identity.verify(&*policy.verifier) {
        Reply::Now(result) => Ok(result.is_ok()),
        Reply::Later => Err(Undecided::ask(Question::verify(identity), context)),
    }
}
