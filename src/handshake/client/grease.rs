//! GREASE (RFC 8701): a ClientHello has reserved values and a random order of extensions, so that
//! servers continue to ignore what they do not know, and do not depend on the shape of a ClientHello.

use crate::registry::{CipherSuiteId, NamedGroup, ProtocolVersion, SignatureScheme};
use crate::wire::{ExtensionType, client_hello_order};

/// The values and the order of one connection. They are the same in both of its ClientHellos: the
/// second may differ from the first only as section 4.2.2 of RFC 9846 allows.
pub(super) struct Grease {
    seed: [u8; SEED_LENGTH],
}

const SEED_LENGTH: usize = 32;

/// The bytes of the seed before this one make the values.
const FIRST_BYTE_OF_ORDER: usize = 5;

/// The bytes of the seed that make the order: one for each extension.
const BYTES_OF_ORDER: usize = SEED_LENGTH - FIRST_BYTE_OF_ORDER;

impl Grease {
    /// From 32 random bytes.
    pub(super) fn new(seed: [u8; SEED_LENGTH]) -> Self {
        Self { seed }
    }

    fn byte(&self, index: usize) -> u8 {
        self.seed.get(index).copied().unwrap_or_default()
    }

    /// One of the sixteen values 0x0a0a, 0x1a1a, ... 0xfafa (section 2).
    fn value(&self, index: usize) -> u16 {
        u16::from_be_bytes([self.byte(index) & 0xf0 | 0x0a; 2])
    }

    pub(super) fn cipher_suite(&self) -> CipherSuiteId {
        CipherSuiteId(self.value(0))
    }

    /// The group of supported_groups and of key_share.
    pub(super) fn group(&self) -> NamedGroup {
        NamedGroup(self.value(1))
    }

    pub(super) fn version(&self) -> ProtocolVersion {
        ProtocolVersion(self.value(2))
    }

    /// It differs from the cipher suite.
    pub(super) fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme(self.value(0) ^ 0x1010)
    }

    /// Two different extensions: one before all others, one after them.
    pub(super) fn extensions(&self) -> [ExtensionType; 2] {
        let (first, second) = (self.value(3), self.value(4));
        // Another of the sixteen, if they are the same by chance.
        let second = if second == first { first ^ 0x1010 } else { second };
        [ExtensionType(first), ExtensionType(second)]
    }

    /// This connection's order of the extensions.
    pub(super) fn order(&self) -> impl Iterator<Item = ExtensionType> + Clone {
        let mut order = [ExtensionType(0); BYTES_OF_ORDER];
        let mut count = 0;
        for (place, kind) in order.iter_mut().zip(client_hello_order()) {
            *place = kind;
            count += 1;
        }
        self.shuffle(order.get_mut(..count).unwrap_or_default());
        order.into_iter().take(count)
    }

    /// Shuffles by the method of Fisher and Yates, with a byte of the seed for each step.
    fn shuffle(&self, kinds: &mut [ExtensionType]) {
        for (step, end) in (1..=kinds.len()).rev().enumerate() {
            let other = usize::from(self.byte(FIRST_BYTE_OF_ORDER + step)) * end / 256;
            kinds.swap(end - 1, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_the_sixteen_and_the_two_extensions_differ() {
        for byte in 0..=255 {
            let grease = Grease { seed: [byte; 32] };
            let [first, second] = grease.extensions();
            assert_ne!(first, second);
            let (suite, scheme) = (grease.cipher_suite(), grease.signature_scheme());
            let (group, version) = (grease.group().0, grease.version().0);
            for value in [suite.0, scheme.0, group, version, first.0, second.0] {
                assert_eq!(value & 0x0f0f, 0x0a0a);
                assert_eq!(value >> 8, value & 0xff);
            }
        }
    }

    #[test]
    fn the_seed_has_a_byte_for_each_extension() {
        let grease = Grease { seed: [0; SEED_LENGTH] };
        assert_eq!(grease.order().count(), client_hello_order().count());
    }

    #[test]
    fn every_order_of_a_few_extensions_comes_up_and_nothing_is_lost() {
        let mut seen = std::collections::BTreeSet::new();
        for number in 0_u16..2000 {
            let mut seed = [0; 32];
            let hash = crate::CryptoProvider::default().sha256;
            seed.copy_from_slice(&hash.digest(&number.to_be_bytes()));
            let mut kinds = [1, 2, 3, 4].map(ExtensionType);
            Grease { seed }.shuffle(&mut kinds);
            seen.insert(kinds);
        }
        assert_eq!(seen.len(), 24);
        assert!(seen.iter().all(|kinds| kinds.iter().map(|kind| kind.0).sum::<u16>() == 10));
    }
}
