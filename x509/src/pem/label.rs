//! The labels of PEM sections.

use core::fmt;

/// The label of a section: the words between `-----BEGIN ` and `-----`.
///
/// Only labels of this list are shown. If line breaks are lost, a private key can be in the place of the
/// label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Label {
    /// An X.509 certificate (RFC 7468, section 5).
    Certificate,
    /// A certificate followed by OpenSSL's own trust settings.
    TrustedCertificate,
    /// A certificate with a label that is obsolete (RFC 7468, section 5.1).
    OldCertificate,
    /// A PKCS#7 or CMS structure (sections 8 and 9), which may contain certificates.
    Pkcs7,
    /// A private key of any kind: PKCS#8 (section 10).
    PrivateKey,
    /// An RSA private key: PKCS#1 (RFC 8017, appendix A.1.2).
    RsaPrivateKey,
    /// An EC private key: SEC1 (RFC 5915).
    EcPrivateKey,
    /// An encrypted private key: PKCS#8 (section 11).
    EncryptedPrivateKey,
    /// A DSA private key.
    DsaPrivateKey,
    /// A private key in the format of OpenSSH.
    OpensshPrivateKey,
    /// A public key: a SubjectPublicKeyInfo (section 13).
    PublicKey,
    /// An RSA public key: PKCS#1.
    RsaPublicKey,
    /// A certificate revocation list (section 6).
    Crl,
    /// A certification request (section 7).
    CertificateRequest,
    /// The parameters of a key, which OpenSSL writes before some keys.
    Parameters,
    /// A session of OpenSSL's tools, in their own format.
    SslSession,
    /// Any other.
    Other,
}

/// What a section contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Certificates.
    Certificate,
    /// A private key.
    PrivateKey,
    /// A public key.
    PublicKey,
    /// Certificate revocation lists.
    Crl,
}

/// Each label as it is written. If a label has several spellings, the first is the common one.
const SPELLINGS: [(Label, &str); 21] = [
    (Label::Certificate, "CERTIFICATE"),
    (Label::TrustedCertificate, "TRUSTED CERTIFICATE"),
    (Label::OldCertificate, "X509 CERTIFICATE"),
    (Label::OldCertificate, "X.509 CERTIFICATE"),
    (Label::Pkcs7, "PKCS7"),
    (Label::Pkcs7, "PKCS #7 SIGNED DATA"),
    (Label::Pkcs7, "CMS"),
    (Label::PrivateKey, "PRIVATE KEY"),
    (Label::RsaPrivateKey, "RSA PRIVATE KEY"),
    (Label::EcPrivateKey, "EC PRIVATE KEY"),
    (Label::EncryptedPrivateKey, "ENCRYPTED PRIVATE KEY"),
    (Label::DsaPrivateKey, "DSA PRIVATE KEY"),
    (Label::OpensshPrivateKey, "OPENSSH PRIVATE KEY"),
    (Label::PublicKey, "PUBLIC KEY"),
    (Label::RsaPublicKey, "RSA PUBLIC KEY"),
    (Label::Crl, "X509 CRL"),
    (Label::CertificateRequest, "CERTIFICATE REQUEST"),
    (Label::CertificateRequest, "NEW CERTIFICATE REQUEST"),
    (Label::Parameters, "EC PARAMETERS"),
    (Label::Parameters, "DH PARAMETERS"),
    (Label::SslSession, "SSL SESSION PARAMETERS"),
];

impl Label {
    pub(super) fn read(text: &[u8]) -> Self {
        let known = SPELLINGS.iter().find(|(_, spelling)| spelling.as_bytes() == text);
        known.map_or(Self::Other, |(label, _)| *label)
    }

    /// Whether `text` begins with a label of the list.
    pub(super) fn starts(text: &[u8]) -> bool {
        SPELLINGS.iter().any(|(_, spelling)| text.starts_with(spelling.as_bytes()))
    }

    /// What a section with this label contains. `None` if nothing here reads it.
    pub(super) fn content(self) -> Option<Content> {
        match self {
            Self::Certificate | Self::TrustedCertificate | Self::OldCertificate | Self::Pkcs7 => {
                Some(Content::Certificate)
            }
            Self::PrivateKey
            | Self::RsaPrivateKey
            | Self::EcPrivateKey
            | Self::EncryptedPrivateKey
            | Self::DsaPrivateKey
            | Self::OpensshPrivateKey => Some(Content::PrivateKey),
            Self::PublicKey | Self::RsaPublicKey => Some(Content::PublicKey),
            Self::Crl => Some(Content::Crl),
            Self::CertificateRequest | Self::Parameters | Self::SslSession | Self::Other => None,
        }
    }

    /// Whether this form of the content can be read.
    pub(super) fn is_supported(self) -> bool {
        matches!(
            self,
            Self::Certificate
                | Self::PrivateKey
                | Self::RsaPrivateKey
                | Self::EcPrivateKey
                | Self::PublicKey
                | Self::Crl
        )
    }

    /// How to convert an unsupported form to a supported one.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::TrustedCertificate | Self::OldCertificate => {
                "convert it: openssl x509 -in FILE -out NEW"
            }
            Self::Pkcs7 => "extract the certificates: openssl pkcs7 -print_certs -in FILE -out NEW",
            Self::EncryptedPrivateKey => "decrypt it: openssl pkey -in FILE -out NEW",
            Self::OpensshPrivateKey => {
                "convert a copy of an RSA or ECDSA key: ssh-keygen -p -m PKCS8 -f COPY"
            }
            Self::RsaPublicKey => "convert it: openssl rsa -RSAPublicKey_in -pubout -in FILE",
            Self::DsaPrivateKey => "TLS 1.3 has no DSA: generate a key of another kind",
            _ => "it cannot be used here",
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = SPELLINGS.iter().find(|(label, _)| label == self);
        f.write_str(known.map_or("(an unknown label)", |(_, spelling)| spelling))
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::PrivateKey => "private key",
            Self::PublicKey => "public key",
            Self::Crl => "CRL",
        })
    }
}
