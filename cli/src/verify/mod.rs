//! `handclasp verify`: judges a certificate chain, and shows every candidate that was tried.

mod batch;
mod case;
mod parse;
mod show;

use std::path::{Path, PathBuf};

use handclasp::certificate::{Profile, Purpose};
use handclasp::pki_types::pem::{self, PemObject};
use handclasp::pki_types::{CertificateDer, UnixTime};

use crate::failure::Failure;
use crate::files;
use case::{Anchors, Case, Name};

/// What `verify` is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// The chain in PEM: the certificate that is judged, then intermediates in any order
    #[arg(value_name = "CHAIN.pem", required_unless_present = "batch")]
    chain: Option<PathBuf>,
    /// Trust the certificates in this file (PEM or DER), instead of the system's authorities; again
    /// for more
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// More intermediates (PEM or DER), which nobody trusts; again for more
    #[arg(long, value_name = "FILE")]
    intermediates: Vec<PathBuf>,
    /// A DNS name, IP address or email address that it must be valid for; again for more, each of
    /// them
    #[arg(long, value_name = "NAME", value_parser = parse::name)]
    name: Vec<Name>,
    /// The time to validate at, such as 2026-07-30T12:00:00Z; without it, now
    #[arg(long, value_name = "RFC3339", value_parser = parse::time)]
    time: Option<UnixTime>,
    /// What it is for: server, client or any
    #[arg(long, default_value = "server", value_parser = parse::purpose)]
    purpose: Purpose,
    /// How strict to be. default: private authorities made with common tools work. strict: also
    /// refuse what RFC 5280 and the CA/Browser Forum forbid an authority to issue
    #[arg(long, default_value = "default", value_parser = parse::profile)]
    profile: Profile,
    /// How many intermediates may stand between the certificate and the anchor; self-issued ones
    /// are not counted
    #[arg(long, value_name = "N")]
    max_depth: Option<usize>,
    /// A certificate revocation list (PEM or DER); again for more
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// A stapled OCSP response (DER)
    #[arg(long, value_name = "FILE")]
    ocsp: Option<PathBuf>,
    /// Judge many: a file (or - for standard input) with a JSON object a line, of the fields id,
    /// chain, intermediates, roots, crls, ocsp, names, time, purpose, profile and max_depth. Each
    /// is answered by a line with id, verdict, reason and detail
    #[arg(long, value_name = "FILE.jsonl", exclusive = true)]
    batch: Option<PathBuf>,
}

/// Judges one chain, or many.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    if let Some(file) = &arguments.batch {
        return batch::run(file);
    }
    let explanation = case(arguments)?.explain();
    if json {
        show::json(&explanation);
    } else {
        show::tree(&explanation);
    }
    let Err(error) = explanation.verdict else {
        return Ok(());
    };
    let failure = Failure::failed(format!("rejected ({}): {error}", error.problem.code()));
    Err(match error.problem.remedy() {
        Some(remedy) => failure.hint(remedy),
        None => failure,
    })
}

fn case(arguments: &Arguments) -> Result<Case, Failure> {
    if !arguments.crl.is_empty() || arguments.ocsp.is_some() {
        let problem = "--crl and --ocsp: revocation is not looked at yet";
        return Err(Failure::misuse(problem).hint("leave them out to verify all but revocation"));
    }
    let mut chain = match &arguments.chain {
        Some(file) => certificates(file, "CHAIN")?.into_iter(),
        None => Vec::new().into_iter(),
    };
    let end_entity = chain.next().ok_or_else(|| Failure::misuse("no chain was given"))?;
    let mut intermediates: Vec<_> = chain.collect();
    for file in &arguments.intermediates {
        intermediates.extend(certificates(file, "--intermediates")?);
    }
    let anchors = match arguments.ca.as_slice() {
        [] => Anchors::from(files::system_anchors()?),
        files => {
            let mut anchors = Anchors::default();
            for file in files {
                certificates(file, "--ca")?.into_iter().for_each(|root| anchors.add(root));
            }
            anchors
        }
    };
    Ok(Case {
        end_entity,
        intermediates,
        anchors,
        names: arguments.name.clone(),
        time: arguments.time.unwrap_or_else(UnixTime::now),
        purpose: arguments.purpose,
        profile: arguments.profile,
        max_depth: arguments.max_depth,
    })
}

/// The certificates in a file: one in DER, or any number in PEM.
fn certificates(file: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let contents = files::read(file, option)?;
    let is_pem = contents.windows(10).any(|window| window == b"-----BEGIN");
    if !is_pem && contents.first() == Some(&0x30) {
        return Ok(vec![CertificateDer::from(contents)]);
    }
    let found = CertificateDer::pem_slice_iter(&contents).collect::<Result<Vec<_>, pem::Error>>();
    let found = found.map_err(|error| files::not_pem(option, file, &error))?;
    if found.is_empty() {
        let problem = format!("{option} {}: there is no certificate in it", file.display());
        return Err(Failure::misuse(problem)
            .hint("it must be a certificate in DER, or PEM: -----BEGIN CERTIFICATE-----"));
    }
    Ok(found)
}
