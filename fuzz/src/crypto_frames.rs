//! Two ends of a connection of QUIC, and CRYPTO frames in any order, with any overlap, again, and, from
//! an attacker, changed and at other levels: see [`play`].

use handclasp::connection::Options;
use handclasp::quic::{Connection, Event, Version, error_code};
use handclasp::{Error, Level};
use handclasp_testing::deterministic::{self, SCENARIOS};
use handclasp_testing::server_name;

use crate::Input;

/// The levels that CRYPTO frames may have, as indices of what was sent.
const LEVELS: [Level; 3] = [Level::Initial, Level::Handshake, Level::Application];

struct End {
    connection: Connection,
    /// All CRYPTO data that it has sent, by level.
    sent: [Vec<u8>; 3],
    /// Packets of these levels can be opened.
    can_read: [bool; 3],
    first_error: Option<Error>,
}

impl End {
    fn new(connection: Connection) -> Self {
        let sent = [const { Vec::new() }; 3];
        let mut end = Self { connection, sent, can_read: [true, false, false], first_error: None };
        end.take_events();
        end
    }

    fn take_events(&mut self) {
        while let Some(event) = self.connection.next_event() {
            match event {
                Event::CryptoData { level, data } => {
                    self.sent[index(level)].extend_from_slice(&data);
                }
                Event::ReadKeys(keys) if keys.level != Level::EarlyData => {
                    self.can_read[index(keys.level)] = true;
                }
                _ => {}
            }
        }
    }

    /// The first error stays, and has a code for the peer.
    fn receive(&mut self, level: Level, offset: u64, data: &[u8]) {
        let result = self.connection.receive(level, offset, data);
        self.take_events();
        if let Some(first) = &self.first_error {
            assert_eq!(result.as_ref(), Err(first));
        }
        if let Err(error) = result {
            assert!(error_code(&error).is_some(), "{error}");
            self.first_error = Some(error);
        }
    }
}

fn index(level: Level) -> usize {
    LEVELS.iter().position(|it| *it == level).expect("no message is sent with 0-RTT data")
}

/// Carries frames as the input has it. Without an attacker both ends complete the handshake, with the
/// frames in any order. With one, they agree if both complete it.
pub fn play(data: &[u8]) {
    let mut input = Input(data);
    let has_attacker = input.byte() % 2 == 1;
    let options = || Options::new(deterministic::now());
    let (config, parameters) = (deterministic::client_config(SCENARIOS[0]), vec![1, 1, 0]);
    let client = Connection::client(config, Version::V1, server_name(), parameters, options());
    let config = deterministic::server_config(SCENARIOS[0]);
    let server = Connection::server(config, Version::V1, vec![1, 1, 0], options());
    let mut ends = [client, server].map(|end| End::new(end.expect("QUIC can have it")));
    while !input.0.is_empty() {
        let choice = input.byte();
        let [from, to] = if choice % 2 == 0 { [0, 1] } else { [1, 0] };
        let level = usize::from(choice >> 1) % LEVELS.len();
        let sent = &ends[from].sent[level];
        let start = input.word() % (sent.len() + 1);
        let length = (1 + input.word() % 600).min(sent.len() - start);
        let mut piece = sent[start..start + length].to_vec();
        let (mut offset, mut level) = (start as u64, LEVELS[level]);
        if has_attacker {
            match choice >> 4 {
                0 => level = LEVELS[usize::from(input.byte()) % 3],
                1 => level = Level::EarlyData,
                2 => offset = offset.wrapping_add((input.word() as u64) << (input.byte() % 48)),
                3 => piece.iter_mut().take(1).for_each(|byte| *byte ^= input.byte()),
                4 => piece = input.bytes().to_vec(),
                _ => {}
            }
        } else if !ends[to].can_read[index(level)] {
            continue;
        }
        ends[to].receive(level, offset, &piece);
    }
    if !has_attacker {
        complete(&mut ends);
    }
    let [client, server] = &ends;
    let is_complete = ends.iter().all(|end| !end.connection.is_handshaking());
    assert!(is_complete || has_attacker, "{:?} {:?}", client.first_error, server.first_error);
    let is_good = ends.iter().all(|end| end.first_error.is_none());
    if is_complete && is_good {
        let exported = [client, server].map(|end| {
            let mut key = [0; 16];
            end.connection.export_keying_material("label", &[], &mut key).expect("it is complete");
            key
        });
        assert_eq!(exported[0], exported[1]);
    }
}

/// Carries all that is left.
fn complete(ends: &mut [End; 2]) {
    for _ in 0..4 {
        for [from, to] in [[0, 1], [1, 0]] {
            for level in LEVELS {
                let data = ends[from].sent[index(level)].clone();
                if ends[to].can_read[index(level)] {
                    ends[to].receive(level, 0, &data);
                }
            }
        }
    }
}
