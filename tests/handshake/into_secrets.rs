//! A connection gives its keys away, and the records by hand of `testing/src/taken_over.rs` take it over.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription;
use handclasp::connection::{ExtractedSecrets, KeysKept, Received, RecordStep};
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Answer;
use handclasp::record::{RecordError, next_record};
use handclasp::registry::ContentType;
use handclasp::transport::memory::exchange;
use handclasp::verify::ClientAuthentication;
use handclasp::{
    AnswerLater, ClientConfig, ClientConnection, Connection, Error, ErrorKind, ServerConfig,
    ServerConnection, Stream,
};
use handclasp_testing::sessions::{Pair, server_at};
use handclasp_testing::taken_over::{OwnRecords, TakenOver};
use handclasp_testing::{Identity, deliver_outgoing, server_name, take_outgoing};

/// Two ends with this provider that have sent data both ways after their handshake.
fn connected(provider: &CryptoProvider) -> (ClientConnection, ServerConnection) {
    let pair = Pair::new();
    let client = pair.client_with(provider.clone()).post_handshake_authentication(true);
    let server = pair.server_with(provider.clone()).tickets(1);
    connected_with(client.build().unwrap(), pair.finish(server))
}

fn connected_with(
    client: ClientConfig,
    server: Arc<ServerConfig>,
) -> (ClientConnection, ServerConnection) {
    let mut client = ClientConnection::new(Arc::new(client), server_name()).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    exchange(&mut client, &mut server).unwrap();
    client.write(b"ping").unwrap();
    server.write(b"pong").unwrap();
    assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), b"ping");
    assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"pong");
    (client, server)
}

/// An end of a connection, whoever owns its records.
enum End {
    Ours(Box<Connection>),
    TakenOver(Box<TakenOver>),
}

impl End {
    fn taken_over(secrets: ExtractedSecrets) -> Self {
        Self::TakenOver(Box::new(TakenOver::new(secrets, Vec::new())))
    }

    fn write(&mut self, data: &[u8]) {
        match self {
            Self::Ours(connection) => assert_eq!(connection.write(data), Ok(data.len())),
            Self::TakenOver(owner) => owner.write(data),
        }
    }

    fn update_keys(&mut self, request: bool) {
        match self {
            Self::Ours(connection) => connection.update_keys(request).unwrap(),
            Self::TakenOver(owner) => owner.post_handshake.update_keys(request).unwrap(),
        }
    }

    fn close(&mut self) {
        match self {
            Self::Ours(connection) => connection.close(),
            Self::TakenOver(owner) => owner.post_handshake.close(),
        }
    }

    fn take_outgoing(&mut self) -> Vec<u8> {
        match self {
            Self::Ours(connection) => take_outgoing(connection),
            Self::TakenOver(owner) => owner.take_outgoing(),
        }
    }

    /// The data in these records; `None` at their end.
    fn receive(&mut self, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let connection = match self {
            Self::Ours(connection) => connection,
            Self::TakenOver(owner) => return owner.receive(&bytes).unwrap(),
        };
        let (mut data, mut start) = (Vec::new(), 0);
        while start < bytes.len() {
            let (consumed, received) = connection.receive(&mut bytes[start..]).unwrap();
            match received {
                Received::Data(part) => data.extend_from_slice(part),
                Received::Handled => {}
                Received::Closed => return None,
                other => panic!("{other:?}"),
            }
            start += consumed;
        }
        Some(data)
    }
}

/// Data, updates of keys and the end, in both directions.
fn talk(left: &mut End, right: &mut End) {
    for round in 0..4 {
        let words = format!("words {round}");
        left.update_keys(round % 2 == 0);
        left.write(words.as_bytes());
        let bytes = left.take_outgoing();
        assert_eq!(right.receive(bytes).unwrap(), words.as_bytes());
        right.write(b"answer");
        let bytes = right.take_outgoing();
        assert_eq!(left.receive(bytes).unwrap(), b"answer");
        let bytes = left.take_outgoing();
        assert_eq!(right.receive(bytes).unwrap(), b"");
    }
    left.close();
    let bytes = left.take_outgoing();
    assert_eq!(right.receive(bytes), None);
    right.write(b"more");
    right.close();
    let bytes = right.take_outgoing();
    let data_length = next_record(&bytes).unwrap().unwrap();
    assert_eq!(left.receive(bytes[..data_length].to_vec()).unwrap(), b"more");
    assert_eq!(left.receive(bytes[data_length..].to_vec()), None);
}

#[test]
fn each_side_can_be_taken_over_with_every_suite_of_every_provider() {
    let providers = [
        CryptoProvider::default(),
        #[cfg(feature = "aws-lc-rs")]
        CryptoProvider::aws_lc_rs(),
    ];
    for provider in providers {
        for suite in 0..provider.cipher_suites.len() {
            let mut narrow = provider.clone();
            narrow.cipher_suites = vec![provider.cipher_suites[suite].clone()];
            for (takes_client, takes_server, server_begins) in [
                (true, false, false),
                (false, true, false),
                (true, true, false),
                (true, true, true),
            ] {
                let (client, server) = connected(&narrow);
                let mut client = match takes_client {
                    true => End::taken_over(client.into_secrets().unwrap()),
                    false => End::Ours(Box::new(client.into())),
                };
                let mut server = match takes_server {
                    true => End::taken_over(server.into_secrets().unwrap()),
                    false => End::Ours(Box::new(server.into())),
                };
                match server_begins {
                    false => talk(&mut client, &mut server),
                    true => talk(&mut server, &mut client),
                }
            }
        }
    }
}

#[test]
fn the_keys_have_the_numbers_and_limits_of_the_next_records() {
    let (client, _) = connected(&CryptoProvider::default());
    let secrets = client.into_secrets().unwrap();
    assert_eq!(secrets.write.sequence(), 1, "the ping");
    assert_eq!(secrets.read.sequence(), 2, "a ticket and the pong");
    for keys in [&secrets.read, &secrets.write] {
        let suite = &CryptoProvider::default().cipher_suites[0];
        assert_eq!(keys.cipher_suite(), suite.id);
        assert_eq!(keys.key().len(), suite.aead.key_length());
        assert_eq!(keys.max_content_length(), 1 << 14);
        assert_eq!(keys.confidentiality_limit(), 1 << 24);
        assert_eq!(keys.update_from(), 3 << 22, "three quarters");
    }
    assert_ne!(secrets.read.key(), secrets.write.key());
    assert_ne!(secrets.read.iv(), secrets.write.iv());
}

#[test]
fn a_sealer_and_an_opener_go_on_with_the_records() {
    let (client, server) = connected(&CryptoProvider::default());
    let (client, server) = (client.into_secrets().unwrap(), server.into_secrets().unwrap());
    let (mut sealer, mut opener) = (client.write.sealer().unwrap(), server.read.opener().unwrap());
    for number in 1..4 {
        let mut record = [&[0; 5][..], b"data"].concat();
        sealer.seal_in_place(&mut record).unwrap();
        let opened = opener.open(&mut record).unwrap().unwrap();
        assert_eq!(
            (opened.content_type, &*opened.payload),
            (ContentType::APPLICATION_DATA, &b"data"[..])
        );
        assert_eq!((sealer.sequence(), opener.sequence()), (number + 1, number + 1));
    }
    let plain_alert = &mut [21, 3, 3, 0, 2, 2, 40];
    let refused = opener.open(plain_alert).unwrap_err();
    assert!(matches!(refused, RecordError::UnexpectedContentType(ContentType::ALERT, _)));
}

#[test]
fn a_connection_keeps_its_keys_until_everything_is_sent_and_goes_on() {
    let (mut client, mut server) = Identity::p256().connections();
    loop {
        // Before and after each flight of the handshake.
        let reason = if client.outgoing().is_empty() {
            KeysKept::Handshaking
        } else {
            KeysKept::Outgoing(client.outgoing().len())
        };
        let refused = client.into_secrets().unwrap_err();
        assert_eq!(refused.reason, reason);
        client = refused.kept;
        let is_last = !client.is_handshaking();
        deliver_outgoing(&mut client, &mut server).unwrap();
        if is_last {
            break;
        }
        if server.is_handshaking() {
            let refused = server.into_secrets().unwrap_err();
            assert!(matches!(refused.reason, KeysKept::Outgoing(_) | KeysKept::Handshaking));
            server = refused.kept;
        }
        deliver_outgoing(&mut server, &mut client).unwrap();
    }
    server.write(b"words").unwrap();
    let refused = server.into_secrets().unwrap_err();
    assert!(refused.to_string().ends_with("bytes wait to be sent"), "{refused}");
    server = refused.kept;
    assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"words");
    assert!(server.into_secrets().is_ok() && client.into_secrets().is_ok());
}

#[test]
fn a_connection_that_is_closed_or_has_failed_keeps_its_keys() {
    let (mut client, mut server) = connected(&CryptoProvider::default());
    client.close();
    deliver_outgoing(&mut client, &mut server).unwrap();
    let client = client.into_secrets().unwrap_err();
    assert_eq!(client.reason, KeysKept::Closed);
    assert!(server.peer_has_closed());
    assert!(server.into_secrets().is_ok(), "it may still send");

    let (mut client, _) = connected(&CryptoProvider::default());
    let error = client.abort(AlertDescription::ACCESS_DENIED, "of this test");
    assert_eq!(client.into_secrets().unwrap_err().reason, KeysKept::Failed(error));
}

#[test]
fn a_server_keeps_its_keys_until_the_end_of_early_data() {
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(1000));
    pair.meet(&config);
    let (mut client, mut server) = (pair.client(1), server_at(&config, 1));
    client.write_early_data(b"early").unwrap();
    let mut first = take_outgoing(&mut client);
    let (mut start, mut early) = (0, Vec::new());
    while start < first.len() {
        let (consumed, received) = server.receive(&mut first[start..]).unwrap();
        if let Received::EarlyData(data) = received {
            early.extend_from_slice(data);
        }
        start += consumed;
    }
    assert_eq!(early, b"early");
    deliver_outgoing(&mut server, &mut client).unwrap();
    let refused = server.into_secrets().unwrap_err();
    assert_eq!(refused.reason, KeysKept::Handshaking);
    server = refused.kept;
    deliver_outgoing(&mut client, &mut server).unwrap();
    deliver_outgoing(&mut server, &mut client).unwrap();
    talk(
        &mut End::taken_over(server.into_secrets().unwrap()),
        &mut End::taken_over(client.into_secrets().unwrap()),
    );
}

/// A transport whose reads return these bytes, each of them at once.
#[derive(Clone, Debug, Default)]
struct Bytes {
    received: Arc<Mutex<VecDeque<Vec<u8>>>>,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Bytes {
    fn add(&self, received: Vec<u8>) {
        self.received.lock().unwrap().push_back(received);
    }

    fn take_sent(&self) -> Vec<u8> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let next = self.received.lock().unwrap().pop_front();
        let bytes = next.ok_or(std::io::ErrorKind::WouldBlock)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.sent.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn data_that_came_with_the_finished_are_left_over_and_not_lost() {
    let (mut client, mut server) = Identity::p256().connections();
    deliver_outgoing(&mut client, &mut server).unwrap();
    deliver_outgoing(&mut server, &mut client).unwrap();
    client.write(b"in the segment of the Finished").unwrap();
    let finished_and_data = take_outgoing(&mut client);
    client.write(b", and behind it").unwrap();
    let mut cut = take_outgoing(&mut client);
    let rest = cut.split_off(10);
    let segment = [finished_and_data, cut].concat();

    let transport = Bytes::default();
    transport.add(segment);
    let mut stream = Stream::new(server, transport);
    stream.handshake().unwrap();
    let handed_over = stream.into_secrets().unwrap();
    assert_eq!(handed_over.secrets.read.sequence(), 0);
    let mut owner = TakenOver::new(handed_over.secrets, handed_over.unread);
    let data = owner.receive(b"").unwrap().unwrap();
    assert_eq!(data, b"in the segment of the Finished");
    assert_eq!(owner.receive(&rest).unwrap().unwrap(), b", and behind it");
}

#[test]
fn a_stream_with_data_that_were_not_read_keeps_its_keys() {
    let (mut client, mut server) = connected(&CryptoProvider::default());
    client.write(b"words").unwrap();
    server.write(b"unsent").unwrap();
    let transport = Bytes::default();
    transport.add(take_outgoing(&mut client));
    let mut stream = Stream::new(server, transport.clone());
    let refused = stream.into_secrets().unwrap_err();
    assert!(matches!(refused.reason, KeysKept::Outgoing(_)));
    stream = refused.kept;
    assert_eq!(stream.receive().unwrap(), Some(5));
    let refused = stream.into_secrets().unwrap_err();
    assert_eq!(refused.reason, KeysKept::UnreadData(5));
    stream = refused.kept;
    let mut data = [0; 5];
    stream.read_exact(&mut data).unwrap();
    assert_eq!(&data, b"words");
    let handed_over = stream.into_secrets().unwrap();
    assert!(handed_over.unread.is_empty());
    let mut sent = transport.take_sent();
    let (_, received) = client.receive(&mut sent).unwrap();
    assert_eq!(received, Received::Data(&mut b"unsent".to_vec()));
}

#[test]
fn a_stream_with_early_data_that_were_not_taken_keeps_its_keys() {
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(1000));
    pair.meet(&config);
    let (mut client, server) = (pair.client(1), server_at(&config, 1));
    client.write_early_data(b"early").unwrap();
    let transport = Bytes::default();
    transport.add(take_outgoing(&mut client));
    let mut stream = Stream::new(server, transport.clone());
    assert_eq!(stream.handshake().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let mut sent = transport.take_sent();
    let mut start = 0;
    while start < sent.len() {
        start += client.receive(&mut sent[start..]).unwrap().0;
    }
    let refused = stream.into_secrets().unwrap_err();
    assert_eq!(refused.reason, KeysKept::Handshaking);
    stream = refused.kept;
    transport.add(take_outgoing(&mut client));
    stream.handshake().unwrap();
    let refused = stream.into_secrets().unwrap_err();
    assert_eq!(refused.reason, KeysKept::UnreadEarlyData(5));
    stream = refused.kept;
    assert_eq!(stream.take_early_data(), b"early");
    assert!(stream.into_secrets().is_ok());
}

/// A server that was taken over, and the client.
fn server_taken_over() -> (ClientConnection, TakenOver) {
    let (client, server) = connected(&CryptoProvider::default());
    (client, TakenOver::new(server.into_secrets().unwrap(), Vec::new()))
}

#[test]
fn a_key_update_is_sent_under_the_key_before_it() {
    let (_, mut server) = server_taken_over();
    server.post_handshake.update_keys(true).unwrap();
    server.do_steps();
    assert_eq!(server.steps, "sw");
    assert_eq!(server.write.sequence, 0);
}

#[test]
fn the_answer_to_a_key_update_that_came_before_is_the_first_step() {
    let (mut client, mut server) = connected(&CryptoProvider::default());
    client.update_keys(true).unwrap();
    deliver_outgoing(&mut client, &mut server).unwrap();
    assert!(server.outgoing().is_empty(), "it is sent before the next data");
    let mut server = TakenOver::new(server.into_secrets().unwrap(), Vec::new());
    server.write(b"words");
    assert_eq!(server.steps, "sw");
    let mut bytes = server.take_outgoing();
    let (update, received) = client.receive(&mut bytes).unwrap();
    assert_eq!(received, Received::Handled);
    let (_, received) = client.receive(&mut bytes[update..]).unwrap();
    assert_eq!(received, Received::Data(&mut b"words".to_vec()));
}

#[test]
fn many_requests_of_key_updates_get_one_answer() {
    let (mut client, mut server) = server_taken_over();
    for _ in 0..8 {
        client.update_keys(true).unwrap();
        client.update_keys(false).unwrap();
    }
    let mut bytes = take_outgoing(&mut client);
    let mut updates = 0;
    while let Some(length) = next_record(&bytes).unwrap() {
        let record: Vec<u8> = bytes.drain(..length).collect();
        let (content_type, mut content) = server.read.open(&record).unwrap();
        let received = server.post_handshake.receive(content_type, &mut content).unwrap();
        assert_eq!(received, Received::Handled);
        let Some(RecordStep::ReadKeys(keys)) = server.post_handshake.next_step() else { panic!() };
        server.read = OwnRecords::new(&keys);
        updates += 1;
    }
    assert_eq!(updates, 16);
    server.do_steps();
    assert_eq!(server.steps, "sw");
}

#[test]
fn of_requests_with_data_between_them_one_is_answered_for_each_data_of_this_side() {
    let (mut client, mut server) = server_taken_over();
    // An honest peer has one request open at a time.
    let flood = |server: &mut TakenOver| {
        for _ in 0..100 {
            let (request, data) = (&mut [24, 0, 0, 1, 1], &mut [b'x']);
            server.post_handshake.receive(ContentType::HANDSHAKE, request).unwrap();
            server.do_steps();
            server.post_handshake.receive(ContentType::APPLICATION_DATA, data).unwrap();
            server.do_steps();
        }
        server.steps.matches("sw").count()
    };
    assert_eq!(flood(&mut server), 1, "the first is answered at once");
    assert_eq!(flood(&mut server), 1);
    // What is left is answered before the data, and the first one after them at once.
    server.write(b"words");
    assert!(server.steps.ends_with("sw"), "{}", server.steps);
    assert_eq!(flood(&mut server), 3);

    let mut bytes = server.take_outgoing();
    let mut received_data = Vec::new();
    let mut unread = &mut bytes[..];
    while !unread.is_empty() {
        let (taken, received) = client.receive(unread).unwrap();
        if let Received::Data(data) = received {
            received_data.extend_from_slice(data);
        }
        unread = &mut unread[taken..];
    }
    assert_eq!(received_data, b"words");
}

#[test]
fn no_data_are_sent_after_a_close_or_a_failure() {
    let (_, mut server) = server_taken_over();
    server.post_handshake.close();
    let error = server.post_handshake.before_data().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");

    let (_, mut server) = server_taken_over();
    let failure = server.post_handshake.abort(AlertDescription::ACCESS_DENIED, "a reason");
    assert_eq!(server.post_handshake.before_data(), Err(failure));
}

#[test]
fn what_records_may_not_contain_gets_its_alert() {
    const DATA: ContentType = ContentType::APPLICATION_DATA;
    const HANDSHAKE: ContentType = ContentType::HANDSHAKE;
    let long = vec![0; (1 << 14) + 1];
    let half_of_update = &[24, 0][..];
    for (contents, alert) in [
        (&[(HANDSHAKE, &[][..])][..], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(ContentType::ALERT, &[])], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(ContentType::CHANGE_CIPHER_SPEC, &[1])], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(ContentType(99), &[1])], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(HANDSHAKE, &[1, 0, 0, 0])], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(HANDSHAKE, half_of_update), (DATA, b"data")], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(HANDSHAKE, &[24, 0, 0, 1, 2])], AlertDescription::ILLEGAL_PARAMETER),
        (&[(HANDSHAKE, &[24, 0, 0, 1, 0, 24])], AlertDescription::UNEXPECTED_MESSAGE),
        (&[(DATA, &long)], AlertDescription::RECORD_OVERFLOW),
    ] {
        let (mut client, mut server) = server_taken_over();
        let mut result: Result<(), Error> = Ok(());
        for (content_type, content) in contents {
            let mut content = content.to_vec();
            result = server.post_handshake.receive(*content_type, &mut content).map(|_| ());
        }
        let error = result.unwrap_err();
        assert_eq!(error.alert_sent(), Some(alert), "{error}");
        assert_eq!(server.post_handshake.check(), Err(error.clone()));
        let repeated = server.post_handshake.receive(DATA, &mut [1]).unwrap_err();
        assert_eq!(repeated, error);
        // The alert is sealed, and the client understands it.
        let mut bytes = server.take_outgoing();
        assert_eq!(server.steps, "s");
        let received = client.receive(&mut bytes).unwrap_err();
        assert_eq!(received.kind(), &ErrorKind::AlertReceived(alert));
    }
}

#[test]
fn alerts_and_the_end_of_the_transport_end_the_connection() {
    let (_, mut server) = server_taken_over();
    let alert = &mut [2, 49];
    let error = server.post_handshake.receive(ContentType::ALERT, alert).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::AlertReceived(AlertDescription::ACCESS_DENIED));

    let (_, mut server) = server_taken_over();
    let error = server.post_handshake.end_of_input().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Truncated);

    let (mut client, mut server) = server_taken_over();
    client.write(b"words").unwrap();
    let mut damaged = take_outgoing(&mut client);
    *damaged.last_mut().unwrap() ^= 1;
    let error = server.receive(&damaged).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::BAD_RECORD_MAC));
    let mut bytes = server.take_outgoing();
    let error = client.receive(&mut bytes).unwrap_err();
    assert_eq!(error.alert_received(), Some(AlertDescription::BAD_RECORD_MAC));
}

#[test]
fn a_flood_of_messages_ends_at_its_limit() {
    let (_, mut server) = server_taken_over();
    let update = [24, 0, 0, 1, 0];
    for _ in 0..32 {
        server.post_handshake.receive(ContentType::HANDSHAKE, &mut update.clone()).unwrap();
    }
    server.post_handshake.before_data().unwrap();
    for _ in 0..32 {
        server.post_handshake.receive(ContentType::HANDSHAKE, &mut update.clone()).unwrap();
    }
    let one_more = &mut update.clone();
    let error = server.post_handshake.receive(ContentType::HANDSHAKE, one_more);
    let limit = ErrorKind::LimitExceeded { name: "messages_without_data", limit: 32 };
    assert_eq!(error.unwrap_err().kind(), &limit);
}

#[test]
fn record_size_limits_hold_for_messages_and_data() {
    let pair = Pair::new();
    let client = pair.client_builder().record_size_limit(Some(100)).build().unwrap();
    let server = pair.finish(pair.server_builder().record_size_limit(Some(200)));
    let (client, server) = connected_with(client, server);
    let (client, server) = (client.into_secrets().unwrap(), server.into_secrets().unwrap());
    assert_eq!(client.read.max_content_length(), 99);
    assert_eq!(client.write.max_content_length(), 199);
    let (mut client, mut server) =
        (TakenOver::new(client, Vec::new()), TakenOver::new(server, Vec::new()));
    let before = pair.store.sessions().len();
    server.post_handshake.send_tickets(1).unwrap();
    let bytes = server.take_outgoing();
    assert!(server.steps.len() > 1, "a ticket has more than 99 bytes");
    client.receive(&bytes).unwrap();
    assert_eq!(pair.store.sessions().len(), before + 1);
    server.write(&[0; 100]);
    let bytes = server.take_outgoing();
    let error = client.receive(&bytes).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::RECORD_OVERFLOW));
}

#[test]
fn a_client_is_asked_for_its_certificate_after_the_hand_over_and_answers_later() {
    let (identity, of_client) = (Identity::p256(), Identity::p256());
    let key = of_client.certified_key();
    let client = ClientConfig::builder(CryptoProvider::default())
        .post_handshake_authentication(true)
        .client_certificates(Arc::new(AnswerLater));
    let client = client.trust(identity.anchors()).unwrap().build().unwrap();
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = ServerConfig::builder(CryptoProvider::default())
        .client_authentication(ClientAuthentication::post_handshake(Arc::new(AnswerLater)))
        .build(Arc::new(list))
        .unwrap();
    let (client, server) = connected_with(client, Arc::new(server));
    let mut client = TakenOver::new(client.into_secrets().unwrap(), Vec::new());
    let mut server = TakenOver::new(server.into_secrets().unwrap(), Vec::new());
    server.post_handshake.request_client_certificate().unwrap();
    let bytes = server.take_outgoing();
    client.receive(&bytes).unwrap();
    assert!(client.post_handshake.question().is_some());
    let data = &mut [1];
    let waiting = client.post_handshake.receive(ContentType::APPLICATION_DATA, data).unwrap();
    assert_eq!(waiting, Received::Waiting);
    give_answer(&mut client, Answer::ClientCertificate(Some(Arc::new(key))));
    let bytes = client.take_outgoing();
    server.receive(&bytes).unwrap();
    give_answer(&mut server, Answer::Peer(Ok(())));
    assert_eq!(server.post_handshake.open_certificate_requests(), 0);
    let shown = server.post_handshake.parameters().certificates.clone().unwrap();
    assert_eq!(shown[..], of_client.chain[..]);
}

fn give_answer(owner: &mut TakenOver, answer: Answer) {
    let number = owner.post_handshake.question_number().unwrap();
    owner.post_handshake.answer(number, answer).unwrap();
}

#[test]
fn nothing_secret_of_what_is_handed_over_is_shown() {
    let (client, _) = connected(&CryptoProvider::default());
    let secrets = client.into_secrets().unwrap();
    let shown = format!("{secrets:?}");
    for secret in [secrets.read.key(), secrets.read.iv(), secrets.write.key(), secrets.write.iv()] {
        let part: Vec<String> = secret[..4].iter().map(u8::to_string).collect();
        assert!(!shown.contains(&part.join(", ")), "{shown}");
        assert!(!shown.contains(&format!("{:02x}{:02x}{:02x}", secret[0], secret[1], secret[2])));
    }
    assert!(shown.contains("sequence: 2"), "{shown}");
}
