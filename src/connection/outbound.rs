use super::Connection;
use crate::alert::{AlertDescription, AlertLevel};
use crate::error::{Error, ErrorKind};
use crate::handshake::Handshake;
use crate::observer::Event;
use crate::record::{Opener, Sealer};
use crate::registry::ContentType;

impl Connection {
    /// The bytes to send to the peer, in order.
    pub fn outgoing(&self) -> &[u8] {
        self.outgoing.get(self.sent..).unwrap_or_default()
    }

    /// The first `length` bytes of [`outgoing`](Self::outgoing) were sent.
    pub fn sent(&mut self, length: usize) {
        self.sent = self.sent.saturating_add(length).min(self.outgoing.len());
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
        }
    }

    /// Gives the buffer back if nothing is in it: for connections that go idle.
    pub fn release_buffers(&mut self) {
        if self.outgoing().is_empty() {
            self.outgoing = Vec::new();
        }
    }

    /// Seals application data into [`outgoing`](Self::outgoing) and returns how many bytes were
    /// taken: fewer than there are, down to none, when
    /// [`Limits::outgoing`](crate::config::Limits::outgoing) is reached.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] before the handshake is complete and after [`close`](Self::close);
    /// otherwise the error that ended the connection. A server that accepted 0-RTT data may
    /// answer them at once, with as many records as one key protects.
    pub fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.check_writable()?;
        if !self.may_write() {
            return Err(ErrorKind::Misuse("the handshake is not complete yet").into());
        }
        // A failure to write must not lose what has come already: see `open_rest`.
        self.keeps_opener = !self.is_handshaking() && self.question().is_none();
        let result = self.write_records(data);
        self.keeps_opener = false;
        result
    }

    /// Is the handshake complete, or were 0-RTT data accepted that a server may answer already?
    pub(crate) fn may_write(&self) -> bool {
        let answers = self.handshake.answers_early_data() && !self.is_used_up_early();
        !self.is_handshaking() || answers
    }

    /// Has the key protected as much as it may, and cannot be changed before the handshake is
    /// complete?
    fn is_used_up_early(&self) -> bool {
        self.is_handshaking() && self.sealer.should_update()
    }

    /// Sends 0-RTT data and returns how many bytes were taken: fewer than there are where the
    /// ticket allows no more, and none where nothing can be sent so: no ticket was offered that
    /// allows it, a question comes before the ClientHello, or the server has answered already.
    ///
    /// **They can be replayed** by whoever sees them, and they are lost if the server does not
    /// take them, which [`parameters`](Self::parameters) tell when the handshake is complete
    /// ([`PeerParameters::early_data`](crate::handshake::PeerParameters::early_data)): send only
    /// what does no harm twice (RFC 9846, section 2.3).
    pub fn write_early_data(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.check_writable()?;
        let room = self.handshake.early_data_room().min(data.len());
        let taken = self.write_records(data.get(..room).unwrap_or_default())?;
        self.handshake.on_early_data(taken)?;
        Ok(taken)
    }

    fn write_records(&mut self, data: &[u8]) -> Result<usize, Error> {
        let mut taken = 0;
        for fragment in data.chunks(self.sealer.max_content_length()) {
            let limit = self.handshake.limits().outgoing;
            if self.outgoing().len() + self.sealer.sealed_length(fragment.len()) > limit {
                // A limit below one record still lets one through at a time.
                if taken > 0 || !self.outgoing().is_empty() {
                    break;
                }
            }
            if self.is_used_up_early() {
                break;
            }
            self.keep_keys_fresh()?;
            self.seal(ContentType::APPLICATION_DATA, fragment).map_err(|error| self.fail(error))?;
            taken += fragment.len();
            // A peer that only reads may change its key as often as it likes.
            self.handshake.on_application_data();
            self.counters.records_without_progress = 0;
            self.counters.key_update_answered = false;
        }
        Ok(taken)
    }

    /// Sends close_notify: this side will write no more (section 6.1). Reading goes on. A client
    /// leaves a request for its certificate unanswered then, also where a question of it is open.
    ///
    /// In the middle of the handshake it gives the handshake up, with user_canceled before, and the
    /// connection is over.
    pub fn close(&mut self) {
        if self.closed || self.check().is_err() {
            return;
        }
        if !self.is_handshaking() {
            self.send_alert(AlertDescription::CLOSE_NOTIFY);
            // An error stays: the next call returns it.
            let _ = self.with_handshake(Handshake::close);
            return;
        }
        self.send_alert(AlertDescription::USER_CANCELED);
        self.send_alert(AlertDescription::CLOSE_NOTIFY);
        self.fail(ErrorKind::Canceled.into());
    }

    /// Ends the connection with an alert, in the handshake or after it: the application refuses the
    /// peer for a reason that the library does not know, such as
    /// [`ACCESS_DENIED`](AlertDescription::ACCESS_DENIED). The alert stands in
    /// [`outgoing`](Self::outgoing), and every later call returns the error that this one returns;
    /// on a connection that had failed before, that is the first error, and nothing is sent.
    ///
    /// `reason` stays on this side. `close_notify` and `user_canceled` are no errors (section 6.1):
    /// in their place `general_error` is sent. [`close`](Self::close) sends them.
    pub fn abort(&mut self, alert: AlertDescription, reason: &str) -> Error {
        let alert = match alert.level() {
            AlertLevel::Fatal => alert,
            AlertLevel::Warning => AlertDescription::GENERAL_ERROR,
        };
        self.fail(ErrorKind::Aborted { alert, reason: reason.into() }.into())
    }

    /// A KeyUpdate that the peer asked for, or that the key's age asks for, goes before data.
    pub(super) fn keep_keys_fresh(&mut self) -> Result<(), Error> {
        self.with_handshake(Handshake::answer_key_update)?;
        if self.sealer.should_update() && !self.is_handshaking() {
            self.with_handshake(|handshake| handshake.update_keys(false))?;
        }
        Ok(())
    }

    pub(super) fn check_writable(&self) -> Result<(), Error> {
        self.check()?;
        if self.closed {
            return Err(ErrorKind::Misuse("this side has closed the connection").into());
        }
        Ok(())
    }

    pub(super) fn seal(&mut self, content_type: ContentType, content: &[u8]) -> Result<(), Error> {
        let version = self.record_version();
        self.drop_sent();
        let before = self.outgoing.len();
        self.sealer.seal(content_type, version, content, &mut self.outgoing)?;
        let length = self.outgoing.len() - before;
        self.handshake.observers().emit(|| Event::RecordSent(content_type, length));
        Ok(())
    }

    /// Drops what was sent from the front of the buffer, where that is the greater part. A transport
    /// that never takes everything must not make the buffer grow; so each byte is moved once at most.
    fn drop_sent(&mut self) {
        if self.sent > self.outgoing.len() / 2 {
            self.outgoing.drain(..self.sent);
            self.sent = 0;
        }
    }

    fn send_alert(&mut self, alert: AlertDescription) {
        self.closed = true;
        self.alert_made = true;
        let payload = [alert.level() as u8, alert.0];
        // If not even an alert can be sealed, the closed transport has to say it.
        if self.seal(ContentType::ALERT, &payload).is_ok() {
            self.handshake.observers().emit(|| Event::AlertSent(alert));
        }
    }

    /// Ends the connection with this error, once, and tells the peer.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        let error = self.handshake.fail(error);
        if !self.closed {
            self.closed = true;
            // What was agreed on before the failure still goes out: the alert may need its keys.
            // A second failure on the way has nothing to add to the first.
            let _ = self.take_steps();
            if let Some(alert) = error.alert_sent() {
                self.send_alert(alert);
            }
        }
        // Section 6: the secrets and keys of a failed connection are forgotten.
        while self.handshake.next_step().is_some() {}
        if !self.keeps_opener {
            self.opener = Opener::plaintext();
        }
        self.sealer = Sealer::plaintext();
        error
    }
}
