//! The validation for requests of the default profile without evidence of revocation.

use super::*;
use crate::verify_end_entity_by_default;

fn code(check: &Check) -> &'static str {
    let result = check.ask(&algorithms::all(), |it| verify_end_entity_by_default(it).map(drop));
    result.map_or_else(|error| error.kind.code(), |()| "accepted")
}

#[test]
fn a_request_for_more_is_refused() {
    let request = || chain(&leaf_params(), authority_params("a"));
    assert_eq!(code(&request()), "accepted");
    let changes: [fn(&mut Check); 4] = [
        |check| check.profile = Profile::Strict,
        |check| check.policy.mode = RevocationMode::Require,
        |check| check.staple = Some(None),
        |check| check.staple = Some(Some(Vec::new())),
    ];
    for change in changes {
        let mut check = request();
        change(&mut check);
        assert_eq!(code(&check), "rejected");
    }
}

#[test]
fn evidence_that_does_not_count_is_no_request() {
    let mut check = chain(&leaf_params(), authority_params("a"));
    check.staple = Some(None);
    check.policy.mode = RevocationMode::Off;
    assert_eq!(code(&check), "accepted");
}

#[test]
fn the_rules_of_every_path_are_checked() {
    let mut check = chain(&leaf_params(), authority_params("a"));
    check.name = Some("other.example");
    assert_eq!(code(&check), "name-mismatch");
    check.intermediates.clear();
    assert_eq!(code(&check), "unknown-issuer");
}
