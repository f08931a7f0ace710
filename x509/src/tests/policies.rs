//! Policies along a path (RFC 5280, section 6.1).

use rcgen::CustomExtension;

use super::*;

/// A certificate's say on policies, each policy one octet below 1.2.
#[derive(Clone, Copy, Default)]
struct Says {
    /// 0 stands for anyPolicy.
    policies: &'static [u8],
    mappings: &'static [(u8, u8)],
    require_explicit: Option<u8>,
    inhibit_mapping: Option<u8>,
    inhibit_any: Option<u8>,
    /// Issued by a CA of the same name.
    self_issued: bool,
}

const NOTHING: Says = Says {
    policies: &[],
    mappings: &[],
    require_explicit: None,
    inhibit_mapping: None,
    inhibit_any: None,
    self_issued: false,
};

fn policy(number: u8) -> Vec<u8> {
    match number {
        0 => der::wrap(der::OBJECT_IDENTIFIER, &[0x55, 0x1d, 0x20, 0x00]),
        number => der::wrap(der::OBJECT_IDENTIFIER, &[0x2a, number]),
    }
}

fn extensions(says: Says) -> Vec<CustomExtension> {
    let sequence = |contents: Vec<u8>| der::wrap(der::SEQUENCE, &contents);
    let policies = says.policies.iter().flat_map(|it| sequence(policy(*it))).collect();
    let mappings =
        says.mappings.iter().flat_map(|(a, b)| sequence([policy(*a), policy(*b)].concat()));
    let count = |tag, count: Option<u8>| count.map(|count| der::wrap(tag, &[count]));
    let constraints = [
        count(der::primitive(0), says.require_explicit),
        count(der::primitive(1), says.inhibit_mapping),
    ];
    let constraints: Vec<u8> = constraints.into_iter().flatten().flatten().collect();
    let inhibit_any = count(der::INTEGER, says.inhibit_any);
    [
        (32, (!says.policies.is_empty()).then(|| sequence(policies))),
        (33, (!says.mappings.is_empty()).then(|| sequence(mappings.collect()))),
        (36, (!constraints.is_empty()).then(|| sequence(constraints))),
        (54, inhibit_any),
    ]
    .into_iter()
    .filter_map(|(number, content)| {
        let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, number], content?);
        extension.set_criticality(true);
        Some(extension)
    })
    .collect()
}

/// Whether a path whose CAs say this, from the upper to the lower, and whose leaf says the last, is
/// accepted.
fn accepted(path: &[Says]) -> bool {
    accepted_with(path, InitialPolicies::default())
}

/// As [`accepted`], for a user who wants this.
fn accepted_with(path: &[Says], initial: InitialPolicies<'_>) -> bool {
    let root = root("root");
    let (leaf, authorities) = path.split_last().unwrap();
    let mut chain: Vec<Authority> = Vec::new();
    let mut subject = "root".to_owned();
    for (number, says) in authorities.iter().enumerate() {
        if !says.self_issued {
            subject = format!("ca {number}");
        }
        let mut params = authority_params(&subject);
        params.custom_extensions = extensions(*says);
        let issuer = chain.last().unwrap_or(&root);
        chain.push(Authority::signed_by(params, key(), issuer).unwrap());
    }
    let mut params = leaf_params();
    params.custom_extensions = extensions(*leaf);
    let leaf = issue(&params, chain.last().unwrap_or(&root));
    let intermediates: Vec<_> = chain.iter().map(|it| it.der()).collect();
    let mut check = Check::new(&leaf, &intermediates, &[root.der()]);
    check.policies = Policies {
        user_policy_set: initial.user_policy_set.map(<[_]>::to_vec),
        initial: InitialPolicies {
            user_policy_set: None,
            explicit_policy: initial.explicit_policy,
            policy_mapping_inhibit: initial.policy_mapping_inhibit,
            any_policy_inhibit: initial.any_policy_inhibit,
        },
    };
    match check.run() {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind.rule(), Some(Rule::Policies), "{error}");
            assert_eq!(error.certificate, "CN=leaf");
            false
        }
    }
}

/// Whether a path is accepted for a user who accepts these policies only: without and with the user's
/// own demand for an explicit policy.
fn accepted_by(path: &[Says], user: &[u8]) -> [bool; 2] {
    let user: Vec<_> =
        user.iter().map(|number| PolicyIdentifier::from_der(&policy(*number)).unwrap()).collect();
    [false, true].map(|explicit_policy| {
        let user_policy_set = Some(&user[..]);
        let initial = InitialPolicies { user_policy_set, explicit_policy, ..Default::default() };
        accepted_with(path, initial)
    })
}

fn policies(policies: &'static [u8]) -> Says {
    Says { policies, ..NOTHING }
}

#[test]
fn a_policy_is_needed_only_if_one_is_required() {
    assert!(accepted(&[NOTHING, NOTHING]));
    assert!(accepted(&[policies(&[1]), policies(&[2])]));
    assert!(accepted(&[policies(&[1]), NOTHING]));
    // Neither is one needed below, if the count is not used up.
    let late = Says { require_explicit: Some(2), ..policies(&[1]) };
    assert!(accepted(&[late, NOTHING]));
}

#[test]
fn a_policy_that_is_required_holds_along_the_whole_path() {
    let required = |policies| Says { policies, require_explicit: Some(0), ..NOTHING };
    for (path, ok) in [
        (&[required(&[1]), policies(&[1])][..], true),
        (&[required(&[1, 2]), policies(&[2, 3])], true),
        (&[required(&[1]), policies(&[2])], false),
        (&[required(&[1]), NOTHING], false),
        (&[required(&[]), policies(&[1])], false),
        (&[policies(&[1]), required(&[1]), policies(&[1])], true),
        (&[policies(&[1]), required(&[2]), policies(&[2])], false),
        (&[NOTHING, required(&[1])], false),
        // The leaf itself may ask.
        (&[policies(&[1]), required(&[1])], true),
        (&[policies(&[1]), required(&[2])], false),
        // The count is used up by the time.
        (&[Says { require_explicit: Some(1), ..NOTHING }, NOTHING], false),
    ] {
        assert_eq!(accepted(path), ok, "{}", path.len());
    }
}

#[test]
fn any_policy_stands_for_all_until_it_is_inhibited() {
    let required = |policies| Says { policies, require_explicit: Some(0), ..NOTHING };
    let inhibiting = |policies, count| Says { inhibit_any: Some(count), ..required(policies) };
    for (path, ok) in [
        (&[required(&[0]), policies(&[7])][..], true),
        (&[required(&[1]), policies(&[0])], true),
        (&[required(&[0]), policies(&[0])], true),
        (&[required(&[0]), NOTHING], false),
        (&[inhibiting(&[1], 0), policies(&[0])], false),
        (&[inhibiting(&[1], 0), policies(&[1])], true),
        (&[inhibiting(&[0], 0), policies(&[1])], true),
        (&[inhibiting(&[1], 1), policies(&[0]), policies(&[1])], true),
        (&[inhibiting(&[1], 1), policies(&[0]), policies(&[0])], false),
        // A self-issued one may have it all the same, and uses nothing up.
        (
            &[inhibiting(&[1], 0), Says { self_issued: true, ..policies(&[0]) }, policies(&[1])],
            true,
        ),
    ] {
        assert_eq!(accepted(path), ok, "{}", path.len());
    }
}

#[test]
fn mappings() {
    let mapping =
        |policies, mappings| Says { policies, mappings, require_explicit: Some(0), ..NOTHING };
    let stop = Says { inhibit_mapping: Some(0), ..policies(&[1]) };
    for (path, ok) in [
        (&[mapping(&[1], &[(1, 2)]), policies(&[2])][..], true),
        (&[mapping(&[1], &[(1, 2)]), policies(&[1])], false),
        (&[mapping(&[1], &[(1, 2), (1, 3)]), policies(&[3])], true),
        (&[mapping(&[1], &[(4, 2)]), policies(&[2])], false),
        (&[mapping(&[0], &[(4, 2)]), policies(&[2])], true),
        (&[mapping(&[1, 2], &[(1, 2), (2, 1)]), policies(&[1])], true),
        (&[stop, mapping(&[1], &[(1, 2)]), policies(&[2])], false),
        (&[stop, mapping(&[1, 2], &[(1, 3)]), policies(&[2])], false),
        // To and from anyPolicy is never allowed.
        (&[mapping(&[1], &[(1, 0)]), policies(&[1])], false),
        (&[mapping(&[0], &[(0, 1)]), policies(&[1])], false),
    ] {
        assert_eq!(accepted(path), ok, "{}", path.len());
    }
}

#[test]
fn policies_that_do_not_parse_or_are_too_many() {
    let many = der::wrap(der::SEQUENCE, &der::wrap(der::SEQUENCE, &policy(1)).repeat(257));
    for (number, content) in [
        (32, vec![0x30, 0x00]),
        (32, vec![0x30, 0x02, 0x30, 0x00]),
        (32, many),
        (33, vec![0x30, 0x02, 0x30, 0x00]),
        (36, vec![0x30, 0x03, 0x80, 0x01, 0xff]),
        (36, vec![0x30, 0x03, 0x82, 0x01, 0x01]),
        (54, vec![0x02, 0x00]),
        (54, vec![0x02, 0x01, 0x80]),
    ] {
        let mut leaf = leaf_params();
        leaf.custom_extensions =
            vec![CustomExtension::from_oid_content(&[2, 5, 29, number], content)];
        let error = chain(&leaf, authority_params("a")).run().unwrap_err();
        assert!(matches!(error.kind, CertificateErrorKind::Malformed(_)), "{error}");
    }
}

#[test]
fn a_user_may_want_a_policy() {
    let explicit = InitialPolicies { explicit_policy: true, ..InitialPolicies::default() };
    for (path, ok) in [
        (&[NOTHING, NOTHING][..], false),
        (&[policies(&[1]), policies(&[1])], true),
        (&[policies(&[1]), policies(&[2])], false),
        (&[policies(&[0]), policies(&[2])], true),
        (&[NOTHING, policies(&[1])], false),
        (&[policies(&[1])], true),
        (&[NOTHING], false),
    ] {
        assert_eq!(accepted_with(path, explicit), ok, "{}", path.len());
        assert!(accepted(path));
    }
}

#[test]
fn a_user_may_accept_some_policies_only() {
    let required = |policies| Says { policies, require_explicit: Some(0), ..NOTHING };
    for (path, user, ok) in [
        (&[required(&[1]), policies(&[1])][..], &[1][..], true),
        (&[required(&[1]), policies(&[1])], &[2], false),
        (&[required(&[1, 2]), policies(&[1, 2])], &[2, 3], true),
        (&[required(&[1, 2]), policies(&[1])], &[2], false),
        (&[required(&[0]), policies(&[1])], &[1], true),
        (&[required(&[0]), policies(&[1])], &[2], false),
        (&[required(&[0]), policies(&[0])], &[2], true),
        (&[required(&[1]), policies(&[0])], &[1], true),
        (&[required(&[1]), policies(&[0])], &[2], false),
        (&[required(&[1]), policies(&[1])], &[], false),
        (&[required(&[0]), policies(&[0])], &[], false),
    ] {
        assert_eq!(accepted_by(path, user), [ok; 2], "{} {user:?}", path.len());
    }
    // Where no one needs a policy, it does not matter which there is.
    assert_eq!(accepted_by(&[policies(&[1]), policies(&[1])], &[2]), [true, false]);
    assert_eq!(accepted_by(&[NOTHING, NOTHING], &[2]), [true, false]);
}

#[test]
fn a_policy_that_was_mapped_is_accepted_by_the_name_that_it_had_first() {
    let mapping =
        |policies, mappings| Says { policies, mappings, require_explicit: Some(0), ..NOTHING };
    let middle = |policies, mappings| Says { policies, mappings, ..NOTHING };
    for (path, user, ok) in [
        (&[mapping(&[1], &[(1, 2)]), policies(&[2])][..], &[1][..], true),
        (&[mapping(&[1], &[(1, 2)]), policies(&[2])], &[2], false),
        (&[mapping(&[1], &[(1, 2)]), middle(&[2], &[(2, 3)]), policies(&[3])], &[1], true),
        (&[mapping(&[1], &[(1, 2)]), middle(&[2], &[(2, 3)]), policies(&[3])], &[3], false),
        (&[mapping(&[1, 4], &[(1, 2), (4, 2)]), policies(&[2])], &[4], true),
        // From anyPolicy: what is mapped is a policy of the first name.
        (&[mapping(&[0], &[(1, 2)]), policies(&[2])], &[1], true),
        (&[mapping(&[0], &[(1, 2)]), policies(&[2])], &[2], false),
        // The other one goes on as itself.
        (&[mapping(&[1, 3], &[(1, 2)]), policies(&[3])], &[3], true),
    ] {
        assert_eq!(accepted_by(path, user), [ok; 2], "{} {user:?}", path.len());
    }
}

#[test]
fn a_user_may_inhibit_mappings_and_any_policy() {
    let mapping = |policies, mappings| Says { policies, mappings, ..NOTHING };
    let explicit = InitialPolicies { explicit_policy: true, ..InitialPolicies::default() };
    let no_mapping = InitialPolicies { policy_mapping_inhibit: true, ..explicit };
    let no_any = InitialPolicies { any_policy_inhibit: true, ..explicit };
    let mapped = [mapping(&[1], &[(1, 2)]), policies(&[2])];
    assert!(accepted_with(&mapped, explicit) && !accepted_with(&mapped, no_mapping));
    let any = [policies(&[0]), policies(&[1])];
    assert!(accepted_with(&any, explicit) && !accepted_with(&any, no_any));
    // A self-issued intermediate may have it all the same.
    let renewed = [policies(&[1]), Says { self_issued: true, ..policies(&[0]) }, policies(&[1])];
    assert!(accepted_with(&renewed, no_any));
}

#[test]
fn identifiers_of_policies_are_read_as_they_are_written() {
    for (text, contents) in [
        ("1.2", &[0x2a][..]),
        ("2.5.29.32.0", &[0x55, 0x1d, 0x20, 0x00]),
        ("2.23.140.1.2.1", &[0x67, 0x81, 0x0c, 0x01, 0x02, 0x01]),
        ("2.999", &[0x88, 0x37]),
        ("1.3.6.1.4.1.44947.1.1.1", &[0x2b, 6, 1, 4, 1, 0x82, 0xdf, 0x13, 1, 1, 1]),
        ("0.0.0", &[0, 0]),
    ] {
        let der = der::wrap(der::OBJECT_IDENTIFIER, contents);
        let parsed: PolicyIdentifier = text.parse().unwrap();
        assert_eq!(PolicyIdentifier::from_der(&der), Ok(parsed.clone()), "{text}");
        assert_eq!(parsed.to_string(), text);
    }
    for text in ["", "1", "1.", ".1", "3.1", "1.40", "1.2.03", "1.2.-3", "1.2.a", "1.2.+3"] {
        assert_eq!(text.parse::<PolicyIdentifier>(), Err(InvalidPolicyIdentifier), "{text}");
    }
    for text in ["2.18446744073709551615", "1.2.18446744073709551616"] {
        assert!(text.parse::<PolicyIdentifier>().is_err(), "{text}");
    }
    assert!("1.2.18446744073709551615".parse::<PolicyIdentifier>().is_ok());
    assert!(PolicyIdentifier::from_der(&[6, 2, 0x80, 1]).is_err());
}
