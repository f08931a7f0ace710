//! A server that asks for the client's key again and again, while answers on both sides come in any
//! order, twice, too late, and under numbers of no question: see [`play`].

use std::sync::Arc;

use handclasp::certificate::CertificateError;
use handclasp::credential::{CertificateList, CertifiedKey};
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, Handshake, Question, QuestionNumber, Side};
use handclasp::verify::ClientAuthentication;
use handclasp::{ClientConfig, Error, ErrorKind, ServerConfig};

use crate::Input;
use crate::shared::{Own, SERVER, Shows, Takes, name, party, pass};
use handclasp_testing::deterministic;

/// Seeds of the client's keys begin here: each key is shown once.
const FIRST_KEY: u8 = 16;

struct Talk {
    client: Handshake,
    server: Handshake,
    /// Every answer that was given, and the question that it was to.
    given: Vec<(Side, QuestionNumber, Answer)>,
    next_key: u8,
    /// The keys that the server has accepted.
    good: Vec<Vec<u8>>,
}

impl Talk {
    /// Two ends after an honest handshake.
    fn new() -> Self {
        let client = ClientConfig::builder(CryptoProvider::default())
            .verifier(Arc::new(Takes::parties(&[&SERVER])))
            .client_certificates(Arc::new(Shows(Own::Later)))
            .post_handshake_authentication(true)
            .build()
            .expect("the configuration is good");
        let server = ServerConfig::builder(CryptoProvider::default())
            .client_authentication(ClientAuthentication::post_handshake(Arc::new(Takes::Later)))
            .build(Arc::new(CertificateList::new(vec![SERVER.clone()])))
            .expect("the configuration is good");
        let mut client = Handshake::client(Arc::new(client), name(), deterministic::now());
        let mut server = Handshake::server(Arc::new(server), deterministic::now());
        client.start().expect("there is randomness");
        while pass(&mut client, &mut server) + pass(&mut server, &mut client) > 0 {}
        assert!(client.is_complete() && server.is_complete());
        Self { client, server, given: Vec::new(), next_key: FIRST_KEY, good: Vec::new() }
    }

    fn end(&mut self, side: Side) -> &mut Handshake {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Answers the open question of this side, if there is one.
    fn answer(&mut self, side: Side, input: &mut Input<'_>) {
        let end = self.end(side);
        let (Some(number), Some(question)) = (end.question_number(), end.question()) else {
            return;
        };
        let mut shown = None;
        let answer = match question {
            Question::VerifyRawPublicKey(key) if input.byte() % 8 > 0 => {
                shown = Some(key.subject_public_key_info.to_vec());
                Answer::Peer(Ok(()))
            }
            Question::VerifyRawPublicKey(_) => {
                Answer::Peer(Err(CertificateError::rejected("not this one")))
            }
            Question::ChooseClientCertificate(_) => Answer::ClientCertificate(self.next_key(input)),
            other => panic!("{} is not left open", other.name()),
        };
        self.good.extend(shown);
        self.given.push((side, number, answer.clone()));
        // What comes of it is the handshake's own error.
        let _ = self.end(side).answer(number, answer);
    }

    /// A key that was not shown before, or none.
    fn next_key(&mut self, input: &mut Input<'_>) -> Option<Arc<CertifiedKey>> {
        if input.byte() % 8 == 0 || self.next_key == u8::MAX {
            return None;
        }
        self.next_key += 1;
        Some(party(self.next_key))
    }

    /// Gives an answer again, to the question that it was to or to the one `ahead` of that.
    fn answer_again(&mut self, input: &mut Input<'_>) {
        if self.given.is_empty() {
            return;
        }
        let which = usize::from(input.byte()) % self.given.len();
        let ahead = u64::from(input.byte());
        let (side, number, answer) = self.given[which].clone();
        let number = QuestionNumber(number.0 + ahead);
        let end = self.end(side);
        let open = end.question_number();
        if open == Some(number) || end.check().is_err() {
            return;
        }
        assert_misuse(end.answer(number, answer));
        assert_eq!(end.check(), Ok(()), "it changes nothing");
        assert_eq!(end.question_number(), open, "it changes nothing");
    }
}

fn assert_misuse(result: Result<(), Error>) {
    let error = result.expect_err("no question has this number");
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
}

/// The input's bytes are requests, deliveries and answers. An answer to a number that is not open
/// changes nothing, and no key is the client's unless the server accepted this very key.
pub fn play(data: &[u8]) {
    let mut input = Input(data);
    let mut talk = Talk::new();
    while !input.0.is_empty() {
        match input.byte() % 6 {
            0 => {
                // Too many at once are the caller's mistake.
                let _ = talk.server.request_client_certificate();
            }
            1 => {
                pass(&mut talk.server, &mut talk.client);
                talk.client.on_application_data();
            }
            2 => {
                pass(&mut talk.client, &mut talk.server);
                talk.server.on_application_data();
            }
            3 => talk.answer(Side::Client, &mut input),
            4 => talk.answer(Side::Server, &mut input),
            _ => talk.answer_again(&mut input),
        }
        if let Some(key) = &talk.server.parameters().raw_public_key {
            assert!(talk.good.iter().any(|good| **good == **key), "no verifier looked at this key");
        }
    }
}
