//! Sessions in a store that has to be asked, and answers later.

use core::time::Duration;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription;
use handclasp::connection::{Options, Received};
use handclasp::credential::CertificateList;
use handclasp::crypto::{CryptoError, HashAlgorithm};
use handclasp::handshake::{Answer, EarlyData, Question};
use handclasp::key_schedule::PskKind;
use handclasp::observer::{Event, Observer, Offered};
use handclasp::pki_types::UnixTime;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::session::{ClientSessionStore, SessionStore};
use handclasp::verify::ClientAuthentication;
use handclasp::{Connection, ErrorKind, Reply, ServerConnection};
use handclasp_testing::sessions::{
    Elsewhere, Once, Pair, client, early_data, server_at, shared_key, talk, time,
};
use handclasp_testing::{Identity, narrow_provider, server_name};
use zeroize::Zeroizing;

type Stored = Option<Zeroizing<Vec<u8>>>;

/// The ticket that is asked about, if one is.
fn asked(server: &Connection) -> Option<Vec<u8>> {
    match server.question()? {
        Question::TakeSession(question) => Some(question.ticket.clone()),
        other => panic!("{other:?}"),
    }
}

/// Talks to the end, and returns the tickets that were asked about.
fn talk_and_answer(
    client: &mut Connection,
    server: &mut Connection,
    mut answer: impl FnMut(&[u8]) -> Stored,
) -> Vec<Vec<u8>> {
    let mut tickets = Vec::new();
    loop {
        talk(client, server).checked();
        let Some(ticket) = asked(server) else { return tickets };
        assert!(server.is_handshaking());
        handclasp_testing::answer(server, Answer::Session(answer(&ticket))).unwrap();
        tickets.push(ticket);
    }
}

fn psk(client: &Connection, server: &Connection) -> Option<PskKind> {
    assert!(!client.is_handshaking() && !server.is_handshaking());
    assert_eq!(client.parameters().pre_shared_key, server.parameters().pre_shared_key);
    client.parameters().pre_shared_key
}

/// A key under this name that the client takes for a ticket's.
fn ticket_like(name: &[u8], secret: &[u8]) -> PreSharedKey {
    PreSharedKey::new(name, secret, HashAlgorithm::Sha256, PskKind::Resumption).unwrap()
}

#[test]
fn a_session_that_is_found_later_resumes_and_is_given_out_once() {
    for (suite, group) in [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)] {
        let (pair, store) = (Pair::new(), Elsewhere::new());
        let config_with = |group| {
            let builder = pair.server_with(narrow_provider(suite, group));
            pair.finish(builder.sessions(store.clone()))
        };
        pair.meet(&config_with(0));
        let config = config_with(group);
        let session = pair.store.take(&server_name(), time(1)).unwrap();
        pair.store.forget(&server_name());
        for round in 1..3 {
            pair.store.put(session.clone());
            let (mut client, mut server) = (pair.client(round), server_at(&config, round));
            let tickets = talk_and_answer(&mut client, &mut server, |ticket| store.answer(ticket));
            assert_eq!(tickets, [session.ticket()]);
            let resumed = psk(&client, &server) == Some(PskKind::Resumption);
            assert_eq!(resumed, round == 1, "it is there once");
            assert_eq!(client.parameters().retried, group == 1);
            pair.store.forget(&server_name());
        }
    }
}

#[test]
fn an_answer_that_is_no_session_is_none() {
    let (pair, store) = (Pair::new(), Elsewhere::new());
    let config = pair.finish(pair.server_builder().sessions(store.clone()).ticket_lifetime(100));
    let stranger = pair.finish(pair.server_builder().sessions(store.clone()).session_context("it"));
    let mut sessions = Vec::new();
    for server in [&config, &stranger] {
        pair.meet(server);
        let ticket = pair.store.take(&server_name(), time(0)).unwrap().ticket().to_vec();
        sessions.push(store.answer(&ticket).unwrap().to_vec());
    }
    let [good, foreign] = &sessions[..] else { panic!("{}", sessions.len()) };
    pair.meet(&config);
    let session = pair.store.take(&server_name(), time(0)).unwrap();
    let outcome = |answer: Stored, at| {
        pair.store.forget(&server_name());
        pair.store.put(session.clone());
        let (mut client, mut server) = (pair.client(1), server_at(&config, at));
        talk_and_answer(&mut client, &mut server, |_| answer.clone());
        psk(&client, &server)
    };
    let mut bad = vec![vec![], vec![0; 200_000], foreign.clone(), [&good[..], &[0]].concat()];
    bad.extend((0..good.len()).step_by(5).map(|end| good[..end].to_vec()));
    // The version, and the digest of the rules.
    bad.extend((0..17).map(|at| {
        let mut changed = good.clone();
        changed[at] ^= 1;
        changed
    }));
    assert_eq!(outcome(None, 1), None);
    for answer in bad {
        assert_eq!(outcome(Some(answer.into()), 1), None);
    }
    assert_eq!(outcome(Some(good.clone().into()), 101), None, "expired");
    // It is another ticket's session: the client does not have its key.
    pair.store.forget(&server_name());
    pair.store.put(session);
    let (mut client, mut server) = (pair.client(1), server_at(&config, 1));
    talk(&mut client, &mut server).checked();
    let error = handclasp_testing::answer(&mut server, Answer::Session(Some(good.clone().into())))
        .unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::DECRYPT_ERROR));
}

#[test]
fn the_clients_identities_are_asked_about_one_after_the_other_up_to_the_fourth() {
    let (pair, store) = (Pair::new(), Elsewhere::new());
    let list = Arc::new(PskList::new(vec![shared_key()]));
    let config = pair.finish(pair.server_builder().sessions(store.clone()).pre_shared_keys(list));
    for place in [1, 2, 3, 4, 16] {
        pair.meet(&config);
        let session = pair.store.take(&server_name(), time(1)).unwrap();
        // The other ticket comes first, and is of no session any more; then these.
        let mut keys: Vec<_> = (0..16)
            .map(|number| ticket_like(format!("foreign {number}").as_bytes(), &[number; 32]))
            .collect();
        keys[place - 1] = ticket_like(session.ticket(), session.secret().as_bytes());
        let mut client = client(pair.client_builder().pre_shared_keys(keys), 1);
        let mut server = server_at(&config, 1);
        let tickets = talk_and_answer(&mut client, &mut server, |ticket| {
            store.answer(ticket).filter(|_| ticket == session.ticket())
        });
        assert_eq!(tickets.len(), (place + 1).min(4));
        let found = (place < 4).then_some(PskKind::Resumption);
        assert_eq!(psk(&client, &server), found, "the identity at {place}");
    }
    // None of them is a session: the key that was agreed on elsewhere, then the certificate.
    for (keys, kind) in [
        (vec![ticket_like(b"a ticket", &[1; 32]), shared_key()], Some(PskKind::External)),
        (vec![ticket_like(b"a ticket", &[1; 32])], None),
    ] {
        let count = keys.len();
        pair.store.forget(&server_name());
        let mut client = client(pair.client_builder().pre_shared_keys(keys), 1);
        let mut server = server_at(&config, 1);
        let tickets = talk_and_answer(&mut client, &mut server, |ticket| store.answer(ticket));
        assert_eq!((psk(&client, &server), tickets.len()), (kind, count));
    }
}

#[test]
fn early_data_wait_for_the_session_and_are_taken_once() {
    let (pair, store) = (Pair::new(), Elsewhere::new());
    let config = pair.finish(pair.early_server(1000).sessions(store.clone()));
    pair.meet(&config);
    let mut client = pair.client(1);
    assert_eq!(client.write_early_data(b"early").unwrap(), 5);
    let first_flight = client.outgoing().to_vec();
    let mut session = None;
    let mut outcome = |mut server: ServerConnection| {
        let mut bytes = first_flight.clone();
        let (consumed, _) = server.receive(&mut bytes).unwrap();
        bytes.drain(..consumed);
        let ticket = asked(&server).unwrap();
        let (consumed, received) = server.receive(&mut bytes).unwrap();
        assert!(matches!((consumed, received), (0, Received::Waiting)), "it rests");
        // A store that gives a session out twice: the register still knows.
        let session = session.get_or_insert_with(|| store.answer(&ticket).unwrap());
        handclasp_testing::answer(&mut server, Answer::Session(Some(session.clone()))).unwrap();
        let early = early_data(&mut server, &mut bytes);
        assert_eq!(server.parameters().pre_shared_key, Some(PskKind::Resumption));
        (server.parameters().early_data, early)
    };
    assert_eq!(outcome(server_at(&config, 1)), (EarlyData::Accepted, b"early".to_vec()));
    assert_eq!(outcome(server_at(&config, 1)), (EarlyData::Rejected, vec![]));
}

/// Keeps why sessions were not taken.
#[derive(Clone, Default)]
struct Reasons(Arc<Mutex<Vec<&'static str>>>);

impl Observer for Reasons {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::NotTaken(Offered::Session, reason) = event {
            self.0.lock().unwrap().push(reason);
        }
    }
}

#[test]
fn without_an_answer_about_a_session_there_is_a_full_handshake_and_observers_see_why() {
    let (pair, store) = (Pair::new(), Elsewhere::new());
    let config = pair.finish(pair.server_builder().sessions(store.clone()));
    pair.meet(&config);
    let reasons = Reasons::default();
    let mut options = Options::new(time(1));
    options.observer = Some(Box::new(reasons.clone()));
    let mut client = pair.client(1);
    let mut server = ServerConnection::with_options(config, options);
    let mut asked_for = 0;
    loop {
        talk(&mut client, &mut server).checked();
        if asked(&server).is_none() {
            break;
        }
        asked_for += 1;
        let answer = Answer::Unavailable("the database is down".into());
        handclasp_testing::answer(&mut server, answer).unwrap();
    }
    assert!(asked_for > 0);
    assert_eq!(psk(&client, &server), None);
    assert_eq!(*reasons.0.lock().unwrap(), vec!["the question for it has no answer"; asked_for]);
}

#[test]
fn an_answer_of_another_kind_leaves_the_question_about_a_session_open() {
    let (pair, store) = (Pair::new(), Elsewhere::new());
    let config = pair.finish(pair.server_builder().sessions(store.clone()));
    pair.meet(&config);
    let (mut client, mut server) = (pair.client(2), server_at(&config, 2));
    talk(&mut client, &mut server).checked();
    let number = server.question_number().unwrap();
    let other = server.answer(number, Answer::Psk(None)).unwrap_err();
    assert!(matches!(other.kind(), ErrorKind::Misuse(_)), "{other}");
    assert!(asked(&server).is_some(), "it rests still");
    server.answer(number, Answer::Session(None)).unwrap();
    assert!(server.answer(number, Answer::Session(None)).is_err(), "it was answered");
    talk(&mut client, &mut server).checked();
    assert_eq!(psk(&client, &server), None);
}

#[test]
fn of_many_sessions_one_chain_is_verified_and_the_others_are_not_asked_for() {
    let (pair, own, store) = (Pair::new(), Identity::p256(), Elsewhere::new());
    let verifier = Arc::new(Once::default());
    let policy = ClientAuthentication::optional(verifier.clone());
    let builder = pair.server_builder().client_authentication(policy);
    let config = pair.finish(builder.sessions(store.clone()));
    let list = CertificateList::new(vec![Arc::new(own.certified_key())]);
    let builder = pair.client_builder().client_certificates(Arc::new(list));
    talk(&mut client(builder, 0), &mut server_at(&config, 0)).checked();
    let session = pair.store.take(&server_name(), time(1)).unwrap();
    pair.store.forget(&server_name());
    let key = ticket_like(session.ticket(), session.secret().as_bytes());
    let builder = pair.client_builder().pre_shared_keys(vec![key; 5]);
    let (mut client, mut server) = (client(builder, 1), server_at(&config, 1));
    let stored = store.answer(session.ticket());
    let tickets = talk_and_answer(&mut client, &mut server, |_| stored.clone());
    assert_eq!((tickets.len(), verifier.0.load(Ordering::Relaxed)), (1, 2));
    assert_eq!(psk(&client, &server), None);
}

#[test]
fn an_answer_shows_no_session_to_debuggers() {
    let bytes: Vec<u8> = (200..250).collect();
    let answer = Answer::Session(Some(bytes.into()));
    assert_eq!(format!("{answer:?}"), r#"Session("a session")"#);
    assert_eq!(format!("{:?}", Answer::Session(None)), r#"Session("none")"#);
    assert_eq!(format!("{:?}", Answer::EarlyData(true)), "EarlyData(true)");
}

#[test]
fn a_store_that_knows_some_sessions_at_once_asks_about_the_others_only() {
    /// What begins with "old" has moved away.
    #[derive(Debug)]
    struct Moved(Arc<Elsewhere>);
    impl SessionStore for Moved {
        fn put(
            &self,
            session: &[u8],
            now: UnixTime,
            lifetime: Duration,
        ) -> Result<Vec<u8>, CryptoError> {
            self.0.put(session, now, lifetime)
        }
        fn take(&self, ticket: &[u8], _: UnixTime) -> Reply<Stored> {
            match ticket.starts_with(b"old") {
                true => Reply::Later,
                false => Reply::Now(self.0.answer(ticket)),
            }
        }
    }
    let (pair, store) = (Pair::new(), Elsewhere::new());
    let config = pair.finish(pair.server_builder().sessions(Arc::new(Moved(store.clone()))));
    pair.meet(&config);
    let session = pair.store.take(&server_name(), time(1)).unwrap();
    pair.store.forget(&server_name());
    let random = |number| ticket_like(format!("{number}").as_bytes(), &[1; 32]);
    let mut keys = vec![
        random(1),
        ticket_like(b"old 1", &[2; 32]),
        random(2),
        ticket_like(b"old 2", &[2; 32]),
        // Behind the fourth, the server asks about none.
        ticket_like(b"old 3", &[2; 32]),
    ];
    // What is known at once is looked up as far as the sixteenth.
    keys.extend((5..15).map(random));
    keys.push(ticket_like(session.ticket(), session.secret().as_bytes()));
    assert_eq!(keys.len(), 16);
    let mut client = client(pair.client_builder().pre_shared_keys(keys), 1);
    let mut server = server_at(&config, 1);
    let tickets = talk_and_answer(&mut client, &mut server, |_| None);
    assert_eq!(tickets, [b"old 1", b"old 2"]);
    assert_eq!(psk(&client, &server), Some(PskKind::Resumption));
}
