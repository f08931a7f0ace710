//! One error type: each failure has a text, a code and an alert.

pub(crate) mod circumstances;

use core::fmt;
use std::sync::Arc;

use crate::alert::{AlertDescription, AlertLevel};
use crate::certificate::{
    CertificateError, CertificateErrorKind, RevocationEvidence, UnknownRevocationStatus,
};
use crate::crypto::{CryptoError, KeyExchangeError, ProviderError, ProviderFault};
use crate::record::RecordError;
use crate::registry::{ContentType, HandshakeType, NamedGroup, SignatureScheme};
use crate::wire::{DecodeError, ExtensionType};

use circumstances::{Circumstances, Parameter, Traffic};

/// Why a connection failed. Every later call on the connection returns the same error.
///
/// Its text is one line for a log: the message, the field and the reason, the alert that was sent or
/// received, what both sides offered as far as it matters, what may be behind it, and what to change. It may
/// name settings of this side, such as its trust anchors, so it is not for the peer.
///
/// [`Error::diagnosis`] has the same as data. Programs use [`Error::kind`], and metrics
/// [`ErrorKind::code`].
#[derive(Clone)]
pub struct Error(Box<Failure>);

/// The kind of an error, and what the connection knew when it failed.
#[derive(Clone)]
struct Failure {
    /// Shared: each later call on the connection returns a copy of the error.
    kind: Arc<ErrorKind>,
    circumstances: Option<Circumstances>,
}

/// Errors of the same kind are equal.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind == other.0.kind
    }
}

impl Eq for Error {}

impl Error {
    /// Not inlined: errors are made in hundreds of places.
    #[cold]
    #[inline(never)]
    fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Failure { kind: Arc::new(kind), circumstances: None }))
    }

    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What happened, and the alert that this side sends.
    pub(crate) fn what_happened(&self) -> String {
        match self.alert_sent() {
            Some(alert) => format!("{} (alert sent: {alert})", self.0.kind),
            None => self.0.kind.to_string(),
        }
    }

    /// What the connection knew when it failed. `None` for an error that no connection had.
    pub(crate) fn circumstances(&self) -> Option<&Circumstances> {
        self.0.circumstances.as_ref()
    }

    /// Keeps what came over the transport before the first failure.
    pub(crate) fn set_traffic(&mut self, traffic: Traffic) {
        if let Some(circumstances) = &mut self.0.circumstances {
            circumstances.traffic.get_or_insert(traffic);
        }
    }

    /// Keeps what the connection knows. A misuse does not end the connection, so it has none.
    pub(crate) fn set_circumstances(&mut self, circumstances: Circumstances) {
        self.0.circumstances = Some(circumstances);
    }

    /// The TLS error inside an [`io::Error`](std::io::Error) that a stream returned. `None` when the
    /// error is the transport's own.
    pub fn from_io(error: &std::io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// The alert that this side sends for this error. `None` when it sends none: the peer has sent an
    /// alert or closed the transport, or the connection has no fault.
    pub fn alert_sent(&self) -> Option<AlertDescription> {
        self.0.kind.alert()
    }

    /// The alert of the peer, if that ended the connection.
    pub fn alert_received(&self) -> Option<AlertDescription> {
        match *self.0.kind {
            ErrorKind::AlertReceived(alert) => Some(alert),
            _ => None,
        }
    }
}

/// From an error kind, and from the errors that have a kind of their own.
impl<T> From<T> for Error
where
    ErrorKind: From<T>,
{
    fn from(cause: T) -> Self {
        Self::new(cause.into())
    }
}

/// `Debug` prints the text of `Display`: a derived one would put the names of all variants into the program.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0.kind)
    }
}

/// What happened: see [`Error`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A handshake message cannot be parsed.
    #[error("the peer's {0}")]
    Decode(#[from] DecodeError),
    /// A record cannot be accepted.
    #[error("{0}")]
    Record(RecordError),
    /// A message arrived that the state of the handshake does not allow (appendix A).
    #[error("{received} came while waiting for {expected}")]
    UnexpectedMessage {
        /// What is allowed now.
        expected: &'static str,
        /// What arrived.
        received: HandshakeType,
    },
    /// A record arrived that the state does not allow.
    #[error("a record of the type {received} came {when}")]
    UnexpectedRecord {
        /// Its type.
        received: ContentType,
        /// Why it is wrong now.
        when: &'static str,
    },
    /// Bytes follow, in the same record, a message after which the keys change; or another record
    /// interrupts a message that is fragmented (section 5.1).
    #[error("{0}")]
    MisplacedBytes(&'static str),
    /// A field has an illegal value.
    #[error("the peer's {message}, {field}: {reason}")]
    IllegalParameter {
        /// The message.
        message: HandshakeType,
        /// The field or extension.
        field: &'static str,
        /// Why the value is illegal.
        reason: String,
    },
    /// A mandatory extension is missing (section 9.2).
    #[error("the peer's {message} lacks the extension {extension}, which it must have")]
    MissingExtension {
        /// The message.
        message: HandshakeType,
        /// The extension.
        extension: ExtensionType,
    },
    /// The client sends an extension of QUIC over another transport (RFC 9001, section 8.2).
    #[error(
        "the client's ClientHello has the extension {0}, which is for QUIC only: this is not QUIC"
    )]
    OutsideQuic(ExtensionType),
    /// The peer breaks a rule of QUIC that has no alert: the error code is PROTOCOL_VIOLATION (RFC 9000,
    /// section 20.1).
    #[error("{0}")]
    QuicProtocolViolation(&'static str),
    /// The peer has sent more data in CRYPTO frames than this side buffers: the error code of QUIC is
    /// CRYPTO_BUFFER_EXCEEDED (RFC 9000, sections 7.5 and 20.1).
    #[error("the peer's CRYPTO frames exceed the limit crypto_buffer of {limit} bytes or pieces")]
    CryptoBufferExceeded {
        /// The limit.
        limit: usize,
    },
    /// The peer responds to an extension that this side did not offer (section 4.3).
    #[error("the peer's {message} has the extension {extension}, which was not offered")]
    UnsolicitedExtension {
        /// The message.
        message: HandshakeType,
        /// The extension.
        extension: ExtensionType,
    },
    /// The lists of the two sides have nothing in common.
    #[error(
        "no {} in common: the peer offers [{}], this side takes [{}]",
        what.singular(),
        theirs.join(", "),
        ours.join(", ")
    )]
    NothingInCommon {
        /// What the lists contain.
        what: Parameter,
        /// The list of this side: at most 16 elements, and how many more there are.
        ours: Vec<String>,
        /// The list of the peer, likewise.
        theirs: Vec<String>,
    },
    /// The client offers application protocols, and the server supports none of them (RFC 7301).
    #[error(
        "no application protocol in common: the client offers [{}], the server speaks [{}]",
        theirs.join(", "),
        ours.join(", ")
    )]
    NoApplicationProtocol {
        /// The protocols of the server, escaped: at most 16, and how many more there are. Empty if the
        /// server has not said them.
        ours: Vec<String>,
        /// The protocols of the client, likewise.
        theirs: Vec<String>,
    },
    /// The peer does not support TLS 1.3, or its version fields are wrong.
    #[error("the peer does not offer TLS 1.3: {reason}")]
    UnsupportedVersion {
        /// What it offers, as a sentence.
        reason: String,
        /// The versions that it offers: at most 16, and how many more there are.
        theirs: Vec<String>,
    },
    /// The server supports TLS 1.3 and has chosen an older version: an attacker may have changed the
    /// ClientHello (section 4.2.3).
    #[error(
        "the server supports TLS 1.3 but has chosen an older version: something between the two sides changes their messages"
    )]
    Downgrade,
    /// The server has no certificate for the client's server_name.
    #[error("there is no certificate for the name {0:?} that the client asks for")]
    UnrecognizedName(String),
    /// The verifier does not accept the peer's certificates. [`CertificateError`] has a code of its own.
    #[error("the peer's certificate is not accepted: {0}")]
    Certificate(#[from] CertificateError),
    /// The peer has signed with a scheme that does not fit the key of its certificate.
    #[error("the peer signed with {scheme}, which its certificate's key cannot do")]
    WrongKeyForScheme {
        /// The scheme of its CertificateVerify.
        scheme: SignatureScheme,
    },
    /// The client has sent no certificate, and the server requires one.
    #[error("the client has sent no certificate, and this server requires one")]
    CertificateRequired,
    /// The peer supports only other types of certificates (RFC 7250).
    #[error(
        "no certificate type in common: the peer has [{}], this side takes [{}]",
        theirs.join(", "),
        ours.join(", ")
    )]
    CertificateType {
        /// The types of this side.
        ours: Vec<String>,
        /// The types of the peer.
        theirs: Vec<String>,
    },
    /// The signature in a CertificateVerify, or the MAC in a Finished, is wrong: the peer does not have
    /// the key, or the two sides did not see the same messages.
    #[error(
        "the peer's {0} does not verify: it does not have the key, or the messages were changed on the way"
    )]
    NotAuthentic(HandshakeType),
    /// The client's PskBinderEntry is wrong (section 4.3.11.2).
    #[error(
        "the client's proof (binder) for {} is wrong: it has another key than this side, or the \
         messages were changed on the way",
        key_in_words(identity.as_deref())
    )]
    WrongBinder {
        /// The identity of the external key, escaped and of limited length. `None` for the session of a
        /// ticket.
        identity: Option<String>,
    },
    /// The client offers no pre-shared key that this server knows, and the server serves no client without
    /// one.
    #[error(
        "the client offers no pre-shared key that this server knows ([{}]), and the server needs one: it \
         has no certificates, or it requires both",
        offered.join(", ")
    )]
    UnknownPskIdentity {
        /// The identities that the client offers, escaped and of limited length: at most 16, and how many
        /// more there are.
        offered: Vec<String>,
    },
    /// The client requires an external pre-shared key beside the server's certificate, and has none for this
    /// server and one of its suites: see [`CertWithExternPsk`](crate::psk::CertWithExternPsk). Nothing was
    /// sent.
    #[error(
        "no external pre-shared key is configured for {0}, and this client requires one (cert_with_extern_psk)"
    )]
    NoPreSharedKey(String),
    /// The peer has exceeded a limit of this side: see [`Limits`](crate::config::Limits).
    #[error("the limit {name} of {limit} was exceeded")]
    LimitExceeded {
        /// The name of the limit.
        name: &'static str,
        /// Its value.
        limit: usize,
    },
    /// The peer has ended the connection with this alert.
    #[error("the peer sent the alert {0}")]
    AlertReceived(AlertDescription),
    /// The peer has sent close_notify during the handshake.
    #[error("the peer closed the connection during the handshake")]
    ClosedInHandshake,
    /// The application has ended the connection with an alert: see
    /// [`Connection::abort`](crate::connection::Connection::abort).
    #[error("the application ended the connection: {reason}")]
    Aborted {
        /// The alert.
        alert: AlertDescription,
        /// The reason that the application gave.
        reason: String,
    },
    /// This side has closed the connection during the handshake.
    #[error("this side closed the connection during the handshake")]
    Canceled,
    /// The transport has ended during the handshake, without an alert of the peer.
    #[error("the transport ended during the handshake: the peer closed it without an alert")]
    EndedInHandshake,
    /// The transport has ended without close_notify: data may be missing, and an attacker may have
    /// removed them (section 6.1).
    #[error("the transport ended without close_notify: the peer's data may be truncated")]
    Truncated,
    /// The answer to a question was that there is no certificate or no signature.
    #[error("the answer to the question {0} is a refusal, or does not fit")]
    Refused(&'static str),
    /// There is no answer to a question: see [`Answer::Unavailable`](crate::handshake::Answer).
    #[error("no answer to the question {question}: {reason}")]
    Unanswered {
        /// The name of the question.
        question: &'static str,
        /// Why there is no answer.
        reason: String,
    },
    /// A cryptographic operation of this side has failed.
    #[error("a cryptographic operation of this side failed: {0}")]
    Crypto(#[from] CryptoError),
    /// The crypto provider, or the signing key, has returned a value that a correct one never returns.
    #[error("the crypto provider is at fault: {0}")]
    Provider(#[from] ProviderFault),
    /// The caller has made a call that the state does not allow. The connection continues.
    #[error("{0}")]
    Misuse(&'static str),
    /// A fault of this library.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

/// What a binder is for, in words.
pub(crate) fn key_in_words(identity: Option<&str>) -> String {
    match identity {
        Some(identity) => format!("the pre-shared key \"{identity}\""),
        None => "the session of its ticket".to_owned(),
    }
}

impl From<RecordError> for ErrorKind {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Provider(fault) => Self::Provider(fault),
            error => Self::Record(error),
        }
    }
}

impl From<ProviderError> for ErrorKind {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Failed(error) => Self::Crypto(error),
            ProviderError::Fault(fault) => Self::Provider(fault),
        }
    }
}

impl ErrorKind {
    /// A stable name of the kind for logs, metrics and alerts of an operator, in lower case with
    /// hyphens, such as `unexpected-message`. Its meaning does not change between versions. The error
    /// of a certificate or a record says more: see [`CertificateError`] and [`RecordError`].
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Decode(_) => "decode-error",
            Self::Record(_) => "record-error",
            Self::UnexpectedMessage { .. } => "unexpected-message",
            Self::UnexpectedRecord { .. } => "unexpected-record",
            Self::MisplacedBytes(_) => "misplaced-bytes",
            Self::IllegalParameter { .. } => "illegal-parameter",
            Self::MissingExtension { .. } => "missing-extension",
            Self::OutsideQuic(_) => "quic-extension-outside-quic",
            Self::QuicProtocolViolation(_) => "quic-protocol-violation",
            Self::CryptoBufferExceeded { .. } => "quic-crypto-buffer-exceeded",
            Self::UnsolicitedExtension { .. } => "unsolicited-extension",
            Self::NothingInCommon { .. } => "nothing-in-common",
            Self::NoApplicationProtocol { .. } => "no-application-protocol",
            Self::UnsupportedVersion { .. } => "unsupported-version",
            Self::Downgrade => "downgrade",
            Self::UnrecognizedName(_) => "unrecognized-name",
            Self::Certificate(_) => "certificate-rejected",
            Self::WrongKeyForScheme { .. } => "wrong-key-for-scheme",
            Self::CertificateRequired => "certificate-required",
            Self::CertificateType { .. } => "certificate-type",
            Self::NotAuthentic(_) => "not-authentic",
            Self::WrongBinder { .. } => "wrong-binder",
            Self::UnknownPskIdentity { .. } => "unknown-psk-identity",
            Self::NoPreSharedKey(_) => "no-pre-shared-key",
            Self::LimitExceeded { .. } => "limit-exceeded",
            Self::AlertReceived(_) => "alert-received",
            Self::ClosedInHandshake => "closed-in-handshake",
            Self::Aborted { .. } => "aborted",
            Self::Canceled => "canceled",
            Self::EndedInHandshake => "ended-in-handshake",
            Self::Truncated => "truncated",
            Self::Refused(_) => "refused",
            Self::Unanswered { .. } => "unanswered",
            Self::Crypto(_) => "crypto-failure",
            Self::Provider(_) => "provider-fault",
            Self::Misuse(_) => "misuse",
            Self::Internal(_) => "internal-error",
        }
    }

    /// The alert of each error (section 6.2).
    fn alert(&self) -> Option<AlertDescription> {
        use AlertDescription as A;
        Some(match self {
            Self::Decode(error) => error.alert(),
            Self::Record(error) => error.alert(),
            Self::UnexpectedMessage { .. }
            | Self::UnexpectedRecord { .. }
            | Self::MisplacedBytes(_) => A::UNEXPECTED_MESSAGE,
            Self::IllegalParameter { .. } | Self::Downgrade | Self::WrongKeyForScheme { .. } => {
                A::ILLEGAL_PARAMETER
            }
            Self::MissingExtension { .. } => A::MISSING_EXTENSION,
            Self::UnsolicitedExtension { .. } | Self::OutsideQuic(_) => A::UNSUPPORTED_EXTENSION,
            Self::NothingInCommon { .. } => A::HANDSHAKE_FAILURE,
            Self::NoApplicationProtocol { .. } => A::NO_APPLICATION_PROTOCOL,
            Self::UnsupportedVersion { .. } => A::PROTOCOL_VERSION,
            Self::UnrecognizedName(_) => A::UNRECOGNIZED_NAME,
            Self::Certificate(error) => certificate_alert(error),
            Self::CertificateRequired => A::CERTIFICATE_REQUIRED,
            Self::CertificateType { .. } => A::UNSUPPORTED_CERTIFICATE,
            Self::NotAuthentic(_) | Self::WrongBinder { .. } => A::DECRYPT_ERROR,
            Self::UnknownPskIdentity { .. } => A::UNKNOWN_PSK_IDENTITY,
            Self::LimitExceeded { .. } => A::GENERAL_ERROR,
            // QUIC has an error code of its own for each.
            Self::QuicProtocolViolation(_) | Self::CryptoBufferExceeded { .. } => return None,
            Self::Aborted { alert, .. } => *alert,
            Self::Refused(_)
            | Self::Unanswered { .. }
            | Self::Crypto(_)
            | Self::Provider(_)
            | Self::Internal(_) => A::INTERNAL_ERROR,
            Self::AlertReceived(_)
            | Self::ClosedInHandshake
            | Self::Canceled
            | Self::EndedInHandshake
            | Self::Truncated
            | Self::NoPreSharedKey(_)
            | Self::Misuse(_) => return None,
        })
    }
}

/// The alert of each error of certificates (section 6.2). A certificate with a signature of MD5, SHA-1
/// or another unsupported algorithm is a bad certificate (section 4.5.1.3).
fn certificate_alert(error: &CertificateError) -> AlertDescription {
    use AlertDescription as A;
    use CertificateErrorKind as P;
    match error.kind {
        P::UnknownIssuer(_)
        | P::IssuerNotACa { .. }
        | P::IssuerEncodedDifferently(_)
        | P::Circular(_)
        | P::SelfIssued => A::UNKNOWN_CA,
        P::Expired { .. } | P::NotYetValid { .. } => A::CERTIFICATE_EXPIRED,
        P::UnsupportedVersion(_)
        | P::UnknownCriticalExtension(_)
        | P::MalformedNameConstraints(_)
        | P::WrongKeyUsage { .. }
        | P::WrongExtendedKeyUsage { .. } => A::UNSUPPORTED_CERTIFICATE,
        P::Revoked { .. } => A::CERTIFICATE_REVOKED,
        P::UnknownRevocationStatus(
            UnknownRevocationStatus::NoStapledResponse
            | UnknownRevocationStatus::UnknownToResponder,
        ) => A::BAD_CERTIFICATE_STATUS_RESPONSE,
        P::UnusableRevocationEvidence(ref error)
            if error.evidence() == RevocationEvidence::OcspResponse =>
        {
            A::BAD_CERTIFICATE_STATUS_RESPONSE
        }
        P::RejectedWith(alert, _) if A(alert).level() == AlertLevel::Fatal => A(alert),
        P::LimitExceeded { .. }
        | P::Rejected(_)
        | P::RejectedWith(..)
        | P::UnknownRevocationStatus(_)
        | P::UnusableRevocationEvidence(_) => A::CERTIFICATE_UNKNOWN,
        _ => A::BAD_CERTIFICATE,
    }
}

impl Error {
    pub(crate) fn unexpected(expected: &'static str, received: HandshakeType) -> Self {
        ErrorKind::UnexpectedMessage { expected, received }.into()
    }

    pub(crate) fn illegal(
        message: HandshakeType,
        field: &'static str,
        reason: impl AsRef<str>,
    ) -> Self {
        Self::illegal_parameter(message, field, reason.as_ref())
    }

    #[cold]
    #[inline(never)]
    fn illegal_parameter(message: HandshakeType, field: &'static str, reason: &str) -> Self {
        ErrorKind::IllegalParameter { message, field, reason: reason.to_owned() }.into()
    }

    /// The error of a key exchange with the share in this message.
    pub(crate) fn key_exchange(
        message: HandshakeType,
        group: NamedGroup,
        error: KeyExchangeError,
    ) -> Self {
        match error {
            KeyExchangeError::InvalidShare => {
                Self::illegal(message, "key_share", format!("it is no valid share of {group}"))
            }
            KeyExchangeError::Failed(error) => error.into(),
            KeyExchangeError::Fault(fault) => fault.into(),
        }
    }

    pub(crate) fn nothing_in_common(
        what: Parameter,
        ours: Vec<String>,
        theirs: Vec<String>,
    ) -> Self {
        ErrorKind::NothingInCommon { what, ours, theirs }.into()
    }

    pub(crate) fn missing(message: HandshakeType, extension: ExtensionType) -> Self {
        ErrorKind::MissingExtension { message, extension }.into()
    }
}

#[cfg(test)]
mod tests;
