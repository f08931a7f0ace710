//! The page: one file with its scripts, its style and the decoder in it.

use std::env;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use askama::Template;
use base64ct::{Base64, Encoding};
use flate2::Compression;
use flate2::write::GzEncoder;
use handclasp_explain::page::{SCRIPT, STYLE};
use serde::Deserialize;

use crate::provider;

const TARGET: &str = "wasm32-wasip1";

const OWN_SCRIPT: &str = include_str!("page/page.js");
const OWN_STYLE: &str = include_str!("page/page.css");
const WORKER: &str = include_str!("page/worker.js");

/// Builds the decoder with cargo, for WebAssembly, and writes the page. Returns its length in bytes.
///
/// # Errors
/// The decoder is not built, or the file cannot be written.
pub fn write_page(file: &Path) -> Result<usize, Box<dyn Error>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&fs::read(build_decoder()?)?)?;
    let page = Page {
        policy: policy(),
        style: STYLE,
        own_style: OWN_STYLE,
        script: SCRIPT,
        own_script: OWN_SCRIPT,
        worker: WORKER,
        decoder: Base64::encode_string(&gzip.finish()?),
        version: env!("CARGO_PKG_VERSION"),
    };
    let page = page.render()?;
    fs::write(file, &page)?;
    Ok(page.len())
}

/// A message of cargo.
#[derive(Deserialize)]
struct BuildMessage {
    /// The program that was built, in the message about it.
    executable: Option<PathBuf>,
}

/// Builds the program that the page runs; its path.
fn build_decoder() -> Result<PathBuf, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--manifest-path", manifest, "--bin", "decoder"]);
    build.args(["--target", TARGET, "--profile", "browser", "--message-format", "json"]);
    let output = build.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the decoder is not built: try rustup target add {TARGET}").into());
    }
    for line in output.stdout.split(|byte| *byte == b'\n') {
        if let Ok(BuildMessage { executable: Some(decoder) }) = serde_json::from_slice(line) {
            return Ok(decoder);
        }
    }
    Err("cargo does not say where the decoder is".into())
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    policy: String,
    style: &'static str,
    own_style: &'static str,
    script: &'static str,
    own_script: &'static str,
    worker: &'static str,
    decoder: String,
    version: &'static str,
}

/// A Content-Security-Policy under which nothing but the page's own scripts runs, and nothing is loaded or
/// sent. The worker is a script of the page, and the decoder in it is WebAssembly.
fn policy() -> String {
    let provider = provider();
    let hash = |text: &str| Base64::encode_string(&provider.sha256.digest(text.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{}' 'sha256-{}' 'wasm-unsafe-eval'; \
         style-src 'sha256-{}' 'sha256-{}'; worker-src blob:; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types handclasp",
        hash(SCRIPT),
        hash(OWN_SCRIPT),
        hash(STYLE),
        hash(OWN_STYLE)
    )
}
