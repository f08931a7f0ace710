//! Accounts of captures.

use etherparse::PacketBuilder;
use handclasp_explain::capture::{self, CaptureError, Summary};
use handclasp_explain::recorded::KeyLogSecrets;
use handclasp_explain::{Connection, Outcome, ProblemKind, Side};

use crate::support::{Tapped, all_kinds, options};

const CLIENT: [u8; 4] = [192, 0, 2, 1];
const SERVER: [u8; 4] = [198, 51, 100, 2];

/// A form of link.
#[derive(Clone, Copy, Debug)]
enum Link {
    Ethernet,
    Vlan,
    RawIpv6,
    Loopback,
    Sll,
    Sll2,
}

impl Link {
    const ALL: [Self; 6] =
        [Self::Ethernet, Self::Vlan, Self::RawIpv6, Self::Loopback, Self::Sll, Self::Sll2];

    fn number(self) -> u32 {
        match self {
            Self::Ethernet | Self::Vlan => 1,
            Self::RawIpv6 => 101,
            Self::Loopback => 0,
            Self::Sll => 113,
            Self::Sll2 => 276,
        }
    }

    /// A packet with a segment.
    fn packet(self, port: u16, from: Side, segment: &Segment) -> Vec<u8> {
        let (source, destination) = match from {
            Side::Client => (CLIENT, SERVER),
            Side::Server => (SERVER, CLIENT),
        };
        let ports = match from {
            Side::Client => (port, 443),
            Side::Server => (443, port),
        };
        let ether = PacketBuilder::ethernet2([1; 6], [2; 6]);
        let v6 = |address: [u8; 4]| {
            let mut all = [0; 16];
            all[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
            all[12..].copy_from_slice(&address);
            all
        };
        let ip = match self {
            Self::Vlan => ether.single_vlan(7.try_into().unwrap()).ipv4(source, destination, 64),
            Self::RawIpv6 => PacketBuilder::ipv6(v6(source), v6(destination), 64),
            Self::Ethernet => ether.ipv4(source, destination, 64),
            _ => PacketBuilder::ipv4(source, destination, 64),
        };
        let mut tcp = ip.tcp(ports.0, ports.1, segment.sequence, 65_535);
        if segment.syn {
            tcp = tcp.syn();
        }
        if !segment.syn || from == Side::Server {
            tcp = tcp.ack(1);
        }
        if segment.fin {
            tcp = tcp.fin();
        }
        let header = match self {
            Self::Loopback => vec![2, 0, 0, 0],
            Self::Sll => [&[0; 14][..], &[8, 0]].concat(),
            Self::Sll2 => [&[8, 0][..], &[0; 18]].concat(),
            _ => Vec::new(),
        };
        let mut packet = header;
        tcp.write(&mut packet, &segment.data).unwrap();
        packet
    }
}

#[derive(Clone)]
struct Segment {
    sequence: u32,
    syn: bool,
    fin: bool,
    data: Vec<u8>,
}

/// The packets of a connection from this port, in segments of `size` bytes.
fn packets(link: Link, port: u16, bytes: &[(Side, Vec<u8>)], size: usize) -> Vec<Vec<u8>> {
    let mut sequences = [u32::MAX - 700, 5];
    let mut packets = Vec::new();
    let mut send = |side: Side, syn, fin, data: &[u8]| {
        let sequence = sequences[side as usize];
        let length = data.len() as u32 + u32::from(syn) + u32::from(fin);
        sequences[side as usize] = sequence.wrapping_add(length);
        let segment = Segment { sequence, syn, fin, data: data.to_vec() };
        packets.push(link.packet(port, side, &segment));
    };
    send(Side::Client, true, false, &[]);
    send(Side::Server, true, false, &[]);
    send(Side::Client, false, false, &[]);
    for (side, bytes) in bytes {
        for piece in bytes.chunks(size) {
            send(*side, false, false, piece);
        }
    }
    send(Side::Client, false, true, &[]);
    send(Side::Server, false, true, &[]);
    packets
}

/// A capture in the form pcap.
fn pcap(link: Link, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(262_144_u32.to_le_bytes());
    file.extend(link.number().to_le_bytes());
    for (index, packet) in packets.iter().enumerate() {
        file.extend(1_800_000_000_u32.to_le_bytes());
        file.extend((index as u32).to_le_bytes());
        file.extend((packet.len() as u32).to_le_bytes());
        file.extend((packet.len() as u32).to_le_bytes());
        file.extend(packet);
    }
    file
}

/// A capture in the form pcapng, whose key log is at its end.
fn pcapng(link: Link, packets: &[Vec<u8>], key_log: &str) -> Vec<u8> {
    let mut file = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let length = (12 + body.len().next_multiple_of(4)) as u32;
        file.extend(kind.to_le_bytes());
        file.extend(length.to_le_bytes());
        file.extend(body);
        file.resize(file.len().next_multiple_of(4), 0);
        file.extend(length.to_le_bytes());
    };
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    block(0x0a0d_0d0a, &section);
    block(1, &[&link.number().to_le_bytes()[..], &[0, 0, 4, 0]].concat());
    for (index, packet) in packets.iter().enumerate() {
        let length = (packet.len() as u32).to_le_bytes();
        let header = [[0; 4], [0; 4], (index as u32).to_le_bytes(), length, length].concat();
        block(6, &[&header[..], packet].concat());
    }
    let length = (key_log.len() as u32).to_le_bytes();
    let secrets = [&0x544c_534b_u32.to_le_bytes()[..], &length, key_log.as_bytes()].concat();
    block(10, &secrets);
    file
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
    assert!(connection.message("ServerHello").is_some());
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
