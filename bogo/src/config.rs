//! What the flags make of our configurations.

use std::sync::Arc;

use handclasp::AnswerLater;
use handclasp::config::{ClientConfig, Limits, ServerConfig};
use handclasp::credential::CertificateCompression;
#[cfg(not(feature = "ring"))]
use handclasp::crypto::aws_lc_rs::MLKEM1024;
#[cfg(feature = "ring")]
use handclasp::crypto::ml_kem::MLKEM1024;
use handclasp::crypto::{CryptoProvider, SchemeAlgorithms};
use handclasp::registry::{
    CertificateCompressionAlgorithm, CipherSuiteId, NamedGroup, SignatureScheme,
};
use handclasp::verify::ClientAuthentication;

use crate::connection::Parties;
use crate::credential::names;
use crate::flags::{Flags, Stop};
use crate::memory::Memory;

const TLS_1_3: u16 = 0x0304;

/// What a server of the runner's own library accepts on a connection.
const MAX_EARLY_DATA: u32 = 14336;

/// How far the ages of tickets may be off there, in seconds.
const EARLY_DATA_WINDOW: u32 = 60;

/// Schemes that sign no handshake of TLS 1.3: a peer that signs with them must be refused, even
/// where they are offered.
const FORBIDDEN_AND_NOT_IN_RING: [SignatureScheme; 2] =
    [SignatureScheme::ECDSA_SHA1, SignatureScheme::RSA_PKCS1_SHA1];

/// The runner supposes that a client or server takes these only if a flag says so.
const ONLY_IF_ASKED_FOR: [SignatureScheme; 5] = [
    SignatureScheme::ECDSA_SECP521R1_SHA512,
    SignatureScheme::ED25519,
    SignatureScheme::MLDSA44,
    SignatureScheme::MLDSA65,
    SignatureScheme::MLDSA87,
];

/// RSA with MD5 and SHA-1, as the runner calls it. There is no way to offer it.
const RSA_PKCS1_MD5_SHA1: u16 = 0xff01;

/// Refuses tests of other versions than ours.
fn check_versions(flags: &Flags) -> Result<(), Stop> {
    let highest = flags.number("max-version")?.unwrap_or(TLS_1_3);
    let lowest = flags.number("min-version")?.unwrap_or(TLS_1_3);
    if flags.has("no-tls13") || highest < TLS_1_3 || lowest > TLS_1_3 {
        return Err(Stop::unimplemented("a version that is not TLS 1.3"));
    }
    if flags.has("quic") && flags.text("quic-use-legacy-codepoint") != Some("0") {
        return Err(Stop::unimplemented("the code point of drafts of QUIC"));
    }
    if flags.has("quic-transport-params") && !flags.has("quic") {
        return Err(Stop::failed(":QUIC_TRANSPORT_PARAMETERS_MISCONFIGURED:"));
    }
    Ok(())
}

/// What one of the runner's policies allows, in its order, as far as the provider has it.
pub struct Policy {
    suites: &'static [CipherSuiteId],
    groups: &'static [NamedGroup],
    pub schemes: &'static [SignatureScheme],
}

/// The policy of the flags.
pub fn policy(flags: &Flags) -> Option<Policy> {
    use SignatureScheme as S;
    const AES: &[CipherSuiteId] =
        &[CipherSuiteId::TLS_AES_128_GCM_SHA256, CipherSuiteId::TLS_AES_256_GCM_SHA384];
    if flags.has("fips-202205") {
        return Some(Policy {
            suites: AES,
            groups: &[NamedGroup::SECP256R1, NamedGroup::SECP384R1],
            schemes: &[
                S::ECDSA_SECP256R1_SHA256,
                S::ECDSA_SECP384R1_SHA384,
                S::RSA_PSS_RSAE_SHA256,
                S::RSA_PSS_RSAE_SHA384,
                S::RSA_PSS_RSAE_SHA512,
            ],
        });
    }
    let all: &[SignatureScheme] =
        &[S::ECDSA_SECP384R1_SHA384, S::RSA_PSS_RSAE_SHA384, S::RSA_PSS_RSAE_SHA512];
    let (groups, schemes): (&[NamedGroup], _) = match () {
        () if flags.has("wpa-202304") => (&[NamedGroup::SECP384R1], all),
        () if flags.has("cnsa1-202603") => {
            (&[NamedGroup::MLKEM1024, NamedGroup::SECP384R1], &all[..2])
        }
        () if flags.has("cnsa2-202603") => (&[NamedGroup::MLKEM1024], &all[..2]),
        () => return None,
    };
    Some(Policy { suites: &AES[1..], groups, schemes })
}

/// The provider's primitives, in the choice and order that the flags want.
pub fn provider(flags: &Flags) -> Result<CryptoProvider, Stop> {
    let mut provider = CryptoProvider::default();
    let default_groups = provider.groups.clone();
    provider.groups.insert(0, Arc::new(MLKEM1024));
    if let Some(policy) = policy(flags) {
        provider.cipher_suites.retain(|suite| policy.suites.contains(&suite.id));
        provider.groups.retain(|group| policy.groups.contains(&group.name()));
        provider.signatures.by_scheme.retain(|row| policy.schemes.contains(&row.scheme));
    }
    if flags.has("cnsa-202407") {
        provider.cipher_suites.sort_by_key(|suite| match suite.id {
            CipherSuiteId::TLS_AES_256_GCM_SHA384 => 0,
            CipherSuiteId::TLS_AES_128_GCM_SHA256 => 1,
            _ => 2,
        });
    }
    let groups: Vec<u16> = flags.numbers("curves")?;
    if !groups.is_empty() {
        let chosen = groups.iter().map(|group| {
            let group = NamedGroup(*group);
            let known = provider.group(group).cloned();
            known.ok_or_else(|| Stop::unimplemented(format!("group {group}")))
        });
        provider.groups = chosen.collect::<Result<_, _>>()?;
    } else if policy(flags).is_none() {
        provider.groups = default_groups;
    }
    let schemes: Vec<u16> = flags.numbers("verify-prefs")?;
    if schemes.is_empty() {
        let by_scheme = &mut provider.signatures.by_scheme;
        by_scheme.retain(|row| !ONLY_IF_ASKED_FOR.contains(&row.scheme));
    } else {
        let known = &provider.signatures.by_scheme;
        let offerable = schemes.iter().filter(|scheme| **scheme != RSA_PKCS1_MD5_SHA1);
        let chosen = offerable.map(|scheme| {
            let scheme = SignatureScheme(*scheme);
            if FORBIDDEN_AND_NOT_IN_RING.contains(&scheme) {
                return Ok(SchemeAlgorithms { scheme, algorithms: Vec::new() });
            }
            if scheme == SignatureScheme::RSA_PKCS1_SHA256_LEGACY {
                let mut known = known.iter();
                let same = known.find(|row| row.scheme == SignatureScheme::RSA_PKCS1_SHA256);
                let algorithms = same.map(|row| row.algorithms.clone()).unwrap_or_default();
                return Ok(SchemeAlgorithms { scheme, algorithms });
            }
            let known = known.iter().find(|row| row.scheme == scheme).cloned();
            known.ok_or_else(|| Stop::unimplemented(format!("scheme {scheme}")))
        });
        let mut chosen = chosen.collect::<Result<Vec<_>, _>>()?;
        if !chosen.iter().any(|row| row.scheme.signs_handshakes()) {
            // No configuration is without a scheme that signs handshakes.
            chosen.extend(known.iter().filter(|row| row.scheme.signs_handshakes()).cloned());
        }
        provider.signatures.by_scheme = chosen;
    }
    Ok(provider)
}

/// The limits that the runner supposes.
fn limits(flags: &Flags) -> Result<Limits, Stop> {
    let longest = flags.number::<usize>("max-cert-list")?.map(|length| length + 4);
    let mut limits = Limits::DEFAULT;
    limits.certificate_message = longest.unwrap_or(limits.certificate_message);
    limits.certificates = 0xffff;
    limits.change_cipher_specs = 32;
    limits.empty_data_records = 32;
    limits.messages_without_data = 32;
    // 16384 bytes with the tag and the type of the one record that they come in.
    limits.early_data_skipped = 16384 - 17;
    Ok(limits)
}

/// The groups of the key shares: those of the flags, or else the first post-quantum group and the first
/// other one, as the runner supposes.
fn key_shares(flags: &Flags, provider: &CryptoProvider) -> Result<Vec<NamedGroup>, Stop> {
    let named: Vec<u16> = flags.numbers("key-shares")?;
    if !named.is_empty() || flags.has("no-key-shares") {
        return Ok(named.into_iter().map(NamedGroup).collect());
    }
    let groups: Vec<_> = provider.groups.iter().map(|group| group.name()).collect();
    let hints: Vec<u16> = flags.numbers("server-supported-groups-hint")?;
    if let Some(hinted) = groups.iter().find(|group| hints.contains(&group.0)) {
        return Ok(vec![*hinted]);
    }
    let first = |post_quantum| groups.iter().find(|group| is_post_quantum(**group) == post_quantum);
    Ok([first(true), first(false)].into_iter().flatten().copied().collect())
}

fn is_post_quantum(group: NamedGroup) -> bool {
    matches!(
        group,
        NamedGroup::MLKEM1024
            | NamedGroup::X25519_MLKEM768
            | NamedGroup::SECP256R1_MLKEM768
            | NamedGroup::SECP384R1_MLKEM1024
    )
}

pub fn client(flags: &Flags, parties: &Parties, memory: &Memory) -> Result<ClientConfig, Stop> {
    check_versions(flags)?;
    let provider = provider(flags)?;
    let key_shares = key_shares(flags, &provider)?;
    let mut builder = ClientConfig::builder(provider)
        .key_shares(key_shares)
        .verifier(parties.verifier.clone())
        .send_server_name(flags.has("host-name"))
        .grease(flags.has("enable-grease") || flags.has("permute-extensions"))
        .pre_shared_keys(parties.credentials.pre_shared_keys())
        .client_certificates(parties.credentials.clone())
        .request_ocsp(flags.has("enable-ocsp-stapling"))
        .request_certificate_timestamps(flags.has("enable-signed-cert-timestamps"))
        .certificate_compression(compression(flags)?)
        .record_size_limit(None)
        .sessions(memory.client(&parties.seen))
        .early_data(flags.has("enable-early-data"))
        .key_log(parties.seen.clone())
        .limits(limits(flags)?);
    if let Some(list) = flags.text("advertise-alpn") {
        builder = builder.application_protocols(protocols(list)?);
    }
    builder.build().map_err(|error| Stop::failed(error.to_string()))
}

pub fn server(flags: &Flags, parties: &Parties, memory: &Memory) -> Result<ServerConfig, Stop> {
    check_versions(flags)?;
    // BoringSSL's server takes the group that it prefers, whether there is a share or not. A test that is
    // about this expects a HelloRetryRequest.
    let retry = flags.has("expect-hrr") || flags.has("cnsa1-202603");
    let mut builder = ServerConfig::builder(provider(flags)?)
        .retry_for_preferred_group(retry)
        .certificate_compression(compression(flags)?)
        .pre_shared_keys(parties.credentials.clone())
        .record_size_limit(None)
        .key_log(parties.seen.clone())
        .limits(limits(flags)?);
    if flags.has("verify-peer") || flags.has("require-any-client-certificate") {
        let verifier = parties.verifier.clone();
        let policy = match flags.has("require-any-client-certificate") {
            true => ClientAuthentication::required(verifier),
            false => ClientAuthentication::optional(verifier),
        };
        let authorities = flags.text("use-client-ca-list").map(names).transpose()?;
        builder =
            builder.client_authentication(policy.authorities(authorities.unwrap_or_default()));
    }
    if !flags.has("no-ticket") && !flags.has("skip-ticket") {
        builder = builder.sessions(memory.server(flags.has("fail-ddos-callback"))?);
    }
    if flags.has("enable-early-data") {
        builder = builder
            .early_data(MAX_EARLY_DATA, memory.strikes())
            .early_data_policy(Arc::new(AnswerLater))
            .early_data_window(EARLY_DATA_WINDOW);
    }
    if flags.has("select-empty-alpn") {
        check_that_empty_protocols_are_refused()?;
        // The client is refused later than at this choice, and in QUIC there must be a protocol.
        let offered = flags.text("expect-advertised-alpn").unwrap_or_default();
        builder = builder.application_protocols(protocols(offered)?);
    } else if flags.has("quic") && (flags.has("decline-alpn") || !flags.has("select-alpn")) {
        // In QUIC there must be a protocol.
        builder = builder.application_protocols(["a protocol that no peer supports"]);
    } else if flags.has("decline-alpn") {
        // No protocols: a client's are passed over.
    } else if flags.has("reject-alpn") {
        builder = builder.application_protocols(["a protocol that no peer supports"]);
    } else if let Some(protocol) = flags.text("select-alpn").filter(|it| !it.is_empty()) {
        builder = builder.application_protocols([protocol]);
    }
    let built = builder.build(parties.credentials.clone());
    built.map_err(|error| Stop::failed(error.to_string()))
}

/// A server's choice is made of its configuration, which takes no empty name.
fn check_that_empty_protocols_are_refused() -> Result<(), Stop> {
    let builder = ServerConfig::builder(CryptoProvider::default()).application_protocols([""]);
    match builder.build(Arc::new(AnswerLater)) {
        Ok(_) => Err(Stop::failed("an empty application protocol was taken")),
        Err(_) => Ok(()),
    }
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

/// The runner's algorithms, which compress nothing, or little.
#[derive(Debug)]
enum Mock {
    /// Takes two zeros away.
    Shrinking,
    /// Puts four bytes in front.
    Expanding,
    /// Puts one byte in front, each time another.
    Random,
}

impl CertificateCompression for Mock {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm(match self {
            Self::Shrinking => 0xff01,
            Self::Expanding => 0xff02,
            Self::Random => 0xff03,
        })
    }

    fn compress(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Shrinking => message.strip_prefix(&[0, 0]).map(<[u8]>::to_vec),
            Self::Expanding => Some([&[1, 2, 3, 4], message].concat()),
            Self::Random => Some([&[7], message].concat()),
        }
    }

    fn decompress(&self, compressed: &[u8], output: &mut [u8]) -> bool {
        let (output, rest) = match self {
            Self::Shrinking if output.len() < 2 => return false,
            Self::Shrinking => (&mut output[2..], Some(compressed)),
            Self::Expanding => (output, compressed.strip_prefix(&[1, 2, 3, 4])),
            Self::Random => (output, compressed.get(1..)),
        };
        let rest = rest.filter(|rest| rest.len() == output.len());
        rest.map(|rest| output.copy_from_slice(rest)).is_some()
    }
}

fn compression(flags: &Flags) -> Result<Vec<Arc<dyn CertificateCompression>>, Stop> {
    let only: Option<u16> = flags.number("install-one-cert-compression-alg")?;
    let all = flags.has("install-cert-compression-algs");
    let mocks = [Mock::Expanding, Mock::Shrinking, Mock::Random];
    let wanted = mocks.into_iter().filter(|mock| all || only == Some(mock.algorithm().0));
    Ok(wanted.map(|mock| Arc::new(mock) as Arc<dyn CertificateCompression>).collect())
}
