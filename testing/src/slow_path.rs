//! Paths of datagrams to a QUIC server, on which what the server sends arrives late.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Carries the datagrams of one client, and returns the address that the client sends to. All that the server sends
/// arrives after this delay, in its order.
pub fn start(server: SocketAddr, delay: Duration) -> SocketAddr {
    let wait = move |sent: Instant| {
        thread::sleep((sent + delay).saturating_duration_since(Instant::now()));
    };
    carry(server, |_| {}, wait)
}

/// A path that holds what the server sends until it is released.
pub struct HeldPath {
    /// Where the client sends to.
    pub address: SocketAddr,
    is_held: Arc<(Mutex<bool>, Condvar)>,
}

impl HeldPath {
    /// It holds all that the server sends.
    pub fn from_start(server: SocketAddr) -> Self {
        let is_held = Arc::new((Mutex::new(true), Condvar::new()));
        let address = carry(server, |_| {}, wait_while_held(Arc::clone(&is_held)));
        Self { address, is_held }
    }

    /// It holds what the server sends once the client begins a second connection.
    pub fn after_first_connection(server: SocketAddr) -> Self {
        let is_held = Arc::new((Mutex::new(false), Condvar::new()));
        let holding = Arc::clone(&is_held);
        let mut connections = Connections::None;
        let watch = move |datagram: &[u8]| match (connections, first_packet(datagram)) {
            (Connections::None, FirstPacket::OneRtt) => connections = Connections::One,
            // A connection has no Initial packets after one of 1-RTT.
            (Connections::One, FirstPacket::Initial) => {
                connections = Connections::Two;
                *holding.0.lock().unwrap() = true;
            }
            _ => {}
        };
        let address = carry(server, watch, wait_while_held(Arc::clone(&is_held)));
        Self { address, is_held }
    }

    /// What was held arrives now.
    pub fn release(&self) {
        *self.is_held.0.lock().unwrap() = false;
        self.is_held.1.notify_all();
    }
}

/// How many connections of the client have been seen.
#[derive(Clone, Copy)]
enum Connections {
    None,
    One,
    Two,
}

enum FirstPacket {
    Initial,
    OneRtt,
    Other,
}

/// RFC 9000, sections 17.2 and 17.3.
fn first_packet(datagram: &[u8]) -> FirstPacket {
    let has_long_header = datagram[0] & 0x80 != 0;
    let long_packet_type = datagram[0] & 0x30;
    // The bit between them may be 0 as well (RFC 9287).
    if !has_long_header {
        FirstPacket::OneRtt
    } else if long_packet_type == 0 {
        FirstPacket::Initial
    } else {
        FirstPacket::Other
    }
}

fn wait_while_held(is_held: Arc<(Mutex<bool>, Condvar)>) -> impl Fn(Instant) + Send + 'static {
    move |_| {
        let (is_held, released) = &*is_held;
        drop(released.wait_while(is_held.lock().unwrap(), |is_held| *is_held).unwrap());
    }
}

/// `watch` sees what the client sends. `wait` returns when a datagram that the server sent at this time may arrive.
fn carry(
    server: SocketAddr,
    mut watch: impl FnMut(&[u8]) + Send + 'static,
    wait: impl Fn(Instant) + Send + 'static,
) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let to_client = socket.try_clone().unwrap();
    let (delayed, arriving) = mpsc::channel::<(Instant, Vec<u8>, SocketAddr)>();
    thread::spawn(move || {
        for (sent, datagram, client) in arriving {
            wait(sent);
            let _ = to_client.send_to(&datagram, client);
        }
    });
    thread::spawn(move || {
        let (mut client, mut buffer) = (server, vec![0; 65_536]);
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let datagram = &buffer[..length];
            if from == server {
                let _ = delayed.send((Instant::now(), datagram.to_vec(), client));
            } else {
                client = from;
                watch(datagram);
                let _ = socket.send_to(datagram, server);
            }
        }
    });
    address
}
