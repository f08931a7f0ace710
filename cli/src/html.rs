//! `--html FILE`: the account of a connection as a page.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use handclasp::crypto::CryptoProvider;
use handclasp::pem::printable_path;
use handclasp_explain::{Account, Recorder, page};

use crate::failure::Failure;

/// The options of a page.
#[derive(clap::Args, Default)]
pub struct HtmlArguments {
    /// Write an account of the handshake to this file: a page for a browser, with each message, field and
    /// byte
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the secrets of the connection into the page, too. Its readers can decrypt what was recorded
    #[arg(long, requires = "html")]
    show_secrets: bool,
}

impl HtmlArguments {
    /// Whether a page is wanted.
    pub fn is_wanted(&self) -> bool {
        self.html.is_some()
    }

    /// Whether recorders are to keep secrets.
    pub fn shows_secrets(&self) -> bool {
        self.show_secrets
    }

    /// Writes what was recorded so far, if a page is wanted. `failure` ended the connection.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, recorder: &Recorder, failure: Option<&Failure>) -> Result<(), Failure> {
        match &self.html {
            Some(_) => self.write_account(&recorder.account(), failure),
            None => Ok(()),
        }
    }

    /// Writes the page of this account, if a page is wanted. `failure` ended its last connection.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_account(
        &self,
        account: &Account,
        failure: Option<&Failure>,
    ) -> Result<(), Failure> {
        match &self.html {
            Some(file) => write(file, account, failure),
            None => Ok(()),
        }
    }
}

/// Writes the page of an account. `failure` ended the connection.
///
/// # Errors
/// The file cannot be written.
pub fn write(file: &Path, account: &Account, failure: Option<&Failure>) -> Result<(), Failure> {
    let mut options = page::Options::new(CryptoProvider::default());
    options.failure = failure.map(words);
    let html = page::html(account, &options);
    let has_secrets = account.has_secrets();
    html.and_then(|html| write_file(file, &html, has_secrets)).map_err(|error| {
        Failure::misuse(format!("--html {} cannot be written: {error}", printable_path(file)))
    })
}

/// Writes a file. On Unix, one with secrets is readable by its owner only, even if it was there before.
fn write_file(file: &Path, html: &str, has_secrets: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if has_secrets {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut opened = options.open(file)?;
    #[cfg(unix)]
    if has_secrets && opened.metadata()?.is_file() {
        opened.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    opened.write_all(html.as_bytes())
}

/// Why the connection failed. The hint has the remedies, with the options of the program.
fn words(failure: &Failure) -> page::Failure {
    let mut words = match &failure.diagnosis {
        Some(diagnosis) => page::Failure::from(diagnosis.as_ref()),
        None => page::Failure::new(failure.message.clone()),
    };
    if !failure.hints.is_empty() {
        words.remedies.clone_from(&failure.hints);
    }
    words
}
