//! The threads that sign, each with a session of its own.

use core::time::Duration;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use handclasp::registry::SignatureScheme;

use crate::error::TokenError;
use crate::mechanism::{Method, SchemeMethod};
use crate::session::{KeySession, Token};
use crate::trial::Trial;
use crate::waiting::{Job, Waiting};

/// What the threads know of their key.
pub(crate) struct WorkerKey {
    pub(crate) token: Token,
    pub(crate) trial: Trial,
    pub(crate) methods: Vec<SchemeMethod>,
}

/// How many threads sign, and how many signatures wait for them, for how long.
pub(crate) struct Limits {
    pub(crate) most_threads: usize,
    pub(crate) max_waiting: usize,
    pub(crate) timeout: Duration,
}

/// The threads of one key. They end when this is dropped, each after the signature that it makes.
pub(crate) struct Workers {
    shared: Arc<Shared>,
    most_threads: usize,
}

struct Shared {
    key: WorkerKey,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    waiting: Waiting,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workers {
    /// One thread, with this session. More are started when they are needed.
    pub(crate) fn start(
        key: WorkerKey,
        session: KeySession,
        limits: &Limits,
    ) -> Result<Self, TokenError> {
        let waiting = Waiting::new(limits.max_waiting, limits.timeout);
        let queue = Mutex::new(Queue { waiting, threads: 1, idle: 0, is_closed: false });
        let shared = Arc::new(Shared { key, queue, changed: Condvar::new() });
        let workers = Self { shared, most_threads: limits.most_threads };
        workers.spawn(Some(session))?;
        Ok(workers)
    }

    /// Puts a signature into the queue.
    pub(crate) fn push(&self, job: Job) -> Result<(), TokenError> {
        let mut queue = self.shared.lock();
        queue.waiting.push(job, Instant::now())?;
        let needs_thread = queue.waiting.len() > queue.idle && queue.threads < self.most_threads;
        if needs_thread {
            queue.threads += 1;
        }
        let has_others = queue.threads > 1;
        drop(queue);
        self.shared.changed.notify_one();
        if needs_thread {
            let spawned = self.spawn(None);
            if !has_others {
                return spawned;
            }
        }
        Ok(())
    }

    /// Starts a thread that is counted already.
    fn spawn(&self, session: Option<KeySession>) -> Result<(), TokenError> {
        let place = Place(Arc::clone(&self.shared));
        let thread = thread::Builder::new().name("pkcs11".to_owned());
        let spawned = thread.spawn(move || work(&place.0, session));
        spawned.map(drop).map_err(|error| TokenError::NoThread(error.to_string()))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
    }
}

/// The place of a thread among those that are counted.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().threads -= 1;
    }
}

/// Signs until the queue is closed.
fn work(shared: &Shared, mut session: Option<KeySession>) {
    while let Some(job) = next(shared) {
        let begin = Instant::now();
        let result = shared.key.sign(&mut session, &job);
        if result.is_ok() {
            shared.lock().waiting.signature_took(begin.elapsed());
        }
        job.finish(result);
    }
}

fn next(shared: &Shared) -> Option<Job> {
    let mut queue = shared.lock();
    loop {
        if queue.is_closed {
            return None;
        }
        if let Some(job) = queue.waiting.next(Instant::now()) {
            return Some(job);
        }
        queue.idle += 1;
        queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        queue.idle -= 1;
    }
}

impl WorkerKey {
    /// Signs, in a new session if the old one has ended. A new session that fails, too, is the end of this signature;
    /// the next one opens another. A session stays only if it has signed: after a failure, the token may still take
    /// it for one with an unfinished signature.
    fn sign(&self, session: &mut Option<KeySession>, job: &Job) -> Result<Vec<u8>, TokenError> {
        let method = self.method(job.scheme)?;
        if let Some(open) = session.take() {
            match self.sign_in(&open, method, job) {
                Err(error) if error.ends_session() => drop(open),
                Err(error) => return Err(error),
                Ok(signature) => {
                    *session = Some(open);
                    return Ok(signature);
                }
            }
        }
        let open = self.token.open_key()?;
        self.trial.repeat(&open, &self.methods).map_err(|error| match error {
            TokenError::KeyMismatch => TokenError::KeyChanged,
            error => error,
        })?;
        let signature = self.sign_in(&open, method, job)?;
        *session = Some(open);
        Ok(signature)
    }

    fn method(&self, scheme: SignatureScheme) -> Result<Method, TokenError> {
        let found = self.methods.iter().find(|method| method.scheme == scheme);
        Ok(found.ok_or(TokenError::Scheme(scheme))?.method)
    }

    fn sign_in(
        &self,
        session: &KeySession,
        method: Method,
        job: &Job,
    ) -> Result<Vec<u8>, TokenError> {
        session.sign(method, &self.trial.provider.signatures.digests, &job.message)
    }
}
