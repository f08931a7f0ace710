//! The names of keys in the store.

use crate::Error;

/// Names of keys, each with the prefix of the fleet.
///
/// A script may use several keys of Redis Cluster only if they are in one slot. What is in braces decides about the
/// slot, so keys that belong together have the same braces.
#[derive(Clone, Debug)]
pub(crate) struct KeyNames {
    prefix: String,
}

impl KeyNames {
    const MAX_PREFIX_LENGTH: usize = 64;

    pub(crate) fn new(prefix: &str) -> Result<Self, Error> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        let length = prefix.len();
        if length == 0 || length > Self::MAX_PREFIX_LENGTH || !prefix.bytes().all(is_allowed) {
            return Err(Error::Prefix);
        }
        Ok(Self { prefix: prefix.to_string() })
    }

    /// The hash of the ticket keys.
    pub(crate) fn ticket_keys(&self) -> String {
        format!("{}:ticket-keys", self.prefix)
    }

    /// The session with this name. Sessions are in all slots.
    pub(crate) fn session(&self, name: &[u8]) -> String {
        format!("{}:session:{}", self.prefix, hex::encode(name))
    }

    /// The records of ClientHellos in this shard, in a slot of their own.
    pub(crate) fn records(&self, shard: u16) -> String {
        format!("{{{}:records:{shard}}}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_begin_with_the_prefix() {
        let names = KeyNames::new("shop/eu-1").unwrap();
        assert_eq!(names.session(&[1, 0xab]), "shop/eu-1:session:01ab");
        assert_eq!(names.records(12), "{shop/eu-1:records:12}");
    }

    #[test]
    fn a_prefix_has_no_braces_and_is_short() {
        for wrong in ["", "a{b", "a}b", "a b", "a\n", "ü", "a*", &"a".repeat(65)] {
            assert!(matches!(KeyNames::new(wrong), Err(Error::Prefix)), "{wrong:?}");
        }
        assert!(KeyNames::new(&"a".repeat(64)).is_ok());
    }
}
