//! How a server of the fleet is set up. The harness puts it into the environment of the process.

use std::path::PathBuf;

/// All that the processes of a fleet have in common.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Has the certificate, its key, a ticket key and a sealing key: see
    /// [`Fleet::start_with`](super::harness::Fleet::start_with).
    pub folder: PathBuf,
    /// The address of the Redis; empty where there is none.
    pub store: String,
    pub sessions: Sessions,
    pub register: Register,
    /// For so many seconds a ClientHello is fresh.
    pub window: u32,
    /// For so many milliseconds a server waits for the store.
    pub timeout: u64,
}

/// Where the sessions of a server are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// In the tickets, under a key that each process was given.
    GivenKeys,
    /// In the tickets, under keys that are in the store and change.
    SharedKeys,
    /// In the store, each for one use.
    OfTheStore,
}

/// What knows the ClientHellos with 0-RTT data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// The memory of the process.
    OfTheProcess,
    /// The store.
    OfTheStore,
}

impl Sessions {
    const ALL: [Self; 3] = [Self::GivenKeys, Self::SharedKeys, Self::OfTheStore];
}

impl Register {
    const ALL: [Self; 2] = [Self::OfTheProcess, Self::OfTheStore];
}

const FOLDER: &str = "HANDCLASP_FLEET_FOLDER";
const STORE: &str = "HANDCLASP_FLEET_STORE";
const SESSIONS: &str = "HANDCLASP_FLEET_SESSIONS";
const REGISTER: &str = "HANDCLASP_FLEET_REGISTER";
const WINDOW: &str = "HANDCLASP_FLEET_WINDOW";
const TIMEOUT: &str = "HANDCLASP_FLEET_TIMEOUT";

impl Setup {
    /// The variables that [`from_environment`](Self::from_environment) reads.
    pub fn to_environment(&self) -> [(&'static str, String); 6] {
        [
            (FOLDER, self.folder.to_str().unwrap().to_owned()),
            (STORE, self.store.clone()),
            (SESSIONS, format!("{:?}", self.sessions)),
            (REGISTER, format!("{:?}", self.register)),
            (WINDOW, self.window.to_string()),
            (TIMEOUT, self.timeout.to_string()),
        ]
    }

    /// `None` in a process that is no server.
    pub fn from_environment() -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os(FOLDER)?);
        let text = |name| std::env::var(name).unwrap();
        let (sessions, register) = (text(SESSIONS), text(REGISTER));
        let sessions = Sessions::ALL.into_iter().find(|it| format!("{it:?}") == sessions);
        let register = Register::ALL.into_iter().find(|it| format!("{it:?}") == register);
        Some(Self {
            folder,
            store: text(STORE),
            sessions: sessions.unwrap(),
            register: register.unwrap(),
            window: text(WINDOW).parse().unwrap(),
            timeout: text(TIMEOUT).parse().unwrap(),
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
