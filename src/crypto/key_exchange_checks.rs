//! Checks of what the key exchange groups of a provider return. Each share and each secret is checked, of
//! a hybrid and of its components.

use super::provider_error::{ProviderError, ProviderFault};
use super::{ActiveKeyExchange, KeyExchangeGroup, SharedSecret};
use crate::registry::NamedGroup;

/// In constant time, as far as bytes that are all zeros are secret.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |bits, byte| bits | byte) == 0
}

/// Starts a key exchange whose share can be sent.
pub(crate) fn start(
    group: &dyn KeyExchangeGroup,
) -> Result<Box<dyn ActiveKeyExchange>, ProviderError> {
    let exchange = group.start()?;
    check_share(group.name(), exchange.share())?;
    if let Some(classical) = exchange.classical() {
        check_share(classical.group(), classical.share())?;
    }
    Ok(exchange)
}

/// Checks an own share.
pub(crate) fn check_share(group: NamedGroup, share: &[u8]) -> Result<(), ProviderFault> {
    let length = share.len();
    if !(1..=0xffff).contains(&length) {
        return Err(ProviderFault::Length { what: "key share", length });
    }
    if is_zero(share) {
        return Err(ProviderFault::ShareOfZeros(group));
    }
    Ok(())
}

/// Checks a shared secret (RFC 9846, section 7.4.2): not all zeros, and of the length of its group. In
/// groups of elliptic curves that is the length of the field: leading zeros must not be truncated.
pub(crate) fn check_secret(group: NamedGroup, secret: &SharedSecret) -> Result<(), ProviderFault> {
    let length = secret.as_bytes().len();
    let right = match group {
        NamedGroup::X25519 | NamedGroup::SECP256R1 => length == 32,
        NamedGroup::MLKEM512 | NamedGroup::MLKEM768 | NamedGroup::MLKEM1024 => length == 32,
        NamedGroup::X25519_MLKEM768 | NamedGroup::SECP256R1_MLKEM768 => length == 64,
        NamedGroup::SECP384R1_MLKEM1024 => length == 80,
        NamedGroup::SECP384R1 => length == 48,
        NamedGroup::SECP521R1 => length == 66,
        NamedGroup::X448 => length == 56,
        _ => length > 0,
    };
    if !right {
        return Err(ProviderFault::Length { what: "shared secret", length });
    }
    if is_zero(secret.as_bytes()) {
        return Err(ProviderFault::SharedSecretOfZeros(group));
    }
    Ok(())
}
