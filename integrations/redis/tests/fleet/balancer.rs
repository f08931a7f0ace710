//! The one address of the fleet: each connection goes to the next server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Where the servers are now, by their numbers.
pub type Addresses = Arc<Mutex<Vec<SocketAddr>>>;

/// It works in a thread of its own, until it is dropped.
pub struct Balancer {
    pub address: SocketAddr,
    _runtime: Runtime,
}

impl Balancer {
    pub fn start(servers: Addresses) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let next = Arc::new(AtomicUsize::new(0));
        runtime.spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let (servers, next) = (servers.clone(), next.clone());
                tokio::spawn(async move { forward(client, &servers, &next).await });
            }
        });
        Self { address, _runtime: runtime }
    }
}

/// To the next server that takes connections. One that is being restarted takes none.
async fn forward(mut client: TcpStream, servers: &Addresses, next: &AtomicUsize) {
    let servers = servers.lock().unwrap().clone();
    for _ in 0..servers.len() {
        let server = servers[next.fetch_add(1, Ordering::Relaxed) % servers.len()];
        if let Ok(mut server) = TcpStream::connect(server).await {
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            // Either end may reset the connection.
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}
