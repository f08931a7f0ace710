//! Ticket keys that all servers of a fleet share, and that change.

mod key_ring;
mod options;
mod status;
mod stored_key;
mod stored_keys;
mod telemetry;

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use handclasp::Reply;
use handclasp::crypto::{CryptoError, CryptoProvider};
use handclasp::pki_types::UnixTime;
use handclasp::session::{SessionStore, TicketKeys};
use handclasp::zeroize::Zeroizing;
use tokio::runtime::Handle;

use crate::{Error, RedisStore};
use key_ring::{KeyRing, NextKey, Revoked};
pub use options::{FirstStart, TicketKeyOptions};
pub use status::{TicketKeyInfo, TicketKeyRole, TicketKeyStatus};
pub use stored_key::TicketKeyId;
use stored_key::{StoreTime, StoredKey};
use stored_keys::{Change, Snapshot};
use telemetry::{report_refresh, report_sealing};

#[doc = include_str!("ticket_keys.md")]
#[derive(Clone)]
pub struct RedisTicketKeys {
    shared: Arc<Shared>,
}

struct Shared {
    store: RedisStore,
    options: TicketKeyOptions,
    provider: CryptoProvider,
    /// What seals and opens.
    keys: Mutex<Arc<TicketKeys>>,
    state: Mutex<State>,
    /// Is held while the store is read and changed, so that this happens once at a time.
    refresh_lock: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    ring: KeyRing,
    clock: Option<StoreClock>,
    /// The keys that `Shared::keys` has.
    installed: InstalledKeys,
    /// Revocations that the store does not have yet.
    pending: Vec<Revoked>,
    /// Were random keys revoked, which are still used?
    replace_random_keys: bool,
    /// How many keys the store has that this server cannot open.
    not_opened: usize,
    last_error: Option<String>,
    refused: Vec<String>,
}

/// Which keys seal and open now.
#[derive(Debug, Default, PartialEq, Eq)]
enum InstalledKeys {
    /// Those of this server alone, which change by themselves.
    #[default]
    Random,
    /// Those of the fleet, in this order.
    Shared(Vec<TicketKeyId>),
}

/// The store's clock. It goes on by this server's monotonic clock, so the server's wall clock does not matter.
#[derive(Clone, Copy, Debug)]
struct StoreClock {
    read: StoreTime,
    read_at: Instant,
}

impl StoreClock {
    fn now(&self) -> StoreTime {
        self.read.plus(self.read_at.elapsed())
    }
}

impl RedisTicketKeys {
    /// Reads the keys of the fleet, makes the first one if there is none, and goes on in the tokio runtime that this is
    /// called in, until the last clone is dropped. The ciphers are the default provider's.
    ///
    /// # Errors
    /// [`Error::NoRuntime`] outside of a tokio runtime. [`Error::TicketKeyTimes`] where the options are outside of their
    /// limits. [`Error::Crypto`] where there is no randomness. With [`FirstStart::StoreRequired`], that of
    /// the store, if it does not answer.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub async fn start(store: &RedisStore, options: TicketKeyOptions) -> Result<Self, Error> {
        Self::start_with_provider(store, options, &CryptoProvider::default()).await
    }

    /// As [`start`](Self::start), with the randomness and the ciphers of this provider. Servers that share ticket keys
    /// need the same `ticket_aead`.
    ///
    /// # Errors
    /// As `start`.
    pub async fn start_with_provider(
        store: &RedisStore,
        options: TicketKeyOptions,
        provider: &CryptoProvider,
    ) -> Result<Self, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let shared = Arc::new(Shared {
            store: store.clone(),
            options: options.check()?,
            provider: provider.clone(),
            keys: Mutex::new(Arc::new(TicketKeys::random_with_provider(provider)?)),
            state: Mutex::default(),
            refresh_lock: tokio::sync::Mutex::default(),
        });
        let first = shared.refresh().await;
        if options.first_start == FirstStart::StoreRequired {
            first?;
        }
        runtime.spawn(refresh_until_dropped(Arc::downgrade(&shared)));
        Ok(Self { shared })
    }

    /// Reads the keys now, and does what is due.
    ///
    /// # Errors
    /// When the store does not answer: the keys are as they were then. [`Error::Crypto`] where there is no randomness.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.shared.refresh().await
    }

    /// Makes the next key now. It seals when all servers have learned it, after three refresh intervals. The keys before
    /// it open until their tickets have ended.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh). [`Error::TicketKeysFull`] where there are 400 keys already.
    pub async fn rotate(&self) -> Result<(), Error> {
        self.shared.rotate().await
    }

    /// Takes a key away that an attacker may have. This server forgets it at once, even if the store does not answer.
    /// The other servers forget it when they read the keys next: one that cannot reach the store uses it until then. Look
    /// at [`since_refresh`](TicketKeyStatus::since_refresh) on each of them. Clients with a ticket under it do a full
    /// handshake.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh). The store does not know it then, so **call it again**, here or on another server.
    /// This process repeats it at each refresh, until it ends. [`Error::TicketKeysFull`] where there are 1,024
    /// revocations already, which end with their keys.
    pub async fn revoke(&self, id: TicketKeyId) -> Result<(), Error> {
        self.shared.revoke(Revoked::One(id)).await
    }

    /// Takes all keys away, and makes a new one that seals at once: after an attacker had access to a server. As
    /// [`revoke`](Self::revoke) for each of them. Random keys of this server are taken away, too. If the store does not
    /// answer, it is done for all keys that it has when it answers.
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke). [`Error::TicketKeysNotOpened`] where the store has keys of a server with another
    /// sealing key: they are not revoked, all others are.
    pub async fn revoke_all(&self) -> Result<(), Error> {
        self.shared.revoke(Revoked::All).await
    }

    /// What this server knows now.
    pub fn status(&self) -> TicketKeyStatus {
        self.shared.status()
    }
}

impl SessionStore for RedisTicketKeys {
    fn put(
        &self,
        session: &[u8],
        now: UnixTime,
        lifetime: Duration,
    ) -> Result<Vec<u8>, CryptoError> {
        self.shared.keys().put(session, now, lifetime)
    }

    fn take(&self, ticket: &[u8], now: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        self.shared.keys().take(ticket, now)
    }
}

impl fmt::Debug for RedisTicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTicketKeys")
            .field("store", &self.shared.store)
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

/// Refreshes at intervals, and when another key is to seal.
async fn refresh_until_dropped(shared: Weak<Shared>) {
    loop {
        let Some(wait) = shared.upgrade().map(|shared| shared.time_to_wait()) else {
            return;
        };
        tokio::time::sleep(wait).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        // A failure is in the status and in the metrics. The next attempt may succeed.
        let _ = shared.refresh().await;
    }
}

impl Shared {
    /// How often a server tries again after another one was faster.
    const ATTEMPTS: usize = 8;

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> Arc<TicketKeys> {
        Arc::clone(&self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the keys, changes what is due, and uses what there is then.
    async fn refresh(&self) -> Result<(), Error> {
        let _lock = self.refresh_lock.lock().await;
        self.synchronize(NextKey::WhenDue).await
    }

    async fn rotate(&self) -> Result<(), Error> {
        let _lock = self.refresh_lock.lock().await;
        self.synchronize(NextKey::Now).await
    }

    async fn revoke(&self, revoked: Revoked) -> Result<(), Error> {
        let _lock = self.refresh_lock.lock().await;
        // Before the store is asked: it may not answer, and the caller may not wait for it.
        self.revoke_on_this_server(revoked)?;
        self.synchronize(NextKey::WhenDue).await?;
        let not_opened = self.state().not_opened;
        if revoked == Revoked::All && not_opened > 0 {
            return Err(Error::TicketKeysNotOpened(not_opened));
        }
        Ok(())
    }

    /// Reads and changes the store, and uses the keys that there are then.
    async fn synchronize(&self, next_key: NextKey) -> Result<(), Error> {
        let result = self.read_and_change(next_key).await;
        let mut state = self.state();
        state.last_error = result.as_ref().err().map(ToString::to_string);
        if result.is_ok() {
            report_refresh(state.ring.len(), &state.refused);
        }
        self.install_keys(&mut state)?;
        result
    }

    async fn read_and_change(&self, next_key: NextKey) -> Result<(), Error> {
        let mut next_key = next_key;
        for _ in 0..Self::ATTEMPTS {
            let snapshot = stored_keys::read(&self.store).await?;
            let Some(change) = self.take_over(snapshot, next_key)? else {
                return Ok(());
            };
            if stored_keys::write(&self.store, change).await? {
                self.state().pending.clear();
                next_key = NextKey::WhenDue;
            }
        }
        Err(Error::TicketKeysChanged)
    }

    /// Forgets keys that are revoked, and remembers the revocation for the store.
    fn revoke_on_this_server(&self, revoked: Revoked) -> Result<(), Error> {
        let mut state = self.state();
        if state.ring.has_most_revoked() {
            return Err(Error::TicketKeysFull);
        }
        if revoked == Revoked::All {
            state.replace_random_keys = state.installed == InstalledKeys::Random;
        }
        if !state.pending.contains(&revoked) {
            state.pending.push(revoked);
        }
        if let Some(clock) = state.clock {
            state.ring.revoke(revoked, clock.now(), &self.options);
        }
        self.install_keys(&mut state)
    }

    /// Takes over what was read. Returns what has to be changed in the store.
    fn take_over(&self, snapshot: Snapshot, next_key: NextKey) -> Result<Option<Change>, Error> {
        let mut state = self.state();
        let now = snapshot.now;
        state.clock = Some(StoreClock { read: now, read_at: Instant::now() });
        state.refused.clone_from(&snapshot.refused);
        state.not_opened = snapshot.not_opened;
        state.ring.take_over(snapshot);
        for revocation in state.pending.clone() {
            state.ring.revoke(revocation, now, &self.options);
        }
        state.ring.change(next_key, now, &self.options, self.store.keys())
    }

    /// Gives the keys that are used now to what seals and opens. If there is none of the fleet, these are random keys:
    /// before the store has one, or after all were revoked.
    fn install_keys(&self, state: &mut State) -> Result<(), Error> {
        let now = state.clock.map(|clock| clock.now());
        let keys = now.map_or_else(Vec::new, |now| state.ring.in_use(now));
        let installed = match &keys[..] {
            [] => InstalledKeys::Random,
            keys => InstalledKeys::Shared(keys.iter().map(|key| key.id).collect()),
        };
        if installed == state.installed && !state.replace_random_keys {
            return Ok(());
        }
        let new = self.ticket_keys(&keys)?;
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        let sealing = keys.first().map(|key| key.id);
        if sealing != state.installed.sealing() || sealing.is_none() {
            report_sealing(sealing);
        }
        state.installed = installed;
        state.replace_random_keys = false;
        Ok(())
    }

    /// The first of these keys seals, and all open. Random keys if there is none.
    fn ticket_keys(&self, keys: &[&StoredKey]) -> Result<TicketKeys, CryptoError> {
        if keys.is_empty() {
            return TicketKeys::random_with_provider(&self.provider);
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(keys.len() * TicketKeys::KEY_LENGTH));
        for key in keys {
            bytes.extend_from_slice(key.secret.as_bytes());
        }
        TicketKeys::from_bytes_with_provider(&bytes, &self.provider).map_err(|_| CryptoError)
    }

    /// Until the next refresh: by chance, so that servers that were started together do not ask together.
    fn time_to_wait(&self) -> Duration {
        let half = self.options.refresh_interval / 2;
        let random = self.store.keys().primitives().random_bytes::<4>().unwrap_or([0xff; 4]);
        let wait = half + half.mul_f64(f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX));
        let state = self.state();
        let change = state.clock.and_then(|clock| state.ring.time_until_change(clock.now()));
        change.map_or(wait, |change| change.min(wait))
    }

    fn status(&self) -> TicketKeyStatus {
        let state = self.state();
        TicketKeyStatus {
            keys: state.clock.map_or_else(Vec::new, |clock| state.ring.infos(clock.now())),
            since_refresh: state.clock.map(|clock| clock.read_at.elapsed()),
            last_error: state.last_error.clone(),
            refused: state.refused.clone(),
        }
    }
}

impl InstalledKeys {
    fn sealing(&self) -> Option<TicketKeyId> {
        match self {
            Self::Random => None,
            Self::Shared(ids) => ids.first().copied(),
        }
    }
}
