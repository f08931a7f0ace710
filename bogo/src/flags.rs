//! The runner's flags. One that stands in no table here is not implemented: the runner is told so,
//! and skips the test.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// What ends the program other than success.
#[derive(Debug)]
pub enum Stop {
    /// Exit code 89: the runner asks for something that is not there.
    Unimplemented(String),
    /// Exit code 1, with this on stderr.
    Failed(String),
}

impl Stop {
    pub fn unimplemented(what: impl Into<String>) -> Self {
        Self::Unimplemented(what.into())
    }

    pub fn failed(what: impl Into<String>) -> Self {
        Self::Failed(what.into())
    }
}

/// Which of a test's connections a flag is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Every,
    Initial,
    Resume,
    Retry,
}

/// Flags without a value that change or check something.
const SWITCHES: &[&str] = &[
    "check-close-notify",
    "decline-alpn",
    "expect-hrr",
    "expect-no-hrr",
    "expect-no-peer-cert",
    "expect-no-server-name",
    "fail-ddos-callback",
    "fail-cert-callback",
    "fail-early-callback",
    "ipv6",
    "key-update",
    "no-key-shares",
    "no-tls13",
    "reject-alpn",
    "select-empty-alpn",
    "send-alert",
    "server",
    "shim-shuts-down",
    "shim-writes-first",
    "use-export-context",
    "verify-fail",
    "verify-peer",
];

/// Flags without a value that ask for what is so anyway: an API of BoringSSL's that has no
/// counterpart, or a behaviour that is the only one here.
const NOTHING_TO_DO: &[&str] = &[
    "async",
    "expect-extended-master-secret",
    "expect-secure-renegotiation",
    "expect-verify-result",
    "implicit-handshake",
    "install-ddos-callback",
    "no-legacy-server-connect",
    "no-op-extra-handshake",
    "no-tls1",
    "no-tls11",
    "no-tls12",
    "peek-then-read",
    "renegotiate-freely",
    "use-custom-verify-callback",
    "use-early-callback",
];

/// Flags with a value.
const VALUES: &[&str] = &[
    "advertise-alpn",
    "cert-file",
    "curves",
    "expect-alpn",
    "expect-advertised-alpn",
    "expect-cipher",
    "expect-cipher-aes",
    "expect-curve-id",
    "expect-peer-signature-algorithm",
    "expect-server-name",
    "expect-version",
    "export-context",
    "export-keying-material",
    "export-label",
    "host-name",
    "key-file",
    "key-shares",
    "max-version",
    "min-version",
    "port",
    "read-size",
    "select-alpn",
    "shim-id",
    "shim-initial-write",
    "signing-prefs",
    "verify-prefs",
];

/// Flags with a value that need nothing done.
const VALUES_WITHOUT_USE: &[&str] = &[
    // Chains are not checked in these tests unless they are to be refused.
    "trust-cert",
    // What older versions negotiate must not come up.
    "select-next-proto",
    "advertise-npn",
    "srtp-profiles",
    // On machines without hardware for AES.
    "expect-cipher-no-aes",
];

/// All flags of a test, in their order.
#[derive(Debug, Default)]
pub struct Flags(Vec<(Stage, String, String)>);

impl Flags {
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, Stop> {
        let mut flags = Vec::new();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let unknown = || Stop::unimplemented(argument.clone());
            let name = argument.strip_prefix('-').ok_or_else(unknown)?;
            let name = name.strip_prefix("on-shim-").unwrap_or(name);
            let (stage, name) = [
                ("on-initial-", Stage::Initial),
                ("on-resume-", Stage::Resume),
                ("on-retry-", Stage::Retry),
            ]
            .into_iter()
            .find_map(|(prefix, stage)| name.strip_prefix(prefix).map(|name| (stage, name)))
            .unwrap_or((Stage::Every, name));
            if NOTHING_TO_DO.contains(&name) {
                continue;
            }
            let value = match () {
                () if SWITCHES.contains(&name) => String::new(),
                () if VALUES.contains(&name) || VALUES_WITHOUT_USE.contains(&name) => {
                    arguments.next().ok_or_else(unknown)?
                }
                () => return Err(unknown()),
            };
            flags.push((stage, name.to_owned(), value));
        }
        Ok(Self(flags))
    }

    /// The flags that hold for one connection.
    pub fn at(&self, stages: &[Stage]) -> Flags {
        let holds = |stage: &Stage| *stage == Stage::Every || stages.contains(stage);
        Self(self.0.iter().filter(|(stage, ..)| holds(stage)).cloned().collect())
    }

    pub fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// The last value of a flag.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(_, it, _)| it == name).map(|(.., value)| value.as_str())
    }

    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Stop> {
        self.text(name).map(|text| parse(name, text)).transpose()
    }

    /// All values of a flag that may be there several times.
    pub fn numbers<T: std::str::FromStr>(&self, name: &str) -> Result<Vec<T>, Stop> {
        let values = self.0.iter().filter(|(_, it, _)| it == name);
        values.map(|(.., value)| parse(name, value)).collect()
    }

    #[allow(dead_code, reason = "the flags with such values come with their features")]
    pub fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Stop> {
        self.text(name)
            .map(|text| BASE64_STANDARD.decode(text).map_err(|_| Stop::failed(name)))
            .transpose()
    }
}

fn parse<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Stop> {
    value.parse().map_err(|_| Stop::unimplemented(format!("-{name} {value}")))
}
