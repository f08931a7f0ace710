//! Connections with the system's `openssl`, version 3, whose records are taken over by hand: in both roles,
//! with its interactive commands for KeyUpdates.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use handclasp::credential::CertificateList;
use handclasp::key_schedule::PskKind;
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::transport::HandedOver;
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream};
use handclasp_testing::der::pem_text;
use handclasp_testing::openssl;
use handclasp_testing::process::{Folder, Listener, Process, connect};
use handclasp_testing::taken_over::TakenOver;
use handclasp_testing::{Identity, NAME, narrow_provider, server_name};

/// A connection that was taken over, and its socket.
struct Owner {
    records: TakenOver,
    socket: TcpStream,
}

impl Owner {
    fn new(handed_over: HandedOver<TcpStream>) -> Self {
        let HandedOver { secrets, unread, transport, .. } = handed_over;
        Self { records: TakenOver::new(secrets, unread), socket: transport }
    }

    fn write(&mut self, words: &str) {
        self.records.write(words.as_bytes());
        self.records.flush(&self.socket);
    }

    fn read_line(&mut self) -> Option<String> {
        self.records.read_line(&self.socket)
    }

    fn update_keys(&mut self, request: bool) {
        self.records.post_handshake.update_keys(request).unwrap();
        self.records.flush(&self.socket);
    }

    fn close(&mut self) {
        self.records.post_handshake.close();
        self.records.flush(&self.socket);
    }
}

/// A line each way.
fn talk_with_server(owner: &mut Owner, process: &mut Process, words: &str) {
    owner.write(&format!("our {words}\n"));
    process.wait_for(&format!("our {words}\n"));
    process.say(&format!("their {words}\n"));
    assert_eq!(owner.read_line().unwrap(), format!("their {words}\n"));
}

#[test]
fn a_connection_to_s_server_is_taken_over() {
    if !openssl::is_here() {
        return;
    }
    let (identity, folder) = (Identity::p256(), Folder::new());
    let certificate = folder.file("server.pem", pem_text("CERTIFICATE", &identity.chain[0]));
    let key = folder.file("key.pem", pem_text("PRIVATE KEY", identity.key.secret_der()));
    let arguments = ["-cert", &certificate, "-key", &key, "-tls1_3"];
    let (mut process, address) = openssl::s_server(&arguments);
    for suite in 0..3 {
        let store = Arc::new(MemoryClientSessions::new(8));
        let config = ClientConfig::builder(narrow_provider(suite, 0)).sessions(store.clone());
        let config = Arc::new(config.trust(identity.anchors()).unwrap().build().unwrap());
        let client = ClientConnection::new(config.clone(), server_name());
        let mut stream = Stream::new(client, connect(address));
        stream.write_all(format!("before {suite}\n").as_bytes()).unwrap();
        process.wait_for(&format!("before {suite}\n"));
        assert!(store.sessions().is_empty(), "its tickets are not read yet");

        let mut owner = Owner::new(stream.into_secrets().unwrap());
        talk_with_server(&mut owner, &mut process, &format!("words {suite}"));
        assert_eq!(store.sessions().len(), 2, "they came after the hand-over");
        for (round, command) in ["K\n", "k\n", "K\n"].into_iter().enumerate() {
            process.say(command);
            talk_with_server(&mut owner, &mut process, &format!("command {suite} {round}"));
        }
        let of_commands = owner.records.steps.clone();
        assert_eq!(of_commands.matches('r').count(), 3, "{of_commands}");
        assert_eq!(of_commands.matches("sw").count(), 2, "K asks for an answer: {of_commands}");
        for (round, request) in [true, false, true].into_iter().enumerate() {
            owner.update_keys(request);
            talk_with_server(&mut owner, &mut process, &format!("update {suite} {round}"));
        }
        assert_eq!(owner.records.steps.matches('r').count(), 3 + 2, "it answers the two requests");
        owner.close();
        assert_eq!(owner.read_line(), None, "its close_notify");
        process.wait_for_times("DONE", 2 * suite + 1);
        drop(owner);

        let again = ClientConnection::new(config, server_name());
        let mut stream = Stream::new(again, connect(address));
        stream.handshake().unwrap();
        let resumed = stream.connection().parameters().pre_shared_key;
        assert_eq!(resumed, Some(PskKind::Resumption));
        stream.close().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        process.wait_for_times("DONE", 2 * suite + 2);
    }
}

#[test]
fn a_connection_of_s_client_is_taken_over() {
    if !openssl::is_here() {
        return;
    }
    for suite in 0..3 {
        let (identity, folder) = (Identity::p256(), Folder::new());
        let anchor = folder.file("anchor.pem", pem_text("CERTIFICATE", &identity.anchor));
        let provider = narrow_provider(suite, 0);
        let keys = Arc::new(TicketKeys::random_with_provider(&provider).unwrap());
        let config = ServerConfig::builder(provider).sessions(keys).tickets(1);
        let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
        let config = Arc::new(config.build(Arc::new(list)).unwrap());
        let listener = Listener::new();
        let address = format!("127.0.0.1:{}", listener.port());
        let server = thread::spawn(move || {
            let connection = ServerConnection::new(config);
            let mut stream = BufReader::new(Stream::new(connection, listener.accept()));
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            stream.get_mut().write_all(format!("back: {line}").as_bytes()).unwrap();
            // The client sends nothing more before it has this line.
            assert!(stream.buffer().is_empty());
            echo(Owner::new(stream.into_inner().into_secrets().unwrap()))
        });
        let arguments = [
            "s_client",
            "-connect",
            &address,
            "-CAfile",
            &anchor,
            "-servername",
            NAME,
            "-tls1_3",
            "-msg",
        ];
        let mut client = Process::start("openssl", &arguments);
        client.say("before\n");
        client.wait_for("back: before\n");
        for (round, command) in ["K\n", "k\n", "K\n"].into_iter().enumerate() {
            client.say(command);
            // What is typed before a command was taken would be taken with it.
            client.wait_for_times("KEYUPDATE", round + 1);
            let words = format!("words {round}\n");
            client.say(&words);
            client.wait_for(&format!("back: {words}"));
        }
        // It answers a request before its next data.
        for words in ["update 1\n", "ticket\n", "update 2\n", "last\n"] {
            client.say(words);
            client.wait_for(&format!("back: {words}"));
        }
        let output = client.wait_for_times("NewSessionTicket", 2);
        assert!(output.contains("Verification: OK"), "{output}");
        client.say("Q\n");
        assert!(client.wait_for_end().success());
        let steps = server.join().unwrap();
        assert_eq!(steps.matches('r').count(), 3 + 2, "{steps}");
        assert_eq!(steps.matches("sw").count(), 2 + 2, "{steps}");
    }
}

/// Returns each line that comes until the client closes, and closes too. A line can ask for an update of
/// keys, or for a ticket.
fn echo(mut owner: Owner) -> String {
    while let Some(line) = owner.read_line() {
        if line.starts_with("update") {
            owner.update_keys(true);
        }
        if line.starts_with("ticket") {
            owner.records.post_handshake.send_tickets(1).unwrap();
            owner.records.flush(&owner.socket);
        }
        owner.write(&format!("back: {line}"));
    }
    assert!(owner.records.post_handshake.peer_has_closed());
    owner.close();
    owner.records.steps
}
