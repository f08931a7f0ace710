//! Which connections were silent for longest.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Ends of connections, in the order in which they were last used. Each call takes about the same time, however
/// many there are.
pub(super) struct Recent<E> {
    by_use: BTreeMap<u64, E>,
    uses: HashMap<E, u64>,
    /// The number of the last use.
    count: u64,
}

impl<E> Default for Recent<E> {
    fn default() -> Self {
        Self { by_use: BTreeMap::new(), uses: HashMap::new(), count: 0 }
    }
}

impl<E: Copy + Eq + Hash> Recent<E> {
    /// These ends are used now. They are added if they are not there yet.
    pub(super) fn put_last(&mut self, ends: E) {
        self.remove(&ends);
        self.count += 1;
        self.uses.insert(ends, self.count);
        self.by_use.insert(self.count, ends);
    }

    pub(super) fn remove(&mut self, ends: &E) {
        if let Some(number) = self.uses.remove(ends) {
            self.by_use.remove(&number);
        }
    }

    pub(super) fn contains(&self, ends: &E) -> bool {
        self.uses.contains_key(ends)
    }

    pub(super) fn len(&self) -> usize {
        self.uses.len()
    }

    /// Those that were not used for longest.
    pub(super) fn first(&self) -> Option<E> {
        self.by_use.values().next().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_the_one_that_was_not_used_for_longest() {
        let mut recent = Recent::default();
        assert_eq!(recent.first(), None);
        for name in ['a', 'b', 'c', 'a'] {
            recent.put_last(name);
        }
        assert_eq!((recent.len(), recent.first()), (3, Some('b')));
        recent.remove(&'b');
        recent.remove(&'b');
        assert!(!recent.contains(&'b') && recent.contains(&'a'));
        assert_eq!((recent.len(), recent.first()), (2, Some('c')));
        assert_eq!(recent.by_use.len(), 2);
    }
}
