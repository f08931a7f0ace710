//! Which keys are refused, and how keys are imported.

use super::*;
use crate::config_error::ConfigError;
use crate::crypto::{CryptoProvider, HashAlgorithm};
use crate::key_schedule::PskKind;

#[test]
fn keys_are_imported_as_rfc_9258_says() {
    // Computed apart from this crate, by the formulas of section 5.1.
    let secret: Vec<u8> = (0x80..0xa0).collect();
    let identity = "000873656e736f722037000e06636c69656e7406736572766572030400";
    for (hash, expected) in [
        (
            HashAlgorithm::Sha256,
            [
                "daa8c6f88a87bfd77ef4a858c06edb38812b5eefc2af55c7e272baa7af510504",
                "a876890ab86a4ee35f78baf9cb53f940ef308878f6a099597b16a126bb1d7096\
                 ad73e723033405d272b58431a54f7547",
            ],
        ),
        (
            HashAlgorithm::Sha384,
            [
                "2cdb3b52fe6df9797a4c9db1178e05ff485988d7e2649ffd70bc2062502e13f8",
                "7b8e5f830bf514658433afef42c59210a143a28f2496fd1ebf20ede08070e4ed\
                 d87794328b69db5113e9615dc0cfc27e",
            ],
        ),
    ] {
        let importer = PskImporter::new(b"sensor 7", &secret).unwrap().hash(hash);
        let keys =
            importer.between(b"client", b"server").import(&CryptoProvider::default()).unwrap();
        let targets = [(HashAlgorithm::Sha256, "01"), (HashAlgorithm::Sha384, "02")];
        assert_eq!(keys.len(), 2);
        for ((key, secret), (target, code)) in keys.iter().zip(expected).zip(targets) {
            assert_eq!((key.hash(), key.kind()), (target, PskKind::Imported));
            assert_eq!(hex::encode(key.identity()), format!("{identity}{code}"));
            assert_eq!(hex::encode(key.secret()), secret);
        }
    }
}

#[test]
fn keys_that_are_too_short_or_look_typed_or_filled_in_are_refused() {
    let random: [u8; 16] = core::array::from_fn(|at| (at as u8).wrapping_mul(37) ^ 0x91);
    PreSharedKey::external(b"identity", &random).unwrap();
    PskImporter::new(b"identity", &random).unwrap();
    for (secret, error) in [
        (&random[1..], ConfigError::PreSharedKey),
        (&[0; 32], ConfigError::WeakPreSharedKey),
        (&[1, 2, 3, 4, 5, 6, 7].repeat(5), ConfigError::WeakPreSharedKey),
        (b"correct horse battery staple", ConfigError::WeakPreSharedKey),
        (b"00112233445566778899aabbccddeeff\n", ConfigError::WeakPreSharedKey),
    ] {
        assert_eq!(PreSharedKey::external(b"identity", secret).unwrap_err(), error);
        assert_eq!(PskImporter::new(b"identity", secret).unwrap_err(), error);
    }
    let long = PskImporter::new(&[b'i'; 1000], &random).unwrap().context(&[b'c'; 17]);
    assert_eq!(long.import(&CryptoProvider::default()).unwrap_err(), ConfigError::PreSharedKey);
    let shown = format!("{:?}", PskImporter::new(b"identity", &random).unwrap());
    assert!(shown.contains("identity") && !shown.contains("145"), "{shown}");
    let mut provider = CryptoProvider::default();
    provider.cipher_suites.remove(1);
    let importer = PskImporter::new(b"identity", &random).unwrap();
    assert_eq!(importer.import(&provider).unwrap().len(), 1, "one hash, one key");
    let other = PskImporter::new(b"identity", &random).unwrap().hash(HashAlgorithm::Sha384);
    assert!(matches!(other.import(&provider), Err(ConfigError::Empty(_))));
}
