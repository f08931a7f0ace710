//! Clients of other libraries at our server.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use handclasp::ServerConfig;
use handclasp::config::ServerConfigBuilder;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::UnixTime;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::NamedGroup as G;
use handclasp::session::StrikeRegister;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp_testing::der::pem_text;
use handclasp_testing::process::{Folder, Listener, Process, available};
use handclasp_testing::sessions::ticket_keys;
use handclasp_testing::{Identity, pre_shared_secret};

use super::recording::Recordings;

pub const SUITES: [&str; 3] =
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
/// What GnuTLS calls them.
pub const CIPHERS: [&str; 3] = ["AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"];
pub const GNUTLS: &str = "NORMAL:-VERS-ALL:+VERS-TLS1.3";

pub fn are_here() -> bool {
    available("openssl", "version", |version| version.starts_with("OpenSSL 3."))
        && available("gnutls-cli", "--version", |version| version.contains(" 3."))
        && available("gnutls-serv", "--version", |version| version.contains(" 3."))
        && available("curl", "--version", |version| version.contains("https"))
        && available(&go(), "version", |version| version.contains("go1."))
}

fn go() -> String {
    std::env::var("HANDCLASP_GO").unwrap_or_else(|_| "go".into())
}

/// The program of `tests/peers/programs/peer.go`.
pub fn go_program(folder: &Folder) -> String {
    let source: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "tests", "peers", "programs", "peer.go"]
            .iter()
            .collect();
    let program = folder.path("peer");
    let mut command = Command::new(go());
    command.args(["build", "-o", &program]).arg(source).env("GOTOOLCHAIN", "local");
    assert!(command.status().unwrap().success(), "go builds the peer");
    program
}

/// A provider with these groups.
pub fn provider(groups: &[G]) -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    provider.groups.retain(|group| groups.contains(&group.name()));
    provider
}

pub const ALL: [G; 4] = [G::X25519_MLKEM768, G::X25519, G::SECP256R1, G::SECP384R1];

/// Identities, and their files.
pub struct Files {
    pub folder: Folder,
    pub identity: Identity,
    pub client: Identity,
    pub anchor: String,
    pub chain: String,
    pub key: String,
    pub client_anchor: String,
    pub client_chain: String,
    pub client_key: String,
}

impl Files {
    pub fn new(identity: Identity) -> Self {
        let (folder, client) = (Folder::new(), Identity::p256());
        let certificate = |name: &str, der: &[u8]| folder.file(name, pem_text("CERTIFICATE", der));
        let key = |name: &str, identity: &Identity| {
            folder.file(name, pem_text("PRIVATE KEY", identity.key.secret_der()))
        };
        Self {
            anchor: certificate("anchor.pem", &identity.anchor),
            chain: certificate("chain.pem", &identity.chain[0]),
            key: key("key.pem", &identity),
            client_anchor: certificate("client-anchor.pem", &client.anchor),
            client_chain: certificate("client.pem", &client.chain[0]),
            client_key: key("client-key.pem", &client),
            identity,
            client,
            folder,
        }
    }

    /// The words of a command, with the paths of files in the place of their names.
    pub fn words(&self, command: &str, port: u16) -> Vec<String> {
        let mut words = Vec::new();
        for word in command.split_whitespace() {
            words.push(match word {
                "{anchor}" => self.anchor.clone(),
                "{chain}" => self.chain.clone(),
                "{key}" => self.key.clone(),
                "{client-anchor}" => self.client_anchor.clone(),
                "{client-chain}" => self.client_chain.clone(),
                "{client-key}" => self.client_key.clone(),
                "{session}" => self.folder.path("session"),
                "{early}" => self.folder.path("early"),
                _ => word.replace("{port}", &port.to_string()),
            });
        }
        words
    }
}

/// The server, and where its connections are recorded.
struct Ours<'r> {
    recordings: &'r Recordings,
    files: Files,
}

impl Ours<'_> {
    fn builder(&self, provider: CryptoProvider) -> ServerConfigBuilder {
        ServerConfig::builder(provider)
            .key_log(self.recordings.keys.key_log())
            .application_protocols(["http/1.1"])
            .sessions(ticket_keys())
    }

    fn finish(&self, builder: ServerConfigBuilder) -> Arc<ServerConfig> {
        let list = CertificateList::new(vec![Arc::new(self.files.identity.certified_key())]);
        Arc::new(builder.build(Arc::new(list)).unwrap())
    }

    fn server(&self, groups: &[G]) -> Arc<ServerConfig> {
        self.finish(self.builder(provider(groups)))
    }

    /// A server with tickets, of which each opens the others', that takes 0-RTT data.
    fn early_server(&self) -> Arc<ServerConfig> {
        let register =
            Arc::new(StrikeRegister::new(UnixTime::since_unix_epoch(Default::default())));
        self.finish(self.builder(CryptoProvider::default()).early_data(10_000, register))
    }

    fn asking_server(&self) -> Arc<ServerConfig> {
        let anchors = self.files.client.anchors();
        let verifier =
            TrustAnchorVerifier::for_clients(anchors, CryptoProvider::default().signatures);
        let policy = ClientAuthentication::required(Arc::new(verifier));
        self.finish(self.builder(CryptoProvider::default()).client_authentication(policy))
    }

    /// Starts the program, which makes so many connections.
    fn run(&self, server: &Arc<ServerConfig>, connections: usize, command: &str) {
        let listener = Listener::new();
        let words = self.files.words(command, listener.port());
        let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let mut process = Process::start(&words[0], &arguments);
        let peer = match words[0].as_str() {
            "openssl" => "openssl",
            "gnutls-cli" => "GnuTLS",
            "curl" => "curl",
            _ => "Go",
        };
        if matches!(peer, "openssl" | "GnuTLS") {
            process.say("GET / HTTP/1.0\r\n\r\n");
        }
        for _ in 0..connections {
            self.recordings.serve(peer, server, listener.accept());
        }
        process.wait_for_end();
    }
}

/// Each program connects in many ways.
pub fn connect(recordings: &Recordings) {
    let ours = Ours { recordings, files: Files::new(Identity::p256()) };
    openssl(&ours);
    gnutls(&ours);
    curl(&ours);
    go_client(&ours);
}

fn openssl(ours: &Ours<'_>) {
    let run = |server: &Arc<ServerConfig>, more: &str| {
        let first = "openssl s_client -connect 127.0.0.1:{port} -servername server.example";
        ours.run(server, 1, &format!("{first} -CAfile {{anchor}} {more}"));
    };
    let plain = ours.server(&ALL);
    for suite in SUITES {
        for group in ["X25519", "P-256", "P-384"] {
            let chosen = format!("-ciphersuites {suite} -groups {group}");
            run(&plain, &chosen);
            run(&plain, &format!("{chosen} -alpn h2,http/1.1 -status -tls1_3"));
        }
        // With the ticket of the first connection.
        run(&plain, &format!("-ciphersuites {suite} -sess_out {{session}}"));
        run(&plain, &format!("-ciphersuites {suite} -sess_in {{session}}"));
    }
    for group in ["P-521:X25519", "P-521:P-256", "X448:P-384"] {
        run(&plain, &format!("-groups {group}"));
    }
    for more in [
        "-sigalgs ecdsa_secp256r1_sha256",
        "-sigalgs ECDSA+SHA256:RSA+SHA256:ed25519 -no_middlebox",
        "-sigalgs ed25519",
        "-no_middlebox -max_send_frag 512",
        "-tls1_2",
        "-groups P-521",
        "-alpn spdy/1",
        "-servername other.example",
        "-CAfile {client-anchor} -verify_return_error",
    ] {
        run(&plain, more);
    }
    for algorithm in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let files = Files::new(Identity::new(algorithm));
        let other = Ours { recordings: ours.recordings, files };
        let first = "openssl s_client -connect 127.0.0.1:{port} -CAfile {anchor}";
        other.run(&other.server(&ALL), 1, first);
    }
    let asking = ours.asking_server();
    run(&asking, "-cert {client-chain} -key {client-key}");
    run(&asking, "-cert {chain} -key {key}");
    run(&asking, "");
    ours.files.folder.file("early", "early words\n");
    let early = ours.early_server();
    run(&early, "-sess_out {session}");
    run(&early, "-sess_in {session} -early_data {early}");
    run(&plain, "-sess_in {session} -early_data {early}");
    let secret = pre_shared_secret();
    let key = PreSharedKey::external(b"device", &secret).unwrap();
    let builder = ours.builder(CryptoProvider::default());
    let keyed = ours.finish(builder.pre_shared_keys(Arc::new(PskList::new(vec![key]))));
    let secret = HEXLOWER.encode(&secret);
    for secret in [secret.clone(), format!("00{secret}")] {
        let key = format!("-psk {secret} -psk_identity device -tls1_3");
        run(&keyed, &format!("{key} -ciphersuites {}", SUITES[0]));
    }
}

fn gnutls(ours: &Ours<'_>) {
    let run = |server: &Arc<ServerConfig>, connections: usize, priority: &str, more: &str| {
        let first = "gnutls-cli --x509cafile {anchor} --sni-hostname server.example -p {port}";
        let command = format!("{first} --priority {GNUTLS}{priority} {more} 127.0.0.1");
        ours.run(server, connections, &command);
    };
    let plain = ours.server(&ALL);
    for cipher in CIPHERS {
        for group in ["X25519", "SECP256R1", "SECP384R1"] {
            let priority = format!(":-CIPHER-ALL:+{cipher}:-GROUP-ALL:+GROUP-{group}");
            run(&plain, 1, &priority, "--alpn http/1.1 --alpn h2");
        }
        run(&plain, 2, &format!(":-CIPHER-ALL:+{cipher}"), "--resume");
    }
    for group in ["FFDHE2048:+GROUP-X25519", "SECP521R1:+GROUP-SECP256R1"] {
        run(&plain, 1, &format!(":-GROUP-ALL:+GROUP-{group}"), "");
    }
    run(&plain, 1, ":-GROUP-ALL:+GROUP-SECP521R1", "");
    run(&plain, 1, ":-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256", "--recordsize 600");
    run(&plain, 1, ":-SIGN-ALL:+SIGN-EDDSA-ED25519", "");
    run(&plain, 1, ":%NO_TICKETS", "--ocsp");
    let asking = ours.asking_server();
    run(&asking, 1, "", "--x509certfile {client-chain} --x509keyfile {client-key}");
    run(&asking, 1, "", "");
}

fn curl(ours: &Ours<'_>) {
    let run = |server: &Arc<ServerConfig>, connections: usize, more: &str| {
        let first = "curl --disable --silent --noproxy * --max-time 15 --cacert {anchor}";
        let to = "--resolve server.example:{port}:127.0.0.1 https://server.example:{port}/";
        ours.run(server, connections, &format!("{first} {to} {more}"));
    };
    let plain = ours.server(&ALL);
    for suite in SUITES {
        for group in ["X25519", "P-256", "P-384"] {
            run(&plain, 1, &format!("--tls13-ciphers {suite} --curves {group} --http1.1"));
        }
        // The second one is resumed.
        run(&plain, 2, &format!("--tls13-ciphers {suite} https://server.example:{{port}}/again"));
    }
    run(&plain, 1, "--no-alpn");
    run(&plain, 1, "--tls-max 1.2");
    run(&plain, 1, "--curves P-521:P-384");
    run(&plain, 1, "--cacert {client-anchor}");
    run(&ours.asking_server(), 1, "--cert {client-chain} --key {client-key}");
}

fn go_client(ours: &Ours<'_>) {
    let program = go_program(&ours.files.folder);
    let run = |server: &Arc<ServerConfig>, groups: &[G], more: &str| {
        let numbers: Vec<String> = groups.iter().map(|group| group.0.to_string()).collect();
        let first = format!("{program} client --address 127.0.0.1:{{port}} --authority {{anchor}}");
        ours.run(server, 1, &format!("{first} --groups {} {more}", numbers.join(",")));
    };
    let plain = ours.server(&ALL);
    for group in ALL {
        run(&plain, &[group], "");
        run(&ours.server(&[group]), &ALL, "");
    }
    run(&plain, &[G::SECP521R1, G::SECP256R1], "");
    run(&plain, &[G::SECP521R1], "");
    let asking = ours.asking_server();
    run(&asking, &ALL, "--chain {client-chain} --key {client-key}");
    run(&asking, &ALL, "");
}
