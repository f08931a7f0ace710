//! Threads that go on until a test has seen enough.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Runs `work` in so many threads until `meanwhile` has returned. The flag that `work` gets is set then.
pub fn run_until_over(threads: usize, work: impl Fn(&AtomicBool) + Sync, meanwhile: impl FnOnce()) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&over));
        }
        // If `meanwhile` panics, the threads have to end.
        let _end = SetOnDrop(&over);
        meanwhile();
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
