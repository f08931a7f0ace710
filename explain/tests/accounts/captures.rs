//! Accounts of captures.

use handclasp_explain::capture::{self, CaptureError, Summary};
use handclasp_explain::recorded::KeyLogSecrets;
use handclasp_explain::{Connection, Outcome, ProblemKind, Side};
use handclasp_testing::capture::{self as written, Link, Sent, pcap, pcapng};

use crate::support::{Tapped, all_kinds, options};

/// The packets of a connection from this port, in segments of `size` bytes.
fn packets(link: Link, port: u16, bytes: &[(Side, Vec<u8>)], size: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (side, bytes) in bytes {
        let from = match side {
            Side::Client => handclasp::handshake::Side::Client,
            Side::Server => handclasp::handshake::Side::Server,
        };
        all.push(Sent { from, bytes: bytes.clone() });
    }
    written::packets(link, port, &all, size)
}

fn read(file: &[u8], key_log: &str) -> (Vec<Connection>, Result<Summary, CaptureError>) {
    let mut connections = Vec::new();
    let secrets = KeyLogSecrets::parse(key_log.as_bytes());
    let result = capture::read(file, secrets, &options(), |it| connections.push(it));
    connections.sort_by_key(|connection| connection.number);
    (connections, result)
}

fn names(connection: &Connection) -> Vec<&str> {
    connection.messages.iter().map(|message| message.name.as_str()).collect()
}

/// A capture of this connection alone has the messages that the recorder saw.
fn check(tapped: &Tapped, file: &[u8], key_log: &str, about: &str) {
    let (connections, result) = read(file, key_log);
    result.unwrap();
    let [connection] = connections.as_slice() else { panic!("{about}: {}", connections.len()) };
    let live = if tapped.kind == "refused" { &tapped.client } else { &tapped.server };
    assert_eq!(connection.outcome, live.outcome, "{about}");
    for side in [Side::Client, Side::Server] {
        let of_side = |connection: &Connection| -> Vec<_> {
            let messages = connection.messages.iter().filter(|it| it.sender == side);
            messages.map(|it| it.bytes.clone()).collect()
        };
        let (mut found, expected) = (of_side(connection), of_side(live));
        if tapped.kind == "refused" {
            found.truncate(expected.len());
        }
        assert_eq!(found, expected, "{about}: from the {side:?}");
    }
}

#[test]
fn captures_of_all_kinds_decode_over_each_link() {
    for (index, tapped) in all_kinds().iter().enumerate() {
        let link = Link::ALL[index % Link::ALL.len()];
        let packets = packets(link, 50_000, &tapped.bytes, 700);
        let about = format!("{} over {link:?}", tapped.kind);
        check(tapped, &pcap(link, &packets), &tapped.key_log, &about);
    }
}

#[test]
fn packets_come_out_of_order_and_again() {
    let tapped = all_kinds().swap_remove(0);
    for (size, step) in [(100, 3), (333, 2), (50, 7)] {
        let mut packets = packets(Link::Ethernet, 50_000, &tapped.bytes, size);
        let last = packets.len() - 2;
        for window in packets[3..last].chunks_mut(step) {
            window.reverse();
        }
        let again = packets[5..9].to_vec();
        packets.splice(12..12, again);
        check(&tapped, &pcap(Link::Ethernet, &packets), &tapped.key_log, "out of order");
    }
}

#[test]
fn a_missing_segment_is_a_gap() {
    let tapped = all_kinds().swap_remove(0);
    let mut packets = packets(Link::Ethernet, 50_000, &tapped.bytes, 200);
    // A segment of the server after its ServerHello, which has 1,215 bytes.
    packets.remove(3 + tapped.bytes[0].1.len().div_ceil(200) + 7);
    let (connections, result) = read(&pcap(Link::Ethernet, &packets), &tapped.key_log);
    result.unwrap();
    let [connection] = connections.as_slice() else { panic!("{}", connections.len()) };
    let gap = ProblemKind::Gap { length: Some(200) };
    assert!(connection.problems.iter().any(|it| it.kind == gap), "{:?}", connection.problems);
    // What is behind it is there.
    for name in ["ServerHello", "Finished", "NewSessionTicket"] {
        assert!(connection.message(name).is_some(), "{name}: {:?}", names(connection));
    }
    assert_eq!(connection.outcome, Outcome::Complete);
    for side in [Side::Client, Side::Server] {
        let (found, sent) = (connection.sizes.of(side), tapped.client.sizes.of(side));
        assert_eq!(found.data_bytes, sent.data_bytes, "{side:?}");
    }
}

#[test]
fn connections_are_told_apart_and_resumption_is_linked() {
    let tapped = all_kinds();
    let mut lists = Vec::new();
    for (index, one) in tapped.iter().enumerate() {
        lists.push(packets(Link::Ethernet, 50_000 + index as u16, &one.bytes, 1200));
    }
    let key_log: String = tapped.iter().map(|one| one.key_log.as_str()).collect();
    // In turns, so that all are open at the same time.
    let longest = lists.iter().map(Vec::len).max().unwrap();
    let mut mixed = Vec::new();
    for index in 0..longest {
        mixed.extend(lists.iter().filter_map(|list| list.get(index).cloned()));
    }
    let (connections, result) = read(&pcap(Link::Ethernet, &mixed), &key_log);
    assert_eq!(result.unwrap().connections, tapped.len() as u64);
    assert_eq!(connections.len(), tapped.len());
    for (connection, tapped) in connections.iter().zip(&tapped) {
        let port = 50_000 + connection.number - 1;
        assert_eq!(connection.client, Some(format!("192.0.2.1:{port}")));
        assert!(connection.messages.len() >= tapped.client.messages.len().min(5));
    }
    let resumed: Vec<_> = connections.iter().filter(|it| it.resumed_from.is_some()).collect();
    assert_eq!(resumed.len(), 3);
    assert!(resumed.iter().all(|it| it.resumed_from.unwrap().connection < it.number));
    // The same ports are used again.
    let again = [packets(Link::Ethernet, 50_000, &tapped[0].bytes, 999), lists[0].clone()].concat();
    assert_eq!(read(&pcap(Link::Ethernet, &again), &key_log).0.len(), 2);
}

#[test]
fn a_key_log_in_the_capture_is_found() {
    let tapped = all_kinds().swap_remove(0);
    let packets = packets(Link::Ethernet, 50_000, &tapped.bytes, 700);
    let file = pcapng(Link::Ethernet, &packets, &tapped.key_log);
    let (connections, _) = read(&file, "");
    assert_eq!(connections[0].outcome, Outcome::Encrypted);
    let mut secrets = KeyLogSecrets::default();
    capture::add_secrets(file.as_slice(), &mut secrets).unwrap();
    assert!(secrets.len() >= 4, "{secrets:?}");
    check(&tapped, &file, &tapped.key_log, "pcapng");
    let mut connections = Vec::new();
    capture::read(file.as_slice(), secrets, &options(), |it| connections.push(it)).unwrap();
    assert_eq!(connections[0].outcome, Outcome::Complete);
    assert_eq!(connections[0].started_unix_ns, Some(0));
}

#[test]
fn captures_that_are_cut_or_damaged_are_explained_as_far_as_they_go() {
    let tapped = all_kinds().swap_remove(0);
    let packets = packets(Link::Ethernet, 50_000, &tapped.bytes, 700);
    for file in [pcap(Link::Ethernet, &packets), pcapng(Link::Ethernet, &packets, &tapped.key_log)]
    {
        let mut most = 0;
        for end in (0..file.len()).step_by(97) {
            let (connections, result) = read(&file[..end], &tapped.key_log);
            let messages = connections.first().map_or(0, |it| it.messages.len());
            assert!(messages >= most, "{end}: {messages} messages, and {most} in less");
            most = messages;
            assert!(result.is_ok() || connections.is_empty(), "{end}: {result:?}");
        }
        assert!(most > 6);
        for place in (0..file.len()).step_by(53) {
            let mut damaged = file.clone();
            damaged[place] ^= 0x5a;
            let (connections, _) = read(&damaged, &tapped.key_log);
            connections.iter().for_each(|it| assert!(names(it).len() < 20));
        }
    }
    assert!(matches!(read(&[], "").1, Err(CaptureError::Empty)));
    assert!(matches!(read(b"not a capture at all", "").1, Err(CaptureError::NotACapture)));
}
