//! What `connect` prints: text on standard error, or JSON on standard output.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use handclasp::ClientConnection;
use handclasp::pem::printable_path;
use handclasp_explain::Recorder;
use handclasp_explain::words::counted;
use serde_json::{Value, json};

use crate::certificates;
use crate::event_log::{NoReport, Reporter, SharedEventLog, Side};
use crate::json;
use crate::relay::End;
use crate::stdout::stdout;
use crate::summary::Summary;
use crate::text_report::{Output, TextReport};

/// How the connection is reported: as text, as JSON, or not at all.
#[derive(Clone, Copy)]
pub struct Report {
    pub json: bool,
    pub quiet: bool,
}

impl Report {
    pub fn say(self, text: &str) {
        if !self.json && !self.quiet {
            let _ = writeln!(stderr(), "{text}");
        }
    }

    fn event(self, event: &Value) {
        if self.json && !self.quiet {
            json::write_line(&mut stdout(), event);
        }
    }

    /// Writes each step of the handshake as text. JSON has all of them in one object.
    pub fn reporter(self) -> Box<dyn Reporter> {
        match self.quiet || self.json {
            true => Box::new(NoReport),
            false => Box::new(TextReport::new(stderr())),
        }
    }

    pub fn connected_to(self, socket: &TcpStream) {
        if let Ok(peer) = socket.peer_addr() {
            self.say(&format!("connected to {peer}"));
        }
    }

    /// The handshake has ended, with success or not.
    pub fn handshake(self, recorder: &Recorder) {
        self.event(&json!({"event": "handshake", "account": json::account(&recorder.account())}));
    }

    /// The parameters of the connection after the handshake, and the certificate that was accepted.
    pub fn negotiated(self, connection: &ClientConnection, event_log: &SharedEventLog) {
        let summary = Summary::new(Side::Client, connection, event_log.tally(Side::Client));
        self.say(summary.text(None).trim_end());
        if let Some(certificate) = certificates::accepted(connection) {
            let title = "The server's certificate";
            self.say(certificates::text(title, &certificate).trim_end());
        }
        for words in &event_log.progress(Side::Client).not_taken {
            self.say(&format!("the server did not take {words}"));
        }
    }

    pub fn kept(self, count: usize, file: &Path) {
        self.say(&format!("kept {} in {}", counted(count, "session"), printable_path(file)));
        self.event(&json!({"event": "sessions_kept", "count": count}));
    }

    /// The connection has ended. The account has what came after the handshake, too.
    pub fn ended(self, end: End, recorder: &Recorder) {
        let (event, words) = match end {
            End::Closed => {
                ("closed", "closed cleanly: the peer said close_notify, nothing is missing")
            }
            End::OutputGone => ("output_gone", "ended: the reader of the output has closed it"),
        };
        self.say(words);
        self.event(&json!({"event": event, "account": json::account(&recorder.account())}));
    }
}

fn stderr() -> Output {
    Box::new(anstream::stderr())
}
