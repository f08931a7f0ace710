//! Captures of connections, in the forms pcap and pcapng.

use etherparse::PacketBuilder;
use handclasp::handshake::Side;

const CLIENT: [u8; 4] = [192, 0, 2, 1];
const SERVER: [u8; 4] = [198, 51, 100, 2];

/// A form of link.
#[derive(Clone, Copy, Debug)]
pub enum Link {
    Ethernet,
    Vlan,
    RawIpv6,
    Loopback,
    Sll,
    Sll2,
}

impl Link {
    pub const ALL: [Self; 6] =
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
        if let Some(number) = segment.acknowledged {
            tcp = tcp.ack(number);
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

struct Segment {
    sequence: u32,
    /// The sequence number that it acknowledges.
    acknowledged: Option<u32>,
    syn: bool,
    fin: bool,
    data: Vec<u8>,
}

/// What a side has sent at once.
#[derive(Clone, Debug)]
pub struct Sent {
    pub from: Side,
    pub bytes: Vec<u8>,
}

/// The packets of a connection from this port, in segments of `size` bytes.
pub fn packets(link: Link, port: u16, all: &[Sent], size: usize) -> Vec<Vec<u8>> {
    let mut sequences = [u32::MAX - 700, 5];
    let mut packets = Vec::new();
    let mut send = |side: Side, syn, fin, data: &[u8]| {
        let sequence = sequences[side as usize];
        let length = data.len() as u32 + u32::from(syn) + u32::from(fin);
        sequences[side as usize] = sequence.wrapping_add(length);
        let is_first = syn && side == Side::Client;
        let peer = match side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        let acknowledged = if is_first { None } else { Some(sequences[peer as usize]) };
        let segment = Segment { sequence, acknowledged, syn, fin, data: data.to_vec() };
        packets.push(link.packet(port, side, &segment));
    };
    send(Side::Client, true, false, &[]);
    send(Side::Server, true, false, &[]);
    send(Side::Client, false, false, &[]);
    for sent in all {
        for piece in sent.bytes.chunks(size) {
            send(sent.from, false, false, piece);
        }
    }
    send(Side::Client, false, true, &[]);
    send(Side::Server, false, true, &[]);
    packets
}

/// The packets of a connection over UDP from this port, over Ethernet.
pub fn datagrams(port: u16, all: &[Sent]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for sent in all {
        let ether = PacketBuilder::ethernet2([1; 6], [2; 6]);
        let udp = match sent.from {
            Side::Client => ether.ipv4(CLIENT, SERVER, 64).udp(port, 443),
            Side::Server => ether.ipv4(SERVER, CLIENT, 64).udp(443, port),
        };
        let mut packet = Vec::new();
        udp.write(&mut packet, &sent.bytes).unwrap();
        packets.push(packet);
    }
    packets
}

/// A capture in the form pcap.
pub fn pcap(link: Link, packets: &[Vec<u8>]) -> Vec<u8> {
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
pub fn pcapng(link: Link, packets: &[Vec<u8>], key_log: &str) -> Vec<u8> {
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
