//! A connection gives its keys away, and the records by hand of `testing/src/taken_over.rs` take it over.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription;
use handclasp::connection::{ExtractedSecrets, KeysKept, Received};
use handclasp::crypto::CryptoProvider;
use handclasp::record::{RecordError, next_record};
use handclasp::registry::ContentType;
use handclasp::transport::memory::exchange;
use handclasp::{
    ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection, Stream,
};
use handclasp_testing::sessions::{Pair, early_data, server_at};
use handclasp_testing::taken_over::TakenOver;
use handclasp_testing::{Identity, deliver_outgoing, server_name, take_outgoing};

/// Two ends with this provider that have sent data both ways after their handshake.
pub fn connected(provider: &CryptoProvider) -> (ClientConnection, ServerConnection) {
    let pair = Pair::new();
    let client = pair.client_with(provider.clone()).post_handshake_authentication(true);
    let server = pair.server_with(provider.clone()).tickets(1);
    connected_with(client.build().unwrap(), pair.finish(server))
}

pub fn connected_with(
    client: ClientConfig,
    server: Arc<ServerConfig>,
) -> (ClientConnection, ServerConnection) {
    let mut client = ClientConnection::new(Arc::new(client), server_name());
    let mut server = ServerConnection::new(server);
    exchange(&mut client, &mut server).unwrap();
    client.write(b"ping").unwrap();
    server.write(b"pong").unwrap();
    assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), b"ping");
    assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"pong");
    (client, server)
}

/// An end of a connection, and who protects its records.
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
    assert_eq!(early_data(&mut server, &mut first), b"early");
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
