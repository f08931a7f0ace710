//! What was tried, and why it failed.

use super::*;

fn summary(explanation: &Explanation) -> Vec<(usize, Place, &str, String)> {
    let outcome = |attempt: &Attempt| match &attempt.outcome {
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::NoPath => "no path over it".to_owned(),
        Outcome::Failed(error) => format!("{} {}", error.certificate, error.kind.code()),
    };
    let attempts = explanation.attempts.iter();
    attempts.map(|it| (it.depth, it.place, it.subject.as_str(), outcome(it))).collect()
}

#[test]
fn a_path_that_was_found() {
    let check = chain(&leaf_params(), authority_params("a"));
    let explanation = check.explain();
    assert_eq!(explanation.result.as_ref().unwrap().subjects(), check.subjects());
    assert_eq!(
        summary(&explanation),
        [
            (0, Place::EndEntity, "CN=leaf", "accepted".to_owned()),
            (1, Place::Intermediate(1), "CN=a", "accepted".to_owned()),
            (2, Place::Anchor, "CN=root", "accepted".to_owned()),
        ]
    );
    assert_eq!(explanation.omitted, 0);
    assert_eq!(
        explanation.to_string(),
        "\"CN=leaf\" (end-entity certificate): accepted\n  \"CN=a\" (intermediate 1): accepted\n    \
         \"CN=root\" (trust anchor): accepted\naccepted: CN=leaf <- CN=a <- CN=root"
    );
}

#[test]
fn every_candidate_that_failed() {
    let root = root("root");
    let namesake = super::root("root");
    let shared = key();
    let params = authority_params("a");
    let mut expired = params.clone();
    expired.not_after = date_time_ymd(2026, 2, 1);
    let expired = expired.signed_by(&shared, &root).unwrap();
    let lost = params.signed_by(&shared, &super::root("stranger")).unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &shared);
    let leaf = leaf_params().signed_by(&key(), &issuer).unwrap();
    let broken = CertificateDer::from(vec![0x30, 0x00]);
    let bag = [&broken, lost.der(), expired.der()];
    let check = Check::new(leaf.der(), &bag, &[namesake.der(), root.der()]);
    let explanation = check.explain();
    assert_eq!(explanation.result.as_ref().unwrap_err(), &check.run().unwrap_err());
    assert_eq!(
        summary(&explanation),
        [
            (0, Place::EndEntity, "CN=leaf", "CN=a expired".to_owned()),
            (1, Place::Intermediate(1), "intermediate 1", "intermediate 1 malformed".to_owned()),
            (1, Place::Intermediate(2), "CN=a", "CN=a unknown-issuer".to_owned()),
            (1, Place::Intermediate(3), "CN=a", "no path over it".to_owned()),
            (2, Place::Anchor, "CN=root", "CN=a bad-signature".to_owned()),
            (2, Place::Anchor, "CN=root", "CN=a expired".to_owned()),
        ]
    );
}

#[test]
fn what_is_wrong_with_the_end_entity_alone() {
    let mut check = chain(&leaf_params(), authority_params("a"));
    check.name = Some("example.org");
    let explanation = check.explain();
    let outcomes: Vec<_> = summary(&explanation).into_iter().map(|(.., outcome)| outcome).collect();
    assert_eq!(outcomes, ["CN=leaf name-mismatch", "accepted", "accepted"]);
    check.end_entity = CertificateDer::from(vec![0x30, 0x00]);
    let explanation = check.explain();
    let malformed = "end entity malformed".to_owned();
    assert_eq!(summary(&explanation), [(0, Place::EndEntity, "end entity", malformed)]);
}

#[test]
fn a_namesake_is_not_blamed_where_the_issuer_is_there() {
    let root = root("root");
    let namesake = intermediate("a", &root);
    let issuer = intermediate("a", &super::root("stranger"));
    let leaf = issue(&leaf_params(), &issuer);
    for bag in [[namesake.der(), issuer.der()], [issuer.der(), namesake.der()]] {
        let error = Check::new(&leaf, &bag, &[root.der()]).run().unwrap_err();
        assert_eq!(
            error,
            super::error("CN=a", CertificateErrorKind::UnknownIssuer("CN=stranger".to_owned()))
        );
    }
    let error = Check::new(&leaf, &[namesake.der()], &[root.der()]).run().unwrap_err();
    assert_eq!(error.kind.code(), "bad-signature");
}

#[test]
fn the_attempts_of_a_hostile_set_are_listed_in_part() {
    let (_, bag, leaf) = mesh();
    let bag: Vec<_> = bag.iter().collect();
    let check = Check::new(&leaf, &bag, &[root("root").der()]);
    let explanation = check.explain();
    assert!(explanation.result.is_err());
    assert_eq!(explanation.attempts.len(), 256);
    assert!(explanation.omitted > 0);
}
