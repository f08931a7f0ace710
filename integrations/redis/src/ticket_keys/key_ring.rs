//! The keys that a server knows: which of them seals now, which open, and when the next one is due.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BTreeMap;

use handclasp::crypto::CryptoError;

use super::options::TicketKeyOptions;
use super::status::{TicketKeyInfo, TicketKeyRole};
use super::stored_key::{StoreTime, StoredKey, TicketKeyId};
use super::stored_keys::{Change, Snapshot};
use crate::SealingKeys;

/// What an operator wants beside what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// The next key, now.
    NextKey,
    /// No server uses this key any more.
    Revoke(TicketKeyId),
    /// No server uses a key of those that there are.
    RevokeAll,
}

/// All keys of the fleet that this server has seen.
#[derive(Debug, Default)]
pub(super) struct KeyRing {
    /// The key that seals last is first.
    keys: Vec<StoredKey>,
    /// Keys that were revoked, until they end. They are remembered here too, so that a store that has lost this, or
    /// that was changed, does not bring them back.
    revoked: BTreeMap<TicketKeyId, StoreTime>,
    /// Revocations in the store that have ended.
    ended: Vec<TicketKeyId>,
    /// Has the store lost keys that this server knows?
    is_lost: bool,
    /// Does the store not know of a revocation?
    has_unpublished: bool,
}

impl KeyRing {
    /// More revocations of the store are not remembered: a store that was changed can have any number of them.
    const MAX_REVOKED: usize = 1024;

    /// Takes over what the store has.
    pub(super) fn take_over(&mut self, snapshot: Snapshot) {
        let Snapshot { now, is_empty, keys, revoked, .. } = snapshot;
        self.revoked.retain(|_, until| *until > now);
        self.has_unpublished |= self.revoked.keys().any(|id| !revoked.contains_key(id));
        self.ended.clear();
        for (id, until) in revoked {
            if until <= now {
                self.ended.push(id);
            } else if self.revoked.len() < Self::MAX_REVOKED {
                self.revoked.insert(id, until);
            }
        }
        // A key that is no longer in the store was revoked, or has ended. A store without anything was started anew.
        self.is_lost = is_empty && !self.keys.is_empty();
        if !self.is_lost {
            self.keys = keys;
        }
        self.keys.sort_by_key(|key| Reverse((key.times.seals_from, key.id)));
        self.forget_revoked();
    }

    /// Forgets the keys that the operator takes away.
    pub(super) fn revoke(&mut self, wish: Wish, now: StoreTime, options: &TicketKeyOptions) {
        let until = options.times_of_next(now).opens_until;
        match wish {
            Wish::Nothing | Wish::NextKey => return,
            Wish::Revoke(id) => _ = self.revoked.insert(id, until),
            Wish::RevokeAll => self.revoked.extend(self.keys.iter().map(|key| (key.id, until))),
        }
        self.has_unpublished = true;
        self.forget_revoked();
    }

    fn forget_revoked(&mut self) {
        self.keys.retain(|key| !self.revoked.contains_key(&key.id));
    }

    /// What has to be changed in the store; `None` if nothing.
    pub(super) fn change(
        &self,
        generation: &str,
        wish: Wish,
        now: StoreTime,
        options: &TicketKeyOptions,
        sealing_keys: &SealingKeys,
    ) -> Result<Option<Change>, CryptoError> {
        let makes_next = wish == Wish::NextKey || self.needs_next(now, options);
        if !makes_next && !self.is_lost && !self.has_unpublished {
            return Ok(None);
        }
        let times = options.times_of_next(now);
        let mut change = Change::new(generation, now.until(times.opens_until));
        self.ended.iter().for_each(|id| change.remove_revocation(*id));
        self.revoked.iter().for_each(|(id, until)| change.revoke(*id, *until));
        let sealing = self.sealing(now).map(|key| key.id);
        for key in &self.keys {
            if key.times.opens_until <= now && Some(key.id) != sealing {
                change.remove(key.id);
            } else if self.is_lost {
                change.set(key);
            }
        }
        if makes_next {
            change.set(&StoredKey::make(times, sealing_keys)?);
        }
        Ok(Some(change))
    }

    /// The store has what [`change`](Self::change) returned.
    pub(super) fn on_changed(&mut self) {
        self.has_unpublished = false;
    }

    /// Is there no key that will seal when the next one could be known to all? A key that was made in the future is of
    /// a clock that was ahead: there must be another one until then.
    fn needs_next(&self, now: StoreTime, options: &TicketKeyOptions) -> bool {
        let known = now.after(options.learning_time());
        !self.keys.iter().any(|key| key.times.made_at <= now && key.times.seals_until > known)
    }

    /// The key that seals: the last one that all servers know. If they know none, the first one that they will know.
    fn sealing(&self, now: StoreTime) -> Option<&StoredKey> {
        let known = self.keys.iter().find(|key| key.times.seals_from <= now);
        known.or(self.keys.last())
    }

    /// The keys that are used now, the one that seals first. It is used however old it is: a server that cannot reach
    /// the store goes on with what it has.
    pub(super) fn in_use(&self, now: StoreTime) -> Vec<&StoredKey> {
        let Some(sealing) = self.sealing(now) else {
            return Vec::new();
        };
        let mut keys = vec![sealing];
        let others = self.keys.iter().filter(|key| key.id != sealing.id);
        keys.extend(others.filter(|key| key.times.opens_until > now));
        keys
    }

    /// How long it is until another key seals, if that is known.
    pub(super) fn time_until_change(&self, now: StoreTime) -> Option<Duration> {
        let starts = self.keys.iter().map(|key| key.times.seals_from);
        starts.filter(|start| *start > now).min().map(|start| now.until(start))
    }

    /// What an application can show.
    pub(super) fn infos(&self, now: StoreTime) -> Vec<TicketKeyInfo> {
        let sealing = self.sealing(now).map(|key| key.id);
        let info = |key: &StoredKey| TicketKeyInfo {
            id: key.id,
            role: match key.times {
                _ if Some(key.id) == sealing => TicketKeyRole::Sealing,
                times if times.opens_until <= now => TicketKeyRole::Ended,
                times if times.seals_from > now => TicketKeyRole::Next,
                _ => TicketKeyRole::Opening,
            },
            made_at: key.times.made_at.unix(),
            seals_from: key.times.seals_from.unix(),
            seals_until: key.times.seals_until.unix(),
            opens_until: key.times.opens_until.unix(),
        };
        self.keys.iter().map(info).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests {
    use super::super::stored_keys::SnapshotOfTest;
    use super::*;

    const SECOND: u64 = 1000;
    const DAY: u64 = 86_400 * SECOND;
    const START: u64 = 1_800_000_000 * SECOND;

    fn options() -> TicketKeyOptions {
        TicketKeyOptions::default()
    }

    fn sealing_keys() -> SealingKeys {
        SealingKeys::from_bytes(b"0123456789abcdef0123456789abcdef").unwrap()
    }

    /// A store, and the servers of a fleet.
    struct Scene {
        store: SnapshotOfTest,
        keys: SealingKeys,
    }

    impl Scene {
        fn new() -> Self {
            Self { store: SnapshotOfTest::default(), keys: sealing_keys() }
        }

        /// A server reads the store, and changes it if something is due.
        fn refresh(&mut self, ring: &mut KeyRing, now: u64, wish: Wish) -> bool {
            let now = StoreTime(now);
            ring.take_over(self.store.read(now, &self.keys));
            ring.revoke(wish, now, &options());
            let generation = self.store.generation();
            let change = ring.change(&generation, wish, now, &options(), &self.keys).unwrap();
            let Some(change) = change else { return false };
            assert!(self.store.write(change));
            ring.on_changed();
            ring.take_over(self.store.read(now, &self.keys));
            true
        }
    }

    fn in_use(ring: &KeyRing, now: u64) -> Vec<TicketKeyId> {
        ring.in_use(StoreTime(now)).iter().map(|key| key.id).collect()
    }

    /// A fleet whose first key was made at the start.
    fn started() -> (Scene, KeyRing) {
        let (mut scene, mut ring) = (Scene::new(), KeyRing::default());
        assert!(scene.refresh(&mut ring, START, Wish::Nothing));
        (scene, ring)
    }

    #[test]
    fn the_first_key_seals_at_once_and_the_next_one_is_learned_before_it_seals() {
        let (mut scene, mut ring) = started();
        let first = in_use(&ring, START);
        assert_eq!(first.len(), 1);
        assert!(!scene.refresh(&mut ring, START + DAY / 2, Wish::Nothing), "nothing is due");
        // It is made so early that all have learned it when the period of the first one is over.
        let learned = 180 * SECOND;
        let end = START + learned + DAY;
        assert!(!scene.refresh(&mut ring, end - learned - 1, Wish::Nothing));
        assert!(scene.refresh(&mut ring, end - learned, Wish::Nothing));
        let mut other = KeyRing::default();
        assert!(
            !scene.refresh(&mut other, end - learned, Wish::Nothing),
            "it was made by the first"
        );
        for ring in [&ring, &other] {
            let before = in_use(ring, end - 1);
            assert_eq!((before[0], before.len()), (first[0], 2));
            assert_eq!(ring.time_until_change(StoreTime(end - 1)), Some(Duration::from_millis(1)));
            let after = in_use(ring, end);
            assert_eq!(after, [before[1], before[0]], "both open, and the next one seals");
            assert_eq!(ring.time_until_change(StoreTime(end)), None);
        }
    }

    #[test]
    fn a_key_opens_until_the_last_ticket_under_it_has_ended_and_is_forgotten_then() {
        let (mut scene, mut ring) = started();
        let [first] = in_use(&ring, START)[..] else { panic!() };
        for day in 1..20 {
            scene.refresh(&mut ring, START + day * DAY, Wish::Nothing);
            let now = START + day * DAY;
            // It seals for a day, and its tickets live for seven days.
            assert_eq!(in_use(&ring, now).contains(&first), day <= 8, "{day}");
            assert!(in_use(&ring, now).len() <= 10, "{:?}", in_use(&ring, now));
            assert!(ring.len() <= 11);
        }
    }

    #[test]
    fn a_server_that_cannot_reach_the_store_goes_on_with_its_key_however_old() {
        let (_, ring) = started();
        let first = in_use(&ring, START);
        for days in [2, 8, 30, 4000] {
            assert_eq!(in_use(&ring, START + days * DAY), first);
        }
    }

    #[test]
    fn a_clock_of_the_store_that_jumps_stops_no_rotation() {
        let (mut scene, mut ring) = started();
        // A year ahead: all keys have ended.
        assert!(scene.refresh(&mut ring, START + 365 * DAY, Wish::Nothing));
        let ahead = in_use(&ring, START + 365 * DAY + 180 * SECOND)[0];
        // And back: the key of next year does not seal, and does not stop the keys of this year.
        assert!(scene.refresh(&mut ring, START + DAY, Wish::Nothing));
        let mut last = in_use(&ring, START + DAY)[0];
        for day in 2..6 {
            let now = START + day * DAY;
            scene.refresh(&mut ring, now, Wish::Nothing);
            let sealing = in_use(&ring, now + 200 * SECOND)[0];
            assert!(sealing != last && sealing != ahead, "day {day}");
            last = sealing;
        }
        // An hour back: a key of before seals again, and opens.
        let now = START + 5 * DAY - 3600 * SECOND;
        scene.refresh(&mut ring, now, Wish::Nothing);
        assert!(in_use(&ring, now).contains(&last));
    }

    #[test]
    fn a_revoked_key_is_gone_everywhere_and_does_not_come_back() {
        let (mut scene, mut ring) = started();
        let mut other = KeyRing::default();
        scene.refresh(&mut other, START, Wish::Nothing);
        let [first] = in_use(&ring, START)[..] else { panic!() };
        let old = scene.store.clone();
        assert!(scene.refresh(&mut ring, START + 1, Wish::Revoke(first)));
        assert!(!scene.refresh(&mut other, START + 2, Wish::Nothing));
        for ring in [&ring, &other] {
            let [second] = in_use(ring, START + 2)[..] else { panic!() };
            assert_ne!(second, first, "a new one seals at once, as there is no other");
        }
        // What was revoked is written again.
        scene.store = old;
        assert!(
            scene.refresh(&mut other, START + 3, Wish::Nothing),
            "the store learns of it again"
        );
        let mut new = KeyRing::default();
        scene.refresh(&mut new, START + 4, Wish::Nothing);
        assert!(!in_use(&new, START + 4).contains(&first));
    }

    #[test]
    fn with_an_older_key_that_all_know_a_new_one_is_learned_first_after_a_revocation() {
        let (mut scene, mut ring) = started();
        let [first] = in_use(&ring, START)[..] else { panic!() };
        scene.refresh(&mut ring, START + DAY, Wish::NextKey);
        let now = START + DAY + 180 * SECOND;
        let [second, _] = in_use(&ring, now)[..] else { panic!() };
        scene.refresh(&mut ring, now, Wish::Revoke(second));
        assert_eq!(in_use(&ring, now)[0], first);
        assert_eq!(in_use(&ring, now).len(), 2);
    }

    #[test]
    fn a_store_that_was_started_anew_gets_the_keys_that_a_server_knows_but_no_revoked_ones() {
        let (mut scene, mut ring) = started();
        let [first] = in_use(&ring, START)[..] else { panic!() };
        scene.refresh(&mut ring, START + 1, Wish::NextKey);
        let second = in_use(&ring, START + 1)[1];
        scene.refresh(&mut ring, START + 2, Wish::Revoke(first));
        scene.store = SnapshotOfTest::default();
        assert!(scene.refresh(&mut ring, START + 3, Wish::Nothing));
        let mut new = KeyRing::default();
        scene.refresh(&mut new, START + 4, Wish::Nothing);
        assert_eq!(in_use(&new, START + 4), [second]);
        assert!(new.revoked.contains_key(&first));
    }

    #[test]
    fn after_all_were_revoked_a_new_one_seals_at_once() {
        let (mut scene, mut ring) = started();
        scene.refresh(&mut ring, START + 1, Wish::NextKey);
        let before = in_use(&ring, START + 1);
        assert_eq!(before.len(), 2);
        assert!(scene.refresh(&mut ring, START + 2, Wish::RevokeAll));
        let [new] = in_use(&ring, START + 2)[..] else { panic!() };
        assert!(!before.contains(&new));
        // Without the store, too: then there is no key of the fleet left.
        ring.revoke(Wish::RevokeAll, StoreTime(START + 3), &options());
        assert!(in_use(&ring, START + 3).is_empty());
    }

    #[test]
    fn revocations_end_with_their_keys() {
        let (mut scene, mut ring) = started();
        let [first] = in_use(&ring, START)[..] else { panic!() };
        scene.refresh(&mut ring, START + 1, Wish::Revoke(first));
        let now = START + 20 * DAY;
        scene.refresh(&mut ring, now, Wish::Nothing);
        assert!(ring.revoked.is_empty());
        assert!(scene.store.read(StoreTime(now), &scene.keys).revoked.is_empty());
    }
}
