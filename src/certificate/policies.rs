//! Certificate policies (RFC 5280, sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14).
//!
//! Whoever asks for a validation accepts every policy. So the only thing that can go wrong is that
//! a CA demands an explicit policy (`requireExplicitPolicy`), and none holds along the whole path.

use std::collections::BTreeSet;

use super::decode::{Certificate, Extension, oid};
use super::der;

/// The policy that stands for every policy: 2.5.29.32.0.
const ANY_POLICY: &[u8] = &[0x55, 0x1d, 0x20, 0x00];

/// How many policies, and how many mappings, a certificate may have. Those in use have a few dozens
/// at most; and they are looked up for every path that leads over the certificate.
const MOST: usize = 256;

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
    /// Takes what this extension says, and tells whether it is about policies at all. `None` if it
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
/// hold, and for them the tree has been known to grow without bounds.
struct Expected<'a> {
    policies: BTreeSet<&'a [u8]>,
    any: bool,
}

impl<'a> Expected<'a> {
    fn is_empty(&self) -> bool {
        self.policies.is_empty() && !self.any
    }

    /// RFC 5280, section 6.1.3 (d) and (e).
    fn assert(&mut self, asserted: Option<&[&'a [u8]]>, any_counts: bool) {
        let asserted = asserted.unwrap_or_default();
        let any = any_counts && asserted.contains(&ANY_POLICY);
        let named = asserted.iter().copied().filter(|&policy| policy != ANY_POLICY);
        let named = named.filter(|policy| self.any || self.policies.contains(policy)).collect();
        if any {
            self.policies.extend::<BTreeSet<_>>(named);
        } else {
            self.policies = named;
        }
        self.any &= any;
    }

    /// RFC 5280, section 6.1.4 (b).
    fn map(&mut self, mappings: &[(&'a [u8], &'a [u8])], inhibited: bool) {
        let from: BTreeSet<_> = mappings.iter().map(|&(issuer, _)| issuer).collect();
        let valid: BTreeSet<_> =
            from.iter().copied().filter(|it| self.any || self.policies.contains(it)).collect();
        self.policies.retain(|policy| !from.contains(policy));
        if !inhibited {
            let mapped = mappings.iter().filter(|(issuer, _)| valid.contains(issuer));
            self.policies.extend(mapped.map(|&(_, subject)| subject));
        }
    }
}

/// Whether the policies of a path hold (RFC 5280, section 6.1): the end entity first, and without
/// the anchor.
pub(super) fn hold(path: &[&Certificate<'_>]) -> bool {
    // A count of certificates that are still to come; one more than there are is never reached.
    let never = u32::try_from(path.len()).unwrap_or(u32::MAX).saturating_add(1);
    let (mut explicit, mut mapping, mut any) = (never, never, never);
    let mut expected = Expected { policies: BTreeSet::new(), any: true };
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
        }
        if explicit == 0 && expected.is_empty() {
            return false;
        }
        if !is_last {
            if policies.map_any() {
                return false;
            }
            expected.map(&policies.mappings, mapping == 0);
            if !self_issued {
                for count in [&mut explicit, &mut mapping, &mut any] {
                    *count = count.saturating_sub(1);
                }
            }
            let lower =
                |count: &mut u32, to: Option<u32>| *count = to.unwrap_or(*count).min(*count);
            lower(&mut explicit, policies.require_explicit);
            lower(&mut mapping, policies.inhibit_mapping);
            lower(&mut any, policies.inhibit_any);
        }
    }
    true
}
