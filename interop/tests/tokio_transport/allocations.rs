//! How often a handshake in memory asks for memory. The counts are the same in every run. A change that
//! needs more should say why.

use std::sync::Arc;

use handclasp::connection::{Connection, Received};
use handclasp::crypto::AeadKey;
use handclasp::{ClientConnection, ServerConnection};
use handclasp_testing::{Identity, measure, server_name};

use super::sockets::{allocations, ran_alone};

/// What the calls of each side have asked for.
#[derive(Debug, Default)]
struct Counts {
    client: usize,
    server: usize,
}

fn handshake(identity: &Identity) -> Counts {
    let (client_config, server_config) = measure::ours(identity);
    let mut counts = Counts::default();
    let name = server_name();
    let mut client = counted(&mut counts.client, || {
        ClientConnection::new(Arc::clone(&client_config), name).unwrap()
    });
    let mut server =
        counted(&mut counts.server, || ServerConnection::new(Arc::clone(&server_config)).unwrap());
    while client.is_handshaking() || server.is_handshaking() {
        deliver(&mut client, &mut server, &mut counts.server);
        deliver(&mut server, &mut client, &mut counts.client);
    }
    counts
}

fn counted<T>(count: &mut usize, call: impl FnOnce() -> T) -> T {
    let before = allocations();
    let result = call();
    *count += allocations() - before;
    result
}

fn deliver(from: &mut Connection, to: &mut Connection, count: &mut usize) {
    let mut bytes = from.outgoing().to_vec();
    from.sent(bytes.len());
    let mut start = 0;
    while start < bytes.len() {
        let (consumed, received) = counted(count, || to.receive(&mut bytes[start..]).unwrap());
        assert_eq!(received, Received::Handled);
        start += consumed;
    }
}

#[test]
fn a_full_handshake_allocates_no_more_than_it_did() {
    if ran_alone(module_path!(), "a_full_handshake_allocates_no_more_than_it_did") {
        return;
    }
    let identity = Identity::p256();
    // The first connection makes what its thread keeps for all.
    handshake(&identity);
    let counts = handshake(&identity);
    println!("{counts:?}");
    // In a build with both providers, each of a side's four keys of ring is on the heap.
    let keys = if size_of::<AeadKey>() < 64 { 4 } else { 0 };
    assert!(counts.client <= 26 + keys && counts.server <= 17 + keys, "{counts:?}");
}
