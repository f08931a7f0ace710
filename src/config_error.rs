//! The error of configurations, credentials, verifiers and pre-shared keys:
//! [`ConfigError`](crate::config::ConfigError).

/// A configuration that cannot work, found when it is built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A list is empty that must have something in it.
    #[error("the configuration has no {0}")]
    Empty(&'static str),
    /// A key exchange group stands in the provider's list twice.
    #[error("the key exchange group {0} is there twice")]
    GroupTwice(crate::registry::NamedGroup),
    /// An application protocol is not 1 to 255 bytes long, or the list is longer than 16384.
    #[error("an application protocol must be 1 to 255 bytes long, and all together 16384")]
    ApplicationProtocol,
    /// The layout sets an extension that the library itself must write.
    #[error("the extension {0} cannot be set by a layout")]
    Layout(crate::wire::ExtensionType),
    /// The layout names an extension twice, or its bytes are too many for a message.
    #[error("the layout has the extension {0} twice, or too many bytes in it")]
    LayoutTooLarge(crate::wire::ExtensionType),
    /// The first certificate cannot be parsed, or its key may not sign.
    #[error("the first certificate of the chain cannot be used: {0}")]
    Certificate(#[from] crate::certificate::CertificateError),
    /// A certificate of the chain was issued with SHA-1 or MD5, which TLS 1.3 does not send.
    #[error(
        "certificate {number} of the chain, \"{subject}\", is signed with {algorithm}, which TLS 1.3 \
         does not send: have it issued anew"
    )]
    BrokenSignature {
        /// Which of the chain it is, counted from 1.
        number: usize,
        /// Its subject.
        subject: String,
        /// The algorithm that its signature names.
        algorithm: &'static str,
    },
    /// The private key is not that of the first certificate, and of no other one of the chain.
    #[error("the certificate belongs to another key than the private key")]
    KeyMismatch,
    /// The first certificate is for the private key, but limits it to an algorithm that it is not
    /// used with here, as id-RSASSA-PSS does.
    #[error(
        "the certificate is for the private key, but limits it to the algorithm {algorithm}, which \
         is not supported: have a certificate issued that does not"
    )]
    KeyAlgorithm {
        /// The algorithm that the certificate names for its key.
        algorithm: String,
    },
    /// The certificate's public key is a compressed point, which is not verified with here.
    #[error(
        "the public key of the certificate is a compressed point, which is not supported: \
         convert the key (openssl ec -conv_form uncompressed), and have a certificate issued for that"
    )]
    CompressedPublicKey,
    /// The private key is that of a certificate which is not the first of the chain.
    #[error(
        "the private key belongs to certificate {number} of the chain, \"{subject}\": put that \
         first, and the certificates of its issuers behind it"
    )]
    KeyOfAnother {
        /// Which of the chain it is, counted from 1.
        number: usize,
        /// Its subject.
        subject: String,
    },
    /// The private key cannot be loaded.
    #[error(transparent)]
    PrivateKey(#[from] crate::crypto::KeyError),
    /// The private key has no scheme to sign with.
    #[error("the private key has no signature scheme to sign with")]
    UnsupportedKey,
    /// The layout, the application protocols and the pre-shared keys of a client leave no room for a
    /// ticket and a cookie.
    #[error(
        "the layout, application protocols and pre-shared keys are too long for one ClientHello"
    )]
    ClientHelloTooLong,
    /// A pre-shared key is shorter than 16 bytes, or its identity is not 1 to 1024 bytes long.
    #[error("a pre-shared key must have 16 bytes or more, and an identity of 1 to 1024")]
    PreSharedKey,
    /// Tickets are good for a second to seven days, and at most 16 are sent on a connection.
    #[error("tickets must be good for 1 to 604800 seconds, and at most 16 on a connection")]
    Tickets,
    /// An OCSP response or a certificate timestamp is empty, or they are too long for a message.
    #[error("an OCSP response or certificate timestamp is empty, or they are longer than 65535")]
    Staple,
    /// The request for a client's certificate does not fit into a message, or a filter is one that
    /// RFC 9846, section 4.3.5 forbids: the second for an extension, or for anyExtendedKeyUsage.
    #[error(
        "the authorities and filters for client certificates are too many for a message, or a filter is forbidden"
    )]
    CertificateRequest,
    /// A pre-shared key is text, or repeats few bytes: whoever listens in can try such keys.
    #[error(
        "the pre-shared key is text or repeats itself: take 16 or more random bytes, and decode them if they are written in hexadecimal or base64"
    )]
    WeakPreSharedKey,
    /// A record size limit is not 64 to 16385.
    #[error("a record size limit must be 64 to 16385 bytes (RFC 8449)")]
    RecordSizeLimit,
    /// The default verifier has no trust anchors: it could accept nothing.
    #[error("there are no trust anchors: no server could ever be accepted")]
    NoTrustAnchors,
}
