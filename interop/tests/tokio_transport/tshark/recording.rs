//! What peers and our ends send each other, as it goes over the socket.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use handclasp::handshake::Side;
use handclasp::transport::Socket;
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream};
use handclasp_testing::capture::Sent;
use handclasp_testing::key_lines::KeyLines;
use handclasp_testing::process::connect;
use handclasp_testing::server_name;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

/// How long our end waits for more of a peer.
const WAIT: Duration = Duration::from_secs(3);

/// A connection that was recorded.
#[derive(Clone)]
pub struct Recording {
    pub peer: &'static str,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Recording {
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

/// All connections, and the key log of all of them.
#[derive(Default)]
pub struct Recordings {
    all: Mutex<Vec<Recording>>,
    pub keys: KeyLines,
}

impl Recordings {
    pub fn all(&self) -> Vec<Recording> {
        self.all.lock().unwrap().clone()
    }

    /// Records the bytes of a socket, whose end here is `side`.
    fn tap(&self, peer: &'static str, side: Side, socket: TcpStream) -> Tap {
        let recording = Recording { peer, sent: Arc::default() };
        self.all.lock().unwrap().push(recording.clone());
        socket.set_read_timeout(Some(WAIT)).unwrap();
        Tap { socket, side, recording }
    }

    /// A server that answers one request. The handshake may fail: then that is what is recorded.
    pub fn serve(&self, peer: &'static str, config: &Arc<ServerConfig>, socket: TcpStream) {
        let tap = self.tap(peer, Side::Server, socket);
        let server = ServerConnection::new(config.clone());
        let mut stream = Stream::over(server, tap, |tap| tap.socket());
        let _ = answer(&mut stream);
    }

    /// A client that sends a request, after 0-RTT data if it may, and reads to the end.
    pub fn connect(&self, peer: &'static str, config: &Arc<ClientConfig>, server: SocketAddr) {
        let mut client = ClientConnection::new(config.clone(), server_name());
        client.write_early_data(b"GET / HTTP/1.0\r\n").unwrap();
        let tap = self.tap(peer, Side::Client, connect(server));
        let mut stream = Stream::over(client, tap, |tap| tap.socket());
        let _ = ask(&mut stream);
    }
}

fn answer(stream: &mut Stream<ServerConnection, Tap>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    if stream.read(&mut buffer)? == 0 {
        return stream.close();
    }
    stream.write_all(ANSWER)?;
    stream.close()?;
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}

fn ask(stream: &mut Stream<ClientConnection, Tap>) -> io::Result<()> {
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer)? > 0 {}
    stream.close()
}

/// A socket whose bytes are kept.
struct Tap {
    socket: TcpStream,
    side: Side,
    recording: Recording,
}

impl Tap {
    fn socket(&self) -> Option<Socket> {
        self.socket.try_clone().ok().map(Socket::Tcp)
    }

    fn keep(&self, from: Side, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.recording.sent.lock().unwrap().push(Sent { from, bytes: bytes.to_vec() });
        }
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.socket.read(buffer)?;
        let peer = match self.side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        self.keep(peer, &buffer[..length]);
        Ok(length)
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.socket.write(bytes)?;
        self.keep(self.side, &bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
