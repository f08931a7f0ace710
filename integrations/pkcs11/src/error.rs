//! What can go wrong with a token, in words for its operator.

use core::time::Duration;

use cryptoki::error::{Error, RvError};
use handclasp::config::ConfigError;

use crate::uri::UriError;

/// Why a token, a key or a signature is not available. No text of it has a PIN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The URI is malformed.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// Neither the URI nor the options name a module.
    #[error(
        "no PKCS#11 module is named: add ?module-path=FILE to the URI, with the library of the token's maker (.so)"
    )]
    NoModule,
    /// The module cannot be loaded or initialized.
    #[error("the PKCS#11 module {path} cannot be loaded: {reason}")]
    Module {
        /// The path of the module, safe to print.
        path: String,
        /// The reason of the operating system or of the module.
        reason: String,
    },
    /// No token is present that the URI fits.
    #[error("no token fits {uri}; present are: {present}")]
    TokenNotFound {
        /// The URI, without a PIN.
        uri: String,
        /// The labels of the tokens that are present.
        present: String,
    },
    /// The URI fits several tokens.
    #[error(
        "several tokens fit {uri}: add token=, serial= or slot-id= to it; present are: {present}"
    )]
    SeveralTokens {
        /// The URI, without a PIN.
        uri: String,
        /// The labels of the tokens that are present.
        present: String,
    },
    /// The token has no key or certificate that the URI fits.
    #[error("the token has no {kind} that fits {uri}; it shows these: {present}")]
    ObjectNotFound {
        /// `private key` or `certificate`.
        kind: String,
        /// The URI, without a PIN.
        uri: String,
        /// The labels and ids of the objects of this kind.
        present: String,
    },
    /// The URI fits several keys or certificates.
    #[error(
        "several {kind}s of the token fit {uri}: add object= or id= to it; the token shows these: {present}"
    )]
    SeveralObjects {
        /// `private key` or `certificate`.
        kind: String,
        /// The URI, without a PIN.
        uri: String,
        /// The labels and ids of the objects of this kind.
        present: String,
    },
    /// The URI has the `type` of something else.
    #[error("the type in the URI is that of another object than the {wanted} that is wanted")]
    WrongType {
        /// `private key` or `certificate`.
        wanted: String,
    },
    /// The file of the PIN cannot be read.
    #[error("the PIN cannot be read from {file}: {reason}")]
    PinFile {
        /// The path of the file, safe to print.
        file: String,
        /// The reason.
        reason: String,
    },
    /// The token wants a PIN, and there is none.
    #[error(
        "the token wants a PIN: add pin-source=file:/PATH to the URI, behind the question mark"
    )]
    PinNeeded,
    /// The PIN is wrong. This token is not asked with it again in this process.
    #[error("the PIN is wrong{}; it is not tried again, so that the token does not lock", warning(*.last_try))]
    PinIncorrect {
        /// Whether the token says that one more wrong PIN locks it.
        last_try: bool,
    },
    /// One more wrong PIN locks the token, so the PIN is not tried.
    #[error(
        "one more wrong PIN locks the token, so this program does not try its PIN: log in once with the token's own \
         tool and the right PIN"
    )]
    PinFinalTry,
    /// The PIN is locked.
    #[error(
        "the PIN is locked after too many wrong ones: unlock it with the token's own tool and its SO PIN"
    )]
    PinLocked,
    /// The PIN has expired, or was never set.
    #[error("the PIN has expired or was never set: set one with the token's own tool")]
    PinExpired,
    /// This process is logged in to the token as another user.
    #[error("this process is logged in to the token as another user, such as its security officer")]
    OtherUser,
    /// The user is not logged in, or not any more.
    #[error(
        "the user is not logged in to the token: give the PIN with pin-source=file:/PATH in the URI"
    )]
    NotLoggedIn,
    /// The token was removed, or is not in its slot.
    #[error("the token was removed: it is used again when it is back")]
    Removed,
    /// The session is closed, or the module was finalized.
    #[error("the session with the token is closed: the next signature opens another one")]
    SessionClosed,
    /// The token allows no more sessions.
    #[error(
        "the token allows no more sessions: end other programs that use it, or lower Options::sessions"
    )]
    TooManySessions,
    /// The token reports a fault of its device or its memory.
    #[error("the token reports a fault of its device ({0})")]
    Device(String),
    /// The key is of a kind that is not supported.
    #[error(
        "the key of the token is {0}, which is not supported: taken are RSA of 2048 bits or more, EC on P-256, P-384 and P-521, and Ed25519"
    )]
    UnsupportedKey(String),
    /// The token has none of the mechanisms that sign with this key in TLS 1.3.
    #[error("the token cannot sign with this key in TLS 1.3: it has none of the mechanisms {0}")]
    NoMechanism(String),
    /// The key is not allowed to sign: its CKA_SIGN is false.
    #[error("the key of the token may not sign: its attribute CKA_SIGN is false")]
    KeyMayNotSign,
    /// The certificate is for another key than that of the token.
    #[error("the certificate is for another key than that of the token")]
    KeyMismatch,
    /// The key that came back with the token is another one.
    #[error(
        "the token has another key than before under this name: restart the program with its certificate"
    )]
    KeyChanged,
    /// The token does not show the public half of its key, and the provider cannot verify a signature of it.
    #[error(
        "whether the certificate belongs to the key is not known: the token has no public key object with the same \
         id, and this crypto provider verifies no signatures of this kind; store the public key on the token"
    )]
    PublicKeyUnknown,
    /// The certificates cannot be used.
    #[error("the certificate chain cannot be used: {0}")]
    Certificate(Box<ConfigError>),
    /// The token gave a signature of the wrong form.
    #[error("the token's signature has the wrong length: {length} bytes")]
    Signature {
        /// Its length in bytes.
        length: usize,
    },
    /// A signature with a scheme that the key does not have.
    #[error("the key of the token does not sign with the scheme {0}")]
    Scheme(handclasp::registry::SignatureScheme),
    /// There are too many signatures to make.
    #[error("{0} signatures wait for the token already")]
    Busy(usize),
    /// The signature was not made, because it would have come too late.
    #[error(
        "the token is too slow for all the signatures that wait: this one had less time left than a signature takes"
    )]
    Overloaded,
    /// The token did not answer in time.
    #[error("the token did not answer within {0:?}")]
    TimedOut(Duration),
    /// A thread for the token cannot be started, or has ended.
    #[error("there is no thread for the token: {0}")]
    NoThread(String),
    /// Another failure of the module.
    #[error("the PKCS#11 module failed: {0}")]
    Failed(String),
}

fn warning(last_try: bool) -> &'static str {
    if last_try { ", and one more wrong PIN locks the token" } else { "" }
}

impl TokenError {
    /// Whether a new session may help: this one has ended, or the module has forgotten its handles.
    pub(crate) fn ends_session(&self) -> bool {
        matches!(
            self,
            Self::Removed
                | Self::SessionClosed
                | Self::NotLoggedIn
                | Self::Device(_)
                | Self::Failed(_)
        )
    }

    /// Whether the token may sign with another mechanism.
    pub(crate) fn is_of_mechanism(&self) -> bool {
        matches!(self, Self::NoMechanism(_) | Self::Failed(_) | Self::Signature { .. })
    }
}

impl From<ConfigError> for TokenError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::KeyMismatch => Self::KeyMismatch,
            error => Self::Certificate(Box::new(error)),
        }
    }
}

impl From<Error> for TokenError {
    fn from(error: Error) -> Self {
        let Error::Pkcs11(code, function) = error else { return Self::Failed(error.to_string()) };
        match code {
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
                Self::PinIncorrect { last_try: false }
            }
            RvError::PinLocked => Self::PinLocked,
            RvError::PinExpired | RvError::UserPinNotInitialized => Self::PinExpired,
            RvError::UserAnotherAlreadyLoggedIn
            | RvError::UserTooManyTypes
            | RvError::SessionReadWriteSoExists => Self::OtherUser,
            RvError::UserNotLoggedIn => Self::NotLoggedIn,
            RvError::TokenNotPresent
            | RvError::DeviceRemoved
            | RvError::SlotIdInvalid
            | RvError::TokenNotRecognized => Self::Removed,
            RvError::SessionClosed
            | RvError::SessionHandleInvalid
            | RvError::CryptokiNotInitialized
            | RvError::KeyHandleInvalid
            | RvError::ObjectHandleInvalid => Self::SessionClosed,
            RvError::SessionCount => Self::TooManySessions,
            RvError::DeviceError | RvError::DeviceMemory | RvError::HostMemory => {
                Self::Device(format!("C_{function:?}: {code:?}"))
            }
            RvError::KeyFunctionNotPermitted => Self::KeyMayNotSign,
            RvError::MechanismInvalid | RvError::MechanismParamInvalid => {
                Self::NoMechanism(format!("(C_{function:?}: {code:?})"))
            }
            code => Self::Failed(format!("C_{function:?}: {code:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    #[test]
    fn errors_of_tokens_are_named_and_those_of_sessions_open_another_one() {
        for (code, error, opens) in [
            (RvError::PinIncorrect, TokenError::PinIncorrect { last_try: false }, false),
            (RvError::PinLocked, TokenError::PinLocked, false),
            (RvError::DeviceRemoved, TokenError::Removed, true),
            (RvError::SessionHandleInvalid, TokenError::SessionClosed, true),
            (RvError::CryptokiNotInitialized, TokenError::SessionClosed, true),
            (RvError::UserNotLoggedIn, TokenError::NotLoggedIn, true),
            (RvError::SessionCount, TokenError::TooManySessions, false),
            (RvError::FunctionFailed, TokenError::Failed("C_Sign: FunctionFailed".into()), true),
        ] {
            let found = TokenError::from(Error::Pkcs11(code, Function::Sign));
            assert_eq!(found, error);
            assert_eq!(found.ends_session(), opens, "{found}");
        }
    }
}
