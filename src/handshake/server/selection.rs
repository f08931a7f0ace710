//! What a server selects from a ClientHello (RFC 9846, sections 4.2.1 and 9.2): pure functions from
//! the lists of the two sides to a choice or an error. [`negotiate`](super::negotiate) calls most of
//! them.

use std::sync::Arc;

use super::key_exchange::ClientShare;
use crate::config::ServerConfig;
use crate::crypto::{CipherSuite, HashAlgorithm, KeyExchangeGroup, StaticOrArc};
use crate::error::circumstances::Parameter;
use crate::error::{Error, ErrorKind};
use crate::handshake::authentication::no_common_type;
use crate::psk::printable_identity;
use crate::registry::{CertificateType, HandshakeType, NamedGroup, ProtocolVersion};
use crate::wire::codec::listed;
use crate::wire::{ClientHello, ExtensionType, KeyShareEntry, KeyShares, List, PSK_DHE_KE, PSK_KE};

const MESSAGE: HandshakeType = HandshakeType::CLIENT_HELLO;

/// Checks that the client offers TLS 1.3 (section 4.3.1).
pub(super) fn check_version(hello: &ClientHello<'_>) -> Result<(), Error> {
    let version = hello.legacy_version;
    match hello.supported_versions {
        Some(versions) if versions.contains(ProtocolVersion::TLS_1_3) => {}
        Some(versions) => {
            let reason = format!("the client offers {versions}");
            return Err(unsupported_version(reason, listed(versions.iter())));
        }
        None => {
            let reason = format!("the client offers {version} at most");
            return Err(unsupported_version(reason, vec![version.to_string()]));
        }
    }
    if version != ProtocolVersion::TLS_1_2 {
        let reason = format!("the client's legacy_version is {version}");
        return Err(unsupported_version(reason, vec![version.to_string()]));
    }
    Ok(())
}

fn unsupported_version(reason: String, theirs: Vec<String>) -> Error {
    ErrorKind::UnsupportedVersion { reason, theirs }.into()
}

/// Checks that the ClientHello has what one of TLS 1.3 must have (sections 4.2.2 and 9.2). Compression
/// methods other than null are an `illegal_parameter`. A lacking extension is a `missing_extension`. Two things may be missing where a pre-shared key is offered:
/// signature schemes, and a key exchange if the key may be used without one. That is checked again when
/// no key is used.
pub(super) fn check_form(config: &ServerConfig, hello: &ClientHello<'_>) -> Result<(), Error> {
    if hello.compression_methods != [0] {
        let reason = "it must be a single zero in TLS 1.3";
        return Err(Error::illegal(MESSAGE, "legacy_compression_methods", reason));
    }
    if hello.pre_shared_keys.is_some() && hello.psk_key_exchange_modes.is_none() {
        return Err(Error::missing(MESSAGE, ExtensionType::PSK_KEY_EXCHANGE_MODES));
    }
    // Only in the mode that is without one (section 4.3.9).
    let no_exchange = hello.pre_shared_keys.is_some()
        && hello.psk_key_exchange_modes.is_some_and(|modes| modes.contains(&PSK_KE))
        && hello.supported_groups.is_none()
        && hello.key_shares.is_none();
    if no_exchange && !config.common.psk_without_key_exchange {
        return Err(Error::nothing_in_common(
            Parameter::PskModes,
            vec!["psk_dhe_ke".into()],
            vec!["psk_ke".into()],
        ));
    }
    for (extension, there) in [
        (ExtensionType::SUPPORTED_GROUPS, no_exchange || hello.supported_groups.is_some()),
        (ExtensionType::KEY_SHARE, no_exchange || hello.key_shares.is_some()),
        (
            ExtensionType::SIGNATURE_ALGORITHMS,
            hello.signature_algorithms.is_some() || hello.pre_shared_keys.is_some(),
        ),
    ] {
        if !there {
            return Err(Error::missing(MESSAGE, extension));
        }
    }
    check_key_shares(hello)
}

/// Shares are for groups of supported_groups. Any other is an `illegal_parameter` (section 4.3.8).
fn check_key_shares(hello: &ClientHello<'_>) -> Result<(), Error> {
    let (Some(groups), Some(shares)) = (hello.supported_groups, hello.key_shares) else {
        return Ok(());
    };
    if let Some(group) = first_not_offered(groups, shares) {
        let reason = format!("a share is for {group}, which supported_groups lacks");
        return Err(Error::illegal(MESSAGE, "key_share", reason));
    }
    Ok(())
}

/// The group of the first share that is for none of these groups. For many shares the groups are sorted,
/// so that long lists cannot cost quadratic time.
fn first_not_offered(groups: List<'_, NamedGroup>, shares: KeyShares<'_>) -> Option<NamedGroup> {
    const FEW: usize = 8;
    let mut of_shares = shares.iter().map(|share| share.group);
    if shares.iter().nth(FEW).is_none() {
        return of_shares.find(|group| !groups.contains(*group));
    }
    let mut sorted: Vec<_> = groups.iter().collect();
    sorted.sort_unstable();
    of_shares.find(|group| sorted.binary_search(group).is_err())
}

/// The suites that both sides have, in the server's order.
pub(super) fn common_suites<'a>(
    config: &'a ServerConfig,
    hello: &'a ClientHello<'_>,
) -> impl Iterator<Item = &'a StaticOrArc<CipherSuite>> {
    let ours = config.common.provider.cipher_suites.iter();
    ours.filter(|suite| hello.cipher_suites.contains(suite.id))
}

/// The server's first suite that the client offers. Without one, that is a `handshake_failure`
/// (section 4.2.1).
pub(super) fn cipher_suite(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
) -> Result<StaticOrArc<CipherSuite>, Error> {
    checked_suite(common_suites(config, hello).next(), config, hello)
}

/// The server's first suite with this hash that the client offers: for a pre-shared key (section 4.3.11).
pub(super) fn cipher_suite_with(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    hash: HashAlgorithm,
) -> Result<StaticOrArc<CipherSuite>, Error> {
    let mut suites = common_suites(config, hello);
    checked_suite(suites.find(|suite| suite.hash.algorithm() == hash), config, hello)
}

fn checked_suite(
    suite: Option<&StaticOrArc<CipherSuite>>,
    config: &ServerConfig,
    hello: &ClientHello<'_>,
) -> Result<StaticOrArc<CipherSuite>, Error> {
    let Some(suite) = suite else {
        let ours = listed(config.common.provider.cipher_suites.iter().map(|suite| suite.id));
        let theirs = listed(hello.cipher_suites.iter());
        return Err(Error::nothing_in_common(Parameter::CipherSuites, ours, theirs));
    };
    Ok(suite.clone())
}

/// The hashes of the suites that both sides have, in the server's order: a pre-shared key for one of
/// them can be used (section 4.3.11).
pub(super) fn hashes(config: &ServerConfig, hello: &ClientHello<'_>) -> Vec<HashAlgorithm> {
    let mut hashes = Vec::with_capacity(2);
    for suite in common_suites(config, hello) {
        let hash = suite.hash.algorithm();
        if !hashes.contains(&hash) {
            hashes.push(hash);
        }
    }
    hashes
}

/// How keys are exchanged with the client.
pub(super) enum KeyShareSelection<'a> {
    /// With this share, for a group of the server.
    Share(ClientShare<'a>),
    /// After a HelloRetryRequest: for a share of this group, or, without a group, for the cookie.
    Retry(Option<NamedGroup>),
}

/// Which of the client's shares is used, if one can be (sections 4.2.1 and 4.3.8). A ClientHello without
/// groups is a `missing_extension` (section 9.2): a pre-shared key was its only way.
pub(super) fn key_share<'a>(
    config: &ServerConfig,
    hello: &ClientHello<'a>,
) -> Result<KeyShareSelection<'a>, Error> {
    if hello.supported_groups.is_none() {
        return Err(Error::missing(MESSAGE, ExtensionType::KEY_SHARE));
    }
    let SelectedGroup { group, share } = group(config, hello)?;
    let Some(share) = share else {
        return Ok(KeyShareSelection::Retry(Some(group.name())));
    };
    if config.always_retry && config.cookies.is_some() {
        return Ok(KeyShareSelection::Retry(None));
    }
    Ok(KeyShareSelection::Share(ClientShare { group, key_exchange: share.key_exchange }))
}

/// The group of the key exchange.
pub(super) struct SelectedGroup<'a> {
    pub(super) group: Arc<dyn KeyExchangeGroup>,
    /// The client's share for it, if the client has sent one.
    pub(super) share: Option<KeyShareEntry<'a>>,
}

/// The server's first group that the client sent a share for; else its first that the client takes,
/// which costs a HelloRetryRequest. A server may be configured to take the latter at once. Without a
/// group in common, that is a `handshake_failure` (sections 4.2.1 and 4.3.7).
pub(super) fn group<'a>(
    config: &ServerConfig,
    hello: &ClientHello<'a>,
) -> Result<SelectedGroup<'a>, Error> {
    let ours = &config.common.provider.groups;
    let share_of = |group: &Arc<dyn KeyExchangeGroup>| {
        let mut shares = hello.key_shares.unwrap_or_default().iter();
        shares.find(|share| share.group == group.name())
    };
    if !config.retry_for_preferred_group {
        for group in ours {
            if let Some(share) = share_of(group) {
                return Ok(SelectedGroup { group: Arc::clone(group), share: Some(share) });
            }
        }
    }
    let theirs = hello.supported_groups.unwrap_or_default();
    match ours.iter().find(|group| theirs.contains(group.name())) {
        Some(group) => Ok(SelectedGroup { group: Arc::clone(group), share: share_of(group) }),
        None => {
            let ours = listed(ours.iter().map(|group| group.name()));
            Err(Error::nothing_in_common(Parameter::Groups, ours, listed(theirs.iter())))
        }
    }
}

/// The server's first application protocol that the client offers; `None` when one of the sides has
/// no list (RFC 7301, section 3.2). Without one in common, that is a `no_application_protocol`; in QUIC
/// also when one of the sides has no list (RFC 9001, section 8.1).
pub(super) fn application_protocol(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    is_quic: bool,
) -> Result<Option<Vec<u8>>, Error> {
    let ours = &config.common.application_protocols;
    if !is_quic && (ours.is_empty() || hello.application_protocols.is_none()) {
        return Ok(None);
    }
    let theirs = || hello.application_protocols.into_iter().flat_map(|names| names.iter());
    let chosen = ours.iter().find(|ours| theirs().any(|theirs| theirs == ours.as_slice()));
    match chosen {
        Some(chosen) => Ok(Some(chosen.clone())),
        None => {
            let ours = listed(ours.iter().map(|name| escaped(name)));
            let theirs = listed(theirs().map(escaped));
            Err(ErrorKind::NoApplicationProtocol { ours, theirs }.into())
        }
    }
}

/// What a client writes goes into logs.
fn escaped(name: &[u8]) -> String {
    name.escape_ascii().to_string()
}

/// The type of the client's certificate: the verifier's first that the client has, if there is one
/// to ask for, now or later (RFC 7250, section 4.2).
pub(super) fn client_certificate_type(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
) -> Option<CertificateType> {
    let policy = config.client_authentication.as_ref()?;
    if !policy.in_handshake && !hello.post_handshake_auth {
        return None;
    }
    let ours = policy.verifier.certificate_types();
    let theirs = hello.client_certificate_types;
    ours.iter().copied().find(|ours| certificate_types(theirs).any(|theirs| theirs == *ours))
}

/// The types of certificate in an extension of the ClientHello. Without the extension, it is X.509
/// alone (RFC 7250, section 4.1).
pub(super) fn certificate_types(offered: Option<&[u8]>) -> impl Iterator<Item = CertificateType> {
    offered.unwrap_or(&[CertificateType::X509.0]).iter().copied().map(CertificateType)
}

/// Refuses a client that has no certificate of a type that the server takes, where the server asks
/// for one. A client that names no types is refused only if it must show a certificate.
pub(super) fn check_client_certificate_type(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
) -> Result<(), Error> {
    let Some(policy) = &config.client_authentication else {
        return Ok(());
    };
    if !policy.in_handshake || client_certificate_type(config, hello).is_some() {
        return Ok(());
    }
    if policy.required || hello.client_certificate_types.is_some() {
        let ours = policy.verifier.certificate_types().iter().copied();
        return Err(no_common_type(ours, certificate_types(hello.client_certificate_types)));
    }
    Ok(())
}

/// Whether the client names a mode for pre-shared keys that the server allows (sections 4.2.1 and 4.3.9).
/// Without one, no pre-shared key is used, and a ticket would be of no use.
pub(super) fn has_common_psk_mode(config: &ServerConfig, hello: &ClientHello<'_>) -> bool {
    let modes = hello.psk_key_exchange_modes.unwrap_or_default();
    modes.contains(&PSK_DHE_KE) || config.common.psk_without_key_exchange && modes.contains(&PSK_KE)
}

/// Are the client's pre-shared keys used without a key exchange? Only if the server allows that, and only
/// if there is no other way: the client names no other mode, or the two sides have no group in common,
/// which need not be fatal then (sections 4.2.1 and 4.3.9).
pub(super) fn is_psk_without_key_exchange(config: &ServerConfig, hello: &ClientHello<'_>) -> bool {
    let modes = hello.psk_key_exchange_modes.unwrap_or_default();
    if !config.common.psk_without_key_exchange
        || hello.pre_shared_keys.is_none()
        || !modes.contains(&PSK_KE)
    {
        return false;
    }
    let theirs = hello.supported_groups.unwrap_or_default();
    let mut ours = config.common.provider.groups.iter();
    !modes.contains(&PSK_DHE_KE) || !ours.any(|group| theirs.contains(group.name()))
}

/// The DNS name that the client asks for (RFC 6066, section 3). RFC 6066 forbids IP addresses. Some
/// clients send one all the same: then there is no name. In a resumption it is the name of this
/// ClientHello, and not that of the session (section 4.7.1). New tickets get it.
pub(super) fn server_name(hello: &ClientHello<'_>) -> Result<Option<String>, Error> {
    if let Some(name) = hello.dns_name() {
        return Ok(Some(name));
    }
    let Some(name) = hello.server_name else {
        return Ok(None);
    };
    let text = core::str::from_utf8(name).unwrap_or_default();
    if text.parse::<core::net::IpAddr>().is_ok() {
        return Ok(None);
    }
    let shown = name.get(..name.len().min(255)).unwrap_or_default();
    let reason = format!("\"{}\" is no DNS name", shown.escape_ascii());
    Err(Error::illegal(MESSAGE, "server_name", reason))
}

/// The server does not serve the name that the client requests: an `unrecognized_name` (section 6.2). If
/// the ClientHello has no server_name, a server that needs one sends a `missing_extension` (section 9.2).
pub(super) fn unrecognized_name(hello: &ClientHello<'_>) -> Error {
    match hello.server_name {
        Some(name) => {
            let sent = || name.escape_ascii().to_string();
            ErrorKind::UnrecognizedName(hello.dns_name().unwrap_or_else(sent)).into()
        }
        None => Error::missing(MESSAGE, ExtensionType::SERVER_NAME),
    }
}

/// No key that the client offers is known, and one is needed: an `unknown_psk_identity` (section 6.2).
pub(super) fn unknown_identity(hello: &ClientHello<'_>) -> Error {
    let keys = hello.pre_shared_keys.into_iter().flat_map(|keys| keys.iter());
    let offered = listed(keys.map(|(key, _)| {
        let identity = key.identity;
        let is_text = identity.iter().all(|byte| matches!(byte, b' '..=b'~'));
        match is_text {
            true => format!("\"{}\"", printable_identity(identity)),
            false => format!("one of {} bytes", identity.len()),
        }
    }));
    ErrorKind::UnknownPskIdentity { offered }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertDescription;
    use crate::crypto::CryptoProvider;
    use crate::registry::{CipherSuiteId, NamedGroup};
    use crate::reply::AnswerLater;
    use crate::wire::List;

    /// A ClientHello with nothing wrong in it: two suites, shares for GREASE and secp256r1.
    fn body() -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 6, 0x0a, 0x0a, 0x13, 0x02, 0x13, 0x01, 1, 0]);
        let extensions: [&[u8]; 4] = [
            &[0, 43, 0, 3, 2, 3, 4],
            &[0, 10, 0, 8, 0, 6, 0x0a, 0x0a, 0, 23, 0, 29],
            &[0, 13, 0, 4, 0, 2, 4, 3],
            &[0, 51, 0, 12, 0, 10, 0x0a, 0x0a, 0, 1, 0, 0, 23, 0, 1, 9],
        ];
        let extensions = extensions.concat();
        body.extend([0, extensions.len() as u8]);
        body.extend(extensions);
        body
    }

    fn config() -> ServerConfig {
        let config =
            ServerConfig::builder(CryptoProvider::default()).application_protocols(["h2", "h1"]);
        config.build(Arc::new(AnswerLater)).unwrap()
    }

    #[track_caller]
    fn refused<T>(result: Result<T, Error>, alert: AlertDescription) {
        assert_eq!(result.err().and_then(|error| error.alert_sent()), Some(alert));
    }

    #[test]
    fn what_a_client_hello_must_have_is_checked_version_first() {
        let body = body();
        let hello = ClientHello::parse(&body).unwrap();
        let config = config();
        let check_form = |hello: &_| check_version(hello).and_then(|()| check_form(&config, hello));
        check_form(&hello).unwrap();
        let mut old = hello.clone();
        old.known.supported_versions = None;
        old.known.key_shares = None;
        old.compression_methods = &[1, 0];
        refused(check_form(&old), AlertDescription::PROTOCOL_VERSION);
        let mut compressing = hello.clone();
        compressing.compression_methods = &[0, 0];
        compressing.known.key_shares = None;
        refused(check_form(&compressing), AlertDescription::ILLEGAL_PARAMETER);
        for remove in [
            |hello: &mut ClientHello<'_>| hello.known.key_shares = None,
            |hello: &mut ClientHello<'_>| hello.known.supported_groups = None,
            |hello: &mut ClientHello<'_>| hello.known.signature_algorithms = None,
        ] {
            let mut without = hello.clone();
            remove(&mut without);
            refused(check_form(&without), AlertDescription::MISSING_EXTENSION);
        }
        let mut stray = hello.clone();
        stray.known.supported_groups = Some(List::new(&[0x0a, 0x0a, 0, 29]));
        refused(check_form(&stray), AlertDescription::ILLEGAL_PARAMETER);
    }

    #[test]
    fn the_servers_order_decides_and_a_share_saves_the_retry() {
        let (body, mut config) = (body(), config());
        let mut hello = ClientHello::parse(&body).unwrap();
        let suite =
            |config: &ServerConfig, hello: &_| cipher_suite(config, hello).map(|suite| suite.id);
        let first = config.common.provider.cipher_suites[0].id;
        assert_eq!(first, CipherSuiteId::TLS_AES_128_GCM_SHA256);
        assert_eq!(suite(&config, &hello).unwrap(), first, "though the client prefers another");
        Arc::make_mut(&mut config.common).provider.cipher_suites.reverse();
        assert_ne!(suite(&config, &hello).unwrap(), first);
        hello.cipher_suites = List::new(&[0x0a, 0x0a]);
        refused(suite(&config, &hello), AlertDescription::HANDSHAKE_FAILURE);

        let SelectedGroup { group: chosen, share } = group(&config, &hello).unwrap();
        assert_eq!(chosen.name(), NamedGroup::SECP256R1, "X25519 has no share");
        assert_eq!(share.unwrap().key_exchange, [9]);
        hello.known.key_shares = None;
        let SelectedGroup { group: chosen, share } = group(&config, &hello).unwrap();
        assert_eq!((chosen.name(), share), (NamedGroup::X25519, None));
        hello.known.supported_groups = Some(List::new(&[0x0a, 0x0a]));
        refused(group(&config, &hello), AlertDescription::HANDSHAKE_FAILURE);
    }

    #[test]
    fn names_are_dns_names_or_passed_over_or_refused() {
        let body = body();
        let mut hello = ClientHello::parse(&body).unwrap();
        let mut name = |name| {
            hello.known.server_name = Some(name);
            server_name(&hello)
        };
        assert_eq!(name(b"A.Example").unwrap().as_deref(), Some("a.example"));
        assert_eq!(name(b"A.example.").unwrap().as_deref(), Some("a.example"));
        assert_eq!(name(b"192.0.2.1").unwrap(), None);
        for wrong in [&b"a b"[..], b"\xff", b"a..b"] {
            refused(name(wrong), AlertDescription::ILLEGAL_PARAMETER);
        }
        assert_eq!(application_protocol(&config(), &hello, false).unwrap(), None);
    }
}
