//! What was offered and what was chosen.

use serde::Serialize;

use super::Value;

/// A parameter that both sides agree on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Choice {
    /// Which parameter.
    pub subject: ChoiceSubject,
    /// What the client offered, in its order.
    pub offered_by_client: Vec<Value>,
    /// What the server said that it takes, where it says so: in a CertificateRequest, for example.
    pub offered_by_server: Vec<Value>,
    /// What was chosen, if anything.
    pub chosen: Option<Value>,
    /// The index of the message that says so.
    pub chosen_in: Option<usize>,
    /// The place of the chosen value in what the client offered, from 0.
    pub position: Option<usize>,
}

/// A parameter that both sides agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChoiceSubject {
    /// The version of TLS.
    Version,
    /// The cipher suite.
    CipherSuite,
    /// The group of the key exchange.
    Group,
    /// The groups for which the client sent a share at once.
    KeyShare,
    /// The group that a HelloRetryRequest asks for.
    RequestedGroup,
    /// The signature scheme of the server.
    SignatureScheme,
    /// The signature scheme of the client.
    ClientSignatureScheme,
    /// The application protocol (ALPN).
    ApplicationProtocol,
    /// The name of the server (SNI).
    ServerName,
    /// The pre-shared key: by identities, chosen by its place.
    PreSharedKey,
    /// Whether 0-RTT data are accepted.
    EarlyData,
}
