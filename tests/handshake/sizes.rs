//! The same bytes in every size: large data, small reads, and records cut and joined anywhere.

use std::io::Write;
use std::sync::Arc;

use handclasp::connection::Received;
use handclasp::credential::CertificateList;
use handclasp::transport::memory::exchange;
use handclasp::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use handclasp_testing::numbers::varied_bytes;
use handclasp_testing::{Identity, recorded_group, rustls_peer, server_name, take_outgoing};

const LARGE: usize = 16 * 1024 * 1024;

fn assert_same(got: &[u8], expected: &[u8]) {
    // Not assert_eq: its message would be megabytes.
    assert!(got == expected, "{} bytes came of {}", got.len(), expected.len());
}

/// Gives what came in `pieces`, as a transport would; returns the data.
fn give(to: &mut Connection, pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let (mut buffer, mut data) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(&piece);
        loop {
            let (consumed, received) = to.receive(&mut buffer).unwrap();
            match received {
                Received::Data(part) => data.extend_from_slice(part),
                Received::Handled => {}
                Received::Incomplete => break,
                other => panic!("{other:?}"),
            }
            buffer.drain(..consumed);
        }
    }
    assert!(buffer.is_empty(), "records are whole in the end");
    data
}

/// The handshake with each flight cut by `cut`, and data both ways behind it.
fn handshake_in_pieces(
    client: &mut Connection,
    server: &mut Connection,
    mut cut: impl FnMut(Vec<u8>) -> Vec<Vec<u8>>,
) {
    while client.is_handshaking() || server.is_handshaking() {
        assert!(give(server, cut(take_outgoing(client))).is_empty());
        assert!(give(client, cut(take_outgoing(server))).is_empty());
    }
    client.write(b"ping").unwrap();
    server.write(b"pong").unwrap();
    assert_eq!(give(server, cut(take_outgoing(client))), b"ping");
    assert_eq!(give(client, cut(take_outgoing(server))), b"pong");
}

#[test]
fn a_flight_may_come_in_two_reads_cut_anywhere() {
    // The lengths of the flights: a first handshake finds them.
    let mut lengths = Vec::new();
    let (mut client, mut server) = Identity::p256().connections();
    handshake_in_pieces(&mut client, &mut server, |flight| {
        lengths.push(flight.len());
        vec![flight]
    });
    let longest = *lengths.iter().max().unwrap();
    assert!(longest > 500, "the server's flight has its certificate");
    // Thousands of handshakes: the key exchanges are computed once.
    let identity = Identity::p256();
    let provider = recorded_group::provider();
    let client = ClientConfig::builder(provider.clone()).trust(identity.anchors()).unwrap();
    let client = Arc::new(client.build().unwrap());
    let resolver = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = Arc::new(ServerConfig::builder(provider).build(Arc::new(resolver)).unwrap());
    for position in 0..longest {
        let mut client = ClientConnection::new(client.clone(), server_name());
        let mut server = ServerConnection::new(server.clone());
        handshake_in_pieces(&mut client, &mut server, |mut flight| {
            let rest = flight.split_off(position.min(flight.len()));
            vec![flight, rest]
        });
    }
}

#[test]
fn everything_may_come_one_byte_at_a_time() {
    let (mut client, mut server) = Identity::p256().connections();
    handshake_in_pieces(&mut client, &mut server, |flight| {
        flight.into_iter().map(|byte| vec![byte]).collect()
    });
}

#[test]
fn many_records_may_come_in_one_read() {
    let (mut client, mut server) = Identity::p256().connections();
    exchange(&mut client, &mut server).unwrap();
    let mut expected = Vec::new();
    for round in 0..100_u8 {
        client.write(&vec![round; usize::from(round) + 1]).unwrap();
        expected.extend(vec![round; usize::from(round) + 1]);
        if round.is_multiple_of(10) {
            client.update_keys(false).unwrap();
        }
    }
    client.close();
    let mut bytes = take_outgoing(&mut client);
    let (mut start, mut data) = (0, Vec::new());
    while start < bytes.len() {
        let (consumed, received) = server.receive(&mut bytes[start..]).unwrap();
        if let Received::Data(part) = received {
            data.extend_from_slice(part);
        }
        start += consumed;
    }
    assert_eq!(data, expected);
    assert!(server.peer_has_closed());
}

/// Puts the payload of each plaintext handshake record into records of at most `size` bytes.
fn refragment(flight: &[u8], size: usize) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), flight);
    while let [kind, major, minor, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (payload, next) = after.split_at(length);
        match kind {
            22 => payload.chunks(size).for_each(|chunk| {
                let length = u16::try_from(chunk.len()).unwrap().to_be_bytes();
                out.extend_from_slice(&[22, *major, *minor, length[0], length[1]]);
                out.extend_from_slice(chunk);
            }),
            _ => out.extend_from_slice(&rest[..5 + length]),
        }
        rest = next;
    }
    out
}

#[test]
fn hellos_may_come_in_records_of_any_size_down_to_one_byte() {
    for size in [1, 2, 3, 4, 5, 7, 63, 64, 65] {
        let (mut client, mut server) = Identity::p256().connections();
        let mut fragments = 0;
        handshake_in_pieces(&mut client, &mut server, |flight| {
            let fragmented = refragment(&flight, size);
            fragments += usize::from(fragmented.len() > flight.len());
            vec![fragmented]
        });
        assert_eq!(fragments, 2, "the ClientHello and the ServerHello");
    }
}

#[test]
fn a_client_of_rustls_may_write_records_of_32_bytes() {
    let identity = Identity::p256();
    let mut config = rustls_peer::client_config(&identity, rustls_peer::default_provider());
    config.max_fragment_size = Some(32);
    let mut theirs = rustls_peer::client(config);
    let mut ours = ServerConnection::new(identity.server_config());
    rustls_peer::exchange(&mut ours, &mut theirs).checked();
    let data = varied_bytes(10_000, 1);
    theirs.writer().write_all(&data).unwrap();
    assert_same(&rustls_peer::exchange(&mut ours, &mut theirs).checked().to_us, &data);

    let mut config = rustls_peer::server_config(&identity, rustls_peer::default_provider(), None);
    config.max_fragment_size = Some(32);
    let mut theirs = rustls_peer::server(config);
    let mut ours = ClientConnection::new(identity.client_config(), server_name());
    rustls_peer::exchange(&mut ours, &mut theirs).checked();
    theirs.writer().write_all(&data).unwrap();
    assert_same(&rustls_peer::exchange(&mut ours, &mut theirs).checked().to_us, &data);
}

/// Writes all of `data` and takes what comes meanwhile, on one side of a full-duplex exchange.
fn pump_large(left: &mut Connection, right: &mut Connection, to_right: &[u8], to_left: &[u8]) {
    let (mut sent, mut got) = ([0, 0], [Vec::new(), Vec::new()]);
    while got[0].len() < to_right.len() || got[1].len() < to_left.len() {
        sent[0] += left.write(&to_right[sent[0]..]).unwrap();
        sent[1] += right.write(&to_left[sent[1]..]).unwrap();
        let (from_left, from_right) = (take_outgoing(left), take_outgoing(right));
        got[0].extend(give(right, [from_left]));
        got[1].extend(give(left, [from_right]));
    }
    assert_same(&got[0], to_right);
    assert_same(&got[1], to_left);
}

#[test]
fn sixteen_mebibytes_go_both_ways_at_once() {
    let (mut client, mut server) = Identity::p256().connections();
    exchange(&mut client, &mut server).unwrap();
    pump_large(&mut client, &mut server, &varied_bytes(LARGE, 2), &varied_bytes(LARGE, 3));
}

#[test]
fn sixteen_mebibytes_go_both_ways_at_once_with_a_server_of_rustls() {
    let identity = Identity::p256();
    let config = rustls_peer::server_config(&identity, rustls_peer::default_provider(), None);
    let mut theirs = rustls_peer::server(config);
    let mut ours = ClientConnection::new(identity.client_config(), server_name());
    rustls_peer::exchange(&mut ours, &mut theirs).checked();
    let (to_them, to_us) = (varied_bytes(LARGE, 4), varied_bytes(LARGE, 5));
    let (mut from_us, mut from_them) = (Vec::new(), Vec::new());
    let mut sent = (0, 0);
    while from_us.len() < LARGE || from_them.len() < LARGE {
        sent.0 += ours.write(&to_them[sent.0..]).unwrap();
        sent.1 += theirs.writer().write(&to_us[sent.1..]).unwrap();
        let result = rustls_peer::exchange(&mut ours, &mut theirs).checked();
        from_us.extend(result.to_them);
        from_them.extend(result.to_us);
    }
    assert_same(&from_us, &to_them);
    assert_same(&from_them, &to_us);
}
