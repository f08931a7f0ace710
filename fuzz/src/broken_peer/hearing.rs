//! Reading what the end says, which the peer has the keys for.

use handclasp::handshake::Side;
use handclasp::record::HEADER_LENGTH;
use handclasp::wire::HandshakeMessage;

use super::{ALERT, DATA, HANDSHAKE, Peer};
use crate::protected::Keys;

impl Peer<'_> {
    /// Reads what the end says.
    pub(super) fn hear(&mut self) {
        let records = self.end.take();
        // What is in the clear.
        self.verdict.hear(&records);
        let mut rest = &records[..];
        while let Some((header, _)) = rest.split_first_chunk::<HEADER_LENGTH>() {
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            let (record, after) = rest.split_at(HEADER_LENGTH + length);
            rest = after;
            match header[0] {
                DATA => self.hear_protected(record),
                HANDSHAKE => self.transcript.extend_from_slice(&record[HEADER_LENGTH..]),
                _ => {}
            }
        }
    }

    fn hear_protected(&mut self, record: &[u8]) {
        let opened = self.hearing.open(record).or_else(|| {
            self.hearing = self.next_keys();
            self.hearing.open(record)
        });
        match opened.expect("it is under these keys, or under the next") {
            (HANDSHAKE, content) => self.heard.extend_from_slice(&content),
            (ALERT, content) => self.verdict.alert = Some(content[1]),
            (_, content) => self.verdict.sent.extend_from_slice(&content),
        }
        while let Some((message, rest)) = HandshakeMessage::split(&self.heard) {
            self.verdict.messages.push(message.bytes[0]);
            if !self.heard_application {
                self.transcript.extend_from_slice(message.bytes);
            }
            self.heard = rest.to_vec();
        }
    }

    fn next_keys(&mut self) -> Keys {
        if self.heard_application {
            return self.hearing.next();
        }
        self.heard_application = true;
        let label = match self.side {
            Side::Client => "c ap traffic",
            Side::Server => "s ap traffic",
        };
        let secret = self.end.secret(label).expect("it seals with something");
        Keys::new(&self.suite, secret)
    }
}
