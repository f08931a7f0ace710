//! A connection whose records are protected elsewhere: the messages after the handshake (RFC 9846, section
//! 4.7) and the alerts. It is a [`Connection`] that seals and opens nothing: instead of a record it gives
//! the content, instead of new keys that it uses it gives the keys.

use core::ops::Deref;

use super::record_keys::{RecordKeys, RecordStep, RecordSteps};
use super::{Connection, Received};
use crate::alert::AlertDescription;
use crate::error::Error;
use crate::handshake::{Answer, Handshake, QuestionNumber};
use crate::key_schedule::TrafficSecret;
use crate::registry::ContentType;
use crate::time::Time;

/// The rest of a connection whose records are protected elsewhere: see
/// [`ClientConnection::into_secrets`](super::ClientConnection::into_secrets).
///
/// What records have in them goes into [`receive`](Self::receive), and [steps](Self::next_step) come out.
/// The methods of [`Connection`] that change nothing are here, too:
/// [`parameters`](Connection::parameters), [`question`](Connection::question),
/// [`export_keying_material`](Connection::export_keying_material) and others.
#[derive(Debug)]
pub struct PostHandshake(Connection);

impl PostHandshake {
    pub(super) fn new(mut connection: Connection) -> Self {
        connection.steps_of_owner = Some(Box::default());
        // Their limits stay.
        connection.opener.remove_keys();
        connection.sealer.remove_keys();
        Self(connection)
    }

    /// Takes the content of a record of the peer that was opened, with the type that was in the record.
    ///
    /// Application data come back as [`Received::Data`]. Give them here, too: no data may come between two
    /// fragments of a message (section 5.1). And the [limits](crate::config::Limits) against floods of
    /// messages and of empty records start again with data: an honest peer reaches them, too, if its data
    /// are not given here. Data may come in pieces, and several records of data in one piece, up to
    /// [`max_content_length`](super::RecordKeys::max_content_length) bytes.
    ///
    /// On [`Received::Waiting`], nothing was taken: answer the [`question`](Connection::question), then give
    /// the same content again. After [`Received::Closed`], the peer sends nothing more.
    ///
    /// # Errors
    /// What is wrong with the content. The alert is among the [steps](Self::next_step) then. The connection
    /// is over, and every later call returns the same error.
    pub fn receive<'a>(
        &mut self,
        content_type: ContentType,
        content: &'a mut [u8],
    ) -> Result<Received<'a>, Error> {
        self.0.receive_content(content_type, content)
    }

    /// What to do next. Take all steps first of all, and after each call of another method.
    ///
    /// The answer to a KeyUpdate of the peer is among them (section 4.7.3): also to one that came before the
    /// keys were given away. The next answer is there after [`before_data`](Self::before_data), so that a
    /// peer that sends one request after the other gets one answer for each of this side's data.
    pub fn next_step(&mut self) -> Option<RecordStep> {
        let step = self.0.pop_step();
        if step.is_some() {
            return step;
        }
        // One answer for all requests that came since the last one. If it fails, there is an alert.
        let _ = self.0.answer_key_update();
        self.0.pop_step()
    }

    /// Call this before application data are sent, and take the steps then. Among them is the answer to a
    /// KeyUpdate that has none yet: it comes before the data (section 4.7.3). The limit of
    /// [messages without data](crate::config::Limits::messages_without_data) starts again.
    ///
    /// # Errors
    /// The error that ended the connection, and [`ErrorKind::Misuse`](crate::ErrorKind::Misuse) after
    /// [`close`](Self::close): send no data then.
    pub fn before_data(&mut self) -> Result<(), Error> {
        self.0.check_writable()?;
        self.0.with_handshake(Handshake::answer_key_update)?;
        self.0.restart_limits();
        Ok(())
    }

    /// Changes the write key: the steps are a KeyUpdate, which is still under the present key, and the next
    /// key. If `request` is set, it asks the peer to change its own key (section 4.7.3).
    ///
    /// # Errors
    /// As [`Connection::update_keys`].
    pub fn update_keys(&mut self, request: bool) -> Result<(), Error> {
        self.0.update_keys(request)
    }

    /// Sends close_notify: this side writes nothing more (section 6.1). It can still receive.
    pub fn close(&mut self) {
        self.0.close();
    }

    /// Ends the connection with an alert: see [`Connection::abort`]. For a record that does not open, it is
    /// [`BAD_RECORD_MAC`](AlertDescription::BAD_RECORD_MAC) (section 5.2); for one that is too long,
    /// [`RECORD_OVERFLOW`](AlertDescription::RECORD_OVERFLOW).
    pub fn abort(&mut self, alert: AlertDescription, reason: &str) -> Error {
        self.0.abort(alert, reason)
    }

    /// Call this when the transport has ended.
    ///
    /// # Errors
    /// As [`Connection::end_of_input`].
    pub fn end_of_input(&mut self) -> Result<(), Error> {
        self.0.end_of_input()
    }

    /// Answers the open question: see [`Connection::answer`].
    ///
    /// # Errors
    /// As [`Connection::answer`].
    pub fn answer(&mut self, number: QuestionNumber, answer: Answer) -> Result<(), Error> {
        self.0.advance_clock();
        self.0.answer(number, answer)
    }

    /// Sends `count` tickets: see [`Handshake::send_tickets`]. A client sends none.
    ///
    /// # Errors
    /// As [`Handshake::send_tickets`], and [`ErrorKind::Misuse`](crate::ErrorKind::Misuse) after
    /// [`close`](Self::close).
    pub fn send_tickets(&mut self, count: u8) -> Result<(), Error> {
        self.0.advance_clock();
        self.0.issue_tickets(count)
    }

    /// On a server: asks the client for a certificate, see [`Handshake::request_client_certificate`].
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`](crate::ErrorKind::Misuse) when the client cannot be asked: nothing has changed then.
    pub fn request_client_certificate(&mut self) -> Result<(), Error> {
        self.0.request_certificate()
    }

    /// The number of requests for a certificate that the client has not answered yet.
    pub fn open_certificate_requests(&self) -> usize {
        self.0.handshake.open_certificate_requests()
    }

    /// Keeps these bytes with the sessions of this connection: see [`Handshake::set_resumption_data`].
    ///
    /// # Errors
    /// As [`Handshake::set_resumption_data`].
    pub fn set_resumption_data(&mut self, data: &[u8]) -> Result<(), Error> {
        self.0.set_resumption_data(data)
    }

    /// Sets the time: see [`Handshake::set_time`]. [`receive`](Self::receive), [`answer`](Self::answer) and
    /// [`send_tickets`](Self::send_tickets) do this by a clock that starts at the time that the connection
    /// was made with.
    pub fn set_time(&mut self, now: impl Into<Time>) {
        self.0.set_time(now);
    }

    /// Reports to the observers that the transport has failed: see
    /// [`Connection::report_transport_error`].
    pub fn report_transport_error(&mut self, error: &std::io::Error) {
        self.0.report_transport_error(error);
    }
}

impl Deref for PostHandshake {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Connection {
    fn pop_step(&mut self) -> Option<RecordStep> {
        let steps = self.steps_of_owner.as_mut()?;
        let step = steps.pop_front();
        if step.is_none() {
            // An idle connection keeps no memory for steps.
            **steps = RecordSteps::new();
        }
        step
    }

    /// Gives content to the owner of the records, in pieces that fit into one record each. False where the
    /// connection protects its records itself.
    pub(super) fn give_content(&mut self, content_type: ContentType, content: &[u8]) -> bool {
        let longest = self.sealer.max_content_length();
        let Some(steps) = &mut self.steps_of_owner else { return false };
        for piece in content.chunks(longest) {
            steps.push_back(RecordStep::Send { content_type, content: piece.to_vec() });
        }
        true
    }

    /// Gives new keys of one direction to the owner of the records.
    #[inline(never)]
    pub(super) fn give_keys(
        &mut self,
        secret: &TrafficSecret,
        max_content_length: usize,
        step: fn(RecordKeys) -> RecordStep,
    ) -> Result<(), Error> {
        let key_and_iv = secret.derive_key_and_iv(self.handshake.observers())?;
        let keys = RecordKeys::new(secret.suite(), key_and_iv, 0, max_content_length);
        if let Some(steps) = &mut self.steps_of_owner {
            steps.push_back(step(keys));
        }
        Ok(())
    }

    /// The length of what waits to be sent, in bytes.
    pub(super) fn waiting_length(&self) -> usize {
        let steps = self.steps_of_owner.iter().flat_map(|steps| steps.iter());
        let contents = steps.map(|step| match step {
            RecordStep::Send { content, .. } => content.len(),
            RecordStep::ReadKeys(_) | RecordStep::WriteKeys(_) => 0,
        });
        self.outgoing().len() + contents.sum::<usize>()
    }
}
