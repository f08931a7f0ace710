//! Files that are loaded together.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use handclasp::certificate::Timestamp;
use handclasp::pem::printable_path;
use handclasp::pki_types::UnixTime;
use handclasp::zeroize::Zeroizing;

use crate::status::Failure;
use crate::{Event, ReloadError, Status, Warning};

/// The content of a file. It may be a private key.
pub(crate) type Text = Zeroizing<Vec<u8>>;

type Digest = [u8; 32];

/// One look at all files.
pub(crate) struct Look {
    pub(crate) now: UnixTime,
    pub(crate) sha256: fn(&[u8]) -> Digest,
    /// Whether changed contents are loaded at once. If not, they are loaded when two looks in a row have found
    /// the same: a program may be writing them.
    pub(crate) at_once: bool,
    /// Whether contents have changed, and were not loaded yet.
    pub(crate) is_unsettled: bool,
    pub(crate) events: Vec<Event>,
}

/// What was loaded from files.
pub(crate) trait Loaded {
    /// In words, for a log.
    fn describe(&self) -> String;
    /// The last second in which it can be used.
    fn expires(&self) -> Option<Timestamp>;
    /// Changes what depends on the time. Returns whether it has changed something.
    fn update(&mut self, _now: UnixTime) -> bool {
        false
    }
    /// What is wrong with it now.
    fn warnings(&self, now: UnixTime) -> Vec<Warning>;
}

/// Files that are loaded together, and what was loaded from them.
#[derive(Debug)]
pub(crate) struct Part<T> {
    paths: Vec<PathBuf>,
    value: T,
    /// Of the contents that are loaded.
    digest: Digest,
    /// Of other contents that the last look has found.
    seen: Option<Digest>,
    status: Status,
}

impl<T: Loaded> Part<T> {
    /// Loads the files for the first time.
    pub(crate) fn new(
        paths: Vec<PathBuf>,
        look: &mut Look,
        load: impl FnOnce(&[Text]) -> Result<T, ReloadError>,
    ) -> Result<Self, ReloadError> {
        let texts = read_all(&paths)?;
        let value = load(&texts)?;
        let names = paths.iter().map(|path| printable_path(path));
        let status = Status {
            files: names.collect::<Vec<_>>().join(", "),
            contents: value.describe(),
            loaded_at: look.now,
            checked_at: look.now,
            expires: value.expires(),
            failure: None,
            warnings: Vec::new(),
        };
        let digest = digest_of(&texts, look.sha256);
        let mut part = Self { paths, value, digest, seen: None, status };
        part.report_loaded(look);
        part.check(look);
        Ok(part)
    }

    pub(crate) fn value(&self) -> &T {
        &self.value
    }

    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    /// Looks at the files, and loads them if they have changed. Returns whether the value is another one now.
    pub(crate) fn refresh(
        &mut self,
        look: &mut Look,
        load: impl FnOnce(&[Text], &T) -> Result<T, ReloadError>,
    ) -> bool {
        let is_new = self.load_changed(look, load);
        let is_updated = self.value.update(look.now);
        if is_updated {
            self.status.contents = self.value.describe();
        }
        self.status.checked_at = look.now;
        self.check(look);
        is_new || is_updated
    }

    fn load_changed(
        &mut self,
        look: &mut Look,
        load: impl FnOnce(&[Text], &T) -> Result<T, ReloadError>,
    ) -> bool {
        let texts = read_all(&self.paths);
        let digest = match &texts {
            Ok(texts) => digest_of(texts, look.sha256),
            Err(error) => (look.sha256)(error.to_string().as_bytes()),
        };
        if digest == self.digest {
            self.seen = None;
            if self.status.failure.take().is_some() {
                look.events.push(Event::Recovered { files: self.status.files.clone() });
            }
            return false;
        }
        let is_settled = look.at_once || self.seen == Some(digest);
        self.seen = Some(digest);
        if !is_settled {
            look.is_unsettled = true;
            return false;
        }
        match texts.and_then(|texts| load(&texts, &self.value)) {
            Ok(value) => {
                self.digest = digest;
                self.seen = None;
                self.replace(value, look);
                true
            }
            Err(error) if error.is_over_soon(look.now) => {
                look.is_unsettled = true;
                false
            }
            Err(error) => {
                self.keep(error, look);
                false
            }
        }
    }

    fn replace(&mut self, value: T, look: &mut Look) {
        self.status.contents = value.describe();
        self.status.loaded_at = look.now;
        self.status.expires = value.expires();
        self.status.failure = None;
        self.value = value;
        self.report_loaded(look);
    }

    fn report_loaded(&self, look: &mut Look) {
        let Status { files, contents, expires, .. } = self.status.clone();
        look.events.push(Event::Loaded { files, contents, expires });
    }

    /// The old value stays. The same error is reported only once.
    fn keep(&mut self, error: ReloadError, look: &mut Look) {
        if self.status.failure.as_ref().is_some_and(|failure| failure.error == error) {
            return;
        }
        self.status.failure = Some(Failure { since: look.now, error: error.clone() });
        look.events.push(Event::Kept { files: self.status.files.clone(), error });
    }

    /// Reports each new warning about the value, and the end of each that was reported before.
    fn check(&mut self, look: &mut Look) {
        let warnings = self.value.warnings(look.now);
        let before = std::mem::take(&mut self.status.warnings);
        let files = &self.status.files;
        for warning in missing_in(&before, &warnings) {
            look.events.push(Event::Warning { files: files.clone(), warning: warning.clone() });
        }
        for warning in missing_in(&warnings, &before) {
            look.events
                .push(Event::WarningEnded { files: files.clone(), warning: warning.clone() });
        }
        self.status.warnings = warnings;
    }
}

/// Those of `warnings` that are not among the others, in their order. A file of CRLs may have many.
fn missing_in<'a>(others: &[Warning], warnings: &'a [Warning]) -> Vec<&'a Warning> {
    let others: HashSet<&Warning> = others.iter().collect();
    warnings.iter().filter(|warning| !others.contains(warning)).collect()
}

/// The content of a file by its number. Empty if there is no such file.
pub(crate) fn text_of(texts: &[Text], number: usize) -> &[u8] {
    texts.get(number).map_or(&[], |text| text.as_slice())
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<Text>, ReloadError> {
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Text, ReloadError> {
    read_regular_file(path).map_err(|error| {
        let file = printable_path(path);
        ReloadError::Unreadable { file, reason: error.to_string() }
    })
}

/// Other files could block, or never end.
fn read_regular_file(path: &Path) -> io::Result<Text> {
    let mut file = open(path)?;
    // Of what was opened: there may be another file of this name now.
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    // With room for all, so that no part of a key is left where the text was before.
    let room = usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1);
    let mut text = Zeroizing::new(Vec::new());
    text.try_reserve(room)?;
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// Does not wait for a writer if it is a FIFO.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

/// The digest of all contents. Those of two files cannot be taken for one another.
fn digest_of(texts: &[Text], sha256: fn(&[u8]) -> Digest) -> Digest {
    let digests: Vec<Digest> = texts.iter().map(|text| sha256(text)).collect();
    sha256(digests.as_flattened())
}
