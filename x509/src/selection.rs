//! Which of one's own certificates a peer accepts.

use pki_types::CertificateDer;

use super::certificate::Certificate;
use super::certificate_name::CertificateName;
use super::der;
use super::key_usage::KeyUsage;
use super::oid;

/// Whether one of the chain's certificates was issued by one of these authorities, each the DER of a
/// Name (RFC 9846, section 4.3.4).
pub fn issued_by_any<'a>(
    chain: &[CertificateDer<'_>],
    mut authorities: impl Iterator<Item = &'a [u8]>,
) -> bool {
    let decoded = chain.iter().filter_map(|certificate| Certificate::decode(certificate).ok());
    let issuers: Vec<_> = decoded.map(|certificate| certificate.issuer).collect();
    authorities.any(|name| {
        let contents = der::only(name, der::SEQUENCE);
        let Some(authority) = contents.and_then(CertificateName::read) else { return false };
        issuers.iter().any(|issuer| issuer.is_same(&authority))
    })
}

/// Whether the certificate matches an OID filter (RFC 9846, section 4.3.5). `identifier` is the DER
/// of an extension's object identifier, and `values` is the DER of the values that the extension must
/// have. Only filters for key usage and extended key usage are known. Any other filter matches.
pub fn matches_oid_filter(
    certificate: &CertificateDer<'_>,
    identifier: &[u8],
    values: &[u8],
) -> bool {
    let Some(wanted) = der::only(identifier, der::OBJECT_IDENTIFIER) else { return false };
    if wanted != oid::KEY_USAGE && wanted != oid::EXTENDED_KEY_USAGE {
        return true;
    }
    let Ok(decoded) = Certificate::decode(certificate) else { return false };
    let matches = match wanted {
        oid::KEY_USAGE => has_key_usage(&decoded, values),
        _ => has_extended_key_usage(&decoded, values),
    };
    matches.unwrap_or(false)
}

/// `None` if one of the two is malformed or absent.
fn has_key_usage(certificate: &Certificate<'_>, values: &[u8]) -> Option<bool> {
    let wanted = KeyUsage::read(values)?;
    Some(certificate.key_usage?.contains(wanted))
}

/// `None` if one of the two is malformed or absent.
fn has_extended_key_usage(certificate: &Certificate<'_>, values: &[u8]) -> Option<bool> {
    let has = der::list(certificate.extension(oid::EXTENDED_KEY_USAGE)?.value)?;
    Some(der::list(values)?.iter().all(|one| has.iter().any(|other| other.whole == one.whole)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "an issuer");
        params.key_usages =
            vec![rcgen::KeyUsagePurpose::DigitalSignature, rcgen::KeyUsagePurpose::KeyAgreement];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn a_filter_matches_when_all_that_it_wants_is_there() {
        let certificate = certificate();
        let key_usage = [6, 3, 0x55, 0x1d, 15];
        let extended = [6, 3, 0x55, 0x1d, 37];
        let unknown = [6, 3, 0x55, 0x1d, 99];
        let matches =
            |identifier: &[u8], values: &[u8]| matches_oid_filter(&certificate, identifier, values);
        assert!(matches(&key_usage, &[3, 2, 7, 0x80]), "digitalSignature");
        assert!(!matches(&key_usage, &[3, 2, 2, 0x84]), "keyCertSign too");
        let usage = |last: u8| [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, last];
        assert!(matches(&extended, &usage(2)), "clientAuth");
        assert!(!matches(&extended, &usage(1)), "serverAuth");
        assert!(matches(&unknown, &[1, 2, 3]), "what is not known is ignored");
        assert!(!matches(&key_usage, &[0xff]) && !matches(&[1, 2], &[]), "malformed");
    }

    #[test]
    fn the_authority_of_any_certificate_of_the_chain_counts() {
        let certificate = certificate();
        let mut anchors = super::super::TrustAnchors::new();
        anchors.add(certificate.clone()).unwrap();
        let names = anchors.subjects();
        let names = || names.iter().map(Vec::as_slice);
        assert!(issued_by_any(std::slice::from_ref(&certificate), names()));
        assert!(!issued_by_any(&[], names()));
        assert!(!issued_by_any(&[certificate], [&b"0"[..]].into_iter()));
    }
}
