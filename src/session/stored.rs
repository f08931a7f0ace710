//! The session that both sides store, and its encoding.

use core::time::Duration;

use zeroize::Zeroizing;

use super::SessionError;
use super::credential::{CertificateAnswer, PeerCredential, read_flag};
use super::lifetime::{MAX_LIFETIME, from_secs, is_recent};
use crate::crypto::Secret;
use crate::registry::{CertificateType, CipherSuiteId, HandshakeType};
use crate::time::Time;
use crate::wire::codec::{Prefix, Reader, write_bytes, write_u16};

/// The longest ticket that is kept or sent, in bytes: it has to fit into a ClientHello.
pub(crate) const MAX_TICKET_LENGTH: usize = 0x2000;

/// The most bytes of an application that are kept with a session, on a client and in a ticket.
pub const MAX_RESUMPTION_DATA_LENGTH: usize = 0x1000;

/// The longest transport parameters of a server, in bytes, that a client of QUIC keeps with a session, and
/// the longest early data context of a server.
pub(crate) const MAX_PARAMETERS_LENGTH: usize = 0x1000;

/// The first byte of everything that is written here.
const VERSION: u8 = 5;

/// What both sides store of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) cipher_suite: CipherSuiteId,
    /// The PSK of the ticket.
    pub(crate) secret: Secret,
    /// When the server sent the ticket, or when the client received it.
    pub(crate) since: Time,
    /// When the peer last authenticated with more than a ticket, in seconds since 1970.
    pub(crate) authenticated: u64,
    pub(crate) lifetime: u32,
    pub(crate) age_add: u32,
    pub(crate) application_protocol: Option<Vec<u8>>,
    pub(crate) max_early_data_size: u32,
    /// How far the expected arrival of 0-RTT data under the ticket may be from the clock, in seconds:
    /// the window of the server that sent the ticket. Zero on a client, and not stored without
    /// `max_early_data_size`.
    pub(crate) early_data_window: u32,
    /// What the peer authenticated with.
    pub(crate) credential: PeerCredential,
    /// The client's answer to a CertificateRequest; `None` where there was none, and on a server.
    pub(crate) answer: Option<CertificateAnswer>,
    /// The type of certificate that the server has shown.
    pub(crate) own_type: CertificateType,
    /// What the application has kept; empty where it has kept nothing.
    pub(crate) resumption_data: Vec<u8>,
    /// `None` where the connection was not of QUIC.
    pub(crate) quic: Option<QuicSession>,
}

/// What a session keeps of a connection of QUIC.
#[derive(Clone, Debug)]
pub(crate) struct QuicSession {
    /// The number of its version.
    pub(crate) version: u32,
    /// What 0-RTT data keep to. On a client the server's transport parameters: there are no 0-RTT data
    /// without them. On a server its early data context, if it has set one.
    pub(crate) early_data_limits: Option<Vec<u8>>,
}

impl QuicSession {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_be_bytes());
        out.push(u8::from(self.early_data_limits.is_some()));
        if let Some(limits) = &self.early_data_limits {
            write_bytes(out, Prefix::U16, limits);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, SessionError> {
        const FIELD: &str = "limits of 0-RTT data";
        let version = reader.u32("QUIC version")?;
        let mut early_data_limits = None;
        if read_flag(reader, FIELD)? {
            let bytes = reader.vector(FIELD, Prefix::U16, 0..=MAX_PARAMETERS_LENGTH)?;
            early_data_limits = Some(bytes.to_vec());
        }
        Ok(Self { version, early_data_limits })
    }
}

impl Session {
    /// The ticket's age in milliseconds, as a client sends it (section 4.3.11.1). The clock may be
    /// a little behind the time at which the ticket came: the age is zero then.
    pub(crate) fn obfuscated_age(&self, now: Time) -> u32 {
        u32::try_from(now.since(self.since).as_millis())
            .unwrap_or(u32::MAX)
            .wrapping_add(self.age_add)
    }

    /// Whether the ticket may be used: its lifetime is not over, and the handshake in which the peer
    /// authenticated is at most seven days old (section 4.7.1).
    pub(crate) fn is_alive(&self, now: Time) -> bool {
        is_recent(self.since, self.lifetime.min(MAX_LIFETIME), now)
            && is_recent(from_secs(self.authenticated), MAX_LIFETIME, now)
    }

    /// An upper bound of the encoded length in bytes, with the name or digest before it. The allocator of glibc
    /// takes up to 1,032 bytes from the cache of the thread (tcache), and needs more time for more.
    pub(super) fn max_encoded_length(&self) -> usize {
        let request = self.answer.as_ref().map_or(0, |answer| answer.request.len());
        let quic = self.quic.as_ref().and_then(|quic| quic.early_data_limits.as_ref());
        let data = self.resumption_data.len() + quic.map_or(0, Vec::len);
        768 + request + data + self.credential.max_encoded_length()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write_u16(out, self.cipher_suite);
        let microseconds = u64::try_from(self.since.as_duration().as_micros());
        out.extend_from_slice(&microseconds.unwrap_or(u64::MAX).to_be_bytes());
        out.extend_from_slice(&self.authenticated.to_be_bytes());
        out.extend_from_slice(&self.lifetime.to_be_bytes());
        out.extend_from_slice(&self.age_add.to_be_bytes());
        let flags = Flags {
            early_data: self.max_early_data_size > 0,
            resumption_data: !self.resumption_data.is_empty(),
            quic: self.quic.is_some(),
        };
        out.push(flags.byte());
        if flags.early_data {
            out.extend_from_slice(&self.max_early_data_size.to_be_bytes());
            out.extend_from_slice(&self.early_data_window.to_be_bytes());
        }
        write_bytes(out, Prefix::U8, self.secret.as_bytes());
        // No protocol is written as an empty name: RFC 7301 has no empty names.
        let protocol = self.application_protocol.as_deref().unwrap_or_default();
        write_bytes(out, Prefix::U8, protocol);
        self.credential.encode(out);
        CertificateAnswer::encode(self.answer.as_ref(), out);
        out.push(self.own_type.0);
        if flags.resumption_data {
            write_bytes(out, Prefix::U16, &self.resumption_data);
        }
        if let Some(quic) = &self.quic {
            quic.encode(out);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, SessionError> {
        let cipher_suite = CipherSuiteId(reader.u16("cipher suite")?);
        let since = Duration::from_micros(u64::from_be_bytes(*reader.array("time")?));
        let authenticated = u64::from_be_bytes(*reader.array("time")?);
        let lifetime = reader.u32("lifetime")?;
        let age_add = reader.u32("age_add")?;
        let (mut max_early_data_size, mut early_data_window) = (0, 0);
        let flags = Flags::read(reader)?;
        if flags.early_data {
            max_early_data_size = reader.u32("max_early_data_size")?;
            early_data_window = reader.u32("early data window")?;
        }
        let secret = reader.vector("secret", Prefix::U8, 32..=64)?;
        let secret = Secret::new(secret).ok_or(SessionError::Malformed("secret"))?;
        let protocol = reader.vector("application protocol", Prefix::U8, 0..=255)?;
        let application_protocol = if protocol.is_empty() { None } else { Some(protocol.to_vec()) };
        let credential = PeerCredential::read(reader)?;
        let answer = CertificateAnswer::read(reader)?;
        let own_type = CertificateType(reader.u8("own certificate type")?);
        let mut resumption_data = Vec::new();
        if flags.resumption_data {
            let lengths = 1..=MAX_RESUMPTION_DATA_LENGTH;
            resumption_data = reader.vector("resumption data", Prefix::U16, lengths)?.to_vec();
        }
        let quic = if flags.quic { Some(QuicSession::read(reader)?) } else { None };
        Ok(Self {
            cipher_suite,
            secret,
            since: Time::since_unix_epoch(since),
            authenticated,
            lifetime,
            age_add,
            application_protocol,
            max_early_data_size,
            early_data_window,
            credential,
            answer,
            own_type,
            resumption_data,
            quic,
        })
    }
}

/// Which optional parts are there. They share a byte, because a ticket has it.
struct Flags {
    early_data: bool,
    resumption_data: bool,
    quic: bool,
}

impl Flags {
    fn byte(&self) -> u8 {
        u8::from(self.early_data) | u8::from(self.resumption_data) << 1 | u8::from(self.quic) << 2
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, SessionError> {
        let byte = reader.u8("flags")?;
        let has = |bit: u8| byte & (1 << bit) != 0;
        let flags = Self { early_data: has(0), resumption_data: has(1), quic: has(2) };
        if flags.byte() != byte {
            return Err(SessionError::Malformed("flags"));
        }
        Ok(flags)
    }
}

/// Writes a version and `content` after it, into memory that is wiped. `capacity` is enough for all of
/// it: growing would leave copies of the secret behind.
pub(super) fn write(capacity: usize, content: impl FnOnce(&mut Vec<u8>)) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(capacity));
    out.push(VERSION);
    content(&mut out);
    debug_assert!(out.len() <= capacity, "{} bytes in place of {capacity}", out.len());
    out
}

/// A reader behind the version.
pub(super) fn open(bytes: &[u8]) -> Result<Reader<'_>, SessionError> {
    let mut reader = Reader::new(HandshakeType::NEW_SESSION_TICKET, bytes);
    match reader.u8("version")? {
        VERSION => Ok(reader),
        _ => Err(SessionError::Version),
    }
}
