use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use pki_types::{CertificateDer, ServerName, UnixTime};
use zeroize::Zeroizing;

use super::credential::MAX_REQUEST_LENGTH;
use super::stored::{self, MAX_PARAMETERS_LENGTH, MAX_RESUMPTION_DATA_LENGTH, QuicSession};
use super::{
    CertificateAnswer, MAX_LIFETIME, MAX_TICKET_LENGTH, PeerCredential, Session, SessionError,
};
use crate::crypto::Secret;
use crate::registry::{CertificateType, CipherSuiteId, NamedGroup};
use crate::time::Time;
use crate::wire::NewSessionTicket;
use crate::wire::codec::{Prefix, write_bytes, write_u16};

/// A ticket with everything that a client needs to resume a connection with it, once.
///
/// It holds a secret. An attacker who has it can pass for the server towards this client, and read its
/// 0-RTT data. Store its [bytes](Self::to_bytes) only where keys may be stored.
#[derive(Clone)]
pub struct ClientSession {
    pub(crate) session: Session,
    pub(crate) server_name: ServerName<'static>,
    pub(crate) ticket: Vec<u8>,
    /// The group that the server took.
    pub(crate) group: Option<NamedGroup>,
}

/// The connection that a ticket came on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TicketOrigin {
    /// The server's name, which was verified.
    pub server_name: ServerName<'static>,
    /// The suite.
    pub cipher_suite: CipherSuiteId,
    /// The group of the key exchange, where there was one. The next ClientHello to the server has a share
    /// for it.
    pub group: Option<NamedGroup>,
    /// The application protocol, where there was one.
    pub application_protocol: Option<Vec<u8>>,
    /// The server's certificates, which are verified again when the session is resumed.
    pub certificates: Option<Arc<[CertificateDer<'static>]>>,
    /// The server's public key (the DER of a SubjectPublicKeyInfo) where it showed that in place of
    /// certificates. It is verified again, too.
    pub raw_public_key: Option<Arc<[u8]>>,
    /// When the server authenticated with more than a ticket, in seconds since 1970.
    pub authenticated: u64,
}

impl TicketOrigin {
    /// A connection with this server and this suite. What else it had goes into the fields.
    pub fn new(
        server_name: ServerName<'static>,
        cipher_suite: CipherSuiteId,
        authenticated: u64,
    ) -> Self {
        Self {
            server_name,
            cipher_suite,
            group: None,
            application_protocol: None,
            certificates: None,
            raw_public_key: None,
            authenticated,
        }
    }
}

impl ClientSession {
    /// The longest input of [`from_bytes`](Self::from_bytes), in bytes.
    pub const MAX_LENGTH: usize = 0x2_0000;

    /// A session from a ticket that came at the time `received` since 1970, and its PSK. `None`
    /// for a ticket that must not be used: with a lifetime of zero, or longer than 8192 bytes. A lifetime
    /// of more than seven days is cut to seven days (RFC 9846, section 4.7.1).
    ///
    /// The library makes sessions by itself; this is for tickets that came another way. Without
    /// certificates and public key the server is not authenticated, and the session is not resumed.
    pub fn new(
        origin: TicketOrigin,
        ticket: &NewSessionTicket<'_>,
        psk: Secret,
        received: Duration,
    ) -> Option<Self> {
        if ticket.lifetime == 0 || ticket.ticket.len() > MAX_TICKET_LENGTH {
            return None;
        }
        Some(Self {
            session: Session {
                cipher_suite: origin.cipher_suite,
                secret: psk,
                since: Time::since_unix_epoch(received),
                authenticated: origin.authenticated,
                lifetime: ticket.lifetime.min(MAX_LIFETIME),
                age_add: ticket.age_add,
                application_protocol: origin.application_protocol,
                max_early_data_size: ticket.max_early_data_size.unwrap_or_default(),
                early_data_window: 0,
                credential: PeerCredential::without_staples(
                    origin.certificates,
                    origin.raw_public_key,
                ),
                answer: None,
                own_type: CertificateType::X509,
                resumption_data: Vec::new(),
                quic: None,
            },
            server_name: origin.server_name,
            ticket: ticket.ticket.to_vec(),
            group: origin.group,
        })
    }

    /// The same session with what both sides authenticated with; `None` where that is too long to be
    /// stored.
    pub(crate) fn authenticated_by(
        mut self,
        credential: PeerCredential,
        answer: Option<CertificateAnswer>,
    ) -> Option<Self> {
        if answer.as_ref().is_some_and(|answer| answer.request.len() > MAX_REQUEST_LENGTH) {
            return None;
        }
        self.session.credential = credential;
        self.session.answer = answer;
        let data = MAX_RESUMPTION_DATA_LENGTH + MAX_PARAMETERS_LENGTH;
        if self.max_encoded_length() + data > Self::MAX_LENGTH {
            return None;
        }
        Some(self)
    }

    /// The same session with what the application has kept, and what a connection of QUIC keeps. Both
    /// are short: `MAX_LENGTH` has room for them.
    pub(crate) fn with_data(mut self, resumption_data: Vec<u8>, quic: Option<QuicSession>) -> Self {
        self.session.resumption_data = resumption_data;
        self.session.quic = quic;
        self
    }

    /// An upper bound of the bytes that [`to_bytes`](Self::to_bytes) writes.
    fn max_encoded_length(&self) -> usize {
        self.session.max_encoded_length() + self.ticket.len()
    }

    /// The server that the session is with.
    pub fn server_name(&self) -> &ServerName<'static> {
        &self.server_name
    }

    /// The ticket, as the server made it.
    pub fn ticket(&self) -> &[u8] {
        &self.ticket
    }

    /// The PSK of the ticket. Handle with care.
    pub fn secret(&self) -> &Secret {
        &self.session.secret
    }

    /// The bytes of 0-RTT data that the server takes with this ticket; zero for none.
    pub fn max_early_data_size(&self) -> u32 {
        self.session.max_early_data_size
    }

    /// What the client has kept with the session: see
    /// [`set_resumption_data`](crate::handshake::Handshake::set_resumption_data). Empty if it has kept
    /// nothing.
    pub fn resumption_data(&self) -> &[u8] {
        &self.session.resumption_data
    }

    /// Can the session be resumed at this time? A session whose ticket came more than ten seconds
    /// after `now` cannot: the clock was set back, and the ticket's age is not known.
    pub fn is_alive(&self, now: impl Into<Time>) -> bool {
        self.session.is_alive(now.into())
    }

    /// The session as bytes, which are a secret: see [`from_bytes`](Self::from_bytes).
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        stored::write(self.max_encoded_length(), |out| {
            let name = self.server_name.to_str();
            write_bytes(out, Prefix::U16, name.as_bytes());
            write_bytes(out, Prefix::U16, &self.ticket);
            // No group is written as a zero, which is no group's code point.
            write_u16(out, self.group.unwrap_or_default());
            self.session.encode(out);
        })
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, in this version of the format. The bytes may be
    /// malformed, but they must be secret and unchanged: an attacker who can write them can choose the
    /// server's certificates and the key of the session.
    ///
    /// # Errors
    /// When they are anything else, or longer than [`MAX_LENGTH`](Self::MAX_LENGTH).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SessionError> {
        if bytes.len() > Self::MAX_LENGTH {
            return Err(SessionError::Malformed("length"));
        }
        let mut reader = stored::open(bytes)?;
        let name = reader.vector("server name", Prefix::U16, 1..=0xffff)?;
        let text = core::str::from_utf8(name).unwrap_or_default().to_owned();
        let server_name =
            ServerName::try_from(text).map_err(|_| SessionError::Malformed("server name"))?;
        let ticket = reader.vector("ticket", Prefix::U16, 1..=MAX_TICKET_LENGTH)?.to_vec();
        let group = NamedGroup(reader.u16("group")?);
        let group = if group == NamedGroup::default() { None } else { Some(group) };
        let session = Session::read(&mut reader)?;
        reader.finish("end")?;
        Ok(Self { session, server_name, ticket, group })
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession")
            .field("server_name", &self.server_name)
            .field("cipher_suite", &self.session.cipher_suite)
            .field("lifetime", &self.session.lifetime)
            .field("max_early_data_size", &self.session.max_early_data_size)
            .finish_non_exhaustive()
    }
}

/// Stores a client's sessions between connections.
pub trait ClientSessionStore: Send + Sync + fmt::Debug {
    /// Stores a session: a ticket came. A server may send several.
    fn put(&self, session: ClientSession);

    /// Removes the newest session with this server, and returns it. A ticket is for one use: an
    /// observer that sees it twice would know that both connections are the same client's (RFC 9846,
    /// appendix C.4).
    fn take(&self, server: &ServerName<'static>, now: UnixTime) -> Option<ClientSession>;

    /// Removes the sessions with this server: it refused a ticket, and it is likely to refuse those that
    /// it sent before, too (RFC 9149, section 3).
    fn forget(&self, server: &ServerName<'static>) {
        let _ = server;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::MAX_HASH_LENGTH;

    /// Memory that has to grow would leave copies of the secret behind.
    #[test]
    fn the_longest_session_fits_into_the_memory_that_it_is_written_to() {
        let shown = CertificateAnswer {
            request: vec![0; MAX_REQUEST_LENGTH].into(),
            certificate_type: CertificateType::X509,
            shown: Some([0; 32]),
        };
        let label = "a".repeat(63);
        let name = [&label[..], &label, &label, &label[..61]].join(".");
        assert_eq!(name.len(), 253, "the longest name");
        let quic =
            QuicSession { version: 1, early_data_limits: Some(vec![0; MAX_PARAMETERS_LENGTH]) };
        let longest = ClientSession {
            session: Session {
                cipher_suite: CipherSuiteId::TLS_AES_256_GCM_SHA384,
                secret: Secret::zeros(MAX_HASH_LENGTH),
                since: Time::since_unix_epoch(Duration::from_secs(1)),
                authenticated: 1,
                lifetime: MAX_LIFETIME,
                age_add: 1,
                application_protocol: Some(vec![0; 255]),
                max_early_data_size: 1,
                early_data_window: 1,
                credential: PeerCredential::RawPublicKey(vec![0; 1000].into()),
                answer: Some(shown),
                own_type: CertificateType::X509,
                resumption_data: vec![0; MAX_RESUMPTION_DATA_LENGTH],
                quic: Some(quic),
            },
            server_name: name.try_into().unwrap(),
            ticket: vec![0; MAX_TICKET_LENGTH],
            group: Some(NamedGroup::X25519),
        };
        let written = longest.to_bytes();
        assert!(written.len() <= longest.max_encoded_length(), "{} bytes", written.len());
    }
}
