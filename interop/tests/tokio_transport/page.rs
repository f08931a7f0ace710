//! The page of a handshake, in browsers.

use std::path::PathBuf;
use std::sync::Arc;

use handclasp::connection::Options;
use handclasp::crypto::CryptoProvider;
use handclasp::transport::memory;
use handclasp::{ClientConfig, ClientConnection, ServerConnection};
use handclasp_explain::{self as explain, Account, Connection, Recorder, Side, page};
use handclasp_testing::process::{self, Folder};
use handclasp_testing::sessions::{Pair, time};
use handclasp_testing::{Identity, server_name};
use serde_json::{Value, json};

use super::browser::{self, Browser};
use super::firefox::{self, Firefox};

const ENTER: &str = "\u{e007}";
const TAB: &str = "\u{e004}";
const DOWN: &str = "\u{e015}";
const RIGHT: &str = "\u{e014}";
const END: &str = "\u{e010}";

/// A handshake as the client saw it. `trusts`: whether the client trusts the certificate of the server.
fn connection(trusts: bool) -> Connection {
    let pair = Pair::new();
    let builder = match trusts {
        true => pair.client_builder().application_protocols(["h2", "http/1.1"]),
        false => {
            let builder = ClientConfig::builder(CryptoProvider::default());
            builder.trust(Identity::p256().anchors()).unwrap()
        }
    };
    let mut wanted = explain::Options::new(CryptoProvider::default());
    wanted.secrets = true;
    let recorder = Recorder::new(Side::Client, wanted);
    let mut options = Options::new(time(0));
    options.observer = Some(Box::new(recorder.clone()));
    let config = Arc::new(builder.build().unwrap());
    let mut client = ClientConnection::with_options(config, server_name(), options);
    let server = pair.server_builder().application_protocols(["http/1.1"]);
    let config = pair.finish(server);
    let mut server = ServerConnection::with_options(config, Options::new(time(0)));
    assert_eq!(memory::exchange(&mut client, &mut server).is_ok(), trusts);
    if trusts {
        client.write(b"a question").unwrap();
        memory::exchange(&mut client, &mut server).unwrap();
    }
    recorder.connection()
}

/// A file with the page of a connection.
struct PageFile {
    folder: Folder,
}

impl PageFile {
    fn of(connection: Connection) -> Self {
        let account = Account::new(vec![connection]);
        let options = page::Options::new(CryptoProvider::default());
        let folder = Folder::new();
        folder.file("page.html", page::html(&account, &options).unwrap());
        Self { folder }
    }

    fn url(&self) -> String {
        let path = std::path::absolute(self.folder.path("page.html")).unwrap();
        format!("file://{}", path.display())
    }
}

/// axe-core, the checker of accessibility, if npm has installed it: `.ci/run` does.
pub fn axe() -> Option<String> {
    let path = match std::env::var_os("HANDCLASP_AXE") {
        Some(path) => PathBuf::from(path),
        None => process::target_folder().join("peers/axe-core/node_modules/axe-core/axe.min.js"),
    };
    match std::fs::read_to_string(&path) {
        Ok(script) => Some(script),
        Err(error) => {
            let required = std::env::var("HANDCLASP_REQUIRE_PEERS").is_ok_and(|value| value == "1");
            assert!(!required, "axe-core: {}: {error}", path.display());
            eprintln!("skipped: axe-core is not at {}: {error}", path.display());
            None
        }
    }
}

/// Opens the one message with few bytes: a checker takes long for thousands of them.
const OPEN_SMALL: &str = "
    document.querySelectorAll('details').forEach(it => { it.open = it.dataset.message === '2'; })";

/// Runs axe in the page; the rules that the page breaks.
pub fn audit(axe: &str) -> String {
    format!(
        "{axe};
        return axe.run(document, {{ resultTypes: ['violations'] }}).then(result =>
            result.violations.map(it => [it.id, it.help, ...it.nodes.map(node =>
                node.html.slice(0, 200) + ' ' + node.failureSummary)]));"
    )
}

/// Opens the ClientHello, points at fields and bytes, and says what is lit.
const POINT: &str = "
    const details = document.querySelector('details[data-message]');
    details.open = true;
    return new Promise(done => {
        const point = () => {
            if (details.querySelectorAll('.byte').length < 8) return setTimeout(point, 50);
            const lit = () => [...details.querySelectorAll('.byte.lit')].map(it => it.textContent).join('');
            const fields = [...details.querySelectorAll('.field')];
            const named = name => fields.find(it => it.querySelector('.field-name').textContent === name);
            const over = it => it.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
            over(named('random'));
            const random = lit();
            over(details.querySelectorAll('.byte')[0]);
            const first = [lit(), details.querySelector('.field.lit .field-name').textContent];
            details.querySelectorAll('.byte')[7].click();
            const focused = document.activeElement.textContent.split(' ')[0];
            const note = details.querySelector('.reading').textContent;
            const drawn = details.querySelectorAll('.byte').length;
            done({ random, first, focused, note, drawn });
        };
        point();
    });";

fn check_pointing(connection: &Connection, seen: &Value) {
    let hello = &connection.messages[0];
    assert_eq!(seen["random"], json!(hex(&hello.bytes.0[6..38])));
    assert_eq!(seen["first"], json!(["01", "msg_type"]));
    assert_eq!(seen["focused"], "random");
    assert!(seen["note"].as_str().unwrap().contains("(bytes 6 to 37)"), "{seen}");
    assert_eq!(seen["drawn"], json!(hello.length));
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// What has the focus, and the bytes that are lit.
const FOCUS: &str = "
    const active = document.activeElement;
    const details = active.closest('details');
    return [active.className, active.textContent.trim(), details?.open ?? null,
        document.querySelectorAll('.byte.lit').length]";

/// Puts the focus on the summary of the first message.
const FOCUS_FIRST: &str = "
    document.querySelector('summary').focus()";

/// Waits until the fields of the first message are drawn, which is some time after it was opened.
const DRAWN: &str = "
    return new Promise(done => {
        const look = () => {
            if (!document.querySelector('details[data-message] .field')) return setTimeout(look, 50);
            done(true);
        };
        look();
    })";

/// A walk with the keyboard: each key, and what then has the focus.
fn walk() -> Vec<(&'static str, &'static str)> {
    vec![
        (ENTER, ""),
        (TAB, "msg_type"),
        (DOWN, "length"),
        (DOWN, "legacy_version"),
        (DOWN, "random"),
        // On to its bytes, along them, and back to the field of the last one.
        (ENTER, ""),
        (RIGHT, ""),
        (END, ""),
        (ENTER, "random"),
    ]
}

/// The walk through the key schedule: what each step shows.
const STEPS: &str = "
    const section = document.querySelector('.keys');
    const position = () => section.querySelector('.position').textContent;
    const shown = () => [...section.querySelectorAll('.steps li')].filter(it =>
        getComputedStyle(it).display !== 'none').map(it => it.querySelector('h3').textContent);
    const seen = [[position(), shown()]];
    section.querySelector('[data-walk=\"1\"]').click();
    seen.push([position(), shown()]);
    section.querySelector('[data-walk=\"-1\"]').click();
    const box = [...section.querySelectorAll('.node')].find(it =>
        it.textContent.startsWith('server_handshake_traffic_secret'));
    box.click();
    seen.push([position(), shown(), box.getAttribute('aria-current'),
        section.querySelectorAll('.node.ancestor').length,
        section.querySelector('li.current .value').textContent.length]);
    return seen";

fn check_steps(connection: &Connection, seen: &Value) {
    let count = connection.key_schedule.len();
    assert_eq!(seen[0], json!([format!("Step 1 of {count}"), ["Early Secret"]]));
    assert!(seen[1][0].as_str().unwrap().starts_with("Step 2 of "), "{seen}");
    assert_eq!(seen[2][1], json!(["server_handshake_traffic_secret"]));
    // The handshake secret, the derived one and the early secret.
    assert_eq!((&seen[2][2], &seen[2][3]), (&json!("step"), &json!(3)));
    let secret = connection.key_schedule.iter().find(|node| node.label == "s hs traffic").unwrap();
    let length = 2 * secret.value.as_ref().unwrap().0.len();
    assert_eq!(seen[2][4], json!(length), "the secret is shown, as it was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_fields_answer_to_each_other_in_chromium() {
    if !browser::is_here() {
        return;
    }
    let connection = connection(true);
    let page = PageFile::of(connection.clone());
    let browser = Browser::start(&[]).await;
    browser.go(&page.url()).await;
    check_pointing(&connection, &browser.run(POINT).await);
    check_steps(&connection, &browser.run(STEPS).await);
    browser.reload().await;
    browser.run(FOCUS_FIRST).await;
    for (key, expected) in walk() {
        browser.press(key).await;
        browser.run(DRAWN).await;
        let focus = browser.run(FOCUS).await;
        assert!(focus[1].as_str().unwrap().starts_with(expected), "{key:?} {expected}: {focus}");
        assert_eq!(focus[2], json!(true), "{key:?}: {focus}");
    }
    let link = "document.querySelector('.choices a').click();
        return new Promise(done => {
            const look = () => {
                if (!document.querySelector('#c1-m1 details').open) return setTimeout(look, 50);
                done(true);
            };
            look();
        })";
    assert_eq!(browser.run(link).await, json!(true), "a link to a message opens it");
    assert_eq!(browser.console().await, Vec::<Value>::new());
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_fields_answer_to_each_other_in_firefox() {
    if !firefox::is_here() {
        return;
    }
    let connection = connection(true);
    let page = PageFile::of(connection.clone());
    let mut firefox = Firefox::start_empty().await;
    firefox.go(&page.url()).await;
    check_pointing(&connection, &firefox.run(POINT).await);
    check_steps(&connection, &firefox.run(STEPS).await);
    firefox.reload().await;
    firefox.run(FOCUS_FIRST).await;
    for (key, expected) in walk() {
        firefox.press(key).await;
        firefox.run(DRAWN).await;
        let focus = firefox.run(FOCUS).await;
        assert!(focus[1].as_str().unwrap().starts_with(expected), "{key:?} {expected}: {focus}");
        assert_eq!(focus[2], json!(true), "{key:?}: {focus}");
    }
    if let Some(axe) = axe() {
        firefox.run(OPEN_SMALL).await;
        assert_eq!(firefox.run(&audit(&axe)).await, json!([]));
    }
    assert_eq!(firefox.console("file:").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_accessible_in_light_and_dark_and_fits_a_phone() {
    if !browser::is_here() {
        return;
    }
    let axe = axe();
    let browser = Browser::start(&[]).await;
    for (name, connection) in [("complete", connection(true)), ("failed", connection(false))] {
        let page = PageFile::of(connection);
        browser.go(&page.url()).await;
        browser.run(OPEN_SMALL).await;
        for (scheme, background) in [("light", "rgb(252, 251, 248)"), ("dark", "rgb(22, 24, 28)")] {
            let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
            browser.command("Emulation.setEmulatedMedia", json!({ "features": features })).await;
            for (width, height) in [(1280, 900), (360, 740)] {
                let size = json!({
                    "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
                });
                browser.command("Emulation.setDeviceMetricsOverride", size).await;
                let script = "const root = document.documentElement;
                    return [root.scrollWidth <= root.clientWidth,
                        getComputedStyle(document.body).backgroundColor]";
                let fits = browser.run(script).await;
                assert_eq!(fits, json!([true, background]), "{name}, {scheme}, {width}");
                if let Some(axe) = &axe {
                    let broken = browser.run(&audit(axe)).await;
                    assert_eq!(broken, json!([]), "{name}, {scheme}, {width}: {broken:#}");
                }
            }
        }
    }
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_messages_are_drawn_when_they_are_opened() {
    if !browser::is_here() {
        return;
    }
    let mut connection = connection(true);
    let ticket = connection.messages.last().unwrap().clone();
    connection.messages.resize(200, ticket);
    let page = PageFile::of(connection);
    let browser = Browser::start(&[]).await;
    browser.go(&page.url()).await;
    let drawn = "return [document.querySelectorAll('details').length,
        document.querySelectorAll('.byte').length]";
    assert_eq!(browser.run(drawn).await, json!([200, 0]));
    let time = "const { loadEventEnd, startTime } = performance.getEntriesByType('navigation')[0];
        return loadEventEnd - startTime";
    println!("200 messages: {} ms until the page is loaded", browser.run(time).await);
    let print = "dispatchEvent(new Event('beforeprint'));
        const open = document.querySelectorAll('details[open]').length;
        const empty = document.querySelectorAll('.anatomy:empty').length;
        dispatchEvent(new Event('afterprint'));
        return [open, empty, document.querySelectorAll('details[open]').length]";
    assert_eq!(browser.run(print).await, json!([200, 0, 0]), "all is open on paper");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_peer_runs() {
    if !browser::is_here() {
        return;
    }
    let mut connection = connection(true);
    let hostile =
        "</script><script>window.ran = true</script><img src=x onerror='window.ran = true'>";
    connection.server = Some(hostile.to_owned());
    for certificate in connection.certificates.iter_mut().flat_map(|list| &mut list.certificates) {
        certificate.subject = Some(format!("CN={hostile}"));
    }
    let page = PageFile::of(connection);
    let browser = Browser::start(&[]).await;
    browser.go(&page.url()).await;
    let seen = browser.run("return [window.ran ?? null, document.querySelectorAll('img').length]");
    assert_eq!(seen.await, json!([null, 0]));
    let text = browser.text().await;
    assert!(text.contains(hostile), "it is shown as text:\n{text}");
    assert_eq!(browser.console().await, Vec::<Value>::new());
    // Even markup that gets in does not run.
    let inject = "const made = document.createElement('script');
        try { made.textContent = 'window.ran = true'; document.body.append(made); } catch {}
        return window.ran ?? null";
    assert_eq!(browser.run(inject).await, Value::Null);
    browser.quit().await;
}
