//! Tickets and 0-RTT data with GnuTLS's programs, in both roles.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::EarlyData;
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::UnixTime;
use handclasp::session::{MemoryClientSessions, StrikeRegister, TicketKeys};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream};
use handclasp_testing::der::pem_text;
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::process::{Folder, Listener, Process, available, connect};
use handclasp_testing::{Identity, NAME, server_name};

fn gnutls_is_here() -> bool {
    ["gnutls-cli", "gnutls-serv"]
        .iter()
        .all(|program| available(program, "--version", |version| version.contains(" 3.")))
}

#[test]
fn our_client_resumes_with_gnutls_serv_which_takes_its_early_data_once_asked_to() {
    if !gnutls_is_here() {
        return;
    }
    for takes in [true, false] {
        let (identity, folder) = (Identity::p256(), Folder::new());
        let chain = folder.file("chain.pem", pem_text("CERTIFICATE", &identity.chain[0]));
        let key = folder.file("key.pem", pem_text("PRIVATE KEY", identity.key.secret_der()));
        let port = free_tcp_port();
        let words = port.to_string();
        let arguments = ["--echo", "-p", &words, "--x509certfile", &chain, "--x509keyfile", &key];
        let early: &[&str] = if takes { &["--earlydata", "--maxearlydata", "1000"] } else { &[] };
        let process = Process::start("gnutls-serv", &[&arguments[..], early].concat());
        process.wait_for(&format!("port {port}...done"));

        let store = Arc::new(MemoryClientSessions::new(8));
        let builder = ClientConfig::builder(CryptoProvider::default()).sessions(store);
        let builder = builder.early_data(true).trust(identity.anchors()).unwrap();
        let config = Arc::new(builder.build().unwrap());
        for round in 0..3 {
            let mut client = ClientConnection::new(config.clone(), server_name());
            let sent = client.write_early_data(b"early words\n").unwrap();
            assert_eq!(sent > 0, takes && round > 0);
            let address = format!("127.0.0.1:{port}").parse().unwrap();
            let mut stream = Stream::new(client, connect(address));
            stream.write_all(b"our words\n").unwrap();
            let (mut back, mut buffer) = (String::new(), [0; 100]);
            while !back.contains("our words\n") {
                let count = stream.read(&mut buffer).unwrap();
                assert!(count > 0, "{back:?}");
                back += &String::from_utf8_lossy(&buffer[..count]);
            }
            let parameters = stream.connection().parameters();
            assert_eq!(parameters.pre_shared_key.is_some(), round > 0);
            let accepted = parameters.early_data == EarlyData::Accepted;
            assert_eq!(accepted, sent > 0, "{back:?}");
            stream.close().unwrap();
        }
    }
}

#[test]
fn gnutls_cli_resumes_with_our_tickets_and_sends_early_data() {
    if !gnutls_is_here() {
        return;
    }
    let (identity, folder) = (Identity::p256(), Folder::new());
    let authority = folder.file("ca.pem", pem_text("CERTIFICATE", &identity.anchor));
    let words = folder.file("early", "early words");
    let random = CryptoProvider::default().random;
    let builder = ServerConfig::builder(CryptoProvider::default());
    let builder = builder.sessions(Arc::new(TicketKeys::random(random).unwrap()));
    // A second ago: what began in the second of a ticket knows nothing of what was before.
    let began = Duration::from_secs(UnixTime::now().as_secs() - 1);
    let began = UnixTime::since_unix_epoch(began);
    let register = Arc::new(StrikeRegister::new(began));
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let config = Arc::new(builder.early_data(1000, register).build(Arc::new(list)).unwrap());

    let listener = Listener::new();
    let port = listener.port().to_string();
    let arguments = ["--sni-hostname", NAME, "--verify-hostname", NAME, "--x509cafile", &authority];
    let more = ["--resume", "--waitresumption", "--earlydata", &words, "-p", &port, "127.0.0.1"];
    let process = Process::start("gnutls-cli", &[&arguments[..], &more].concat());
    for resumes in [false, true] {
        let server = ServerConnection::new(config.clone());
        let mut stream: Stream<_, TcpStream> = Stream::new(server, listener.accept());
        stream.handshake().unwrap();
        let parameters = stream.connection().parameters();
        assert_eq!(parameters.pre_shared_key == Some(PskKind::Resumption), resumes);
        let outcome = if resumes { EarlyData::Accepted } else { EarlyData::NotOffered };
        assert_eq!(parameters.early_data, outcome);
        assert_eq!(stream.take_early_data(), if resumes { &b"early words"[..] } else { b"" });
        stream.write_all(b"our words\n").unwrap();
        if resumes {
            process.wait_for("our words");
        } else {
            // It closes, and comes back.
            let _ = stream.read(&mut [0; 100]);
        }
    }
}
