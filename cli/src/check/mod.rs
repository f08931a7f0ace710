//! `handclasp check`: finds out what a server does as TLS 1.3 sees it, and what to improve.
//!
//! Each question has a file, with a type of the question's name, such as [`Groups`](groups::Groups). Its fields are
//! what was found out, and the JSON has them. The function `ask` makes the connections that the question needs, with
//! the [`Prober`], which limits their number and their time. The function `of` makes no connection: the answer is from
//! that of the [first handshake](first_handshake::FirstHandshake).
//!
//! [`Findings`] has the answers to all questions. As text and as a page, each is a [`Section`](section::Section)
//! with rows, and the advice of all of them is at the top. The worst advice is the [`Verdict`].

mod advice;
mod application_protocols;
mod certificates;
mod cipher_suites;
mod client_certificate;
mod closing;
mod compression;
mod cost;
mod early_data;
mod findings;
mod first_handshake;
mod groups;
mod key_share;
mod key_update;
mod offer;
mod page;
mod prober;
mod record_size_limit;
mod resumption;
mod section;
mod signature_schemes;
mod text;
mod tickets;
mod verdict;

use std::path::PathBuf;

use crate::client::{ClientOptions, Target};
use crate::failure::Failure;
use crate::json::write_line;
use crate::stdout::stdout;
use findings::Findings;
use prober::Prober;
use verdict::Verdict;

/// The options of `check`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The server and its port, such as example.org:443 or [::1]:4433
    #[arg(value_name = "HOST:PORT")]
    address: String,
    #[command(flatten)]
    client: ClientOptions,
    /// Send this certificate to a server that requests one, and whose own is accepted: a PEM file, the
    /// client's own first
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The private key of that certificate in PEM, or its URI on a PKCS#11 token, as for serve --key
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Write the findings to this file: a page for a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Checks a server.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let target = Target::read(&arguments.address, &arguments.client)?;
    let mut prober = Prober::new(arguments, target)?;
    let findings = Findings::gather(&arguments.address, &mut prober)?;
    if let Some(file) = &arguments.html {
        page::write(file, &findings)?;
    }
    if json {
        write_line(&mut stdout(), &serde_json::to_value(&findings).unwrap_or_default());
    } else {
        text::write(&findings);
    }
    match findings.verdict {
        Verdict::Good | Verdict::Improvable => Ok(()),
        Verdict::Faulty => Err(Failure::failed("the server has faults: see the advice")),
    }
}
