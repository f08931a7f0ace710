//! CRLs and OCSP responses that `openssl` made: see `tests/data/README.md`.

use pki_types::pem::PemObject;

use super::*;

/// Noon on the day when they were made.
const MADE: u64 = 1_795_608_000;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/data/revocation/", $name))
    };
}

fn check(leaf: &[u8], response: &[u8]) -> Check {
    let leaf = CertificateDer::from_pem_slice(leaf).unwrap();
    let ca = CertificateDer::from_pem_slice(data!("ca.pem")).unwrap();
    let mut check = Check::new(&leaf, &[], &[&ca]);
    check.now = MADE;
    check.staple = Some(Some(response.to_vec()));
    check.policy.mode = RevocationMode::Require;
    check
}

#[test]
fn responses_of_openssl() {
    for response in [&data!("good.der")[..], data!("delegated.der")] {
        assert_eq!(check(data!("leaf.pem"), response).run().map(drop), Ok(()));
        // It is about the other one.
        let other = check(data!("gone.pem"), response).run().map(drop);
        assert_eq!(other, unusable("CN=gone", RevocationEvidenceError::OtherCertificate));
        let mut late = check(data!("leaf.pem"), response);
        late.now += 8 * 24 * 3600;
        let error = late.run().unwrap_err().to_string();
        assert!(error.contains("is outdated since 2026-12-02"), "{error}");
    }
    let error = check(data!("gone.pem"), data!("revoked.der")).run().unwrap_err().to_string();
    assert!(error.contains("(keyCompromise), says the OCSP response"), "{error}");
}

#[test]
fn a_crl_of_openssl() {
    let crls = CertificateRevocationList::from_pem(data!("crl.pem")).unwrap();
    for (leaf, serial) in [(&data!("leaf.pem")[..], None), (data!("gone.pem"), Some("1002"))] {
        let mut check = check(leaf, &[]);
        (check.staple, check.crls) = (None, crls.clone());
        match (check.run().map_err(|error| error.kind), serial) {
            (Ok(_), None) => {}
            (Err(CertificateErrorKind::Revoked { serial, .. }), Some(expected)) => {
                assert_eq!(serial, expected)
            }
            other => panic!("{other:?}"),
        }
    }
}
