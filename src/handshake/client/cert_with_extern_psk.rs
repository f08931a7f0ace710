//! tls_cert_with_extern_psk on a client (RFC 9973): an external key goes into the key schedule, and
//! certificates authenticate as without it. The sections are those of the last draft of this RFC that we have,
//! draft-ietf-tls-8773bis of June 2025.

use pki_types::ServerName;

use crate::config::ClientConfig;
use crate::crypto::CipherSuite;
use crate::error::circumstances::Parameter;
use crate::error::{Error, ErrorKind};
use crate::key_schedule::PskKind;
use crate::psk::{CertWithExternPsk, PreSharedKey};
use crate::registry::HandshakeType;
use crate::wire::{ExtensionType, ServerHello};

/// Whether the ClientHello has the extension: it is configured, and there is a key for this server.
pub(super) fn is_offered(config: &ClientConfig, server: &ServerName<'static>) -> bool {
    config.cert_with_extern_psk != CertWithExternPsk::Disabled
        && keys(config, server).next().is_some()
}

/// A client that requires the extension sends no ClientHello without it.
pub(super) fn check_key(config: &ClientConfig, server: &ServerName<'static>) -> Result<(), Error> {
    let required = config.cert_with_extern_psk == CertWithExternPsk::Required;
    if required && !is_offered(config, server) {
        return Err(ErrorKind::NoPreSharedKey(server.to_str().into_owned()).into());
    }
    Ok(())
}

/// The keys for this server that may be offered with the extension: external ones, for the hash of a
/// suite that is offered. No key of a ticket is among them (section 5.1).
pub(super) fn keys<'a>(
    config: &'a ClientConfig,
    server: &'a ServerName<'static>,
) -> impl Iterator<Item = &'a PreSharedKey> {
    let suites = &config.common.provider.cipher_suites;
    let has_suite =
        |key: &&PreSharedKey| suites.iter().any(|suite| suite.hash.algorithm() == key.hash());
    let keys = config.pre_shared_keys.iter().filter(|key| key.is_for(server));
    keys.filter(|key| key.kind() != PskKind::Resumption).filter(has_suite)
}

/// The error after a HelloRetryRequest for a suite that none of the keys is for. The second ClientHello
/// has the same extension, or the handshake is aborted (section 5). It could not have the extension,
/// because no key is left that must be beside it (section 4).
pub(super) fn no_key_for(suite: &CipherSuite) -> Error {
    let ours = vec!["external keys for other hashes".into()];
    Error::nothing_in_common(Parameter::PskHashes, ours, vec![suite.id.to_string()])
}

/// Checks the server's answer. With the extension, the server must select a key and send a share
/// (section 4). A client that requires the extension goes on with nothing else.
pub(super) fn check_answer(config: &ClientConfig, hello: &ServerHello<'_>) -> Result<(), Error> {
    let missing = if hello.cert_with_extern_psk {
        match (hello.selected_identity, &hello.key_share) {
            (None, _) => ExtensionType::PRE_SHARED_KEY,
            (_, None) => ExtensionType::KEY_SHARE,
            _ => return Ok(()),
        }
    } else if config.cert_with_extern_psk == CertWithExternPsk::Required {
        ExtensionType::TLS_CERT_WITH_EXTERN_PSK
    } else {
        return Ok(());
    };
    Err(Error::missing(HandshakeType::SERVER_HELLO, missing))
}
