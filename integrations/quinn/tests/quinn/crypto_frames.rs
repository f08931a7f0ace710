//! CRYPTO frames at a wrong level.

use std::sync::Arc;

use handclasp_quinn::{QuicClientConfig, QuicServerConfig};
use quinn_proto::{TransportError, TransportErrorCode};

use crate::direct::{flight, receive, start_client, start_server};
use crate::peers::{People, Wanted, our_client, our_server};

#[track_caller]
fn assert_violation(error: &TransportError) {
    assert_eq!(u64::from(error.code), u64::from(TransportErrorCode::PROTOCOL_VIOLATION), "{error}");
}

/// quinn changes its level after a packet, and a packet may have several CRYPTO frames.
#[test]
fn messages_of_two_levels_in_one_packet_are_a_protocol_violation() {
    let (people, wanted) = (People::new(), Wanted::default());
    let client = Arc::new(QuicClientConfig::new(our_client(&people, &wanted)).unwrap());
    let server = Arc::new(QuicServerConfig::new(our_server(&people, &wanted)).unwrap());
    let (mut client, mut server) = (start_client(&client), start_server(&server));
    let hello = flight(&mut *client);
    let from_server = receive(&mut *server, &hello).unwrap();
    assert_eq!(from_server.len(), 2);

    client.read_handshake(&from_server[0]).unwrap();
    let error = client.read_handshake(&from_server[1]).unwrap_err();
    assert_violation(&error);
    assert!(client.is_handshaking());
    // The error stays.
    assert_violation(&client.read_handshake(&from_server[1]).unwrap_err());
}

#[test]
fn the_client_s_flight_behind_its_hello_is_a_protocol_violation() {
    let (people, wanted) = (People::new(), Wanted::default());
    let client = Arc::new(QuicClientConfig::new(our_client(&people, &wanted)).unwrap());
    let server = Arc::new(QuicServerConfig::new(our_server(&people, &wanted)).unwrap());
    let (mut client, mut server) = (start_client(&client), start_server(&server));
    let hello = flight(&mut *client);
    server.read_handshake(&hello[0]).unwrap();
    // The header of a Finished, in the same packet.
    let error = server.read_handshake(&[20, 0, 0, 32]).unwrap_err();
    assert_violation(&error);
}
