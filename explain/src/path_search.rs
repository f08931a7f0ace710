//! Searches for a path to the trust anchors of the reader, as a verifier of the receiver would.

use core::time::Duration;

use handclasp::certificate::{
    CertificateError, ChainRequest, Outcome, Place, Purpose, ReferenceIdentifier, TrustAnchors,
    explain_chain,
};
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::account::{
    CertificateList, Message, PathAttempt, PathError, PathResult, PathSearch, Side,
};

/// Searches for a path from the first certificate of the list at this time, in seconds since 1970. `None` for
/// raw public keys, and where there is no certificate.
pub(crate) fn search(
    list: &CertificateList,
    message: &Message,
    asked_for: Option<&str>,
    at: i64,
    anchors: &TrustAnchors,
    provider: &CryptoProvider,
) -> Option<PathSearch> {
    if list.certificates.iter().any(|certificate| certificate.is_raw_public_key) {
        return None;
    }
    let ranges = list.certificates.iter().map(|certificate| certificate.range);
    let ders: Vec<_> = ranges
        .filter_map(|range| message.bytes.0.get(range.start..range.end))
        .map(CertificateDer::from)
        .collect();
    let (end_entity, intermediates) = ders.split_first()?;
    let purpose = match list.sender {
        Side::Client => Purpose::Client,
        Side::Server => Purpose::Server,
    };
    let mut names = Vec::new();
    if let (Side::Server, Some(Ok(name))) = (list.sender, asked_for.map(ServerName::try_from)) {
        names.push(ReferenceIdentifier::from(name));
    }
    let now = UnixTime::since_unix_epoch(Duration::from_secs(at.try_into().unwrap_or_default()));
    let algorithms: Vec<_> = provider.signatures.for_certificates().collect();
    let request =
        ChainRequest::new(end_entity, intermediates, anchors, purpose, &names, now, &algorithms);
    let explanation = explain_chain(&request);
    let mut attempts = Vec::new();
    for attempt in explanation.attempts {
        let (result, error) = match &attempt.outcome {
            Outcome::Accepted => (PathResult::Accepted, None),
            Outcome::NoPath => (PathResult::NoPath, None),
            Outcome::Failed(error) => (PathResult::Failed, Some(path_error(error))),
            _ => (PathResult::NoPath, None),
        };
        let certificate = match attempt.place {
            Place::EndEntity => Some(0),
            Place::Intermediate(number) => Some(number),
            _ => None,
        };
        let (depth, subject) = (attempt.depth, attempt.subject);
        attempts.push(PathAttempt { depth, certificate, subject, result, error });
    }
    let error = explanation.result.as_ref().err().map(path_error);
    let omitted = explanation.omitted;
    Some(PathSearch { accepted: error.is_none(), error, attempts, omitted })
}

fn path_error(error: &CertificateError) -> PathError {
    PathError {
        code: error.kind.code(),
        certificate: error.certificate.clone(),
        reason: error.kind.to_string(),
    }
}
