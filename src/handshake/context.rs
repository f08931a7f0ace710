use pki_types::UnixTime;

use super::step::Steps;
use super::{PeerParameters, Question, Resumption};
use crate::config::Limits;
use crate::key_schedule::Transcript;
use crate::observer::{Event, Observers};
use crate::wire::HandshakeMessage;

/// What a state works with beside itself and the message: the steps it adds to, and who watches.
pub(crate) struct Context<'a> {
    pub(crate) steps: &'a mut Steps,
    pub(crate) observers: &'a mut Observers,
    pub(crate) parameters: &'a mut PeerParameters,
    pub(crate) resumption: &'a mut Resumption,
    pub(crate) now: UnixTime,
    pub(crate) limits: &'a Limits,
    pub(crate) question: &'a mut Option<Question>,
}

impl Context<'_> {
    /// The handshake rests on this question. It comes back with its answer.
    pub(crate) fn ask(&mut self, question: Question) {
        let name = question.name();
        self.observers.tell(|| Event::Waiting(name));
        *self.question = Some(question);
    }

    /// Both sides have said what a protected record may have in it (RFC 8449, section 4).
    pub(crate) fn limit_records(&mut self, peer: u16, own: u16) {
        self.parameters.record_size_limit = Some(peer);
        self.steps.limit_records(peer, own);
    }

    /// Writes a message, adds it to the transcript if there is one, and tells the observer.
    pub(crate) fn send(
        &mut self,
        transcript: Option<&mut Transcript>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let (level, observers) = (self.steps.write_level(), &mut *self.observers);
        self.steps.send(|out| {
            let start = out.len();
            write(out);
            let written = out.get(start..).unwrap_or_default();
            if let Some(transcript) = transcript {
                transcript.add_bytes(written);
            }
            if let Some((message, _)) = HandshakeMessage::split(written) {
                observers.tell(|| Event::MessageSent(level, message));
            }
        });
    }
}
