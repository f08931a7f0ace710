//! HelloRetryRequest: the server asks for another ClientHello (RFC 9846, section 4.2.4).

use std::sync::Arc;

use super::client_hello::{ClientHelloParams, RetryAnswer};
use super::key_share::OwnKeyShares;
use super::pre_shared_key::reject_early_data;
use super::server_hello::{ExpectServerHello, MESSAGE, SentClientHello};
use super::{Context, Shared, State};
use crate::cookie::MAX_COOKIE_LENGTH;
use crate::crypto::{CipherSuite, KeyExchangeGroup, StaticOrArc};
use crate::error::Error;
use crate::key_schedule::Transcript;
use crate::registry::NamedGroup;
use crate::wire::{HandshakeMessage, ServerHello};

impl ExpectServerHello {
    /// A HelloRetryRequest came. A second HelloRetryRequest is an `unexpected_message` (section
    /// 4.2.4). The second ClientHello offers no 0-RTT data (section 4.3.10).
    pub(super) fn on_hello_retry_request(
        self,
        message: HandshakeMessage<'_>,
        retry_request: &ServerHello<'_>,
        cipher_suite: StaticOrArc<CipherSuite>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { mut shared, mut params, sent: SentClientHello::First(first) } = self else {
            return Err(Error::unexpected("ServerHello: there was a retry already", message.kind));
        };
        context.parameters.retried = true;
        let mut transcript =
            Transcript::after_retry(&cipher_suite, &cipher_suite.hash.digest(&first.message));
        transcript.add(&message);
        if shared.early_data.take().is_some() {
            // The server has rejected them, and the second ClientHello is not protected.
            let reason =
                "the server asked for another ClientHello, and a second one has no 0-RTT data";
            reject_early_data(reason, context);
            context.steps.write_plaintext();
        }
        let group = match retry_request.selected_group {
            Some(group) => Some(group_to_retry_with(&shared, &params, group)?),
            None => None,
        };
        check_request(retry_request)?;
        context.change_cipher_spec(shared.config.middlebox_compatibility);
        if let Some(group) = &group {
            params.key_shares = OwnKeyShares::only(&**group)?;
        }
        let answer = RetryAnswer {
            cipher_suite: &cipher_suite,
            cookie: retry_request.cookie,
            wants_share: group.is_some(),
            transcript: &transcript,
        };
        let second = params.send_client_hello(&mut shared, Some(&answer), context)?;
        transcript.add_bytes(&second.message);
        let sent = SentClientHello::Second(cipher_suite, transcript);
        Ok(State::ExpectServerHello(Self { shared, params, sent }))
    }
}

/// The group that the server asks for: one that was offered, but without a share. Any other is an
/// `illegal_parameter` (section 4.3.8).
fn group_to_retry_with(
    shared: &Shared,
    params: &ClientHelloParams,
    group: NamedGroup,
) -> Result<Arc<dyn KeyExchangeGroup>, Error> {
    if params.key_shares.contains(group) {
        let reason = format!("it asks for {group}, for which there was a share");
        return Err(Error::illegal(MESSAGE, "key_share", reason));
    }
    match shared.config.offered_group(group) {
        Some(offered) => Ok(Arc::clone(offered)),
        None => {
            let reason = format!("it asks for {group}, which this client does not take");
            Err(Error::illegal(MESSAGE, "key_share", reason))
        }
    }
}

/// A HelloRetryRequest asks for another group, for a cookie in the next ClientHello, or for both.
/// Otherwise it is an `illegal_parameter` (section 4.2.4). So is a cookie that is too long to be
/// sent back (section 4.3.2).
fn check_request(retry_request: &ServerHello<'_>) -> Result<(), Error> {
    match retry_request.cookie {
        None if retry_request.selected_group.is_none() => {
            let reason = "it asks for nothing that would change the ClientHello";
            Err(Error::illegal(MESSAGE, "extensions", reason))
        }
        Some(cookie) if cookie.len() > MAX_COOKIE_LENGTH => {
            let reason = format!("it is longer than {MAX_COOKIE_LENGTH} bytes");
            Err(Error::illegal(MESSAGE, "cookie", reason))
        }
        _ => Ok(()),
    }
}
