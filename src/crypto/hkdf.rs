//! HKDF-Expand (RFC 5869, section 2.3) over a prepared HMAC key. HKDF-Extract is HMAC itself.

use std::sync::Arc;

use super::secret::with_stack_wiped;
use super::{CryptoError, Hash, HashAlgorithm, HmacKey, ProviderError, Secret, provider_fault};

/// How deep the calls of HKDF go in bytes: 3 KiB, and up to 10 KiB without optimization. Callers whose output is not
/// followed by a change of keys overwrite this much of the stack: the primitives leave the output there, and
/// the blocks that the next ones are made of.
pub(crate) const HKDF_STACK_DEPTH: usize = 12 * 1024;

/// HKDF-Expand (RFC 5869, section 2.3): fills `output` from the pseudorandom key `key` and from `info`.
/// It overwrites what the primitives leave of the output on the stack.
///
/// # Errors
/// When `output` is longer than 255 hashes (which an exporter may be asked for: RFC 9846, section 7.5),
/// or the provider fails.
pub fn hkdf_expand(
    hash: &dyn Hash,
    key: &[u8],
    info: &[u8],
    output: &mut [u8],
) -> Result<(), CryptoError> {
    let key = hkdf_prepare_key(hash, key);
    hkdf_expand_with_key(hash, &key, info, output)
}

/// Prepares a key for several expansions by [`hkdf_expand_with_key`]. It passes through the stack on its way to the heap,
/// and its states are as good as the key: this overwrites what is left of them there.
pub fn hkdf_prepare_key(hash: &dyn Hash, key: &[u8]) -> Arc<HmacKey> {
    with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| Arc::new(hash.hmac_key(key)))
}

/// As [`hkdf_expand`], with a key that was prepared once for several expansions, by [`hkdf_prepare_key`] or
/// [`Hash::hmac_key`] of the same hash.
///
/// # Errors
/// As `hkdf_expand`.
pub fn hkdf_expand_with_key(
    hash: &dyn Hash,
    key: &HmacKey,
    info: &[u8],
    output: &mut [u8],
) -> Result<(), CryptoError> {
    let mut whole = Info::new();
    whole.write(&[info]);
    with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
        Ok(expand(hash.algorithm(), key, &mut whole, output)?)
    })
}

/// The `info` of HKDF-Expand, and after it the number of a block: 1 at first. It is no secret.
pub(crate) enum Info {
    /// As short as an HkdfLabel of TLS with the hash of messages is (RFC 9846, section 7.1): it needs no allocation.
    Short {
        bytes: [u8; Self::SHORT],
        length: usize,
    },
    Long(Vec<u8>),
}

impl Info {
    const SHORT: usize = 96;

    pub(crate) fn new() -> Self {
        Self::Short { bytes: [0; Self::SHORT], length: 0 }
    }

    /// Writes the parts one after the other, in the place of what was there. Inlined, so that a part of a fixed
    /// length is copied without a call.
    #[inline(always)]
    pub(crate) fn write(&mut self, parts: &[&[u8]]) {
        if !self.write_short(parts) {
            self.write_long(parts);
        }
    }

    #[cold]
    fn write_long(&mut self, parts: &[&[u8]]) {
        *self = Self::Long([&parts.concat()[..], &[1]].concat());
    }

    /// False where the parts are too long together.
    #[inline(always)]
    fn write_short(&mut self, parts: &[&[u8]]) -> bool {
        let Self::Short { bytes, length } = self else { return false };
        let mut end = 0;
        for part in parts {
            let start = end;
            end += part.len();
            let Some(place) = bytes.get_mut(start..end) else { return false };
            place.copy_from_slice(part);
        }
        let Some(number) = bytes.get_mut(end) else { return false };
        *number = 1;
        *length = end + 1;
        true
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { bytes, length } => bytes.get(..*length).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }

    fn set_number(&mut self, number: u8) {
        let bytes = match self {
            Self::Short { bytes, length } => bytes.get_mut(..*length).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        };
        if let Some(last) = bytes.last_mut() {
            *last = number;
        }
    }
}

/// The same with a key that is prepared, for callers that expand it more than once.
pub(crate) fn expand(
    hash: HashAlgorithm,
    key: &HmacKey,
    info: &mut Info,
    output: &mut [u8],
) -> Result<(), ProviderError> {
    let length = hash.output_length();
    if output.len() > 255 * length {
        return Err(CryptoError.into());
    }
    if output.len() <= length {
        return provider_fault::sign_into(hash, key, info.as_bytes(), output);
    }
    // T(0) is empty.
    let mut previous: Option<Secret> = None;
    for (block, number) in output.chunks_mut(length).zip(1..=255_u8) {
        // What T(N) is the HMAC of: T(N-1) | info | N.
        info.set_number(number);
        let current = match &previous {
            None => provider_fault::sign(hash, key, &[info.as_bytes()])?,
            Some(before) => provider_fault::sign(hash, key, &[before.as_bytes(), info.as_bytes()])?,
        };
        block.copy_from_slice(current.as_bytes().get(..block.len()).ok_or(CryptoError)?);
        previous = Some(current);
    }
    Ok(())
}

/// The first block of the expansion by itself: as many bytes as the output of the hash has.
pub(crate) fn expand_block(
    hash: HashAlgorithm,
    key: &HmacKey,
    info: &Info,
) -> Result<Secret, ProviderError> {
    provider_fault::sign(hash, key, &[info.as_bytes()])
}

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests {
    use super::*;
    use crate::crypto::CryptoProvider;
    use crate::crypto::tests::{providers, sha384};

    struct Case {
        input: &'static str,
        salt: &'static str,
        info: &'static str,
        extracted: &'static str,
        expanded: &'static str,
    }

    /// RFC 5869, appendix A.1 to A.3. The other cases are with SHA-1.
    const CASES: [Case; 3] = [
        Case {
            input: "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
            salt: "000102030405060708090a0b0c",
            info: "f0f1f2f3f4f5f6f7f8f9",
            extracted: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            expanded: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf\
                       34007208d5b887185865",
        },
        Case {
            input: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\
                    202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\
                    404142434445464748494a4b4c4d4e4f",
            salt: "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f\
                   808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f\
                   a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
            info: "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf\
                   d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef\
                   f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
            extracted: "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            expanded: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
                       59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
                       cc30c58179ec3e87c14c01d5c1f3434f1d87",
        },
        Case {
            input: "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
            salt: "",
            info: "",
            extracted: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            expanded: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d\
                       9d201395faa4b61a96c8",
        },
    ];

    #[test]
    fn extracted_and_expanded_keys_match_rfc_5869() {
        for (provider, case) in providers().iter().flat_map(|it| CASES.map(|case| (it, case))) {
            let sha256 = &provider.sha256;
            let [input, salt, info] =
                [case.input, case.salt, case.info].map(|text| hex::decode(text).unwrap());
            let secret = sha256.hmac_key(&salt).sign(&[&input]).unwrap();
            assert_eq!(hex::encode(secret.as_bytes()), case.extracted);
            let mut output = vec![0; case.expanded.len() / 2];
            hkdf_expand(&**sha256, secret.as_bytes(), &info, &mut output).unwrap();
            assert_eq!(hex::encode(&output), case.expanded);
            output.fill(0);
            let prepared = hkdf_prepare_key(&**sha256, secret.as_bytes());
            hkdf_expand_with_key(&**sha256, &prepared, &info, &mut output).unwrap();
            assert_eq!(hex::encode(output), case.expanded);
        }
    }

    #[test]
    fn at_most_255_blocks_are_expanded() {
        let both = |provider: CryptoProvider| [(sha384(&provider), 48), (provider.sha256, 32)];
        for (hash, length) in providers().into_iter().flat_map(both) {
            let expanded = |length| {
                let mut output = vec![0; length];
                hkdf_expand(&*hash, &[7; 32], b"info", &mut output).map(|()| output)
            };
            let longest = expanded(255 * length).unwrap();
            assert_ne!(longest[254 * length..], [0; 48][..length], "the last block is filled");
            assert_eq!(expanded(255 * length + 1), Err(CryptoError));
            for short in [0, 1, length - 1, length, length + 1] {
                assert_eq!(expanded(short).unwrap(), longest[..short]);
            }
        }
    }
}
