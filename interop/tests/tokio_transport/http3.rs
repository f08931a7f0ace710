//! The examples with HTTP/3 of `integrations/quinn`: Chromium as their client, and a key in another process.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use handclasp_testing::examples::{self, Files, port};
use handclasp_testing::process::{PATIENCE, Process};
use handclasp_testing::{Identity, chromium, slow_path};
use serde_json::json;
use tokio::time::sleep;

use super::browser::{self, Browser};

const ANY_PORT: &str = "127.0.0.1:0";
const MEBIBYTES: usize = 10 << 20;

fn start(name: &str, arguments: &[&str]) -> Process {
    Process::start(&examples::build("integrations/quinn", name), arguments)
}

/// Chromium, which takes HTTP/3 for localhost at this address, and this certificate.
async fn start_browser(identity: &Identity, server: SocketAddr) -> Browser {
    let flags = chromium::http3_flags("localhost", identity, server);
    Browser::start(&flags.iter().map(String::as_str).collect::<Vec<_>>()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_sends_and_receives_ten_mebibytes_over_http_3() {
    if !browser::is_here() {
        return;
    }
    let identity = Identity::p256();
    let files = Files::new(&identity);
    let server = start("http3_server", &[ANY_PORT, &files.chain, &files.key]);
    let address = ([127, 0, 0, 1], port(&server)).into();
    let browser = start_browser(&identity, address).await;
    browser.go(&format!("https://localhost:{}/page", address.port())).await;
    assert_eq!(browser.text().await, "/page over HTTP/3.0\n");
    server.wait_for("full handshake, TLS_AES_128_GCM_SHA256, X25519MLKEM768");
    let script = format!(
        "return (async () => {{
            const down = await (await fetch('/{MEBIBYTES}')).arrayBuffer();
            const up = await (await fetch('/', {{ method: 'POST', body: down }})).text();
            const kinds = ['navigation', 'resource'];
            const entries = kinds.flatMap(kind => performance.getEntriesByType(kind));
            return [down.byteLength, up, [...new Set(entries.map(entry => entry.nextHopProtocol))]];
        }})()"
    );
    let expected = json!([MEBIBYTES, format!("{MEBIBYTES} bytes received\n"), ["h3"]]);
    assert_eq!(browser.run(&script).await, expected);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_asks_in_0_rtt_data_when_it_comes_back() {
    if !browser::is_here() {
        return;
    }
    let identity = Identity::p256();
    let files = Files::new(&identity);
    let server = start("http3_early_data", &["serve", ANY_PORT, &files.chain, &files.key]);
    let address = ([127, 0, 0, 1], port(&server)).into();
    // It refuses 0-RTT data under tickets of the second in which it began.
    sleep(Duration::from_millis(1_100)).await;
    let path = slow_path::start(address, Duration::from_millis(300));
    let browser = start_browser(&identity, path).await;
    let url = format!("https://localhost:{}/page", path.port());
    browser.go(&url).await;
    assert_eq!(browser.text().await, "GET came after the handshake\n");
    // They are closed a little later.
    let deadline = Instant::now() + PATIENCE;
    while browser.text().await != "GET came in 0-RTT data\n" {
        assert!(Instant::now() < deadline, "{}", server.wait_for(""));
        browser.run("chrome.benchmarking.closeConnections()").await;
        browser.go(&url).await;
    }
    server.wait_for("GET /page in 0-RTT data");
    let protocol = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.run(protocol).await, "h3");
    browser.quit().await;
}

/// The path of a socket must be short.
fn socket_path(name: &str) -> String {
    let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
    path.into_os_string().into_string().unwrap()
}

#[test]
fn a_key_in_another_process_signs_for_a_server_of_quic() {
    let files = Files::new(&Identity::p256());
    let socket = socket_path("h3-keyless");
    let signer = examples::start("keyless", &["sign", &socket, &files.key]);
    signer.wait_for("signing on");
    let server = start("http3_keyless", &[&socket, ANY_PORT, &files.chain]);
    let url = format!("https://127.0.0.1:{}/", port(&server));
    let fetch = || start("http3_client", &[&url, &files.anchor]);
    let mut client = fetch();
    assert!(client.wait_for_end().success(), "{}", client.wait_for(""));
    assert_eq!(client.wait_for("keyless"), "HTTP/3.0 200 OK\nkeyless\n");
    signer.wait_for("bytes signed with ecdsa_secp256r1_sha256");

    drop(signer);
    std::fs::remove_file(&socket).unwrap();
    let mut client = fetch();
    assert!(!client.wait_for_end().success());
    client.wait_for("error 80");
    server.wait_for("the signer cannot be asked");

    // One that does not answer ends the handshake as well, and no other that comes later.
    let silent = UnixListener::bind(&socket).unwrap();
    let mut client = fetch();
    let (mut asker, _) = silent.accept().unwrap();
    // The scheme of the key.
    asker.write_all(&[0, 2, 4, 3]).unwrap();
    assert!(!client.wait_for_end().success());
    drop((asker, silent));
    std::fs::remove_file(&socket).unwrap();
    let signer = examples::start("keyless", &["sign", &socket, &files.key]);
    signer.wait_for("signing on");
    let mut client = fetch();
    assert!(client.wait_for_end().success(), "{}", client.wait_for(""));
    std::fs::remove_file(&socket).unwrap();
}
