//! One connection with the runner.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use handclasp::connection::{ClientConnection, Connection, Received, ServerConnection};
use handclasp::pki_types::ServerName;
use handclasp::record::MAX_RECORD_LENGTH;
use handclasp::{Error, ErrorKind};

use crate::flags::{Flags, Stop};
use crate::{config, error, expectation};

/// Either side.
enum Side {
    Client(ClientConnection),
    Server(ServerConnection),
}

impl Side {
    fn new(flags: &Flags) -> Result<Self, Stop> {
        let failed = |error: Error| Stop::failed(error::describe(&error));
        if flags.has("server") {
            let config = Arc::new(config::server(flags)?);
            return ServerConnection::new(config).map(Self::Server).map_err(failed);
        }
        let config = Arc::new(config::client(flags)?);
        let name = flags.text("host-name").unwrap_or("localhost").to_owned();
        let name = ServerName::try_from(name).map_err(|_| Stop::unimplemented("-host-name"))?;
        ClientConnection::new(config, name).map(Self::Client).map_err(failed)
    }

    fn connection(&mut self) -> &mut Connection {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }
}

/// A connection with its socket and what came from it.
struct Link {
    socket: TcpStream,
    side: Side,
    input: Vec<u8>,
    /// Application data that came.
    data: Vec<u8>,
    ended: bool,
}

pub fn run(flags: &Flags) -> Result<(), Stop> {
    let side = Side::new(flags)?;
    let mut link =
        Link { socket: dial(flags)?, side, input: Vec::new(), data: Vec::new(), ended: false };
    let result = link.talk(flags);
    // The alert, if there is one, goes out before the socket is closed.
    let flushed = link.flush();
    let _ = link.socket.shutdown(Shutdown::Write);
    result.and(flushed)
}

fn dial(flags: &Flags) -> Result<TcpStream, Stop> {
    let port = flags.number("port")?.ok_or_else(|| Stop::failed("there is no -port"))?;
    let address: SocketAddr = match flags.has("ipv6") {
        true => (Ipv6Addr::LOCALHOST, port).into(),
        false => (Ipv4Addr::LOCALHOST, port).into(),
    };
    let id: u64 = flags.number("shim-id")?.unwrap_or_default();
    let mut socket =
        TcpStream::connect(address).map_err(|error| Stop::failed(error.to_string()))?;
    let sent = socket.set_nodelay(true).and_then(|()| socket.write_all(&id.to_le_bytes()));
    sent.map_err(|error| Stop::failed(error.to_string()))?;
    Ok(socket)
}

impl Link {
    fn talk(&mut self, flags: &Flags) -> Result<(), Stop> {
        while self.side.connection().is_handshaking() {
            self.step()?;
            if self.ended {
                return Err(Stop::failed(":HANDSHAKE_NOT_COMPLETE:"));
            }
        }
        expectation::check(flags, self.side.connection())?;
        self.export(flags)?;
        if flags.has("send-alert") {
            return Err(Stop::unimplemented("-send-alert"));
        }
        if flags.has("shim-shuts-down") {
            self.side.connection().close();
            return self.flush();
        }
        if flags.has("shim-writes-first") {
            let text = flags.text("shim-initial-write").unwrap_or("hello").to_owned();
            self.write(text.as_bytes())?;
        }
        self.echo(flags)
    }

    /// Sends back what comes, each bit flipped, until the peer closes.
    fn echo(&mut self, flags: &Flags) -> Result<(), Stop> {
        loop {
            let mut data = std::mem::take(&mut self.data);
            if !data.is_empty() {
                data.iter_mut().for_each(|byte| *byte ^= 0xff);
                if flags.has("key-update") {
                    let updated = self.side.connection().update_keys(false);
                    updated.map_err(|error| Stop::failed(error::describe(&error)))?;
                }
                self.write(&data)?;
            }
            if self.ended {
                break;
            }
            self.step()?;
        }
        if flags.has("check-close-notify") {
            self.side.connection().close();
            self.flush()?;
        }
        Ok(())
    }

    fn export(&mut self, flags: &Flags) -> Result<(), Stop> {
        let Some(length) = flags.number::<usize>("export-keying-material")? else {
            return Ok(());
        };
        let mut key = vec![0; length];
        let label = flags.text("export-label").unwrap_or_default();
        let context = flags.text("export-context").unwrap_or_default().as_bytes();
        self.side
            .connection()
            .export_keying_material(label, context, &mut key)
            .map_err(|error| Stop::failed(error::describe(&error)))?;
        self.write(&key)
    }

    fn write(&mut self, mut data: &[u8]) -> Result<(), Stop> {
        while !data.is_empty() {
            let written = self.side.connection().write(data);
            let written = written.map_err(|error| Stop::failed(error::describe(&error)))?;
            data = data.get(written..).unwrap_or_default();
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stop> {
        let connection = self.side.connection();
        let outgoing = connection.outgoing();
        let length = outgoing.len();
        // A runner that has hung up has its reasons, and looks at what we say of them.
        if self.socket.write_all(outgoing).is_ok() {
            connection.sent(length);
        }
        Ok(())
    }

    /// Takes one record, from what has come or from the socket.
    fn step(&mut self) -> Result<(), Stop> {
        let failed = |error: Error| Stop::failed(error::describe(&error));
        self.flush()?;
        let (taken, received) = self.side.connection().receive(&mut self.input).map_err(failed)?;
        let incomplete = matches!(received, Received::Incomplete);
        match received {
            Received::Data(data) => self.data.extend_from_slice(data),
            Received::Closed => self.ended = true,
            Received::Waiting => return Err(Stop::failed("an unexpected question")),
            _ => {}
        }
        self.input.drain(..taken);
        if incomplete {
            self.read()?;
        }
        self.flush()
    }

    fn read(&mut self) -> Result<(), Stop> {
        let mut chunk = [0; MAX_RECORD_LENGTH];
        match self.socket.read(&mut chunk) {
            Ok(0) | Err(_) => {
                // The runner hangs up without close_notify, and it is not a truncation to it.
                match self.side.connection().end_of_input() {
                    Err(error) if !matches!(error.kind(), ErrorKind::Truncated) => {
                        return Err(Stop::failed(error::describe(&error)));
                    }
                    _ => self.ended = true,
                }
            }
            Ok(length) => self.input.extend_from_slice(&chunk[..length]),
        }
        Ok(())
    }
}
