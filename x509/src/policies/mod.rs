//! Certificate policies (RFC 5280, sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14).
//!
//! By default, a request accepts every policy. The only thing that can go wrong then is that a CA
//! demands an explicit policy (`requireExplicitPolicy`), and none holds along the whole path.

pub(super) mod extension;
mod identifier;

use std::collections::BTreeMap;

pub use identifier::{InitialPolicies, InvalidPolicyIdentifier, PolicyIdentifier};

use super::certificate::Certificate;
use extension::{ANY_POLICY, Mapping};

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
    fn map(&mut self, mappings: &[Mapping<'a>], inhibited: bool) {
        let mut mapped = BTreeMap::new();
        if !inhibited {
            for Mapping { issuer, subject } in mappings {
                let is_accepted = match self.policies.get(issuer) {
                    Some(is_accepted) => *is_accepted,
                    None if self.any => self.accepts(issuer),
                    None => continue,
                };
                *mapped.entry(subject).or_insert(false) |= is_accepted;
            }
        }
        for Mapping { issuer, .. } in mappings {
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
