//! Accounts of recorded bytes.

use std::sync::Arc;

use handclasp_explain::recorded::{Decoder, KeyLogSecrets, Tickets};
use handclasp_explain::{
    ChoiceSubject, Connection, Message, MessageLevel, Options, Outcome, Problem, ProblemKind,
    Record, RecordState, Side, words,
};
use handclasp_replay::{Role, SECTIONS, Vectors};
use handclasp_testing::Identity;

use crate::live::{check_leaves, check_pieces};
use crate::support::{Tapped, all_kinds, options, refused_certificate};

pub fn decode(bytes: &[(Side, Vec<u8>)], key_log: &str) -> Connection {
    decode_with(options(), bytes, key_log)
}

fn decode_with(options: Options, bytes: &[(Side, Vec<u8>)], key_log: &str) -> Connection {
    let secrets = Arc::new(KeyLogSecrets::parse(key_log.as_bytes()));
    let mut decoder = Decoder::new(options, secrets);
    for (time, (side, bytes)) in bytes.iter().enumerate() {
        decoder.bytes(*side, Some(time as u64), bytes);
    }
    decoder.finish()
}

/// The records of a section of RFC 8448.
fn section(vectors: &Vectors, section: u8) -> Vec<(Side, Vec<u8>)> {
    let side = |role| if role == Role::Client { Side::Client } else { Side::Server };
    let records = vectors.records(section).into_iter();
    records.map(|record| (side(record.sender), record.bytes.to_vec())).collect()
}

/// All bytes of one side first, and then those of the other.
fn one_after_the_other(bytes: &[(Side, Vec<u8>)], first: Side) -> Vec<(Side, Vec<u8>)> {
    [first, first.peer()]
        .map(|side| {
            let of_side = bytes.iter().filter(|(sender, _)| *sender == side);
            (side, of_side.flat_map(|(_, bytes)| bytes.clone()).collect())
        })
        .to_vec()
}

fn shown(messages: &[Message], side: Side) -> Vec<(&str, MessageLevel, &[u8])> {
    let messages = messages.iter().filter(|message| message.sender == side);
    messages.map(|it| (it.name.as_str(), it.level, it.bytes.0.as_slice())).collect()
}

/// Connections with the problems and the parts that others do not have.
pub fn odd_ones() -> Vec<Connection> {
    let tapped = all_kinds();
    let mut tickets = Tickets::default();
    let mut connections = Vec::new();
    for Tapped { bytes, key_log, .. } in &tapped {
        let mut linked = decode(bytes, key_log);
        tickets.link(&mut linked);
        connections.extend([linked, decode(bytes, "")]);
        let mut cut = bytes.clone();
        cut.truncate(2);
        cut.last_mut().unwrap().1.truncate(1300);
        connections.push(decode(&cut, key_log));
    }
    for (names, from, until) in [
        ("other.example", 2000, 2010),
        ("server.example", 2900, 3000),
        ("server.example", 2000, 3000),
    ] {
        let identity = Identity::valid_in_years(vec![names.into()], from, until);
        let mut with_anchors = options();
        with_anchors.anchors = Some(Arc::new(identity.anchors()));
        let Tapped { bytes, key_log, client, .. } = refused_certificate(identity);
        connections.extend([client, decode_with(with_anchors, &bytes, &key_log)]);
    }
    let Tapped { bytes, key_log, .. } = &tapped[0];
    let secrets = Arc::new(KeyLogSecrets::parse(key_log.as_bytes()));
    let mut options = options();
    options.secrets = true;
    let mut decoder = Decoder::new(options, secrets);
    for (side, bytes) in bytes {
        decoder.bytes(*side, None, bytes);
    }
    decoder.gap(Side::Client, None);
    connections.push(decoder.finish());
    connections.push(decode(&[(Side::Client, b"GET / HTTP/1.1\r\n\r\n".to_vec())], ""));
    let mut damaged = bytes.clone();
    // The length of the legacy_session_id: 32 at most.
    damaged[0].1[43] = 33;
    *damaged[1].1.last_mut().unwrap() ^= 1;
    connections.push(decode(&damaged, key_log));
    connections
}

#[test]
fn all_traces_of_rfc_8448_decode_and_every_byte_of_their_messages_is_in_one_field() {
    let vectors = Vectors::embedded().unwrap();
    for number in SECTIONS {
        let kind = format!("section {number}");
        let bytes = section(&vectors, number);
        let connection = decode(&bytes, &vectors.key_log(number));
        assert_eq!(connection.outcome, Outcome::Complete, "{kind}");
        assert_eq!(connection.problems, [], "{kind}");
        for message in &connection.messages {
            assert_eq!(message.malformed, None, "{kind}");
            check_leaves(&kind, message);
            check_pieces(&kind, &connection, message);
        }
        let records = vectors.records(number);
        assert_eq!(connection.records.len(), records.len(), "{kind}");
        for (record, expected) in connection.records.iter().zip(records) {
            assert_eq!(record.content_length, Some(expected.content.len()), "{kind}");
        }
        let cut = |it: &(Side, Vec<u8>)| it.1.iter().map(|byte| (it.0, vec![*byte])).collect();
        let bytewise: Vec<_> = bytes.iter().flat_map(|it| -> Vec<_> { cut(it) }).collect();
        for order in [
            one_after_the_other(&bytes, Side::Client),
            one_after_the_other(&bytes, Side::Server),
            bytewise,
        ] {
            let other = decode(&order, &vectors.key_log(number));
            for side in [Side::Client, Side::Server] {
                assert_eq!(
                    shown(&other.messages, side),
                    shown(&connection.messages, side),
                    "{kind}"
                );
            }
            assert_eq!(other.problems, [], "{kind}");
        }
    }
}

#[test]
fn recorded_bytes_give_the_messages_that_the_recorder_saw() {
    for Tapped { kind, client, server, bytes, key_log } in &all_kinds() {
        let connection = decode(bytes, key_log);
        let live = if *kind == "refused" { client } else { server };
        for side in [Side::Client, Side::Server] {
            let (mut found, expected) =
                (shown(&connection.messages, side), shown(&live.messages, side));
            if *kind == "refused" {
                found.truncate(expected.len());
            }
            assert_eq!(found, expected, "{kind}: from the {side:?}");
        }
        assert_eq!(connection.outcome, live.outcome, "{kind}");
        if *kind != "refused" {
            assert_eq!(connection.choices, client.choices, "{kind}");
        }
        assert_eq!(connection.certificates.len(), client.certificates.len(), "{kind}");
        assert_eq!(connection.sizes.client.bytes, client.sizes.client.bytes, "{kind}");
        assert_eq!(connection.sizes.server.data_bytes, client.sizes.server.data_bytes, "{kind}");
        let descriptions = |connection: &Connection| -> Vec<_> {
            connection.alerts.iter().map(|alert| (alert.sender, alert.description)).collect()
        };
        let (found, expected) = (descriptions(&connection), descriptions(live));
        assert!(expected.iter().all(|alert| found.contains(alert)), "{kind}: {found:?}");
        for message in &connection.messages {
            check_leaves(kind, message);
            check_pieces(kind, &connection, message);
        }
        if *kind != "early data that are rejected" {
            assert_eq!(connection.problems, [], "{kind}");
        }
    }
}

#[test]
fn without_secrets_the_account_has_what_is_in_clear() {
    for Tapped { kind, bytes, .. } in &all_kinds() {
        let connection = decode(bytes, "");
        let names: Vec<_> = connection.messages.iter().map(|it| it.name.as_str()).collect();
        assert!(names.contains(&"ClientHello") && names.contains(&"ServerHello"), "{kind}");
        assert!(connection.messages.iter().all(|it| it.level == MessageLevel::Initial), "{kind}");
        // The client's alert is known by its length.
        let expected = match *kind {
            "refused" => Outcome::ProbablyFailed,
            _ => Outcome::Encrypted,
        };
        assert_eq!(connection.outcome, expected, "{kind}");
        let closed = connection.records.iter().filter(|it| it.state == RecordState::NoKey);
        assert!(closed.count() > 0, "{kind}");
        let no_keys = |problem: &Problem| matches!(problem.kind, ProblemKind::NoKeys { .. });
        assert!(connection.problems.iter().all(no_keys), "{kind}: {:?}", connection.problems);
    }
}

/// The alerts of these are bad_certificate and certificate_expired, which do not say what is wrong with
/// which certificate.
#[test]
fn a_wrong_name_and_wrong_dates_are_found_in_the_certificates() {
    for (names, from, until, words, remedy) in [
        (
            ["other.example"],
            2000,
            3000,
            "the client asked for \"server.example\"; the server's certificate is for DNS:other.example",
            "have it issued with DNS:server.example",
        ),
        (["server.example"], 2000, 2010, "expired on 2010-01-01", "set the clock of the client"),
        (["server.example"], 2900, 3000, "is valid from 2900-01-01", "set the clock of the client"),
    ] {
        let identity = Identity::valid_in_years(names.map(String::from).to_vec(), from, until);
        let Tapped { bytes, key_log, client, server, .. } = refused_certificate(identity);
        for connection in [decode(&bytes, &key_log), client, server] {
            let alert = connection.alerts.last().unwrap();
            let found = words::findings_before(&connection, alert);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].what.contains(words), "{found:?}");
            assert!(found[0].remedy.contains(remedy), "{found:?}");
        }
    }
}

#[test]
fn a_failed_handshake_has_no_secrets_of_messages_that_were_not_sent() {
    let tapped = all_kinds();
    for Tapped { kind, bytes, key_log, .. } in &tapped {
        let has = |connection: &Connection, label: &str| {
            connection.key_schedule.iter().any(|node| node.label == label)
        };
        let connection = decode(bytes, key_log);
        assert!(has(&connection, "s ap traffic"), "{kind}");
        assert_eq!(has(&connection, "res master"), *kind != "refused", "{kind}");
        let connection = decode(bytes, "");
        assert!(has(&connection, "res master"), "{kind}: it may have been complete");
    }
    // The client ends it after ServerHello.
    let mut bytes = tapped[0].bytes[..1].to_vec();
    let mut first = tapped[0].bytes[1].1.clone();
    first.truncate(5 + usize::from(u16::from_be_bytes([first[3], first[4]])));
    bytes.extend([(Side::Server, first), (Side::Client, vec![21, 3, 3, 0, 2, 2, 47])]);
    let connection = decode(&bytes, "");
    assert_eq!(connection.outcome, Outcome::Failed);
    let labels: Vec<_> = connection.key_schedule.iter().map(|node| node.label.as_str()).collect();
    assert!(labels.contains(&"s hs traffic") && !labels.contains(&"s ap traffic"), "{labels:?}");
}

/// A certificate is compared with the time of a capture, and not with that of its reader.
#[test]
fn the_time_of_a_capture_is_the_one_that_dates_are_compared_with() {
    let identity = Identity::valid_in_years(vec!["server.example".into()], 2000, 2010);
    let Tapped { bytes, key_log, .. } = refused_certificate(identity);
    let secrets = Arc::new(KeyLogSecrets::parse(key_log.as_bytes()));
    let mut decoder = Decoder::new(options(), secrets);
    // In 2005.
    decoder.describe(None, None, Some(1_120_000_000_000_000_000));
    for (side, bytes) in &bytes {
        decoder.bytes(*side, None, bytes);
    }
    assert_eq!(decoder.finish().certificates[0].findings, []);
}

#[test]
fn the_search_for_a_path_is_in_the_account_of_a_reader_with_trust_anchors() {
    let expired = Identity::valid_in_years(vec!["server.example".into()], 2000, 2010);
    let good = Identity::valid_in_years(vec!["server.example".into()], 2000, 3000);
    let (of_expired, of_good) = (expired.anchors(), good.anchors());
    let (expired, good) = (refused_certificate(expired), refused_certificate(good));
    for (tapped, anchors, code, said) in [
        (&good, &of_good, None, "on the path"),
        (&good, &of_expired, Some("unknown-issuer"), "no trust anchor or intermediate"),
        (&expired, &of_expired, Some("expired"), "expired on 2010-01-01"),
    ] {
        let mut with_anchors = options();
        with_anchors.anchors = Some(Arc::new(anchors.clone()));
        let connection = decode_with(with_anchors, &tapped.bytes, &tapped.key_log);
        let search = connection.certificates[0].path_search.as_ref().unwrap();
        assert_eq!(search.error.as_ref().map(|error| error.code), code);
        assert_eq!(search.accepted, code.is_none());
        assert_eq!(search.attempts[0].certificate, Some(0));
        let mut attempts = search.attempts.iter().map(words::path_attempt);
        assert!(attempts.any(|attempt| attempt.contains(said)), "{search:?}");
        let verdict = words::path_verdict(search);
        assert_eq!(verdict.contains("do not accept it"), code.is_some(), "{verdict}");
    }
    assert_eq!(decode(&good.bytes, &good.key_log).certificates[0].path_search, None);
}

#[test]
fn what_is_not_seen_is_not_said_to_be_absent() {
    for Tapped { kind, bytes, .. } in &all_kinds() {
        let connection = decode(bytes, "");
        for choice in connection.choices.iter().filter(|choice| choice.chosen.is_none()) {
            let words = words::not_chosen(&connection, choice.subject);
            match choice.subject {
                ChoiceSubject::SignatureScheme | ChoiceSubject::ApplicationProtocol => {
                    assert!(
                        words == "not seen (encrypted)"
                            || words == "not needed with a pre-shared key",
                        "{kind}: {words}"
                    );
                }
                ChoiceSubject::PreSharedKey => assert_eq!(words, "none", "{kind}"),
                _ => {}
            }
        }
        let data = words::data_sent(&connection, Side::Server);
        assert_eq!(data, "the amount of data is not known (encrypted)", "{kind}");
    }
    let hello = decode(&all_kinds()[0].bytes[..1], "");
    assert_eq!(
        words::not_chosen(&hello, ChoiceSubject::Group),
        "not seen: there is no ServerHello"
    );
    assert_eq!(words::data_sent(&hello, Side::Client), "0 bytes of data");
}

#[test]
fn a_secret_of_application_data_alone_opens_them() {
    let Tapped { bytes, key_log, .. } = all_kinds().swap_remove(0);
    let lines = key_log.lines().filter(|line| line.contains("TRAFFIC_SECRET_0"));
    let connection = decode(&bytes, &lines.collect::<Vec<_>>().join("\n"));
    assert!(connection.sizes.client.data_bytes > 0 && connection.sizes.server.data_bytes > 0);
    assert!(connection.message("NewSessionTicket").is_some());
    assert!(connection.message("Certificate").is_none());
}

#[test]
fn a_resumed_connection_names_the_ticket() {
    let tapped = all_kinds();
    let mut tickets = Tickets::default();
    let mut linked = Vec::new();
    for (index, Tapped { kind, bytes, key_log, .. }) in tapped.iter().enumerate() {
        let mut connection = decode(bytes, key_log);
        connection.number = index as u64 + 1;
        tickets.link(&mut connection);
        if let Some(origin) = connection.resumed_from {
            assert!(origin.connection <= index as u64);
            linked.push(*kind);
        }
    }
    assert_eq!(linked, ["resumed, with a KeyUpdate", "early data", "early data that are rejected"]);
}

#[test]
fn cut_bytes_are_explained_up_to_their_end() {
    let Tapped { bytes, key_log, .. } = all_kinds().swap_remove(0);
    let whole = decode(&bytes, &key_log);
    let total: usize = bytes.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut most = 0;
    for end in (0..total).step_by(7) {
        let (mut left, mut cut) = (end, Vec::new());
        for (side, bytes) in &bytes {
            let count = left.min(bytes.len());
            cut.push((*side, bytes[..count].to_vec()));
            left -= count;
        }
        let connection = decode(&cut, &key_log);
        assert!(connection.messages.len() >= most, "{end}");
        most = connection.messages.len();
        for (found, expected) in connection.messages.iter().zip(&whole.messages) {
            assert_eq!(found.bytes, expected.bytes, "{end}");
        }
    }
    assert!(most > 6);
}

#[test]
fn damaged_bytes_never_panic_and_are_named() {
    let tapped = all_kinds();
    let mut damaged = 0;
    for Tapped { kind, bytes, key_log, .. } in &tapped {
        let total: usize = bytes.iter().map(|(_, bytes)| bytes.len()).sum();
        for place in (0..total).step_by(97) {
            let mut changed = bytes.clone();
            let mut left = place;
            for (_, bytes) in &mut changed {
                if left < bytes.len() {
                    bytes[left] ^= 0x41;
                    break;
                }
                left -= bytes.len();
            }
            let connection = decode(&changed, key_log);
            for message in &connection.messages {
                check_leaves(kind, message);
            }
            damaged += usize::from(!connection.problems.is_empty());
        }
    }
    assert!(damaged > 100, "{damaged}");
}

/// Bytes that are missing in what a side has sent.
#[derive(Clone, Copy, Debug)]
struct Gap {
    sender: Side,
    start: usize,
    length: usize,
}

impl Gap {
    fn end(&self) -> usize {
        self.start + self.length
    }

    /// Decodes what is left of the bytes.
    fn decode(&self, bytes: &[(Side, Vec<u8>)], key_log: &str) -> Connection {
        let secrets = Arc::new(KeyLogSecrets::parse(key_log.as_bytes()));
        let mut decoder = Decoder::new(options(), secrets);
        let mut place = 0;
        for (side, bytes) in bytes {
            if *side != self.sender {
                decoder.bytes(*side, None, bytes);
                continue;
            }
            let start = self.start.saturating_sub(place).min(bytes.len());
            let end = self.end().saturating_sub(place).min(bytes.len());
            decoder.bytes(*side, None, &bytes[..start]);
            if start < end {
                decoder.gap(*side, Some((end - start) as u64));
            }
            decoder.bytes(*side, None, &bytes[end..]);
            place += bytes.len();
        }
        decoder.finish()
    }

    /// The records that are not touched by it.
    fn others<'c>(&self, connection: &'c Connection) -> Vec<&'c Record> {
        let mut others = Vec::new();
        for record in &connection.records {
            let (start, end) = (record.offset as usize, record.offset as usize + record.length);
            let is_touched = start < self.end() && end > self.start;
            if record.sender != self.sender || !is_touched {
                others.push(record);
            }
        }
        others
    }
}

/// What is known of a record however many others are missing.
fn facts(record: &Record) -> String {
    let Record { sender, offset, length, sequence, state, content_length, .. } = record;
    format!("{sender:?} {offset} {length} {sequence:?} {state:?} {content_length:?}")
}

/// How many bytes the account says are missing.
fn missing(connection: &Connection) -> u64 {
    let lengths = connection.problems.iter().map(|problem| match problem.kind {
        ProblemKind::Gap { length } => length.unwrap_or_default(),
        _ => 0,
    });
    lengths.sum()
}

#[test]
fn records_and_messages_behind_a_gap_are_decoded() {
    let (mut gaps, mut kept) = (0, 0);
    for Tapped { kind, bytes, key_log, .. } in all_kinds() {
        let whole = decode(&bytes, &key_log);
        let hello = bytes[0].1.len();
        for (sender, first) in [(Side::Client, hello), (Side::Server, 0)] {
            let sent = bytes.iter().filter(|(side, _)| *side == sender);
            let count: usize = sent.map(|(_, bytes)| bytes.len()).sum();
            for (start, length) in (first..count).step_by(131).zip([1, 60, 500].into_iter().cycle())
            {
                let gap = Gap { sender, start, length: length.min(count - start) };
                let connection = gap.decode(&bytes, &key_log);
                let about = format!("{kind}: {gap:?}");
                let expected: Vec<_> = gap.others(&whole).into_iter().map(facts).collect();
                let mut found: Vec<_> = connection.records.iter().map(facts).collect();
                found.retain(|record| expected.contains(record));
                assert_eq!(found.len(), expected.len(), "{about}: {:?}", connection.records);
                assert_eq!(connection.records.len(), expected.len(), "{about}");
                for message in &connection.messages {
                    let is_there = whole.messages.iter().any(|it| it.bytes == message.bytes);
                    assert!(is_there, "{about}: {}", message.name);
                    check_pieces(&about, &connection, message);
                }
                assert_eq!(missing(&connection), gap.length as u64, "{about}");
                (gaps, kept) = (gaps + 1, kept + connection.messages.len());
            }
        }
    }
    // Each gap is in a message or two, if in any.
    assert!(gaps > 100 && kept > 6 * gaps, "{kept} messages behind {gaps} gaps");
}

#[test]
fn a_gap_of_unknown_length_ends_a_direction() {
    let Tapped { bytes, key_log, .. } = all_kinds().swap_remove(0);
    let secrets = Arc::new(KeyLogSecrets::parse(key_log.as_bytes()));
    let mut decoder = Decoder::new(options(), secrets);
    decoder.bytes(Side::Client, None, &bytes[0].1);
    decoder.gap(Side::Server, None);
    decoder.bytes(Side::Server, None, &bytes[1].1);
    let connection = decoder.finish();
    assert_eq!(connection.records.len(), 1);
    assert_eq!(connection.problems[0].kind, ProblemKind::Gap { length: None });
}

#[test]
fn what_follows_a_damaged_record_is_decoded() {
    let Tapped { mut bytes, key_log, .. } = all_kinds().swap_remove(0);
    let whole = decode(&bytes, &key_log);
    let record = whole.records.iter().rfind(|record| record.sender == Side::Server).unwrap();
    let mut of_server = whole.records.iter().filter(|record| record.sender == Side::Server);
    let ticket = of_server.rfind(|it| it.offset < record.offset).unwrap();
    let mut place = ticket.offset as usize + 20;
    for (_, bytes) in bytes.iter_mut().filter(|(side, _)| *side == Side::Server) {
        if place < bytes.len() {
            bytes[place] ^= 1;
            break;
        }
        place -= bytes.len();
    }
    let connection = decode(&bytes, &key_log);
    let states = |connection: &Connection| -> Vec<_> {
        connection.records.iter().map(|record| (record.state, record.sequence)).collect()
    };
    let (found, mut expected) = (states(&connection), states(&whole));
    let damaged = whole.records.iter().position(|it| it == ticket).unwrap();
    expected[damaged] = (RecordState::DoesNotDecrypt, None);
    assert_eq!(found, expected);
}

#[test]
fn other_protocols_are_named() {
    let http = vec![(Side::Client, b"GET / HTTP/1.1\r\n\r\n".to_vec())];
    let connection = decode(&http, "");
    assert_eq!(connection.outcome, Outcome::NotTls);
    let [problem] = connection.problems.as_slice() else { panic!("{:?}", connection.problems) };
    let ProblemKind::NotRecords { protocol: Some(protocol) } = &problem.kind else { panic!() };
    assert!(protocol.contains("HTTP"), "{protocol}");
}
