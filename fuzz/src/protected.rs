//! What a peer that has the secrets can make: protected records, Finished and CertificateVerify.

use handclasp::crypto::{AeadKey, CipherSuite, signing_key};
use handclasp::handshake::Side;
use handclasp::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use handclasp::record::HEADER_LENGTH;
use handclasp::registry::{HandshakeType, SignatureScheme};
use handclasp::wire::CertificateVerify;

use crate::fix_length;
use handclasp_testing::deterministic;

/// HKDF-Expand-Label without a context.
fn expand(suite: &CipherSuite, secret: &[u8], label: &str, length: usize) -> Vec<u8> {
    let label = [b"tls13 ", label.as_bytes()].concat();
    let info = [&[0, length as u8, label.len() as u8], &label[..], &[0]].concat();
    let mut output = vec![0; length];
    suite.hash.expand(secret, &[&info], &mut output).expect("the length is a small one");
    output
}

/// The Finished under this secret, after messages with this hash.
pub fn finished(suite: &CipherSuite, secret: &[u8], transcript: &[u8]) -> Vec<u8> {
    let key = expand(suite, secret, "finished", suite.hash.output_length());
    let mut message = vec![HandshakeType::FINISHED.0, 0, 0, 0];
    message.extend_from_slice(suite.hash.hmac(&key, &[transcript]).as_bytes());
    fix_length(&mut message);
    message
}

/// The CertificateVerify of this side, after messages with this hash.
pub fn certificate_verify(side: Side, transcript: &[u8]) -> Vec<u8> {
    let context: &[u8] = match side {
        Side::Client => b"TLS 1.3, client CertificateVerify",
        Side::Server => b"TLS 1.3, server CertificateVerify",
    };
    let content = [&[0x20; 64], context, &[0], transcript].concat();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(deterministic::KEY));
    let key = signing_key(&key).expect("the key is good");
    let signature = key.sign(SignatureScheme::ED25519, &content).expect("the key can sign");
    let mut out = Vec::new();
    CertificateVerify { algorithm: SignatureScheme::ED25519, signature: &signature }
        .encode(&mut out);
    out
}

/// The record protection of one direction, without any check.
pub struct Keys {
    suite: CipherSuite,
    secret: Vec<u8>,
    key: AeadKey,
    iv: Vec<u8>,
    sequence: u64,
}

impl Keys {
    pub fn new(suite: &CipherSuite, secret: Vec<u8>) -> Self {
        let key = expand(suite, &secret, "key", suite.aead.key_length());
        let key = suite.aead.key(&key).expect("the length is right");
        Self { key, iv: expand(suite, &secret, "iv", 12), suite: *suite, secret, sequence: 0 }
    }

    /// The keys after a KeyUpdate.
    pub fn next(&self) -> Self {
        let length = self.suite.hash.output_length();
        Self::new(&self.suite, expand(&self.suite, &self.secret, "traffic upd", length))
    }

    pub fn finished(&self, transcript: &[u8]) -> Vec<u8> {
        finished(&self.suite, &self.secret, transcript)
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce: [u8; 12] = self.iv[..].try_into().expect("it has twelve bytes");
        for (byte, part) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= part;
        }
        nonce
    }

    /// A record with this content of this type, and so many zeros after it.
    pub fn seal(&mut self, content_type: u8, content: &[u8], padding: usize) -> Vec<u8> {
        let mut body = [content, &[content_type], &vec![0; padding]].concat();
        let length = ((body.len() + 16) as u16).to_be_bytes();
        let header = [23, 3, 3, length[0], length[1]];
        let tag = self.key.seal(self.nonce(), &header, &mut body).expect("sealing works");
        self.sequence += 1;
        [&header[..], &body, &tag].concat()
    }

    /// Content and type of a record, if it is under these keys.
    pub fn open(&mut self, record: &[u8]) -> Option<(u8, Vec<u8>)> {
        let (header, body) = record.split_at(HEADER_LENGTH);
        let mut body = body.to_vec();
        let content = self.key.open(self.nonce(), header, &mut body).ok()?;
        self.sequence += 1;
        let end = content.iter().rposition(|byte| *byte != 0)?;
        Some((content[end], content[..end].to_vec()))
    }
}
