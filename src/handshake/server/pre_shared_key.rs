//! The decision about a pre-shared key that was agreed on outside of TLS, and the proof that the
//! client has the key, of this kind or of a ticket: its binder (RFC 9846, sections 4.3.11 and 4.3.11.2).
//! `resumption.rs` decides about tickets, `wire/pre_shared_key.rs` has the form.

use super::negotiate::{Negotiated, Negotiating, Undecided};
use super::selection::{self, has_common_psk_mode};
use super::{Context, Question, cert_with_extern_psk, early_data, ticket_request};
use crate::config::ServerConfig;
use crate::crypto::{Digest, HashAlgorithm};
use crate::error::{Error, ErrorKind};
use crate::handshake::proof::PskProven;
use crate::handshake::question::ResolvePsk;
use crate::key_schedule::{EarlySecret, PskKind, Transcript};
use crate::observer::{Event, Offered};
use crate::psk::{ChosenPsk, PreSharedKey, printable_identity};
use crate::reply::Reply;
use crate::session::{EarlyDataTerms, Zone};
use crate::time::Time;
use crate::wire::{ClientHello, ExtensionType};

/// Adds the ClientHello to the transcript, and returns the hash that binders are made over: of what
/// came before, and of the ClientHello up to its binders. `None` where no key is offered that may be used
/// in one of its modes.
pub(super) fn add_client_hello(
    config: &ServerConfig,
    transcript: &mut Transcript,
    message: &[u8],
    hello: &ClientHello<'_>,
) -> Option<Digest> {
    let Some((truncated, binders)) = split_binders(config, message, hello) else {
        transcript.add_bytes(message);
        return None;
    };
    transcript.add_bytes(truncated);
    let binder_hash = transcript.current();
    transcript.add_bytes(binders);
    Some(binder_hash)
}

/// The ClientHello up to its binders, and the binders.
fn split_binders<'a>(
    config: &ServerConfig,
    message: &'a [u8],
    hello: &ClientHello<'_>,
) -> Option<(&'a [u8], &'a [u8])> {
    let offered = hello.pre_shared_keys?;
    if !has_common_psk_mode(config, hello) {
        return None;
    }
    message.split_at_checked(message.len().checked_sub(offered.binders_length())?)
}

/// No session is resumed: looks for one of the client's keys. An observer learns why none is used, if the
/// client has offered some.
pub(super) fn resolve(
    negotiating: &mut Negotiating,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<Option<ChosenPsk>, Undecided> {
    if let Some(key) = look_up(negotiating, hello, context)? {
        return Ok(Some(key));
    }
    if hello.pre_shared_keys.is_some() {
        let Negotiating { negotiated, binder_hash, .. } = negotiating;
        let reason = why_none(&negotiated.config, binder_hash.is_some(), context);
        context.observers.emit(|| Event::NotTaken(Offered::PreSharedKeys, reason));
        early_data::report_refused("no session or key was taken", context);
    }
    Ok(None)
}

/// Asks the resolver for one of the client's keys, for a hash of the suites that may be used: external
/// keys influence which suite is used (section 4.3.11). A key for another hash is passed over, and so are
/// all keys where the server does not serve the name that the client asks for.
pub(super) fn look_up(
    negotiating: &mut Negotiating,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<Option<ChosenPsk>, Undecided> {
    let Negotiating { negotiated, binder_hash, answers, .. } = negotiating;
    let (Some(resolver), Some(_)) = (&negotiated.config.psks, &binder_hash) else {
        return Ok(None);
    };
    if !serves_name(&negotiated.config, context) {
        return Ok(None);
    }
    let hashes = usable_hashes(negotiated, hello, context);
    let reply = answers.psk.take_or_ask(|| resolver.resolve(hello, &hashes));
    let Reply::Now(choice) = reply else {
        let question = ResolvePsk { hashes, hello: answers.keep(hello), of_session: None };
        return Err(Undecided::ask(Question::ResolvePsk(question), context));
    };
    let Some(choice) = choice else {
        return Ok(None);
    };
    if negotiated.cert_with_extern_psk && choice.key.kind() == PskKind::Resumption {
        return Err(cert_with_extern_psk::resumption_key().into());
    }
    if !hashes.contains(&choice.key.hash()) {
        return Ok(None);
    }
    Ok(Some(choice))
}

/// The hashes of the suites that may be used, in the server's order. A HelloRetryRequest has settled the
/// suite (section 4.2.4).
fn usable_hashes(
    negotiated: &Negotiated,
    hello: &ClientHello<'_>,
    context: &Context,
) -> Vec<HashAlgorithm> {
    if context.parameters.retried {
        return vec![negotiated.cipher_suite.hash.algorithm()];
    }
    selection::hashes(&negotiated.config, hello)
}

/// Does the server serve the name that the client asks for? With a key, no certificate shows it.
fn serves_name(config: &ServerConfig, context: &Context) -> bool {
    config.resolver.serves(context.parameters.server_name.as_deref())
}

/// Why none of the keys that the client offered is used.
fn why_none(config: &ServerConfig, mode_is_taken: bool, context: &Context) -> &'static str {
    if !mode_is_taken {
        return "the client names no mode for them (psk_key_exchange_modes) that this server takes";
    }
    if !serves_name(config, context) {
        return "the server name that the client asks for is not served here";
    }
    match (&config.sessions, &config.psks) {
        (None, None) => "this server takes none",
        (Some(_), None) => {
            "none is a session that this server can take: they may be another server's, or of \
             before it was started, unless both have the same ticket keys"
        }
        (None, Some(_)) => {
            "none has an identity that this server knows, for one of the common cipher suites: compare \
             the identities at both sides"
        }
        (Some(_), Some(_)) => {
            "none is a session that this server can take, or has an identity that it knows, for \
             one of the common cipher suites: compare the identities and the ticket keys"
        }
    }
}

/// A key that the client has proved to have, without the key itself: it is wiped as soon as the early
/// secret is derived from it.
pub(super) struct ProvenPsk {
    /// The place of the key in the client's list.
    pub(super) index: u16,
    /// The terms of 0-RTT data under the key. `None` if it allows none.
    pub(super) early_data: Option<EarlyDataTerms>,
    /// The ticket whose key it is. `None` for an external key.
    pub(super) ticket: Option<ProvenTicket>,
    /// The first stage of the key schedule, with the key in it.
    pub(super) early: EarlySecret,
    pub(super) proof: PskProven,
}

/// What 0-RTT data under a ticket depend on.
pub(super) struct ProvenTicket {
    pub(super) issued: Time,
    pub(super) age_add: u32,
    /// How far the age may be from what the client says, in seconds.
    pub(super) early_data_window: u32,
    /// In QUIC: the early data context of the server that sent the ticket, if it had one.
    pub(super) early_data_context: Option<Vec<u8>>,
    /// The zone that may take 0-RTT data under it. `None` where each server may.
    pub(super) zone: Option<Zone>,
}

/// Uses this key: its binder must prove that the client has it, too. A wrong binder is a
/// `decrypt_error`; only the binder of this key is checked (section 4.3.11).
pub(super) fn prove(
    negotiating: &mut Negotiating,
    choice: ChosenPsk,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<ProvenPsk, Error> {
    let Negotiating { negotiated, binder_hash, zone_of_session, .. } = negotiating;
    let offered = hello.pre_shared_keys.and_then(|keys| keys.iter().nth(choice.index.into()));
    let (Some((offered, binder)), Some(hash)) = (offered, binder_hash) else {
        return Err(ErrorKind::Refused("resolve PSK").into());
    };
    let secret = choice.key.secret();
    let mut early = context.early_secret(&negotiated.cipher_suite, Some(secret))?;
    let expected = early
        .binder_key(choice.key.kind(), &mut context.observers)?
        .finished(hash, &mut context.observers)?;
    let Some(proof) = PskProven::by_binder(&expected, binder) else {
        let identity = identity_of(&choice.key, offered.identity);
        if negotiated.cert_with_extern_psk {
            return Err(cert_with_extern_psk::wrong_binder(identity.as_deref()));
        }
        return Err(ErrorKind::WrongBinder { identity }.into());
    };
    if negotiated.cert_with_extern_psk {
        // Certificates authenticate as without the key.
        context.parameters.pre_shared_key = Some(choice.key.kind());
        context.parameters.cert_with_extern_psk = true;
        // What a session of this connection is based on could not be verified again.
        context.tickets = None;
    } else {
        context.inherit_from_session(&choice.key)?;
        context.show_peer();
        if choice.key.session().is_some() {
            ticket_request::for_resumed_session(&mut context.tickets, hello);
        }
        settle(negotiated, &choice.key, hello, context);
    }
    let ChosenPsk { index, key } = choice;
    let ticket = key.session().map(|session| ProvenTicket {
        issued: session.since,
        age_add: session.age_add,
        early_data_window: session.early_data_window,
        zone: *zone_of_session,
        early_data_context: session.quic.as_ref().and_then(|quic| quic.early_data_limits.clone()),
    });
    Ok(ProvenPsk { index, early_data: key.early_data, ticket, early, proof })
}

/// Changes what was negotiated, as the key requires.
fn settle(
    negotiated: &mut Negotiated,
    key: &PreSharedKey,
    hello: &ClientHello<'_>,
    context: &mut Context,
) {
    if let Some(session) = key.session() {
        // Extensions are negotiated for each handshake (section 4.3): a client that looks for the
        // type of the server's certificate gets that of the session.
        context.set_own_type(session.own_type);
        let types = hello.server_certificate_types.unwrap_or_default();
        if types.contains(&session.own_type.0) {
            negotiated.server_certificate_type = Some(session.own_type);
        }
    }
    // Section 4.4.2: no certificates in the handshake beside a key, and beside an external one not
    // later either, however often the connection was resumed since.
    let may_be_asked_later = negotiated.offered.contains(&ExtensionType::POST_HANDSHAKE_AUTH)
        && !context.session_basis.is_external_key();
    if !may_be_asked_later {
        negotiated.client_certificate_type = None;
    }
}

/// The identity of a key that the client offered, for an error. `None` for a ticket.
fn identity_of(key: &PreSharedKey, identity: &[u8]) -> Option<String> {
    match key.session() {
        Some(_) => None,
        None => Some(printable_identity(identity)),
    }
}
