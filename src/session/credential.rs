//! What the two sides of a session authenticated with. All of it is checked again before the session
//! is resumed: see the [module](super).

use std::sync::Arc;

use pki_types::CertificateDer;

use super::SessionError;
use crate::crypto::Secret;
use crate::registry::CertificateType;
use crate::wire::codec::{Prefix, Reader, write_bytes, write_vector};

/// The most bytes of an OCSP response and certificate timestamps that a session keeps.
pub(super) const MAX_STAPLES_LENGTH: usize = 0x4000;

/// The longest CertificateRequest, in bytes, that a client's session keeps.
pub(super) const MAX_REQUEST_LENGTH: usize = 0x4000;

/// What the peer authenticated with, in the handshake that a session goes back to.
#[derive(Clone, Debug, Default)]
pub(crate) enum PeerCredential {
    /// Nothing: it is a client that has shown no certificate.
    #[default]
    None,
    Certificates(PeerCertificates),
    /// The DER of a SubjectPublicKeyInfo (RFC 7250).
    RawPublicKey(Arc<[u8]>),
    /// A key that was agreed on outside of TLS. In a box: few connections have one.
    PreSharedKey(Box<KeyRecord>),
}

impl PeerCredential {
    /// Is it nothing, or the same certificates or the same key? The staples of a chain may be others.
    pub(crate) fn is_none_or_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, _) => true,
            (Self::Certificates(ours), Self::Certificates(theirs)) => ours.chain == theirs.chain,
            (Self::RawPublicKey(ours), Self::RawPublicKey(theirs)) => ours == theirs,
            (Self::PreSharedKey(ours), Self::PreSharedKey(theirs)) => ours.is_same(theirs),
            _ => false,
        }
    }
}

/// A chain with its staples.
#[derive(Clone, Debug)]
pub(crate) struct PeerCertificates {
    pub(crate) chain: Arc<[CertificateDer<'static>]>,
    /// `None` where there are none, as with most peers.
    staples: Option<Box<Staples>>,
}

#[derive(Clone, Debug)]
struct Staples {
    ocsp_response: Option<Arc<[u8]>>,
    timestamps: Vec<Vec<u8>>,
}

/// What a session keeps of a pre-shared key: enough to know the same key again, and not the key.
#[derive(Clone, Debug)]
pub(crate) struct KeyRecord {
    pub(crate) identity: Vec<u8>,
    /// It is an external or an imported key, and not a ticket of the application's own making.
    pub(crate) external: bool,
    /// A MAC under the key over what names it: only the same key has the same.
    pub(crate) digest: Secret,
}

impl KeyRecord {
    /// The length of the digest in bytes.
    pub(crate) const DIGEST_LENGTH: usize = 32;

    /// Are the two of the same key?
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.identity == other.identity
            && self.external == other.external
            && self.digest.verify(other.digest.as_bytes())
    }
}

impl PeerCredential {
    /// The credential of a peer whose certificates or raw public key came without staples.
    pub(super) fn without_staples(
        certificates: Option<Arc<[CertificateDer<'static>]>>,
        raw_public_key: Option<Arc<[u8]>>,
    ) -> Self {
        match (certificates, raw_public_key) {
            (Some(chain), _) => Self::Certificates(PeerCertificates { chain, staples: None }),
            (None, Some(key)) => Self::RawPublicKey(key),
            (None, None) => Self::None,
        }
    }

    /// The peer's certificates, if it authenticated with some.
    pub(crate) fn chain(&self) -> Option<&Arc<[CertificateDer<'static>]>> {
        match self {
            Self::Certificates(certificates) => Some(&certificates.chain),
            _ => None,
        }
    }

    /// A copy for a session, without staples that are too long for one. A verifier that needs
    /// them then refuses, and there is a full handshake.
    pub(crate) fn for_session(&self) -> Self {
        let mut copy = self.clone();
        if let Self::Certificates(certificates) = &mut copy {
            if certificates.staples_length() > MAX_STAPLES_LENGTH {
                certificates.staples = None;
            }
        }
        copy
    }

    /// An upper bound of the encoded length in bytes.
    pub(super) fn max_encoded_length(&self) -> usize {
        const HEADERS: usize = 64;
        let content = match self {
            Self::None => 0,
            Self::Certificates(certificates) => {
                let chain = certificates.chain.iter().map(|certificate| certificate.len() + 3);
                certificates.staples_length() + chain.sum::<usize>()
            }
            Self::RawPublicKey(key) => key.len(),
            Self::PreSharedKey(key) => key.identity.len() + KeyRecord::DIGEST_LENGTH,
        };
        HEADERS + content
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => out.push(0),
            Self::Certificates(certificates) => {
                out.push(1);
                certificates.encode(out);
            }
            Self::RawPublicKey(key) => {
                out.push(2);
                write_bytes(out, Prefix::U24, key);
            }
            Self::PreSharedKey(key) => {
                out.push(3);
                write_bytes(out, Prefix::U16, &key.identity);
                out.push(u8::from(key.external));
                write_bytes(out, Prefix::U8, key.digest.as_bytes());
            }
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, SessionError> {
        const FIELD: &str = "credential";
        Ok(match reader.u8(FIELD)? {
            0 => Self::None,
            1 => Self::Certificates(PeerCertificates::read(reader)?),
            2 => Self::RawPublicKey(
                reader.vector("raw public key", Prefix::U24, 1..=0xff_ffff)?.into(),
            ),
            3 => {
                let identity = reader.vector("key identity", Prefix::U16, 1..=0xffff)?.to_vec();
                let external = read_flag(reader, FIELD)?;
                let length = KeyRecord::DIGEST_LENGTH;
                let digest = reader.vector("key digest", Prefix::U8, length..=length)?;
                let digest = Secret::new(digest).ok_or(SessionError::Malformed("key digest"))?;
                Self::PreSharedKey(Box::new(KeyRecord { identity, external, digest }))
            }
            _ => return Err(SessionError::Malformed(FIELD)),
        })
    }
}

impl PeerCertificates {
    pub(crate) fn new(
        chain: Arc<[CertificateDer<'static>]>,
        ocsp_response: Option<Arc<[u8]>>,
        timestamps: Vec<Vec<u8>>,
    ) -> Self {
        if ocsp_response.is_none() && timestamps.is_empty() {
            return Self { chain, staples: None };
        }
        Self { chain, staples: Some(Box::new(Staples { ocsp_response, timestamps })) }
    }

    pub(crate) fn ocsp_response(&self) -> Option<&Arc<[u8]>> {
        self.staples.as_ref()?.ocsp_response.as_ref()
    }

    pub(crate) fn timestamps(&self) -> &[Vec<u8>] {
        self.staples.as_ref().map_or(&[], |staples| &staples.timestamps)
    }

    fn staples_length(&self) -> usize {
        let timestamps = self.timestamps().iter().map(|timestamp| timestamp.len() + 2);
        self.ocsp_response().map_or(0, |response| response.len()) + timestamps.sum::<usize>()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        write_vector(out, Prefix::U24, |out| {
            for certificate in self.chain.iter() {
                write_bytes(out, Prefix::U24, certificate);
            }
        });
        // No response is the empty one, which there is not.
        write_bytes(out, Prefix::U16, self.ocsp_response().map_or(&[], |response| response));
        write_vector(out, Prefix::U16, |out| {
            for timestamp in self.timestamps() {
                write_bytes(out, Prefix::U16, timestamp);
            }
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, SessionError> {
        let written_chain = reader.vector("certificates", Prefix::U24, 1..=0xff_ffff)?;
        let mut certificates = reader.part(written_chain);
        let mut chain = Vec::new();
        while !certificates.is_empty() {
            let certificate = certificates.vector("certificates", Prefix::U24, 1..=0xff_ffff)?;
            chain.push(CertificateDer::from(certificate.to_vec()));
        }
        let response = reader.vector("OCSP response", Prefix::U16, 0..=MAX_STAPLES_LENGTH)?;
        let ocsp_response = if response.is_empty() { None } else { Some(response.into()) };
        let written_timestamps =
            reader.vector("timestamps", Prefix::U16, 0..=MAX_STAPLES_LENGTH)?;
        let mut list = reader.part(written_timestamps);
        let mut timestamps = Vec::new();
        while !list.is_empty() {
            timestamps.push(list.vector("timestamps", Prefix::U16, 1..=0xffff)?.to_vec());
        }
        Ok(Self::new(chain.into(), ocsp_response, timestamps))
    }
}

/// A server's CertificateRequest, and the client's answer to it. A configuration that would answer
/// otherwise now is another client.
#[derive(Clone, Debug)]
pub(crate) struct CertificateAnswer {
    /// The body of the CertificateRequest.
    pub(crate) request: Arc<[u8]>,
    /// The type of certificate that was agreed on.
    pub(crate) certificate_type: CertificateType,
    /// The SHA-256 of the certificate or the raw public key; `None` where none was shown.
    pub(crate) shown: Option<[u8; 32]>,
}

impl CertificateAnswer {
    pub(super) fn encode(answer: Option<&Self>, out: &mut Vec<u8>) {
        let Some(answer) = answer else { return out.push(0) };
        out.push(1);
        write_bytes(out, Prefix::U16, &answer.request);
        out.push(answer.certificate_type.0);
        out.push(u8::from(answer.shown.is_some()));
        if let Some(shown) = &answer.shown {
            out.extend_from_slice(shown);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, SessionError> {
        const FIELD: &str = "own certificate";
        if !read_flag(reader, FIELD)? {
            return Ok(None);
        }
        let request = reader.vector("request", Prefix::U16, 1..=MAX_REQUEST_LENGTH)?.into();
        let certificate_type = CertificateType(reader.u8(FIELD)?);
        let shown = match read_flag(reader, FIELD)? {
            true => Some(*reader.array(FIELD)?),
            false => None,
        };
        Ok(Some(Self { request, certificate_type, shown }))
    }
}

/// A byte that is 0 or 1.
pub(super) fn read_flag(
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<bool, SessionError> {
    match reader.u8(field)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(SessionError::Malformed(field)),
    }
}
