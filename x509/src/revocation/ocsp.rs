//! OCSP responses (RFC 6960), as servers staple them: what the issuer of a certificate, or a
//! responder that it has authorized, says about that certificate.

use super::super::certificate::Certificate;
use super::super::certificate_name::CertificateName;
use super::super::checks;
use super::super::der::{self, Element, Reader};
use super::super::error::{CertificateErrorKind, Limit};
use super::super::extension::Extension;
use super::super::issuer::Issuer;
use super::super::limits::Budget;
use super::super::oid;
use super::super::request::ChainRequest;
use super::super::revocation_error::{
    RevocationEvidence, RevocationEvidenceError, RevocationReason, UnknownRevocationStatus,
};
use super::super::signature::{SHA1, Signed};
use super::super::time::{self, Timestamp};
use super::crl_status::revoked_by_crl;
use super::distribution_point::ALL_REASONS;
use super::policy::Digests;
use super::status::{RevocationStatus, RevokedEntry, check_freshness};

/// The accepted difference between the responder's clock and this one, in seconds.
const CLOCK_SKEW: i64 = 300;

/// The number of certificates of a response that are read. A response needs one.
const CERTIFICATES: usize = 4;

const BASIC_RESPONSE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
const OCSP_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 9];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

/// What a response says of a certificate by this issuer.
///
/// The signature of the response is verified with each key that may have made it: that of the
/// issuer, and those of at most four certificates in the response. Each after the first is taken off
/// the budget. If the key of a certificate made the signature, the certificate's own
/// signature is verified, and the CRLs of the issuer may be looked up for it.
///
/// # Errors
/// The limit of signatures is used up.
pub(super) fn status(
    response: &[u8],
    digests: Digests,
    certificate: &Certificate<'_>,
    issuer: &Issuer<'_>,
    request: &ChainRequest<'_>,
    budget: &mut Budget,
) -> Result<RevocationStatus, CertificateErrorKind> {
    match verified_status(response, digests, certificate, issuer, request, budget) {
        Ok(status) => Ok(status),
        Err(Failure::Unusable(error)) => Ok(error.into()),
        Err(Failure::LimitExceeded(kind)) => Err(kind),
    }
}

/// Why a response says nothing that counts.
enum Failure {
    Unusable(RevocationEvidenceError),
    /// The limit of signatures is used up.
    LimitExceeded(CertificateErrorKind),
}

impl From<RevocationEvidenceError> for Failure {
    fn from(error: RevocationEvidenceError) -> Self {
        Self::Unusable(error)
    }
}

fn verified_status(
    response: &[u8],
    digests: Digests,
    certificate: &Certificate<'_>,
    issuer: &Issuer<'_>,
    request: &ChainRequest<'_>,
    budget: &mut Budget,
) -> Result<RevocationStatus, Failure> {
    let response = BasicResponse::read(response)?;
    let cert_id = CertId::new(digests, certificate, issuer);
    let status = response.status_of(&cert_id, request.now.into())?;
    response.verify(digests, issuer, request, budget)?;
    Ok(status)
}

/// The parts of a BasicOCSPResponse (RFC 6960, section 4.2.1).
struct BasicResponse<'a> {
    /// The DER of the whole OCSPResponse.
    der: &'a [u8],
    signed: Signed<'a>,
    responder: ResponderId<'a>,
    produced_at: Timestamp,
    /// Contents of the list of SingleResponses.
    responses: &'a [u8],
    critical: Option<String>,
    /// Contents of the list of certificates.
    certificates: &'a [u8],
}

enum ResponderId<'a> {
    Name(CertificateName<'a>),
    /// The SHA-1 hash of the bytes of the subjectPublicKey.
    Key(&'a [u8]),
}

fn malformed(part: &'static str) -> RevocationEvidenceError {
    RevocationEvidenceError::MalformedResponse(part)
}

impl<'a> BasicResponse<'a> {
    fn read(input: &'a [u8]) -> Result<Self, RevocationEvidenceError> {
        let structure = || malformed("it is not the DER of an OCSPResponse");
        let mut reader = Reader(der::only(input, der::SEQUENCE).ok_or_else(structure)?);
        match reader.take(der::ENUMERATED).ok_or_else(structure)?.contents {
            [0] => {}
            [status] => return Err(RevocationEvidenceError::Unsuccessful(*status)),
            _ => return Err(structure()),
        }
        let bytes = der::only(reader.0, der::constructed(0))
            .and_then(|it| der::only(it, der::SEQUENCE))
            .and_then(|it| der::fields(it, [der::OBJECT_IDENTIFIER, der::OCTET_STRING]));
        let [kind, response] = bytes.ok_or_else(structure)?;
        if kind.contents != BASIC_RESPONSE {
            return Err(malformed("it is not of the basic type"));
        }
        Self::read_basic(input, response.contents)
            .ok_or_else(|| malformed("its BasicOCSPResponse does not parse"))
    }

    /// `der` is the OCSPResponse, and `input` is the BasicOCSPResponse in it.
    fn read_basic(der: &'a [u8], input: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(der::only(input, der::SEQUENCE)?);
        let (signed, mut data) = Signed::take(&mut reader)?;
        let certificates = match reader.take(der::constructed(0)) {
            Some(list) => der::only(list.contents, der::SEQUENCE)?,
            None => &[],
        };
        if let Some(version) = data.take(der::constructed(0)) {
            // The only version is v1.
            (der::only(version.contents, der::INTEGER)? == [0]).then_some(())?;
        }
        let responder = ResponderId::read(data.next_element()?)?;
        let produced_at = generalized_time(&mut data)?;
        let responses = data.take(der::SEQUENCE)?.contents;
        let critical = first_critical(&extensions(&mut data)?);
        (reader.is_empty() && data.is_empty()).then_some(Self {
            der,
            signed,
            responder,
            produced_at,
            responses,
            critical,
            certificates,
        })
    }

    /// What it says of a certificate, before anything shows that its signer may say so. A
    /// revocation counts more than anything else that it says.
    fn status_of(
        &self,
        cert_id: &CertId<'_>,
        now: Timestamp,
    ) -> Result<RevocationStatus, RevocationEvidenceError> {
        let structure = || malformed("a SingleResponse does not parse");
        let mut status = RevocationStatus::from(RevocationEvidenceError::OtherCertificate);
        for single in der::each(self.responses) {
            let single = single.and_then(SingleResponse::read).ok_or_else(structure)?;
            if !cert_id.is(single.cert_id).ok_or_else(structure)? {
                continue;
            }
            match single.status(self.produced_at, now) {
                RevocationStatus::Revoked(entry) => return Ok(RevocationStatus::Revoked(entry)),
                other if !status.is_good() => status = other,
                _ => {}
            }
        }
        Ok(status)
    }

    /// Verifies that the issuer signed it, or a responder that the issuer has authorized (RFC 6960,
    /// section 4.2.2.2). Several certificates may be the one that it names: a responder can have an
    /// old and a new certificate of one name, and some responders have the name of their issuer.
    fn verify(
        &self,
        digests: Digests,
        issuer: &Issuer<'_>,
        request: &ChainRequest<'_>,
        budget: &mut Budget,
    ) -> Result<(), Failure> {
        if let Some(oid) = &self.critical {
            return Err(RevocationEvidenceError::UnknownCriticalExtension(oid.clone()).into());
        }
        let mut failure = None;
        let is_named_as_issuer = self.responder.is(issuer, digests);
        if is_named_as_issuer {
            match self.verify_signature(issuer, request) {
                Ok(()) => {
                    request.remember(issuer.key, self.der);
                    return Ok(());
                }
                Err(error) => failure = Some(error),
            }
        }
        let mut certificates = Reader(self.certificates);
        for _ in 0..CERTIFICATES {
            let Some(der) = certificates.take(der::SEQUENCE) else { break };
            let Ok(certificate) = Certificate::decode(der.whole) else { continue };
            if !self.responder.is(&Issuer::new(&certificate), digests) {
                continue;
            }
            if failure.is_some() {
                budget.spend(Limit::SignatureChecks, 1).map_err(Failure::LimitExceeded)?;
            }
            match self.verify_with(&certificate, issuer, request) {
                Ok(()) => {
                    request.remember(certificate.key, self.der);
                    request.remember(issuer.key, certificate.der);
                    return Ok(());
                }
                // A signer that may not answer is the better reason than a certificate that did
                // not sign. But where the response names the issuer, the reason is that the issuer
                // did not sign.
                Err(error @ RevocationEvidenceError::UnauthorizedResponder { .. })
                    if !is_named_as_issuer =>
                {
                    failure = Some(error);
                }
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        Err(failure
            .unwrap_or_else(|| RevocationEvidenceError::UnknownResponder(issuer.label()))
            .into())
    }

    /// Verifies that the key of this certificate signed it, and that the issuer has authorized the
    /// certificate to do so.
    fn verify_with(
        &self,
        certificate: &Certificate<'_>,
        issuer: &Issuer<'_>,
        request: &ChainRequest<'_>,
    ) -> Result<(), RevocationEvidenceError> {
        self.verify_signature(&Issuer::new(certificate), request)?;
        authorized(certificate, issuer, request).map_err(|reason| {
            RevocationEvidenceError::UnauthorizedResponder {
                responder: certificate.label(),
                reason,
            }
        })
    }

    /// Verifies that the signer's key signed it.
    fn verify_signature(
        &self,
        signer: &Issuer<'_>,
        request: &ChainRequest<'_>,
    ) -> Result<(), RevocationEvidenceError> {
        if request.remembers(signer.key, self.signed, self.der) {
            return Ok(());
        }
        signer.verify(RevocationEvidence::OcspResponse, self.signed, request.algorithms)
    }
}

impl<'a> ResponderId<'a> {
    fn read(id: Element<'a>) -> Option<Self> {
        const NAME: u8 = der::constructed(1);
        const KEY: u8 = der::constructed(2);
        match id.tag {
            NAME => {
                Some(Self::Name(CertificateName::read(der::only(id.contents, der::SEQUENCE)?)?))
            }
            KEY => Some(Self::Key(der::only(id.contents, der::OCTET_STRING)?)),
            _ => None,
        }
    }

    fn is(&self, signer: &Issuer<'_>, digests: Digests) -> bool {
        match self {
            Self::Name(name) => name.is_same(signer.subject),
            Self::Key(hash) => **hash == (digests.sha1)(signer.key.bytes),
        }
    }
}

/// Checks that the issuer has authorized the key of this certificate to sign responses. If it has
/// not, the error says why.
fn authorized(
    responder: &Certificate<'_>,
    issuer: &Issuer<'_>,
    request: &ChainRequest<'_>,
) -> Result<(), String> {
    if !request.is_issued_by(responder, issuer) {
        return Err(format!("was not issued by \"{}\"", issuer.label()));
    }
    let usages = responder.extension(oid::EXTENDED_KEY_USAGE);
    let usages = usages.and_then(|usages| der::list(usages.value));
    if !usages.is_some_and(|usages| usages.iter().any(|usage| usage.contents == OCSP_SIGNING)) {
        return Err("has an extended key usage without OCSPSigning".to_owned());
    }
    if !responder.may_sign() {
        return Err(responder.wrong_key_usage("digitalSignature").to_string());
    }
    checks::form_and_dates(responder, request.now.into()).map_err(|kind| kind.to_string())?;
    if responder.extension(oid::OCSP_NO_CHECK).is_some() {
        return Ok(());
    }
    match revoked_by_crl(responder, issuer, request) {
        Some(entry) => Err(entry.error_kind(responder).to_string()),
        None => Ok(()),
    }
}

/// The certificate that is looked up, as a CertID names it (RFC 6960, section 4.1.1).
struct CertId<'a> {
    serial: &'a [u8],
    sha1: [[u8; 20]; 2],
    sha256: [[u8; 32]; 2],
}

impl<'a> CertId<'a> {
    fn new(digests: Digests, certificate: &Certificate<'a>, issuer: &Issuer<'_>) -> Self {
        let name = der::wrap(der::SEQUENCE, &certificate.issuer);
        let hashed = [name.as_slice(), issuer.key.bytes];
        let (sha1, sha256) = (hashed.map(digests.sha1), hashed.map(digests.sha256));
        Self { serial: certificate.serial, sha1, sha256 }
    }

    /// Whether the CertID with these contents is that of the certificate: the name and the key of the
    /// issuer and the serial number are the same. `None` if it does not parse.
    fn is(&self, id: &[u8]) -> Option<bool> {
        let tags = [der::SEQUENCE, der::OCTET_STRING, der::OCTET_STRING, der::INTEGER];
        let [algorithm, name, key, serial] = der::fields(id, tags)?;
        let hashes = [name.contents, key.contents];
        let mut identifier = Reader(algorithm.contents);
        let is_issuer = match identifier.take(der::OBJECT_IDENTIFIER)?.contents {
            SHA1 => self.sha1.iter().zip(hashes).all(|(own, hash)| own == hash),
            SHA256 => self.sha256.iter().zip(hashes).all(|(own, hash)| own == hash),
            _ => false,
        };
        // The parameters of a hash are NULL, or absent.
        let parses = identifier.is_empty() || identifier.0 == der::NULL;
        let is_serial = serial.contents == self.serial;
        parses.then_some(is_issuer && is_serial)
    }
}

/// A CertStatus (RFC 6960, section 4.2.1).
enum CertStatus {
    Good,
    Revoked(Timestamp, Option<RevocationReason>),
    Unknown,
}

struct SingleResponse<'a> {
    /// Contents of the CertID.
    cert_id: &'a [u8],
    cert_status: CertStatus,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    critical: Option<String>,
}

impl<'a> SingleResponse<'a> {
    fn read(element: Element<'a>) -> Option<Self> {
        let mut reader = Reader(der::only(element.whole, der::SEQUENCE)?);
        let cert_id = reader.take(der::SEQUENCE)?.contents;
        let cert_status = CertStatus::read(reader.next_element()?)?;
        let this_update = generalized_time(&mut reader)?;
        let mut next_update = None;
        if let Some(time) = reader.take(der::constructed(0)) {
            let [time] = der::fields(time.contents, [der::GENERALIZED_TIME])?;
            next_update = Some(time::read_strict(&time)?);
        }
        let critical = first_critical(&extensions(&mut reader)?);
        let single = Self { cert_id, cert_status, this_update, next_update, critical };
        reader.is_empty().then_some(single)
    }

    /// What it says, for a response of this time. As with CRLs, only a good status must be current.
    fn status(self, produced_at: Timestamp, now: Timestamp) -> RevocationStatus {
        let evidence = RevocationEvidence::OcspResponse;
        match self.cert_status {
            CertStatus::Revoked(date, reason) => {
                let reason = reason.unwrap_or(RevocationReason::UNSPECIFIED);
                return RevocationStatus::Revoked(RevokedEntry { date, reason, evidence });
            }
            CertStatus::Unknown => return UnknownRevocationStatus::UnknownToResponder.into(),
            CertStatus::Good => {}
        }
        if let Some(oid) = self.critical {
            return RevocationEvidenceError::UnknownCriticalExtension(oid).into();
        }
        let this_update = self.this_update.max(produced_at);
        match check_freshness(evidence, this_update, self.next_update, now, CLOCK_SKEW) {
            Ok(()) => RevocationStatus::Good(ALL_REASONS),
            Err(error) => error.into(),
        }
    }
}

impl CertStatus {
    fn read(element: Element<'_>) -> Option<Self> {
        const GOOD: u8 = der::primitive(0);
        const REVOKED: u8 = der::constructed(1);
        const UNKNOWN: u8 = der::primitive(2);
        match element.tag {
            GOOD if element.contents.is_empty() => Some(Self::Good),
            UNKNOWN if element.contents.is_empty() => Some(Self::Unknown),
            REVOKED => {
                let mut reader = Reader(element.contents);
                let date = generalized_time(&mut reader)?;
                let reason = match reader.take(der::constructed(0)) {
                    Some(reason) => Some(RevocationReason::read(reason.contents)?),
                    None => None,
                };
                reader.is_empty().then_some(Self::Revoked(date, reason))
            }
            _ => None,
        }
    }
}

/// The extensions that may be next. `None` if they do not parse.
fn extensions<'a>(reader: &mut Reader<'a>) -> Option<Vec<Extension<'a>>> {
    match reader.take(der::constructed(1)) {
        Some(list) => Extension::each(der::only(list.contents, der::SEQUENCE)?).collect(),
        None => Some(Vec::new()),
    }
}

/// The first critical extension, in words. None is known here; nonces are not critical, and are
/// ignored, because there was no request.
fn first_critical(extensions: &[Extension<'_>]) -> Option<String> {
    let critical = extensions.iter().find(|extension| extension.critical)?;
    Some(oid::describe(critical.oid))
}

fn generalized_time(reader: &mut Reader<'_>) -> Option<Timestamp> {
    time::read_strict(&reader.take(der::GENERALIZED_TIME)?)
}
