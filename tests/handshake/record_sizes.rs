//! How long records are: record_size_limit in both directions (RFC 8449), and padding (RFC 9846,
//! section 5.4).

use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription;
use handclasp::config::{ConfigError, ExtensionLayout, LayoutItem, Limits};
use handclasp::connection::{Options, Received};
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Handshake, Step};
use handclasp::observer::{Event, Observer};
use handclasp::record::{
    HEADER_LENGTH, PaddingPolicy, RecordError, next_record, pad_to_multiple_of,
};
use handclasp::registry::{ContentType, HandshakeType};
use handclasp::transport::memory::exchange;
use handclasp::wire::{EncryptedExtensions, ExtensionType, HandshakeMessage};
use handclasp::{
    ClientConfig, ClientConnection, Connection, ErrorKind, ServerConfig, ServerConnection,
};
use handclasp_testing::forge::Secrets;
use handclasp_testing::message::Parts;
use handclasp_testing::sessions::{Pair, pass, server_at, talk, time};
use handclasp_testing::{Identity, server_name, take_outgoing};

/// The configuration of one side about records.
#[derive(Clone, Default)]
struct Side {
    limit: Option<u16>,
    padding: Option<PaddingPolicy>,
}

fn limit(limit: u16) -> Side {
    Side { limit: Some(limit), padding: None }
}

fn padding(multiple: usize) -> Side {
    Side { limit: Some(16385), padding: Some(pad_to_multiple_of(multiple)) }
}

fn pair(client: Side, server: Side) -> (ClientConnection, ServerConnection) {
    let identity = Identity::p256();
    let mut builder =
        ClientConfig::builder(CryptoProvider::default()).record_size_limit(client.limit);
    if let Some(policy) = client.padding {
        builder = builder.record_padding(policy);
    }
    let client = builder.trust(identity.anchors()).unwrap().build().unwrap();
    let mut builder =
        ServerConfig::builder(CryptoProvider::default()).record_size_limit(server.limit);
    if let Some(policy) = server.padding {
        builder = builder.record_padding(policy);
    }
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = builder.build(Arc::new(list)).unwrap();
    (
        ClientConnection::new(Arc::new(client), server_name()),
        ServerConnection::new(Arc::new(server)),
    )
}

/// Carries what `from` has to send, and returns the data in it and the length of the inner plaintext
/// of each protected record: content, type and padding.
fn carry(from: &mut Connection, to: &mut Connection) -> (Vec<u8>, Vec<usize>) {
    const HEADER_AND_TAG: usize = 5 + 16;
    let mut bytes = take_outgoing(from);
    let (mut start, mut data, mut lengths) = (0, Vec::new(), Vec::new());
    while let Some(length) = next_record(&bytes[start..]).unwrap() {
        if bytes[start] == ContentType::APPLICATION_DATA.0 {
            lengths.push(length - HEADER_AND_TAG);
        }
        if let (_, Received::Data(part)) = to.receive(&mut bytes[start..start + length]).unwrap() {
            data.extend_from_slice(part);
        }
        start += length;
    }
    (data, lengths)
}

/// Shakes hands, exchanges data, and returns the lengths of the client's and the server's records.
fn lengths(client: &mut Connection, server: &mut Connection) -> [Vec<usize>; 2] {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    while client.is_handshaking() || server.is_handshaking() {
        ours.extend(carry(client, server).1);
        theirs.extend(carry(server, client).1);
    }
    let send = |from: &mut Connection, to: &mut Connection, lengths: &mut Vec<usize>| {
        let data = vec![7; 20_000];
        assert_eq!(from.write(&data).unwrap(), data.len());
        let (got, records) = carry(from, to);
        assert!(got == data);
        lengths.extend(records);
    };
    send(client, server, &mut ours);
    send(server, client, &mut theirs);
    [ours, theirs]
}

#[test]
fn each_side_keeps_to_the_limit_of_the_other_in_handshake_and_data() {
    for (client_limit, server_limit) in [(64, 16385), (16385, 64), (64, 65), (512, 1000)] {
        let (mut client, mut server) = pair(limit(client_limit), limit(server_limit));
        let [ours, theirs] = lengths(&mut client, &mut server);
        assert_eq!(client.parameters().record_size_limit, Some(server_limit));
        assert_eq!(server.parameters().record_size_limit, Some(client_limit));
        for (lengths, limit) in [(ours, server_limit), (theirs, client_limit)] {
            // Full records are used: the longest is as long as it may be.
            assert_eq!(lengths.iter().max(), Some(&usize::from(limit)));
        }
        for (connection, limit) in [(&mut *client, server_limit), (&mut *server, client_limit)] {
            connection.close();
            assert!(connection.outgoing().len() <= 5 + usize::from(limit) + 16);
        }
    }
}

#[test]
fn a_limit_that_only_one_side_sends_is_none() {
    for (client, server) in [(limit(64), Side::default()), (Side::default(), limit(64))] {
        let (mut client, mut server) = pair(client, server);
        let [ours, theirs] = lengths(&mut client, &mut server);
        assert_eq!(client.parameters().record_size_limit, None);
        assert_eq!(server.parameters().record_size_limit, None);
        assert_eq!((ours.iter().max(), theirs.iter().max()), (Some(&16385), Some(&16385)));
    }
}

#[test]
fn padding_stops_at_the_limit() {
    let policy: PaddingPolicy = Arc::new(|_, _| usize::MAX);
    let server = Side { limit: Some(64), padding: Some(policy) };
    let (mut client, mut server) = pair(limit(100), server);
    let [ours, theirs] = lengths(&mut client, &mut server);
    assert!(ours.iter().all(|length| *length <= 64));
    assert!(theirs.iter().all(|length| *length == 100), "padded to the limit, and not beyond");
}

#[test]
fn limits_out_of_range_cannot_be_configured() {
    for limit in [0, 63, 16386, u16::MAX] {
        let builder =
            ClientConfig::builder(CryptoProvider::default()).record_size_limit(Some(limit));
        let config = builder.trust(Identity::p256().anchors()).unwrap().build();
        assert_eq!(config.unwrap_err(), ConfigError::RecordSizeLimit);
        let builder =
            ServerConfig::builder(CryptoProvider::default()).record_size_limit(Some(limit));
        let config = builder.build(Arc::new(CertificateList::new(Vec::new())));
        assert_eq!(config.unwrap_err(), ConfigError::RecordSizeLimit);
    }
}

#[test]
fn records_are_padded_as_the_policy_says_in_both_roles() {
    let (mut client, mut server) = pair(padding(1000), padding(4096));
    let [ours, theirs] = lengths(&mut client, &mut server);
    assert!(ours.iter().all(|length| length % 1000 == 1 || *length == 16385), "{ours:?}");
    assert!(theirs.iter().all(|length| length % 4096 == 1), "{theirs:?}");
    // Without a policy there is no padding, even if the peer pads.
    let (mut client, mut server) = pair(padding(1000), limit(16385));
    let [_, theirs] = lengths(&mut client, &mut server);
    assert_eq!(theirs[theirs.len() - 2..], [16385, 20_000 - 16_384 + 1]);
}

#[test]
fn a_policy_sees_the_content_type_and_does_not_show_outside() {
    let only_data: PaddingPolicy = Arc::new(|content_type, length| match content_type {
        ContentType::APPLICATION_DATA => 256 - length.min(256),
        _ => 0,
    });
    let (mut client, mut server) = pair(Side { limit: None, padding: Some(only_data) }, limit(64));
    exchange(&mut client, &mut server).unwrap();
    for data in [&b"yes"[..], b"no", b"a longer answer"] {
        client.write(data).unwrap();
        let (got, lengths) = carry(&mut client, &mut server);
        assert_eq!((&got[..], &lengths[..]), (data, &[257][..]));
    }
    client.close();
    assert_eq!(client.outgoing().len(), 5 + 2 + 1 + 16, "an alert is not padded here");
}

#[test]
fn the_outgoing_limit_counts_padding() {
    let policy: PaddingPolicy = Arc::new(|_, _| usize::MAX);
    let (mut client, mut server) = pair(Side { limit: None, padding: Some(policy) }, limit(64));
    exchange(&mut client, &mut server).unwrap();
    let mut taken = 0;
    for _ in 0..100 {
        taken += client.write(b"x").unwrap();
    }
    assert_eq!(taken, 3, "each byte costs a whole record");
    assert!(client.outgoing().len() <= 65_536);
}

#[test]
fn a_record_beyond_the_own_limit_is_an_overflow_in_handshake_and_data() {
    for (handshaking, length, overflows) in
        [(true, 63, false), (true, 64, true), (false, 63, false), (false, 64, true)]
    {
        let identity = Identity::p256();
        let secrets = Arc::new(Secrets::default());
        let builder = ClientConfig::builder(CryptoProvider::default()).key_log(secrets.clone());
        let builder = builder.record_size_limit(Some(64)).trust(identity.anchors()).unwrap();
        let mut client = ClientConnection::new(Arc::new(builder.build().unwrap()), server_name());
        let mut server = ServerConnection::new(identity.server_config());
        let mut forged = if handshaking {
            carry(&mut client, &mut server);
            let mut bytes = server.outgoing().to_vec();
            // ServerHello, change_cipher_spec, and the first record of the flight: all of
            // EncryptedExtensions stands in it.
            for _ in 0..3 {
                let (consumed, _) = client.receive(&mut bytes).unwrap();
                bytes.drain(..consumed);
            }
            let label = "SERVER_HANDSHAKE_TRAFFIC_SECRET";
            let mut forger = secrets.forger(label);
            forger.seal(ContentType::HANDSHAKE, b"what was taken");
            // A piece of the Certificate.
            forger.seal(ContentType::HANDSHAKE, &vec![0; length])
        } else {
            exchange(&mut client, &mut server).unwrap();
            let label = "SERVER_TRAFFIC_SECRET_0";
            secrets.forger(label).seal(ContentType::APPLICATION_DATA, &vec![0; length])
        };
        match client.receive(&mut forged) {
            Ok(_) => assert!(!overflows),
            Err(error) => {
                assert!(overflows, "{error}");
                let too_long = RecordError::TooLong { length: 64, limit: 63 };
                assert_eq!(error.kind(), &ErrorKind::Record(too_long));
                assert_eq!(error.alert_sent(), Some(AlertDescription::RECORD_OVERFLOW));
            }
        }
    }
}

#[test]
fn a_limit_below_one_record_lets_one_through_at_a_time() {
    let identity = Identity::p256();
    let mut limits = Limits::default();
    limits.outgoing = 100;
    let builder = ClientConfig::builder(CryptoProvider::default()).limits(limits);
    let config = Arc::new(builder.trust(identity.anchors()).unwrap().build().unwrap());
    let mut client = ClientConnection::new(config, server_name());
    let mut server = ServerConnection::new(identity.server_config());
    let early = client.write(b"data").unwrap_err();
    assert!(matches!(early.kind(), ErrorKind::Misuse(_)), "{early}");
    exchange(&mut client, &mut server).unwrap();
    let data = vec![7; 40_000];
    for (written, taken) in [(0, 16_384), (16_384, 16_384), (32_768, 7_232)] {
        assert_eq!(client.write(&data[written..]).unwrap(), taken);
        assert_eq!(client.write(&data).unwrap(), 0, "it has to be sent first");
        assert_eq!(carry(&mut client, &mut server).0.len(), taken);
    }
}

/// The data in these records.
fn data_in(receiver: &mut Connection, mut bytes: Vec<u8>) -> Vec<u8> {
    let (mut data, mut start) = (Vec::new(), 0);
    while start < bytes.len() {
        let (consumed, received) = receiver.receive(&mut bytes[start..]).unwrap();
        if let Received::Data(part) = received {
            data.extend_from_slice(part);
        }
        assert!(consumed > 0, "the record is not complete");
        start += consumed;
    }
    data
}

#[test]
fn records_that_are_sealed_in_place_come_among_the_others() {
    for (client, server) in
        [(Side::default(), Side::default()), (padding(512), limit(600)), (limit(64), limit(64))]
    {
        let (mut client, mut server) = pair(client, server);
        exchange(&mut client, &mut server).unwrap();
        let longest = client.max_record_data();
        let mut sent = Vec::new();
        for length in [1, longest / 2, longest] {
            let data = vec![length as u8; length];
            let mut record = [&[0xff; HEADER_LENGTH][..], &data].concat();
            // This message comes before the record, and changes the key.
            client.update_keys(false).unwrap();
            client.write_in_place(&mut record).unwrap();
            sent.extend(take_outgoing(&mut client));
            sent.extend(record);
            client.write(&data).unwrap();
            sent.extend(take_outgoing(&mut client));
        }
        let got = data_in(&mut server, sent);
        let lengths = [1, longest / 2, longest];
        let expected: Vec<_> =
            lengths.iter().flat_map(|length| vec![*length as u8; 2 * length]).collect();
        assert!(got == expected, "records of at most {longest}");
    }
}

#[test]
fn a_record_in_place_that_is_too_long_or_has_no_data_is_a_misuse_that_changes_nothing() {
    let (mut client, mut server) = pair(Side::default(), Side::default());
    let mut early = vec![0; HEADER_LENGTH + 1];
    let error = client.write_in_place(&mut early).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{error}");
    exchange(&mut client, &mut server).unwrap();
    let longest = client.max_record_data();
    for length in [0, 1, HEADER_LENGTH, HEADER_LENGTH + longest + 1] {
        let mut record = vec![7; length];
        let error = client.write_in_place(&mut record).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Misuse(_)), "{length}: {error}");
        assert_eq!(record, vec![7; length]);
    }
    client.write(b"it goes on").unwrap();
    assert_eq!(data_in(&mut server, take_outgoing(&mut client)), b"it goes on");
}

/// RFC 8449, section 5. A layout offers max_fragment_length.
#[test]
fn max_fragment_length_is_ignored_and_refused_beside_a_record_size_limit() {
    let raw = || LayoutItem::Raw(ExtensionType::MAX_FRAGMENT_LENGTH, vec![1]);
    let layout = || ExtensionLayout::new(vec![raw()]);
    for (ours, theirs, is_answered) in [
        (None, None, true),
        (Some(1000), None, true),
        (None, Some(1000), true),
        (Some(1000), Some(1000), false),
    ] {
        let pair = Pair::new();
        let builder = pair.client_builder().client_hello_layout(layout()).record_size_limit(ours);
        let server = pair.server_builder().encrypted_extensions_layout(layout());
        let config = pair.finish(server.record_size_limit(theirs));
        let answered = Answered::default();
        let mut options = Options::new(time(0));
        options.observer = Some(Box::new(answered.clone()));
        let client = Arc::new(builder.build().unwrap());
        let mut client = ClientConnection::with_options(client, server_name(), options);
        talk(&mut client, &mut server_at(&config, 0)).checked();
        let kinds = answered.0.lock().unwrap().clone();
        assert_eq!(kinds.contains(&ExtensionType::MAX_FRAGMENT_LENGTH), is_answered);
        let both = ours.is_some() && theirs.is_some();
        assert_eq!(kinds.contains(&ExtensionType::RECORD_SIZE_LIMIT), both);
    }
}

#[test]
fn a_client_refuses_max_fragment_length_beside_a_record_size_limit() {
    let raw = LayoutItem::Raw(ExtensionType::MAX_FRAGMENT_LENGTH, vec![1]);
    let layout = ExtensionLayout::new(vec![raw]);
    for (limit, alert) in [(Some(1000), Some(AlertDescription::ILLEGAL_PARAMETER)), (None, None)] {
        let pair = Pair::new();
        let builder = pair.client_builder().client_hello_layout(layout.clone());
        let client = Arc::new(builder.record_size_limit(limit).build().unwrap());
        let mut client = Handshake::client(client, server_name(), time(0));
        let mut server = Handshake::server(pair.finish(pair.server_builder()), time(0));
        client.start().unwrap();
        pass(&mut client, &mut server);
        loop {
            let Some(Step::Send { level, bytes }) = server.next_step() else { continue };
            let (message, _) = HandshakeMessage::split(&bytes).unwrap();
            if message.kind != HandshakeType::ENCRYPTED_EXTENSIONS {
                client.receive(level, &bytes).unwrap();
                continue;
            }
            let mut answers = Parts::parse(message.bytes);
            answers.add(ExtensionType::MAX_FRAGMENT_LENGTH, &[1]);
            let result = client.receive(level, &answers.build());
            assert_eq!(result.err().and_then(|error| error.alert_sent()), alert);
            break;
        }
    }
}

/// The extensions of EncryptedExtensions.
#[derive(Clone, Default)]
struct Answered(Arc<Mutex<Vec<ExtensionType>>>);

impl Observer for Answered {
    fn event(&mut self, event: &Event<'_>) {
        let Event::MessageReceived(_, message) = event else { return };
        if message.kind == HandshakeType::ENCRYPTED_EXTENSIONS {
            let answers = EncryptedExtensions::parse(message.body).unwrap();
            let kinds = answers.extensions.iter().map(|extension| extension.kind);
            self.0.lock().unwrap().extend(kinds);
        }
    }
}
