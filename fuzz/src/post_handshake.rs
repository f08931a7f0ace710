//! An end after an honest handshake, with a peer that may say anything and an application that
//! does what it may: see [`play`].

use handclasp::handshake::{Handshake, Side, Step};
use handclasp::registry::HandshakeType;
use handclasp::wire::{Extensions, HandshakeMessage, KeyUpdate, NewSessionTicket};
use handclasp::{Error, ErrorKind, Level};

use crate::{Input, RECORDED, fix_length};
use handclasp_testing::deterministic::{self, SCENARIOS};

/// The end under test, and what must hold of its key updates.
struct End {
    side: Side,
    handshake: Handshake,
    /// A request was sent, and no KeyUpdate came since.
    outstanding: bool,
    /// The peer's request is to be answered before the next data.
    owed: bool,
    sent: usize,
    tickets: u8,
}

impl End {
    fn after_handshake(side: Side, input: &mut Input<'_>) -> Self {
        let scenario = SCENARIOS[usize::from(input.byte()) % SCENARIOS.len()];
        let mut handshake = match side {
            Side::Client => {
                let name = "server.example".try_into().expect("it is a name");
                Handshake::client(
                    deterministic::client_config(scenario),
                    name,
                    deterministic::now(),
                )
            }
            Side::Server => {
                Handshake::server(deterministic::server_config(scenario), deterministic::now())
            }
        };
        handshake.start().expect("fixed randomness does not fail");
        for message in &RECORDED[scenario as usize] {
            if message.from != side {
                handshake.receive(message.level, &message.bytes).expect("both are honest");
            }
        }
        assert!(handshake.is_complete());
        let mut end =
            Self { side, handshake, outstanding: false, owed: false, sent: 0, tickets: 0 };
        while end.handshake.next_step().is_some() {}
        end
    }

    /// Looks at everything that it says. Returns how many messages those were.
    fn take_steps(&mut self) -> usize {
        let mut messages = 0;
        while let Some(step) = self.handshake.next_step() {
            let Step::Send { level, bytes } = step else { continue };
            assert_eq!(level, Level::Application);
            self.sent += bytes.len();
            let mut rest = &bytes[..];
            while let Some((message, after)) = HandshakeMessage::split(rest) {
                messages += 1;
                rest = after;
                if message.kind == HandshakeType::KEY_UPDATE {
                    let update = KeyUpdate::parse(message.body).expect("it is well formed");
                    assert!(rest.is_empty(), "nothing follows under the old key");
                    assert!(!(update.update_requested && self.outstanding), "one at a time");
                    self.outstanding |= update.update_requested;
                    self.owed = false;
                }
            }
            assert!(rest.is_empty());
        }
        messages
    }

    fn receive(&mut self, level: Level, bytes: &[u8]) -> Result<(), Error> {
        let whole = !self.handshake.has_partial_message();
        let result = self.handshake.receive(level, bytes);
        match HandshakeMessage::split(bytes) {
            Some((message, [])) if whole && message.kind == HandshakeType::KEY_UPDATE => {
                self.outstanding = false;
                self.owed |= message.body == [1];
            }
            Some((_, [])) if whole => {}
            // Among pieces there may be an update: what is known of requests is known no more.
            _ => (self.outstanding, self.owed) = (false, false),
        }
        result
    }

    fn send_ticket(&mut self, input: &mut Input<'_>) -> Result<(), Error> {
        self.tickets = self.tickets.wrapping_add(1);
        let ticket = NewSessionTicket {
            lifetime: u32::from(input.byte()) << 12,
            age_add: 7,
            nonce: &[self.tickets],
            ticket: input.bytes(),
            extensions: Extensions::default(),
            max_early_data_size: None,
        };
        self.handshake.send_ticket(&ticket).map(drop)
    }
}

/// The input's bytes are messages of the peer, in pieces or whole, and calls of the application.
/// Nothing that comes makes the end say anything; at most one request for an update is
/// outstanding; requests in a row get one answer; messages without data in between have a limit;
/// what fails has an alert, and stays failed.
pub fn play(side: Side, data: &[u8]) {
    let mut input = Input(data);
    let mut end = End::after_handshake(side, &mut input);
    let mut without_data = 0;
    while !input.0.is_empty() {
        let Err(error) = do_next(&mut end, &mut input, &mut without_data) else { continue };
        if matches!(error.kind(), ErrorKind::Misuse(_)) {
            assert!(end.handshake.check().is_ok(), "a mistake of the caller's ends nothing");
            continue;
        }
        check_failed(&mut end, &error);
        return;
    }
}

/// A message of the peer, or a call of the application. The next byte says which.
fn do_next(end: &mut End, input: &mut Input<'_>, without_data: &mut usize) -> Result<(), Error> {
    match input.byte() % 8 {
        0 => update_keys(end, input.byte() & 1 == 1),
        1 => {
            let (owed, result) = (end.owed, end.handshake.answer_key_update());
            let answers = end.take_steps();
            assert!(answers <= 1 && (!owed || answers == 1));
            end.handshake.on_application_data();
            *without_data = 0;
            result
        }
        2 => {
            let result = end.send_ticket(input);
            assert_eq!(end.take_steps(), usize::from(result.is_ok()));
            assert!(end.side == Side::Server || result.is_err());
            result
        }
        3 => peer_says(end, &[24, 0, 0, 1, input.byte() & 1], without_data),
        4 => {
            let mut message = vec![input.byte(), 0, 0, 0];
            message.extend_from_slice(input.bytes());
            fix_length(&mut message);
            peer_says(end, &message, without_data)
        }
        5 => {
            let mut ticket = Vec::new();
            NewSessionTicket {
                lifetime: 10,
                age_add: 7,
                nonce: &[input.byte()],
                ticket: b"ticket",
                extensions: Extensions::default(),
                max_early_data_size: None,
            }
            .encode(&mut ticket);
            peer_says(end, &ticket, without_data)
        }
        _ => {
            let level = match input.byte() {
                byte @ 0..4 => crate::level(byte),
                _ => Level::Application,
            };
            let bytes = input.bytes();
            let result = end.receive(level, bytes);
            assert_eq!(end.take_steps(), 0, "the peer makes it say nothing");
            *without_data = 0;
            result
        }
    }
}

fn update_keys(end: &mut End, request: bool) -> Result<(), Error> {
    let (owed, result) = (end.owed, end.handshake.update_keys(request));
    // Before a request, the answer that is owed. Whether one is owed is not always known.
    let updates = end.take_steps();
    match result {
        Ok(()) if request => assert!(updates == 2 || updates == 1 && !owed),
        Ok(()) => assert_eq!(updates, 1),
        Err(_) => assert_eq!(updates, 0),
    }
    result
}

/// What has failed has an alert, and stays failed.
fn check_failed(end: &mut End, error: &Error) {
    assert!(error.alert_sent().is_some() && !error.to_string().is_empty());
    assert!(!matches!(error.kind(), ErrorKind::Internal(_)), "{error}");
    for level in [Level::Initial, Level::Handshake, Level::Application] {
        assert_eq!(end.handshake.receive(level, &[24, 0, 0, 1, 0]).as_ref(), Err(error));
    }
    assert_eq!(end.handshake.update_keys(true).as_ref(), Err(error));
    assert!(end.handshake.next_step().is_none() && !end.handshake.is_complete());
}

fn peer_says(end: &mut End, message: &[u8], without_data: &mut usize) -> Result<(), Error> {
    // Bytes that belong to the rest of an earlier message are none of their own.
    let is_message = !end.handshake.has_partial_message();
    let result = end.receive(Level::Application, message);
    assert_eq!(end.take_steps(), 0, "the peer makes it say nothing");
    *without_data += usize::from(is_message);
    assert!(result.is_err() || *without_data <= end.handshake.limits().messages_without_data);
    result
}
