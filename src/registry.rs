//! The code points of the IANA registries that TLS 1.3 uses, as types.
//!
//! Each is the number from the wire with names for the values that this crate knows. Unknown
//! values are legal almost everywhere (RFC 9846, section 9.3; GREASE, RFC 8701), so none of these
//! is an enum: a value without a name is kept and shown as its number.
//!
//! The types of extensions are in the table of extensions, as [`ExtensionType`](crate::wire::ExtensionType).

/// Is it one of the sixteen GREASE values (RFC 8701, section 2)?
pub fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

macro_rules! registry {
    (
        $(#[$type_doc:meta])*
        $type:ident($integer:ty);
        $($(#[$doc:meta])* $constant:ident = $value:literal, $name:literal;)*
    ) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub $integer);

        impl $type {
            $($(#[$doc])* pub const $constant: Self = Self($value);)*

            /// The registered name, or `None` for a code point that this crate does not know.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($name),)*
                    _ => None,
                }
            }
        }

        impl From<$integer> for $type {
            fn from(value: $integer) -> Self {
                Self(value)
            }
        }

        impl From<$type> for $integer {
            fn from(code: $type) -> Self {
                code.0
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None if size_of::<$integer>() == 1 => write!(f, "{}", self.0),
                    None if $crate::registry::is_grease(self.0.into()) => {
                        write!(f, "GREASE {:#06x}", self.0)
                    }
                    None => write!(f, "{:#06x}", self.0),
                }
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

pub(crate) use registry;

registry! {
    /// A value of `ProtocolVersion` (RFC 9846, section 4.2.1).
    ProtocolVersion(u16);
    /// SSL 3.0: never negotiated.
    SSL_3_0 = 0x0300, "SSL 3.0";
    /// TLS 1.0: the version of the first record (section 5.1).
    TLS_1_0 = 0x0301, "TLS 1.0";
    /// TLS 1.1: never negotiated.
    TLS_1_1 = 0x0302, "TLS 1.1";
    /// TLS 1.2: the value of every `legacy_version` field.
    TLS_1_2 = 0x0303, "TLS 1.2";
    /// TLS 1.3: the one version that this crate speaks.
    TLS_1_3 = 0x0304, "TLS 1.3";
}

registry! {
    /// A record's `ContentType` (section 5.1).
    ContentType(u8);
    /// The dummy record of middlebox compatibility mode (section 5).
    CHANGE_CIPHER_SPEC = 20, "change_cipher_spec";
    /// An alert (section 6).
    ALERT = 21, "alert";
    /// A piece of one or several handshake messages (section 4).
    HANDSHAKE = 22, "handshake";
    /// Application data, and the outer type of every protected record.
    APPLICATION_DATA = 23, "application_data";
}

registry! {
    /// A handshake message's `HandshakeType` (section 4).
    HandshakeType(u8);
    /// The client's first message.
    CLIENT_HELLO = 1, "ClientHello";
    /// The server's choice; a HelloRetryRequest has this type too.
    SERVER_HELLO = 2, "ServerHello";
    /// A ticket for a later resumption.
    NEW_SESSION_TICKET = 4, "NewSessionTicket";
    /// The end of 0-RTT data.
    END_OF_EARLY_DATA = 5, "EndOfEarlyData";
    /// The server's answers that need no certificate.
    ENCRYPTED_EXTENSIONS = 8, "EncryptedExtensions";
    /// A certificate chain.
    CERTIFICATE = 11, "Certificate";
    /// The server asks for a client certificate.
    CERTIFICATE_REQUEST = 13, "CertificateRequest";
    /// A Certificate, compressed (RFC 8879).
    COMPRESSED_CERTIFICATE = 25, "CompressedCertificate";
    /// Proof of the private key.
    CERTIFICATE_VERIFY = 15, "CertificateVerify";
    /// The authentication of the whole handshake.
    FINISHED = 20, "Finished";
    /// The sender's traffic key changes.
    KEY_UPDATE = 24, "KeyUpdate";
    /// The synthetic message that replaces a first ClientHello in the transcript (section 4.1).
    MESSAGE_HASH = 254, "message_hash";
}

impl HandshakeType {
    /// Must this message be the last one in its record? The keys change after it, or its sender
    /// cannot exclude that they change (RFC 9846, section 5.1).
    pub(crate) fn ends_record(self) -> bool {
        matches!(
            self,
            Self::CLIENT_HELLO
                | Self::SERVER_HELLO
                | Self::END_OF_EARLY_DATA
                | Self::FINISHED
                | Self::KEY_UPDATE
        )
    }
}

registry! {
    /// A cipher suite's code point (section 9.1, appendix B.4).
    CipherSuiteId(u16);
    /// AES-128-GCM with SHA-256: mandatory to implement.
    TLS_AES_128_GCM_SHA256 = 0x1301, "TLS_AES_128_GCM_SHA256";
    /// AES-256-GCM with SHA-384.
    TLS_AES_256_GCM_SHA384 = 0x1302, "TLS_AES_256_GCM_SHA384";
    /// ChaCha20-Poly1305 with SHA-256.
    TLS_CHACHA20_POLY1305_SHA256 = 0x1303, "TLS_CHACHA20_POLY1305_SHA256";
    /// AES-128-CCM with SHA-256: named for diagnostics only.
    TLS_AES_128_CCM_SHA256 = 0x1304, "TLS_AES_128_CCM_SHA256";
    /// AES-128-CCM with a short tag: named for diagnostics only.
    TLS_AES_128_CCM_8_SHA256 = 0x1305, "TLS_AES_128_CCM_8_SHA256";
    /// Not a suite: a client of TLS 1.2 signals that it renegotiates securely (RFC 5746).
    TLS_EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV";
    /// Not a suite: a client signals that it tried a newer version before (RFC 7507).
    TLS_FALLBACK_SCSV = 0x5600, "TLS_FALLBACK_SCSV";
}

registry! {
    /// A key exchange group (section 4.3.7).
    NamedGroup(u16);
    /// NIST P-256.
    SECP256R1 = 0x0017, "secp256r1";
    /// NIST P-384.
    SECP384R1 = 0x0018, "secp384r1";
    /// NIST P-521.
    SECP521R1 = 0x0019, "secp521r1";
    /// Curve25519.
    X25519 = 0x001d, "x25519";
    /// Curve448.
    X448 = 0x001e, "x448";
    /// Finite field, 2048 bits.
    FFDHE2048 = 0x0100, "ffdhe2048";
    /// Finite field, 3072 bits.
    FFDHE3072 = 0x0101, "ffdhe3072";
    /// Finite field, 4096 bits.
    FFDHE4096 = 0x0102, "ffdhe4096";
    /// Finite field, 6144 bits.
    FFDHE6144 = 0x0103, "ffdhe6144";
    /// Finite field, 8192 bits.
    FFDHE8192 = 0x0104, "ffdhe8192";
    /// ML-KEM-512 alone (draft-ietf-tls-mlkem): named for diagnostics only.
    MLKEM512 = 0x0200, "MLKEM512";
    /// ML-KEM-768 alone.
    MLKEM768 = 0x0201, "MLKEM768";
    /// ML-KEM-1024 alone.
    MLKEM1024 = 0x0202, "MLKEM1024";
    /// The hybrid of P-256 and ML-KEM-768 (RFC 10024).
    SECP256R1_MLKEM768 = 0x11eb, "SecP256r1MLKEM768";
    /// The hybrid of X25519 and ML-KEM-768 (RFC 10024).
    X25519_MLKEM768 = 0x11ec, "X25519MLKEM768";
    /// The hybrid of P-384 and ML-KEM-1024 (RFC 10024).
    SECP384R1_MLKEM1024 = 0x11ed, "SecP384r1MLKEM1024";
}

registry! {
    /// A signature scheme (section 4.3.3).
    SignatureScheme(u16);
    /// RSA PKCS#1 with SHA-1: named for diagnostics only.
    RSA_PKCS1_SHA1 = 0x0201, "rsa_pkcs1_sha1";
    /// ECDSA with SHA-1: named for diagnostics only.
    ECDSA_SHA1 = 0x0203, "ecdsa_sha1";
    /// RSA PKCS#1 with SHA-256: for signatures in certificates only.
    RSA_PKCS1_SHA256 = 0x0401, "rsa_pkcs1_sha256";
    /// RSA PKCS#1 with SHA-384: for signatures in certificates only.
    RSA_PKCS1_SHA384 = 0x0501, "rsa_pkcs1_sha384";
    /// RSA PKCS#1 with SHA-512: for signatures in certificates only.
    RSA_PKCS1_SHA512 = 0x0601, "rsa_pkcs1_sha512";
    /// ECDSA on P-256 with SHA-256.
    ECDSA_SECP256R1_SHA256 = 0x0403, "ecdsa_secp256r1_sha256";
    /// ECDSA on P-384 with SHA-384.
    ECDSA_SECP384R1_SHA384 = 0x0503, "ecdsa_secp384r1_sha384";
    /// ECDSA on P-521 with SHA-512.
    ECDSA_SECP521R1_SHA512 = 0x0603, "ecdsa_secp521r1_sha512";
    /// RSA PKCS#1 v1.5 with SHA-256, for the CertificateVerify of clients whose keys cannot sign with
    /// RSA-PSS (draft-ietf-tls-tls13-pkcs1). Providers and keys have it only if the application adds
    /// it.
    RSA_PKCS1_SHA256_LEGACY = 0x0420, "rsa_pkcs1_sha256_legacy";
    /// The same with SHA-384.
    RSA_PKCS1_SHA384_LEGACY = 0x0520, "rsa_pkcs1_sha384_legacy";
    /// The same with SHA-512.
    RSA_PKCS1_SHA512_LEGACY = 0x0620, "rsa_pkcs1_sha512_legacy";
    /// RSA-PSS with SHA-256, key with the rsaEncryption OID.
    RSA_PSS_RSAE_SHA256 = 0x0804, "rsa_pss_rsae_sha256";
    /// RSA-PSS with SHA-384, key with the rsaEncryption OID.
    RSA_PSS_RSAE_SHA384 = 0x0805, "rsa_pss_rsae_sha384";
    /// RSA-PSS with SHA-512, key with the rsaEncryption OID.
    RSA_PSS_RSAE_SHA512 = 0x0806, "rsa_pss_rsae_sha512";
    /// Ed25519.
    ED25519 = 0x0807, "ed25519";
    /// Ed448.
    ED448 = 0x0808, "ed448";
    /// RSA-PSS with SHA-256, key with the RSASSA-PSS OID.
    RSA_PSS_PSS_SHA256 = 0x0809, "rsa_pss_pss_sha256";
    /// RSA-PSS with SHA-384, key with the RSASSA-PSS OID.
    RSA_PSS_PSS_SHA384 = 0x080a, "rsa_pss_pss_sha384";
    /// RSA-PSS with SHA-512, key with the RSASSA-PSS OID.
    RSA_PSS_PSS_SHA512 = 0x080b, "rsa_pss_pss_sha512";
    /// ML-DSA-44 (FIPS 204).
    MLDSA44 = 0x0904, "mldsa44";
    /// ML-DSA-65.
    MLDSA65 = 0x0905, "mldsa65";
    /// ML-DSA-87.
    MLDSA87 = 0x0906, "mldsa87";
}

impl SignatureScheme {
    /// May this scheme sign the CertificateVerify of either side? RSA PKCS#1 and SHA-1 may appear
    /// in certificates only (RFC 9846, section 4.3.3).
    pub fn signs_handshakes(self) -> bool {
        !self.is_legacy()
            && !matches!(
                self,
                Self::RSA_PKCS1_SHA1
                    | Self::ECDSA_SHA1
                    | Self::RSA_PKCS1_SHA256
                    | Self::RSA_PKCS1_SHA384
                    | Self::RSA_PKCS1_SHA512
            )
    }

    /// May this scheme sign the CertificateVerify of a client? Those that
    /// [`signs_handshakes`](Self::signs_handshakes) allows, and the ones for legacy keys, which a
    /// server may name in a CertificateRequest.
    pub fn signs_for_clients(self) -> bool {
        self.signs_handshakes() || self.is_legacy()
    }

    /// Is it RSA PKCS#1 v1.5 for the keys of clients?
    pub(crate) fn is_legacy(self) -> bool {
        matches!(
            self,
            Self::RSA_PKCS1_SHA256_LEGACY
                | Self::RSA_PKCS1_SHA384_LEGACY
                | Self::RSA_PKCS1_SHA512_LEGACY
        )
    }
}

registry! {
    /// A type of certificate (RFC 7250; RFC 9846, section 4.5.1).
    CertificateType(u8);
    /// An X.509 certificate. Both sides use it unless they negotiate another type.
    X509 = 0, "X.509";
    /// A public key alone, as a SubjectPublicKeyInfo.
    RAW_PUBLIC_KEY = 2, "raw public key";
}

registry! {
    /// An algorithm that compresses certificates (RFC 8879, section 7.3).
    CertificateCompressionAlgorithm(u16);
    /// RFC 1950.
    ZLIB = 1, "zlib";
    /// RFC 7932.
    BROTLI = 2, "brotli";
    /// RFC 8478: named for diagnostics only.
    ZSTD = 3, "zstd";
}
