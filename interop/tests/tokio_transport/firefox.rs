//! Firefox without a window, driven through Marionette: JSON over a socket, each message after its
//! length. No driver beside it is needed.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use handclasp_testing::process::{Folder, PATIENCE, Process, available};

/// Nothing but the page is asked for.
const PREFERENCES: &str = r#"
user_pref("marionette.port", 0);
user_pref("app.update.disabledForTesting", true);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("security.OCSP.enabled", 0);
user_pref("services.settings.server", "data:,");
"#;

pub fn is_here() -> bool {
    available("firefox-esr", "--version", |version| version.contains("Firefox"))
        // It has no option that does nothing: this one shows its help.
        && available("certutil", "-H", |_| true)
}

/// A browser. It ends when this is dropped.
pub struct Firefox {
    socket: TcpStream,
    /// The number of the last command.
    number: u64,
    // In this order: the folder goes when no program writes there any more.
    _process: Process,
    _profile: Folder,
}

impl Firefox {
    /// Starts one into which the authority in this PEM file was imported.
    pub async fn start(authority: &str) -> Self {
        let profile = Folder::new();
        let database = format!("sql:{}", profile.path(""));
        for arguments in [
            &["-N", "-d", &database, "--empty-password"][..],
            &["-A", "-d", &database, "-n", "chat", "-t", "C,,", "-i", authority],
        ] {
            assert!(Command::new("certutil").args(arguments).status().unwrap().success());
        }
        Self::start_in(profile).await
    }

    /// Starts one with an empty profile.
    pub async fn start_empty() -> Self {
        Self::start_in(Folder::new()).await
    }

    async fn start_in(profile: Folder) -> Self {
        profile.file("user.js", PREFERENCES);
        let folder = profile.path("");
        // Its console is read with the rights of the browser itself.
        let console = "--remote-allow-system-access";
        let arguments =
            ["--headless", "--marionette", console, "--no-remote", "--profile", &folder];
        let process = Process::start("firefox-esr", &arguments);
        let deadline = Instant::now() + 2 * PATIENCE;
        let socket = loop {
            let port = std::fs::read_to_string(profile.path("MarionetteActivePort"));
            if let Some(port) = port.ok().and_then(|port| port.trim().parse::<u16>().ok()) {
                // A part of the number may be written.
                if let Ok(socket) = TcpStream::connect(("127.0.0.1", port)).await {
                    break socket;
                }
            }
            assert!(Instant::now() < deadline, "{}", process.wait_for(""));
            sleep(Duration::from_millis(50)).await;
        };
        let mut firefox = Self { socket, number: 0, _process: process, _profile: profile };
        firefox.receive().await;
        firefox.call("WebDriver:NewSession", json!({})).await;
        firefox
    }

    async fn receive(&mut self) -> Value {
        let receive = async {
            let mut length = 0;
            loop {
                match self.socket.read_u8().await.unwrap() {
                    b':' => break,
                    digit => length = length * 10 + usize::from(digit - b'0'),
                }
            }
            let mut message = vec![0; length];
            self.socket.read_exact(&mut message).await.unwrap();
            serde_json::from_slice(&message).unwrap()
        };
        timeout(2 * PATIENCE, receive).await.expect("Firefox answers in time")
    }

    /// One command; its result.
    async fn call(&mut self, name: &str, parameters: Value) -> Value {
        self.number += 1;
        let message = json!([0, self.number, name, parameters]).to_string();
        let message = format!("{}:{message}", message.len());
        self.socket.write_all(message.as_bytes()).await.unwrap();
        let mut answer = self.receive().await;
        assert!(answer[2].is_null(), "{name}: {}", answer[2]);
        answer[3].take()
    }

    pub async fn go(&mut self, url: &str) {
        self.call("WebDriver:Navigate", json!({ "url": url })).await;
    }

    /// Presses this key where the focus is, and lets it go.
    pub async fn press(&mut self, key: &str) {
        self.call("WebDriver:PerformActions", super::browser::key_press(key)).await;
    }

    /// The errors and warnings of the page's own scripts and styles so far.
    pub async fn console(&mut self, address: &str) -> Value {
        self.call("Marionette:SetContext", json!({ "value": "chrome" })).await;
        let script = format!(
            "return Services.console.getMessageArray().filter(it => it instanceof Ci.nsIScriptError
                && it.sourceName.startsWith('{address}')).map(String)"
        );
        let messages = self.run(&script).await;
        self.call("Marionette:SetContext", json!({ "value": "content" })).await;
        messages
    }

    pub async fn reload(&mut self) {
        self.call("WebDriver:Refresh", json!({})).await;
    }

    /// Runs a script in the page; what it returns.
    pub async fn run(&mut self, script: &str) -> Value {
        let parameters = json!({ "script": script, "args": [] });
        self.call("WebDriver:ExecuteScript", parameters).await["value"].take()
    }

    /// Waits until the page shows this; what it then shows.
    pub async fn wait_for(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.run("return document.body.innerText").await;
            let text = text.as_str().unwrap();
            if text.contains(words) {
                return text.to_owned();
            }
            assert!(Instant::now() < deadline, "{words:?} is not shown:\n{text}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}
