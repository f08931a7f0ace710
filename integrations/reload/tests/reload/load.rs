//! Pairs that are swapped while clients connect.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::site::{Clients, Events, Site, chain_pem, key_pem, wait_until};
use handclasp_testing::{Identity, NAME};

#[test]
fn no_handshake_fails_while_pairs_are_swapped() {
    let identities = [(); 3].map(|()| Identity::p256());
    let site = Site::new(&identities[0]);
    let events = Events::default();
    let reloader = events.reloader();
    let certificates = site.certificates(&reloader);
    let clients = Clients::new(&certificates, &identities.each_ref());
    let (is_over, handshakes) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // A chain with another key would fail, for its signature would be wrong.
                    let certificate = clients.connect(NAME).unwrap();
                    assert!(identities.iter().any(|it| it.chain[0] == certificate));
                    handshakes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 0..60 {
            let identity = &identities[number % identities.len()];
            let before = handshakes.load(Ordering::Relaxed);
            // Not at once: a look may come in between, and finds a chain with the key of another one.
            fs::write(&site.key, key_pem(identity)).unwrap();
            if number % 2 == 0 {
                reloader.reload_now();
            }
            fs::write(&site.chain, chain_pem(identity)).unwrap();
            reloader.reload_now();
            wait_until("handshakes", || handshakes.load(Ordering::Relaxed) > before + 2);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    events.wait_for("belongs to another key");
    assert!(clients.get(&identities[2]));
}
