//! AcceptingEarlyData and ExpectEndOfEarlyData: 0-RTT data, taken or passed over (RFC 9846,
//! sections 4.3.10, 4.6 and 8).

use core::time::Duration;

use super::finished::ExpectFinished;
use super::flight::{self, Offer};
use super::pre_shared_key::ProvenPsk;
use super::{Context, Question, State};
use crate::crypto::ring::sha256;
use crate::error::Error;
use crate::handshake::question::{AcceptEarlyData, KeptHello};
use crate::handshake::{EarlyData, Level, Step, expect};
use crate::key_schedule::TrafficSecret;
use crate::observer::{Event, Offered};
use crate::psk::ChosenPsk;
use crate::registry::HandshakeType;
use crate::reply::Reply;
use crate::session::{ClientHelloRecord, EarlyDataOffer};
use crate::time::Time;
use crate::wire::{ClientHello, EndOfEarlyData, HandshakeMessage};

/// The key is right. Are there 0-RTT data under it that may be accepted?
pub(super) fn decide(
    offer: Offer,
    choice: &ChosenPsk,
    psk: ProvenPsk,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    let offered = match offered(&offer, choice, hello, context) {
        Ok(offered) => offered,
        Err(reason) => {
            say_refused(reason, context);
            return flight::send_with_psk(offer, psk, context);
        }
    };
    let reply = offer.config.early_data_policy.accept(&offered);
    let state = AcceptingEarlyData { offer, psk };
    match reply {
        Reply::Now(accept) => state.on_decision(&offered, accept, context),
        Reply::Later => {
            let hello = KeptHello::new(hello);
            context.ask(Question::AcceptEarlyData(AcceptEarlyData { offer: offered, hello }));
            Ok(State::AcceptingEarlyData(Box::new(state)))
        }
    }
}

/// An observer hears why 0-RTT data are not taken, if some were offered.
pub(super) fn say_refused(reason: &'static str, context: &mut Context) {
    if context.parameters.early_data == EarlyData::Offered {
        context.observers.emit(|| Event::NotTaken(Offered::EarlyData, reason));
    }
}

/// The 0-RTT data of this ClientHello, if nothing but a replay stands against accepting them; else
/// what does.
fn offered(
    offer: &Offer,
    choice: &ChosenPsk,
    hello: &ClientHello<'_>,
    context: &Context,
) -> Result<EarlyDataOffer, &'static str> {
    let (max_size, _) = offer.config.early_data.as_ref().ok_or("this server takes none")?;
    let keys = hello.pre_shared_keys.ok_or("there is no key to protect them")?;
    let (identity, binder) = keys.iter().next().ok_or("there is no key to protect them")?;
    let terms = choice.key.early_data.as_ref().ok_or("the session or key allows none here")?;
    if context.parameters.early_data != EarlyData::Offered {
        return Err("none were offered");
    }
    if choice.index != 0 {
        return Err("they are protected with another key than the one that was taken");
    }
    // In QUIC the size of a ticket is no size (RFC 9001, section 4.6.1).
    if terms.max_size > *max_size && context.records {
        return Err("the session allows more of them than this server takes now");
    }
    if terms.cipher_suite != offer.cipher_suite.id {
        return Err("the cipher suite is not the session's");
    }
    if terms.application_protocol != context.parameters.application_protocol {
        return Err("the application protocol is not the session's");
    }
    let beginning = Time::default().unix();
    let id = sha256(binder);
    let mut client_hello =
        ClientHelloRecord { id, issued: None, fresh_since: beginning, fresh_until: None };
    if let Some(session) = &choice.key.session {
        let age = identity.obfuscated_ticket_age.wrapping_sub(session.age_add);
        // Registers remember the ClientHello for as long as any server takes its data: by the
        // window of the ticket, which is the same for all of them. Another one may be narrower.
        let window = Duration::from_secs(session.early_data_window.into());
        let own_window = Duration::from_secs(offer.config.early_data_window.into());
        // Section 8.3. It is off in one direction for data that were replayed later, and in the
        // other for a ticket that is from the future by this clock.
        let expected_arrival = session.since.after(Duration::from_millis(age.into()));
        if expected_arrival.difference(context.now) > window.min(own_window) {
            return Err(
                "they came later or earlier than the client's clock says: a delay or a replay",
            );
        }
        client_hello.issued = Some(session.since.unix());
        client_hello.fresh_since = expected_arrival.before(window).unix();
        // The next whole second.
        let until = expected_arrival.after(window).after(Duration::from_secs(1));
        client_hello.fresh_until = Some(until.unix());
    }
    let server_name = context.parameters.server_name.clone();
    Ok(EarlyDataOffer { terms: terms.clone(), server_name, client_hello })
}

/// The policy was asked, and has not answered yet.
pub(in crate::handshake) struct AcceptingEarlyData {
    offer: Offer,
    psk: ProvenPsk,
}

impl AcceptingEarlyData {
    pub(super) fn on_decision(
        self,
        EarlyDataOffer { terms, client_hello, .. }: &EarlyDataOffer,
        accept: bool,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { mut offer, psk } = self;
        let anti_replay = offer.config.early_data.as_ref().map(|(_, anti_replay)| anti_replay);
        if !accept {
            say_refused("the policy does not accept them", context);
        } else if !anti_replay
            .is_some_and(|it| it.check_and_record(client_hello, context.now.unix()))
        {
            say_refused(
                "the register has seen them, or cannot know: the session may be of before it was \
                 started, or of that very second",
                context,
            );
        } else {
            let hash = offer.transcript.current();
            let secret = psk.early.client_early_traffic(&hash, &mut context.observers)?;
            let exporter = psk.early.early_exporter(&hash, &mut context.observers)?;
            offer.early_secret = Some(secret);
            context.zero_rtt.exporter = Some(Box::new(exporter));
            context.zero_rtt.bytes_left = terms.max_size;
            context.parameters.early_data = EarlyData::Accepted;
        }
        flight::send_with_psk(offer, psk, context)
    }
}

/// 0-RTT data that were offered are not taken: they are passed over.
pub(super) fn reject(context: &mut Context) {
    if context.parameters.early_data == EarlyData::Offered {
        context.parameters.early_data = EarlyData::Rejected;
        context.steps.push(Step::SkipEarlyData);
    }
}

/// 0-RTT data are read first. Records tell them from the handshake by their end; packets of QUIC
/// say which of the two they are.
pub(super) fn read(secret: TrafficSecret, client_secret: &TrafficSecret, context: &mut Context) {
    context.steps.read_keys(Level::EarlyData, secret);
    if !context.records {
        context.steps.read_keys(Level::Handshake, client_secret.clone());
    }
}

/// 0-RTT data come until the client says that they have ended.
pub(super) fn on_end(
    mut next: Box<ExpectFinished>,
    message: HandshakeMessage<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    expect(&message, HandshakeType::END_OF_EARLY_DATA)?;
    EndOfEarlyData::parse(message.body)?;
    next.flight.transcript.add(&message);
    context.zero_rtt.bytes_left = 0;
    context.steps.read_keys(Level::Handshake, next.flight.client_secret.clone());
    Ok(State::ExpectFinished(next))
}
