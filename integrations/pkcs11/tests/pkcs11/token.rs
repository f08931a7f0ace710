//! A token of SoftHSM in a folder of its own, and an authority for certificates of its keys.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use handclasp_pkcs11::handclasp::pki_types::CertificateDer;
use handclasp_pkcs11::handclasp::{TrustAnchors, pem};
use handclasp_pkcs11::{Options, Pkcs11Uri, TokenKey};
use handclasp_testing::process::{Folder, available};

/// Debian's.
pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
pub const PIN: &str = "1234";
/// The folder of the token, in the environment of a test's own process.
const FOLDER: &str = "HANDCLASP_TEST_TOKEN";

pub struct TestToken {
    folder: String,
    numbers: AtomicU8,
}

/// A key that was imported into the token, and its certificate.
pub struct Key {
    pub label: String,
    pub certificate: String,
    pub chain: Vec<CertificateDer<'static>>,
}

/// Runs a test with a token of its own. SoftHSM reads its configuration from the environment, so the test runs itself
/// again in a process with another one. `name` is its path in this binary.
pub fn with_token(name: &str, test: impl FnOnce(&TestToken)) {
    if let Ok(folder) = std::env::var(FOLDER) {
        return test(&TestToken { folder, numbers: AtomicU8::new(1) });
    }
    if !available("softhsm2-util", "--version", |version| version.starts_with("2.")) {
        return;
    }
    let folder = Folder::new();
    let tokens = folder.path("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let settings = format!("directories.tokendir = {tokens}\nlog.level = ERROR\n");
    let settings = folder.file("softhsm2.conf", settings);
    let executable = std::env::current_exe().unwrap();
    let mut again = Command::new(executable);
    again.args(["--exact", name, "--nocapture"]).env("SOFTHSM2_CONF", settings);
    let output = again.env(FOLDER, folder.path("")).stderr(Stdio::inherit()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && words.contains("1 passed"), "{words}");
}

impl TestToken {
    pub fn path(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    /// Makes a token with this label.
    pub fn init(&self, label: &str) {
        let pins = ["--pin", PIN, "--so-pin", "5678"];
        run("softhsm2-util", &[&["--init-token", "--free", "--label", label], &pins[..]].concat());
    }

    /// Makes the token `web` and an authority.
    pub fn set_up(&self) {
        self.init("web");
        let [key, certificate] = ["ca.key", "ca.pem"].map(|name| self.path(name));
        let made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let rest = ["-nodes", "-subj", "/CN=Authority", "-keyout", &key, "-out", &certificate];
        run("openssl", &[&made[..], &rest].concat());
        let extensions = "subjectAltName=DNS:server.example\nbasicConstraints=CA:FALSE\n";
        std::fs::write(self.path("extensions"), extensions).unwrap();
    }

    /// Makes a key with these arguments of `openssl genpkey` and its certificate, and imports the key.
    pub fn import(&self, label: &str, genpkey: &[&str]) -> Key {
        let key = self.certified(label, genpkey);
        let id = format!("{:02x}", self.numbers.fetch_add(1, Ordering::Relaxed));
        let file = self.path(&format!("{label}.key"));
        // SoftHSM's program does not read the identifier of RSA-PSS: on the token, it is an RSA key as any other.
        let rsa = self.path("rsa.key");
        let is_pss = genpkey.contains(&"RSA-PSS");
        if is_pss {
            std::fs::write(&rsa, as_rsa_key(&std::fs::read(&file).unwrap())).unwrap();
        }
        let file = if is_pss { rsa } else { file };
        let names = ["--token", "web", "--label", label, "--id", &id, "--pin", PIN];
        run("softhsm2-util", &[&["--import", &file], &names[..]].concat());
        key
    }

    /// Makes a key and its certificate, in files.
    pub fn certified(&self, label: &str, genpkey: &[&str]) -> Key {
        let path = |end: &str| self.path(&format!("{label}.{end}"));
        let (key, request, certificate) = (path("key"), path("csr"), path("pem"));
        run("openssl", &[&["genpkey", "-quiet", "-out", &key, "-algorithm"], genpkey].concat());
        run("openssl", &["req", "-new", "-key", &key, "-subj", "/CN=a key", "-out", &request]);
        let authority = (self.path("ca.pem"), self.path("ca.key"), self.path("extensions"));
        let issue = ["x509", "-req", "-set_serial", "7", "-days", "30", "-in", &request];
        let by = ["-CA", &authority.0, "-CAkey", &authority.1, "-extfile", &authority.2];
        run("openssl", &[&issue[..], &by, &["-out", &certificate]].concat());
        let chain = pem::certificates(&std::fs::read(&certificate).unwrap()).unwrap();
        Key { label: label.to_owned(), certificate, chain }
    }

    /// Makes an RSA key and its certificate, and stores the key so that it wants its PIN for each signature.
    pub fn always_authenticated(&self, label: &str) -> Key {
        let key = self.certified(label, &["RSA"]);
        let file = self.path(&format!("{label}.key"));
        self.store(&file, label, &["--type", "privkey", "--always-auth"]);
        key
    }

    /// Stores a file as an object of the token `web`, with these arguments of `pkcs11-tool`.
    pub fn store(&self, file: &str, label: &str, arguments: &[&str]) {
        let object = ["--write-object", file, "--label", label];
        let of_token = ["--module", MODULE, "--token-label", "web", "--login", "--pin", PIN];
        run("pkcs11-tool", &[&of_token[..], &object, arguments].concat());
    }

    /// The EC key on P-256 of most tests.
    pub fn p256(&self, label: &str) -> Key {
        self.import(label, &P256)
    }

    pub fn authority(&self) -> String {
        self.path("ca.pem")
    }

    pub fn anchors(&self) -> TrustAnchors {
        TrustAnchors::from_pem(&std::fs::read(self.authority()).unwrap()).unwrap()
    }
}

pub const P256: [&str; 3] = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// The URI of a key of the token `web`.
pub fn uri(label: &str) -> Pkcs11Uri {
    uri_text(label).parse().unwrap()
}

pub fn uri_text(label: &str) -> String {
    format!("pkcs11:token=web;object={label}?module-path={MODULE}&pin-value={PIN}")
}

pub fn open(key: &Key, options: &Options) -> TokenKey {
    TokenKey::open(&uri(&key.label), key.chain.clone(), options).unwrap()
}

pub fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {words}");
}

/// A PKCS#8 key for RSA-PSS with the identifier of RSA.
fn as_rsa_key(key: &[u8]) -> String {
    use handclasp_pkcs11::handclasp::certificate::der;
    use handclasp_pkcs11::handclasp::pki_types::alg_id;
    let key = pem::private_key(key).unwrap();
    let key = key.der();
    let mut fields = der::Reader(der::only(key.secret_der(), der::SEQUENCE).unwrap());
    fields.take(der::INTEGER).unwrap();
    fields.take(der::SEQUENCE).unwrap();
    let inner = fields.take(der::OCTET_STRING).unwrap();
    let algorithm = der::wrap(der::SEQUENCE, &alg_id::RSA_ENCRYPTION);
    let inner = der::wrap(der::OCTET_STRING, inner.contents);
    let version = der::wrap(der::INTEGER, &[0]);
    let whole = der::wrap(der::SEQUENCE, &[version, algorithm, inner].concat());
    handclasp_testing::der::pem_text("PRIVATE KEY", &whole)
}
