//! The demonstration: a handshake of a client and a server in this process, explained from both sides.

mod handshake;
mod identity;
mod scenario;
mod tamper;
mod values;

use std::io::Write;

use handclasp_explain::{Account, Connection};

use crate::event_log::{NoReport, Reporter, SharedEventLog, Side};
use crate::failure::Failure;
use crate::html::HtmlArguments;
use crate::json;
use crate::stdout::stdout;
use crate::summary::Summary;
use crate::text_report::{TextReport, dim, heading, lines, paint};
use handshake::Ends;
use scenario::Scenario;

const NAME: &str = "server.example";

const INTRODUCTION: &str = "\
    A certificate for server.example was just made, and an authority that issued it. The client trusts that \
    authority. Both sides are in this process; each line says who does what, and how long it took. What is \
    sent is explained once, where it is sent.";

/// The options of the demonstration, which has no command.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub html: HtmlArguments,
    /// Demonstration: the client sends no key share, and the server asks for one with HelloRetryRequest
    #[arg(long)]
    retry: bool,
    /// Demonstration: the handshake resumes a session with a ticket of an earlier connection
    #[arg(long)]
    resume: bool,
    /// Demonstration: the client resumes a session, and sends 0-RTT data in its first flight
    #[arg(long)]
    early_data: bool,
    /// Demonstration: the server requests a certificate, and the client has one
    #[arg(long)]
    client_auth: bool,
    /// Demonstration: both sides have a pre-shared key, and the server sends no certificate
    #[arg(long, conflicts_with_all = ["resume", "early_data", "client_auth"])]
    psk: bool,
    /// Demonstration: both sides take post-quantum groups only
    #[arg(long)]
    pq: bool,
    /// Demonstration: flip a bit in each record in turn, or in the record with this number, and see which
    /// side notices, where and why
    #[arg(long, value_name = "RECORD", num_args = 0..=1, conflicts_with_all = ["html", "values"])]
    tamper: Option<Option<usize>>,
    /// Demonstration: also print each message in hexadecimal beside its fields, and each secret
    #[arg(long)]
    values: bool,
}

impl Arguments {
    /// An option that has no meaning for a command.
    pub fn misplaced(&self) -> Option<&'static str> {
        let options = [
            ("--retry", self.retry),
            ("--resume", self.resume),
            ("--early-data", self.early_data),
            ("--client-auth", self.client_auth),
            ("--psk", self.psk),
            ("--pq", self.pq),
            ("--tamper", self.tamper.is_some()),
            ("--values", self.values),
        ];
        options.iter().find(|(_, is_there)| *is_there).map(|(name, _)| *name)
    }

    /// Whether an earlier connection gives tickets.
    fn resumes(&self) -> bool {
        self.resume || self.early_data
    }

    /// What is special about this handshake.
    fn notes(&self) -> String {
        let notes = [
            (self.retry, "The client has sent no key share, so that the server must ask for one."),
            (self.resumes(), "An earlier connection, which is not shown, has given tickets."),
            (
                self.early_data,
                "The client sends a request as 0-RTT data, before the server answers.",
            ),
            (self.client_auth, "The server requires a certificate of the client."),
            (
                self.psk,
                "Both sides have a pre-shared key, which takes the place of the certificate.",
            ),
            (self.pq, "Both sides take key exchanges with ML-KEM only."),
        ];
        let notes = notes.iter().filter(|(is_so, _)| *is_so).map(|(_, note)| format!(" {note}"));
        notes.collect()
    }
}

/// Performs a handshake in memory and explains it.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    if let Some(number) = arguments.tamper {
        return tamper::run(arguments, number, json);
    }
    let scenario = Scenario::new(arguments, true)?;
    let earlier = match arguments.resumes() {
        true => Some(handshake::silent(&scenario)?),
        false => None,
    };
    if !json {
        let title = heading("A TLS 1.3 handshake (RFC 9846), seen from both sides");
        let introduction = lines(&format!("{INTRODUCTION}{}", arguments.notes()));
        print(&format!("{title}{}", paint(dim(), &introduction)));
    }
    let reporter: Box<dyn Reporter> = match json {
        true => Box::new(NoReport),
        false => Box::new(TextReport::new(stdout())),
    };
    let secrets = arguments.values || arguments.html.shows_secrets();
    let event_log = SharedEventLog::with_account(false, reporter, secrets);
    let mut ends = Ends::new(&scenario, event_log)?;
    ends.exchange()?;
    write_page(arguments, &ends, earlier.as_ref())?;
    if json {
        // The same handshake, as each side saw it.
        let account = account(earlier.as_ref(), &ends);
        json::write_line(&mut stdout(), &json::account(&account));
    } else {
        report(arguments, &ends);
    }
    Ok(())
}

/// The earlier connection and this one, each as the client and as the server saw it.
fn account(earlier: Option<&Ends>, ends: &Ends) -> Account {
    let earlier = earlier.into_iter().flat_map(Ends::accounts);
    numbered(earlier.chain(ends.accounts()).collect())
}

/// Writes the page of the client's connections, if it is wanted.
fn write_page(arguments: &Arguments, ends: &Ends, earlier: Option<&Ends>) -> Result<(), Failure> {
    let mut connections = Vec::new();
    for ends in earlier.into_iter().chain([ends]) {
        let mut connection = ends.event_log.recorder(Side::Client).connection();
        if !arguments.html.shows_secrets() {
            hide_secrets(&mut connection);
        }
        connections.push(connection);
    }
    arguments.html.write_account(&numbered(connections), None)
}

/// An account in which the connections have numbers from 1.
fn numbered(mut connections: Vec<Connection>) -> Account {
    for (number, connection) in (1..).zip(&mut connections) {
        connection.number = number;
    }
    Account::new(connections)
}

fn hide_secrets(connection: &mut Connection) {
    for node in &mut connection.key_schedule {
        node.value = None;
    }
}

/// What came of the handshake, as text.
fn report(arguments: &Arguments, ends: &Ends) {
    let tally = ends.event_log.tally(Side::Client);
    let summary = Summary::new(Side::Client, &ends.client, tally);
    let mut text = summary.text(Some(ends.event_log.tally(Side::Server)));
    for not_taken in &ends.event_log.progress(Side::Client).not_taken {
        text += &format!("\n{}", lines(&format!("The server did not take {not_taken}.")));
    }
    if arguments.values {
        let connection = ends.event_log.recorder(Side::Client).connection();
        text += &values::text(&connection);
    }
    // The path of the program: cargo does not install it.
    let program = std::env::args().next().unwrap_or_else(|| "handclasp".into());
    let farewell = lines(&format!(
        "{program} connect HOST:443 explains a handshake with a server on the network, and {program} \
         explain FILE a capture; {program} help has the commands, {program} help COMMAND its options."
    ));
    print(&format!("{text}\n{}", paint(dim(), &farewell)));
}

fn print(text: &str) {
    // `stdout` remembers a failure.
    let _ = stdout().write_all(text.as_bytes());
}
