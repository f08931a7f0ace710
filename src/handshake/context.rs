use std::sync::Arc;

use super::step::{Step, Steps};
use super::{PeerParameters, Question, Resumption};
use crate::config::Limits;
use crate::key_log::KeyLog;
use crate::key_schedule::Transcript;
use crate::observer::{Event, Observers};
use crate::psk::PreSharedKey;
use crate::session::PeerCredential;
use crate::time::Time;
use crate::wire::HandshakeMessage;

/// What a state works with beside itself and the message: the steps it adds to, who watches, and
/// what is settled.
pub(crate) struct Context {
    pub(crate) steps: Steps,
    pub(crate) observers: Observers,
    pub(crate) parameters: PeerParameters,
    pub(crate) resumption: Resumption,
    pub(crate) now: Time,
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
    pub(super) fn new(key_log: Option<Arc<dyn KeyLog>>, limits: Limits, now: Time) -> Self {
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
        self.observers.emit(|| Event::Waiting(name));
        self.question = Some(Box::new(question));
        self.questions_asked += 1;
    }

    /// Writes down what the pre-shared key of this connection says of the peer: a ticket's says what
    /// its session does. [`show_peer`](Self::show_peer) once the peer has proved that it has the key.
    pub(super) fn take_over(&mut self, key: &PreSharedKey) {
        self.parameters.pre_shared_key = Some(key.kind());
        let Some(session) = &key.session else {
            self.resumption.credential = PeerCredential::PreSharedKey(key.record());
            return;
        };
        self.resumption.credential = session.credential.clone();
        self.resumption.answer = session.answer.clone();
        self.resumption.authenticated = session.authenticated;
    }

    /// Says who the peer is, in place of what was known before: it was verified, and the peer has
    /// proved it.
    pub(super) fn show_peer(&mut self) {
        let parameters = &mut self.parameters;
        parameters.certificates = None;
        parameters.raw_public_key = None;
        parameters.ocsp_response = None;
        parameters.signed_certificate_timestamps = Vec::new();
        parameters.pre_shared_key_identity = None;
        match &self.resumption.credential {
            PeerCredential::None => {}
            PeerCredential::Certificates(certificates) => {
                parameters.certificates = Some(Arc::clone(&certificates.chain));
                parameters.ocsp_response = certificates.ocsp_response.clone();
                parameters.signed_certificate_timestamps = certificates.timestamps.clone();
            }
            PeerCredential::RawPublicKey(key) => {
                parameters.raw_public_key = Some(Arc::clone(key));
            }
            PeerCredential::PreSharedKey(key) => {
                parameters.pre_shared_key_identity = Some(key.identity.clone());
            }
        }
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

    /// Writes a message, adds it to the transcript if there is one, and emits an event. Does
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
                observers.emit(|| Event::MessageSent(level, message));
            }
        });
    }
}
