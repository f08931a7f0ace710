//! Clients that come back to another process.

use std::cell::Cell;
use std::io;
use std::sync::Barrier;
use std::thread;

use handclasp::session::ClientSessionStore;
use handclasp_redis::handclasp;

use crate::client::{Client, RustlsClient, Visit};
use crate::harness::{Fleet, SERVERS};
use crate::setup::{Register, Sessions};
use crate::store::Store;

/// Visits the fleet more often than it has servers. Each visit meets the next server, and all but the first resume.
fn resumes_everywhere(visit: impl Fn() -> io::Result<Visit>) {
    let first = visit().unwrap();
    assert!(!first.resumed);
    let mut before = first.server;
    for _ in 0..2 * SERVERS {
        let visit = visit().unwrap();
        assert!(visit.resumed, "server {} did not resume a session of {before}", visit.server);
        assert_ne!(visit.server, before);
        before = visit.server;
    }
}

#[test]
fn clients_resume_on_another_process_with_given_keys() {
    let fleet = Fleet::start("", Sessions::GivenKeys, Register::OfTheProcess);
    let client = Client::new(&fleet.identity);
    resumes_everywhere(|| client.visit(fleet.address()));
    let rustls = RustlsClient::new(&fleet.identity);
    resumes_everywhere(|| rustls.visit(fleet.address()));
}

/// A full handshake leaves two sessions in the store. A resumption takes one, and leaves one. They are written after
/// the visit.
fn visit_and_wait(
    store: &Store,
    in_store: &Cell<usize>,
    visit: io::Result<Visit>,
) -> io::Result<Visit> {
    let visit = visit?;
    if !visit.resumed {
        in_store.set(in_store.get() + 2);
    }
    store.wait_for_size(in_store.get());
    Ok(visit)
}

#[test]
fn clients_resume_on_another_process_with_sessions_in_the_store() {
    let Some(store) = Store::start() else { return };
    let fleet = Fleet::start(&store.url(), Sessions::OfTheStore, Register::OfTheProcess);
    let in_store = Cell::new(0);
    let client = Client::new(&fleet.identity);
    resumes_everywhere(|| visit_and_wait(&store, &in_store, client.visit(fleet.address())));
    let rustls = RustlsClient::new(&fleet.identity);
    resumes_everywhere(|| visit_and_wait(&store, &in_store, rustls.visit(fleet.address())));
}

#[test]
fn a_session_in_the_store_is_resumed_once_by_servers_that_get_it_at_once() {
    let Some(store) = Store::start() else { return };
    let fleet = Fleet::start(&store.url(), Sessions::OfTheStore, Register::OfTheProcess);
    let in_store = Cell::new(0);
    for _ in 0..SERVERS {
        let client = Client::new(&fleet.identity);
        visit_and_wait(&store, &in_store, client.visit(fleet.address())).unwrap();
        let session = &client.sessions.sessions()[0];
        let barrier = Barrier::new(SERVERS);
        let addresses = fleet.addresses.lock().unwrap().clone();
        let visit = |address| {
            let copy = Client::new(&fleet.identity);
            copy.sessions.put(session.clone());
            barrier.wait();
            copy.visit(address).unwrap()
        };
        let visits: Vec<Visit> = thread::scope(|scope| {
            let threads: Vec<_> =
                addresses.iter().map(|address| scope.spawn(|| visit(*address))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let resumed = visits.iter().filter(|visit| visit.resumed).count();
        assert_eq!(resumed, 1, "{visits:?}");
        in_store.set(in_store.get() + 2 * (SERVERS - 1));
        store.wait_for_size(in_store.get());
    }
}
