//! Validates a chain in a PEM file, and explains the result.
//!
//! ```sh
//! cargo run -p handclasp-x509 --example verify -- chain.pem roots.pem www.example.com [crls.pem]
//! ```
//!
//! The chain has the certificate of the server first. The exit status is 0 if it is valid.

use std::error::Error;
use std::process::ExitCode;

use handclasp_x509::{
    CertificateRevocationList, ChainRequest, Purpose, TrustAnchors, explain_chain, pem,
};
use pki_types::{ServerName, UnixTime};

fn main() -> ExitCode {
    match verify() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn verify() -> Result<bool, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [chain, roots, name, crls @ ..] = arguments.as_slice() else {
        return Err("usage: verify CHAIN ROOTS NAME [CRLS...]".into());
    };
    let chain = pem::certificates(&std::fs::read(chain)?)?;
    let Some((end_entity, intermediates)) = chain.split_first() else {
        return Err("the chain is empty".into());
    };
    let loaded = TrustAnchors::from_bundle(&std::fs::read(roots)?);
    for skipped in &loaded.skipped {
        eprintln!("warning: {skipped}");
    }
    let mut revocation_lists = Vec::new();
    for path in crls {
        revocation_lists.extend(CertificateRevocationList::from_pem(&std::fs::read(path)?)?);
    }
    let name = ServerName::try_from(name.as_str())?;
    let names = [name.into()];
    let mut request = ChainRequest::new(
        end_entity,
        intermediates,
        &loaded.anchors,
        Purpose::Server,
        &names,
        UnixTime::now(),
        webpki::ALL_VERIFICATION_ALGS,
    );
    request.revocation.crls = &revocation_lists;
    let explanation = explain_chain(&request);
    println!("{explanation}");
    if let Err(error) = &explanation.result {
        if let Some(remedy) = error.kind.remedy() {
            println!("remedy: {remedy}");
        }
    }
    Ok(explanation.result.is_ok())
}
