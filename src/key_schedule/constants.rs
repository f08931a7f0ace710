//! What the key schedule derives when there is no pre-shared key, and no message: the same on each
//! connection, for each hash. These values are no secrets.

use super::hkdf::Result;
use crate::crypto::{CryptoError, HashAlgorithm, MAX_HASH_LENGTH, Secret};
use crate::observer::{KeyScheduleOperation, KeyScheduleValues, Observers};

/// The constants of a hash. A test computes them again.
struct Constants {
    /// The hash of no bytes: what Derive-Secret with no messages takes.
    hash_of_nothing: &'static [u8],
    /// HKDF-Extract of zeros: the early secret without a pre-shared key.
    early_secret: &'static [u8],
    /// Derive-Secret(early_secret, "derived", ""), with the labels of TLS.
    derived: &'static [u8],
}

const SHA256: Constants = Constants {
    hash_of_nothing: &[
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ],
    early_secret: &[
        0x33, 0xad, 0x0a, 0x1c, 0x60, 0x7e, 0xc0, 0x3b, 0x09, 0xe6, 0xcd, 0x98, 0x93, 0x68, 0x0c,
        0xe2, 0x10, 0xad, 0xf3, 0x00, 0xaa, 0x1f, 0x26, 0x60, 0xe1, 0xb2, 0x2e, 0x10, 0xf1, 0x70,
        0xf9, 0x2a,
    ],
    derived: &[
        0x6f, 0x26, 0x15, 0xa1, 0x08, 0xc7, 0x02, 0xc5, 0x67, 0x8f, 0x54, 0xfc, 0x9d, 0xba, 0xb6,
        0x97, 0x16, 0xc0, 0x76, 0x18, 0x9c, 0x48, 0x25, 0x0c, 0xeb, 0xea, 0xc3, 0x57, 0x6c, 0x36,
        0x11, 0xba,
    ],
};

const SHA384: Constants = Constants {
    hash_of_nothing: &[
        0x38, 0xb0, 0x60, 0xa7, 0x51, 0xac, 0x96, 0x38, 0x4c, 0xd9, 0x32, 0x7e, 0xb1, 0xb1, 0xe3,
        0x6a, 0x21, 0xfd, 0xb7, 0x11, 0x14, 0xbe, 0x07, 0x43, 0x4c, 0x0c, 0xc7, 0xbf, 0x63, 0xf6,
        0xe1, 0xda, 0x27, 0x4e, 0xde, 0xbf, 0xe7, 0x6f, 0x65, 0xfb, 0xd5, 0x1a, 0xd2, 0xf1, 0x48,
        0x98, 0xb9, 0x5b,
    ],
    early_secret: &[
        0x7e, 0xe8, 0x20, 0x6f, 0x55, 0x70, 0x02, 0x3e, 0x6d, 0xc7, 0x51, 0x9e, 0xb1, 0x07, 0x3b,
        0xc4, 0xe7, 0x91, 0xad, 0x37, 0xb5, 0xc3, 0x82, 0xaa, 0x10, 0xba, 0x18, 0xe2, 0x35, 0x7e,
        0x71, 0x69, 0x71, 0xf9, 0x36, 0x2f, 0x2c, 0x2f, 0xe2, 0xa7, 0x6b, 0xfd, 0x78, 0xdf, 0xec,
        0x4e, 0xa9, 0xb5,
    ],
    derived: &[
        0x15, 0x91, 0xda, 0xc5, 0xcb, 0xbf, 0x03, 0x30, 0xa4, 0xa8, 0x4d, 0xe9, 0xc7, 0x53, 0x33,
        0x0e, 0x92, 0xd0, 0x1f, 0x0a, 0x88, 0x21, 0x4b, 0x44, 0x64, 0x97, 0x2f, 0xd6, 0x68, 0x04,
        0x9e, 0x93, 0xe5, 0x2f, 0x2b, 0x16, 0xfa, 0xd9, 0x22, 0xfd, 0xc0, 0x58, 0x44, 0x78, 0x42,
        0x8f, 0x28, 0x2b,
    ],
};

fn of(hash: HashAlgorithm) -> &'static Constants {
    match hash {
        HashAlgorithm::Sha256 => &SHA256,
        HashAlgorithm::Sha384 => &SHA384,
    }
}

/// As many zeros as the hash is long: the input of an extraction that has none.
pub(super) fn zeros(hash: HashAlgorithm) -> &'static [u8] {
    const ZEROS: &[u8; MAX_HASH_LENGTH] = &[0; MAX_HASH_LENGTH];
    ZEROS.get(..hash.output_length()).unwrap_or_default()
}

/// The hash of no bytes.
pub(super) fn hash_of_nothing(hash: HashAlgorithm) -> &'static [u8] {
    of(hash).hash_of_nothing
}

/// The early secret without a pre-shared key (section 7.1). Observers see the extraction.
pub(super) fn early_secret(hash: HashAlgorithm, observers: &mut Observers) -> Result<Secret> {
    let output = of(hash).early_secret;
    let values = KeyScheduleValues { secret: &[], input: zeros(hash), output };
    observers.emit_key_schedule_step(KeyScheduleOperation::Extract, "early", values);
    Ok(Secret::new(output).ok_or(CryptoError)?)
}

/// What TLS derives from that secret, as the salt of the next extraction. Observers see the derivation.
pub(super) fn derived(hash: HashAlgorithm, observers: &mut Observers) -> Result<Secret> {
    let Constants { hash_of_nothing, early_secret, derived } = of(hash);
    let values =
        KeyScheduleValues { secret: early_secret, input: hash_of_nothing, output: derived };
    observers.emit_key_schedule_step(KeyScheduleOperation::Expand, "derived", values);
    Ok(Secret::new(derived).ok_or(CryptoError)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::CryptoProvider;
    use crate::key_schedule::hkdf::{Hkdf, LabelPrefix};

    #[test]
    fn the_constants_are_what_each_suite_would_derive() {
        let none = &mut Observers::default();
        for suite in CryptoProvider::default().cipher_suites {
            let hash = suite.hash.algorithm();
            let nothing = suite.hash.digest(b"");
            assert_eq!(hash_of_nothing(hash), &*nothing);
            let hkdf = Hkdf { hash: suite.hash.clone(), prefix: LabelPrefix::Tls13 };
            let early = hkdf.extract("early", &[], zeros(hash), none).unwrap();
            assert_eq!(early_secret(hash, none).unwrap().as_bytes(), early.as_bytes());
            let salt = hkdf.prk(&early).derive_secret("derived", &nothing, none).unwrap();
            assert_eq!(derived(hash, none).unwrap().as_bytes(), salt.as_bytes());
        }
    }
}
