//! The end of a reloader, and the example.

#[cfg(unix)]
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::site::{Clients, Events, Site, wait_until};
use handclasp_reload::{Reloader, handclasp};
use handclasp_testing::Identity;
#[cfg(unix)]
use handclasp_testing::{
    examples,
    process::{self, Process},
    server_name,
};

#[test]
fn the_thread_ends_when_nothing_uses_the_reloader_any_more() {
    let (first, second) = (Identity::p256(), Identity::p256());
    let site = Site::new(&first);
    let in_thread = Arc::new(());
    let of_function = Arc::clone(&in_thread);
    let reloader = Reloader::builder(handclasp::CryptoProvider::default())
        .settle_time(Duration::from_millis(20))
        .on_event(move |_| assert_eq!(*of_function, ()))
        .start()
        .unwrap();
    let certificates = site.certificates(&reloader);
    drop(reloader);
    // The certificates keep it.
    site.write(&second);
    let clients = Clients::new(&certificates, &[&first, &second]);
    wait_until("the new certificate", || clients.get(&second));
    drop((clients, certificates));
    wait_until("the end", || Arc::strong_count(&in_thread) == 1);
}

#[test]
fn a_panic_in_the_function_for_events_does_not_end_the_reloader() {
    let (first, second) = (Identity::p256(), Identity::p256());
    let site = Site::new(&first);
    let reloader = Reloader::builder(handclasp::CryptoProvider::default())
        .settle_time(Duration::from_millis(20))
        .on_event(|event| {
            let words = event.to_string();
            assert!(!words.contains("not loaded"), "the function panics: {words}");
        })
        .start()
        .unwrap();
    let certificates = site.certificates(&reloader);
    std::fs::write(&site.chain, "nonsense").unwrap();
    wait_until("the error", || certificates.status()[0].failure.is_some());
    site.write(&second);
    let clients = Clients::new(&certificates, &[&first, &second]);
    wait_until("the new certificate", || clients.get(&second));
}

#[test]
fn certificates_that_are_dropped_are_not_read_any_more() {
    let site = Site::new(&Identity::p256());
    let events = Events::default();
    let reloader = events.reloader();
    drop(site.certificates(&reloader));
    std::fs::write(&site.chain, "nonsense").unwrap();
    assert!(reloader.reload_now().is_empty());
}

/// The example, with SIGHUP.
#[cfg(unix)]
#[test]
fn the_example_serves_the_new_certificate_after_sighup() {
    let (first, second) = (Identity::p256(), Identity::p256());
    let site = Site::new(&first);
    let arguments = ["127.0.0.1:0", &site.chain, &site.key];
    let server = examples::start_of("integrations/reload", "reload_server", &arguments);
    echo(&server, &first).unwrap();
    site.write(&second);
    server.signal("HUP");
    server.wait_for_times("loaded the certificate", 2);
    echo(&server, &second).unwrap();
    assert!(echo(&server, &first).is_err());
}

#[cfg(unix)]
#[test]
fn the_example_goes_on_when_clients_could_not_be_accepted() {
    let identity = Identity::p256();
    let site = Site::new(&identity);
    let program = examples::build("integrations/reload", "reload_server");
    let arguments = ["127.0.0.1:0", &site.chain, &site.key];
    let server = examples::start_with_few_files(&program, &arguments);
    let clients = examples::exhaust_files(&server);
    server.wait_for("cannot accept");
    drop(clients);
    echo(&server, &identity).unwrap();
}

/// A client that trusts this identity gets its own words from the example.
#[cfg(unix)]
fn echo(server: &Process, identity: &Identity) -> std::io::Result<()> {
    let address = ([127, 0, 0, 1], examples::port(server)).into();
    let client = handclasp::ClientConnection::new(identity.client_config(), server_name());
    let mut stream = handclasp::Stream::new(client, process::connect(address));
    stream.write_all(b"ping")?;
    stream.flush()?;
    let mut pong = [0; 4];
    stream.read_exact(&mut pong)?;
    assert_eq!(&pong, b"ping");
    Ok(())
}
