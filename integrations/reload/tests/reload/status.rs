//! The status while files are read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::site::{Site, wait_until};
use handclasp_reload::handclasp::CryptoProvider;
use handclasp_reload::{Reloader, Status, TrustFiles};
use handclasp_testing::Identity;
use handclasp_testing::authority::root;
use handclasp_testing::process::{Folder, PATIENCE};

static FILES: Mutex<()> = Mutex::new(());
static IS_WAITING: AtomicBool = AtomicBool::new(false);
static PROVIDER: LazyLock<CryptoProvider> = LazyLock::new(CryptoProvider::default);

fn lock_files() -> MutexGuard<'static, ()> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reloader calls it with what it has read. It waits like a file system that does not answer.
fn sha256_that_waits(text: &[u8]) -> [u8; 32] {
    IS_WAITING.store(true, Ordering::SeqCst);
    drop(lock_files());
    (PROVIDER.signatures.digests.sha256)(text)
}

fn reloader_that_waits() -> Reloader {
    let mut provider = PROVIDER.clone();
    provider.signatures.digests.sha256 = sha256_that_waits;
    Reloader::builder(provider).poll_interval(Duration::from_secs(3600)).start().unwrap()
}

/// Asks for the status while the reloader waits for files.
fn status_without_a_wait(
    reloader: Reloader,
    status: impl Fn() -> Vec<Status> + Send + 'static,
) -> Vec<Status> {
    let files = lock_files();
    IS_WAITING.store(false, Ordering::SeqCst);
    let reading = thread::spawn(move || reloader.reload_now());
    wait_until("the look at the files", || IS_WAITING.load(Ordering::SeqCst));
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(status()));
    let result = receiver.recv_timeout(PATIENCE).unwrap();
    drop(files);
    reading.join().unwrap();
    result
}

#[test]
fn the_status_does_not_wait_for_a_file_system() {
    let site = Site::new(&Identity::p256());
    let reloader = reloader_that_waits();
    let certificates = site.certificates(&reloader);
    let of_certificates = certificates.clone();
    let status = status_without_a_wait(reloader, move || of_certificates.status()).remove(0);
    let after = certificates.status().remove(0);
    assert_eq!(status.contents, after.contents);
    assert!(status.checked_at <= after.checked_at);

    let folder = Folder::new();
    let anchors = TrustFiles::new(folder.file("anchors.pem", root("an authority").pem()));
    let reloader = reloader_that_waits();
    let verifier = reloader.client_verifier(anchors).unwrap();
    let of_verifier = verifier.clone();
    let status = status_without_a_wait(reloader, move || of_verifier.status());
    assert_eq!(status[0].contents, "one trust anchor");
}
