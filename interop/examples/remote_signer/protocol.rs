//! The protocol between servers and a signer.
//!
//! **Transport.** TLS 1.3 over TCP, with the application protocol `handclasp-signer/1`. Each side has a certificate,
//! and accepts the other one by the pin of its key. There is no other way in: who has the key of a pin may have
//! signatures made.
//!
//! **Messages.** Numbers are big-endian. A message is its length (2 bytes, at most [`MAX_MESSAGE`]) and that many bytes.
//!
//! | Request | Bytes |
//! |---|---|
//! | number of the request | 4 |
//! | signature scheme; 0 asks for the schemes of the key | 2 |
//! | length of the key's name, and the name | 1, and at most 255 |
//! | what to sign: the content of a server's CertificateVerify (RFC 9846, section 4.5.2) | the rest |
//!
//! | Reply | Bytes |
//! |---|---|
//! | number of the request | 4 |
//! | status: see [`Status`] | 1 |
//! | the signature, or the schemes with two bytes each | the rest |
//!
//! Many requests may be open. Replies come in any order. A malformed message ends the connection. A server that gets no
//! reply for some seconds closes the connection, and sends the request once more over another one.
//!
//! **What is signed.** Only 64 spaces, `TLS 1.3, server CertificateVerify`, a zero byte, and a hash of 32 or 48 bytes.
//! A server that was broken into can have its own handshakes signed, until its pin is removed. It cannot have a
//! certificate, a document or the handshake of a client signed.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub const APPLICATION_PROTOCOL: &[u8] = b"handclasp-signer/1";

/// What the content of a server's CertificateVerify has after 64 spaces, and before a zero byte and the hash
/// (RFC 9846, section 4.5.2).
pub const CONTEXT: &str = "TLS 1.3, server CertificateVerify";

/// The longest message in bytes. A request with the longest name has 408.
pub const MAX_MESSAGE: usize = 1024;

/// What a server asks.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub number: u32,
    /// 0 asks for the schemes of the key.
    pub scheme: u16,
    pub key: String,
    pub content: Vec<u8>,
}

/// What the signer answers.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub number: u32,
    pub status: Status,
    pub content: Vec<u8>,
}

/// Whether a request succeeded, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Done = 0,
    /// The signer has no key of this name.
    UnknownKey = 1,
    /// The key does not sign with this scheme.
    UnknownScheme = 2,
    /// The message is not the content of a server's CertificateVerify.
    NotCertificateVerify = 3,
    /// The key could not sign.
    Failed = 4,
}

impl Status {
    fn of(code: u8) -> Option<Self> {
        let all = [
            Self::Done,
            Self::UnknownKey,
            Self::UnknownScheme,
            Self::NotCertificateVerify,
            Self::Failed,
        ];
        all.into_iter().find(|status| *status as u8 == code)
    }
}

impl Request {
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = self.number.to_be_bytes().to_vec();
        bytes.extend(self.scheme.to_be_bytes());
        bytes.push(u8::try_from(self.key.len()).ok()?);
        bytes.extend(self.key.as_bytes());
        bytes.extend(&self.content);
        Some(bytes)
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        let (scheme, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first()?;
        let (key, content) = rest.split_at_checked(usize::from(*length))?;
        Some(Self {
            number: u32::from_be_bytes(*number),
            scheme: u16::from_be_bytes(*scheme),
            key: String::from_utf8(key.to_vec()).ok()?,
            content: content.to_vec(),
        })
    }
}

impl Reply {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.number.to_be_bytes().to_vec();
        bytes.push(self.status as u8);
        bytes.extend(&self.content);
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        let (status, content) = rest.split_first()?;
        let number = u32::from_be_bytes(*number);
        Some(Self { number, status: Status::of(*status)?, content: content.to_vec() })
    }
}

/// The next message, or `None` if the peer has ended the connection.
///
/// # Errors
/// That of the stream, and `InvalidData` if the message is too long.
pub async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    if stream.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[1..]).await?;
    let length = usize::from(u16::from_be_bytes(length));
    if length > MAX_MESSAGE {
        return Err(malformed("a message is too long"));
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(Some(message))
}

/// Sends a message.
///
/// # Errors
/// That of the stream, and `InvalidData` if the message is too long.
pub async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| malformed("a message is too long"))?;
    if message.len() > MAX_MESSAGE {
        return Err(malformed("a message is too long"));
    }
    let bytes = [&length.to_be_bytes()[..], message].concat();
    stream.write_all(&bytes).await?;
    stream.flush().await
}

pub fn malformed(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
