//! The hash in the store that has the ticket keys: how it is read, and changed by one server at a time.
//!
//! | Field | Value |
//! |---|---|
//! | `generation` | how often the hash was changed |
//! | `key:` and a name | a [`StoredKey`] |
//! | `revoked:` and a name | when the key ends that was revoked, in milliseconds since 1970 |

use core::time::Duration;
use std::collections::BTreeMap;

use fred::interfaces::LuaInterface;
use fred::types::Value;

use super::stored_key::{StoreTime, StoredKey, TicketKeyId, milliseconds};
use crate::telemetry::Call;
use crate::{Error, RedisStore, SealingKeys};

const GENERATION: &str = "generation";

/// The most fields that are read.
const MAX_FIELDS: usize = 2048;

/// What the store has.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The store's time when it was read.
    pub(super) now: StoreTime,
    pub(super) generation: String,
    /// Was nothing there?
    pub(super) is_empty: bool,
    pub(super) keys: Vec<StoredKey>,
    pub(super) revoked: BTreeMap<TicketKeyId, StoreTime>,
    /// The fields that are no keys of this fleet, and why.
    pub(super) refused: Vec<String>,
}

impl Snapshot {
    fn new(now: StoreTime) -> Self {
        Self {
            now,
            generation: "0".into(),
            is_empty: true,
            keys: Vec::new(),
            revoked: BTreeMap::new(),
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
            snapshot.is_empty = false;
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
            let digits = core::str::from_utf8(value).ok();
            let generation =
                digits.and_then(|digits| digits.parse::<i64>().ok()).ok_or(NO_FIELD)?;
            self.generation = generation.to_string();
            return Ok(());
        }
        let (kind, id) = name.split_once(':').ok_or(NO_FIELD)?;
        let id = TicketKeyId::from_hex(id).ok_or("its name is no name of a key")?;
        match kind {
            "key" => self.keys.push(StoredKey::open(id, value, keys)?),
            "revoked" => {
                let digits = core::str::from_utf8(value).ok();
                let until = digits.and_then(|it| it.parse().ok()).ok_or("its value is no time")?;
                self.revoked.insert(id, StoreTime(until));
            }
            _ => return Err(NO_FIELD),
        }
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
    generation: String,
    /// How long the store keeps the hash. A fleet that is there changes it before.
    keep_for: Duration,
    removed: Vec<String>,
    set: Vec<(String, Vec<u8>)>,
}

impl Change {
    pub(super) fn new(generation: &str, keep_for: Duration) -> Self {
        let generation = generation.to_owned();
        Self { generation, keep_for, removed: Vec::new(), set: Vec::new() }
    }

    pub(super) fn set(&mut self, key: &StoredKey) {
        self.set.push((format!("key:{}", key.id), key.sealed.clone()));
    }

    pub(super) fn remove(&mut self, id: TicketKeyId) {
        self.removed.push(format!("key:{id}"));
    }

    pub(super) fn revoke(&mut self, id: TicketKeyId, until: StoreTime) {
        self.remove(id);
        self.set.push((format!("revoked:{id}"), until.0.to_string().into_bytes()));
    }

    pub(super) fn remove_revocation(&mut self, id: TicketKeyId) {
        self.removed.push(format!("revoked:{id}"));
    }

    fn into_arguments(self) -> Vec<Value> {
        let keep_for = milliseconds(self.keep_for).max(1).to_string();
        let mut arguments = vec![
            Value::from(self.generation),
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
        let arguments = vec![MAX_FIELDS.to_string()];
        let answer = client.eval::<Value, _, _, _>(include_str!("read.lua"), key, arguments).await;
        match answer.map_err(Error::Store)? {
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
        let arguments = change.into_arguments();
        let answer =
            client.eval::<Value, _, _, _>(include_str!("change.lua"), key, arguments).await;
        match answer.map_err(Error::Store)?.as_i64() {
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
    fields: BTreeMap<String, Vec<u8>>,
    generation: u64,
}

#[cfg(test)]
impl SnapshotOfTest {
    pub(super) fn generation(&self) -> String {
        self.generation.to_string()
    }

    pub(super) fn read(&self, now: StoreTime, keys: &SealingKeys) -> Snapshot {
        let mut answer = vec![Value::Integer(i64::try_from(now.0).unwrap())];
        for (name, value) in &self.fields {
            answer.push(Value::from(name.as_str()));
            answer.push(Value::Bytes(value.clone().into()));
        }
        if self.generation > 0 {
            answer.extend([Value::from(GENERATION), Value::from(self.generation())]);
        }
        let snapshot = Snapshot::read(&answer, keys).unwrap();
        assert!(snapshot.refused.is_empty(), "{snapshot:?}");
        snapshot
    }

    pub(super) fn write(&mut self, change: Change) -> bool {
        if change.generation != self.generation() {
            return false;
        }
        self.generation += 1;
        change.removed.iter().for_each(|name| _ = self.fields.remove(name));
        self.fields.extend(change.set);
        true
    }
}

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
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
            ("generation", "many", "no such field"),
            ("something", "1", "no such field"),
            ("other:0123456789abcdef0123456789abcdef", "1", "no such field"),
            ("key:1", "1", "no name of a key"),
            ("key:\u{1b}[2J", "1", "no name of a key"),
            (&key, "a key", "no ticket key"),
            (&revoked, "today", "no time"),
        ] {
            let fields = [field(name, value), field("generation", "7")].concat();
            let snapshot = read(&[&[Value::Integer(5)], &fields[..]].concat()).unwrap();
            let [refused] = &snapshot.refused[..] else { panic!("{snapshot:?}") };
            assert!(refused.contains(words) && !refused.contains('\u{1b}'), "{refused}");
            assert_eq!((snapshot.now, snapshot.generation.as_str()), (StoreTime(5), "7"));
            assert!(snapshot.keys.is_empty() && !snapshot.is_empty);
        }
        let empty = read(&[Value::Integer(5)]).unwrap();
        assert!(empty.is_empty && empty.refused.is_empty());
        assert_eq!(empty.generation, "0");
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
