//! Ports for programs that do not say which one the system gave them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that Linux gives to sockets that ask for any one, so that no such socket takes them before the
/// program does.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port of TCP on 127.0.0.1. As long as this process runs, no other test gets it.
pub fn free_tcp_port() -> u16 {
    free_port(UdpSocket::bind, TcpListener::bind)
}

/// A port of UDP on 127.0.0.1. As long as this process runs, no other test gets it.
pub fn free_udp_port() -> u16 {
    free_port(TcpListener::bind, UdpSocket::bind)
}

/// A port of one protocol. A socket of the other protocol, with the same number, reserves it.
fn free_port<R, S>(
    reserve: fn(SocketAddr) -> io::Result<R>,
    bind: fn(SocketAddr) -> io::Result<S>,
) -> u16 {
    for address in addresses() {
        let Ok(reservation) = reserve(address) else { continue };
        if bind(address).is_ok() {
            // Never closed.
            std::mem::forget(reservation);
            return address.port();
        }
    }
    panic!("no port is free");
}

/// Each process begins at another port.
fn addresses() -> impl Iterator<Item = SocketAddr> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id() % u32::from(COUNT) * 7;
    (0..COUNT).map(move |_| {
        let offset = (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset).unwrap();
        (Ipv4Addr::LOCALHOST, port).into()
    })
}
