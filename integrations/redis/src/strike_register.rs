//! A register of ClientHellos with 0-RTT data, in the store (RFC 9846, section 8.2).

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use fred::clients::{Client, WithOptions};
use fred::types::Value;
use handclasp::Reply;
use handclasp::pki_types::UnixTime;
use handclasp::session::{AntiReplay, ClientHelloRecord, ReplayCheck, Zone};
use tokio::runtime::Handle;
use tokio::time::MissedTickBehavior;

use crate::epochs::{Epoch, Epochs};
use crate::script::{ScriptSource, run_script};
use crate::telemetry::{Call, report_new_epoch, report_replay_check};
use crate::{Error, RedisStore};

#[doc = include_str!("strike_register.md")]
#[derive(Clone)]
pub struct RedisStrikeRegister {
    inner: Arc<Inner>,
}

struct Inner {
    store: RedisStore,
    shards: u16,
    records_of_a_shard: u32,
    epochs: Mutex<Epochs>,
    script: Script,
}

/// The script that checks and records.
struct Script {
    /// Its SHA-1, as the store names it.
    hash: String,
}

/// What the script has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It was asked for the epoch only.
    Epoch,
    New,
    Seen,
    OtherEpoch,
    NotFresh,
    Full,
}

struct Decision {
    verdict: Verdict,
    epoch: Epoch,
}

/// How many shards and records a [`RedisStrikeRegister`] has. All servers of a fleet need the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisterSize {
    /// How many keys of the store the records are in: 1 to 1024, and 1 by default. One key serves some 20,000
    /// ClientHellos with 0-RTT data per second. On a cluster, several keys are on several primaries.
    pub shards: u16,
    /// How many ClientHellos are recorded at the same time, in all shards: 1,000,000 by default. Each takes some 150
    /// bytes of the store, for about 20 seconds with the default window.
    pub records: u32,
}

impl Default for RegisterSize {
    fn default() -> Self {
        Self { shards: 1, records: 1_000_000 }
    }
}

impl RedisStrikeRegister {
    /// How often a server asks the store for its epochs.
    pub const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

    const MAX_SHARDS: u16 = 1024;

    /// A register in this store, of the default size. The tokio runtime that this is called in asks for the epochs of
    /// the store, until the register is dropped.
    ///
    /// # Errors
    /// [`Error::NoRuntime`] outside of a tokio runtime.
    pub fn new(store: &RedisStore) -> Result<Self, Error> {
        Self::with_size(store, RegisterSize::default())
    }

    /// As [`new`](Self::new), of this size. A number of shards that is out of range is taken as the nearest one that is
    /// not.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_size(store: &RedisStore, size: RegisterSize) -> Result<Self, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let shards = size.shards.clamp(1, Self::MAX_SHARDS);
        let inner = Arc::new(Inner {
            store: store.clone(),
            shards,
            records_of_a_shard: size.records.div_ceil(shards.into()),
            epochs: Mutex::new(Epochs::unknown(shards)),
            script: Script::new(),
        });
        runtime.spawn(refresh_until_dropped(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Asks the store for its epochs now. Tickets that are sent before the first answer allow no 0-RTT data. A server
    /// that does not want to send such tickets waits for this before it accepts clients.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.inner.refresh().await
    }

    /// Checks and records this ClientHello: the answer to
    /// [`Question::CheckReplay`](handclasp::handshake::Question::CheckReplay). [`ReplayCheck::Unknown`] where the store
    /// does not answer in time, or cannot know. [`FleetAnswers`](crate::FleetAnswers) calls it.
    pub async fn check(&self, client_hello: &ClientHelloRecord) -> ReplayCheck {
        let (verdict, check) = match self.inner.check(client_hello).await {
            Ok(Some(Verdict::New)) => ("new", ReplayCheck::New),
            Ok(Some(Verdict::Seen)) => ("seen", ReplayCheck::Seen),
            Ok(Some(Verdict::NotFresh)) => ("not_fresh", ReplayCheck::Unknown),
            Ok(Some(Verdict::Full)) => ("full", ReplayCheck::Unknown),
            // `Epoch` is no answer to this question, so nothing is known of the ClientHello.
            Ok(Some(Verdict::OtherEpoch | Verdict::Epoch)) => ("other_epoch", ReplayCheck::Unknown),
            Ok(None) => ("not_asked", ReplayCheck::Unknown),
            Err(_) => ("no_answer", ReplayCheck::Unknown),
        };
        report_replay_check(verdict);
        check
    }
}

impl AntiReplay for RedisStrikeRegister {
    /// The epochs of the store. Zeros before the first contact: tickets with them allow no 0-RTT data.
    fn zone(&self) -> Option<Zone> {
        Some(self.inner.epochs().zone().unwrap_or_default())
    }

    /// Later, for a ticket: ask [`check`](Self::check). 0-RTT data under an external key are not accepted: a key
    /// without an age would have to be remembered without end.
    fn check_and_record(
        &self,
        client_hello: &ClientHelloRecord,
        _: UnixTime,
    ) -> Reply<ReplayCheck> {
        match client_hello.fresh_until {
            Some(_) => Reply::Later,
            None => Reply::Now(ReplayCheck::Unknown),
        }
    }
}

impl fmt::Debug for RedisStrikeRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStrikeRegister")
            .field("store", &self.inner.store)
            .field("shards", &self.inner.shards)
            .finish_non_exhaustive()
    }
}

/// Asks for the epochs at intervals, for as long as there is a register.
async fn refresh_until_dropped(register: Weak<Inner>) {
    let mut interval = tokio::time::interval(RedisStrikeRegister::REFRESH_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let Some(register) = register.upgrade() else {
            return;
        };
        // A failure is in the metrics. The next one may succeed.
        let _ = register.refresh().await;
    }
}

impl Inner {
    fn epochs(&self) -> MutexGuard<'_, Epochs> {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refresh(&self) -> Result<(), Error> {
        for shard in 0..self.shards {
            // Without the epoch of a ticket, the script reads no other argument.
            self.ask(Call::AskEpoch, shard, vec![Value::from("")]).await?;
        }
        Ok(())
    }

    /// `None` where the store need not be asked.
    async fn check(&self, client_hello: &ClientHelloRecord) -> Result<Option<Verdict>, Error> {
        let (Some(zone), Some(until)) = (client_hello.zone, client_hello.fresh_until) else {
            return Ok(None);
        };
        let [high, low, ..] = client_hello.id;
        let shard = u16::from_be_bytes([high, low]) % self.shards;
        let Some(epoch) = self.epoch_of_shard(shard, zone) else {
            return Ok(None);
        };
        let arguments = vec![
            Value::from(epoch),
            Value::from(client_hello.id.as_slice()),
            Value::from(client_hello.fresh_since.as_secs().to_string()),
            Value::from(until.as_secs().to_string()),
            Value::from(self.records_of_a_shard.to_string()),
        ];
        self.ask(Call::CheckReplay, shard, arguments).await.map(Some)
    }

    /// The epoch of this shard, if the ticket is of the zone that this server knows.
    fn epoch_of_shard(&self, shard: u16, ticket_zone: Zone) -> Option<String> {
        // Both are read under one lock. Otherwise a new epoch could come between the two.
        let epochs = self.epochs();
        if epochs.zone() != Some(ticket_zone) {
            return None;
        }
        epochs.of_shard(shard).map(|epoch| epoch.as_str().to_string())
    }

    /// Runs the script in a shard, and remembers the epoch that it returns. `arguments` are those behind the random
    /// bytes.
    async fn ask(&self, call: Call, shard: u16, arguments: Vec<Value>) -> Result<Verdict, Error> {
        let primitives = self.store.keys().primitives();
        let random: [u8; 16] = primitives.random_bytes()?;
        let mut all = vec![Value::from(random.as_slice())];
        all.extend(arguments);
        let key = self.store.names().records(shard);
        let asked = self.store.call(call, async |client| self.script.run(&client, key, all).await);
        let Decision { verdict, epoch } = asked.await?;
        if self.epochs().set(shard, epoch, &*primitives.sha256) {
            report_new_epoch(shard);
        }
        Ok(verdict)
    }
}

impl Script {
    const TEXT: &'static str = include_str!("strike_register.lua");

    fn new() -> Self {
        Self { hash: fred::util::sha1_hash(Self::TEXT) }
    }

    /// Runs the script. A store that was started since does not have it yet, and gets it.
    async fn run(
        &self,
        client: &WithOptions<Client>,
        key: String,
        arguments: Vec<Value>,
    ) -> Result<Decision, Error> {
        let known = ScriptSource::Hash(&self.hash);
        let answer = match run_script(client, known, &key, arguments.clone()).await {
            Err(Error::Store(error)) if error.details().starts_with("NOSCRIPT") => {
                run_script(client, ScriptSource::Text(Self::TEXT), &key, arguments).await?
            }
            answer => answer?,
        };
        Decision::read(answer).ok_or(Error::Answer)
    }
}

impl Decision {
    fn read(answer: Value) -> Option<Self> {
        let words: [String; 2] = answer.convert::<Vec<String>>().ok()?.try_into().ok()?;
        let [verdict, epoch] = words;
        let verdict = match verdict.as_str() {
            "epoch" => Verdict::Epoch,
            "new" => Verdict::New,
            "seen" => Verdict::Seen,
            "other_epoch" => Verdict::OtherEpoch,
            "not_fresh" => Verdict::NotFresh,
            "full" => Verdict::Full,
            _ => return None,
        };
        Some(Self { verdict, epoch: Epoch::new(epoch)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Option<Verdict> {
        let words = words.iter().map(|word| Value::from(*word)).collect();
        Decision::read(Value::Array(words)).map(|decision| decision.verdict)
    }

    #[test]
    fn what_the_script_does_not_return_is_no_decision() {
        let epoch = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(read(&["new", epoch]), Some(Verdict::New));
        assert_eq!(read(&["seen", epoch]), Some(Verdict::Seen));
        for wrong in [
            &[][..],
            &["new"],
            &["new", ""],
            &["new", "an epoch"],
            &["New", epoch],
            &["", epoch],
            &["new", epoch, epoch],
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        for wrong in [Value::Null, Value::from("new"), Value::Integer(1), Value::Queued] {
            assert!(Decision::read(wrong).is_none());
        }
    }
}
