//! A packet as a segment of TCP.

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

/// The segment in a captured packet of this link type; `None` if it is no TCP, or a fragment.
pub(super) fn segment(link_type: i32, bytes: &[u8]) -> Option<Segment<'_>> {
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
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else { return None };
    Some(Segment {
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        syn: tcp.syn(),
        ack: tcp.ack(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        data: tcp.payload(),
    })
}

fn number(bytes: &[u8]) -> Option<u16> {
    bytes.try_into().ok().map(u16::from_be_bytes)
}
