//! A path that loses, repeats and reorders datagrams.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use handclasp_testing::numbers::{Numbers, varied_bytes};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::peers::{
    NAME, PAIRS, People, Server, Wanted, any_port, client, client_endpoint, echo, server,
};

/// Carries datagrams between one client and the server. Of a hundred, it loses `percent`, sends so many
/// twice, and holds so many back until the next one.
struct Path {
    numbers: Numbers,
    percent: usize,
    held_back: Option<(Vec<u8>, SocketAddr)>,
}

impl Path {
    fn happens(&mut self) -> bool {
        self.numbers.below(100) < self.percent
    }

    async fn carry(&mut self, socket: &UdpSocket, datagram: &[u8], to: SocketAddr) {
        if self.happens() {
            return;
        }
        if self.happens() && self.held_back.is_none() {
            self.held_back = Some((datagram.to_vec(), to));
            return;
        }
        for _ in 0..1 + usize::from(self.happens()) {
            let _ = socket.send_to(datagram, to).await;
        }
        if let Some((datagram, to)) = self.held_back.take() {
            let _ = socket.send_to(&datagram, to).await;
        }
    }
}

/// The address of the path's end for the client.
pub async fn start_path(server: SocketAddr, percent: usize, seed: u32) -> SocketAddr {
    let socket = Arc::new(UdpSocket::bind(any_port()).await.unwrap());
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut path = Path { numbers: Numbers(seed), percent, held_back: None };
        let (mut client, mut buffer) = (None, vec![0; 65_536]);
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let datagram = &buffer[..length];
            if from == server {
                if let Some(client) = client {
                    path.carry(&socket, datagram, client).await;
                }
            } else {
                client = Some(from);
                path.carry(&socket, datagram, server).await;
            }
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn every_handshake_over_a_bad_path_completes_or_ends_by_its_timeout() {
    let (people, wanted) = (People::new(), Wanted::default());
    let data = varied_bytes(20_000, 3);
    for (client_tls, server_tls) in PAIRS {
        let peer = Server::start(server(server_tls, &people, &wanted), false);
        let config = client(client_tls, &people, &wanted);
        let mut connections = Vec::new();
        for (percent, seed) in [(0, 1), (5, 2), (5, 3), (20, 4), (20, 5), (20, 6)] {
            let path = start_path(peer.address, percent, seed).await;
            let (config, data) = (config.clone(), data.clone());
            connections.push(tokio::spawn(async move {
                let endpoint = client_endpoint(config);
                let connected = endpoint.connect(path, NAME).unwrap().await;
                let Ok(connection) = connected else { return (percent, false) };
                assert!(echo(&connection, &data).await == data);
                (percent, true)
            }));
        }
        let mut complete = 0;
        for connection in connections {
            let ended = timeout(Duration::from_secs(60), connection).await;
            let (percent, is_complete) = ended.expect("no handshake hangs").unwrap();
            assert!(is_complete || percent > 0);
            complete += usize::from(is_complete);
        }
        assert!(complete >= 3, "{client_tls:?} {server_tls:?}: {complete} of 6");
    }
}
