//! The page that explains captures, in browsers.

use std::path::Path;
use std::process::Command;

use data_encoding::BASE64;
use handclasp::registry::CipherSuiteId;
use handclasp_testing::captured::Captured;
use handclasp_testing::process::{Folder, target_folder};
use serde_json::{Value, json};

use super::browser::{self, Browser};
use super::firefox::{self, Firefox};
use super::page::{audit, axe};

/// What the page may have.
const MOST_BYTES: usize = 600_000;

/// Writes the page into this folder; its address. `None` where the target for WebAssembly is not
/// installed: `.ci/run` installs it.
fn page(folder: &Folder) -> Option<String> {
    let mut library = Command::new("rustc");
    library.args(["--print", "target-libdir", "--target", "wasm32-wasip1"]);
    let library = String::from_utf8(library.output().unwrap().stdout).unwrap();
    if !Path::new(library.trim()).exists() {
        let required = std::env::var("HANDCLASP_REQUIRE_PEERS").is_ok_and(|value| value == "1");
        assert!(!required, "rustup target add wasm32-wasip1");
        eprintln!("skipped: there is no target wasm32-wasip1");
        return None;
    }
    let file = std::path::absolute(folder.path("page.html")).unwrap();
    let length = handclasp_explain_browser::write_page(&file).unwrap();
    assert!(length < MOST_BYTES, "{length}");
    Some(format!("file://{}", file.display()))
}

/// Drops these files on the page.
fn drop_files(files: &[(&str, &[u8])]) -> String {
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name, BASE64.encode(bytes))).collect();
    format!(
        "const data = new DataTransfer();
        for (const [name, letters] of {}) {{
            const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
            data.items.add(new File([bytes], name));
        }}
        document.body.dispatchEvent(new DragEvent('drop', {{ dataTransfer: data, bubbles: true }}))",
        json!(files)
    )
}

/// Clicks without a wait for the page to scroll there.
async fn click(browser: &Browser, selector: &str) {
    browser.run(&format!("document.querySelector({}).click()", json!(selector))).await;
}

/// Opens the Certificate, which is encrypted on the wire, and points at its first field and a byte.
const POINT: &str = "
    const details = [...document.querySelectorAll('details[data-message]')].find(it =>
        it.querySelector('.name').textContent === 'Certificate');
    details.open = true;
    return new Promise(done => {
        const point = () => {
            if (details.querySelectorAll('.byte').length < 2) return setTimeout(point, 50);
            const lit = () => [...details.querySelectorAll('.byte.lit')].map(it => it.textContent).join('');
            const over = it => it.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
            over(details.querySelector('.field'));
            const first = lit();
            over(details.querySelectorAll('.byte')[1]);
            done([first, lit().length, details.querySelector('.field.lit .field-name').textContent]);
        };
        point();
    });";

/// What was loaded that is no part of the page.
const LOADED: &str =
    "return performance.getEntriesByType('resource').map(it => it.name).filter(it =>
    !it.startsWith('blob:'))";

#[tokio::test(flavor = "multi_thread")]
async fn dropped_files_are_explained_without_a_network() {
    if !browser::is_here() {
        return;
    }
    let folder = Folder::new();
    let Some(url) = page(&folder) else { return };
    let captured = Captured::new(CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256);
    let browser = Browser::start(&[]).await;
    browser.go(&url).await;

    // Files of other kinds, and one after the other.
    browser.run(&drop_files(&[("holiday.jpg", b"\xff\xd8\xff\xe0")])).await;
    browser.wait_for("holiday.jpg: neither a capture").await;
    browser.run(&drop_files(&[("three.pcap", &captured.pcap)])).await;
    browser.wait_for("3 connections. There is no key log").await;
    browser.wait_for("The keys to look into the handshake are missing").await;
    browser.run(&drop_files(&[("keys.log", &captured.key_log)])).await;
    browser.wait_for("The handshake is complete.").await;
    browser.wait_for("Resumed with a ticket of connection 1").await;
    let text = browser.wait_for("The handshake failed: the client sent the alert unknown_ca").await;
    assert!(!text.contains("no key log"), "{text}");

    click(&browser, "#rows li:nth-child(1) a").await;
    for words in
        ["The messages", "CertificateVerify", "TLS_CHACHA20_POLY1305_SHA256", "handshake keys"]
    {
        browser.wait_for(words).await;
    }
    assert_eq!(browser.run(POINT).await, json!(["0b", 6, "length"]));
    click(&browser, "#to-list").await;
    browser.wait_for("Only those that failed").await;
    // What was said of the capture is said again.
    browser.wait_for("3 connections.").await;
    click(&browser, "#only-failed").await;
    let rows = "return document.querySelectorAll('#rows li').length";
    assert_eq!(browser.run(rows).await, json!(1));
    click(&browser, "#rows a").await;
    browser.wait_for("Why it ended").await;
    // Back in the history is the list, and then the connection before.
    browser.run("history.back()").await;
    browser.wait_for("Only those that failed").await;
    browser.run("history.back()").await;
    browser.wait_for("CertificateVerify").await;

    assert_eq!(browser.run(LOADED).await, json!([]));
    assert_eq!(browser.console().await, Vec::<Value>::new());
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_explains_dropped_files_too() {
    if !firefox::is_here() {
        return;
    }
    let folder = Folder::new();
    let Some(url) = page(&folder) else { return };
    let captured = Captured::new(CipherSuiteId::TLS_AES_256_GCM_SHA384);
    let mut firefox = Firefox::start_empty().await;
    firefox.go(&url).await;
    let files: [(&str, &[u8]); 2] = [("a.pcap", &captured.pcap), ("b.log", &captured.key_log)];
    firefox.run(&drop_files(&files)).await;
    firefox.wait_for("3 connections.").await;
    firefox.run("document.querySelector('#rows a').click()").await;
    firefox.wait_for("CertificateVerify").await;
    assert_eq!(firefox.run(POINT).await, json!(["0b", 6, "length"]));
    assert_eq!(firefox.console("file:").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_for_captures_is_accessible_and_fits_a_phone() {
    if !browser::is_here() {
        return;
    }
    let folder = Folder::new();
    let Some(url) = page(&folder) else { return };
    let captured = Captured::new(CipherSuiteId::TLS_AES_128_GCM_SHA256);
    let axe = axe();
    let browser = Browser::start(&[]).await;
    for scheme in ["light", "dark"] {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        browser.command("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        for (width, height) in [(1280, 900), (390, 844)] {
            let size = json!({
                "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
            });
            browser.command("Emulation.setDeviceMetricsOverride", size).await;
            browser.go("about:blank").await;
            browser.go(&url).await;
            for state in ["empty", "list", "connection"] {
                match state {
                    "list" => {
                        let files: [(&str, &[u8]); 2] =
                            [("a.pcap", &captured.pcap), ("b.log", &captured.key_log)];
                        browser.run(&drop_files(&files)).await;
                        browser.wait_for("3 connections.").await;
                    }
                    "connection" => {
                        click(&browser, "#rows li:nth-child(3) a").await;
                        browser.wait_for("Why it ended").await;
                    }
                    _ => {}
                }
                let name = format!("capture_page-{state}-{scheme}-{width}.png");
                let path = target_folder().join("tmp").join(name);
                std::fs::write(path, browser.screenshot().await).unwrap();
                let fits = "const root = document.documentElement;
                    return root.scrollWidth <= root.clientWidth";
                assert_eq!(browser.run(fits).await, json!(true), "{state}, {scheme}, {width}");
                if let Some(axe) = &axe {
                    let broken = browser.run(&audit(axe)).await;
                    assert_eq!(broken, json!([]), "{state}, {scheme}, {width}: {broken:#}");
                }
            }
        }
    }
    browser.quit().await;
}
