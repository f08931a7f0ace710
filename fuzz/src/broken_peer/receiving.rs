//! Reading what the end sends, which the peer has the keys for.

use handclasp::handshake::Side;
use handclasp::record::HEADER_LENGTH;
use handclasp::wire::HandshakeMessage;

use super::{ALERT, DATA, HANDSHAKE, Peer};
use handclasp_testing::forge::Forger;

impl Peer<'_> {
    /// Reads what the end sends.
    pub(super) fn receive(&mut self) {
        let records = self.end.take();
        // What is in the clear.
        self.outcome.read_hellos(&records);
        let mut rest = &records[..];
        while let Some((header, _)) = rest.split_first_chunk::<HEADER_LENGTH>() {
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            let (record, after) = rest.split_at(HEADER_LENGTH + length);
            rest = after;
            match header[0] {
                DATA => self.receive_protected(record),
                HANDSHAKE => self.transcript.extend_from_slice(&record[HEADER_LENGTH..]),
                _ => {}
            }
        }
    }

    fn receive_protected(&mut self, record: &[u8]) {
        let opened = self.opening.open(record).or_else(|| {
            self.opening = self.next_keys();
            self.opening.open(record)
        });
        match opened.expect("it is under these keys, or under the next") {
            (HANDSHAKE, content) => self.received.extend_from_slice(&content),
            (ALERT, content) => self.outcome.alert = Some(content[1]),
            (_, content) => self.outcome.sent.extend_from_slice(&content),
        }
        while let Some((message, rest)) = HandshakeMessage::split(&self.received) {
            self.outcome.messages.push(message.bytes[0]);
            if !self.opens_application {
                self.transcript.extend_from_slice(message.bytes);
            }
            self.received = rest.to_vec();
        }
    }

    fn next_keys(&mut self) -> Forger {
        if self.opens_application {
            return self.opening.next();
        }
        self.opens_application = true;
        let label = match self.side {
            Side::Client => "c ap traffic",
            Side::Server => "s ap traffic",
        };
        let secret = self.end.secret(label).expect("it seals with something");
        Forger::new(&self.suite, &secret)
    }
}
