//! A session's certificates and keys are asked about again: beside other questions, after a
//! HelloRetryRequest, with 0-RTT data that wait, and for as long as the session lives.

use std::sync::{Arc, Mutex};

use handclasp::certificate::CertificateError;
use handclasp::config::ServerConfigBuilder;
use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, EarlyData, Question};
use handclasp::key_schedule::PskKind;
use handclasp::observer::{Event, Observer};
use handclasp::registry::SignatureScheme;
use handclasp::session::{ClientSession, ClientSessionStore};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{AnswerLater, ClientConnection, Connection, ServerConfig, ServerConnection};
use handclasp_testing::sessions::{
    Elsewhere, Pair, RegisterElsewhere, append_outgoing, client, server_at, take, time,
};
use handclasp_testing::{Identity, narrow_provider, recorded_group, server_name};

/// A client with a certificate, and a server that has to ask about it.
struct Ends {
    pair: Pair,
    own: Arc<CertificateList>,
}

impl Ends {
    fn new() -> Self {
        let own = CertificateList::new(vec![Arc::new(Identity::p256().certified_key())]);
        Self { pair: Pair::new(), own: Arc::new(own) }
    }

    fn server(&self, builder: ServerConfigBuilder) -> Arc<ServerConfig> {
        let policy = ClientAuthentication::required(Arc::new(AnswerLater));
        self.pair.finish(builder.client_authentication(policy))
    }

    fn client(&self, at: u64) -> ClientConnection {
        client(self.pair.client_builder().client_certificates(self.own.clone()), at)
    }

    /// A first connection, after which the client has tickets.
    fn meet(&self, config: &Arc<ServerConfig>) {
        self.pair.store.forget(&server_name());
        let mut wires = Wires::new(self.client(0), server_at(config, 0));
        wires.run(|_| Answer::Peer(Ok(())));
        assert!(!wires.client.is_handshaking() && !wires.server.is_handshaking());
    }
}

fn refusal() -> Answer {
    Answer::Peer(Err(CertificateError::rejected("not today")))
}

/// Two ends, and the bytes between them that were not taken yet.
struct Wires {
    client: ClientConnection,
    server: ServerConnection,
    to_client: Vec<u8>,
    to_server: Vec<u8>,
    early: Vec<u8>,
    failed: bool,
}

impl Wires {
    fn new(client: ClientConnection, server: ServerConnection) -> Self {
        let (to_client, to_server, early) = (Vec::new(), Vec::new(), Vec::new());
        Self { client, server, to_client, to_server, early, failed: false }
    }

    /// Moves bytes until both ends rest.
    fn go(&mut self) {
        for _ in 0..8 {
            append_outgoing(&mut self.client, &mut self.to_server);
            append_outgoing(&mut self.server, &mut self.to_client);
            let data = &mut Vec::new();
            let to_server = take(&mut self.server, &mut self.to_server, &mut self.early, data);
            let to_client = take(&mut self.client, &mut self.to_client, &mut Vec::new(), data);
            self.failed |= to_server.is_err() || to_client.is_err();
        }
    }

    /// Goes to the end; returns the names of what was asked.
    fn run(&mut self, mut answer: impl FnMut(&Question) -> Answer) -> Vec<&'static str> {
        let mut asked = Vec::new();
        loop {
            self.go();
            let end: &mut Connection =
                if self.client.question().is_some() { &mut self.client } else { &mut self.server };
            let (Some(number), Some(question)) = (end.question_number(), end.question()) else {
                return asked;
            };
            asked.push(question.name());
            let answer = answer(question);
            self.failed |= end.answer(number, answer).is_err();
        }
    }

    fn resumed(&self) -> bool {
        self.server.parameters().pre_shared_key == Some(PskKind::Resumption)
    }
}

#[test]
fn a_session_that_is_found_later_is_asked_about_later_with_a_retry_and_without() {
    for group in [0, 1] {
        for good in [true, false] {
            let (ends, store) = (Ends::new(), Elsewhere::new());
            let config_with = |group| {
                let builder = ends.pair.server_with(narrow_provider(0, group));
                ends.server(builder.sessions(store.clone()))
            };
            ends.meet(&config_with(0));
            let config = config_with(group);
            let mut wires = Wires::new(ends.client(1), server_at(&config, 1));
            let mut asked = 0;
            let asked = wires.run(|question| match question {
                Question::TakeSession(question) => Answer::Session(store.answer(&question.ticket)),
                _ => {
                    asked += 1;
                    if good || asked > 1 { Answer::Peer(Ok(())) } else { refusal() }
                }
            });
            assert_eq!(asked[..2], ["take session", "verify peer"]);
            assert_eq!((asked.len() == 2, wires.resumed()), (good, good), "{asked:?}");
            assert!(!wires.failed && !wires.server.is_handshaking());
            assert_eq!(wires.server.parameters().retried, group == 1);
        }
    }
}

#[test]
fn early_data_wait_for_the_answer_and_are_taken_or_passed_over() {
    for good in [true, false] {
        let ends = Ends::new();
        let config = ends.server(ends.pair.early_server(1000));
        ends.meet(&config);
        let mut client = ends.client(1);
        assert_eq!(client.write_early_data(b"early").unwrap(), 5);
        let mut wires = Wires::new(client, server_at(&config, 1));
        wires.go();
        assert!(matches!(wires.server.question(), Some(Question::VerifyPeer(_))));
        assert_eq!(wires.early, b"", "the question is open");
        let mut first = true;
        wires.run(|_| match core::mem::replace(&mut first, false) && !good {
            true => refusal(),
            false => Answer::Peer(Ok(())),
        });
        assert!(!wires.failed && !wires.client.is_handshaking() && !wires.server.is_handshaking());
        assert_eq!(wires.resumed(), good);
        assert_eq!(wires.early, if good { &b"early"[..] } else { b"" });
        let outcome = if good { EarlyData::Accepted } else { EarlyData::Rejected };
        assert_eq!(wires.client.parameters().early_data, outcome);
        assert!(wires.server.parameters().certificates.is_some());
    }
}

/// What a server decides, in the order in which its observer learns of it.
#[derive(Clone, Default)]
struct Decisions(Arc<Mutex<Vec<String>>>);

impl Observer for Decisions {
    fn event(&mut self, event: &Event<'_>) {
        let decision = match event {
            Event::KeysExchanged(_) => "keys exchanged".into(),
            Event::CipherSuiteChosen(_) => "cipher suite chosen".into(),
            Event::NotTaken(offered, _) => format!("not taken: {offered:?}"),
            Event::Waiting(question) => format!("waits: {question}"),
            _ => return,
        };
        self.0.lock().unwrap().push(decision);
    }
}

#[test]
fn each_decision_of_a_server_may_wait_and_none_is_made_twice() {
    // Is the session found, is the client's certificate accepted again, is the key taken?
    for (found, accepted, expected) in [
        (
            false,
            true,
            &[
                "waits: take session",
                "waits: resolve PSK",
                "not taken: PreSharedKeys",
                "not taken: EarlyData",
                "cipher suite chosen",
                "keys exchanged",
                "waits: choose certificate",
                "waits: verify peer",
            ][..],
        ),
        (
            true,
            false,
            &[
                "waits: take session",
                "waits: verify peer",
                "not taken: Session",
                "waits: resolve PSK",
                "not taken: PreSharedKeys",
                "not taken: EarlyData",
                "cipher suite chosen",
                "keys exchanged",
                "waits: choose certificate",
                "waits: verify peer",
            ],
        ),
        (
            true,
            true,
            &[
                "waits: take session",
                "waits: verify peer",
                "cipher suite chosen",
                "waits: accept early data",
                "waits: check replay",
                "keys exchanged",
            ],
        ),
    ] {
        assert_eq!(decisions(found, accepted), expected, "{found} {accepted}");
    }
}

/// What a server decides that asks about everything. The client shows a ticket, and sends 0-RTT data. The session is
/// found or not, and the client's certificate is accepted again or not.
fn decisions(found: bool, accepted: bool) -> Vec<String> {
    let (ends, store) = (Ends::new(), Elsewhere::new());
    let key = Arc::new(ends.pair.identity.certified_key());
    let register = RegisterElsewhere::new();
    let builder = ends.pair.server_builder().early_data(1000, register.clone());
    let builder = builder.sessions(store.clone()).tickets(1);
    let builder = builder.early_data_policy(Arc::new(AnswerLater));
    let builder = builder.pre_shared_keys(Arc::new(AnswerLater));
    let policy = ClientAuthentication::required(Arc::new(AnswerLater));
    let builder = builder.client_authentication(policy);
    let config = Arc::new(builder.build(Arc::new(AnswerLater)).unwrap());
    let mut verifications = 0;
    let mut answer = |question: &Question| match question {
        Question::TakeSession(question) if found => Answer::Session(store.answer(&question.ticket)),
        Question::TakeSession(_) => Answer::Session(None),
        Question::ResolvePsk(_) => Answer::Psk(None),
        Question::AcceptEarlyData(_) => Answer::EarlyData(true),
        Question::CheckReplay(question) => Answer::ReplayCheck(register.answer(question)),
        Question::ChooseCertificate(_) => Answer::Certificate(Ok(key.clone())),
        _ => {
            // The first is about the certificate of the first connection.
            verifications += 1;
            if verifications == 2 && !accepted { refusal() } else { Answer::Peer(Ok(())) }
        }
    };
    Wires::new(ends.client(0), server_at(&config, 0)).run(&mut answer);

    let decisions = Decisions::default();
    let observer: Option<Box<dyn Observer>> = Some(Box::new(decisions.clone()));
    let mut options = Options::new(time(1));
    options.observer = observer;
    let server = ServerConnection::with_options(config, options);
    let mut client = ends.client(1);
    assert_eq!(client.write_early_data(b"early").unwrap(), 5);
    let mut wires = Wires::new(client, server);
    wires.run(&mut answer);
    assert!(!wires.failed && !wires.client.is_handshaking() && !wires.server.is_handshaking());
    assert_eq!(wires.resumed(), found && accepted);
    assert_eq!(wires.early, if wires.resumed() { &b"early"[..] } else { b"" });
    decisions.0.lock().unwrap().clone()
}

#[test]
fn a_session_whose_time_is_over_when_the_answer_comes_is_not_resumed() {
    // On a server.
    let ends = Ends::new();
    let config = ends.server(ends.pair.server_builder().ticket_lifetime(100));
    ends.meet(&config);
    let mut wires = Wires::new(ends.client(1), server_at(&config, 1));
    wires.go();
    assert!(wires.server.question().is_some());
    wires.server.set_time(time(1000));
    wires.run(|_| Answer::Peer(Ok(())));
    assert!(!wires.failed && !wires.resumed() && !wires.server.is_handshaking());

    // On a client.
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder().ticket_lifetime(100));
    pair.meet(&config);
    let builder = pair.client_builder().verifier(Arc::new(AnswerLater));
    let mut wires = Wires::new(client(builder, 1), server_at(&config, 1));
    assert!(wires.client.question().is_some() && wires.client.outgoing().is_empty());
    wires.client.set_time(time(1000));
    wires.run(|_| Answer::Peer(Ok(())));
    assert!(!wires.failed && !wires.resumed() && !wires.client.is_handshaking());
}

#[test]
fn a_client_keeps_no_session_with_a_request_that_is_too_long_to_be_asked_again() {
    let kept = |length: usize| {
        let ends = Ends::new();
        let policy = ClientAuthentication::optional(Arc::new(AnswerLater));
        let policy = policy.authorities([vec![0x30; length]]);
        let config = ends.pair.finish(ends.pair.server_builder().client_authentication(policy));
        let mut wires = Wires::new(ends.client(0), server_at(&config, 0));
        wires.run(|_| Answer::Peer(Ok(())));
        assert!(!wires.failed && !wires.client.is_handshaking());
        ends.pair.store.sessions().len()
    };
    assert_eq!((kept(16_000), kept(17_000)), (2, 0));
}

#[test]
fn a_question_about_a_session_that_cannot_be_answered_ends_the_connection() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    let provider = CryptoProvider::default();
    let builder = pair.client_with(provider).verifier(Arc::new(AnswerLater));
    let mut client = client(builder, 1);
    let number = client.question_number().unwrap();
    let error = client.answer(number, Answer::Unavailable("no service".into())).unwrap_err();
    assert!(error.to_string().contains("no service"), "{error}");
}

#[test]
fn no_stored_session_keeps_a_client_from_saying_hello() {
    let ends = Ends::new();
    let config = ends.server(ends.pair.server_builder());
    ends.meet(&config);
    let session = ends.pair.store.take(&server_name(), time(0)).unwrap();
    let bytes = session.to_bytes();
    // Thousands of ClientHellos: the key shares are computed once.
    let provider = recorded_group::provider();
    let mut read = 0;
    for at in 0..bytes.len() {
        for change in [1, 0xff] {
            let mut changed = bytes.to_vec();
            changed[at] ^= change;
            let Ok(session) = ClientSession::from_bytes(&changed) else { continue };
            read += 1;
            for own in [true, false] {
                ends.pair.store.forget(&server_name());
                ends.pair.store.put(session.clone());
                let builder = ends.pair.client_with(provider.clone());
                let builder = match own {
                    true => builder.client_certificates(ends.own.clone()),
                    false => builder,
                };
                assert!(!client(builder, 1).outgoing().is_empty(), "{change} at {at}");
            }
        }
    }
    assert!(read > 500, "{read}");
}

#[test]
fn a_client_that_offers_no_scheme_of_the_servers_key_does_not_resume() {
    let is_ecdsa = |scheme: &SignatureScheme| *scheme == SignatureScheme::ECDSA_SECP256R1_SHA256;
    for (ecdsa, resumes) in [(true, true), (false, false)] {
        let pair = Pair::new();
        let config = pair.finish(pair.server_builder());
        pair.meet(&config);
        // Certificates are verified as before: by the anchors' verifier, with all algorithms.
        let mut provider = CryptoProvider::default();
        let signatures = provider.signatures.clone();
        provider.signatures.by_scheme.retain(|row| is_ecdsa(&row.scheme) == ecdsa);
        let verifier = TrustAnchorVerifier::new(pair.identity.anchors(), signatures);
        let client = client(pair.client_with(provider).verifier(Arc::new(verifier)), 1);
        let mut wires = Wires::new(client, server_at(&config, 1));
        wires.go();
        assert_eq!(wires.client.parameters().pre_shared_key.is_some(), resumes, "{ecdsa}");
        // A full handshake with this key is none that the client would take.
        assert_eq!(wires.failed, !resumes);
    }
}

#[test]
fn a_server_passes_over_as_much_early_data_as_the_ticket_of_another_one_allows() {
    const ALLOWED: u32 = 100_000;
    for (length, now_allowed) in [(50_000, None), (50_000, Some(1000)), (100_000, None)] {
        let pair = Pair::new();
        pair.meet(&pair.finish(pair.early_server(ALLOWED)));
        let other = pair.server_builder();
        let other = match now_allowed {
            Some(allowed) => other.early_data(allowed, pair.register.clone()),
            None => other,
        };
        let mut wires = Wires::new(pair.client(1), server_at(&pair.finish(other), 1));
        let mut left = length;
        while left > 0 {
            left -= wires.client.write_early_data(&vec![1; left]).unwrap();
            append_outgoing(&mut wires.client, &mut wires.to_server);
        }
        wires.go();
        assert!(!wires.failed && wires.resumed(), "{length} {now_allowed:?}");
        assert_eq!(wires.client.parameters().early_data, EarlyData::Rejected);
    }
}
