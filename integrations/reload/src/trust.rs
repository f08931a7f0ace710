//! Trust anchors and CRLs, from files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use handclasp::Reply;
use handclasp::certificate::{
    CertificateError, CertificateRevocationList, Purpose, Timestamp, TrustAnchorError, TrustAnchors,
};
use handclasp::pem::printable_path;
use handclasp::pki_types::UnixTime;
use handclasp::verify::{PeerIdentity, PeerVerifier, TrustAnchorVerifier};

use crate::crls::{CrlFile, Issuers};
use crate::in_use::InUse;
use crate::part::{Loaded, Look, Part, Text, text_of};
use crate::reloader::{Reloader, Source};
use crate::{ReloadError, Status, Warning};

type VerifierOptions = dyn Fn(TrustAnchorVerifier) -> TrustAnchorVerifier + Send + Sync;

/// The files of a verifier: see [`Reloader::client_verifier`](crate::Reloader::client_verifier).
#[derive(Clone)]
pub struct TrustFiles {
    anchors: PathBuf,
    crls: Vec<PathBuf>,
    crl_issuers: Option<PathBuf>,
    options: Arc<VerifierOptions>,
}

impl TrustFiles {
    /// Trusts the certificates in this file, in PEM. Each of them must be usable.
    pub fn new(anchors: impl Into<PathBuf>) -> Self {
        let anchors = anchors.into();
        Self {
            anchors,
            crls: Vec::new(),
            crl_issuers: None,
            options: Arc::new(|verifier| verifier),
        }
    }

    /// Uses the CRLs in these files, in PEM. Each file has one or several, and is replaced by itself: a bad one
    /// delays no other.
    ///
    /// A CRL that a file does not have any more stays in use, with a [`Warning::MissingCrl`], as long as the
    /// verifier is used: a file that was cut, or is of another authority, must not let revoked certificates in. One
    /// CRL of each file at least must be of an issuer that is known: a trust anchor, or one of
    /// [`crl_issuers`](Self::crl_issuers).
    ///
    /// **When a CRL is outdated, the verifier refuses the certificates of its issuer.** Fetch a new one early
    /// enough; [`Status::expires`] says until when there is time.
    pub fn crls<P: Into<PathBuf>>(mut self, files: impl IntoIterator<Item = P>) -> Self {
        self.crls = files.into_iter().map(Into::into).collect();
        self
    }

    /// Also verifies the signatures of new CRLs with the certificates in this file, in PEM: those of intermediates,
    /// and those that authorities have for CRLs alone. They are not trusted for anything else.
    ///
    /// Without it, a CRL of an intermediate is loaded only from a file that also has one of a trust anchor, with a
    /// warning. Its signature is verified with the certificates that peers send then. If it is not valid, their
    /// certificates are refused.
    pub fn crl_issuers(mut self, certificates: impl Into<PathBuf>) -> Self {
        self.crl_issuers = Some(certificates.into());
        self
    }

    /// Sets options of each verifier that is made of the files, such as
    /// [`with_profile`](TrustAnchorVerifier::with_profile) or
    /// [`with_revocation`](TrustAnchorVerifier::with_revocation). By default there are none.
    pub fn options(
        mut self,
        options: impl Fn(TrustAnchorVerifier) -> TrustAnchorVerifier + Send + Sync + 'static,
    ) -> Self {
        self.options = Arc::new(options);
        self
    }
}

impl fmt::Debug for TrustFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustFiles")
            .field("anchors", &self.anchors)
            .field("crls", &self.crls)
            .field("crl_issuers", &self.crl_issuers)
            .finish_non_exhaustive()
    }
}

/// A verifier whose trust anchors and CRLs are read again when their files change.
///
/// [`Reloader::client_verifier`](crate::Reloader::client_verifier) and
/// [`Reloader::server_verifier`](crate::Reloader::server_verifier) make it. A change counts for each handshake that
/// comes after it, and for each session: the verifier is asked again before a session is resumed.
#[derive(Debug)]
pub struct ReloadingVerifier {
    in_use: InUse<TrustAnchorVerifier>,
    /// Locked for as long as the files are read.
    trust: Mutex<Trust>,
    files: TrustFiles,
    purpose: Purpose,
    /// The files are watched as long as this is there.
    reloader: Reloader,
}

#[derive(Debug)]
struct Trust {
    anchors: Part<Anchors>,
    crl_issuers: Option<Part<Anchors>>,
    crls: Vec<Part<CrlFile>>,
}

impl ReloadingVerifier {
    pub(crate) fn new(
        reloader: Reloader,
        files: TrustFiles,
        purpose: Purpose,
        look: &mut Look,
    ) -> Result<Self, ReloadError> {
        let anchors = Anchors::part(&files.anchors, look)?;
        let crl_issuers = match &files.crl_issuers {
            Some(file) => Some(Anchors::part(file, look)?),
            None => None,
        };
        let mut trust = Trust { anchors, crl_issuers, crls: Vec::new() };
        for file in &files.crls {
            let (now, issuers) = (look.now, trust.issuers(&reloader));
            let part = Part::new(vec![file.clone()], look, |texts| {
                CrlFile::load(file, texts, &issuers, now)
            })?;
            trust.crls.push(part);
        }
        let in_use = InUse::new(trust.verifier(purpose, &files, &reloader), trust.status());
        Ok(Self { in_use, trust: Mutex::new(trust), files, purpose, reloader })
    }

    /// The verifier that is in use now.
    pub fn current(&self) -> Arc<TrustAnchorVerifier> {
        self.in_use.value()
    }

    /// What is in use of each file: first the trust anchors, then the issuers of CRLs if there is such a file,
    /// then the CRLs. It does not wait for files.
    pub fn status(&self) -> Vec<Status> {
        self.in_use.status()
    }
}

impl Trust {
    fn status(&self) -> Vec<Status> {
        let mut status = vec![self.anchors.status().clone()];
        status.extend(self.crl_issuers.iter().map(|part| part.status().clone()));
        status.extend(self.crls.iter().map(|part| part.status().clone()));
        status
    }

    fn issuers(&self, reloader: &Reloader) -> Issuers {
        let mut known = vec![self.anchors.value().0.clone()];
        known.extend(self.crl_issuers.iter().map(|part| part.value().0.clone()));
        Issuers { known, signatures: reloader.crypto().signatures.clone() }
    }

    fn verifier(
        &self,
        purpose: Purpose,
        files: &TrustFiles,
        reloader: &Reloader,
    ) -> TrustAnchorVerifier {
        let anchors = self.anchors.value().0.clone();
        let signatures = reloader.crypto().signatures.clone();
        let verifier = match purpose {
            Purpose::Client => TrustAnchorVerifier::for_clients(anchors, signatures),
            _ => TrustAnchorVerifier::new(anchors, signatures),
        };
        let crls: Vec<CertificateRevocationList> =
            self.crls.iter().flat_map(|part| part.value().crls()).cloned().collect();
        (files.options)(verifier.with_crls(crls))
    }
}

impl Source for ReloadingVerifier {
    fn paths(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.files.anchors.clone()];
        paths.extend(self.files.crl_issuers.clone());
        paths.extend(self.files.crls.clone());
        paths
    }

    fn refresh(&self, look: &mut Look) {
        let mut trust = self.trust.lock().unwrap_or_else(PoisonError::into_inner);
        let now = look.now;
        let mut is_new = Anchors::refresh(&mut trust.anchors, &self.files.anchors, look);
        if let (Some(part), Some(file)) = (&mut trust.crl_issuers, &self.files.crl_issuers) {
            // They are only needed for the next CRLs.
            Anchors::refresh(part, file, look);
        }
        let issuers = trust.issuers(&self.reloader);
        for (file, part) in self.files.crls.iter().zip(&mut trust.crls) {
            is_new |= part.refresh(look, |texts, before| {
                CrlFile::load(file, texts, &issuers, now)?.after(before, file, now)
            });
        }
        if is_new {
            self.in_use.replace(trust.verifier(self.purpose, &self.files, &self.reloader));
        }
        self.in_use.set_status(trust.status());
    }
}

impl PeerVerifier for ReloadingVerifier {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        self.current().verify(peer)
    }

    fn trusted_names(&self) -> Vec<String> {
        self.current().trusted_names()
    }

    fn authorities(&self) -> Vec<Vec<u8>> {
        self.current().authorities()
    }
}

/// The trust anchors of a file.
#[derive(Debug)]
struct Anchors(TrustAnchors);

impl Anchors {
    fn part(file: &Path, look: &mut Look) -> Result<Part<Self>, ReloadError> {
        Part::new(vec![file.to_owned()], look, |texts| Self::load(file, texts))
    }

    fn refresh(part: &mut Part<Self>, file: &Path, look: &mut Look) -> bool {
        part.refresh(look, |texts, _| Self::load(file, texts))
    }

    fn load(file: &Path, texts: &[Text]) -> Result<Self, ReloadError> {
        let failed =
            |error: TrustAnchorError| ReloadError::Anchors { file: printable_path(file), error };
        TrustAnchors::from_pem(text_of(texts, 0)).map(Self).map_err(failed)
    }
}

impl Loaded for Anchors {
    fn describe(&self) -> String {
        match self.0.len() {
            1 => "one trust anchor".to_owned(),
            count => format!("{count} trust anchors"),
        }
    }

    fn expires(&self) -> Option<Timestamp> {
        None
    }

    fn warnings(&self, _: UnixTime) -> Vec<Warning> {
        Vec::new()
    }
}
