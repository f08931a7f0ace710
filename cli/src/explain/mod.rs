//! `handclasp explain`: explains recorded connections, or one that it makes.

mod hex_input;
mod list;
mod progress;
mod report;
mod source;

use std::cell::Cell;
use std::path::{Path, PathBuf};

use handclasp_explain::words::counted;
use handclasp_explain::{Account, Connection, Outcome};

use crate::address::HostAndPort;
use crate::client::ClientOptions;
use crate::failure::Failure;
use crate::html;
use crate::json::{self, write_line};
use crate::stdout::stdout;
use list::Row;

/// The options of `explain`.
#[derive(clap::Args)]
pub struct Arguments {
    /// A capture (pcap or pcapng), HOST:PORT to connect to, or vectors/SECTION for a trace of RFC 8448:
    /// vectors/3 to vectors/7
    #[arg(value_name = "TARGET")]
    target: String,
    /// The secrets of recorded connections, in the format of SSLKEYLOGFILE
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,
    /// TARGET has the records of one direction, in hexadecimal digits; - is standard input
    #[arg(long)]
    hex: bool,
    /// List the connections of a capture, a line each
    #[arg(long, conflicts_with = "connection")]
    list: bool,
    /// Explain the connection with this number of the list
    #[arg(long, value_name = "N")]
    connection: Option<u64>,
    /// Only connections that failed, have probably failed, or are not complete
    #[arg(long, conflicts_with = "connection")]
    failed: bool,
    /// Write the account of the connection to this file: a page for a browser
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    html: Option<PathBuf>,
    /// Show the secrets of the key schedule: with them, anyone can read the connection
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten, next_help_heading = "Options when connecting")]
    client: ClientOptions,
}

/// Runs `handclasp explain`.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    if arguments.hex {
        let connection = hex_input::read(arguments)?;
        return show(connection, None, arguments, json);
    }
    if let Some(section) = section(&arguments.target) {
        return show(source::vectors(section, arguments)?, None, arguments, json);
    }
    let path = Path::new(&arguments.target);
    if path.is_file() || HostAndPort::read(&arguments.target).is_err() {
        return capture(path, arguments, json);
    }
    let source::Live { connection, failure } = source::live(arguments)?;
    show(connection, failure.as_ref(), arguments, json)?;
    failure.map_or(Ok(()), Err)
}

/// The section in `vectors/3`.
fn section(target: &str) -> Option<u8> {
    let number = target.strip_prefix("vectors/")?;
    if Path::new(target).exists() {
        return None;
    }
    number.parse().ok()
}

/// Shows one connection, which `failure` ended.
fn show(
    connection: Connection,
    failure: Option<&Failure>,
    arguments: &Arguments,
    json: bool,
) -> Result<(), Failure> {
    let account = Account::new(vec![connection]);
    if let Some(file) = &arguments.html {
        html::write(file, &account, failure)?;
    }
    if json {
        write_line(&mut stdout(), &json::account(&account));
    } else {
        account.connections.iter().for_each(report::write);
    }
    Ok(())
}

/// Explains a capture. JSON is written connection by connection, so that memory does not grow.
fn capture(path: &Path, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let unknown = Cell::new(0_usize);
    let wanted = |connection: &Connection| match arguments.connection {
        Some(number) => connection.number == number,
        None if !arguments.failed => true,
        None => {
            if connection.outcome == Outcome::Encrypted {
                unknown.set(unknown.get() + 1);
            }
            is_failed(connection.outcome)
        }
    };
    if json && !arguments.list && arguments.html.is_none() {
        let found = capture_as_json(path, arguments, wanted)?;
        return check_found(found, unknown.get(), arguments);
    }
    let (mut rows, mut only) = (Vec::new(), None);
    let mut found = 0;
    source::capture(path, arguments, |connection| {
        if !wanted(&connection) {
            return;
        }
        found += 1;
        let row = Row::of(&connection);
        match (arguments.list, json) {
            // In the order in which they end.
            (true, true) => row.write_json(),
            _ => rows.push(row),
        }
        only = if found == 1 { Some(connection) } else { None };
    })?;
    check_found(found, unknown.get(), arguments)?;
    if found > 1 && arguments.html.is_some() {
        return Err(Failure::misuse("the capture has several connections, and a page is of one")
            .hint("--connection N says which; --list shows them with their numbers"));
    }
    match only {
        Some(connection) if !arguments.list => show(connection, None, arguments, json),
        _ => {
            list::write(rows, arguments.list);
            Ok(())
        }
    }
}

fn capture_as_json(
    path: &Path,
    arguments: &Arguments,
    wanted: impl Fn(&Connection) -> bool,
) -> Result<usize, Failure> {
    let mut out = stdout();
    let mut found = 0;
    let mut write = |text: &str| {
        // `stdout` remembers a failure.
        let _ = out.write_all(text.as_bytes());
    };
    let version = handclasp_explain::SCHEMA_VERSION;
    write(&format!("{{\"schema_version\":{version},\"connections\":["));
    let result = source::capture(path, arguments, |connection| {
        if wanted(&connection) {
            let json = serde_json::to_string(&connection).unwrap_or_default();
            let comma = if found > 0 { "," } else { "" };
            write(&format!("{comma}\n{json}"));
            found += 1;
        }
    });
    write("]}\n");
    result.map(|()| found)
}

/// Fails if there is nothing to show. `unknown` connections are encrypted, so that they may have failed.
fn check_found(found: usize, unknown: usize, arguments: &Arguments) -> Result<(), Failure> {
    let unknown_ones = match unknown {
        0 => None,
        _ => Some(format!(
            "what became of {} is unknown: they are encrypted after ServerHello",
            counted(unknown, "connection")
        )),
    };
    if found > 0 {
        if let Some(words) = unknown_ones {
            eprintln!("note: {words}; {KEY_LOG}");
        }
        return Ok(());
    }
    Err(match (arguments.connection, unknown_ones) {
        (Some(number), _) => Failure::failed(format!("the capture has no connection {number}"))
            .hint("--list shows the connections with their numbers"),
        (None, Some(words)) => {
            Failure::failed(format!("no failure is visible in the capture; {words}")).hint(KEY_LOG)
        }
        (None, None) if arguments.failed => {
            Failure::failed("no connection of the capture has failed")
        }
        (None, None) => Failure::failed("the capture has no connection of TCP with data in it"),
    })
}

const KEY_LOG: &str =
    "--keylog FILE, with the secrets that one of the two programs wrote (SSLKEYLOGFILE), shows it";

/// Whether a connection failed, or is not complete as far as one can see.
fn is_failed(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Complete | Outcome::Encrypted => false,
        Outcome::NotTls
        | Outcome::Incomplete
        | Outcome::ProbablyFailed
        | Outcome::OtherVersion
        | Outcome::Failed
        | Outcome::FailedLater => true,
    }
}
