//! Chromium without a window, driven through WebDriver (W3C Recommendation).

use std::process::Command;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use handclasp_testing::chromium::FLAGS;
use handclasp_testing::process::{Folder, PATIENCE, Process, available};

pub fn is_here() -> bool {
    available("chromium", "--version", |version| version.contains("Chromium"))
        && available("chromedriver", "--version", |version| version.contains("ChromeDriver"))
}

/// The actions of WebDriver that press this key.
pub fn key_press(key: &str) -> Value {
    let presses: Vec<_> =
        ["keyDown", "keyUp"].iter().map(|kind| json!({ "type": kind, "value": key })).collect();
    json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": presses }] })
}

/// A browser. It ends when this is dropped.
pub struct Browser {
    client: Client<HttpConnector, Full<Bytes>>,
    session: String,
    /// The browser's process, until it has ended in good order.
    process: Option<u64>,
    driver: Process,
    _profile: Folder,
}

impl Browser {
    /// Starts one with an empty profile and these flags more.
    pub async fn start(more: &[&str]) -> Self {
        let Driver { process: driver, port } = Driver::start();
        let profile = Folder::new();
        let mut flags = [&FLAGS[..], more].concat();
        let folder = format!("--user-data-dir={}", profile.path("profile"));
        flags.push(&folder);
        let client = Client::builder(TokioExecutor::new()).build_http();
        let session = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { client, session, process: None, driver, _profile: profile };
        let options = json!({ "args": flags });
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let new = json!({ "capabilities": { "alwaysMatch": wanted } });
        let answer = browser.call(Method::POST, "", &new).await;
        browser.process = answer["capabilities"]["goog:processID"].as_u64();
        browser.session += &format!("/{}", answer["sessionId"].as_str().unwrap());
        browser
    }

    /// One WebDriver command; its value.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.session))
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()))
            .unwrap();
        let answer = tokio::time::timeout(4 * PATIENCE, self.client.request(request));
        let answer = answer.await.expect("the driver answers in time").unwrap();
        let good = answer.status().is_success();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        assert!(good, "{path}: {answer}\n{}", self.driver.wait_for(""));
        answer["value"].take()
    }

    pub async fn go(&self, url: &str) {
        self.call(Method::POST, "/url", &json!({ "url": url })).await;
    }

    pub async fn reload(&self) {
        self.call(Method::POST, "/refresh", &json!({})).await;
    }

    /// The tab that commands go to.
    pub async fn tab(&self) -> String {
        self.call(Method::GET, "/window", &json!({})).await.as_str().unwrap().to_owned()
    }

    /// Opens another tab, and gives commands to it.
    pub async fn new_tab(&self) -> String {
        let tab = self.call(Method::POST, "/window/new", &json!({ "type": "tab" })).await;
        let tab = tab["handle"].as_str().unwrap().to_owned();
        self.switch(&tab).await;
        tab
    }

    pub async fn switch(&self, tab: &str) {
        self.call(Method::POST, "/window", &json!({ "handle": tab })).await;
    }

    /// Closes the tab that commands go to.
    pub async fn close_tab(&self) {
        self.call(Method::DELETE, "/window", &json!({})).await;
    }

    async fn find(&self, selector: &str) -> String {
        let query = json!({ "using": "css selector", "value": selector });
        let found = self.call(Method::POST, "/element", &query).await;
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    /// Types into the field that the selector finds: `\u{e007}` is the enter key.
    pub async fn type_into(&self, selector: &str, words: &str) {
        let path = format!("/element/{}/value", self.find(selector).await);
        self.call(Method::POST, &path, &json!({ "text": words })).await;
    }

    pub async fn click(&self, selector: &str) {
        let path = format!("/element/{}/click", self.find(selector).await);
        self.call(Method::POST, &path, &json!({})).await;
    }

    /// Presses this key where the focus is, and lets it go.
    pub async fn press(&self, key: &str) {
        self.call(Method::POST, "/actions", &key_press(key)).await;
    }

    /// What the console has shown since the last call.
    pub async fn console(&self) -> Vec<Value> {
        let log = self.call(Method::POST, "/se/log", &json!({ "type": "browser" })).await;
        log.as_array().unwrap().clone()
    }

    /// Runs a script in the page; what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.call(Method::POST, "/execute/sync", &json!({ "script": script, "args": [] })).await
    }

    /// The text of the page.
    pub async fn text(&self) -> String {
        self.run("return document.body.innerText").await.as_str().unwrap().to_owned()
    }

    /// Waits until the page shows this; what it then shows.
    pub async fn wait_for(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return text;
            }
            assert!(Instant::now() < deadline, "{words:?} is not shown:\n{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A command of Chromium's own protocol.
    pub async fn command(&self, name: &str, parameters: Value) {
        let command = json!({ "cmd": name, "params": parameters });
        self.call(Method::POST, "/goog/cdp/execute", &command).await;
    }

    /// What the page looks like: a PNG file.
    pub async fn screenshot(&self) -> Vec<u8> {
        let picture = self.call(Method::GET, "/screenshot", &json!({})).await;
        data_encoding::BASE64.decode(picture.as_str().unwrap().as_bytes()).unwrap()
    }

    /// Ends the browser in good order; the driver with it.
    pub async fn quit(mut self) {
        self.call(Method::DELETE, "", &json!({})).await;
        self.process = None;
    }
}

/// The program that drives the browser, and its port.
struct Driver {
    process: Process,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        const STARTED: &str = "started successfully on port ";
        const TAKEN: &str = "IPv4 port not available";
        loop {
            // It takes a free port of IPv6, which may not be free for IPv4.
            let process = Process::start("chromedriver", &["--port=0"]);
            let words = process.wait_for_one_of(&[STARTED, TAKEN]);
            if let Some((_, port)) = words.split_once(STARTED) {
                let port = port.trim().trim_end_matches('.').parse().unwrap();
                return Self { process, port };
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without its driver it would not end.
        if let Some(process) = self.process {
            let _ = Command::new("kill").args(["-KILL", &process.to_string()]).status();
        }
    }
}
