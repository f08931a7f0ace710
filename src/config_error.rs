//! The error of configurations, credentials, verifiers and pre-shared keys:
//! [`ConfigError`](crate::config::ConfigError).

use core::fmt;

/// An error in a configuration, a credential, a verifier or a pre-shared key, found when it is built.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The provider returned what no working one returns.
    #[error("the crypto provider is at fault: {0}")]
    Provider(#[from] crate::crypto::ProviderFault),
    /// A list is empty that must have an element.
    #[error("the configuration has no {0}")]
    Empty(&'static str),
    /// A cipher suite is in the provider's list twice.
    #[error("the cipher suite {0} is listed twice")]
    CipherSuiteTwice(crate::registry::CipherSuiteId),
    /// A cipher suite has another hash or another length of key than its code point names.
    #[error("the cipher suite {0} of the provider has another hash or AEAD than its name says")]
    WrongCipherSuite(crate::registry::CipherSuiteId),
    /// A key exchange group is in the provider's list twice.
    #[error("the key exchange group {0} is listed twice")]
    GroupTwice(crate::registry::NamedGroup),
    /// A key share is wanted for a group that the ClientHello does not offer.
    #[error("a key share is wanted for the group {0}, which the ClientHello does not offer")]
    KeyShare(crate::registry::NamedGroup),
    /// An application protocol is not 1 to 255 bytes long, or all together are longer than 16384 bytes.
    #[error(
        "an application protocol must be 1 to 255 bytes long, and all together at most 16384 bytes"
    )]
    ApplicationProtocol,
    /// The layout sets an extension that only the library may write, or that the message may not have.
    #[error("the extension {0} cannot be set by a layout")]
    Layout(crate::wire::ExtensionType),
    /// The layout names an extension twice, or its bytes do not fit into a message.
    #[error("the layout has the extension {0} twice, or too many bytes")]
    LayoutTooLarge(crate::wire::ExtensionType),
    /// The first certificate cannot be parsed, or its key may not sign.
    #[error("the first certificate of the chain cannot be used: {0}")]
    Certificate(#[from] crate::certificate::CertificateError),
    /// A certificate of the chain has a signature with SHA-1, MD5 or MD2. TLS 1.3 must not send it.
    #[error(
        "certificate {number} of the chain, \"{subject}\", is signed with {algorithm}, which TLS 1.3 \
         does not send: have it issued again"
    )]
    BrokenSignature {
        /// The number of the certificate in the chain, counted from 1.
        number: usize,
        /// The subject of the certificate.
        subject: String,
        /// The algorithm of its signature.
        algorithm: &'static str,
    },
    /// The private key belongs to no certificate of the chain.
    #[error("the certificate belongs to another key than the private key")]
    KeyMismatch,
    /// The first certificate has the public key of the private key, but limits it to an algorithm
    /// that is not supported, such as id-RSASSA-PSS.
    #[error(
        "the certificate is for the private key, but limits it to the algorithm {algorithm}, which \
         is not supported: have a certificate issued that does not"
    )]
    KeyAlgorithm {
        /// The algorithm of the key in the certificate.
        algorithm: String,
    },
    /// The public key of the certificate is a compressed point, which is not supported.
    #[error(
        "the public key of the certificate is a compressed point, which is not supported: \
         convert the key (openssl ec -conv_form uncompressed), and have a certificate issued for that"
    )]
    CompressedPublicKey,
    /// The private key belongs to a certificate of the chain that is not the first one.
    #[error(
        "the private key belongs to certificate {number} of the chain, \"{subject}\": put that \
         first, and the certificates of its issuers behind it"
    )]
    KeyOfAnother {
        /// The number of the certificate in the chain, counted from 1.
        number: usize,
        /// The subject of the certificate.
        subject: String,
    },
    /// The private key cannot be loaded.
    #[error(transparent)]
    PrivateKey(#[from] crate::crypto::KeyError),
    /// The private key has no signature scheme.
    #[error("the private key has no signature scheme to sign with")]
    UnsupportedKey,
    /// The layout, the application protocols and the pre-shared keys of a client are so long that a
    /// ticket and a cookie do not fit into a ClientHello with them.
    #[error(
        "the layout, application protocols and pre-shared keys are too long for one ClientHello"
    )]
    ClientHelloTooLong,
    /// A pre-shared key is shorter than 16 bytes, or its identity is not 1 to 1024 bytes long; or a
    /// client has more than 16 keys.
    #[error("a pre-shared key must have 16 bytes or more, and an identity of 1 to 1024")]
    PreSharedKey,
    /// The lifetime of tickets is not 1 second to 7 days, or there are more than 16 on a connection.
    #[error(
        "tickets must have a lifetime of 1 to 604800 seconds, and there are at most 16 on a connection"
    )]
    Tickets,
    /// An OCSP response or a certificate timestamp is empty, or they are too long for a message.
    #[error("an OCSP response or certificate timestamp is empty, or they are longer than 65535")]
    Staple,
    /// The request for a client's certificate does not fit into a message, or RFC 9846, section 4.3.5,
    /// forbids a filter: it is the second one for an extension, or it is for anyExtendedKeyUsage.
    #[error(
        "the authorities and filters for client certificates are too many for a message, or a filter is forbidden"
    )]
    CertificateRequest,
    /// A pre-shared key is text, or has few different bytes. An attacker who records a handshake can
    /// guess such keys.
    #[error(
        "the pre-shared key is text or has few different bytes: use 16 or more random bytes, and decode them if they are written in hexadecimal or base64"
    )]
    WeakPreSharedKey,
    /// A record size limit is not 64 to 16385.
    #[error("a record size limit must be 64 to 16385 bytes (RFC 8449)")]
    RecordSizeLimit,
    /// There are no trust anchors and no verifier: the client could accept no server.
    #[error("there are no trust anchors: the client could accept no server")]
    NoTrustAnchors,
}

/// `Debug` prints the text of `Display`: a derived one would put the names of all variants into the program.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigError({self})")
    }
}
