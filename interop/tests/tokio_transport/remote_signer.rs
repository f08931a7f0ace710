//! The example whose keys are in another process, behind mutually authenticated TLS.

#[path = "../../examples/remote_signer/protocol.rs"]
mod protocol;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::transport::tokio::{Connector, TlsStream};
use handclasp::verify::{SpkiPin, SpkiPins};
use handclasp::{ClientConfig, ClientConnection, CryptoProvider, Stream};
use handclasp_testing::process::{Process, connect};
use handclasp_testing::{Identity, examples, server_name};
use protocol::{APPLICATION_PROTOCOL, MAX_MESSAGE, Reply, Request, Status, receive, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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

    /// A connection to the signer by someone with this identity.
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

const SERVER: &str = "TLS 1.3, server CertificateVerify";

#[test]
fn a_server_asks_a_signer_and_asks_it_again_after_it_was_restarted() {
    let parts = Parts::new();
    let signer = parts.start_signer("127.0.0.1:0");
    let signer_port = examples::port(&signer);
    let address = format!("127.0.0.1:{signer_port}");
    let server = parts.start_server(&address);
    let server_address = SocketAddr::from(([127, 0, 0, 1], examples::port(&server)));
    let greet = || {
        let config = parts.web.0.client_config();
        let client = ClientConnection::new(config, server_name()).unwrap();
        let mut stream = Stream::new(client, connect(server_address));
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert!(answer.ends_with("signed\n"), "{answer}");
        std::io::Result::Ok(())
    };
    greet().unwrap();
    drop(signer);
    greet().unwrap_err();
    server.wait_for("no answer to the question sign: the signer cannot be reached");
    let again = parts.start_signer(&address);
    again.wait_for("listening on");
    greet().unwrap();
}

#[tokio::test]
async fn a_stranger_gets_no_signature() {
    let parts = Parts::new();
    let signer = parts.start_signer("127.0.0.1:0");
    let port = examples::port(&signer);
    // A client learns in TLS 1.3 only after its own handshake that it was refused.
    let refused = match parts.link(&Identity::p256(), port).await {
        Ok(mut stream) => {
            let _ = send(&mut stream, &request(1, &content(SERVER, 32)).encode().unwrap()).await;
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
    let short = content(SERVER, 32);
    let mut cases = vec![
        (request(0, &content(SERVER, 32)), Status::Done),
        (request(1, &content(SERVER, 48)), Status::Done),
        (
            request(2, &content("TLS 1.3, client CertificateVerify", 32)),
            Status::NotCertificateVerify,
        ),
        (request(3, &content(SERVER, 33)), Status::NotCertificateVerify),
        (request(4, &content(SERVER, 0)), Status::NotCertificateVerify),
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
    send(&mut honest, &request(1, &content(SERVER, 32)).encode().unwrap()).await.unwrap();
    let reply = Reply::parse(&receive(&mut honest).await.unwrap().unwrap()).unwrap();
    assert_eq!(reply.status, Status::Done);
}

#[test]
fn requests_and_replies_are_read_as_they_are_written() {
    let asked = request(7, &content(SERVER, 32));
    assert_eq!(Request::parse(&asked.encode().unwrap()), Some(asked));
    let reply = Reply { number: 7, status: Status::Failed, content: vec![1] };
    assert_eq!(Reply::parse(&reply.encode()), Some(reply));
    assert_eq!(Reply::parse(&[0, 0, 0, 1, 5]), None);
}
