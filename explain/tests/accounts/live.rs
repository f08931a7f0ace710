//! Accounts of live handshakes.

use handclasp_explain::{
    ChoiceSubject, Connection, MAX_SECRETS, Message, Operation, Outcome, ProblemKind, SecretKind,
    Side, Value,
};

use crate::support::{Tapped, after_key_updates, all_kinds, of_kind};

/// Each byte is in one leaf, and the leaves are in order.
pub fn check_leaves(kind: &str, message: &Message) {
    let mut end = 0;
    for leaf in message.leaves() {
        assert_eq!(leaf.range.start, end, "{kind}: {}, {}", message.name, leaf.name);
        assert!(leaf.range.end > leaf.range.start, "{kind}: {} is empty", leaf.name);
        end = leaf.range.end;
    }
    assert_eq!(end, message.length, "{kind}: {}", message.name);
    assert_eq!(message.bytes.0.len(), message.length);
}

/// The pieces are the message, and lie in handshake records of its sender.
pub fn check_pieces(kind: &str, connection: &Connection, message: &Message) {
    let mut end = 0;
    for piece in &message.pieces {
        assert_eq!(piece.message_offset, end, "{kind}: {}", message.name);
        let record = &connection.records[piece.record];
        assert_eq!(record.sender, message.sender, "{kind}");
        assert_eq!(record.level, Some(message.level), "{kind}: {}", message.name);
        assert!(piece.record_offset + piece.length <= record.content_length.unwrap(), "{kind}");
        end += piece.length;
    }
    assert_eq!(end, message.length, "{kind}: {} is not whole", message.name);
}

fn names(connection: &Connection) -> Vec<&str> {
    connection.messages.iter().map(|message| message.name.as_str()).collect()
}

#[test]
fn every_byte_of_every_message_is_in_one_field() {
    for Tapped { kind, client, server, .. } in &all_kinds() {
        for connection in [client, server] {
            assert!(!connection.messages.is_empty(), "{kind}");
            for message in &connection.messages {
                check_leaves(kind, message);
                check_pieces(kind, connection, message);
                assert_eq!(message.malformed, None, "{kind}");
                let unread = message.leaves().iter().any(|leaf| leaf.name == "body");
                assert_eq!(unread, message.name == "CompressedCertificate" && unread, "{kind}");
            }
        }
    }
}

#[test]
fn both_sides_see_the_same_messages() {
    for Tapped { kind, client, server, .. } in &all_kinds() {
        let bytes = |connection: &Connection, side| -> Vec<_> {
            let messages = connection.messages.iter().filter(|message| message.sender == side);
            messages.map(|message| message.bytes.clone()).collect()
        };
        for side in [Side::Client, Side::Server] {
            let (mut of_client, mut of_server) = (bytes(client, side), bytes(server, side));
            if *kind == "refused" {
                // The client reads no more after the message that it refuses.
                of_server.truncate(of_client.len());
                of_client.truncate(of_server.len());
            }
            assert_eq!(of_client, of_server, "{kind}: from the {side:?}");
        }
        assert_eq!(client.sizes.client.bytes, server.sizes.client.bytes, "{kind}");
    }
}

#[test]
fn the_outcome_and_the_round_trips_are_those_of_the_handshake() {
    let tapped = all_kinds();
    for Tapped { kind, client, server, .. } in &tapped {
        let expected = if *kind == "refused" { Outcome::Failed } else { Outcome::Complete };
        assert_eq!(client.outcome, expected, "{kind}: {:?}", client.alerts);
        assert_eq!(server.outcome, expected, "{kind}");
        let trips = if *kind == "retried" { 2 } else { 1 };
        assert_eq!(client.round_trips, trips, "{kind}");
    }
    let refused = of_kind(&tapped, "refused");
    let [alert] = refused.server.alerts.as_slice() else { panic!("{:?}", refused.server.alerts) };
    assert_eq!((alert.sender, alert.description.name), (Side::Client, Some("unknown_ca")));
    assert!(alert.record.is_some());
}

#[test]
fn the_sizes_are_those_of_the_network() {
    for Tapped { kind, client, bytes, key_log, .. } in &all_kinds() {
        let sent = bytes.iter().filter(|(side, _)| *side == Side::Client);
        let length: usize = sent.map(|(_, bytes)| bytes.len()).sum();
        assert_eq!(client.sizes.client.bytes, length as u64, "{kind}");
        assert!(key_log.contains("CLIENT_HANDSHAKE_TRAFFIC_SECRET"), "{kind}");
    }
}

#[test]
fn choices_have_both_lists_and_what_came_of_them() {
    let tapped = all_kinds();
    let choice = |kind, subject| {
        let choices = &of_kind(&tapped, kind).client.choices;
        choices.iter().find(|choice| choice.subject == subject).unwrap().clone()
    };
    let name = |value: Option<Value>| match value {
        Some(Value::Code(code)) => code.name.unwrap().to_owned(),
        Some(Value::Text(text)) => text,
        other => format!("{other:?}"),
    };
    assert_eq!(name(choice("full", ChoiceSubject::Version).chosen), "TLS 1.3");
    let suite = choice("full", ChoiceSubject::CipherSuite);
    assert_eq!(suite.chosen.as_ref(), suite.position.map(|place| &suite.offered_by_client[place]));
    assert_eq!(name(choice("retried", ChoiceSubject::Group).chosen), "secp256r1");
    assert_eq!(name(choice("retried", ChoiceSubject::RequestedGroup).chosen), "secp256r1");
    let protocol = choice("resumed, with a KeyUpdate", ChoiceSubject::ApplicationProtocol);
    assert_eq!((protocol.offered_by_client.len(), protocol.position), (2, Some(1)));
    let accepted = choice("early data", ChoiceSubject::EarlyData);
    assert_eq!(accepted.chosen, Some(Value::Number(1)));
    let rejected = choice("early data that are rejected", ChoiceSubject::EarlyData);
    assert_eq!(rejected.chosen, Some(Value::Number(0)));
    assert!(choice("an external key", ChoiceSubject::PreSharedKey).chosen.is_some());
    let scheme = choice("a client certificate", ChoiceSubject::ClientSignatureScheme);
    assert!(scheme.chosen.is_some() && !scheme.offered_by_server.is_empty());
}

#[test]
fn certificates_are_data() {
    let tapped = all_kinds();
    let Tapped { client, .. } = of_kind(&tapped, "a client certificate");
    let [of_server, of_client] = client.certificates.as_slice() else { panic!() };
    assert_eq!((of_server.sender, of_client.sender), (Side::Server, Side::Client));
    let [certificate] = of_server.certificates.as_slice() else { panic!() };
    let names: Vec<_> = certificate.names.iter().map(|name| name.name.as_str()).collect();
    assert_eq!(names, ["server.example", "localhost", "127.0.0.1"]);
    assert_eq!(certificate.key.bits, Some(256));
    assert!(certificate.days_left.unwrap() > 0);
    assert_eq!(certificate.sha256.0.len(), 32);
    assert!(certificate.spki_pin.as_ref().unwrap().starts_with("sha256/"));
    let message = &client.messages[of_server.message];
    let der = &message.bytes.0[certificate.range.start..certificate.range.end];
    assert_eq!(der.first(), Some(&0x30));
}

#[test]
fn the_key_schedule_is_a_graph() {
    let tapped = all_kinds();
    for Tapped { kind, client, server, .. } in &tapped {
        for connection in [client, server] {
            for (index, node) in connection.key_schedule.iter().enumerate() {
                assert!(node.from.is_none_or(|from| from < index), "{kind}: {node:?}");
                assert_eq!(node.value, None, "{kind}: there are secrets in the account");
                let is_first = node.operation == Operation::Extract && node.label == "early";
                assert!(node.from.is_some() || is_first, "{kind}: {node:?}");
            }
        }
    }
    let Tapped { client, .. } = of_kind(&tapped, "full");
    let nodes = &client.key_schedule;
    let find = |label: &str| nodes.iter().position(|node| node.label == label).unwrap();
    let traffic = find("s hs traffic");
    assert_eq!(nodes[traffic].from, Some(find("handshake")));
    assert_eq!(nodes[traffic].protects, Some(Side::Server));
    let end = nodes[traffic].transcript_to.unwrap().message.unwrap();
    assert_eq!(client.messages[end].name, "ServerHello");
    let is_key = |node: &&handclasp_explain::SecretNode| {
        node.kind == SecretKind::RecordKey && node.from == Some(traffic)
    };
    let key = nodes.iter().find(is_key).unwrap();
    assert_eq!(key.protects, Some(Side::Server), "a key protects what its secret does");
    let ticket = nodes.iter().find(|node| node.kind == SecretKind::TicketKey).unwrap();
    assert_eq!(ticket.from, Some(find("res master")));
    assert_eq!(nodes[find("res master")].from, Some(find("main")));
    let updated = of_kind(&tapped, "resumed, with a KeyUpdate");
    let nodes = &updated.server.key_schedule;
    let update = nodes.iter().find(|node| node.label == "traffic upd").unwrap();
    assert_eq!(nodes[update.from.unwrap()].label, "s ap traffic");
}

#[test]
fn messages_are_those_of_each_kind() {
    let tapped = all_kinds();
    let full = names(&of_kind(&tapped, "full").client);
    let expected = [
        "ClientHello",
        "ServerHello",
        "EncryptedExtensions",
        "Certificate",
        "CertificateVerify",
        "Finished",
        "Finished",
    ];
    assert_eq!(full[..7], expected);
    assert!(full[7..].iter().all(|name| *name == "NewSessionTicket"), "{full:?}");
    assert!(names(&of_kind(&tapped, "retried").client).contains(&"HelloRetryRequest"));
    assert!(names(&of_kind(&tapped, "early data").client).contains(&"EndOfEarlyData"));
    let small = of_kind(&tapped, "small and padded records");
    let certificate = small.client.message("Certificate").unwrap();
    assert!(certificate.pieces.len() > 2, "{:?}", certificate.pieces);
    assert!(small.client.records.iter().any(|record| record.padding.unwrap_or_default() > 0));
}

/// Each KeyUpdate has a secret, a key and an IV.
#[test]
fn key_updates_do_not_make_the_key_schedule_longer_than_its_limit() {
    let connection = after_key_updates(MAX_SECRETS / 3 + 10);
    assert_eq!(connection.key_schedule.len(), MAX_SECRETS);
    let limit = ProblemKind::LimitReached { limit: "MAX_SECRETS" };
    let count = connection.problems.iter().filter(|problem| problem.kind == limit).count();
    assert_eq!(count, 1);
}
