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
    match Check::new(&leaf, &intermediates, &[root.der()]).run() {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.problem.rule(), Some(Rule::Policies), "{error}");
            assert_eq!(error.certificate, "CN=leaf");
            false
        }
    }
}

fn policies(policies: &'static [u8]) -> Says {
    Says { policies, ..NOTHING }
}

#[test]
fn nobody_who_is_not_asked_needs_a_policy() {
    assert!(accepted(&[NOTHING, NOTHING]));
    assert!(accepted(&[policies(&[1]), policies(&[2])]));
    assert!(accepted(&[policies(&[1]), NOTHING]));
    // Nobody below is asked either, if the count is not used up.
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
        assert!(matches!(error.problem, Problem::Malformed(_)), "{error}");
    }
}
