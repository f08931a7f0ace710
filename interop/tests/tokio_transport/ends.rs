//! Connections under tokio, over pipes in memory.

use std::io;

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

/// Both sides' handshake over a pipe that holds `capacity` bytes each way.
pub async fn connect(
    connector: &Connector,
    acceptor: &Acceptor,
    capacity: usize,
) -> (io::Result<Client>, io::Result<Server>) {
    let (left, right) = duplex(capacity);
    tokio::join!(connector.connect(server_name(), left), acceptor.accept(right))
}

/// A connection over a pipe that holds `capacity` bytes each way.
pub async fn pair(capacity: usize) -> (Client, Server) {
    let (connector, acceptor) = ends();
    let (client, server) = connect(&connector, &acceptor, capacity).await;
    assert!(client.is_ok() && server.is_ok(), "{client:?} {server:?}");
    (client.unwrap(), server.unwrap())
}

/// The TLS error that is inside.
pub fn tls(error: &io::Error) -> &handclasp::Error {
    handclasp::Error::from_io(error).unwrap_or_else(|| panic!("no TLS error inside: {error}"))
}
