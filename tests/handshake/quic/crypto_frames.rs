//! CRYPTO frames in any order, at each level, and too many of them.

use std::collections::VecDeque;

use handclasp::config::Limits;
use handclasp::quic::error_code;
use handclasp::{ErrorKind, Level};
use handclasp_testing::Identity;
use handclasp_testing::numbers::Numbers;

use super::ends::{End, Frame, configs, connected, pass};

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
}
