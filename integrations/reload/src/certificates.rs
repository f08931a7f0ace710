//! Certificates with their keys, from files.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use handclasp::Reply;
use handclasp::credential::{
    CertificateList, CertificateResolver, CertifiedKey, ClientCertificateResolver, NoCertificate,
};
use handclasp::crypto::CryptoProvider;
use handclasp::registry::{CertificateType, SignatureScheme};
use handclasp::wire::{CertificateRequest, ClientHello};

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
}

/// Certificates with their keys that are read again when their files change. It chooses as a [`CertificateList`]
/// of them does, for servers and for clients.
///
/// [`Reloader::certificates`](crate::Reloader::certificates) makes it. Handshakes that have begun keep the
/// certificate that they have chosen. Each pair is replaced by itself: a bad one delays no other.
#[derive(Debug)]
pub struct ReloadingCertificates {
    current: RwLock<Arc<CertificateList>>,
    /// Locked for as long as the files are read.
    pairs: Mutex<Vec<Pair>>,
    status: Mutex<Vec<Status>>,
    paths: Vec<PathBuf>,
    only_known_names: bool,
    crypto: Arc<CryptoProvider>,
    /// The files are watched as long as this is there.
    _reloader: Reloader,
}

#[derive(Debug)]
struct Pair {
    files: KeyFiles,
    part: Part<KeyPair>,
}

impl ReloadingCertificates {
    pub(crate) fn new(
        reloader: Reloader,
        files: CertificateFiles,
        look: &mut Look,
    ) -> Result<Self, ReloadError> {
        let crypto = Arc::clone(reloader.crypto());
        let mut pairs = Vec::new();
        for files in files.pairs {
            let (now, paths) = (look.now, files.paths());
            let part = Part::new(paths, look, |texts| files.load(texts, now, &crypto))?;
            pairs.push(Pair { files, part });
        }
        let only_known_names = files.only_known_names;
        let current = RwLock::new(Arc::new(list_of(&pairs, only_known_names)));
        let status = Mutex::new(status_of(&pairs));
        let paths = pairs.iter().flat_map(|pair| pair.files.paths()).collect();
        let pairs = Mutex::new(pairs);
        Ok(Self { current, pairs, status, paths, only_known_names, crypto, _reloader: reloader })
    }

    /// The certificates that are in use now.
    pub fn current(&self) -> Arc<CertificateList> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is in use of each pair, in the order of [`CertificateFiles::new`]. It does not wait for files.
    pub fn status(&self) -> Vec<Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn status_of(pairs: &[Pair]) -> Vec<Status> {
    pairs.iter().map(|pair| pair.part.status().clone()).collect()
}

fn list_of(pairs: &[Pair], only_known_names: bool) -> CertificateList {
    let keys: Vec<Arc<CertifiedKey>> =
        pairs.iter().map(|pair| Arc::clone(pair.part.value().key())).collect();
    let list = CertificateList::new(keys);
    if only_known_names { list.only_known_names() } else { list }
}

impl Source for ReloadingCertificates {
    fn paths(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }

    fn refresh(&self, look: &mut Look) {
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        let now = look.now;
        let mut is_new = false;
        for Pair { files, part } in pairs.iter_mut() {
            is_new |= part.refresh(look, |texts, before| {
                let loaded = files.load(texts, now, &self.crypto)?;
                loaded.check_may_replace(before, now)?;
                Ok(loaded)
            });
        }
        if is_new {
            let list = Arc::new(list_of(&pairs, self.only_known_names));
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = list;
        }
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status_of(&pairs);
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
