//! The decision about 0-RTT data (RFC 9846, sections 4.3.10 and 8): they are accepted or rejected.
//! `early_data_limit.rs` counts their bytes; `session/anti_replay.rs` has the register of ClientHellos.

use core::time::Duration;

use super::negotiate::{Answers, Negotiated, Negotiating, Undecided};
use super::pre_shared_key::ProvenPsk;
use super::{Context, Question};
use crate::config::ServerConfig;
use crate::crypto::provider_fault;
use crate::handshake::question::{AcceptEarlyData, CheckReplay};
use crate::handshake::{EarlyData, Level, Step};
use crate::key_schedule::TrafficSecret;
use crate::observer::{Event, Offered};
use crate::reply::Reply;
use crate::session::{ClientHelloRecord, EarlyDataOffer, ReplayCheck};
use crate::time::Time;
use crate::wire::{ClientHello, PskIdentity};

/// The policy's answer about these 0-RTT data.
pub(super) struct EarlyDataAnswer {
    pub(super) offer: EarlyDataOffer,
    pub(super) accepted: bool,
}

/// A pre-shared key is used. Are there 0-RTT data under it that may be accepted (sections 4.3.10,
/// 4.3.11.3 and 8)?
pub(super) fn decide(
    negotiating: &mut Negotiating,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<(), Undecided> {
    let Negotiating { negotiated, answers, psk: Some(psk), .. } = negotiating else {
        return Ok(());
    };
    // The last question. When its answer is there, all the others have theirs.
    let replay_check = match answers.replay_check.take() {
        Reply::Now(replay_check) => replay_check,
        Reply::Later => {
            let Some(offer) = accepted_offer(negotiated, answers, psk, hello, context)? else {
                return Ok(());
            };
            let record = offer.client_hello;
            let Reply::Now(replay_check) = check_and_record(&record, negotiated, context) else {
                let now = context.now.unix();
                let question = CheckReplay { record, now, hello: answers.keep(hello) };
                return Err(Undecided::ask(Question::CheckReplay(question), context));
            };
            replay_check
        }
    };
    match replay_check {
        ReplayCheck::New => {
            let hash = negotiated.transcript.current();
            let max_size = psk.early_data.as_ref().map_or(0, |terms| terms.max_size);
            let secret = context.begin_early_data(&psk.early, &hash, max_size)?;
            negotiated.early_secret = Some(secret);
            context.parameters.early_data = EarlyData::Accepted;
        }
        ReplayCheck::Seen => {
            report_refused("the register has seen this ClientHello: it is a replay", context);
        }
        ReplayCheck::Unknown => report_refused(
            "the register cannot know whether it has seen this ClientHello: it is full or was not \
             reached, or the session may be of before it was started, or of that very second",
            context,
        ),
    }
    Ok(())
}

/// The 0-RTT data of this ClientHello, if they are acceptable and the policy accepts them. What is left
/// to check is whether they are a replay.
fn accepted_offer(
    negotiated: &Negotiated,
    answers: &mut Answers,
    psk: &ProvenPsk,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<Option<EarlyDataOffer>, Undecided> {
    let EarlyDataAnswer { offer, accepted } = match answers.early_data.take() {
        Reply::Now(answer) => answer,
        Reply::Later => {
            let offer = match offered(negotiated, psk, hello, context) {
                Ok(offer) => offer,
                Err(reason) => {
                    report_refused(reason, context);
                    return Ok(None);
                }
            };
            let Reply::Now(accepted) = negotiated.config.early_data_policy.accept(&offer) else {
                let question = AcceptEarlyData { offer, hello: answers.keep(hello) };
                return Err(Undecided::ask(Question::AcceptEarlyData(question), context));
            };
            EarlyDataAnswer { offer, accepted }
        }
    };
    if !accepted {
        report_refused("the policy does not accept them, or has no answer", context);
        return Ok(None);
    }
    Ok(Some(offer))
}

/// Has the register seen this ClientHello before? If not, it records it (section 8.2).
fn check_and_record(
    client_hello: &ClientHelloRecord,
    negotiated: &Negotiated,
    context: &Context,
) -> Reply<ReplayCheck> {
    match &negotiated.config.early_data {
        Some(early_data) => {
            early_data.anti_replay.check_and_record(client_hello, context.now.unix())
        }
        None => Reply::Now(ReplayCheck::Unknown),
    }
}

/// Reports why 0-RTT data are not accepted, if some were offered.
pub(super) fn report_refused(reason: &'static str, context: &mut Context) {
    if context.parameters.early_data == EarlyData::Offered {
        context.observers.emit(|| Event::NotTaken(Offered::EarlyData, reason));
    }
}

/// The 0-RTT data of this ClientHello, if they may be accepted unless they are a replay. The error
/// says why they may not (sections 4.3.10 and 8.2).
fn offered(
    negotiated: &Negotiated,
    psk: &ProvenPsk,
    hello: &ClientHello<'_>,
    context: &Context,
) -> Result<EarlyDataOffer, &'static str> {
    let config = &negotiated.config;
    let accepted = config.early_data.as_ref().ok_or("this server takes none")?;
    let keys = hello.pre_shared_keys.ok_or("there is no key to protect them")?;
    let (identity, binder) = keys.iter().next().ok_or("there is no key to protect them")?;
    let terms = psk.early_data.as_ref().ok_or("the session or key allows none here")?;
    if context.parameters.early_data != EarlyData::Offered {
        return Err("none were offered");
    }
    if psk.index != 0 {
        return Err("they are protected with another key than the one that was taken");
    }
    // In QUIC the size of a ticket is no size (RFC 9001, section 4.6.1).
    if terms.max_size > accepted.max_size && context.records {
        return Err("the session allows more of them than this server takes now");
    }
    // A server that has lowered its limits must not accept them (RFC 9000, section 7.4.1).
    let own_context = context.quic.as_ref().and_then(|quic| quic.early_data_context.as_ref());
    let kept_context = psk.ticket.as_ref().and_then(|ticket| ticket.early_data_context.as_ref());
    if own_context != kept_context {
        return Err("the session is of a connection of QUIC with another early data context");
    }
    if terms.cipher_suite != negotiated.cipher_suite.id {
        return Err("the cipher suite is not the session's");
    }
    if terms.application_protocol != context.parameters.application_protocol {
        return Err("the application protocol is not the session's");
    }
    let client_hello = check_age(identity, binder, psk, config, context)?;
    let server_name = context.parameters.server_name.clone();
    let resumption_data = context.parameters.resumption_data.clone();
    Ok(EarlyDataOffer { terms: terms.clone(), server_name, client_hello, resumption_data })
}

/// Checks the obfuscated_ticket_age (section 8.3). Returns what a register records of a fresh
/// ClientHello (section 8.2). An external key has no age: such a ClientHello is always fresh.
fn check_age(
    identity: PskIdentity<'_>,
    binder: &[u8],
    psk: &ProvenPsk,
    config: &ServerConfig,
    context: &Context,
) -> Result<ClientHelloRecord, &'static str> {
    let id = provider_fault::sha256(context.sha256(), binder);
    let Some(ticket) = &psk.ticket else {
        let fresh_since = Time::default().unix();
        return Ok(ClientHelloRecord {
            id,
            issued: None,
            fresh_since,
            fresh_until: None,
            zone: None,
        });
    };
    let age = identity.obfuscated_ticket_age.wrapping_sub(ticket.age_add);
    // A register must remember the ClientHello as long as any server would accept its data. So it uses
    // the window in the ticket, which is the same for all servers. This server's window may be narrower.
    let window = Duration::from_secs(ticket.early_data_window.into());
    let own_window = Duration::from_secs(config.early_data_window.into());
    // The data arrive too late if they were replayed later. They arrive too early if the ticket is from
    // the future by this clock.
    let expected_arrival = ticket.issued.after(Duration::from_millis(age.into()));
    if expected_arrival.difference(context.now) > window.min(own_window) {
        return Err("they came later or earlier than the client's clock says: a delay or a replay");
    }
    // The next whole second.
    let until = expected_arrival.after(window).after(Duration::from_secs(1));
    Ok(ClientHelloRecord {
        id,
        issued: Some(ticket.issued.unix()),
        fresh_since: expected_arrival.before(window).unix(),
        fresh_until: Some(until.unix()),
        zone: ticket.zone,
    })
}

/// Rejects the 0-RTT data that the client offered, if any. `record/protection/mod.rs`
/// skips their records (section 4.3.10).
pub(super) fn reject(context: &mut Context) {
    if context.parameters.early_data == EarlyData::Offered {
        context.parameters.early_data = EarlyData::Rejected;
        context.steps.push(Step::SkipEarlyData);
    }
}

/// Installs the keys for 0-RTT data, which come first. In records, EndOfEarlyData separates them from
/// the handshake. A packet of QUIC says which of the two it carries, so both keys are in use.
pub(super) fn install_read_keys(
    secret: TrafficSecret,
    client_secret: &TrafficSecret,
    context: &mut Context,
) {
    context.steps.read_keys(Level::EarlyData, secret);
    if !context.records {
        context.steps.read_keys(Level::Handshake, client_secret.clone());
    }
}
