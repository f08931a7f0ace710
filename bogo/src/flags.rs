//! The runner's flags. A flag that is in no table here is not supported: the exit code says so, and the
//! runner skips the test.

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
    "async",
    "check-close-notify",
    "decline-alpn",
    "decline-ocsp-callback",
    "enable-early-data",
    "enable-grease",
    "enable-ocsp-stapling",
    "enable-signed-cert-timestamps",
    "expect-accept-early-data",
    "expect-hrr",
    "expect-no-hrr",
    "expect-no-offer-early-data",
    "expect-no-peer-cert",
    "expect-no-server-name",
    "expect-no-session",
    "expect-reject-early-data",
    "expect-session-miss",
    "expect-ticket-supports-early-data",
    "expect-verify-result",
    "export-traffic-secrets",
    "fail-cert-callback",
    "fail-ddos-callback",
    "fail-early-callback",
    "fail-ocsp-callback",
    "install-cert-compression-algs",
    "ipv6",
    "key-update",
    "must-match-issuer",
    "no-key-shares",
    "no-ticket",
    "no-tls13",
    "permute-extensions",
    "psk-importer-sha256",
    "psk-importer-sha384",
    "quic",
    "read-with-unfinished-write",
    "fips-202205",
    "wpa-202304",
    "cnsa-202407",
    "cnsa1-202603",
    "cnsa2-202603",
    "reject-alpn",
    "require-any-client-certificate",
    "reverify-on-resume",
    "select-empty-alpn",
    "server-preference",
    "send-alert",
    "server",
    "shim-shuts-down",
    "shim-writes-first",
    "skip-ticket",
    "use-custom-verify-callback",
    "use-ocsp-callback",
    "verify-fail",
    "verify-peer",
];

/// Flags without a value that ask for what is so anyway: an API of BoringSSL's that has no
/// counterpart, or a behaviour that is the only one here.
const NOTHING_TO_DO: &[&str] = &[
    "expect-extended-master-secret",
    "expect-no-session-id",
    "expect-secure-renegotiation",
    "implicit-handshake",
    "install-ddos-callback",
    "no-legacy-server-connect",
    "no-op-extra-handshake",
    "no-tls1",
    "no-tls11",
    "no-tls12",
    "peek-then-read",
    "renegotiate-freely",
    // Each resumption brings new tickets.
    "renew-ticket",
    "set-ocsp-in-callback",
    "use-early-callback",
    "use-export-context",
    "use-old-client-cert-callback",
    "use-ticket-aead-callback",
    "use-ticket-callback",
];

/// Flags with a value.
const VALUES: &[&str] = &[
    "accepted-peer-cert-types",
    "advertise-alpn",
    "available-client-cert-types",
    "curves",
    "early-write-after-message",
    "expect-advertised-alpn",
    "expect-alpn",
    "expect-cipher",
    "expect-cipher-aes",
    "expect-client-ca-list",
    "expect-curve-id",
    "expect-early-data-reason",
    "expect-ocsp-response",
    "expect-peer-cert-file",
    "expect-peer-certificate-type",
    "expect-peer-rpk-sha256",
    "expect-peer-signature-algorithm",
    "expect-peer-verify-pref",
    "expect-selected-credential",
    "expect-server-name",
    "expect-signed-cert-timestamps",
    "expect-ticket-age-skew",
    "expect-version",
    "export-context",
    "export-keying-material",
    "export-label",
    "host-name",
    "install-one-cert-compression-alg",
    "key-shares",
    "max-cert-list",
    "max-version",
    "min-version",
    "port",
    "expect-quic-transport-params",
    "quic-early-data-context",
    "quic-transport-params",
    "quic-use-legacy-codepoint",
    "repeat-shim-initial-write",
    "resume-count",
    "resumption-delay",
    "select-alpn",
    "server-supported-groups-hint",
    "shim-id",
    "shim-initial-write",
    "use-client-ca-list",
    "verify-prefs",
];

/// Flags with a value that belong to the credential that was begun last.
const OF_CREDENTIAL: &[&str] = &[
    "cert-file",
    "key-file",
    "ocsp-response",
    "psk-importer-context",
    "psk-importer-identity",
    "psk-importer-key",
    "signed-cert-timestamps",
    "signing-prefs",
];

/// Flags without a value that do, too.
const OF_CREDENTIAL_SWITCHES: &[&str] =
    &["must-match-issuer", "psk-importer-sha256", "psk-importer-sha384"];

/// Flags that begin a credential.
const CREDENTIALS: &[&str] = &["new-psk-credential", "new-rpk-credential", "new-x509-credential"];

/// Flags with a value that need nothing done.
const VALUES_WITHOUT_USE: &[&str] = &[
    // Chains are not checked in these tests unless they are to be refused.
    "trust-cert",
    // Data are taken a record at a time.
    "read-size",
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
            let on_handshaker = name.starts_with("on-handshaker-");
            let name = name.strip_prefix("on-handshaker-").unwrap_or(name);
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
                () if SWITCHES.contains(&name) || CREDENTIALS.contains(&name) => String::new(),
                () if [VALUES, OF_CREDENTIAL, VALUES_WITHOUT_USE].concat().contains(&name) => {
                    arguments.next().ok_or_else(unknown)?
                }
                () => return Err(unknown()),
            };
            if !on_handshaker {
                flags.push((stage, name.to_owned(), value));
            }
        }
        Ok(Self(flags))
    }

    /// The flags that hold for one connection.
    pub fn at(&self, stages: &[Stage]) -> Flags {
        let holds = |stage: &Stage| *stage == Stage::Every || stages.contains(stage);
        Self(self.0.iter().filter(|(stage, ..)| holds(stage)).cloned().collect())
    }

    /// The credentials, in their order, each with the flag that began it; the default one, which
    /// no flag begins, is the last.
    pub fn credentials(&self) -> Vec<(&str, Flags)> {
        let mut all = vec![("", Flags::default())];
        for flag in &self.0 {
            let name = flag.1.as_str();
            if CREDENTIALS.contains(&name) {
                all.push((name, Flags::default()));
            } else if OF_CREDENTIAL.contains(&name) || OF_CREDENTIAL_SWITCHES.contains(&name) {
                if let Some((_, last)) = all.last_mut() {
                    last.0.push(flag.clone());
                }
            }
        }
        all.rotate_left(1);
        all
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

    pub fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Stop> {
        self.text(name)
            .map(|text| BASE64_STANDARD.decode(text).map_err(|_| Stop::failed(name)))
            .transpose()
    }
}

fn parse<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Stop> {
    value.parse().map_err(|_| Stop::unimplemented(format!("-{name} {value}")))
}
