//! ResolvingPsk: which of the client's keys, and does the client have it? (RFC 9846, section
//! 4.3.11.)

use super::client_hello::choose_certificate;
use super::flight::Offer;
use super::negotiation::takes_psk;
use super::{Context, Question, State, early_data, tickets};
use crate::config::ServerConfig;
use crate::crypto::Digest;
use crate::error::{Error, ErrorKind};
use crate::handshake::proof::PskProven;
use crate::handshake::question::{KeptHello, ResolvePsk};
use crate::key_schedule::{EarlySecret, Transcript};
use crate::observer::{Event, Offered};
use crate::psk::ChosenPsk;
use crate::reply::Reply;
use crate::wire::{ClientHello, HandshakeMessage, PSK_DHE_KE};

/// The transcript that binders are made over: what came before, and the ClientHello up to its
/// binders. `None` where no key is offered that may be used in one of its modes.
pub(super) fn binder_hash(
    config: &ServerConfig,
    before: &Transcript,
    message: &HandshakeMessage<'_>,
    hello: &ClientHello<'_>,
) -> Option<Digest> {
    let offered = hello.pre_shared_keys.filter(|_| takes_psk(config, hello))?;
    let length = message.bytes.len().checked_sub(offered.binders_length())?;
    Some(before.current_with(message.bytes.get(..length)?))
}

/// A key that the client has proved to have, and its place in the client's list.
pub(super) struct ProvenPsk {
    pub(super) early: EarlySecret,
    pub(super) index: u16,
    pub(super) proof: PskProven,
}

/// No ticket is taken: asks for the key, if there is one to ask for; else the certificate is next.
pub(super) fn resolve(
    offer: Offer,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    let Some(resolver) = offer.config.psks.as_ref().filter(|_| offer.binder_hash.is_some()) else {
        return without(offer, hello, context);
    };
    let reply = resolver.resolve(hello, &offer.cipher_suite);
    let cipher_suite = offer.cipher_suite;
    let state = ResolvingPsk { offer };
    match reply {
        Reply::Now(choice) => state.on_choice(choice, hello, context),
        Reply::Later => {
            let hello = KeptHello::new(hello);
            let question = ResolvePsk { cipher_suite, hello, of_session: None };
            context.ask(Question::ResolvePsk(question));
            Ok(State::ResolvingPsk(Box::new(state)))
        }
    }
}

/// The resolver was asked, and has not answered yet.
pub(in crate::handshake) struct ResolvingPsk {
    offer: Offer,
}

impl ResolvingPsk {
    pub(super) fn on_choice(
        self,
        choice: Option<ChosenPsk>,
        hello: &ClientHello<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let offer = self.offer;
        let suits = |choice: &ChosenPsk| choice.key.hash() == offer.cipher_suite.hash.algorithm();
        match choice.filter(suits) {
            Some(choice) => take(offer, &choice, hello, context),
            None => without(offer, hello, context),
        }
    }
}

/// No key is taken: the certificate is next. If keys were offered, an observer hears why.
fn without(offer: Offer, hello: &ClientHello<'_>, context: &mut Context) -> Result<State, Error> {
    if hello.pre_shared_keys.is_some() {
        let reason = why_none(&offer);
        context.observers.emit(|| Event::NotTaken(Offered::PreSharedKeys, reason));
        early_data::say_refused("no session or key was taken", context);
    }
    choose_certificate(offer, hello, context)
}

/// Why none of the keys that the client offered is taken.
fn why_none(offer: &Offer) -> &'static str {
    if offer.binder_hash.is_none() {
        return "the client names no mode for them (psk_key_exchange_modes) that this server takes";
    }
    match (&offer.config.sessions, &offer.config.psks) {
        (None, None) => "this server takes none",
        (Some(_), None) => {
            "none is a session that this server can take: they may be another server's, or of \
             before it was started"
        }
        (None, Some(_)) => "none has an identity that this server knows, for this cipher suite",
        (Some(_), Some(_)) => {
            "none is a session that this server can take, or has an identity that it knows, for \
             this cipher suite"
        }
    }
}

/// How an error calls a key that the client offered: by its identity, unless that is a ticket.
fn words(choice: &ChosenPsk, hello: &ClientHello<'_>) -> String {
    const SHOWN: usize = 64;
    if choice.key.session.is_some() {
        return "the session of its ticket".to_owned();
    }
    let offered = hello.pre_shared_keys.and_then(|keys| keys.iter().nth(choice.index.into()));
    let identity = offered.map(|(offered, _)| offered.identity).unwrap_or_default();
    let shown = identity.get(..SHOWN).unwrap_or(identity);
    let more = if shown.len() < identity.len() { "..." } else { "" };
    format!("the pre-shared key \"{}{more}\"", shown.escape_ascii())
}

/// Takes this key, or a ticket's: its binder must prove that the client has it, too.
pub(super) fn take(
    mut offer: Offer,
    choice: &ChosenPsk,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    let ChosenPsk { index, key } = choice;
    let offered = hello.pre_shared_keys.and_then(|keys| keys.iter().nth(usize::from(*index)));
    let (Some((_, binder)), Some(hash)) = (offered, offer.binder_hash) else {
        return Err(ErrorKind::Refused("resolve PSK").into());
    };
    let early = EarlySecret::new(offer.cipher_suite, Some(&key.secret), &mut context.observers)?;
    let expected = early
        .binder_key(key.kind(), &mut context.observers)?
        .finished(&hash, &mut context.observers)?;
    let proof = PskProven::by_binder(&expected, binder)
        .ok_or_else(|| ErrorKind::WrongBinder { key: words(choice, hello) })?;
    context.inherit_from_session(key);
    context.show_peer();
    offer.server_certificate_type = tickets::resumed(key, hello, context);
    if !hello.psk_key_exchange_modes.is_some_and(|modes| modes.contains(&PSK_DHE_KE)) {
        offer.exchange = None;
        context.parameters.group = None;
    }
    let psk = ProvenPsk { early, index: *index, proof };
    early_data::decide(offer, choice, psk, hello, context)
}
