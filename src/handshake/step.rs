//! What the handshake wants done: steps, in order.

use core::fmt;

use crate::key_schedule::TrafficSecret;
use crate::level::Level;

/// What the owner of the handshake has to do next, in order.
///
/// The owner handles each kind of step, and a match without a wildcard shows that it does. A new kind is a
/// breaking change on purpose: a step that is passed over breaks the connection.
pub enum Step {
    /// Send these bytes: one or several whole handshake messages.
    Send {
        /// The level whose keys protect them.
        level: Level,
        /// The messages.
        bytes: Vec<u8>,
    },
    /// Send the dummy change_cipher_spec record of compatibility mode. A transport without
    /// records has nothing to do.
    SendChangeCipherSpec,
    /// What is received from here on is protected under this secret.
    ReadKeys {
        /// The level that it opens.
        level: Level,
        /// The secret.
        secret: TrafficSecret,
    },
    /// What is sent from here on is not protected any more: the server asks for another ClientHello,
    /// and rejects the 0-RTT data.
    WritePlaintext,
    /// What is sent from here on is protected under this secret.
    WriteKeys {
        /// The level that it opens.
        level: Level,
        /// The secret.
        secret: TrafficSecret,
    },
    /// Both sides have sent record_size_limit. From here on a protected record has at most so many
    /// bytes of content, type and padding (RFC 8449, section 4).
    LimitRecords {
        /// The peer's limit, for what is sent.
        sent: u16,
        /// This side's limit, for what is received.
        received: u16,
    },
    /// The client may have sent 0-RTT data that this server rejects: skip them (section 4.3.10).
    SkipEarlyData,
    /// The handshake is complete: application data can flow both ways.
    Complete,
}

impl Step {
    /// Whether the owner makes keys of it. They pass through the stack, which the owner overwrites
    /// afterwards.
    pub(crate) fn has_secret(&self) -> bool {
        matches!(self, Self::ReadKeys { .. } | Self::WriteKeys { .. })
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A message may have a ticket in it.
            Self::Send { level, bytes } => write!(f, "Send({level:?}, {} bytes)", bytes.len()),
            Self::SendChangeCipherSpec => f.write_str("SendChangeCipherSpec"),
            Self::ReadKeys { level, .. } => write!(f, "ReadKeys({level:?})"),
            Self::WritePlaintext => f.write_str("WritePlaintext"),
            Self::WriteKeys { level, .. } => write!(f, "WriteKeys({level:?})"),
            Self::LimitRecords { sent, received } => {
                write!(f, "LimitRecords {{ sent: {sent}, received: {received} }}")
            }
            Self::SkipEarlyData => f.write_str("SkipEarlyData"),
            Self::Complete => f.write_str("Complete"),
        }
    }
}

/// The steps that wait to be taken.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// In their order. There are few at the same time: the others move up when the first one is taken.
    queue: Vec<Step>,
    pub(super) write_level: Level,
    pub(super) read_level: Level,
    change_cipher_spec_sent: bool,
}

/// The most steps that wait at the same time in most handshakes.
const USUAL_STEPS: usize = 8;

/// The least that is reserved for messages, in bytes. The allocator of glibc gives up to 1,032 bytes from a list of
/// the thread, and takes longer for more. A flight with a share of ML-KEM is longer, and gets what it needs.
pub(crate) const USUAL_FLIGHT: usize = 1000;

impl Steps {
    pub(crate) fn next(&mut self) -> Option<Step> {
        if !self.queue.is_empty() {
            return Some(self.queue.remove(0));
        }
        if self.read_level == Level::Application && self.write_level == Level::Application {
            // An idle connection keeps no memory for steps.
            self.queue = Vec::new();
        }
        None
    }

    /// The length in bytes of all messages that wait to be sent.
    pub(crate) fn length_to_send(&self) -> usize {
        let lengths = self.queue.iter().map(|step| match step {
            Step::Send { bytes, .. } => bytes.len(),
            _ => 0,
        });
        lengths.sum()
    }

    /// Not inlined: it is called in many places.
    #[inline(never)]
    pub(super) fn push(&mut self, step: Step) {
        if self.queue.capacity() == 0 {
            self.queue.reserve(USUAL_STEPS);
        }
        self.queue.push(step);
    }

    /// Lets `write` append to the bytes that go out next: messages at one level that follow each
    /// other go out together (sections 4 and 5.1). It writes about `length` bytes, which counts if they are many.
    pub(super) fn send(&mut self, length: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(Step::Send { bytes, .. }) = self.queue.last_mut() {
            return write(bytes);
        }
        let mut bytes = Vec::with_capacity(length.max(USUAL_FLIGHT));
        write(&mut bytes);
        self.push(Step::Send { level: self.write_level, bytes });
    }

    pub(super) fn read_keys(&mut self, level: Level, secret: TrafficSecret) {
        self.read_level = level;
        self.push(Step::ReadKeys { level, secret });
    }

    pub(super) fn write_keys(&mut self, level: Level, secret: TrafficSecret) {
        self.write_level = level;
        self.push(Step::WriteKeys { level, secret });
    }

    pub(super) fn write_plaintext(&mut self) {
        self.write_level = Level::Initial;
        self.push(Step::WritePlaintext);
    }

    /// Once in a connection (appendix E.4).
    pub(super) fn change_cipher_spec(&mut self) {
        if !self.change_cipher_spec_sent {
            self.change_cipher_spec_sent = true;
            self.push(Step::SendChangeCipherSpec);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{CryptoProvider, SharedSecret};
    use crate::key_schedule::{EarlySecret, LabelPrefix};
    use crate::observer::Observers;

    #[test]
    fn what_is_sent_and_secret_is_not_shown() {
        let message = Step::Send { level: Level::Application, bytes: vec![0x5a; 99] };
        assert_eq!(format!("{message:?}"), "Send(Application, 99 bytes)");
        let keys = Step::ReadKeys { level: Level::Handshake, secret: secret() };
        assert_eq!(format!("{keys:?}"), "ReadKeys(Handshake)");
    }

    fn secret() -> TrafficSecret {
        let (suite, none) =
            (CryptoProvider::default().cipher_suites[0].clone(), &mut Observers::default());
        let early = EarlySecret::new(&suite, LabelPrefix::Tls13, None, none).unwrap();
        let handshake = early.into_handshake(Some(&SharedSecret::new(vec![1; 32])), none).unwrap();
        handshake.into_traffic(&suite.hash.digest(b""), none).unwrap().client
    }

    #[test]
    fn messages_join_until_something_else_comes_between() {
        let mut steps = Steps::default();
        steps.send(1, |out| out.push(1));
        steps.send(1, |out| out.push(2));
        steps.change_cipher_spec();
        steps.change_cipher_spec();
        steps.write_keys(Level::Handshake, secret());
        steps.send(1, |out| out.push(3));
        steps.push(Step::Complete);
        let initial = |bytes: &[u8]| bytes == [1, 2];
        assert!(
            matches!(steps.next(), Some(Step::Send { level: Level::Initial, bytes }) if initial(&bytes))
        );
        assert!(matches!(steps.next(), Some(Step::SendChangeCipherSpec)), "once");
        assert!(matches!(steps.next(), Some(Step::WriteKeys { level: Level::Handshake, .. })));
        let Some(Step::Send { level: Level::Handshake, bytes }) = steps.next() else { panic!() };
        assert_eq!(bytes, [3]);
        assert!(matches!(steps.next(), Some(Step::Complete)));
        assert!(steps.next().is_none());
    }

    #[test]
    fn the_read_level_is_that_of_the_last_read_keys() {
        let mut steps = Steps::default();
        steps.write_keys(Level::Handshake, secret());
        assert_eq!(steps.read_level, Level::Initial);
        steps.read_keys(Level::Handshake, secret());
        steps.read_keys(Level::Application, secret());
        assert_eq!(steps.read_level, Level::Application);
    }
}
