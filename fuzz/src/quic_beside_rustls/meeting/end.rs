//! An end of either library, with the keys of its packets.

use handclasp::Level;
use handclasp::handshake::EarlyData;
use handclasp::quic::{Connection, Event, KeyUpdate, LevelKeys};
use rustls::HandshakeKind;
use rustls::quic::KeyChange;

use super::packets::Keys;

pub struct End {
    inner: Inner,
    /// Of 0-RTT packets.
    pub early: Option<Keys>,
    pub handshake: Pair,
    pub application: Pair,
    updates: Updates,
    pub error: Option<String>,
}

enum Inner {
    Ours(Connection),
    Theirs(rustls::quic::Connection),
}

/// The keys of both directions.
#[derive(Default)]
pub struct Pair {
    pub local: Option<Keys>,
    pub remote: Option<Keys>,
}

enum Updates {
    Ours { local: Option<KeyUpdate>, remote: Option<KeyUpdate> },
    Theirs(Option<rustls::quic::Secrets>),
}

/// What both must have in common.
#[derive(Debug, PartialEq, Eq)]
pub struct Agreed {
    suite: Option<u16>,
    group: Option<u16>,
    protocol: Option<Vec<u8>>,
    pub resumed: bool,
    pub early_data_accepted: bool,
}

impl End {
    pub fn ours(connection: Connection) -> Self {
        let updates = Updates::Ours { local: None, remote: None };
        Self::new(Inner::Ours(connection), updates)
    }

    pub fn theirs(connection: rustls::quic::Connection) -> Self {
        Self::new(Inner::Theirs(connection), Updates::Theirs(None))
    }

    fn new(inner: Inner, updates: Updates) -> Self {
        let (handshake, application) = (Pair::default(), Pair::default());
        Self { inner, early: None, handshake, application, updates, error: None }
    }

    /// The messages that it sends now, those of each level together.
    pub fn send(&mut self) -> Vec<Vec<u8>> {
        match &mut self.inner {
            Inner::Ours(_) => self.send_ours(),
            Inner::Theirs(_) => self.send_theirs(),
        }
    }

    fn send_ours(&mut self) -> Vec<Vec<u8>> {
        let mut sent: Vec<(Level, Vec<u8>)> = Vec::new();
        while let Some(event) = self.next_event() {
            match event {
                Event::CryptoData { level, data } => match sent.last_mut() {
                    Some((last, bytes)) if *last == level => bytes.extend_from_slice(&data),
                    _ => sent.push((level, data)),
                },
                Event::WriteKeys(keys) => self.set_keys(keys, true),
                Event::ReadKeys(keys) => self.set_keys(keys, false),
                _ => {}
            }
        }
        sent.into_iter().map(|(_, data)| data).collect()
    }

    fn next_event(&mut self) -> Option<Event> {
        match &mut self.inner {
            Inner::Ours(connection) => connection.next_event(),
            Inner::Theirs(_) => None,
        }
    }

    fn set_keys(&mut self, LevelKeys { level, keys, update }: LevelKeys, is_local: bool) {
        let keys = Some(Keys::Ours(keys));
        let pair = match level {
            Level::EarlyData => {
                self.early = keys;
                return;
            }
            Level::Handshake => &mut self.handshake,
            _ => &mut self.application,
        };
        *(if is_local { &mut pair.local } else { &mut pair.remote }) = keys;
        if let (Updates::Ours { local, remote }, Some(update)) = (&mut self.updates, update) {
            *(if is_local { local } else { remote }) = Some(update);
        }
    }

    fn send_theirs(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while let Inner::Theirs(connection) = &mut self.inner {
            if self.early.is_none() {
                self.early = connection.zero_rtt_keys().map(Keys::Theirs);
            }
            let mut data = Vec::new();
            let change = connection.write_hs(&mut data);
            let is_last = data.is_empty() && change.is_none();
            if !data.is_empty() {
                sent.push(data);
            }
            match change {
                Some(KeyChange::Handshake { keys }) => self.handshake = keys.into(),
                Some(KeyChange::OneRtt { keys, next }) => {
                    self.application = keys.into();
                    self.updates = Updates::Theirs(Some(next));
                }
                None if is_last => break,
                None => {}
            }
        }
        sent
    }

    /// Receives the messages until one is refused, and returns the answer.
    pub fn receive(&mut self, levels: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut answer = Vec::new();
        for data in levels {
            if self.error.is_some() {
                break;
            }
            self.error = match &mut self.inner {
                Inner::Ours(connection) => {
                    let received = connection.receive_next(connection.read_level(), &data);
                    received.err().map(|error| error.to_string())
                }
                Inner::Theirs(connection) => {
                    connection.read_hs(&data).err().map(|error| format!("{error:?}"))
                }
            };
            answer.extend(self.send());
        }
        answer
    }

    pub fn is_complete(&self) -> bool {
        self.error.is_none()
            && match &self.inner {
                Inner::Ours(connection) => !connection.is_handshaking(),
                Inner::Theirs(connection) => !connection.is_handshaking(),
            }
    }

    pub fn agreed(&self) -> Agreed {
        match &self.inner {
            Inner::Ours(connection) => {
                let parameters = connection.parameters();
                Agreed {
                    suite: parameters.cipher_suite.map(|suite| suite.0),
                    group: parameters.group.map(|group| group.0),
                    protocol: parameters.application_protocol.clone(),
                    resumed: parameters.pre_shared_key.is_some(),
                    early_data_accepted: parameters.early_data == EarlyData::Accepted,
                }
            }
            Inner::Theirs(connection) => {
                let group = connection.negotiated_key_exchange_group();
                let suite = connection.negotiated_cipher_suite();
                Agreed {
                    suite: suite.map(|suite| suite.suite().into()),
                    group: group.map(|group| group.name().into()),
                    protocol: connection.alpn_protocol().map(<[u8]>::to_vec),
                    resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
                    early_data_accepted: match connection {
                        rustls::quic::Connection::Client(client) => client.is_early_data_accepted(),
                        rustls::quic::Connection::Server(_) => self.early.is_some(),
                    },
                }
            }
        }
    }

    pub fn peer_parameters(&self) -> Option<Vec<u8>> {
        match &self.inner {
            Inner::Ours(connection) => connection.parameters().transport_parameters.clone(),
            Inner::Theirs(connection) => connection.quic_transport_parameters().map(<[u8]>::to_vec),
        }
    }

    pub fn exported(&self) -> [u8; 32] {
        let mut key = [0; 32];
        match &self.inner {
            Inner::Ours(connection) => connection
                .export_keying_material("label", b"context", &mut key)
                .expect("it is complete"),
            Inner::Theirs(connection) => {
                key = connection
                    .export_keying_material(key, b"label", Some(b"context"))
                    .expect("it is complete");
            }
        }
        key
    }

    /// Goes to the next key phase in both directions.
    pub fn update_keys(&mut self) {
        let Pair { local, remote } = &mut self.application;
        let pairs = match &mut self.updates {
            Updates::Ours { local: our_local, remote: our_remote } => {
                for (keys, update) in [(local, our_local), (remote, our_remote)] {
                    let (Some(Keys::Ours(keys)), Some(update)) = (keys, update) else {
                        panic!("it is complete");
                    };
                    keys.packet = update.next().expect("the provider does not fail");
                }
                return;
            }
            Updates::Theirs(secrets) => {
                let next = secrets.as_mut().expect("it is complete").next_packet_keys();
                [(local, next.local), (remote, next.remote)]
            }
        };
        for (keys, next) in pairs {
            let Some(Keys::Theirs(keys)) = keys else { panic!("it is complete") };
            keys.packet = next;
        }
    }
}

impl From<rustls::quic::Keys> for Pair {
    fn from(keys: rustls::quic::Keys) -> Self {
        let (local, remote) = (Keys::Theirs(keys.local), Keys::Theirs(keys.remote));
        Self { local: Some(local), remote: Some(remote) }
    }
}
