//! Writes that fail while data of the peer's have come, at each byte of them: what came before the
//! failure is read first, without a hole, then what the transport still has, then the end or the
//! error; and a write does not wait for a silent peer.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use handclasp::alert::AlertDescription;
use handclasp::config::ClientConfig;
use handclasp::connection::Received;
use handclasp::credential::CertificateList;
use handclasp::crypto::{CipherSuite, CryptoError, CryptoProvider, StaticOrArc};
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::transport::tokio::{Connector, TlsStream};
use handclasp::{ClientConnection, Error, ErrorKind, ServerConfig, ServerConnection, Stream};
use handclasp_testing::faulty_aead::{Call, Faults, FaultyAead, INNER};
use handclasp_testing::{Identity, server_name};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, split};

/// What the server says after its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastWord {
    CloseNotify,
    Alert,
    /// The transport ends without a word.
    Nothing,
}

/// A server at the other end of a transport that shows as much of what came as the test says, and
/// whose writes fail when the test says.
struct Script {
    server: ServerConnection,
    to_client: VecDeque<u8>,
    /// How many bytes of `to_client` may be read now.
    visible: usize,
    /// All that will ever come is there.
    ended: bool,
    /// Bytes that are taken before writing fails, and how it fails.
    failure: Option<(usize, io::ErrorKind)>,
    /// A test that reads in a write waits for a silent peer.
    no_reading: bool,
}

#[derive(Clone)]
struct Transport(Arc<Mutex<Script>>);

impl Transport {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }
}

impl Script {
    fn say(&mut self) {
        let sent = self.server.outgoing().to_vec();
        self.server.sent(sent.len());
        self.to_client.extend(sent);
    }

    fn receive(&mut self, bytes: &[u8]) {
        let (mut bytes, mut start) = (bytes.to_vec(), 0);
        while start < bytes.len() {
            let (taken, _) = self.server.receive(&mut bytes[start..]).unwrap();
            assert!(taken > 0, "the client sends whole flights at once");
            start += taken;
        }
        if self.server.is_handshaking() {
            self.say();
            self.visible = self.to_client.len();
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut script = self.script();
        assert!(!script.no_reading, "a write waits for a silent peer");
        let count = buffer.len().min(script.visible);
        if count == 0 && !script.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        script.visible -= count;
        script.to_client.read(&mut buffer[..count])
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut script = self.script();
        match &mut script.failure {
            Some((0, kind)) => Err((*kind).into()),
            Some((left, _)) => {
                let count = bytes.len().min(*left);
                *left -= count;
                Ok(count)
            }
            None => {
                script.receive(bytes);
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn poll<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = vec![0; buffer.remaining()];
        let result = Read::read(&mut *self, &mut bytes);
        poll(result.map(|count| buffer.put_slice(&bytes[..count])))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll(Write::write(&mut *self, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Both configurations: a key that was agreed on saves the time of certificates.
struct Ends {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

fn ends(provider: CryptoProvider) -> Ends {
    let identity = Identity::p256();
    let key =
        PreSharedKey::external(b"of this test", &handclasp_testing::pre_shared_secret()).unwrap();
    let client = ClientConfig::builder(provider).trust(identity.anchors()).unwrap();
    let server = ServerConfig::builder(CryptoProvider::default())
        .pre_shared_keys(Arc::new(PskList::new(vec![key.clone()])))
        .build(Arc::new(CertificateList::new(vec![])));
    Ends {
        client: Arc::new(client.pre_shared_keys(vec![key]).build().unwrap()),
        server: Arc::new(server.unwrap()),
    }
}

impl Ends {
    fn transport(&self) -> Transport {
        Transport(Arc::new(Mutex::new(Script {
            server: ServerConnection::new(self.server.clone()),
            to_client: VecDeque::new(),
            visible: 0,
            ended: false,
            failure: None,
            no_reading: false,
        })))
    }

    fn blocking(&self) -> (Transport, Stream<ClientConnection, Transport>) {
        let transport = self.transport();
        let client = ClientConnection::new(self.client.clone(), server_name());
        let mut stream = Stream::new(client, transport.clone());
        stream.handshake().unwrap();
        (transport, stream)
    }

    async fn tokio(&self) -> (Transport, TlsStream<ClientConnection, Transport>) {
        let transport = self.transport();
        let connector = Connector::new(self.client.clone());
        (transport.clone(), connector.connect(server_name(), transport).await.unwrap())
    }
}

const DATA: [&[u8]; 3] = [b"0123456789", b"abcdefghijklmnopqrst", b"ABC"];

/// The server says all that it has to say, of which `visible` bytes are there to be read. Returns
/// how many bytes there are.
fn speak(transport: &Transport, last: LastWord, visible: usize) -> usize {
    let mut script = transport.script();
    for data in DATA {
        assert_eq!(script.server.write(data).unwrap(), data.len());
    }
    match last {
        LastWord::CloseNotify => script.server.close(),
        LastWord::Alert => {
            script.server.receive(&mut [21, 3, 3, 0, 2, 1, 0]).unwrap_err();
        }
        LastWord::Nothing => {}
    }
    script.say();
    script.visible = visible.min(script.to_client.len());
    script.to_client.len()
}

/// From here on writing fails, after so many bytes.
fn fail(transport: &Transport, taken: usize, kind: io::ErrorKind) {
    transport.script().failure = Some((taken, kind));
}

/// The rest of what was sent can be read.
fn show_all(transport: &Transport) {
    let mut script = transport.script();
    script.visible = script.to_client.len();
    script.ended = true;
    script.no_reading = false;
}

/// What a reader gets at its end.
fn check_end(end: Result<(), io::Error>, last: LastWord, what: &str) {
    match (last, &end) {
        (LastWord::CloseNotify, Ok(())) => {}
        (LastWord::Alert, Err(error)) => {
            let alert = Error::from_io(error).and_then(Error::alert_received);
            assert_eq!(alert, Some(AlertDescription::UNEXPECTED_MESSAGE), "{what}: {error}");
        }
        (LastWord::Nothing, Err(error)) => {
            let error = Error::from_io(error).unwrap_or_else(|| panic!("{what}: {error}"));
            assert_eq!(error.kind(), &ErrorKind::Truncated, "{what}");
        }
        _ => panic!("{what}: {end:?}"),
    }
}

/// A record of these words takes 33 bytes.
const WORDS: &[u8] = b"a few words";
const SIZES: [usize; 3] = [1, 3, 1000];
const KINDS: [io::ErrorKind; 4] = [
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::HostUnreachable,
    io::ErrorKind::Other,
];
const LAST: [LastWord; 3] = [LastWord::CloseNotify, LastWord::Alert, LastWord::Nothing];

/// Every number of bytes that may have come when a write fails, with the other choices in turn.
fn each_byte(mut play: impl FnMut(usize, usize, io::ErrorKind, LastWord)) {
    let mut turn = 0;
    for size in SIZES {
        for last in LAST {
            // The three records and the last word, at most.
            for visible in 0..=130 {
                turn += 1;
                play(visible, size, KINDS[turn % KINDS.len()], last);
            }
        }
    }
}

/// Reads as many bytes as there are before the transport would block, `size` at a time.
fn read_some(stream: &mut impl Read, size: usize, count: usize) -> Vec<u8> {
    let (mut got, mut buffer) = (Vec::new(), vec![0; size]);
    for _ in 0..count {
        match stream.read(&mut buffer) {
            Ok(read) => got.extend_from_slice(&buffer[..read]),
            Err(_) => break,
        }
    }
    got
}

#[test]
fn a_blocking_reader_sees_no_hole_at_any_byte_that_a_write_fails_at() {
    let ends = ends(CryptoProvider::default());
    each_byte(|visible, size, kind, last| {
        let what = format!("{visible} bytes, {size} at a time, {kind:?}, {last:?}");
        let (transport, mut stream) = ends.blocking();
        let total = speak(&transport, last, visible);
        assert!(total <= 130, "{total}");
        // Some of what is there is read before: a part of the first record, or more.
        let mut got = read_some(&mut stream, size, visible % 3);
        fail(&transport, visible % 33, kind);
        transport.script().no_reading = true;
        for _ in 0..2 {
            let error = stream.write(WORDS).unwrap_err();
            if Error::from_io(&error).is_none() {
                assert_eq!(error.kind(), kind, "{what}");
            }
        }
        show_all(&transport);
        let end = read_all(&mut stream, size, &mut got);
        assert_eq!(got, DATA.concat(), "{what}: {end:?}");
        check_end(end, last, &what);
        // And the end stays, though writing goes on to fail.
        check_end(stream.read(&mut [0]).map(drop), last, &what);
    });
}

fn read_all(stream: &mut impl Read, size: usize, got: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => got.extend_from_slice(&buffer[..count]),
        }
    }
}

async fn read_all_of(
    stream: &mut (impl AsyncRead + Unpin),
    size: usize,
    got: &mut Vec<u8>,
) -> io::Result<()> {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => got.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Reads so often, as long as something is there.
async fn read_some_of(stream: &mut (impl AsyncRead + Unpin), size: usize, count: usize) -> Vec<u8> {
    let (mut got, mut buffer) = (Vec::new(), vec![0; size]);
    for _ in 0..count {
        match tokio::time::timeout(std::time::Duration::ZERO, stream.read(&mut buffer)).await {
            Ok(Ok(read)) => got.extend_from_slice(&buffer[..read]),
            _ => break,
        }
    }
    got
}

#[test]
fn a_reader_under_tokio_sees_no_hole_split_or_not() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ends = ends(CryptoProvider::default());
    each_byte(|visible, size, kind, last| {
        let what = format!("{visible} bytes, {size} at a time, {kind:?}, {last:?}");
        runtime.block_on(async {
            let (transport, mut stream) = ends.tokio().await;
            speak(&transport, last, visible);
            let mut got = read_some_of(&mut stream, size, visible % 3).await;
            fail(&transport, visible % 33, kind);
            let end = if visible.is_multiple_of(2) {
                let (mut reader, mut writer) = split(stream);
                write_and_fail(&mut writer, kind, &what).await;
                show_all(&transport);
                read_all_of(&mut reader, size, &mut got).await
            } else {
                write_and_fail(&mut stream, kind, &what).await;
                show_all(&transport);
                read_all_of(&mut stream, size, &mut got).await
            };
            assert_eq!(got, DATA.concat(), "{what}: {end:?}");
            check_end(end, last, &what);
        });
    });
}

async fn write_and_fail(writer: &mut (impl AsyncWrite + Unpin), kind: io::ErrorKind, what: &str) {
    for _ in 0..2 {
        let error = match writer.write(WORDS).await {
            Ok(_) => writer.flush().await.unwrap_err(),
            Err(error) => error,
        };
        if Error::from_io(&error).is_none() {
            assert_eq!(error.kind(), kind, "{what}");
        }
    }
}

/// The alert alone came: a write that finds the peer gone says why.
#[tokio::test]
async fn a_failed_write_says_what_the_alert_says_that_is_there() {
    let ends = ends(CryptoProvider::default());
    for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset] {
        let (transport, mut stream) = ends.tokio().await;
        transport.script().server.receive(&mut [21, 3, 3, 0, 2, 1, 0]).unwrap_err();
        transport.script().say();
        show_all(&transport);
        fail(&transport, 0, kind);
        let error = stream.write_all(WORDS).await.unwrap_err();
        let alert = Error::from_io(&error).and_then(Error::alert_received);
        assert_eq!(alert, Some(AlertDescription::UNEXPECTED_MESSAGE), "{error}");
    }
}

thread_local! {
    /// Sealing fails from here on.
    static BROKEN: Cell<bool> = const { Cell::new(false) };
}

/// Seals until it breaks.
#[derive(Clone, Copy)]
struct Breaking;

impl Faults for Breaking {
    fn check(self, call: Call) -> Result<(), CryptoError> {
        match call == Call::Seal && BROKEN.get() {
            true => Err(CryptoError),
            false => Ok(()),
        }
    }
}

#[test]
fn what_was_received_is_read_before_the_error_of_a_record_that_cannot_be_sealed() {
    static BREAKING: FaultyAead<Breaking> = FaultyAead(Breaking);
    let mut provider = CryptoProvider::default();
    provider.cipher_suites =
        vec![CipherSuite { aead: StaticOrArc::Static(&BREAKING), ..(**INNER).clone() }.into()];
    let ends = ends(provider);
    for size in SIZES {
        // The headers and tags take 22 bytes of each record.
        for (visible, whole) in [(31, 0), (32, 1), (40, 1), (74, 2), (98, 2), (99, 3), (123, 3)] {
            let (transport, mut stream) = ends.blocking();
            speak(&transport, LastWord::CloseNotify, visible);
            let mut got = read_some(&mut stream, size, 1);
            BROKEN.set(true);
            let error = stream.write(WORDS).unwrap_err();
            BROKEN.set(false);
            assert!(matches!(Error::from_io(&error).unwrap().kind(), ErrorKind::Record(_)));
            let end = read_all(&mut stream, size, &mut got).unwrap_err();
            assert_eq!(got, DATA[..whole].concat(), "{visible} bytes had come: {end}");
            assert_eq!(Error::from_io(&end), Error::from_io(&error), "the first error stays");
        }
    }
}

#[test]
fn a_connection_that_failed_in_a_write_takes_nothing_more() {
    static BREAKING: FaultyAead<Breaking> = FaultyAead(Breaking);
    let mut provider = CryptoProvider::default();
    provider.cipher_suites =
        vec![CipherSuite { aead: StaticOrArc::Static(&BREAKING), ..(**INNER).clone() }.into()];
    let (transport, stream) = ends(provider).blocking();
    let (mut client, _) = stream.into_parts();
    BROKEN.set(true);
    let error = client.write(WORDS).unwrap_err();
    BROKEN.set(false);
    speak(&transport, LastWord::Nothing, 0);
    let mut came: Vec<u8> = transport.script().to_client.drain(..).collect();
    assert_eq!(client.receive(&mut came).unwrap_err(), error);
    assert!(!came.windows(DATA[0].len()).any(|bytes| bytes == DATA[0]), "it was opened");
}

#[test]
fn a_write_that_is_a_misuse_changes_nothing() {
    let ends = ends(CryptoProvider::default());
    let (transport, stream) = ends.blocking();
    let (mut client, _) = stream.into_parts();
    client.close();
    let error = client.write(b"more").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)));
    speak(&transport, LastWord::Nothing, 0);
    let mut came: Vec<u8> = transport.script().to_client.drain(..).collect();
    let (_, received) = client.receive(&mut came).unwrap();
    assert_eq!(received, Received::Data(&mut b"0123456789".to_vec()));
}
