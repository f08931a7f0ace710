//! What a peer that has the secrets can make, and our ends would not: records, Finished,
//! CertificateVerify and binders.

use std::sync::Mutex;

use handclasp::crypto::{
    AeadKey, CipherSuite, CryptoProvider, Hash, NONCE_LENGTH, Secret, StaticOrArc, TAG_LENGTH,
    hkdf_expand, signing_key,
};
use handclasp::handshake::Side;
use handclasp::key_log::KeyLog;
use handclasp::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use handclasp::record::HEADER_LENGTH;
use handclasp::registry::{ContentType, HandshakeType, SignatureScheme};
use handclasp::wire::CertificateVerify;

use crate::deterministic;
use crate::written::handshake_message;

/// HKDF-Expand-Label (RFC 9846, section 7.1).
fn expand_label(
    hash: &dyn Hash,
    secret: &[u8],
    label: &str,
    context: &[u8],
    length: usize,
) -> Vec<u8> {
    let label = [b"tls13 ", label.as_bytes()].concat();
    let lengths = [0, length as u8, label.len() as u8];
    let info = [&lengths[..], &label, &[context.len() as u8], context].concat();
    let mut output = vec![0; length];
    hkdf_expand(hash, secret, &info, &mut output).expect("the length is a small one");
    output
}

/// The MAC of a Finished, or of a binder, under the key that comes from `base_key`.
fn verify_data(hash: &dyn Hash, base_key: &[u8], transcript: &[u8]) -> Vec<u8> {
    let key = expand_label(hash, base_key, "finished", b"", hash.output_length());
    hmac(hash, &key, transcript).as_bytes().to_vec()
}

fn hmac(hash: &dyn Hash, key: &[u8], data: &[u8]) -> Secret {
    hash.hmac_key(key).sign(&[data]).expect("a built-in provider does not fail")
}

/// The Finished under this secret, after messages with this hash.
pub fn finished(hash: &dyn Hash, secret: &[u8], transcript: &[u8]) -> Vec<u8> {
    handshake_message(HandshakeType::FINISHED, &verify_data(hash, secret, transcript))
}

/// The binder of an external key (section 4.3.11.2) for a ClientHello that is cut off before its
/// binders.
pub fn external_binder(hash: &dyn Hash, key: &[u8], truncated: &[u8]) -> Vec<u8> {
    let early_secret = hmac(hash, &[], key);
    let context = hash.digest(b"");
    let length = hash.output_length();
    let binder_key = expand_label(hash, early_secret.as_bytes(), "ext binder", &context, length);
    verify_data(hash, &binder_key, &hash.digest(truncated))
}

/// The CertificateVerify of this side with the key of [`deterministic`], after messages with this
/// hash.
pub fn certificate_verify(side: Side, transcript: &[u8]) -> Vec<u8> {
    let context: &[u8] = match side {
        Side::Client => b"TLS 1.3, client CertificateVerify",
        Side::Server => b"TLS 1.3, server CertificateVerify",
    };
    let content = [&[0x20; 64], context, &[0], transcript].concat();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(deterministic::KEY));
    let key = signing_key(&key).expect("the key is good");
    let algorithm = SignatureScheme::ED25519;
    let signature = key.sign(algorithm, &content).expect("the key can sign");
    let mut out = Vec::new();
    CertificateVerify { algorithm, signature: &signature }.encode(&mut out);
    out
}

/// Keeps the secrets that a key log gets.
#[derive(Debug, Default)]
pub struct Secrets(Mutex<Vec<(String, Vec<u8>)>>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, _: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().push((label.to_owned(), secret.to_vec()));
    }
}

impl Secrets {
    /// Seals under the secret of this label, from its first record on. The connection has the first
    /// suite of the default provider.
    pub fn forger(&self, label: &str) -> Forger {
        let secrets = self.0.lock().unwrap();
        let (_, secret) = secrets.iter().find(|(logged, _)| logged == label).unwrap();
        Forger::new(&CryptoProvider::default().cipher_suites[0], secret)
    }
}

/// The record protection of one direction, without the checks and limits of an honest end.
pub struct Forger {
    suite: StaticOrArc<CipherSuite>,
    secret: Vec<u8>,
    key: AeadKey,
    iv: [u8; NONCE_LENGTH],
    sequence: u64,
}

impl Forger {
    pub fn new(suite: &StaticOrArc<CipherSuite>, secret: &[u8]) -> Self {
        let key = expand_label(&*suite.hash, secret, "key", b"", suite.aead.key_length());
        let key = suite.aead.key(&key).expect("the length is right");
        let iv = expand_label(&*suite.hash, secret, "iv", b"", NONCE_LENGTH);
        let iv = iv.try_into().expect("the length is right");
        Self { suite: suite.clone(), secret: secret.to_vec(), key, iv, sequence: 0 }
    }

    /// The keys after a KeyUpdate.
    pub fn next(&self) -> Self {
        let hash = &*self.suite.hash;
        let secret = expand_label(hash, &self.secret, "traffic upd", b"", hash.output_length());
        Self::new(&self.suite, &secret)
    }

    /// The Finished under this secret, after messages with this hash.
    pub fn finished(&self, transcript: &[u8]) -> Vec<u8> {
        finished(&*self.suite.hash, &self.secret, transcript)
    }

    /// A KeyUpdate, after which everything is under the next secret.
    pub fn update(&mut self, request: bool) -> Vec<u8> {
        let message = handshake_message(HandshakeType::KEY_UPDATE, &[request.into()]);
        let record = self.seal(ContentType::HANDSHAKE, &message);
        *self = self.next();
        record
    }

    /// A record with this content of this type.
    pub fn seal(&mut self, kind: ContentType, content: &[u8]) -> Vec<u8> {
        self.seal_inner([content, &[kind.0]].concat())
    }

    /// A record of this inner plaintext: the content, its type, and the padding.
    pub fn seal_inner(&mut self, mut inner: Vec<u8>) -> Vec<u8> {
        let length = u16::try_from(inner.len() + TAG_LENGTH).unwrap().to_be_bytes();
        let header = [ContentType::APPLICATION_DATA.0, 3, 3, length[0], length[1]];
        let tag = self.key.seal(self.nonce(), &header, &mut inner).expect("sealing works");
        self.sequence += 1;
        [&header[..], &inner, &tag].concat()
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

    fn nonce(&self) -> [u8; NONCE_LENGTH] {
        let mut nonce = self.iv;
        for (byte, part) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= part;
        }
        nonce
    }
}
