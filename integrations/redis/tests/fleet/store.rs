//! The Redis of a fleet, at an address that stays when another Redis takes its place.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use handclasp_testing::process::PATIENCE;
use handclasp_testing::redis_server::RedisServer;

use crate::balancer::{Addresses, Balancer};

/// A Redis behind a forwarder.
pub struct Store {
    pub primary: RedisServer,
    target: Addresses,
    forwarder: Balancer,
}

impl Store {
    /// One that keeps its data in memory. `None` where there is no Redis.
    pub fn start() -> Option<Self> {
        Self::start_with(RedisServer::start)
    }

    pub fn start_with(start: fn() -> RedisServer) -> Option<Self> {
        if !RedisServer::is_available() {
            return None;
        }
        let primary = start();
        let target = Arc::new(Mutex::new(vec![([127, 0, 0, 1], primary.port()).into()]));
        let forwarder = Balancer::start(target.clone());
        Some(Self { primary, target, forwarder })
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.forwarder.address)
    }

    /// New connections go to this server.
    pub fn point_to(&self, server: &RedisServer) {
        *self.target.lock().unwrap() = vec![([127, 0, 0, 1], server.port()).into()];
    }

    /// Waits until the Redis has so many keys.
    pub fn wait_for_size(&self, keys: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let size = self.primary.command(&["DBSIZE"]);
            if size == keys.to_string() {
                return;
            }
            assert!(Instant::now() < deadline, "there are {size} keys, and not {keys}");
            thread::sleep(Duration::from_millis(1));
        }
    }
}
