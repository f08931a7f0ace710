//! A store that is down, or does not answer: clients get full handshakes without 0-RTT data, and no failures.

use std::time::Duration;

use handclasp_testing::process::print;

use crate::harness::Fleet;
#[cfg(feature = "metrics")]
use crate::harness::SERVERS;
use crate::load::Load;
use crate::setup::{Register, Sessions};
use crate::store::Store;

fn fleet(store: &Store) -> Fleet {
    let (sessions, register) = (Sessions::OfTheStore, Register::OfTheStore);
    Fleet::start_with(&store.url(), sessions, register, |setup| setup.timeout = 250)
}

#[test]
fn a_store_that_is_killed_fails_no_handshake() {
    let Some(mut store) = Store::start() else { return };
    let fleet = fleet(&store);
    let dying = Load::run(&fleet, |load| {
        load.wait_for(|since| since.early >= 20);
        store.primary.kill();
        load.wait_for(|since| since.visits >= 20);
    });
    let dead = Load::run(&fleet, |load| load.wait_for(|since| since.visits >= 50));
    let counts = dead.counts();
    assert_eq!((counts.resumed, counts.early), (0, 0), "without a store");
    #[cfg(feature = "metrics")]
    {
        let metrics: String = (0..SERVERS).map(|number| fleet.ask(number, "metrics")).collect();
        assert!(metrics.contains("result=\"not_asked\""), "{metrics}");
    }
    store.primary.restart();
    let again = Load::run(&fleet, |load| load.wait_for(|since| since.early >= 20));
    for (name, load) in [("is killed", dying), ("is dead", dead), ("is there again", again)] {
        assert_eq!(load.failures(), [""; 0], "a store that {name}");
        print(&format!("a store that {name}: {:?}, 0 failures", load.counts()));
    }
}

#[test]
fn a_store_that_does_not_answer_delays_handshakes_by_its_timeout_at_most() {
    let Some(store) = Store::start() else { return };
    let fleet = fleet(&store);
    let load = Load::run(&fleet, |load| {
        load.wait_for(|since| since.early >= 20);
        store.primary.pause();
        load.wait_for(|since| since.visits >= 100);
        store.primary.resume();
        load.wait_for(|since| since.early >= 20);
    });
    assert_eq!(load.failures(), [""; 0]);
    let longest = load.longest();
    print(&format!("a store that is stopped: {:?}, the longest visit {longest:?}", load.counts()));
    // Two calls of 250 ms, for the session and for the 0-RTT data, and much room for a slow machine.
    assert!(longest < Duration::from_secs(8), "{longest:?}");
}
