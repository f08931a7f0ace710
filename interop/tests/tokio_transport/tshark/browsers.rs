//! Browsers at our server.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;

use data_encoding::BASE64;
use handclasp::ServerConfig;
use handclasp::config::ServerConfigBuilder;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::registry::NamedGroup as G;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp_testing::der::pem_text;
use handclasp_testing::process::Folder;
use handclasp_testing::sessions::ticket_keys;
use handclasp_testing::{Identity, narrow_provider};
use rcgen::PublicKeyData;

use super::clients::{ALL, provider};
use super::recording::Recordings;
use crate::browser::{self, Browser};
use crate::firefox::{self, Firefox};

pub fn are_here() -> bool {
    browser::is_here() && firefox::is_here()
}

/// Both browsers open pages of each server.
pub async fn visit(recordings: &Arc<Recordings>) {
    let identity = Identity::p256();
    let (ports, firefox_ports) = {
        let start = |peer| servers(recordings, &identity, peer);
        (start("Chromium"), start("Firefox"))
    };
    let key = rcgen::KeyPair::try_from(&identity.key).unwrap();
    let hash = CryptoProvider::default().sha256.digest(&key.subject_public_key_info());
    let trust = format!("--ignore-certificate-errors-spki-list={}", BASE64.encode(&hash));
    let chromium = Browser::start(&[&trust]).await;
    for port in ports {
        chromium.go(&format!("https://localhost:{port}/")).await;
        chromium.go(&format!("https://localhost:{port}/again")).await;
    }
    chromium.quit().await;
    let folder = Folder::new();
    let anchor = folder.file("anchor.pem", pem_text("CERTIFICATE", &identity.anchor));
    let mut firefox = Firefox::start(&anchor).await;
    for port in firefox_ports {
        firefox.go(&format!("https://localhost:{port}/")).await;
    }
}

/// The ports of servers with different configurations.
fn servers(recordings: &Arc<Recordings>, identity: &Identity, peer: &'static str) -> Vec<u16> {
    let builder = |provider: CryptoProvider| {
        ServerConfig::builder(provider)
            .key_log(recordings.keys.key_log())
            .application_protocols(["http/1.1"])
            .sessions(ticket_keys())
    };
    let signatures = CryptoProvider::default().signatures;
    let verifier = TrustAnchorVerifier::for_clients(identity.anchors(), signatures);
    let optional = ClientAuthentication::optional(Arc::new(verifier));
    let mut builders: Vec<ServerConfigBuilder> =
        (0..3).map(|suite| builder(narrow_provider(suite, suite))).collect();
    builders.push(builder(provider(&ALL)));
    builders.push(builder(provider(&[G::SECP384R1])));
    builders.push(builder(CryptoProvider::default()).always_retry(true));
    builders.push(builder(CryptoProvider::default()).client_authentication(optional));
    builders.push(builder(CryptoProvider::default()).record_size_limit(Some(512)).tickets(1));
    let mut ports = Vec::new();
    for builder in builders {
        let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
        let config = Arc::new(builder.build(Arc::new(list)).unwrap());
        ports.push(serve(recordings, peer, config));
    }
    ports
}

/// Serves until the process ends: a browser opens as many connections as it likes.
fn serve(recordings: &Arc<Recordings>, peer: &'static str, config: Arc<ServerConfig>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let recordings = recordings.clone();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (recordings, config) = (recordings.clone(), config.clone());
            thread::spawn(move || recordings.serve(peer, &config, socket.unwrap()));
        }
    });
    port
}
