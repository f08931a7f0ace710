//! The threads that sign, each with a session of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use handclasp::certificate::Digests;
use handclasp::registry::SignatureScheme;

use crate::error::TokenError;
use crate::mechanism::SchemeMethod;
use crate::session::{KeySession, Token};

/// What the threads know of their key.
pub(crate) struct WorkerKey {
    pub(crate) token: Token,
    /// The public key of the certificate.
    pub(crate) spki: Vec<u8>,
    /// The public half that the token showed at first.
    pub(crate) public: Option<Vec<u8>>,
    pub(crate) methods: Vec<SchemeMethod>,
    pub(crate) digests: Digests,
}

/// A signature to make.
pub(crate) struct Job {
    pub(crate) scheme: SignatureScheme,
    pub(crate) message: Vec<u8>,
    /// Nobody waits for it any more then.
    pub(crate) deadline: Instant,
    pub(crate) asker: Asker,
}

/// Who waits for a signature.
pub(crate) enum Asker {
    Thread(mpsc::SyncSender<Result<Vec<u8>, TokenError>>),
    #[cfg(feature = "tokio")]
    Task(tokio::sync::oneshot::Sender<Result<Vec<u8>, TokenError>>),
}

impl Job {
    fn is_abandoned(&self) -> bool {
        #[cfg(feature = "tokio")]
        if let Asker::Task(asker) = &self.asker {
            if asker.is_closed() {
                return true;
            }
        }
        Instant::now() >= self.deadline
    }

    fn finish(self, result: Result<Vec<u8>, TokenError>) {
        // The asker may have gone. It has the channel to itself, so this does not wait.
        match self.asker {
            Asker::Thread(asker) => drop(asker.send(result)),
            #[cfg(feature = "tokio")]
            Asker::Task(asker) => drop(asker.send(result)),
        }
    }
}

/// The threads of one key. They end when this is dropped, each after the signature that it makes.
pub(crate) struct Workers {
    shared: Arc<Shared>,
    most_threads: usize,
    max_waiting: usize,
}

struct Shared {
    key: WorkerKey,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
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
        most_threads: usize,
        max_waiting: usize,
    ) -> Result<Self, TokenError> {
        let shared = Shared { key, queue: Mutex::default(), changed: Condvar::new() };
        let workers = Self { shared: Arc::new(shared), most_threads, max_waiting };
        workers.shared.lock().threads = 1;
        workers.spawn(Some(session))?;
        Ok(workers)
    }

    /// Puts a signature into the queue.
    pub(crate) fn push(&self, job: Job) -> Result<(), TokenError> {
        let mut queue = self.shared.lock();
        if queue.jobs.len() >= self.max_waiting {
            queue.jobs.retain(|job| !job.is_abandoned());
        }
        if queue.jobs.len() >= self.max_waiting {
            return Err(TokenError::Busy(self.max_waiting));
        }
        queue.jobs.push_back(job);
        let needs_thread = queue.jobs.len() > queue.idle && queue.threads < self.most_threads;
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
        if job.is_abandoned() {
            continue;
        }
        let result = sign(&shared.key, &mut session, &job);
        job.finish(result);
    }
}

fn next(shared: &Shared) -> Option<Job> {
    let mut queue = shared.lock();
    loop {
        if queue.is_closed {
            return None;
        }
        if let Some(job) = queue.jobs.pop_front() {
            return Some(job);
        }
        queue.idle += 1;
        queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        queue.idle -= 1;
    }
}

/// Signs, in a new session if the old one has ended. A new session that fails, too, is the end of this signature; the
/// next one opens another.
fn sign(
    key: &WorkerKey,
    session: &mut Option<KeySession>,
    job: &Job,
) -> Result<Vec<u8>, TokenError> {
    if let Some(open) = session.take() {
        match sign_in(key, &open, job) {
            Err(error) if error.ends_session() => drop(open),
            result => {
                *session = Some(open);
                return result;
            }
        }
    }
    let open = key.token.open_key(&key.spki)?;
    if open.public != key.public {
        return Err(TokenError::KeyChanged);
    }
    let result = sign_in(key, &open, job);
    if result.as_ref().is_err_and(TokenError::ends_session) {
        return result;
    }
    *session = Some(open);
    result
}

fn sign_in(key: &WorkerKey, session: &KeySession, job: &Job) -> Result<Vec<u8>, TokenError> {
    let found = key.methods.iter().find(|method| method.scheme == job.scheme);
    let method = found.ok_or(TokenError::Scheme(job.scheme))?.method;
    session.sign(method, &key.digests, &job.message)
}
