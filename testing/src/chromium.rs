//! How Chromium is started in tests.

use std::net::SocketAddr;

use data_encoding::BASE64;
use handclasp::crypto::CryptoProvider;
use rcgen::PublicKeyData;

use crate::Identity;

/// Every start has these: without a window, nothing but the page is asked for, and root may do it.
pub const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// For a server of HTTP/3 with this name and identity, which is at this address of this machine. A page can close
/// all connections, with `chrome.benchmarking.closeConnections()`.
pub fn http3_flags(name: &str, identity: &Identity, server: SocketAddr) -> Vec<String> {
    let key = rcgen::KeyPair::try_from(&identity.key).unwrap();
    let hash = CryptoProvider::default().sha256.digest(&key.subject_public_key_info());
    vec![
        format!("--ignore-certificate-errors-spki-list={}", BASE64.encode(&hash)),
        format!("--origin-to-force-quic-on={name}:{}", server.port()),
        format!("--host-resolver-rules=MAP {name} {}", server.ip()),
        "--enable-benchmarking".into(),
        "--enable-net-benchmarking".into(),
    ]
}
