//! Name constraints (RFC 5280, section 4.2.1.10): the names that a CA may issue certificates for.
//!
//! DNS names, IP addresses, email addresses, URIs and directory names are compared. If there is a
//! constraint of another kind, no name of that kind is allowed, because it cannot be compared.

use super::der::{self, Reader};
use super::distinguished_name;
use super::general_name::{self, DirectoryName, GeneralName, tag};
use super::text;

pub(super) struct NameConstraints<'a> {
    permitted: Vec<Subtree<'a>>,
    excluded: Vec<Subtree<'a>>,
}

enum Subtree<'a> {
    Dns(&'a str),
    Ip {
        address: &'a [u8],
        mask: &'a [u8],
    },
    Email(&'a str),
    Uri(&'a str),
    Directory(DirectoryName<'a>),
    /// A name of a kind that cannot be compared: its tag.
    Other(u8),
}

impl<'a> NameConstraints<'a> {
    /// Reads the contents of the NameConstraints.
    ///
    /// # Errors
    /// What is malformed, in words.
    pub(super) fn decode(contents: &'a [u8]) -> Result<Self, String> {
        let mut fields = Reader(contents);
        let mut permitted = Vec::new();
        if let Some(subtrees) = fields.take(der::constructed(0)) {
            permitted = decode_subtrees(subtrees.contents, "permitted")?;
        }
        let mut excluded = Vec::new();
        if let Some(subtrees) = fields.take(der::constructed(1)) {
            excluded = decode_subtrees(subtrees.contents, "excluded")?;
        }
        // The meaning of empty constraints is not known, so they are an error.
        if contents.is_empty() {
            return Err("nothing is permitted or excluded".to_owned());
        }
        if !fields.is_empty() {
            return Err("there is more than what is permitted and excluded".to_owned());
        }
        Ok(Self { permitted, excluded })
    }

    /// The number of comparisons for one name.
    pub(super) fn len(&self) -> usize {
        self.permitted.len().saturating_add(self.excluded.len())
    }

    /// A DNS name that starts with a dot. The RFC has such names for URIs only.
    pub(super) fn dns_name_with_leading_dot(&self) -> Option<&'a str> {
        self.permitted.iter().chain(&self.excluded).find_map(|subtree| match subtree {
            Subtree::Dns(tree) if tree.starts_with('.') => Some(*tree),
            _ => None,
        })
    }

    /// Why a name is not [allowed](Self::allow).
    pub(super) fn reason(&self, name: &GeneralName<'_>) -> String {
        const LISTED: usize = 10;
        let of_kind = |subtree: &&Subtree<'_>| subtree.is_of_kind(name);
        if !name.is_well_formed() {
            return "a name of this form cannot be compared with the constraints".to_owned();
        }
        if matches!(name, GeneralName::Other(_)) {
            return "names of this kind cannot be compared".to_owned();
        }
        let mut excluded = self.excluded.iter().filter(of_kind);
        if let Some(tree) = excluded.find(|tree| tree.may_overlap(name)) {
            return format!("{} is excluded", tree.printable());
        }
        let mut list = Vec::new();
        let mut more = 0_usize;
        for tree in self.permitted.iter().filter(of_kind) {
            if list.len() < LISTED {
                list.push(tree.printable());
            } else {
                more += 1;
            }
        }
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("names of its kind are only permitted in {}{more}", list.join(", "))
    }

    /// Whether a certificate with this name may be issued.
    pub(super) fn allow(&self, name: &GeneralName<'_>) -> bool {
        if matches!(name, GeneralName::Undecodable) {
            return false;
        }
        let of_kind = |subtree: &&Subtree<'_>| subtree.is_of_kind(name);
        let mut permitted = self.permitted.iter().filter(of_kind).peekable();
        let mut excluded = self.excluded.iter().filter(of_kind).peekable();
        let has_permitted = permitted.peek().is_some();
        if !has_permitted && excluded.peek().is_none() {
            return true;
        }
        if !name.is_well_formed() || matches!(name, GeneralName::Other(_)) {
            return false;
        }
        let is_permitted = !has_permitted || permitted.any(|tree| tree.contains(name));
        is_permitted && !excluded.any(|tree| tree.may_overlap(name))
    }
}

/// Reads the contents of `GeneralSubtrees ::= SEQUENCE SIZE (1..MAX) OF GeneralSubtree`. `list` is
/// what an error calls them.
fn decode_subtrees<'a>(contents: &'a [u8], list: &str) -> Result<Vec<Subtree<'a>>, String> {
    let mut subtrees = Vec::new();
    for element in der::each(contents) {
        let subtree = element.and_then(|element| decode_subtree(&element));
        let number = subtrees.len() + 1;
        subtrees.push(subtree.ok_or_else(|| format!("{list} name {number}"))?);
    }
    if subtrees.is_empty() {
        return Err(format!("the list of {list} names is empty"));
    }
    Ok(subtrees)
}

/// The minimum is always 0, so DER leaves it out. The maximum is never used.
fn decode_subtree<'a>(subtree: &der::Element<'a>) -> Option<Subtree<'a>> {
    if subtree.tag != der::SEQUENCE {
        return None;
    }
    let [base] = der::elements(subtree.contents)?.try_into().ok()?;
    Subtree::decode(base)
}

/// Whether it is a domain of a subtree. A domain with an empty label would exclude nothing.
fn is_domain(name: &str) -> bool {
    name.is_empty() || general_name::is_dns_name(name.strip_prefix('.').unwrap_or(name))
}

impl<'a> Subtree<'a> {
    fn decode(base: der::Element<'a>) -> Option<Self> {
        let text = || core::str::from_utf8(base.contents).ok();
        match base.tag {
            tag::DNS => text().filter(|name| is_domain(name)).map(Self::Dns),
            tag::URI => text().filter(|name| is_domain(name)).map(Self::Uri),
            tag::EMAIL => text()
                .filter(|name| is_domain(name) || general_name::split_email(name).is_some())
                .map(Self::Email),
            tag::IP if matches!(base.contents.len(), 8 | 32) => {
                let (address, mask) = base.contents.split_at_checked(base.contents.len() / 2)?;
                // Ones and then zeros, as in CIDR.
                let bits = mask.iter().fold(0, |bits: u128, &byte| (bits << 8) | u128::from(byte));
                let bits = if mask.len() == 4 { bits << 96 } else { bits };
                (bits.leading_ones() == bits.count_ones()).then_some(Self::Ip { address, mask })
            }
            tag::DIRECTORY => der::only(base.contents, der::SEQUENCE)
                .filter(|name| distinguished_name::parses(name))
                .map(|name| Self::Directory(DirectoryName::new(name))),
            other if tag::OTHERS.contains(&other) => Some(Self::Other(other)),
            _ => None,
        }
    }

    /// For an error: safe to print.
    fn printable(&self) -> String {
        match self {
            Self::Dns("") => "every DNS name".to_owned(),
            Self::Email("") => "every email address".to_owned(),
            Self::Uri("") => "every URI".to_owned(),
            Self::Dns(tree) => format!("DNS:{}", text::printable(tree)),
            Self::Email(tree) => format!("email:{}", text::printable(tree)),
            Self::Uri(tree) => format!("URI:{}", text::printable(tree)),
            Self::Directory(tree) => {
                format!("\"{}\"", distinguished_name::describe(tree.contents))
            }
            Self::Ip { address, mask } => {
                let bits: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
                format!("IP:{}/{bits}", GeneralName::Ip(address).printable())
            }
            Self::Other(_) => "names of another kind".to_owned(),
        }
    }

    /// Whether it is of the same kind as this name.
    fn is_of_kind(&self, name: &GeneralName<'_>) -> bool {
        match (self, name) {
            (Self::Other(kind), GeneralName::Other(other)) => kind == other,
            (Self::Dns(_), GeneralName::Dns(_))
            | (Self::Ip { .. }, GeneralName::Ip(_))
            | (Self::Email(_), GeneralName::Email(_))
            | (Self::Uri(_), GeneralName::Uri(_))
            | (Self::Directory(_), GeneralName::Directory(_)) => true,
            _ => false,
        }
    }

    /// Whether all that `name` matches is within this tree.
    fn contains(&self, name: &GeneralName<'_>) -> bool {
        match (self, name) {
            (Self::Dns(tree), GeneralName::Dns(name)) => dns_contains(tree, name),
            (Self::Ip { address, mask }, GeneralName::Ip(name)) => {
                name.len() == address.len() && masked(name, mask) == masked(address, mask)
            }
            // One mailbox.
            (Self::Email(tree), GeneralName::Email(name)) if tree.contains('@') => {
                general_name::matches_email(name, tree)
            }
            (Self::Email(tree), GeneralName::Email(name)) => {
                general_name::split_email(name).is_some_and(|(_, at)| host_is_within(tree, at))
            }
            (Self::Uri(tree), GeneralName::Uri(uri)) => {
                general_name::uri_host(uri).is_some_and(|host| host_is_within(tree, host))
            }
            (Self::Directory(tree), GeneralName::Directory(name)) => {
                name.normalized.starts_with(&tree.normalized)
            }
            _ => false,
        }
    }

    /// Whether something that `name` matches is within this tree, or may be. That is more than
    /// [`Self::contains`]: `*.example.com` also matches `secret.example.com`, and some names have
    /// other forms that are not normalized here.
    fn may_overlap(&self, name: &GeneralName<'_>) -> bool {
        let may_overlap = match (self, name) {
            (Self::Dns(tree), GeneralName::Dns(name)) => is_sibling(tree, name),
            (Self::Email(tree), GeneralName::Email(name)) => may_be_mailbox(tree, name),
            // Whether both are exact is known already: to find out takes time for each character.
            (Self::Directory(tree), GeneralName::Directory(name)) => {
                let are_exact = tree.is_exact && name.is_exact;
                !are_exact && distinguished_name::may_begin_with(name.contents, tree.contents)
            }
            _ => false,
        };
        may_overlap || self.contains(name)
    }
}

/// The bytes of an address under a mask.
fn masked(address: &[u8], mask: &[u8]) -> Vec<u8> {
    address.iter().zip(mask).map(|(byte, mask)| byte & mask).collect()
}

/// Whether the tree is one of the names that a wildcard matches.
fn is_sibling(tree: &str, name: &str) -> bool {
    let (Some(parent), Some((label, tree_parent))) =
        (name.strip_prefix("*."), tree.split_once('.'))
    else {
        return false;
    };
    !label.is_empty() && parent.eq_ignore_ascii_case(tree_parent)
}

/// Whether a mailbox may be that of the tree because one of them has a quoted local part: there are
/// many ways to quote one.
fn may_be_mailbox(tree: &str, name: &str) -> bool {
    match (general_name::split_email(tree), general_name::split_email(name)) {
        (Some((tree_local, tree_domain)), Some((local, domain))) => {
            let is_quoted = tree_local.contains(['"', '\\']) || local.contains(['"', '\\']);
            is_quoted && domain.eq_ignore_ascii_case(tree_domain)
        }
        _ => false,
    }
}

/// Whether the host of an email address or a URI is within the tree. A tree without a leading dot is
/// that host alone, and a tree with one is all hosts below it. An empty tree is every host, as all
/// implementations read it.
fn host_is_within(tree: &str, host: &str) -> bool {
    if tree.starts_with('.') || tree.is_empty() {
        return dns_contains(tree, host);
    }
    host.eq_ignore_ascii_case(tree)
}

/// Whether `name` is `tree`, or `tree` with labels before it. The RFC has no DNS trees with a leading
/// dot, but they are in use: such a tree does not contain the name itself.
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

    fn allows_directory(constraints: &NameConstraints<'_>, name: &[u8]) -> bool {
        constraints.allow(&GeneralName::Directory(DirectoryName::new(name)))
    }

    fn allows(contents: &[u8], name: &str) -> bool {
        let octets;
        let name = match name.parse::<std::net::IpAddr>() {
            Ok(address) => {
                octets = match address {
                    std::net::IpAddr::V4(address) => address.octets().to_vec(),
                    std::net::IpAddr::V6(address) => address.octets().to_vec(),
                };
                GeneralName::Ip(&octets)
            }
            Err(_) => GeneralName::Dns(name),
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
    fn names_that_cannot_be_compared() {
        let contents = constraints(&[dns("example.com")], &[]);
        let decoded = NameConstraints::decode(&contents).unwrap();
        assert!(!decoded.allow(&GeneralName::Undecodable));
        assert!(decoded.allow(&GeneralName::Ip(&[])));
        let ip_only = constraints(&[ip(&[0; 8])], &[]);
        let decoded = NameConstraints::decode(&ip_only).unwrap();
        assert!(!decoded.allow(&GeneralName::Ip(&[])));
        assert!(decoded.allow(&GeneralName::Other(0xa0)));
    }

    #[test]
    fn no_kind_of_string_is_a_way_around_an_excluded_directory_name() {
        let name = |tag, text: &[u8]| {
            let kind = der::wrap(der::OBJECT_IDENTIFIER, &[0x55, 0x04, 10]);
            let attribute = [kind, der::wrap(tag, text)].concat();
            der::wrap(der::SET, &der::wrap(der::SEQUENCE, &attribute))
        };
        let tree = der::wrap(der::SEQUENCE, &name(der::UTF8_STRING, b"Example"));
        let contents = constraints(&[], &[der::wrap(tag::DIRECTORY, &tree)]);
        let decoded = NameConstraints::decode(&contents).unwrap();
        let in_pieces = der::wrap(der::UTF8_STRING, b"Example");
        for (tag, text) in (0x12..=0x16)
            .chain(0x19..=0x1e)
            .map(|tag| (tag, &b"Example"[..]))
            .chain([(0x0c, &b"EXAMPLE"[..]), (0x2c, &in_pieces), (0x33, &in_pieces)])
        {
            assert!(!allows_directory(&decoded, &name(tag, text)), "{tag:#x}");
        }
        for (tag, text) in [(0x0c, &b"Another"[..]), (0x1a, b"Another"), (0x18, b"Example")] {
            assert!(allows_directory(&decoded, &name(tag, text)), "{tag:#x}");
        }
    }

    #[test]
    fn no_other_way_to_write_it_is_a_way_around_an_excluded_directory_name() {
        let name = |text: &str| {
            let kind = der::wrap(der::OBJECT_IDENTIFIER, &[0x55, 0x04, 10]);
            let attribute = [kind, der::wrap(der::UTF8_STRING, text.as_bytes())].concat();
            der::wrap(der::SET, &der::wrap(der::SEQUENCE, &attribute))
        };
        let tree = |text| der::wrap(tag::DIRECTORY, &der::wrap(der::SEQUENCE, &name(text)));
        let around = [
            "Ev\u{ad}il",
            "Ｅvil",
            "Ev\u{200d}il",
            "\u{2060}Evil",
            "Evi\u{0}l",
            "EVIL",
            " evil ",
            "Evil\u{a0}",
        ];
        let caf = ["Cafe\u{301}", "CAFÉ", "café", "Ｃafé"];
        for (excluded, names) in [("Evil", &around[..]), ("Café", &caf), ("Ｅｖｉｌ", &["Evil"])]
        {
            let contents = constraints(&[], &[tree(excluded)]);
            let decoded = NameConstraints::decode(&contents).unwrap();
            for text in names {
                assert!(!allows_directory(&decoded, &name(text)), "{text:?}");
            }
            for text in ["Müller", "Evi l", "Good", "東京"] {
                let is_allowed = allows_directory(&decoded, &name(text));
                assert_eq!(is_allowed, excluded.is_ascii() || excluded == "Café", "{text:?}");
            }
        }
        // What is permitted must be the same without doubt.
        let contents = constraints(&[tree("Evil")], &[]);
        let decoded = NameConstraints::decode(&contents).unwrap();
        assert!(!allows_directory(&decoded, &name("Ev\u{ad}il")));
    }

    #[test]
    fn a_uri_that_others_read_in_another_way_is_not_allowed() {
        let uri = GeneralName::Uri;
        let contents = constraints(&[], &[der::wrap(tag::URI, b"evil.example")]);
        let decoded = NameConstraints::decode(&contents).unwrap();
        for text in [
            "https://evil.example/",
            "https://evil.example\\@good.example/",
            "https://evil.example\\.good.example/",
            "https://good.example@evil.example/",
            "https://evil.example@good.example@good.example/",
            "https://evil.example:80:443/",
            "https://evil.example\t/",
            "https://e%76il.example/",
            "https:\\\\evil.example/",
            "https:evil.example",
            "https:///evil.example",
            "https://[evil.example]/",
            "https://{evil.example}@good.example/",
        ] {
            assert!(!decoded.allow(&uri(text)), "{text}");
        }
        for text in [
            "https://good.example/evil.example",
            "https://user:secret@good.example:443/a\\b",
            "spiffe://good.example",
        ] {
            assert!(decoded.allow(&uri(text)), "{text}");
        }
    }

    #[test]
    fn a_quoted_mailbox_is_no_way_around_an_excluded_one() {
        let contents = constraints(&[], &[der::wrap(tag::EMAIL, b"u@b.example")]);
        let decoded = NameConstraints::decode(&contents).unwrap();
        for (address, allowed) in [
            ("u@b.example", false),
            ("u@B.example", false),
            ("\"u\"@b.example", false),
            ("\\u@b.example", false),
            ("v@b.example", true),
            ("\"u\"@c.example", true),
            ("\u{ff55}@b.example", false),
        ] {
            let name = GeneralName::Email(address.into());
            assert_eq!(decoded.allow(&name), allowed, "{address}");
        }
    }

    #[test]
    fn what_is_malformed_does_not_decode() {
        let email = |tree: &str| der::wrap(tag::EMAIL, tree.as_bytes());
        let uri = |tree: &str| der::wrap(tag::URI, tree.as_bytes());
        let directory = der::wrap(tag::DIRECTORY, &[0x31, 0x00]);
        let minimum = [dns("example.com"), der::wrap(der::primitive(0), &[1])].concat();
        for subtree in [
            email("a@b@example.com"),
            email("@example.com"),
            uri("https://example.com"),
            uri("example.com:443"),
            directory,
            der::wrap(der::primitive(9), b"a"),
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
            assert!(NameConstraints::decode(&contents).is_err(), "{subtree:02x?}");
        }
        assert!(NameConstraints::decode(&[]).is_err());
        assert!(NameConstraints::decode(&[0xa0, 0x00]).is_err());
        let twice = constraints(&[dns("a.b")], &[]).repeat(2);
        assert!(NameConstraints::decode(&twice).is_err());
    }
}
