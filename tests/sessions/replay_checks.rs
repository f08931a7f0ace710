//! 0-RTT data where the register of ClientHellos is elsewhere, and answers later.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use handclasp::connection::{Options, Received};
use handclasp::handshake::{Answer, EarlyData, Question};
use handclasp::key_schedule::PskKind;
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::UnixTime;
use handclasp::session::{
    AntiReplay, ClientHelloRecord, EarlyDataOffer, EarlyDataPolicy, ReplayCheck, StrikeRegister,
    Zone,
};
use handclasp::{
    AnswerLater, ClientConnection, Connection, ErrorKind, Reply, ServerConfig, ServerConnection,
};
use handclasp_testing::sessions::{
    KeepsRecord, Pair, RegisterElsewhere, append_outgoing, before, client, early_data, server_at,
    talk, time,
};

const WORDS: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// What a client with 0-RTT data sends first.
fn first_flight(client: &mut ClientConnection) -> Vec<u8> {
    assert_eq!(client.write_early_data(WORDS).unwrap(), WORDS.len());
    let mut flight = Vec::new();
    append_outgoing(client, &mut flight);
    flight
}

/// A server that has got the ClientHello of the flight. The rest of the flight stays in it.
fn waiting(config: &Arc<ServerConfig>, flight: &mut Vec<u8>) -> ServerConnection {
    let mut server = server_at(config, 1);
    let (consumed, _) = server.receive(flight).unwrap();
    flight.drain(..consumed);
    server
}

fn is_asked(server: &Connection) -> bool {
    matches!(server.question(), Some(Question::CheckReplay(_)))
}

/// Gives this reply, and counts.
#[derive(Debug)]
struct Replies {
    reply: Reply<ReplayCheck>,
    count: Mutex<usize>,
}

impl AntiReplay for Replies {
    fn check_and_record(&self, _: &ClientHelloRecord, _: UnixTime) -> Reply<ReplayCheck> {
        *self.count.lock().unwrap() += 1;
        self.reply.clone()
    }
}

#[test]
fn early_data_are_accepted_with_the_answer_new_only_and_the_handshake_goes_on_with_each() {
    let unavailable = || Answer::Unavailable("the database is down".into());
    let cases = [
        (Reply::Now(ReplayCheck::New), None, true),
        (Reply::Now(ReplayCheck::Seen), None, false),
        (Reply::Now(ReplayCheck::Unknown), None, false),
        (Reply::Later, Some(Answer::ReplayCheck(ReplayCheck::New)), true),
        (Reply::Later, Some(Answer::ReplayCheck(ReplayCheck::Seen)), false),
        (Reply::Later, Some(Answer::ReplayCheck(ReplayCheck::Unknown)), false),
        (Reply::Later, Some(unavailable()), false),
    ];
    for (reply, answer, accepted) in cases {
        let pair = Pair::new();
        let register = Arc::new(Replies { reply, count: Mutex::default() });
        let config = pair.finish(pair.server_builder().early_data(1000, register.clone()));
        pair.meet(&config);
        let mut client = pair.client(1);
        let mut flight = first_flight(&mut client);
        let mut server = waiting(&config, &mut flight);
        assert_eq!(is_asked(&server), answer.is_some());
        if let Some(answer) = answer {
            handclasp_testing::answer(&mut server, answer).unwrap();
        }
        assert!(server.question().is_none());
        let early = early_data(&mut server, &mut flight);
        assert_eq!(early, if accepted { WORDS } else { b"" });
        talk(&mut client, &mut server).checked();
        assert!(!client.is_handshaking() && !server.is_handshaking());
        let expected = if accepted { EarlyData::Accepted } else { EarlyData::Rejected };
        for end in [&*client, &*server] {
            assert_eq!(end.parameters().early_data, expected);
            assert_eq!(end.parameters().pre_shared_key, Some(PskKind::Resumption));
        }
        assert_eq!(*register.count.lock().unwrap(), 1, "it is asked once");
    }
}

/// Keeps why 0-RTT data were refused, and the questions.
#[derive(Clone, Debug, Default)]
struct Reasons(Arc<Mutex<Vec<String>>>);

impl Observer for Reasons {
    fn event(&mut self, event: &Event<'_>) {
        let text = match event {
            Event::NotTaken(_, reason) => (*reason).to_owned(),
            Event::Waiting(question) => format!("waits: {question}"),
            _ => return,
        };
        self.0.lock().unwrap().push(text);
    }
}

#[test]
fn an_observer_learns_that_the_register_was_asked_and_whether_it_was_a_replay() {
    for (answer, expected) in [
        (ReplayCheck::Seen, "the register has seen this ClientHello"),
        (ReplayCheck::Unknown, "the register cannot know whether it has seen this ClientHello"),
    ] {
        let (pair, register) = (Pair::new(), RegisterElsewhere::new());
        let config = pair.finish(pair.server_builder().early_data(1000, register));
        pair.meet(&config);
        let reasons = Reasons::default();
        let observer: Option<Box<dyn Observer>> = Some(Box::new(reasons.clone()));
        let mut options = Options::new(time(1));
        options.observer = observer;
        let mut server = ServerConnection::with_options(config, options);
        server.receive(&mut first_flight(&mut pair.client(1))).unwrap();
        handclasp_testing::answer(&mut server, Answer::ReplayCheck(answer)).unwrap();
        let seen = reasons.0.lock().unwrap();
        let [waits, refused] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(waits, "waits: check replay");
        assert!(refused.starts_with(expected), "{refused}");
    }
}

#[test]
fn of_servers_that_ask_one_register_at_once_one_accepts() {
    let (pair, register) = (Pair::new(), RegisterElsewhere::new());
    let config = pair.finish(pair.server_builder().early_data(1000, register.clone()));
    pair.meet(&config);
    let flight = first_flight(&mut pair.client(1));
    let mut servers: Vec<_> = (0..8).map(|_| waiting(&config, &mut flight.clone())).collect();
    let mut accepted = 0;
    for server in &mut servers {
        let Some(Question::CheckReplay(question)) = server.question() else { panic!() };
        assert!(question.client_hello().unwrap().early_data);
        assert_eq!((question.record.zone, question.now), (register.zone(), time(1)));
        let answer = Answer::ReplayCheck(register.answer(question));
        handclasp_testing::answer(server, answer).unwrap();
        accepted += usize::from(server.parameters().early_data == EarlyData::Accepted);
    }
    assert_eq!(accepted, 1);
    assert_eq!(register.asked.load(Ordering::Relaxed), 8);
}

/// Accepts nothing.
#[derive(Debug)]
struct AcceptNothing;

impl EarlyDataPolicy for AcceptNothing {
    fn accept(&self, _: &EarlyDataOffer) -> Reply<bool> {
        Reply::Now(false)
    }
}

#[test]
fn the_register_is_not_asked_about_data_that_are_refused_without_it() {
    let (pair, register) = (Pair::new(), RegisterElsewhere::new());
    let builder = || pair.server_builder().early_data(1000, register.clone());
    let own = pair.finish(builder());
    let refusing = [
        ("the policy", pair.finish(builder().early_data_policy(Arc::new(AcceptNothing)))),
        (
            "a policy that answers later",
            pair.finish(builder().early_data_policy(Arc::new(AnswerLater))),
        ),
        ("the size", pair.finish(pair.server_builder().early_data(999, register.clone()))),
        ("another suite", {
            let provider = handclasp_testing::narrow_provider(2, 0);
            pair.finish(pair.server_with(provider).early_data(1000, register.clone()))
        }),
        ("no early data", pair.finish(pair.server_builder())),
        (
            "no ticket of it",
            pair.finish(builder().sessions(handclasp_testing::sessions::ticket_keys())),
        ),
    ];
    for (name, config) in refusing {
        pair.meet(&own);
        let mut server = waiting(&config, &mut first_flight(&mut pair.client(1)));
        if let Some(Question::AcceptEarlyData(_)) = server.question() {
            handclasp_testing::answer(&mut server, Answer::EarlyData(false)).unwrap();
        }
        assert!(server.question().is_none(), "{name}");
        assert_eq!(server.parameters().early_data, EarlyData::Rejected, "{name}");
    }
    // The ticket is of another time than the client says: it is a delay or a replay.
    pair.meet(&own);
    let mut server = server_at(&own, 100);
    server.receive(&mut first_flight(&mut pair.client(1))).unwrap();
    assert!(server.question().is_none());
    // A ClientHello without early data has nothing to be replayed.
    pair.meet(&own);
    let mut plain = client(pair.client_builder().early_data(false), 1);
    talk(&mut plain, &mut server_at(&own, 1)).checked();
    assert_eq!(register.asked.load(Ordering::Relaxed), 0);
}

/// A register that has lost its memory since, and has another zone.
#[derive(Debug)]
struct Restarted(Mutex<Zone>);

impl AntiReplay for Restarted {
    fn zone(&self) -> Option<Zone> {
        Some(*self.0.lock().unwrap())
    }

    fn check_and_record(&self, _: &ClientHelloRecord, _: UnixTime) -> Reply<ReplayCheck> {
        Reply::Later
    }
}

#[test]
fn a_register_that_has_lost_its_memory_is_not_asked_about_tickets_of_before() {
    let pair = Pair::new();
    let register = Arc::new(Restarted(Mutex::new(Zone([1; Zone::LENGTH]))));
    let builder = pair.server_builder().early_data(1000, register.clone());
    let config = pair.finish(builder.early_data_policy(Arc::new(AnswerLater)));
    pair.meet(&config);
    // The zone changes while the policy is asked: the record still has that of the ticket.
    let mut server = waiting(&config, &mut first_flight(&mut pair.client(1)));
    *register.0.lock().unwrap() = Zone([2; Zone::LENGTH]);
    handclasp_testing::answer(&mut server, Answer::EarlyData(true)).unwrap();
    let Some(Question::CheckReplay(question)) = server.question() else { panic!() };
    assert_eq!(question.record.zone, Some(Zone([1; Zone::LENGTH])));
    // From then on, the ticket does not even lead to a question.
    *register.0.lock().unwrap() = Zone([1; Zone::LENGTH]);
    pair.meet(&config);
    *register.0.lock().unwrap() = Zone([2; Zone::LENGTH]);
    let server = waiting(&config, &mut first_flight(&mut pair.client(1)));
    assert!(server.question().is_none());
    assert_eq!(server.parameters().early_data, EarlyData::Rejected);
    assert_eq!(server.parameters().pre_shared_key, Some(PskKind::Resumption));
}

#[test]
fn early_data_that_come_while_the_register_is_asked_stay_outside_and_are_limited_afterwards() {
    for (answer, accepted) in [(ReplayCheck::New, true), (ReplayCheck::Unknown, false)] {
        let (pair, register) = (Pair::new(), RegisterElsewhere::new());
        let config = pair.finish(pair.server_builder().early_data(1000, register));
        pair.meet(&config);
        let mut flight = first_flight(&mut pair.client(1));
        let mut server = waiting(&config, &mut flight);
        // Nothing is taken, of what a client sends, and nothing is answered.
        let hostile = vec![0x17; 1 << 20];
        for _ in 0..100 {
            for bytes in [&flight, &hostile] {
                let mut bytes = bytes.clone();
                let (consumed, received) = server.receive(&mut bytes).unwrap();
                assert!(matches!((consumed, received), (0, Received::Waiting)));
            }
            assert!(server.outgoing().is_empty());
        }
        handclasp_testing::answer(&mut server, Answer::ReplayCheck(answer)).unwrap();
        assert_eq!(early_data(&mut server, &mut flight), if accepted { WORDS } else { b"" });
        // Records that the early data keys do not open.
        let record = [&[0x17, 3, 3, 0x40, 0][..], &[7; 0x4000]].concat();
        let failed = (0..3).find_map(|_| server.receive(&mut record.clone()).err());
        assert!(failed.is_some(), "there is a limit to what is passed over");
    }
}

#[test]
fn only_an_answer_to_the_open_question_of_the_register_counts() {
    let (pair, register) = (Pair::new(), RegisterElsewhere::new());
    let builder = pair.server_builder().early_data(1000, register.clone());
    let config = pair.finish(builder.early_data_policy(Arc::new(AnswerLater)));
    pair.meet(&config);
    let mut server = waiting(&config, &mut first_flight(&mut pair.client(1)));
    let is_misuse = |result: Result<(), handclasp::Error>| {
        matches!(result.unwrap_err().kind(), ErrorKind::Misuse(_))
    };
    // The policy's question is no question of the register's, nor the other way round.
    let first = server.question_number().unwrap();
    let new = || Answer::ReplayCheck(ReplayCheck::New);
    assert!(is_misuse(server.answer(first, new())));
    server.answer(first, Answer::EarlyData(true)).unwrap();
    let second = server.question_number().unwrap();
    assert!(is_asked(&server) && first != second);
    assert!(is_misuse(server.answer(second, Answer::EarlyData(true))));
    assert!(is_misuse(server.answer(first, new())), "it is the first one's");
    assert!(is_asked(&server), "the question is still open");
    assert_ne!(server.parameters().early_data, EarlyData::Accepted);
    server.answer(second, new()).unwrap();
    assert_eq!(server.parameters().early_data, EarlyData::Accepted);
    assert!(is_misuse(server.answer(second, new())), "it was answered");
    assert_eq!(register.asked.load(Ordering::Relaxed), 1);
}

#[test]
fn a_strike_register_says_whether_it_was_a_replay_or_it_does_not_know() {
    let (pair, keep) = (Pair::new(), Arc::new(KeepsRecord::default()));
    let config = pair.finish(pair.server_builder().early_data(1000, keep.clone()));
    pair.meet(&config);
    waiting(&config, &mut first_flight(&mut pair.client(1)));
    let record = keep.last();
    let check = |register: &StrikeRegister| register.check_and_record(&record, time(1));
    let register = StrikeRegister::new(before());
    assert_eq!(check(&register), Reply::Now(ReplayCheck::New));
    assert_eq!(check(&register), Reply::Now(ReplayCheck::Seen));
    let full = StrikeRegister::with_capacity(before(), 0);
    assert_eq!(check(&full), Reply::Now(ReplayCheck::Unknown));
    let late = StrikeRegister::new(time(60));
    assert_eq!(check(&late), Reply::Now(ReplayCheck::Unknown), "it began after the ticket");
}
