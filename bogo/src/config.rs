//! What the flags make of our configurations.

use std::sync::Arc;

use handclasp::certificate::CertificateError;
use handclasp::config::{
    CertificateList, CertifiedKey, ClientConfig, KeySource, Limits, PeerIdentity, PeerVerifier,
    Reply, ServerConfig,
};
use handclasp::crypto::{CryptoError, CryptoProvider, SigningKey, signing_key};
use handclasp::pki_types::pem::PemObject;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer};
use handclasp::registry::{NamedGroup, SignatureScheme};

use crate::flags::{Flags, Stop};

const TLS_1_3: u16 = 0x0304;

/// Refuses tests of other versions than ours.
fn check_versions(flags: &Flags) -> Result<(), Stop> {
    let highest = flags.number("max-version")?.unwrap_or(TLS_1_3);
    let lowest = flags.number("min-version")?.unwrap_or(TLS_1_3);
    if flags.has("no-tls13") || highest < TLS_1_3 || lowest > TLS_1_3 {
        return Err(Stop::unimplemented("a version that is not TLS 1.3"));
    }
    Ok(())
}

/// ring's primitives, in the choice and order that the flags want.
fn provider(flags: &Flags) -> Result<CryptoProvider, Stop> {
    let mut provider = CryptoProvider::ring();
    let groups: Vec<u16> = flags.numbers("curves")?;
    if !groups.is_empty() {
        let chosen = groups.iter().map(|group| {
            let group = NamedGroup(*group);
            let known = provider.group(group).cloned();
            known.ok_or_else(|| Stop::unimplemented(format!("group {group}")))
        });
        provider.groups = chosen.collect::<Result<_, _>>()?;
    }
    let schemes: Vec<u16> = flags.numbers("verify-prefs")?;
    if !schemes.is_empty() {
        let known = &provider.signatures.by_scheme;
        let chosen = schemes.iter().map(|scheme| {
            let scheme = SignatureScheme(*scheme);
            let known = known.iter().find(|(it, _)| *it == scheme).cloned();
            known.ok_or_else(|| Stop::unimplemented(format!("scheme {scheme}")))
        });
        provider.signatures.by_scheme = chosen.collect::<Result<_, _>>()?;
    }
    Ok(provider)
}

/// Accepts or refuses every chain, as the test wants it: what is under test is the protocol.
#[derive(Debug)]
struct Verdict {
    accept: bool,
}

impl PeerVerifier for Verdict {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(match self.accept {
            true => Ok(()),
            false => Err(CertificateError::rejected("the test refuses every certificate")),
        })
    }
}

/// A key that signs with some schemes only.
#[derive(Debug)]
struct Preferring {
    key: Arc<dyn SigningKey>,
    schemes: Vec<SignatureScheme>,
}

impl SigningKey for Preferring {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.key.sign(scheme, message)
    }

    fn public_key(&self) -> Option<Vec<u8>> {
        self.key.public_key()
    }
}

/// The certificate and key of the flags, if there are any.
fn certified_key(flags: &Flags) -> Result<Option<CertifiedKey>, Stop> {
    let (Some(chain), Some(key)) = (flags.text("cert-file"), flags.text("key-file")) else {
        return Ok(None);
    };
    let unusable = |error: String| Stop::unimplemented(format!("certificate or key: {error}"));
    let chain = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(error.to_string()))?;
    let mut key = signing_key(&key).map_err(|error| unusable(error.to_string()))?;
    let preferred: Vec<u16> = flags.numbers("signing-prefs")?;
    if !preferred.is_empty() {
        let schemes = preferred.into_iter().map(SignatureScheme);
        let schemes = schemes.filter(|scheme| key.schemes().contains(scheme)).collect();
        key = Arc::new(Preferring { key, schemes });
    }
    CertifiedKey::new(chain, KeySource::Here(key))
        .map(Some)
        .map_err(|error| unusable(error.to_string()))
}

/// The limits that the runner supposes.
fn limits() -> Limits {
    Limits {
        change_cipher_specs: 32,
        records_without_progress: 32,
        messages_without_data: 32,
        ..Limits::DEFAULT
    }
}

pub fn client(flags: &Flags) -> Result<ClientConfig, Stop> {
    check_versions(flags)?;
    if flags.has("cert-file") {
        return Err(Stop::unimplemented("client certificates"));
    }
    let verdict = Verdict { accept: !flags.has("verify-fail") };
    let mut builder = ClientConfig::builder(provider(flags)?)
        .verifier(Arc::new(verdict))
        .send_server_name(flags.has("host-name"))
        .limits(limits());
    if let Some(list) = flags.text("advertise-alpn") {
        builder = builder.application_protocols(protocols(list)?);
    }
    if flags.has("key-shares") || flags.has("no-key-shares") {
        return Err(Stop::unimplemented("choosing the groups of key shares"));
    }
    builder.build().map_err(|error| Stop::failed(error.to_string()))
}

pub fn server(flags: &Flags) -> Result<ServerConfig, Stop> {
    check_versions(flags)?;
    if flags.has("verify-peer") {
        return Err(Stop::unimplemented("client certificates"));
    }
    let mut builder = ServerConfig::builder(provider(flags)?).limits(limits());
    if let Some(protocol) = flags.text("select-alpn").filter(|_| !flags.has("decline-alpn")) {
        builder = builder.application_protocols([protocol]);
    }
    let key = certified_key(flags)?;
    let keys = key.into_iter().map(Arc::new).collect();
    builder
        .build(Arc::new(CertificateList::new(keys)))
        .map_err(|error| Stop::failed(error.to_string()))
}

/// The names of a list in its wire form.
fn protocols(list: &str) -> Result<Vec<Vec<u8>>, Stop> {
    let mut rest = list.as_bytes();
    let mut names = Vec::new();
    while let Some((length, after)) = rest.split_first() {
        let split = after.split_at_checked(usize::from(*length));
        let (name, after) = split.ok_or_else(|| Stop::unimplemented("a malformed ALPN list"))?;
        names.push(name.to_vec());
        rest = after;
    }
    Ok(names)
}
