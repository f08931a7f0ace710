//! Decodes a connection of QUIC (RFC 9000 and RFC 9001, and version 2, RFC 9369): the handshake messages in its
//! CRYPTO frames. The keys of Initial packets follow from a connection ID; a key log has the others.

mod keys;
mod packet;

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::handshake;
use handclasp::quic::{InitialKeys, Version};
use handclasp::registry::HandshakeType;
use handclasp::wire::{ClientHello, HandshakeMessage, ServerHello};

use super::KeyLogSecrets;
use crate::account::{Connection, MessageLevel, Problem, ProblemKind, Side, Source};
use crate::builder::{Builder, Options};
use crate::capture::stream::{Data, Piece, Stream};
use crate::code::code;
use crate::limits::MAX_MESSAGE_BYTES;
use keys::{Keys, Opened};
use packet::{Frame, Kind, Packet, frames, split};

/// The errors of a CONNECTION_CLOSE that are alerts of TLS (RFC 9001, section 4.8).
const FIRST_ALERT: u64 = 0x100;

/// The levels of CRYPTO frames.
const LEVELS: usize = 4;

/// What one side sends.
#[derive(Default)]
struct Direction {
    keys: Keys,
    /// The CRYPTO data of each level, by their offsets.
    crypto: [Stream; LEVELS],
    partial_messages: [Vec<u8>; LEVELS],
    /// The length of the connection ID that the peer writes into its packets.
    id_length: usize,
}

/// The decoder of one connection.
pub(crate) struct QuicDecoder {
    builder: Builder,
    secrets: Arc<KeyLogSecrets>,
    version: Version,
    /// The connection ID that the client chose for itself.
    client_id: Vec<u8>,
    directions: [Direction; 2],
    /// A Retry came: the next Initial packet of the client has other keys.
    is_retried: bool,
    random: Option<[u8; 32]>,
}

impl QuicDecoder {
    /// The decoder of the connection that this datagram begins; `None` if it does not begin one.
    pub(crate) fn begin(
        datagram: &[u8],
        options: &Options,
        secrets: &Arc<KeyLogSecrets>,
    ) -> Option<Self> {
        let (packet, _) = split(datagram, 0)?;
        let version = packet.version?;
        if packet.kind != Kind::Initial {
            return None;
        }
        let mut decoder = Self {
            builder: Builder::new(Source::Recorded, None, options.clone()),
            secrets: secrets.clone(),
            version,
            client_id: packet.source.to_vec(),
            directions: Default::default(),
            is_retried: false,
            random: None,
        };
        for direction in &mut decoder.directions {
            for stream in &mut direction.crypto {
                // The first byte has the number 0.
                stream.begin(u32::MAX);
            }
        }
        decoder.derive_initial_keys(packet.destination)?;
        // Only a client's first packet is authentic under these keys.
        decoder.directions[Side::Client as usize].keys.open(&packet)?;
        decoder.derive_initial_keys(packet.destination)?;
        Some(decoder)
    }

    /// Whether this datagram of the client may begin another connection than this one.
    pub(crate) fn is_begun_by_another(&self, datagram: &[u8]) -> bool {
        let Some((packet, _)) = split(datagram, 0) else { return false };
        packet.kind == Kind::Initial && packet.source != self.client_id
    }

    fn derive_initial_keys(&mut self, destination: &[u8]) -> Option<()> {
        let provider = &self.builder.options().provider;
        let side = handshake::Side::Client;
        let keys = InitialKeys::new(provider, self.version, destination, side).ok()?;
        self.directions[Side::Client as usize].keys.set_initial(keys.local);
        self.directions[Side::Server as usize].keys.set_initial(keys.remote);
        Some(())
    }

    /// The account so far, for its addresses and its number.
    pub(crate) fn connection_mut(&mut self) -> &mut Connection {
        self.builder.so_far_mut()
    }

    /// About how many bytes of memory the decoder has.
    pub(crate) fn memory(&self) -> usize {
        let mut waiting = 0;
        for direction in &self.directions {
            waiting += direction.crypto.iter().map(Stream::memory).sum::<usize>();
            waiting += direction.partial_messages.iter().map(Vec::capacity).sum::<usize>();
        }
        self.builder.memory() + waiting
    }

    /// The connection is not decoded to its end, because of this limit.
    pub(crate) fn end_at_limit(&mut self, limit: &'static str) {
        self.builder.limit_reached(Side::Client, 0, limit);
    }

    /// The account of the connection.
    pub(crate) fn finish(mut self) -> Connection {
        for side in [Side::Client, Side::Server] {
            for partial in &self.directions[side as usize].partial_messages {
                let Some((_, length)) = HandshakeMessage::header(partial) else { continue };
                let (present, length) = (partial.len() as u64, 4 + length as u64);
                let kind = ProblemKind::CutMessage { present, length };
                self.builder.problem(Problem::new(side, 0, kind));
            }
        }
        self.builder.finish()
    }

    /// Decodes the packets of a datagram of this side.
    pub(crate) fn datagram(&mut self, sender: Side, time_ns: Option<u64>, datagram: &[u8]) {
        let mut rest = datagram;
        let id_length = self.directions[sender.peer() as usize].id_length;
        while let Some((packet, after)) = split(rest, id_length) {
            rest = after;
            self.packet(sender, time_ns, &packet);
        }
    }

    fn packet(&mut self, sender: Side, time_ns: Option<u64>, packet: &Packet<'_>) {
        let sizes = self.builder.so_far_mut().sizes.of_mut(sender);
        sizes.records += 1;
        sizes.bytes += packet.bytes.len() as u64;
        if packet.kind == Kind::Retry && sender == Side::Server {
            self.is_retried = true;
            return;
        }
        if packet.version.is_some() {
            self.directions[sender as usize].id_length = packet.source.len();
        }
        if packet.kind == Kind::Initial && self.is_retried && sender == Side::Client {
            self.is_retried = false;
            // Nothing is lost if there are no keys: the old ones do not open it.
            let _ = self.derive_initial_keys(packet.destination);
        }
        let Some(opened) = self.directions[sender as usize].keys.open(packet) else {
            self.builder.closed_packet(sender);
            return;
        };
        self.frames(sender, time_ns, &opened);
    }

    fn frames(&mut self, sender: Side, time_ns: Option<u64>, opened: &Opened) {
        let level = opened.level;
        for frame in frames(&opened.payload) {
            match frame {
                Frame::Crypto { offset, data } => {
                    let Ok(sequence) = u32::try_from(offset) else { continue };
                    let data = Data { sequence, data, fin: false, time_ns };
                    let direction = &mut self.directions[sender as usize];
                    let partial = &mut direction.partial_messages[level as usize];
                    direction.crypto[level as usize].add(data, |piece| match piece {
                        Piece::Bytes(_, bytes) => partial.extend_from_slice(bytes),
                        // What came before the gap is given up.
                        Piece::Missing(_) => partial.clear(),
                    });
                    self.messages(sender, level, time_ns);
                }
                Frame::Close { error } => {
                    let alert = error.checked_sub(FIRST_ALERT).and_then(|it| u8::try_from(it).ok());
                    if let Some(alert) = alert {
                        let description = code(AlertDescription(alert));
                        self.builder.alert(sender, description, time_ns, None);
                    }
                }
            }
        }
    }

    /// Takes the messages that are whole.
    fn messages(&mut self, sender: Side, level: MessageLevel, time_ns: Option<u64>) {
        // The bytes stay where they are until a message is whole: there may be many frames.
        let place = &mut self.directions[sender as usize].partial_messages[level as usize];
        let mut bytes = core::mem::take(place);
        let mut rest = bytes.as_slice();
        while let Some((message, after)) = HandshakeMessage::split(rest) {
            rest = after;
            self.builder.message(sender, level, time_ns, &message);
            self.on_message(level, &message);
        }
        let taken = bytes.len() - rest.len();
        if taken > 0 {
            bytes.drain(..taken);
        }
        if bytes.len() > MAX_MESSAGE_BYTES {
            self.builder.limit_reached(sender, 0, "MAX_MESSAGE_BYTES");
            bytes = Vec::new();
        }
        self.directions[sender as usize].partial_messages[level as usize] = bytes;
    }

    fn on_message(&mut self, level: MessageLevel, message: &HandshakeMessage<'_>) {
        if level != MessageLevel::Initial {
            return;
        }
        match message.kind {
            HandshakeType::CLIENT_HELLO => {
                if let Ok(hello) = ClientHello::parse(message.body) {
                    self.random.get_or_insert(hello.random);
                }
            }
            HandshakeType::SERVER_HELLO => {
                if let Ok(hello) = ServerHello::parse(message.body) {
                    if !hello.is_hello_retry_request() {
                        self.take_secrets(&hello);
                    }
                }
            }
            _ => {}
        }
    }

    fn take_secrets(&mut self, hello: &ServerHello<'_>) {
        let secrets = self.random.as_ref().and_then(|random| self.secrets.of(random));
        let suite = self.builder.options().provider.cipher_suite(hello.cipher_suite).cloned();
        let (Some(secrets), Some(suite)) = (secrets, suite) else { return };
        for side in [Side::Client, Side::Server] {
            let keys = &mut self.directions[side as usize].keys;
            keys.set_secrets(side, self.version, &suite, &secrets);
        }
    }
}

#[cfg(test)]
mod tests;
