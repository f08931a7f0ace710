//! Connections as a capture of network traffic in the form pcap, with their key log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use handclasp::connection::Options;
use handclasp::crypto::CryptoProvider;
use handclasp::key_log::KeyLogFile;
use handclasp::registry::CipherSuiteId;
use handclasp::{ClientConfig, ClientConnection, Connection, ServerConnection};

use crate::sessions::{Pair, append_outgoing, take, time};
use crate::{Identity, server_name};

const CLIENT: [u8; 4] = [192, 0, 2, 1];
const SERVER: [u8; 4] = [198, 51, 100, 2];

/// Packets that begin with the header of IP (LINKTYPE_RAW).
const RAW: u32 = 101;

/// A capture and the key log of its connections.
pub struct Captured {
    pub pcap: Vec<u8>,
    pub key_log: Vec<u8>,
}

impl Captured {
    /// With three connections under this suite: a full handshake, one that is resumed, and one whose client
    /// does not trust the server.
    pub fn new(suite: CipherSuiteId) -> Self {
        let mut provider = CryptoProvider::default();
        provider.cipher_suites.retain(|it| it.id == suite);
        let pair = Pair::new();
        let client = || pair.client_with(provider.clone());
        let stranger = ClientConfig::builder(provider.clone());
        let stranger = stranger.trust(Identity::p256().anchors()).unwrap();
        let log = Lines::default();
        let mut pcap = header();
        for (index, client) in [client(), client(), stranger].into_iter().enumerate() {
            let key_log = Arc::new(KeyLogFile::new(log.clone()));
            let config = Arc::new(client.key_log(key_log).build().unwrap());
            let options = Options::new(time(0));
            let mut client =
                ClientConnection::with_options(config, server_name(), options).unwrap();
            let config = pair.finish(pair.server_builder());
            let mut server = ServerConnection::with_options(config, Options::new(time(0))).unwrap();
            let mut packets = Packets { port: 40_000 + index as u16, pcap, sequences: [1, 1] };
            packets.exchange(&mut client, &mut server);
            if client.check().is_ok() {
                client.write(b"a question").unwrap();
                server.write(b"an answer").unwrap();
                packets.exchange(&mut client, &mut server);
                client.close();
                server.close();
                packets.exchange(&mut client, &mut server);
            }
            pcap = packets.pcap;
        }
        let key_log = log.0.lock().unwrap().clone();
        Self { pcap, key_log }
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn header() -> Vec<u8> {
    let mut pcap = Vec::new();
    pcap.extend(0xa1b2_c3d4_u32.to_le_bytes());
    pcap.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    pcap.extend(0x4_0000_u32.to_le_bytes());
    pcap.extend(RAW.to_le_bytes());
    pcap
}

/// The packets of a connection, which are appended to a capture.
struct Packets {
    port: u16,
    pcap: Vec<u8>,
    sequences: [u32; 2],
}

impl Packets {
    /// Moves bytes until neither side has any, a packet for each flight. Errors end what a side reads.
    fn exchange(&mut self, client: &mut Connection, server: &mut Connection) {
        loop {
            let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
            append_outgoing(client, &mut to_server);
            self.add(true, &to_server);
            let _ = take(server, &mut to_server, &mut Vec::new(), &mut Vec::new());
            append_outgoing(server, &mut to_client);
            self.add(false, &to_client);
            let _ = take(client, &mut to_client, &mut Vec::new(), &mut Vec::new());
            if client.outgoing().is_empty() {
                return;
            }
        }
    }

    fn add(&mut self, from_client: bool, data: &[u8]) {
        let (client, server) = ((CLIENT, self.port), (SERVER, 443));
        let (from, to) = if from_client { (client, server) } else { (server, client) };
        for data in data.chunks(1400) {
            let length = 40 + data.len();
            let sequence = &mut self.sequences[usize::from(from_client)];
            let packets = self.pcap.len() as u32;
            self.pcap.extend(1_800_000_000_u32.to_le_bytes());
            // In microseconds: later packets are later.
            self.pcap.extend((packets / 10).to_le_bytes());
            self.pcap.extend((length as u32).to_le_bytes());
            self.pcap.extend((length as u32).to_le_bytes());
            // IPv4, with TCP in it: 64 hops, and no checksum.
            self.pcap.extend([0x45, 0]);
            self.pcap.extend((length as u16).to_be_bytes());
            self.pcap.extend([0, 0, 0, 0, 64, 6, 0, 0]);
            self.pcap.extend([from.0, to.0].concat());
            self.pcap.extend(from.1.to_be_bytes());
            self.pcap.extend(to.1.to_be_bytes());
            self.pcap.extend(sequence.to_be_bytes());
            // ACK and PSH, in a header of 20 bytes.
            self.pcap.extend([0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
            self.pcap.extend(data);
            *sequence += data.len() as u32;
        }
    }
}
