//! A host between a client and a server that can disappear: packets go nowhere, and no end of a connection is seen.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Forwards connections to a server of this machine.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    server: Mutex<Server>,
    is_back: Condvar,
}

#[derive(Default)]
struct Server {
    is_gone: bool,
    /// How many times it has been gone. Connections of before never work again.
    times_gone: usize,
}

impl Relay {
    pub fn new(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        // The threads end with the process of the test.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, state) = (client.unwrap(), Arc::clone(&shared));
                thread::spawn(move || forward_both_ways(client, port, &state));
            }
        });
        Self { address, state }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The server's host is gone: its connections are never answered again, and new ones wait.
    pub fn server_is_gone(&self) {
        let mut server = self.state.server.lock().unwrap();
        server.is_gone = true;
        server.times_gone += 1;
    }

    /// The server's host is back. Connections that wait reach it, those of before do not.
    pub fn server_is_back(&self) {
        self.state.server.lock().unwrap().is_gone = false;
        self.state.is_back.notify_all();
    }
}

impl State {
    /// Waits until the server's host is there, and returns how many times it has been gone.
    fn wait_for_server(&self) -> usize {
        let server = self.server.lock().unwrap();
        self.is_back.wait_while(server, |server| server.is_gone).unwrap().times_gone
    }

    fn times_gone(&self) -> usize {
        self.server.lock().unwrap().times_gone
    }
}

fn forward_both_ways(client: TcpStream, port: u16, state: &Arc<State>) {
    let times_gone = state.wait_for_server();
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
    let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let of_replies = Arc::clone(state);
    thread::spawn(move || forward(from_server, to_client, times_gone, &of_replies));
    forward(client, server, times_gone, state);
}

fn forward(mut from: TcpStream, mut to: TcpStream, times_gone: usize, state: &State) {
    let mut buffer = [0; 4096];
    loop {
        let count = from.read(&mut buffer).unwrap_or(0);
        if state.times_gone() != times_gone {
            if count == 0 {
                return;
            }
            // It is received, and goes nowhere.
            continue;
        }
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
}
