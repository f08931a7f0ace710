//! The store, as the other modules ask it.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use fred::clients::{Client, Pool, WithOptions};
use fred::error::ErrorKind;
use fred::interfaces::ClientLike;
use fred::types::config::Options;

use crate::Error;
use crate::availability::Availability;
use crate::key_names::KeyNames;
use crate::sealing_keys::SealingKeys;
use crate::telemetry::{Call, report_answering, report_call, report_refused, report_silent};

/// A Valkey or Redis that the servers of a fleet share: the application's clients, a prefix for all keys, and the
/// keys that values are sealed with. Clones share all of these, and what is known of the store; each has its own
/// [`timeout`](Self::timeout).
#[derive(Clone)]
pub struct RedisStore {
    shared: Arc<Shared>,
    timeout: Duration,
}

struct Shared {
    clients: Clients,
    names: KeyNames,
    keys: SealingKeys,
    availability: Availability,
}

/// The application's clients, which it has configured, connected and watches: a [`Client`] or a [`Pool`].
///
/// They are for this crate alone. Behind a call that blocks a connection, such as `BLPOP`, others wait.
#[non_exhaustive]
pub enum Clients {
    /// A client, which has one connection to each primary.
    Client(Client),
    /// Several clients, which are asked in turns.
    Pool(Pool),
}

impl From<Client> for Clients {
    fn from(client: Client) -> Self {
        Self::Client(client)
    }
}

impl From<Pool> for Clients {
    fn from(pool: Pool) -> Self {
        Self::Pool(pool)
    }
}

impl Clients {
    /// The client of the next call.
    fn next(&self) -> &Client {
        match self {
            Self::Client(client) => client,
            Self::Pool(pool) => pool.next_connected(),
        }
    }
}

impl RedisStore {
    /// How long a call may take by default: 250 milliseconds. A handshake waits that long at most for each call, and up to
    /// twice that where the register has to send its script again, because the store was started anew.
    pub const TIMEOUT: Duration = Duration::from_millis(250);

    /// A store with these clients. The keys in the store begin with `prefix`: 1 to 64 letters, digits and characters
    /// of `-_.:/`. Servers that have the same prefix are one fleet, and need the same sealing keys.
    ///
    /// # Errors
    /// [`Error::Prefix`] where the prefix has other characters, or another length.
    pub fn new(
        clients: impl Into<Clients>,
        prefix: &str,
        keys: SealingKeys,
    ) -> Result<Self, Error> {
        let names = KeyNames::new(prefix)?;
        let clients = clients.into();
        let shared = Shared { clients, names, keys, availability: Availability::default() };
        Ok(Self { shared: Arc::new(shared), timeout: Self::TIMEOUT })
    }

    /// Sets how long a call of this clone may take, in place of [`TIMEOUT`](Self::TIMEOUT): a millisecond at least. Set it
    /// before you give the store to sessions, registers and ticket keys: they have clones, which keep theirs.
    ///
    /// A call that has ended with [`Error::Timeout`] may still take effect if it was sent before: a session is removed, for
    /// example, or a ticket key is revoked. One that was not sent yet takes no effect.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        // For fred, zero is no limit.
        self.timeout = timeout.max(Duration::from_millis(1));
        self
    }

    pub(crate) fn names(&self) -> &KeyNames {
        &self.shared.names
    }

    pub(crate) fn keys(&self) -> &SealingKeys {
        &self.shared.keys
    }

    /// Asks the store with one of its clients. It is asked once: a call whose connection was lost is not repeated, nor
    /// one that a node of a cluster redirects. fred counts both as attempts.
    pub(crate) async fn call<T, F>(
        &self,
        call: Call,
        ask: impl FnOnce(WithOptions<Client>) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let availability = &self.shared.availability;
        let started = Instant::now();
        if !availability.begin_call(started) {
            report_call(call, None, Some(&Error::NotAsked));
            return Err(Error::NotAsked);
        }
        let client = self.shared.clients.next().with_options(&self.options());
        // In a box: a future of fred has several kilobytes, and each future around it would move them.
        let result = match Box::pin(ask(client)).await {
            Err(Error::Store(error)) if *error.kind() == ErrorKind::Timeout => {
                Err(Error::Timeout(self.timeout))
            }
            result => result,
        };
        let error = result.as_ref().err();
        self.report_result(call, started, error);
        report_call(call, Some(started.elapsed()), error);
        result
    }

    /// fred's options for one call.
    fn options(&self) -> Options {
        Options {
            // fred's timer is the only one. When it ends a call that fred has not sent yet, fred does not send it later.
            timeout: Some(self.timeout),
            max_attempts: Some(1),
            fail_fast: true,
            ..Options::default()
        }
    }

    /// Remembers whether the call had an answer, and logs what is new.
    fn report_result(&self, call: Call, started: Instant, error: Option<&Error>) {
        let availability = &self.shared.availability;
        match error {
            Some(error) if error.is_unanswered() => {
                if availability.on_no_answer() {
                    report_silent(error);
                }
            }
            answered => {
                if availability.on_answer() {
                    report_answering();
                }
                if let Some(error) = answered {
                    if availability.begin_warning(started) {
                        report_refused(call, error);
                    }
                }
            }
        }
    }
}

/// No key, and nothing of the clients' configuration, which has a password.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("names", &self.shared.names)
            .field("keys", &self.shared.keys)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
