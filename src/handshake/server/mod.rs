//! The server's states (RFC 9846, appendix A.2).
//!
//! ```text
//!  ExpectClientHello --ClientHello--> (negotiate) --HelloRetryRequest--> ExpectSecondClientHello
//!                                         |                                      |
//!                                         |  <-----------ClientHello-------------+
//!                                         v
//!         TakingSession (asks: which session for this ticket?) --a session--> CheckingSession
//!                                         |              (asks: is what it rests on still good?)
//!                                         |<------------------no------------------+|
//!                                         v                                        v
//!                ResolvingPsk (asks: which of the client's keys?) --a key--> AcceptingEarlyData
//!                                         |                                (asks: 0-RTT data?)
//!                                         |                                        |
//!                                         |                 ServerHello, EncryptedExtensions,
//!                                         |                 Finished       (no Certificate)
//!                                         |                                        v
//!                                         |        (with 0-RTT data) ExpectEndOfEarlyData
//!                                         v                                        v
//!                             ChoosingCertificate (asks: which certificate?) ExpectFinished
//!                                         |
//!            ServerHello, EncryptedExtensions, CertificateRequest, Certificate
//!                                         v
//!                                      Signing (asks: sign this)
//!                                         |
//!                             CertificateVerify, Finished
//!                                         v
//!                    (was there a request?) --yes--> ExpectClientCertificate
//!                                         |            | Certificate (asks: is it good?),
//!                                         v            v CertificateVerify
//!                                  ExpectFinished <----+
//!                                         |
//!                                      Finished
//!                                         v
//!                                     Connected
//! ```

pub(super) mod client_certificate;
mod client_hello;
mod early_data;
mod finished;
mod flight;
mod hello_retry_request;
mod negotiation;
mod pre_shared_key;
mod session;
mod tickets;

use std::sync::Arc;

use super::machine;
use super::question::{Answered, not_asked};
use super::{Context, Question};
use crate::config::ServerConfig;
use crate::error::{Error, ErrorKind};
use crate::registry::HandshakeType;
use crate::wire::HandshakeMessage;

use client_hello::{ChoosingCertificate, ExpectClientHello};
use early_data::AcceptingEarlyData;
use finished::{ExpectClientCertificate, ExpectFinished};
use flight::Signing;
use hello_retry_request::ExpectSecondClientHello;
use pre_shared_key::ResolvingPsk;
use session::CheckingSession;
use tickets::TakingSession;

/// Where a server stands.
pub(super) enum State {
    ExpectClientHello(ExpectClientHello),
    ExpectSecondClientHello(Box<ExpectSecondClientHello>),
    TakingSession(Box<TakingSession>),
    CheckingSession(Box<CheckingSession>),
    ResolvingPsk(Box<ResolvingPsk>),
    AcceptingEarlyData(Box<AcceptingEarlyData>),
    ChoosingCertificate(Box<ChoosingCertificate>),
    Signing(Box<Signing>),
    ExpectEndOfEarlyData(Box<ExpectFinished>),
    ExpectClientCertificate(Box<ExpectClientCertificate>),
    ExpectFinished(Box<ExpectFinished>),
}

impl State {
    pub(super) fn new(config: Arc<ServerConfig>) -> Self {
        Self::ExpectClientHello(ExpectClientHello { config })
    }

    /// Was there a ClientHello? A server with cookies cannot know: the first may have gone to
    /// another one (section 5).
    pub(super) fn has_begun(&self) -> bool {
        match self {
            Self::ExpectClientHello(state) => state.config.cookies.is_some(),
            _ => true,
        }
    }

    /// Before a ClientHello nothing else may come. SentCertificateRequest before all of a message is there.
    pub(super) fn check_awaited(&self, received: HandshakeType) -> Result<(), Error> {
        let hello_is_due =
            matches!(self, Self::ExpectClientHello(_) | Self::ExpectSecondClientHello(_));
        if hello_is_due && received != HandshakeType::CLIENT_HELLO {
            return Err(Error::unexpected("ClientHello", received));
        }
        Ok(())
    }

    pub(super) fn on_message(
        self,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<machine::State, Error> {
        let next = match self {
            Self::ExpectClientHello(state) => state.on_message(message, context)?,
            Self::ExpectSecondClientHello(state) => state.on_message(message, context)?,
            Self::TakingSession(_)
            | Self::CheckingSession(_)
            | Self::ResolvingPsk(_)
            | Self::AcceptingEarlyData(_)
            | Self::ChoosingCertificate(_)
            | Self::Signing(_) => {
                return Err(ErrorKind::Internal("a message was not held back").into());
            }
            Self::ExpectEndOfEarlyData(next) => early_data::on_end(next, message, context)?,
            Self::ExpectClientCertificate(state) => state.on_message(message, context)?,
            Self::ExpectFinished(state) => {
                return state.on_message(message, context).map(machine::State::Connected);
            }
        };
        Ok(machine::State::Server(next))
    }

    pub(super) fn on_answer(
        self,
        answered: Answered,
        context: &mut Context,
    ) -> Result<Self, Error> {
        match (self, answered) {
            (Self::TakingSession(state), Answered::Session(question, session)) => {
                let hello = question.client_hello()?;
                state.on_session(&question.ticket, session, &hello, context)
            }
            (Self::CheckingSession(state), answered) => state.on_answer(answered, context),
            (Self::ResolvingPsk(state), Answered::Psk(question, choice)) => {
                state.on_choice(choice, &question.client_hello()?, context)
            }
            (Self::AcceptingEarlyData(state), Answered::EarlyData(question, accept)) => {
                state.on_decision(&question.offer, accept, context)
            }
            (Self::ChoosingCertificate(state), Answered::Certificate(question, choice)) => {
                state.on_choice(choice, &question.client_hello()?, context)
            }
            (Self::Signing(state), Answered::Signature(question, signature)) => {
                state.on_signature(question.scheme, signature, context)
            }
            (Self::ExpectClientCertificate(state), Answered::Peer(identity, result)) => {
                state.on_verified(identity, result, context)
            }
            _ => Err(not_asked()),
        }
    }
}
