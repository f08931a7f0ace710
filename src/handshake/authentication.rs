//! Certificate, CertificateVerify and Finished (RFC 9846, section 4.5): what is the same whichever
//! side sends them, in the handshake or after it.

use std::sync::Arc;

use pki_types::{CertificateDer, ServerName};

use super::proof::{ChainVerified, FinishedVerified, PeerAuthenticated};
use super::question::Sign;
use super::{Context, Question, Side, expect};
use crate::certificate::{CertificateError, EndEntity};
use crate::credential::{CertifiedKey, KeySource, Staples, StaplesShown};
use crate::crypto::{CryptoError, SignatureAlgorithms, provider_fault};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::{TrafficSecret, Transcript};
use crate::observer::Event;
use crate::registry::{CertificateType, HandshakeType, SignatureScheme};
use crate::reply::Reply;
use crate::verify::{PeerIdentity, RawPublicKey};
use crate::wire::codec::{Prefix, join};
use crate::wire::{
    Certificate, CertificateEntry, CertificateVerify, DecodeError, ExtensionType, Extensions,
    Finished, HandshakeMessage, write_extension, write_names, write_ocsp_response,
};

/// What a CertificateVerify signs (section 4.5.2): 64 spaces, a sentence that says who signs and
/// what, a zero, and the transcript's hash.
fn signed_content(signer: Side, transcript: &Transcript) -> Vec<u8> {
    let context: &[u8] = match signer {
        Side::Client => b"TLS 1.3, client CertificateVerify",
        Side::Server => b"TLS 1.3, server CertificateVerify",
    };
    [&[0x20; 64], context, &[0], &transcript.current()].concat()
}

/// Writes the own Certificate, with these staples beside its first entry.
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
        write_extension(&mut staples, ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP, |out| {
            write_names(out, Prefix::U16, timestamps);
        });
    }
    let mut staples = Some(Extensions::written(&staples));
    let entries = key.chain().iter().map(|certificate| CertificateEntry {
        certificate,
        extensions: staples.take().unwrap_or_default(),
    });
    Certificate::encode(out, request_context, entries);
}

/// The question for a signature over the transcript, answered at once where the key is here.
pub(super) fn ask_to_sign(
    key: Arc<CertifiedKey>,
    scheme: SignatureScheme,
    signer: Side,
    transcript: &Transcript,
) -> (Sign, Reply<Result<Vec<u8>, CryptoError>>) {
    let message = signed_content(signer, transcript);
    let signature = match key.key() {
        KeySource::Local(key) => Reply::Now(key.sign(scheme, &message)),
        KeySource::Remote { .. } => Reply::Later,
    };
    (Sign { certificate: key, scheme, message }, signature)
}

/// Sends the CertificateVerify, if there is a signature.
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

/// Sends the own Finished, under a key made of `base`.
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

/// Checks the peer's Finished, made with a key of `base`.
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

/// What the peer's Certificate has to be.
pub(super) struct Expected<'a> {
    pub(super) request_context: &'a [u8],
    pub(super) certificate_type: CertificateType,
    /// The extensions that may be in it.
    pub(super) asked: &'a [ExtensionType],
    /// The server's name, where the peer is a server.
    pub(super) server_name: Option<&'a ServerName<'static>>,
}

/// The peer has shown who it wants to be: the question is whether that is good.
pub(super) struct Presented {
    pub(super) end_entity: EndEntity,
    pub(super) question: Question,
}

impl Presented {
    /// Reads the body of a Certificate; `None` where it is empty.
    pub(super) fn read(
        body: &[u8],
        expected: &Expected<'_>,
        context: &Context,
    ) -> Result<Option<Self>, Error> {
        const MESSAGE: HandshakeType = HandshakeType::CERTIFICATE;
        let certificate = Certificate::parse(body)?;
        if certificate.request_context != expected.request_context {
            let reason = "it is not the request's";
            return Err(Error::illegal(MESSAGE, "certificate_request_context", reason));
        }
        let limit = context.limits.certificates;
        let mut chain = Vec::with_capacity(4);
        for entry in certificate.entries() {
            for extension in entry.extensions.iter().map(|extension| extension.kind) {
                if !expected.asked.contains(&extension) {
                    return Err(
                        ErrorKind::UnsolicitedExtension { message: MESSAGE, extension }.into()
                    );
                }
            }
            if chain.len() >= limit {
                return Err(ErrorKind::LimitExceeded { name: "certificates", limit }.into());
            }
            chain.push(CertificateDer::from(entry.certificate.to_vec()));
        }
        let Some(first) = certificate.entries().next() else { return Ok(None) };
        let server_name = expected.server_name.cloned();
        let now = context.now.unix();
        if expected.certificate_type == CertificateType::RAW_PUBLIC_KEY {
            if chain.len() > 1 {
                let reason = "there may be one raw public key";
                return Err(Error::illegal(MESSAGE, "certificate_list", reason));
            }
            let subject_public_key_info = first.certificate.into();
            let key = RawPublicKey { subject_public_key_info, server_name, now };
            let end_entity = EndEntity::from_public_key(first.certificate)?;
            return Ok(Some(Self { end_entity, question: Question::VerifyRawPublicKey(key) }));
        }
        let timestamps = first.signed_certificate_timestamps()?;
        let identity = PeerIdentity {
            server_name,
            now,
            ocsp_requested: expected.asked.contains(&ExtensionType::STATUS_REQUEST),
            ocsp_response: first.ocsp_response()?.map(Arc::from),
            signed_certificate_timestamps: timestamps.into_iter().map(<[u8]>::to_vec).collect(),
            chain: chain.into(),
        };
        let end_entity = EndEntity::parse(&first.certificate.into())?;
        Ok(Some(Self { end_entity, question: Question::VerifyPeer(identity) }))
    }
}

/// Who the peer wants to be was found good; the proof of its key is due.
pub(super) struct Accepted {
    end_entity: EndEntity,
    question: Question,
    chain_verified: ChainVerified,
}

impl Accepted {
    /// The verdict is there.
    pub(super) fn new(
        end_entity: EndEntity,
        question: Question,
        verdict: Result<(), CertificateError>,
        context: &mut Context,
    ) -> Result<Self, Error> {
        let chain_verified = ChainVerified::by(verdict)?;
        context.observers.emit(|| Event::PeerVerified);
        Ok(Self { end_entity, question, chain_verified })
    }

    /// Checks the peer's CertificateVerify. `offered` says which schemes it was offered.
    pub(super) fn check(
        self,
        message: &HandshakeMessage<'_>,
        signer: Side,
        signatures: &SignatureAlgorithms,
        offered: impl Fn(SignatureScheme) -> bool,
        transcript: &mut Transcript,
        context: &mut Context,
    ) -> Result<Authenticated, Error> {
        const MESSAGE: HandshakeType = HandshakeType::CERTIFICATE_VERIFY;
        expect(message, MESSAGE)?;
        let verify = CertificateVerify::parse(message.body)?;
        let scheme = verify.algorithm;
        let known = !signatures.for_scheme(scheme).is_empty();
        let allowed = match signer {
            Side::Client => scheme.signs_for_clients(),
            Side::Server => scheme.signs_handshakes(),
        };
        if !offered(scheme) || !allowed || !known {
            let reason = format!("{scheme} was not offered for handshakes");
            return Err(Error::illegal(MESSAGE, "algorithm", reason));
        }
        let proof = PeerAuthenticated::check(
            self.chain_verified,
            &self.end_entity,
            signatures,
            &verify,
            &signed_content(signer, transcript),
        )?;
        context.observers.emit(|| Event::SignatureVerified(scheme));
        transcript.add(message);
        Ok(Authenticated { proof, scheme, question: self.question })
    }
}

/// The peer is who it wants to be.
pub(super) struct Authenticated {
    pub(super) proof: PeerAuthenticated,
    pub(super) scheme: SignatureScheme,
    pub(super) question: Question,
}

/// A server must have a certificate: section 4.5.1.3.
pub(super) fn empty_list() -> Error {
    DecodeError::length(HandshakeType::CERTIFICATE, "certificate_list", 0).into()
}

/// There is no type of certificate that one side has and the other takes.
pub(super) fn no_common_type(
    ours: impl IntoIterator<Item = CertificateType>,
    theirs: impl IntoIterator<Item = CertificateType>,
) -> Error {
    let (ours, theirs) = (join(ours.into_iter()), join(theirs.into_iter()));
    ErrorKind::CertificateType { ours, theirs }.into()
}
