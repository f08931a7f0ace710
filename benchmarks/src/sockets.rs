//! Connected streams over loopback TCP, of this library and of rustls.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::{ClientConnection, ServerConnection, Stream};
use handclasp_testing::{Identity, measure, server_name};
use tokio::io::{AsyncRead, AsyncWrite};

/// Whose streams they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    Handclasp,
    Rustls,
}

impl Library {
    pub const BOTH: [Self; 2] = [Self::Handclasp, Self::Rustls];

    pub fn name(self) -> &'static str {
        match self {
            Self::Handclasp => "handclasp",
            Self::Rustls => "rustls",
        }
    }
}

/// Both ends of a TCP connection over loopback, without the delay of Nagle's algorithm.
pub fn tcp_pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    for end in [&client, &server] {
        end.set_nodelay(true).unwrap();
    }
    (client, server)
}

pub fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// A blocking stream.
pub trait Blocking: std::io::Read + std::io::Write + Send {}
impl<T: std::io::Read + std::io::Write + Send> Blocking for T {}

/// An asynchronous stream.
pub trait Asynchronous: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Asynchronous for T {}

/// Configurations of both libraries that do the same: TLS_AES_128_GCM_SHA256 and x25519.
pub struct Configurations {
    ours: (Arc<handclasp::ClientConfig>, Arc<handclasp::ServerConfig>),
    theirs: (Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>),
}

impl Configurations {
    pub fn new() -> Self {
        let identity = Identity::p256();
        Self { ours: measure::ours(&identity), theirs: measure::rustls(&identity) }
    }

    /// A client's and a server's blocking stream. The handshake is completed by the first use.
    pub fn blocking_pair(
        &self,
        library: Library,
        (client, server): (TcpStream, TcpStream),
    ) -> (Box<dyn Blocking>, Box<dyn Blocking>) {
        match library {
            Library::Handclasp => {
                let left = ClientConnection::new(self.ours.0.clone(), server_name());
                let right = ServerConnection::new(self.ours.1.clone());
                (Box::new(Stream::new(left, client)), Box::new(Stream::new(right, server)))
            }
            Library::Rustls => {
                let left = rustls::ClientConnection::new(self.theirs.0.clone(), server_name());
                let right = rustls::ServerConnection::new(self.theirs.1.clone()).unwrap();
                (
                    Box::new(rustls::StreamOwned::new(left.unwrap(), client)),
                    Box::new(rustls::StreamOwned::new(right, server)),
                )
            }
        }
    }

    /// A client's stream in the current runtime, after its handshake.
    pub async fn connect(&self, library: Library, socket: TcpStream) -> Box<dyn Asynchronous> {
        let socket = to_tokio(socket);
        match library {
            Library::Handclasp => {
                let connector = Connector::new(self.ours.0.clone());
                Box::new(connector.connect(server_name(), socket).await.unwrap())
            }
            Library::Rustls => {
                let connector = tokio_rustls::TlsConnector::from(self.theirs.0.clone());
                Box::new(connector.connect(server_name(), socket).await.unwrap())
            }
        }
    }

    /// A server's stream in the current runtime, after its handshake.
    pub async fn accept(&self, library: Library, socket: TcpStream) -> Box<dyn Asynchronous> {
        let socket = to_tokio(socket);
        match library {
            Library::Handclasp => {
                let acceptor = Acceptor::new(self.ours.1.clone());
                Box::new(acceptor.accept(socket).await.unwrap())
            }
            Library::Rustls => {
                let acceptor = tokio_rustls::TlsAcceptor::from(self.theirs.1.clone());
                Box::new(acceptor.accept(socket).await.unwrap())
            }
        }
    }
}

impl Default for Configurations {
    fn default() -> Self {
        Self::new()
    }
}

fn to_tokio(socket: TcpStream) -> tokio::net::TcpStream {
    socket.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(socket).unwrap()
}
