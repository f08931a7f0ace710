//! An attacker sends recorded 0-RTT data to all servers, again and again, while servers, the store and clocks fail.
//! The fleet accepts the data of each ClientHello at most once.

use std::thread;
use std::time::{Duration, Instant};

use handclasp_testing::process::{PATIENCE, print};
use handclasp_testing::redis_server::RedisServer;

use crate::harness::{Fleet, SERVERS, Verdict, share_of_replays};
use crate::replays::FirstFlight;
use crate::setup::{Register, Sessions};
use crate::store::Store;

/// An attack in stages. Each stage has new flights, and replays those of the stages before, too.
struct Scenario {
    fleet: Fleet,
    flights: Vec<FirstFlight>,
    replays_of_stage: usize,
    answered: usize,
    last: Verdict,
}

impl Scenario {
    fn new(store: &Store, stages: usize) -> Self {
        let fleet = Fleet::start(&store.url(), Sessions::GivenKeys, Register::OfTheStore);
        let replays_of_stage = share_of_replays().div_ceil(stages);
        let last = Verdict::default();
        Self { fleet, flights: Vec::new(), replays_of_stage, answered: 0, last }
    }

    /// One stage. Something goes wrong when half of the new flights were sent for the first time.
    fn stage(&mut self, go_wrong: impl FnOnce(&Fleet)) {
        self.wait_until_all_accept();
        let new = (self.replays_of_stage / 1_000).max(SERVERS);
        self.flights.splice(0..0, self.fleet.first_flights(new));
        let verdict = self.fleet.replay(&self.flights, self.replays_of_stage, |attack| {
            attack.wait_for(new * SERVERS / 2);
            go_wrong(&self.fleet);
        });
        assert_eq!(verdict.more, 0, "{verdict:?}");
        assert!(verdict.once > self.last.once, "nothing new was accepted: {verdict:?}");
        self.answered += verdict.answered;
        self.last = verdict;
    }

    /// The 0-RTT data of tickets of all servers are accepted.
    fn wait_until_all_accept(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let flights = self.fleet.first_flights(2 * SERVERS);
            let verdict = self.fleet.replay(&flights, flights.len() * SERVERS, |_| {});
            assert_eq!(verdict.more, 0, "{verdict:?}");
            if verdict.once == flights.len() {
                return;
            }
            assert!(Instant::now() < deadline, "0-RTT data are still refused: {verdict:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Prints the figures.
    fn end(self, name: &str) -> Verdict {
        let Verdict { never, once, more, .. } = self.last;
        print(&format!(
            "{name}: {} replays; ClientHellos accepted once {once}, more often {more}, never {never}",
            self.answered
        ));
        self.last
    }
}

#[test]
fn replays_to_all_servers_at_once_are_accepted_once_by_clocks_that_differ() {
    let Some(store) = Store::start() else { return };
    let mut scenario = Scenario::new(&store, 1);
    for number in 0..SERVERS {
        scenario.fleet.set_clock(number, if number.is_multiple_of(2) { 5 } else { 0 });
    }
    scenario.stage(|_| {});
    let verdict = scenario.end("clocks that differ by 5 s");
    assert_eq!((verdict.never, verdict.unanswered), (0, 0), "{verdict:?}");
}

#[test]
fn replays_are_accepted_once_over_restarts_of_servers() {
    let Some(store) = Store::start() else { return };
    let mut scenario = Scenario::new(&store, SERVERS);
    for number in 0..SERVERS {
        scenario.stage(|fleet| fleet.restart(number));
    }
    scenario.end("servers that are killed and started again");
}

#[test]
fn replays_are_accepted_once_over_restarts_of_a_store_that_keeps_its_data() {
    let Some(store) = Store::start_with(RedisServer::start_persistent) else { return };
    restart_the_store(store, "a store on disk that is killed and started again");
}

#[test]
fn replays_are_accepted_once_over_restarts_of_a_store_that_loses_its_data() {
    let Some(store) = Store::start() else { return };
    restart_the_store(store, "a store in memory that is killed and started again");
}

fn restart_the_store(mut store: Store, name: &str) {
    let mut scenario = Scenario::new(&store, 3);
    for _ in 0..2 {
        scenario.stage(|_| store.primary.restart());
    }
    scenario.stage(|_| {});
    scenario.end(name);
}

#[test]
fn replays_are_accepted_once_where_the_store_fails_over_to_a_replica_without_the_last_writes() {
    let Some(mut store) = Store::start() else { return };
    let replica = RedisServer::start_replica_of(&store.primary);
    let mut scenario = Scenario::new(&store, 3);
    // What is written from then on does not come to the replica: it is as far behind as replicas are.
    scenario.stage(|_| replica.promote());
    scenario.stage(|_| {
        store.primary.kill();
        store.point_to(&replica);
    });
    scenario.stage(|_| {});
    scenario.end("a store that fails over to a replica without the last writes");
}

#[test]
fn replays_are_accepted_once_by_servers_whose_clocks_are_set_back_by_an_hour() {
    const HOUR: i64 = 60 * 60;
    let Some(store) = Store::start() else { return };
    let mut scenario = Scenario::new(&store, 3);
    scenario.stage(|fleet| (0..SERVERS).for_each(|number| fleet.set_clock(number, HOUR)));
    scenario.stage(|fleet| (0..SERVERS / 2).for_each(|number| fleet.set_clock(number, 0)));
    scenario.stage(|fleet| (0..SERVERS / 4).for_each(|number| fleet.set_clock(number, -HOUR)));
    scenario.end("clocks that are an hour ahead, right, and an hour behind");
}

/// A ClientHello that the store has forgotten, because it is not fresh any more, is fresh again by the clocks of
/// servers. The store has a clock of its own.
#[test]
fn replays_that_the_store_has_forgotten_are_refused_where_the_clocks_of_servers_are_set_back() {
    let Some(store) = Store::start() else { return };
    let (sessions, register) = (Sessions::GivenKeys, Register::OfTheStore);
    let fleet = Fleet::start_with(&store.url(), sessions, register, |setup| setup.window = 4);
    let deadline = Instant::now() + 3 * PATIENCE;
    // On a slow machine the first replays may come too late.
    let (recorded, flights) = loop {
        let recorded = Instant::now();
        let flights = fleet.first_flights(4);
        let verdict = fleet.replay(&flights, 4 * SERVERS, |_| {});
        if verdict.once == 4 {
            break (recorded, flights);
        }
        assert!(Instant::now() < deadline, "{verdict:?}");
    };
    // The flights are not fresh any more by the clock of the store. By those of the servers they will be fresh soon.
    thread::sleep(Duration::from_secs(10).saturating_sub(recorded.elapsed()));
    (0..SERVERS).for_each(|number| fleet.set_clock(number, -12));
    let verdict = fleet.replay(&flights, 4 * SERVERS, |_| {});
    assert_eq!((verdict.once, verdict.more), (4, 0), "{verdict:?}");
    // The servers have asked.
    #[cfg(feature = "metrics")]
    {
        let metrics: String = (0..SERVERS).map(|number| fleet.ask(number, "metrics")).collect();
        assert!(metrics.contains("verdict=\"not_fresh\""), "{metrics}");
    }
}
