//! The policies that a caller asks for.

use core::fmt;
use core::str::FromStr;

use super::super::der;
use super::super::oid;

/// Which policies the caller accepts: the inputs of RFC 5280, section 6.1.1 (c) and (e) to (g). By
/// default, every policy is accepted, and none is required. The RFC has no other inputs for policies, so
/// there will be no other fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InitialPolicies<'a> {
    /// user-initial-policy-set: the acceptable policies. `None` is any-policy. It only matters if a
    /// policy is required: by [`explicit_policy`](Self::explicit_policy) or by a CA.
    pub user_policy_set: Option<&'a [PolicyIdentifier]>,
    /// initial-explicit-policy: an acceptable policy must be valid along the whole path.
    pub explicit_policy: bool,
    /// initial-policy-mapping-inhibit: no CA may map one policy to another.
    pub policy_mapping_inhibit: bool,
    /// initial-any-policy-inhibit: anyPolicy in a certificate matches no policy.
    pub any_policy_inhibit: bool,
}

/// The object identifier of a certificate policy, such as `2.23.140.1.2.1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyIdentifier(Box<[u8]>);

/// The error for a text or bytes that are not an object identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an object identifier is two or more numbers with dots between them, such as 2.23.140.1.2.1"
)]
pub struct InvalidPolicyIdentifier;

impl PolicyIdentifier {
    /// Reads the DER of the object identifier.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicyIdentifier`] if the bytes are not the DER of an object identifier.
    pub fn from_der(der: &[u8]) -> Result<Self, InvalidPolicyIdentifier> {
        let contents = der::only(der, der::OBJECT_IDENTIFIER).ok_or(InvalidPolicyIdentifier)?;
        Ok(Self(contents.into()))
    }

    pub(super) fn contents(&self) -> &[u8] {
        &self.0
    }
}

/// Whether a number has only digits and no leading zeros.
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

/// A number in groups of seven bits. Each byte except for the last has the highest bit set.
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
