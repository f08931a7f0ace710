//! The `handclasp` program: performs TLS 1.3 handshakes, and explains each step.

mod address;
mod advice;
mod arguments;
mod certificates;
mod check;
mod client;
mod connect;
mod demo;
mod event_log;
mod explain;
mod failure;
mod files;
mod html;
mod json;
mod keys;
mod relay;
mod serve;
mod session;
mod stdout;
mod summary;
mod terminal;
mod text_report;
mod timeout_socket;
mod token;
mod vectors;
mod verify;

use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::{CommandFactory, Parser, Subcommand};

use crate::failure::Failure;

/// Performs TLS 1.3 handshakes, and explains each step.
///
/// Without a command, a client and a server perform a handshake in memory, and each step is explained
/// from both sides.
#[derive(Parser)]
#[command(name = "handclasp", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON, and nothing else on standard output: one object per line. A handshake is an account, as
    /// explain/SCHEMA.md describes it. Data that connect receives are in base64. An error is an object on
    /// standard error
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    demo: demo::Arguments,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 the handshake or a check failed, or a chain was rejected; 2 wrong use, or a file that cannot be used";

#[derive(Subcommand)]
enum Command {
    /// Connect to a server, then pipe standard input and output
    Connect(connect::Arguments),
    /// Find out what a server does as TLS 1.3 sees it, and what to improve
    Check(check::Arguments),
    /// Run a server that answers each HTTP request with what was negotiated, or echoes
    Serve(serve::Arguments),
    /// Explain recorded connections, a trace of RFC 8448, or a connection to a server
    Explain(explain::Arguments),
    /// Replay the traces of RFC 8448, and compare every value
    Vectors(vectors::Arguments),
    /// Verify a certificate chain, and show what was tried
    Verify(verify::Arguments),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => arguments::without_values(error, &Cli::command()).exit(),
    };
    let result = match &cli.command {
        Some(_) if cli.demo.html.is_wanted() => {
            Err(Failure::misuse("--html stands before the command")
                .hint("write it after the command: handclasp connect --html FILE HOST:PORT"))
        }
        Some(_) if cli.demo.misplaced().is_some() => {
            let option = cli.demo.misplaced().unwrap_or_default();
            Err(Failure::misuse(format!("{option} stands before the command"))
                .hint("before a command it is an option of the demonstration, which has none"))
        }
        None => demo::run(&cli.demo, cli.json),
        Some(Command::Connect(arguments)) => connect::run(arguments, cli.json),
        Some(Command::Check(arguments)) => check::run(arguments, cli.json),
        Some(Command::Serve(arguments)) => serve::run(arguments, cli.json),
        Some(Command::Explain(arguments)) => explain::run(arguments, cli.json),
        Some(Command::Vectors(arguments)) => vectors::run(arguments, cli.json),
        Some(Command::Verify(arguments)) => verify::run(arguments, cli.json),
    };
    match result.and_then(|()| stdout::check()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure, cli.json);
            ExitCode::from(failure.code)
        }
    }
}

/// The width of a label before a line about a failure.
const LABEL: usize = "error:".len();

fn report(failure: &Failure, json: bool) {
    let mut out = anstream::stderr();
    let Failure { message, details, hints, .. } = failure;
    // If standard error cannot be written, there is no place to report it.
    let _ = if json {
        writeln!(out, "{}", failure.json())
    } else {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
        let green = Style::new().fg_color(Some(AnsiColor::Green.into())).bold();
        let details = details.iter().map(|(name, text)| (Style::new().bold(), *name, text));
        let hints = hints.iter().map(|hint| (green, "help", hint));
        let mut lines = [(red, "error", message)].into_iter().chain(details).chain(hints);
        lines.try_for_each(|(style, name, text)| {
            let name = format!("{name}:");
            writeln!(out, "{style}{name:>LABEL$}{style:#} {text}")
        })
    };
}
