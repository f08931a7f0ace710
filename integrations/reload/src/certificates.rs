//! Certificates with their keys, from files.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use handclasp::Reply;
use handclasp::credential::{
    CertificateList, CertificateResolver, CertifiedKey, ClientCertificateResolver, NoCertificate,
};
use handclasp::registry::{CertificateType, SignatureScheme};
use handclasp::wire::{CertificateRequest, ClientHello};

use crate::in_use::InUse;
use crate::key_pair::{KeyFiles, KeyPair};
use crate::part::{Look, Part};
use crate::reloader::{Reloader, Source};
use crate::{ReloadError, Status};

/// The files of all certificates of a server or a client, for
/// [`Reloader::certificates`](crate::Reloader::certificates).
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    pairs: Vec<KeyFiles>,
    only_known_names: bool,
}

impl CertificateFiles {
    /// Certificates with their keys, the preferred one first. A server chooses among them by the name that the
    /// client requests, also by wildcards: see [`CertificateList`].
    pub fn new(pairs: impl IntoIterator<Item = KeyFiles>) -> Self {
        Self { pairs: pairs.into_iter().collect(), only_known_names: false }
    }

    /// Refuses clients that request a name for which there is no certificate: see
    /// [`CertificateList::only_known_names`].
    pub fn only_known_names(mut self) -> Self {
        self.only_known_names = true;
        self
    }

    /// What was loaded from them.
    fn list_of(&self, parts: &[Part<KeyPair>]) -> CertificateList {
        let keys = parts.iter().map(|part| Arc::clone(part.value().key()));
        let list = CertificateList::new(keys.collect());
        if self.only_known_names { list.only_known_names() } else { list }
    }
}

/// Certificates with their keys that are read again when their files change. It chooses as a [`CertificateList`]
/// of them does, for servers and for clients.
///
/// [`Reloader::certificates`](crate::Reloader::certificates) makes it. Handshakes that have begun keep the
/// certificate that they have chosen. Each pair is replaced by itself: a bad one delays no other.
#[derive(Debug)]
pub struct ReloadingCertificates {
    in_use: InUse<CertificateList>,
    /// One for each pair. Locked for as long as the files are read.
    parts: Mutex<Vec<Part<KeyPair>>>,
    files: CertificateFiles,
    /// The files are watched as long as this is there.
    reloader: Reloader,
}

impl ReloadingCertificates {
    pub(crate) fn new(
        reloader: Reloader,
        files: CertificateFiles,
        look: &mut Look,
    ) -> Result<Self, ReloadError> {
        let mut parts = Vec::new();
        for pair in &files.pairs {
            let now = look.now;
            let part =
                Part::new(pair.paths(), look, |texts| pair.load(texts, now, reloader.crypto()))?;
            parts.push(part);
        }
        let in_use = InUse::new(files.list_of(&parts), status_of(&parts));
        Ok(Self { in_use, parts: Mutex::new(parts), files, reloader })
    }

    /// The certificates that are in use now.
    pub fn current(&self) -> Arc<CertificateList> {
        self.in_use.value()
    }

    /// What is in use of each pair, in the order of [`CertificateFiles::new`]. It does not wait for files.
    pub fn status(&self) -> Vec<Status> {
        self.in_use.status()
    }
}

fn status_of(parts: &[Part<KeyPair>]) -> Vec<Status> {
    parts.iter().map(|part| part.status().clone()).collect()
}

impl Source for ReloadingCertificates {
    fn paths(&self) -> Vec<PathBuf> {
        self.files.pairs.iter().flat_map(KeyFiles::paths).collect()
    }

    fn refresh(&self, look: &mut Look) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let now = look.now;
        let mut is_new = false;
        for (pair, part) in self.files.pairs.iter().zip(parts.iter_mut()) {
            is_new |= part.refresh(look, |texts, before| {
                let loaded = pair.load(texts, now, self.reloader.crypto())?;
                loaded.check_may_replace(before, now)?;
                Ok(loaded)
            });
        }
        if is_new {
            self.in_use.replace(self.files.list_of(&parts));
        }
        self.in_use.set_status(status_of(&parts));
    }
}

impl CertificateResolver for ReloadingCertificates {
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        self.current().resolve(hello)
    }

    fn serves(&self, server_name: Option<&str>) -> bool {
        self.current().serves(server_name)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.current().schemes()
    }
}

impl ClientCertificateResolver for ReloadingCertificates {
    fn choose(
        &self,
        request: &CertificateRequest<'_>,
        certificate_type: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        self.current().choose(request, certificate_type)
    }
}
