//! Connections that are made to be long to account for.

use handclasp::Observer;
use handclasp::observer::Event;
use handclasp::registry::HandshakeType;
use handclasp::wire::HandshakeMessage;

use super::*;
use crate::account::{Connection, Message};
use crate::test_messages::{
    account_of, client_hello, count, limits, message, new_session_ticket, options, server_hello,
    vector,
};
use crate::{Recorder, Side};

/// The type, the length and the body of a message that has no other fields.
const OPAQUE: usize = 3;

fn certificates(entries: usize) -> Vec<u8> {
    // A certificate of one byte, and no extensions.
    let entry = [0, 0, 1, 0x30, 0, 0];
    message(HandshakeType::CERTIFICATE, &[vec![0], vector(3, &entry.repeat(entries))].concat())
}

/// Each byte is in one field without fields.
fn check_leaves(message: &Message) {
    let mut end = 0;
    for leaf in message.leaves() {
        assert_eq!(leaf.range.start, end, "{}: {}", message.name, leaf.name);
        assert!(leaf.range.end > end, "{}: {}", message.name, leaf.name);
        end = leaf.range.end;
    }
    assert_eq!(end, message.length, "{}", message.name);
}

fn fields(connection: &Connection) -> usize {
    connection.messages.iter().map(|message| count(&message.fields)).sum()
}

#[test]
fn of_many_certificates_the_first_are_read_and_the_rest_is_one_field() {
    for entries in [MAX_CERTIFICATES, MAX_CERTIFICATES + 1, 50_000] {
        let bytes = certificates(entries);
        let connection = account_of(Side::Server, &bytes);
        let [message] = connection.messages.as_slice() else { panic!() };
        check_leaves(message);
        assert_eq!(connection.certificates[0].certificates.len(), MAX_CERTIFICATES);
        assert!(count(&message.fields) < 10 * MAX_CERTIFICATES, "{}", count(&message.fields));
        let is_over = entries > MAX_CERTIFICATES;
        assert_eq!(limits(&connection) == ["MAX_CERTIFICATES"], is_over, "{entries}");
        assert_eq!(message.leaves().last().unwrap().name == "body", is_over, "{entries}");
    }
}

#[test]
fn a_live_account_has_the_limits_of_a_recorded_one() {
    let bytes = certificates(50_000);
    let (message, _) = HandshakeMessage::split(&bytes).unwrap();
    let mut recorder = Recorder::new(Side::Client, options());
    recorder.event(&Event::MessageReceived(handclasp::Level::Handshake, message));
    let (live, recorded) = (recorder.connection(), account_of(Side::Server, &bytes));
    assert_eq!(fields(&live), fields(&recorded));
    assert_eq!(live.certificates, recorded.certificates);
    assert_eq!(limits(&live), limits(&recorded));
}

#[test]
fn a_message_has_a_limited_number_of_fields() {
    let schemes =
        [&13_u16.to_be_bytes()[..], &vector(2, &vector(2, &[8, 4].repeat(30_000)))].concat();
    let names = [0, 1, 0x30].repeat(20_000);
    let authorities = [&47_u16.to_be_bytes()[..], &vector(2, &vector(2, &names))].concat();
    let one_scheme = [&13_u16.to_be_bytes()[..], &vector(2, &vector(2, &[8, 4]))].concat();
    let request = |extensions: &[u8]| {
        message(HandshakeType::CERTIFICATE_REQUEST, &[vec![0], vector(2, extensions)].concat())
    };
    for (sender, bytes) in [
        (Side::Client, client_hello(&[0x13, 1].repeat(30_000), b"ticket")),
        (Side::Server, request(&schemes)),
        (Side::Server, request(&[one_scheme, authorities].concat())),
    ] {
        let connection = account_of(sender, &bytes);
        let [message] = connection.messages.as_slice() else { panic!() };
        assert_eq!(message.malformed, None);
        check_leaves(message);
        assert_eq!(limits(&connection), ["MAX_MESSAGE_FIELDS"], "{}", message.name);
        let count = count(&message.fields);
        assert!(count <= MAX_MESSAGE_FIELDS + OPAQUE, "{}: {count}", message.name);
    }
}

#[test]
fn all_messages_together_have_a_limited_number_of_fields() {
    for one in [
        certificates(MAX_CERTIFICATES),
        client_hello(&[0x13, 1].repeat(300), b"ticket"),
        new_session_ticket(b"ticket"),
    ] {
        let connection = account_of(Side::Server, &one.repeat(6000));
        assert!(connection.messages.len() > 1000);
        connection.messages.iter().for_each(check_leaves);
        let most = MAX_FIELDS + OPAQUE * connection.messages.len();
        assert!(fields(&connection) <= most, "{}", fields(&connection));
        let mut certificates = 0;
        for list in &connection.certificates {
            certificates += list.certificates.len();
        }
        assert!(certificates <= MAX_FIELDS / 4, "{certificates}");
        assert!(limits(&connection).contains(&"MAX_FIELDS"));
    }
}

#[test]
fn the_tickets_of_a_recorded_connection_do_not_make_its_key_schedule_longer_than_its_limit() {
    let tickets = new_session_ticket(b"ticket").repeat(MAX_SECRETS + 10);
    let connection = account_of(Side::Server, &[server_hello(), tickets].concat());
    assert_eq!(connection.key_schedule.len(), MAX_SECRETS);
    assert!(limits(&connection).contains(&"MAX_SECRETS"));
}
