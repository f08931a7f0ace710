//! The end of a handshake by an error, and what the error keeps for its diagnosis.

use std::sync::Arc;

use super::{Handshake, State};
use crate::error::Error;
use crate::error::circumstances::{Circumstances, Traffic};
use crate::handshake::Stage;
use crate::handshake::incoming_messages::IncomingMessages;
use crate::handshake::position::{OfferSource, Position};
use crate::observer::Event;

impl Handshake {
    /// Ends the handshake with this error, unless it has one already, and returns the one it has. Its
    /// secrets are forgotten (section 6).
    pub fn fail(&mut self, error: Error) -> Error {
        let position = self.position();
        self.fail_at(position, error)
    }

    /// As [`fail`](Self::fail), at this position.
    pub(super) fn fail_at(&mut self, position: Position, mut error: Error) -> Error {
        if let State::Failed(first) = &self.state {
            return (**first).clone();
        }
        error.set_circumstances(self.circumstances_at(position));
        self.state = State::Failed(Box::new(error.clone()));
        self.context.incoming = IncomingMessages::default();
        if !self.context.records {
            if let Some(alert) = error.alert_sent() {
                self.context.observers.emit(|| Event::AlertSent(alert));
            }
            self.report_failure(&error);
        }
        // Section 6: secrets of failed connections are forgotten.
        self.context.zero_rtt = None;
        error
    }

    /// Reports the error that has ended the connection to the observers, once.
    pub(crate) fn report_failure(&mut self, error: &Error) {
        if self.context.observers.await_failure() {
            self.context.observers.emit_failure(&error.diagnosis());
        }
    }

    /// What this side waits for. After an error, what it was waiting for then.
    pub fn stage(&self) -> Stage {
        match &self.state {
            State::Failed(error) => {
                error.circumstances().map_or(Stage::Start, |circumstances| circumstances.stage)
            }
            _ if self.question().is_some() => Stage::Answer,
            _ => self.position().stage,
        }
    }

    pub(super) fn position(&self) -> Position {
        match &self.state {
            State::InProgress(state) => state.position(),
            State::Connected(_) => Position::at(Stage::Connected),
            State::Failed(_) | State::Moving => Position::at(Stage::Start),
        }
    }

    /// What this side knows now, for a diagnosis.
    pub(crate) fn circumstances(&self) -> Circumstances {
        match &self.state {
            State::Failed(error) => match error.circumstances() {
                Some(circumstances) => circumstances.clone(),
                None => self.circumstances_at(self.position()),
            },
            _ => self.circumstances_at(self.position()),
        }
    }

    fn circumstances_at(&self, position: Position) -> Circumstances {
        let Position { own_offer, stage, server_address } = position;
        let own = match own_offer {
            OfferSource::None => None,
            OfferSource::Configuration => Some(Arc::clone(&self.context.config.own_offer)),
            OfferSource::Request(offer) => Some(offer),
        };
        let asked = self.context.session_basis.answer.as_ref();
        Circumstances {
            side: self.context.side,
            stage,
            own,
            server_name: self.context.parameters.server_name.clone(),
            server_address,
            shown: self.context.shown.clone(),
            certificate_request: asked.map(|answer| Arc::clone(&answer.request)),
            traffic: None,
            now: self.context.now.unix(),
        }
    }

    /// As [`fail`](Self::fail). The error that ended the handshake learns what came over the transport.
    pub(crate) fn fail_with(&mut self, error: Error, traffic: Traffic) -> Error {
        let error = self.fail(error);
        match &mut self.state {
            State::Failed(first) => {
                first.set_traffic(traffic);
                (**first).clone()
            }
            _ => error,
        }
    }

    /// The peer has accepted this side's certificate: data of the peer came, or in QUIC the handshake is
    /// confirmed.
    pub(crate) fn on_certificate_accepted(&mut self) {
        self.context.shown = None;
    }
}
