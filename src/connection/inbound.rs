//! What a connection receives: one record a call (RFC 9846, sections 5 and 6).

use super::Connection;
use crate::alert::AlertDescription;
use crate::error::{Error, ErrorKind};
use crate::handshake::Handshake;
use crate::level::Level;
use crate::observer::{Event, ObservedRecord};
use crate::record::{Opened, Opener, RecordError, next_record, parse_alert};
use crate::registry::ContentType;

/// What one call of [`Connection::receive`] found.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received<'a> {
    /// The record is not complete: call again with the same bytes and more after them.
    Incomplete,
    /// A record that has nothing for the application, such as a handshake message.
    Handled,
    /// Application data, decrypted in place: they begin
    /// [`HEADER_LENGTH`](crate::record::HEADER_LENGTH) bytes after the start of the input.
    Data(&'a mut [u8]),
    /// 0-RTT data, decrypted in place as [`Data`](Self::Data). An attacker may have replayed them
    /// from another connection, and the handshake is not complete: see
    /// [`EarlyDataPolicy`](crate::session::EarlyDataPolicy).
    EarlyData(&'a mut [u8]),
    /// The handshake waits for the answer to a question, and the connection took nothing. Answer the
    /// question, then call again.
    Waiting,
    /// The peer has closed its direction: all its data have arrived.
    Closed,
}

/// What [`Connection::receive`] finds before it opens a record.
enum Next {
    /// A record of this length.
    Record(usize),
    /// No record to open: how many bytes are taken, and what the caller gets.
    Nothing(usize, Received<'static>),
}

/// A record that arrived before the connection failed, and is opened afterwards.
pub(crate) struct UnreadRecord {
    /// Its length in bytes.
    pub(crate) record: usize,
    /// How many bytes of data it has. They begin after its header.
    pub(crate) data: usize,
}

/// Counters of what a peer may repeat a limited number of times.
#[derive(Debug, Default)]
pub(super) struct Counters {
    change_cipher_specs: u32,
    pub(super) empty_data_records: u32,
    ignored_alerts: u32,
    /// The lengths of the peer's records together.
    pub(super) bytes_received: u64,
    /// A KeyUpdate request was answered since this side wrote data.
    pub(super) key_update_answered: bool,
}

impl Connection {
    /// Opens the first record of `input` in place, if the record is complete. Returns how many bytes
    /// it took, which the caller removes from the front, and what was in them.
    ///
    /// Every record fits into a buffer of [`MAX_RECORD_LENGTH`](crate::record::MAX_RECORD_LENGTH)
    /// bytes.
    ///
    /// What comes after the peer's close_notify is ignored (section 6.1).
    ///
    /// # Errors
    /// What is wrong with the record. The alert is in [`outgoing`](Self::outgoing) then. The connection
    /// is over, and every later call returns the same error.
    pub fn receive<'a>(&mut self, input: &'a mut [u8]) -> Result<(usize, Received<'a>), Error> {
        let length = match self.next(input)? {
            Next::Record(length) => length,
            Next::Nothing(taken, received) => return Ok((taken, received)),
        };
        let opened = self.opener.open(input.get_mut(..length).unwrap_or_default());
        self.on_opened(length, opened)
    }

    /// As [`receive`](Self::receive), for the record that begins at `start` of `buffer`. Application data
    /// are decrypted to the front of `buffer`: they are not after the header.
    pub(crate) fn receive_to_front<'a>(
        &mut self,
        buffer: &'a mut [u8],
        start: usize,
    ) -> Result<(usize, Received<'a>), Error> {
        let length = match self.next(buffer.get_mut(start..).unwrap_or_default())? {
            Next::Record(length) => length,
            Next::Nothing(taken, received) => return Ok((taken, received)),
        };
        let up_to_end = buffer.get_mut(..start + length).unwrap_or_default();
        let opened = self.opener.open_to_front(up_to_end, start);
        self.on_opened(length, opened)
    }

    /// The record that `input` begins with, if it is complete and may be opened now.
    #[inline]
    fn next(&mut self, input: &[u8]) -> Result<Next, Error> {
        if let Err(error) = self.check() {
            self.opener = Opener::plaintext();
            return Err(error);
        }
        if self.peer_closed {
            // Section 6.1: data after close_notify are ignored.
            return Ok(Next::Nothing(input.len(), Received::Closed));
        }
        if self.question().is_some() {
            return Ok(Next::Nothing(0, Received::Waiting));
        }
        match next_record(input) {
            Ok(Some(length)) => {
                self.counters.bytes_received += length as u64;
                Ok(Next::Record(length))
            }
            Ok(None) => Ok(Next::Nothing(0, Received::Incomplete)),
            Err(error) => {
                let error = self.framing_error(error, input);
                Err(self.fail(error.into()))
            }
        }
    }

    /// A record of this length was opened, skipped, or found to be wrong.
    #[inline]
    fn on_opened<'a>(
        &mut self,
        length: usize,
        opened: Result<Option<Opened<'a>>, RecordError>,
    ) -> Result<(usize, Received<'a>), Error> {
        let Opened { content_type, payload, protected } = match opened {
            Ok(Some(opened)) => opened,
            Ok(None) => {
                self.handshake.observers().emit(|| Event::RecordSkipped(length));
                return Ok((length, Received::Handled));
            }
            Err(error) => return Err(self.fail(error.into())),
        };
        let record =
            ObservedRecord { content_type, length, content_length: payload.len(), protected };
        self.handshake.observers().emit(|| Event::RecordReceived(record));
        match self.on_record(content_type, payload) {
            Ok(received) => Ok((length, received)),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Takes the content of a record that was opened elsewhere: see
    /// [`PostHandshake::receive`](super::PostHandshake::receive).
    pub(super) fn receive_content<'a>(
        &mut self,
        content_type: ContentType,
        content: &'a mut [u8],
    ) -> Result<Received<'a>, Error> {
        self.check()?;
        if self.peer_closed {
            return Ok(Received::Closed);
        }
        if self.question().is_some() {
            return Ok(Received::Waiting);
        }
        self.counters.bytes_received += content.len() as u64;
        self.advance_clock();
        let accepted = self.opener.accept(content_type, content);
        let received = match accepted {
            Ok(Opened { content_type, payload, .. }) => self.on_record(content_type, payload),
            Err(error) => Err(error.into()),
        };
        received.map_err(|error| self.fail(error))
    }

    /// Bytes that are no record are reported as another protocol only if they are the first of the
    /// connection. A peer that has sent a record speaks TLS.
    fn framing_error(&self, error: RecordError, input: &[u8]) -> RecordError {
        match (error, input.first()) {
            (RecordError::NotTls { .. }, Some(first)) if self.counters.bytes_received > 0 => {
                RecordError::UnknownContentType(*first)
            }
            (error, _) => error,
        }
    }

    /// For a connection that a failed write has ended: opens the first record of `input` in place, so
    /// that the application can read data that arrived before the failure. Returns `None`, and removes
    /// the keys, at the first record that is incomplete, cannot be opened or ends the data.
    pub(crate) fn open_unread(&mut self, input: &mut [u8]) -> Option<UnreadRecord> {
        let rest = self.open_unread_record(input);
        if rest.is_none() {
            self.opener = Opener::plaintext();
        }
        rest
    }

    fn open_unread_record(&mut self, input: &mut [u8]) -> Option<UnreadRecord> {
        let length = next_record(input).ok()??;
        let opened = self.opener.open(input.get_mut(..length)?).ok()??;
        match opened.content_type {
            ContentType::APPLICATION_DATA => {
                Some(UnreadRecord { record: length, data: opened.payload.len() })
            }
            // Tickets and requests have no effect now. Records after a KeyUpdate cannot be opened.
            ContentType::HANDSHAKE => Some(UnreadRecord { record: length, data: 0 }),
            _ => None,
        }
    }

    /// Answers the peer's request for a KeyUpdate now (section 4.7.3). Streams call this when they
    /// have read everything that is there.
    ///
    /// Without this call, the answer is sent with the next application data. After one answer, this
    /// call does nothing until this side has written data: a peer that sends a request before each
    /// record and does not read must not fill `outgoing`.
    ///
    /// # Errors
    /// The error that ended the connection.
    pub fn answer_key_update(&mut self) -> Result<(), Error> {
        if !self.closed && !self.counters.key_update_answered {
            let before = self.waiting_length();
            self.with_handshake(Handshake::answer_key_update)?;
            self.counters.key_update_answered = self.waiting_length() > before;
        }
        Ok(())
    }

    #[inline]
    fn on_record<'a>(
        &mut self,
        content_type: ContentType,
        payload: &'a mut [u8],
    ) -> Result<Received<'a>, Error> {
        // See `on_bytes_received`.
        if self.time_is_old && content_type != ContentType::APPLICATION_DATA {
            self.advance_clock();
        }
        match content_type {
            ContentType::APPLICATION_DATA => self.on_application_data(payload),
            ContentType::HANDSHAKE => {
                let (level, complete) = (self.handshake.read_level(), self.handshake.is_complete());
                self.handshake.receive(level, payload)?;
                self.take_steps()?;
                if complete {
                    self.check_outgoing_limit()?;
                }
                Ok(Received::Handled)
            }
            ContentType::CHANGE_CIPHER_SPEC => self.on_change_cipher_spec(),
            ContentType::ALERT => self.on_alert(parse_alert(payload)?),
            received => {
                let when = "where only the types of TLS 1.3 are allowed";
                Err(ErrorKind::UnexpectedRecord { received, when }.into())
            }
        }
    }

    /// Application data came. Before the handshake is complete, only 0-RTT data may come (section
    /// 2): other data are an `unexpected_message`, and so are 0-RTT data beyond the limit
    /// (`handshake/early_data_limit.rs`).
    #[inline]
    fn on_application_data<'a>(&mut self, data: &'a mut [u8]) -> Result<Received<'a>, Error> {
        let early = self.is_handshaking();
        if early && self.handshake.read_level() == Level::EarlyData {
            self.handshake.on_early_data(data.len())?;
        } else if early {
            let received = ContentType::APPLICATION_DATA;
            let when = "before the handshake was complete";
            return Err(ErrorKind::UnexpectedRecord { received, when }.into());
        }
        self.check_no_partial_message()?;
        if data.is_empty() {
            let limit = self.handshake.limits().empty_data_records;
            count(&mut self.counters.empty_data_records, "empty_data_records", limit)?;
            return Ok(Received::Handled);
        }
        self.counters.empty_data_records = 0;
        self.handshake.on_application_data();
        self.handshake.on_certificate_accepted();
        Ok(if early { Received::EarlyData(data) } else { Received::Data(data) })
    }

    /// Ignored between the first ClientHello and the peer's Finished. At any other time it is an
    /// `unexpected_message` (section 5). A server that may use cookies learns from the ClientHello after it
    /// whether that is the first one (`handshake/server/client_hello.rs`).
    fn on_change_cipher_spec<'a>(&mut self) -> Result<Received<'a>, Error> {
        if !self.handshake.has_begun() || self.handshake.is_complete() {
            let received = ContentType::CHANGE_CIPHER_SPEC;
            let when = "outside of the handshake";
            return Err(ErrorKind::UnexpectedRecord { received, when }.into());
        }
        self.check_no_partial_message()?;
        let limit = self.handshake.limits().change_cipher_specs;
        count(&mut self.counters.change_cipher_specs, "change_cipher_specs", limit)?;
        self.handshake.on_change_cipher_spec();
        Ok(Received::Handled)
    }

    /// An alert came. A close_notify ends the peer's data, and a user_canceled alone does nothing
    /// (section 6.1). Any other alert ends the connection (section 6.2).
    fn on_alert<'a>(&mut self, alert: AlertDescription) -> Result<Received<'a>, Error> {
        self.handshake.observers().emit(|| Event::AlertReceived(alert));
        match alert {
            AlertDescription::CLOSE_NOTIFY if self.is_handshaking() => {
                Err(ErrorKind::ClosedInHandshake.into())
            }
            AlertDescription::CLOSE_NOTIFY => {
                self.check_no_partial_message()?;
                self.peer_closed = true;
                Ok(Received::Closed)
            }
            // Section 6.1: a close_notify should follow. The alert alone has no effect.
            AlertDescription::USER_CANCELED => {
                self.check_no_partial_message()?;
                let limit = self.handshake.limits().ignored_alerts;
                count(&mut self.counters.ignored_alerts, "ignored_alerts", limit)?;
                Ok(Received::Handled)
            }
            alert => Err(ErrorKind::AlertReceived(alert).into()),
        }
    }

    /// The connection answers requests for certificates without a call of the application. A peer that
    /// sends requests and does not read must not fill `outgoing`. One answer always fits.
    fn check_outgoing_limit(&self) -> Result<(), Error> {
        let limits = self.handshake.limits();
        let limit = limits.outgoing;
        if self.waiting_length() > limit.saturating_add(limits.certificate_message) {
            return Err(ErrorKind::LimitExceeded { name: "outgoing", limit }.into());
        }
        Ok(())
    }

    /// No other record may come between the fragments of a handshake message: it is an
    /// `unexpected_message` (section 5.1).
    fn check_no_partial_message(&self) -> Result<(), Error> {
        if self.handshake.has_partial_message() {
            let reason = "another record came between the fragments of a handshake message";
            return Err(ErrorKind::MisplacedBytes(reason).into());
        }
        Ok(())
    }
}

fn count(counter: &mut u32, name: &'static str, limit: usize) -> Result<(), Error> {
    *counter = counter.saturating_add(1);
    if usize::try_from(*counter).unwrap_or(usize::MAX) > limit {
        return Err(ErrorKind::LimitExceeded { name, limit }.into());
    }
    Ok(())
}
