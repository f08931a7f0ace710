//! `handclasp connect`: connects to a server, explains the handshake, and pipes data in both directions.

mod config;
mod report;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use handclasp::ClientConnection;
use handclasp::handshake::EarlyData;
use handclasp::verify::SpkiPin;
use handclasp_explain::Recorder;

use crate::advice;
use crate::certificates;
use crate::client::{ClientOptions, HANDSHAKE_TIMEOUT, Target, TlsClient, set_addresses};
use crate::event_log::{SharedEventLog, Side};
use crate::failure::Failure;
use crate::files;
use crate::html;
use crate::json::JsonData;
use crate::relay::{self, End, Input};
use crate::session::Sessions;
use crate::stdout::stdout;
use crate::text_report::Output;
use report::Report;

/// The options of `connect`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The server and its port, such as example.org:443 or [::1]:4433
    #[arg(value_name = "HOST:PORT")]
    address: String,
    #[command(flatten)]
    client: ClientOptions,
    /// The server's key must have this hash: sha256/BASE64; repeat for a backup key
    #[arg(long, value_name = "PIN")]
    pin: Vec<SpkiPin>,
    /// Check only the key: no authority, name or date
    #[arg(long, requires = "pin", conflicts_with = "ca")]
    pin_alone: bool,
    /// Trust the server that has the public key in this PEM file, and accept no certificates
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ca", "pin", "pin_alone"])]
    raw_public_key: Option<PathBuf>,
    /// Send this certificate to a server that requests one: a PEM file, the client's own first
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The private key of that certificate in PEM, or its URI on a PKCS#11 token, as for serve --key
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Offer this pre-shared key, in addition to certificates; repeat for more
    #[arg(long, value_name = "IDENTITY:HEX")]
    psk: Vec<String>,
    /// Send a KeyUpdate after the handshake, and request one from the server
    #[arg(long)]
    key_update: bool,
    /// Log the secrets, for Wireshark; without FILE, to the file that SSLKEYLOGFILE names
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    keylog: Option<Option<PathBuf>>,
    /// Resume with a session in this file, and store the server's tickets in it: they are secrets
    #[arg(long, value_name = "FILE")]
    session: Option<PathBuf>,
    /// Send the content of this file as 0-RTT data, if the session allows it, otherwise after the
    /// handshake. An attacker can replay it: send only what may be processed twice
    #[arg(long, value_name = "FILE", requires = "session")]
    early_data: Option<PathBuf>,
    /// Write the certificates that the server has sent to this file in PEM, the server's own first, also
    /// if they are not accepted
    #[arg(long, value_name = "FILE")]
    save_chain: Option<PathBuf>,
    /// Send close_notify as soon as the input ends. Without this option, connect waits until the server
    /// closes, because many servers drop the response to a client that has closed. If the server has
    /// responded and is then silent for 5 s, connect closes. After an empty input, such as </dev/null,
    /// there is no response to wait for, and connect closes at once
    #[arg(long)]
    half_close: bool,
    /// Print only errors
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    html: html::HtmlArguments,
}

/// Runs `handclasp connect`.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let report = Report { json, quiet: arguments.quiet };
    let target = Target::read(&arguments.address, &arguments.client)?;
    let sessions = arguments.session.as_deref().map(Sessions::load).transpose()?;
    let early = arguments.early_data.as_deref().map(files::early_data).transpose()?;
    let early = early.unwrap_or_default();
    let warn = |text: &str| report.say(text);
    let config = Arc::new(config::build(arguments, &target.name, sessions.as_ref(), warn)?);
    let socket = target.connect(&arguments.client)?;
    let secrets = arguments.html.shows_secrets();
    let event_log = SharedEventLog::with_account(true, report.reporter(), secrets);
    let recorder = event_log.recorder(Side::Client);
    set_addresses(&socket, &recorder);
    report.connected_to(&socket);
    let observer = event_log.observer(Side::Client);
    let mut client = TlsClient::new(config, target.name, socket, observer)?;
    if let Some(sessions) = &sessions {
        // A session is used once, even if its connection fails.
        sessions.save()?;
    }
    let sent = client.connection.write_early_data(&early)?;
    let result = client.handshake(HANDSHAKE_TIMEOUT);
    event_log.finish();
    report.handshake(&recorder);
    // The page is written again at the end. The user may stop the program before.
    arguments.write_files(&recorder, &client.connection, result.as_ref().err())?;
    result?;
    report.negotiated(&client.connection, &event_log);
    let rest = not_accepted(&client.connection, &early, sent, report);
    if arguments.key_update {
        client.connection.update_keys(true)?;
    }
    client.send_all(rest)?;
    let end = relay(client, arguments, report, !early.is_empty());
    event_log.finish();
    if let (Some(sessions), Some(file)) = (&sessions, &arguments.session) {
        report.kept(sessions.save()?, file);
    }
    arguments.html.write(&recorder, end.as_ref().err())?;
    report.ended(end?, &recorder);
    Ok(())
}

impl Arguments {
    /// Writes what was recorded so far, as far as the options ask for it. `failure` ended the connection.
    fn write_files(
        &self,
        recorder: &Recorder,
        connection: &ClientConnection,
        failure: Option<&Failure>,
    ) -> Result<(), Failure> {
        self.html.write(recorder, failure)?;
        let Some(file) = &self.save_chain else { return Ok(()) };
        let saved = certificates::save_chain(file, recorder, connection);
        // Why there is no chain is in the failure of the handshake, if that has failed.
        if failure.is_some() { Ok(()) } else { saved }
    }
}

/// Relays standard input and output until the connection ends.
fn relay(
    client: TlsClient,
    arguments: &Arguments,
    report: Report,
    sent_something: bool,
) -> Result<End, Failure> {
    let input = Input {
        can_be_asked: arguments.client_cert.is_some(),
        half_close: arguments.half_close,
        sent_something,
    };
    let output: Output = match report.json {
        true => Box::new(JsonData::new(stdout())),
        false => Box::new(io::stdout()),
    };
    let TlsClient { connection, socket, buffer } = client;
    let end = relay::run(connection, &socket, buffer, input, output, |text| report.say(text));
    end.map_err(|failure| advice::explain(failure, Side::Client))
}

/// The early data that the server did not accept, to be sent again. `sent` is the number of bytes that
/// were sent as early data.
fn not_accepted<'a>(
    connection: &ClientConnection,
    early: &'a [u8],
    sent: usize,
    report: Report,
) -> &'a [u8] {
    let taken = match connection.parameters().early_data {
        EarlyData::Accepted => sent,
        _ => 0,
    };
    let rest = early.get(taken..).unwrap_or_default();
    if !early.is_empty() {
        report
            .say(&format!("early data: {taken} bytes were accepted, {} are sent now", rest.len()));
    }
    rest
}
