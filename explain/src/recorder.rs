//! Records a connection as it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use handclasp::observer::{ObservedRecord, Offered};
use handclasp::record::HEADER_LENGTH;
use handclasp::registry::ContentType;
use handclasp::{Event, Observer};

use crate::account::{
    Account, Connection, MessageLevel, Record, RecordState, Side, Source, StepKind,
};
use crate::builder::{Builder, Options};
use crate::code::code;

/// The bytes that protection adds to a record beside the padding: the type and the tag.
const PROTECTION: usize = 1 + handclasp::crypto::TAG_LENGTH;

/// An observer that records one connection. Its clones record the same one: give one of them to the
/// connection, and ask the other.
///
/// ```
/// use handclasp::connection::Options;
/// use handclasp::crypto::CryptoProvider;
/// use handclasp_explain::{self as explain, Recorder, Side};
///
/// let recorder = Recorder::new(Side::Client, explain::Options::new(CryptoProvider::default()));
/// let mut options = Options::default();
/// options.observer = Some(Box::new(recorder.clone()));
/// // ClientConnection::with_options(config, name, options), and the handshake; then:
/// let account = recorder.account();
/// # assert_eq!(account.connections.len(), 1);
/// ```
#[derive(Clone)]
pub struct Recorder {
    state: Arc<Mutex<State>>,
    secrets: bool,
}

struct State {
    side: Side,
    started: Instant,
    builder: Builder,
    /// What each side has sent so far, in bytes.
    offsets: [u64; 2],
}

impl Recorder {
    /// A recorder for the connection of this side. Its time begins now.
    pub fn new(side: Side, options: Options) -> Self {
        let secrets = options.secrets;
        let mut builder = Builder::new(Source::Live, Some(side), options);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        builder.so_far_mut().started_unix_ns = u64::try_from(now.as_nanos()).ok();
        let state = State { side, started: Instant::now(), builder, offsets: [0; 2] };
        Self { state: Arc::new(Mutex::new(state)), secrets }
    }

    /// Says the addresses of both ends.
    pub fn set_addresses(&self, client: Option<String>, server: Option<String>) {
        let mut state = self.lock();
        let connection = state.builder.so_far_mut();
        (connection.client, connection.server) = (client, server);
    }

    /// The account of the connection so far.
    pub fn connection(&self) -> Connection {
        self.lock().builder.connection()
    }

    /// An account of this connection alone.
    pub fn account(&self) -> Account {
        Account::new(vec![self.connection()])
    }

    /// Shows what is recorded so far, without a copy. `choices`, `key_schedule` and `outcome` are
    /// those of the last account that was made.
    pub fn inspect<T>(&self, look: impl FnOnce(&Connection) -> T) -> T {
        look(self.lock().builder.so_far())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn event(&mut self, event: &Event<'_>) {
        self.lock().event(event);
    }

    fn wants_secrets(&self) -> bool {
        self.secrets
    }
}

impl State {
    fn event(&mut self, event: &Event<'_>) {
        let time_ns = u64::try_from(self.started.elapsed().as_nanos()).ok();
        let (own, peer) = (self.side, self.side.peer());
        let builder = &mut self.builder;
        let kind = match event {
            Event::MessageSent(level, message) => {
                builder.message(own, MessageLevel::from(*level), time_ns, message);
                return;
            }
            Event::MessageReceived(level, message) => {
                builder.message(peer, MessageLevel::from(*level), time_ns, message);
                return;
            }
            Event::RecordSent(record) => return self.record(own, record, time_ns),
            Event::RecordReceived(record) => return self.record(peer, record, time_ns),
            Event::RecordSkipped(length) => return self.skipped(peer, *length, time_ns),
            Event::AlertSent(alert) => return self.alert(own, code(*alert), time_ns),
            Event::AlertReceived(alert) => return self.alert(peer, code(*alert), time_ns),
            Event::KeySchedule(step) => {
                return builder.key_schedule_step(step, time_ns);
            }
            Event::CipherSuiteChosen(suite) => StepKind::CipherSuiteChosen { suite: code(*suite) },
            Event::KeysExchanged(group) => StepKind::KeysExchanged { group: code(*group) },
            Event::PeerVerified => StepKind::PeerVerified,
            Event::SignatureVerified(scheme) => {
                StepKind::SignatureVerified { scheme: code(*scheme) }
            }
            Event::FinishedVerified => StepKind::FinishedVerified,
            Event::NotTaken(what, reason) => {
                StepKind::NotTaken { what: offered(*what), reason: (*reason).to_owned() }
            }
            Event::Declined(what, reason) => {
                StepKind::Declined { what: offered(*what), reason: (*reason).to_owned() }
            }
            Event::Waiting(question) => StepKind::Waiting { question: (*question).to_owned() },
            Event::HandshakeComplete(_) => StepKind::HandshakeComplete,
            Event::PostHandshakeAuthentication(authenticated) => {
                StepKind::PostHandshakeAuthentication { authenticated: *authenticated }
            }
            _ => return,
        };
        builder.step(time_ns, kind);
    }

    /// A record of 0-RTT data that were not accepted: there is no key for it.
    fn skipped(&mut self, sender: Side, length: usize, time_ns: Option<u64>) {
        let offset = self.offsets[sender as usize];
        self.offsets[sender as usize] += length as u64;
        self.builder.record(Record {
            sender,
            outer_type: code(ContentType::APPLICATION_DATA),
            content_type: None,
            level: Some(MessageLevel::EarlyData),
            length,
            content_length: None,
            padding: None,
            sequence: None,
            offset,
            time_ns,
            state: RecordState::NoKey,
        });
    }

    fn record(&mut self, sender: Side, record: &ObservedRecord, time_ns: Option<u64>) {
        let ObservedRecord { content_type, length, content_length, protected, .. } = *record;
        let offset = self.offsets[sender as usize];
        self.offsets[sender as usize] += length as u64;
        let outer_type = if protected { ContentType::APPLICATION_DATA } else { content_type };
        let padding = length.checked_sub(HEADER_LENGTH + content_length + PROTECTION);
        let state = if protected { RecordState::Decrypted } else { RecordState::Plaintext };
        let index = self.builder.record(Record {
            sender,
            outer_type: code(outer_type),
            content_type: Some(code(content_type)),
            level: self.level(sender, content_type, protected),
            length,
            content_length: Some(content_length),
            padding: if protected { padding } else { None },
            sequence: None,
            offset,
            time_ns,
            state,
        });
        match index {
            Some(index) if content_type == ContentType::HANDSHAKE => {
                self.builder.handshake_content(sender, index, content_length);
            }
            _ => {}
        }
    }

    /// The keys of a record. Those of handshake records are the keys of the messages in them.
    fn level(
        &self,
        sender: Side,
        content_type: ContentType,
        protected: bool,
    ) -> Option<MessageLevel> {
        let complete = self.builder.is_complete();
        match content_type {
            _ if !protected => Some(MessageLevel::Initial),
            ContentType::APPLICATION_DATA if sender == Side::Client && !complete => {
                Some(MessageLevel::EarlyData)
            }
            ContentType::APPLICATION_DATA => Some(MessageLevel::Application),
            ContentType::HANDSHAKE => None,
            _ => complete.then_some(MessageLevel::Application),
        }
    }

    fn alert(&mut self, sender: Side, description: crate::account::Code, time_ns: Option<u64>) {
        let records = &self.builder.so_far().records;
        let is_its_record = |record: &Record| {
            record.sender == sender
                && crate::builder::is_type(record.content_type, ContentType::ALERT)
        };
        let record = records.iter().rposition(is_its_record);
        self.builder.alert(sender, description, time_ns, record);
    }
}

fn offered(what: Offered) -> &'static str {
    match what {
        Offered::Session => "session",
        Offered::PreSharedKeys => "pre_shared_keys",
        Offered::EarlyData => "early_data",
        _ => "other",
    }
}
