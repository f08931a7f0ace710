//! Connections under tokio, over pipes in memory.

use std::io;
use std::sync::Arc;

use handclasp::transport::tokio::{Acceptor, Connector, TlsStream};
use handclasp::{ClientConnection, ServerConnection};
use tokio::io::{DuplexStream, duplex};

use handclasp_testing::{Identity, server_name};

pub type Client<T = DuplexStream> = TlsStream<ClientConnection, T>;
pub type Server<T = DuplexStream> = TlsStream<ServerConnection, T>;

pub fn ends() -> (Connector, Acceptor) {
    let identity = Identity::p256();
    (Connector::new(identity.client_config()), Acceptor::new(identity.server_config()))
}

/// Both sides' handshake over a pipe with room for `room` bytes each way.
pub async fn connect(
    connector: &Connector,
    acceptor: &Acceptor,
    room: usize,
) -> (io::Result<Client>, io::Result<Server>) {
    let (left, right) = duplex(room);
    tokio::join!(connector.connect(server_name(), left), acceptor.accept(right))
}

/// A connection over a pipe with room for `room` bytes each way.
pub async fn pair(room: usize) -> (Client, Server) {
    let (connector, acceptor) = ends();
    let (client, server) = connect(&connector, &acceptor, room).await;
    assert!(client.is_ok() && server.is_ok(), "{client:?} {server:?}");
    (client.unwrap(), server.unwrap())
}

/// Bytes that do not repeat with the length of a record.
pub fn pattern(length: usize, seed: u32) -> Arc<Vec<u8>> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    Arc::new((0..length).map(|_| next()).collect())
}

/// The TLS error that is inside.
pub fn tls(error: &io::Error) -> &handclasp::Error {
    handclasp::Error::from_io(error).unwrap_or_else(|| panic!("no TLS error inside: {error}"))
}
