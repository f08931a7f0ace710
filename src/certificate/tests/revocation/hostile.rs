//! Evidence that was damaged, or made to harm.

use super::*;

#[test]
fn no_truncated_and_no_flipped_crl_counts() {
    let chain = Chain::with(|leaf| leaf.crl_distribution_points = vec![at(&["http://a/1"])]);
    let mut params = crl_params(&[1]);
    params.issuing_distribution_point = Some(rcgen::CrlIssuingDistributionPoint {
        distribution_point: at(&["http://a/1"]),
        scope: Some(rcgen::CrlScope::UserCertsOnly),
    });
    let der = params.signed_by(&chain.intermediate).unwrap().der().to_vec();
    let accepted = |der: &[u8]| {
        let Ok(crl) = CertificateRevocationList::from_der(der) else { return false };
        let _ = format!("{crl:?}");
        let mut check = chain.check(vec![crl]);
        check.policy.mode = RevocationMode::Require;
        check.policy.scope = RevocationScope::EndEntity;
        check.run().is_ok()
    };
    assert!(accepted(&der));
    for length in 0..der.len() {
        assert!(!accepted(&der[..length]), "{length}");
    }
    assert!(!accepted(&[&der[..], &[0]].concat()));
    for bit in 0..der.len() * 8 {
        let mut flipped = der.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!accepted(&flipped), "bit {bit}");
    }
}
