//! One error type: every failure has its words and its alert.

use core::fmt;

use crate::alert::{AlertDescription, AlertLevel};
use crate::certificate::{CertificateError, Evidence, MissingEvidence, Problem};
use crate::crypto::{CryptoError, ProviderError, ProviderFault};
use crate::record::RecordError;
use crate::registry::{ContentType, HandshakeType};
use crate::wire::{DecodeError, ExtensionType};

/// Why a connection failed. It stays the connection's error for ever: every later call returns it
/// again.
///
/// The words of an error name the message, the field and the reason, and the alert that was sent
/// or received. To act on it in code, look at [`Error::kind`].
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<ErrorKind>);

impl Error {
    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// The TLS error inside of what a stream returned, if it is one.
    pub fn from_io(error: &std::io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// The alert that this error makes us send; `None` when the failure is not ours to tell: the
    /// peer sent the alert, or is gone, or nothing is wrong with the connection.
    pub fn alert_sent(&self) -> Option<AlertDescription> {
        self.0.alert()
    }

    /// The alert that the peer sent, if that is what ended the connection.
    pub fn alert_received(&self) -> Option<AlertDescription> {
        match *self.0 {
            ErrorKind::AlertReceived(alert) => Some(alert),
            _ => None,
        }
    }
}

/// From a kind, and from what a kind is made of.
impl<T> From<T> for Error
where
    ErrorKind: From<T>,
{
    fn from(cause: T) -> Self {
        Self(Box::new(cause.into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)?;
        match self.alert_sent() {
            Some(alert) => write!(f, " (alert sent: {alert})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}, alert sent: {:?})", self.0, self.alert_sent())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
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
    /// A message came that this state of the handshake does not allow (appendix A).
    #[error("{received} came while waiting for {expected}")]
    UnexpectedMessage {
        /// What may come now.
        expected: &'static str,
        /// What came.
        received: HandshakeType,
    },
    /// A record came that this state does not allow.
    #[error("a record of the type {received} came {when}")]
    UnexpectedRecord {
        /// Its type.
        received: ContentType,
        /// Why it is wrong now.
        when: &'static str,
    },
    /// Bytes of another message stand behind one after which the keys change, in the same record,
    /// or a record interrupts a message that spans several (section 5.1).
    #[error("{0}")]
    MisplacedBytes(&'static str),
    /// A field has a value that it must not have.
    #[error("the peer's {message}, {field}: {reason}")]
    IllegalParameter {
        /// The message.
        message: HandshakeType,
        /// The field or extension.
        field: &'static str,
        /// Why the value is illegal.
        reason: String,
    },
    /// An extension is missing that must be there (section 9.2).
    #[error("the peer's {message} lacks the extension {extension}, which it must have")]
    MissingExtension {
        /// The message.
        message: HandshakeType,
        /// The extension.
        extension: ExtensionType,
    },
    /// The client sends an extension that is for QUIC, over a transport that is not QUIC (RFC 9001,
    /// section 8.2).
    #[error(
        "the client's ClientHello has the extension {0}, which is for QUIC only: this is not QUIC"
    )]
    OutsideQuic(ExtensionType),
    /// The peer answers an extension that was not offered (section 4.3).
    #[error("the peer's {message} has the extension {extension}, which was not offered")]
    UnsolicitedExtension {
        /// The message.
        message: HandshakeType,
        /// The extension.
        extension: ExtensionType,
    },
    /// Both sides have lists, and nothing stands in both.
    #[error("no {what} in common: the peer offers [{theirs}], this side takes [{ours}]")]
    NothingInCommon {
        /// What the lists are of.
        what: &'static str,
        /// What this side is configured for.
        ours: String,
        /// What the peer offers.
        theirs: String,
    },
    /// The client offers application protocols, and none of the server's is among them.
    #[error(
        "no application protocol in common: the client offers [{theirs}], the server speaks [{ours}]"
    )]
    NoApplicationProtocol {
        /// What the server is configured for.
        ours: String,
        /// What the client offers.
        theirs: String,
    },
    /// The peer does not speak TLS 1.3.
    #[error("the peer does not offer TLS 1.3: {0}")]
    UnsupportedVersion(String),
    /// The server could speak TLS 1.3, and something made it choose less: section 4.2.3.
    #[error(
        "the server speaks TLS 1.3 and was made to choose an older version: something between the two changes their messages"
    )]
    Downgrade,
    /// The server has no certificate for the name that the client asks for.
    #[error("there is no certificate for the name {0:?} that the client asks for")]
    UnrecognizedName(String),
    /// The peer's certificates were not accepted.
    #[error("the peer's certificate is not accepted: {0}")]
    Certificate(#[from] CertificateError),
    /// The peer's certificate has a key that the scheme cannot use.
    #[error("the peer signed with {scheme}, which its certificate's key cannot do")]
    WrongKeyForScheme {
        /// The scheme of its CertificateVerify.
        scheme: crate::registry::SignatureScheme,
    },
    /// The client has no certificate to show, and must have one.
    #[error("the client has shown no certificate, and this server requires one")]
    CertificateRequired,
    /// The peer has or takes certificates of other types only (RFC 7250).
    #[error("no certificate type in common: the peer has [{theirs}], this side takes [{ours}]")]
    CertificateType {
        /// The types on this side.
        ours: String,
        /// The types on the peer's.
        theirs: String,
    },
    /// A signature or MAC of the handshake is wrong: the sender does not have the key, or the
    /// two sides do not see the same handshake.
    #[error(
        "the peer's {0} does not verify: it does not have the key, or the messages were changed on the way"
    )]
    NotAuthentic(HandshakeType),
    /// The client's proof that it has a pre-shared key is wrong (section 4.3.11.2).
    #[error(
        "the client's proof (binder) for {key} is wrong: it has another key than this side, or the \
         messages were changed on the way"
    )]
    WrongBinder {
        /// The key by its identity, escaped and of bounded length, or the session.
        key: String,
    },
    /// A limit of this side was reached: see [`Limits`](crate::config::Limits).
    #[error("the limit {name} of {limit} was exceeded")]
    LimitExceeded {
        /// The limit's name.
        name: &'static str,
        /// Its value.
        limit: usize,
    },
    /// The peer ended the connection with this alert.
    #[error("the peer sent the alert {0}")]
    AlertReceived(AlertDescription),
    /// The peer ended the connection properly, in the middle of the handshake.
    #[error("the peer closed the connection in the middle of the handshake")]
    ClosedInHandshake,
    /// The application ended the connection with an alert of its choice: see
    /// [`Connection::abort`](crate::connection::Connection::abort).
    #[error("the application ended the connection: {reason}")]
    Aborted {
        /// The alert.
        alert: AlertDescription,
        /// Why.
        reason: String,
    },
    /// This side closed the connection in the middle of the handshake.
    #[error("the handshake was given up by this side")]
    Canceled,
    /// The transport ended in the middle of the handshake: the peer hung up without an alert.
    #[error(
        "the transport ended in the middle of the handshake: the peer hung up without an alert"
    )]
    EndedInHandshake,
    /// The transport ended without close_notify: data may be missing, and an attacker may have
    /// cut them off (section 6.1).
    #[error("the transport ended without close_notify: the peer's data may be truncated")]
    Truncated,
    /// An answer from outside was a refusal: the certificate or the signature is not to be had.
    #[error("no answer to the question {0}")]
    Refused(&'static str),
    /// Whoever was asked could not answer: see [`Answer::Unavailable`](crate::handshake::Answer).
    #[error("no answer to the question {question}: {reason}")]
    Unanswered {
        /// The question's name.
        question: &'static str,
        /// Why there is no answer.
        reason: String,
    },
    /// A primitive failed that had no reason to.
    #[error("a cryptographic operation of this side failed: {0}")]
    Crypto(#[from] CryptoError),
    /// The crypto provider, or the key that signs, returned what no working one returns. Nothing that
    /// it does can be relied on.
    #[error("the crypto provider is at fault: {0}")]
    Provider(#[from] ProviderFault),
    /// The caller did what the state does not allow. The connection goes on.
    #[error("{0}")]
    Misuse(&'static str),
    /// A fault of this library.
    #[error("internal error: {0}")]
    Internal(&'static str),
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
    /// Every failure's alert, in one place (section 6.2).
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
            Self::UnsupportedVersion(_) => A::PROTOCOL_VERSION,
            Self::UnrecognizedName(_) => A::UNRECOGNIZED_NAME,
            Self::Certificate(error) => certificate_alert(error),
            Self::CertificateRequired => A::CERTIFICATE_REQUIRED,
            Self::CertificateType { .. } => A::UNSUPPORTED_CERTIFICATE,
            Self::NotAuthentic(_) | Self::WrongBinder { .. } => A::DECRYPT_ERROR,
            Self::LimitExceeded { .. } => A::GENERAL_ERROR,
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
            | Self::Misuse(_) => return None,
        })
    }
}

/// Section 6.2 names six alerts for certificates. A signature with MD5, SHA-1 or anything else that
/// is not supported makes a certificate a bad one (section 4.5.1.3).
fn certificate_alert(error: &CertificateError) -> AlertDescription {
    use AlertDescription as A;
    use Problem as P;
    match error.problem {
        P::UnknownIssuer(_)
        | P::IssuerIsNoAuthority { .. }
        | P::IssuerWrittenOtherwise(_)
        | P::Circular(_)
        | P::SelfIssued => A::UNKNOWN_CA,
        P::Expired { .. } | P::NotYetValid { .. } => A::CERTIFICATE_EXPIRED,
        P::UnsupportedVersion(_)
        | P::UnknownCriticalExtension(_)
        | P::UnsupportedConstraint(_)
        | P::WrongKeyUsage(_)
        | P::WrongExtendedKeyUsage { .. } => A::UNSUPPORTED_CERTIFICATE,
        P::Revoked { .. } => A::CERTIFICATE_REVOKED,
        P::RevocationUnknown(MissingEvidence::Staple | MissingEvidence::Unknown) => {
            A::BAD_CERTIFICATE_STATUS_RESPONSE
        }
        P::RevocationEvidence(ref error) if error.evidence() == Evidence::OcspResponse => {
            A::BAD_CERTIFICATE_STATUS_RESPONSE
        }
        P::RejectedWith(alert, _) if A(alert).level() == AlertLevel::Fatal => A(alert),
        P::LimitExceeded { .. }
        | P::Rejected(_)
        | P::RejectedWith(..)
        | P::RevocationUnknown(_)
        | P::RevocationEvidence(_) => A::CERTIFICATE_UNKNOWN,
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
        reason: impl Into<String>,
    ) -> Self {
        ErrorKind::IllegalParameter { message, field, reason: reason.into() }.into()
    }

    pub(crate) fn nothing_in_common(
        what: &'static str,
        ours: impl Into<String>,
        theirs: impl Into<String>,
    ) -> Self {
        ErrorKind::NothingInCommon { what, ours: ours.into(), theirs: theirs.into() }.into()
    }

    pub(crate) fn missing(message: HandshakeType, extension: ExtensionType) -> Self {
        ErrorKind::MissingExtension { message, extension }.into()
    }
}

#[cfg(test)]
mod tests;
