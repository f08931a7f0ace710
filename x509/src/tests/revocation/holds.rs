//! Certificates that are held, and come back (RFC 5280, section 5.3.1).

use super::*;

const HOLD: Option<rcgen::RevocationReason> = Some(rcgen::RevocationReason::CertificateHold);

/// A CRL of a day of July 2026 that lists the leaf, for this reason; or no one.
fn of_day(
    by: &Authority,
    day: u8,
    listed: Option<Option<rcgen::RevocationReason>>,
) -> CertificateRevocationList {
    let mut params = crl_params(if listed.is_some() { &[LEAF_SERIAL] } else { &[] });
    params.this_update = date_time_ymd(2026, 7, day);
    for entry in &mut params.revoked_certs {
        entry.reason_code = listed.flatten();
    }
    signed(&params, by)
}

#[test]
fn a_hold_is_over_when_a_newer_crl_does_not_list_the_certificate() {
    let chain = Chain::new();
    let crl = |day, listed| of_day(&chain.intermediate, day, listed);
    let remove = Some(rcgen::RevocationReason::RemoveFromCrl);
    let for_good = Some(rcgen::RevocationReason::KeyCompromise);
    for (crls, is_good) in [
        (vec![crl(1, Some(HOLD)), crl(2, None)], true),
        (vec![crl(1, Some(HOLD)), crl(2, Some(remove))], true),
        (vec![crl(1, Some(HOLD)), crl(2, Some(HOLD)), crl(3, None)], true),
        // Not by an older one, nor by one that is as old.
        (vec![crl(2, Some(HOLD)), crl(1, None)], false),
        (vec![crl(1, Some(HOLD)), crl(1, None)], false),
        (vec![crl(1, Some(HOLD)), crl(2, None), crl(3, Some(HOLD))], false),
        // What is revoked for another reason stays so.
        (vec![crl(1, Some(for_good)), crl(2, None)], false),
        (vec![crl(1, Some(None)), crl(2, None)], false),
        (vec![crl(1, Some(HOLD)), crl(2, Some(for_good)), crl(3, None)], false),
        (vec![crl(1, Some(HOLD))], false),
    ] {
        let mut reversed = crls.clone();
        reversed.reverse();
        for crls in [crls, reversed] {
            let result = chain.result(crls.clone());
            let is_revoked = result
                .as_ref()
                .is_err_and(|error| matches!(error.kind, CertificateErrorKind::Revoked { .. }));
            assert_eq!((result.is_ok(), is_revoked), (is_good, !is_good), "{crls:?}");
        }
    }
}

#[test]
fn only_a_crl_that_counts_ends_a_hold() {
    let chain = Chain::new();
    let held = of_day(&chain.intermediate, 1, Some(HOLD));
    let result = |newer: CertificateRevocationList| {
        chain.result(vec![held.clone(), newer]).map_err(|error| error.kind.code())
    };
    // By another key, and for another issuer.
    let other = intermediate("ca", &root("another"));
    assert_eq!(result(of_day(&other, 2, None)), Err("revoked"));
    assert_eq!(result(of_day(&chain.root, 2, None)), Err("revoked"));
    // Not valid yet, or no longer.
    let mut late = crl_params(&[]);
    late.this_update = date_time_ymd(2026, 7, 2);
    late.next_update = date_time_ymd(2026, 7, 3);
    assert_eq!(result(signed(&late, &chain.intermediate)), Err("revoked"));
    // A staple is no CRL.
    let mut check =
        chain.stapled(chain.response(super::der_ocsp::GOOD).sign(chain.intermediate.key()));
    check.crls = vec![held];
    assert!(matches!(check.run().unwrap_err().kind, CertificateErrorKind::Revoked { .. }));
}
