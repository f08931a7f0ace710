//! ResolvingPsk: which of the client's keys, and does the client have it? (RFC 9846, section
//! 4.3.11.)

use std::sync::Arc;

use super::client_hello::choose_certificate;
use super::flight::{self, Offer};
use super::{Context, Question, State};
use crate::config::{ChosenPsk, Reply, ServerConfig};
use crate::crypto::{CipherSuite, Digest};
use crate::error::{Error, ErrorKind};
use crate::handshake::proof::PskProven;
use crate::handshake::question::{ChooseCertificate, ResolvePsk};
use crate::key_schedule::{EarlySecret, Transcript};
use crate::wire::{ClientHello, HandshakeMessage};

/// The transcript that binders are made over: what came before, and the ClientHello up to its
/// binders. `None` where no key is offered that may be used with a fresh key exchange.
pub(super) fn binder_hash(
    cipher_suite: &CipherSuite,
    before: Option<&Transcript>,
    message: &HandshakeMessage<'_>,
    hello: &ClientHello<'_>,
) -> Option<Digest> {
    const PSK_DHE_KE: u8 = 1;
    let offered = hello.pre_shared_keys?;
    hello.psk_key_exchange_modes?.iter().find(|mode| **mode == PSK_DHE_KE)?;
    let length = message.bytes.len().checked_sub(offered.binders_length())?;
    let truncated = message.bytes.get(..length)?;
    Some(match before {
        Some(transcript) => transcript.current_with(truncated),
        None => cipher_suite.hash.digest(truncated),
    })
}

/// Asks for the key, if there is one to ask for; else the certificate is next.
pub(super) fn resolve(
    config: Arc<ServerConfig>,
    offer: Offer,
    message: &HandshakeMessage<'_>,
    hello: &ClientHello<'_>,
    context: &mut Context<'_>,
) -> Result<State, Error> {
    let resolver = config.psks.clone().filter(|_| offer.binder_hash.is_some());
    match resolver.map(|resolver| resolver.resolve(hello, &offer.cipher_suite)) {
        None => choose_certificate(config, offer, message.bytes, hello, context),
        Some(Reply::Now(choice)) => on_choice(config, offer, choice, message.bytes, hello, context),
        Some(Reply::Later) => {
            let hello = ChooseCertificate { message: message.bytes.to_vec() };
            let question = ResolvePsk { cipher_suite: offer.cipher_suite, hello };
            let question = Question::ResolvePsk(question);
            Ok(State::ResolvingPsk(Box::new(ResolvingPsk { config, offer, question })))
        }
    }
}

/// The resolver was asked, and has not answered yet.
pub(in crate::handshake) struct ResolvingPsk {
    config: Arc<ServerConfig>,
    offer: Offer,
    question: Question,
}

impl ResolvingPsk {
    pub(super) fn question(&self) -> &Question {
        &self.question
    }

    pub(super) fn on_choice(
        self: Box<Self>,
        choice: Option<ChosenPsk>,
        context: &mut Context<'_>,
    ) -> Result<State, Error> {
        let Question::ResolvePsk(question) = self.question else {
            return Err(ErrorKind::Internal("the question changed").into());
        };
        let (message, hello) = (&question.hello.message, question.client_hello()?);
        on_choice(self.config, self.offer, choice, message, &hello, context)
    }
}

fn on_choice(
    config: Arc<ServerConfig>,
    offer: Offer,
    choice: Option<ChosenPsk>,
    message: &[u8],
    hello: &ClientHello<'_>,
    context: &mut Context<'_>,
) -> Result<State, Error> {
    let suits = |choice: &ChosenPsk| choice.key.hash() == offer.cipher_suite.hash.algorithm();
    let Some(ChosenPsk { index, key }) = choice.filter(suits) else {
        return choose_certificate(config, offer, message, hello, context);
    };
    let offered = hello.pre_shared_keys.and_then(|keys| keys.iter().nth(usize::from(index)));
    let (Some((_, binder)), Some(hash)) = (offered, offer.binder_hash) else {
        return Err(ErrorKind::Refused("resolve PSK").into());
    };
    let early = EarlySecret::new(offer.cipher_suite, Some(key.secret()), context.observers);
    let expected =
        early.binder_key(key.kind(), context.observers)?.finished(&hash, context.observers)?;
    let proof = PskProven::by_binder(&expected, binder)?;
    context.parameters.pre_shared_key = Some(key.kind());
    flight::send_with_psk(&config, offer, early, (index, key.kind()), proof, context)
}
