//! Two ends of a connection of QUIC, whose CRYPTO data are carried by the test.

use std::sync::Arc;

use handclasp::config::{ClientConfigBuilder, ServerConfigBuilder};
use handclasp::connection::Options;
use handclasp::crypto::CryptoProvider;
use handclasp::quic::{Connection, DirectionalKeys, Event, LevelKeys, Version};
use handclasp::{ClientConfig, Error, Level, ServerConfig};
use handclasp_testing::sessions::{Pair, time};
use handclasp_testing::{Identity, server_name};

pub const CLIENT_PARAMETERS: &[u8] = b"\x01\x04\x80\x00\x75\x30";
pub const SERVER_PARAMETERS: &[u8] = b"\x04\x04\x80\x10\x00\x00";

pub fn client_builder(identity: &Identity) -> ClientConfigBuilder {
    let builder = ClientConfig::builder(CryptoProvider::default());
    builder.application_protocols(["h3"]).trust(identity.anchors()).unwrap()
}

pub fn server_builder() -> ServerConfigBuilder {
    ServerConfig::builder(CryptoProvider::default()).application_protocols(["h3"])
}

/// One end, and all that it has reported.
pub struct End {
    pub connection: Connection,
    /// The events but for CRYPTO data, in words.
    pub events: Vec<String>,
    pub read: Vec<LevelKeys>,
    pub write: Vec<LevelKeys>,
    /// How many bytes were sent, of Initial, Handshake and 1-RTT packets.
    sent: [u64; 3],
}

/// A part of the CRYPTO data.
pub struct Frame {
    pub level: Level,
    pub offset: u64,
    pub data: Vec<u8>,
}

impl End {
    pub fn new(connection: Connection) -> Self {
        let (events, read, write) = (Vec::new(), Vec::new(), Vec::new());
        Self { connection, events, read, write, sent: [0; 3] }
    }

    pub fn client(config: &Arc<ClientConfig>, at: u64) -> Self {
        Self::client_of_version(config, Version::V1, at)
    }

    pub fn client_of_version(config: &Arc<ClientConfig>, version: Version, at: u64) -> Self {
        let (config, options) = (config.clone(), Options::new(time(at)));
        let parameters = CLIENT_PARAMETERS.to_vec();
        let client = Connection::client(config, version, server_name(), parameters, options);
        Self::new(client.unwrap())
    }

    pub fn server(config: &Arc<ServerConfig>, at: u64) -> Self {
        Self::server_of_version(config, Version::V1, at)
    }

    pub fn server_of_version(config: &Arc<ServerConfig>, version: Version, at: u64) -> Self {
        let (config, options) = (config.clone(), Options::new(time(at)));
        let server = Connection::server(config, version, SERVER_PARAMETERS.to_vec(), options);
        Self::new(server.unwrap())
    }

    /// What this end sends next.
    pub fn frames(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(event) = self.connection.next_event() {
            match event {
                Event::CryptoData { level, data } => {
                    let sent = &mut self.sent[index(level)];
                    frames.push(Frame { level, offset: *sent, data: data.clone() });
                    *sent += data.len() as u64;
                    continue;
                }
                ref other => self.events.push(format!("{other:?}")),
            }
            match event {
                Event::ReadKeys(keys) => self.read.push(keys),
                Event::WriteKeys(keys) => self.write.push(keys),
                _ => {}
            }
        }
        frames
    }

    pub fn receive(&mut self, frame: &Frame) -> Result<(), Error> {
        self.connection.receive(frame.level, frame.offset, &frame.data)
    }

    pub fn has_read_keys(&self, level: Level) -> bool {
        self.read.iter().any(|keys| keys.level == level)
    }

    pub fn has_write_keys(&self, level: Level) -> bool {
        self.write.iter().any(|keys| keys.level == level)
    }
}

fn index(level: Level) -> usize {
    match level {
        Level::Initial => 0,
        Level::Handshake => 1,
        Level::Application => 2,
        Level::EarlyData => panic!("no message is sent with 0-RTT data"),
    }
}

/// Carries all data to the other end, until there are none.
pub fn run(client: &mut End, server: &mut End) -> Result<(), Error> {
    loop {
        let sent = pass(client, server)?;
        let answered = pass(server, client)?;
        if !sent && !answered {
            return Ok(());
        }
    }
}

/// Carries the data that one end sends now.
pub fn pass(from: &mut End, to: &mut End) -> Result<bool, Error> {
    let frames = from.frames();
    for frame in &frames {
        to.receive(frame)?;
    }
    Ok(!frames.is_empty())
}

/// A client and a server after their handshake.
pub fn connected(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, at: u64) -> [End; 2] {
    let (mut client, mut server) = (End::client(client, at), End::server(server, at));
    run(&mut client, &mut server).unwrap();
    assert!(!client.connection.is_handshaking() && !server.connection.is_handshaking());
    [client, server]
}

/// Without sessions.
pub fn configs(identity: &Identity) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let key = Arc::new(identity.certified_key());
    let list = handclasp::credential::CertificateList::new(vec![key]);
    let server = server_builder().build(Arc::new(list)).unwrap();
    (Arc::new(client_builder(identity).build().unwrap()), Arc::new(server))
}

/// With sessions, and 0-RTT data where the server accepts them.
pub fn client_with_sessions(pair: &Pair) -> Arc<ClientConfig> {
    Arc::new(pair.client_builder().application_protocols(["h3"]).build().unwrap())
}

pub fn server_with_early_data(pair: &Pair) -> Arc<ServerConfig> {
    pair.finish(pair.early_server(1000).application_protocols(["h3"]))
}

/// Can the receiver open what the sender protects?
#[track_caller]
pub fn assert_keys_match(sender: &DirectionalKeys, receiver: &DirectionalKeys) {
    let header = *b"\x43\x00\x00\x00\x07";
    let mut packet = [&header[..], b"twenty bytes or more of payload"].concat();
    let (head, payload) = packet.split_at_mut(header.len());
    let tag = sender.packet.encrypt_in_place(7, head, payload).unwrap();
    packet.extend_from_slice(&tag);
    sender.header.protect(1, &mut packet).unwrap();
    assert_ne!(packet[..5], header);
    assert_eq!(receiver.header.unprotect(1, &mut packet).unwrap(), 4);
    let (head, payload) = packet.split_at_mut(header.len());
    let opened = receiver.packet.decrypt_in_place(7, head, payload).unwrap();
    assert_eq!(opened, b"twenty bytes or more of payload");
}

#[track_caller]
pub fn assert_all_keys_match(sender: &End, receiver: &End) {
    assert_eq!(sender.write.len(), receiver.read.len());
    for (written, read) in sender.write.iter().zip(&receiver.read) {
        assert_eq!(written.level, read.level);
        assert_keys_match(&written.keys, &read.keys);
    }
}
