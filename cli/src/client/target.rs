//! The server to connect to.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use handclasp::pki_types::ServerName;

use super::ClientOptions;
use super::starttls;
use crate::address::{self, AddressError, HostAndPort};
use crate::failure::Failure;

/// How long one address is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most addresses of a host that are tried.
const MAX_ADDRESSES: usize = 8;

/// A server, and the name that its certificate must have.
#[derive(Debug)]
pub struct Target {
    pub address: HostAndPort,
    pub name: ServerName<'static>,
}

impl Target {
    /// From HOST:PORT, and the name of the options if it is not HOST. The error does not repeat an
    /// argument that is no address: it may be a key.
    pub fn read(text: &str, options: &ClientOptions) -> Result<Self, Failure> {
        let misuse = |problem: &str| {
            Failure::misuse(problem).hint(
                "say the host and its port: handclasp connect example.org:443, or [::1]:443 with an \
                 IPv6 address in brackets",
            )
        };
        let address = match HostAndPort::read(text) {
            Ok(address) if address.port != 0 => address,
            Ok(_) | Err(AddressError::Port) => {
                return Err(misuse("the port of the server must be a number from 1 to 65535"));
            }
            Err(AddressError::Form) => {
                return Err(misuse("the address of the server is not HOST:PORT"));
            }
        };
        let name = options.name.as_ref().unwrap_or(&address.host);
        let server_name = address::server_name(name).ok_or_else(|| {
            Failure::misuse(format!("{name:?} is neither a DNS name nor an IP address"))
                .hint("say which name the server should prove: --name NAME")
        })?;
        Ok(Self { address, name: server_name })
    }

    /// Tries the addresses of the host in order, and asks for TLS if the options say how.
    pub fn connect(&self, options: &ClientOptions) -> Result<TcpStream, Failure> {
        let socket = connect(&self.address)?;
        if let Some(protocol) = options.starttls {
            starttls::ask(protocol, &socket)?;
        }
        Ok(socket)
    }
}

fn connect(HostAndPort { host, port }: &HostAndPort) -> Result<TcpStream, Failure> {
    let addresses = (host.as_str(), *port).to_socket_addrs().map_err(|error| {
        Failure::failed(format!("the address of {host} was not found: {error}"))
            .hint("is the name right, and is there a network?")
    })?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses.take(MAX_ADDRESSES) {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(socket) => {
                let _ = socket.set_nodelay(true);
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    let failure = Failure::failed(format!("cannot connect to {host}, port {port}: {last}"));
    Err(match last.kind() {
        io::ErrorKind::ConnectionRefused => {
            failure.hint("nothing listens there: is the server running, and is the port right?")
        }
        io::ErrorKind::TimedOut => {
            failure.hint("nothing answers there: is the host up, or a firewall in between?")
        }
        _ => failure,
    })
}
