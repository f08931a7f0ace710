//! What a hostile peer, or an attacker between, can do to the messages of a handshake: cut them off,
//! flip any bit of them, send any message at any time, and never stop. The end fails with a typed
//! error and one alert, or waits for more bytes; and a failed end stays failed.

use std::collections::BTreeSet;

use handclasp::alert::AlertDescription as A;
use handclasp::handshake::{Handshake, Side};
use handclasp::record::HEADER_LENGTH;
use handclasp::registry::{ContentType, HandshakeType};
use handclasp::{Connection, Error, ErrorKind, Level};

use handclasp_testing::deterministic::{
    self, AnyConnection, Message, SCENARIOS, Scenario, connection, deliver, other, raw,
    record_flights, record_messages,
};
use handclasp_testing::message::received_by;
use handclasp_testing::take_outgoing;
use handclasp_testing::written::handshake_message;

/// The scenarios with different flights: a retry with and without a cookie differ in its bytes.
const DIFFERENT: [Scenario; 4] =
    [Scenario::Plain, Scenario::Cookie, Scenario::ClientAuth, Scenario::Resumed];

/// The flights of a scenario, and for each what the end that takes it was given before.
fn flights(scenario: Scenario) -> Vec<(Side, Vec<u8>, Vec<Vec<u8>>)> {
    let recorded = record_flights(scenario);
    let before = |index: usize, from: Side| {
        let earlier = recorded[..index].iter().filter(|(side, _)| *side == from);
        earlier.map(|(_, bytes)| bytes.clone()).collect()
    };
    let all = recorded.iter().enumerate();
    all.map(|(index, (from, bytes))| (*from, bytes.clone(), before(index, *from))).collect()
}

/// An end of the other side than `from`, after these flights, with nothing left to send.
fn ready(from: Side, scenario: Scenario, before: &[Vec<u8>]) -> AnyConnection {
    let mut end = connection(other(from), scenario);
    for flight in before {
        deliver(&mut end, flight).unwrap();
    }
    take_outgoing(&mut end);
    end
}

/// A failed connection keeps its error, and has sent one alert, last, if the error has one.
fn assert_dead(end: &mut Connection, error: &Error) {
    for _ in 0..2 {
        assert_eq!(end.receive(&mut [22, 3, 3, 0, 1, 1]).unwrap_err(), *error);
        assert_eq!(end.write(b"data").unwrap_err(), *error);
        assert_eq!(end.update_keys(true).unwrap_err(), *error);
        assert_eq!(end.end_of_input().unwrap_err(), *error);
        assert_eq!(end.check().unwrap_err(), *error);
    }
    end.close();
    assert!(end.is_handshaking() && end.question().is_none());
    let alerts: Vec<bool> = records(end.outgoing()).into_iter().map(is_alert).collect();
    let count = alerts.iter().filter(|alert| **alert).count();
    assert_eq!(count, usize::from(error.alert_sent().is_some()), "{error}");
    assert!(count == 0 || alerts.last() == Some(&true), "the alert is the last record");
}

fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let length = handclasp::record::next_record(bytes).unwrap().expect("whole records");
        let (record, rest) = bytes.split_at(length);
        records.push(record);
        bytes = rest;
    }
    records
}

/// Plain, or by its length: no other protected record of a handshake is as short.
fn is_alert(record: &[u8]) -> bool {
    const PROTECTED_ALERT_LENGTH: usize = HEADER_LENGTH + 2 + 1 + 16;
    match ContentType(record[0]) {
        ContentType::ALERT => true,
        ContentType::APPLICATION_DATA => record.len() == PROTECTED_ALERT_LENGTH,
        _ => false,
    }
}

#[test]
fn a_flight_that_is_cut_off_anywhere_never_completes_and_its_end_is_an_error() {
    for scenario in SCENARIOS {
        for (from, flight, before) in flights(scenario) {
            for end in 0..flight.len() {
                let mut victim = ready(from, scenario, &before);
                let taken = deliver(&mut victim, &flight[..end]).unwrap();
                assert!(taken <= end && victim.is_handshaking());
                let error = victim.end_of_input().unwrap_err();
                assert_eq!(error.kind(), &ErrorKind::EndedInHandshake);
                assert_dead(&mut victim, &error);
            }
        }
    }
}

#[test]
fn a_flight_in_which_any_bit_is_flipped_fails_or_waits() {
    for scenario in DIFFERENT {
        for (from, flight, before) in flights(scenario) {
            let ignored = record_versions(&flight);
            for bit in 0..flight.len().min(2_000) * 8 {
                let mut victim = ready(from, scenario, &before);
                let mut changed = flight.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                match deliver(&mut victim, &changed) {
                    Err(error) => assert_dead(&mut victim, &error),
                    // No end looks at the version of a record, and it is not authenticated where
                    // there are no keys yet.
                    Ok(_) => assert!(
                        victim.is_handshaking() || ignored.contains(&(bit / 8)),
                        "bit {bit} was flipped, and the handshake is complete"
                    ),
                }
            }
        }
    }
}

/// The places of the versions of the unprotected records.
fn record_versions(flight: &[u8]) -> BTreeSet<usize> {
    let mut start = 0;
    let mut places = BTreeSet::new();
    for record in records(flight) {
        if ContentType(record[0]) != ContentType::APPLICATION_DATA {
            places.extend([start + 1, start + 2]);
        }
        start += record.len();
    }
    places
}

/// A handshake of `side` that has received these messages, and whose steps were taken.
fn raw_after(side: Side, scenario: Scenario, before: &[Message]) -> Handshake {
    let mut end = raw(side, scenario, None);
    for message in before {
        end.receive(message.level, &message.bytes).unwrap();
    }
    while end.next_step().is_some() {}
    end
}

fn assert_raw_dead(end: &mut Handshake, error: &Error) {
    assert!(error.alert_sent().is_some(), "{error}");
    while end.next_step().is_some() {}
    for level in [Level::Initial, Level::Handshake, Level::Application] {
        assert_eq!(end.receive(level, &[0; 4]).as_ref(), Err(error));
    }
    assert_eq!(end.check().as_ref(), Err(error));
    assert!(end.next_step().is_none() && !end.is_complete());
    assert!(!end.has_partial_message(), "nothing stays buffered");
}

#[test]
fn a_message_in_which_any_bit_is_flipped_never_leads_to_a_complete_handshake() {
    for side in [Side::Client, Side::Server] {
        for scenario in DIFFERENT {
            let honest = received_by(side, scenario);
            for (index, message) in honest.iter().enumerate() {
                for bit in 0..message.bytes.len().min(2_000) * 8 {
                    let mut victim = raw_after(side, scenario, &honest[..index]);
                    let mut changed = message.bytes.clone();
                    changed[bit / 8] ^= 1 << (bit % 8);
                    // What the change makes of the rest of the flight shows when that comes.
                    let mut result = victim.receive(message.level, &changed);
                    for later in &honest[index + 1..] {
                        result = result.and_then(|()| victim.receive(later.level, &later.bytes));
                    }
                    match result {
                        Err(error) => assert_raw_dead(&mut victim, &error),
                        Ok(()) => assert!(!victim.is_complete(), "{index}: bit {bit}"),
                    }
                }
            }
        }
    }
}

/// A body with which a message of this type can be parsed, as far as there is one: that of an honest
/// message, if there is one.
fn plausible(kind: u8, honest: &[Message]) -> Vec<u8> {
    let same = honest.iter().find(|message| message.bytes[0] == kind);
    match (same, HandshakeType(kind)) {
        (Some(message), _) => message.bytes[4..].to_vec(),
        (_, HandshakeType::CERTIFICATE_REQUEST) => {
            vec![0, 0, 8, 0, 13, 0, 4, 0, 2, 8, 7]
        }
        (_, HandshakeType::NEW_SESSION_TICKET) => vec![0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0],
        (_, HandshakeType::KEY_UPDATE) => vec![0],
        (_, HandshakeType::END_OF_EARLY_DATA) => Vec::new(),
        _ => vec![0x20; 32],
    }
}

#[test]
fn any_message_that_is_not_due_is_refused_in_every_state() {
    let plain = record_messages(Scenario::Plain);
    for side in [Side::Client, Side::Server] {
        for scenario in DIFFERENT {
            let honest = received_by(side, scenario);
            for due in 0..=honest.len() {
                for kind in 0..=u8::MAX {
                    for body in [plausible(kind, &plain), Vec::new()] {
                        let mut victim = raw_after(side, scenario, &honest[..due]);
                        let level = victim.read_level();
                        let message = handshake_message(HandshakeType(kind), &body);
                        match victim.receive(level, &message) {
                            Err(error) => {
                                assert_raw_dead(&mut victim, &error);
                                let wrong_type = honest.get(due).is_some_and(|due| {
                                    due.bytes[0] != kind && !may_come(side, due.bytes[0], kind)
                                });
                                let unexpected =
                                    matches!(error.kind(), ErrorKind::UnexpectedMessage { .. });
                                assert!(!wrong_type || unexpected, "{error}");
                            }
                            Ok(()) => {
                                let due = honest.get(due).map(|message| message.bytes[0]);
                                let due = due.unwrap_or(HandshakeType::KEY_UPDATE.0);
                                assert!(
                                    due == kind || may_come(side, due, kind),
                                    "{side:?} took {kind} where {due} was due"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The messages that may come where another is due.
fn may_come(side: Side, due: u8, kind: u8) -> bool {
    side == Side::Client
        && matches!(
            (HandshakeType(due), HandshakeType(kind)),
            (HandshakeType::CERTIFICATE, HandshakeType::CERTIFICATE_REQUEST)
                | (HandshakeType::CERTIFICATE_REQUEST, HandshakeType::CERTIFICATE)
                | (HandshakeType::KEY_UPDATE, HandshakeType::NEW_SESSION_TICKET)
        )
}

#[test]
fn a_message_that_will_be_too_long_is_refused_by_its_header_in_every_state() {
    for side in [Side::Client, Side::Server] {
        let honest = received_by(side, Scenario::Plain);
        for due in 0..=honest.len() {
            // More than the syntax of the type allows, or, where it does, than we take.
            let longest = [
                (1, 131_396, A::DECODE_ERROR),
                (2, 65_607, A::DECODE_ERROR),
                (5, 0, A::DECODE_ERROR),
                (8, 65_537, A::DECODE_ERROR),
                (11, 262_140, A::GENERAL_ERROR),
                (25, 262_140, A::GENERAL_ERROR),
                (20, 64, A::DECODE_ERROR),
                (24, 1, A::DECODE_ERROR),
            ];
            for (kind, longest, alert) in longest {
                let mut victim = raw_after(side, Scenario::Plain, &honest[..due]);
                let level = victim.read_level();
                let [_, length @ ..] = u32::to_be_bytes(longest + 1);
                victim.receive(level, &[kind, length[0], length[1]]).unwrap();
                let error = victim.receive(level, &[length[2]]).unwrap_err();
                assert_eq!(error.alert_sent(), Some(alert), "{kind} {error}");
                assert_raw_dead(&mut victim, &error);
            }
        }
    }
}

#[test]
fn records_that_lead_nowhere_are_counted() {
    // Each of these may come a few times only.
    let change_cipher_spec = &[20, 3, 3, 0, 1, 1][..];
    let user_canceled = &[21, 3, 3, 0, 2, 1, 90][..];
    for (record, limit) in [(change_cipher_spec, 4), (user_canceled, 4)] {
        let mut client = connection(Side::Client, Scenario::Plain);
        take_outgoing(&mut client);
        deliver(&mut client, &record.repeat(limit)).unwrap();
        let error = deliver(&mut client, record).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::LimitExceeded { .. }), "{error}");
        assert_dead(&mut client, &error);
    }
}

#[test]
fn the_scenario_with_a_ticket_resumes_at_once_and_when_the_session_is_asked_for() {
    let honest = received_by(Side::Server, Scenario::Resumed);
    let mut at_once = raw(Side::Server, Scenario::Resumed, None);
    let mut later = deterministic::asking(Side::Server, Scenario::Resumed);
    for message in honest {
        at_once.receive(message.level, &message.bytes).unwrap();
        later.receive(message.level, &message.bytes).unwrap();
        while let (Some(number), Some(question)) = (later.question_number(), later.question()) {
            assert_eq!(question.name(), "take session");
            later.answer(number, deterministic::answer(question)).unwrap();
        }
    }
    for end in [at_once, later] {
        assert!(end.is_complete());
        assert!(end.parameters().pre_shared_key.is_some());
    }
}

#[test]
fn pieces_of_one_byte_complete_a_handshake_at_both_sides() {
    for side in [Side::Client, Side::Server] {
        for scenario in SCENARIOS {
            let mut victim = raw(side, scenario, None);
            for message in received_by(side, scenario) {
                for byte in &message.bytes {
                    victim.receive(message.level, &[*byte]).unwrap();
                }
            }
            assert!(victim.is_complete());
        }
    }
}
