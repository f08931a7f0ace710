use std::sync::Arc;

use pki_types::UnixTime;

use super::step::{Step, Steps};
use super::{PeerParameters, Question, Resumption};
use crate::config::Limits;
use crate::key_schedule::Transcript;
use crate::observer::{Event, KeyLog, Observers};
use crate::session::Session;
use crate::wire::HandshakeMessage;

/// What a state works with beside itself and the message: the steps it adds to, who watches, and
/// what is settled.
pub(crate) struct Context {
    pub(crate) steps: Steps,
    pub(crate) observers: Observers,
    pub(crate) parameters: PeerParameters,
    pub(crate) resumption: Resumption,
    pub(crate) now: UnixTime,
    pub(crate) limits: Limits,
    /// What the handshake rests on, if it does.
    pub(crate) question: Option<Box<Question>>,
    /// How many questions were asked: the number of the last one.
    pub(crate) questions_asked: u64,
    /// There are records. In QUIC there are none, and nothing tells the end of 0-RTT data, whose
    /// packets say themselves that they are (RFC 9001, section 8.3).
    pub(crate) records: bool,
    /// This side has said close_notify: nothing follows it, not even an answer (section 6.1).
    pub(crate) closed: bool,
}

impl Context {
    pub(super) fn new(key_log: Option<Arc<dyn KeyLog>>, limits: Limits, now: UnixTime) -> Self {
        Self {
            steps: Steps::default(),
            observers: Observers::new(key_log),
            parameters: PeerParameters::default(),
            resumption: Resumption::new(now),
            now,
            limits,
            question: None,
            questions_asked: 0,
            records: true,
            closed: false,
        }
    }

    /// The handshake rests on this question. It comes back with its answer.
    pub(crate) fn ask(&mut self, question: Question) {
        let name = question.name();
        self.observers.tell(|| Event::Waiting(name));
        self.question = Some(Box::new(question));
        self.questions_asked += 1;
    }

    /// What a resumed connection has from the one before.
    pub(crate) fn take_over(&mut self, session: &Session) {
        self.parameters.certificates.clone_from(&session.certificates);
        self.parameters.raw_public_key.clone_from(&session.raw_public_key);
        self.resumption.authenticated = session.authenticated;
    }

    /// Both sides have said what a protected record may have in it (RFC 8449, section 4).
    pub(crate) fn limit_records(&mut self, peer: u16, own: u16) {
        self.parameters.record_size_limit = Some(peer);
        self.steps.push(Step::LimitRecords { sent: peer, received: own });
    }

    /// A dummy change_cipher_spec, where it is wanted and there are records (appendix E.4;
    /// RFC 9001, section 8.4).
    pub(crate) fn change_cipher_spec(&mut self, wanted: bool) {
        if wanted && self.records {
            self.steps.change_cipher_spec();
        }
    }

    /// Writes a message, adds it to the transcript if there is one, and tells the observer. Does
    /// nothing once this side has closed.
    pub(crate) fn send(
        &mut self,
        transcript: Option<&mut Transcript>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.closed {
            return;
        }
        let (level, observers) = (self.steps.write_level, &mut self.observers);
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
