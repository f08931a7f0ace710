//! Certificate policies (RFC 5280, sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14).
//!
//! By default, a request accepts every policy. The only thing that can go wrong then is that a CA
//! demands an explicit policy (`requireExplicitPolicy`), and none holds along the whole path.

use core::fmt;
use core::str::FromStr;
use std::collections::{BTreeMap, BTreeSet};

use super::decode::{Certificate, Extension, ExtensionSupport};

use super::der::{self, Reader};
use super::oid;

/// The policy that stands for every policy: 2.5.29.32.0.
const ANY_POLICY: &[u8] = &[0x55, 0x1d, 0x20, 0x00];

/// How many policies, and how many mappings, a certificate may have. Those in use have a few dozens
/// at most; and they are looked up for every path that leads over the certificate.
const MOST: usize = 256;

/// What the caller wants of policies: the inputs of RFC 5280, section 6.1.1 (c) and (e) to (g). By
/// default, every policy is accepted, and none is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InitialPolicies<'a> {
    /// user-initial-policy-set: the policies that are acceptable; `None` is any-policy. It matters
    /// only where a policy must hold: if [`explicit_policy`](Self::explicit_policy) is set, or a
    /// CA demands it.
    pub user_policy_set: Option<&'a [PolicyIdentifier]>,
    /// initial-explicit-policy: an acceptable policy must hold along the whole path.
    pub explicit_policy: bool,
    /// initial-policy-mapping-inhibit: no CA may map one policy to another.
    pub policy_mapping_inhibit: bool,
    /// initial-any-policy-inhibit: anyPolicy in a certificate stands for no policy.
    pub any_policy_inhibit: bool,
}

/// The object identifier of a certificate policy, such as `2.23.140.1.2.1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyIdentifier(Box<[u8]>);

/// Not an object identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an object identifier is two or more numbers with dots between them, such as 2.23.140.1.2.1"
)]
pub struct InvalidPolicyIdentifier;

impl PolicyIdentifier {
    /// From the DER of the object identifier.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicyIdentifier`] for what is not DER.
    pub fn from_der(der: &[u8]) -> Result<Self, InvalidPolicyIdentifier> {
        let contents = der::only(der, der::OBJECT_IDENTIFIER).ok_or(InvalidPolicyIdentifier)?;
        Ok(Self(contents.into()))
    }

    fn contents(&self) -> &[u8] {
        &self.0
    }
}

/// Whether a number has digits only, and no zeros before them.
fn is_plain(arc: &str) -> bool {
    let is_padded = arc.len() > 1 && arc.starts_with('0');
    !is_padded && arc.bytes().all(|byte| byte.is_ascii_digit())
}

impl FromStr for PolicyIdentifier {
    type Err = InvalidPolicyIdentifier;

    /// Reads numbers with dots between them, each below 2^64 (X.690, section 8.19).
    fn from_str(text: &str) -> Result<Self, InvalidPolicyIdentifier> {
        let mut arcs = Vec::new();
        for arc in text.split('.') {
            if !is_plain(arc) {
                return Err(InvalidPolicyIdentifier);
            }
            arcs.push(arc.parse::<u64>().map_err(|_| InvalidPolicyIdentifier)?);
        }
        let [root @ 0..=2, second, rest @ ..] = arcs.as_slice() else {
            return Err(InvalidPolicyIdentifier);
        };
        if *root < 2 && *second > 39 {
            return Err(InvalidPolicyIdentifier);
        }
        let first = second.checked_add(40 * root).ok_or(InvalidPolicyIdentifier)?;
        let mut contents = Vec::new();
        for number in [first].iter().chain(rest) {
            contents.extend(base_128(*number));
        }
        Ok(Self(contents.into()))
    }
}

impl fmt::Display for PolicyIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&oid::dotted(&self.0))
    }
}

impl fmt::Debug for PolicyIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A number in groups of seven bits, all but the last with the highest bit set.
fn base_128(number: u64) -> Vec<u8> {
    let mut groups = Vec::new();
    let mut left = number;
    while groups.is_empty() || left > 0 {
        let [group, ..] = (left & 0x7f).to_le_bytes();
        groups.push(if groups.is_empty() { group } else { 0x80 | group });
        left >>= 7;
    }
    groups.reverse();
    groups
}

/// What a certificate says about policies. A policy is the contents of its object identifier.
#[derive(Clone, Default)]
pub(super) struct Policies<'a> {
    asserted: Option<Vec<&'a [u8]>>,
    /// From the issuer's to the subject's.
    mappings: Vec<(&'a [u8], &'a [u8])>,
    /// After how many certificates a policy is required.
    require_explicit: Option<u32>,
    /// After how many certificates policies are no longer mapped.
    inhibit_mapping: Option<u32>,
    /// After how many certificates [`ANY_POLICY`] counts for nothing.
    inhibit_any: Option<u32>,
}

impl<'a> Policies<'a> {
    /// Takes what this extension says. The answer is whether it is about policies. `None` if it
    /// does not parse, or lists too many.
    pub(super) fn read(&mut self, extension: Extension<'a>) -> Option<bool> {
        match extension.oid {
            oid::CERTIFICATE_POLICIES => self.asserted = Some(asserted(extension.value)?),
            oid::POLICY_MAPPINGS => self.mappings = mappings(extension.value)?,
            oid::POLICY_CONSTRAINTS => {
                for field in der::list(extension.value)? {
                    const EXPLICIT: u8 = der::primitive(0);
                    const MAPPING: u8 = der::primitive(1);
                    match field.tag {
                        EXPLICIT => self.require_explicit = Some(der::count(field.contents)?),
                        MAPPING => self.inhibit_mapping = Some(der::count(field.contents)?),
                        _ => return None,
                    }
                }
            }
            oid::INHIBIT_ANY_POLICY => {
                self.inhibit_any = Some(der::count(der::only(extension.value, der::INTEGER)?)?);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// Whether a policy is asserted twice (RFC 5280, section 4.2.1.4, forbids it).
    pub(super) fn repeat_one(&self) -> bool {
        let asserted = self.asserted.as_deref().unwrap_or_default();
        asserted.iter().collect::<BTreeSet<_>>().len() != asserted.len()
    }

    /// Whether a policy is mapped to or from the one that stands for all (section 4.2.1.5).
    fn map_any(&self) -> bool {
        self.mappings.iter().any(|&(issuer, subject)| issuer == ANY_POLICY || subject == ANY_POLICY)
    }
}

/// How much of an extension about policies is understood that [`Policies::read`] has read. A
/// certificatePolicies extension that is critical must be understood with its qualifiers (section
/// 4.2.1.4). To understand a CPS pointer or a user notice, nothing has to be done.
pub(super) fn support(extension: Extension<'_>) -> ExtensionSupport {
    if extension.oid != oid::CERTIFICATE_POLICIES {
        return ExtensionSupport::Full;
    }
    for policy in der::list(extension.value).unwrap_or_default() {
        let mut fields = Reader(policy.contents);
        let _identifier = fields.next();
        if fields.is_empty() {
            continue;
        }
        let qualifiers = der::list(fields.0).unwrap_or_default();
        if qualifiers.is_empty() {
            return ExtensionSupport::AllBut("qualifiers that do not parse".to_owned());
        }
        if let Some(words) = qualifiers.iter().find_map(unknown_qualifier) {
            return ExtensionSupport::AllBut(words);
        }
    }
    ExtensionSupport::Full
}

/// What is not understood of a PolicyQualifierInfo, in words.
fn unknown_qualifier(qualifier: &der::Element<'_>) -> Option<String> {
    const CPS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 2, 1];
    const USER_NOTICE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 2, 2];
    let parts = der::list(qualifier.whole);
    match parts.as_deref() {
        Some([kind, value]) if kind.tag == der::OBJECT_IDENTIFIER => match kind.contents {
            CPS if value.tag == der::IA5_STRING => None,
            USER_NOTICE if value.tag == der::SEQUENCE => None,
            number => Some(format!("the qualifier {}", oid::describe(number))),
        },
        _ => Some("a qualifier that does not parse".to_owned()),
    }
}

fn asserted<'a>(value: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let policies = der::list(value)?;
    if policies.is_empty() || policies.len() > MOST {
        return None;
    }
    let id = |policy: der::Element<'a>| match *der::list(policy.whole)? {
        [id, ..] if id.tag == der::OBJECT_IDENTIFIER => Some(id.contents),
        _ => None,
    };
    policies.into_iter().map(id).collect()
}

fn mappings<'a>(value: &'a [u8]) -> Option<Vec<(&'a [u8], &'a [u8])>> {
    let mappings = der::list(value)?;
    if mappings.len() > MOST {
        return None;
    }
    let ids = |mapping: der::Element<'a>| match *der::list(mapping.whole)? {
        [issuer, subject] if [issuer.tag, subject.tag] == [der::OBJECT_IDENTIFIER; 2] => {
            Some((issuer.contents, subject.contents))
        }
        _ => None,
    };
    mappings.into_iter().map(ids).collect()
}

/// The lowest level of the valid policy tree (RFC 5280, section 6.1.2 (a)): the policies that are
/// expected of the next certificate. The levels above only matter to those who ask which policies
/// hold, and for them the tree has been known to grow without bounds. What is kept of them is
/// whether a policy goes back to one that the user accepts (section 6.1.5 (g)).
struct Expected<'a> {
    /// Each policy, and whether one of the nodes that expect it is below a policy of the user's.
    policies: BTreeMap<&'a [u8], bool>,
    any: bool,
    /// What the user accepts; `None` is every policy.
    user: Option<&'a [PolicyIdentifier]>,
}

impl<'a> Expected<'a> {
    fn is_empty(&self) -> bool {
        self.policies.is_empty() && !self.any
    }

    /// Whether the user accepts none of what is left (section 6.1.5 (g)).
    fn is_unacceptable(&self) -> bool {
        let accepts_any = self.any && self.user.is_none_or(|user| !user.is_empty());
        !accepts_any && !self.policies.values().any(|is_accepted| *is_accepted)
    }

    /// Whether the user accepts this policy, which stands below [`ANY_POLICY`] alone.
    fn accepts(&self, policy: &[u8]) -> bool {
        self.user.is_none_or(|user| user.iter().any(|it| it.contents() == policy))
    }

    /// RFC 5280, section 6.1.3 (d) and (e).
    fn assert(&mut self, asserted: Option<&[&'a [u8]]>, any_counts: bool) {
        let asserted = asserted.unwrap_or_default();
        let any = any_counts && asserted.contains(&ANY_POLICY);
        let mut named = BTreeMap::new();
        for &policy in asserted.iter().filter(|&&policy| policy != ANY_POLICY) {
            match self.policies.get(policy) {
                Some(is_accepted) => named.insert(policy, *is_accepted),
                None if self.any => named.insert(policy, self.accepts(policy)),
                None => None,
            };
        }
        if any {
            self.policies.extend(named);
        } else {
            self.policies = named;
        }
        self.any &= any;
    }

    /// RFC 5280, section 6.1.4 (b).
    fn map(&mut self, mappings: &[(&'a [u8], &'a [u8])], inhibited: bool) {
        let mut mapped = BTreeMap::new();
        if !inhibited {
            for &(issuer, subject) in mappings {
                let is_accepted = match self.policies.get(issuer) {
                    Some(is_accepted) => *is_accepted,
                    None if self.any => self.accepts(issuer),
                    None => continue,
                };
                *mapped.entry(subject).or_insert(false) |= is_accepted;
            }
        }
        for (issuer, _) in mappings {
            self.policies.remove(issuer);
        }
        for (subject, is_accepted) in mapped {
            *self.policies.entry(subject).or_insert(false) |= is_accepted;
        }
    }
}

/// Whether the policies of a path hold (RFC 5280, section 6.1): the end entity first, and without
/// the anchor.
pub(super) fn hold(path: &[&Certificate<'_>], initial: InitialPolicies<'_>) -> bool {
    // A count of certificates that are still to come; one more than there are is never reached.
    let never = u32::try_from(path.len()).unwrap_or(u32::MAX).saturating_add(1);
    let first = |is_set: bool| if is_set { 0 } else { never };
    let mut explicit = first(initial.explicit_policy);
    let mut mapping = first(initial.policy_mapping_inhibit);
    let mut any = first(initial.any_policy_inhibit);
    let user = initial.user_policy_set;
    let mut expected = Expected { policies: BTreeMap::new(), any: true, user };
    for (below, certificate) in path.iter().enumerate().rev() {
        let is_last = below == 0;
        let policies = &certificate.policies;
        let self_issued = certificate.is_self_issued();
        let any_counts = any > 0 || (!is_last && self_issued);
        expected.assert(policies.asserted.as_deref(), any_counts);
        if is_last {
            // Section 6.1.5 (a) and (b).
            explicit = explicit.saturating_sub(1);
            if policies.require_explicit == Some(0) {
                explicit = 0;
            }
            return explicit > 0 || !expected.is_unacceptable();
        }
        if (explicit == 0 && expected.is_empty()) || policies.map_any() {
            return false;
        }
        expected.map(&policies.mappings, mapping == 0);
        if !self_issued {
            for count in [&mut explicit, &mut mapping, &mut any] {
                *count = count.saturating_sub(1);
            }
        }
        let lower = |count: &mut u32, to: Option<u32>| *count = to.unwrap_or(*count).min(*count);
        lower(&mut explicit, policies.require_explicit);
        lower(&mut mapping, policies.inhibit_mapping);
        lower(&mut any, policies.inhibit_any);
    }
    true
}
