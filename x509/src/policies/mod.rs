//! Certificate policies (RFC 5280, sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14).
//!
//! By default, a request accepts every policy. Then a path only fails if a CA demands an explicit
//! policy (`requireExplicitPolicy`) and no policy is valid along the whole path.

pub(super) mod extension;
mod identifier;

pub use identifier::{InitialPolicies, InvalidPolicyIdentifier, PolicyIdentifier};

use super::certificate::Certificate;
use extension::{ANY_POLICY, Mapping};

/// The lowest level of the valid policy tree (RFC 5280, section 6.1.2 (a)): the policies that the next
/// certificate is expected to have. The levels above it only say which policies are valid, and such a
/// tree can grow without bounds. Of those levels, only one thing is kept: whether a policy goes back
/// to one that the user accepts (section 6.1.5 (g)).
struct ExpectedPolicies<'a> {
    policies: Nodes<'a>,
    /// Whether anyPolicy is expected.
    any: bool,
    /// The policies that the user accepts. `None` is every policy.
    user: Option<&'a [PolicyIdentifier]>,
}

impl<'a> ExpectedPolicies<'a> {
    fn is_empty(&self) -> bool {
        self.policies.0.is_empty() && !self.any
    }

    /// Whether the user accepts none of the expected policies (section 6.1.5 (g)).
    fn is_unacceptable(&self) -> bool {
        let accepts_any = self.any && self.user.is_none_or(|user| !user.is_empty());
        !accepts_any && !self.policies.0.iter().any(|node| node.is_accepted)
    }

    /// Whether the user accepts this policy. `None` if it is not expected.
    fn acceptance(&self, policy: &[u8]) -> Option<bool> {
        if let Some(node) = self.policies.get(policy) {
            return Some(node.is_accepted);
        }
        if !self.any {
            return None;
        }
        // It is only below anyPolicy.
        Some(self.user.is_none_or(|user| user.iter().any(|it| it.contents() == policy)))
    }

    /// RFC 5280, section 6.1.3 (d) and (e).
    fn assert(&mut self, asserted: Option<&[&'a [u8]]>, any_counts: bool) {
        let asserted = asserted.unwrap_or_default();
        let any = any_counts && asserted.contains(&ANY_POLICY);
        let mut named = Nodes::default();
        for &policy in asserted.iter().filter(|&&policy| policy != ANY_POLICY) {
            if let Some(is_accepted) = self.acceptance(policy) {
                named.add(Node { policy, is_accepted });
            }
        }
        if any {
            self.policies.add_all(named);
        } else {
            self.policies = named;
        }
        self.any &= any;
    }

    /// RFC 5280, section 6.1.4 (b).
    fn map(&mut self, mappings: &[Mapping<'a>], is_inhibited: bool) {
        let mut mapped = Nodes::default();
        if !is_inhibited {
            for Mapping { issuer, subject } in mappings {
                if let Some(is_accepted) = self.acceptance(issuer) {
                    mapped.add(Node { policy: subject, is_accepted });
                }
            }
        }
        for Mapping { issuer, .. } in mappings {
            self.policies.remove(issuer);
        }
        self.policies.add_all(mapped);
    }
}

/// A policy that is expected.
#[derive(Clone, Copy)]
struct Node<'a> {
    policy: &'a [u8],
    /// Whether one of the nodes that expect it is below a policy of the user.
    is_accepted: bool,
}

/// Nodes with a policy each, in the order of the policies. A sorted list takes much less code than a map,
/// and most certificates have one or two policies.
#[derive(Default)]
struct Nodes<'a>(Vec<Node<'a>>);

impl<'a> Nodes<'a> {
    /// Where the policy is, or else where it belongs.
    fn place(&self, policy: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|node| node.policy.cmp(policy))
    }

    fn get(&self, policy: &[u8]) -> Option<Node<'a>> {
        self.0.get(self.place(policy).ok()?).copied()
    }

    /// Adds a node. If there is one of its policy, the user accepts it if one of the two is accepted.
    fn add(&mut self, new: Node<'a>) {
        match self.place(new.policy) {
            Err(place) => self.0.insert(place, new),
            Ok(place) => {
                if let Some(node) = self.0.get_mut(place) {
                    node.is_accepted |= new.is_accepted;
                }
            }
        }
    }

    fn add_all(&mut self, new: Self) {
        for node in new.0 {
            self.add(node);
        }
    }

    fn remove(&mut self, policy: &[u8]) {
        if let Ok(place) = self.place(policy) {
            self.0.remove(place);
        }
    }
}

/// Whether the policies of a path are valid (RFC 5280, section 6.1). The path has the end entity
/// first, and no anchor.
pub(super) fn are_valid(path: &[&Certificate<'_>], initial: InitialPolicies<'_>) -> bool {
    // The state variables of section 6.1.2 (d) to (f) count the certificates that are still to come.
    // A count of one more than the length of the path never reaches 0.
    let length = u32::try_from(path.len()).unwrap_or(u32::MAX);
    let never = length.saturating_add(1);
    let mut explicit_policy = if initial.explicit_policy { 0 } else { never };
    let mut policy_mapping = if initial.policy_mapping_inhibit { 0 } else { never };
    let mut inhibit_any_policy = if initial.any_policy_inhibit { 0 } else { never };
    let mut expected =
        ExpectedPolicies { policies: Nodes::default(), any: true, user: initial.user_policy_set };
    for (index, certificate) in path.iter().enumerate().rev() {
        let is_end_entity = index == 0;
        let policies = &certificate.policies;
        let is_self_issued = certificate.is_self_issued;
        let any_counts = inhibit_any_policy > 0 || (!is_end_entity && is_self_issued);
        expected.assert(policies.asserted.as_deref(), any_counts);
        if is_end_entity {
            // Section 6.1.5 (a) and (b).
            explicit_policy = explicit_policy.saturating_sub(1);
            if policies.require_explicit == Some(0) {
                explicit_policy = 0;
            }
            return explicit_policy > 0 || !expected.is_unacceptable();
        }
        if (explicit_policy == 0 && expected.is_empty()) || policies.map_any_policy() {
            return false;
        }
        expected.map(&policies.mappings, policy_mapping == 0);
        // Section 6.1.4 (h).
        if !is_self_issued {
            explicit_policy = explicit_policy.saturating_sub(1);
            policy_mapping = policy_mapping.saturating_sub(1);
            inhibit_any_policy = inhibit_any_policy.saturating_sub(1);
        }
        // Section 6.1.4 (i) and (j).
        explicit_policy = explicit_policy.min(policies.require_explicit.unwrap_or(never));
        policy_mapping = policy_mapping.min(policies.inhibit_mapping.unwrap_or(never));
        inhibit_any_policy = inhibit_any_policy.min(policies.inhibit_any.unwrap_or(never));
    }
    true
}
