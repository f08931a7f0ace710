//! What a server takes from a ClientHello (RFC 9846, sections 4.2.1 and 9.2): pure functions from
//! the two sides' lists to a choice or an error.

use std::sync::Arc;

use pki_types::DnsName;

use crate::config::ServerConfig;
use crate::crypto::{CipherSuite, KeyExchangeGroup};
use crate::error::{Error, ErrorKind};
use crate::handshake::authentication::no_common_type;
use crate::registry::{CertificateType, HandshakeType, ProtocolVersion};
use crate::wire::codec::join;
use crate::wire::{ClientHello, ExtensionType, KeyShareEntry, PSK_DHE_KE, PSK_KE};

const MESSAGE: HandshakeType = HandshakeType::CLIENT_HELLO;

/// Is it a ClientHello of TLS 1.3, with everything in it that must be? Signature schemes may be
/// missing where a pre-shared key is offered, and the key exchange where that may do without one:
/// that shows when no key is taken.
pub(super) fn check_form(config: &ServerConfig, hello: &ClientHello<'_>) -> Result<(), Error> {
    let unsupported =
        |versions: String| -> Error { ErrorKind::UnsupportedVersion(versions).into() };
    let version = hello.legacy_version;
    match hello.supported_versions {
        Some(versions) if versions.contains(ProtocolVersion::TLS_1_3) => {}
        Some(versions) => return Err(unsupported(format!("the client offers {versions}"))),
        None => return Err(unsupported(format!("the client offers {version} at most"))),
    }
    if version != ProtocolVersion::TLS_1_2 {
        return Err(unsupported(format!("the client's legacy_version is {version}")));
    }
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
    if no_exchange && !config.psk_without_key_exchange {
        return Err(Error::nothing_in_common("PSK key exchange mode", "psk_dhe_ke", "psk_ke"));
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

/// Shares are for groups that stand in supported_groups (section 4.3.8).
fn check_key_shares(hello: &ClientHello<'_>) -> Result<(), Error> {
    let (Some(groups), Some(shares)) = (hello.supported_groups, hello.key_shares) else {
        return Ok(());
    };
    // Sorted, so that long lists cannot cost quadratic time.
    let mut groups: Vec<_> = groups.iter().collect();
    groups.sort_unstable();
    for share in shares.iter() {
        if groups.binary_search(&share.group).is_err() {
            let reason = format!("a share is for {}, which supported_groups lacks", share.group);
            return Err(Error::illegal(MESSAGE, "key_share", reason));
        }
    }
    Ok(())
}

/// The server's first suite that the client offers.
pub(super) fn cipher_suite(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
) -> Result<CipherSuite, Error> {
    let ours = &config.provider.cipher_suites;
    let chosen = ours.iter().find(|suite| hello.cipher_suites.contains(suite.id));
    chosen.copied().ok_or_else(|| {
        let ours = join(ours.iter().map(|suite| suite.id));
        Error::nothing_in_common("cipher suite", ours, hello.cipher_suites.to_string())
    })
}

/// The group of the key exchange, with the client's share for it unless that must be asked for.
pub(super) type Group<'a> = (Arc<dyn KeyExchangeGroup>, Option<KeyShareEntry<'a>>);

/// The server's first group that the client sent a share for; else its first that the client
/// takes, which costs a HelloRetryRequest.
pub(super) fn group<'a>(
    config: &ServerConfig,
    hello: &ClientHello<'a>,
) -> Result<Group<'a>, Error> {
    let ours = &config.provider.groups;
    if let Some(shares) = hello.key_shares {
        for group in ours {
            if let Some(share) = shares.iter().find(|share| share.group == group.name()) {
                return Ok((Arc::clone(group), Some(share)));
            }
        }
    }
    let theirs = hello.supported_groups;
    let common = ours.iter().find(|group| theirs.is_some_and(|list| list.contains(group.name())));
    common.map(|group| (Arc::clone(group), None)).ok_or_else(|| {
        let ours = join(ours.iter().map(|group| group.name()));
        let theirs = theirs.map(|list| list.to_string()).unwrap_or_default();
        Error::nothing_in_common("key exchange group", ours, theirs)
    })
}

/// The server's first application protocol that the client offers; `None` when one of the sides
/// has no list (RFC 7301, section 3.2).
pub(super) fn application_protocol(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    let ours = &config.application_protocols;
    let Some(theirs) = hello.application_protocols.filter(|_| !ours.is_empty()) else {
        return Ok(None);
    };
    let chosen = ours.iter().find(|ours| theirs.iter().any(|theirs| theirs == ours.as_slice()));
    chosen.cloned().map(Some).ok_or_else(|| {
        // Escaped: what a client writes goes into logs.
        let show = |name: &[u8]| name.escape_ascii().to_string();
        let ours = join(ours.iter().map(|name| show(name)));
        let theirs = join(theirs.iter().map(show));
        ErrorKind::NoApplicationProtocol { ours, theirs }.into()
    })
}

/// The type of the client's certificate: the verifier's first that the client has, if there is one
/// to ask for, now or later (RFC 7250, section 4.2).
pub(super) fn client_certificate_type(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
) -> Option<CertificateType> {
    let policy = config.client_authentication.as_ref();
    let policy = policy.filter(|policy| policy.in_handshake || hello.post_handshake_auth);
    let ours = policy?.verifier.certificate_types();
    ours.iter().copied().find(|ours| client_types(hello).any(|theirs| theirs == *ours))
}

fn client_types<'a>(hello: &ClientHello<'a>) -> impl Iterator<Item = CertificateType> + use<'a> {
    let types = hello.client_certificate_types.unwrap_or(&[CertificateType::X509.0]);
    types.iter().copied().map(CertificateType)
}

/// A client that has no certificate of a type that is taken is refused, unless it said nothing of
/// types and need not have one.
pub(super) fn check_client_certificate_type(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
) -> Result<(), Error> {
    let asks = config.client_authentication.as_ref().filter(|policy| policy.in_handshake);
    match asks {
        Some(policy)
            if client_certificate_type(config, hello).is_none()
                && (policy.required || hello.client_certificate_types.is_some()) =>
        {
            let ours = policy.verifier.certificate_types().iter().copied();
            Err(no_common_type(ours, client_types(hello)))
        }
        _ => Ok(()),
    }
}

/// May a pre-shared key be used, in one of the modes that the client names (section 4.3.9)?
pub(super) fn takes_psk(config: &ServerConfig, hello: &ClientHello<'_>) -> bool {
    let modes = hello.psk_key_exchange_modes.unwrap_or_default();
    modes.contains(&PSK_DHE_KE) || config.psk_without_key_exchange && modes.contains(&PSK_KE)
}

/// The DNS name that the client asks for. An IP address, which RFC 6066 forbids and some clients
/// send all the same, is passed over.
pub(super) fn server_name(hello: &ClientHello<'_>) -> Result<Option<String>, Error> {
    let Some(name) = hello.server_name else {
        return Ok(None);
    };
    let text = core::str::from_utf8(name).unwrap_or_default();
    if text.parse::<core::net::IpAddr>().is_ok() {
        return Ok(None);
    }
    match DnsName::try_from(text) {
        Ok(name) => Ok(Some(name.as_ref().to_ascii_lowercase())),
        Err(_) => {
            let shown = name.get(..name.len().min(255)).unwrap_or_default();
            let reason = format!("\"{}\" is no DNS name", shown.escape_ascii());
            Err(Error::illegal(MESSAGE, "server_name", reason))
        }
    }
}

#[cfg(test)]
mod tests;
