use super::Connection;
use crate::alert::AlertDescription;
use crate::error::{Error, ErrorKind};
use crate::handshake::Handshake;
use crate::level::Level;
use crate::observer::Event;
use crate::record::{Opened, Opener, RecordError, next_record, parse_alert};
use crate::registry::ContentType;

/// What one call of [`Connection::receive`] found.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received<'a> {
    /// There is no whole record: call again when more bytes are there, these first.
    Incomplete,
    /// A record of the connection's own business: nothing for the application.
    Handled,
    /// Application data, decrypted where they stood: in a record that begins the input, they
    /// begin [`HEADER_LENGTH`](crate::record::HEADER_LENGTH) bytes after its start.
    Data(&'a mut [u8]),
    /// 0-RTT data, decrypted as [`Data`](Self::Data) are. They may be a copy of what came on
    /// another connection, and the handshake is not complete: see
    /// [`EarlyDataPolicy`](crate::config::EarlyDataPolicy).
    EarlyData(&'a mut [u8]),
    /// The handshake rests on a question: nothing was taken. Answer it, then call again.
    Waiting,
    /// The peer has closed its direction: nothing more will come, and what came is whole.
    Closed,
}

/// A record that came before the connection failed.
pub(crate) struct Rest {
    /// Its length in bytes.
    pub(crate) record: usize,
    /// How many bytes of data it has, which begin behind its header.
    pub(crate) data: usize,
}

/// What a peer can do for a while without getting anywhere.
#[derive(Debug, Default)]
pub(super) struct Counters {
    change_cipher_specs: usize,
    pub(super) records_without_progress: usize,
    ignored_alerts: usize,
    /// A whole record has come.
    heard: bool,
    /// A KeyUpdate request was answered since this side wrote data.
    pub(super) key_update_answered: bool,
}

impl Connection {
    /// Takes the first record of `input`, if it is whole, and opens it in place. Returns how many
    /// bytes were taken, which the caller drops from the front, and what was in them.
    ///
    /// A buffer of [`MAX_RECORD_LENGTH`](crate::record::MAX_RECORD_LENGTH) bytes holds every
    /// record.
    ///
    /// # Errors
    /// Whatever is wrong with the record. The alert that says so is in
    /// [`outgoing`](Self::outgoing) then; the connection is over, and every later call returns
    /// the same error.
    pub fn receive<'a>(&mut self, input: &'a mut [u8]) -> Result<(usize, Received<'a>), Error> {
        if let Err(error) = self.check() {
            self.opener = Opener::plaintext();
            return Err(error);
        }
        if self.peer_closed {
            // Section 6.1: what comes after close_notify is ignored.
            return Ok((input.len(), Received::Closed));
        }
        if self.question().is_some() {
            return Ok((0, Received::Waiting));
        }
        let length = match next_record(input) {
            Ok(Some(length)) => length,
            Ok(None) => return Ok((0, Received::Incomplete)),
            Err(error) => {
                let error = self.in_place(error, input);
                return Err(self.fail(error.into()));
            }
        };
        self.counters.heard = true;
        let record = input.get_mut(..length).unwrap_or_default();
        let opened = match self.opener.open(record) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok((length, Received::Handled)),
            Err(error) => return Err(self.fail(error.into())),
        };
        self.handshake.observers().emit(|| Event::RecordReceived(opened.content_type, length));
        match self.on_record(opened) {
            Ok(received) => Ok((length, received)),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// A peer that has sent records speaks TLS: what stands where a record should is no protocol of
    /// its own then.
    fn in_place(&self, error: RecordError, input: &[u8]) -> RecordError {
        match (error, input.first()) {
            (RecordError::NotTls { .. }, Some(first)) if self.counters.heard => {
                RecordError::UnknownContentType(*first)
            }
            (error, _) => error,
        }
    }

    /// A failure to write has ended the connection, and data that came before it wait to be read:
    /// opens the first record of `input` in place, if it is whole and of the application's data or
    /// of no interest to a reader. None at the end of these; the keys are forgotten then.
    pub(crate) fn open_rest(&mut self, input: &mut [u8]) -> Option<Rest> {
        let rest = self.open_one_of_the_rest(input);
        if rest.is_none() {
            self.opener = Opener::plaintext();
        }
        rest
    }

    fn open_one_of_the_rest(&mut self, input: &mut [u8]) -> Option<Rest> {
        let length = next_record(input).ok()??;
        let opened = self.opener.open(input.get_mut(..length)?).ok()??;
        match opened.content_type {
            ContentType::APPLICATION_DATA => {
                Some(Rest { record: length, data: opened.payload.len() })
            }
            // Tickets and requests: nothing comes of them now. What follows a KeyUpdate does not
            // open any more.
            ContentType::HANDSHAKE => Some(Rest { record: length, data: 0 }),
            _ => None,
        }
    }

    /// Nothing more is there to be read now: if the peer asked for a new key, it gets it
    /// (section 4.7.3). Without this call, and for requests that come before this side has written
    /// again, the answer goes before the next data: so a peer that asks before each record and
    /// does not read cannot keep both from going on.
    ///
    /// # Errors
    /// The error that ended the connection.
    pub fn answer_key_update(&mut self) -> Result<(), Error> {
        if !self.closed && !self.counters.key_update_answered {
            let before = self.outgoing().len();
            self.with_handshake(Handshake::answer_key_update)?;
            self.counters.key_update_answered = self.outgoing().len() > before;
        }
        Ok(())
    }

    fn on_record<'a>(&mut self, record: Opened<'a>) -> Result<Received<'a>, Error> {
        match record.content_type {
            ContentType::APPLICATION_DATA => self.on_application_data(record.payload),
            ContentType::HANDSHAKE => {
                let (level, complete) = (self.handshake.read_level(), self.handshake.is_complete());
                self.handshake.receive(level, record.payload)?;
                self.take_steps()?;
                if complete {
                    self.check_answers()?;
                }
                Ok(Received::Handled)
            }
            ContentType::CHANGE_CIPHER_SPEC => self.on_change_cipher_spec(),
            ContentType::ALERT => self.on_alert(parse_alert(record.payload)?),
            received => {
                let when = "where only TLS 1.3's own are known";
                Err(ErrorKind::UnexpectedRecord { received, when }.into())
            }
        }
    }

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
            let limit = self.handshake.limits().records_without_progress;
            count(&mut self.counters.records_without_progress, "records_without_progress", limit)?;
            return Ok(Received::Handled);
        }
        self.counters.records_without_progress = 0;
        self.handshake.on_application_data();
        Ok(if early { Received::EarlyData(data) } else { Received::Data(data) })
    }

    /// Section 5: dropped between the first ClientHello and the peer's Finished.
    fn on_change_cipher_spec<'a>(&mut self) -> Result<Received<'a>, Error> {
        if !self.handshake.has_begun() || self.handshake.is_complete() {
            let received = ContentType::CHANGE_CIPHER_SPEC;
            let when = "outside of the handshake";
            return Err(ErrorKind::UnexpectedRecord { received, when }.into());
        }
        self.check_no_partial_message()?;
        let limit = self.handshake.limits().change_cipher_specs;
        count(&mut self.counters.change_cipher_specs, "change_cipher_specs", limit)?;
        Ok(Received::Handled)
    }

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
            // Section 6.1: close_notify follows; until then it means nothing.
            AlertDescription::USER_CANCELED => {
                self.check_no_partial_message()?;
                let limit = self.handshake.limits().ignored_alerts;
                count(&mut self.counters.ignored_alerts, "ignored_alerts", limit)?;
                Ok(Received::Handled)
            }
            alert => Err(ErrorKind::AlertReceived(alert).into()),
        }
    }

    /// Requests for certificates are answered by themselves: a peer that asks and does not read
    /// must not fill the memory. One answer always fits.
    fn check_answers(&self) -> Result<(), Error> {
        let limits = self.handshake.limits();
        let limit = limits.outgoing;
        if self.outgoing().len() > limit.saturating_add(limits.certificate_message) {
            return Err(ErrorKind::LimitExceeded { name: "outgoing", limit }.into());
        }
        Ok(())
    }

    /// Section 5.1: no other record between the pieces of a message.
    fn check_no_partial_message(&self) -> Result<(), Error> {
        if self.handshake.has_partial_message() {
            let reason = "another record came between the pieces of a handshake message";
            return Err(ErrorKind::MisplacedBytes(reason).into());
        }
        Ok(())
    }
}

fn count(counter: &mut usize, name: &'static str, limit: usize) -> Result<(), Error> {
    *counter += 1;
    if *counter > limit {
        return Err(ErrorKind::LimitExceeded { name, limit }.into());
    }
    Ok(())
}
