//! What a [`Stream`] reads is the same for buffers of all lengths and for transports that return any
//! number of bytes, in the reader's buffer or not.

use std::io::{self, Read, Write};
use std::sync::Arc;

use handclasp::crypto::TAG_LENGTH;
use handclasp::handshake::{Answer, Question};
use handclasp::record::{HEADER_LENGTH, MAX_CIPHERTEXT_LENGTH, MAX_INNER_PLAINTEXT_LENGTH};
use handclasp::transport::memory::exchange;
use handclasp::{AnswerLater, ClientConnection, ErrorKind, ServerConnection, Stream};
use handclasp_testing::numbers::varied_bytes;
use handclasp_testing::received_bytes::ReceivedBytes;
use handclasp_testing::{Identity, answer, asked_later, server_name, take_outgoing};

/// Both ends of a connection after the handshake.
fn connected() -> (ClientConnection, ServerConnection) {
    let (mut client, mut server) = Identity::p256().connections();
    exchange(&mut client, &mut server).unwrap();
    (client, server)
}

/// The length of a record with 16 KiB of data and no padding, in bytes.
const FULL_RECORD_LENGTH: usize = HEADER_LENGTH + MAX_INNER_PLAINTEXT_LENGTH + TAG_LENGTH;

/// What the content of a record is aligned to, in bytes.
const CACHE_LINE: usize = 64;

/// Lengths of readers' buffers: shorter and longer than a first read, a record, and several records.
const BUFFERS: [usize; 8] = [1, 300, 4096, 5000, 16_384, 16_645, 40_000, 200_000];

/// Lengths of what a transport returns at once.
const READS: [usize; 6] = [1, 5, 700, 4096, FULL_RECORD_LENGTH, 1 << 20];

/// Reads until the transport would block. Returns the data and the error.
fn read_all(
    stream: &mut Stream<ClientConnection, ReceivedBytes>,
    buffer: usize,
) -> (Vec<u8>, io::Error) {
    let (mut got, mut buffer) = (Vec::new(), vec![0; buffer]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => panic!("the peer has not closed"),
            Ok(count) => got.extend_from_slice(&buffer[..count]),
            Err(error) => return (got, error),
        }
    }
}

#[test]
fn data_are_the_same_for_readers_and_transports_of_any_length() {
    let data = varied_bytes(90_000, 7);
    // Short records, records of full length, and a KeyUpdate among them.
    let writes = [1, 2, 4000, 16_384, 16_384, 20_000, 3, 5000];
    for buffer in BUFFERS {
        for most in READS {
            if buffer == 1 && most == 1 {
                continue;
            }
            let (client, mut server) = connected();
            let mut bytes = Vec::new();
            let mut sent = 0;
            for (number, length) in writes.into_iter().cycle().enumerate() {
                let end = data.len().min(sent + length);
                assert_eq!(server.write(&data[sent..end]).unwrap(), end - sent);
                sent = end;
                if number == 5 {
                    server.update_keys(false).unwrap();
                }
                bytes.extend(take_outgoing(&mut server));
                if sent == data.len() {
                    break;
                }
            }
            let transport = ReceivedBytes::new(bytes, most);
            let mut stream = Stream::new(client, transport.clone());
            let (got, error) = read_all(&mut stream, buffer);
            assert!(got == data, "a buffer of {buffer}, reads of {most}: {} bytes", got.len());
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            server.write(b"the last words").unwrap();
            server.close();
            transport.add(&take_outgoing(&mut server));
            let mut words = vec![0; b"the last words".len()];
            stream.read_exact(&mut words).unwrap();
            assert_eq!(words, b"the last words");
            for _ in 0..2 {
                assert_eq!(stream.read(&mut vec![0; buffer]).unwrap(), 0, "close_notify");
            }
        }
    }
}

#[test]
fn data_before_a_broken_record_are_read_and_nothing_of_that_record_is() {
    for buffer in BUFFERS {
        for most in READS {
            let (client, mut server) = connected();
            let data = varied_bytes(9000, 3);
            server.write(&data).unwrap();
            server.write(b"this is in the broken record").unwrap();
            let mut bytes = take_outgoing(&mut server);
            *bytes.last_mut().unwrap() ^= 1;
            server.write(b"and this is after it").unwrap();
            bytes.extend(take_outgoing(&mut server));
            let mut stream = Stream::new(client, ReceivedBytes::new(bytes, most));
            let (mut got, mut place) = (Vec::new(), vec![0; buffer]);
            let error = loop {
                place.fill(0);
                let result = stream.read(&mut place);
                let rest = &place[*result.as_ref().unwrap_or(&0)..];
                assert!(!rest.windows(5).any(|words| words == b"broke" || words == b"after"));
                match result {
                    Ok(count) => got.extend_from_slice(&place[..count]),
                    Err(error) => break error,
                }
            };
            assert!(got == data, "a buffer of {buffer}, reads of {most}: {} bytes", got.len());
            for error in [error, stream.read(&mut place).unwrap_err()] {
                let error = handclasp::Error::from_io(&error).unwrap();
                assert!(matches!(error.kind(), ErrorKind::Record(_)), "{error}");
            }
        }
    }
}

/// A transport that records where each read began in memory, and how many bytes it returned.
struct RecordedReads {
    received: ReceivedBytes,
    reads: Vec<(usize, usize)>,
}

impl Read for RecordedReads {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.received.read(buffer)?;
        self.reads.push((buffer.as_ptr().addr(), count));
        Ok(count)
    }
}

impl Write for RecordedReads {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.received.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.received.flush()
    }
}

#[test]
fn a_reader_with_a_short_buffer_gets_one_aligned_record_a_read_while_data_flow() {
    let (client, mut server) = connected();
    let data = varied_bytes(16_384, 5);
    let mut bytes = Vec::new();
    for _ in 0..10 {
        server.write(&data).unwrap();
        bytes.extend(take_outgoing(&mut server));
    }
    let transport =
        RecordedReads { received: ReceivedBytes::new(bytes, usize::MAX), reads: vec![] };
    let mut stream = Stream::over(client, transport, |_| None);
    let mut got = vec![0; 10 * data.len()];
    for place in got.chunks_mut(8192) {
        stream.read_exact(place).unwrap();
    }
    assert!(got == data.repeat(10));
    // The first read finds that data flow, and the second one completes the first record.
    for (place, count) in &stream.transport().reads[2..] {
        assert_eq!((place + HEADER_LENGTH) % CACHE_LINE, 0);
        assert_eq!(*count, FULL_RECORD_LENGTH);
    }
}

#[test]
fn a_broken_record_of_any_length_ends_a_stream_with_its_error() {
    let full = FULL_RECORD_LENGTH - HEADER_LENGTH;
    for length in [full, full + 1, MAX_CIPHERTEXT_LENGTH, MAX_CIPHERTEXT_LENGTH + 1] {
        for buffer in BUFFERS {
            let (client, _) = connected();
            let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
            let mut bytes = vec![23, 3, 3, high, low];
            bytes.resize(HEADER_LENGTH + length, 7);
            let mut stream = Stream::new(client, ReceivedBytes::new(bytes, usize::MAX));
            let (_, error) = read_all(&mut stream, buffer);
            let error = handclasp::Error::from_io(&error).unwrap();
            assert!(matches!(error.kind(), ErrorKind::Record(_)), "{length}, {buffer}: {error}");
        }
    }
}

#[test]
fn data_before_and_after_a_question_are_read_in_order() {
    for buffer in BUFFERS {
        for most in READS {
            let identity = Identity::p256();
            let config = asked_later::client(&identity, Arc::new(AnswerLater));
            let mut client = ClientConnection::new(config, server_name());
            let verifier = Arc::new(AnswerLater);
            let mut server = ServerConnection::new(asked_later::server(&identity, verifier));
            exchange(&mut client, &mut server).unwrap();
            server.write(b"before").unwrap();
            server.request_client_certificate().unwrap();
            server.write(b" and after").unwrap();
            let bytes = take_outgoing(&mut server);
            let mut stream = Stream::new(client, ReceivedBytes::new(bytes, most));
            let (mut got, error) = read_all(&mut stream, buffer);
            assert_eq!((&got[..], error.kind()), (&b"before"[..], io::ErrorKind::WouldBlock));
            let question = stream.connection().question();
            assert!(matches!(question, Some(Question::ChooseClientCertificate(_))));
            answer(stream.connection_mut(), Answer::ClientCertificate(None)).unwrap();
            got.extend(read_all(&mut stream, buffer).0);
            assert_eq!(got, b"before and after");
        }
    }
}
