//! OCSP responses, and who may say what in them.

use rcgen::CustomExtension;

use super::der_crl::extension;
use super::der_ocsp::*;
use super::*;

fn unknown(missing: UnknownRevocationStatus) -> Result<(), CertificateError> {
    Err(error("CN=leaf", CertificateErrorKind::UnknownRevocationStatus(missing)))
}

fn not_usable(why: RevocationEvidenceError) -> Result<(), CertificateError> {
    unusable("CN=leaf", why)
}

fn is_malformed(result: &Result<(), CertificateError>) -> bool {
    matches!(
        result,
        Err(CertificateError {
            kind: CertificateErrorKind::UnusableRevocationEvidence(
                RevocationEvidenceError::MalformedResponse(_)
            ),
            ..
        })
    )
}

#[test]
fn the_issuer_says_good_revoked_or_unknown() {
    let chain = Chain::new();
    let result = |status: &[u8]| chain.result_of(&chain.response(status));
    assert_eq!(result(GOOD), Ok(()));
    assert_eq!(result(UNKNOWN), unknown(UnknownRevocationStatus::UnknownToResponder));
    for (reason, shown) in [(Some(1), 1), (Some(6), 6), (None, 0)] {
        let kind = CertificateErrorKind::Revoked {
            serial: "4c".into(),
            date: Timestamp(1_782_864_000),
            reason: RevocationReason(shown),
            evidence: RevocationEvidence::OcspResponse,
        };
        assert_eq!(result(&revoked_at(reason)), Err(error("CN=leaf", kind)));
    }
    for status in [&[0x80, 1, 0][..], &[0x81, 0], &[0xa1, 0], &[0xa3, 0], &[5, 0]] {
        assert!(is_malformed(&result(status)), "{status:02x?}");
    }
}

#[test]
fn policies_hold_for_staples_too() {
    let chain = Chain::new();
    let bad = chain.response(&revoked_at(None)).sign(chain.intermediate.key());
    let mut check = chain.stapled(bad);
    assert!(check.run().is_err());
    check.policy.mode = RevocationMode::IfPresent;
    assert!(check.run().is_err());
    check.policy.mode = RevocationMode::Off;
    assert!(check.run().is_ok());
    let good = chain.response(GOOD).sign(chain.intermediate.key());
    check = chain.stapled(good);
    // It says nothing about the intermediate.
    check.policy.scope = RevocationScope::Chain;
    assert_eq!(check.run().map(drop), nothing_about("CN=ca", "CN=root"));
    check.crls = vec![crl(&[], &chain.root)];
    assert!(check.run().is_ok());
    // A CRL that revokes is not outvoted.
    check.crls.push(crl(&[LEAF_SERIAL], &chain.intermediate));
    assert_eq!(check.run().unwrap_err(), revoked("CN=leaf", "4c"));
}

#[test]
fn the_key_of_a_responder_id_and_sha_256_in_a_cert_id() {
    let chain = Chain::new();
    let mut response = chain.response(GOOD);
    response.responder = by_key(chain.intermediate.der());
    assert_eq!(chain.result_of(&response), Ok(()));
    let issuer = certificate::Certificate::decode(chain.intermediate.der()).unwrap();
    let single = &mut response.singles[0];
    single.hash = SHA256;
    assert_eq!(chain.result_of(&response), not_usable(RevocationEvidenceError::OtherCertificate));
    let single = &mut response.singles[0];
    single.name_hash = algorithms::sha256(&der::wrap(der::SEQUENCE, &issuer.subject)).to_vec();
    single.key_hash = algorithms::sha256(issuer.key.bytes).to_vec();
    assert_eq!(chain.result_of(&response), Ok(()));
}

#[test]
fn a_response_about_another_certificate() {
    let chain = Chain::new();
    let changed = |change: fn(&mut Single)| {
        let mut response = chain.response(GOOD);
        change(&mut response.singles[0]);
        chain.result_of(&response)
    };
    let other = not_usable(RevocationEvidenceError::OtherCertificate);
    assert_eq!(changed(|it| it.serial = vec![1]), other);
    assert_eq!(changed(|it| it.serial.push(0)), other);
    assert_eq!(changed(|it| it.name_hash[0] ^= 1), other);
    assert_eq!(changed(|it| it.key_hash[0] ^= 1), other);
    assert_eq!(changed(|it| it.key_hash.truncate(19)), other);
    assert_eq!(changed(|it| it.key_hash.clear()), other);
    // SHA-512, which is not supported.
    assert_eq!(changed(|it| it.hash = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3]), other);
    assert!(is_malformed(&changed(|it| it.hash = &[5, 0])));
    let mut response = chain.response(GOOD);
    response.singles.clear();
    assert_eq!(chain.result_of(&response), other);
}

#[test]
fn several_responses_and_a_revocation_among_them() {
    let chain = Chain::new();
    let single = |status: &[u8]| Single::new(&chain.intermediate, status);
    let mut other = single(&revoked_at(None));
    other.serial = vec![1];
    let mut stale = single(GOOD);
    stale.next_update = Some(time(THIS_UPDATE));
    let result = |singles: &[&Single]| {
        let mut response = chain.response(GOOD);
        response.singles = singles.iter().map(|it| (*it).clone()).collect();
        chain.result_of(&response)
    };
    assert_eq!(result(&[&other, &single(GOOD)]), Ok(()));
    assert_eq!(result(&[&stale, &single(GOOD)]), Ok(()));
    assert_eq!(result(&[&single(GOOD), &single(UNKNOWN)]), Ok(()));
    assert_eq!(result(&[&single(UNKNOWN)]), unknown(UnknownRevocationStatus::UnknownToResponder));
    assert!(result(&[&single(GOOD), &single(&revoked_at(None))]).is_err());
}

#[test]
fn only_fresh_responses_clear_with_five_minutes_for_the_clocks() {
    let chain = Chain::new();
    let now = NOW as i64;
    let (evidence, stamp) = (RevocationEvidence::OcspResponse, Timestamp);
    let result = |this: i64, next: Option<i64>, produced: i64| {
        let mut response = chain.response(GOOD);
        response.singles[0].this_update = time(this);
        response.singles[0].next_update = next.map(time);
        response.produced_at = time(produced);
        chain.result_of(&response)
    };
    let early = |this_update| {
        not_usable(RevocationEvidenceError::NotYetValid { evidence, this_update, now: stamp(now) })
    };
    assert_eq!(result(now + 300, Some(now + 301), now), Ok(()));
    assert_eq!(result(now + 301, Some(now + 302), now), early(stamp(now + 301)));
    assert_eq!(result(now, Some(now), now + 301), early(stamp(now + 301)));
    assert_eq!(result(now - 400, Some(now - 300), now - 400), Ok(()));
    let next_update = stamp(now - 301);
    assert_eq!(
        result(now - 400, Some(now - 301), now - 400),
        not_usable(RevocationEvidenceError::Stale { evidence, next_update, now: stamp(now) })
    );
    assert_eq!(result(now, None, now), not_usable(RevocationEvidenceError::NoNextUpdate(evidence)));
}

#[test]
fn an_outdated_revocation_is_one_still() {
    let chain = Chain::new();
    let mut response = chain.response(&revoked_at(None));
    response.singles[0].next_update = Some(time(THIS_UPDATE));
    assert!(matches!(
        chain.result_of(&response).unwrap_err().kind,
        CertificateErrorKind::Revoked { evidence: RevocationEvidence::OcspResponse, .. }
    ));
}

#[test]
fn responses_of_strangers() {
    let chain = Chain::new();
    // The signature of another key under the issuer's name, and it makes no difference what it says.
    let bad_signature = not_usable(RevocationEvidenceError::BadSignature {
        evidence: RevocationEvidence::OcspResponse,
        signer: "CN=ca".into(),
    });
    for status in [GOOD, &revoked_at(None)] {
        let result = chain.stapled(chain.response(status).sign(&key())).run().map(drop);
        assert_eq!(result, bad_signature);
    }
    // The name of another authority: the root is not the issuer, and may not speak in its place.
    let mut response = chain.response(GOOD);
    response.responder = by_name(chain.root.der());
    let unknown = not_usable(RevocationEvidenceError::UnknownResponder("CN=ca".into()));
    assert_eq!(chain.stapled(response.sign(chain.root.key())).run().map(drop), unknown);
    response.certificates = vec![chain.root.der().to_vec()];
    let why = RevocationEvidenceError::UnauthorizedResponder {
        responder: "CN=root".into(),
        reason: "was not issued by \"CN=ca\"".into(),
    };
    assert_eq!(chain.stapled(response.sign(chain.root.key())).run().map(drop), not_usable(why));
    // The leaf, which vouches for itself.
    let leaf_key = key();
    let mut params = leaf_params();
    params.serial_number = Some(SerialNumber::from(vec![LEAF_SERIAL]));
    let mut own = Chain::new();
    own.leaf = params.signed_by(&leaf_key, &own.intermediate).unwrap().der().clone();
    let mut response = own.response(GOOD);
    response.responder = by_name(&own.leaf);
    response.certificates = vec![own.leaf.to_vec()];
    let error = own.stapled(response.sign(&leaf_key)).run().unwrap_err();
    assert!(error.to_string().contains("without OCSPSigning"), "{error}");
}

#[test]
fn a_responder_that_the_issuer_has_authorised() {
    let chain = Chain::new();
    assert_eq!(chain.delegated(&chain.responder(|_| {})), Ok(()));
    let reason = |change: fn(&mut CertificateParams)| match chain
        .delegated(&chain.responder(change))
        .unwrap_err()
        .kind
    {
        CertificateErrorKind::UnusableRevocationEvidence(
            RevocationEvidenceError::UnauthorizedResponder { responder, reason },
        ) => {
            assert_eq!(responder, "CN=responder");
            reason
        }
        other => panic!("{other}"),
    };
    let without = "has an extended key usage without OCSPSigning";
    assert_eq!(reason(|it| it.extended_key_usages.clear()), without);
    // The right to use a key for any purpose is not the right to answer in the CA's place.
    assert_eq!(reason(|it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]), without);
    let expired = reason(|it| it.not_after = date_time_ymd(2026, 7, 1));
    assert!(expired.contains("expired on 2026-07-01"), "{expired}");
    let early = reason(|it| it.not_before = date_time_ymd(2026, 8, 1));
    assert!(early.contains("valid from 2026-08-01"), "{early}");
    let usage = reason(|it| it.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    assert!(usage.contains("digitalSignature"), "{usage}");
    let critical = reason(|it| {
        let mut unknown = CustomExtension::from_oid_content(&[2, 5, 29, 99], vec![5, 0]);
        unknown.set_criticality(true);
        it.custom_extensions = vec![unknown];
    });
    assert!(critical.contains("2.5.29.99"), "{critical}");
}

#[test]
fn a_responder_of_another_issuer_or_with_another_key() {
    let chain = Chain::new();
    // By an authority of the same name.
    let namesake = Chain::new();
    let result = chain.delegated(&namesake.responder(|_| {}));
    assert!(matches!(
        result.unwrap_err().kind,
        CertificateErrorKind::UnusableRevocationEvidence(
            RevocationEvidenceError::UnauthorizedResponder { .. }
        )
    ));
    // One level up: the issuer of the issuer did not delegate for it.
    let above = Chain { intermediate: root("root"), ..Chain::new() };
    assert!(chain.delegated(&above.responder(|_| {})).is_err());
    // The responder's certificate, and a signature of another key.
    let (_, der) = chain.responder(|_| {});
    let why = RevocationEvidenceError::BadSignature {
        evidence: RevocationEvidence::OcspResponse,
        signer: "CN=responder".into(),
    };
    assert_eq!(chain.delegated(&(key(), der)), not_usable(why));
}

#[test]
fn a_responder_that_is_itself_revoked() {
    // Without a good staple the CRL, which does not list the leaf, would clear it.
    let chain = Chain::with(must_staple);
    let result = |(key, der): (KeyPair, Vec<u8>)| {
        let mut response = chain.response(GOOD);
        response.responder = by_name(&CertificateDer::from(der.clone()));
        // Behind others: it is looked for.
        response.certificates = vec![chain.root.der().to_vec(), vec![0x30, 0], der];
        let mut check = chain.stapled(response.sign(&key));
        check.crls = vec![crl(&[0x52], &chain.intermediate)];
        check.run().map(drop)
    };
    let error = result(chain.responder(|_| {})).unwrap_err();
    assert!(error.to_string().contains("is not authorized: it was revoked on"), "{error}");
    let other = |it: &mut CertificateParams| it.serial_number = Some(SerialNumber::from(vec![7]));
    assert_eq!(result(chain.responder(other)), Ok(()));
    // The authority said that no check is needed.
    let no_check = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 5], vec![5, 0]);
    assert_eq!(result(chain.responder(|it| it.custom_extensions = vec![no_check])), Ok(()));
}

fn must_staple(leaf: &mut CertificateParams) {
    let oid = [1, 3, 6, 1, 5, 5, 7, 1, 24];
    leaf.custom_extensions = vec![CustomExtension::from_oid_content(&oid, vec![0x30, 3, 2, 1, 5])];
}

#[test]
fn a_certificate_that_demands_a_staple_needs_a_good_one() {
    let chain = Chain::with(must_staple);
    let response = |status: &[u8]| Some(chain.response(status).sign(chain.intermediate.key()));
    let mut check = chain.check(Vec::new());
    // There was no request for one.
    assert!(check.run().is_ok());
    check.staple = Some(None);
    assert_eq!(check.run().map(drop), unknown(UnknownRevocationStatus::NoStapledResponse));
    let kind = check.run().unwrap_err().kind;
    assert_eq!(kind.remedy().as_deref(), Some("enable OCSP stapling at the server"));
    // A CRL is no substitute, but if it says that the certificate is revoked, this is the error.
    check.crls = vec![crl(&[], &chain.intermediate)];
    assert_eq!(check.run().map(drop), unknown(UnknownRevocationStatus::NoStapledResponse));
    check.staple = Some(response(UNKNOWN));
    assert_eq!(check.run().map(drop), unknown(UnknownRevocationStatus::UnknownToResponder));
    check.staple = Some(response(GOOD));
    assert!(check.run().is_ok());
    check.staple = Some(None);
    check.crls = vec![crl(&[LEAF_SERIAL], &chain.intermediate)];
    assert_eq!(check.run().unwrap_err(), revoked("CN=leaf", "4c"));
    check.crls.clear();
    check.policy.mode = RevocationMode::Off;
    assert!(check.run().is_ok());
    check.policy.mode = RevocationMode::IfPresent;
    check.purpose = Purpose::Any;
    assert!(check.run().is_ok());
    // Other features demand nothing of this side, and malformed ones may demand a staple.
    for (value, demands) in [(&[0x30, 3, 2, 1, 17][..], false), (&[5, 0], true)] {
        let chain = Chain::with(|leaf| {
            must_staple(leaf);
            let oid = [1, 3, 6, 1, 5, 5, 7, 1, 24];
            leaf.custom_extensions = vec![CustomExtension::from_oid_content(&oid, value.to_vec())];
        });
        let mut check = chain.check(Vec::new());
        check.staple = Some(None);
        assert_eq!(check.run().is_err(), demands);
    }
}

#[test]
fn a_bad_staple_does_no_harm_where_a_crl_clears() {
    let chain = Chain::new();
    let mut check = chain.stapled(b"garbage".to_vec());
    assert!(is_malformed(&check.run().map(drop)));
    check.crls = vec![crl(&[], &chain.intermediate)];
    assert!(check.run().is_ok());
}

#[test]
fn a_responder_that_gave_no_answer() {
    let chain = Chain::new();
    for status in [1, 2, 3, 5, 6, 99] {
        let response = der::wrap(der::SEQUENCE, &[der::ENUMERATED, 1, status]);
        let result = chain.stapled(response).run().map(drop);
        assert_eq!(result, not_usable(RevocationEvidenceError::Unsuccessful(status)));
    }
    let error = RevocationEvidenceError::Unsuccessful(3).to_string();
    assert_eq!(error, "the OCSP responder answered with an error: tryLater");
    let nothing = der::wrap(der::SEQUENCE, &[der::ENUMERATED, 1, 0]);
    assert!(is_malformed(&chain.stapled(nothing).run().map(drop)));
}

#[test]
fn critical_extensions_are_refused_and_nonces_ignored() {
    let chain = Chain::new();
    let why = not_usable(RevocationEvidenceError::UnknownCriticalExtension("2.5.29.99".into()));
    for (critical, expected) in [(true, why), (false, Ok(()))] {
        let unknown = extension(99, critical, &[5, 0]);
        let mut response = chain.response(GOOD);
        response.extensions = vec![extension(98, false, &[4, 1, 7]), unknown.clone()];
        assert_eq!(chain.result_of(&response), expected);
        let mut response = chain.response(GOOD);
        response.singles[0].extensions = vec![unknown];
        assert_eq!(chain.result_of(&response), expected);
    }
}

#[test]
fn what_does_not_parse() {
    let chain = Chain::new();
    let changed = |change: fn(&mut Response)| {
        let mut response = chain.response(GOOD);
        change(&mut response);
        chain.result_of(&response)
    };
    assert_eq!(changed(|it| it.version = vec![0xa0, 3, 2, 1, 0]), Ok(()));
    for change in [
        (|it| it.version = vec![0xa0, 3, 2, 1, 1]) as fn(&mut Response),
        |it| it.kind = &[6, 1, 0x2a],
        |it| it.status = vec![der::ENUMERATED, 2, 0, 0],
        |it| it.responder = vec![0xa3, 0],
        |it| it.responder = vec![0xa2, 2, 5, 0],
        |it| it.produced_at = b"\x17\x0d260715000000Z".to_vec(),
        |it| it.ends[0] = vec![5, 0],
        |it| it.ends[1] = vec![5, 0],
        |it| it.ends[2] = vec![5, 0],
        |it| it.extensions = vec![vec![5, 0]],
        |it| it.singles[0].extensions = vec![vec![5, 0]],
        |it| it.singles[0].next_update = Some(vec![5, 0]),
        |it| it.singles[0].this_update = vec![5, 0],
    ] {
        let result = changed(change);
        assert!(is_malformed(&result), "{result:?}");
    }
}

#[test]
fn no_truncated_and_no_flipped_response_counts() {
    let chain = Chain::new();
    let responder = chain.responder(|_| {});
    let mut response = chain.response(GOOD);
    response.singles[0].extensions = vec![extension(99, false, &[5, 0])];
    let own = response.sign(chain.intermediate.key());
    response.responder = by_key(&CertificateDer::from(responder.1.clone()));
    response.certificates = vec![responder.1];
    response.version = vec![0xa0, 3, 2, 1, 0];
    for response in [own, response.sign(&responder.0)] {
        let mut check = chain.stapled(response.clone());
        let mut accepts = |bytes: Vec<u8>| {
            check.staple = Some(Some(bytes));
            check.run().is_ok()
        };
        assert!(accepts(response.clone()));
        for length in 0..response.len() {
            assert!(!accepts(response[..length].to_vec()), "{length}");
        }
        assert!(!accepts([&response[..], &[0]].concat()));
        for bit in (0..response.len() * 8).step_by(3) {
            let mut flipped = response.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!accepts(flipped), "bit {bit}");
        }
    }
}
