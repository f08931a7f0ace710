//! What a connection sends: application data, alerts, and the messages of the handshake.

use super::Connection;
use crate::alert::{AlertDescription, AlertLevel};
use crate::error::{Error, ErrorKind};
use crate::handshake::{Handshake, USUAL_FLIGHT};
use crate::observer::{Event, ObservedRecord};
use crate::record::{CONTENT_ALIGNMENT, HEADER_LENGTH, Opener, Sealer, aligned_start};
use crate::registry::ContentType;

/// The length in bytes from which aligned content is worth its cost.
const LONG_CONTENT: usize = 1024;

/// In bytes: room for the headers and tags of more records, and for change_cipher_spec, where a flight is not one
/// record.
const MORE_RECORDS: usize = 64;

impl Connection {
    /// The bytes to send to the peer, in order.
    pub fn outgoing(&self) -> &[u8] {
        self.outgoing.get(self.sent..).unwrap_or_default()
    }

    /// Removes the first `length` bytes of [`outgoing`](Self::outgoing): the caller has sent them.
    pub fn sent(&mut self, length: usize) {
        self.sent = self.sent.saturating_add(length).min(self.outgoing.len());
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
        }
    }

    /// Frees the buffer of [`outgoing`](Self::outgoing) if it is empty: for connections that go idle.
    pub fn release_buffers(&mut self) {
        if self.outgoing().is_empty() {
            self.outgoing = Vec::new();
            self.sent = 0;
        }
    }

    /// Seals application data into [`outgoing`](Self::outgoing) and returns how many bytes it took.
    /// These are fewer than `data` has, or none, when `outgoing` reaches
    /// [`Limits::outgoing`](crate::config::Limits::outgoing). The data go into records of their own
    /// (section 5.1), after this side's Finished (section 2).
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] before the handshake is complete and after [`close`](Self::close);
    /// otherwise the error that ended the connection. A server that accepted 0-RTT data may write
    /// before the handshake is complete, as many records as one key may protect.
    pub fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.check_may_write()?;
        self.while_opener_is_kept(|connection| connection.write_records(data))
    }

    /// As [`write`](Self::write), with data that are in pieces. One record has all of them. Together
    /// they have at most [`max_record_data`](Self::max_record_data) bytes. Takes all or nothing.
    pub(crate) fn write_pieces(&mut self, pieces: &[&[u8]]) -> Result<usize, Error> {
        self.check_may_write()?;
        self.while_opener_is_kept(|connection| connection.write_record(pieces))
    }

    /// Seals application data in place, without the copy of [`write`](Self::write). `record` has
    /// [`HEADER_LENGTH`] bytes of any value, and the data after them: 1 to
    /// [`max_record_data`](Self::max_record_data) bytes. It becomes a record.
    ///
    /// Send [`outgoing`](Self::outgoing) first, then the record, and both before the next call: the
    /// peer expects this order.
    ///
    /// ```
    /// # use handclasp::ClientConnection;
    /// # use handclasp::record::HEADER_LENGTH;
    /// # use std::io::{Read, Write};
    /// fn send_file(
    ///     connection: &mut ClientConnection,
    ///     mut file: std::fs::File,
    ///     mut socket: std::net::TcpStream,
    /// ) -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut record = Vec::new();
    ///     loop {
    ///         record.resize(HEADER_LENGTH + connection.max_record_data(), 0);
    ///         let count = file.read(&mut record[HEADER_LENGTH..])?;
    ///         if count == 0 {
    ///             return Ok(());
    ///         }
    ///         record.truncate(HEADER_LENGTH + count);
    ///         connection.write_in_place(&mut record)?;
    ///         let before = connection.outgoing().len();
    ///         socket.write_all(connection.outgoing())?;
    ///         connection.sent(before);
    ///         socket.write_all(&record)?;
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`write`](Self::write), and [`ErrorKind::Misuse`] if `record` has another length. What `record`
    /// contains then may be plaintext, and must not be sent.
    pub fn write_in_place(&mut self, record: &mut Vec<u8>) -> Result<(), Error> {
        self.check_may_write()?;
        let data_length = record.len().saturating_sub(HEADER_LENGTH);
        if data_length == 0 || data_length > self.max_record_data() {
            let reason = "a record in place has a header and 1 to max_record_data bytes";
            return Err(ErrorKind::Misuse(reason).into());
        }
        self.while_opener_is_kept(|connection| {
            connection.update_keys_if_due()?;
            let sealed = connection.sealer.seal_in_place(record);
            sealed.map_err(|error| connection.fail(error.into()))?;
            connection.on_data_written(record.len(), data_length);
            Ok(())
        })
    }

    /// How many bytes of application data one record can have: 16384, or fewer where the peer has said
    /// so (RFC 8449).
    pub fn max_record_data(&self) -> usize {
        self.sealer.max_content_length()
    }

    /// Whether `outgoing` takes one more record of any length.
    pub(crate) fn has_room(&self) -> bool {
        let longest = self.sealer.sealed_record_length(self.max_record_data());
        self.outgoing().len() + longest <= self.handshake.limits().outgoing
    }

    fn check_may_write(&self) -> Result<(), Error> {
        self.check_writable()?;
        if !self.can_write() {
            return Err(ErrorKind::Misuse("the handshake is not complete yet").into());
        }
        Ok(())
    }

    /// A failed write must not lose data that have already arrived: see `open_unread`.
    fn while_opener_is_kept<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        self.keep_opener = !self.is_handshaking() && self.question().is_none();
        let result = write(self);
        self.keep_opener = false;
        result
    }

    /// Whether the handshake is complete, or this is a server that has accepted 0-RTT data and may
    /// already answer them.
    pub(crate) fn can_write(&self) -> bool {
        let answers = self.handshake.answers_early_data() && !self.early_key_is_exhausted();
        !self.is_handshaking() || answers
    }

    /// Whether the key has protected as much as it may. It cannot be updated before the handshake
    /// is complete (section 5.5).
    fn early_key_is_exhausted(&self) -> bool {
        self.is_handshaking() && self.sealer.should_update()
    }

    /// Sends 0-RTT data and returns how many bytes it took. These are fewer than `data` has when the
    /// ticket allows no more. There are none when no offered ticket allows 0-RTT data, when the
    /// ClientHello waits for the answer to a question, and when the server has already answered.
    ///
    /// **An attacker can replay 0-RTT data.** Send only what may be processed twice (RFC 9846,
    /// section 2.3). If the server rejects them, they are lost:
    /// [`PeerParameters::early_data`](crate::handshake::PeerParameters::early_data) in
    /// [`parameters`](Self::parameters) says so when the handshake is complete.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] after [`close`](Self::close); otherwise the error that ended the
    /// connection.
    pub fn write_early_data(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.check_writable()?;
        let room = self.handshake.early_data_room().min(data.len());
        let taken = self.write_records(data.get(..room).unwrap_or_default())?;
        self.handshake.on_early_data(taken)?;
        Ok(taken)
    }

    fn write_records(&mut self, data: &[u8]) -> Result<usize, Error> {
        let mut taken = 0;
        for fragment in data.chunks(self.max_record_data()) {
            let in_record = self.write_record(&[fragment])?;
            if in_record == 0 {
                break;
            }
            taken += in_record;
        }
        Ok(taken)
    }

    /// Seals a record with these data, and returns how many bytes they are. Zero if `outgoing` has no
    /// room for it, or the key of a server that answers 0-RTT data has protected as much as it may.
    fn write_record(&mut self, pieces: &[&[u8]]) -> Result<usize, Error> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        let limit = self.handshake.limits().outgoing;
        let sealed_length = self.sealer.sealed_record_length(length);
        let is_full = self.outgoing().len() + sealed_length > limit;
        // A limit that is smaller than one record still allows one record at a time.
        if (is_full && !self.outgoing().is_empty()) || self.early_key_is_exhausted() {
            return Ok(0);
        }
        self.update_keys_if_due()?;
        self.drop_sent();
        if length >= LONG_CONTENT && self.outgoing.is_empty() {
            self.align_content(sealed_length);
        }
        let before = self.outgoing.len();
        let sealed = self.sealer.seal_pieces(pieces, &mut self.outgoing);
        sealed.map_err(|error| self.fail(error.into()))?;
        self.on_data_written(self.outgoing.len() - before, length);
        Ok(length)
    }

    /// Fills the front of `outgoing`, which is empty, with bytes that count as sent, so that the content of a
    /// record of this length is aligned after its header.
    fn align_content(&mut self, record_length: usize) {
        self.outgoing.reserve(CONTENT_ALIGNMENT + record_length);
        self.sent = aligned_start(&self.outgoing);
        self.outgoing.resize(self.sent, 0);
    }

    /// Shows the observer a record that was written. A protected one is longer than its header and its
    /// content.
    fn show_written(&mut self, content_type: ContentType, length: usize, content_length: usize) {
        let protected = length > HEADER_LENGTH + content_length;
        let record = ObservedRecord { content_type, length, content_length, protected };
        self.handshake.observers().emit(|| Event::RecordSent(record));
    }

    /// A record of application data with these lengths was made.
    fn on_data_written(&mut self, length: usize, content_length: usize) {
        self.show_written(ContentType::APPLICATION_DATA, length, content_length);
        self.restart_limits();
    }

    /// This side writes data. Data of either side are progress: the limits against floods count from zero again.
    pub(super) fn restart_limits(&mut self) {
        self.handshake.on_application_data();
        self.counters.empty_data_records = 0;
        self.counters.key_update_answered = false;
    }

    /// Sends close_notify: this side writes nothing more (section 6.1). It can still receive. A client
    /// does not answer requests for its certificate after this, and a question about one is closed.
    ///
    /// During the handshake, this sends user_canceled and close_notify, and the connection is over.
    pub fn close(&mut self) {
        if self.closed || self.check().is_err() {
            return;
        }
        if !self.is_handshaking() {
            self.send_alert(AlertDescription::CLOSE_NOTIFY);
            // The next call returns the error.
            let _ = self.with_handshake(Handshake::close);
            return;
        }
        self.send_alert(AlertDescription::USER_CANCELED);
        self.send_alert(AlertDescription::CLOSE_NOTIFY);
        self.fail(ErrorKind::Canceled.into());
    }

    /// Ends the connection with an alert, during the handshake or after it. Use it when the application
    /// refuses the peer, for example with [`ACCESS_DENIED`](AlertDescription::ACCESS_DENIED). The alert
    /// is in [`outgoing`](Self::outgoing) then, and every later call returns the same error as this
    /// one. If the connection has failed before, this sends nothing and returns the first error.
    ///
    /// `reason` is for this side only: the peer does not see it. `close_notify` and `user_canceled` are
    /// not errors (section 6.1), so `general_error` is sent in their place; [`close`](Self::close)
    /// sends them.
    pub fn abort(&mut self, alert: AlertDescription, reason: &str) -> Error {
        let alert = match alert.level() {
            AlertLevel::Fatal => alert,
            AlertLevel::Warning => AlertDescription::GENERAL_ERROR,
        };
        self.fail(ErrorKind::Aborted { alert, reason: reason.into() }.into())
    }

    /// Sends a KeyUpdate before data, if the peer has requested one or the key has protected enough
    /// (sections 4.7.3 and 5.5).
    pub(super) fn update_keys_if_due(&mut self) -> Result<(), Error> {
        if self.handshake.owes_key_update() {
            self.with_handshake(Handshake::answer_key_update)?;
        }
        if self.sealer.should_update() && !self.is_handshaking() {
            self.with_handshake(|handshake| handshake.update_keys(false))?;
        }
        Ok(())
    }

    /// On a server: see [`ServerConnection::send_tickets`](super::ServerConnection::send_tickets).
    pub(super) fn issue_tickets(&mut self, count: u8) -> Result<(), Error> {
        self.check_writable()?;
        self.with_handshake(|handshake| handshake.send_tickets(count))
    }

    /// On a server: see
    /// [`ServerConnection::request_client_certificate`](super::ServerConnection::request_client_certificate).
    pub(super) fn request_certificate(&mut self) -> Result<(), Error> {
        self.check_writable()?;
        self.with_handshake(Handshake::request_client_certificate)
    }

    pub(super) fn check_writable(&self) -> Result<(), Error> {
        self.check()?;
        if self.closed {
            return Err(ErrorKind::Misuse("this side has closed the connection").into());
        }
        Ok(())
    }

    pub(super) fn seal(&mut self, content_type: ContentType, content: &[u8]) -> Result<(), Error> {
        if self.give_content(content_type, content) {
            return Ok(());
        }
        let version = self.record_version();
        self.drop_sent();
        if content_type == ContentType::HANDSHAKE && self.outgoing.capacity() == 0 {
            // The records of a flight follow one after the other: one allocation for all.
            let flight = content.len() + self.handshake.length_to_send();
            let length = self.sealer.sealed_length(flight) + MORE_RECORDS;
            self.outgoing.reserve(length.max(USUAL_FLIGHT));
        }
        let before = self.outgoing.len();
        self.sealer.seal(content_type, version, content, &mut self.outgoing)?;
        let length = self.outgoing.len() - before;
        self.show_written(content_type, length, content.len());
        Ok(())
    }

    /// Removes sent bytes from the front of the buffer, when they are more than half of it. Without
    /// this, a transport that never takes everything would let the buffer grow. In all, fewer bytes are moved
    /// than were sent.
    fn drop_sent(&mut self) {
        if self.sent > self.outgoing.len() / 2 {
            self.outgoing.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Sends an alert. Each is a record of its own (section 5.1).
    fn send_alert(&mut self, alert: AlertDescription) {
        self.closed = true;
        self.final_alert_queued = true;
        let payload = [alert.level() as u8, alert.0];
        // If the alert cannot be sealed, the peer learns of the failure from the closed transport.
        if self.seal(ContentType::ALERT, &payload).is_ok() {
            self.handshake.observers().emit(|| Event::AlertSent(alert));
        }
    }

    /// Ends the connection with this error, unless it has failed before, and sends the alert.
    /// Returns the first error (section 6.2).
    pub(super) fn fail(&mut self, error: Error) -> Error {
        let traffic = self.traffic();
        let error = self.handshake.fail_with(error, traffic);
        if !self.closed {
            // First, because `take_steps` comes here again where it fails.
            self.closed = true;
            // Steps from before the failure are still taken: the alert may need their keys. A second
            // failure does not replace the first.
            let _ = self.take_steps();
            if let Some(alert) = error.alert_sent() {
                self.send_alert(alert);
            }
        }
        // Section 6: a failed connection forgets its secrets and keys. The steps that are left may have some.
        while self.handshake.next_step().is_some() {}
        if !self.keep_opener {
            self.opener = Opener::plaintext();
        }
        self.sealer = Sealer::plaintext();
        self.handshake.report_failure(&error);
        error
    }
}
