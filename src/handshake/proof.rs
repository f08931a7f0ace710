//! Values that exist only where something was checked.
//!
//! The state that carries application data is made from them, so no way leads to it past a check:
//! not by a mistake in an edge of the state machine, and not by a new state.

use super::Context;
use crate::certificate::{CertificateError, EndEntity, SignatureError};
use crate::crypto::{CipherSuite, ProviderError, Secret, SignatureAlgorithms, StaticOrArc};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::EarlySecret;
use crate::registry::{HandshakeType, SignatureScheme};
use crate::verify::ClientCertificatePolicy;
use crate::wire::{CertificateVerify, DecodeError, Finished};

/// The verifier accepted the peer's certificates or raw public key.
#[derive(Debug)]
pub(super) struct IdentityVerified(());

impl IdentityVerified {
    pub(super) fn by(answer: Result<(), CertificateError>) -> Result<Self, Error> {
        answer?;
        Ok(Self(()))
    }
}

/// The peer has the private key of the certificate, or the raw public key, that the verifier
/// accepted (section 4.5.2).
#[derive(Debug)]
pub(in crate::handshake) struct PeerAuthenticated(());

impl PeerAuthenticated {
    pub(super) fn check(
        _: IdentityVerified,
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

/// A pre-shared key went into the key schedule: only a peer that has it can make a right Finished.
#[derive(Debug)]
pub(in crate::handshake) struct PskMixedIn(());

impl PskMixedIn {
    /// The first stage of the key schedule. `of_key` is that of the pre-shared key, if there is one.
    pub(super) fn early_secret(
        suite: &StaticOrArc<CipherSuite>,
        of_key: Option<&EarlySecret>,
        context: &mut Context,
    ) -> Result<(EarlySecret, Option<Self>), ProviderError> {
        match of_key {
            Some(of_key) => Ok((of_key.for_suite(suite), Some(Self(())))),
            None => Ok((context.early_secret(suite, None)?, None)),
        }
    }
}

/// The peer has the same pre-shared key (section 4.3.11).
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

/// How the peer is authenticated. Nothing reads what is inside: it is there to be proved.
#[derive(Debug)]
pub(super) enum Peer {
    /// A server that proved its name.
    Server(PeerAuthenticated),
    /// A peer that has the same pre-shared key.
    PreSharedKey(PskProven),
    /// A client that proved that it has the key of an accepted certificate.
    Client(PeerAuthenticated),
    /// A client without a certificate, which need not have one.
    AnonymousClient(AnonymousAllowed),
}

/// All that must be proved before application data flow: who the peer is, and that both sides saw
/// the same handshake.
#[derive(Debug)]
pub(super) struct HandshakeProof(());

impl HandshakeProof {
    pub(super) fn new(_: Peer, _: FinishedVerified) -> Self {
        Self(())
    }
}

/// The server serves clients without a certificate.
#[derive(Debug)]
pub(in crate::handshake) struct AnonymousAllowed(());

impl AnonymousAllowed {
    /// For a client that has sent no certificate. `asked` says whether it was asked for one.
    pub(super) fn by(policy: Option<&ClientCertificatePolicy>, asked: bool) -> Result<Self, Error> {
        match policy {
            Some(policy) if policy.required && (asked || policy.in_handshake) => {
                Err(ErrorKind::CertificateRequired.into())
            }
            _ => Ok(Self(())),
        }
    }
}

/// The peer's Finished is the MAC of the same handshake that this side saw. Otherwise it is a
/// `decrypt_error` (section 4.5.3).
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
