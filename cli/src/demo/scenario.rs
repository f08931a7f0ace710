//! What the two sides of the demonstration are configured to do.

use std::sync::Arc;
use std::time::Duration;

use handclasp::config::ConfigError;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::{ServerName, UnixTime};
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::NamedGroup;
use handclasp::session::{MemoryClientSessions, StrikeRegister};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::zeroize::Zeroizing;
use handclasp::{ClientConfig, ServerConfig};

use super::identity::Identities;
use super::{Arguments, NAME};
use crate::failure::Failure;
use crate::files;

/// How many bytes of 0-RTT data the server takes.
const MAX_EARLY_DATA: u32 = 1024;
/// The hybrid groups, the preferred one first.
const HYBRIDS: [NamedGroup; 3] =
    [NamedGroup::X25519_MLKEM768, NamedGroup::SECP256R1_MLKEM768, NamedGroup::SECP384R1_MLKEM1024];

/// The configurations of both sides.
pub struct Scenario {
    pub client: Arc<ClientConfig>,
    pub server: Arc<ServerConfig>,
    pub name: ServerName<'static>,
}

impl Scenario {
    /// As the options say. `grease` is whether the ClientHello has random values in it.
    pub fn new(arguments: &Arguments, grease: bool) -> Result<Self, Failure> {
        let provider = provider(arguments)?;
        let identities = Identities::new()?;
        let name =
            ServerName::try_from(NAME).map_err(|error| Failure::failed(error.to_string()))?;
        let key = match arguments.psk {
            true => Some(pre_shared_key(&provider)?),
            false => None,
        };
        let server = server(arguments, &provider, &identities, key.clone())?;
        let key = key.map(|key| key.for_server(name.clone()));
        let client = client(arguments, provider, &identities, key, grease)?;
        Ok(Self { client: Arc::new(client), server: Arc::new(server), name })
    }
}

fn provider(arguments: &Arguments) -> Result<CryptoProvider, Failure> {
    let mut provider = CryptoProvider::default();
    if arguments.pq {
        provider.groups.retain(|group| HYBRIDS.contains(&group.name()));
        if provider.groups.is_empty() {
            let problem = "--pq: this build has no post-quantum group";
            return Err(
                Failure::misuse(problem).hint("build it with the feature ring or aws-lc-rs")
            );
        }
    }
    Ok(provider)
}

/// A key as two parties would agree on, fresh from the system's randomness.
fn pre_shared_key(provider: &CryptoProvider) -> Result<PreSharedKey, Failure> {
    let mut secret = Zeroizing::new([0; 32]);
    let filled = provider.random.fill(&mut *secret);
    filled.map_err(|error| Failure::failed(error.to_string()))?;
    Ok(PreSharedKey::external(b"demonstration", &*secret)?)
}

fn client(
    arguments: &Arguments,
    provider: CryptoProvider,
    identities: &Identities,
    key: Option<PreSharedKey>,
    grease: bool,
) -> Result<ClientConfig, ConfigError> {
    let mut builder = ClientConfig::builder(provider)
        .trust(identities.anchors.clone())?
        .application_protocols(["h2", "http/1.1"])
        .pre_shared_keys(key.into_iter().collect())
        .grease(grease);
    if arguments.retry {
        builder = builder.key_shares([]);
    }
    if arguments.client_auth {
        let own = vec![Arc::clone(&identities.client)];
        builder = builder.client_certificates(Arc::new(CertificateList::new(own)));
    }
    if arguments.resumes() {
        let sessions = Arc::new(MemoryClientSessions::new(MemoryClientSessions::PER_SERVER));
        builder = builder.sessions(sessions).early_data(arguments.early_data);
    }
    builder.build()
}

fn server(
    arguments: &Arguments,
    provider: &CryptoProvider,
    identities: &Identities,
    key: Option<PreSharedKey>,
) -> Result<ServerConfig, Failure> {
    let mut builder = ServerConfig::builder(provider.clone()).application_protocols(["http/1.1"]);
    if let Some(key) = key {
        builder = builder.pre_shared_keys(Arc::new(PskList::new(vec![key])));
    }
    if arguments.client_auth {
        let anchors = identities.anchors.clone();
        let names = anchors.subjects();
        let verifier = TrustAnchorVerifier::for_clients(anchors, provider.signatures.clone());
        let policy = ClientAuthentication::required(Arc::new(verifier)).authorities(names);
        builder = builder.client_authentication(policy);
    }
    if arguments.resumes() {
        builder = builder.sessions(files::ticket_keys(None)?);
    }
    if arguments.early_data {
        builder = builder.early_data(MAX_EARLY_DATA, Arc::new(StrikeRegister::new(long_ago())));
    }
    let own = vec![Arc::clone(&identities.server)];
    Ok(builder.build(Arc::new(CertificateList::new(own)))?)
}

/// A register of replays accepts 0-RTT data of tickets that came after its beginning. Nothing of this
/// demonstration can have come before.
fn long_ago() -> UnixTime {
    let hour = Duration::from_secs(3600).as_secs();
    let now = UnixTime::now().as_secs();
    UnixTime::since_unix_epoch(Duration::from_secs(now.saturating_sub(hour)))
}
