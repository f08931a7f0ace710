//! A packet as a segment of TCP, or a datagram of UDP.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};

/// A segment of TCP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) syn: bool,
    pub(super) ack: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    /// What was captured of the data.
    pub(super) data: &'a [u8],
}

/// A datagram of UDP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// What was captured of the data.
    pub(super) data: &'a [u8],
}

/// What is in a packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    Tcp(Segment<'a>),
    Udp(Datagram<'a>),
}

/// What is in a captured packet of this link type; `None` if it is neither, or a fragment.
pub(super) fn content(link_type: i32, bytes: &[u8]) -> Option<Content<'_>> {
    /// The headers of Linux's "any" interface.
    const SLL_LENGTH: usize = 16;
    const SLL2_LENGTH: usize = 20;
    let packet = match link_type {
        // Ethernet, with VLAN tags or without.
        1 => LaxSlicedPacket::from_ethernet(bytes).ok()?,
        // BSD loopback: a number of four bytes, whose order is that of the machine.
        0 | 108 => LaxSlicedPacket::from_ip(bytes.get(4..)?).ok()?,
        // Raw IP, of either version or of one.
        12 | 14 | 101 | 228 | 229 => LaxSlicedPacket::from_ip(bytes).ok()?,
        113 => {
            let protocol = number(bytes.get(14..SLL_LENGTH)?)?;
            LaxSlicedPacket::from_ether_type(EtherType(protocol), bytes.get(SLL_LENGTH..)?)
        }
        276 => {
            let protocol = number(bytes.get(..2)?)?;
            LaxSlicedPacket::from_ether_type(EtherType(protocol), bytes.get(SLL2_LENGTH..)?)
        }
        _ => return None,
    };
    let (from, to): (IpAddr, IpAddr) = match packet.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        LaxNetSlice::Ipv6(ip) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        _ => return None,
    };
    let (from_port, to_port) = match packet.transport.as_ref()? {
        TransportSlice::Tcp(tcp) => (tcp.source_port(), tcp.destination_port()),
        TransportSlice::Udp(udp) => (udp.source_port(), udp.destination_port()),
        _ => return None,
    };
    let (from, to) = (SocketAddr::new(from, from_port), SocketAddr::new(to, to_port));
    match packet.transport? {
        TransportSlice::Tcp(tcp) => Some(Content::Tcp(Segment {
            from,
            to,
            sequence: tcp.sequence_number(),
            syn: tcp.syn(),
            ack: tcp.ack(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            data: tcp.payload(),
        })),
        TransportSlice::Udp(udp) => Some(Content::Udp(Datagram { from, to, data: udp.payload() })),
        _ => None,
    }
}

fn number(bytes: &[u8]) -> Option<u16> {
    bytes.try_into().ok().map(u16::from_be_bytes)
}
