//! `handclasp verify`: verifies a certificate chain, and shows every candidate that was tried.

mod batch;
mod case;
mod evidence;
mod parse;
mod show;

use std::path::PathBuf;

use handclasp::certificate::{
    AnchorDates, CertificateRevocationList, CrlError, LoadedAnchors, PolicyIdentifier, Profile,
    Purpose, RevocationMode, TrustAnchorError,
};
use handclasp::pem::printable_path;
use handclasp::pki_types::UnixTime;

use crate::advice;
use crate::failure::Failure;
use crate::files;
use case::{Case, Name, Policies};
use evidence::Evidence;

/// The options of `verify`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The chain in PEM: the end-entity certificate, then intermediates in any order
    #[arg(value_name = "CHAIN.pem", required_unless_present = "batch")]
    chain: Option<PathBuf>,
    /// Trust the certificates in this file (PEM or DER), instead of the system's authorities; repeat
    /// for more
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// More intermediates (PEM or DER), which are not trusted; repeat for more
    #[arg(long, value_name = "FILE")]
    intermediates: Vec<PathBuf>,
    /// A DNS name, IP address or email address that the certificate must be valid for; repeat for more:
    /// all must match
    #[arg(long, value_name = "NAME", value_parser = parse::name)]
    name: Vec<Name>,
    /// The time of the validation, such as 2026-07-30T12:00:00Z; by default, now
    #[arg(long, value_name = "RFC3339", value_parser = parse::time)]
    time: Option<UnixTime>,
    /// The purpose: server, client or any
    #[arg(long, default_value = "server", value_parser = parse::purpose)]
    purpose: Purpose,
    /// How strict to be. default: private authorities made with common tools work. strict: also
    /// refuse what RFC 5280 and the CA/Browser Forum forbid an authority to issue
    #[arg(long, default_value = "default", value_parser = parse::profile)]
    profile: Profile,
    /// Whether the dates of a trust anchor's certificate are ignored (an anchor is a name and a key) or
    /// checked. The strict profile always checks them
    #[arg(long, value_name = "HOW", default_value = "ignored", value_parser = parse::anchor_dates)]
    anchor_dates: AnchorDates,
    #[command(flatten)]
    policies: PolicyArguments,
    /// How many intermediates may be between the certificate and the anchor; self-issued ones do not
    /// count
    #[arg(long, value_name = "N")]
    max_depth: Option<usize>,
    /// A certificate revocation list (PEM or DER); repeat for more. If one is malformed or not supported,
    /// the chain is rejected, because that list might revoke one of its certificates
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// A stapled OCSP response (DER)
    #[arg(long, value_name = "FILE")]
    ocsp: Option<PathBuf>,
    /// How much must be known about revocation: require (the status of each certificate must be good),
    /// if-present (the data that are there count) or off. By default, the data that are there count, and
    /// if there is a CRL or a response, the status of the end-entity certificate must be known
    #[arg(long, value_name = "MODE", value_parser = parse::revocation)]
    revocation: Option<RevocationMode>,
    /// Verify many chains: a file (or - for standard input) with a JSON object per line, with the fields id,
    /// chain, intermediates, roots, crls, ocsp, names, time, purpose, profile, max_depth,
    /// revocation, anchor_dates, user_initial_policy_set, initial_explicit_policy,
    /// initial_policy_mapping_inhibit and initial_any_policy_inhibit. The result of each is a line
    /// with id, verdict, reason and detail
    #[arg(long, value_name = "FILE.jsonl", conflicts_with_all = [
        "chain", "ca", "intermediates", "name", "time", "purpose", "profile", "max_depth", "crl", "ocsp",
        "revocation", "anchor_dates", "policy", "explicit_policy", "inhibit_policy_mapping",
        "inhibit_any_policy",
    ])]
    batch: Option<PathBuf>,
}

/// The inputs about policies of RFC 5280, section 6.1.1 (c) and (e) to (g).
#[derive(clap::Args)]
struct PolicyArguments {
    /// Accept this certificate policy (an object identifier); repeat for more. By default, every policy is
    /// accepted
    #[arg(long, value_name = "OID")]
    policy: Vec<PolicyIdentifier>,
    /// Require that an accepted policy holds along the whole path
    #[arg(long)]
    explicit_policy: bool,
    /// Forbid that an authority maps one policy to another
    #[arg(long)]
    inhibit_policy_mapping: bool,
    /// Ignore anyPolicy in certificates
    #[arg(long)]
    inhibit_any_policy: bool,
}

impl PolicyArguments {
    fn policies(&self) -> Policies {
        Policies {
            user_policy_set: (!self.policy.is_empty()).then(|| self.policy.clone()),
            explicit_policy: self.explicit_policy,
            policy_mapping_inhibit: self.inhibit_policy_mapping,
            any_policy_inhibit: self.inhibit_any_policy,
        }
    }
}

/// Verifies one chain, or many.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    if let Some(file) = &arguments.batch {
        return batch::run(file);
    }
    let case = case(arguments)?;
    let explanation = case.explain();
    if json {
        show::json(&case, &explanation);
    } else {
        show::tree(&case, &explanation);
        if explanation.result.is_ok() && arguments.name.is_empty() {
            show::note("no name was asked for (--name): whose certificate it is was not checked");
        }
    }
    let Err(error) = explanation.result else {
        return Ok(());
    };
    let failure = Failure::failed(format!("rejected ({}): {error}", case.code(&error)));
    Err(match advice::for_certificate(&error.kind) {
        Some(remedy) => failure.hint(remedy),
        None => failure,
    })
}

fn case(arguments: &Arguments) -> Result<Case, Failure> {
    let mut chain = match &arguments.chain {
        Some(file) => files::certificates(file, "CHAIN")?.into_iter(),
        None => Vec::new().into_iter(),
    };
    let end_entity = chain.next().ok_or_else(|| Failure::misuse("no chain was given"))?;
    let mut intermediates: Vec<_> = chain.collect();
    for file in &arguments.intermediates {
        intermediates.extend(files::certificates(file, "--intermediates")?);
    }
    Ok(Case {
        end_entity,
        intermediates,
        anchors: anchors(arguments)?,
        evidence: evidence(arguments)?,
        names: arguments.name.clone(),
        time: arguments.time.unwrap_or_else(UnixTime::now),
        purpose: arguments.purpose,
        profile: arguments.profile,
        policies: arguments.policies.policies(),
        anchor_dates: arguments.anchor_dates,
        max_depth: arguments.max_depth,
    })
}

/// The anchors of all files, or of the system. There is a warning for a malformed certificate, as it may
/// be the reason of the result.
fn anchors(arguments: &Arguments) -> Result<LoadedAnchors, Failure> {
    let mut anchors = LoadedAnchors::default();
    if arguments.ca.is_empty() {
        anchors.anchors = files::system_anchors()?;
    }
    for file in &arguments.ca {
        files::add_bundle(&mut anchors, file, "--ca", files::warn)?;
    }
    match anchors.skipped.first() {
        Some(error @ TrustAnchorError::Pem(_)) if anchors.anchors.is_empty() => {
            Err(Failure::misuse(format!("--ca: {error}")))
        }
        _ => Ok(anchors),
    }
}

fn evidence(arguments: &Arguments) -> Result<Evidence, Failure> {
    let mut evidence = Evidence { mode: arguments.revocation, ..Evidence::default() };
    for file in &arguments.crl {
        let contents = files::read(file, "--crl")?;
        let crls = if files::is_der(&contents) {
            CertificateRevocationList::from_der(&contents).map(|crl| vec![crl])
        } else {
            CertificateRevocationList::from_pem(&contents)
        };
        match crls {
            Err(error @ (CrlError::Pem(_) | CrlError::NoCrl)) => {
                let problem = format!("--crl {}: {error}", printable_path(file));
                return Err(Failure::misuse(problem)
                    .hint("it must be a CRL in DER, or PEM: -----BEGIN X509 CRL-----"));
            }
            crls => evidence.add(crls),
        }
    }
    if let Some(file) = &arguments.ocsp {
        evidence.ocsp = Some(files::read(file, "--ocsp")?.to_vec());
    }
    Ok(evidence)
}
