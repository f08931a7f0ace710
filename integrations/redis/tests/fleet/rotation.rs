//! Ticket keys that all servers share, and that change while clients come.

use std::thread;
use std::time::{Duration, Instant};

use handclasp::session::{ClientSession, ClientSessionStore};
use handclasp_redis::handclasp;
use handclasp_testing::process::{PATIENCE, print};

use crate::client::Client;
use crate::harness::{Fleet, SERVERS};
use crate::load::Load;
use crate::setup::{Register, Sessions};
use crate::store::Store;

#[test]
fn a_rotation_under_load_loses_no_connection_and_no_ticket() {
    let Some(store) = Store::start() else { return };
    let fleet = Fleet::start(&store.url(), Sessions::SharedKeys, Register::OfTheStore);
    let mut kept = Vec::new();
    let load = Load::run(&fleet, |load| {
        for rotation in 0..3 {
            load.wait_for(|since| since.resumed >= 20);
            kept.extend(tickets(&fleet));
            // Any server can make the next key.
            rotate(&fleet, 3 * rotation % SERVERS);
        }
        load.wait_for(|since| since.resumed >= 20);
    });
    assert_eq!(load.failures(), [""; 0]);
    kept.extend(tickets(&fleet));
    // Each server opens the tickets under all keys.
    for (number, session) in kept.iter().enumerate() {
        let client = Client::new(&fleet.identity);
        client.sessions.put(session.clone());
        let visit = client.visit(fleet.address()).unwrap();
        assert!(visit.resumed, "ticket {number} of {} at server {}", kept.len(), visit.server);
    }
    let counts = load.counts();
    let full = counts.visits - counts.resumed;
    print(&format!("three rotations: {counts:?}, 0 failures, {} tickets kept", kept.len()));
    // The first visit of each client, and a few to a server that the machine held up while the others learned a key. If
    // a rotation lost tickets, each client would have one more for each of the three.
    assert!(full < 4 * Load::CLIENTS, "{counts:?}");
}

/// Two tickets of each server.
fn tickets(fleet: &Fleet) -> Vec<ClientSession> {
    let mut sessions = Vec::new();
    for _ in 0..SERVERS {
        let client = Client::new(&fleet.identity);
        client.visit(fleet.address()).unwrap();
        sessions.extend(client.sessions.sessions());
    }
    sessions
}

/// Makes the next key, and waits until all servers seal with it.
fn rotate(fleet: &Fleet, number: usize) {
    let before = fleet.ask(number, "sealing");
    assert_eq!(fleet.ask(number, "rotate"), "done");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let sealing: Vec<String> = (0..SERVERS).map(|it| fleet.ask(it, "sealing")).collect();
        if sealing.iter().all(|key| *key != before && *key == sealing[0]) {
            return;
        }
        assert!(Instant::now() < deadline, "{before} before, now {sealing:?}");
        thread::sleep(Duration::from_millis(20));
    }
}
