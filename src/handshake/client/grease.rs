//! Values that mean nothing, and an order that is no one's: what a ClientHello has in it so that
//! servers stay able to ignore what they do not know (RFC 8701), and nobody gets used to a shape.

use crate::crypto::{ProviderError, SecureRandom, provider_fault};
use crate::wire::{ExtensionType, client_hello_order};

/// One connection's choice: the same in both of its ClientHellos, since the second may differ from
/// the first only where section 4.2.2 lets it.
pub(super) struct Grease {
    seed: [u8; 32],
}

impl Grease {
    pub(super) fn new(random: &dyn SecureRandom) -> Result<Self, ProviderError> {
        let mut seed = [0; 32];
        provider_fault::fill(random, &mut seed)?;
        Ok(Self { seed })
    }

    fn byte(&self, place: usize) -> u8 {
        self.seed.get(place).copied().unwrap_or_default()
    }

    /// One of the sixteen values 0x0a0a, 0x1a1a, ... 0xfafa (section 2).
    fn value(&self, place: usize) -> u16 {
        u16::from_be_bytes([self.byte(place) & 0xf0 | 0x0a; 2])
    }

    pub(super) fn cipher_suite(&self) -> u16 {
        self.value(0)
    }

    /// The same in supported_groups and in key_share.
    pub(super) fn group(&self) -> u16 {
        self.value(1)
    }

    pub(super) fn version(&self) -> u16 {
        self.value(2)
    }

    pub(super) fn signature_scheme(&self) -> u16 {
        self.value(0) ^ 0x1010
    }

    /// Two that differ: one before the other extensions, one after them.
    pub(super) fn extensions(&self) -> [ExtensionType; 2] {
        let (first, second) = (self.value(3), self.value(4));
        // Another of the sixteen, where chance made them the same.
        let second = if second == first { first ^ 0x1010 } else { second };
        [ExtensionType(first), ExtensionType(second)]
    }

    /// This connection's order of the extensions.
    pub(super) fn order(&self) -> Vec<ExtensionType> {
        let mut order: Vec<_> = client_hello_order().collect();
        self.shuffle(&mut order);
        order
    }

    /// Fisher and Yates.
    fn shuffle(&self, kinds: &mut [ExtensionType]) {
        const FIRST_PLACE: usize = 5;
        for (place, end) in (1..=kinds.len()).rev().enumerate() {
            let other = usize::from(self.byte(FIRST_PLACE + place)) % end;
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
            for value in [suite, scheme, grease.group(), grease.version(), first.0, second.0] {
                assert_eq!(value & 0x0f0f, 0x0a0a);
                assert_eq!(value >> 8, value & 0xff);
            }
        }
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
