//! The runner's stand-in for QUIC: records over TCP, each with its level, its cipher suite and the
//! secret of its keys, so that the runner sees whether both sides have the same ones.

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::handshake::{Answer, EarlyData, PeerParameters, Question, QuestionNumber, Side};
use handclasp::quic::{Connection, Event};
use handclasp::registry::{CipherSuiteId, ContentType};
use handclasp::{Error, ErrorKind, Level};

use crate::carrier::{Came, Carrier};
use crate::seen::Seen;

const HEADER_LENGTH: usize = 8;

/// How the runner numbers the levels.
const LEVELS: [Level; 4] = [Level::Initial, Level::EarlyData, Level::Handshake, Level::Application];

pub struct QuicCarrier {
    connection: Connection,
    seen: Arc<Seen>,
    /// The suite of the session that 0-RTT data are of.
    early_suite: Option<CipherSuiteId>,
    write_level: Level,
    outgoing: Vec<u8>,
    has_failed: bool,
}

impl QuicCarrier {
    pub fn new(
        connection: Connection,
        seen: Arc<Seen>,
        early_suite: Option<CipherSuiteId>,
    ) -> Self {
        let (write_level, outgoing) = (Level::Initial, Vec::new());
        let mut carrier =
            Self { connection, seen, early_suite, write_level, outgoing, has_failed: false };
        carrier.take_events();
        carrier
    }

    /// The cipher suite and the secret of the packets of this level.
    fn protection(&self, level: Level, is_sent: bool) -> (CipherSuiteId, Vec<u8>) {
        let sent_by_client = is_sent == (self.connection.side() == Side::Client);
        let label = match (level, sent_by_client) {
            (Level::Initial, _) => return (CipherSuiteId(0), Vec::new()),
            (Level::EarlyData, _) => "CLIENT_EARLY_TRAFFIC_SECRET",
            (Level::Handshake, true) => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            (Level::Handshake, false) => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            (Level::Application, true) => "CLIENT_TRAFFIC_SECRET_0",
            (Level::Application, false) => "SERVER_TRAFFIC_SECRET_0",
        };
        let agreed = self.connection.parameters().cipher_suite;
        let suite = if level == Level::EarlyData { self.early_suite.or(agreed) } else { agreed };
        (suite.unwrap_or_default(), self.seen.secret(label))
    }

    fn write_record(&mut self, kind: ContentType, level: Level, content: &[u8]) {
        let (suite, secret) = self.protection(level, true);
        let number = LEVELS.iter().position(|it| *it == level).unwrap_or_default();
        let length = u32::try_from(secret.len() + content.len()).unwrap_or_default();
        self.outgoing.push(kind.0);
        self.outgoing.push(u8::try_from(number).unwrap_or_default());
        self.outgoing.extend_from_slice(&suite.0.to_be_bytes());
        self.outgoing.extend_from_slice(&length.to_be_bytes());
        self.outgoing.extend_from_slice(&secret);
        self.outgoing.extend_from_slice(content);
    }

    fn take_events(&mut self) {
        while let Some(event) = self.connection.next_event() {
            match event {
                Event::CryptoData { level, data } => {
                    self.write_record(ContentType::HANDSHAKE, level, &data);
                }
                Event::WriteKeys(keys) if keys.level != Level::EarlyData => {
                    self.write_level = keys.level;
                }
                _ => {}
            }
        }
    }

    /// Sends what there is to send, and the alert of an error.
    fn after<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        self.take_events();
        if let Err(error) = &result {
            if let (Some(alert), false) = (error.alert_sent(), self.has_failed) {
                self.has_failed = true;
                self.write_record(ContentType::ALERT, self.write_level, &[2, alert.0]);
            }
        }
        result
    }

    fn receive_record(
        &mut self,
        kind: ContentType,
        level: Level,
        content: &[u8],
    ) -> Result<Came, Error> {
        match kind {
            ContentType::HANDSHAKE => {
                self.connection.receive_next(level, content)?;
                let is_waiting = self.connection.question().is_some();
                Ok(if is_waiting { Came::Waiting } else { Came::Other })
            }
            ContentType::APPLICATION_DATA => Ok(Came::Data(content.to_vec())),
            ContentType::ALERT => {
                let alert = content.last().copied().unwrap_or_default();
                let error = self.connection.peer_closed(0x0100 + u64::from(alert));
                Err(error.unwrap_or_else(|| ErrorKind::Internal("no alert").into()))
            }
            _ => Err(ErrorKind::Internal("a record of another type").into()),
        }
    }
}

impl Carrier for QuicCarrier {
    fn parameters(&self) -> &PeerParameters {
        self.connection.parameters()
    }

    fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    fn question(&self) -> Option<&Question> {
        self.connection.question()
    }

    fn question_number(&self) -> Option<QuestionNumber> {
        self.connection.question_number()
    }

    fn answer(&mut self, number: QuestionNumber, answer: Answer) -> Result<(), Error> {
        let result = self.connection.answer(number, answer);
        self.after(result)
    }

    fn abort(&mut self, alert: AlertDescription, reason: &str) -> Error {
        let error = ErrorKind::Aborted { alert, reason: reason.to_owned() };
        let error = self.connection.fail(error.into());
        let _ = self.after::<()>(Err(error.clone()));
        error
    }

    /// QUIC closes with a frame, which the runner does not look at.
    fn close(&mut self) {}

    fn peer_has_closed(&self) -> bool {
        true
    }

    fn end_of_input(&mut self) -> Result<(), Error> {
        self.connection.check()?;
        match self.is_handshaking() {
            true => Err(ErrorKind::EndedInHandshake.into()),
            false => Ok(()),
        }
    }

    fn update_keys(&mut self) -> Result<(), Error> {
        Err(ErrorKind::Misuse("QUIC has no KeyUpdate").into())
    }

    fn export(&self, label: &str, context: &[u8], key: &mut [u8]) -> Result<(), Error> {
        self.connection.export_keying_material(label, context, key)
    }

    fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.write_record(ContentType::APPLICATION_DATA, Level::Application, data);
        Ok(data.len())
    }

    fn write_early_data(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.write_record(ContentType::APPLICATION_DATA, Level::EarlyData, data);
        Ok(data.len())
    }

    fn outgoing(&self) -> &[u8] {
        &self.outgoing
    }

    fn sent(&mut self, length: usize) {
        self.outgoing.drain(..length);
    }

    fn receive(&mut self, input: &mut [u8]) -> Result<(usize, Came), Error> {
        let Some((header, rest)) = input.split_first_chunk::<HEADER_LENGTH>() else {
            return Ok((0, Came::Incomplete));
        };
        let [kind, level, suite_high, suite_low, length @ ..] = *header;
        let length = u32::from_be_bytes(length) as usize;
        let Some(content) = rest.get(..length) else {
            return Ok((0, Came::Incomplete));
        };
        let taken = HEADER_LENGTH + length;
        let level = LEVELS.get(usize::from(level)).copied().unwrap_or_default();
        let is_early = level == Level::EarlyData;
        if is_early && self.question().is_some() {
            // Its answer decides whether 0-RTT data are accepted.
            return Ok((0, Came::Waiting));
        }
        if is_early && self.parameters().early_data != EarlyData::Accepted {
            return Ok((taken, Came::Other));
        }
        let (suite, secret) = self.protection(level, false);
        const OTHER_KEYS: ErrorKind = ErrorKind::Internal("the runner has other keys");
        if suite.0 != u16::from_be_bytes([suite_high, suite_low]) {
            return Err(OTHER_KEYS.into());
        }
        let content = content.strip_prefix(secret.as_slice()).ok_or(OTHER_KEYS)?.to_vec();
        let result = self.receive_record(ContentType(kind), level, &content);
        let came = self.after(result)?;
        Ok((taken, came))
    }
}
