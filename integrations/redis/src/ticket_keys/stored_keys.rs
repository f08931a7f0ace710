//! The hash in the store that has the ticket keys: how it is read, and changed by one server at a time.
//!
//! | Field | Value |
//! |---|---|
//! | `generation` | random bytes, others after each change |
//! | `key:` and a name | a [`StoredKey`] |
//! | `revoked:` and a name | a [`Revocation`] |

use core::time::Duration;
#[cfg(test)]
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use fred::types::Value;
use handclasp::crypto::CryptoError;

use super::stored_key::{Revocation, StoreTime, StoredKey, TicketKeyId, milliseconds};
use crate::script::{ScriptSource, run_script};
use crate::telemetry::Call;
use crate::{Error, RedisStore, SealingKeys};

const GENERATION: &str = "generation";

/// The most fields that are read.
pub(super) const MAX_FIELDS: usize = 2048;

/// What the store has. What has ended is not in it.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The store's time when it was read.
    pub(super) now: StoreTime,
    /// As it is in the store, also if no server has written it. Empty if there is none.
    pub(super) generation: Vec<u8>,
    pub(super) keys: Vec<StoredKey>,
    pub(super) revoked: Vec<Revocation>,
    /// Names with a revocation that does not open. It may be one of a server with another sealing key.
    pub(super) not_proven_revoked: BTreeSet<TicketKeyId>,
    /// The fields that have ended. Attackers can have them end, as they can remove them.
    pub(super) ended: Vec<String>,
    /// How many keys do not open.
    pub(super) not_opened: usize,
    /// The fields that are no keys of this fleet, and why.
    pub(super) refused: Vec<String>,
}

impl Snapshot {
    fn new(now: StoreTime) -> Self {
        Self {
            now,
            generation: Vec::new(),
            keys: Vec::new(),
            revoked: Vec::new(),
            not_proven_revoked: BTreeSet::new(),
            ended: Vec::new(),
            not_opened: 0,
            refused: Vec::new(),
        }
    }

    /// Reads the answer of the store: its time, and names and values of fields in turn.
    fn read(answer: &[Value], keys: &SealingKeys) -> Option<Self> {
        let (now, fields) = answer.split_first()?;
        let now = StoreTime(u64::try_from(now.as_i64()?).ok()?);
        let mut snapshot = Self::new(now);
        for field in fields.chunks(2) {
            let [name, value] = field else { return None };
            let name = String::from_utf8_lossy(bytes_of(name)?).into_owned();
            if let Err(reason) = snapshot.add(&name, bytes_of(value)?, keys) {
                let shown: String = name.chars().take(64).flat_map(char::escape_default).collect();
                snapshot.refused.push(format!("the field {shown} is refused: {reason}"));
            }
        }
        Some(snapshot)
    }

    fn add(&mut self, name: &str, value: &[u8], keys: &SealingKeys) -> Result<(), &'static str> {
        const NO_FIELD: &str = "servers of a fleet write no such field";
        if name == GENERATION {
            self.generation = value.to_vec();
            return Ok(());
        }
        let (kind, id) = name.split_once(':').ok_or(NO_FIELD)?;
        let id = TicketKeyId::from_hex(id).ok_or("its name is no name of a key")?;
        match kind {
            "key" => self.add_key(name, id, value, keys),
            "revoked" => self.add_revocation(name, id, value, keys),
            _ => Err(NO_FIELD),
        }
    }

    fn add_key(
        &mut self,
        name: &str,
        id: TicketKeyId,
        value: &[u8],
        keys: &SealingKeys,
    ) -> Result<(), &'static str> {
        if StoredKey::claimed_times(value)?.opens_until <= self.now {
            self.ended.push(name.to_owned());
            return Ok(());
        }
        let opened = StoredKey::open(id, value, keys);
        if opened.is_err() {
            self.not_opened += 1;
        }
        self.keys.push(opened?);
        Ok(())
    }

    fn add_revocation(
        &mut self,
        name: &str,
        id: TicketKeyId,
        value: &[u8],
        keys: &SealingKeys,
    ) -> Result<(), &'static str> {
        if Revocation::claimed(id, value).is_ok_and(|claimed| claimed.until <= self.now) {
            self.ended.push(name.to_owned());
            return Ok(());
        }
        let opened = Revocation::open(id, value, keys);
        if opened.is_err() {
            self.not_proven_revoked.insert(id);
        }
        self.revoked.push(opened?);
        Ok(())
    }
}

/// A string of the store. It has no other values in a hash.
fn bytes_of(value: &Value) -> Option<&[u8]> {
    match value {
        Value::String(text) => Some(text.as_bytes()),
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// What one server changes, if no other one has changed something since.
#[derive(Debug)]
pub(super) struct Change {
    generation: Vec<u8>,
    next_generation: String,
    /// How long the store keeps the hash. A fleet that is there changes it before.
    keep_for: Duration,
    removed: Vec<String>,
    set: Vec<(String, Vec<u8>)>,
}

impl Change {
    /// The next generation is random: no generation comes again after the store has lost its last changes.
    pub(super) fn new(
        generation: &[u8],
        keep_for: Duration,
        keys: &SealingKeys,
    ) -> Result<Self, CryptoError> {
        Ok(Self {
            generation: generation.to_vec(),
            next_generation: hex::encode(keys.primitives().random_bytes::<16>()?),
            keep_for,
            removed: Vec::new(),
            set: Vec::new(),
        })
    }

    pub(super) fn set(&mut self, key: &StoredKey) {
        self.set.push((format!("key:{}", key.id), key.sealed.clone()));
    }

    pub(super) fn remove(&mut self, field: &str) {
        self.removed.push(field.to_owned());
    }

    /// The revocation is sealed anew: the operator may take the key away that it was sealed with before.
    pub(super) fn revoke(
        &mut self,
        revocation: Revocation,
        keys: &SealingKeys,
    ) -> Result<(), CryptoError> {
        let id = revocation.id;
        self.remove(&format!("key:{id}"));
        self.set.push((format!("revoked:{id}"), revocation.seal(keys)?));
        Ok(())
    }

    fn into_arguments(self) -> Vec<Value> {
        let keep_for = milliseconds(self.keep_for).max(1).to_string();
        let mut arguments = vec![
            Value::Bytes(self.generation.into()),
            Value::from(self.next_generation),
            Value::from(keep_for),
            Value::from(self.removed.len().to_string()),
        ];
        arguments.extend(self.removed.into_iter().map(Value::from));
        for (name, value) in self.set {
            arguments.push(Value::from(name));
            arguments.push(Value::Bytes(value.into()));
        }
        arguments
    }
}

pub(super) async fn read(store: &RedisStore) -> Result<Snapshot, Error> {
    let key = store.names().ticket_keys();
    let asked = store.call(Call::ReadTicketKeys, async |client| {
        let script = ScriptSource::Text(include_str!("read.lua"));
        let arguments = vec![Value::from(MAX_FIELDS.to_string())];
        match run_script(&client, script, &key, arguments).await? {
            Value::Array(fields) => Snapshot::read(&fields, store.keys()).ok_or(Error::Answer),
            _ => Err(Error::Answer),
        }
    });
    asked.await
}

/// Returns whether it was changed: if not, another server has changed it.
pub(super) async fn write(store: &RedisStore, change: Change) -> Result<bool, Error> {
    let key = store.names().ticket_keys();
    let asked = store.call(Call::ChangeTicketKeys, async |client| {
        let script = ScriptSource::Text(include_str!("change.lua"));
        match run_script(&client, script, &key, change.into_arguments()).await?.as_i64() {
            Some(1) => Ok(true),
            Some(0) => Ok(false),
            _ => Err(Error::Answer),
        }
    });
    asked.await
}

/// A store of unit tests, which does what the scripts do.
#[cfg(test)]
#[derive(Clone, Debug, Default)]
pub(super) struct SnapshotOfTest {
    pub(super) fields: BTreeMap<String, Vec<u8>>,
}

#[cfg(test)]
impl SnapshotOfTest {
    pub(super) fn read(&self, now: StoreTime, keys: &SealingKeys) -> Snapshot {
        let mut answer = vec![Value::Integer(i64::try_from(now.0).unwrap())];
        for (name, value) in &self.fields {
            answer.push(Value::from(name.as_str()));
            answer.push(Value::Bytes(value.clone().into()));
        }
        Snapshot::read(&answer, keys).unwrap()
    }

    pub(super) fn write(&mut self, change: Change) -> bool {
        let generation = self.fields.get(GENERATION).cloned().unwrap_or_default();
        if change.generation != generation {
            return false;
        }
        self.fields.insert(GENERATION.to_owned(), change.next_generation.into_bytes());
        change.removed.iter().for_each(|name| _ = self.fields.remove(name));
        self.fields.extend(change.set);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SealingKeys {
        SealingKeys::from_bytes(b"0123456789abcdef0123456789abcdef").unwrap()
    }

    fn read(answer: &[Value]) -> Option<Snapshot> {
        Snapshot::read(answer, &keys())
    }

    #[test]
    fn what_no_server_of_the_fleet_writes_is_refused_in_words_and_the_rest_is_read() {
        let id = "0123456789abcdef0123456789abcdef";
        let (key, revoked) = (format!("key:{id}"), format!("revoked:{id}"));
        let field = |name: &str, value: &str| [Value::from(name), Value::from(value)];
        for (name, value, words) in [
            ("something", "1", "no such field"),
            ("other:0123456789abcdef0123456789abcdef", "1", "no such field"),
            ("key:1", "1", "no name of a key"),
            ("key:\u{1b}[2J", "1", "no name of a key"),
            (&key, "a key", "no ticket key"),
            (&revoked, "today", "no revocation"),
        ] {
            let fields = [field(name, value), field("generation", "7")].concat();
            let snapshot = read(&[&[Value::Integer(5)], &fields[..]].concat()).unwrap();
            let [refused] = &snapshot.refused[..] else { panic!("{snapshot:?}") };
            assert!(refused.contains(words) && !refused.contains('\u{1b}'), "{refused}");
            assert_eq!((snapshot.now, snapshot.generation.as_slice()), (StoreTime(5), &b"7"[..]));
            assert!(snapshot.keys.is_empty() && snapshot.revoked.is_empty());
        }
        let empty = read(&[Value::Integer(5)]).unwrap();
        assert!(empty.refused.is_empty() && empty.generation.is_empty());
    }

    #[test]
    fn what_the_script_does_not_return_is_no_answer() {
        let number = Value::Integer(5);
        for wrong in [
            vec![],
            vec![Value::Integer(-1)],
            vec![Value::from("now")],
            vec![number.clone(), Value::from("generation")],
            vec![number.clone(), Value::from("generation"), Value::Null],
            vec![number, Value::Integer(1), Value::from("generation")],
        ] {
            assert!(read(&wrong).is_none(), "{wrong:?}");
        }
    }
}
