//! A connection over something that is not a socket: two message queues that carry frames of 64
//! bytes. Any transport of messages that keeps their order and loses none works in the same way.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use handclasp::connection::Received;
use handclasp::pki_types::PrivateKeyDer;
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
    TrustAnchors,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A frame in a queue: the number of bytes that count, and the bytes.
type Frame = [u8; 64];

/// One end of a pair of queues. Neither holds more than eight frames.
struct Queues {
    sender: SyncSender<Frame>,
    receiver: Receiver<Frame>,
    side: &'static str,
    /// How many frames this side has sent.
    frames: usize,
}

fn queues() -> (Queues, Queues) {
    let ((to_right, from_left), (to_left, from_right)) = (sync_channel(8), sync_channel(8));
    let left = Queues { sender: to_right, receiver: from_right, side: "client", frames: 0 };
    (left, Queues { sender: to_left, receiver: from_left, side: "server", frames: 0 })
}

/// A connection and its queues.
struct Link<'a> {
    connection: &'a mut Connection,
    queues: Queues,
    /// Received bytes that are not a complete record yet.
    input: Vec<u8>,
}

impl Link<'_> {
    /// Sends what the connection has to send.
    fn send(&mut self) -> Result<(), Failure> {
        while !self.connection.outgoing().is_empty() {
            let mut frame: Frame = [0; 64];
            let count = self.connection.outgoing().len().min(63);
            frame[0] = u8::try_from(count)?;
            frame[1..=count].copy_from_slice(&self.connection.outgoing()[..count]);
            self.queues.sender.send(frame)?;
            self.queues.frames += 1;
            self.connection.sent(count);
        }
        Ok(())
    }

    /// Waits for the next piece of data; none at their end.
    fn receive(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let was_handshaking = self.connection.is_handshaking();
            let (consumed, received) = self.connection.receive(&mut self.input)?;
            let data = match received {
                Received::Data(data) => Some(data.to_vec()),
                Received::Closed => return Ok(None),
                Received::Incomplete => {
                    let frame = self.queues.receiver.recv()?;
                    self.input.extend_from_slice(&frame[1..=usize::from(frame[0])]);
                    None
                }
                _ => None,
            };
            self.input.drain(..consumed);
            self.send()?;
            let complete = was_handshaking && !self.connection.is_handshaking();
            if data.is_some() || complete {
                return Ok(Some(data.unwrap_or_default()));
            }
        }
    }

    /// Completes the handshake.
    fn handshake(&mut self) -> Result<(), Failure> {
        self.send()?;
        self.receive()?;
        let (side, frames) = (&self.queues.side, self.queues.frames);
        if let Some(suite) = self.connection.parameters().cipher_suite {
            println!("{side}: {suite} over {frames} frames");
        }
        Ok(())
    }
}

fn main() {
    if let Err(error) = talk() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn talk() -> Result<(), Failure> {
    let made = rcgen::generate_simple_self_signed(["queue.example".to_string()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let mut anchors = TrustAnchors::new();
    anchors.add(certificate.clone())?;
    let config = Arc::new(ClientConfig::new(anchors)?);
    let mut client = ClientConnection::new(config, "queue.example".try_into()?);
    let key = CertifiedKey::from_der(vec![certificate], &key)?;
    let mut server = ServerConnection::new(Arc::new(ServerConfig::new(key)?));
    let (here, there) = queues();

    // The server: sends back all data, until the client closes.
    let echo = std::thread::spawn(move || -> Result<(), Failure> {
        let mut link = Link { connection: &mut server, queues: there, input: Vec::new() };
        link.handshake()?;
        while let Some(data) = link.receive()? {
            link.connection.write(&data)?;
            link.send()?;
        }
        link.connection.close();
        link.send()
    });

    let mut link = Link { connection: &mut client, queues: here, input: Vec::new() };
    link.handshake()?;
    link.connection.write("a message through the queues, and back. ".repeat(10).as_bytes())?;
    link.send()?;
    let answer = link.receive()?.ok_or("the server closed early")?;
    println!("{} bytes came back: {}...", answer.len(), String::from_utf8_lossy(&answer[..38]));
    link.connection.close();
    link.send()?;
    assert!(link.receive()?.is_none(), "the server closes, too");
    println!("the client sent {} frames", link.queues.frames);
    echo.join().map_err(|_| "the server panicked")?
}
