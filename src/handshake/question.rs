//! The questions that a handshake asks, and their answers.

use core::fmt;
use std::sync::Arc;

use pki_types::UnixTime;
use zeroize::Zeroizing;

use super::peer_identity::ClaimedIdentity;
use crate::certificate::CertificateError;
use crate::config::ConfigChoice;
use crate::credential::{CertifiedKey, NoCertificate};
use crate::crypto::{CryptoError, HashAlgorithm};
use crate::error::{Error, ErrorKind};
use crate::psk::ChosenPsk;
use crate::registry::{CertificateType, SignatureScheme};
use crate::session::{ClientHelloRecord, EarlyDataOffer, ReplayCheck};
use crate::verify::{PeerIdentity, RawPublicKey};
use crate::wire::{CertificateRequest, ClientHello, OneIdentity};

/// The number of a [`Question`]: the address of its [`Answer`].
///
/// Each question of a connection has its own number. An answer that comes twice, or after its
/// question was withdrawn, has the number of no open question, and is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionNumber(pub u64);

impl fmt::Display for QuestionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a handshake waits for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Question {
    /// A server asks: which configuration for this client? Answer with [`Answer::Config`].
    ChooseConfig(ChooseConfig),
    /// A server asks: which certificate for this client? Answer with [`Answer::Certificate`].
    ChooseCertificate(ChooseCertificate),
    /// A server asks: which session for this ticket? Answer with [`Answer::Session`].
    TakeSession(TakeSession),
    /// A server asks: which of the client's pre-shared keys is used? Before it resumes a session
    /// that is based on a pre-shared key, it asks for that key again. Answer with [`Answer::Psk`].
    ResolvePsk(ResolvePsk),
    /// A server asks: may this 0-RTT data be accepted? Answer with [`Answer::EarlyData`].
    AcceptEarlyData(AcceptEarlyData),
    /// A server asks last, where its register is elsewhere: has any server seen this ClientHello with
    /// 0-RTT data before? Answer with [`Answer::ReplayCheck`].
    CheckReplay(CheckReplay),
    /// Sign this with the private key. Answer with [`Answer::Signature`].
    Sign(Sign),
    /// Are these certificates acceptable: for the server's name, or as a client's? Answer with
    /// [`Answer::Peer`]. The peer sent them in this handshake, or in the one that a session goes
    /// back to. A client asks about a session before its ClientHello, and does not resume it after
    /// a refusal.
    VerifyPeer(PeerIdentity),
    /// Is this raw public key acceptable? Answer with [`Answer::Peer`].
    VerifyRawPublicKey(RawPublicKey),
    /// A client asks: which of its certificates for this server's request? Answer with
    /// [`Answer::ClientCertificate`]. Before the ClientHello it is the request of the handshake
    /// that a session goes back to: the session is resumed if the answer is the same as then.
    ChooseClientCertificate(ChooseClientCertificate),
}

impl Question {
    /// A name for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ChooseConfig(_) => "choose configuration",
            Self::ChooseCertificate(_) => "choose certificate",
            Self::TakeSession(_) => "take session",
            Self::ResolvePsk(_) => "resolve PSK",
            Self::AcceptEarlyData(_) => "accept early data",
            Self::CheckReplay(_) => "check replay",
            Self::Sign(_) => "sign",
            Self::VerifyPeer(_) => "verify peer",
            Self::VerifyRawPublicKey(_) => "verify raw public key",
            Self::ChooseClientCertificate(_) => "choose client certificate",
        }
    }

    /// The question whether to accept this identity, where the verifier answers later.
    pub(super) fn verify(identity: ClaimedIdentity) -> Self {
        match identity {
            ClaimedIdentity::Certificates(identity) => Self::VerifyPeer(identity),
            ClaimedIdentity::RawPublicKey(key) => Self::VerifyRawPublicKey(key),
        }
    }

    /// What counts as the answer where there is none, for this reason. A server that cannot ask about a session or about
    /// 0-RTT data does not use them, and the handshake goes on.
    pub(super) fn without_answer(&self, reason: String) -> Result<Answer, Error> {
        match self {
            Self::TakeSession(_) => Ok(Answer::Session(None)),
            Self::AcceptEarlyData(_) => Ok(Answer::EarlyData(false)),
            Self::CheckReplay(_) => Ok(Answer::ReplayCheck(ReplayCheck::Unknown)),
            _ => Err(ErrorKind::Unanswered { question: self.name(), reason }.into()),
        }
    }

    /// Joins the question and its answer. Where the answer is of another kind, the question comes back.
    pub(super) fn answered(self, answer: Answer) -> Result<Answered, Box<Self>> {
        use {Answer as A, Answered as B};
        Ok(match (self, answer) {
            (Self::ChooseConfig(_), A::Config(choice)) => B::Config(choice),
            (Self::ChooseCertificate(_), A::Certificate(choice)) => B::Certificate(choice),
            (Self::TakeSession(_), A::Session(session)) => B::Session(session),
            (Self::ResolvePsk(_), A::Psk(choice)) => B::Psk(choice),
            (Self::AcceptEarlyData(it), A::EarlyData(accept)) => B::EarlyData(it, accept),
            (Self::CheckReplay(_), A::ReplayCheck(replay_check)) => B::ReplayCheck(replay_check),
            (Self::Sign(it), A::Signature(signature)) => B::Signature(it, signature),
            (Self::VerifyPeer(it), A::Peer(result)) => {
                B::Peer(ClaimedIdentity::Certificates(it), result)
            }
            (Self::VerifyRawPublicKey(it), A::Peer(result)) => {
                B::Peer(ClaimedIdentity::RawPublicKey(it), result)
            }
            (Self::ChooseClientCertificate(it), A::ClientCertificate(choice)) => {
                B::ClientCertificate(it, choice)
            }
            (question, _) => return Err(Box::new(question)),
        })
    }
}

/// An answer of the question's kind. The question comes back with it where the state needs it.
pub(super) enum Answered {
    Config(ConfigChoice),
    Certificate(Result<Arc<CertifiedKey>, NoCertificate>),
    Session(Option<Zeroizing<Vec<u8>>>),
    Psk(Option<ChosenPsk>),
    EarlyData(AcceptEarlyData, bool),
    ReplayCheck(ReplayCheck),
    Signature(Sign, Result<Vec<u8>, CryptoError>),
    Peer(ClaimedIdentity, Result<(), CertificateError>),
    ClientCertificate(ChooseClientCertificate, Option<Arc<CertifiedKey>>),
}

/// The machine gave an answer to a state that had not asked this question. It never does: it keeps the
/// open question itself, and joins the answer to it. But which question is open is not in the type of a
/// state: `Negotiating`, `ClientCertificate` and `Connected` each wait for several, or for none.
pub(super) fn not_asked() -> Error {
    ErrorKind::Internal("a state got the answer to a question that it had not asked").into()
}

/// The machine gave a message to a state that waits for an answer. It never does: it holds bytes back
/// while a question is open.
pub(super) fn not_held_back() -> Error {
    ErrorKind::Internal("a message was not held back").into()
}

/// The ClientHello that a question is about, kept until the answer: the body of the message. All
/// questions of a handshake share it.
#[derive(Clone)]
pub(super) struct KeptHello(Arc<[u8]>);

impl fmt::Debug for KeptHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientHello({} bytes)", self.0.len())
    }
}

impl KeptHello {
    pub(super) fn new(hello: &ClientHello<'_>) -> Self {
        Self(hello.body.0.into())
    }

    pub(super) fn parse(&self) -> Result<ClientHello<'_>, Error> {
        Ok(ClientHello::parse(&self.0)?)
    }
}

/// Which configuration for this client?
#[derive(Clone, Debug)]
pub struct ChooseConfig {
    pub(super) hello: KeptHello,
}

impl ChooseConfig {
    /// The ClientHello, for its [`dns_name`](ClientHello::dns_name), its application protocols and the other
    /// extensions.
    ///
    /// # Errors
    /// None: the library has read this message before.
    pub fn client_hello(&self) -> Result<ClientHello<'_>, Error> {
        self.hello.parse()
    }
}

/// Which certificate for this client?
#[derive(Clone, Debug)]
pub struct ChooseCertificate {
    pub(super) hello: KeptHello,
}

impl ChooseCertificate {
    /// The ClientHello, for its server name, its signature schemes and the other extensions.
    ///
    /// # Errors
    /// None: the library has read this message before.
    pub fn client_hello(&self) -> Result<ClientHello<'_>, Error> {
        self.hello.parse()
    }
}

/// Which of the client's certificates for this request?
#[derive(Clone, Debug)]
pub struct ChooseClientCertificate {
    /// The type of certificate that was agreed on.
    pub certificate_type: CertificateType,
    /// The body of the message.
    pub(super) body: Vec<u8>,
}

impl ChooseClientCertificate {
    /// The server's request, for its signature schemes, its authorities and the other extensions.
    ///
    /// # Errors
    /// None: the library has read this message before.
    pub fn request(&self) -> Result<CertificateRequest<'_>, Error> {
        Ok(CertificateRequest::parse(&self.body)?)
    }
}

/// Which session for this ticket?
#[derive(Clone)]
pub struct TakeSession {
    /// What the client sent for a ticket: any 1 to 65535 bytes.
    pub ticket: Vec<u8>,
    pub(super) hello: KeptHello,
}

impl fmt::Debug for TakeSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TakeSession(a ticket of {} bytes)", self.ticket.len())
    }
}

impl TakeSession {
    /// The ClientHello.
    ///
    /// # Errors
    /// None: the library has read this message before.
    pub fn client_hello(&self) -> Result<ClientHello<'_>, Error> {
        self.hello.parse()
    }
}

/// Which of the client's pre-shared keys?
#[derive(Clone, Debug)]
pub struct ResolvePsk {
    /// The hashes of the suites that may be used, the server's preferred one first: the key must be for
    /// one of them.
    pub hashes: Vec<HashAlgorithm>,
    pub(super) hello: KeptHello,
    /// The key that a session is based on, where the question is about one.
    pub(super) of_session: Option<OneIdentity>,
}

impl ResolvePsk {
    /// Is this key still there, which the client of a session proved to have?
    pub(super) fn of_session(hash: HashAlgorithm, identity: &[u8], hello: KeptHello) -> Self {
        let of_session = Some(OneIdentity::new(identity, hash.output_length()));
        Self { hashes: vec![hash], hello, of_session }
    }

    /// The ClientHello, for its
    /// [`pre_shared_keys`](crate::wire::ClientExtensions::pre_shared_keys).
    ///
    /// **It is not always the one that the client sent.** When a session is resumed that is based on
    /// one of the server's pre-shared keys, the question is whether the server still has that key.
    /// The ClientHello is then a copy of the client's in which `pre_shared_keys` has one entry that
    /// the client did not send: the identity of that key, with a binder of zeros. Look the key up by
    /// its identity, and do not check the binder: the library checks binders.
    ///
    /// # Errors
    /// None: the library has read this message before.
    pub fn client_hello(&self) -> Result<ClientHello<'_>, Error> {
        let mut hello = self.hello.parse()?;
        if let Some(identity) = &self.of_session {
            hello.known.pre_shared_keys = Some(identity.offered());
        }
        Ok(hello)
    }
}

/// May this 0-RTT data be accepted?
#[derive(Clone, Debug)]
pub struct AcceptEarlyData {
    /// What is offered. The library has checked all that it can, except for replays.
    pub offer: EarlyDataOffer,
    pub(super) hello: KeptHello,
}

impl AcceptEarlyData {
    /// The ClientHello.
    ///
    /// # Errors
    /// None: the library has read this message before.
    pub fn client_hello(&self) -> Result<ClientHello<'_>, Error> {
        self.hello.parse()
    }
}

/// Has any server seen this ClientHello before? Ask the register that all servers with the same ticket
/// keys share. It must check and record in one step: of two servers that ask at once, one only may get
/// [`ReplayCheck::New`].
///
/// The client waits meanwhile, and its 0-RTT data stay with the transport. So give the register a short
/// time, and answer [`ReplayCheck::Unknown`] when it is over: the handshake goes on without 0-RTT data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckReplay {
    /// What the register records.
    pub record: ClientHelloRecord,
    /// The time of the connection. The servers' clocks differ, and may be set back: a register that
    /// forgets by a clock of its own must refuse a ClientHello whose
    /// [`fresh_until`](ClientHelloRecord::fresh_until) is over by that clock.
    pub now: UnixTime,
    pub(super) hello: KeptHello,
}

impl CheckReplay {
    /// The ClientHello.
    ///
    /// # Errors
    /// None: the library has read this message before.
    pub fn client_hello(&self) -> Result<ClientHello<'_>, Error> {
        self.hello.parse()
    }
}

/// Sign this.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sign {
    /// The certificate whose private key signs.
    pub certificate: Arc<CertifiedKey>,
    /// The scheme to sign with.
    pub scheme: SignatureScheme,
    /// What to sign: the message itself, not its hash.
    pub message: Vec<u8>,
}

/// The answer to a [`Question`].
#[derive(Clone)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Question::ChooseConfig`].
    Config(ConfigChoice),
    /// To [`Question::ChooseCertificate`].
    Certificate(Result<Arc<CertifiedKey>, NoCertificate>),
    /// To [`Question::TakeSession`]: the bytes that
    /// [`SessionStore::put`](crate::session::SessionStore::put) got for this ticket. Give each session
    /// as an answer once only. With `None`, or with bytes that are no session, the handshake goes on
    /// with the client's next ticket or key, or with a certificate.
    Session(Option<Zeroizing<Vec<u8>>>),
    /// To [`Question::ResolvePsk`]; `None` to go on without a pre-shared key.
    Psk(Option<ChosenPsk>),
    /// To [`Question::AcceptEarlyData`]. After `true`, the server's
    /// [`AntiReplay`](crate::session::AntiReplay) can still refuse them.
    EarlyData(bool),
    /// To [`Question::CheckReplay`]. With [`ReplayCheck::New`] the 0-RTT data are accepted; otherwise
    /// the handshake goes on without them.
    ReplayCheck(ReplayCheck),
    /// To [`Question::Sign`].
    Signature(Result<Vec<u8>, CryptoError>),
    /// To [`Question::VerifyPeer`] and [`Question::VerifyRawPublicKey`].
    Peer(Result<(), CertificateError>),
    /// To [`Question::ChooseClientCertificate`]; `None` to go on without a certificate.
    ClientCertificate(Option<Arc<CertifiedKey>>),
    /// To any question: it cannot be answered, for this reason. A handshake goes on without what it does not need: to
    /// [`Question::TakeSession`] it is the same as `Session(None)`, to [`Question::AcceptEarlyData`] as
    /// `EarlyData(false)`, and to [`Question::CheckReplay`] as [`ReplayCheck::Unknown`]. To the other questions it ends
    /// the connection with [`ErrorKind::Unanswered`](crate::ErrorKind::Unanswered), which has the reason. The peer does
    /// not learn it. Where the handshake goes on, observers see that it does so without the session or the data, and
    /// the reason is dropped.
    Unavailable(String),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, content): (_, &dyn fmt::Debug) = match self {
            Self::Config(it) => ("Config", it),
            Self::Certificate(it) => ("Certificate", it),
            // A session has a secret.
            Self::Session(it) => ("Session", if it.is_some() { &"a session" } else { &"none" }),
            Self::Psk(it) => ("Psk", it),
            Self::EarlyData(it) => ("EarlyData", it),
            Self::ReplayCheck(it) => ("ReplayCheck", it),
            Self::Signature(it) => ("Signature", it),
            Self::Peer(it) => ("Peer", it),
            Self::ClientCertificate(it) => ("ClientCertificate", it),
            Self::Unavailable(it) => ("Unavailable", it),
        };
        f.debug_tuple(name).field(content).finish()
    }
}
