//! The example whose keys are in another process, behind mutually authenticated TLS.

#[path = "../../examples/remote_signer/link.rs"]
#[expect(dead_code, reason = "the server alone makes a refusal of a status an error")]
mod link;
#[path = "../../examples/remote_signer/protocol.rs"]
mod protocol;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use handclasp::credential::CertificateList;
use handclasp::transport::tokio::{Connector, TlsStream};
use handclasp::verify::{SpkiPin, SpkiPins};
use handclasp::{ClientConfig, ClientConnection, CryptoProvider, Stream};
use handclasp_testing::process::{Process, connect};
use handclasp_testing::{Identity, examples, server_name};
use link::{Link, REPLY_TIMEOUT, SignerError};
use protocol::{APPLICATION_PROTOCOL, CONTEXT, MAX_MESSAGE, Reply, Request, Status, receive, send};
use tokio::io::DuplexStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::relay::Relay;

/// The identities of the signer and of the server towards each other, and of the server towards its clients.
struct Parts {
    signer: (Identity, examples::Files),
    server: (Identity, examples::Files),
    web: (Identity, examples::Files),
}

impl Parts {
    fn new() -> Self {
        let part = || {
            let identity = Identity::p256();
            let files = examples::Files::new(&identity);
            (identity, files)
        };
        Self { signer: part(), server: part(), web: part() }
    }

    fn start_signer(&self, address: &str) -> Process {
        let (files, pin) = (&self.signer.1, pin(&self.server.0));
        let key = format!("web={}", self.web.1.key);
        let arguments = ["sign", address, &files.chain, &files.key, &pin, &key];
        examples::start("remote_signer", &arguments)
    }

    fn start_server(&self, signer: &str) -> Process {
        let (files, pin) = (&self.server.1, pin(&self.signer.0));
        let (chain, any_port) = (&self.web.1.chain, "127.0.0.1:0");
        let arguments = ["serve", signer, &pin, &files.chain, &files.key, "web", any_port, chain];
        examples::start("remote_signer", &arguments)
    }

    /// A client's request to the server on this port.
    fn greet(&self, port: u16) -> std::io::Result<()> {
        let client = ClientConnection::new(self.web.0.client_config(), server_name());
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut stream = Stream::new(client, connect(address));
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert!(answer.ends_with("signed\n"), "{answer}");
        Ok(())
    }

    /// A connection to the signer, by a party with this identity.
    async fn link(
        &self,
        own: &Identity,
        port: u16,
    ) -> std::io::Result<TlsStream<ClientConnection, TcpStream>> {
        let pins = SpkiPins::only([SpkiPin::of(&self.signer.0.chain[0]).unwrap()]).unwrap();
        let list = CertificateList::new(vec![Arc::new(own.certified_key())]);
        let config = ClientConfig::builder(CryptoProvider::default())
            .verifier(Arc::new(pins))
            .client_certificates(Arc::new(list))
            .application_protocols([APPLICATION_PROTOCOL])
            .build()
            .unwrap();
        let socket = TcpStream::connect(("127.0.0.1", port)).await?;
        Connector::new(Arc::new(config)).connect(server_name(), socket).await
    }
}

fn pin(identity: &Identity) -> String {
    SpkiPin::of(&identity.chain[0]).unwrap().to_string()
}

fn request(number: u32, content: &[u8]) -> Request {
    Request { number, scheme: 0x0403, key: "web".into(), content: content.to_vec() }
}

/// The content of a CertificateVerify with this context and a hash of this length.
fn content(context: &str, hash_length: usize) -> Vec<u8> {
    [&[b' '; 64], context.as_bytes(), &[0], &vec![7; hash_length]].concat()
}

#[test]
fn a_server_asks_a_signer_and_asks_it_again_after_it_was_restarted() {
    let parts = Parts::new();
    let signer = parts.start_signer("127.0.0.1:0");
    let address = format!("127.0.0.1:{}", examples::port(&signer));
    let server = parts.start_server(&address);
    let port = examples::port(&server);
    parts.greet(port).unwrap();
    drop(signer);
    parts.greet(port).unwrap_err();
    server.wait_for("no answer to the question sign: the signer cannot be reached");
    let again = parts.start_signer(&address);
    again.wait_for("listening on");
    parts.greet(port).unwrap();
}

#[test]
fn a_server_connects_again_when_the_signers_host_was_gone() {
    let parts = Parts::new();
    let signer = parts.start_signer("127.0.0.1:0");
    let relay = Relay::new(examples::port(&signer));
    let server = parts.start_server(&format!("127.0.0.1:{}", relay.port()));
    let port = examples::port(&server);
    parts.greet(port).unwrap();
    // The old connection is half-open: this handshake waits for it in vain, and then asks over another one.
    relay.server_is_gone();
    relay.server_is_back();
    parts.greet(port).unwrap();
    // The old connection and new ones are silent.
    relay.server_is_gone();
    parts.greet(port).unwrap_err();
    server.wait_for("no answer to the question sign: the signer did not answer within 3s");
    relay.server_is_back();
    parts.greet(port).unwrap();
}

#[test]
fn a_server_refuses_a_signer_with_another_pin() {
    let parts = Parts::new();
    let signer = parts.start_signer("127.0.0.1:0");
    let address = format!("127.0.0.1:{}", examples::port(&signer));
    let expected = Parts { signer: (Identity::p256(), parts.signer.1), ..parts };
    let mut server = expected.start_server(&address);
    assert!(!server.wait_for_end().success());
    server.wait_for("is refused: its key's pin is sha256/");
}

#[test]
fn a_server_does_not_start_with_a_certificate_of_another_key() {
    let mut parts = Parts::new();
    let signer = parts.start_signer("127.0.0.1:0");
    let address = format!("127.0.0.1:{}", examples::port(&signer));
    let other = Identity::p256();
    parts.web.1 = examples::Files::new(&other);
    let mut server = parts.start_server(&address);
    assert!(!server.wait_for_end().success());
    server.wait_for("the certificate is not for the signer's key web");
}

#[tokio::test]
async fn strangers_do_not_take_the_places_of_servers() {
    let parts = Parts::new();
    let signer = parts.start_signer("127.0.0.1:0");
    let port = examples::port(&signer);
    let mut strangers = Vec::new();
    for _ in 0..200 {
        strangers.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    let mut stream = parts.link(&parts.server.0, port).await.unwrap();
    send(&mut stream, &request(1, &content(CONTEXT, 32)).encode().unwrap()).await.unwrap();
    let reply = Reply::parse(&receive(&mut stream).await.unwrap().unwrap()).unwrap();
    assert_eq!(reply.status, Status::Done);
}

/// A link to a peer of the test, which is connected after this time.
fn link_after(delay: Duration) -> (Link, DuplexStream) {
    let (near, far) = tokio::io::duplex(4096);
    let connecting = async move {
        sleep(delay).await;
        Ok(near)
    };
    (Link::open(connecting), far)
}

/// Replies to this many requests, each after this time.
async fn reply(signer: &mut DuplexStream, count: usize, delay: Duration) {
    for _ in 0..count {
        let request = receive(signer).await.unwrap().unwrap();
        let number = Request::parse(&request).unwrap().number;
        sleep(delay).await;
        let reply = Reply { number, status: Status::Done, content: Vec::new() };
        send(signer, &reply.encode()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn callers_that_give_up_do_not_end_the_connecting() {
    let (link, mut signer) = link_after(REPLY_TIMEOUT * 2);
    let [first, second, third] = [1, 2, 3].map(|number| request(number, b""));
    assert!(matches!(link.exchange(&first).await, Err(SignerError::TimedOut)));
    sleep(REPLY_TIMEOUT / 2).await;
    // The first request needs no reply any more, and is not sent.
    let replies = tokio::spawn(async move { reply(&mut signer, 2, Duration::ZERO).await });
    assert_eq!(link.exchange(&second).await.unwrap().number, 2);
    assert_eq!(link.exchange(&third).await.unwrap().number, 3);
    replies.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn connecting_has_a_limit() {
    let (link, _signer) = link_after(Duration::from_secs(3600));
    assert!(matches!(link.exchange(&request(1, b"")).await, Err(SignerError::TimedOut)));
    sleep(Duration::from_secs(5)).await;
    let result = link.exchange(&request(2, b"")).await;
    assert!(matches!(result, Err(SignerError::Unreachable(_))), "{result:?}");
    assert!(link.has_ended());
}

#[tokio::test(start_paused = true)]
async fn a_link_ends_when_the_signer_reads_and_never_replies() {
    let (link, _signer) = link_after(Duration::ZERO);
    // The first one times out from before the connection was there.
    let _ = link.exchange(&request(1, b"")).await;
    let (second, third) = (request(2, b""), request(3, b""));
    let later = async {
        sleep(REPLY_TIMEOUT / 2).await;
        link.exchange(&third).await
    };
    // The third one does not wait for a timeout of its own.
    let (second, third) = tokio::join!(link.exchange(&second), later);
    assert!(matches!(second, Err(SignerError::Lost(_))), "{second:?}");
    assert!(matches!(third, Err(SignerError::Lost(_))), "{third:?}");
    assert!(link.has_ended());
}

#[tokio::test(start_paused = true)]
async fn a_link_to_a_slow_signer_stays() {
    let (link, mut signer) = link_after(Duration::ZERO);
    let slow = REPLY_TIMEOUT * 3 / 5;
    let replies = tokio::spawn(async move {
        reply(&mut signer, 3, slow).await;
        signer
    });
    let requests = [1, 2].map(|number| request(number, b""));
    // Its second reply comes too late.
    let (first, second) = tokio::join!(link.exchange(&requests[0]), link.exchange(&requests[1]));
    assert_eq!(first.unwrap().number, 1);
    assert!(matches!(second, Err(SignerError::TimedOut)), "{second:?}");
    assert_eq!(link.exchange(&request(3, b"")).await.unwrap().number, 3);
    replies.await.unwrap();
}

#[tokio::test]
async fn a_stranger_gets_no_signature() {
    let parts = Parts::new();
    let signer = parts.start_signer("127.0.0.1:0");
    let port = examples::port(&signer);
    // A client learns in TLS 1.3 only after its own handshake that it was refused.
    let refused = match parts.link(&Identity::p256(), port).await {
        Ok(mut stream) => {
            let _ = send(&mut stream, &request(1, &content(CONTEXT, 32)).encode().unwrap()).await;
            receive(&mut stream).await.is_err()
        }
        Err(_) => true,
    };
    assert!(refused);
    signer.wait_for("a server was refused or lost");
}

#[tokio::test]
async fn a_signer_signs_only_what_a_server_of_tls_signs() {
    let parts = Parts::new();
    let signer = parts.start_signer("127.0.0.1:0");
    let mut stream = parts.link(&parts.server.0, examples::port(&signer)).await.unwrap();
    let short = content(CONTEXT, 32);
    let mut cases = vec![
        (request(0, &content(CONTEXT, 32)), Status::Done),
        (request(1, &content(CONTEXT, 48)), Status::Done),
        (
            request(2, &content("TLS 1.3, client CertificateVerify", 32)),
            Status::NotCertificateVerify,
        ),
        (request(3, &content(CONTEXT, 33)), Status::NotCertificateVerify),
        (request(4, &content(CONTEXT, 0)), Status::NotCertificateVerify),
        (request(5, &short[1..]), Status::NotCertificateVerify),
        (request(6, b"a document"), Status::NotCertificateVerify),
        (request(7, &[]), Status::NotCertificateVerify),
    ];
    let other_key = Request { key: "other".into(), ..request(8, &short) };
    cases.push((other_key, Status::UnknownKey));
    cases.push((Request { scheme: 0x0804, ..request(9, &short) }, Status::UnknownScheme));
    cases.push((Request { scheme: 0, ..request(10, &[]) }, Status::Done));
    // All are open at once, and the replies come in any order.
    for (request, _) in &cases {
        send(&mut stream, &request.encode().unwrap()).await.unwrap();
    }
    for _ in &cases {
        let reply = receive(&mut stream).await.unwrap().unwrap();
        let reply = Reply::parse(&reply).unwrap();
        let (request, status) = &cases[usize::try_from(reply.number).unwrap()];
        assert_eq!(reply.status, *status, "{request:?}");
        assert_eq!(reply.content.is_empty(), *status != Status::Done, "{request:?}");
    }
}

#[tokio::test]
async fn malformed_messages_end_their_connection_and_no_other() {
    let parts = Parts::new();
    let signer = parts.start_signer("127.0.0.1:0");
    let port = examples::port(&signer);
    let too_long = u16::try_from(MAX_MESSAGE + 1).unwrap().to_be_bytes();
    let messages: [&[u8]; 5] = [
        &too_long,
        // Nothing, a number alone, a name that is longer than the message, and one that is not UTF-8.
        &[0, 0],
        &[0, 4, 0, 0, 0, 1],
        &[0, 8, 0, 0, 0, 1, 4, 3, 9, b'w'],
        &[0, 8, 0, 0, 0, 1, 4, 3, 1, 0xff],
    ];
    let mut honest = parts.link(&parts.server.0, port).await.unwrap();
    for message in messages {
        let mut stream = parts.link(&parts.server.0, port).await.unwrap();
        stream.write_all(message).await.unwrap();
        stream.flush().await.unwrap();
        let mut rest = Vec::new();
        // Closed, in order or not, and without a reply.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "{message:?}");
    }
    send(&mut honest, &request(1, &content(CONTEXT, 32)).encode().unwrap()).await.unwrap();
    let reply = Reply::parse(&receive(&mut honest).await.unwrap().unwrap()).unwrap();
    assert_eq!(reply.status, Status::Done);
}

#[test]
fn requests_and_replies_are_read_as_they_are_written() {
    let asked = request(7, &content(CONTEXT, 32));
    assert_eq!(Request::parse(&asked.encode().unwrap()), Some(asked));
    let reply = Reply { number: 7, status: Status::Failed, content: vec![1] };
    assert_eq!(Reply::parse(&reply.encode()), Some(reply));
    assert_eq!(Reply::parse(&[0, 0, 0, 1, 5]), None);
}
