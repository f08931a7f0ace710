//! An AEAD of the default provider, with faults.

use std::sync::LazyLock;

use handclasp::crypto::{
    Aead, AeadKey, CipherSuite, CryptoError, CryptoProvider, CustomAeadKey, NONCE_LENGTH,
    StaticOrArc, TAG_LENGTH,
};

pub static INNER: LazyLock<StaticOrArc<CipherSuite>> =
    LazyLock::new(|| CryptoProvider::default().cipher_suites[0].clone());

/// What an AEAD is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Key,
    Seal,
    Open,
}

/// What is wrong with an AEAD.
pub trait Faults: Copy + Send + Sync + 'static {
    /// The AEAD that has the faults.
    fn inner(self) -> StaticOrArc<dyn Aead> {
        INNER.aead.clone()
    }

    /// Asked before each call: an error is what the call returns.
    fn check(self, _: Call) -> Result<(), CryptoError> {
        Ok(())
    }

    /// Does sealing report success, and leave the data as they are?
    fn seals_nothing(self) -> bool {
        false
    }

    /// The number of opened bytes that is reported, where it is `length`.
    fn opened_length(self, length: usize) -> usize {
        length
    }
}

pub struct FaultyAead<F>(pub F);

impl<F: Faults> Aead for FaultyAead<F> {
    fn key_length(&self) -> usize {
        self.0.inner().key_length()
    }

    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        self.0.check(Call::Key)?;
        let key = self.0.inner().key(bytes)?;
        Ok(AeadKey::custom(Box::new(FaultyKey { faults: self.0, key })))
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.inner().confidentiality_limit()
    }
}

struct FaultyKey<F> {
    faults: F,
    key: AeadKey,
}

impl<F: Faults> CustomAeadKey for FaultyKey<F> {
    fn seal(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], CryptoError> {
        self.faults.check(Call::Seal)?;
        match self.faults.seals_nothing() {
            true => Ok([7; TAG_LENGTH]),
            false => self.key.seal(nonce, additional_data, data),
        }
    }

    fn open<'a>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        assert!(data.len() >= TAG_LENGTH, "what CustomAeadKey promises");
        self.faults.check(Call::Open)?;
        let length = self.key.open(nonce, additional_data, data)?.len();
        Ok(&mut data[..self.faults.opened_length(length)])
    }
}
