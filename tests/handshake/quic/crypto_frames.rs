//! CRYPTO frames in any order, at each level, and too many of them.

use std::collections::VecDeque;
use std::sync::Arc;

use handclasp::config::Limits;
use handclasp::handshake::Answer;
use handclasp::quic::error_code;
use handclasp::{AnswerLater, Error, ErrorKind, Level};
use handclasp_testing::Identity;
use handclasp_testing::numbers::Numbers;

use super::ends::{End, Frame, client_builder, configs, connected, pass, server_builder};

/// Cuts the frames into pieces, some of them twice, and shuffles those of one level.
fn scatter(frames: Vec<Frame>, numbers: &mut Numbers) -> VecDeque<Frame> {
    let mut scattered = Vec::new();
    for Frame { level, offset, data } in frames {
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < data.len() {
            let length = 1 + numbers.below(200).min(data.len() - start - 1);
            for _ in 0..1 + numbers.below(2) {
                // Some pieces begin before the end of the last one.
                let before = numbers.below(20).min(start);
                let piece = data[start - before..start + length].to_vec();
                pieces.push(Frame { level, offset: offset + (start - before) as u64, data: piece });
            }
            start += length;
        }
        for place in (1..pieces.len()).rev() {
            pieces.swap(place, numbers.below(place + 1));
        }
        scattered.extend(pieces);
    }
    scattered.into()
}

#[test]
fn frames_in_any_order_with_any_overlap_complete_the_handshake() {
    let (client_config, server_config) = configs(&Identity::p256());
    for seed in 1..40 {
        let numbers = &mut Numbers(seed);
        let (mut client, mut server) =
            (End::client(&client_config, 0), End::server(&server_config, 0));
        loop {
            let sent = scatter(client.frames(), numbers);
            let answered = {
                sent.iter().for_each(|frame| server.receive(frame).unwrap());
                scatter(server.frames(), numbers)
            };
            answered.iter().for_each(|frame| client.receive(frame).unwrap());
            if sent.is_empty() && answered.is_empty() {
                break;
            }
        }
        assert!(!client.connection.is_handshaking() && !server.connection.is_handshaking());
    }
}

#[test]
fn new_data_at_another_level_are_a_protocol_violation_and_old_data_are_not() {
    let (client_config, server_config) = configs(&Identity::p256());
    let violation = |end: &mut End, level, offset| {
        let error = end.connection.receive(level, offset, &[1, 2, 3]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::QuicProtocolViolation(_)), "{error}");
        assert_eq!(error_code(&error), Some(0x0a));
    };
    for level in [Level::EarlyData, Level::Handshake, Level::Application] {
        violation(&mut End::client(&client_config, 0), level, 0);
        violation(&mut End::server(&server_config, 0), level, 0);
    }
    let (mut client, mut server) = (End::client(&client_config, 0), End::server(&server_config, 0));
    let hello = client.frames().remove(0);
    server.receive(&hello).unwrap();
    server.receive(&hello).unwrap();
    server.connection.receive(Level::Handshake, 0, &[]).unwrap();
    violation(&mut server, Level::Initial, hello.data.len() as u64);
    let [mut client, mut server] = connected(&client_config, &server_config, 0);
    violation(&mut client, Level::Handshake, 100_000);
    violation(&mut server, Level::Handshake, 100_000);
}

#[test]
fn a_buffer_of_4096_bytes_is_always_there() {
    // RFC 9000, section 7.5.
    let identity = Identity::p256();
    let mut limits = Limits::DEFAULT;
    limits.crypto_buffer = 0;
    let config = Arc::new(client_builder(&identity).limits(limits).build().unwrap());
    let mut client = End::client(&config, 0).connection;
    client.receive(Level::Initial, 4095, &[2]).unwrap();
    let error = client.receive(Level::Initial, 4096, &[2]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::CryptoBufferExceeded { limit: 4096 });
}

#[test]
fn data_far_ahead_are_refused() {
    let (client_config, _) = configs(&Identity::p256());
    let limit = Limits::DEFAULT.crypto_buffer as u64;
    let mut client = End::client(&client_config, 0).connection;
    client.receive(Level::Initial, limit - 1, &[2]).unwrap();
    let error = client.receive(Level::Initial, limit, &[2]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::CryptoBufferExceeded { .. }));
    assert_eq!(error_code(&error), Some(0x0d));
    assert_eq!(client.check().unwrap_err(), error);
}

#[test]
fn what_follows_the_last_message_of_a_level_is_refused() {
    let (client_config, server_config) = configs(&Identity::p256());
    let (mut client, mut server) = (End::client(&client_config, 0), End::server(&server_config, 0));
    pass(&mut client, &mut server).unwrap();
    let hello = server.frames().remove(0);
    // It waits for the ServerHello, which changes the keys.
    client.connection.receive(Level::Initial, hello.data.len() as u64, &[8]).unwrap();
    let error = client.receive(&hello).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MisplacedBytes(_)), "{error}");
    assert_eq!(error_code(&error), Some(0x0a));
}

/// `last` is the end of what this end reads at its level. A byte beyond it has come before.
fn assert_leftover_is_refused(end: &mut End, last: &Frame) {
    let beyond = last.offset + last.data.len() as u64 + 1;
    end.connection.receive(last.level, beyond, &[8]).unwrap();
    assert_violation(end.receive(last).unwrap_err(), end);
}

fn assert_violation(error: Error, end: &mut End) {
    assert!(matches!(error.kind(), ErrorKind::QuicProtocolViolation(_)), "{error}");
    assert_eq!(error_code(&error), Some(0x0a));
    assert_eq!(end.connection.check().unwrap_err(), error);
    end.frames();
    assert!(!end.events.contains(&"HandshakeComplete".to_owned()), "{:?}", end.events);
}

#[test]
fn data_that_wait_for_others_when_their_level_ends_are_a_protocol_violation() {
    // RFC 9001, section 4.1.3.
    let (client_config, server_config) = configs(&Identity::p256());
    let ends = || (End::client(&client_config, 0), End::server(&server_config, 0));
    let (mut client, mut server) = ends();
    assert_leftover_is_refused(&mut server, &client.frames()[0]);

    let (mut client, mut server) = ends();
    pass(&mut client, &mut server).unwrap();
    assert_leftover_is_refused(&mut client, &server.frames()[0]);

    let (mut client, mut server) = ends();
    pass(&mut client, &mut server).unwrap();
    let flight = server.frames();
    client.receive(&flight[0]).unwrap();
    assert_leftover_is_refused(&mut client, &flight[1]);

    let (mut client, mut server) = ends();
    pass(&mut client, &mut server).unwrap();
    pass(&mut server, &mut client).unwrap();
    assert_leftover_is_refused(&mut server, &client.frames()[0]);
}

#[test]
fn data_that_wait_for_others_when_an_answer_ends_their_level_are_a_protocol_violation() {
    let identity = Identity::p256();
    let (client_config, _) = configs(&identity);
    let server = server_builder().build(Arc::new(AnswerLater)).unwrap();
    let (mut client, mut server) =
        (End::client(&client_config, 0), End::server(&Arc::new(server), 0));
    let hello = client.frames().remove(0);
    server.receive(&hello).unwrap();
    server.connection.receive(Level::Initial, hello.data.len() as u64 + 1, &[8]).unwrap();
    let number = server.connection.question_number().unwrap();
    let answer = Answer::Certificate(Ok(Arc::new(identity.certified_key())));
    let error = server.connection.answer(number, answer).unwrap_err();
    assert_violation(error, &mut server);
}
