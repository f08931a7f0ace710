//! Tickets and 0-RTT data with the system's `openssl`, version 3, in both roles.

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::EarlyData;
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::UnixTime;
use handclasp::session::{
    MemoryClientSessions, MemorySessions, SessionStore, StrikeRegister, TicketKeys,
};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream};
use handclasp_testing::der::pem_text;
use handclasp_testing::openssl;
use handclasp_testing::process::{Folder, Listener, Process, connect};
use handclasp_testing::{Identity, narrow_provider, server_name};

/// `openssl s_server`, and our client's configuration, which keeps its tickets.
struct TheirServer {
    process: Process,
    address: SocketAddr,
    config: Arc<ClientConfig>,
    store: Arc<MemoryClientSessions>,
    rounds: usize,
    _folder: Folder,
}

impl TheirServer {
    fn start(provider: CryptoProvider, arguments: &[&str]) -> Self {
        let (identity, folder) = (Identity::p256(), Folder::new());
        let certificate = folder.file("server.pem", pem_text("CERTIFICATE", &identity.chain[0]));
        let key = folder.file("key.pem", pem_text("PRIVATE KEY", identity.key.secret_der()));
        let first = ["-cert", &certificate, "-key", &key, "-tls1_3"];
        let (process, address) = openssl::s_server(&[&first[..], arguments].concat());
        let store = Arc::new(MemoryClientSessions::new(8));
        let config = ClientConfig::builder(provider).sessions(store.clone()).early_data(true);
        let config = Arc::new(config.trust(identity.anchors()).unwrap().build().unwrap());
        Self { process, address, config, store, rounds: 0, _folder: folder }
    }

    /// One connection: early data where they can be sent, then a line each way.
    fn connect(&mut self, early: &[u8]) -> (ClientConnection, usize) {
        self.rounds += 1;
        let mut client = ClientConnection::new(self.config.clone(), server_name());
        let sent = client.write_early_data(early).unwrap();
        let mut stream = BufReader::new(Stream::new(client, connect(self.address)));
        let line = format!("our words {}\n", self.rounds);
        stream.get_mut().write_all(line.as_bytes()).unwrap();
        self.process.wait_for(&line);
        self.process.say(&format!("their words {}\n", self.rounds));
        let mut got = String::new();
        stream.read_line(&mut got).unwrap();
        assert_eq!(got, format!("their words {}\n", self.rounds));
        stream.get_mut().close().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "its close_notify");
        self.process.wait_for_times("DONE", self.rounds);
        let (client, _) = stream.into_inner().into_parts();
        (client, sent)
    }
}

fn resumed(connection: &handclasp::Connection) -> bool {
    connection.parameters().pre_shared_key == Some(PskKind::Resumption)
}

#[test]
fn our_client_resumes_with_the_tickets_of_s_server() {
    if !openssl::is_here() {
        return;
    }
    for (suite, arguments) in [
        (0, &[][..]),
        (1, &["-num_tickets", "4"]),
        (2, &["-groups", "P-384"]),
        // Its sessions in memory instead of in the tickets.
        (0, &["-no_ticket"]),
    ] {
        let mut provider = CryptoProvider::default();
        provider.cipher_suites = vec![provider.cipher_suites.swap_remove(suite)];
        let mut server = TheirServer::start(provider, arguments);
        let (first, _) = server.connect(b"");
        assert!(!resumed(&first));
        for _ in 0..2 {
            let (again, _) = server.connect(b"");
            assert!(resumed(&again), "{arguments:?}");
            assert_eq!(again.parameters().certificates, first.parameters().certificates);
        }
        assert!(!server.store.sessions().is_empty());
    }
}

#[test]
fn s_server_takes_our_early_data_or_passes_over_them() {
    if !openssl::is_here() {
        return;
    }
    let mut server = TheirServer::start(CryptoProvider::default(), &["-early_data"]);
    let (_, sent) = server.connect(b"early words\n");
    assert_eq!(sent, 0, "there is no ticket yet");
    for round in 1..3 {
        let (again, sent) = server.connect(b"early words\n");
        assert_eq!(sent, 12);
        assert_eq!(again.parameters().early_data, EarlyData::Accepted);
        server.process.wait_for_times("early words", round);
    }
    // This one gives tickets for early data, and then does not take them.
    for arguments in
        [&["-max_early_data", "1000"][..], &["-max_early_data", "1000", "-groups", "P-256"]]
    {
        let mut server = TheirServer::start(CryptoProvider::default(), arguments);
        server.connect(b"");
        let (again, sent) = server.connect(b"early words\n");
        assert_eq!(sent, 12);
        assert_eq!(again.parameters().early_data, EarlyData::Rejected);
        // The session has the group, so the second connection needs no retry.
        assert!(resumed(&again) && !again.parameters().retried, "{arguments:?}");
    }
}

/// Our server's configuration.
fn config(
    provider: CryptoProvider,
    sessions: Arc<dyn SessionStore>,
    early: bool,
) -> Arc<ServerConfig> {
    let certificates = CertificateList::new(vec![Arc::new(Identity::p256().certified_key())]);
    let builder = ServerConfig::builder(provider).sessions(sessions);
    // A second ago: what began in the second of a ticket knows nothing of what was before.
    let began = Duration::from_secs(UnixTime::now().as_secs() - 1);
    let began = UnixTime::since_unix_epoch(began);
    let register = Arc::new(StrikeRegister::new(began));
    let builder = if early { builder.early_data(1000, register) } else { builder };
    Arc::new(builder.build(Arc::new(certificates)).unwrap())
}

/// One connection of `openssl s_client` with our server, and its 0-RTT data.
fn serve(config: &Arc<ServerConfig>, arguments: &[&str]) -> (ServerConnection, Vec<u8>, String) {
    let listener = Listener::new();
    let address = format!("127.0.0.1:{}", listener.port());
    let first = ["s_client", "-connect", &address, "-tls1_3", "-servername", "server.example"];
    let mut process = Process::start("openssl", &[&first, arguments].concat());
    let server = ServerConnection::new(config.clone());
    let mut stream: Stream<_, TcpStream> = Stream::new(server, listener.accept());
    stream.write_all(b"our words\n").unwrap();
    process.wait_for("our words");
    process.say("their words\n");
    let mut line = String::new();
    let early = stream.take_early_data();
    let mut reader = BufReader::new(&mut stream);
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "their words\n");
    stream.close().unwrap();
    // What it says of the handshake came before our words.
    let output = process.wait_for("our words");
    (stream.into_parts().0, early, output)
}

#[test]
fn s_client_resumes_with_our_tickets_and_sends_early_data() {
    if !openssl::is_here() {
        return;
    }
    let stores: [fn() -> Arc<dyn SessionStore>; 2] = [
        || Arc::new(TicketKeys::random(CryptoProvider::default().random).unwrap()),
        || Arc::new(MemorySessions::new(8, CryptoProvider::default().random)),
    ];
    for (suite, store) in [(0, stores[0]), (1, stores[0]), (2, stores[1])] {
        for early in [true, false] {
            let folder = Folder::new();
            let session = folder.path("session.pem");
            let words = folder.file("early", "early words");
            let sessions = store();
            let config_of = |group| config(narrow_provider(suite, group), sessions.clone(), early);
            let ours = config_of(0);
            let (first, _, _) = serve(&ours, &["-sess_out", &session]);
            assert!(!resumed(&first));
            if !early {
                let (second, _, output) = serve(&ours, &["-sess_in", &session]);
                assert!(resumed(&second) && output.contains("Reused, TLSv1.3"), "{output}");
                continue;
            }
            let arguments = ["-sess_in", &session, "-early_data", &words];
            let (second, early, output) = serve(&ours, &arguments);
            assert!(resumed(&second) && output.contains("Reused, TLSv1.3"), "{output}");
            assert_eq!(second.parameters().early_data, EarlyData::Accepted);
            assert_eq!(early, b"early words");
            assert!(output.contains("Early data was accepted"), "{output}");
            // Another group: a retry, and no early data.
            serve(&ours, &["-sess_out", &session]);
            let (third, early, output) = serve(&config_of(1), &arguments);
            assert!(third.parameters().retried && resumed(&third));
            assert_eq!((third.parameters().early_data, early), (EarlyData::Rejected, vec![]));
            assert!(output.contains("Early data was rejected"), "{output}");
        }
    }
}
