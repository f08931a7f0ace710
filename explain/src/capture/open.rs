//! The connections of one transport that are open, and their limits.

use std::collections::HashMap;
use std::hash::Hash;

use super::recent::Recent;

/// The most connections of each transport that are open at once. The one that was silent for longest is ended
/// when there are more.
pub const MAX_OPEN_CONNECTIONS: usize = 4096;

/// The most memory of all open connections of a transport together, in bytes: what waits in them, and their
/// accounts so far. Those that were silent for longest are ended until there is less.
pub const MAX_OPEN_BYTES: usize = 256 << 20;

/// A connection that is open.
pub(super) trait Open {
    /// The time of its first packet.
    fn started(&self) -> u64;

    /// The bytes of memory that it has now.
    fn memory(&self) -> usize;

    /// Its account says that it is not decoded to its end because of this limit.
    fn end_at_limit(&mut self, limit: &'static str);
}

/// Open connections by their ends.
pub(super) struct OpenConnections<E, C> {
    open: HashMap<E, Counted<C>>,
    /// The ends of those that are open.
    recent: Recent<E>,
    /// The memory of those that are open, and the most that it may be.
    memory: usize,
    pub(super) max_memory: usize,
}

/// A connection, and its memory when it was last counted.
struct Counted<C> {
    connection: C,
    memory: usize,
}

impl<E, C> Default for OpenConnections<E, C> {
    fn default() -> Self {
        let (open, recent) = (HashMap::new(), Recent::default());
        Self { open, recent, memory: 0, max_memory: MAX_OPEN_BYTES }
    }
}

impl<E: Copy + Ord + Hash, C: Open> OpenConnections<E, C> {
    pub(super) fn contains(&self, ends: &E) -> bool {
        self.open.contains_key(ends)
    }

    pub(super) fn get(&self, ends: &E) -> Option<&C> {
        self.open.get(ends).map(|counted| &counted.connection)
    }

    /// The connection that a packet belongs to.
    pub(super) fn get_to_use(&mut self, ends: &E) -> Option<&mut C> {
        let counted = self.open.get_mut(ends)?;
        self.recent.put_last(*ends);
        Some(&mut counted.connection)
    }

    /// Adds a connection. There is none with these ends.
    pub(super) fn insert(&mut self, ends: E, connection: C) {
        self.open.insert(ends, Counted { connection, memory: 0 });
        self.recent.put_last(ends);
    }

    /// Counts the memory of a connection again, after a packet.
    pub(super) fn count_memory(&mut self, ends: &E) {
        let Some(counted) = self.open.get_mut(ends) else { return };
        self.memory -= counted.memory;
        counted.memory = counted.connection.memory();
        self.memory += counted.memory;
    }

    pub(super) fn remove(&mut self, ends: &E) -> Option<C> {
        self.recent.remove(ends);
        let counted = self.open.remove(ends)?;
        self.memory -= counted.memory;
        Some(counted.connection)
    }

    /// Removes the connection that was silent for longest, if a limit is exceeded.
    pub(super) fn remove_beyond_limits(&mut self) -> Option<(E, C)> {
        let limit = if self.open.len() > MAX_OPEN_CONNECTIONS {
            "MAX_OPEN_CONNECTIONS"
        } else if self.memory > self.max_memory {
            "MAX_OPEN_BYTES"
        } else {
            return None;
        };
        let ends = self.recent.first()?;
        let mut connection = self.remove(&ends)?;
        connection.end_at_limit(limit);
        Some((ends, connection))
    }

    /// Removes all connections: they are in the order in which they began.
    pub(super) fn remove_all(&mut self) -> Vec<(E, C)> {
        self.recent = Recent::default();
        self.memory = 0;
        let all = self.open.drain().map(|(ends, counted)| (ends, counted.connection));
        let mut all: Vec<(E, C)> = all.collect();
        all.sort_unstable_by_key(|(ends, connection)| (connection.started(), *ends));
        all
    }

    /// How many there are, and their memory. What is derived from the connections agrees with them.
    #[cfg(test)]
    pub(super) fn checked_sizes(&self) -> (usize, usize) {
        let counted: usize = self.open.values().map(|counted| counted.memory).sum();
        assert_eq!(self.memory, counted);
        assert_eq!(self.recent.len(), self.open.len());
        (self.open.len(), self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Connection {
        started: u64,
        memory: usize,
        limit: Option<&'static str>,
    }

    impl Open for Connection {
        fn started(&self) -> u64 {
            self.started
        }

        fn memory(&self) -> usize {
            self.memory
        }

        fn end_at_limit(&mut self, limit: &'static str) {
            self.limit = Some(limit);
        }
    }

    #[test]
    fn the_one_that_was_silent_for_longest_is_ended_at_either_limit() {
        let mut open = OpenConnections::default();
        for number in 0..=MAX_OPEN_CONNECTIONS {
            assert_eq!(open.remove_beyond_limits(), None);
            open.insert(number, Connection { memory: 1, ..Connection::default() });
            open.count_memory(&number);
        }
        let limit = Some("MAX_OPEN_CONNECTIONS");
        let ended = Connection { memory: 1, limit, ..Connection::default() };
        assert_eq!(open.remove_beyond_limits(), Some((0, ended)));
        assert_eq!(open.remove_beyond_limits(), None);
        open.get_to_use(&1).unwrap().memory = MAX_OPEN_BYTES;
        open.count_memory(&1);
        let mut ended = Vec::new();
        while let Some((number, connection)) = open.remove_beyond_limits() {
            assert_eq!(connection.limit, Some("MAX_OPEN_BYTES"));
            ended.push(number);
        }
        // The large one was used last.
        assert_eq!(ended, (2..=MAX_OPEN_CONNECTIONS).collect::<Vec<_>>());
        assert_eq!(open.checked_sizes(), (1, MAX_OPEN_BYTES));
    }

    #[test]
    fn all_are_removed_in_the_order_in_which_they_began() {
        let mut open = OpenConnections::default();
        for (name, started) in [('d', 2), ('b', 1), ('c', 2), ('a', 3)] {
            open.insert(name, Connection { started, memory: 5, limit: None });
            open.count_memory(&name);
        }
        let names: Vec<char> = open.remove_all().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ['b', 'c', 'd', 'a']);
        assert_eq!(open.checked_sizes(), (0, 0));
    }
}
