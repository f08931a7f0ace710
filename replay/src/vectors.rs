use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use handclasp::registry::SignatureScheme;
use handclasp::wire::MESSAGE_HEADER_LENGTH;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Role;

/// Why the vectors could not be read.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// A file could not be read.
    #[error("{file} cannot be read")]
    Unreadable {
        /// The file's name.
        file: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{file} is malformed")]
    Malformed {
        /// The file's name.
        file: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Bytes, written in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hex::serde::deserialize(deserializer).map(Self)
    }
}

/// A trace as the RFC prints it: each step of each side, in order.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Steps {
    pub title: String,
    pub steps: Vec<Step>,
}

impl Steps {
    /// The bodies of the messages that this side makes with this name.
    pub(crate) fn messages<'a>(
        &'a self,
        side: Role,
        name: &'a str,
    ) -> impl Iterator<Item = &'a [u8]> {
        let steps = self.steps.iter().filter(move |step| step.side == side);
        steps.filter_map(move |step| step.value(name)?.get(MESSAGE_HEADER_LENGTH..))
    }
}

/// One step of a trace.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Step {
    pub side: Role,
    pub action: String,
    pub label: Option<String>,
    /// The RFC gives no values: they are those of the other side's step.
    pub same_as: Option<String>,
    pub values: Vec<Value>,
}

impl Step {
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        let value = self.values.iter().find(|value| value.name == name)?;
        Some(&value.hex.0)
    }
}

/// A named value of a step.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Value {
    pub name: String,
    pub hex: Bytes,
}

/// What follows from a trace's private keys and messages.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Derived {
    pub ecdhe: Bytes,
    pub early_secret: Bytes,
    pub handshake_secret: Bytes,
    pub master_secret: Bytes,
    pub exporter_master_secret: Bytes,
    pub resumption_master_secret: Bytes,
    pub hash_ch_sh: Bytes,
    pub hash_to_server_finished: Bytes,
    pub hash_to_client_finished: Bytes,
    pub secrets: TrafficSecrets,
    pub records: Vec<Record>,
    /// The key of the ticket that is resumed with.
    pub psk: Option<Bytes>,
}

/// The traffic secrets of a trace.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TrafficSecrets {
    pub client_early_traffic: Option<Bytes>,
    pub client_handshake_traffic: Bytes,
    pub server_handshake_traffic: Bytes,
    pub client_application_traffic: Bytes,
    pub server_application_traffic: Bytes,
}

/// A record of a trace. The protected ones have a key, an IV and a nonce.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Record {
    pub side: Role,
    pub content_type: u8,
    pub epoch: String,
    #[serde(default)]
    pub seq: u64,
    pub payload: Bytes,
    pub record: Bytes,
    pub key: Option<Bytes>,
    pub iv: Option<Bytes>,
    pub nonce: Option<Bytes>,
    pub inner_plaintext: Option<Bytes>,
}

/// A signature of a trace.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Signature {
    pub section: u8,
    pub side: Role,
    pub scheme: Scheme,
    pub signed_content: Bytes,
    pub signature: Bytes,
    #[serde(default)]
    pub pss_salt: Bytes,
    /// The key is that of section 2; the others are not published.
    #[serde(default)]
    pub reproduced_with_section2_key: bool,
}

/// A signature scheme, written in hexadecimal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scheme(pub SignatureScheme);

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: [u8; 2] = hex::serde::deserialize(deserializer)?;
        Ok(Self(SignatureScheme(u16::from_be_bytes(bytes))))
    }
}

/// The RSA key of section 2.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RsaKey {
    pub modulus: Bytes,
    pub private_exponent: Bytes,
}

#[derive(Deserialize)]
struct RsaKeyFile {
    rsa: RsaKey,
}

/// All of a section.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub steps: Steps,
    pub derived: Derived,
}

/// The values of RFC 8448.
#[derive(Clone, Debug)]
pub struct Vectors {
    traces: BTreeMap<u8, Trace>,
    signatures: Vec<Signature>,
    pub(crate) rsa: RsaKey,
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// The files that are part of the program.
        const EMBEDDED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../vectors/", $name)))),*];
    };
}

files!(
    "section2-rsa-key.json",
    "certificate-verify.json",
    "section3-simple-1rtt.json",
    "derived-section3-simple-1rtt.json",
    "section4-resumed-0rtt.json",
    "derived-section4-resumed-0rtt.json",
    "section5-hello-retry-request.json",
    "derived-section5-hello-retry-request.json",
    "section6-client-authentication.json",
    "derived-section6-client-authentication.json",
    "section7-compatibility-mode.json",
    "derived-section7-compatibility-mode.json",
);

impl Vectors {
    /// The vectors that are part of the program.
    ///
    /// # Errors
    /// None, unless the program was built from files that are malformed.
    pub fn embedded() -> Result<Self, VectorError> {
        Self::read(|name| {
            let file = EMBEDDED.iter().find(|(file, _)| *file == name);
            file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| ErrorKind::NotFound.into())
        })
    }

    /// The vectors in the files of this directory, which has those of `vectors/`.
    ///
    /// # Errors
    /// When a file is missing or malformed.
    pub fn load(directory: impl AsRef<Path>) -> Result<Self, VectorError> {
        Self::read(|name| std::fs::read_to_string(directory.as_ref().join(name)))
    }

    /// The vectors in texts from anywhere: `text` is asked for each file by its name.
    ///
    /// # Errors
    /// When a text is missing or malformed.
    pub fn read(text: impl Fn(&str) -> std::io::Result<String>) -> Result<Self, VectorError> {
        let text = |file: &'static str| {
            text(file).map_err(|source| VectorError::Unreadable { file, source })
        };
        let names = [
            (3, "section3-simple-1rtt.json", "derived-section3-simple-1rtt.json"),
            (4, "section4-resumed-0rtt.json", "derived-section4-resumed-0rtt.json"),
            (5, "section5-hello-retry-request.json", "derived-section5-hello-retry-request.json"),
            (
                6,
                "section6-client-authentication.json",
                "derived-section6-client-authentication.json",
            ),
            (7, "section7-compatibility-mode.json", "derived-section7-compatibility-mode.json"),
        ];
        let mut traces = BTreeMap::new();
        for (section, steps, derived) in names {
            let steps = parse(steps, &text(steps)?)?;
            let derived = parse(derived, &text(derived)?)?;
            traces.insert(section, Trace { steps, derived });
        }
        let (signatures, rsa) = ("certificate-verify.json", "section2-rsa-key.json");
        let signatures = parse(signatures, &text(signatures)?)?;
        let RsaKeyFile { rsa } = parse(rsa, &text(rsa)?)?;
        Ok(Self { traces, signatures, rsa })
    }

    /// The signature of this side in this section.
    pub(crate) fn signature(&self, section: u8, side: Role) -> Option<&Signature> {
        let ours = |it: &&Signature| it.section == section && it.side == side;
        self.signatures.iter().find(ours)
    }

    pub(crate) fn trace(&self, section: u8) -> Option<&Trace> {
        self.traces.get(&section)
    }
}

fn parse<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<T, VectorError> {
    serde_json::from_str(text).map_err(|source| VectorError::Malformed { file, source })
}
