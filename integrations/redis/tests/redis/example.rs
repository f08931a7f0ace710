//! The example of a fleet: two of its processes, and a store.

use std::sync::Arc;

use crate::fleet::until;
use handclasp_redis::handclasp::ClientConfig;
use handclasp_redis::handclasp::crypto::CryptoProvider;
use handclasp_redis::handclasp::session::MemoryClientSessions;
use handclasp_redis::handclasp::transport::tokio::Connector;
use handclasp_testing::examples::{Files, build_with, exhaust_files, port, start_with_few_files};
use handclasp_testing::process::Process;
use handclasp_testing::redis_server::RedisServer;
use handclasp_testing::{Identity, server_name};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// What each server needs: its certificate, the store, and the sealing key.
struct Fleet {
    program: String,
    files: Files,
    sealing_key: String,
    store: String,
}

impl Fleet {
    fn new(identity: &Identity, store: &RedisServer) -> Self {
        let features: &[&str] = match cfg!(feature = "ring") {
            true => &[],
            false => &["--no-default-features", "--features", "aws-lc-rs"],
        };
        let files = Files::new(identity);
        Self {
            program: build_with("integrations/redis", "fleet_server", features),
            sealing_key: files.folder.file("sealing.key", crate::fleet::SEALING_KEY),
            files,
            store: store.url(),
        }
    }

    fn start_server(&self) -> Process {
        self.start_server_with_store(&self.store)
    }

    fn start_server_with_store(&self, url: &str) -> Process {
        Process::start(&self.program, &self.arguments(url))
    }

    fn arguments<'a>(&'a self, url: &'a str) -> [&'a str; 5] {
        let Files { chain, key, .. } = &self.files;
        ["127.0.0.1:0", chain, key, url, &self.sealing_key]
    }
}

/// Sends 5 bytes of 0-RTT data if there is a session for them, and returns what the server says.
async fn visit(client: &Connector, port: u16) -> String {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let connected = client.connect_with_early_data(server_name(), b"early", socket).await;
    let (mut stream, _) = connected.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with(&format!("server 127.0.0.1:{port}: ")), "{answer}");
    answer
}

#[tokio::test]
async fn a_client_of_one_example_server_resumes_on_the_other_with_0_rtt_data() {
    let Some(mut store) = RedisServer::start_if_available() else {
        return;
    };
    let identity = Identity::p256();
    let fleet = Fleet::new(&identity, &store);
    let client = ClientConfig::builder(CryptoProvider::default())
        .trust(identity.anchors())
        .unwrap()
        .sessions(Arc::new(MemoryClientSessions::new(8)))
        .early_data(true);
    let client = Connector::new(Arc::new(client.build().unwrap()));
    let servers = [fleet.start_server(), fleet.start_server()];
    let ports = [port(&servers[0]), port(&servers[1])];

    let first = visit(&client, ports[0]).await;
    assert!(first.ends_with("resumed: false, 0-RTT data: not-offered, 0 bytes\n"), "{first}");
    // A session is written to the store after the client has its ticket, and the store may be slow for a moment.
    let resumes = async |port: u16| {
        let answer = visit(&client, port).await;
        answer.ends_with("resumed: true, 0-RTT data: accepted, 5 bytes\n")
    };
    for port in [ports[1], ports[0]] {
        until("the session is resumed on the other server", async || resumes(port).await).await;
    }

    // A server that starts without the store says so, and does full handshakes until the store is there.
    store.kill();
    let late = fleet.start_server();
    let late_port = port(&late);
    let address = store.url().replace("redis://", "");
    let words = format!("there is no resumption yet: the store at {address}: ");
    late.wait_for(&words);
    let url_with_password = format!("redis://user:the-password@{address}");
    let printed = fleet.start_server_with_store(&url_with_password).wait_for(&words);
    assert!(!printed.contains("the-password"), "{printed}");
    let answer = visit(&client, late_port).await;
    assert!(answer.contains("resumed: false"), "{answer}");
    store.restart();
    until("sessions are resumed again", async || resumes(late_port).await).await;
}

#[tokio::test]
async fn an_example_server_goes_on_when_clients_could_not_be_accepted() {
    let Some(store) = RedisServer::start_if_available() else {
        return;
    };
    let identity = Identity::p256();
    let fleet = Fleet::new(&identity, &store);
    let server = start_with_few_files(&fleet.program, &fleet.arguments(&fleet.store));
    let clients = exhaust_files(&server);
    server.wait_for("cannot accept");
    drop(clients);
    let client = Connector::new(identity.client_config());
    let answer = visit(&client, port(&server)).await;
    assert!(answer.contains("resumed: false"), "{answer}");
}
