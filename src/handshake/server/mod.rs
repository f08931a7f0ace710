//! The server's states (RFC 9846, appendix A.2). `ARCHITECTURE.md` has the picture of them: which
//! message may come in which state, what the server decides, and where it waits.
//!
//! From ClientHello to the server's flight: [`client_hello`], [`hello_retry_request`], then
//! [`negotiate`], which has all decisions in their order, and [`flight`], which sends them. After it:
//! [`end_of_early_data`], [`client_certificate`], [`finished`].

mod cert_with_extern_psk;
mod certificate_selection;
pub(super) mod client_certificate;
mod client_hello;
mod early_data;
mod encrypted_extensions;
mod end_of_early_data;
mod finished;
mod flight;
mod hello_retry_request;
mod key_exchange;
mod negotiate;
mod pre_shared_key;
mod resumption;
mod selection;
mod ticket_request;

use std::sync::Arc;

use super::machine::{self, InProgress};
use super::position::Position;
use super::question::{Answered, not_asked, not_held_back};
use super::{Context, Question, Stage};
use crate::config::ServerConfig;
use crate::error::Error;
use crate::registry::HandshakeType;
use crate::wire::HandshakeMessage;

use client_certificate::ExpectClientCertificate;
use client_hello::{ChoosingConfig, ExpectClientHello};
use end_of_early_data::ExpectEndOfEarlyData;
use finished::ExpectFinished;
use flight::Signing;
use hello_retry_request::ExpectSecondClientHello;
use negotiate::Negotiating;

/// How far a server's handshake has come. The machine has it in one box, which the states of most
/// handshakes move through. What the later ones keep is in a box of its own, so that a move is cheap.
#[allow(clippy::large_enum_variant, reason = "its box is allocated once for all states")]
pub(super) enum State {
    ExpectClientHello(ExpectClientHello),
    ChoosingConfig(ChoosingConfig),
    ExpectSecondClientHello(ExpectSecondClientHello),
    Negotiating(Box<Negotiating>),
    Signing(Box<Signing>),
    ExpectEndOfEarlyData(ExpectEndOfEarlyData),
    ExpectClientCertificate(Box<ExpectClientCertificate>),
    ExpectFinished(ExpectFinished),
}

impl State {
    pub(super) fn new(config: Arc<ServerConfig>) -> Self {
        Self::ExpectClientHello(ExpectClientHello { config })
    }
}

/// Each step moves the state out of its box, and the next one into it, as on a client.
impl InProgress for State {
    fn start(self: Box<Self>, _: &mut Context) -> Result<machine::State, Error> {
        Ok(machine::State::InProgress(self))
    }

    /// Was there a ClientHello? A server with cookies cannot know: the first may have gone to another one
    /// (section 5). A server that still chooses its configuration may have cookies. The ClientHello shows it
    /// then: `client_hello::begin` refuses a change_cipher_spec that came before the first one.
    fn has_begun(&self) -> bool {
        match self {
            Self::ExpectClientHello(ExpectClientHello { config }) => {
                config.cookies.is_some() || config.config_resolver.is_some()
            }
            _ => true,
        }
    }

    fn position(&self) -> Position {
        match self {
            Self::ExpectClientHello(_) => Position::of_server(Stage::ClientHello),
            Self::ExpectSecondClientHello(_) => Position::of_server(Stage::ClientHelloAfterRetry),
            Self::ChoosingConfig(_) | Self::Negotiating(_) | Self::Signing(_) => {
                Position::at(Stage::Answer)
            }
            Self::ExpectEndOfEarlyData(_) => Position::at(Stage::EndOfEarlyData),
            Self::ExpectClientCertificate(state) => state.position(),
            Self::ExpectFinished(_) => Position::at(Stage::ClientFinished),
        }
    }

    /// Nothing else may come before a ClientHello.
    fn check_awaited(&self, received: HandshakeType) -> Result<(), Error> {
        let awaits_client_hello =
            matches!(self, Self::ExpectClientHello(_) | Self::ExpectSecondClientHello(_));
        if awaits_client_hello && received != HandshakeType::CLIENT_HELLO {
            return Err(Error::unexpected("ClientHello", received));
        }
        Ok(())
    }

    fn on_message(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<machine::State, Error> {
        let next = match *self {
            Self::ExpectClientHello(state) => state.on_message(&message, context),
            Self::ExpectSecondClientHello(state) => state.on_message(&message, context),
            Self::ChoosingConfig(_) | Self::Negotiating(_) | Self::Signing(_) => {
                Err(not_held_back())
            }
            Self::ExpectEndOfEarlyData(state) => state.on_message(&message, context),
            Self::ExpectClientCertificate(state) => state.on_message(&message, context),
            Self::ExpectFinished(state) => {
                return state.on_message(&message, context).map(machine::State::Connected);
            }
        };
        *self = next?;
        Ok(machine::State::InProgress(self))
    }

    fn on_answer(
        mut self: Box<Self>,
        answered: Answered,
        context: &mut Context,
    ) -> Result<machine::State, Error> {
        let next = match (*self, answered) {
            (Self::ChoosingConfig(state), Answered::Config(choice)) => {
                state.on_choice(choice, context)
            }
            (Self::Negotiating(state), answered) => state.on_answer(answered, context),
            (Self::Signing(state), Answered::Signature(question, signature)) => {
                state.on_signature(question.scheme, signature, context)
            }
            (Self::ExpectClientCertificate(state), Answered::Peer(identity, result)) => {
                state.on_verified(identity, result, context)
            }
            _ => Err(not_asked()),
        };
        *self = next?;
        Ok(machine::State::InProgress(self))
    }
}
