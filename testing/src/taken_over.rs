//! The new owner of a connection's records, as a kernel would be: records by hand, on ring's AEADs alone.

use std::io::{Read, Write};

use handclasp::Error;
use handclasp::alert::AlertDescription;
use handclasp::connection::{ExtractedSecrets, PostHandshake, Received, RecordKeys, RecordStep};
use handclasp::registry::{CipherSuiteId, ContentType};
use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};

/// The records of one direction.
pub struct OwnRecords {
    key: LessSafeKey,
    iv: [u8; 12],
    pub sequence: u64,
}

impl OwnRecords {
    pub fn new(keys: &RecordKeys) -> Self {
        let algorithm = match keys.cipher_suite() {
            CipherSuiteId::TLS_AES_128_GCM_SHA256 => &AES_128_GCM,
            CipherSuiteId::TLS_AES_256_GCM_SHA384 => &AES_256_GCM,
            CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256 => &CHACHA20_POLY1305,
            other => panic!("{other}"),
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, keys.key()).unwrap());
        Self { key, iv: *keys.iv(), sequence: keys.sequence() }
    }

    fn next_nonce(&mut self) -> Nonce {
        let mut nonce = self.iv;
        for (byte, part) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= part;
        }
        self.sequence += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    pub fn seal(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let mut body = [content, &[content_type.0]].concat();
        let length = u16::try_from(body.len() + 16).unwrap().to_be_bytes();
        let header = [23, 3, 3, length[0], length[1]];
        let nonce = self.next_nonce();
        self.key.seal_in_place_append_tag(nonce, Aad::from(header), &mut body).unwrap();
        [&header[..], &body].concat()
    }

    /// `None` for a record that is not under this key.
    pub fn open(&mut self, record: &[u8]) -> Option<(ContentType, Vec<u8>)> {
        let (header, body) = record.split_at(5);
        let mut body = body.to_vec();
        let nonce = self.next_nonce();
        let content = self.key.open_in_place(nonce, Aad::from(header), &mut body).ok()?;
        let end = content.iter().rposition(|byte| *byte != 0)?;
        Some((ContentType(content[end]), content[..end].to_vec()))
    }
}

/// A connection that was taken over.
pub struct TakenOver {
    pub post_handshake: PostHandshake,
    pub read: OwnRecords,
    pub write: OwnRecords,
    /// Bytes of the peer that were not opened yet.
    received: Vec<u8>,
    /// Sealed, and not sent yet.
    outgoing: Vec<u8>,
    /// The types of the steps, in their order.
    pub steps: String,
}

impl TakenOver {
    pub fn new(secrets: ExtractedSecrets, unread: Vec<u8>) -> Self {
        Self {
            read: OwnRecords::new(&secrets.read),
            write: OwnRecords::new(&secrets.write),
            post_handshake: secrets.post_handshake,
            received: unread,
            outgoing: Vec::new(),
            steps: String::new(),
        }
    }

    /// Does all steps. `s`, `r` and `w` are noted: sent, read keys, write keys.
    pub fn do_steps(&mut self) {
        while let Some(step) = self.post_handshake.next_step() {
            match step {
                RecordStep::Send { content_type, content } => {
                    self.outgoing.extend(self.write.seal(content_type, &content));
                    self.steps.push('s');
                }
                RecordStep::ReadKeys(keys) => {
                    self.read = OwnRecords::new(&keys);
                    self.steps.push('r');
                }
                RecordStep::WriteKeys(keys) => {
                    self.write = OwnRecords::new(&keys);
                    self.steps.push('w');
                }
            }
        }
    }

    /// Seals data, which come after all steps.
    pub fn write(&mut self, data: &[u8]) {
        self.post_handshake.before_data().unwrap();
        self.do_steps();
        self.outgoing.extend(self.write.seal(ContentType::APPLICATION_DATA, data));
    }

    pub fn take_outgoing(&mut self) -> Vec<u8> {
        self.do_steps();
        std::mem::take(&mut self.outgoing)
    }

    /// Opens all whole records, and returns the data in them. `None` where the peer has closed and no data
    /// came.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.received.extend_from_slice(bytes);
        let (mut data, mut is_closed) = (Vec::new(), false);
        while self.received.len() >= 5 {
            let length = 5 + usize::from(u16::from_be_bytes([self.received[3], self.received[4]]));
            if self.received.len() < length {
                break;
            }
            let record: Vec<u8> = self.received.drain(..length).collect();
            let Some((content_type, mut content)) = self.read.open(&record) else {
                let alert = AlertDescription::BAD_RECORD_MAC;
                return Err(self.post_handshake.abort(alert, "a record does not open"));
            };
            match self.post_handshake.receive(content_type, &mut content)? {
                Received::Data(part) => data.extend_from_slice(part),
                Received::Handled => {}
                Received::Closed => is_closed = true,
                other => panic!("{other:?}"),
            }
            self.do_steps();
        }
        Ok(if is_closed && data.is_empty() { None } else { Some(data) })
    }

    /// Sends what there is.
    pub fn flush(&mut self, mut transport: impl Write) {
        let outgoing = self.take_outgoing();
        transport.write_all(&outgoing).unwrap();
    }

    /// Receives until a line has come, and sends what comes of it. `None` at the end of data.
    pub fn read_line(&mut self, mut transport: impl Read + Write) -> Option<String> {
        let (mut line, mut bytes) = (Vec::new(), Vec::new());
        while !line.ends_with(b"\n") {
            match self.receive(&bytes).unwrap() {
                Some(data) => line.extend(data),
                None => return None,
            }
            self.flush(&mut transport);
            if line.ends_with(b"\n") {
                break;
            }
            bytes.resize(4096, 0);
            let count = transport.read(&mut bytes).unwrap();
            assert!(count > 0, "the transport has ended");
            bytes.truncate(count);
        }
        Some(String::from_utf8(line).unwrap())
    }
}
