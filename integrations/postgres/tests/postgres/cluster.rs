//! A private PostgreSQL: made by `initdb`, and gone with the test.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use handclasp_testing::Identity;
use handclasp_testing::der::pem_text;
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::process::{Process, available};

/// Of the user `postgres`.
pub const PASSWORD: &str = "a password of the tests";

/// A folder of its own, with the data. root cannot run a server: `owner` does then.
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    owner: Option<Owner>,
    server: Option<Process>,
    pub port: u16,
}

/// A user of the system.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Cluster {
    /// `None` where there is no PostgreSQL: see [`available`].
    pub fn new(name: &str) -> Option<Self> {
        let programs = programs();
        let server = programs.join("postgres");
        let is_known = |version: &str| version.starts_with("postgres (PostgreSQL) ");
        if !available(server.to_str().unwrap(), "--version", is_known) {
            return None;
        }
        let folder = std::env::temp_dir().join(format!("postgres-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let owner = owner();
        let port = free_tcp_port();
        let cluster = Self { folder, programs, owner, server: None, port };
        cluster.own(&cluster.folder);
        let password = cluster.file("password", PASSWORD);
        let data = cluster.path("data");
        let made = cluster
            .command("initdb")
            .args(["--pgdata", &data, "--username", "postgres", "--pwfile", &password])
            .args(["--auth", "scram-sha-256", "--no-sync", "--locale", "C", "--encoding", "UTF8"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(cluster)
    }

    /// Starts the server with this certificate and key, both PEM. One that runs is ended before.
    pub fn serve(&mut self, chain: &str, key: &str) {
        self.stop();
        let chain = self.file("chain.pem", chain);
        let key = self.file("key.pem", key);
        let mut arguments = vec!["-D".to_string(), self.path("data")];
        for option in [
            "listen_addresses=127.0.0.1".to_string(),
            format!("port={}", self.port),
            format!("unix_socket_directories={}", self.folder.display()),
            "fsync=off".to_string(),
            "ssl=on".to_string(),
            "ssl_min_protocol_version=TLSv1.3".to_string(),
            format!("ssl_cert_file={chain}"),
            format!("ssl_key_file={key}"),
        ] {
            arguments.extend(["-c".to_string(), option]);
        }
        let command = self.command("postgres");
        let mut all = command.get_args().map(|it| it.to_str().unwrap()).collect::<Vec<_>>();
        all.extend(arguments.iter().map(String::as_str));
        let server = Process::start(command.get_program().to_str().unwrap(), &all);
        server.wait_for("database system is ready to accept connections");
        self.server = Some(server);
    }

    /// As [`serve`](Self::serve), with the identity's certificate.
    pub fn serve_identity(&mut self, identity: &Identity) {
        let chain = pem_text("CERTIFICATE", &identity.chain[0]);
        self.serve(&chain, &pem_text("PRIVATE KEY", identity.key.secret_der()));
    }

    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.interrupt();
            server.wait_for_end();
        }
    }

    /// A program of PostgreSQL, run by the owner.
    fn command(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let Some(owner) = self.owner else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={}", owner.user)).arg(format!("--regid={}", owner.group));
        command.arg("--clear-groups").arg(program);
        command
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_string()
    }

    /// Writes a file that only the owner can read.
    fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.own(&path);
        self.path(name)
    }

    fn own(&self, path: &Path) {
        if let Some(owner) = self.owner {
            chown(path, Some(owner.user), Some(owner.group)).unwrap();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The folder of Debian's programs, of the last version that is installed. Empty where there is none.
fn programs() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let last = folders.map(|folder| folder.unwrap().path()).max_by_key(|folder| version(folder));
    last.map(|folder| folder.join("bin")).unwrap_or_default()
}

/// The numbers in the name of a folder such as 15 or 9.6, which is older.
fn version(folder: &Path) -> Vec<u32> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').map_while(|number| number.parse().ok()).collect()
}

#[test]
fn versions_are_compared_as_numbers() {
    let mut folders = ["9.6", "15", "9.10", "8"].map(Path::new);
    folders.sort_by_key(|folder| version(folder));
    assert_eq!(folders, ["8", "9.6", "9.10", "15"].map(Path::new));
}

/// The user `postgres` of the system, if this process is root's.
fn owner() -> Option<Owner> {
    let number = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
    };
    if number(&["-u"]) != 0 {
        return None;
    }
    Some(Owner { user: number(&["-u", "postgres"]), group: number(&["-g", "postgres"]) })
}
