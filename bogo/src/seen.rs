//! What happened on a connection, recorded by the observers and resolvers that the library calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handclasp::key_log::KeyLog;
use handclasp::observer::{Event, Observer};
use handclasp::registry::HandshakeType;
use handclasp::wire::{ClientHello, HandshakeMessage, NewSessionTicket, ServerHello};

use crate::flags::Stop;

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Parts>);

/// Its parts.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    failures: Vec<String>,
    error_name: Option<&'static str>,
    credential: Option<i32>,
    early_data_refused: bool,
    /// What the verifier said, if it was asked.
    pub verified: Option<bool>,
    /// The type of the message that came last.
    pub last_message: Option<HandshakeType>,
    /// Of the ClientHello, on a server: the list of application protocols, as it came.
    pub protocols: Option<Vec<u8>>,
    /// The client offered pre-shared keys.
    pub offered_psk: bool,
    /// The client offered 0-RTT data.
    pub offered_early_data: bool,
    /// Which of its pre-shared keys the server took.
    pub selected_identity: Option<u16>,
    /// The secrets of the application's data: the client's and the server's.
    pub secrets: [Vec<u8>; 2],
    /// All secrets, by the labels of key logs.
    logged: HashMap<String, Vec<u8>>,
    /// Tickets that came.
    pub tickets: usize,
    /// Of the ClientHello, on a server: the first ticket.
    pub offered_ticket: Option<OfferedTicket>,
    /// Tickets that were sent.
    pub sent_tickets: Vec<SentTicket>,
}

/// A ticket as a client offers it.
#[derive(Clone, Debug)]
pub struct OfferedTicket {
    pub ticket: Vec<u8>,
    pub obfuscated_age: u32,
}

/// A ticket as a server sends it.
#[derive(Clone, Debug)]
pub struct SentTicket {
    pub ticket: Vec<u8>,
    pub age_add: u32,
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn parts(&self) -> Parts {
        self.lock().clone()
    }

    /// An expectation of the test was not met.
    pub fn fail(&self, what: String) {
        self.lock().failures.push(what);
    }

    pub fn check(&self) -> Result<(), Stop> {
        match self.lock().failures.first() {
            Some(first) => Err(Stop::failed(first.clone())),
            None => Ok(()),
        }
    }

    /// The error that follows is the shim's own doing, and has this name.
    pub fn rename_error(&self, name: &'static str) {
        self.lock().error_name = Some(name);
    }

    pub fn error_name(&self) -> Option<&'static str> {
        self.lock().error_name
    }

    pub fn set_credential(&self, number: i32) {
        self.lock().credential = Some(number);
    }

    /// The credential that was used; -1 for the default one, or none.
    pub fn credential(&self) -> i32 {
        self.lock().credential.unwrap_or(-1)
    }

    pub fn set_verified(&self, accepted: bool) {
        self.lock().verified = Some(accepted);
    }

    pub fn refuse_early_data(&self) {
        self.lock().early_data_refused = true;
    }

    pub fn early_data_refused(&self) -> bool {
        self.lock().early_data_refused
    }
}

/// Records events in a [`Seen`].
pub struct Watcher(pub Arc<Seen>);

impl Observer for Watcher {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::MessageReceived(_, message) = event {
            let mut seen = self.0.lock();
            seen.last_message = Some(message.kind);
            seen.on_message(message);
        }
        if let Event::MessageSent(_, message) = event {
            self.0.lock().on_sent(message);
        }
    }
}

impl Parts {
    fn on_message(&mut self, message: &HandshakeMessage<'_>) {
        match message.kind {
            HandshakeType::CLIENT_HELLO => {
                let Ok(hello) = ClientHello::parse(message.body) else { return };
                self.offered_psk = hello.pre_shared_keys.is_some();
                let first = hello.pre_shared_keys.and_then(|keys| keys.iter().next());
                self.offered_ticket = first.map(|(first, _)| OfferedTicket {
                    ticket: first.identity.to_vec(),
                    obfuscated_age: first.obfuscated_ticket_age,
                });
                self.offered_early_data |= hello.early_data;
                self.protocols = hello.application_protocols.map(|names| {
                    let prefixed = |name: &[u8]| {
                        let length = u8::try_from(name.len()).unwrap_or_default();
                        [&[length], name].concat()
                    };
                    names.iter().flat_map(prefixed).collect()
                });
            }
            HandshakeType::SERVER_HELLO => {
                let Ok(hello) = ServerHello::parse(message.body) else { return };
                self.selected_identity = hello.selected_identity;
            }
            _ => {}
        }
    }
}

impl Parts {
    fn on_sent(&mut self, message: &HandshakeMessage<'_>) {
        if message.kind != HandshakeType::NEW_SESSION_TICKET {
            return;
        }
        let Ok(sent) = NewSessionTicket::parse(message.body) else { return };
        self.sent_tickets.push(SentTicket { ticket: sent.ticket.to_vec(), age_add: sent.age_add });
    }
}

impl KeyLog for Seen {
    fn log(&self, label: &str, _: &[u8; 32], secret: &[u8]) {
        let mut seen = self.lock();
        seen.logged.insert(label.to_owned(), secret.to_vec());
        match label {
            "CLIENT_TRAFFIC_SECRET_0" => seen.secrets[0] = secret.to_vec(),
            "SERVER_TRAFFIC_SECRET_0" => seen.secrets[1] = secret.to_vec(),
            _ => {}
        }
    }
}

impl Seen {
    /// The secret with this label of key logs.
    pub fn secret(&self, label: &str) -> Vec<u8> {
        self.lock().logged.get(label).cloned().unwrap_or_default()
    }

    /// A ticket came.
    pub fn count_ticket(&self) {
        self.lock().tickets += 1;
    }
}
