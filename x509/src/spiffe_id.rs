//! SPIFFE ids: the names of workloads (the standards SPIFFE-ID and X509-SVID).

use core::fmt;
use core::str::FromStr;

/// The longest SPIFFE id, in bytes (SPIFFE-ID, section 2.3).
const MAX_LENGTH: usize = 2048;
/// The longest name of a trust domain, in bytes (SPIFFE-ID, section 2.3).
const MAX_TRUST_DOMAIN_LENGTH: usize = 255;
const SCHEME: &str = "spiffe://";

/// The name of a workload: `spiffe://trust-domain/path`. It is printable ASCII.
///
/// Two ids are the same if their bytes are: upper case is not allowed in a trust domain, and percent-encoding
/// nowhere.
///
/// ```
/// use handclasp_x509::SpiffeId;
///
/// let id: SpiffeId = "spiffe://prod.example/payments/web".parse()?;
/// assert_eq!(id.trust_domain(), "prod.example");
/// assert_eq!(id.path(), "/payments/web");
/// # Ok::<(), handclasp_x509::SpiffeIdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    uri: String,
    /// Where its path begins.
    path: usize,
}

impl SpiffeId {
    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// The trust domain: lower-case letters, digits, `.`, `-` and `_`.
    pub fn trust_domain(&self) -> &str {
        self.uri.get(SCHEME.len()..self.path).unwrap_or_default()
    }

    /// The path, which begins with `/`. It is empty for the id of a trust domain itself.
    pub fn path(&self) -> &str {
        self.uri.get(self.path..).unwrap_or_default()
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(uri: &str) -> Result<Self, SpiffeIdError> {
        if uri.len() > MAX_LENGTH {
            return Err(SpiffeIdError::TooLong(uri.len()));
        }
        let Some(rest) = uri.strip_prefix(SCHEME) else { return Err(SpiffeIdError::Scheme) };
        let trust_domain = rest.split('/').next().unwrap_or_default();
        check_trust_domain(trust_domain)?;
        let path = SCHEME.len() + trust_domain.len();
        check_path(uri.get(path..).unwrap_or_default())?;
        Ok(Self { uri: uri.to_owned(), path })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

/// A user, a port, and all of RFC 3986 that the standard leaves out have a character that is refused.
fn check_trust_domain(name: &str) -> Result<(), SpiffeIdError> {
    if name.is_empty() {
        return Err(SpiffeIdError::NoTrustDomain);
    }
    if name.len() > MAX_TRUST_DOMAIN_LENGTH {
        return Err(SpiffeIdError::TrustDomainTooLong(name.len()));
    }
    let is_allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    match name.chars().find(|c| !is_allowed(*c)) {
        Some(character) => Err(SpiffeIdError::TrustDomainCharacter(character)),
        None => Ok(()),
    }
}

/// A query and a fragment have a character that is refused.
fn check_path(path: &str) -> Result<(), SpiffeIdError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    for segment in path.split('/').skip(1) {
        if matches!(segment, "" | "." | "..") {
            return Err(SpiffeIdError::PathSegment(segment.to_owned()));
        }
        if let Some(character) = segment.chars().find(|c| !is_allowed(*c)) {
            return Err(SpiffeIdError::PathCharacter(character));
        }
    }
    Ok(())
}

/// Why a text is no SPIFFE id, or a certificate has none that authenticates a workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpiffeIdError {
    /// The certificate has no URI among its names.
    #[error("the certificate has no URI in its subjectAltName")]
    NoUri,
    /// The certificate has so many URIs, where exactly one is allowed.
    #[error("the certificate has {0} URIs in its subjectAltName, and exactly one is allowed")]
    SeveralUris(usize),
    /// A name of the certificate cannot be decoded. It may be another URI.
    #[error("a name in the certificate's subjectAltName cannot be decoded")]
    UndecodableName,
    /// The certificate is of an authority, or may sign certificates or CRLs. Such a certificate does not
    /// authenticate a workload.
    #[error("the certificate may sign certificates or CRLs, so it is not of a workload")]
    SigningCertificate,
    /// The id of the certificate is that of a trust domain itself.
    #[error("the SPIFFE id in the certificate has no path, so it is not of a workload")]
    NoPath,
    /// It does not begin with `spiffe://`.
    #[error("a SPIFFE id begins with spiffe://")]
    Scheme,
    /// It has so many bytes.
    #[error("the SPIFFE id has {0} bytes, and at most {MAX_LENGTH} are allowed")]
    TooLong(usize),
    /// The trust domain is empty.
    #[error("the SPIFFE id has no trust domain")]
    NoTrustDomain,
    /// The trust domain has so many bytes.
    #[error("the trust domain has {0} bytes, and at most {MAX_TRUST_DOMAIN_LENGTH} are allowed")]
    TrustDomainTooLong(usize),
    /// The trust domain has this character.
    #[error(
        "the trust domain has the character {0:?}: only a-z, 0-9, '.', '-' and '_' are allowed"
    )]
    TrustDomainCharacter(char),
    /// The path has this character.
    #[error("the path has the character {0:?}: only letters, digits, '.', '-' and '_' are allowed")]
    PathCharacter(char),
    /// The path has this segment: an empty one, as before a `/` at the end, `.` or `..`.
    #[error("the path has the segment {0:?}: no segment may be empty, \".\" or \"..\"")]
    PathSegment(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_standard_are_read() {
        for (uri, trust_domain, path) in [
            (
                "spiffe://staging.example.com/payments/mysql",
                "staging.example.com",
                "/payments/mysql",
            ),
            (
                "spiffe://k8s-west.example.com/ns/staging/sa/default",
                "k8s-west.example.com",
                "/ns/staging/sa/default",
            ),
            ("spiffe://example.com", "example.com", ""),
            ("spiffe://1.2.3.4/...", "1.2.3.4", "/..."),
            ("spiffe://a_b-c/A_b-C.9", "a_b-c", "/A_b-C.9"),
        ] {
            let id: SpiffeId = uri.parse().unwrap();
            assert_eq!((id.trust_domain(), id.path(), id.as_str()), (trust_domain, path, uri));
            assert_eq!(id.to_string(), uri);
        }
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        use SpiffeIdError as E;
        let segment = |segment: &str| E::PathSegment(segment.to_owned());
        for (uri, error) in [
            ("", E::Scheme),
            ("https://example.com/a", E::Scheme),
            ("SPIFFE://example.com/a", E::Scheme),
            ("spiffe:/a", E::Scheme),
            ("spiffe:a/b", E::Scheme),
            ("spiffe:///a", E::NoTrustDomain),
            ("spiffe://Example.com/a", E::TrustDomainCharacter('E')),
            ("spiffe://user@example.com/a", E::TrustDomainCharacter('@')),
            ("spiffe://example.com:443/a", E::TrustDomainCharacter(':')),
            ("spiffe://ex%41mple.com/a", E::TrustDomainCharacter('%')),
            ("spiffe://[::1]/a", E::TrustDomainCharacter('[')),
            ("spiffe://example.com?a", E::TrustDomainCharacter('?')),
            ("spiffe://ex\u{e4}mple.com/a", E::TrustDomainCharacter('\u{e4}')),
            ("spiffe://example.com/a?b", E::PathCharacter('?')),
            ("spiffe://example.com/a#b", E::PathCharacter('#')),
            ("spiffe://example.com/%61", E::PathCharacter('%')),
            ("spiffe://example.com/a b", E::PathCharacter(' ')),
            ("spiffe://example.com/a\n", E::PathCharacter('\n')),
            ("spiffe://example.com/", segment("")),
            ("spiffe://example.com/a/", segment("")),
            ("spiffe://example.com//a", segment("")),
            ("spiffe://example.com/./a", segment(".")),
            ("spiffe://example.com/a/..", segment("..")),
        ] {
            assert_eq!(uri.parse::<SpiffeId>(), Err(error), "{uri}");
        }
    }

    #[test]
    fn lengths_are_limited() {
        let with_domain = |length: usize| format!("spiffe://{}/a", "d".repeat(length));
        assert!(with_domain(255).parse::<SpiffeId>().is_ok());
        let error = with_domain(256).parse::<SpiffeId>().unwrap_err();
        assert_eq!(error, SpiffeIdError::TrustDomainTooLong(256));
        let of_length = |length: usize| format!("spiffe://d/{}", "p".repeat(length - 11));
        assert!(of_length(2048).parse::<SpiffeId>().is_ok());
        assert_eq!(of_length(2049).parse::<SpiffeId>(), Err(SpiffeIdError::TooLong(2049)));
    }

    #[test]
    fn an_error_is_safe_to_print() {
        let error = "spiffe://a\u{1b}[31m/b".parse::<SpiffeId>().unwrap_err();
        assert!(error.to_string().is_ascii() && !error.to_string().contains('\u{1b}'), "{error}");
    }
}
