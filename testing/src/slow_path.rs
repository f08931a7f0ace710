//! A path of datagrams to a server, on which what the server sends arrives late.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Carries the datagrams of one client, and returns the address that the client sends to. All that the server sends
/// arrives after this delay, in its order.
pub fn start(server: SocketAddr, delay: Duration) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let to_client = socket.try_clone().unwrap();
    let (delayed, arriving) = mpsc::channel::<(Instant, Vec<u8>, SocketAddr)>();
    thread::spawn(move || {
        for (time, datagram, client) in arriving {
            thread::sleep(time.saturating_duration_since(Instant::now()));
            let _ = to_client.send_to(&datagram, client);
        }
    });
    thread::spawn(move || {
        let (mut client, mut buffer) = (server, vec![0; 65_536]);
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let datagram = &buffer[..length];
            if from == server {
                let _ = delayed.send((Instant::now() + delay, datagram.to_vec(), client));
            } else {
                client = from;
                let _ = socket.send_to(datagram, server);
            }
        }
    });
    address
}
