//! HKDF-Extract and HKDF-Expand-Label (RFC 9846, section 7.1), as the connection's observers see them.

use super::traffic::TrafficSecret;
use crate::crypto::{
    self, CipherSuite, CryptoError, HKDF_STACK_DEPTH, Hash, HashAlgorithm, HmacKey, Info,
    ProviderError, Secret, StaticOrArc, provider_fault, with_stack_wiped,
};
use crate::observer::{KeyScheduleOperation, KeyScheduleValues, Observers};

/// The result of each step of the key schedule.
pub(super) type Result<T> = core::result::Result<T, ProviderError>;

/// What all labels of a key schedule begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelPrefix {
    /// `"tls13 "`: TLS 1.3, and QUIC (RFC 9001, section 5.1).
    Tls13,
    /// `"dtls13"`: DTLS 1.3 (RFC 9147, section 5.9).
    Dtls13,
}

impl LabelPrefix {
    const fn bytes(self) -> &'static [u8; 6] {
        match self {
            Self::Tls13 => b"tls13 ",
            Self::Dtls13 => b"dtls13",
        }
    }
}

/// HKDF-Expand-Label (RFC 9846, section 7.1): fills `output` from `secret`. `label` has no prefix. It
/// overwrites what the primitives leave of the output on the stack.
///
/// The key schedule derives its own secrets. This is for what protocols derive beside it, such as the
/// keys of QUIC packets:
///
/// ```
/// use handclasp::crypto::CryptoError;
/// use handclasp::key_schedule::{LabelPrefix, TrafficSecret, expand_label};
///
/// /// RFC 9001, section 5.1.
/// fn quic_key(secret: &TrafficSecret) -> Result<Vec<u8>, CryptoError> {
///     let suite = secret.suite();
///     let mut key = vec![0; suite.aead.key_length()];
///     let (prefix, secret) = (LabelPrefix::Tls13, secret.as_bytes());
///     expand_label(&*suite.hash, prefix, secret, "quic key", &[], &mut key)?;
///     Ok(key)
/// }
/// ```
///
/// # Errors
/// When the provider fails, `output` is longer than 255 hashes, `label` than 249 bytes, or `context`
/// than 255 bytes.
pub fn expand_label(
    hash: &dyn Hash,
    prefix: LabelPrefix,
    secret: &[u8],
    label: &str,
    context: &[u8],
    output: &mut [u8],
) -> core::result::Result<(), CryptoError> {
    with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
        Ok(Prk::new(hash, prefix, secret).expand_label_unobserved(label, context, output)?)
    })
}

/// Writes the `info` of HKDF-Expand-Label: the structure HkdfLabel of section 7.1.
fn write_hkdf_label(
    info: &mut Info,
    prefix: LabelPrefix,
    label: &str,
    context: &[u8],
    output_length: usize,
) -> core::result::Result<(), CryptoError> {
    let prefix = prefix.bytes();
    let length = u16::try_from(output_length).map_err(|_| CryptoError)?;
    let label_length = u8::try_from(prefix.len() + label.len()).map_err(|_| CryptoError)?;
    let context_length = u8::try_from(context.len()).map_err(|_| CryptoError)?;
    let [high, low] = length.to_be_bytes();
    let lengths = [high, low, label_length];
    info.write(&[&lengths, prefix, label.as_bytes(), &[context_length], context]);
    Ok(())
}

/// HKDF of one key schedule: with the hash of its suite and the labels of its protocol.
#[derive(Clone)]
pub(super) struct Hkdf {
    pub(super) hash: StaticOrArc<dyn Hash>,
    pub(super) prefix: LabelPrefix,
}

impl Hkdf {
    /// HKDF-Extract. `name` is what observers know the result by.
    pub(super) fn extract(
        &self,
        name: &str,
        salt: &[u8],
        input: &[u8],
        observers: &mut Observers,
    ) -> Result<Secret> {
        let secret = provider_fault::hmac(&*self.hash, salt, &[input])?;
        let values = KeyScheduleValues { secret: salt, input, output: secret.as_bytes() };
        observers.emit_key_schedule_step(KeyScheduleOperation::Extract, name, values);
        Ok(secret)
    }

    /// Prepares a secret, to expand it.
    pub(super) fn prk<'a>(&self, secret: &'a Secret) -> Prk<'a> {
        Prk::new(&*self.hash, self.prefix, secret.as_bytes())
    }
}

impl core::fmt::Debug for Hkdf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Hkdf")
            .field("hash", &self.hash.algorithm())
            .field("prefix", &self.prefix)
            .finish()
    }
}

/// A pseudorandom key (PRK, RFC 5869): a secret that is prepared for all that is expanded from it. It is
/// on the stack, and no longer there than the function that expands it.
pub(crate) struct Prk<'a> {
    hash: HashAlgorithm,
    prefix: LabelPrefix,
    secret: &'a [u8],
    key: HmacKey,
}

impl<'a> Prk<'a> {
    pub(crate) fn new(hash: &dyn Hash, prefix: LabelPrefix, secret: &'a [u8]) -> Self {
        Self { hash: hash.algorithm(), prefix, secret, key: hash.hmac_key(secret) }
    }

    /// HKDF-Expand-Label, for what protocols derive beside the key schedule. Observers do not see it.
    pub(crate) fn expand_label_unobserved(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
    ) -> Result<()> {
        let mut info = Info::new();
        write_hkdf_label(&mut info, self.prefix, label, context, output.len())?;
        crypto::expand(self.hash, &self.key, &mut info, output)
    }

    /// The same, of a traffic secret of this suite, with an empty context.
    pub(crate) fn expand_traffic_secret(
        &self,
        suite: &StaticOrArc<CipherSuite>,
        label: &str,
    ) -> Result<TrafficSecret> {
        let mut info = Info::new();
        write_hkdf_label(&mut info, self.prefix, label, &[], self.hash.output_length())?;
        let secret = crypto::expand_block(self.hash, &self.key, &info)?;
        Ok(TrafficSecret::new(suite.clone(), self.prefix, secret))
    }

    /// HKDF-Expand-Label.
    pub(super) fn expand_label(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
        observers: &mut Observers,
    ) -> Result<()> {
        self.expand_label_unobserved(label, context, output)?;
        let values = KeyScheduleValues { secret: self.secret, input: context, output };
        observers.emit_key_schedule_step(KeyScheduleOperation::Expand, label, values);
        Ok(())
    }

    /// Derive-Secret. `transcript_hash` is the hash of its messages.
    pub(super) fn derive_secret(
        &self,
        label: &str,
        transcript_hash: &[u8],
        observers: &mut Observers,
    ) -> Result<Secret> {
        self.expand_label_to_secret(label, transcript_hash, observers)
    }

    /// HKDF-Expand-Label, for a secret that is as long as the hash.
    pub(super) fn expand_label_to_secret(
        &self,
        label: &str,
        context: &[u8],
        observers: &mut Observers,
    ) -> Result<Secret> {
        let mut info = Info::new();
        write_hkdf_label(&mut info, self.prefix, label, context, self.hash.output_length())?;
        let output = crypto::expand_block(self.hash, &self.key, &info)?;
        let (secret, input) = (self.secret, context);
        let values = KeyScheduleValues { secret, input, output: output.as_bytes() };
        observers.emit_key_schedule_step(KeyScheduleOperation::Expand, label, values);
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::CryptoProvider;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    fn expanded(prefix: LabelPrefix, secret: &[u8], label: &str, length: usize) -> String {
        let mut output = vec![0; length];
        let hash = CryptoProvider::default().sha256;
        expand_label(&*hash, prefix, secret, label, &[], &mut output).unwrap();
        hex::encode(output)
    }

    #[test]
    fn labels_of_quic_match_rfc_9001_appendix_a() {
        let expanded =
            |secret: &[u8], label, length| expanded(LabelPrefix::Tls13, secret, label, length);
        let salt = bytes("38762cf7f55934b34d179ae6a4c80cadccbb7f0a");
        let id = bytes("8394c8f03e515708");
        let initial = CryptoProvider::default().sha256.hmac_key(&salt).sign(&[&id]).unwrap();
        let client = expanded(initial.as_bytes(), "client in", 32);
        assert_eq!(client, "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea");
        let client = bytes(&client);
        assert_eq!(expanded(&client, "quic key", 16), "1f369613dd76d5467730efcbe3b1a22d");
        assert_eq!(expanded(&client, "quic iv", 12), "fa044b2f42a3fd3b46fb255c");
        assert_eq!(expanded(&client, "quic hp", 16), "9f50449e04a0e810283a1e9933adedd2");
        let server = expanded(initial.as_bytes(), "server in", 32);
        assert_eq!(server, "3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b");
        let of_chacha20 = bytes("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b");
        assert_eq!(
            expanded(&of_chacha20, "quic ku", 32),
            "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9"
        );
    }

    /// The RFC has no values for it: the HkdfLabel is written out here.
    #[test]
    fn labels_of_dtls_begin_with_dtls13() {
        let hash = CryptoProvider::default().sha256;
        let mut expected = [0; 16];
        crypto::hkdf_expand(&*hash, &[7; 32], b"\x00\x10\x09dtls13key\x00", &mut expected).unwrap();
        assert_eq!(expanded(LabelPrefix::Dtls13, &[7; 32], "key", 16), hex::encode(expected));
        assert_ne!(expanded(LabelPrefix::Tls13, &[7; 32], "key", 16), hex::encode(expected));
    }
}
