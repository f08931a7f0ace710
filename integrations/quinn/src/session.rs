//! The handshake of a connection, as quinn's trait: a reader of the events of
//! [`handclasp::quic::Connection`].

use std::any::Any;
use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use handclasp::crypto::{CryptoError, CryptoProvider};
use handclasp::diagnosis::Fault;
use handclasp::handshake::{EarlyData, Side};
use handclasp::quic::{
    Connection, Event, InitialKeys, KeyUpdate, LevelKeys, PacketKey, error_code, is_authentic_retry,
};
use handclasp::{Error, ErrorKind, Level};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectionId, TransportError, TransportErrorCode, crypto};

use crate::QuestionHandler;
use crate::packet_keys::{Failure, QuinnKeys, QuinnPacketKey, SharedKeys, initial, pair};
use crate::question_handler::answer_all;

/// A CRYPTO_ERROR is this and the alert (RFC 9001, section 4.8).
const CRYPTO_ERROR: u64 = 0x0100;

/// The side, as quinn calls it.
fn side_of(connection: &Connection) -> quinn_proto::Side {
    match connection.side() {
        Side::Client => quinn_proto::Side::Client,
        Side::Server => quinn_proto::Side::Server,
    }
}

pub(crate) struct Session {
    connection: Connection,
    provider: CryptoProvider,
    question_handler: Option<Arc<dyn QuestionHandler>>,
    has_reported_handshake_data: bool,
    /// The keys of this connection remember a failure here.
    failure: Failure,
    /// The level of the bytes that quinn passes on. It changes in
    /// [`write_handshake`](crypto::Session::write_handshake), which quinn calls after each packet: until
    /// then, all bytes are of the packet that the level changed in.
    level: Level,
    /// The keys of 0-RTT packets, on both sides, until they are discarded.
    early_keys: Option<SharedKeys>,
    /// Keys of one direction, until those of the other one are there.
    read: Option<LevelKeys>,
    write: Option<LevelKeys>,
    /// Of 1-RTT packets.
    phases: Option<KeyPhases>,
}

impl Session {
    pub(crate) fn new(
        connection: Connection,
        provider: CryptoProvider,
        question_handler: Option<Arc<dyn QuestionHandler>>,
    ) -> Self {
        Self {
            level: connection.read_level(),
            connection,
            provider,
            question_handler,
            has_reported_handshake_data: false,
            failure: Failure::default(),
            early_keys: None,
            read: None,
            write: None,
            phases: None,
        }
    }

    /// Answers the questions before a client's ClientHello. It has a ClientHello to send then.
    ///
    /// # Errors
    /// When there is no ClientHello. quinn must not start such a connection: nothing is sent, so no packet
    /// comes, and quinn starts no timer.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        self.connection.check()?;
        answer_all(&mut self.connection, self.question_handler.as_deref())
    }

    /// Keys of a level, in one direction, are available. Returns those that quinn gets now.
    fn on_keys(&mut self, is_write: bool, keys: LevelKeys) -> Option<crypto::Keys> {
        if keys.level == Level::EarlyData {
            let early_keys = SharedKeys::default();
            early_keys.set(keys.keys);
            self.early_keys = Some(early_keys);
            return None;
        }
        if let Some(phases) = &mut self.phases {
            // A server's keys of 1-RTT packets that it receives.
            phases.set_remote(keys, &self.failure);
            return None;
        }
        let is_server = self.connection.side() == Side::Server;
        if is_write && is_server && keys.level == Level::Application {
            let local = QuinnKeys::new(keys.keys, &self.failure);
            let first = SharedKeys::default();
            let keys_of_first = first.share(&self.failure);
            let remote = Remote::Later { first, next: Vec::new() };
            self.phases = Some(KeyPhases { local: keys.update, remote });
            return Some(pair(local, keys_of_first));
        }
        let (same_direction, other_direction) = if is_write {
            (&mut self.write, &mut self.read)
        } else {
            (&mut self.read, &mut self.write)
        };
        let Some(other) = other_direction.take() else {
            *same_direction = Some(keys);
            return None;
        };
        let (write, read) = if is_write { (keys, other) } else { (other, keys) };
        if write.level == Level::Application {
            self.phases =
                Some(KeyPhases { local: write.update, remote: Remote::Known(read.update) });
        }
        let local = QuinnKeys::new(write.keys, &self.failure);
        Some(pair(local, QuinnKeys::new(read.keys, &self.failure)))
    }
}

/// The key updates of 1-RTT packets in both directions.
struct KeyPhases {
    local: Option<KeyUpdate>,
    remote: Remote,
}

/// The key updates of the packets that are received.
enum Remote {
    Known(Option<KeyUpdate>),
    /// On a server before the client's Finished: the places of the keys of the first phase, and of those
    /// phases after it that quinn has already.
    Later {
        first: SharedKeys,
        next: Vec<Arc<OnceLock<PacketKey>>>,
    },
}

impl KeyPhases {
    /// The client's Finished came.
    fn set_remote(&mut self, read: LevelKeys, failure: &Failure) {
        let LevelKeys { keys, mut update, .. } = read;
        if let Remote::Later { first, next } = &self.remote {
            first.set(keys);
            for place in next {
                match update.as_mut().map(KeyUpdate::next) {
                    Some(Ok(key)) => _ = place.set(key),
                    Some(Err(CryptoError)) | None => failure.remember(),
                }
            }
            self.remote = Remote::Known(update);
        }
    }

    fn next(&mut self, failure: &Failure) -> crypto::KeyPair<Box<dyn crypto::PacketKey>> {
        let local = next_key(self.local.as_mut(), failure);
        let remote = match &mut self.remote {
            Remote::Known(update) => next_key(update.as_mut(), failure),
            Remote::Later { next, .. } => {
                let place = Arc::default();
                let key = QuinnPacketKey::at(&place, failure);
                next.push(place);
                key
            }
        };
        crypto::KeyPair { local: Box::new(local), remote: Box::new(remote) }
    }
}

/// The key of the next phase. If the provider fails, there is none: quinn panics without an answer.
fn next_key(update: Option<&mut KeyUpdate>, failure: &Failure) -> QuinnPacketKey {
    match update.map(KeyUpdate::next) {
        Some(Ok(key)) => QuinnPacketKey::new(key, failure),
        Some(Err(CryptoError)) | None => {
            failure.remember();
            QuinnPacketKey::at(&Arc::default(), failure)
        }
    }
}

impl crypto::Session for Session {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: quinn_proto::Side) -> crypto::Keys {
        let side = match side {
            quinn_proto::Side::Client => Side::Client,
            quinn_proto::Side::Server => Side::Server,
        };
        let version = self.connection.version();
        initial(InitialKeys::new(&self.provider, version, dst_cid, side), &self.failure)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        if !self.has_reported_handshake_data {
            return None;
        }
        Some(Box::new(self.connection.parameters().clone()))
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        let certificates = self.connection.parameters().certificates.as_ref()?;
        Some(Box::new(certificates.to_vec()))
    }

    fn early_crypto(&self) -> Option<(Box<dyn crypto::HeaderKey>, Box<dyn crypto::PacketKey>)> {
        let QuinnKeys { header, packet } = self.early_keys.as_ref()?.share(&self.failure);
        Some((Box::new(header), Box::new(packet)))
    }

    fn early_data_accepted(&self) -> Option<bool> {
        match self.connection.side() {
            Side::Client => Some(self.connection.parameters().early_data == EarlyData::Accepted),
            Side::Server => None,
        }
    }

    fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        if self.failure.has_happened() {
            return Err(transport_error(ErrorKind::Crypto(CryptoError).into()));
        }
        self.connection.receive_next(self.level, buf).map_err(transport_error)?;
        answer_all(&mut self.connection, self.question_handler.as_deref())
            .map_err(transport_error)?;
        // In QUIC there is always an application protocol.
        let is_known = self.connection.parameters().application_protocol.is_some();
        let is_news = is_known && !self.has_reported_handshake_data;
        self.has_reported_handshake_data |= is_known;
        Ok(is_news)
    }

    /// A client that sends 0-RTT data has those that it remembers, until the server's came.
    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let own = self.connection.parameters().transport_parameters.as_deref();
        let Some(bytes) = own.or_else(|| self.connection.remembered_transport_parameters()) else {
            return Ok(None);
        };
        Ok(Some(TransportParameters::read(side_of(&self.connection), &mut Cursor::new(bytes))?))
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<crypto::Keys> {
        self.level = self.connection.read_level();
        while let Some(event) = self.connection.next_event() {
            let keys = match event {
                Event::CryptoData { data, .. } => {
                    buf.extend_from_slice(&data);
                    None
                }
                Event::ReadKeys(keys) => self.on_keys(false, keys),
                Event::WriteKeys(keys) => self.on_keys(true, keys),
                // A client discards its keys by the first event, and a server by the second one (RFC 9001,
                // section 4.9.3). quinn has keys of its own for 0-RTT packets that come late.
                Event::DiscardKeys(Level::EarlyData) | Event::HandshakeComplete => {
                    self.early_keys = None;
                    None
                }
                // quinn discards the other keys and confirms the handshake itself.
                _ => None,
            };
            if keys.is_some() {
                return keys;
            }
        }
        None
    }

    fn next_1rtt_keys(&mut self) -> Option<crypto::KeyPair<Box<dyn crypto::PacketKey>>> {
        Some(self.phases.as_mut()?.next(&self.failure))
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        let packet = [header, payload].concat();
        is_authentic_retry(&self.provider, self.connection.version(), orig_dst_cid, &packet)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), crypto::ExportKeyingMaterialError> {
        let label = str::from_utf8(label).map_err(|_| crypto::ExportKeyingMaterialError)?;
        self.connection
            .export_keying_material(label, context, output)
            .map_err(|_| crypto::ExportKeyingMaterialError)
    }
}

/// The error of quinn, with the code for the peer (RFC 9001, section 4.8). An error without a code, such as
/// a misuse, is one of this side.
fn transport_error(error: Error) -> TransportError {
    TransportError {
        code: error_code(&error).map_or(TransportErrorCode::INTERNAL_ERROR, transport_error_code),
        frame: None,
        reason: reason(&error),
    }
}

/// What happened. quinn also sends it to the peer, so it has nothing else of the diagnosis, which names settings of
/// this side. What has failed within this side is a code, as its text may name files, addresses or programs.
fn reason(error: &Error) -> String {
    let diagnosis = error.diagnosis();
    match diagnosis.fault {
        Fault::ThisSide => diagnosis.code.to_owned(),
        _ => diagnosis.happened,
    }
}

/// The code with this number.
fn transport_error_code(number: u64) -> TransportErrorCode {
    if number == u64::from(TransportErrorCode::PROTOCOL_VIOLATION) {
        return TransportErrorCode::PROTOCOL_VIOLATION;
    }
    if number == u64::from(TransportErrorCode::CRYPTO_BUFFER_EXCEEDED) {
        return TransportErrorCode::CRYPTO_BUFFER_EXCEEDED;
    }
    match number.checked_sub(CRYPTO_ERROR).map(u8::try_from) {
        Some(Ok(alert)) => TransportErrorCode::crypto(alert),
        _ => TransportErrorCode::INTERNAL_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_code_and_one_of_this_side_does_not_blame_the_peer() {
        let code = |kind: ErrorKind| u64::from(transport_error(kind.into()).code);
        assert_eq!(
            code(ErrorKind::UnsupportedVersion { reason: String::new(), theirs: Vec::new() }),
            0x0100 + 70
        );
        assert_eq!(code(ErrorKind::QuicProtocolViolation("")), 0x0a);
        assert_eq!(code(ErrorKind::CryptoBufferExceeded { limit: 1 }), 0x0d);
        assert_eq!(code(ErrorKind::Misuse("")), 0x01);
    }
}
