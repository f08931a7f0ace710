/// Why a private key cannot be used. It has no byte of the key's secret parts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes are no private key: neither PKCS#8 (RFC 5958), nor SEC1 (RFC 5915), nor PKCS#1
    /// (RFC 8017), or damaged.
    #[error("the private key is malformed: {0}")]
    Malformed(&'static str),
    /// The key is encrypted.
    #[error("the private key is encrypted: decrypt it with openssl pkey -in FILE -out NEW")]
    Encrypted,
    /// The key is in order, and of a kind or size that the provider does not sign with.
    #[error("the private key is {kind}, which is not supported; {TAKEN}")]
    Unsupported {
        /// What the key is, with its size where that is the reason.
        kind: String,
    },
    /// The provider loads no private keys, such as that of
    /// [`CryptoProvider::without_private_keys`](super::CryptoProvider::without_private_keys).
    #[error(
        "this crypto provider loads no private keys: take one that does, such as CryptoProvider::default()"
    )]
    NoPrivateKeys,
    /// The key is an EC key without its public half, or with a compressed one, which is a part that
    /// may be left out (RFC 5915, section 3): the certificate of the key has to supply it.
    #[error(
        "the private key has no uncompressed public half, which its certificate would supply: load \
         the two together, or add it with openssl ec -conv_form uncompressed -in FILE -out NEW"
    )]
    NoPublicKey,
    /// The parts of the key do not belong to each other.
    #[error("the parts of the private key do not belong together: it is damaged")]
    Inconsistent,
}

/// What the built-in providers take.
const TAKEN: &str = "taken are EC keys on P-256 and P-384, Ed25519 keys, and RSA keys of 2048, 3072 \
                     or 4096 bits with a public exponent of 17 to 33 bits, such as 65537; with \
                     aws-lc-rs also EC keys on P-521, ML-DSA keys, RSA keys for RSA-PSS alone, and RSA \
                     keys of other sizes";
