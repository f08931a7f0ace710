//! Name constraints (RFC 5280, section 4.2.1.10): which names a CA may issue for.
//!
//! DNS names and IP addresses are supported, as private CAs use them. A constraint of any other
//! kind cannot be honoured, so that decoding fails and the path with it.

use super::der;
use super::name::SubjectName;

pub(super) struct NameConstraints<'a> {
    permitted: Vec<Subtree<'a>>,
    excluded: Vec<Subtree<'a>>,
}

enum Subtree<'a> {
    Dns(&'a str),
    Ip { address: &'a [u8], mask: &'a [u8] },
}

impl<'a> NameConstraints<'a> {
    /// From the contents of the NameConstraints. `None` for what is malformed or not supported.
    pub(super) fn decode(contents: &'a [u8]) -> Option<Self> {
        const PERMITTED: u8 = der::constructed(0);
        const EXCLUDED: u8 = der::constructed(1);
        let sides = der::elements(contents)?;
        // An empty constraint is not allowed, and nobody can tell what its author meant.
        let (permitted, excluded) = match sides.as_slice() {
            [side] if side.tag == PERMITTED => (decode_subtrees(side.contents)?, Vec::new()),
            [side] if side.tag == EXCLUDED => (Vec::new(), decode_subtrees(side.contents)?),
            [first, second] if first.tag == PERMITTED && second.tag == EXCLUDED => {
                (decode_subtrees(first.contents)?, decode_subtrees(second.contents)?)
            }
            _ => return None,
        };
        Some(Self { permitted, excluded })
    }

    /// How many comparisons one name costs.
    pub(super) fn len(&self) -> usize {
        self.permitted.len().saturating_add(self.excluded.len())
    }

    /// Whether a certificate with this name may be issued.
    pub(super) fn allow(&self, name: &SubjectName) -> bool {
        match name {
            // A name of a kind that nothing constrains is free.
            SubjectName::Other | SubjectName::Email(_) => true,
            SubjectName::Undecodable => false,
            SubjectName::Dns(_) | SubjectName::Ip(_) => {
                let mut of_kind =
                    self.permitted.iter().filter_map(|it| it.contains(name)).peekable();
                let permitted = of_kind.peek().is_none() || of_kind.any(|within| within);
                permitted && !self.excluded.iter().any(|it| it.touches(name))
            }
        }
    }
}

/// `GeneralSubtrees ::= SEQUENCE SIZE (1..MAX) OF GeneralSubtree`, from its contents.
fn decode_subtrees<'a>(contents: &'a [u8]) -> Option<Vec<Subtree<'a>>> {
    let decode = |subtree: &der::Element<'a>| {
        // The minimum is always 0, and so left out in DER; the maximum is never used.
        let [base] = der::elements(subtree.contents)?.try_into().ok()?;
        Subtree::decode(base).filter(|_| subtree.tag == der::SEQUENCE)
    };
    let subtrees = der::elements(contents)?;
    if subtrees.is_empty() { None } else { subtrees.iter().map(decode).collect() }
}

impl<'a> Subtree<'a> {
    fn decode(name: der::Element<'a>) -> Option<Self> {
        const DNS: u8 = der::primitive(2);
        const IP: u8 = der::primitive(7);
        match name.tag {
            DNS => {
                let name = core::str::from_utf8(name.contents).ok()?;
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
                // An empty label would make a tree that excludes nothing.
                let labels = name.strip_prefix('.').unwrap_or(name);
                let whole = name.is_empty() || labels.split('.').all(|label| !label.is_empty());
                (whole && name.bytes().all(plain)).then_some(Self::Dns(name))
            }
            IP if matches!(name.contents.len(), 8 | 32) => {
                let (address, mask) = name.contents.split_at_checked(name.contents.len() / 2)?;
                // Ones and then zeros, as in CIDR.
                let bits = mask.iter().fold(0, |bits: u128, &byte| (bits << 8) | u128::from(byte));
                let bits = if mask.len() == 4 { bits << 96 } else { bits };
                (bits.leading_ones() == bits.count_ones()).then_some(Self::Ip { address, mask })
            }
            _ => None,
        }
    }

    /// Whether everything that `name` stands for is within this tree; `None` if it is for names of
    /// another kind.
    fn contains(&self, name: &SubjectName) -> Option<bool> {
        match (self, name) {
            (Self::Dns(tree), SubjectName::Dns(name)) => Some(dns_contains(tree, name)),
            (Self::Ip { address, mask }, SubjectName::Ip(name)) => {
                let masked = |bytes: &[u8]| -> Vec<u8> {
                    bytes.iter().zip(*mask).map(|(byte, mask)| byte & mask).collect()
                };
                Some(name.len() == address.len() && masked(name) == masked(address))
            }
            _ => None,
        }
    }

    /// Whether something that `name` stands for is within this tree. For a wildcard that is more
    /// than [`Self::contains`]: `*.example.com` also stands for `secret.example.com`.
    fn touches(&self, name: &SubjectName) -> bool {
        if let (Self::Dns(tree), SubjectName::Dns(name)) = (self, name) {
            let sibling = name.strip_prefix("*.").zip(tree.split_once('.'));
            if sibling.is_some_and(|(parent, (label, tree_parent))| {
                !label.is_empty() && parent.eq_ignore_ascii_case(tree_parent)
            }) {
                return true;
            }
        }
        self.contains(name) == Some(true)
    }
}

/// Whether `name` is `tree`, or `tree` with labels before it. A tree that starts with a dot is
/// not in the RFC for DNS names, but in use: it leaves out the name itself.
fn dns_contains(tree: &str, name: &str) -> bool {
    let split = name.len().checked_sub(tree.len());
    let Some((before, end)) = split.and_then(|split| name.split_at_checked(split)) else {
        return false;
    };
    let at_a_label = match tree.as_bytes() {
        [] => true,
        [b'.', ..] => !before.is_empty(),
        _ => before.is_empty() || before.ends_with('.'),
    };
    at_a_label && end.eq_ignore_ascii_case(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Vec<u8> {
        let side = |number, names: &[Vec<u8>]| {
            let trees: Vec<u8> =
                names.iter().flat_map(|name| der::wrap(der::SEQUENCE, name)).collect();
            if names.is_empty() { Vec::new() } else { der::wrap(der::constructed(number), &trees) }
        };
        [side(0, permitted), side(1, excluded)].concat()
    }

    fn dns(name: &str) -> Vec<u8> {
        der::wrap(der::primitive(2), name.as_bytes())
    }

    fn ip(bytes: &[u8]) -> Vec<u8> {
        der::wrap(der::primitive(7), bytes)
    }

    fn allows(contents: &[u8], name: &str) -> bool {
        let name = match name.parse() {
            Ok(std::net::IpAddr::V4(address)) => SubjectName::Ip(address.octets().to_vec()),
            Ok(std::net::IpAddr::V6(address)) => SubjectName::Ip(address.octets().to_vec()),
            Err(_) => SubjectName::Dns(name.to_owned()),
        };
        NameConstraints::decode(contents).unwrap().allow(&name)
    }

    #[test]
    fn permitted_dns_names() {
        let contents = constraints(&[dns("example.com"), dns(".sub.example.org")], &[]);
        for (name, allowed) in [
            ("example.com", true),
            ("EXAMPLE.com", true),
            ("a.b.example.com", true),
            ("*.example.com", true),
            ("badexample.com", false),
            ("example.org", false),
            ("*.org", false),
            ("com", false),
            ("", false),
            ("sub.example.org", false),
            ("a.sub.example.org", true),
            ("*.sub.example.org", true),
            ("*.example.org", false),
            // The other kind is not constrained.
            ("192.0.2.1", true),
        ] {
            assert_eq!(allows(&contents, name), allowed, "{name}");
        }
        assert!(allows(&constraints(&[dns("")], &[]), "example.com"));
    }

    #[test]
    fn excluded_dns_names_and_the_wildcards_that_cover_them() {
        let contents = constraints(&[], &[dns("secret.example.com")]);
        for (name, allowed) in [
            ("example.com", true),
            ("www.example.com", true),
            ("secret.example.com", false),
            ("a.SECRET.example.com", false),
            ("*.secret.example.com", false),
            ("*.example.com", false),
            ("*.example.org", true),
        ] {
            assert_eq!(allows(&contents, name), allowed, "{name}");
        }
        assert!(!allows(&constraints(&[], &[dns("")]), "example.com"));
        let both = constraints(&[dns("example.com")], &[dns("secret.example.com")]);
        assert!(allows(&both, "www.example.com"));
        assert!(!allows(&both, "secret.example.com"));
        assert!(!allows(&both, "example.org"));
    }

    #[test]
    fn ip_addresses() {
        let contents = constraints(&[ip(&[10, 1, 0, 0, 255, 255, 0, 0])], &[]);
        assert!(allows(&contents, "10.1.2.3"));
        assert!(!allows(&contents, "10.2.2.3"));
        // The same kind of name, and not permitted.
        assert!(!allows(&contents, "2001:db8::1"));
        assert!(allows(&contents, "example.com"));
        let contents = constraints(&[], &[ip(&[10, 1, 2, 128, 255, 255, 255, 128])]);
        assert!(allows(&contents, "10.1.2.127"));
        assert!(!allows(&contents, "10.1.2.129"));
        let everything = constraints(&[], &[ip(&[0; 8]), ip(&[0; 32])]);
        assert!(!allows(&everything, "10.1.2.3"));
        assert!(!allows(&everything, "2001:db8::1"));
    }

    #[test]
    fn names_that_nobody_understands() {
        let contents = constraints(&[dns("example.com")], &[]);
        let decoded = NameConstraints::decode(&contents).unwrap();
        assert!(!decoded.allow(&SubjectName::Undecodable));
        assert!(decoded.allow(&SubjectName::Ip(Vec::new())));
        let ip_only = constraints(&[ip(&[0; 8])], &[]);
        let decoded = NameConstraints::decode(&ip_only).unwrap();
        assert!(!decoded.allow(&SubjectName::Ip(Vec::new())));
        assert!(decoded.allow(&SubjectName::Other));
    }

    #[test]
    fn what_is_not_supported_does_not_decode() {
        let email = der::wrap(der::primitive(1), b"example.com");
        let directory = der::wrap(der::constructed(4), &[0x30, 0x00]);
        let minimum = [dns("example.com"), der::wrap(der::primitive(0), &[1])].concat();
        for subtree in [
            email,
            directory,
            minimum,
            dns("*.example.com"),
            dns("example.com."),
            dns("..example.com"),
            dns("."),
            dns("b\u{fc}cher.example"),
            ip(&[10, 0, 0, 0]),
            ip(&[10, 0, 0, 0, 255, 0, 255, 0]),
            ip(&[10, 0, 0, 0, 0, 1, 0, 0]),
            ip(&[10, 0, 0, 0, 0xf1, 0, 0, 0]),
            Vec::new(),
        ] {
            let contents = constraints(std::slice::from_ref(&subtree), &[]);
            assert!(NameConstraints::decode(&contents).is_none(), "{subtree:02x?}");
        }
        assert!(NameConstraints::decode(&[]).is_none());
        assert!(NameConstraints::decode(&[0xa0, 0x00]).is_none());
        let twice = constraints(&[dns("a.b")], &[]).repeat(2);
        assert!(NameConstraints::decode(&twice).is_none());
    }
}
