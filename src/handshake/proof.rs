//! Values that exist only where something was checked.
//!
//! The state that carries application data takes them as fields, so there is no way to reach it
//! past a check: not by a mistake in an edge of the state machine, and not by a new state.

use crate::certificate::{CertificateError, EndEntity, SignatureError};
use crate::crypto::{CipherSuite, ProviderError, Secret, SignatureAlgorithms};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::EarlySecret;
use crate::observer::Observers;
use crate::psk::PreSharedKey;
use crate::registry::{HandshakeType, SignatureScheme};
use crate::verify::ClientAuthentication;
use crate::wire::{CertificateVerify, DecodeError, Finished};

/// The verifier said yes to the peer's certificates.
#[derive(Debug)]
pub(super) struct ChainVerified(());

impl ChainVerified {
    pub(super) fn by(verdict: Result<(), CertificateError>) -> Result<Self, Error> {
        verdict?;
        Ok(Self(()))
    }
}

/// The peer has the private key of the certificate that the verifier said yes to.
#[derive(Debug)]
pub(in crate::handshake) struct PeerAuthenticated(());

impl PeerAuthenticated {
    pub(super) fn check(
        _: ChainVerified,
        end_entity: &EndEntity,
        algorithms: &SignatureAlgorithms,
        verify: &CertificateVerify<'_>,
        content: &[u8],
    ) -> Result<Self, Error> {
        end_entity.check_may_sign()?;
        let scheme: SignatureScheme = verify.algorithm;
        let algorithms = algorithms.for_scheme(scheme);
        match end_entity.verify_signature(algorithms, content, verify.signature) {
            Ok(()) => Ok(Self(())),
            Err(SignatureError::Invalid) => {
                Err(ErrorKind::NotAuthentic(HandshakeType::CERTIFICATE_VERIFY).into())
            }
            Err(_) => Err(ErrorKind::WrongKeyForScheme { scheme }.into()),
        }
    }
}

/// A pre-shared key went into the key schedule: whoever makes a right Finished has it.
#[derive(Debug)]
pub(in crate::handshake) struct PskMixedIn(());

impl PskMixedIn {
    /// The first stage of the key schedule, with the key if there is one.
    pub(super) fn early_secret(
        suite: CipherSuite,
        key: Option<&PreSharedKey>,
        observers: &mut Observers,
    ) -> Result<(EarlySecret, Option<Self>), ProviderError> {
        let secret = EarlySecret::new(suite, key.map(|key| &**key.secret), observers)?;
        Ok((secret, key.map(|_| Self(()))))
    }
}

/// The peer has the same pre-shared key.
#[derive(Debug)]
pub(super) struct PskProven(());

impl PskProven {
    /// On a server: if the binder is right (section 4.3.11.2).
    pub(super) fn by_binder(expected: &Secret, binder: &[u8]) -> Option<Self> {
        expected.verify(binder).then_some(Self(()))
    }

    /// On a client: the server's Finished is right, under secrets that the key went into.
    pub(super) fn by_finished(_: PskMixedIn, _: &FinishedVerified) -> Self {
        Self(())
    }
}

/// Who the peer is known to be.
#[derive(Debug)]
pub(super) enum Peer {
    /// A server that proved its name.
    Server(PeerAuthenticated),
    /// Whoever shares the key.
    PreSharedKey(PskProven),
    /// A client that proved that it has the key of a certificate that was found good.
    Client(PeerAuthenticated),
    /// A client that has shown no certificate, and need not.
    AnonymousClient(AnonymousAllowed),
}

/// The server serves clients without a certificate.
#[derive(Debug)]
pub(in crate::handshake) struct AnonymousAllowed(());

impl AnonymousAllowed {
    /// A client has shown no certificate, or was not asked in the handshake.
    pub(super) fn by(policy: Option<&ClientAuthentication>, asked: bool) -> Result<Self, Error> {
        match policy {
            Some(policy) if policy.required && (asked || policy.in_handshake) => {
                Err(ErrorKind::CertificateRequired.into())
            }
            _ => Ok(Self(())),
        }
    }
}

/// The peer's Finished is the MAC of the same handshake that this side saw.
#[derive(Debug)]
pub(super) struct FinishedVerified(());

impl FinishedVerified {
    pub(super) fn check(expected: &Secret, finished: &Finished<'_>) -> Result<Self, Error> {
        let length = finished.verify_data.len();
        if length != expected.as_bytes().len() {
            return Err(DecodeError::length(HandshakeType::FINISHED, "verify_data", length).into());
        }
        if !expected.verify(finished.verify_data) {
            return Err(ErrorKind::NotAuthentic(HandshakeType::FINISHED).into());
        }
        Ok(Self(()))
    }
}
