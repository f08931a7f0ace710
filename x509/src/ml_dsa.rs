//! ML-DSA in certificates (RFC 9881).

use super::der::{self, Reader};

/// id-ml-dsa-44, id-ml-dsa-65 and id-ml-dsa-87: 2.16.840.1.101.3.4.3, which 17, 18 or 19 follows.
const SIGNATURES_OF_NIST: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03];

/// The length of a public key in bytes (FIPS 204, table 2). `None` for the number of another algorithm,
/// from the contents of its object identifier.
fn key_length(number: &[u8]) -> Option<usize> {
    match number.strip_prefix(SIGNATURES_OF_NIST)? {
        [17] => Some(1312),
        [18] => Some(1952),
        [19] => Some(2592),
        _ => None,
    }
}

/// Whether this is the number of ML-DSA, from the contents of an object identifier.
pub(super) fn is_number(number: &[u8]) -> bool {
    key_length(number).is_some()
}

/// Whether an algorithm is ML-DSA, from the contents of its AlgorithmIdentifier.
pub(super) fn is_algorithm(algorithm: &[u8]) -> bool {
    Reader(algorithm).take(der::OBJECT_IDENTIFIER).is_some_and(|it| is_number(it.contents))
}

/// Why no signature verifies with the key. `None` for a key that can be used, and for other algorithms.
pub(super) fn unusable(algorithm: &[u8], key: &[u8]) -> Option<String> {
    let mut fields = Reader(algorithm);
    let length = key_length(fields.take(der::OBJECT_IDENTIFIER)?.contents)?;
    if !fields.is_empty() {
        return Some("its algorithm has parameters, which must be absent (RFC 9881)".to_owned());
    }
    if key.len() != length {
        return Some(format!("the key has {} bytes, not {length}", key.len()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_are_absent_and_the_key_has_the_length_of_its_set() {
        for (last, length) in [(17, 1312), (18, 1952), (19, 2592)] {
            let number = [SIGNATURES_OF_NIST, &[last]].concat();
            let algorithm = der::wrap(der::OBJECT_IDENTIFIER, &number);
            let key = vec![7; length];
            assert!(is_algorithm(&algorithm));
            assert_eq!(unusable(&algorithm, &key), None);
            let words = unusable(&algorithm, &key[1..]).unwrap();
            assert!(words.contains(&format!("not {length}")), "{words}");
            let with_null = [&algorithm[..], der::NULL].concat();
            assert!(unusable(&with_null, &key).unwrap().contains("must be absent"));
        }
        // SLH-DSA, and HashML-DSA, which certificates do not have (section 8.3).
        for last in [20, 32, 33, 34] {
            let other = der::wrap(der::OBJECT_IDENTIFIER, &[SIGNATURES_OF_NIST, &[last]].concat());
            assert!(!is_algorithm(&other));
            assert_eq!(unusable(&other, &[]), None);
        }
    }
}
