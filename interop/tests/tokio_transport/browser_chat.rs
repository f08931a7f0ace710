//! The chat, in browsers, and with a hundred clients at once.

use handclasp_testing::examples;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::browser::{self, Browser};
use super::firefox::{self, Firefox};
use futures_util::{SinkExt, StreamExt};
use handclasp::pki_types::ServerName;
use handclasp::transport::tokio::{Connector, TlsStream};
use handclasp::{ClientConfig, ClientConnection, TrustAnchors};
use handclasp_testing::chromium::FLAGS;
use handclasp_testing::process::{self, Folder, PATIENCE, Process};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

const ENTER: &str = "\u{e007}";
/// Chromium does not send 0-RTT data unless an option asks for it.
const EARLY_DATA: &str = "--enable-features=EnableTLS13EarlyData";

/// The example under way.
struct Chat {
    server: Process,
    port: u16,
    /// The file with the authority to import.
    authority: String,
    _folder: Folder,
    anchors: TrustAnchors,
    /// Makes Chromium trust it.
    flag: String,
}

impl Chat {
    fn start() -> Self {
        let folder = Folder::new();
        let authority = folder.path("authority.pem");
        let server = examples::start("wss_chat", &["127.0.0.1:0", &authority]);
        let port = examples::port(&server);
        let output = server.wait_for("");
        let hash = output.lines().find_map(|line| line.strip_prefix("SPKI hash ")).unwrap();
        let anchors = TrustAnchors::from_pem(&std::fs::read(&authority).unwrap()).unwrap();
        let flag = format!("--ignore-certificate-errors-spki-list={hash}");
        Self { server, port, authority, _folder: folder, anchors, flag }
    }

    fn url(&self, room: &str) -> String {
        format!("https://localhost:{}/#{room}", self.port)
    }

    /// How many lines of the server's output have all these words.
    fn lines(&self, words: &[&str]) -> usize {
        let output = self.server.wait_for("");
        output.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// Takes part, under this name and in this room.
    async fn client(&self, connector: &Connector, room: &str, name: &str) -> Client {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let server = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(server, socket).await.unwrap();
        let url = format!("wss://localhost:{}/chat", self.port);
        let (mut client, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        say(&mut client, json!({ "room": room, "name": name })).await;
        hear(&mut client, |event| event["kind"] == "welcome").await;
        client
    }

    fn connector(&self) -> Connector {
        Connector::new(Arc::new(ClientConfig::new(self.anchors.clone()).unwrap()))
    }
}

type Client = WebSocketStream<TlsStream<ClientConnection, TcpStream>>;

async fn say(client: &mut Client, value: Value) {
    client.send(Message::text(value.to_string())).await.unwrap();
}

/// Waits for the first event like this.
async fn hear(client: &mut Client, mut wanted: impl FnMut(&Value) -> bool) -> Value {
    let search = async {
        loop {
            if let Message::Text(text) = client.next().await.unwrap().unwrap() {
                let event = serde_json::from_str(&text).unwrap();
                if wanted(&event) {
                    return event;
                }
            }
        }
    };
    timeout(PATIENCE, search).await.expect("the event comes in time")
}

/// The values that the page shows of a connection, as "term: value".
async fn facts(browser: &Browser) -> BTreeSet<String> {
    let script = "return [...document.querySelectorAll('[data-fact]')].map(row =>
        row.dataset.fact + ': ' + row.querySelector('dd').textContent)";
    let facts = browser.run(script).await;
    facts.as_array().unwrap().iter().map(|fact| fact.as_str().unwrap().to_owned()).collect()
}

/// Opens the first message of the handshake; what is then shown.
const OPEN_FIRST_MESSAGE: &str = "
    document.querySelector('#ladder a').click();
    return new Promise(done => {
        const look = () => {
            const inside = document.querySelector('#explained iframe').contentDocument;
            const name = inside?.querySelector('details[open] .name');
            if (!name || !inside.querySelector('.byte')) return setTimeout(look, 50);
            const open = document.querySelector('#explained').open;
            done([open, name.textContent, inside.querySelector('h1').textContent]);
        };
        look();
    })";

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_chat_in_two_rooms_and_a_reload_resumes() {
    if !browser::is_here() {
        return;
    }
    let chat = Chat::start();
    let browser = Browser::start(&[&chat.flag]).await;
    browser.go(&chat.url("lobby")).await;
    let first = browser.tab().await;
    browser.wait_for("connected").await;
    let full = ["tls  full", "  X25519MLKEM768  h2  "];
    assert!(chat.lines(&full) >= 1, "{}", chat.server.wait_for(""));
    // A first visit begins with it, and each message opens into an explanation.
    browser.wait_for("A full handshake: the server has shown its certificate").await;
    let explained = browser.run(OPEN_FIRST_MESSAGE).await;
    assert_eq!(explained, json!([true, "ClientHello", "A handshake with localhost"]));
    browser.click("#explained button").await;
    assert_eq!(browser.console().await, Vec::<Value>::new());
    browser.type_into("#name", &format!("\u{e009}a\u{e000}Ann{ENTER}")).await;
    let second = browser.new_tab().await;
    browser.go(&chat.url("lobby")).await;
    browser.wait_for("Ann").await;
    browser.type_into("#name", &format!("\u{e009}a\u{e000}Ben{ENTER}")).await;

    talk_in_two_rooms(&browser, &first, &second).await;
    reload_resumes(&chat, &browser).await;
    page_is_resumed(&chat, &browser).await;

    // A member who closes a tab has left.
    browser.close_tab().await;
    browser.switch(&second).await;
    browser.wait_for("Ann left").await;
    browser.quit().await;
}

/// Both ways, in one room and then in another.
async fn talk_in_two_rooms(browser: &Browser, first: &str, second: &str) {
    for room in ["lobby", "workshop"] {
        for (tab, name) in [(first, "Ann"), (second, "Ben")] {
            browser.switch(tab).await;
            let go = format!("location.hash = '{room}'");
            browser.run(&go).await;
            browser.wait_for(name).await;
        }
        for (from, to, words) in [(first, second, "from Ann"), (second, first, "from Ben")] {
            browser.switch(from).await;
            browser.type_into("#words", &format!("{words} in the {room} <b>{ENTER}")).await;
            browser.switch(to).await;
            browser.wait_for(&format!("{words} in the {room} <b>")).await;
        }
    }
    let text = browser.text().await;
    assert!(!text.contains("in the lobby"), "what is said in one room stays in it:\n{text}");
}

/// A reload finds what was said; its handshake is resumed, as the page and the server say.
async fn reload_resumes(chat: &Chat, browser: &Browser) {
    let before = chat.lines(&["wss  resumed"]);
    browser.reload().await;
    let text = browser.wait_for("from Ann in the workshop <b>").await;
    assert!(text.contains("from Ben in the workshop <b>"), "{text}");
    assert!(chat.lines(&["wss  resumed"]) > before, "{}", chat.server.wait_for(""));
    browser.click("#show-chat").await;
    browser.wait_for("Resumed: the ticket of an earlier connection").await;
    let shown = facts(browser).await;
    for fact in [
        "Resumed: yes",
        "Key exchange: X25519MLKEM768",
        "Protocol (ALPN): http/1.1",
        "Until complete: 1 round trip",
    ] {
        assert!(shown.contains(fact), "{fact} is not in {shown:?}");
    }
    let ladder = browser.run("return document.querySelector('#ladder').innerText").await;
    let ladder = ladder.as_str().unwrap();
    assert!(ladder.contains("ClientHello") && ladder.contains("Finished"), "{ladder}");
    assert!(!ladder.contains("CertificateVerify"), "{ladder}");
}

/// The page's connection is resumed, too, by HTTP/2, as soon as the connection before has had its time.
async fn page_is_resumed(chat: &Chat, browser: &Browser) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        browser.click("#show-page").await;
        let shown = facts(browser).await;
        if shown.contains("Resumed: yes") && shown.contains("Protocol (ALPN): h2") {
            break;
        }
        assert!(Instant::now() < deadline, "{shown:?}\n{}", chat.server.wait_for(""));
        tokio::time::sleep(Duration::from_millis(500)).await;
        browser.reload().await;
    }
    assert!(chat.lines(&["tls  resumed", "  h2  "]) >= 1, "{}", chat.server.wait_for(""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_comes_back_asks_with_its_first_message() {
    if !browser::is_here() {
        return;
    }
    let chat = Chat::start();
    let browser = Browser::start(&[&chat.flag, EARLY_DATA]).await;
    browser.go(&chat.url("lobby")).await;
    browser.wait_for("connected").await;
    browser.reload().await;
    browser.wait_for("connected").await;
    browser.click("#show-chat").await;
    let text = browser.wait_for("no round trip was waited for").await;
    assert!(text.contains("EndOfEarlyData"), "{text}");
    assert!(facts(&browser).await.contains("Before the first data: 0 round trips"), "{text}");
    assert_eq!(chat.lines(&["wss  resumed", "0-RTT accepted"]), 1);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_trusts_the_imported_authority_chats_and_resumes() {
    if !firefox::is_here() {
        return;
    }
    let chat = Chat::start();
    let mut firefox = Firefox::start(&chat.authority).await;
    firefox.go(&chat.url("lobby")).await;
    firefox.wait_for("connected").await;
    let mut ann = chat.client(&chat.connector(), "lobby", "Ann").await;
    say(&mut ann, json!({ "say": "from Ann" })).await;
    firefox.wait_for("from Ann").await;
    let say = "document.querySelector('#words').value = 'from Firefox';
        document.querySelector('#say').requestSubmit()";
    firefox.run(say).await;
    hear(&mut ann, |event| event["text"] == "from Firefox").await;
    firefox.reload().await;
    firefox.wait_for("from Firefox").await;
    firefox.run("document.querySelector('#show-chat').click()").await;
    firefox.wait_for("Resumed: the ticket of an earlier connection").await;
    chat.server.wait_for("wss  resumed");
    assert!(chat.lines(&["full", "  X25519MLKEM768  "]) >= 1, "{}", chat.server.wait_for(""));
    // It sends 0-RTT data by itself, when it comes back.
    let deadline = Instant::now() + PATIENCE;
    while chat.lines(&["0-RTT accepted"]) == 0 {
        assert!(Instant::now() < deadline, "{}", chat.server.wait_for(""));
        firefox.reload().await;
        firefox.wait_for("from Firefox").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_browser_is_noticed() {
    if !browser::is_here() {
        return;
    }
    let chat = Chat::start();
    let mut witness = chat.client(&chat.connector(), "lobby", "witness").await;
    let folder = Folder::new();
    let profile = format!("--user-data-dir={}", folder.path("profile"));
    let url = chat.url("lobby");
    // Its sockets are its own: another process of Chromium's would live on to say goodbye.
    let whole = "--enable-features=NetworkServiceInProcess2";
    let more = [whole, &chat.flag, &profile, "--remote-debugging-port=0", &url];
    let browser = Process::start("chromium", &[&FLAGS[..], &more].concat());
    let came = hear(&mut witness, |event| event["kind"] == "came").await;
    drop(browser);
    let gone = hear(&mut witness, |event| event["kind"] == "gone").await;
    let output = chat.server.wait_for("");
    assert_eq!((&gone["id"], &gone["how"]), (&came["id"], &json!("cut")), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_chat_at_once_in_ten_rooms() {
    const ROOMS: usize = 10;
    const MEMBERS: usize = 10;
    const MESSAGES: usize = 5;
    let chat = Arc::new(Chat::start());
    let connector = chat.connector();
    // Everyone is there before the first word.
    let all_here = Arc::new(tokio::sync::Barrier::new(ROOMS * MEMBERS));
    let all_heard = Arc::new(tokio::sync::Barrier::new(ROOMS * MEMBERS));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..ROOMS * MEMBERS {
        let (chat, connector) = (Arc::clone(&chat), connector.clone());
        let (all_here, all_heard) = (Arc::clone(&all_here), Arc::clone(&all_heard));
        tasks.spawn(async move {
            let room = format!("room {}", number % ROOMS);
            let mut client = chat.client(&connector, &room, &number.to_string()).await;
            all_here.wait().await;
            for message in 0..MESSAGES {
                say(&mut client, json!({ "say": format!("{room}, message {message}") })).await;
            }
            let mut heard = Vec::new();
            hear(&mut client, |event| {
                if event["kind"] == "said" {
                    heard.push((event["name"].to_string(), event["text"].to_string()));
                }
                heard.len() == MEMBERS * MESSAGES
            })
            .await;
            all_heard.wait().await;
            assert!(heard.iter().all(|(_, text)| text.contains(&format!("{room},"))), "{heard:?}");
            let different: BTreeSet<_> = heard.iter().collect();
            assert_eq!(different.len(), heard.len(), "each message comes once: {heard:?}");
            client.close(None).await.unwrap();
            let end = async { while let Some(Ok(_)) = client.next().await {} };
            timeout(PATIENCE, end).await.expect("the server says goodbye as well");
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    chat.server.wait_for_times("wss gone", ROOMS * MEMBERS);
    let output = chat.server.wait_for("");
    assert_eq!(chat.lines(&["wss gone", "  left"]), ROOMS * MEMBERS, "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_ends_one_conversation_and_no_other() {
    let chat = Chat::start();
    let connector = chat.connector();
    let mut witness = chat.client(&connector, "lobby", "witness").await;
    for (nonsense, reason) in [
        (Message::text("{"), "sent something that is not JSON"),
        (Message::text(r#"{"room":"lobby"}"#), "sent neither words nor a room and a name"),
        (Message::binary(vec![0; 10]), "sent binary data"),
        (Message::text("x".repeat(20_000)), "Message too long"),
    ] {
        let mut client = chat.client(&connector, "lobby", "fool").await;
        client.send(nonsense).await.unwrap();
        let gone = hear(&mut witness, |event| event["kind"] == "gone").await;
        assert_eq!(gone["name"], "fool");
        let end = async { while let Some(Ok(_)) = client.next().await {} };
        timeout(PATIENCE, end).await.expect("the server hangs up");
        chat.server.wait_for(reason);
    }
    // A client that is dropped without a word is gone too.
    drop(chat.client(&connector, "lobby", "ghost").await);
    let gone = hear(&mut witness, |event| event["kind"] == "gone").await;
    assert_eq!((&gone["name"], &gone["how"]), (&json!("ghost"), &json!("cut")));
    say(&mut witness, json!({ "say": "still here" })).await;
    hear(&mut witness, |event| event["text"] == "still here").await;
}

async fn reload_until(browser: &Browser, words: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        browser.reload().await;
        browser.click("#show-chat").await;
        if browser.wait_for("http/1.1 ·").await.contains(words) {
            return;
        }
        assert!(Instant::now() < deadline, "{}", browser.text().await);
    }
}

/// The pictures stay in the folder for temporary files of the build, to be looked at.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_fits_wide_and_narrow_windows_in_light_and_dark() {
    if !browser::is_here() {
        return;
    }
    let chat = Chat::start();
    let connector = chat.connector();
    for (name, words) in [("Ben", "The reload took no certificate at all."), ("Cleo", "Look →")] {
        let mut client = chat.client(&connector, "lobby", name).await;
        say(&mut client, json!({ "say": words })).await;
        // It stays as long as it answers pings.
        tokio::spawn(async move { while let Some(Ok(_)) = client.next().await {} });
    }
    let browser = Browser::start(&[&chat.flag, EARLY_DATA]).await;
    browser.go(&chat.url("lobby")).await;
    for (scheme, background, seen) in [
        ("light", "rgb(244, 242, 236)", "CertificateVerify"),
        ("dark", "rgb(20, 23, 27)", "EndOfEarlyData"),
    ] {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        browser.command("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        match scheme {
            "light" => browser.click("#show-page").await,
            // Not at once: Chromium offers a ticket of the chat's for the page as well, whose
            // protocol is another, and its 0-RTT data are refused then.
            _ => reload_until(&browser, seen).await,
        }
        browser.wait_for(seen).await;
        // There is something of everything, also of what comes every second.
        let deadline = Instant::now() + PATIENCE;
        let drawn = "return document.querySelector('#pulse-out').getAttribute('points')?.length";
        while browser.run(drawn).await.as_u64().is_none_or(|length| length < 40) {
            assert!(Instant::now() < deadline, "{}", browser.text().await);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        for (width, height) in [(1280, 860), (400, 1650)] {
            let size = json!({
                "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
            });
            browser.command("Emulation.setDeviceMetricsOverride", size).await;
            // The arrows have grown by then.
            let script = "const root = document.documentElement; const grown = animation =>
                animation.finished; return Promise.all(document.getAnimations().map(grown)).then(
                () => [root.scrollWidth <= root.clientWidth, getComputedStyle(document.body).backgroundColor])";
            assert_eq!(browser.run(script).await, json!([true, background]), "{scheme}");
            let name = format!("wss_chat-{scheme}-{width}.png");
            let path = process::target_folder().join("tmp").join(name);
            std::fs::write(path, browser.screenshot().await).unwrap();
        }
    }
    browser.quit().await;
}
