//! The thread that looks at files, and what it looks at.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use handclasp::certificate::Purpose;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::UnixTime;

use crate::folders::WatchedFolders;
use crate::part::Look;
use crate::{
    CertificateFiles, Event, ReloadError, ReloadingCertificates, ReloadingVerifier, TrustFiles,
};

/// Files that are looked at together.
pub(crate) trait Source: Send + Sync {
    fn paths(&self) -> Vec<PathBuf>;
    /// Loads what has changed.
    fn refresh(&self, look: &mut Look);
}

/// A message to the thread.
pub(crate) enum Message {
    /// A file may have changed.
    Changed,
    /// There are other files to watch.
    NewSource,
    Stop,
}

/// Watches files, and loads them again when they change. One thread does it for all files.
///
/// Cloning it is cheap. The thread ends when all clones are dropped, and all certificates and verifiers that they
/// have made.
#[derive(Clone)]
pub struct Reloader(Arc<Shared>);

struct Shared {
    crypto: Arc<CryptoProvider>,
    on_event: OnEvent,
    /// Those that are in use.
    sources: Mutex<Vec<Weak<dyn Source>>>,
    thread: Sender<Message>,
}

type OnEvent = Box<dyn Fn(&Event) + Send + Sync>;

/// Builds a [`Reloader`].
pub struct ReloaderBuilder {
    crypto: CryptoProvider,
    on_event: OnEvent,
    poll_interval: Duration,
    settle_time: Duration,
}

impl ReloaderBuilder {
    /// Sets what is called with each event, beside the log of the crate tracing: for metrics, and for an alarm. It
    /// is called in the thread of the reloader, and in that of [`Reloader::reload_now`], so it should return soon.
    pub fn on_event(mut self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.on_event = Box::new(on_event);
        self
    }

    /// Sets after which time the files are read even if the operating system reports no change:
    /// [`Reloader::POLL_INTERVAL`] by default. Network file systems report no changes that another machine makes.
    /// New warnings, such as that of a CRL that is outdated, come at this time as well. The shortest interval is 10
    /// milliseconds.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Reloader::MIN_INTERVAL);
        self
    }

    /// Sets for how long contents must stay the same before they are loaded: [`Reloader::SETTLE_TIME`] by default.
    /// A program that writes a file in several steps must not pause for longer between them. The shortest time is 10
    /// milliseconds.
    pub fn settle_time(mut self, time: Duration) -> Self {
        self.settle_time = time.max(Reloader::MIN_INTERVAL);
        self
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn start(self) -> io::Result<Reloader> {
        let (sender, receiver) = channel();
        let shared = Arc::new(Shared {
            crypto: Arc::new(self.crypto),
            on_event: self.on_event,
            sources: Mutex::new(Vec::new()),
            thread: sender.clone(),
        });
        let thread = ReloadThread {
            shared: Arc::downgrade(&shared),
            messages: receiver,
            folders: WatchedFolders::new(sender),
            poll_interval: self.poll_interval,
            settle_time: self.settle_time,
        };
        std::thread::Builder::new()
            .name("handclasp-reload".to_owned())
            .spawn(move || thread.run())?;
        Ok(Reloader(shared))
    }
}

impl Reloader {
    /// How often the files are read by default: once a minute.
    pub const POLL_INTERVAL: Duration = Duration::from_secs(60);

    /// For how long contents must stay the same by default: 200 milliseconds.
    pub const SETTLE_TIME: Duration = Duration::from_millis(200);

    /// Between two looks at the files, so that the thread rests.
    const MIN_INTERVAL: Duration = Duration::from_millis(10);

    /// Starts a reloader that loads keys and verifies signatures with this provider.
    pub fn builder(crypto: CryptoProvider) -> ReloaderBuilder {
        ReloaderBuilder {
            crypto,
            on_event: Box::new(|_| {}),
            poll_interval: Self::POLL_INTERVAL,
            settle_time: Self::SETTLE_TIME,
        }
    }

    /// Loads certificates with their keys, and watches their files. The result is a resolver for a configuration of
    /// a server or a client.
    ///
    /// # Errors
    /// [`ReloadError`] if a file cannot be used now. Only a chain that is not valid at this time, or whose OCSP
    /// response is outdated, is loaded with a warning.
    pub fn certificates(
        &self,
        files: CertificateFiles,
    ) -> Result<Arc<ReloadingCertificates>, ReloadError> {
        self.load(|look| ReloadingCertificates::new(self.clone(), files, look))
    }

    /// Loads the trust anchors and the CRLs for certificates of clients, and watches their files. The result is a
    /// verifier for [`ClientAuthentication`](handclasp::verify::ClientAuthentication).
    ///
    /// # Errors
    /// [`ReloadError`] if a file cannot be used now. Only a CRL that is outdated is loaded, with a warning.
    pub fn client_verifier(
        &self,
        files: TrustFiles,
    ) -> Result<Arc<ReloadingVerifier>, ReloadError> {
        self.load(|look| ReloadingVerifier::new(self.clone(), files, Purpose::Client, look))
    }

    /// Loads the trust anchors and the CRLs for certificates of servers, and watches their files. The result is a
    /// verifier for
    /// [`ClientConfigBuilder::verifier`](handclasp::config::ClientConfigBuilder::verifier).
    ///
    /// # Errors
    /// As [`client_verifier`](Self::client_verifier).
    pub fn server_verifier(
        &self,
        files: TrustFiles,
    ) -> Result<Arc<ReloadingVerifier>, ReloadError> {
        self.load(|look| ReloadingVerifier::new(self.clone(), files, Purpose::Server, look))
    }

    /// Looks at all files now, and loads those that have changed, without a wait for further changes: for the
    /// handler of a signal, or for a test. It reads files, and returns when it has done so. Returns the events, which
    /// the function of [`on_event`](ReloaderBuilder::on_event) gets, too.
    pub fn reload_now(&self) -> Vec<Event> {
        let mut look = self.0.look(true);
        self.0.refresh(&mut look);
        look.events
    }

    pub(crate) fn crypto(&self) -> &Arc<CryptoProvider> {
        &self.0.crypto
    }

    fn load<S: Source + 'static>(
        &self,
        load: impl FnOnce(&mut Look) -> Result<S, ReloadError>,
    ) -> Result<Arc<S>, ReloadError> {
        let mut look = self.0.look(true);
        let source = Arc::new(load(&mut look)?);
        let weak: Weak<S> = Arc::downgrade(&source);
        self.0.sources.lock().unwrap_or_else(PoisonError::into_inner).push(weak);
        self.0.report(&look.events);
        // The thread runs as long as this is there.
        let _ = self.0.thread.send(Message::NewSource);
        Ok(source)
    }
}

impl Shared {
    fn look(&self, at_once: bool) -> Look {
        Look {
            now: UnixTime::now(),
            sha256: self.crypto.signatures.digests.sha256,
            at_once,
            is_unsettled: false,
            events: Vec::new(),
        }
    }

    fn sources(&self) -> Vec<Arc<dyn Source>> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|source| source.strong_count() > 0);
        sources.iter().filter_map(Weak::upgrade).collect()
    }

    /// Looks at all files.
    fn refresh(&self, look: &mut Look) {
        for source in self.sources() {
            source.refresh(look);
        }
        self.report(&look.events);
    }

    fn report(&self, events: &[Event]) {
        for event in events {
            event.log();
            (self.on_event)(event);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The thread may have ended.
        let _ = self.thread.send(Message::Stop);
    }
}

/// The thread, which does not keep the reloader in use.
struct ReloadThread {
    shared: Weak<Shared>,
    messages: Receiver<Message>,
    folders: WatchedFolders,
    poll_interval: Duration,
    settle_time: Duration,
}

/// What the thread does next.
enum Next {
    Look,
    Stop,
}

impl ReloadThread {
    fn run(mut self) {
        let mut wait = self.poll_interval;
        loop {
            let next = match self.messages.recv_timeout(wait) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => Next::Stop,
                Ok(Message::Changed | Message::NewSource) => self.wait_for_more(),
                Err(RecvTimeoutError::Timeout) => Next::Look,
            };
            let (Next::Look, Some(shared)) = (next, self.shared.upgrade()) else { return };
            // A panic in the application's function must not end the thread. It was reported.
            let is_unsettled = catch_unwind(AssertUnwindSafe(|| self.look(&shared)));
            wait = match is_unsettled {
                Ok(true) => self.settle_time,
                Ok(false) | Err(_) => self.poll_interval,
            };
        }
    }

    /// Changes often come in groups. Waits for a pause, but not for long.
    fn wait_for_more(&self) -> Next {
        const LONGEST: u32 = 5;
        let longest = self.settle_time.saturating_mul(LONGEST);
        let start = Instant::now();
        while start.elapsed() < longest {
            match self.messages.recv_timeout(self.settle_time) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return Next::Stop,
                Ok(Message::Changed | Message::NewSource) => {}
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        Next::Look
    }

    /// Looks at all files. Returns whether contents have changed that were not loaded yet.
    fn look(&mut self, shared: &Shared) -> bool {
        let paths = shared.sources().iter().flat_map(|source| source.paths()).collect::<Vec<_>>();
        // First, so that no later change is overlooked.
        let failures = self.folders.watch(&paths);
        let mut look = shared.look(false);
        look.events = failures;
        shared.refresh(&mut look);
        look.is_unsettled
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("sources", &self.0.sources().len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ReloaderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloaderBuilder")
            .field("poll_interval", &self.poll_interval)
            .field("settle_time", &self.settle_time)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_settle_time_is_too_long() {
        let (sender, messages) = channel();
        sender.send(Message::Changed).unwrap();
        sender.send(Message::Stop).unwrap();
        let thread = ReloadThread {
            shared: Weak::new(),
            messages,
            folders: WatchedFolders::new(sender),
            poll_interval: Duration::MAX,
            settle_time: Duration::MAX,
        };
        thread.run();
    }

    #[test]
    fn the_thread_rests_between_two_looks() {
        let builder = Reloader::builder(CryptoProvider::default());
        let builder = builder.poll_interval(Duration::ZERO).settle_time(Duration::ZERO);
        assert_eq!(builder.poll_interval, Reloader::MIN_INTERVAL);
        assert_eq!(builder.settle_time, Reloader::MIN_INTERVAL);
    }
}
