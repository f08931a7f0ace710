//! The keys that a server knows: which of them seals now, which open, and when the next one is due.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use handclasp::crypto::CryptoError;

use super::options::TicketKeyOptions;
use super::status::{TicketKeyInfo, TicketKeyRole};
use super::stored_key::{Revocation, StoreTime, StoredKey, TicketKeyId};
use super::stored_keys::{Change, Snapshot};
use crate::{Error, SealingKeys};

/// When the next key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextKey {
    WhenDue,
    /// The operator rotates the keys.
    Now,
}

/// What the operator revokes: no server uses it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revoked {
    One(TicketKeyId),
    /// All keys that there are.
    All,
}

/// All keys of the fleet that this server has seen, also those that the store has lost.
#[derive(Debug, Default)]
pub(super) struct KeyRing {
    /// The key that seals last is first.
    keys: Vec<StoredKey>,
    /// Keys that were revoked, until they end. They are remembered here too, so that a store that has lost this, or
    /// that was changed, does not bring them back.
    revoked: BTreeMap<TicketKeyId, StoreTime>,
    /// The generation of the hash in the store, when it was read.
    stored_generation: Vec<u8>,
    /// The keys that the store has.
    stored: BTreeSet<TicketKeyId>,
    /// The revocations that the store has, also those that do not open: servers with different sealing keys do
    /// not write them in turns.
    stored_revoked: BTreeSet<TicketKeyId>,
    /// The fields in the store that have ended.
    ended: Vec<String>,
    /// Was something revoked since the store was read?
    has_new_revocation: bool,
}

impl KeyRing {
    /// With so many keys, none is made before it is due. All keys and revocations fit into the store.
    const MAX_KEYS: usize = 400;

    /// With so many revocations, the operator can revoke no more. Those of the store are proven to be of a server: they
    /// are not counted.
    const MAX_REVOKED: usize = 1024;

    /// Takes over what the store has, and keeps what it has lost. A key that has ended is not used again.
    pub(super) fn take_over(&mut self, snapshot: Snapshot) {
        let now = snapshot.now;
        self.stored_generation = snapshot.generation;
        self.stored = snapshot.keys.iter().map(|key| key.id).collect();
        self.stored_revoked = snapshot.revoked.iter().map(|revocation| revocation.id).collect();
        self.stored_revoked.extend(&snapshot.not_proven_revoked);
        self.ended = snapshot.ended;
        self.has_new_revocation = false;
        for key in snapshot.keys {
            if !self.keys.iter().any(|known| known.id == key.id) {
                self.keys.push(key);
            }
        }
        self.keys.retain(|key| {
            key.times.opens_until > now && !snapshot.not_proven_revoked.contains(&key.id)
        });
        for revocation in snapshot.revoked {
            self.remember(revocation);
        }
        self.revoked.retain(|_, until| *until > now);
        self.keys.sort_by_key(|key| Reverse((key.times.seals_from, key.id)));
        self.forget_revoked();
    }

    /// Forgets the keys that the operator takes away, and remembers that they are revoked.
    pub(super) fn revoke(&mut self, revoked: Revoked, now: StoreTime, options: &TicketKeyOptions) {
        let ids: Vec<TicketKeyId> = match revoked {
            Revoked::One(id) => vec![id],
            Revoked::All => self.keys.iter().map(|key| key.id).collect(),
        };
        for id in ids {
            let mut until = options.times_of_next(now).opens_until;
            if let Some(key) = self.keys.iter().find(|key| key.id == id) {
                // A key of a clock that was ahead ends later.
                until = until.max(key.times.opens_until);
            }
            self.remember(Revocation { id, until });
        }
        self.has_new_revocation = true;
        self.forget_revoked();
    }

    /// Of several revocations of a key, the longest holds.
    fn remember(&mut self, revocation: Revocation) {
        let until = self.revoked.entry(revocation.id).or_insert(revocation.until);
        *until = revocation.until.max(*until);
    }

    fn forget_revoked(&mut self) {
        self.keys.retain(|key| !self.revoked.contains_key(&key.id));
    }

    /// May the operator revoke no more?
    pub(super) fn has_most_revoked(&self) -> bool {
        self.revoked.len() >= Self::MAX_REVOKED
    }

    /// What has to be changed in the store; `None` if nothing.
    pub(super) fn change(
        &self,
        next_key: NextKey,
        now: StoreTime,
        options: &TicketKeyOptions,
        sealing_keys: &SealingKeys,
    ) -> Result<Option<Change>, Error> {
        if next_key == NextKey::Now && self.keys.len() >= Self::MAX_KEYS {
            return Err(Error::TicketKeysFull);
        }
        let makes_next = next_key == NextKey::Now || self.needs_next(now, options);
        if !makes_next && !self.knows_more_than_store() {
            return Ok(None);
        }
        let times = options.times_of_next(now);
        let mut change =
            self.repair_of_store(now.duration_until(times.opens_until), sealing_keys)?;
        if makes_next {
            change.set(&StoredKey::make(times, sealing_keys)?);
        }
        Ok(Some(change))
    }

    /// Does the store lack keys or revocations that this server knows?
    fn knows_more_than_store(&self) -> bool {
        self.has_new_revocation
            || self.lost_keys().next().is_some()
            || self.revoked.keys().any(|id| !self.stored_revoked.contains(id))
    }

    /// The keys that the store has lost.
    fn lost_keys(&self) -> impl Iterator<Item = &StoredKey> {
        self.keys.iter().filter(|key| !self.stored.contains(&key.id))
    }

    /// Gives the store the keys and revocations that it lacks, and removes what has ended.
    fn repair_of_store(
        &self,
        keep_for: Duration,
        sealing_keys: &SealingKeys,
    ) -> Result<Change, CryptoError> {
        let mut change = Change::new(&self.stored_generation, keep_for, sealing_keys)?;
        self.ended.iter().for_each(|field| change.remove(field));
        for (id, until) in &self.revoked {
            change.revoke(Revocation { id: *id, until: *until }, sealing_keys)?;
        }
        self.lost_keys().for_each(|key| change.set(key));
        Ok(change)
    }

    /// Is there no key that will seal when the next one could be known to all? A key that was made in the future is of
    /// a clock that was ahead: there must be another one until then.
    fn needs_next(&self, now: StoreTime, options: &TicketKeyOptions) -> bool {
        let known = now.plus(options.learning_time());
        !self.keys.iter().any(|key| key.times.made_at <= now && key.times.seals_until > known)
    }

    /// The key that seals: the last one that all servers know. If they know none, the first one that they will know.
    fn sealing(&self, now: StoreTime) -> Option<&StoredKey> {
        let known = self.keys.iter().find(|key| key.times.seals_from <= now);
        known.or(self.keys.last())
    }

    /// The keys that are used now, the one that seals first. It is used however old it is: a server that cannot reach
    /// the store goes on with what it has. When the store is read, [`take_over`](Self::take_over) forgets what has ended.
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
        starts.filter(|start| *start > now).min().map(|start| now.duration_until(start))
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

#[cfg(test)]
mod tests {
    use super::super::stored_keys::{MAX_FIELDS, SnapshotOfTest};
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
        fn refresh(&mut self, ring: &mut KeyRing, now: u64) -> bool {
            ring.take_over(self.store.read(StoreTime(now), &self.keys));
            self.write(ring, now, NextKey::WhenDue)
        }

        fn rotate(&mut self, ring: &mut KeyRing, now: u64) {
            ring.take_over(self.store.read(StoreTime(now), &self.keys));
            assert!(self.write(ring, now, NextKey::Now));
        }

        fn revoke(&mut self, ring: &mut KeyRing, now: u64, revoked: Revoked) {
            ring.take_over(self.store.read(StoreTime(now), &self.keys));
            ring.revoke(revoked, StoreTime(now), &options());
            assert!(self.write(ring, now, NextKey::WhenDue));
        }

        fn write(&mut self, ring: &mut KeyRing, now: u64, next_key: NextKey) -> bool {
            let now = StoreTime(now);
            let change = ring.change(next_key, now, &options(), &self.keys).unwrap();
            let Some(change) = change else { return false };
            assert!(self.store.write(change));
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
        assert!(scene.refresh(&mut ring, START));
        (scene, ring)
    }

    #[test]
    fn the_first_key_seals_at_once_and_the_next_one_is_learned_before_it_seals() {
        let (mut scene, mut ring) = started();
        let first = in_use(&ring, START);
        assert_eq!(first.len(), 1);
        assert!(!scene.refresh(&mut ring, START + DAY / 2), "nothing is due");
        // It is made so early that all have learned it when the period of the first one is over.
        let learned = 180 * SECOND;
        let end = START + learned + DAY;
        assert!(!scene.refresh(&mut ring, end - learned - 1));
        assert!(scene.refresh(&mut ring, end - learned));
        let mut other = KeyRing::default();
        assert!(!scene.refresh(&mut other, end - learned), "it was made by the first");
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
            scene.refresh(&mut ring, START + day * DAY);
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
        assert!(scene.refresh(&mut ring, START + 365 * DAY));
        let ahead = in_use(&ring, START + 365 * DAY + 180 * SECOND)[0];
        // And back: the key of next year does not seal, and does not stop the keys of this year.
        assert!(scene.refresh(&mut ring, START + DAY));
        let mut last = in_use(&ring, START + DAY)[0];
        for day in 2..6 {
            let now = START + day * DAY;
            scene.refresh(&mut ring, now);
            let sealing = in_use(&ring, now + 200 * SECOND)[0];
            assert!(sealing != last && sealing != ahead, "day {day}");
            last = sealing;
        }
        // An hour back: a key of before seals again, and opens.
        let now = START + 5 * DAY - 3600 * SECOND;
        scene.refresh(&mut ring, now);
        assert!(in_use(&ring, now).contains(&last));
    }

    #[test]
    fn a_revoked_key_is_gone_everywhere_and_does_not_come_back() {
        let (mut scene, mut ring) = started();
        let mut other = KeyRing::default();
        scene.refresh(&mut other, START);
        let [first] = in_use(&ring, START)[..] else { panic!() };
        let old = scene.store.clone();
        scene.revoke(&mut ring, START + 1, Revoked::One(first));
        assert!(!scene.refresh(&mut other, START + 2));
        for ring in [&ring, &other] {
            let [second] = in_use(ring, START + 2)[..] else { panic!() };
            assert_ne!(second, first, "a new one seals at once, as there is no other");
        }
        // What was revoked is written again.
        scene.store = old;
        assert!(scene.refresh(&mut other, START + 3), "the store learns of it again");
        let mut new = KeyRing::default();
        scene.refresh(&mut new, START + 4);
        assert!(!in_use(&new, START + 4).contains(&first));
    }

    #[test]
    fn with_an_older_key_that_all_know_a_new_one_is_learned_first_after_a_revocation() {
        let (mut scene, mut ring) = started();
        let [first] = in_use(&ring, START)[..] else { panic!() };
        scene.rotate(&mut ring, START + DAY);
        let now = START + DAY + 180 * SECOND;
        let [second, _] = in_use(&ring, now)[..] else { panic!() };
        scene.revoke(&mut ring, now, Revoked::One(second));
        assert_eq!(in_use(&ring, now)[0], first);
        assert_eq!(in_use(&ring, now).len(), 2);
    }

    #[test]
    fn a_store_that_was_started_anew_gets_the_keys_that_a_server_knows_but_no_revoked_ones() {
        let (mut scene, mut ring) = started();
        let [first] = in_use(&ring, START)[..] else { panic!() };
        scene.rotate(&mut ring, START + 1);
        let second = in_use(&ring, START + 1)[1];
        scene.revoke(&mut ring, START + 2, Revoked::One(first));
        scene.store = SnapshotOfTest::default();
        assert!(scene.refresh(&mut ring, START + 3));
        let mut new = KeyRing::default();
        scene.refresh(&mut new, START + 4);
        assert_eq!(in_use(&new, START + 4), [second]);
        assert!(new.revoked.contains_key(&first));
    }

    #[test]
    fn a_revocation_outlives_all_servers_unless_the_store_loses_it_while_none_runs() {
        let (mut scene, mut ring) = started();
        let [first] = in_use(&ring, START)[..] else { panic!() };
        let before = scene.store.clone();
        scene.revoke(&mut ring, START + 1, Revoked::One(first));
        let mut next = KeyRing::default();
        scene.refresh(&mut next, START + 2);
        assert!(!in_use(&next, START + 2).contains(&first));
        // The store comes back without its last writes, and a server runs that knows more.
        scene.store = before.clone();
        scene.refresh(&mut next, START + 3);
        let mut third = KeyRing::default();
        scene.refresh(&mut third, START + 4);
        assert!(!in_use(&third, START + 4).contains(&first));
        // The same, and no server runs.
        scene.store = before;
        let mut unaware = KeyRing::default();
        scene.refresh(&mut unaware, START + 5);
        assert_eq!(in_use(&unaware, START + 5), [first]);
    }

    #[test]
    fn after_all_were_revoked_a_new_one_seals_at_once() {
        let (mut scene, mut ring) = started();
        scene.rotate(&mut ring, START + 1);
        let before = in_use(&ring, START + 1);
        assert_eq!(before.len(), 2);
        scene.revoke(&mut ring, START + 2, Revoked::All);
        let [new] = in_use(&ring, START + 2)[..] else { panic!() };
        assert!(!before.contains(&new));
        // Without the store, too: then there is no key of the fleet left.
        ring.revoke(Revoked::All, StoreTime(START + 3), &options());
        assert!(in_use(&ring, START + 3).is_empty());
    }

    #[test]
    fn revocations_end_with_their_keys() {
        let (mut scene, mut ring) = started();
        let [first] = in_use(&ring, START)[..] else { panic!() };
        scene.revoke(&mut ring, START + 1, Revoked::One(first));
        let now = START + 20 * DAY;
        scene.refresh(&mut ring, now);
        assert!(ring.revoked.is_empty());
        assert!(!scene.store.fields.keys().any(|name| name.starts_with("revoked:")));
    }

    #[test]
    fn a_key_that_has_ended_is_not_taken_from_the_store_again() {
        let (mut scene, mut ring) = started();
        let [leaked] = in_use(&ring, START)[..] else { panic!() };
        let field = format!("key:{leaked}");
        let saved = scene.store.fields[&field].clone();
        let ends = ring.keys[0].times.opens_until.0;
        for was_revoked in [false, true] {
            if was_revoked {
                scene.revoke(&mut ring, START + 1, Revoked::One(leaked));
            }
            for (now, is_used) in [(ends - 1, !was_revoked), (ends, false), (ends + DAY, false)] {
                // It is the only key in the store, and no server remembers that it was revoked.
                let mut attacked = Scene::new();
                if now < ends {
                    attacked.store = scene.store.clone();
                }
                attacked.store.fields.insert(field.clone(), saved.clone());
                let mut new = KeyRing::default();
                assert!(attacked.refresh(&mut new, now), "there is a new one");
                assert_eq!(in_use(&new, now).contains(&leaked), is_used, "{was_revoked} {now}");
                assert!(!in_use(&new, now).is_empty());
                assert_eq!(attacked.store.fields.contains_key(&field), is_used);
            }
        }
    }

    #[test]
    fn a_key_of_a_clock_that_was_ahead_stays_revoked_until_it_ends() {
        let (mut scene, mut ring) = started();
        scene.refresh(&mut ring, START + 365 * DAY);
        let ahead = ring.keys[0].clone();
        scene.revoke(&mut ring, START + DAY, Revoked::One(ahead.id));
        for days in [20, 300, 370] {
            let mut new = KeyRing::default();
            let field = format!("key:{}", ahead.id);
            scene.store.fields.insert(field, ahead.sealed.clone());
            scene.refresh(&mut new, START + days * DAY);
            assert!(!new.keys.iter().any(|key| key.id == ahead.id), "{days}");
        }
    }

    #[test]
    fn revocations_that_no_server_made_are_not_remembered_and_stop_no_other() {
        let (mut scene, mut ring) = started();
        let [first] = in_use(&ring, START)[..] else { panic!() };
        let honest = Revocation { id: first, until: StoreTime(START + 9 * DAY) };
        let sealed = honest.seal(&scene.keys).unwrap();
        for number in 0..2000_u16 {
            let mut id = [0; TicketKeyId::LENGTH];
            id[..2].copy_from_slice(&number.to_be_bytes());
            // Of another key, with another time, or as text.
            let value = match number % 3 {
                0 => sealed.clone(),
                1 => u64::MAX.to_string().into_bytes(),
                _ => [&sealed[..1], &[0xff; 100]].concat(),
            };
            scene.store.fields.insert(format!("revoked:{}", TicketKeyId(id)), value);
        }
        scene.refresh(&mut ring, START + 1);
        assert_eq!(in_use(&ring, START + 1), [first]);
        assert!(ring.revoked.is_empty());
        scene.revoke(&mut ring, START + 2, Revoked::One(first));
        for mut other in [KeyRing::default(), ring] {
            scene.refresh(&mut other, START + 3);
            assert!(!in_use(&other, START + 3).contains(&first));
            assert_eq!(other.revoked.len(), 1);
        }
    }

    #[test]
    fn a_revocation_that_this_server_cannot_open_holds_while_it_is_in_the_store() {
        let (mut scene, mut ring) = started();
        let [first] = in_use(&ring, START)[..] else { panic!() };
        let other = SealingKeys::from_bytes(b"fedcba9876543210fedcba9876543210").unwrap();
        let revocation = Revocation { id: first, until: StoreTime(START + 9 * DAY) };
        let field = format!("revoked:{first}");
        scene.store.fields.insert(field.clone(), revocation.seal(&other).unwrap());
        for mut server in
            [KeyRing { keys: ring.keys.clone(), ..KeyRing::default() }, KeyRing::default()]
        {
            scene.refresh(&mut server, START + 1);
            assert!(!in_use(&server, START + 1).contains(&first));
        }
        // It was no revocation of the fleet, and a server that has not read it has the key.
        scene.store.fields.remove(&field);
        scene.refresh(&mut ring, START + 2);
        assert!(in_use(&ring, START + 2).contains(&first));
    }

    #[test]
    fn a_store_that_has_lost_keys_gets_them_again_also_if_it_has_others() {
        let (mut scene, mut ring) = started();
        let before = in_use(&ring, START);
        // A server that knows nothing comes first.
        scene.store = SnapshotOfTest::default();
        let mut new = KeyRing::default();
        assert!(scene.refresh(&mut new, START + 1));
        let made = in_use(&new, START + 1);
        assert!(scene.refresh(&mut ring, START + 2));
        assert!(!scene.refresh(&mut new, START + 3));
        for ring in [&ring, &new] {
            let both = in_use(ring, START + 3);
            assert!(both.contains(&before[0]) && both.contains(&made[0]), "{both:?}");
        }
        assert_eq!(in_use(&ring, START + 3), in_use(&new, START + 3));
        // What has ended meanwhile does not come again.
        scene.store = SnapshotOfTest::default();
        let now = START + 30 * DAY;
        scene.refresh(&mut ring, now);
        assert!(!in_use(&ring, now).contains(&before[0]) && ring.len() == 1);
    }

    #[test]
    fn keys_and_revocations_that_the_operator_makes_have_a_limit_and_fit_into_the_store() {
        let (mut scene, mut ring) = started();
        let (now, options) = (StoreTime(START + 1), options());
        let times = options.times_of_next(now);
        let sealing_keys = sealing_keys();
        let make_keys = |ring: &mut KeyRing| {
            while ring.len() < KeyRing::MAX_KEYS {
                ring.keys.push(StoredKey::make(times, &sealing_keys).unwrap());
            }
        };
        make_keys(&mut ring);
        let full = ring.change(NextKey::Now, now, &options, &scene.keys);
        assert!(matches!(full, Err(Error::TicketKeysFull)), "{full:?}");
        for number in 1..KeyRing::MAX_REVOKED {
            let mut id = [0; TicketKeyId::LENGTH];
            id[..8].copy_from_slice(&number.to_be_bytes());
            ring.revoke(Revoked::One(TicketKeyId(id)), now, &options);
        }
        assert!(!ring.has_most_revoked());
        scene.revoke(&mut ring, now.0, Revoked::All);
        assert!(ring.has_most_revoked());
        make_keys(&mut ring);
        scene.refresh(&mut ring, now.0);
        let stored = scene.store.fields.len();
        assert!(
            stored > KeyRing::MAX_KEYS + KeyRing::MAX_REVOKED && stored < MAX_FIELDS,
            "{stored}"
        );
    }
}
