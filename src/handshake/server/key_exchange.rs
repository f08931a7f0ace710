//! The key exchange (RFC 9846, section 4.3.8): the client's share and the server's make a secret.

use std::sync::Arc;

use super::Context;
use crate::crypto::{CompletedKeyExchange, KeyExchangeGroup, SharedSecret, provider_fault};
use crate::error::Error;
use crate::observer::Event;
use crate::registry::{HandshakeType, NamedGroup};

/// The client's share, and the group that it is for.
pub(super) struct ClientShare<'a> {
    pub(super) group: Arc<dyn KeyExchangeGroup>,
    pub(super) key_exchange: &'a [u8],
}

/// What the key exchange gave: the group, the server's share and the secret.
pub(super) struct KeyExchange {
    pub(super) group: NamedGroup,
    pub(super) share: Vec<u8>,
    pub(super) secret: SharedSecret,
}

impl KeyExchange {
    /// Makes the server's share, and the secret that both sides get. A share that is no valid
    /// public key is an `illegal_parameter` (sections 4.3.8 and 7.4). A failure of this side is an
    /// `internal_error`.
    pub(super) fn with(client: &ClientShare<'_>, context: &mut Context) -> Result<Self, Error> {
        let group = client.group.name();
        let completed = client
            .group
            .respond(client.key_exchange)
            .map_err(|error| Error::key_exchange(HandshakeType::CLIENT_HELLO, group, error))?;
        let CompletedKeyExchange { share, secret } = completed;
        provider_fault::check_share(group, &share)?;
        provider_fault::check_secret(group, &secret)?;
        context.observers.emit(|| Event::KeysExchanged(group));
        Ok(Self { group, share, secret })
    }
}
