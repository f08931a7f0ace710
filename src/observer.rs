//! Watching a handshake: an [`Observer`] gets an [`Event`] for each step.
//!
//! Everything that explains a handshake (the program of this project, a replay of the RFC's traces)
//! reads the same events. There is no second parser and no debugging build. The secrets for tools
//! such as Wireshark have a log of their own: see [`key_log`](crate::key_log).

use core::fmt;
use core::hash::BuildHasher;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use crate::alert::AlertDescription;
use crate::diagnosis::Diagnosis;
use crate::early_data::EarlyData;
use crate::key_log::KeyLog;
use crate::level::Level;
use crate::registry::{CipherSuiteId, ContentType, NamedGroup, SignatureScheme};
use crate::side::Side;
use crate::wire::HandshakeMessage;

/// Gets each step of a handshake, in order, as it happens.
///
/// Events carry no time. An observer that reads a clock at each event learns how long the step
/// between two events took.
pub trait Observer: Send + Sync {
    /// One step happened.
    fn event(&mut self, event: &Event<'_>);

    /// Should the values of the key schedule be part of the events? They are the connection's
    /// secrets: with them, anyone can read the whole connection. The default is no.
    fn wants_secrets(&self) -> bool {
        false
    }
}

/// One step of a handshake or connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A handshake message was written.
    MessageSent(Level, HandshakeMessage<'a>),
    /// A handshake message came. It has not been processed yet.
    MessageReceived(Level, HandshakeMessage<'a>),
    /// The cipher suite is chosen.
    CipherSuiteChosen(CipherSuiteId),
    /// The key exchange is done, in this group.
    KeysExchanged(NamedGroup),
    /// A step of the key schedule.
    KeySchedule(KeyScheduleStep<'a>),
    /// The peer's certificates were accepted by the verifier.
    PeerVerified,
    /// The peer's signature over the handshake is correct.
    SignatureVerified(SignatureScheme),
    /// The peer's Finished is correct: the handshake was not changed.
    FinishedVerified,
    /// On a server: it does not take something that the client offered. The reason is a fact: this side has
    /// decided it. The handshake goes on without it. The client's event is [`Declined`](Self::Declined).
    NotTaken(Offered, &'static str),
    /// On a client: the server has not taken something that was offered. The reason is a guess, except after a
    /// HelloRetryRequest: the server does not say it. The handshake goes on without it. The server's event is
    /// [`NotTaken`](Self::NotTaken).
    Declined(Offered, &'static str),
    /// The handshake waits for the answer to the question of this name.
    Waiting(&'static str),
    /// A record was written.
    RecordSent(ObservedRecord),
    /// A record was opened. The messages in it follow as events of their own.
    RecordReceived(ObservedRecord),
    /// On a server: a record of 0-RTT data that are not accepted was skipped. Its length in bytes with
    /// header.
    RecordSkipped(usize),
    /// An alert was sent.
    AlertSent(AlertDescription),
    /// An alert came.
    AlertReceived(AlertDescription),
    /// The handshake is complete: application data can flow both ways.
    HandshakeComplete(HandshakeSummary),
    /// The connection has failed, before the end of its handshake or after it. This is reported once, with
    /// what a [`Diagnosis`] says: by a [`Connection`](crate::connection::Connection), by one of QUIC, and by
    /// the streams for errors of the transport. A [`Handshake`](crate::handshake::Handshake) that is used
    /// alone reports it only [without records](crate::handshake::Handshake::without_records).
    Failed(&'a Diagnosis),
    /// On a server: the client has answered a CertificateRequest after the handshake. True if it
    /// authenticated itself with a certificate or a raw public key.
    PostHandshakeAuthentication(bool),
}

/// What a handshake was like, when it is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeSummary {
    /// By what the peers have authenticated each other.
    pub kind: HandshakeKind,
    /// The cipher suite.
    pub cipher_suite: Option<CipherSuiteId>,
    /// The group of the key exchange. `None` where a pre-shared key was used without one.
    pub group: Option<NamedGroup>,
    /// Was there a HelloRetryRequest?
    pub retried: bool,
    /// What became of 0-RTT data.
    pub early_data: EarlyData,
}

/// What the authentication of a handshake is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeKind {
    /// A certificate or a raw public key.
    Full,
    /// The session of a ticket.
    Resumed,
    /// An external pre-shared key, alone or together with a certificate.
    ExternalPsk,
}

impl HandshakeKind {
    /// A stable name for programs, in lower case with hyphens.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
            Self::ExternalPsk => "external-psk",
        }
    }
}

/// A record, as it was written or opened. Lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObservedRecord {
    /// What is in it.
    pub content_type: ContentType,
    /// Its length with header.
    pub length: usize,
    /// The length of its content, without the type and the padding of a protected record.
    pub content_length: usize,
    /// Is it encrypted?
    pub protected: bool,
}

/// What a client may offer, and a server may accept or ignore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Offered {
    /// The session of a ticket.
    Session,
    /// Pre-shared keys, including tickets: the server uses none of them.
    PreSharedKeys,
    /// 0-RTT data.
    EarlyData,
}

impl Offered {
    /// A stable name for programs, in lower case with hyphens.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::PreSharedKeys => "pre-shared-keys",
            Self::EarlyData => "early-data",
        }
    }
}

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "the session of a ticket",
            Self::PreSharedKeys => "any of the pre-shared keys and tickets",
            Self::EarlyData => "the early data",
        })
    }
}

/// A step of the key schedule (RFC 9846, section 7.1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyScheduleStep<'a> {
    /// HKDF-Extract or HKDF-Expand-Label.
    pub operation: KeyScheduleOperation,
    /// The stage that is extracted, or the label of the expansion, without its "tls13 " prefix.
    pub label: &'a str,
    /// The identity of the salt of an extraction, or of the secret that is expanded: the
    /// [`output`](Self::output) of the step that made it.
    pub secret: SecretId,
    /// The identity of the result.
    pub output: SecretId,
    /// The values, for an observer that [wants secrets](Observer::wants_secrets).
    pub values: Option<KeyScheduleValues<'a>>,
}

/// Which secret it is. On one connection, two steps with the same identity have the same value. It is a
/// hash under a random key of the connection, so it says nothing about the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecretId(u64);

/// The two operations that the key schedule is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyScheduleOperation {
    /// HKDF-Extract: mixes new key material in.
    Extract,
    /// HKDF-Expand-Label: derives a secret, a key or an IV.
    Expand,
}

/// What went into a step of the key schedule and what came out.
#[derive(Clone)]
#[non_exhaustive]
pub struct KeyScheduleValues<'a> {
    /// The salt of an extraction, or the secret that is expanded.
    pub secret: &'a [u8],
    /// The input key material of an extraction, or the context of an expansion.
    pub input: &'a [u8],
    /// The result.
    pub output: &'a [u8],
}

impl fmt::Debug for KeyScheduleValues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyScheduleValues(..)")
    }
}

/// Makes an observer for each connection of a configuration.
pub(crate) type MakeObserver = dyn Fn(Side) -> Box<dyn Observer> + Send + Sync;

/// The observers and the key log of one connection. `None` on most connections: they have neither.
#[derive(Default)]
pub(crate) struct Observers(Option<Box<ObservedConnection>>);

/// The observers of a connection, what their events need, and the key log.
struct ObservedConnection {
    key_log: Option<Box<ConnectionKeyLog>>,
    observers: Vec<ConnectionObserver>,
    /// The key of the identities of secrets.
    identities: RandomState,
    /// The observers have got [`Event::Failed`].
    has_failed: bool,
}

struct ConnectionObserver {
    observer: Box<dyn Observer>,
    wants_secrets: bool,
}

impl ObservedConnection {
    fn new() -> Self {
        let identities = RandomState::new();
        Self { key_log: None, observers: Vec::new(), identities, has_failed: false }
    }

    fn emit(&mut self, event: &Event<'_>) {
        for connection in &mut self.observers {
            connection.observer.event(event);
        }
    }

    fn id_of(&self, secret: &[u8]) -> SecretId {
        SecretId(self.identities.hash_one(secret))
    }
}

/// The key log, and what it names the connection by.
struct ConnectionKeyLog {
    key_log: Arc<dyn KeyLog>,
    client_random: [u8; 32],
}

impl Observers {
    pub(crate) fn new(key_log: Option<Arc<dyn KeyLog>>) -> Self {
        let mut observers = Self::default();
        observers.set_key_log(key_log);
        observers
    }

    /// Before [`set_client_random`](Self::set_client_random).
    pub(crate) fn set_key_log(&mut self, key_log: Option<Arc<dyn KeyLog>>) {
        match key_log {
            Some(key_log) => {
                let of_connection = ConnectionKeyLog { key_log, client_random: [0; 32] };
                self.connection().key_log = Some(Box::new(of_connection));
            }
            None => {
                if let Some(connection) = &mut self.0 {
                    connection.key_log = None;
                }
            }
        }
    }

    /// The connection of the first observer or key log, and of all that follow.
    fn connection(&mut self) -> &mut ObservedConnection {
        self.0.get_or_insert_with(|| Box::new(ObservedConnection::new()))
    }

    /// The connection, if it has observers.
    fn observed(&mut self) -> Option<&mut ObservedConnection> {
        let connection = self.0.as_deref_mut()?;
        if connection.observers.is_empty() { None } else { Some(connection) }
    }

    /// Adds an observer. It gets the events from here on.
    pub(crate) fn add(&mut self, observer: Box<dyn Observer>) {
        let wants_secrets = observer.wants_secrets();
        self.connection().observers.push(ConnectionObserver { observer, wants_secrets });
    }

    pub(crate) fn set_client_random(&mut self, random: &[u8; 32]) {
        if let Some(ObservedConnection { key_log: Some(key_log), .. }) = self.0.as_deref_mut() {
            key_log.client_random = *random;
        }
    }

    /// Gives the observers an event, which is made only if there are observers.
    pub(crate) fn emit<'a>(&mut self, event: impl FnOnce() -> Event<'a>) {
        if let Some(connection) = self.observed() {
            connection.emit(&event());
        }
    }

    /// Whether there are observers, which have not got [`Event::Failed`] yet.
    pub(crate) fn await_failure(&self) -> bool {
        let connection = self.0.as_ref();
        connection.is_some_and(|it| !it.observers.is_empty() && !it.has_failed)
    }

    /// Gives the observers [`Event::Failed`], once.
    pub(crate) fn emit_failure(&mut self, diagnosis: &Diagnosis) {
        let Some(connection) = self.observed() else { return };
        if !connection.has_failed {
            connection.has_failed = true;
            connection.emit(&Event::Failed(diagnosis));
        }
    }

    /// Only observers that want secrets get the values.
    pub(crate) fn emit_key_schedule_step(
        &mut self,
        operation: KeyScheduleOperation,
        label: &str,
        values: KeyScheduleValues<'_>,
    ) {
        let Some(connection) = self.observed() else { return };
        let (secret, output) = (connection.id_of(values.secret), connection.id_of(values.output));
        for ConnectionObserver { observer, wants_secrets } in &mut connection.observers {
            let values = wants_secrets.then(|| values.clone());
            let step = KeyScheduleStep { operation, label, secret, output, values };
            observer.event(&Event::KeySchedule(step));
        }
    }

    pub(crate) fn log(&self, label: &str, secret: &[u8]) {
        if let Some(ObservedConnection { key_log: Some(key_log), .. }) = self.0.as_deref() {
            key_log.key_log.log(label, &key_log.client_random, secret);
        }
    }
}
