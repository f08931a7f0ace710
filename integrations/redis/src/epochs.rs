//! The epochs of the shards of a register, as a server knows them.

use handclasp::crypto::Hash;
use handclasp::session::Zone;

/// The name of an epoch of a shard, as the store's script has made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(String);

impl Epoch {
    /// In hexadecimal digits.
    const LENGTH: usize = 40;

    /// `None` for what no script has made.
    pub(crate) fn new(name: String) -> Option<Self> {
        let is_name =
            name.len() == Self::LENGTH && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_name.then_some(Self(name))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The epochs of all shards. Not known before the first contact with the shard.
#[derive(Clone, Debug)]
pub(crate) struct Epochs {
    of_shards: Vec<Option<Epoch>>,
    /// `None` until all are known.
    zone: Option<Zone>,
}

impl Epochs {
    pub(crate) fn unknown(shards: u16) -> Self {
        Self { of_shards: vec![None; shards.into()], zone: None }
    }

    /// The zone of tickets, which is a hash of the epochs of all shards: when one of them changes, the zone does.
    pub(crate) fn zone(&self) -> Option<Zone> {
        self.zone
    }

    pub(crate) fn of_shard(&self, shard: u16) -> Option<&Epoch> {
        self.of_shards.get(usize::from(shard))?.as_ref()
    }

    /// The shard is in this epoch now. Returns whether that is news.
    pub(crate) fn set(&mut self, shard: u16, epoch: Epoch, sha256: &dyn Hash) -> bool {
        let Some(known) = self.of_shards.get_mut(usize::from(shard)) else {
            return false;
        };
        if known.as_ref() == Some(&epoch) {
            return false;
        }
        *known = Some(epoch);
        self.zone = self.hash(sha256);
        true
    }

    /// Each name has the same length, so no two lists of epochs have the same bytes.
    fn hash(&self, sha256: &dyn Hash) -> Option<Zone> {
        let mut context = sha256.start();
        context.update(b"handclasp-redis zone");
        for epoch in &self.of_shards {
            context.update(epoch.as_ref()?.as_str().as_bytes());
        }
        context.current().first_chunk().copied().map(Zone)
    }
}

#[cfg(test)]
mod tests {
    use handclasp::crypto::CryptoProvider;

    use super::*;

    fn epoch(digit: char) -> Epoch {
        Epoch::new(digit.to_string().repeat(Epoch::LENGTH)).unwrap()
    }

    #[test]
    fn the_zone_is_of_the_epochs_of_all_shards() {
        let sha256 = CryptoProvider::default().sha256;
        let mut epochs = Epochs::unknown(2);
        assert!(epochs.set(0, epoch('a'), &*sha256));
        assert_eq!(epochs.zone(), None);
        assert!(epochs.set(1, epoch('b'), &*sha256));
        let zone = epochs.zone();
        assert!(zone.is_some());
        assert!(!epochs.set(1, epoch('b'), &*sha256), "that is known");
        assert!(!epochs.set(2, epoch('b'), &*sha256), "there is no such shard");
        assert_eq!(epochs.zone(), zone);

        assert!(epochs.set(1, epoch('a'), &*sha256));
        assert_ne!(epochs.zone(), zone);
        epochs.set(0, epoch('b'), &*sha256);
        assert_ne!(epochs.zone(), zone, "the order counts");
    }

    #[test]
    fn what_is_no_name_of_an_epoch_is_refused() {
        let short = "a".repeat(Epoch::LENGTH - 1);
        for wrong in ["", &short, &format!("{short}g"), &format!("{short}aa")] {
            assert_eq!(Epoch::new(wrong.to_string()), None);
        }
    }
}
