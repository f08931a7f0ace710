//! The program that BoringSSL's TLS test runner starts once a test: it dials the runner, behaves as
//! its flags say, and exits with 0, with 1 and an error's name on stderr, or with 89 for what is not
//! implemented.

mod carrier;
mod config;
mod connection;
mod credential;
mod error;
mod expectation;
mod flags;
mod memory;
mod quic;
mod seen;
mod verify;

use std::process::ExitCode;

use flags::{Flags, Stage, Stop};
use memory::Memory;

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
    let resumptions = flags.number::<usize>("resume-count")?.unwrap_or_default();
    let retry = flags.at(&[Stage::Retry]);
    let mut memory = Memory::new();
    for number in 0..=resumptions {
        let stage = if number == 0 { Stage::Initial } else { Stage::Resume };
        let flags = flags.at(&[stage]);
        let resumes = number > 0;
        if resumes && !flags.has("server") && memory.session().is_none() {
            return Err(Stop::failed("no session to offer"));
        }
        connection::run(&flags, &retry, resumes, &memory)?;
        memory.pass(flags.number("resumption-delay")?.unwrap_or_default());
    }
    Ok(())
}
