//! tls_cert_with_extern_psk on a server (RFC 9973): an external key goes into the key schedule, and
//! certificates authenticate as without it. The sections are those of the last draft of this RFC that we have,
//! draft-ietf-tls-8773bis of June 2025.

use super::selection;
use crate::config::ServerConfig;
use crate::error::{Error, key_in_words};
use crate::psk::CertWithExternPsk;
use crate::registry::HandshakeType;
use crate::wire::{ClientHello, ExtensionType, PSK_DHE_KE};

const MESSAGE: HandshakeType = HandshakeType::CLIENT_HELLO;

/// Whether the client offers to use one of its external keys together with certificates, and this
/// server does so. The extension must come with pre_shared_key, key_share, signature_algorithms and
/// the mode psk_dhe_ke, and not with early_data (sections 4 and 5.1). A server that requires it refuses
/// a ClientHello without it: a key must not authenticate alone (section 7).
pub(super) fn is_agreed(config: &ServerConfig, hello: &ClientHello<'_>) -> Result<bool, Error> {
    let is_offered = hello.cert_with_extern_psk;
    match config.cert_with_extern_psk {
        CertWithExternPsk::Disabled => return Ok(false),
        CertWithExternPsk::Optional if !is_offered => return Ok(false),
        CertWithExternPsk::Required if !is_offered => {
            return Err(Error::missing(MESSAGE, ExtensionType::TLS_CERT_WITH_EXTERN_PSK));
        }
        CertWithExternPsk::Optional | CertWithExternPsk::Required => {}
    }
    if hello.early_data {
        let reason = "it must not be beside tls_cert_with_extern_psk";
        return Err(Error::illegal(MESSAGE, "early_data", reason));
    }
    for (extension, is_there) in [
        (ExtensionType::PRE_SHARED_KEY, hello.pre_shared_keys.is_some()),
        (ExtensionType::KEY_SHARE, hello.key_shares.is_some()),
        (ExtensionType::SIGNATURE_ALGORITHMS, hello.signature_algorithms.is_some()),
    ] {
        if !is_there {
            return Err(Error::missing(MESSAGE, extension));
        }
    }
    if !hello.psk_key_exchange_modes.is_some_and(|modes| modes.contains(&PSK_DHE_KE)) {
        let reason = "psk_dhe_ke must be there, beside tls_cert_with_extern_psk";
        return Err(Error::illegal(MESSAGE, "psk_key_exchange_modes", reason));
    }
    Ok(true)
}

/// Refuses a client that has none of the server's keys, where the server requires one beside the
/// certificates. That is an `unknown_psk_identity` (RFC 9846, section 6.2).
pub(super) fn check_used(
    config: &ServerConfig,
    psk_is_used: bool,
    hello: &ClientHello<'_>,
) -> Result<(), Error> {
    if config.cert_with_extern_psk == CertWithExternPsk::Required && !psk_is_used {
        return Err(selection::unknown_identity(hello));
    }
    Ok(())
}

/// The error for the key of a ticket among the keys: all must be external (section 5.1).
pub(super) fn resumption_key() -> Error {
    let reason = "the key of a ticket must not be beside tls_cert_with_extern_psk";
    Error::illegal(MESSAGE, "pre_shared_key", reason)
}

/// The error for a wrong binder: with certificates it is an `illegal_parameter` (section 5.1).
pub(super) fn wrong_binder(identity: Option<&str>) -> Error {
    let key = key_in_words(identity);
    let reason = format!("the binder of {key} is wrong: the client has another key");
    Error::illegal(MESSAGE, "pre_shared_key", reason)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::alert::AlertDescription;
    use crate::crypto::CryptoProvider;
    use crate::registry::SignatureScheme;
    use crate::reply::AnswerLater;
    use crate::wire::{PSK_KE, PskIdentity, UnboundPsk, write_client_hello};

    type Answer = Result<bool, AlertDescription>;

    /// The answer to a ClientHello that has all that it must have, but for this change.
    fn decide(policy: CertWithExternPsk, change: impl FnOnce(&mut ClientHello<'_>)) -> Answer {
        let builder = ServerConfig::builder(CryptoProvider::default());
        let builder = builder.cert_with_extern_psk(policy);
        let config = builder.build(Arc::new(AnswerLater)).unwrap();
        let mut message = Vec::new();
        let suites = config.common.provider.cipher_suites.iter().map(|suite| suite.id);
        write_client_hello(&mut message, &[7; 32], &[], suites, |extensions| {
            extensions.psk_key_exchange_modes(&[PSK_DHE_KE]);
            extensions.signature_algorithms([SignatureScheme::ED25519].into_iter());
            extensions.key_shares([].into_iter());
            extensions.cert_with_extern_psk();
            extensions.pre_shared_keys((0..1).map(|_| {
                let identity = PskIdentity { identity: b"a", obfuscated_ticket_age: 0 };
                UnboundPsk { identity, binder_length: 32 }
            }));
        });
        let mut hello = ClientHello::parse(&message[4..]).unwrap();
        change(&mut hello);
        is_agreed(&config, &hello).map_err(|error| error.alert_sent().unwrap())
    }

    #[test]
    fn the_extension_comes_with_its_companions_and_without_early_data() {
        use CertWithExternPsk::{Disabled, Optional, Required};
        let illegal = Err(AlertDescription::ILLEGAL_PARAMETER);
        let missing = Err(AlertDescription::MISSING_EXTENSION);
        for policy in [Optional, Required] {
            assert_eq!(decide(policy, |_| {}), Ok(true));
            assert_eq!(decide(policy, |hello| hello.known.early_data = true), illegal);
            let without_exchange: &'static [u8] = &[PSK_KE];
            let change = |hello: &mut ClientHello<'_>| {
                hello.known.psk_key_exchange_modes = Some(without_exchange);
            };
            assert_eq!(decide(policy, change), illegal);
            assert_eq!(decide(policy, |hello| hello.known.pre_shared_keys = None), missing);
            assert_eq!(decide(policy, |hello| hello.known.key_shares = None), missing);
            assert_eq!(decide(policy, |hello| hello.known.signature_algorithms = None), missing);
        }
        let without = |hello: &mut ClientHello<'_>| hello.known.cert_with_extern_psk = false;
        assert_eq!(decide(Optional, without), Ok(false));
        assert_eq!(decide(Required, without), missing);
        // A server without the option does not know the extension.
        assert_eq!(decide(Disabled, |hello| hello.known.early_data = true), Ok(false));
    }
}
