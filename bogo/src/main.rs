//! The program that BoringSSL's TLS test runner starts once a test: it dials the runner, behaves as
//! its flags say, and exits with 0, with 1 and an error's name on stderr, or with 89 for what is not
//! implemented.

mod config;
mod connection;
mod error;
mod expectation;
mod flags;

use std::process::ExitCode;

use flags::{Flags, Stage, Stop};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["-is-handshaker-supported"] {
        println!("No");
        return ExitCode::SUCCESS;
    }
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Unimplemented(what)) => {
            eprintln!("not implemented: {what}");
            ExitCode::from(89)
        }
        Err(Stop::Failed(what)) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<(), Stop> {
    let flags = Flags::parse(arguments)?;
    connection::run(&flags.at(&[Stage::Initial]))
}
