//! Certificate, CertificateVerify and Finished (RFC 9846, section 4.5): what both sides do alike,
//! in the handshake and after it.

use std::sync::Arc;

use pki_types::{CertificateDer, ServerName, UnixTime};

use super::peer_identity::ClaimedIdentity;
use super::proof::{FinishedVerified, IdentityVerified, PeerAuthenticated};
use super::question::Sign;
use super::{Context, Question, Side, expect};
use crate::certificate::{CertificateError, EndEntity};
use crate::credential::{CertifiedKey, KeySource, Staples, StaplesShown};
use crate::crypto::{CryptoError, MAX_HASH_LENGTH, SignatureAlgorithms, provider_fault};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::{TrafficSecret, Transcript};
use crate::observer::Event;
use crate::registry::{CertificateType, HandshakeType, SignatureScheme};
use crate::reply::Reply;
use crate::session::PeerCredential;
use crate::verify::{OcspRequest, PeerIdentity, RawPublicKey};
use crate::wire::codec::listed;
use crate::wire::{
    Certificate, CertificateEntry, CertificateVerify, DecodeError, ExtensionType, Extensions,
    Finished, HandshakeMessage, write_ocsp_response, write_timestamps,
};

const CERTIFICATE: HandshakeType = HandshakeType::CERTIFICATE;

/// What a CertificateVerify signs (section 4.5.2): 64 spaces, a sentence that says who signs and
/// what, a zero, and the transcript's hash.
struct SignedContent {
    bytes: [u8; Self::BEFORE_HASH + MAX_HASH_LENGTH],
    length: usize,
}

impl SignedContent {
    const SPACES: usize = 64;
    /// The spaces, the sentence and the zero.
    const BEFORE_HASH: usize = Self::SPACES + 33 + 1;

    fn new(signer: Side, transcript: &Transcript) -> Self {
        let sentence = match signer {
            Side::Client => b"TLS 1.3, client CertificateVerify\0",
            Side::Server => b"TLS 1.3, server CertificateVerify\0",
        };
        let hash = transcript.current();
        let mut bytes = [0x20; Self::BEFORE_HASH + MAX_HASH_LENGTH];
        let (before_hash, of_hash) = bytes.split_at_mut(Self::BEFORE_HASH);
        let (_, of_sentence) = before_hash.split_at_mut(Self::SPACES);
        of_sentence.copy_from_slice(sentence);
        for (to, from) in of_hash.iter_mut().zip(hash.iter()) {
            *to = *from;
        }
        Self { bytes, length: Self::BEFORE_HASH + hash.len() }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Writes this side's Certificate. The extensions of `shown` go with the first entry (section
/// 4.5.1).
pub(super) fn write_certificate(
    out: &mut Vec<u8>,
    request_context: &[u8],
    key: &CertifiedKey,
    shown: StaplesShown,
) {
    let Staples { ocsp_response, timestamps } = &key.staples;
    let mut staples = Vec::new();
    if shown.ocsp_response {
        if let Some(response) = ocsp_response {
            write_ocsp_response(&mut staples, response);
        }
    }
    if shown.timestamps {
        write_timestamps(&mut staples, timestamps);
    }
    let entries = key.chain().iter().enumerate().map(|(index, certificate)| {
        let staples: &[u8] = if index == 0 { &staples } else { &[] };
        CertificateEntry { certificate, extensions: Extensions::written(staples) }
    });
    Certificate::encode(out, request_context, entries);
}

/// The signature over the transcript, of a local key. A remote key is asked for it.
pub(super) fn sign(
    key: Arc<CertifiedKey>,
    scheme: SignatureScheme,
    signer: Side,
    transcript: &Transcript,
    context: &mut Context,
) -> Reply<Result<Vec<u8>, CryptoError>> {
    let content = SignedContent::new(signer, transcript);
    if let KeySource::Local(local) = key.key() {
        return Reply::Now(local.sign(scheme, content.as_bytes()));
    }
    let message = content.as_bytes().to_vec();
    context.ask(Question::Sign(Sign { certificate: key, scheme, message }));
    Reply::Later
}

/// Sends the CertificateVerify with this signature, if there is one (section 4.5.2).
pub(super) fn send_certificate_verify(
    algorithm: SignatureScheme,
    signature: Result<Vec<u8>, CryptoError>,
    transcript: &mut Transcript,
    context: &mut Context,
) -> Result<(), Error> {
    let signature = signature.map_err(|CryptoError| ErrorKind::Refused("sign"))?;
    provider_fault::check_signature(algorithm, &signature)?;
    context.send(Some(transcript), |out| {
        CertificateVerify { algorithm, signature: &signature }.encode(out);
    });
    Ok(())
}

/// Sends this side's Finished, with a key made of `base` (section 4.5.3).
pub(super) fn send_finished(
    base: &TrafficSecret,
    transcript: &mut Transcript,
    context: &mut Context,
) -> Result<(), Error> {
    let verify_data = base.finished(&transcript.current(), &mut context.observers)?;
    context.send(Some(transcript), |out| {
        Finished { verify_data: verify_data.as_bytes() }.encode(out);
    });
    Ok(())
}

/// Checks the peer's Finished, made with a key of `base`. A wrong MAC is a `decrypt_error` (section
/// 4.5.3).
pub(super) fn check_finished(
    message: &HandshakeMessage<'_>,
    base: &TrafficSecret,
    transcript: &mut Transcript,
    context: &mut Context,
) -> Result<FinishedVerified, Error> {
    expect(message, HandshakeType::FINISHED)?;
    let expected = base.finished(&transcript.current(), &mut context.observers)?;
    let finished = FinishedVerified::check(&expected, &Finished::parse(message.body))?;
    context.observers.emit(|| Event::FinishedVerified);
    transcript.add(message);
    Ok(finished)
}

/// What the peer's Certificate must comply with.
pub(super) struct CertificateExpectation<'a> {
    pub(super) request_context: &'a [u8],
    pub(super) certificate_type: CertificateType,
    /// The extensions that this side asked for: an entry may have no others.
    pub(super) requested: &'a [ExtensionType],
    pub(super) ocsp_request: Option<OcspRequest>,
    /// The server's name, where the peer is a server.
    pub(super) server_name: Option<&'a ServerName<'static>>,
}

impl ClaimedIdentity {
    /// Reads the body of a Certificate; `None` where there is no certificate in it. An extension
    /// that this side did not offer is an `unsupported_extension` (section 4.3), and another
    /// certificate_request_context than expected an `illegal_parameter` (section 4.5.1).
    pub(super) fn read(
        body: &[u8],
        expected: &CertificateExpectation<'_>,
        context: &Context,
    ) -> Result<Option<Self>, Error> {
        let message = Certificate::parse(body)?;
        if message.request_context != expected.request_context {
            let reason = "it is not that of the CertificateRequest, or not empty without one";
            return Err(Error::illegal(CERTIFICATE, "certificate_request_context", reason));
        }
        let limit = context.config.limits.certificates;
        let (mut first, mut count) = (None, 0);
        for entry in message.entries() {
            for extension in entry.extensions.iter().map(|extension| extension.kind) {
                if !expected.requested.contains(&extension) {
                    let message = CERTIFICATE;
                    return Err(ErrorKind::UnsolicitedExtension { message, extension }.into());
                }
            }
            count += 1;
            if count > limit {
                return Err(ErrorKind::LimitExceeded { name: "certificates", limit }.into());
            }
            first.get_or_insert(entry);
        }
        let Some(first) = first else { return Ok(None) };
        let now = context.now.unix();
        match expected.certificate_type {
            CertificateType::RAW_PUBLIC_KEY => Self::raw_public_key(&first, count, expected, now),
            _ => Self::certificates(&message, &first, count, expected, now),
        }
        .map(Some)
    }

    /// One entry, which is a SubjectPublicKeyInfo (RFC 7250). A second entry is an
    /// `illegal_parameter` (section 4.5.1).
    fn raw_public_key(
        first: &CertificateEntry<'_>,
        count: usize,
        expected: &CertificateExpectation<'_>,
        now: UnixTime,
    ) -> Result<Self, Error> {
        if count > 1 {
            let reason = "there may be one raw public key";
            return Err(Error::illegal(CERTIFICATE, "certificate_list", reason));
        }
        EndEntity::from_public_key(first.certificate)?;
        let key = RawPublicKey {
            subject_public_key_info: first.certificate.into(),
            server_name: expected.server_name.cloned(),
            now,
        };
        Ok(Self::RawPublicKey(key))
    }

    /// A chain of so many X.509 certificates, and what is stapled to the first of them.
    fn certificates(
        message: &Certificate<'_>,
        first: &CertificateEntry<'_>,
        count: usize,
        expected: &CertificateExpectation<'_>,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let mut entries = message.entries();
        // Of a known length, so that the chain is allocated once.
        let chain: Arc<[_]> = (0..count)
            .map(|_| {
                let certificate = entries.next().map(|entry| entry.certificate.to_vec());
                CertificateDer::from(certificate.unwrap_or_default())
            })
            .collect();
        let timestamps = first.signed_certificate_timestamps()?;
        let mut identity = PeerIdentity::new(chain, expected.server_name.cloned(), now);
        identity.ocsp_request = expected.ocsp_request;
        identity.ocsp_response = first.ocsp_response()?.map(Arc::from);
        identity.signed_certificate_timestamps =
            timestamps.into_iter().map(<[u8]>::to_vec).collect();
        Ok(Self::Certificates(identity))
    }
}

/// The verifier has accepted who the peer says it is. The proof that the peer has the key follows.
pub(super) struct VerifiedPeer {
    identity: ClaimedIdentity,
    identity_verified: IdentityVerified,
}

impl VerifiedPeer {
    /// `result` is the verifier's answer.
    pub(super) fn new(
        identity: ClaimedIdentity,
        result: Result<(), CertificateError>,
        context: &mut Context,
    ) -> Result<Self, Error> {
        // A malformed certificate is an error with every verifier.
        identity.end_entity()?;
        let identity_verified = IdentityVerified::by(result)?;
        context.observers.emit(|| Event::PeerVerified);
        Ok(Self { identity, identity_verified })
    }

    /// Checks the peer's CertificateVerify. `offered` says which schemes this side offered. A
    /// scheme that was not offered, or that may not sign handshakes (section 4.3.3), is an
    /// `illegal_parameter`; a wrong signature is a `decrypt_error` (section 4.5.2).
    pub(super) fn check_certificate_verify(
        self,
        message: &HandshakeMessage<'_>,
        signer: Side,
        signatures: &SignatureAlgorithms,
        offered: impl Fn(SignatureScheme) -> bool,
        transcript: &mut Transcript,
        context: &mut Context,
    ) -> Result<AuthenticatedPeer, Error> {
        const MESSAGE: HandshakeType = HandshakeType::CERTIFICATE_VERIFY;
        expect(message, MESSAGE)?;
        let verify = CertificateVerify::parse(message.body)?;
        let scheme = verify.algorithm;
        let is_known = signatures.for_scheme(scheme).next().is_some();
        let is_for_handshakes = match signer {
            Side::Client => scheme.signs_for_clients(),
            Side::Server => scheme.signs_handshakes(),
        };
        if !offered(scheme) || !is_for_handshakes || !is_known {
            let reason = format!("{scheme} was not offered for handshakes");
            return Err(Error::illegal(MESSAGE, "algorithm", reason));
        }
        let proof = PeerAuthenticated::check(
            self.identity_verified,
            &*self.identity.end_entity()?,
            signatures,
            &verify,
            SignedContent::new(signer, transcript).as_bytes(),
        )?;
        context.observers.emit(|| Event::SignatureVerified(scheme));
        transcript.add(message);
        Ok(AuthenticatedPeer { proof, scheme, credential: self.identity.into_credential() })
    }
}

/// The peer is who it says it is: it has signed the handshake with its key.
pub(super) struct AuthenticatedPeer {
    pub(super) proof: PeerAuthenticated,
    pub(super) scheme: SignatureScheme,
    pub(super) credential: PeerCredential,
}

/// The error for a server without a certificate (section 4.5.1.3).
pub(super) fn empty_list() -> Error {
    DecodeError::length(CERTIFICATE, "certificate_list", 0).into()
}

/// The error for two sides without a common type of certificate. It is an `unsupported_certificate`
/// (section 4.5.1; RFC 7250, section 4.2).
pub(super) fn no_common_type(
    ours: impl IntoIterator<Item = CertificateType>,
    theirs: impl IntoIterator<Item = CertificateType>,
) -> Error {
    let (ours, theirs) = (listed(ours.into_iter()), listed(theirs.into_iter()));
    ErrorKind::CertificateType { ours, theirs }.into()
}
