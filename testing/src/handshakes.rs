//! Batches of handshakes in memory, of this library and of rustls: the CPU time of each side.

use std::ops::DerefMut;
use std::time::Duration;

use handclasp::connection::{Connection, Received};
use handclasp::pki_types::ServerName;
use rustls::{ConnectionCommon, SideData};

use crate::measure::{Column, thread_time};
use crate::server_name;

/// How many connections live at the same time: as many as clients keep tickets for a server.
pub const BATCH: usize = 8;

/// The CPU time of the calls of each side.
#[derive(Clone, Copy, Default)]
pub struct Spent {
    pub client: Duration,
    pub server: Duration,
}

/// Adds the CPU time that `work` takes to `clock`.
pub fn timed<T>(clock: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = thread_time();
    let result = work();
    *clock += thread_time().saturating_sub(start);
    result
}

/// The microseconds of a handshake on each side, one value a batch.
#[derive(Default)]
pub struct Columns {
    pub client: Column,
    pub server: Column,
}

impl Columns {
    pub fn add(&mut self, spent: Spent) {
        self.client.add(spent.client, BATCH as u32);
        self.server.add(spent.server, BATCH as u32);
    }
}

/// A side of a connection of either library.
trait End {
    /// What is to be sent is in `bytes` then.
    fn send(&mut self, bytes: &mut Vec<u8>);
    fn receive(&mut self, bytes: &mut [u8]);
    fn is_connected(&self) -> bool;
}

/// Of this library.
struct Ours<E>(E);

impl<E: DerefMut<Target = Connection>> End for Ours<E> {
    fn send(&mut self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.0.outgoing());
        self.0.sent(bytes.len());
    }

    fn receive(&mut self, bytes: &mut [u8]) {
        let mut start = 0;
        while start < bytes.len() {
            let (consumed, received) = self.0.receive(&mut bytes[start..]).unwrap();
            assert_eq!(received, Received::Handled);
            start += consumed;
        }
    }

    fn is_connected(&self) -> bool {
        !self.0.is_handshaking() && self.0.check().is_ok()
    }
}

/// Of rustls.
struct Theirs<E>(E);

impl<S: SideData, E: DerefMut<Target = ConnectionCommon<S>>> End for Theirs<E> {
    fn send(&mut self, bytes: &mut Vec<u8>) {
        while self.0.wants_write() {
            self.0.write_tls(bytes).unwrap();
        }
    }

    fn receive(&mut self, bytes: &mut [u8]) {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            self.0.read_tls(&mut rest).unwrap();
            self.0.process_new_packets().unwrap();
        }
    }

    fn is_connected(&self) -> bool {
        !self.0.is_handshaking()
    }
}

/// [`BATCH`] handshakes of this library.
pub fn ours<C, S>(
    mut new_client: impl FnMut(ServerName<'static>) -> C,
    mut new_server: impl FnMut() -> S,
) -> Spent
where
    C: DerefMut<Target = Connection>,
    S: DerefMut<Target = Connection>,
{
    handshakes(|name| Ours(new_client(name)), || Ours(new_server()))
}

/// [`BATCH`] handshakes of rustls.
pub fn theirs(
    mut new_client: impl FnMut(ServerName<'static>) -> rustls::ClientConnection,
    mut new_server: impl FnMut() -> rustls::ServerConnection,
) -> Spent {
    handshakes(|name| Theirs(new_client(name)), || Theirs(new_server()))
}

fn handshakes<C: End, S: End>(
    mut new_client: impl FnMut(ServerName<'static>) -> C,
    mut new_server: impl FnMut() -> S,
) -> Spent {
    let mut spent = Spent::default();
    let mut names: Vec<_> = (0..BATCH).map(|_| server_name()).collect();
    let mut buffers: Vec<_> = (0..BATCH).map(|_| Vec::with_capacity(16 * 1024)).collect();
    let (mut clients, mut servers) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    timed(&mut spent.server, || servers.extend((0..BATCH).map(|_| new_server())));
    timed(&mut spent.client, || {
        clients.extend(names.drain(..).map(&mut new_client));
        send(&mut clients, &mut buffers)
    });
    loop {
        let to_client = timed(&mut spent.server, || exchange(&mut servers, &mut buffers));
        let to_server = timed(&mut spent.client, || exchange(&mut clients, &mut buffers));
        if to_server + to_client == 0 {
            break;
        }
    }
    assert!(clients.iter().all(End::is_connected) && servers.iter().all(End::is_connected));
    spent
}

/// Each end receives what is in its buffer. Then what it sends is there.
fn exchange(ends: &mut [impl End], buffers: &mut [Vec<u8>]) -> usize {
    receive(ends, buffers);
    send(ends, buffers)
}

fn send(ends: &mut [impl End], buffers: &mut [Vec<u8>]) -> usize {
    let mut total = 0;
    for (end, buffer) in ends.iter_mut().zip(buffers) {
        buffer.clear();
        end.send(buffer);
        total += buffer.len();
    }
    total
}

fn receive(ends: &mut [impl End], buffers: &mut [Vec<u8>]) {
    for (end, buffer) in ends.iter_mut().zip(buffers) {
        end.receive(buffer);
    }
}
