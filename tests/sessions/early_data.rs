//! 0-RTT data: accepted, refused, passed over, bounded, and never taken twice.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription;
use handclasp::connection::Received;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, EarlyData, Question};
use handclasp::key_log::KeyLog;
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::UnixTime;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::CipherSuiteId;
use handclasp::session::{
    AntiReplay, ClientHelloRecord, EarlyDataTerms, MemorySessions, ReplayCheck, StrikeRegister,
};
use handclasp::{AnswerLater, ClientConnection, Connection, Reply, ServerConfig, ServerConnection};
use handclasp_testing::narrow_provider;
use handclasp_testing::sessions::{
    self, Forgetful, KeepsRecord, Pair, append_outgoing, before, client as client_at, early_data,
    server_at, talk, time,
};

const WORDS: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// What became of the data, as both sides say.
fn outcome(client: &Connection, server: &Connection) -> EarlyData {
    let outcome = client.parameters().early_data;
    assert_eq!(outcome, server.parameters().early_data);
    outcome
}

/// A client sends its words as 0-RTT data to a server. Accepted or not, data flow both
/// ways afterwards.
fn early(client: &mut ClientConnection, config: &Arc<ServerConfig>, at: u64) -> EarlyData {
    assert_eq!(client.write_early_data(WORDS).unwrap(), WORDS.len());
    let mut server = server_at(config, at);
    let first = talk(client, &mut server).checked();
    let accepted = outcome(client, &server) == EarlyData::Accepted;
    assert_eq!(first.early, if accepted { WORDS } else { b"" });
    assert_eq!(first.to_server, b"");
    assert_eq!(client.write_early_data(WORDS).unwrap(), 0, "it is too late");
    client.write(b"late").unwrap();
    server.write(b"answer").unwrap();
    let second = talk(client, &mut server).checked();
    assert_eq!((&second.to_server[..], &second.to_client[..]), (&b"late"[..], &b"answer"[..]));
    outcome(client, &server)
}

#[test]
fn early_data_are_accepted_marked_and_answered_at_once() {
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(1000));
    pair.meet(&config);
    let (mut client, mut server) = (pair.client(1), server_at(&config, 1));
    assert_eq!(client.parameters().early_data, EarlyData::Offered);
    client.write_early_data(WORDS).unwrap();
    let mut to_server = Vec::new();
    append_outgoing(&mut client, &mut to_server);
    assert_eq!(early_data(&mut server, &mut to_server), WORDS);
    // The server answers before it has the client's Finished.
    assert!(server.is_handshaking());
    server.write(b"the answer").unwrap();
    let [mut ours, mut theirs] = [[0; 40]; 2];
    client.export_early_keying_material("label", b"context", &mut ours).unwrap();
    server.export_early_keying_material("label", b"context", &mut theirs).unwrap();
    assert_eq!(ours, theirs);
    client.write_early_data(b"more").unwrap();
    let rest = talk(&mut client, &mut server).checked();
    assert_eq!((&rest.early[..], &rest.to_client[..]), (&b"more"[..], &b"the answer"[..]));
    assert_eq!(outcome(&client, &server), EarlyData::Accepted);
    client.export_keying_material("label", b"context", &mut theirs).unwrap();
    assert_ne!(ours, theirs);
}

#[test]
fn early_data_work_with_every_suite_and_with_tickets_in_memory() {
    for suite in 0..3 {
        let pair = Pair::new();
        let sessions = Arc::new(MemorySessions::new(8, CryptoProvider::default().random));
        let builder = pair.server_with(narrow_provider(suite, 0)).sessions(sessions);
        let config = pair.finish(builder.early_data(1000, pair.register.clone()));
        pair.meet(&config);
        assert_eq!(early(&mut pair.client(1), &config, 1), EarlyData::Accepted);
    }
}

#[test]
fn early_data_are_off_on_both_sides_unless_asked_for() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    let mut client = pair.client(1);
    assert_eq!(client.write_early_data(WORDS).unwrap(), 0, "the ticket allows none");
    assert_eq!(client.parameters().early_data, EarlyData::NotOffered);

    pair.meet(&pair.finish(pair.early_server(1000)));
    let mut client = sessions::client(pair.client_builder().early_data(false), 1);
    assert_eq!(client.write_early_data(WORDS).unwrap(), 0);
    let mut output = [0; 8];
    assert!(client.export_early_keying_material("label", b"", &mut output).is_err());
}

#[test]
fn a_server_that_takes_none_any_more_passes_over_them() {
    let pair = Pair::new();
    pair.meet(&pair.finish(pair.early_server(1000)));
    let config = pair.finish(pair.server_builder());
    let mut client = pair.client(1);
    assert_eq!(early(&mut client, &config, 1), EarlyData::Rejected);
    assert!(client.parameters().pre_shared_key.is_some(), "but it resumes");
    // A server without the ticket's key does not even resume.
    pair.meet(&pair.finish(pair.early_server(1000)));
    let config = pair.finish(pair.early_server(1000).sessions(sessions::ticket_keys()));
    let mut client = pair.client(1);
    assert_eq!(early(&mut client, &config, 1), EarlyData::Rejected);
    assert!(client.parameters().pre_shared_key.is_none());
}

#[test]
fn early_data_before_a_hello_retry_request_are_passed_over_not_read() {
    // s2n #2824: early data after a HelloRetryRequest were read as plaintext.
    let pair = Pair::new();
    pair.meet(&pair.finish(pair.early_server(1000)));
    let builder = pair.server_with(narrow_provider(0, 1));
    let config = pair.finish(builder.early_data(1000, pair.register.clone()));
    let mut client = pair.client(1);
    assert_eq!(early(&mut client, &config, 1), EarlyData::Rejected);
    let parameters = client.parameters();
    assert!(parameters.retried && parameters.pre_shared_key.is_some());
    let mut output = [0; 8];
    assert!(client.export_early_keying_material("label", b"", &mut output).is_err());
}

/// What a client with 0-RTT data sends first.
fn first_flight(client: &mut ClientConnection) -> Vec<u8> {
    client.write_early_data(WORDS).unwrap();
    let mut flight = Vec::new();
    append_outgoing(client, &mut flight);
    flight
}

/// Gives a flight to a server, and returns what it made of it.
fn replay(flight: &[u8], config: &Arc<ServerConfig>, at: u64) -> (EarlyData, Vec<u8>) {
    replay_to(server_at(config, at), flight)
}

fn replay_to(mut server: ServerConnection, flight: &[u8]) -> (EarlyData, Vec<u8>) {
    let early = early_data(&mut server, &mut flight.to_vec());
    (server.parameters().early_data, early)
}

#[test]
fn replayed_early_data_are_refused_by_every_server_that_shares_the_register() {
    // wolfSSL #10197, quiche #2678: replays within one process and beyond.
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(1000));
    pair.meet(&config);
    let flight = first_flight(&mut pair.client(1));
    assert_eq!(replay(&flight, &config, 1), (EarlyData::Accepted, WORDS.to_vec()));
    assert_eq!(replay(&flight, &config, 2), (EarlyData::Rejected, vec![]));
    let other = pair.finish(pair.early_server(1000));
    assert_eq!(replay(&flight, &other, 2), (EarlyData::Rejected, vec![]));
    // Another register has not seen it, and takes no data under tickets of other registers. The time
    // at which it began does not matter.
    for began in [before(), time(0), time(1), time(2)] {
        let alone = pair.server_builder().early_data(1000, Arc::new(StrikeRegister::new(began)));
        assert_eq!(replay(&flight, &pair.finish(alone), 2).0, EarlyData::Rejected);
    }
    // After the window the age gives it away.
    let forgetful = pair.server_builder().early_data(1000, Arc::new(Forgetful));
    let forgetful = pair.finish(forgetful);
    assert_eq!(replay(&flight, &forgetful, 9).0, EarlyData::Accepted);
    assert_eq!(replay(&flight, &forgetful, 13).0, EarlyData::Rejected);
}

#[test]
fn a_connection_of_an_earlier_time_does_not_bring_back_what_was_forgotten_since() {
    // An attacker connects, waits, and sends what was seen on the wire when the register is empty
    // again: by the clock of that connection it is fresh still.
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(1000));
    pair.meet(&config);
    let flight = first_flight(&mut pair.client(1));
    let waiting = [server_at(&config, 1), server_at(&config, 1), server_at(&config, 1)];
    assert_eq!(replay(&flight, &config, 1).0, EarlyData::Accepted);
    for (server, at) in waiting.into_iter().zip([100, 200, 300]) {
        assert_eq!(early(&mut pair.client(at), &config, at), EarlyData::Accepted);
        assert_eq!(replay_to(server, &flight), (EarlyData::Rejected, vec![]), "{at}");
    }
}

#[test]
fn a_ticket_whose_age_is_not_what_it_should_be_resumes_without_early_data() {
    for (server_at, window, outcome) in [
        (100, 10, EarlyData::Accepted),
        (109, 10, EarlyData::Accepted),
        (115, 10, EarlyData::Rejected),
        (85, 10, EarlyData::Rejected),
        (115, 20, EarlyData::Accepted),
    ] {
        let pair = Pair::new();
        let config = pair.finish(pair.early_server(1000).early_data_window(window));
        pair.meet(&config);
        let mut client = pair.client(100);
        assert_eq!(early(&mut client, &config, server_at), outcome, "{server_at}");
        assert!(client.parameters().pre_shared_key.is_some());
    }
}

#[test]
fn a_register_remembers_while_a_hello_is_fresh_and_says_no_when_it_is_full() {
    let register = StrikeRegister::with_capacity(before(), 3);
    let strike = |id: u8, until: Option<u64>| {
        let mut offer = sample();
        offer.id = [id; 32];
        offer.fresh_until = until.map(time);
        offer
    };
    let check = |strike: ClientHelloRecord, now| match register.check_and_record(&strike, time(now))
    {
        Reply::Now(checked) => checked,
        Reply::Later => panic!("it answers at once"),
    };
    for id in 0..3 {
        assert_eq!(check(strike(id, Some(20)), 1), ReplayCheck::New);
        assert_eq!(check(strike(id, Some(20)), 20), ReplayCheck::Seen);
    }
    let more = (10..40).map(|id| check(strike(id, Some(20)), 5));
    let more: Vec<_> = more.skip_while(|checked| *checked == ReplayCheck::New).collect();
    assert!(more.len() >= 27, "two generations at most");
    assert!(more.iter().all(|checked| *checked == ReplayCheck::Unknown), "it is full: {more:?}");
    assert_eq!(check(strike(50, Some(80)), 60), ReplayCheck::New, "the old ones are stale");
    assert_eq!(check(strike(51, None), 60), ReplayCheck::New);
    for later in [61, 1000, 100_000] {
        assert_eq!(check(strike(51, None), later), ReplayCheck::Seen, "{later}");
    }
}

/// A strike of a real connection: others are made of it.
fn sample() -> ClientHelloRecord {
    let (pair, keep) = (Pair::new(), Arc::new(KeepsRecord::default()));
    let config = pair.finish(pair.server_builder().early_data(1000, keep.clone()));
    pair.meet(&config);
    assert_eq!(early(&mut pair.client(1), &config, 1), EarlyData::Rejected);
    keep.last()
}

#[test]
fn another_application_protocol_or_suite_refuses_early_data_and_resumes() {
    let pair = Pair::new();
    let protocols = ["test/2", "test/1"];
    let config = pair.finish(pair.early_server(1000).application_protocols(protocols));
    let client_of = |protocols: &[&str], at| {
        let protocols = protocols.iter().map(|it| it.as_bytes());
        client_at(pair.client_builder().application_protocols(protocols), at)
    };
    talk(&mut client_of(&["test/1"], 0), &mut server_at(&config, 0)).checked();
    let mut same = client_of(&["test/1"], 1);
    assert_eq!(early(&mut same, &config, 1), EarlyData::Accepted);
    let mut other = client_of(&["test/1", "test/2"], 2);
    assert_eq!(early(&mut other, &config, 2), EarlyData::Rejected);
    assert!(other.parameters().pre_shared_key.is_some());
    let without = client_of(&["test/3"], 3);
    assert_eq!(without.parameters().early_data, EarlyData::NotOffered, "it speaks another one");

    let pair = Pair::new();
    pair.meet(&pair.finish(pair.early_server(1000)));
    let mut provider = CryptoProvider::default();
    provider.cipher_suites.reverse();
    provider.cipher_suites.retain(|suite| suite.hash.output_length() == 32);
    let builder = pair.server_with(provider).early_data(1000, pair.register.clone());
    let mut client = pair.client(1);
    assert_eq!(early(&mut client, &pair.finish(builder), 1), EarlyData::Rejected);
    let parameters = client.parameters();
    assert_eq!(parameters.cipher_suite, Some(CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256));
    assert!(parameters.pre_shared_key.is_some());
}

#[test]
fn a_client_sends_no_more_than_the_ticket_allows() {
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(100));
    pair.meet(&config);
    let (mut client, mut server) = (pair.client(1), server_at(&config, 1));
    assert_eq!(client.write_early_data(&[7; 60]).unwrap(), 60);
    assert_eq!(client.write_early_data(&[7; 60]).unwrap(), 40);
    assert_eq!(client.write_early_data(&[7; 60]).unwrap(), 0);
    assert_eq!(talk(&mut client, &mut server).checked().early, [7; 100]);
}

#[test]
fn a_record_size_limit_binds_what_comes_after_it() {
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(5000).record_size_limit(Some(64)));
    pair.meet(&config);
    let (mut client, mut server) = (pair.client(1), server_at(&config, 1));
    assert_eq!(client.write_early_data(&[7; 3000]).unwrap(), 3000);
    let first = talk(&mut client, &mut server).checked();
    assert_eq!(first.early, [7; 3000], "the client could not know");
    client.write(&[8; 3000]).unwrap();
    let records = client.outgoing().len() / (5 + 64 + 16);
    assert_eq!(records, 3000 / 63);
    assert_eq!(talk(&mut client, &mut server).checked().to_server, [8; 3000]);
}

fn external(max_size: u32) -> PreSharedKey {
    let suite = CipherSuiteId::TLS_AES_128_GCM_SHA256;
    sessions::shared_key().early_data(EarlyDataTerms::new(max_size, suite))
}

/// A client and a server that share a key, which disagree about how much may be sent under it.
fn sharing(theirs: u32, ours: u32) -> (Pair, ClientConnection, Arc<ServerConfig>) {
    let pair = Pair::new();
    let keys = Arc::new(PskList::new(vec![external(ours)]));
    let config = pair.finish(pair.early_server(ours).pre_shared_keys(keys));
    let client = client_at(pair.client_builder().pre_shared_keys(vec![external(theirs)]), 1);
    (pair, client, config)
}

#[test]
fn early_data_beyond_the_limit_end_the_connection() {
    let (_pair, mut client, config) = sharing(200, 100);
    assert_eq!(client.write_early_data(&[7; 101]).unwrap(), 101);
    let error = talk(&mut client, &mut server_at(&config, 1)).error.unwrap();
    assert_eq!(error.alert_sent(), Some(AlertDescription::UNEXPECTED_MESSAGE), "{error}");
}

#[test]
fn early_data_are_not_taken_under_another_key_than_the_first() {
    // Section 4.3.10: they are protected with the ticket's key, which this server cannot open; the
    // second key would allow them.
    let (pair, _, _) = sharing(100, 100);
    pair.meet(&pair.finish(pair.early_server(100)));
    let keys = Arc::new(PskList::new(vec![external(100)]));
    let other = pair.early_server(100).sessions(sessions::ticket_keys()).pre_shared_keys(keys);
    let builder = pair.client_builder().pre_shared_keys(vec![external(100)]);
    let mut client = client_at(builder, 1);
    assert_eq!(early(&mut client, &pair.finish(other), 1), EarlyData::Rejected);
    assert!(client.parameters().pre_shared_key.is_some());
}

/// A client that offers a ticket and, second, a key that was agreed on elsewhere, which its server
/// has, too.
fn with_two_keys() -> (Pair, ClientConnection, Arc<ServerConfig>) {
    let pair = Pair::new();
    let keys = Arc::new(PskList::new(vec![external(100)]));
    let config = pair.finish(pair.early_server(100).pre_shared_keys(keys));
    pair.meet(&config);
    let client = client_at(pair.client_builder().pre_shared_keys(vec![external(100)]), 1);
    (pair, client, config)
}

#[test]
fn early_data_are_under_the_first_of_several_keys() {
    let (_pair, mut client, config) = with_two_keys();
    assert_eq!(early(&mut client, &config, 1), EarlyData::Accepted);
    assert_eq!(client.parameters().pre_shared_key, Some(PskKind::Resumption));
}

#[test]
fn a_replay_with_another_binder_of_a_key_that_was_not_chosen_is_a_replay() {
    // Section 8.2: the server checks the binder of the chosen key, and anyone can change the others.
    let (_pair, mut client, config) = with_two_keys();
    let flight = first_flight(&mut client);
    assert_eq!(replay(&flight, &config, 1), (EarlyData::Accepted, WORDS.to_vec()));
    let hello_ends = 5 + usize::from(u16::from_be_bytes([flight[3], flight[4]]));
    let mut changed = flight[..hello_ends].to_vec();
    changed[hello_ends - 1] ^= 1;
    assert_eq!(replay(&changed, &config, 1), (EarlyData::Rejected, vec![]));
}

#[test]
fn early_data_under_a_key_agreed_on_elsewhere_are_taken_only_once() {
    let (_pair, mut client, config) = sharing(100, 100);
    let flight = first_flight(&mut client);
    assert_eq!(replay(&flight, &config, 1), (EarlyData::Accepted, WORDS.to_vec()));
    for at in [1, 100, 10_000] {
        assert_eq!(replay(&flight, &config, at), (EarlyData::Rejected, vec![]));
    }
}

#[test]
fn whether_to_accept_can_be_answered_later() {
    let cases = [
        (Answer::EarlyData(true), true),
        (Answer::EarlyData(false), false),
        (Answer::Unavailable("the policy is elsewhere".into()), false),
    ];
    for (answer, accept) in cases {
        let pair = Pair::new();
        let config = pair.finish(pair.early_server(1000).early_data_policy(Arc::new(AnswerLater)));
        pair.meet(&config);
        let (mut client, mut server) = (pair.client(1), server_at(&config, 1));
        let mut bytes = first_flight(&mut client);
        let (consumed, _) = server.receive(&mut bytes).unwrap();
        bytes.drain(..consumed);
        let Some(Question::AcceptEarlyData(question)) = server.question() else { panic!() };
        assert_eq!(question.offer.server_name.as_deref(), Some(handclasp_testing::NAME));
        assert!(question.client_hello().unwrap().early_data);
        assert!(
            handclasp_testing::answer(&mut server, Answer::Psk(None)).is_err(),
            "another question's"
        );
        handclasp_testing::answer(&mut server, answer).unwrap();
        let early = early_data(&mut server, &mut bytes);
        talk(&mut client, &mut server).checked();
        assert_eq!(early, if accept { WORDS } else { b"" });
        let accepted = outcome(&client, &server) == EarlyData::Accepted;
        assert_eq!(accepted, accept);
    }
}

#[test]
fn accepted_early_data_that_were_changed_or_not_ended_fail() {
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(1000));
    pair.meet(&config);
    let mut client = pair.client(1);
    let mut flight = first_flight(&mut client);
    let last = flight.len() - 1;
    flight[last] ^= 1;
    let mut server = server_at(&config, 1);
    let error = loop {
        match server.receive(&mut flight) {
            Ok((consumed, _)) => drop(flight.drain(..consumed)),
            Err(error) => break error,
        }
    };
    assert_eq!(error.alert_sent(), Some(AlertDescription::BAD_RECORD_MAC));

    // Without EndOfEarlyData, Finished comes under keys that are not there yet.
    let (mut client, mut server) = (pair.client(2), server_at(&config, 2));
    let mut bytes = first_flight(&mut client);
    while !bytes.is_empty() {
        let (consumed, _) = server.receive(&mut bytes).unwrap();
        bytes.drain(..consumed);
    }
    append_outgoing(&mut server, &mut bytes);
    while !bytes.is_empty() {
        let (consumed, _) = client.receive(&mut bytes).unwrap();
        bytes.drain(..consumed);
    }
    append_outgoing(&mut client, &mut bytes);
    // The first record is EndOfEarlyData: four bytes, a type, a tag.
    let mut without = bytes.split_off(5 + 4 + 1 + 16);
    let error = server.receive(&mut without).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::BAD_RECORD_MAC));
}

#[test]
fn the_key_log_has_the_early_secrets() {
    #[derive(Debug, Default)]
    struct Labels(Mutex<Vec<String>>);
    impl KeyLog for Labels {
        fn log(&self, label: &str, _: &[u8; 32], _: &[u8]) {
            self.0.lock().unwrap().push(label.to_owned());
        }
    }
    let (pair, labels) = (Pair::new(), Arc::new(Labels::default()));
    let config = pair.finish(pair.early_server(1000).key_log(labels.clone()));
    pair.meet(&config);
    assert_eq!(early(&mut pair.client(1), &config, 1), EarlyData::Accepted);
    let labels = labels.0.lock().unwrap();
    for label in ["CLIENT_EARLY_TRAFFIC_SECRET", "EARLY_EXPORTER_SECRET"] {
        assert_eq!(labels.iter().filter(|it| *it == label).count(), 1, "{labels:?}");
    }
}

#[test]
fn nothing_comes_after_a_failure_in_early_data_but_the_same_error() {
    let (_pair, mut client, config) = sharing(200, 100);
    client.write_early_data(&[7; 60]).unwrap();
    client.write_early_data(&[7; 60]).unwrap();
    client.write_early_data(&[7; 10]).unwrap();
    let mut bytes = Vec::new();
    append_outgoing(&mut client, &mut bytes);
    let (mut server, mut data) = (server_at(&config, 1), 0);
    let error = loop {
        match server.receive(&mut bytes) {
            Ok((consumed, received)) => {
                if let Received::EarlyData(early) = received {
                    data += early.len();
                }
                bytes.drain(..consumed);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(data, 60);
    assert_eq!(server.receive(&mut bytes).unwrap_err(), error);
    assert_eq!(server.write(b"data").unwrap_err(), error);
    let mut output = [0; 8];
    assert_eq!(server.export_early_keying_material("label", b"", &mut output), Err(error));
}

#[test]
fn tickets_of_a_later_time_have_that_time() {
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(1000).tickets(0));
    let (mut client, mut server) = (pair.client(0), server_at(&config, 0));
    talk(&mut client, &mut server).checked();
    let later = UnixTime::since_unix_epoch(Duration::from_secs(time(500).as_secs()));
    client.set_time(later);
    server.set_time(later);
    server.send_tickets(1).unwrap();
    talk(&mut client, &mut server).checked();
    assert_eq!(early(&mut pair.client(502), &config, 502), EarlyData::Accepted);
}
