//! Clocks that are wrong, that jump and that are set back: no ticket lives longer than seven days,
//! no 0-RTT data are taken twice, and ticket keys come and go (RFC 9846, sections 4.3.10, 4.3.11.1,
//! 4.7.1 and 8).

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use handclasp::connection::Options;
use handclasp::cookie::{CookieProtector, HmacCookies};
use handclasp::crypto::{CryptoProvider, Secret};
use handclasp::handshake::{Answer, EarlyData, Handshake, Step};
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::UnixTime;
use handclasp::registry::HandshakeType;
use handclasp::session::{
    AntiReplay, ClientHelloRecord, ClientSession, ClientSessionStore, MAX_LIFETIME, ReplayCheck,
    SessionStore, StrikeRegister, TicketKeys, Zone,
};
use handclasp::transport::memory::pipe;
use handclasp::wire::{ClientHello, Extensions, HandshakeMessage, NewSessionTicket};
use handclasp::{
    AnswerLater, ClientConnection, Level, Reply, ServerConfig, ServerConnection, Stream, Time,
};
use handclasp_testing::sessions::{
    Forgetful, KeepsRecord, LIFETIME, Pair, append_outgoing, early_data, found, server_at, talk,
    ticket_keys, ticket_origin,
};
use handclasp_testing::{narrow_provider, server_name};

const DAY: i64 = 24 * 60 * 60;

/// So many seconds before or after the day of the test.
fn time(seconds: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs((1_800_000_000 + seconds) as u64))
}

/// So many milliseconds before or after.
fn at(milliseconds: i64) -> Time {
    Time::since_unix_epoch(Duration::from_millis((1_800_000_000_000 + milliseconds) as u64))
}

fn server(config: &Arc<ServerConfig>, now: impl Into<Time>) -> ServerConnection {
    let mut server = server_at(config, 0);
    server.set_time(now);
    server
}

fn client(pair: &Pair, now: UnixTime) -> ClientConnection {
    let options = Options::new(now);
    let config = Arc::new(pair.client_builder().build().unwrap());
    ClientConnection::with_options(config, server_name(), options)
}

/// A pair that has met at the time 0, and its server.
fn met() -> (Pair, Arc<ServerConfig>) {
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(1000).ticket_lifetime(MAX_LIFETIME));
    pair.meet(&config);
    (pair, config)
}

/// Do they resume, by these clocks?
fn resumes(client_now: i64, server_now: i64) -> bool {
    let (pair, config) = met();
    let mut client = client(&pair, time(client_now));
    talk(&mut client, &mut server(&config, time(server_now))).checked();
    client.parameters().pre_shared_key.is_some()
}

#[test]
fn a_ticket_resumes_from_ten_seconds_before_it_was_sent_until_its_lifetime_is_over() {
    let week = i64::from(MAX_LIFETIME);
    let clocks = [
        (0, true),
        (week, true),
        (week + 1, false),
        (10 * week, false),
        (-10, true),
        (-11, false),
        (-60, false),
        (-DAY, false),
        (-10 * week, false),
    ];
    for (clock, alive) in clocks {
        assert_eq!(resumes(0, clock), alive, "the server's clock is at {clock}");
        assert_eq!(resumes(clock, 0), alive, "the client's clock is at {clock}");
        assert_eq!(resumes(clock, clock), alive, "both clocks are at {clock}");
    }
}

#[test]
fn lifetimes_end_to_the_millisecond() {
    let (pair, _) = met();
    let session = pair.store.take(&server_name(), time(0)).unwrap();
    let end = i64::from(MAX_LIFETIME) * 1000;
    for (now, alive) in [(end, true), (end + 1, false), (-10_000, true), (-10_001, false)] {
        assert_eq!(session.is_alive(at(now)), alive, "{now}");
    }
}

#[test]
fn a_client_uses_no_ticket_for_longer_than_seven_days_with_any_lifetime() {
    let ticket = NewSessionTicket {
        lifetime: u32::MAX,
        age_add: 0,
        nonce: &[],
        ticket: b"a ticket",
        extensions: Extensions::default(),
        max_early_data_size: None,
    };
    let origin = ticket_origin(server_name());
    let received = Duration::from_secs(time(0).as_secs());
    let session = ClientSession::new(origin, &ticket, Secret::zeros(32), received).unwrap();
    let week = i64::from(MAX_LIFETIME);
    assert!(session.is_alive(time(week)));
    assert!(!session.is_alive(time(week + 1)));
}

#[test]
fn no_ticket_is_sent_where_the_authentication_lies_in_the_future() {
    // Else a client that authenticated once would go on for as long as the clock was ahead.
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder().tickets(0));
    for (back, tickets) in [(0, 1), (10, 1), (11, 0), (30 * DAY, 0)] {
        pair.store.forget(&server_name());
        let (mut client, mut server) = (client(&pair, time(0)), server(&config, time(0)));
        talk(&mut client, &mut server).checked();
        client.set_time(time(-back));
        server.set_time(time(-back));
        server.send_tickets(1).unwrap();
        talk(&mut client, &mut server).checked();
        assert_eq!(pair.store.sessions().len(), tickets, "{back}");
    }
}

/// Keeps the age_add of the last ticket that a server sent.
#[derive(Clone, Default)]
struct AgeAdd(Arc<Mutex<u32>>);

impl Observer for AgeAdd {
    fn event(&mut self, event: &Event<'_>) {
        let Event::MessageSent(_, message) = event else { return };
        if message.kind == HandshakeType::NEW_SESSION_TICKET {
            *self.0.lock().unwrap() = NewSessionTicket::parse(message.body).unwrap().age_add;
        }
    }
}

/// The next messages that an end sends.
fn next_messages(end: &mut Handshake) -> Vec<u8> {
    loop {
        match end.next_step() {
            Some(Step::Send { bytes, .. }) => return bytes,
            step => assert!(step.is_some(), "there are messages"),
        }
    }
}

/// The obfuscated age of the first ticket in a ClientHello.
fn age_in(hello: &[u8]) -> u32 {
    let (message, _) = HandshakeMessage::split(hello).unwrap();
    let keys = ClientHello::parse(message.body).unwrap().pre_shared_keys.unwrap();
    keys.iter().next().unwrap().0.obfuscated_ticket_age
}

/// The obfuscated age in the ClientHello of this time. The ticket stays in the store.
fn obfuscated_age(pair: &Pair, now: Time) -> u32 {
    let session = pair.store.take(&server_name(), now.unix()).unwrap();
    pair.store.put(session.clone());
    let config = Arc::new(pair.client_builder().build().unwrap());
    let mut client = Handshake::client(config, server_name(), now);
    client.start().unwrap();
    pair.store.put(session);
    age_in(&next_messages(&mut client))
}

#[test]
fn the_age_in_a_second_client_hello_is_that_of_its_time() {
    let pair = Pair::new();
    pair.meet(&pair.finish(pair.server_with(narrow_provider(0, 0))));
    let config = pair.finish(pair.server_with(narrow_provider(0, 1)));
    let client = Arc::new(pair.client_builder().build().unwrap());
    let mut client = Handshake::client(client, server_name(), at(5_000));
    let mut server = Handshake::server(config, at(5_000));
    client.start().unwrap();
    let first = next_messages(&mut client);
    server.receive(Level::Initial, &first).unwrap();
    client.set_time(at(7_345));
    client.receive(Level::Initial, &next_messages(&mut server)).unwrap();
    let second = next_messages(&mut client);
    assert_eq!(age_in(&second).wrapping_sub(age_in(&first)), 2_345);
}

/// A client asks about its session before its first ClientHello, which follows no bytes of the server.
#[test]
fn time_goes_on_in_a_stream_that_waits_for_an_answer() {
    const WAIT: Duration = Duration::from_millis(40);
    let (pair, _) = met();
    let session = pair.store.take(&server_name(), time(0)).unwrap();
    let age_after = |wait: Option<Duration>| {
        pair.store.forget(&server_name());
        pair.store.put(session.clone());
        let builder = pair.client_builder().verifier(Arc::new(AnswerLater));
        let client = handclasp_testing::sessions::client(builder, 1);
        let (ours, _theirs) = pipe();
        let mut stream = Stream::new(client, ours);
        let number = stream.connection().question_number().unwrap();
        let answer = Answer::Peer(Ok(()));
        match wait {
            Some(wait) => {
                std::thread::sleep(wait);
                stream.connection_mut().answer(number, answer).unwrap();
            }
            None => {
                // A connection without a stream has the time that it was given.
                let (mut client, _) = stream.into_parts();
                client.answer(number, answer).unwrap();
                return age_in(&client.outgoing()[5..]);
            }
        }
        age_in(&stream.connection().outgoing()[5..])
    };
    let at_the_time_0 = age_after(None);
    let waited = age_after(Some(WAIT)).wrapping_sub(at_the_time_0);
    assert!(u128::from(waited) >= WAIT.as_millis(), "{waited}");
}

#[test]
fn the_age_of_a_ticket_is_sent_in_milliseconds() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder().tickets(0).ticket_lifetime(MAX_LIFETIME));
    let age_add = AgeAdd::default();
    let mut options = Options::new(time(0));
    options.observer = Some(Box::new(age_add.clone()));
    let mut server = ServerConnection::with_options(config, options);
    let mut client = client(&pair, time(0));
    talk(&mut client, &mut server).checked();
    client.set_time(at(1_234));
    server.set_time(at(1_200));
    server.send_tickets(1).unwrap();
    talk(&mut client, &mut server).checked();
    let age_add = *age_add.0.lock().unwrap();
    let week = 7 * 86_400_000;
    for (now, age) in
        [(1_234, 0), (1_235, 1), (2_000, 766), (61_234, 60_000), (900, 0), (week, week - 1_234)]
    {
        let sent = obfuscated_age(&pair, at(now)).wrapping_sub(age_add);
        assert_eq!(i64::from(sent), age, "{now}");
    }
}

/// The 0-RTT data of a client, and what becomes of them.
fn flight(client: &mut ClientConnection) -> Vec<u8> {
    client.write_early_data(b"pay 100").unwrap();
    let mut flight = Vec::new();
    append_outgoing(client, &mut flight);
    flight
}

fn replay(config: &Arc<ServerConfig>, flight: &[u8], now: impl Into<Time>) -> bool {
    let mut server = server(config, now);
    let early = early_data(&mut server, &mut flight.to_vec());
    let accepted = server.parameters().early_data == EarlyData::Accepted;
    assert_eq!(early, if accepted { &b"pay 100"[..] } else { b"" });
    accepted
}

#[test]
fn early_data_are_taken_within_the_window_around_their_expected_arrival_only() {
    // The ticket is of 0, and the client says at 5 that it is five seconds old.
    for (window, early, late) in [(10, -5_000, 15_000), (3, 2_000, 8_000), (0, 5_000, 5_000)] {
        let pair = Pair::new();
        let builder = pair.server_builder().early_data(1000, Arc::new(Forgetful));
        let config = pair.finish(builder.early_data_window(window));
        pair.meet(&config);
        let flight = flight(&mut client(&pair, time(5)));
        let clocks = [
            (5_000, true),
            (early, true),
            (early - 1, false),
            (late, true),
            (late + 1, false),
            (-60_000, false),
            (3_600_000, false),
            (-DAY * 30_000, false),
        ];
        for (now, taken) in clocks {
            assert_eq!(replay(&config, &flight, at(now)), taken, "{now} with {window} seconds");
        }
    }
}

#[test]
fn a_ticket_from_the_future_takes_no_early_data_however_wide_the_window_is() {
    let pair = Pair::new();
    let builder = pair.server_builder().early_data(1000, Arc::new(Forgetful));
    let config = pair.finish(builder.early_data_window(u32::MAX));
    pair.meet(&config);
    let flight = flight(&mut client(&pair, time(5)));
    assert!(replay(&config, &flight, time(-10)));
    assert!(!replay(&config, &flight, time(-11)));
}

#[test]
fn a_restarted_server_takes_no_data_again_wherever_its_clock_is() {
    let (pair, first) = met();
    let flight = flight(&mut client(&pair, time(5)));
    assert!(replay(&first, &flight, time(5)));
    assert!(!replay(&first, &flight, time(6)));
    // It starts at one time, and the replay comes at another, which may be any by its clock.
    for started in [-30 * DAY, -3600, -60, -20, -11, -10, -6, -5, -1, 0, 1, 5, 6, 3600] {
        let register = Arc::new(StrikeRegister::new(time(started)));
        let second = pair.finish(pair.server_builder().early_data(1000, register));
        for now in [started, started + 1, -11, -5, 0, 4, 5, 6, 15, 16] {
            assert!(!replay(&second, &flight, time(now)), "started at {started}, now {now}");
        }
    }
}

#[test]
fn after_a_restart_a_client_resumes_and_its_next_ticket_takes_early_data_again() {
    let (pair, _) = met();
    let register = Arc::new(StrikeRegister::new(time(50)));
    let second = pair.finish(pair.early_server(1000).early_data(1000, register));
    for (now, expected) in [(100, EarlyData::Rejected), (101, EarlyData::Accepted)] {
        let mut client = client(&pair, time(now));
        client.write_early_data(b"pay 100").unwrap();
        talk(&mut client, &mut server(&second, time(now))).checked();
        assert!(client.parameters().pre_shared_key.is_some());
        assert_eq!(client.parameters().early_data, expected, "{now}");
    }
}

#[test]
fn servers_that_share_a_memory_of_their_own_share_its_zone() {
    #[derive(Debug)]
    struct Shared(StrikeRegister, u8);
    impl AntiReplay for Shared {
        fn zone(&self) -> Option<Zone> {
            Some(Zone([self.1; Zone::LENGTH]))
        }
        fn check_and_record(
            &self,
            strike: &ClientHelloRecord,
            now: UnixTime,
        ) -> Reply<ReplayCheck> {
            self.0.check_and_record(strike, now)
        }
    }
    let pair = Pair::new();
    let config = |zone| {
        let register = Arc::new(Shared(StrikeRegister::new(time(-1)), zone));
        pair.finish(pair.server_builder().early_data(1000, register))
    };
    pair.meet(&config(1));
    let flight = flight(&mut client(&pair, time(5)));
    for (zone, taken) in [(1, true), (2, false), (0, false)] {
        assert_eq!(replay(&config(zone), &flight, time(5)), taken, "{zone}");
    }
}

#[test]
fn a_running_server_takes_each_flight_once_however_its_clock_jumps() {
    let (pair, config) = met();
    let mut taken: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut flights = Vec::new();
    // Forward, back, to the same second again, far away, and back.
    for now in [5, 100, 20, 5, 300, -DAY, 5, 4000, 3, 40 * DAY, 100, 5, 300, 4000, 20] {
        if client(&pair, time(now)).parameters().early_data == EarlyData::Offered {
            flights.push(flight(&mut client(&pair, time(now))));
        } else {
            pair.meet(&config);
        }
        for flight in &flights {
            let count = taken.entry(flight.clone()).or_default();
            *count += usize::from(replay(&config, flight, time(now)));
        }
    }
    assert!(flights.len() >= 5 && taken.values().any(|count| *count == 1), "{}", flights.len());
    assert!(taken.values().all(|count| *count <= 1), "{:?}", taken.values());
}

#[test]
fn servers_with_unlike_windows_that_share_a_register_take_each_flight_once() {
    // What the one has forgotten, as it is fresh no more by its window, must not be fresh by the
    // other's.
    let pair = Pair::new();
    let config = |window| {
        let builder = pair.early_server(1000).ticket_lifetime(MAX_LIFETIME);
        pair.finish(builder.early_data_window(window))
    };
    let configs = [config(1), config(60), config(u32::MAX)];
    for (start, issuer) in (0..).step_by(10_000).zip(&configs) {
        for (start, taker) in (start..).step_by(1000).zip(&configs) {
            let meet = |now| {
                pair.store.forget(&server_name());
                let (mut client, mut server) = (client(&pair, now), server(issuer, now));
                talk(&mut client, &mut server).checked();
            };
            meet(time(start));
            let first = flight(&mut client(&pair, time(start + 5)));
            assert!(replay(taker, &first, time(start + 5)), "{start}");
            for now in [7, 9, 20, 40, 63, 120, 300] {
                // Others come and go, so that the register forgets.
                meet(time(start + now));
                let other = flight(&mut client(&pair, time(start + now)));
                assert!(replay(taker, &other, time(start + now)), "{start} {now}");
                for config in &configs {
                    assert!(!replay(config, &first, time(start + now)), "{start} {now}");
                }
            }
        }
    }
}

#[test]
fn the_narrower_window_counts_of_the_server_that_sent_the_ticket_and_of_this_one() {
    for (issuer, own) in [(10, 10), (10, 3), (3, 10)] {
        let pair = Pair::new();
        let config = |window| {
            let builder = pair.server_builder().early_data(1000, Arc::new(Forgetful));
            pair.finish(builder.early_data_window(window))
        };
        pair.meet(&config(issuer));
        let flight = flight(&mut client(&pair, time(20)));
        let narrower = 1000 * i64::from(issuer.min(own));
        for (off, taken) in [(narrower, true), (narrower + 1, false)] {
            for now in [at(20_000 - off), at(20_000 + off)] {
                assert_eq!(replay(&config(own), &flight, now), taken, "{issuer} {own} {off}");
            }
        }
    }
}

/// A strike of a real connection, for a register that is asked without one.
fn strike(issued: i64, arrival: i64) -> ClientHelloRecord {
    let (pair, keep) = (Pair::new(), Arc::new(KeepsRecord::default()));
    let config = pair.finish(pair.server_builder().early_data(1000, keep.clone()));
    pair.meet(&config);
    assert!(!replay(&config, &flight(&mut client(&pair, time(5))), time(5)));
    let mut strike = keep.last();
    strike.issued = Some(time(issued));
    strike.fresh_since = time(arrival - 10);
    strike.fresh_until = Some(time(arrival + 10));
    strike
}

#[test]
fn a_register_says_no_to_what_is_older_than_it_not_fresh_or_from_the_future() {
    let is_first = |started, issued, arrival, now| {
        let register = StrikeRegister::new(time(started));
        let checked = register.check_and_record(&strike(issued, arrival), time(now));
        assert_ne!(checked, Reply::Now(ReplayCheck::Seen), "it is the first");
        checked == Reply::Now(ReplayCheck::New)
    };
    assert!(is_first(-1, 0, 5, 5));
    assert!(!is_first(0, 0, 5, 5), "issued in the second of the start");
    assert!(!is_first(3, 0, 5, 5), "issued before the start");
    assert!(is_first(3, 0, 14, 14), "the whole window is after the start");
    assert!(!is_first(-100, 6, 5, 5), "issued in the future");
    assert!(!is_first(-100, 0, 16, 5), "it is fresh later");
    assert!(!is_first(-100, -50, -6, 5), "it was fresh before");
}

/// The name of the key that sealed a ticket.
fn key_name(ticket: &[u8]) -> Vec<u8> {
    ticket[..8].to_vec()
}

#[test]
fn random_ticket_keys_rotate_when_the_clock_jumps_ahead_and_back() {
    let keys = ticket_keys();
    let seal = |now| key_name(&keys.put(b"a session", time(now), LIFETIME).unwrap());
    let first = seal(0);
    assert_eq!(seal(DAY - 1), first);
    assert_eq!(seal(1 - DAY), first, "a clock that is a little behind changes nothing");
    let ahead = seal(365 * DAY);
    assert_ne!(ahead, first);
    // The clock is right again: a key of next year must not seal until then.
    let back = seal(10);
    assert!(back != ahead && back != first);
    assert_eq!(seal(DAY + 9), back);
    assert_ne!(seal(DAY + 10), back);
    // Neither must it open until then.
    let ticket = keys.put(b"a session", time(365 * DAY), LIFETIME).unwrap();
    keys.put(b"a session", time(2 * DAY), LIFETIME).unwrap();
    assert!(found(&*keys, &ticket, time(365 * DAY)).is_none(), "the key is forgotten");
}

#[test]
fn a_clock_that_goes_to_and_fro_needs_one_random_ticket_key_for_each_of_its_days() {
    let keys = ticket_keys();
    let mut names = Vec::new();
    let mut tickets = Vec::new();
    for round in 0..50 {
        for day in [0, 2, 4] {
            let now = time(day * DAY + round);
            let ticket = keys.put(b"a session", now, LIFETIME).unwrap();
            names.push(key_name(&ticket));
            tickets.push(ticket);
            assert!(tickets.iter().all(|ticket| found(&*keys, ticket, now).is_some()));
        }
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3);
}

#[test]
fn random_ticket_keys_open_for_eight_days_and_no_longer() {
    let keys = ticket_keys();
    let ticket = keys.put(b"a session", time(0), LIFETIME).unwrap();
    for (now, opens) in [(0, true), (8 * DAY, true), (8 * DAY + 1, false), (-9 * DAY, false)] {
        assert_eq!(found(&*keys, &ticket, time(now)).is_some(), opens, "{now}");
    }
}

#[test]
fn keys_that_replace_random_ones_stay_the_same_on_all_servers() {
    let shared: Vec<u8> = (7..71).collect();
    let random = CryptoProvider::default().random;
    let one = || TicketKeys::random(random.clone()).unwrap();
    let (a, b) = (one(), one());
    let lost = a.put(b"under a random key", time(0), LIFETIME).unwrap();
    for keys in [&a, &b] {
        keys.replace(&shared).unwrap();
    }
    assert!(found(&a, &lost, time(0)).is_none(), "the random key was replaced");
    // At each time, also when the clock has gone back.
    for now in [0, 2 * DAY, 400 * DAY, 3 * DAY, -DAY, 30 * DAY] {
        let ticket = a.put(b"a session", time(now), LIFETIME).unwrap();
        assert!(found(&b, &ticket, time(now)).is_some(), "{now}");
    }
}

#[test]
fn a_given_key_that_does_not_seal_opens_until_it_is_replaced() {
    let shared: Vec<u8> = (7..71).collect();
    let random = CryptoProvider::default().random;
    let second = TicketKeys::from_bytes(&shared[32..], random.clone()).unwrap();
    let ticket = second.put(b"a session", time(0), LIFETIME).unwrap();
    let given = TicketKeys::from_bytes(&shared, random.clone()).unwrap();
    let replaced = TicketKeys::random(random).unwrap();
    replaced.replace(&shared).unwrap();
    for keys in [&given, &replaced] {
        for now in [0, 8 * DAY + 1, 365 * DAY, -DAY, DAY] {
            assert!(found(keys, &ticket, time(now)).is_some(), "{now}");
            keys.replace(&shared).unwrap();
        }
        keys.replace(&shared[..32]).unwrap();
        assert!(found(keys, &ticket, time(0)).is_none(), "it was not given again");
    }
    assert!(found(&second, &ticket, time(365 * DAY)).is_some(), "the first key stays");
}

#[test]
fn a_cookie_is_good_for_its_lifetime_before_and_after_its_time() {
    // Servers that share the key do not share a clock, and a refused cookie ends the handshake.
    let cookies = HmacCookies::shared(&[5; 32], 30);
    let cookie = cookies.protect(b"state", time(0)).unwrap();
    for (now, opens) in
        [(0, true), (30, true), (31, false), (DAY, false), (-30, true), (-31, false), (-DAY, false)]
    {
        assert_eq!(cookies.open(&cookie, time(now)).is_some(), opens, "{now}");
    }
}
