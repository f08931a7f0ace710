use pki_types::UnixTime;

use super::step::Steps;
use super::{PeerParameters, Resumption};
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
}

impl Context<'_> {
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
