//! The algorithms of signatures and keys, in one normalized form (RFC 4055).

use std::borrow::Cow;

use super::der::{self, Element, NULL, Reader};

/// PKCS #1, 1.2.840.113549.1.1, which one more byte follows.
pub(super) const PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// rsaEncryption, the algorithm of a key.
const RSA: u8 = 1;
pub(super) const MGF1: u8 = 8;
pub(super) const RSASSA_PSS: u8 = 10;
/// RSA with SHA-256, SHA-384, SHA-512 and SHA-224.
const WITH_SHA2: core::ops::RangeInclusive<u8> = 11..=14;

/// The hash functions of NIST, 2.16.840.1.101.3.4.2, which one more byte follows.
pub(super) const NIST_HASHES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
/// SHA-256, SHA-384, SHA-512 and SHA-224.
const SHA2: core::ops::RangeInclusive<u8> = 1..=4;

/// The contents of an AlgorithmIdentifier in the form that implementations of algorithms use, with
/// NULL parameters. RSA with SHA-2 is accepted without its NULL (RFC 4055, section 5),
/// and so is each SHA-2 in the parameters of RSASSA-PSS (section 2.1), whose trailerField may be
/// written out (section 3.1). The algorithm of an RSA key gets its NULL (section 1.2). Every other
/// algorithm is unchanged.
pub(super) fn canonical(algorithm: &[u8]) -> Cow<'_, [u8]> {
    match written_out(algorithm) {
        Some(form) => Cow::Owned(form),
        None => Cow::Borrowed(algorithm),
    }
}

/// `None` for what has one form only, or none that is known here.
fn written_out(algorithm: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Reader(algorithm);
    let identifier = fields.take(der::OBJECT_IDENTIFIER)?;
    let number = *identifier.contents.strip_prefix(PKCS1)?.first()?;
    let parameters = if number == RSASSA_PSS {
        let parameters = pss_parameters(der::only(fields.0, der::SEQUENCE)?)?;
        der::wrap(der::SEQUENCE, &parameters)
    } else if (number == RSA || WITH_SHA2.contains(&number)) && fields.is_empty() {
        NULL.to_vec()
    } else {
        return None;
    };
    Some([identifier.whole, &parameters].concat())
}

/// The fields of RSASSA-PSS-params (RFC 4055, section 3.1); what is absent has its default.
pub(super) struct PssParameters<'a> {
    pub(super) hash: Option<Element<'a>>,
    pub(super) mask: Option<Element<'a>>,
    pub(super) salt_length: Option<Element<'a>>,
    trailer: Option<Element<'a>>,
}

impl<'a> PssParameters<'a> {
    /// From the contents. `None` if there is anything else in them.
    pub(super) fn read(contents: &'a [u8]) -> Option<Self> {
        let mut fields = Reader(contents);
        let [hash, mask, salt_length, trailer] =
            [0, 1, 2, 3].map(|number| fields.take(der::constructed(number)));
        if !fields.is_empty() {
            return None;
        }
        Some(Self { hash, mask, salt_length, trailer })
    }
}

/// RSASSA-PSS-params, from their contents. `None` with the defaults for hash and mask: that is
/// SHA-1.
fn pss_parameters(contents: &[u8]) -> Option<Vec<u8>> {
    let parameters = PssParameters::read(contents)?;
    let (hash, salt_length) = (parameters.hash?, parameters.salt_length?);
    if let Some(trailer) = parameters.trailer {
        // There is no other.
        if der::only(trailer.contents, der::INTEGER)? != [1] {
            return None;
        }
    }
    let mask = der::only(parameters.mask?.contents, der::SEQUENCE)?;
    let [function, mask_hash] = der::fields(mask, [der::OBJECT_IDENTIFIER, der::SEQUENCE])?;
    if function.contents.strip_prefix(PKCS1)? != [MGF1] {
        return None;
    }
    let hash = sha2(hash.contents)?;
    let mask = der::wrap(der::SEQUENCE, &[function.whole, &sha2(mask_hash.whole)?].concat());
    let parts =
        [der::wrap(der::constructed(0), &hash), der::wrap(der::constructed(1), &mask)].concat();
    Some([&parts, salt_length.whole].concat())
}

/// The AlgorithmIdentifier of a SHA-2 with its NULL, from its DER with or without one.
fn sha2(identifier: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Reader(der::only(identifier, der::SEQUENCE)?);
    let name = fields.take(der::OBJECT_IDENTIFIER)?;
    let number = name.contents.strip_prefix(NIST_HASHES)?.first()?;
    if !SHA2.contains(number) || !(fields.is_empty() || fields.0 == NULL) {
        return None;
    }
    Some(der::wrap(der::SEQUENCE, &[name.whole, NULL].concat()))
}

#[cfg(test)]
pub(super) mod tests {
    use pki_types::alg_id;

    use super::*;

    /// Contents of the AlgorithmIdentifier of RSASSA-PSS with SHA-256.
    pub(in super::super) fn pss(
        hash_null: &[u8],
        mask_null: &[u8],
        salt: u8,
        trailer: &[u8],
    ) -> Vec<u8> {
        let sha256 = [&[6, 9], NIST_HASHES, &[1]].concat();
        let hash = |null: &[u8]| der::wrap(der::SEQUENCE, &[&sha256, null].concat());
        let mgf1 = [&[6, 9], PKCS1, &[MGF1]].concat();
        let mask = der::wrap(der::SEQUENCE, &[mgf1, hash(mask_null)].concat());
        let parameters = [
            der::wrap(der::constructed(0), &hash(hash_null)),
            der::wrap(der::constructed(1), &mask),
            vec![der::constructed(2), 3, der::INTEGER, 1, salt],
            trailer.to_vec(),
        ];
        let parameters = der::wrap(der::SEQUENCE, &parameters.concat());
        [[&[6, 9], PKCS1, &[RSASSA_PSS]].concat(), parameters].concat()
    }

    #[test]
    fn rsa_is_the_same_with_and_without_its_null() {
        for known in [alg_id::RSA_PKCS1_SHA256, alg_id::RSA_PKCS1_SHA384, alg_id::RSA_PKCS1_SHA512]
        {
            let absent = known.strip_suffix(NULL).unwrap();
            assert_eq!(*canonical(absent), *known);
            assert_eq!(*canonical(&known), *known);
        }
    }

    #[test]
    fn an_rsa_key_is_the_same_with_and_without_its_null() {
        let absent = alg_id::RSA_ENCRYPTION.strip_suffix(NULL).unwrap();
        assert_eq!(*canonical(absent), *alg_id::RSA_ENCRYPTION);
        assert_eq!(*canonical(&alg_id::RSA_ENCRYPTION), *alg_id::RSA_ENCRYPTION);
    }

    #[test]
    fn pss_is_the_same_with_and_without_the_nulls_of_its_hashes() {
        let known = alg_id::RSA_PSS_SHA256;
        for hash in [NULL, &[]] {
            for mask in [NULL, &[]] {
                assert_eq!(*canonical(&pss(hash, mask, 32, &[])), *known);
            }
        }
        let trailer = [der::constructed(3), 3, der::INTEGER, 1, 1];
        assert_eq!(*canonical(&pss(NULL, &[], 32, &trailer)), *known);
        for known in [alg_id::RSA_PSS_SHA384, alg_id::RSA_PSS_SHA512] {
            assert_eq!(*canonical(&known), *known);
        }
    }

    #[test]
    fn nothing_else_is_made_the_same() {
        let other_trailer = [der::constructed(3), 3, der::INTEGER, 1, 2];
        for other in [
            pss(NULL, NULL, 20, &[]),
            pss(&[4, 0], NULL, 32, &[]),
            pss(NULL, NULL, 32, &other_trailer),
            [&[6, 9], PKCS1, &[RSASSA_PSS]].concat(),
        ] {
            assert_ne!(*canonical(&other), *alg_id::RSA_PSS_SHA256, "{other:02x?}");
        }
        let with_null = [&*alg_id::ECDSA_SHA256, NULL].concat();
        assert_eq!(*canonical(&with_null), *with_null);
        let with_octets = [alg_id::RSA_PKCS1_SHA256.strip_suffix(NULL).unwrap(), &[4, 0]].concat();
        assert_eq!(*canonical(&with_octets), *with_octets);
        // RSA with SHA-1, which has another number.
        let sha1 = [&[6, 9], PKCS1, &[5]].concat();
        assert_eq!(*canonical(&sha1), *sha1);
    }
}
