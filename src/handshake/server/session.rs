//! CheckingSession: a session was found for the client's ticket. May this configuration resume it?
//! What it rests on is asked about again (see [`crate::session`]).

use super::flight::Offer;
use super::{Context, Question, State, pre_shared_key};
use crate::error::Error;
use crate::handshake::peer_identity::Reverification;
use crate::handshake::proof::AnonymousAllowed;
use crate::handshake::question::{Answered, KeptHello, ResolvePsk, not_asked};
use crate::observer::{Event, Offered};
use crate::psk::ChosenPsk;
use crate::reply::Reply;
use crate::session::{KeyRecord, PeerCredential};
use crate::wire::{ClientHello, ExtensionType};

/// Asks about what the session of this ticket rests on. One session is looked at and no more: the
/// client has proved nothing yet.
pub(super) fn check(
    offer: Offer,
    ticket: ChosenPsk,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    let credential = ticket.key.session.as_ref().map(|session| session.credential.clone());
    match credential.unwrap_or_default() {
        PeerCredential::None => {
            let policy = offer.config.client_authentication.as_deref();
            let good = AnonymousAllowed::by(policy, false).is_ok();
            settle(offer, &ticket, good, hello, context)
        }
        PeerCredential::PreSharedKey(record) => ask_for_key(offer, ticket, &record, hello, context),
        credential => ask_verifier(offer, ticket, &credential, hello, context),
    }
}

/// Does the resolver still have the key that vouched for the client?
fn ask_for_key(
    offer: Offer,
    ticket: ChosenPsk,
    record: &KeyRecord,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    let Some(resolver) = &offer.config.psks else {
        return settle(offer, &ticket, false, hello, context);
    };
    let question = ResolvePsk::of_session(offer.cipher_suite, &record.identity, hello);
    match resolver.resolve(&question.client_hello()?, &offer.cipher_suite) {
        Reply::Now(choice) => {
            let good = is_key_of(choice.as_ref(), record);
            settle(offer, &ticket, good, hello, context)
        }
        Reply::Later => rest(offer, ticket, Question::ResolvePsk(question), hello, context),
    }
}

/// Is what the client has shown still good?
fn ask_verifier(
    offer: Offer,
    ticket: ChosenPsk,
    credential: &PeerCredential,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    let Some(policy) = offer.config.client_authentication.clone() else {
        return settle(offer, &ticket, false, hello, context);
    };
    let reverification = Reverification {
        verifier: &*policy.verifier,
        server_name: None,
        ocsp_requested: policy.asked.contains(&ExtensionType::STATUS_REQUEST),
        now: context.now.unix(),
    };
    let Some(identity) = reverification.identity(credential) else {
        return settle(offer, &ticket, false, hello, context);
    };
    match identity.verify(&*policy.verifier) {
        Reply::Now(result) => settle(offer, &ticket, result.is_ok(), hello, context),
        Reply::Later => rest(offer, ticket, identity.into_question(), hello, context),
    }
}

fn is_key_of(choice: Option<&ChosenPsk>, record: &KeyRecord) -> bool {
    choice.is_some_and(|choice| choice.key.is_key_of(record))
}

fn rest(
    offer: Offer,
    ticket: ChosenPsk,
    question: Question,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    context.ask(question);
    let hello = KeptHello::new(hello);
    Ok(State::CheckingSession(Box::new(CheckingSession { offer, ticket, hello })))
}

/// The resolver or the verifier was asked, and has not answered yet.
pub(in crate::handshake) struct CheckingSession {
    offer: Offer,
    ticket: ChosenPsk,
    hello: KeptHello,
}

impl CheckingSession {
    pub(super) fn on_answer(
        self,
        answered: Answered,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { offer, ticket, hello } = self;
        let credential = ticket.key.session.as_ref().map(|session| &session.credential);
        let good = match (answered, credential) {
            (Answered::Psk(_, choice), Some(PeerCredential::PreSharedKey(record))) => {
                is_key_of(choice.as_ref(), record)
            }
            (Answered::Peer(_, result), _) => result.is_ok(),
            _ => return Err(not_asked()),
        };
        settle(offer, &ticket, good, &hello.parse()?, context)
    }
}

/// Resumes the session, if it is good and still alive: an answer may have taken long. Else the keys
/// that were agreed on elsewhere are next, then the certificate.
fn settle(
    offer: Offer,
    ticket: &ChosenPsk,
    good: bool,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    let alive = ticket.key.session.as_ref().is_some_and(|it| it.is_alive(context.now));
    if good && alive {
        return pre_shared_key::take(offer, ticket, hello, context);
    }
    let reason = match alive {
        true => "what it rests on (the client's certificate or key) is not accepted now",
        false => "it is too old",
    };
    context.observers.emit(|| Event::NotTaken(Offered::Session, reason));
    pre_shared_key::resolve(offer, hello, context)
}
