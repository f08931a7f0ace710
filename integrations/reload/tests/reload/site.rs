//! Files, a reloader of them, and what clients get.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use handclasp::pki_types::{CertificateDer, ServerName};
use handclasp::transport::memory::exchange;
use handclasp::{
    ClientConfig, ClientConnection, CryptoProvider, Error, ServerConfig, ServerConnection,
    TrustAnchors,
};
use handclasp_reload::{
    CertificateFiles, Event, KeyFiles, Reloader, ReloaderBuilder, ReloadingCertificates, handclasp,
};
use handclasp_testing::Identity;
use handclasp_testing::der::pem_text;
use handclasp_testing::process::{Folder, PATIENCE};

/// The events of a reloader.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    /// A reloader that reports here, and finds nothing by polling.
    pub fn reloader(&self) -> Reloader {
        self.builder().start().unwrap()
    }

    pub fn builder(&self) -> ReloaderBuilder {
        let events = Arc::clone(&self.0);
        Reloader::builder(CryptoProvider::default())
            .poll_interval(Duration::from_secs(3600))
            .settle_time(Duration::from_millis(20))
            .on_event(move |event| events.lock().unwrap().push(event.clone()))
    }

    pub fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    pub fn words(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(ToString::to_string).collect()
    }

    /// Whether an event has these words.
    pub fn contain(&self, words: &str) -> bool {
        self.words().iter().any(|event| event.contains(words))
    }

    /// The thread may have found a change before, and report it a moment later.
    pub fn wait_for(&self, words: &str) {
        wait_until(words, || self.contain(words));
    }
}

pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not come: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

pub fn chain_pem(identity: &Identity) -> String {
    identity.chain.iter().map(|der| pem_text("CERTIFICATE", der)).collect()
}

pub fn key_pem(identity: &Identity) -> String {
    pem_text("PRIVATE KEY", identity.key.secret_der())
}

/// Writes a file that only its owner can read.
pub fn write_secret(path: &str, content: &str) {
    std::fs::write(path, content).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// A folder with `chain.pem` and `key.pem`.
pub struct Site {
    pub chain: String,
    pub key: String,
    /// It goes with this.
    _folder: Folder,
}

impl Site {
    pub fn new(identity: &Identity) -> Self {
        let folder = Folder::new();
        let (chain, key) = (folder.path("chain.pem"), folder.path("key.pem"));
        let site = Self { chain, key, _folder: folder };
        site.write(identity);
        site
    }

    /// Writes both files in place.
    pub fn write(&self, identity: &Identity) {
        std::fs::write(&self.chain, chain_pem(identity)).unwrap();
        write_secret(&self.key, &key_pem(identity));
    }

    pub fn files(&self) -> KeyFiles {
        KeyFiles::new(&self.chain, &self.key)
    }

    pub fn certificates(&self, reloader: &Reloader) -> Arc<ReloadingCertificates> {
        reloader.certificates(CertificateFiles::new([self.files()])).unwrap()
    }
}

/// Clients that trust these identities connect to a server with these certificates.
pub struct Clients {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Clients {
    pub fn new(certificates: &Arc<ReloadingCertificates>, identities: &[&Identity]) -> Self {
        let mut anchors = TrustAnchors::new();
        for identity in identities {
            anchors.add(identity.anchor.clone()).unwrap();
        }
        let client = Arc::new(ClientConfig::new(anchors).unwrap());
        let server = ServerConfig::builder(CryptoProvider::default());
        Self { client, server: Arc::new(server.build(certificates.clone()).unwrap()) }
    }

    /// The server's certificate in a handshake for this name.
    pub fn connect(&self, name: &str) -> Result<CertificateDer<'static>, Error> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(self.client.clone(), name);
        let mut server = ServerConnection::new(self.server.clone());
        exchange(&mut client, &mut server)?;
        let chain = client.parameters().certificates.clone().unwrap();
        Ok(chain[0].clone())
    }

    /// Whether a client gets the certificate of this identity.
    pub fn get(&self, identity: &Identity) -> bool {
        let name = handclasp_testing::NAME;
        self.connect(name).unwrap() == identity.chain[0]
    }
}
