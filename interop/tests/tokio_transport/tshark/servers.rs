//! Our client at servers of other libraries.

use std::net::SocketAddr;
use std::sync::Arc;

use handclasp::config::ClientConfigBuilder;
use handclasp::crypto::CryptoProvider;
use handclasp::registry::NamedGroup as G;
use handclasp::session::MemoryClientSessions;
use handclasp::{ClientConfig, TrustAnchors};
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::process::Process;
use handclasp_testing::{Identity, narrow_provider};

use super::clients::{ALL, CIPHERS, Files, GNUTLS, SUITES, go_program, provider};
use super::recording::Recordings;

/// Our client, and where its connections are recorded.
struct Ours<'r> {
    recordings: &'r Recordings,
    files: Files,
}

impl Ours<'_> {
    fn builder(&self, provider: CryptoProvider) -> ClientConfigBuilder {
        self.builder_for(provider, self.files.identity.anchors())
    }

    fn builder_for(&self, provider: CryptoProvider, anchors: TrustAnchors) -> ClientConfigBuilder {
        ClientConfig::builder(provider)
            .key_log(self.recordings.keys.key_log())
            .trust(anchors)
            .unwrap()
            .application_protocols(["h2", "http/1.1"])
    }

    fn connect(&self, peer: &'static str, client: ClientConfigBuilder, server: SocketAddr) {
        self.recordings.connect(peer, &Arc::new(client.build().unwrap()), server);
    }

    /// Clients of several kinds connect.
    fn connect_in_many_ways(&self, peer: &'static str, server: SocketAddr) {
        let of = |client| self.connect(peer, client, server);
        for suite in 0..3 {
            for group in 0..3 {
                of(self.builder(narrow_provider(suite, group)));
            }
            let store = Arc::new(MemoryClientSessions::new(8));
            for _ in 0..2 {
                let mut provider = CryptoProvider::default();
                provider.cipher_suites = vec![provider.cipher_suites.swap_remove(suite)];
                let builder = self.builder(provider).sessions(store.clone());
                of(builder.early_data(true).grease(true));
            }
        }
        let default = || self.builder(CryptoProvider::default());
        of(default());
        of(default().key_shares([]));
        of(default().request_ocsp(true).request_certificate_timestamps(true));
        of(default().record_size_limit(Some(600)).post_handshake_authentication(true));
        of(default().middlebox_compatibility(false).send_server_name(false));
        let client = &self.files.client;
        of(default().client_certificate(client.chain.clone(), &client.key).unwrap());
        of(self.builder_for(CryptoProvider::default(), client.anchors()));
    }

    fn start(&self, command: &str, ready: &str) -> Process {
        let words = self.files.words(command, 0);
        let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let process = Process::start(&words[0], &arguments);
        process.wait_for(ready);
        process
    }
}

/// Each server takes connections in many ways.
pub fn accept(recordings: &Recordings) {
    let ours = Ours { recordings, files: Files::new(Identity::p256()) };
    openssl(&ours);
    gnutls(&ours);
    go_server(&ours);
}

fn openssl(ours: &Ours<'_>) {
    let first = "openssl s_server -accept 127.0.0.1:0 -cert {chain} -key {key} -www";
    let start = |more: &str| {
        let process = ours.start(&format!("{first} {more}"), "ACCEPT 127.0.0.1:");
        let output = process.wait_for("ACCEPT 127.0.0.1:");
        let port = output.split("ACCEPT 127.0.0.1:").nth(1).unwrap().lines().next().unwrap();
        (process, SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())))
    };
    let (_process, server) = start("-alpn http/1.1 -num_tickets 3");
    ours.connect_in_many_ways("openssl", server);
    let default = || ours.builder(CryptoProvider::default());
    for suite in SUITES {
        let (_process, server) = start(&format!("-ciphersuites {suite} -groups P-384:X25519"));
        ours.connect("openssl", default(), server);
        ours.connect("openssl", default().key_shares([G::SECP256R1]), server);
    }
    let (_process, server) = start("-Verify 1 -CAfile {client-anchor}");
    let client = &ours.files.client;
    ours.connect("openssl", default(), server);
    let shown = default().client_certificate(client.chain.clone(), &client.key).unwrap();
    ours.connect("openssl", shown, server);
    for more in ["-tls1_2", "-ciphersuites TLS_AES_128_CCM_SHA256", "-groups P-521"] {
        let (_process, server) = start(more);
        ours.connect("openssl", default(), server);
    }
}

fn gnutls(ours: &Ours<'_>) {
    let first = "gnutls-serv --http --x509certfile {chain} --x509keyfile {key}";
    let start = |priority: &str, more: &str| {
        let port = free_tcp_port();
        let command = format!("{first} -p {port} --priority {GNUTLS}{priority} {more}");
        let process = ours.start(&command, &format!("port {port}...done"));
        (process, SocketAddr::from(([127, 0, 0, 1], port)))
    };
    let (_process, server) = start("", "--alpn http/1.1");
    ours.connect_in_many_ways("GnuTLS", server);
    let default = || ours.builder(CryptoProvider::default());
    for cipher in CIPHERS {
        let (_process, server) = start(&format!(":-CIPHER-ALL:+{cipher}"), "");
        ours.connect("GnuTLS", default().key_shares([]), server);
    }
    let (_process, server) = start("", "--require-client-cert --x509cafile {client-anchor}");
    let client = &ours.files.client;
    let shown = default().client_certificate(client.chain.clone(), &client.key).unwrap();
    ours.connect("GnuTLS", shown, server);
    ours.connect("GnuTLS", default(), server);
}

/// The program takes one connection.
fn go_server(ours: &Ours<'_>) {
    let program = go_program(&ours.files.folder);
    let start = |groups: &[G], more: &str| {
        let numbers: Vec<String> = groups.iter().map(|group| group.0.to_string()).collect();
        let first = format!("{program} server --chain {{chain}} --key {{key}}");
        let command = format!("{first} --groups {} {more}", numbers.join(","));
        let process = ours.start(&command, "port ");
        let output = process.wait_for("port ");
        let port = output.trim().trim_start_matches("port ").parse().unwrap();
        (process, SocketAddr::from(([127, 0, 0, 1], port)))
    };
    for group in ALL {
        let (_process, server) = start(&[group], "");
        ours.connect("Go", ours.builder(provider(&[group])), server);
        let (_process, server) = start(&[group], "");
        ours.connect("Go", ours.builder(CryptoProvider::default()).key_shares([]), server);
    }
    let client = &ours.files.client;
    for is_shown in [true, false] {
        let (_process, server) = start(&ALL, "--authority {client-anchor}");
        let mut builder = ours.builder(CryptoProvider::default());
        if is_shown {
            builder = builder.client_certificate(client.chain.clone(), &client.key).unwrap();
        }
        ours.connect("Go", builder, server);
    }
}
