//! A certificate chain and its private key, from PEM.

use core::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::CertifiedKey;
use crate::config_error::ConfigError;
use crate::crypto::CryptoProvider;
use crate::pem::{self, PemError};

/// Why a certificate chain and its private key could not be loaded. Its text and its `Debug` output
/// contain no byte of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadError {
    /// Whether the chain or the key is at fault.
    pub input: PemInput,
    /// The path of the file, safe to print. `None` if the text was not read from a file.
    pub file: Option<String>,
    /// What is wrong with it.
    pub kind: LoadErrorKind,
}

/// One of the two texts of a [`CertifiedKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemInput {
    /// The certificate chain.
    Chain,
    /// The private key.
    Key,
}

/// What is wrong with a certificate chain or a private key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The file cannot be read. This is the error of the operating system.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The text is not PEM, or contains no certificate or no key.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The certificates or the key cannot be used, or the key does not belong to the first certificate.
    #[error(transparent)]
    Unusable(Box<ConfigError>),
}

impl From<ConfigError> for LoadErrorKind {
    fn from(error: ConfigError) -> Self {
        Self::Unusable(Box::new(error))
    }
}

impl CertifiedKey {
    /// A certificate chain and its private key from PEM texts: the certificate of the key first,
    /// then those of its issuers. If one text has both, pass it twice.
    ///
    /// # Errors
    /// [`LoadError`] if a text is not valid PEM (see [`pem`](crate::pem)), or
    /// [`from_der`](Self::from_der) refuses the chain or the key. No error contains a byte of the key.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, LoadError> {
        Self::from_pem_with_provider(chain, key, &CryptoProvider::default())
    }

    /// As [`from_pem`](Self::from_pem), with a key that this provider loads and signs with.
    ///
    /// # Errors
    /// Those of `from_pem`.
    pub fn from_pem_with_provider(
        chain: &[u8],
        key: &[u8],
        provider: &CryptoProvider,
    ) -> Result<Self, LoadError> {
        let fail = |input: PemInput, kind: LoadErrorKind| LoadError { input, file: None, kind };
        let chain =
            pem::certificates(chain).map_err(|error| fail(PemInput::Chain, error.into()))?;
        let key = pem::private_key(key).map_err(|error| fail(PemInput::Key, error.into()))?;
        let certified = Self::from_der_with_provider(chain, &key.der(), provider);
        certified.map_err(|error| {
            let input = match error {
                ConfigError::PrivateKey(_) => PemInput::Key,
                _ => PemInput::Chain,
            };
            fail(input, error.into())
        })
    }

    /// As [`from_pem`](Self::from_pem), from files.
    ///
    /// # Errors
    /// Those of `from_pem`, with the path of the file; and [`LoadErrorKind::Unreadable`] if a file cannot
    /// be read.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, LoadError> {
        Self::from_pem_files_with_provider(chain, key, &CryptoProvider::default())
    }

    /// As [`from_pem_files`](Self::from_pem_files), with a key that this provider loads and signs
    /// with.
    ///
    /// # Errors
    /// Those of `from_pem_files`.
    pub fn from_pem_files_with_provider(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
        provider: &CryptoProvider,
    ) -> Result<Self, LoadError> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let chain_text = read(chain, PemInput::Chain)?;
        let key_text = read(key, PemInput::Key)?;
        let certified = Self::from_pem_with_provider(&chain_text, &key_text, provider);
        certified.map_err(|error| {
            let file = match error.input {
                PemInput::Chain => chain,
                PemInput::Key => key,
            };
            LoadError { file: Some(pem::printable_path(file)), ..error }
        })
    }
}

/// Reads a file into memory that is wiped when it is dropped.
fn read(file: &Path, input: PemInput) -> Result<Zeroizing<Vec<u8>>, LoadError> {
    std::fs::read(file).map(Zeroizing::new).map_err(|error| LoadError {
        input,
        file: Some(pem::printable_path(file)),
        kind: LoadErrorKind::Unreadable(error.to_string()),
    })
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = match self.input {
            PemInput::Chain => "certificate chain",
            PemInput::Key => "private key",
        };
        match &self.file {
            Some(file) => write!(f, "{input} {file}: {}", self.kind),
            None => write!(f, "{input}: {}", self.kind),
        }
    }
}

impl std::error::Error for LoadError {}
