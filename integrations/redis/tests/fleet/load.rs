//! Clients that come again and again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use handclasp_testing::process::PATIENCE;

use crate::client::{Client, Visit};
use crate::harness::Fleet;
use crate::threads::run_until_over;

/// What the clients met so far.
#[derive(Default)]
pub struct Load {
    visits: AtomicUsize,
    resumed: AtomicUsize,
    early: AtomicUsize,
    failures: Mutex<Vec<String>>,
    times: Mutex<Vec<Duration>>,
}

/// The numbers of a part of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub visits: usize,
    pub resumed: usize,
    pub early: usize,
}

impl Load {
    /// How many clients there are at once. Each has sessions of its own, and comes again as soon as it has its answer.
    pub const CLIENTS: usize = 4;

    /// Clients with 0-RTT data visit the fleet until `meanwhile` has returned.
    pub fn run(fleet: &Fleet, meanwhile: impl FnOnce(&Self)) -> Self {
        let load = Self::default();
        let visit = |over: &AtomicBool| load.visit_until(over, fleet);
        run_until_over(Self::CLIENTS, visit, || meanwhile(&load));
        load
    }

    fn visit_until(&self, over: &AtomicBool, fleet: &Fleet) {
        let client = Client::new(&fleet.identity);
        while !over.load(Ordering::Relaxed) {
            match client.visit_early(fleet.address()) {
                Ok(visit) => self.add(visit),
                Err(error) => self.failures.lock().unwrap().push(error.to_string()),
            }
        }
    }

    fn add(&self, visit: Visit) {
        self.resumed.fetch_add(visit.resumed.into(), Ordering::Relaxed);
        self.early.fetch_add(visit.early.into(), Ordering::Relaxed);
        self.times.lock().unwrap().push(visit.took);
        self.visits.fetch_add(1, Ordering::Relaxed);
    }

    pub fn counts(&self) -> Counts {
        let [visits, resumed, early] =
            [&self.visits, &self.resumed, &self.early].map(|it| it.load(Ordering::Relaxed));
        Counts { visits, resumed, early }
    }

    /// Waits until the clients have done this, counted from now.
    pub fn wait_for(&self, is_enough: impl Fn(Counts) -> bool) {
        let (start, deadline) = (self.counts(), Instant::now() + 3 * PATIENCE);
        loop {
            let now = self.counts();
            let since = Counts {
                visits: now.visits - start.visits,
                resumed: now.resumed - start.resumed,
                early: now.early - start.early,
            };
            if is_enough(since) {
                return;
            }
            assert!(Instant::now() < deadline, "{since:?}, {:?}", self.failures());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Why visits failed.
    pub fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }

    /// The longest visit.
    pub fn longest(&self) -> Duration {
        self.times.lock().unwrap().iter().copied().max().unwrap_or_default()
    }
}
