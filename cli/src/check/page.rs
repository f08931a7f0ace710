//! Findings as a page for a browser: one file, which loads nothing from elsewhere.

use std::path::Path;

use askama::Template;
use handclasp::crypto::CryptoProvider;
use handclasp::pem::printable_path;
use handclasp_explain::page;

use super::findings::Findings;
use crate::failure::Failure;

#[derive(Template)]
#[template(path = "check.html")]
struct Page<'f> {
    policy: String,
    style: &'static str,
    version: &'static str,
    findings: &'f Findings,
}

/// Writes the page.
///
/// # Errors
/// When the file cannot be written.
pub fn write(file: &Path, findings: &Findings) -> Result<(), Failure> {
    let page = Page {
        policy: page::style_policy(&CryptoProvider::default()),
        style: page::STYLE,
        version: env!("CARGO_PKG_VERSION"),
        findings,
    };
    let html = page.render().map_err(|error| Failure::failed(error.to_string()))?;
    std::fs::write(file, html).map_err(|error| {
        Failure::misuse(format!("--html {} cannot be written: {error}", printable_path(file)))
    })
}
