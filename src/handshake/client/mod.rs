//! The client's states (RFC 9846, appendix A.1): a file for each of the server's messages that it
//! waits for. `ARCHITECTURE.md` has the picture of them: which message may come in which state, and
//! where the client waits for an answer.

mod cert_with_extern_psk;
pub(super) mod certificate_request;
mod client_hello;
mod encrypted_extensions;
mod finished;
mod grease;
mod hello_retry_request;
mod key_share;
mod pre_shared_key;
mod resumption;
mod server_certificate;
mod server_hello;

use std::sync::Arc;

use pki_types::ServerName;
use smallvec::SmallVec;

use super::machine::{self, InProgress};
use super::position::Position;
use super::question::{Answered, not_asked, not_held_back};
use super::{Context, Level, Question, Stage};
use crate::config::ClientConfig;
use crate::error::Error;
use crate::key_schedule::{EarlySecret, HandshakeTraffic, Transcript};
use crate::psk::PreSharedKey;
use crate::registry::{CertificateType, HandshakeType};
use crate::wire::{ExtensionType, HandshakeMessage};

pub(super) use client_hello::Start;
use encrypted_extensions::ExpectEncryptedExtensions;
use finished::{AuthenticatingSelf, ExpectFinished};
use pre_shared_key::OfferedEarlyData;
use resumption::CheckingSession;
use server_certificate::{ExpectCertificate, ExpectCertificateVerify, VerifyingPeer};
use server_hello::ExpectServerHello;

/// How far a client's handshake has come. The machine has it in one box, which the states of a
/// handshake move through.
#[allow(clippy::large_enum_variant, reason = "its box is allocated once for all states")]
pub(super) enum State {
    Start(Start),
    CheckingSession(Box<CheckingSession>),
    ExpectServerHello(ExpectServerHello),
    ExpectEncryptedExtensions(ExpectEncryptedExtensions),
    ExpectCertificate(ExpectCertificate),
    VerifyingPeer(VerifyingPeer),
    ExpectCertificateVerify(ExpectCertificateVerify),
    ExpectFinished(ExpectFinished),
    AuthenticatingSelf(Box<AuthenticatingSelf>),
}

impl State {
    pub(super) fn new(config: Arc<ClientConfig>, server_name: ServerName<'static>) -> Self {
        Self::Start(Start { config, server_name })
    }
}

/// Each step moves the state out of its box, and the next one into it: a move through the stack takes
/// longer, as some states have 800 bytes.
impl InProgress for State {
    /// Sends the ClientHello, or asks about the session that it would offer.
    fn start(mut self: Box<Self>, context: &mut Context) -> Result<machine::State, Error> {
        let next = match *self {
            Self::Start(start) => start.begin(context),
            other => Ok(other),
        };
        *self = next?;
        Ok(machine::State::InProgress(self))
    }

    /// Has the ClientHello been sent?
    fn has_begun(&self) -> bool {
        !matches!(self, Self::Start(_) | Self::CheckingSession(_))
    }

    fn position(&self) -> Position {
        match self {
            Self::Start(state) => Position::of_client(&state.server_name, Stage::Start),
            Self::ExpectServerHello(state) => state.shared.position(state.stage()),
            Self::ExpectEncryptedExtensions(state) => {
                state.flight.shared.position(Stage::EncryptedExtensions)
            }
            Self::ExpectCertificate(state) => {
                state.flight.shared.position(Stage::ServerCertificate)
            }
            Self::ExpectCertificateVerify(state) => {
                state.flight.shared.position(Stage::ServerCertificateVerify)
            }
            Self::ExpectFinished(state) => state.flight.shared.position(Stage::ServerFinished),
            Self::VerifyingPeer(state) => state.position(),
            Self::CheckingSession(_) | Self::AuthenticatingSelf(_) => Position::at(Stage::Answer),
        }
    }

    /// Before a ServerHello nothing else may come.
    fn check_awaited(&self, received: HandshakeType) -> Result<(), Error> {
        let hello_is_due = matches!(self, Self::ExpectServerHello(_));
        if hello_is_due && received != HandshakeType::SERVER_HELLO {
            return Err(Error::unexpected("ServerHello or HelloRetryRequest", received));
        }
        Ok(())
    }

    fn on_message(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<machine::State, Error> {
        let next = match *self {
            Self::Start(_) | Self::CheckingSession(_) => {
                Err(Error::unexpected("nothing: it speaks first", message.kind))
            }
            Self::ExpectServerHello(state) => state.on_message(message, context),
            Self::ExpectEncryptedExtensions(state) => state.on_message(message, context),
            Self::ExpectCertificate(state) => state.on_message(message, context),
            Self::VerifyingPeer(_) | Self::AuthenticatingSelf(_) => Err(not_held_back()),
            Self::ExpectCertificateVerify(state) => state.on_message(message, context),
            Self::ExpectFinished(state) => return state.on_message(message, context),
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
            (Self::VerifyingPeer(state), Answered::Peer(identity, result)) => {
                state.on_verified(identity, result, context)
            }
            (Self::CheckingSession(state), Answered::ClientCertificate(question, choice)) => {
                state.on_choice(&question, choice, context)
            }
            (Self::CheckingSession(state), Answered::Peer(_, result)) => {
                state.on_verified(&result, context)
            }
            (Self::AuthenticatingSelf(state), answered) => {
                return state.on_answer(answered, context);
            }
            _ => Err(not_asked()),
        };
        *self = next?;
        Ok(machine::State::InProgress(self))
    }
}

/// The types of the extensions of a ClientHello. Most have so few that they need no allocation.
type OfferedExtensions = SmallVec<[ExtensionType; 16]>;

/// What every client state keeps.
struct Shared {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
    /// The types of the extensions that the ClientHello had: the server may answer these only.
    offered: OfferedExtensions,
    /// The keys for this server, the preferred one first.
    keys: Vec<PreSharedKey>,
    /// Those of the keys that the last ClientHello offers, in its order.
    early_secrets: Vec<EarlySecret>,
    /// The keys were offered together with certificates (RFC 9973).
    cert_with_extern_psk: bool,
    /// 0-RTT data were offered under the first key, and the server has not answered yet.
    early_data: Option<OfferedEarlyData>,
}

impl Shared {
    fn position(&self, stage: Stage) -> Position {
        Position::of_client(&self.server_name, stage)
    }
}

/// What the states between ServerHello and the server's Finished keep.
struct ServerFlight {
    shared: Shared,
    transcript: Transcript,
    secrets: HandshakeTraffic,
    /// The server's CertificateRequest, if one came: its body.
    certificate_request: Option<Vec<u8>>,
    client_certificate_type: CertificateType,
    server_certificate_type: CertificateType,
}
